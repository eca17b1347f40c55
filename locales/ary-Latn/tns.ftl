# The procedure for self-employed workers, in Darija in Latin letters. GSM 7-bit only. Not
# reviewed by a native speaker.

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

consent = CNSS: kan7etfdo b nmra dyal tilifoun, la carte w tawarikh dyalek 24 h, ghir l had talab. T9der tgoul la, wla tmse7hom (loi 09-08).
agree = Mwafe9
    .words = mouafi9, mwaf9, ah, oui, ok
refuse = La
    .words = mamwaf9ch, non, no
consent-more-info = Lma3loumat dyali
    .words = ma3loumat, lma3loumat, infos
consent-more =
    Kan7etfdo b: nmra dyal tilifoun, la carte (no3, nmra, tarikh fach katsali), tarikh lizdiyad, e-mail ila 3titih.
    3lach: bach nl9awk f CNSS w njawbok. Walo akhor.
    Kay tmse7 24 h men b3d akhir jawab. Kayb9a ghir logha, lmowafa9a w sijil bla dakchi li ktebti.
    T9der tgoul la. Bach tchouf, tsla7 wla tmse7 (loi 09-08): { $help_line }
refused =
    Wakha, n7ebso hna. Dakchi li ktebti tmse7.
    L3awn: { $help_line } wla l'agence CNSS.
    Bach trje3: { $dial }

home = Salam. Ach bghiti ?
home-number = Nmra dyal tsjil
    .words = nmra, tsjil, numero
home-documents = Lwra9 li khassk
    .words = lwra9, wra9, documents
home-forgotten = Nsit mot de passe
    .words = mot de passe, nsit
home-phone = Beddelt tilifoun
    .words = tilifoun, telephone, beddelt nmra
home-other = Haja khra
    .words = khra, akhor, autre
other = Ach bghiti ?
nearest = L'agence l9riba
    .words = agence, l'agence, l9riba, point de proximité, point de proximite
other-language = Beddel logha
    .words = logha, langue

id-type = Ina carte 3ndek ?
id-cnie = La carte (CNIE)
    .words = la carte, carte, cnie, cin, lakart
id-sejour = Carte de séjour
    .words = séjour, sejour, carte de sejour
id-number =
    { $id_type ->
        [sejour]
            Kteb nmra dyal carte de séjour, mektouba l9eddam.
            Bhal: { $example_sejour }
       *[cnie]
            Kteb nmra dyal la carte (CNIE), mektouba l9eddam.
            Bhal: { $example_cnie }
    }
expiry =
    Kteb tarikh fach katsali la carte: nhar, chher, 3am.
    Bhal: { $example_expiry }
birth =
    Kteb tarikh lizdiyad: nhar, chher, 3am.
    Bhal: { $example_birth }
summary =
    Hadchi s7i7 ?
    { $id_type ->
        [sejour] Carte de séjour: { $id_number }
       *[cnie] La carte (CNIE): { $id_number }
    }
    Katsali: { $expiry }
    Lizdiyad: { $birth }
confirm = Ah
    .words = s7i7, oui, ok, iyeh
correct = Sla7ha
    .words = la, ghalet, sle7ha, sla7
correct-type = No3 dyal la carte
    .words = no3, type
correct-number = Nmra dyal la carte
    .words = nmra, numero
correct-expiry = Tarikh fach katsali
    .words = katsali
correct-birth = Tarikh lizdiyad
    .words = lizdiyad

waiting =
    CNSS m3etla. Ma da3 walo: ljawab ghadi yjik f SMS. Ma t3ayetch 3awd.
    L3awn: { $help_line }

code =
    { $caller ->
        [other] Lkod mcha f SMS l nmra li 3nd CNSS.
       *[on_file] Lkod mcha f SMS l had tilifoun.
    }
    Ktebo hna wla fach t3awd t3ayet, wla sifto l { $number }.
code-again = Sift lkod 3awd
    .words = 3awd, ma jach, majach
code-too-soon =
    Lkod rah f tri9. Tsenna { $wait_seconds } tanya bach ttelbo 3awd.
    Jak lkod ? Ktebo hna wla sifto l { $number }.
code-wrong =
    Machi hada lkod. 9ra SMS w kteb 6 r9am.
    B9aw mou7awalat: { $tries_left }
code-expired =
    Lkod fat lwe9t dyalo. Tleb lkod jdid.
    L3awn: { $help_line }
code-new = Lkod jdid
    .words = jdid, kod
code-spent =
    Jerrebti bezzaf: had lkod ma b9ach khddam. 3awd men b3d, wla sir l l'agence CNSS b la carte.
    L3awn: { $help_line }
code-limited =
    Tlebti lkod bezzaf. 3awd men b3d, wla sir l l'agence CNSS b la carte.
    L3awn: { $help_line }

has-account =
    Nmra dyal tsjil: { $registration }
    3ndek deja compte MaCNSS: dkhol b lma3loumat li mwalef f www.macnss.ma
    L3awn: { $help_line }
details =
    Nta hada ?
    { $person_name }
    { $person_address }
    { $person_email }
    { $person_phone }
details-wrong = La
    .words = machi ana, ghalet
not-me =
    N7ebso hna bach n7miwk. Bach tsla7: l'agence CNSS, b la carte.
    L3awn: { $help_line }
email =
    L'e-mail dyalek, l compte MaCNSS (machi darouri).
    Bhal: nom@exemple.ma
skip = Bla e-mail
    .words = bla, la
opened =
    { $caller ->
        [other]
            Safi. Nmra dyal tsjil: { $registration }
            Mot de passe MaCNSS ghadi yemchi f SMS l nmra li 3nd CNSS.
       *[on_file]
            Safi. Nmra dyal tsjil: { $registration }
            Mot de passe MaCNSS ghadi yjik f SMS.
    }
    L3awn: { $help_line }
not-opened =
    Nmra dyal tsjil: { $registration }
    Compte MaCNSS ma t7ellch. 3awd men b3d, wla sir l l'agence CNSS.
    L3awn: { $help_line }
on-its-way =
    Nmra dyal tsjil: { $registration }
    Mot de passe deja mcha f SMS. Ma jakch ?
    L3awn: { $help_line }
password-again = Sifto 3awd
    .words = 3awd, ma jach, majach
password-too-soon =
    Mot de passe deja tsifet. Tsenna chwiya, o 3awd tlbo.
    L3awn: { $help_line }
resent =
    Mot de passe ghadi yjik f SMS. Tsenna chi d9aye9.
    L3awn: { $help_line }

subject =
    3ndek l7e9 f TNS, walakin mazal ma msejlch. Khassk tji b rassek, b lwra9 li khassk, l point de proximité wla l'agence CNSS.
    L3awn: { $help_line }
not-eligible =
    Ma kat7e99ekch TNS:
    { $reason ->
        [salaried] deja 3ndek AMO 7it khddam 3nd chi wa7ed.
        [public] deja 3ndek AMO dyal dawla.
        [tadamon] deja 3ndek AMO Tadamon.
        [pensioner] deja 3ndek AMO dyal retraite.
       *[other] { $reason_text }
    }
    L3awn: { $help_line }
no-match =
    Ma l9ina walo. Choufha w sla7ha, wla chouf lwra9 li khassk 3la 7sab lkhdma.
    L3awn: { $help_line }
no-number =
    Bach n7miwk, ma kan3tiw walo f tilifoun. Sir l l'agence CNSS b la carte.
    L3awn: { $help_line }
too-many =
    Jerrebti bezzaf. 3awd men b3d, wla sir l l'agence CNSS b la carte.
    L3awn: { $help_line }
registry-down =
    CNSS ma katjawebch. Dakchi li ktebti ma da3ch. 3awd men b3d chi d9aye9.
    L3awn: { $help_line }
again = 3awd
    .words = 3awd jerreb, reessayer

groups = Ina lkhdma 3ndek ?
categories = Ina wa7da bdabt ?
documents =
    Lwra9 li khassk ({ $category }):
    { $documents }
    Jibhom l point de proximité wla l'agence CNSS.
finish = Safi
    .words = salina, choukran, merci
regions = Ina jiha ?
cities = Ina mdina ?
points =
    { $city }:
    { $points }
    L3awn: { $help_line }

forgotten =
    F www.macnss.ma, khtar "mot de passe oublié".
    Wla sir l l'agence CNSS l9riba.
    L3awn: { $help_line }
phone-changed =
    Sir l l'agence CNSS b la carte, bach t3tihom nmra jdida.
    L3awn: { $help_line }
goodbye =
    Choukran, bslama.
    L3awn: { $help_line }

# Messages to keep.

sms-number =
    CNSS. Nmra dyal tsjil:
    { $registration }
    7tafed b had SMS. Compte MaCNSS: www.macnss.ma
    L3awn: { $help_line }
sms-documents =
    CNSS. Lwra9 li khassk ({ $category }):
    { $documents }
    Jibhom l point de proximité wla l'agence CNSS.
    L3awn: { $help_line }
sms-points =
    CNSS. { $city }:
    { $points }
    L3awn: { $help_line }
