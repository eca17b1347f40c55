//! The parts of one text that says it all, before each is given to its slot.

use jiff::civil::Date;

use crate::input::identity::{self, IdKind};
use crate::input::{Reading, Wrong, date, example, words};

/// The most words of a text that are looked at.
const TOKENS_MAX: usize = 32;
/// The most words of one field: "بطاقة التعريف الوطنية", "le 5 كانون الثاني 1984".
const FIELD_MAX: usize = 5;

/// The words for the cards, each as [`words::key`] makes it.
const KINDS: &[(IdKind, &[&str])] = &[
    (
        IdKind::Cnie,
        &[
            "cin",
            "cnie",
            "lacin",
            "cartenationale",
            "lacartenationale",
            "carteidentite",
            "cartedidentite",
            "cartenationaledidentite",
            "idcard",
            "nationalid",
            "nationalidcard",
            "البطاقهالوطنيه",
            "بطاقهوطنيه",
            "بطاقهالتعريف",
            "بطاقهالتعريفالوطنيه",
            "لاكارطناسيونال",
        ],
    ),
    (
        IdKind::Sejour,
        &[
            "sejour",
            "cartesejour",
            "cartedesejour",
            "lacartedesejour",
            "titredesejour",
            "residencecard",
            "residencepermit",
            "بطاقهالاقامه",
            "بطاقهاقامه",
            "الاقامه",
            "اقامه",
        ],
    ),
];

/// What may part the fields. `/`, `-` and `.` do not: they stand within dates and numbers.
pub(super) fn is_gap(c: char) -> bool {
    matches!(
        c,
        ' ' | ',' | ';' | ':' | '=' | '+' | '*' | '#' | '|' | '،' | '؛'
    )
}

/// The fields of a text, not yet given to slots.
#[derive(Default)]
pub(super) struct Parts {
    /// The cards that are named.
    pub(super) kinds: Vec<IdKind>,
    /// For each date its readings; none where there is no such day.
    pub(super) dates: Vec<Vec<Date>>,
    /// What may be the number of a card, [`identity::normal`].
    pub(super) numbers: Vec<String>,
    /// The number of the example was among them.
    pub(super) has_example: bool,
}

impl Parts {
    /// From the text after the keyword.
    pub(super) fn of(rest: &str) -> Self {
        let tokens: Vec<&str> = rest
            .split(is_gap)
            .filter(|token| !token.is_empty())
            .take(TOKENS_MAX)
            .collect();
        let mut parts = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            // The longest field that begins here; what is none is passed over.
            let longest = FIELD_MAX.min(tokens.len() - at);
            at += (1..=longest)
                .rev()
                .find(|len| parts.take(&tokens[at..at + len]))
                .unwrap_or(1);
        }
        if parts.has_example {
            parts
                .dates
                .retain(|days| *days != [example::EXPIRY] && *days != [example::BIRTH]);
        }
        parts
    }

    /// Takes these words if they are one field.
    fn take(&mut self, tokens: &[&str]) -> bool {
        let text = tokens.join(" ");
        let key = words::key(&text);
        if let Some((kind, _)) = KINDS
            .iter()
            .find(|(_, words)| words.contains(&key.as_str()))
        {
            self.kinds.push(*kind);
            return true;
        }
        let is_digits = text.bytes().all(|b| b.is_ascii_digit());
        match date::readings(&text) {
            Some(days) if !days.is_empty() || !is_digits => {
                self.dates.push(days);
                return true;
            }
            Some(_) | None => {}
        }
        let number = match tokens {
            [one] => identity::normal(one),
            [letters, digits] if is_parted_number(letters, digits) => identity::normal(&text),
            _ => return false,
        };
        if is_example(&number) {
            self.has_example = true;
        } else {
            self.numbers.push(number);
        }
        true
    }
}

/// The example that the prompt for that card shows.
pub(super) fn example_of(kind: IdKind) -> &'static str {
    match kind {
        IdKind::Cnie => example::CNIE,
        IdKind::Sejour => example::SEJOUR,
    }
}

fn is_example(number: &str) -> bool {
    let reads = |kind| identity::read(number, kind, example_of(kind));
    IdKind::ALL
        .into_iter()
        .any(|kind| reads(kind) == Reading::Wrong(Wrong::Example))
}

/// `BE 740215`, and not `le 12`.
fn is_parted_number(letters: &str, digits: &str) -> bool {
    let are_letters = letters.bytes().all(|b| b.is_ascii_alphabetic());
    let are_digits = digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    are_letters && are_digits && identity::is_cnie(&identity::normal(&format!("{letters}{digits}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_words_are_keys() {
        for word in KINDS.iter().flat_map(|(_, words)| *words) {
            assert_eq!(words::key(word), **word);
        }
    }
}
