//! The names of the months, and the words that stand around them in a date.

/// For each month from January: its names as [`words::key`](crate::input::words) makes them. The
/// French name, the English, the Moroccan, those of the Middle East and of Egypt, of Algeria, and
/// Darija in Latin letters. Three or more first letters of a name are an abbreviation.
pub(super) const NAMES: [&[&str]; 12] = [
    &[
        "janvier",
        "january",
        "يناير",
        "كانونالثاني",
        "جانفي",
        "yanayer",
        "yanayir",
        "ynayr",
    ],
    &[
        "fevrier",
        "february",
        "فبراير",
        "شباط",
        "فيفري",
        "febrayer",
        "fibrayir",
        "fbrayr",
    ],
    &["mars", "march", "مارس", "اذار"],
    &["avril", "april", "ابريل", "نيسان", "افريل", "abril"],
    &["mai", "may", "ماي", "مايو", "ايار", "mayo"],
    &[
        "juin",
        "june",
        "يونيو",
        "حزيران",
        "جوان",
        "younyou",
        "yunyu",
        "youniou",
    ],
    &[
        "juillet",
        "july",
        "يوليوز",
        "يوليو",
        "تموز",
        "جويليه",
        "youlyouz",
        "yulyuz",
    ],
    &[
        "aout",
        "august",
        "غشت",
        "اغسطس",
        "اب",
        "اوت",
        "ghocht",
        "ghucht",
    ],
    &[
        "septembre",
        "september",
        "شتنبر",
        "سبتمبر",
        "ايلول",
        "choutanbir",
        "chotanbir",
        "chtanbir",
    ],
    &[
        "octobre",
        "october",
        "اكتوبر",
        "تشرينالاول",
        "oktober",
        "oktobr",
    ],
    &[
        "novembre",
        "november",
        "نونبر",
        "نوفمبر",
        "تشرينالثاني",
        "nouwanbir",
        "nowanbir",
        "nwanbir",
    ],
    &[
        "decembre",
        "december",
        "دجنبر",
        "ديسمبر",
        "كانونالاول",
        "doujanbir",
        "dojanbir",
        "djanbir",
    ],
];

const LEADS: &[&str] = &[
    "le", "du", "the", "on", "يوم", "في", "nhar", "ne", "nee", "nele", "neele", "born", "exp",
    "expire", "expirele",
];
const TAILS: &[&str] = &["م", "ميلادي", "ميلاديه"];
const ORDINALS: &[&str] = &["er", "ere", "eme", "e", "st", "nd", "rd", "th"];
/// Between the day and the month.
const JOINTS: &[&str] = &[
    "of",
    "de",
    "du",
    "شهر",
    "من",
    "منشهر",
    "chhar",
    "chher",
    "f",
];

/// The months, 1 to 12, that the key of a word can name: the one with that name, or those with a
/// name that begins so. An ordinal or a joint before it is passed over. None of more than two,
/// since that would be no reading but a list.
pub(super) fn named(word: &str) -> Vec<i8> {
    let bare = exact_or_begun(word);
    if !bare.is_empty() {
        return bare;
    }
    let without_ordinal = ORDINALS
        .iter()
        .filter_map(|ordinal| word.strip_prefix(ordinal));
    std::iter::once(word)
        .chain(without_ordinal)
        .flat_map(|rest| {
            std::iter::once(rest).chain(
                JOINTS
                    .iter()
                    .filter_map(move |joint| rest.strip_prefix(joint)),
            )
        })
        .map(exact_or_begun)
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

fn exact_or_begun(word: &str) -> Vec<i8> {
    let months = |fits: &dyn Fn(&&str) -> bool| -> Vec<i8> {
        (1..)
            .zip(NAMES)
            .filter(|(_, names)| names.iter().any(fits))
            .map(|(month, _)| month)
            .collect()
    };
    let exact = months(&|name| *name == word);
    if !exact.is_empty() || word.chars().count() < 3 {
        return exact;
    }
    let begun = months(&|name| name.starts_with(word));
    if begun.len() <= 2 { begun } else { Vec::new() }
}

/// The month after "first" ("فاتح يناير", the first of January).
pub(super) fn after_first(word: &str) -> Option<&str> {
    ["الفاتحمن", "فاتح", "premier"]
        .iter()
        .find_map(|first| word.strip_prefix(first))
}

/// Whether the key is a word before a date.
pub(super) fn is_lead(word: &str) -> bool {
    LEADS.contains(&word)
}

/// Whether the key is a word after a date.
pub(super) fn is_tail(word: &str) -> bool {
    TAILS.contains(&word)
}

/// Whether the key is what follows the number of a day.
pub(super) fn is_ordinal(word: &str) -> bool {
    ORDINALS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::words;

    #[test]
    fn names_are_keys_of_one_month() {
        for (month, names) in (1..).zip(NAMES) {
            for name in names {
                assert_eq!(words::key(name), *name);
                assert_eq!(named(name), [month], "{name}");
            }
        }
    }

    #[test]
    fn words_of_months() {
        for (word, expected) in [
            ("jan", &[1][..]),
            ("Janv.", &[1]),
            ("fév", &[2]),
            ("mar", &[3]),
            ("avr", &[4]),
            ("apr", &[4]),
            ("jui", &[6, 7]),
            ("jun", &[6]),
            ("juil", &[7]),
            ("jul", &[7]),
            ("aoû", &[8]),
            ("aug", &[8]),
            ("sept", &[9]),
            ("oct", &[10]),
            ("nov", &[11]),
            ("déc", &[12]),
            ("أبريل", &[4]),
            ("إبريل", &[4]),
            ("آب", &[8]),
            ("أغسطس", &[8]),
            ("جويلية", &[7]),
            ("ديسمبر", &[12]),
            ("تشرين", &[10, 11]),
            ("كانون", &[1, 12]),
            ("er mars", &[3]),
            ("th of March", &[3]),
            ("من شهر غشت", &[8]),
            ("ja", &[]),
            ("", &[]),
            ("er", &[]),
            ("marx", &[]),
            ("lundi", &[]),
        ] {
            assert_eq!(named(&words::key(word)), expected, "{word}");
        }
    }
}
