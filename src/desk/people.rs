//! A person as a row of `import people`: how the cells are read, and how they are kept.

use std::io::Read;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::callback::Msisdn;
use crate::desk::sheet::{Row, Sheet};
use crate::desk::{IdKind, Person, Standing, wire};
use crate::dialog::REASONS;
use crate::input::identity;

/// The columns of the file.
pub const COLUMNS: &[&str] = &[
    "id_type",
    "id_number",
    "expiry",
    "birth",
    "standing",
    "registration",
    "account",
    "reason",
    "reason_text",
    "phone",
    "name",
    "address",
    "email",
];

/// What is kept of a person, sealed as one value.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub expiry: Date,
    pub birth: Date,
    pub standing: KeptStanding,
    pub phone: Option<Msisdn>,
    pub name: String,
    pub address: String,
    pub email: String,
}

/// Where a person stands; whether there is an account is kept elsewhere, because it changes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum KeptStanding {
    Registered(String),
    Subject,
    NotEligible(String, String),
}

/// One row that fits.
pub(super) struct Entry {
    pub kind: IdKind,
    pub number: String,
    pub account: bool,
    pub kept: Kept,
}

impl Kept {
    /// The registration number of somebody who is registered.
    pub fn registration(&self) -> Option<&str> {
        match &self.standing {
            KeptStanding::Registered(registration) => Some(registration),
            KeptStanding::Subject | KeptStanding::NotEligible(..) => None,
        }
    }

    /// The person as the procedure shows them.
    pub fn person(self, account: bool) -> Person {
        Person {
            standing: match self.standing {
                KeptStanding::Registered(registration) => Standing::Registered {
                    registration,
                    account,
                },
                KeptStanding::Subject => Standing::Subject,
                KeptStanding::NotEligible(reason, text) => Standing::NotEligible { reason, text },
            },
            phone: self.phone,
            name: self.name,
            address: self.address,
            email: self.email,
        }
    }
}

/// The next row of a file of people: none at its end, `Some(None)` for one with faults.
pub(super) fn next<R: Read>(sheet: &mut Sheet<R>) -> Option<(u64, Option<Entry>)> {
    let mut row = sheet.row()?;
    Some((row.line, entry(&mut row)))
}

fn entry(row: &mut Row<'_>) -> Option<Entry> {
    let kind = row.get("id_type", |text| match text {
        "cnie" => Ok(IdKind::Cnie),
        "sejour" => Ok(IdKind::Sejour),
        _ => Err("cnie or sejour".to_owned()),
    });
    // Without its kind a number cannot be judged; one fault is enough.
    let number = kind.and_then(|kind| row.get("id_number", |text| number(kind, text)));
    let expiry = row.get("expiry", day);
    let birth = row.get("birth", day);
    let account = row.get("account", |text| match text {
        "yes" | "oui" | "true" | "1" => Ok(true),
        "no" | "non" | "false" | "0" | "" => Ok(false),
        _ => Err("yes or no".to_owned()),
    });
    let registration = row.text("registration");
    let (reason, reason_text) = (row.text("reason"), row.text("reason_text"));
    let standing = match row.text("standing").as_str() {
        "registered" if !wire::is_registration(&registration) => {
            row.fault(
                "registration",
                "nine digits, with the zeros in front; in a spreadsheet, format the column as text",
            );
            None
        }
        "registered" => Some(KeptStanding::Registered(registration.clone())),
        "subject" => Some(KeptStanding::Subject),
        "not_eligible" if !REASONS.contains(&reason.as_str()) => {
            row.fault("reason", REASONS.join(", "));
            None
        }
        "not_eligible" if reason == "other" && reason_text.is_empty() => {
            row.fault(
                "reason_text",
                "the registry's own words, because the reason is `other`",
            );
            None
        }
        "not_eligible" => Some(KeptStanding::NotEligible(
            reason.clone(),
            reason_text.clone(),
        )),
        _ => {
            row.fault("standing", "registered, subject or not_eligible");
            None
        }
    };
    match &standing {
        Some(KeptStanding::Subject | KeptStanding::NotEligible(..)) => {
            if !registration.is_empty() {
                row.fault(
                    "registration",
                    "nothing, because the person is not registered",
                );
            }
            if account == Some(true) {
                row.fault("account", "no, because the person is not registered");
            }
        }
        Some(KeptStanding::Registered(_)) | None => {}
    }
    if matches!(
        &standing,
        Some(KeptStanding::Registered(_) | KeptStanding::Subject)
    ) && !reason.is_empty()
    {
        row.fault("reason", "nothing, because the person is eligible");
    }
    let phone = row.get("phone", |text| match text {
        "" => Ok(None),
        text => Msisdn::parse(text)
            .map(Some)
            .map_err(|_| "a number such as +212661000001 or 0661000001, or nothing".to_owned()),
    });
    let name = row.get("name", |text| match text {
        "" => Err("family name and first name".to_owned()),
        text => within(text, 120),
    });
    let address = row.get("address", |text| within(text, 200));
    let email = row.get("email", |text| match text {
        "" => Ok(String::new()),
        text if text.contains('@') && !text.contains(char::is_whitespace) => within(text, 254),
        _ => Err("an address with @ and without blanks, or nothing".to_owned()),
    });
    Some(Entry {
        kind: kind?,
        number: number?,
        account: account?,
        kept: Kept {
            expiry: expiry?,
            birth: birth?,
            standing: standing?,
            phone: phone?,
            name: name?,
            address: address?,
            email: email?,
        },
    })
}

/// The number of a document, in capitals without separators.
fn number(kind: IdKind, text: &str) -> Result<String, String> {
    let number = identity::normal(text);
    match kind {
        IdKind::Cnie if identity::is_cnie(&number) => Ok(number),
        IdKind::Cnie => Err(
            "one or two letters and 1 to 7 digits, 8 characters at most, as on the front of a CNIE"
                .into(),
        ),
        IdKind::Sejour if identity::is_sejour(&number) => Ok(number),
        IdKind::Sejour => Err("4 to 12 letters and digits, as on the carte de séjour".into()),
    }
}

/// A day as `dd/mm/yyyy`.
fn day(text: &str) -> Result<Date, String> {
    let expected = || "a day of the calendar as dd/mm/yyyy".to_owned();
    let parts: Vec<&str> = text.split('/').collect();
    let [day, month, year] = parts[..] else {
        return Err(expected());
    };
    if (day.len(), month.len(), year.len()) != (2, 2, 4)
        || !text.bytes().all(|b| b.is_ascii_digit() || b == b'/')
    {
        return Err(expected());
    }
    let (Ok(day), Ok(month), Ok(year)) = (day.parse(), month.parse(), year.parse()) else {
        return Err(expected());
    };
    if !(1900..=2100).contains(&year) {
        return Err("a year from 1900 to 2100".to_owned());
    }
    Date::new(year, month, day).map_err(|_| expected())
}

fn within(text: &str, characters: usize) -> Result<String, String> {
    if text.chars().count() <= characters {
        Ok(text.to_owned())
    } else {
        Err(format!("at most {characters} characters"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const GOOD: &str = "cnie,BE740215,14/06/2031,05/03/1984,registered,104882317,yes,,,+212661000001,EXEMPLE Salma,1 rue,s@example.ma";

    /// Reads one row; what it holds in short, or its faults.
    fn read(row: &str) -> String {
        let text = format!("{}\n{row}\n", COLUMNS.join(","));
        let mut sheet = Sheet::open("p.csv", text.as_bytes(), COLUMNS).unwrap();
        let (_, entry) = next(&mut sheet).unwrap();
        if let Err(faults) = sheet.finish() {
            assert!(
                entry.is_none()
                    || faults
                        .faults
                        .iter()
                        .all(|fault| fault.expected.contains("because"))
            );
            return faults
                .faults
                .iter()
                .map(|f| format!("{}: {}", f.column, f.expected))
                .collect::<Vec<_>>()
                .join("\n");
        }
        let entry = entry.unwrap();
        format!(
            "{} {} {} {}",
            entry.kind.word(),
            entry.number,
            entry.kept.expiry,
            entry.kept.birth
        )
    }

    #[test]
    fn rows_that_fit() {
        for (row, expected) in [
            (GOOD, "cnie BE740215 2031-06-14 1984-03-05"),
            (
                "cnie,be 740-215,14/06/2031,05/03/1984,subject,,,,,,N,,",
                "cnie BE740215 2031-06-14 1984-03-05",
            ),
            (
                "cnie,A1,14/06/2031,29/02/1996,subject,,no,,,0661000001,N,,",
                "cnie A1 2031-06-14 1996-02-29",
            ),
            (
                "sejour,R204518M,11/08/2027,23/12/1988,not_eligible,,no,other,Motif,,N,,",
                "sejour R204518M 2027-08-11 1988-12-23",
            ),
        ] {
            assert_eq!(read(row), expected, "{row}");
        }
    }

    #[test]
    fn rows_that_do_not() {
        for (from, to, expected) in [
            ("cnie", "CIN", "id_type: cnie or sejour"),
            (
                "BE740215",
                "BE0740215",
                "id_number: one or two letters and 1 to 7 digits, 8 characters at most, as on the front of a CNIE",
            ),
            (
                "BE740215",
                "",
                "id_number: one or two letters and 1 to 7 digits, 8 characters at most, as on the front of a CNIE",
            ),
            (
                "14/06/2031",
                "2031-06-14",
                "expiry: a day of the calendar as dd/mm/yyyy",
            ),
            (
                "14/06/2031",
                "31/06/2031",
                "expiry: a day of the calendar as dd/mm/yyyy",
            ),
            (
                "05/03/1984",
                "5/3/1984",
                "birth: a day of the calendar as dd/mm/yyyy",
            ),
            (
                "05/03/1984",
                "05/03/1484",
                "birth: a year from 1900 to 2100",
            ),
            (
                "registered",
                "inscrit",
                "standing: registered, subject or not_eligible",
            ),
            (
                "104882317",
                "4882317",
                "registration: nine digits, with the zeros in front; in a spreadsheet, format the column as text",
            ),
            (",yes,", ",maybe,", "account: yes or no"),
            (
                "+212661000001",
                "66",
                "phone: a number such as +212661000001 or 0661000001, or nothing",
            ),
            ("EXEMPLE Salma", "", "name: family name and first name"),
            (
                "s@example.ma",
                "s.example.ma",
                "email: an address with @ and without blanks, or nothing",
            ),
            (
                "registered",
                "subject",
                "registration: nothing, because the person is not registered\naccount: no, because the person is not registered",
            ),
            (
                "registered,104882317,yes,",
                "not_eligible,,no,cnops",
                "reason: salaried, public, tadamon, pensioner, other",
            ),
            (
                "registered,104882317,yes,",
                "not_eligible,,no,other",
                "reason_text: the registry's own words, because the reason is `other`",
            ),
            (
                ",yes,,",
                ",yes,salaried,",
                "reason: nothing, because the person is eligible",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(
                read(&GOOD.replacen(from, to, 1)),
                expected,
                "{from} -> {to}"
            );
        }
    }
}
