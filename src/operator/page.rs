//! A shape as a page for people: Markdown, made from its file alone.

mod api;
mod sms;
mod ussd;

use std::fmt::Write as _;

use crate::callback::Channel;
use crate::operator::field::Field;
use crate::operator::file::{Head, Known, Mark};
use crate::operator::reply::ReplyTemplate;
use crate::operator::request::BodyKind;
use crate::operator::rule::{Rule, Test};
use crate::operator::shape::Shape;

/// Columns of running text.
const WIDTH: usize = 110;

/// The page of a shape.
pub fn page(shape: &Shape) -> String {
    let mut page = Page::default();
    page.head(shape.head());
    match shape {
        Shape::Ussd(shape) => ussd::write(&mut page, shape),
        Shape::Sms(shape) => sms::write(&mut page, shape),
    }
    page.sources(shape.head());
    page.0
}

/// The page that lists shapes, each with a link to its own.
pub fn index<'s>(shapes: impl Iterator<Item = &'s Shape>) -> String {
    let mut page = Page::default();
    page.line("# Shapes");
    page.text(
        "What operators send and how they want to be answered, as it is built in. Each page is made from the shape's file in `src/operator/shapes/`; `jisr links page NAME` prints it, of a file of your own too. How to connect one: [operators.md](../operators.md).",
    );
    let mut rows = Vec::new();
    for shape in shapes {
        let head = shape.head();
        let (what, samples) = match shape {
            Shape::Ussd(shape) => (
                ussd::how(shape),
                marks(shape.samples.iter().map(|sample| sample.mark)),
            ),
            Shape::Sms(shape) => (
                sms::parts(shape),
                marks(shape.samples.iter().map(|sample| sample.mark)),
            ),
        };
        rows.push(vec![
            format!("[`{0}`]({0}.md)", head.name),
            head.title.clone(),
            head.channel.as_str().to_uppercase(),
            what,
            match (head.enabled, head.known) {
                (false, _) => "in part; switched off".to_owned(),
                (true, Known::Whole) => "whole".to_owned(),
                (true, Known::Part) => "in part".to_owned(),
            },
            samples,
        ]);
    }
    page.table(
        &["shape", "operator", "channel", "how", "known", "samples"],
        &rows,
    );
    page.0
}

/// How many samples there are of each mark: `2 documented, 1 composed`.
fn marks(samples: impl Iterator<Item = Mark>) -> String {
    let all: Vec<Mark> = samples.collect();
    [
        Mark::Captured,
        Mark::Documented,
        Mark::Composed,
        Mark::Guessed,
    ]
    .into_iter()
    .filter_map(|mark| {
        let count = all.iter().filter(|one| **one == mark).count();
        (count > 0).then(|| format!("{count} {}", mark.word()))
    })
    .collect::<Vec<_>>()
    .join(", ")
}

/// Where docs/signing.md has a kind of authentication.
fn signing(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "hmac" => "hmac",
        "twilio" => "twilio",
        "vonage" => "vonage",
        "basic" | "bearer" | "key" | "path" => "passwords-keys-paths",
        "addresses" | "certificate" => "addresses-and-certificates",
        _ => return None,
    })
}

/// Markdown that grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push_str("\n\n");
    }

    /// What somebody wrote, with its stars and angles as they are.
    fn written(&mut self, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        for (at, piece) in text.split('`').enumerate() {
            if at > 0 {
                escaped.push('`');
            }
            match at % 2 {
                0 => escaped.push_str(&piece.replace('*', "\\*").replace('<', "&lt;")),
                _ => escaped.push_str(piece),
            }
        }
        self.text(&escaped);
    }

    /// Running text, broken into lines.
    fn text(&mut self, text: &str) {
        let mut column = 0;
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > WIDTH {
                self.0.push('\n');
                column = 0;
            } else if column > 0 {
                self.0.push(' ');
                column += 1;
            }
            self.0.push_str(word);
            column += width;
        }
        self.0.push_str("\n\n");
    }

    /// A table; nothing where it has no rows.
    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(self.0, "| {} |", head.join(" | "));
        let _ = writeln!(self.0, "|{}", "---|".repeat(head.len()));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(self.0, "| {} |", cells.join(" | "));
        }
        self.0.push('\n');
    }

    /// A block of bytes as they are.
    fn block(&mut self, language: &str, text: &str) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let _ = writeln!(self.0, "{fence}{language}\n{}\n{fence}\n", text.trim_end());
    }

    fn head(&mut self, head: &Head) {
        self.line(&format!("# {}", head.title));
        self.text(&format!(
            "Made from the file of the shape `{}`; do not edit it here.",
            head.name
        ));
        if !head.enabled {
            self.text(&format!(
                "**Switched off: no link can have it as it is.** {} What is missing has to come from the operator: copy the file into the folder of shapes, complete it there, and take `enabled: false` out.",
                capital(&sentence(&head.because))
            ));
        }
        let known = match (head.known, head.enabled) {
            (Known::Whole, _) => "The contract is known as far as the gateway needs it.".to_owned(),
            (Known::Part, false) => "**The contract is known in part only.**".to_owned(),
            (Known::Part, true) => format!(
                "**The contract is known in part only.** {}",
                capital(&sentence(&head.because))
            ),
        };
        self.text(&known);
        if !head.about.trim().is_empty() {
            self.written(&head.about);
        }
        self.line("## Setting it up");
        let kinds: Vec<String> = head
            .authentication
            .iter()
            .map(|kind| match signing(kind) {
                Some(anchor) => format!("[`{kind}`](../signing.md#{anchor})"),
                None => format!("`{kind}`"),
            })
            .collect();
        let kind = match head.channel {
            Channel::Ussd => "ussd-http",
            Channel::Sms => "sms-http",
        };
        self.text(&format!(
            "A `[[link]]` of kind `{kind}` with `shape = \"{}\"`; the keys are in [operators.md](../operators.md). {}",
            head.name,
            match kinds.as_slice() {
                [] => "How the operator shows who it is, is not known; see [signing.md](../signing.md).".to_owned(),
                [one] => format!("The operator can show who it is by {one}."),
                all => format!("The operator can show who it is by {}, best first; take as many as it can.", all.join(", ")),
            }
        ));
        if let Some(retries) = &head.retries {
            self.text(&format!(
                "It comes again {} after {}.",
                match retries.times {
                    1 => format!("once, {} later,", time(retries.every_ms)),
                    times => format!("up to {times} times, {} apart,", time(retries.every_ms)),
                },
                retries.after
            ));
        }
    }

    /// Methods, path and content types of a request, and its fields.
    fn request(&mut self, methods: &[String], path: &str, types: &[String], fields: &[Field]) {
        let types = match types {
            [] => "the content type is not looked at".to_owned(),
            types => format!("content type `{}`", types.join("` or `")),
        };
        self.text(&format!("`{}` on {path}; {types}.", methods.join("` or `")));
        let rows: Vec<Vec<String>> = fields.iter().map(field).collect();
        self.table(&["field", "stands at", "taken", "has to be there"], &rows);
    }

    fn sources(&mut self, head: &Head) {
        self.line("## Sources");
        for source in &head.sources {
            let _ = writeln!(self.0, "- {source}");
        }
    }
}

/// A row of the table of fields.
fn field(field: &Field) -> Vec<String> {
    let places: Vec<String> = field
        .places
        .iter()
        .map(|place| format!("`{place}`"))
        .collect();
    let mut taken = Vec::new();
    taken.extend(field.strip.as_ref().map(|text| format!("without `{text}`")));
    taken.extend(field.after.as_ref().map(|text| format!("behind `{text}`")));
    taken.extend(field.before.as_ref().map(|text| format!("before `{text}`")));
    taken.extend(
        field
            .part
            .as_ref()
            .map(|(separator, nth)| format!("part {nth} between `{separator}`")),
    );
    taken.extend(field.digits.then(|| "digits only".to_owned()));
    vec![
        format!("`{}`", field.name),
        places.join(", else "),
        match taken.is_empty() {
            true => "as it is".to_owned(),
            false => taken.join(", "),
        },
        match field.optional {
            true => "no".to_owned(),
            false => "yes".to_owned(),
        },
    ]
}

/// When a rule holds, in words.
fn when<T>(rule: &Rule<T>, fields: &[Field]) -> String {
    let name = fields
        .get(rule.field)
        .map_or("", |field| field.name.as_str());
    let words = |all: &[String]| {
        all.iter()
            .map(|one| match one.as_str() {
                "" => "nothing".to_owned(),
                one => format!("`{one}`"),
            })
            .collect::<Vec<_>>()
            .join(" or ")
    };
    let case = match rule.any_case {
        true => ", in capitals or not",
        false => "",
    };
    match &rule.test {
        Test::Always => "else".to_owned(),
        Test::Given(true) => format!("`{name}` is there"),
        Test::Given(false) => format!("`{name}` is not there"),
        Test::Empty(true) => format!("`{name}` is empty or not there"),
        Test::Empty(false) => format!("`{name}` has something in it"),
        Test::Equals(all) => format!("`{name}` is {}{case}", words(all)),
        Test::OtherThan(all) => format!("`{name}` is there, and not {}{case}", words(all)),
        Test::Begins(all) => format!("`{name}` begins with {}{case}", words(all)),
    }
}

/// The body of a request, in words.
fn body_kind(kind: BodyKind) -> &'static str {
    match kind {
        BodyKind::None => "no body",
        BodyKind::Form => "form",
        BodyKind::Json => "JSON",
        BodyKind::Xml => "XML",
        BodyKind::Text => "text",
    }
}

/// An answer with nothing of the request in it, as samples write it.
fn plain(template: &ReplyTemplate) -> String {
    template.answer(200, true, &|_| None).shown()
}

/// Milliseconds in their largest whole unit.
fn time(ms: u64) -> String {
    match ms {
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms >= 1_000 && ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

/// With its first letter as a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A text that ends as a sentence does.
fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::finding::Source;
    use crate::operator::shape::Shapes;

    const MADE: &str = r#"
shape: made
channel: ussd
title: Made up (sample)
known: part
enabled: false
because: nobody has told how a session ends
sources: [a letter]
authentication: [path, pigeon]
retries: { times: 1, every_ms: 90000, after: silence }
request:
  methods: [GET, POST]
  path: "/{sid}"
  fields:
    subscriber: { at: query tel, or: [header x-tel], strip: "tel:" }
    session: path sid
    kind: query op
    input: { at: 'query in|put', part: { of: ";", nth: 2 } }
reads:
  input: last
  first: dialled
  code: never
  event:
    - { field: kind, equals: ["", D], any_case: true, is: new }
    - { is: continue }
repeat: none
reply: { text: "{text}`{ends}" }
refused: { status: 200, text: "END {text}" }
limits: { septets: 160, units: 70 }
deadline_ms: 2500
session_ms: 120000
networks: { "60401": iam }
samples:
  - what: a dial
    mark: guessed
    source: a letter
    date: 2026-11-23
    request: |
      GET /77?tel=tel%3A%2B212661000001&op=D&in%7Cput=x%3B%2A580%23
    reads: { event: new }
    screen: "``` Bonjour"
"#;

    #[test]
    fn a_page_says_all_of_a_shape() {
        let shape = Shape::parse(&Source::new("made.yaml", MADE)).unwrap();
        insta::assert_snapshot!(page(&shape));
    }

    #[test]
    fn every_built_in_shape_has_a_page_with_all_of_it() {
        let shapes = Shapes::load(&[]).unwrap();
        let list = index(shapes.iter());
        for shape in shapes.iter() {
            let (head, page) = (shape.head(), page(shape));
            assert!(list.contains(&format!("({}.md)", head.name)), "{list}");
            let samples: Vec<String> = match shape {
                Shape::Ussd(shape) => shape.samples.iter().map(|s| s.what.clone()).collect(),
                Shape::Sms(shape) => shape.samples.iter().map(|s| s.what.clone()).collect(),
            };
            let samples = samples
                .iter()
                .map(|what| format!("### {}\n", capital(what)));
            let sources = head.sources.iter().map(|source| format!("- {source}\n"));
            for said in samples
                .chain(sources)
                .chain([format!("`{}`", head.name), format!("# {}\n", head.title)])
            {
                assert!(page.contains(&said), "{}: {said}", head.name);
            }
            assert_eq!(page.contains("Switched off"), !head.enabled, "{page}");
        }
    }
}
