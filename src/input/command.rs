//! Commands: words and numbers that work on every screen.

use crate::input::words;

/// What works on every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `0`: the page before.
    Back,
    /// `00`: the first page.
    Home,
    /// `9`: the next part or the next five. The caller decides whether a `9` counts.
    Next,
    /// Help.
    Help,
    /// No more messages.
    Stop,
}

/// Each word as [`words::key`] makes it; a test holds that. French, English, Arabic, Darija in Latin
/// letters.
const COMMANDS: &[(Command, &[&str])] = &[
    (
        Command::Back,
        &[
            "0",
            "retour",
            "precedent",
            "back",
            "previous",
            "رجوع",
            "الرجوع",
            "ارجع",
            "رجع",
            "السابق",
            "عوده",
            "العوده",
            "rje3",
            "rja3",
            "arje3",
            "rjou3",
        ],
    ),
    (
        Command::Home,
        &[
            "00",
            "debut",
            "accueil",
            "recommencer",
            "start",
            "startover",
            "restart",
            "home",
            "بدايه",
            "البدايه",
            "منالبدايه",
            "الرييسيه",
            "منالاول",
            "menlewwel",
            "menlewel",
            "mnlewel",
            "mnlewwel",
            "menlawel",
            "mnlawel",
        ],
    ),
    (
        Command::Next,
        &[
            "9",
            "suite",
            "suivant",
            "suivante",
            "next",
            "more",
            "التالي",
            "التاليه",
            "المزيد",
            "زيد",
            "zid",
        ],
    ),
    (
        Command::Help,
        &[
            "aide",
            "aidezmoi",
            "help",
            "helpme",
            "مساعده",
            "المساعده",
            "ساعدني",
            "ساعدوني",
            "عون",
            "عاونني",
            "عاوني",
            "عاونوني",
            "3awn",
            "l3awn",
            "3awen",
            "3awenni",
            "3aweni",
            "3awnouni",
            "3awni",
            "3awnni",
        ],
    ),
    (
        Command::Stop,
        &[
            "stop",
            "arret",
            "arreter",
            "arretez",
            "desabonner",
            "unsubscribe",
            "توقف",
            "اوقف",
            "قف",
            "وقف",
            "ايقاف",
            "الغاء",
            "الغاءالاشتراك",
            "7bes",
            "7bess",
            "hbes",
            "wa9ef",
            "wa9af",
            "we99ef",
        ],
    ),
];

/// The command that the whole text is. A screen with a label that is one of these words, such as
/// "start over", asks [`words::choose`] first.
pub fn command(text: &str) -> Option<Command> {
    let text = words::normal(text);
    if !text.is_empty() && text.chars().all(|c| matches!(c, '?' | '؟' | ' ')) {
        return Some(Command::Help);
    }
    let wanted = words::key(&text);
    COMMANDS
        .iter()
        .find(|(_, words)| words.contains(&wanted.as_str()))
        .map(|(command, _)| *command)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn command_words_are_keys() {
        for (_, words) in COMMANDS {
            for word in *words {
                assert_eq!(words::key(word), **word);
                assert_eq!(
                    COMMANDS
                        .iter()
                        .filter(|(_, all)| all.contains(word))
                        .count(),
                    1,
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn commands() {
        use Command::{Back, Help, Home, Next, Stop};
        for (text, expected) in [
            ("0", Some(Back)),
            ("٠", Some(Back)),
            ("0#", Some(Back)),
            ("Retour", Some(Back)),
            ("rje3", Some(Back)),
            ("رجوع", Some(Back)),
            ("BACK", Some(Back)),
            ("00", Some(Home)),
            ("٠٠", Some(Home)),
            ("0 0", Some(Home)),
            ("Début", Some(Home)),
            ("start", Some(Home)),
            ("البداية", Some(Home)),
            ("من البداية", Some(Home)),
            ("men lewwel", Some(Home)),
            ("9", Some(Next)),
            ("۹", Some(Next)),
            ("suite", Some(Next)),
            ("zid", Some(Next)),
            ("التالي", Some(Next)),
            ("التالى", Some(Next)),
            ("next", Some(Next)),
            ("AIDE", Some(Help)),
            ("aide !", Some(Help)),
            ("Help", Some(Help)),
            ("مساعدة", Some(Help)),
            ("مساعده", Some(Help)),
            ("3awn", Some(Help)),
            ("٣awn", Some(Help)),
            ("?", Some(Help)),
            ("؟", Some(Help)),
            ("??", Some(Help)),
            ("STOP", Some(Stop)),
            ("Stop.", Some(Stop)),
            ("Arrêt", Some(Stop)),
            ("ARRET", Some(Stop)),
            ("توقف", Some(Stop)),
            ("قف", Some(Stop)),
            ("إلغاء", Some(Stop)),
            ("الغاء", Some(Stop)),
            ("", None),
            (" ", None),
            ("...", None),
            ("000", None),
            ("1", None),
            ("90", None),
            ("stopper", None),
            ("je veux retour", None),
        ] {
            assert_eq!(command(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = command(&text);
        }
    }
}
