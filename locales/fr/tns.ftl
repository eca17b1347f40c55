# The procedure for self-employed workers, in French. GSM 7-bit only: é è à ù stay, the rest is
# folded. Not reviewed by a native speaker.

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

consent = CNSS: nous gardons 24 h votre téléphone, votre carte et vos dates, pour cette demande. Vous pouvez refuser ou faire effacer (loi 09-08).
agree = Accepter
    .words = j'accepte, accepte, d'accord, oui, ok
refuse = Refuser
    .words = je refuse, refuse, non
consent-more-info = Mes données
    .words = données, donnees, infos, plus d'infos
consent-more =
    Gardés: téléphone, carte (type, numéro, date d'expiration), date de naissance, e-mail si vous le donnez.
    Pourquoi: vous trouver à la CNSS et vous répondre. Rien d'autre.
    Effacés 24 h après votre dernière réponse. Restent votre langue, votre accord et un journal sans ce que vous tapez.
    Vous pouvez refuser. Pour voir, corriger ou effacer (loi 09-08): { $help_line }
refused =
    C'est bien noté, nous arretons ici. Ce que vous avez tapé est effacé.
    Aide: { $help_line } ou agence CNSS.
    Pour revenir: { $dial }

home = Bonjour. Que voulez-vous ?
home-number = Numéro d'immatriculation
    .words = numéro, numero, immatriculation, mon numéro, mon numero
home-documents = Pièces à fournir
    .words = pièces, pieces, pieces a fournir, documents, papiers
home-forgotten = Mot de passe oublié
    .words = mot de passe, mot de passe oublie, oublié, oublie
home-phone = Téléphone changé
    .words = téléphone, telephone, telephone change, changer de téléphone
home-other = Autre
    .words = autres, autre chose
other = Que voulez-vous ?
nearest = Agence la plus proche
    .words = agence, adresse, proche, point de proximité, point de proximite
other-language = Changer de langue
    .words = langue, autre langue

id-type = Quelle carte avez-vous ?
id-cnie = Carte nationale (CNIE)
    .words = carte nationale, cnie, cin, nationale
id-sejour = Carte de séjour
    .words = séjour, sejour, carte de sejour
id-number =
    { $id_type ->
        [sejour]
            Tapez le numéro de la carte de séjour, écrit devant.
            Exemple: { $example_sejour }
       *[cnie]
            Tapez le numéro de la carte nationale (CNIE), écrit devant.
            Exemple: { $example_cnie }
    }
expiry =
    Tapez la date d'expiration de la carte: jour, mois, année.
    Exemple: { $example_expiry }
birth =
    Tapez votre date de naissance: jour, mois, année.
    Exemple: { $example_birth }
summary =
    C'est juste ?
    { $id_type ->
        [sejour] Carte de séjour: { $id_number }
       *[cnie] Carte nationale: { $id_number }
    }
    Expiration: { $expiry }
    Naissance: { $birth }
confirm = Oui
    .words = juste, c'est juste, ok, exact
correct = Corriger
    .words = non, faux, correction, modifier
correct-type = Type de carte
    .words = type, carte
correct-number = Numéro de la carte
    .words = numéro, numero, numero de la carte
correct-expiry = Date d'expiration
    .words = expiration
correct-birth = Date de naissance
    .words = naissance

waiting =
    La CNSS met du temps à répondre. Rien n'est perdu: la réponse arrive par SMS. Pas besoin de rappeler.
    Aide: { $help_line }

code =
    { $caller ->
        [other] Code envoyé par SMS au numéro que la CNSS connait.
       *[on_file] Code envoyé par SMS à ce téléphone.
    }
    Tapez-le ici ou au prochain appel, ou envoyez-le au { $number }.
code-again = Renvoyer le code
    .words = renvoyer, pas recu
code-too-soon =
    Le code est déjà parti. Attendez { $wait_seconds } secondes pour le redemander.
    Code recu ? Tapez-le ici ou envoyez-le au { $number }.
code-wrong =
    Ce n'est pas le bon code. Lisez le SMS et tapez les 6 chiffres.
    Essais restants: { $tries_left }
code-expired =
    Ce code n'est plus valable. Demandez un nouveau code.
    Aide: { $help_line }
code-new = Nouveau code
    .words = nouveau, code
code-spent =
    Trop d'essais: ce code ne marche plus. Réessayez plus tard, ou allez à l'agence CNSS avec votre carte.
    Aide: { $help_line }
code-limited =
    Vous avez demandé trop de codes. Réessayez plus tard, ou allez à l'agence CNSS avec votre carte.
    Aide: { $help_line }

has-account =
    Numéro d'immatriculation: { $registration }
    Vous avez déjà un compte MaCNSS: entrez avec vos identifiants habituels sur www.macnss.ma
    Aide: { $help_line }
details =
    C'est bien vous ?
    { $person_name }
    { $person_address }
    { $person_email }
    { $person_phone }
details-wrong = Non
    .words = pas moi, faux, ce n'est pas moi
not-me =
    Nous arretons ici pour vous protéger. Pour corriger: agence CNSS, avec votre carte.
    Aide: { $help_line }
email =
    Votre e-mail, pour confirmer le compte MaCNSS (pas obligatoire).
    Exemple: nom@exemple.ma
skip = Sans e-mail
    .words = sans, passer, non
opened =
    { $caller ->
        [other]
            C'est fait. Numéro d'immatriculation: { $registration }
            Le mot de passe MaCNSS arrive par SMS au numéro que la CNSS connait.
       *[on_file]
            C'est fait. Numéro d'immatriculation: { $registration }
            Le mot de passe MaCNSS arrive par SMS.
    }
    Aide: { $help_line }
not-opened =
    Numéro d'immatriculation: { $registration }
    Le compte MaCNSS n'a pas pu etre ouvert. Réessayez plus tard, ou allez à l'agence CNSS.
    Aide: { $help_line }
on-its-way =
    Numéro d'immatriculation: { $registration }
    Le mot de passe est déjà envoyé par SMS. Pas recu ?
    Aide: { $help_line }
password-again = Renvoyer
    .words = renvoyer le mot de passe, pas recu
password-too-soon =
    Le mot de passe est déjà parti. Attendez un peu, puis redemandez-le.
    Aide: { $help_line }
resent =
    Le mot de passe arrive par SMS. Cela peut prendre quelques minutes.
    Aide: { $help_line }

subject =
    Vous etes au régime TNS, mais pas encore immatriculé. Venez vous-meme avec les pièces au point de proximité ou à l'agence CNSS.
    Aide: { $help_line }
not-eligible =
    Non éligible au régime TNS:
    { $reason ->
        [salaried] vous avez déjà l'AMO comme salarié.
        [public] vous avez déjà l'AMO du secteur public.
        [tadamon] vous avez déjà l'AMO Tadamon.
        [pensioner] vous avez déjà l'AMO comme retraité.
       *[other] { $reason_text }
    }
    Aide: { $help_line }
no-match =
    Nous ne trouvons rien. Vérifiez et corrigez, ou voyez les pièces par catégorie.
    Aide: { $help_line }
no-number =
    Pour vous protéger, nous ne donnons rien par téléphone. Allez à l'agence CNSS avec votre carte.
    Aide: { $help_line }
too-many =
    Trop d'essais. Réessayez plus tard, ou allez à l'agence CNSS avec votre carte.
    Aide: { $help_line }
registry-down =
    La CNSS ne répond pas. Vos réponses sont gardées. Réessayez dans quelques minutes.
    Aide: { $help_line }
again = Réessayer
    .words = reessayer, encore

groups = Votre catégorie ?
categories = Votre métier ?
documents =
    Pièces à fournir ({ $category }):
    { $documents }
    Apportez-les au point de proximité ou à l'agence CNSS.
finish = Terminer
    .words = fin, fini, merci
regions = Votre région ?
cities = Votre ville ?
points =
    { $city }:
    { $points }
    Aide: { $help_line }

forgotten =
    Sur www.macnss.ma, choisissez "mot de passe oublié".
    Sinon, allez à l'agence CNSS la plus proche.
    Aide: { $help_line }
phone-changed =
    Allez à l'agence CNSS avec votre carte, pour donner votre nouveau téléphone.
    Aide: { $help_line }
goodbye =
    Merci et à bientot.
    Aide: { $help_line }

# Messages to keep.

sms-number =
    CNSS. Votre numéro d'immatriculation:
    { $registration }
    Gardez ce SMS. Compte MaCNSS: www.macnss.ma
    Aide: { $help_line }
sms-documents =
    Pièces à fournir ({ $category }):
    { $documents }
    Apportez-les au point de proximité ou à l'agence CNSS.
    Aide: { $help_line }
sms-points =
    CNSS. { $city }:
    { $points }
    Aide: { $help_line }
