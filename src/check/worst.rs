//! The longest values that a text can be given, so that a screen that fits them fits all.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::{Language, SlotName};
use crate::dialog::lists::{Item, ListName, Lists};
use crate::dialog::{Dialog, FACTS, FactKind, SlotKind};

/// Facts that are text, with the longest that a registry gives (its contract), masked where it
/// masks. Numbers are given as facts of the gateway count them.
const FACT_VALUES: &[(&str, &str)] = &[
    ("registration", "888888888888"),
    (
        "reason_text",
        "Wwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww wwwwwww w",
    ),
    ("person_name", "W*********** W************"),
    ("person_address", "W** wwwwww, W********* WWWWWWWWWW"),
    ("person_email", "w*******@wwwwwwwww.ma"),
    ("person_phone", "06XXXXXX88"),
    ("tries_left", "8"),
    ("wait_seconds", "888"),
];

/// The words of the service, and what single texts are given beside.
const SERVICE_VALUES: &[(&str, &str)] = &[
    ("dial", "*2580*10#"),
    ("number", "36020"),
    ("keyword", "MACNSS"),
    ("help_line", "3939"),
    ("example_cnie", "AB123456"),
    ("example_sejour", "A123456B"),
    ("example_expiry", "31122030"),
    ("example_birth", "25101980"),
    ("code", "888888"),
    ("minutes", "88"),
    ("password", "Wwww-8888-Wwww"),
    ("value", "28/12/1988"),
    ("slot", "expiry"),
];

/// An address of e-mail as long as most are; longer ones break where they must.
const EMAIL: &str = "wwwwwwwwww.wwwwwwwwwwww@wwwwwwwwww.ma";

/// What a list is taken to hold before it is imported: labels as long as they may be.
const LABEL_LATIN: &str = "Wwwwwwwwwww wwwwwww wwww";
const LABEL_ARABIC: &str = "ووووووووو وووووو وووو";

/// The longest value of every variable in a language. Dates that stand before Arabic words, phone
/// numbers and codes have the form in which they are shown, since that decides how phones order
/// them.
pub fn values(
    dialog: &Dialog,
    lists: &Lists,
    language: &Language,
    arabic: bool,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = SERVICE_VALUES
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for (name, kind) in FACTS {
        let value = match kind {
            FactKind::Word(words) => longest(words.iter().copied()),
            FactKind::Flag => "false".to_owned(),
            FactKind::Text | FactKind::Number => FACT_VALUES
                .iter()
                .find(|(fact, _)| fact == name)
                .map_or("888888888888", |(_, value)| value)
                .to_owned(),
        };
        all.insert((*name).to_owned(), value);
    }
    for (SlotName(name), kind) in &dialog.slots {
        let value = match kind {
            SlotKind::Choice(words) => longest(words.iter().map(String::as_str)),
            SlotKind::Listed(list) => labels(lists, *list, language, arabic).remove(0),
            SlotKind::Identity => "WW888888".to_owned(),
            SlotKind::Expiry | SlotKind::Birth => "28/12/2038".to_owned(),
            SlotKind::Email => EMAIL.to_owned(),
            // Never shown.
            SlotKind::Code => continue,
        };
        all.insert(name.clone(), value);
    }
    let label = if arabic { LABEL_ARABIC } else { LABEL_LATIN };
    let documents = lists
        .groups
        .iter()
        .flat_map(|group| &group.categories)
        .map(|category| {
            let lines = category
                .documents
                .iter()
                .map(|labels| format!("- {}", in_language(labels, language)));
            lines.collect::<Vec<_>>().join("\n")
        });
    all.insert(
        "documents".to_owned(),
        longest_of(documents).unwrap_or_else(|| vec![format!("- {label}"); 4].join("\n")),
    );
    let cities: BTreeSet<&str> = lists
        .points
        .iter()
        .map(|point| point.city.key.as_str())
        .collect();
    let points = cities.into_iter().map(|city| {
        let points = lists.points_of(city);
        let lines = points.iter().map(|point| {
            if arabic {
                point.arabic.as_str()
            } else {
                point.latin.as_str()
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    all.insert(
        "points".to_owned(),
        longest_of(points).unwrap_or_else(|| vec![format!("{label}, {label}"); 3].join("\n")),
    );
    all
}

/// The labels of a list, the longest first; five samples where the list has none yet.
pub fn labels(lists: &Lists, list: ListName, language: &Language, arabic: bool) -> Vec<String> {
    let items: Vec<&Item> = match list {
        ListName::Groups | ListName::Regions => lists.items(list, None),
        ListName::Categories => {
            let groups = lists.groups.iter();
            groups
                .flat_map(|group| lists.items(list, Some(&group.item.key)))
                .collect()
        }
        ListName::Cities => {
            let regions = lists.items(ListName::Regions, None).into_iter();
            regions
                .flat_map(|region| lists.items(list, Some(&region.key)))
                .collect()
        }
    };
    let mut labels: Vec<String> = items
        .iter()
        .map(|item| in_language(&item.label, language).to_owned())
        .collect();
    if labels.is_empty() {
        labels = vec![(if arabic { LABEL_ARABIC } else { LABEL_LATIN }).to_owned(); 5];
    }
    labels.sort_by_key(|label| std::cmp::Reverse(label.chars().count()));
    labels
}

fn in_language<'l>(labels: &'l BTreeMap<Language, String>, language: &Language) -> &'l str {
    labels
        .get(language)
        .or_else(|| labels.values().next())
        .map_or("", String::as_str)
}

fn longest<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words
        .max_by_key(|word| word.chars().count())
        .unwrap_or_default()
        .to_owned()
}

fn longest_of(texts: impl Iterator<Item = String>) -> Option<String> {
    texts.max_by_key(|text| text.chars().count())
}
