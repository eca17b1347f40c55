# What every dialog says, in Arabic: 80 units a screen. Codes that hold `*`, `#`, `-` or `+` stand
# alone on their line. Not reviewed by a native speaker.

nav-back = 0 رجوع
nav-home = 00 البداية
nav-next = 9 التالي

resume = مرحبا بعودتك. نتابع طلبك؟
resume-continue = متابعة
    .words = تابع, نعم
resume-over = من البداية
    .words = البداية, لا, جديد

readings-choose =
    { $slot ->
        [expiry] ما تاريخ نهاية الصلاحية؟
        [birth] ما تاريخ الازدياد؟
       *[other] أيها تقصد؟
    }
readings-confirm =
    قرأنا: { $value }
    صحيح؟
yes = نعم
    .words = صحيح, أجل, ok
readings-again = اكتب من جديد
    .words = أكتب من جديد, لا, من جديد

help =
    خدمة العمال غير الأجراء. اكتب رقم اختيارك.
    للمساعدة: { $help_line }
    0 رجوع، 00 البداية، 9 التالي.
    أو أرسل رسالة إلى { $number }: رقم البطاقة، نهاية الصلاحية، الازدياد. مثل
    { $keyword } { $example_cnie } { $example_expiry } { $example_birth }
stopped =
    توقفت رسائل هذه الخدمة.
    للمساعدة: { $help_line }
    للعودة أرسل { $keyword } إلى { $number } أو اطلب
    { $dial }
over =
    انتهت هذه الجلسة. للعودة اطلب
    { $dial }
hint =
    طلبك ينتظر 30 دقيقة. للمتابعة أرسل { $keyword } إلى { $number } أو اطلب
    { $dial }
    للمساعدة: { $help_line }
busy =
    الخدمة مشغولة. أعد المحاولة لاحقا.
    للمساعدة: { $help_line }
failed =
    عذرا، وقع خلل عندنا. أعد المحاولة لاحقا.
    للمساعدة: { $help_line }

no-such-option = اكتب رقم اختيارك
no-further = لا شيء بعد هذا

# What was wrong with an answer, in one line before the page; both together on one screen.

wrong-identity-form =
    { $id_type ->
        [sejour] أعد رقم البطاقة: حروف وأرقام مثل { $example_sejour }
       *[cnie] أعد رقم البطاقة: حروف ثم أرقام مثل { $example_cnie }
    }
wrong-identity-example =
    { $id_type ->
        [sejour] اكتب رقمك أنت، لا { $example_sejour }
       *[cnie] اكتب رقمك أنت، لا { $example_cnie }
    }
wrong-expiry-form = أعد نهاية الصلاحية: يوم شهر سنة، مثل { $example_expiry }
wrong-expiry-day = لا يوجد هذا اليوم. اكتب نهاية الصلاحية مثل { $example_expiry }
wrong-expiry-range = سنة خاطئة. اكتب نهاية الصلاحية مثل { $example_expiry }
wrong-expiry-example = اكتب تاريخ بطاقتك، لا { $example_expiry }
wrong-birth-form = أعد تاريخ الازدياد: يوم شهر سنة، مثل { $example_birth }
wrong-birth-day = لا يوجد هذا اليوم. اكتب تاريخ الازدياد مثل { $example_birth }
wrong-birth-range = سنة خاطئة. اكتب تاريخ الازدياد مثل { $example_birth }
wrong-birth-example = اكتب تاريخ ازديادك، لا { $example_birth }
# No example of a code: typed back, it would cost one of the tries.
wrong-code-form = اكتب 6 أرقام من الرسالة
wrong-email-form = أعد كتابة بريدك، مثل nom@exemple.ma

# Secrets, each to one number only. 70 units are one part.

sms-code =
    الضمان الاجتماعي. رمزك { $code }
    صالح { $minutes } دقائق
    لا تعطه لأحد
    لست أنت؟ { $help_line }
sms-password =
    كلمة السر لحساب MaCNSS:
    { $password }
    تستعمل مرة واحدة خلال 24 ساعة. غيرها في www.macnss.ma
    لا تعطها لأي أحد. للمساعدة: { $help_line }
