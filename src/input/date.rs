//! Dates, in every form in which people in Morocco type them. The order is day, month, year.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::combinator::{all_consuming, map, verify};
use nom::multi::many_m_n;
use nom::{IResult, Parser};

use crate::input::{Reading, Wrong, months, words};

/// The longest text, in bytes, that can be a date.
const LENGTH_MAX: usize = 64;
/// The most numbers, words and separators in one.
const PIECES_MAX: usize = 12;

/// What a slot allows, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl Range {
    /// Whether the day is within.
    pub fn contains(&self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// Expiry dates: not beyond ten years and a month, for which a card is valid when it is made. A
/// past one is for the registry to judge.
pub fn expiry_range(today: Date) -> Range {
    Range {
        from: date(1990, 1, 1),
        to: today.saturating_add(10.years().months(1)),
    }
}

/// Birth dates of people who are 16 to 110 years old today.
pub fn birth_range(today: Date) -> Range {
    let turns_111_tomorrow = today.saturating_sub(111.years()).saturating_add(1.day());
    Range {
        from: turns_111_tomorrow,
        to: today.saturating_sub(16.years()),
    }
}

/// Reads a date. A two-digit year is in the century in which the range has it; where several
/// readings remain they are [`Reading::Several`].
///
/// The prompt's `example` typed back, `25/10/1980` or `25101980`, is [`Wrong::Example`]; that day
/// in other words may well be somebody's own, so it is asked.
pub fn read(text: &str, range: &Range, example: Date) -> Reading<Date> {
    let Some(readings) = readings(text) else {
        return Reading::Wrong(Wrong::Form);
    };
    if readings.is_empty() {
        return Reading::Wrong(Wrong::NoSuchDay);
    }
    let fitting: Vec<Date> = readings
        .into_iter()
        .filter(|day| range.contains(*day))
        .collect();
    match fitting[..] {
        [] => Reading::Wrong(Wrong::OutOfRange),
        [day] if day == example && is_verbatim(text, example) => Reading::Wrong(Wrong::Example),
        [day] if day != example => Reading::One(day),
        _ => Reading::Several(fitting),
    }
}

fn is_verbatim(text: &str, example: Date) -> bool {
    let text = words::normal(text);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (day, month, year) = (example.day(), example.month(), example.year());
    digits == format!("{day:02}{month:02}{year:04}") && !text.contains(char::is_alphabetic)
}

/// Every real day that the text can mean, in any range; none if it has the form of a date but
/// there is no such day; nothing at all if it has not the form.
pub(super) fn readings(text: &str) -> Option<Vec<Date>> {
    let text = words::normal(text);
    if text.len() > LENGTH_MAX {
        return None;
    }
    let (_, pieces) = pieces(&text).ok()?;
    let pieces: Vec<Piece<'_>> = pieces.into_iter().flatten().collect();
    let parts = parts(&pieces);
    if parts.is_empty() {
        return None;
    }
    let mut days: Vec<Date> = Vec::new();
    for day in parts.iter().flat_map(Parts::days) {
        if !days.contains(&day) {
            days.push(day);
        }
    }
    Some(days)
}

/// A date is numbers and words; what stands between them does not matter.
#[derive(Clone, PartialEq, Eq)]
enum Piece<'a> {
    Number(&'a str),
    /// As [`words::key`] makes it.
    Word(String),
}

fn pieces(text: &str) -> IResult<&str, Vec<Option<Piece<'_>>>> {
    let number = map(take_while1(|c: char| c.is_ascii_digit()), |digits| {
        Some(Piece::Number(digits))
    });
    let gap = map(take_while1(is_separator), |_| None);
    let word = map(
        verify(take_while1(|c: char| !c.is_ascii_digit()), |run: &str| {
            run.contains(char::is_alphabetic)
        }),
        |run| Some(Piece::Word(words::key(run))),
    );
    all_consuming(many_m_n(1, PIECES_MAX, alt((number, word, gap)))).parse(text)
}

/// `*` is the only separator within reach on some keypads; `؍` is the Arabic date separator.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        '/' | '-' | '.' | ',' | ' ' | '_' | ':' | '\\' | '*' | '#' | '‐'..='―' | '−' | '،' | '؍'
    )
}

/// One reading, not yet known to be a day.
struct Parts {
    years: Vec<i16>,
    months: Vec<i8>,
    day: i8,
}

impl Parts {
    /// From digits: one or two for day and month, two or four for the year.
    fn new(day: &str, months: Vec<i8>, year: &str) -> Option<Self> {
        let number: i16 = year.parse().ok()?;
        let years = match year.len() {
            2 => vec![1900 + number, 2000 + number],
            4 => vec![number],
            _ => return None,
        };
        let day = Some(day).filter(|day| day.len() <= 2)?.parse().ok()?;
        (!months.is_empty()).then_some(Self { years, months, day })
    }

    fn numeric(day: &str, month: &str, year: &str) -> Option<Self> {
        let month = Some(month).filter(|month| month.len() <= 2)?.parse().ok()?;
        Self::new(day, vec![month], year)
    }

    fn days(&self) -> impl Iterator<Item = Date> + '_ {
        self.years.iter().flat_map(move |year| {
            self.months
                .iter()
                .filter_map(move |month| Date::new(*year, *month, self.day).ok())
        })
    }
}

fn parts(pieces: &[Piece<'_>]) -> Vec<Parts> {
    use Piece::{Number, Word};
    // "le 5 mars", "1984 م"
    let pieces = match pieces {
        [Word(lead), rest @ ..] if months::is_lead(lead) => rest,
        all => all,
    };
    let pieces = match pieces {
        [rest @ .., Word(tail)] if months::is_tail(tail) => rest,
        all => all,
    };
    let one = match pieces {
        [Number(digits)] => return compact(digits),
        [Number(year), Number(month), Number(day)] if year.len() == 4 => {
            // The year is first, so the last cannot be one.
            Some(*day)
                .filter(|day| day.len() <= 2)
                .and_then(|day| Parts::numeric(day, month, year))
        }
        [Number(day), Number(month), Number(year)] => Parts::numeric(day, month, year),
        [Number(year), Word(month), Number(day)] if year.len() == 4 => {
            Parts::new(day, months::named(month), year)
        }
        [Number(day), Word(month), Number(year)] => Parts::new(day, months::named(month), year),
        [Word(month), Number(day), Number(year)] => Parts::new(day, months::named(month), year),
        [Word(month), Number(day), Word(ordinal), Number(year)] if months::is_ordinal(ordinal) => {
            Parts::new(day, months::named(month), year)
        }
        [Word(first), Number(year)] => {
            months::after_first(first).and_then(|month| Parts::new("1", months::named(month), year))
        }
        _ => None,
    };
    one.into_iter().collect()
}

/// Without separators: `ddmmyyyy`, `yyyymmdd`, `ddmmyy` and what is left of the first and the
/// third without leading zeros. `1121984` is two days.
fn compact(digits: &str) -> Vec<Parts> {
    // Where the day, the month and the year stand; the year is plausible where it is not the
    // form that is asked, so that 310284 is no day rather than one in the year 284.
    let cut = |day: (usize, usize), month: (usize, usize), year: (usize, usize)| {
        let parts = Parts::numeric(
            &digits[day.0..day.1],
            &digits[month.0..month.1],
            &digits[year.0..year.1],
        )?;
        let plausible = parts.years.iter().all(|year| (1900..2100).contains(year));
        (plausible || (digits.len() == 8 && year.1 == 8)).then_some(parts)
    };
    let ways = match digits.len() {
        8 => vec![cut((0, 2), (2, 4), (4, 8)), cut((6, 8), (4, 6), (0, 4))],
        7 => vec![cut((0, 1), (1, 3), (3, 7)), cut((0, 2), (2, 3), (3, 7))],
        6 => vec![cut((0, 2), (2, 4), (4, 6)), cut((0, 1), (1, 2), (2, 6))],
        5 => vec![cut((0, 1), (1, 3), (3, 5)), cut((0, 2), (2, 3), (3, 5))],
        _ => Vec::new(),
    };
    ways.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::input::example;

    const TODAY: Date = date(2026, 11, 23);

    /// `expected`: an ISO date, `ask` and several, or the name of what is wrong.
    fn check(range: &Range, text: &str, expected: &str) {
        let example = if *range == birth_range(TODAY) {
            example::BIRTH
        } else {
            example::EXPIRY
        };
        let got = match read(text, range, example) {
            Reading::One(day) => day.to_string(),
            Reading::Several(days) => {
                let days: Vec<String> = days.iter().map(Date::to_string).collect();
                format!("ask {}", days.join(" "))
            }
            Reading::Wrong(wrong) => wrong.name().to_owned(),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn births() {
        for (text, expected) in [
            // Digits.
            ("05031984", "1984-03-05"),
            ("٠٥٠٣١٩٨٤", "1984-03-05"),
            ("۰۵۰۳۱۹۸۴", "1984-03-05"),
            ("5031984", "1984-03-05"),
            ("1121984", "ask 1984-12-01 1984-02-11"),
            ("1111984", "ask 1984-11-01 1984-01-11"),
            ("3121984", "1984-12-03"), // there is no 31 February
            ("050384", "1984-03-05"),
            ("531984", "1984-03-05"),
            ("50384", "1984-03-05"),
            ("11284", "ask 1984-12-01 1984-02-11"),
            ("19840305", "1984-03-05"),
            // Separators.
            ("05/03/1984", "1984-03-05"),
            ("5/3/1984", "1984-03-05"),
            ("5-3-1984", "1984-03-05"),
            ("05.03.1984", "1984-03-05"),
            ("05 03 1984", "1984-03-05"),
            ("5 / 3 / 1984", "1984-03-05"),
            ("5*3*1984", "1984-03-05"),
            ("5 -- 3 -- 1984.", "1984-03-05"),
            ("5–3–1984", "1984-03-05"),
            ("٥/٣/١٩٨٤", "1984-03-05"),
            ("٥؍٣؍١٩٨٤", "1984-03-05"),
            ("\u{200F}٠٥-٠٣-١٩٨٤", "1984-03-05"),
            ("05/03/84", "1984-03-05"),
            ("5 3 84", "1984-03-05"),
            ("1984-03-05", "1984-03-05"),
            ("1984 03 05", "1984-03-05"),
            ("1984/3/5", "1984-03-05"),
            ("12/11/1984", "1984-11-12"),
            ("29/02/1996", "1996-02-29"),
            ("01/01/05", "2005-01-01"),
            // Month names.
            ("5 mars 1984", "1984-03-05"),
            ("5mars1984", "1984-03-05"),
            ("05-Mar-84", "1984-03-05"),
            ("le 5 mars 1984", "1984-03-05"),
            ("1er août 1984", "1984-08-01"),
            ("1 AOUT 1984", "1984-08-01"),
            ("14 févr. 1984", "1984-02-14"),
            ("3 jui 1984", "ask 1984-06-03 1984-07-03"),
            ("3 juil 1984", "1984-07-03"),
            ("March 5, 1984", "1984-03-05"),
            ("5th of March 1984", "1984-03-05"),
            ("December 31st, 1984", "1984-12-31"),
            ("1984 mars 5", "1984-03-05"),
            ("5 مارس 1984", "1984-03-05"),
            ("٥ مارس ١٩٨٤", "1984-03-05"),
            ("5 ماي 1984", "1984-05-05"),
            ("٧ يوليوز ١٩٩٠", "1990-07-07"),
            ("20 غشت 1979", "1979-08-20"),
            ("9 شتنبر 1979", "1979-09-09"),
            ("17 نونبر 1990", "1990-11-17"),
            ("23 دجنبر 1988", "1988-12-23"),
            ("أبريل 5 1984", "1984-04-05"),
            ("فاتح يناير 1984", "1984-01-01"),
            ("5 كانون الثاني 1984", "1984-01-05"),
            ("5 تشرين 1984", "ask 1984-10-05 1984-11-05"),
            ("5 شهر مارس 1984 م", "1984-03-05"),
            ("5 ghocht 1984", "1984-08-05"),
            // The example.
            ("25/10/1980", "example"),
            ("25101980", "example"),
            ("٢٥١٠١٩٨٠", "example"),
            ("25 octobre 1980", "ask 1980-10-25"),
            ("25/10/80", "ask 1980-10-25"),
            // No such day.
            ("31/02/1984", "day"),
            ("31021984", "day"),
            ("310284", "day"),
            ("29/02/1983", "day"),
            ("05/13/1984", "day"),
            ("00/03/1984", "day"),
            ("32 mars 1984", "day"),
            // Out of range.
            ("24/11/2010", "range"),
            ("23/11/2010", "2010-11-23"),
            ("23/11/1915", "range"),
            ("24/11/1915", "1915-11-24"),
            ("05/03/2031", "range"),
            ("05/03/0084", "range"),
            ("05/03/15", "range"),
            // Not of the form.
            ("", "form"),
            ("5", "form"),
            ("1984", "form"),
            ("03/1984", "form"),
            ("mars 1984", "form"),
            ("5 mars", "form"),
            ("5/3/984", "form"),
            ("005/03/1984", "form"),
            ("5 ma 1984", "form"),
            ("5 xyz 1984", "form"),
            ("5/3/1984 6", "form"),
            ("5+3+1984", "form"),
            ("BE740215", "form"),
            ("3awn", "form"),
            ("99999999999999999999", "form"),
            ("99999999999999999999/1/1", "form"),
        ] {
            check(&birth_range(TODAY), text, expected);
        }
    }

    #[test]
    fn expiries() {
        for (text, expected) in [
            ("14062031", "2031-06-14"),
            ("140631", "2031-06-14"),
            ("14/6/31", "2031-06-14"),
            ("14 juin 2031", "2031-06-14"),
            ("١٤ يونيو ٢٠٣١", "2031-06-14"),
            ("2031-06-14", "2031-06-14"),
            ("20310614", "2031-06-14"),
            ("14/06/2021", "2021-06-14"),
            ("14/06/99", "1999-06-14"),
            ("23/12/2036", "2036-12-23"),
            ("24/12/2036", "range"),
            ("31/12/1989", "range"),
            ("31/12/2030", "example"),
            ("31122030", "example"),
            ("1112030", "ask 2030-11-01 2030-01-11"),
            ("30/02/2030", "day"),
        ] {
            check(&expiry_range(TODAY), text, expected);
        }
    }

    #[test]
    fn both_centuries_are_asked() {
        let wide = Range {
            from: date(1900, 1, 1),
            to: date(2099, 12, 31),
        };
        let expected = Reading::Several(vec![date(1984, 3, 5), date(2084, 3, 5)]);
        assert!(read("05/03/84", &wide, example::BIRTH) == expected);
    }

    #[test]
    fn ranges_on_leap_days() {
        assert_eq!(birth_range(date(2024, 2, 29)).to, date(2008, 2, 29));
        assert_eq!(birth_range(date(2024, 2, 28)).to, date(2008, 2, 28));
        assert_eq!(expiry_range(date(2028, 1, 31)).to, date(2038, 2, 28));
        let _ = (birth_range(Date::MIN), expiry_range(Date::MAX));
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), near in "[0-9/ a-zé.٠-٩-]{0,20}") {
            for range in [birth_range(TODAY), expiry_range(TODAY)] {
                let _ = read(&text, &range, example::BIRTH);
                let _ = read(&near, &range, example::BIRTH);
            }
        }

        #[test]
        fn each_form_is_read_back(year in 1920i16..2009, month in 1i8..=12, day in 1i8..=31) {
            let Ok(expected) = Date::new(year, month, day) else { return Ok(()) };
            prop_assume!(expected != example::BIRTH);
            let short = year % 100;
            let index = usize::try_from(month).unwrap() - 1;
            let mut forms = vec![
                format!("{day:02}{month:02}{year}"),
                format!("{year}{month:02}{day:02}"),
                format!("{day:02}{month:02}{short:02}"),
                format!("{year}-{month:02}-{day:02}"),
            ];
            for gap in ["/", "-", ".", " ", " / ", "*"] {
                forms.push(format!("{day:02}{gap}{month:02}{gap}{year}"));
                forms.push(format!("{day}{gap}{month}{gap}{year}"));
                forms.push(format!("{day}{gap}{month}{gap}{short:02}"));
                forms.push(format!("{year}{gap}{month}{gap}{day}"));
            }
            for name in months::NAMES[index] {
                forms.push(format!("{day} {name} {year}"));
                forms.push(format!("{day}{name}{short:02}"));
                forms.push(format!("{name} {day}, {year}"));
            }
            let arabic = |text: &String| text.chars().map(|c| match c.to_digit(10) {
                Some(digit) => char::from_u32(0x0660 + digit).unwrap(),
                None => c,
            }).collect::<String>();
            let in_arabic: Vec<String> = forms.iter().map(arabic).collect();
            for form in forms.iter().chain(&in_arabic) {
                prop_assert!(
                    read(form, &birth_range(TODAY), example::BIRTH) == Reading::One(expected),
                    "{}", form
                );
            }
            // Without leading zeros it may be two days, but this is always one of them.
            for form in [format!("{day}{month}{year}"), format!("{day}{month:02}{year}")] {
                match read(&form, &birth_range(TODAY), example::BIRTH) {
                    Reading::One(read) => prop_assert_eq!(read, expected),
                    Reading::Several(days) => prop_assert!(days.contains(&expected)),
                    Reading::Wrong(_) => prop_assert!(false, "{}", form),
                }
            }
        }
    }
}
