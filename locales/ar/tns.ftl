# The procedure for self-employed workers, in Arabic: 80 units a screen. Codes that hold `*`, `#`,
# `-` or `+` stand alone on their line. Not reviewed by a native speaker.

# The same in every language.
language =
    CNSS
    اختر لغتك
    Langue
language-ar = العربية
    .words = عربية, arabe, arabic, 3arbia, 3arbiya, ar
language-fr = Français
    .words = francais, french, fransawia, الفرنسية, fr
language-ary = Darija
    .words = darja, الدارجة, دارجة, ary
language-en = English
    .words = anglais, ngliziya, الإنجليزية, en

consent = نحفظ بطاقتك وتواريخك 24 ساعة. موافق؟
agree = موافق
    .words = أوافق, اوافق, نعم, ok
refuse = لا أوافق
    .words = لا اوافق, أرفض, ارفض, لا
consent-more-info = معطياتي
    .words = المعطيات, معلومات, المزيد
consent-more =
    نحفظ الهاتف والبطاقة والتواريخ والبريد لنجيبك، لا غير.
    تمحى بعد 24 ساعة. تبقى اللغة والموافقة وسجل بلا ما كتبت.
    لك أن ترفض. للاطلاع أو التصحيح أو المحو (القانون 09.08): { $help_line }
refused =
    حسنا، نتوقف هنا. ما كتبته يمحى.
    للمساعدة: { $help_line }
    للعودة اطلب
    { $dial }

home = مرحبا. ما طلبك؟
home-number = رقم التسجيل
    .words = التسجيل, رقمي, تسجيل
home-documents = الوثائق
    .words = الوثائق المطلوبة, وثائق
home-forgotten = نسيت كلمة السر
    .words = كلمة السر, نسيت
home-phone = تغير هاتفي
    .words = الهاتف, هاتفي, هاتف, تغير رقمي
home-other = أخرى
    .words = اخرى, غير ذلك
other = ما طلبك؟
nearest = أقرب وكالة
    .words = اقرب وكالة, وكالة, الوكالة, نقطة القرب
other-language = تغيير اللغة
    .words = اللغة, لغة, لغة أخرى

id-type = ما نوع بطاقتك؟
id-cnie = البطاقة الوطنية
    .words = الوطنية, وطنية, بطاقة وطنية, cnie, cin
id-sejour = بطاقة الإقامة
    .words = بطاقة الاقامة, الإقامة, الاقامة, إقامة, اقامة
id-number =
    { $id_type ->
        [sejour]
            اكتب رقم بطاقة الإقامة (الوجه)
            مثل { $example_sejour }
       *[cnie]
            اكتب رقم البطاقة الوطنية (الوجه)
            مثل { $example_cnie }
    }
expiry =
    اكتب تاريخ نهاية الصلاحية
    مثل { $example_expiry }
birth =
    اكتب تاريخ الازدياد
    مثل { $example_birth }
summary =
    { $id_type ->
        [sejour] إقامة { $id_number }
       *[cnie] البطاقة { $id_number }
    }
    الصلاحية { $expiry }
    الازدياد { $birth }؟
confirm = نعم
    .words = صحيح, أجل, ok
correct = تصحيح
    .words = لا, صحح, خطأ, تغيير
correct-type = نوع البطاقة
    .words = النوع, نوع
correct-number = رقم البطاقة
    .words = الرقم, رقم
correct-expiry = نهاية الصلاحية
    .words = الصلاحية, تاريخ نهاية الصلاحية
correct-birth = تاريخ الازدياد
    .words = الازدياد, ازدياد

waiting =
    الجواب متأخر. لم يضع شيء: سيصلك في رسالة، فلا تعد الاتصال.
    للمساعدة: { $help_line }

code =
    { $caller ->
        [other] أرسلنا رمزا لهاتفك المسجل.
       *[on_file] أرسلنا لك رمزا في رسالة.
    }
    اكتبه هنا أو أرسله إلى { $number }
code-again = لم يصل
    .words = لم يصلني, أعد, اعد, من جديد
code-too-soon =
    الرمز في الطريق. لتطلبه انتظر { $wait_seconds } ثانية.
    وصلك؟ اكتبه أو أرسله إلى { $number }
code-wrong =
    ليس هذا هو الرمز. اكتب 6 أرقام.
    محاولات باقية: { $tries_left }
code-expired =
    انتهى وقت الرمز. اطلب رمزا جديدا.
    للمساعدة: { $help_line }
code-new = رمز جديد
    .words = جديد, رمز
code-spent =
    محاولات كثيرة. أعد المحاولة لاحقا.
    للمساعدة: { $help_line }
code-limited =
    طلبت رموزا كثيرة. أعد المحاولة لاحقا.
    للمساعدة: { $help_line }

has-account =
    رقم التسجيل: { $registration }
    لك حساب. ادخل إليه في
    www.macnss.ma
    للمساعدة: { $help_line }
details =
    هل هذا أنت؟
    { $person_name }
    { $person_address }
    { $person_email }
    { $person_phone }
details-wrong = لا
    .words = لست أنا, لست انا, خطأ
not-me =
    نتوقف هنا لحمايتك. للتصحيح: الوكالة مع بطاقتك.
    للمساعدة: { $help_line }
email =
    اكتب بريدك (اختياري)
    nom@exemple.ma
skip = بدون بريد
    .words = بدون, تجاوز, لا
opened =
    { $caller ->
        [other]
            تم. رقم التسجيل: { $registration }
            كلمة السر ستصل إلى هاتفك المسجل
       *[on_file]
            تم. رقم التسجيل: { $registration }
            كلمة السر ستصلك في رسالة
    }
    للمساعدة: { $help_line }
not-opened =
    رقم التسجيل: { $registration }
    حسابك: أعد المحاولة لاحقا.
    للمساعدة: { $help_line }
on-its-way =
    رقم التسجيل: { $registration }
    أرسلنا كلمة السر.
    للمساعدة: { $help_line }
password-again = لم تصل
    .words = لم تصلني, أعد, اعد, من جديد
password-too-soon =
    أرسلنا كلمة السر قبل قليل. انتظر الرسالة.
    للمساعدة: { $help_line }
resent =
    كلمة السر ستصلك في رسالة بعد دقائق.
    للمساعدة: { $help_line }

subject =
    لست مسجلا بعد. احضر بنفسك مع الوثائق إلى الوكالة
    { $help_line }
not-eligible =
    غير مستوفٍ للشروط:
    { $reason ->
        [salaried] لك تأمين إجباري كأجير.
        [public] لك تأمين القطاع العام.
        [tadamon] لك تأمين أمو تضامن.
        [pensioner] لك تأمين كمتقاعد.
       *[other] { $reason_text }
    }
    للمساعدة: { $help_line }
no-match =
    لم نجد. تحقق وصحح.
    للمساعدة: { $help_line }
no-number =
    لحمايتك لا جواب هنا. زر الوكالة ببطاقتك.
    للمساعدة: { $help_line }
too-many =
    محاولات كثيرة. أعد المحاولة لاحقا.
    للمساعدة: { $help_line }
registry-down =
    لا جواب الآن. ما كتبته محفوظ.
    للمساعدة: { $help_line }
again = أعد المحاولة
    .words = اعد المحاولة, أعد, اعد

groups = ما فئتك؟
categories = ما مهنتك؟
documents =
    الوثائق المطلوبة ({ $category }):
    { $documents }
    خذها إلى نقطة القرب أو الوكالة.
finish = إنهاء
    .words = انهاء, النهاية, شكرا
regions = ما جهتك؟
cities = ما مدينتك؟
points =
    { $city }:
    { $points }
    للمساعدة: { $help_line }

forgotten =
    في www.macnss.ma
    اختر mot de passe oublié
    للمساعدة: { $help_line }
phone-changed =
    زر الوكالة ومعك بطاقتك لتغيير الرقم.
    للمساعدة: { $help_line }
goodbye =
    شكرا وإلى اللقاء.
    للمساعدة: { $help_line }

# Messages to keep. 70 units are one part.

sms-number =
    رقم التسجيل: { $registration }
    احفظ هذه الرسالة
    www.macnss.ma
    للمساعدة: { $help_line }
sms-documents =
    الوثائق المطلوبة ({ $category }):
    { $documents }
    خذها إلى نقطة القرب أو الوكالة.
    للمساعدة: { $help_line }
sms-points =
    الضمان الاجتماعي. { $city }:
    { $points }
    للمساعدة: { $help_line }
