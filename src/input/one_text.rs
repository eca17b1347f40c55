//! One text that says it all: `TNS BE740215 14062031 05031984`, in any order.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use nom::bytes::complete::{take_till, take_while};
use nom::{IResult, Parser};

use crate::conversation::{SlotName, Value};
use crate::input::date::{birth_range, expiry_range};
use crate::input::identity::{self, IdKind};
use crate::input::parts::{Parts, example_of, is_gap};
use crate::input::{Reading, words};

/// What a text with the keyword says.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// The keyword alone.
    Keyword,
    /// What it gives for the slots `id_type`, `id_number`, `expiry` and `birth`, with every
    /// reading; a slot with more than one is to be asked. What it does not give is absent; all is
    /// absent where somebody sent the example.
    Fields(BTreeMap<SlotName, Vec<Value>>),
    /// Something else; this is the text after the keyword, [`words::normal`].
    Other(String),
}

impl fmt::Debug for Message {
    /// Never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword => f.write_str("Keyword"),
            Self::Fields(fields) => f.debug_tuple("Fields").field(fields).finish(),
            Self::Other(_) => f.write_str("Other(…)"),
        }
    }
}

/// The most readings of one slot, as many as a screen has options.
const READINGS_MAX: usize = 5;
/// Digits in what is taken for a number without a word that says of which card: Arabizi writes
/// `3awn`.
const CNIE_DIGITS_MIN: usize = 2;
const SEJOUR_DIGITS_MIN: usize = 4;

/// Reads a text that begins with one of the `keywords`, in any letter case; nothing otherwise.
///
/// The fields come in any order. A date from today on is the expiry. Two past dates are asked for
/// both slots; one past date is the birth, or the expiry if nobody of that age is served. A number
/// that fits both cards leaves two kinds to be asked, unless a word says which card it is. A
/// corrected number ([`identity::read`]) is offered beside the typed one or not at all.
pub fn read(text: &str, keywords: &[String], today: Date) -> Option<Message> {
    let text = words::normal(text);
    let (rest, head) = keyword(&text).ok()?;
    let head = words::key(head);
    if head.is_empty() || !keywords.iter().any(|keyword| words::key(keyword) == head) {
        return None;
    }
    if rest.is_empty() {
        return Some(Message::Keyword);
    }
    let parts = Parts::of(rest);
    let fields = parts.fields(today);
    let known = !fields.is_empty() || parts.has_example;
    Some(if known {
        Message::Fields(fields)
    } else {
        Message::Other(rest.to_owned())
    })
}

/// The first word, and what stands after it.
fn keyword(text: &str) -> IResult<&str, &str> {
    let (rest, (_, head, _)) =
        (take_while(is_gap), take_till(is_gap), take_while(is_gap)).parse(text)?;
    Ok((rest, head))
}

impl Parts {
    /// Each part in the slots that it can be for.
    fn fields(&self, today: Date) -> BTreeMap<SlotName, Vec<Value>> {
        let (kinds, numbers) = self.cards();
        let (expiries, births) = self.days(today);
        let given = [
            (
                "id_type",
                kinds
                    .into_iter()
                    .map(|kind| Value::Word(kind.word().to_owned()))
                    .collect(),
            ),
            ("id_number", numbers.into_iter().map(Value::Text).collect()),
            ("expiry", expiries.into_iter().map(Value::Day).collect()),
            ("birth", births.into_iter().map(Value::Day).collect()),
        ];
        let capped = given.into_iter().map(|(slot, values): (&str, Vec<Value>)| {
            (
                SlotName(slot.to_owned()),
                values.into_iter().take(READINGS_MAX).collect::<Vec<_>>(),
            )
        });
        capped.filter(|(_, values)| !values.is_empty()).collect()
    }

    /// The kinds of card and the numbers that are meant.
    fn cards(&self) -> (Vec<IdKind>, Vec<String>) {
        let said = match self.kinds[..] {
            [first, ref others @ ..] if others.iter().all(|kind| *kind == first) => Some(first),
            _ => None,
        };
        let mut kinds = Vec::new();
        let mut numbers = Vec::new();
        for number in &self.numbers {
            for kind in IdKind::ALL
                .into_iter()
                .filter(|kind| said.is_none_or(|said| said == *kind))
            {
                if said.is_none() && !is_telling(number, kind) {
                    continue;
                }
                for reading in number_readings(number, kind) {
                    push_new(&mut kinds, kind);
                    push_new(&mut numbers, reading);
                }
            }
        }
        if matches!(&numbers[..], [one] if !self.numbers.contains(one)) {
            // A correction alone would be applied silently.
            numbers.clear();
        }
        (said.map_or(kinds, |said| vec![said]), numbers)
    }

    /// The days for the expiry, and those for the birth.
    fn days(&self, today: Date) -> (Vec<Date>, Vec<Date>) {
        let (expiry, birth) = (expiry_range(today), birth_range(today));
        let dates: Vec<Vec<Date>> = self
            .dates
            .iter()
            .map(|days| {
                days.iter()
                    .copied()
                    .filter(|day| expiry.contains(*day) || birth.contains(*day))
                    .collect()
            })
            .filter(|days: &Vec<Date>| !days.is_empty())
            .collect();
        let (future, past): (Vec<Date>, Vec<Date>) =
            dates.iter().flatten().partition(|day| **day >= today);
        let born: Vec<Date> = past
            .iter()
            .copied()
            .filter(|day| birth.contains(*day))
            .collect();
        match &dates[..] {
            // A two-digit year that may be either is asked for where it is due.
            [_] if !future.is_empty() && !past.is_empty() => (Vec::new(), Vec::new()),
            [_] if future.is_empty() && born.is_empty() => (past, Vec::new()),
            [_, _] if future.is_empty() => (past.clone(), past),
            [one, other] => {
                let (mut expiries, mut births) = (Vec::new(), Vec::new());
                for (left, right) in [(one, other), (other, one)] {
                    for until in left.iter().filter(|day| expiry.contains(**day)) {
                        for from in right.iter().filter(|day| birth.contains(**day)) {
                            push_new(&mut expiries, *until);
                            push_new(&mut births, *from);
                        }
                    }
                }
                if births.is_empty() {
                    (future, Vec::new())
                } else {
                    (expiries, births)
                }
            }
            _ => (future, born),
        }
    }
}

fn push_new<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// What the number can be on a card of that kind.
fn number_readings(number: &str, kind: IdKind) -> Vec<String> {
    if !number.bytes().any(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    match identity::read(number, kind, example_of(kind)) {
        Reading::One(one) => vec![one],
        Reading::Several(several) => several,
        Reading::Wrong(_) => Vec::new(),
    }
}

/// Whether the text looks like a number of that card although nothing says so: a word in Arabizi
/// has few digits, and digits alone are rather a mistyped date or a phone number.
fn is_telling(number: &str, kind: IdKind) -> bool {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let min = match kind {
        IdKind::Cnie => CNIE_DIGITS_MIN,
        IdKind::Sejour => SEJOUR_DIGITS_MIN,
    };
    digits >= min && digits < number.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = date(2026, 11, 23);

    fn keywords() -> Vec<String> {
        vec!["TNS".to_owned(), "CNSS2".to_owned(), "الضمان".to_owned()]
    }

    /// As a line: `id_type=cnie|sejour id_number=…`.
    fn shown(text: &str) -> String {
        match read(text, &keywords(), TODAY) {
            None => "none".to_owned(),
            Some(Message::Keyword) => "keyword".to_owned(),
            Some(Message::Other(rest)) => format!("other {rest}"),
            Some(Message::Fields(fields)) => {
                let order = ["id_type", "id_number", "expiry", "birth"];
                let line: Vec<String> = order
                    .iter()
                    .filter_map(|slot| Some((slot, fields.get(&SlotName((*slot).to_owned()))?)))
                    .map(|(slot, values)| {
                        let values: Vec<String> = values.iter().map(Value::shown).collect();
                        format!("{slot}={}", values.join("|"))
                    })
                    .collect();
                format!("fields {}", line.join(" "))
            }
        }
    }

    #[test]
    fn messages() {
        let whole =
            "fields id_type=cnie|sejour id_number=BE740215 expiry=14/06/2031 birth=05/03/1984";
        let cnie = "fields id_type=cnie id_number=BE740215 expiry=14/06/2031 birth=05/03/1984";
        let sejour = "fields id_type=sejour id_number=R204518M expiry=11/08/2027 birth=23/12/1988";
        for (text, expected) in [
            // The keyword.
            ("", "none"),
            ("hello", "none"),
            ("TNSX BE740215", "none"),
            ("BE740215 TNS", "none"),
            ("tns", "keyword"),
            (" Tns. ", "keyword"),
            ("CNSS٢", "keyword"),
            ("الضَّمان", "keyword"),
            ("TNS aide", "other aide"),
            ("tns: 1", "other 1"),
            ("TNS ٣awn", "other 3awn"),
            ("TNS 3tini ra9m l7", "other 3tini ra9m l7"),
            ("TNS 0661000001", "other 0661000001"),
            // Any order, any writing.
            ("TNS BE740215 14062031 05031984", whole),
            ("TNS BE740215 05031984 14062031", whole),
            ("tns 05/03/1984 be740215 14/06/2031", whole),
            ("TNS, BE-740215, 14.06.2031, 05.03.1984", whole),
            ("TNS*BE740215*14062031*05031984#", whole),
            ("TNS BE 740215 14 06 2031 5 3 84", whole),
            ("TNS BE740215 14 juin 2031 5 mars 1984", whole),
            ("TNS BE740215 2031-06-14 1984-03-05", whole),
            ("TNS BE740215\n14062031\n05031984", whole),
            ("الضمان BE٧٤٠٢١٥ ١٤٠٦٢٠٣١ ٠٥٠٣١٩٨٤", whole),
            ("الضمان BE740215 ١٤ يونيو ٢٠٣١ ٥ مارس ١٩٨٤", whole),
            ("TNS be740215 exp 14062031 né le 05031984", whole),
            // Which card.
            ("TNS CIN BE740215 14062031 05031984", cnie),
            ("TNS BE740215 14062031 05031984 cnie", cnie),
            ("TNS carte nationale: BE740215 14062031 05031984", cnie),
            ("TNS البطاقة الوطنية BE740215 14062031 05031984", cnie),
            ("TNS R204518M 11082027 23121988", sejour),
            ("TNS carte de séjour R204518M 11/08/2027 23/12/1988", sejour),
            ("TNS بطاقة الإقامة R204518M 11082027 23121988", sejour),
            (
                "TNS sejour BE740215",
                "fields id_type=sejour id_number=BE740215",
            ),
            (
                "TNS sejour 12345678",
                "fields id_type=sejour id_number=12345678",
            ),
            (
                "TNS A10 05052030 12121950",
                "fields id_type=cnie id_number=A10 expiry=05/05/2030 birth=12/12/1950",
            ),
            ("TNS sejour A10", "fields id_type=sejour"),
            ("TNS cin", "fields id_type=cnie"),
            (
                "TNS cin sejour D3345",
                "fields id_type=cnie|sejour id_number=D3345",
            ),
            // Never corrected silently.
            (
                "TNS BE74O215",
                "fields id_type=cnie|sejour id_number=BE740215|BE74O215",
            ),
            ("TNS cin BE74O215", "fields id_type=cnie"),
            // Dates.
            ("TNS 14062031", "fields expiry=14/06/2031"),
            ("TNS 05031984", "fields birth=05/03/1984"),
            ("TNS 14062021", "fields expiry=14/06/2021"),
            ("TNS 1121984", "fields birth=01/12/1984|11/02/1984"),
            (
                "TNS cin BE740215 14062021 05031984",
                "fields id_type=cnie id_number=BE740215 expiry=14/06/2021|05/03/1984 birth=14/06/2021|05/03/1984",
            ),
            (
                "TNS cin BE740215 14062031 14062020",
                "fields id_type=cnie id_number=BE740215 expiry=14/06/2031",
            ),
            (
                "TNS 14062031 15062031",
                "fields expiry=14/06/2031|15/06/2031",
            ),
            (
                "TNS 140631 050384",
                "fields expiry=14/06/2031 birth=05/03/1984",
            ),
            (
                "TNS D3345 140631",
                "fields id_type=cnie|sejour id_number=D3345",
            ),
            (
                "TNS 140631 050305",
                "fields expiry=14/06/2031|05/03/2005 birth=05/03/2005|14/06/1931",
            ),
            (
                "TNS D3345 31022031",
                "fields id_type=cnie|sejour id_number=D3345",
            ),
            (
                "TNS D3345 31/02/2031",
                "fields id_type=cnie|sejour id_number=D3345",
            ),
            // The example.
            ("TNS AB123456 31122030 25101980", "fields "),
            (
                "TNS AB123456 14062031 05031984",
                "fields expiry=14/06/2031 birth=05/03/1984",
            ),
            ("TNS cin ABI23456", "fields id_type=cnie"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn debug_keeps_the_content() {
        for text in [
            "TNS BE740215 14062031",
            "TNS BE740215 1990",
            "TNS bonjour 1990",
        ] {
            let debug = format!("{:?}", read(text, &keywords(), TODAY));
            assert!(
                !debug.contains("740215") && !debug.contains("20") && !debug.contains("19"),
                "{debug}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), near in "[A-Z0-9OI/. é٠-٩]{0,60}") {
            let _ = read(&text, std::slice::from_ref(&text), TODAY);
            let message = read(&format!("TNS {near}"), &keywords(), TODAY);
            if let Some(Message::Fields(fields)) = message {
                for values in fields.values() {
                    prop_assert!(!values.is_empty() && values.len() <= READINGS_MAX);
                }
            }
        }

        #[test]
        fn any_order(order in Just([0, 1, 2, 3]).prop_shuffle(), style in 0usize..4) {
            let fields = [
                ["cin", "CNIE", "carte nationale", "البطاقة الوطنية"],
                ["JC51834", "jc-51834", "JC 51834", "JC٥١٨٣٤"],
                ["02092029", "2/9/2029", "2 septembre 2029", "٢ شتنبر ٢٠٢٩"],
                ["17111990", "17-11-1990", "17 nov 1990", "١٧ نونبر ١٩٩٠"],
            ];
            let text: Vec<&str> = order.iter().map(|field| fields[*field][style]).collect();
            prop_assert_eq!(
                shown(&format!("TNS {}", text.join(" "))),
                "fields id_type=cnie id_number=JC51834 expiry=02/09/2029 birth=17/11/1990"
            );
        }
    }
}
