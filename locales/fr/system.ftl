# What every dialog says, in French. GSM 7-bit only. Not reviewed by a native speaker.

nav-back = 0 Retour
nav-home = 00 Début
nav-next = 9 Suite

resume = Bon retour. Continuer votre demande ?
resume-continue = Continuer
    .words = oui, continue
resume-over = Recommencer
    .words = non, nouveau, debut

readings-choose =
    { $slot ->
        [expiry] Quelle est la date d'expiration ?
        [birth] Quelle est votre date de naissance ?
       *[other] Lequel voulez-vous dire ?
    }
readings-confirm =
    Nous avons lu: { $value }
    C'est juste ?
yes = Oui
    .words = ok, juste, c'est juste
readings-again = Retaper
    .words = non, corriger

help =
    CNSS, service des travailleurs non salariés (TNS): numéro d'immatriculation, mot de passe, pièces à fournir.
    Répondez par le chiffre du choix. 0 retour, 00 début, 9 suite.
    Aide: { $help_line }
    Tout en un SMS au { $number }: mot { $keyword }, numéro de la carte, date d'expiration, date de naissance. Exemple:
    { $keyword } { $example_cnie } { $example_expiry } { $example_birth }
stopped =
    STOP est noté: plus de SMS de ce service.
    Pour revenir: composez { $dial } ou envoyez { $keyword } au { $number }.
    Aide: { $help_line }
over = Cette session est finie. Composez { $dial } pour reprendre.
hint =
    CNSS: votre demande attend 30 minutes. Pour continuer, composez { $dial } ou envoyez { $keyword } au { $number }.
    Aide: { $help_line }
busy =
    Trop de monde en ce moment. Réessayez plus tard.
    Aide: { $help_line }
failed =
    Désolé, le problème vient de nous. Réessayez plus tard.
    Aide: { $help_line }

no-such-option = Répondez par un chiffre de la liste.
no-further = Il n'y a rien de plus ici.

# What was wrong with an answer, in one line before the page.

wrong-identity-form =
    { $id_type ->
        [sejour] Pas compris. Lettres et chiffres de la carte, comme { $example_sejour }
       *[cnie] Pas compris. 1 ou 2 lettres, puis des chiffres, comme { $example_cnie }
    }
wrong-identity-example =
    { $id_type ->
        [sejour] { $example_sejour } est l'exemple. Tapez le numéro de votre carte.
       *[cnie] { $example_cnie } est l'exemple. Tapez le numéro de votre carte.
    }
wrong-expiry-form = Pas compris. Tapez jour, mois, année, comme { $example_expiry }
wrong-expiry-day = Ce jour n'existe pas. Tapez jour, mois, année, comme { $example_expiry }
wrong-expiry-range = Cette année n'est pas possible. Lisez la carte et tapez comme { $example_expiry }
wrong-expiry-example = { $example_expiry } est l'exemple. Tapez la date de votre carte.
wrong-birth-form = Pas compris. Tapez jour, mois, année, comme { $example_birth }
wrong-birth-day = Ce jour n'existe pas. Tapez jour, mois, année, comme { $example_birth }
wrong-birth-range = Cette année n'est pas possible. Tapez votre naissance comme { $example_birth }
wrong-birth-example = { $example_birth } est l'exemple. Tapez votre date de naissance.
# No example of a code: typed back, it would cost one of the tries.
wrong-code-form = Tapez les 6 chiffres du code recu.
wrong-email-form = Pas compris. Tapez un e-mail comme nom@exemple.ma

# Secrets, each to one number only.

sms-code =
    CNSS. Votre code: { $code }
    Valable { $minutes } min. Ne le donnez à personne.
    Ce n'est pas vous ? Appelez le { $help_line }
sms-password =
    Mot de passe MaCNSS:
    { $password }
    Il sert une seule fois, avant 24 h. Changez-le sur www.macnss.ma
    Ne le donnez à personne. Aide: { $help_line }
