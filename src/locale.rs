//! Every word that a subscriber reads: Fluent files, checked when loaded.

pub mod fault;
pub mod file;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::resolver::ResolverError;
use fluent_bundle::resolver::errors::ReferenceKind;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};
use fluent_syntax::ast::Pattern;

use crate::conversation::Language;
pub use crate::locale::fault::{LocaleFault, TextFault};
use crate::locale::file::plural_rules;
pub use crate::locale::file::{LocaleFile, embedded_files};
use crate::locale::uses::Pack;

/// What a text is given for its variables, by name. Numbers of at most six digits, written without
/// a leading zero, also choose plural forms.
pub type Args<'a> = BTreeMap<&'a str, String>;

/// The words by which a text chooses between its forms: the keys of each variable.
pub type Variants = BTreeMap<String, BTreeSet<String>>;

/// The texts of all languages.
pub struct Locales {
    languages: BTreeMap<Language, Texts>,
}

/// The texts of one language.
struct Texts {
    bundle: FluentBundle<FluentResource>,
    uses: BTreeMap<String, (BTreeSet<String>, Variants)>,
}

impl Locales {
    /// Reads files; several of one language make one pack.
    ///
    /// # Errors
    /// Everything that is wrong with them, in the order of the files: texts that cannot be read,
    /// the same message twice in a language, references that lead nowhere or in a circle, variables
    /// where none can be given, a language without plural rules.
    pub fn load(files: &[LocaleFile]) -> Result<Self, Vec<LocaleFault>> {
        let mut faults = Vec::new();
        let mut packs: BTreeMap<Language, Vec<(&LocaleFile, FluentResource)>> = BTreeMap::new();
        for file in files {
            let deep = file.too_deep();
            faults.extend(deep.map(|at| LocaleFault::too_deep(file, at)));
            let source = if deep.is_some() {
                String::new()
            } else {
                file.source.clone()
            };
            let resource = FluentResource::try_new(source).unwrap_or_else(|(rest, errors)| {
                faults.extend(errors.iter().map(|error| LocaleFault::syntax(file, error)));
                rest
            });
            packs
                .entry(file.language.clone())
                .or_default()
                .push((file, resource));
        }

        let mut languages = BTreeMap::new();
        for (language, resources) in packs {
            let pack = Pack::new(resources.iter().map(|(file, resource)| (*file, resource)));
            faults.extend(pack.faults());
            let uses = pack
                .messages()
                .map(|id| (id.to_owned(), pack.uses(id)))
                .collect();
            let Some(rules) = plural_rules(&language) else {
                faults.extend(
                    resources
                        .first()
                        .map(|(file, _)| LocaleFault::no_plural_rules(file)),
                );
                continue;
            };
            let mut bundle = FluentBundle::new_concurrent(vec![rules]);
            // The marks U+2068 and U+2069 would reach handsets, which draw boxes for them.
            bundle.set_use_isolating(false);
            for (_, resource) in resources {
                // Doubles are among the faults already.
                bundle.add_resource_overriding(resource);
            }
            languages.insert(language, Texts { bundle, uses });
        }

        let place = |fault: &LocaleFault| {
            (
                files.iter().position(|file| file.name == fault.file),
                fault.span(),
            )
        };
        faults.sort_by_key(place);
        if faults.is_empty() {
            Ok(Self { languages })
        } else {
            Err(faults)
        }
    }

    /// The texts that are built in.
    ///
    /// # Errors
    /// As [`Locales::load`]; the tests prove that there are none.
    pub fn embedded() -> Result<Self, Vec<LocaleFault>> {
        Self::load(&embedded_files())
    }

    /// The languages, in the order of their names.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.languages.keys()
    }

    /// The text of a message, without the spaces around it and at the ends of its lines.
    ///
    /// # Errors
    /// [`TextFault`] where there is no such language or message, or a variable of it is not given.
    pub fn text(&self, language: &Language, id: &str, args: &Args) -> Result<String, TextFault> {
        let bundle = &self.pack(language)?.bundle;
        let pattern = bundle.get_message(id).and_then(|message| message.value());
        let pattern = pattern.ok_or_else(|| TextFault::unknown(language, id))?;
        write(bundle, pattern, args, language, id)
    }

    /// Whether a message may ask for variables, also through what it refers to; of one that there is
    /// not nothing is known.
    pub fn asks(&self, language: &Language, id: &str) -> bool {
        self.uses(language, id)
            .is_none_or(|(variables, _)| !variables.is_empty())
    }

    /// An attribute of a message, such as the `words` that are accepted for a label.
    pub fn attribute(&self, language: &Language, id: &str, attribute: &str) -> Option<String> {
        let bundle = &self.pack(language).ok()?.bundle;
        let pattern = bundle.get_message(id)?.get_attribute(attribute)?.value();
        write(bundle, pattern, &Args::new(), language, id).ok()
    }

    /// The answers that mean an option: its label, and the further words of the label's attribute
    /// `words`, with Latin or Arabic commas between them.
    pub fn answers(&self, language: &Language, label: &str) -> Vec<String> {
        let shown = self.text(language, label, &Args::new()).ok();
        let further = self.attribute(language, label, "words").unwrap_or_default();
        let further = further.split([',', '،']).map(|word| word.trim().to_owned());
        shown
            .into_iter()
            .chain(further)
            .filter(|word| !word.is_empty())
            .collect()
    }

    /// The messages of a language; none of a language that there is not.
    pub fn ids(&self, language: &Language) -> BTreeSet<&str> {
        self.pack(language)
            .map(|texts| texts.uses.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// The variables that a message may ask for, also through what it refers to and to choose
    /// between its forms.
    pub fn variables(&self, language: &Language, id: &str) -> BTreeSet<String> {
        self.uses(language, id)
            .map(|(variables, _)| variables.clone())
            .unwrap_or_default()
    }

    /// The forms that a message has: for each variable that chooses, all keys, the default's too.
    /// A key given as the value of its variable brings that form out, also where it is a plural
    /// category.
    pub fn variants(&self, language: &Language, id: &str) -> Variants {
        self.uses(language, id)
            .map(|(_, variants)| variants.clone())
            .unwrap_or_default()
    }

    fn pack(&self, language: &Language) -> Result<&Texts, TextFault> {
        self.languages
            .get(language)
            .ok_or_else(|| TextFault::Language {
                language: language.clone(),
            })
    }

    fn uses(&self, language: &Language, id: &str) -> Option<&(BTreeSet<String>, Variants)> {
        self.languages.get(language)?.uses.get(id)
    }
}

fn write(
    bundle: &FluentBundle<FluentResource>,
    pattern: &Pattern<&str>,
    args: &Args,
    language: &Language,
    id: &str,
) -> Result<String, TextFault> {
    let given: FluentArgs = args
        .iter()
        .map(|(name, value)| (*name, fluent_value(value)))
        .collect();
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&given), &mut errors);
    match errors.first() {
        None => {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            Ok(lines.join("\n").trim().to_owned())
        }
        Some(FluentError::ResolverError(ResolverError::Reference(ReferenceKind::Variable {
            id: variable,
        }))) => Err(TextFault::Variable {
            language: language.clone(),
            id: id.to_owned(),
            variable: variable.clone(),
        }),
        Some(_) => Err(TextFault::Broken {
            language: language.clone(),
            id: id.to_owned(),
        }),
    }
}

/// A number where it is written as Fluent would write it, so that `[one]` and `[1]` are found; else
/// a word. Longer numbers and those with a leading zero are names, not amounts.
fn fluent_value(value: &str) -> FluentValue<'_> {
    match value.parse::<u32>() {
        Ok(number) if value.len() <= 6 && number.to_string() == value => FluentValue::from(number),
        Ok(_) | Err(_) => FluentValue::from(value),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::locale::fault::tests::{file, print};

    fn locales(language: &str, source: &str) -> Locales {
        Locales::load(&[file(language, "a.ftl", source)])
            .map_err(|faults| print(&faults))
            .unwrap()
    }

    const SAMPLE: &str = "
nav-back = 0 Retour
    .words = retour, arriere
help =
    Bonjour { $name }.   \n    Aide : { -line }
    { nav-back }
card =
    { $kind ->
        [sejour] Carte { $example_sejour }
       *[cnie]
            CNIE { $example }
            deux lignes
    }
tries =
    { $left ->
        [0] Plus d'essai
        [one] Encore { $left } essai
       *[other] Encore { $left } essais
    }
-line = 3939
";

    #[track_caller]
    fn check(
        source: &str,
        language: &str,
        id: &str,
        args: &[(&'static str, &str)],
        expected: &str,
    ) {
        let args: Args = args
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let text = locales(language, source).text(&Language::from(language), id, &args);
        assert_eq!(text.unwrap_or_else(|fault| format!("! {fault}")), expected);
    }

    #[test]
    fn texts() {
        let check = |id: &str, args: &[(&'static str, &str)], expected: &str| {
            check(SAMPLE, "fr", id, args, expected)
        };
        check("nav-back", &[], "0 Retour");
        check(
            "help",
            &[("name", "Awa")],
            "Bonjour Awa.\nAide : 3939\n0 Retour",
        );
        check(
            "card",
            &[("kind", "sejour"), ("example_sejour", "R1")],
            "Carte R1",
        );
        check(
            "card",
            &[("kind", "cnie"), ("example", "A1")],
            "CNIE A1\ndeux lignes",
        );
        check(
            "card",
            &[("kind", "other"), ("example", "A1")],
            "CNIE A1\ndeux lignes",
        );
        check("tries", &[("left", "0")], "Plus d'essai");
        check("tries", &[("left", "1")], "Encore 1 essai");
        check("tries", &[("left", "12")], "Encore 12 essais");
        check("tries", &[("left", "one")], "Encore one essai");
        // Names that look like numbers are shown as they are.
        check(
            "help",
            &[("name", "007")],
            "Bonjour 007.\nAide : 3939\n0 Retour",
        );
        check(
            "help",
            &[("name", "104882317")],
            "Bonjour 104882317.\nAide : 3939\n0 Retour",
        );
        check(
            "help",
            &[("name", "100000")],
            "Bonjour 100000.\nAide : 3939\n0 Retour",
        );
    }

    #[test]
    fn no_text() {
        let check = |id: &str, args: &[(&'static str, &str)], expected: &str| {
            check(SAMPLE, "fr", id, args, expected)
        };
        check("nothing", &[], "! there is no text `nothing` in `fr`");
        check("-line", &[], "! there is no text `-line` in `fr`");
        check(
            "help",
            &[],
            "! the text `help` in `fr` wants the variable `name`, which is not given",
        );
        check(
            "card",
            &[("example", "secret")],
            "! the text `card` in `fr` wants the variable `kind`, which is not given",
        );
        check(
            "card",
            &[("kind", "sejour")],
            "! the text `card` in `fr` wants the variable `example_sejour`, which is not given",
        );
        let fault = locales("fr", SAMPLE).text(&Language::from("de"), "help", &Args::new());
        assert_eq!(
            fault,
            Err(TextFault::Language {
                language: Language::from("de")
            })
        );
    }

    #[test]
    fn plurals_are_those_of_the_language() {
        let arabic = "
            days =
                { $n ->
                    [zero] ZERO
                    [one] ONE
                    [two] TWO
                    [few] FEW
                    [many] MANY
                   *[other] OTHER
                }
            "
        .replace("\n            ", "\n");
        for (n, form) in [
            ("0", "ZERO"),
            ("1", "ONE"),
            ("2", "TWO"),
            ("3", "FEW"),
            ("11", "MANY"),
            ("100", "OTHER"),
        ] {
            check(&arabic, "ar", "days", &[("n", n)], form);
        }
        // In French nought is singular, in English it is not.
        for (language, form) in [("fr", "ONE"), ("ary-Latn", "ONE"), ("en", "OTHER")] {
            check(&arabic, language, "days", &[("n", "0")], form);
        }
    }

    #[test]
    fn what_a_text_draws_on() {
        let locales = locales("fr", &format!("{SAMPLE}\nall = {{ card }} {{ help }}\n"));
        let fr = Language::from("fr");
        let names = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" ");
        let ids: Vec<&str> = locales.ids(&fr).into_iter().collect();
        assert_eq!(ids, ["all", "card", "help", "nav-back", "tries"]);
        assert_eq!(
            names(locales.variables(&fr, "card")),
            "example example_sejour kind"
        );
        assert_eq!(
            names(locales.variables(&fr, "all")),
            "example example_sejour kind name"
        );
        assert_eq!(names(locales.variables(&fr, "nav-back")), "");
        assert_eq!(
            format!("{:?}", locales.variants(&fr, "all")),
            r#"{"kind": {"cnie", "sejour"}}"#
        );
        assert_eq!(
            format!("{:?}", locales.variants(&fr, "tries")),
            r#"{"left": {"0", "one", "other"}}"#
        );
        assert_eq!(
            locales.attribute(&fr, "nav-back", "words").as_deref(),
            Some("retour, arriere")
        );
        assert_eq!(locales.attribute(&fr, "nav-back", "other"), None);
        assert_eq!(
            locales.answers(&fr, "nav-back"),
            ["0 Retour", "retour", "arriere"]
        );
        assert!(locales.answers(&fr, "nothing").is_empty());
        assert_eq!(locales.attribute(&fr, "nothing", "words"), None);
        assert!(locales.ids(&Language::from("de")).is_empty());
    }

    #[test]
    fn the_embedded_texts_are_right() {
        let locales = Locales::embedded()
            .map_err(|faults| print(&faults))
            .unwrap();
        let languages: Vec<&str> = locales.languages().map(Language::as_str).collect();
        assert_eq!(languages, ["ar", "ary-Latn", "en", "fr"]);
    }

    #[test]
    fn threads_share_them() {
        fn shared<T: Send + Sync>() {}
        shared::<Locales>();
    }
}
