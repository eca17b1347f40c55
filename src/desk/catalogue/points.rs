//! The file of agencies and proximity points.

use std::collections::BTreeMap;
use std::io::Read;

use super::LANGUAGES;
use crate::conversation::Language;
use crate::desk::sheet::{Faults, Row, Sheet};
use crate::dialog::lists::{Item, Labels, Point};

/// The columns of the file.
pub const COLUMNS: &[&str] = &[
    "kind",
    "region_key",
    "region_fr",
    "region_ar",
    "city_key",
    "city_fr",
    "city_ar",
    "latin",
    "arabic",
    "sample",
];

/// The most rows: every one is kept in memory.
const ROWS_MAX: usize = 100_000;

/// What is known of a region or a city from the rows before: its label, and for a city its region.
type Known = BTreeMap<String, (Labels, String, u64)>;

/// Reads the file. A key of a region or a city has the same labels in every row, and a city lies in
/// one region.
///
/// # Errors
/// Every [`Faults`], up to twenty.
pub fn read(name: &str, bytes: impl Read) -> Result<Vec<Point>, Faults> {
    let mut sheet = Sheet::open(name, bytes, COLUMNS)?;
    let (mut points, mut regions, mut cities) = (Vec::new(), Known::new(), Known::new());
    while let Some(mut row) = sheet.row() {
        if points.len() == ROWS_MAX {
            row.fault("kind", format!("at most {ROWS_MAX} rows"));
            break;
        }
        points.extend(point(&mut row, &mut regions, &mut cities));
    }
    sheet.finish()?;
    Ok(points)
}

/// Whether the text may be a key: it stands in slots and in logs.
pub(super) fn is_key(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn point(row: &mut Row<'_>, regions: &mut Known, cities: &mut Known) -> Option<Point> {
    let agency = row.get("kind", |text| match text {
        "agency" => Ok(true),
        "point" => Ok(false),
        _ => Err("agency or point".to_owned()),
    });
    let region = item(row, ["region_key", "region_fr", "region_ar"], "", regions);
    // Without its region a city cannot be judged; one fault is enough.
    let city = region
        .as_ref()
        .and_then(|region| item(row, ["city_key", "city_fr", "city_ar"], &region.key, cities));
    let latin = row.get("latin", |text| {
        filled(text, "name and address in Latin letters")
    });
    let arabic = row.get("arabic", |text| {
        filled(text, "name and address in Arabic letters")
    });
    let sample = row.get("sample", |text| match text {
        "true" | "yes" | "oui" | "1" => Ok(true),
        "false" | "no" | "non" | "0" | "" => Ok(false),
        _ => Err("true or false".to_owned()),
    });
    Some(Point {
        agency: agency?,
        region: region?,
        city: city?,
        latin: latin?,
        arabic: arabic?,
        sample: sample?,
    })
}

/// A region or a city: the Latin name serves for every language but Arabic.
fn item(
    row: &mut Row<'_>,
    columns: [&'static str; 3],
    within: &str,
    known: &mut Known,
) -> Option<Item> {
    let [key, latin, arabic] = columns;
    let name = row.get(key, |text| match is_key(text) {
        true => Ok(text.to_owned()),
        false => Err("1 to 32 small letters, digits and underscores".to_owned()),
    });
    let french = row.get(latin, |text| filled(text, "the name in Latin letters"));
    let in_arabic = row.get(arabic, |text| filled(text, "the name in Arabic letters"));
    let (name, french, in_arabic) = (name?, french?, in_arabic?);
    let text = |language: &str| {
        if language == "ar" {
            in_arabic.clone()
        } else {
            french.clone()
        }
    };
    let label: Labels = LANGUAGES
        .into_iter()
        .map(|language| (Language::from(language), text(language)))
        .collect();
    match known.get(&name) {
        Some((other, _, line)) if *other != label => {
            let line = *line;
            row.fault(
                key,
                format!("the same names as on line {line}, which has this key too"),
            );
            None
        }
        Some((_, other, line)) if other != within => {
            let line = *line;
            row.fault(
                key,
                format!(
                    "the region of line {line}, which has this city too; give the city another key"
                ),
            );
            None
        }
        Some(_) => Some(Item { key: name, label }),
        None => {
            known.insert(name.clone(), (label.clone(), within.to_owned(), row.line));
            Some(Item { key: name, label })
        }
    }
}

fn filled(text: &str, expected: &str) -> Result<String, String> {
    if text.is_empty() {
        Err(expected.to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn check(rows: &str, expected: &str) {
        let text = format!("{}\n{rows}\n", COLUMNS.join(","));
        let found = match read("p.csv", text.as_bytes()) {
            Ok(points) => format!("{} points", points.len()),
            Err(faults) => faults.to_string(),
        };
        assert_eq!(found, expected, "{rows}");
    }

    #[test]
    fn rows() {
        let good = "agency,r,R,ر,c,C,ك,Ici,هنا,false";
        check(good, "1 points");
        check(&format!("{good}\npoint,r,R,ر,d,D,د,Ici,هنا,"), "2 points");
        for (from, to, expected) in [
            (
                "agency",
                "office",
                "p.csv:2: kind: expected agency or point",
            ),
            (
                ",c,",
                ",C 1,",
                "p.csv:2: city_key: expected 1 to 32 small letters, digits and underscores",
            ),
            (
                ",C,",
                ",,",
                "p.csv:2: city_fr: expected the name in Latin letters",
            ),
            (
                "هنا",
                "",
                "p.csv:2: arabic: expected name and address in Arabic letters",
            ),
            (
                "false",
                "perhaps",
                "p.csv:2: sample: expected true or false",
            ),
        ] {
            check(&good.replacen(from, to, 1), expected);
        }
        check(
            &format!("{good}\npoint,r,RR,ر,c,C,ك,Ici,هنا,"),
            "p.csv:3: region_key: expected the same names as on line 2, which has this key too",
        );
        check(
            &format!("{good}\npoint,s,S,س,c,C,ك,Ici,هنا,"),
            "p.csv:3: city_key: expected the region of line 2, which has this city too; give the city another key",
        );
    }
}
