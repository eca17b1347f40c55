//! Files of texts, and those that are built in.

use unic_langid::LanguageIdentifier;

use crate::conversation::Language;

/// The plural rules of each language. They are chosen here and never guessed: a language that the
/// Unicode tables do not know would fall to those of English. Darija in Latin letters counts as
/// French does.
const PLURALS: [(&str, &str); 4] = [("ar", "ar"), ("ary-Latn", "fr"), ("en", "en"), ("fr", "fr")];

/// The most braces that a text may open within each other.
const BRACES_MAX: usize = 16;

/// A file of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocaleFile {
    /// The language of its texts.
    pub language: Language,
    /// Its name as faults print it: `locales/fr/tns.ftl`.
    pub name: String,
    /// Its text.
    pub source: String,
}

macro_rules! embedded {
    ($($language:literal / $file:literal),+ $(,)?) => {
        /// The files that are built in, by language and path.
        const EMBEDDED: &[(&str, &str, &str)] = &[$((
            $language,
            concat!("locales/", $language, "/", $file),
            include_str!(concat!("../../locales/", $language, "/", $file)),
        )),+];
    };
}

embedded! {
    "ar" / "system.ftl",
    "ar" / "tns.ftl",
    "ary-Latn" / "system.ftl",
    "ary-Latn" / "tns.ftl",
    "en" / "system.ftl",
    "en" / "tns.ftl",
    "fr" / "system.ftl",
    "fr" / "tns.ftl",
}

impl LocaleFile {
    /// Where a text opens more braces within each other than any should. Fluent's parser calls itself
    /// for each, so that without a bound a file could exhaust the stack.
    pub(super) fn too_deep(&self) -> Option<usize> {
        let mut depth = 0usize;
        let mut start = 0;
        for line in self.source.split_inclusive('\n') {
            // A new message begins: whatever a string left open is of no account.
            if line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-') {
                depth = 0;
            }
            let braces = line
                .match_indices(['{', '}'])
                .filter(|_| !line.starts_with('#'));
            for (at, brace) in braces {
                depth = if brace == "{" {
                    depth + 1
                } else {
                    depth.saturating_sub(1)
                };
                if depth > BRACES_MAX {
                    return Some(start + at);
                }
            }
            start += line.len();
        }
        None
    }
}

/// The files that are built in.
pub fn embedded_files() -> Vec<LocaleFile> {
    let file = |(language, name, source): &(&str, &str, &str)| LocaleFile {
        language: Language::from(*language),
        name: (*name).to_owned(),
        source: (*source).to_owned(),
    };
    EMBEDDED.iter().map(file).collect()
}

/// The plural rules of a language, where they are chosen.
pub(super) fn plural_rules(language: &Language) -> Option<LanguageIdentifier> {
    let (_, rules) = PLURALS
        .iter()
        .find(|(name, _)| *name == language.as_str())?;
    rules.parse().ok()
}
