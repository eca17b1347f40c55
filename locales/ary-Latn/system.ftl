# What every dialog says, in Darija in Latin letters. GSM 7-bit only. Not reviewed by a native
# speaker.

nav-back = 0 Rje3
nav-home = 00 Lewwel
nav-next = 9 Zid

resume = Mer7ba bik. Tkemmel talab dyalek ?
resume-continue = Kemmel
    .words = ah, oui
resume-over = Men lewwel
    .words = la, lewwel, jdid

readings-choose =
    { $slot ->
        [expiry] Ina wa7ed tarikh fach katsali la carte ?
        [birth] Ina wa7ed tarikh lizdiyad ?
       *[other] Ina wa7ed fihom ?
    }
readings-confirm =
    9rina: { $value }
    S7i7 ?
yes = Ah
    .words = s7i7, oui, ok, iyeh
readings-again = Kteb 3awd
    .words = la, 3awd

help =
    CNSS, l khddam 3la rasso (TNS): nmra dyal tsjil, mot de passe, lwra9 li khassk.
    Jaweb b r9em. 0 rje3, 00 lewwel, 9 zid.
    L3awn: { $help_line }
    Kolchi f SMS we7da l { $number }: { $keyword }, nmra dyal la carte, tarikh fach katsali, tarikh lizdiyad. Bhal:
    { $keyword } { $example_cnie } { $example_expiry } { $example_birth }
stopped =
    STOP wslat: ma b9a hta SMS men had service.
    Bach trje3: { $dial } wla sift { $keyword } l { $number }.
    L3awn: { $help_line }
over = Had session salat. 3ayet { $dial } bach tkemmel.
hint =
    CNSS: talab dyalek kaytsenna 30 d9i9a. Bach tkemmel, 3ayet { $dial } wla sift { $keyword } l { $number }.
    L3awn: { $help_line }
busy =
    Bezzaf dyal nas daba. 3awd men b3d.
    L3awn: { $help_line }
failed =
    Sme7 lina, lmochkil men 3ndna. 3awd men b3d.
    L3awn: { $help_line }

no-such-option = Jaweb b r9em li kayn f lista.
no-further = Ma kayn walo men hna.

# What was wrong with an answer, in one line before the page.

wrong-identity-form =
    { $id_type ->
        [sejour] Ma fhemnach. 7rouf w r9am dyal la carte, bhal { $example_sejour }
       *[cnie] Ma fhemnach. 1 wla 2 7rouf w men b3d r9am, bhal { $example_cnie }
    }
wrong-identity-example =
    { $id_type ->
        [sejour] { $example_sejour } ghir mital. Kteb nmra dyal la carte dyalek.
       *[cnie] { $example_cnie } ghir mital. Kteb nmra dyal la carte dyalek.
    }
wrong-expiry-form = Ma fhemnach. Kteb nhar, chher, 3am, bhal { $example_expiry }
wrong-expiry-day = Had nhar ma kaynch. Kteb nhar, chher, 3am, bhal { $example_expiry }
wrong-expiry-range = Had l3am ma ymkench. Chouf la carte w kteb bhal { $example_expiry }
wrong-expiry-example = { $example_expiry } ghir mital. Kteb tarikh dyal la carte dyalek.
wrong-birth-form = Ma fhemnach. Kteb nhar, chher, 3am, bhal { $example_birth }
wrong-birth-day = Had nhar ma kaynch. Kteb nhar, chher, 3am, bhal { $example_birth }
wrong-birth-range = Had l3am ma ymkench. Kteb tarikh lizdiyad bhal { $example_birth }
wrong-birth-example = { $example_birth } ghir mital. Kteb tarikh lizdiyad dyalek.
# No example of a code: typed back, it would cost one of the tries.
wrong-code-form = Kteb 6 r9am dyal lkod li jak.
wrong-email-form = Ma fhemnach. Kteb e-mail bhal nom@exemple.ma

# Secrets, each to one number only.

sms-code =
    CNSS. Lkod dyalek: { $code }
    Khddam { $minutes } d9aye9. Ma t3tih l7ed.
    Machi nta ? 3ayet l { $help_line }
sms-password =
    Mot de passe MaCNSS:
    { $password }
    Khddam merra we7da, 9bel 24 h. Beddlo f www.macnss.ma
    Ma t3tih l7ed. L3awn: { $help_line }
