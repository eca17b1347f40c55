//! The category file: YAML, read with small limits, and checked with the place of every fault.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::LANGUAGES;
use crate::conversation::Language;
use crate::dialog::lists::{Category, Group, Item, Labels, Lists};

/// The most nodes and the deepest nesting of a file; the embedded one has about 900 and 8.
const NODES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 16;

/// A fault of a category file: file, line, caret and mend.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{text}")]
pub struct CategoriesError {
    text: String,
    #[help]
    mend: String,
    #[source_code]
    file: miette::NamedSource<String>,
    #[label("here")]
    at: Option<miette::SourceSpan>,
    line: u64,
}

impl CategoriesError {
    /// The line of the fault, from 1; 0 where it concerns the whole file.
    pub fn line(&self) -> u64 {
        self.line
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<String>,
    date: Spanned<String>,
    source: Spanned<String>,
    documents: BTreeMap<String, Spanned<Texts>>,
    groups: Spanned<Vec<RawGroup>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    key: Spanned<String>,
    label: Spanned<Texts>,
    categories: Spanned<Vec<RawCategory>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCategory {
    key: Spanned<String>,
    label: Spanned<Texts>,
    documents: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    sample: bool,
}

type Texts = BTreeMap<String, String>;

/// Reads a category file; `points` of the lists stay empty. `name` is how faults call the file.
///
/// # Errors
/// The first fault: broken YAML, an unknown or missing field, a key that is there twice, a language
/// that is missing, a category without documents or with unknown ones, or documents that are not
/// marked as samples in a file that names no source.
pub fn read(name: &str, text: &str) -> Result<Lists, Box<CategoriesError>> {
    let checker = Checker { name, text };
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0 },
    };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let plain = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let form = "the form of the file is that of dialogs/categories.yaml";
        checker.fault(
            location,
            plain.render_with_formatter(&serde_saphyr::DefaultMessageFormatter),
            form,
        )
    })?;
    checker.lists(file)
}

/// The file that is being checked.
struct Checker<'a> {
    name: &'a str,
    text: &'a str,
}

impl Checker<'_> {
    fn lists(&self, file: File) -> Result<Lists, Box<CategoriesError>> {
        if file.version.value.trim().is_empty() {
            return Err(self.fault(
                file.version.referenced,
                "the version is empty",
                "give the list a version, such as \"2027.1\"",
            ));
        }
        if file.date.value.parse::<jiff::civil::Date>().is_err() || file.date.value.len() != 10 {
            return Err(self.fault(
                file.date.referenced,
                "the date is not a day",
                "write it as \"yyyy-mm-dd\", between quotes",
            ));
        }
        let sourced = !file.source.value.trim().is_empty();
        let mut documents = BTreeMap::new();
        for (key, texts) in &file.documents {
            documents.insert(key.as_str(), self.labels(texts)?);
        }
        if file.groups.value.is_empty() {
            return Err(self.fault(
                file.groups.referenced,
                "there is no group",
                "list at least one group",
            ));
        }

        let (mut groups, mut group_keys, mut category_keys) =
            (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for group in &file.groups.value {
            let item = self.item(&group.key, &group.label, &mut group_keys)?;
            if group.categories.value.is_empty() {
                let mend = "list at least one category, or take the group out";
                return Err(self.fault(
                    group.categories.referenced,
                    "the group has no category",
                    mend,
                ));
            }
            let mut categories = Vec::new();
            for category in &group.categories.value {
                let item = self.item(&category.key, &category.label, &mut category_keys)?;
                if !category.sample && !sourced {
                    let mend = "say in `source` at the top where the documents come from, or mark the category `sample: true`";
                    return Err(self.fault(
                        category.key.referenced,
                        "the documents have no source and are not marked as a sample",
                        mend,
                    ));
                }
                let documents = self.documents(category, &documents)?;
                categories.push(Category {
                    item,
                    documents,
                    sample: category.sample,
                });
            }
            groups.push(Group { item, categories });
        }
        Ok(Lists {
            version: file.version.value,
            date: file.date.value,
            groups,
            points: Vec::new(),
        })
    }

    fn documents(
        &self,
        category: &RawCategory,
        known: &BTreeMap<&str, Labels>,
    ) -> Result<Vec<Labels>, Box<CategoriesError>> {
        if category.documents.value.is_empty() {
            let mend = "name the documents to bring; a worker would go in vain";
            return Err(self.fault(
                category.documents.referenced,
                "the category has no document",
                mend,
            ));
        }
        category
            .documents
            .value
            .iter()
            .map(|key| {
                known.get(key.value.as_str()).cloned().ok_or_else(|| {
                    let names: Vec<&str> = known.keys().copied().collect();
                    let mend = format!(
                        "expected one of {}; add it under `documents` at the top",
                        names.join(", ")
                    );
                    self.fault(
                        key.referenced,
                        format!("there is no document `{}`", key.value),
                        mend,
                    )
                })
            })
            .collect()
    }

    fn item(
        &self,
        key: &Spanned<String>,
        label: &Spanned<Texts>,
        seen: &mut BTreeSet<String>,
    ) -> Result<Item, Box<CategoriesError>> {
        if !super::points::is_key(&key.value) {
            let mend = "use 1 to 32 small letters, digits and underscores";
            return Err(self.fault(key.referenced, "this is not a key", mend));
        }
        if !seen.insert(key.value.clone()) {
            let text = format!("the key `{}` is there twice", key.value);
            return Err(self.fault(
                key.referenced,
                text,
                "give each group and each category a key of its own",
            ));
        }
        Ok(Item {
            key: key.value.clone(),
            label: self.labels(label)?,
        })
    }

    fn labels(&self, texts: &Spanned<Texts>) -> Result<Labels, Box<CategoriesError>> {
        for language in LANGUAGES {
            let text = texts.value.get(language).map_or("", |text| text.trim());
            if text.is_empty() || text.chars().any(char::is_control) {
                let mend = format!("give one line of text for each of {}", LANGUAGES.join(", "));
                return Err(self.fault(
                    texts.referenced,
                    format!("the text in `{language}` is missing"),
                    mend,
                ));
            }
        }
        if let Some(language) = texts
            .value
            .keys()
            .find(|language| !LANGUAGES.contains(&language.as_str()))
        {
            let mend = format!("expected {}", LANGUAGES.join(", "));
            return Err(self.fault(
                texts.referenced,
                format!("`{language}` is not a language of the service"),
                mend,
            ));
        }
        Ok(texts
            .value
            .iter()
            .map(|(language, text)| (Language::from(language.as_str()), text.trim().to_owned()))
            .collect())
    }

    fn fault(
        &self,
        location: Location,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Box<CategoriesError> {
        Box::new(CategoriesError {
            text: text.into(),
            mend: mend.into(),
            file: miette::NamedSource::new(self.name, self.text.to_owned()).with_language("yaml"),
            at: self.offset(location).map(|offset| (offset, 1).into()),
            line: location.line(),
        })
    }

    /// Bytes before a place; lines and columns count from 1, columns in characters.
    fn offset(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
        let before: usize = self
            .text
            .split_inclusive('\n')
            .take(line)
            .map(str::len)
            .sum();
        let text = self.text.get(before..)?;
        Some(
            before
                + text
                    .char_indices()
                    .nth(column)
                    .map_or(text.len(), |(at, _)| at),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const GOOD: &str = r#"version: "1"
date: "2026-11-23"
source: "somewhere"
documents:
  card: { ar: "ا", fr: "Carte", ary-Latn: "La carte", en: "Card" }
groups:
  - key: one
    label: { ar: "ا", fr: "Un", ary-Latn: "Wa7ed", en: "One" }
    categories:
      - key: first
        label: { ar: "ا", fr: "Premier", ary-Latn: "Lewwel", en: "First" }
        documents: [card]
      - key: second
        label: { ar: "ا", fr: "Second", ary-Latn: "Tani", en: "Second" }
        documents: [card]
        sample: true
"#;

    #[test]
    fn a_good_file() {
        let lists = read("c.yaml", GOOD).unwrap();
        assert_eq!(
            (
                lists.version.as_str(),
                lists.date.as_str(),
                lists.groups.len()
            ),
            ("1", "2026-11-23", 1)
        );
        let first = lists.category("first").unwrap();
        assert_eq!((first.documents.len(), first.sample), (1, false));
        assert_eq!(first.documents[0][&Language::from("ary-Latn")], "La carte");
        assert!(lists.category("second").unwrap().sample);
    }

    #[test]
    fn faults_have_a_line_and_a_mend() {
        for (from, to, line, expected) in [
            ("\"1\"", "\" \"", 1, "the version is empty"),
            ("2026-11-23", "23/11/2026", 2, "the date is not a day"),
            ("2026-11-23", "2026-02-30", 2, "the date is not a day"),
            ("somewhere", "", 10, "no source and are not marked"),
            ("source", "sources", 3, "sources"),
            ("en: \"Card\"", "en: \" \"", 5, "`en` is missing"),
            (", en: \"One\"", "", 8, "`en` is missing"),
            (
                "en: \"One\"",
                "en: \"One\", es: \"Uno\"",
                8,
                "`es` is not a language",
            ),
            ("key: one", "key: \"Un Deux\"", 7, "not a key"),
            ("second\n", "first\n", 13, "`first` is there twice"),
            (
                "documents: [card]\n      -",
                "documents: []\n      -",
                12,
                "has no document",
            ),
            (
                "documents: [card]\n      -",
                "documents: [cart]\n      -",
                12,
                "no document `cart`",
            ),
            ("sample: true", "sample: maybe", 16, "bool"),
            ("groups:", "groups: []\nmore:", 7, "more"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let text = GOOD.replacen(from, to, 1);
            let error = read("c.yaml", &text)
                .err()
                .unwrap_or_else(|| panic!("{from} -> {to} was taken"));
            assert!(
                error.text.contains(expected),
                "{from} -> {to}: {}",
                error.text
            );
            assert_eq!(error.line(), line, "{from} -> {to}: {}", error.text);
            assert!(error.at.is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn bombs_and_depths_are_stopped() {
        for text in [
            format!("version: {}", "[".repeat(10_000)),
            "a: &a [x]\nb: [*a, *a]\n".to_owned(),
            format!("version:\n{}", "- x\n".repeat(NODES_MAX + 1)),
            String::new(),
        ] {
            assert!(read("c.yaml", &text).is_err());
        }
    }
}
