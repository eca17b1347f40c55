//! Findings: what is wrong with a definition, where, and how it is mended.
//!
//! Every check of a file that people write (dialogs, texts, lists) speaks in findings: a code that
//! stays the same for ever, a place, a sentence, a mend.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, NamedSource, Severity, SourceCode,
    SourceSpan, SpanContents,
};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// A stretch of a source, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub at: usize,
    /// How long it is.
    pub len: usize,
}

/// A file with its text, cheap to clone into findings.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// The text of a file; `file` is the name as findings print it.
    pub fn new(file: &str, text: &str) -> Self {
        Self {
            file: Arc::from(file),
            text: Arc::from(text),
        }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An error at a place of this file. A span beyond its end is drawn back to the end.
    pub fn error(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        let at = floor(&self.text, span.at);
        let end = floor(&self.text, span.at.saturating_add(span.len));
        Finding {
            code,
            level: Level::Error,
            span: Span { at, len: end - at },
            source: self.clone(),
            named: NamedSource::new(&*self.file, Arc::clone(&self.text)),
            message: message.into(),
            mend: mend.into(),
        }
    }

    /// The same, as a warning.
    pub fn warning(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Warning,
            ..self.error(code, span, message, mend)
        }
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..floor(&self.text, at)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[start..].chars().count() + 1,
        )
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// Whether a finding stops the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does.
    Error,
    /// It is only told.
    Warning,
}

impl Level {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its code, such as `D010`; the same for ever.
    pub code: &'static str,
    /// Error or warning.
    pub level: Level,
    /// Where, in bytes of the source.
    pub span: Span,
    /// The file.
    pub source: Source,
    /// What is wrong.
    pub message: String,
    /// How it is mended.
    pub mend: String,
    named: NamedSource<Arc<str>>,
}

impl Finding {
    /// Line and column, both from 1, the column in characters.
    pub fn place(&self) -> (usize, usize) {
        self.source.place(self.span.at)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {}

/// Bytes of a file that are shown around a finding; where lines are longer, a piece of its own line.
const EXCERPT_MAX: usize = 2_000;
/// Bytes of such a piece before the finding and behind it.
const PIECE: usize = 80;
/// Bytes that are underlined at most.
const LABEL_MAX: usize = 400;

impl SourceCode for Finding {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.named.read_span(span, before, after)?;
        if contents.data().len() <= EXCERPT_MAX {
            return Ok(contents);
        }
        let text = self.source.text();
        let at = floor(text, span.offset());
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let from = floor(text, at.saturating_sub(PIECE)).max(start);
        let to = floor(text, at.saturating_add(span.len()).saturating_add(PIECE));
        let (line, _) = self.source.place(at);
        let piece = MietteSpanContents::new_named(
            self.source.file().to_owned(),
            &text.as_bytes()[from..to],
            (from, to - from).into(),
            line - 1,
            text[start..from].chars().count(),
            1,
        );
        Ok(Box::new(piece))
    }
}

impl Diagnostic for Finding {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.mend))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = LabeledSpan::underline((self.span.at, self.span.len.min(LABEL_MAX)));
        Some(Box::new(std::iter::once(here)))
    }
}

impl Serialize for Finding {
    /// `{file, line, column, code, level, message, mend}`, for `--json`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (line, column) = self.place();
        let mut object = serializer.serialize_struct("Finding", 7)?;
        object.serialize_field("file", self.source.file())?;
        object.serialize_field("line", &line)?;
        object.serialize_field("column", &column)?;
        object.serialize_field("code", self.code)?;
        object.serialize_field("level", self.level.name())?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("mend", &self.mend)?;
        object.end()
    }
}

/// The word among `known` that `word` was probably meant to be: at most two letters away, and at
/// most a third of its length.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 2.min(word.chars().count() / 3 + 1);
    known
        .into_iter()
        .map(|other| (distance(word, other), other))
        .filter(|&(steps, _)| steps <= limit)
        .min_by_key(|&(steps, _)| steps)
        .map(|(_, other)| other)
}

/// Levenshtein's distance in characters. Words beyond 64 characters are as far as can be.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len().max(to.len()) > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (left, b) in to.iter().enumerate() {
            let step = (row[left] + 1)
                .min(row[left + 1] + 1)
                .min(diagonal + usize::from(a != b));
            diagonal = std::mem::replace(&mut row[left + 1], step);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let source = Source::new("a.yaml", "é: 1\nab: é x\n");
        for (at, place) in [
            (0, (1, 1)),
            (3, (1, 3)),
            (6, (2, 1)),
            (10, (2, 5)),
            (11, (2, 5)),
            (12, (2, 6)),
            (999, (3, 1)),
        ] {
            assert_eq!(source.place(at), place, "{at}");
        }
    }

    #[test]
    fn of_a_long_line_a_piece_is_shown() {
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
        let long = "é".repeat(150_000);
        let text = format!("a: 1\nb: {long} here {long}\nc: 2\n");
        let here = text.find("here").unwrap();
        for span in [
            Span { at: here, len: 4 },
            Span {
                at: here,
                len: 200_000,
            },
            Span {
                at: 0,
                len: text.len(),
            },
            Span {
                at: text.len(),
                len: 1,
            },
            Span {
                at: 8,
                len: 200_000,
            },
        ] {
            let source = Source::new("a.yaml", &text);
            let finding = source.error("S000", span, "is wrong", "mend it");
            let mut printed = String::new();
            handler.render_report(&mut printed, &finding).unwrap();
            assert!(printed.len() < 5_000, "{span:?}: {}", printed.len());
            assert!(printed.contains("is wrong") && printed.contains("mend it"));
            assert!(printed.contains("a.yaml"), "{printed}");
            if span.at == here {
                assert!(
                    printed.contains("here") && printed.contains(" 2 "),
                    "{printed}"
                );
            }
        }
    }

    #[test]
    fn a_near_word_is_offered() {
        let known = ["menu", "list", "ask", "call"];
        for (word, meant) in [
            ("meun", Some("menu")),
            ("lists", Some("list")),
            ("cal", Some("call")),
            ("house", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn json_has_place_and_mend() {
        let finding =
            Source::new("a.yaml", "x\nyy: 1").error("D000", Span { at: 2, len: 2 }, "m", "do");
        assert_eq!(
            serde_json::to_string(&finding).unwrap(),
            r#"{"file":"a.yaml","line":2,"column":1,"code":"D000","level":"error","message":"m","mend":"do"}"#
        );
    }

    #[test]
    fn a_span_beyond_the_end_is_drawn_back() {
        let finding = Source::new("a.yaml", "é").error("D000", Span { at: 1, len: 90 }, "m", "do");
        assert_eq!(finding.span, Span { at: 0, len: 2 });
    }
}
