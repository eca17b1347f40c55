# The procedure for self-employed workers, in English. GSM 7-bit only. Not reviewed by a native speaker.

# The same in every language; the only text here that leaves GSM 7-bit.
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

consent = CNSS: we keep your phone number, card and dates for 24 h, for this request. You may refuse, or have them erased (law 09-08).
agree = Agree
    .words = i agree, accept, yes, ok
refuse = Refuse
    .words = i refuse, no
consent-more-info = My data
    .words = data, info, more info
consent-more =
    Kept: phone number, card (type, number, expiry date), birth date, e-mail if you give it.
    Why: to find you at CNSS and answer you. Nothing else.
    Erased 24 h after your last answer. Your language, your agreement and a log without what you typed stay.
    You may refuse. To see, correct or erase (law 09-08): { $help_line }
refused =
    All right, we stop here. What you typed is erased.
    Help: { $help_line } or CNSS agency.
    To come back: { $dial }

home = Hello. What do you need?
home-number = Registration number
    .words = number, registration, my number
home-documents = Documents to bring
    .words = documents, papers
home-forgotten = Forgotten password
    .words = password, forgotten, forgot
home-phone = Phone changed
    .words = phone, new phone, changed
home-other = Other
    .words = others, something else
other = What do you need?
nearest = Nearest agency
    .words = agency, nearest, address, proximity point
other-language = Change language
    .words = language, other language

id-type = Which card do you have?
id-cnie = National ID card (CNIE)
    .words = national id card, cnie, cin, id card, national
id-sejour = Residence card
    .words = residence, sejour
id-number =
    { $id_type ->
        [sejour]
            Type the number of the residence card, on its front.
            Example: { $example_sejour }
       *[cnie]
            Type the number of the national ID card (CNIE), on its front.
            Example: { $example_cnie }
    }
expiry =
    Type the expiry date of the card: day, month, year.
    Example: { $example_expiry }
birth =
    Type your birth date: day, month, year.
    Example: { $example_birth }
summary =
    Is this right?
    { $id_type ->
        [sejour] Residence card: { $id_number }
       *[cnie] National ID card: { $id_number }
    }
    Expiry: { $expiry }
    Birth: { $birth }
confirm = Yes
    .words = right, ok, correct
correct = Correct it
    .words = no, wrong, change
correct-type = Type of card
    .words = type, card
correct-number = Card number
    .words = number
correct-expiry = Expiry date
    .words = expiry
correct-birth = Birth date
    .words = birth

waiting =
    CNSS is slow to answer. Nothing is lost: the answer comes by SMS. No need to dial again.
    Help: { $help_line }

code =
    { $caller ->
        [other] Code sent by SMS to the number that CNSS knows.
       *[on_file] Code sent by SMS to this phone.
    }
    Type it here or when you dial again, or text it to { $number }.
code-again = Send it again
    .words = again, not received
code-too-soon =
    The code is on its way. Wait { $wait_seconds } seconds to ask again.
    Code received? Type it here or text it to { $number }.
code-wrong =
    That is not the code. Read the SMS and type its 6 digits.
    Tries left: { $tries_left }
code-expired =
    This code is no longer valid. Ask for a new code.
    Help: { $help_line }
code-new = New code
    .words = new, code
code-spent =
    Too many tries: this code works no more. Try again later, or go to the CNSS agency with your card.
    Help: { $help_line }
code-limited =
    You asked for too many codes. Try again later, or go to the CNSS agency with your card.
    Help: { $help_line }

has-account =
    Registration number: { $registration }
    You already have a MaCNSS account: use your usual credentials on www.macnss.ma
    Help: { $help_line }
details =
    Is this you?
    { $person_name }
    { $person_address }
    { $person_email }
    { $person_phone }
details-wrong = No
    .words = not me, wrong
not-me =
    We stop here to protect you. To correct it: CNSS agency, with your card.
    Help: { $help_line }
email =
    Your e-mail, to confirm the MaCNSS account (not required).
    Example: nom@exemple.ma
skip = No e-mail
    .words = skip, none, no
opened =
    { $caller ->
        [other]
            Done. Registration number: { $registration }
            The MaCNSS password comes by SMS to the number that CNSS knows.
       *[on_file]
            Done. Registration number: { $registration }
            The MaCNSS password comes by SMS.
    }
    Help: { $help_line }
not-opened =
    Registration number: { $registration }
    The MaCNSS account could not be opened. Try again later, or go to the CNSS agency.
    Help: { $help_line }
on-its-way =
    Registration number: { $registration }
    The password was sent by SMS already. Not received?
    Help: { $help_line }
password-again = Send it again
    .words = again, not received
password-too-soon =
    The password is on its way already. Wait a little, then ask again.
    Help: { $help_line }
resent =
    The password comes by SMS. It can take some minutes.
    Help: { $help_line }

subject =
    You are in the TNS scheme, but not registered yet. Come in person with the documents to the proximity point or the CNSS agency.
    Help: { $help_line }
not-eligible =
    You are not eligible for the TNS scheme:
    { $reason ->
        [salaried] you already have AMO as an employee.
        [public] you already have AMO of the public sector.
        [tadamon] you already have AMO Tadamon.
        [pensioner] you already have AMO as a pensioner.
       *[other] { $reason_text }
    }
    Help: { $help_line }
no-match =
    We find nothing. Check and correct it, or see the documents by category.
    Help: { $help_line }
no-number =
    To protect you, we give nothing by phone. Go to the CNSS agency with your card.
    Help: { $help_line }
too-many =
    Too many tries. Try again later, or go to the CNSS agency with your card.
    Help: { $help_line }
registry-down =
    CNSS does not answer. Your answers are kept. Try again in a few minutes.
    Help: { $help_line }
again = Try again
    .words = again, retry

groups = Your category?
categories = Your profession?
documents =
    Documents to bring ({ $category }):
    { $documents }
    Bring them to the proximity point or the CNSS agency.
finish = Finish
    .words = end, done, thanks
regions = Your region?
cities = Your city?
points =
    { $city }:
    { $points }
    Help: { $help_line }

forgotten =
    On www.macnss.ma, choose "mot de passe oublié".
    Or go to the nearest CNSS agency.
    Help: { $help_line }
phone-changed =
    Go to the CNSS agency with your card, to give your new phone number.
    Help: { $help_line }
goodbye =
    Thank you and goodbye.
    Help: { $help_line }

# Messages to keep.

sms-number =
    CNSS. Your registration number:
    { $registration }
    Keep this SMS. MaCNSS account: www.macnss.ma
    Help: { $help_line }
sms-documents =
    CNSS. Documents to bring ({ $category }):
    { $documents }
    Bring them to the proximity point or the CNSS agency.
    Help: { $help_line }
sms-points =
    CNSS. { $city }:
    { $points }
    Help: { $help_line }
