//! What is wrong with a file of texts, or with asking for a text.

use std::ops::Range;
use std::sync::Arc;

use fluent_syntax::parser::{ErrorKind, ParserError};
use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::conversation::Language;
use crate::locale::LocaleFile;

/// A mistake in a file of texts: where, what, and how it is mended.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("{file}:{line}:{column}: {what}")]
#[diagnostic(code(jisr::locale), help("{mend}"))]
pub struct LocaleFault {
    /// Its code; the same for ever.
    pub code: &'static str,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// How it is mended.
    pub mend: String,
    #[source_code]
    text: NamedSource<Arc<str>>,
    #[label("here")]
    span: SourceSpan,
}

impl LocaleFault {
    /// A fault at a stretch of bytes; one beyond the end is drawn back to it.
    pub(super) fn new(
        file: &LocaleFile,
        span: Range<usize>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let start = file.source.floor_char_boundary(span.start);
        let end = file.source.floor_char_boundary(span.end).max(start);
        let before = &file.source[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            code,
            file: file.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
            mend: mend.into(),
            text: NamedSource::new(&file.name, Arc::from(file.source.as_str())),
            span: (start..end).into(),
        }
    }

    /// What Fluent's parser says.
    pub(super) fn syntax(file: &LocaleFile, error: &ParserError) -> Self {
        let kind = &error.kind;
        let mend = if matches!(
            kind,
            ErrorKind::MissingDefaultVariant | ErrorKind::MultipleDefaultVariants
        ) {
            "put `*` before exactly one of the variants: `*[other] …`"
        } else if matches!(
            kind,
            ErrorKind::UnbalancedClosingBrace | ErrorKind::ExpectedInlineExpression
        ) {
            "write a variable as `{ $name }`, and a brace of the text as `{\"{\"}`"
        } else if matches!(kind, ErrorKind::ExpectedToken('}')) {
            "close what `{` opened; variables are written `{ $name }`"
        } else if matches!(
            kind,
            ErrorKind::ExpectedMessageField { .. } | ErrorKind::ExpectedTermField { .. }
        ) {
            "give it a text: `name = text`, or the text on the next lines, each begun with spaces"
        } else {
            "write `name = text`; a further line of a text begins with spaces, a comment with `# `"
        };
        let mut what = kind.to_string();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Self::new(file, error.pos.clone(), "L001", what, mend)
    }

    /// The language of a file is not among those whose plural rules are chosen.
    pub(super) fn no_plural_rules(file: &LocaleFile) -> Self {
        let what = format!(
            "no plural rules are chosen for the language `{}`",
            file.language
        );
        Self::new(
            file,
            0..0,
            "L007",
            what,
            "choose them in PLURALS in src/locale/file.rs",
        )
    }

    /// A text opens too many braces within each other.
    pub(super) fn too_deep(file: &LocaleFile, at: usize) -> Self {
        let what = "braces stand too deep within each other";
        Self::new(
            file,
            at..at + 1,
            "L008",
            what,
            "close them, or split the text into several messages",
        )
    }

    /// Where in the file, in bytes: where it begins, and how long it is.
    pub fn span(&self) -> (usize, usize) {
        (self.span.offset(), self.span.len())
    }
}

/// Why there is no text. It names what was asked for and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// The language has no texts.
    #[error("there are no texts in `{language}`")]
    Language {
        /// The language.
        language: Language,
    },
    /// The language has no such message.
    #[error("there is no text `{id}` in `{language}`")]
    Message {
        /// The language.
        language: Language,
        /// The message.
        id: String,
    },
    /// A variable was not given.
    #[error("the text `{id}` in `{language}` wants the variable `{variable}`, which is not given")]
    Variable {
        /// The language.
        language: Language,
        /// The message.
        id: String,
        /// The variable.
        variable: String,
    },
    /// The message asks for more than Fluent allows, such as over a hundred variables.
    #[error("the text `{id}` in `{language}` cannot be put together")]
    Broken {
        /// The language.
        language: Language,
        /// The message.
        id: String,
    },
}

impl TextFault {
    pub(super) fn unknown(language: &Language, id: &str) -> Self {
        Self::Message {
            language: language.clone(),
            id: id.to_owned(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::locale::Locales;

    pub fn file(language: &str, name: &str, source: &str) -> LocaleFile {
        LocaleFile {
            language: Language::from(language),
            name: name.to_owned(),
            source: source.to_owned(),
        }
    }

    pub fn print(faults: &[LocaleFault]) -> String {
        faults
            .iter()
            .map(|fault| format!("{} {fault}\n", fault.code))
            .collect()
    }

    #[test]
    fn faults() {
        #[track_caller]
        fn check(files: &[LocaleFile], expected: &str) {
            let faults = Locales::load(files).err().unwrap_or_default();
            let lines: Vec<&str> = expected
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            assert_eq!(
                print(&faults).lines().collect::<Vec<_>>(),
                lines,
                "{}",
                print(&faults)
            );
        }
        check(
            &[file("fr", "a.ftl", "ok = Oui\nété = Non\nsuite\n")],
            r#"
                L001 a.ftl:2:1: expected one of "a-zA-Z"
                L001 a.ftl:3:6: expected a token starting with "="
                "#,
        );
        check(
            &[file("fr", "a.ftl", "a =\n    Un\nDeux mots\nb = { $x\n")],
            r#"
                L001 a.ftl:3:6: expected a token starting with "="
                L001 a.ftl:5:1: expected a token starting with "}"
                "#,
        );
        check(
            &[file("fr", "a.ftl", "a = { $x ->\n  [un] Un\n }\n")],
            r#"
                L001 a.ftl:3:2: the select expression must have a default variant
                "#,
        );
        check(
            &[file("fr", "a.ftl", "a = Un }\n")],
            r#"
                L001 a.ftl:1:8: unbalanced closing brace
                "#,
        );
        check(
            &[
                file("fr", "a.ftl", "a = Un\n"),
                file("fr", "b.ftl", "b = B\na = Deux\n"),
                file("en", "c.ftl", "a = One\n"),
            ],
            r#"
                L002 b.ftl:2:1: `a` stands twice in `fr`; first in a.ftl
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                "a = Un\n    .w = x\n    .w = y\n-t = T\n-t = U\n",
            )],
            r#"
                L002 a.ftl:3:6: `a.w` stands twice in `fr`; first in a.ftl
                L002 a.ftl:5:2: `-t` stands twice in `fr`; first in a.ftl
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                "a = { b } { -c } { d.e } { NUMBER($n) }\nd = D\n",
            )],
            r#"
                L003 a.ftl:1:7: there is no text `b` in `fr`
                L003 a.ftl:1:14: there is no text `-c` in `fr`
                L003 a.ftl:1:20: there is no text `d.e` in `fr`
                L003 a.ftl:1:28: there is no function `NUMBER`
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                "a = { b }\nb = { c }\nc = { a }\nd = { a }\n",
            )],
            r#"
                L004 a.ftl:1:1: `a` refers to itself, directly or through others
                L004 a.ftl:2:1: `b` refers to itself, directly or through others
                L004 a.ftl:3:1: `c` refers to itself, directly or through others
                "#,
        );
        check(
            &[file("fr", "a.ftl", "a =\n    .words = oui\n")],
            r#"
                L005 a.ftl:1:1: `a` has no text of its own
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                "a = A\n    .words = { $w }\n-t = { $v }\n",
            )],
            r#"
                L006 a.ftl:2:17: `a.words` cannot have the variable `w`
                L006 a.ftl:3:9: `-t` cannot have the variable `v`
                "#,
        );
        check(
            &[file("zgh", "z.ftl", "a = A\n")],
            r#"
                L007 z.ftl:1:1: no plural rules are chosen for the language `zgh`
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                &format!("a = {}x", "{".repeat(100_000)),
            )],
            r#"
                L008 a.ftl:1:21: braces stand too deep within each other
                "#,
        );
        check(
            &[file(
                "fr",
                "a.ftl",
                "a = {\"{\"}\n# {{{{{{{{{{{{{{{{{\nb = B\n",
            )],
            "",
        );
    }

    #[test]
    fn a_fault_is_drawn_with_its_line() {
        let faults = Locales::load(&[file("fr", "locales/fr/x.ftl", "a = Un\nb = { aa }\n")])
            .err()
            .unwrap();
        let mut drawn = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
        handler.render_report(&mut drawn, &faults[0]).unwrap();
        assert!(
            drawn.contains("b = { aa }") && drawn.contains("locales/fr/x.ftl:2:7"),
            "{drawn}"
        );
        assert!(drawn.contains("help: correct the name"), "{drawn}");
    }
}
