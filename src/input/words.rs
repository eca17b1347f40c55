//! Words: what is typed made comparable, numbers, options.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use crate::input::command::{Command, command};

/// The text as the parsers want it: no spaces at the ends, one space between words, Arabic-Indic
/// and Extended Arabic-Indic digits as ASCII; without control characters, zero-width and
/// direction marks, tatweel.
pub fn normal(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if !c.is_whitespace() {
            kept.push(ascii_digit(c));
        } else if !kept.is_empty() && !kept.ends_with(' ') {
            kept.push(' ');
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{00AD}'                    // soft hyphen
            | '\u{061C}'                  // Arabic letter mark
            | '\u{0640}'                  // tatweel
            | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'     // variation selectors
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

fn ascii_digit(c: char) -> char {
    let zero = match c {
        '\u{0660}'..='\u{0669}' => 0x0660,
        '\u{06F0}'..='\u{06F9}' => 0x06F0,
        _ => return c,
    };
    char::from_digit(c as u32 - zero, 10).unwrap_or(c)
}

/// The text for comparing it with labels: lower case, without accents, Arabic vowel signs and
/// hamza seats, without punctuation, with the letters folded that people write for one another
/// (`ة` and `ه`, `ى` and `ي`, `œ` and `oe`). Words stay apart.
pub fn folded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in normal(text).nfkd().flat_map(char::to_lowercase) {
        match ascii_digit(c) {
            'œ' => kept.push_str("oe"),
            'æ' => kept.push_str("ae"),
            'ß' => kept.push_str("ss"),
            'ı' => kept.push('i'),
            'ٱ' => kept.push('ا'),
            'ة' | 'ە' | 'ہ' | 'ھ' => kept.push('ه'),
            'ى' | 'ی' => kept.push('ي'),
            'ک' => kept.push('ك'),
            '\u{0640}' => {}
            c if is_combining_mark(c) => {}
            c if c.is_alphanumeric() => kept.push(c),
            // A separator in a label parts two words; an apostrophe does not, since people leave
            // it out: "lagence" for "l'agence".
            ' ' | '/' | ',' | '،' if !kept.is_empty() && !kept.ends_with(' ') => kept.push(' '),
            _ => {}
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// [`folded`] without the spaces: "men lewwel", "menlewwel" and "Men-lewwel" are one.
pub(super) fn key(text: &str) -> String {
    folded(text).replace(' ', "")
}

/// The number that the whole text is; `1.`, `1)` and `1#` are 1. No leading zero: `00` is a
/// command and `05` a slip. Arabizi writes letters with digits, so `3awn` is none.
pub fn number(text: &str) -> Option<u32> {
    let text = normal(text);
    let digits = text.trim_end_matches(['.', ')', '#', '-', ' ']);
    let plain =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// The index, from 0, of the option that is meant: by its number from 1, by a text equal to one of
/// its labels or words, by the beginning (at least 3 letters) of the labels of one option only,
/// or by both as the screen shows them (`1 CNIE`).
///
/// `labels` has, for each option, its label and its further words.
pub fn choose(text: &str, labels: &[Vec<String>]) -> Option<usize> {
    let by_number = |text: &str| {
        let number = usize::try_from(number(text)?).ok()?;
        (1..=labels.len()).contains(&number).then(|| number - 1)
    };
    let text = normal(text);
    if number(&text).is_some() {
        return by_number(&text);
    }
    by_words(&text, labels).or_else(|| {
        let (head, tail) = text.split_once([' ', '.', ')', '-', ':'])?;
        let index = by_number(head)?;
        (by_words(tail, labels) == Some(index)).then_some(index)
    })
}

fn by_words(text: &str, labels: &[Vec<String>]) -> Option<usize> {
    let wanted = key(text);
    if wanted.is_empty() {
        return None;
    }
    let keys: Vec<Vec<String>> = labels
        .iter()
        .map(|words| words.iter().map(|word| key(word)).collect())
        .collect();
    let matching = |fits: &dyn Fn(&String) -> bool| -> Vec<usize> {
        (0..keys.len())
            .filter(|index| keys[*index].iter().any(fits))
            .collect()
    };
    let mut found = matching(&|word| *word == wanted);
    if found.is_empty() && wanted.chars().filter(|c| c.is_alphabetic()).count() >= 3 {
        found = matching(&|word| word.starts_with(&wanted));
    }
    match found[..] {
        [index] => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normal_texts() {
        for (text, expected) in [
            ("", ""),
            ("   ", ""),
            ("  a   b\t\nc ", "a b c"),
            ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
            ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
            ("\u{200F}05/03\u{200E}/1984\u{202C}", "05/03/1984"),
            ("مـــساعدة", "مساعدة"),
            ("1\u{A0}2\u{202F}3", "1 2 3"),
            ("a\0b\u{FEFF}", "ab"),
            ("É", "É"),
        ] {
            assert_eq!(normal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn folded_texts() {
        for (text, expected) in [
            ("Carte de séjour", "carte de sejour"),
            ("l'agence", "lagence"),
            ("L’AGENCE", "lagence"),
            ("ŒUVRE", "oeuvre"),
            ("Métiers: santé / droit", "metiers sante droit"),
            ("مُسَاعَدَة", "مساعده"),
            ("إلغاء", "الغاء"),
            ("أإآٱا", "ااااا"),
            ("الفئة، المهنة", "الفيه المهنه"),
            ("ﻣﺴﺎﻋﺪﺓ", "مساعده"),
            ("علی", "علي"),
            ("…!", ""),
        ] {
            assert_eq!(folded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("1", Some(1)),
            (" 12 ", Some(12)),
            ("٣", Some(3)),
            ("۳.", Some(3)),
            ("1.", Some(1)),
            ("1)", Some(1)),
            ("1#", Some(1)),
            ("0", Some(0)),
            ("", None),
            (".", None),
            ("00", None),
            ("05", None),
            ("+1", None),
            ("-1", None),
            ("1 2", None),
            ("3awn", None),
            ("1a", None),
            ("99999999999", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn choices() {
        let labels: Vec<Vec<String>> = [
            vec!["Carte nationale (CNIE)", "cin", "cnie"],
            vec!["Carte de séjour", "sejour"],
            vec!["البطاقة الوطنية"],
            vec!["L'agence", "oui"],
            vec!["ما عنديش", "la", "non"],
        ]
        .into_iter()
        .map(|words| words.into_iter().map(str::to_owned).collect())
        .collect();
        for (text, expected) in [
            ("1", Some(0)),
            ("٥", Some(4)),
            ("5)", Some(4)),
            ("0", None),
            ("6", None),
            ("01", None),
            ("CIN", Some(0)),
            ("carte nationale (cnie)", Some(0)),
            ("CARTE NATIONALE CNIE", Some(0)),
            ("carte nat", Some(0)),
            ("carte", None),
            ("séj", Some(1)),
            ("se", None),
            ("la", Some(4)),
            ("l agence", Some(3)),
            ("البطاقه", Some(2)),
            ("ال", None),
            ("1 cin", Some(0)),
            ("1. Carte nationale", Some(0)),
            ("٢ Carte de séjour", Some(1)),
            ("2 cin", None),
            ("3awn", None),
            ("", None),
            ("?", None),
        ] {
            assert_eq!(choose(text, &labels), expected, "{text:?}");
        }
        assert_eq!(
            choose("oui", &[vec!["oui".into()], vec!["Oui".into()]]),
            None,
            "two of them"
        );
        assert_eq!(choose("1", &[]), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = number(&text);
            let _ = choose(&text, &[vec![text.clone()], vec!["carte".to_owned()]]);
        }

        #[test]
        fn settles(text in "\\PC*") {
            prop_assert_eq!(normal(&normal(&text)), normal(&text));
            prop_assert_eq!(key(&key(&text)), key(&text));
        }

        #[test]
        fn a_label_chooses_itself(label in "[a-zéèà ]{1,20}[a-z]") {
            prop_assert_eq!(choose(&label.to_uppercase(), &[vec!["…".to_owned()], vec![label]]), Some(1));
        }
    }
}
