# What every dialog says, in English. GSM 7-bit only. Not reviewed by a native speaker.

nav-back = 0 Back
nav-home = 00 Start
nav-next = 9 Next

resume = Welcome back. Continue your request?
resume-continue = Continue
    .words = yes
resume-over = Start over
    .words = no, new, start

readings-choose =
    { $slot ->
        [expiry] Which one is the expiry date?
        [birth] Which one is your birth date?
       *[other] Which one do you mean?
    }
readings-confirm =
    We read: { $value }
    Is it right?
yes = Yes
    .words = ok, right
readings-again = Type again
    .words = no, correct

help =
    CNSS, service for self-employed workers (TNS): registration number, password, documents to bring.
    Answer with the number of your choice. 0 back, 00 start, 9 next.
    Help: { $help_line }
    All in one SMS to { $number }: the word { $keyword }, card number, expiry date, birth date. Example:
    { $keyword } { $example_cnie } { $example_expiry } { $example_birth }
stopped =
    STOP is noted: no more SMS from this service.
    To come back: dial { $dial } or text { $keyword } to { $number }.
    Help: { $help_line }
over = This session is over. Dial { $dial } to go on.
hint =
    CNSS: your request waits 30 minutes. To go on, dial { $dial } or text { $keyword } to { $number }.
    Help: { $help_line }
busy =
    Too many people right now. Try again later.
    Help: { $help_line }
failed =
    Sorry, the problem is ours. Try again later.
    Help: { $help_line }

no-such-option = Answer with a number of the list.
no-further = There is nothing more here.

# What was wrong with an answer, in one line before the page.

wrong-identity-form =
    { $id_type ->
        [sejour] Not understood. Letters and digits of the card, like { $example_sejour }
       *[cnie] Not understood. 1 or 2 letters, then digits, like { $example_cnie }
    }
wrong-identity-example =
    { $id_type ->
        [sejour] { $example_sejour } is the example. Type the number of your card.
       *[cnie] { $example_cnie } is the example. Type the number of your card.
    }
wrong-expiry-form = Not understood. Type day, month, year, like { $example_expiry }
wrong-expiry-day = There is no such day. Type day, month, year, like { $example_expiry }
wrong-expiry-range = This year is not possible. Read the card and type like { $example_expiry }
wrong-expiry-example = { $example_expiry } is the example. Type the date of your card.
wrong-birth-form = Not understood. Type day, month, year, like { $example_birth }
wrong-birth-day = There is no such day. Type day, month, year, like { $example_birth }
wrong-birth-range = This year is not possible. Type your birth date like { $example_birth }
wrong-birth-example = { $example_birth } is the example. Type your birth date.
# No example of a code: typed back, it would cost one of the tries.
wrong-code-form = Type the 6 digits of the code received.
wrong-email-form = Not understood. Type an e-mail like nom@exemple.ma

# Secrets, each to one number only.

sms-code =
    CNSS. Your code: { $code }
    Valid { $minutes } min. Never tell it to anyone.
    Not you? Call { $help_line }
sms-password =
    MaCNSS password:
    { $password }
    It works once, within 24 h. Change it on www.macnss.ma
    Never tell it to anyone. Help: { $help_line }
