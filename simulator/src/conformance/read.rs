//! Reads an answer as the operator does, and notes what the operator would not take.

use serde::Deserialize;
use serde_json::Value;

use crate::conformance::ask::{Values, filled};
use crate::conformance::client::Came;
use crate::conformance::operator::{AnswerForm, Limits, RefusalForm};
use crate::conformance::xml::Element;
use crate::smsc::alphabet::septets;

/// A place in an answer, and what has to stand there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A JSON pointer (RFC 6901).
    #[serde(default)]
    pub json: Option<String>,
    /// A path in an XML document: [`Element::at`].
    #[serde(default)]
    pub xml: Option<String>,
    /// A header.
    #[serde(default)]
    pub header: Option<String>,
    /// A piece of the body between `|`, counted from 0.
    #[serde(default)]
    pub piece: Option<usize>,
    /// What the body begins with; it is not part of the text.
    #[serde(default)]
    pub starts: Option<String>,
    /// The body as it is.
    #[serde(default)]
    pub body: bool,
    /// The value, with placeholders in texts.
    #[serde(default)]
    pub is: Option<Value>,
    /// It is there, or not.
    #[serde(default)]
    pub present: Option<bool>,
    /// The value beside a text in the GSM alphabet, and beside any other.
    #[serde(default)]
    pub alphabet: Option<[String; 2]>,
}

/// What of an answer can be wrong, each a line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// The status.
    Status,
    /// The content type.
    ContentType,
    /// UTF-8 without a byte order mark, nothing in front.
    Clean,
    /// A document of the operator's kind.
    Document,
    /// Exactly one of: it goes on, it is over.
    Marker,
    /// There is a text.
    Text,
    /// What has to be in it besides.
    Also,
    /// It fits a screen.
    Limit,
}

/// What an operator makes of an answer.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The text of the screen, where one can be found.
    pub text: Option<String>,
    /// Whether the session goes on, where that can be told.
    pub open: Option<bool>,
    /// What is wrong, with what was expected.
    pub faults: Vec<(Facet, String)>,
}

impl Read {
    /// Why there is no screen: what is missing of one, else the first fault.
    pub fn cause(&self) -> Option<&str> {
        let of = |wanted| self.faults.iter().find(|(facet, _)| *facet == wanted);
        let found = of(Facet::Status).or_else(|| of(Facet::Text));
        let found = found.or_else(|| self.faults.first());
        found.map(|(_, fault)| fault.as_str())
    }
}

/// An answer taken apart.
pub struct Parts<'a> {
    came: &'a Came,
    body: String,
    json: Option<Value>,
    xml: Option<Element>,
}

impl<'a> Parts<'a> {
    /// Takes an answer apart; a byte order mark is left out.
    pub fn of(came: &'a Came) -> Self {
        let body = String::from_utf8_lossy(&came.body).into_owned();
        let body = body.strip_prefix('\u{feff}').unwrap_or(&body).to_owned();
        Self {
            json: serde_json::from_str(&body).ok(),
            xml: Element::parse(body.as_bytes()).ok(),
            body,
            came,
        }
    }

    /// What stands at a rule's place.
    pub fn at(&self, rule: &Rule) -> Option<Value> {
        if let Some(pointer) = &rule.json {
            self.json.as_ref()?.pointer(pointer).cloned()
        } else if let Some(path) = &rule.xml {
            self.xml.as_ref()?.at(path).map(Value::String)
        } else if let Some(header) = &rule.header {
            self.came
                .header(header)
                .map(|value| Value::String(value.to_owned()))
        } else if let Some(piece) = rule.piece {
            let piece = self.body.split('|').nth(piece)?;
            Some(Value::String(piece.trim().to_owned()))
        } else {
            Some(Value::String(self.body.clone()))
        }
    }

    /// What is missing for an answer to tell of an error as the operator wants it.
    pub fn untold(&self, form: &RefusalForm, values: &Values) -> Option<String> {
        let status = form.status.unwrap_or(400);
        if self.came.status != status {
            return Some(format!("status {status}"));
        }
        if let Some(wanted) = &form.content_type
            && self.came.media_type() != *wanted
        {
            return Some(wanted.clone());
        }
        let missing = form.tells.iter().find(|rule| !self.holds(rule, values));
        missing.map(|rule| rule.words(values))
    }

    /// Whether a rule holds.
    pub fn holds(&self, rule: &Rule, values: &Values) -> bool {
        if let Some(start) = &rule.starts {
            return self.body.trim_start().starts_with(start.as_str());
        }
        let found = self.at(rule);
        if let Some(present) = rule.present {
            return found.is_some() == present;
        }
        match (&rule.is, found) {
            (Some(wanted), Some(found)) => filled(wanted, values) == found,
            (None, found) => found.is_some(),
            (Some(_), None) => false,
        }
    }
}

impl Rule {
    /// The rule in words, for the report.
    pub fn words(&self, values: &Values) -> String {
        if let Some(start) = &self.starts {
            return format!("the body begins with {start:?}");
        }
        let place = match self {
            Self { json: Some(at), .. } | Self { xml: Some(at), .. } => at.clone(),
            Self {
                header: Some(at), ..
            } => format!("the header {at}"),
            Self {
                piece: Some(at), ..
            } => format!("piece {at}"),
            _ => "the body".to_owned(),
        };
        match (&self.is, self.present) {
            (Some(wanted), _) => format!("{place} is {}", filled(wanted, values)),
            (None, Some(false)) => format!("{place} is not there"),
            (None, _) => format!("{place} is there"),
        }
    }
}

/// Reads the answer to a callback.
pub fn read(form: &AnswerForm, limits: &Limits, values: &Values, came: &Came) -> Read {
    let mut read = Read::default();
    let mut fault = |facet, expected: String| read.faults.push((facet, expected));
    if came.status != form.status {
        fault(Facet::Status, format!("status {}", form.status));
    }
    if let Some(wanted) = &form.content_type
        && came.media_type() != *wanted
    {
        fault(Facet::ContentType, wanted.clone());
    }
    if std::str::from_utf8(&came.body).is_err() {
        fault(Facet::Clean, "UTF-8".to_owned());
    }
    if came.body.starts_with("\u{feff}".as_bytes()) {
        fault(Facet::Clean, "no byte order mark".to_owned());
    }
    let parts = Parts::of(came);
    let starts = |rule: &&Rule| rule.starts.is_some();
    let rules = || form.more.iter().chain(&form.end);
    if rules().any(|rule| rule.starts.is_some())
        && parts.body.starts_with(|first: char| first.is_whitespace())
    {
        fault(
            Facet::Clean,
            "nothing before the first character".to_owned(),
        );
    }
    let wants_json = form.rules().any(|rule| rule.json.is_some());
    let wants_xml = form.rules().any(|rule| rule.xml.is_some());
    if wants_json && parts.json.is_none() {
        fault(Facet::Document, "a JSON document".to_owned());
    }
    if wants_xml && parts.xml.is_none() {
        fault(Facet::Document, "an XML document".to_owned());
    }
    let goes_on = form.more.iter().all(|rule| parts.holds(rule, values));
    let is_over = form.end.iter().all(|rule| parts.holds(rule, values));
    read.open = match (goes_on, is_over) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (true, true) | (false, false) => {
            let words = |rules: &[Rule]| {
                let words: Vec<String> = rules.iter().map(|rule| rule.words(values)).collect();
                words.join(" and ")
            };
            let expected = format!(
                "{} (it goes on), or {} (it is over)",
                words(&form.more),
                words(&form.end)
            );
            read.faults.push((Facet::Marker, expected));
            None
        }
    };
    let mut text = match parts.at(&form.text) {
        Some(Value::String(text)) => text,
        Some(_) | None => String::new(),
    };
    for rule in rules().filter(starts) {
        let start = rule.starts.as_deref().unwrap_or_default();
        if let Some(rest) = text.trim_start().strip_prefix(start) {
            text = rest.to_owned();
            break;
        }
    }
    if text.trim().is_empty() {
        let words = Rule {
            is: None,
            ..form.text.clone()
        }
        .words(values);
        read.faults
            .push((Facet::Text, format!("a text: {words} and not empty")));
    } else {
        if let Some(expected) = too_long(limits, &text) {
            read.faults.push((Facet::Limit, expected));
        }
        read.text = Some(text);
    }
    for rule in &form.also {
        let rule = match (&rule.alphabet, &read.text) {
            (Some([gsm, other]), Some(text)) => {
                let wanted = if septets(text).is_some() { gsm } else { other };
                &Rule {
                    is: Some(Value::from(wanted.as_str())),
                    ..rule.clone()
                }
            }
            (Some(_), None) | (None, _) => rule,
        };
        if !parts.holds(rule, values) {
            read.faults.push((Facet::Also, rule.words(values)));
        }
    }
    read
}

/// What a text exceeds.
fn too_long(limits: &Limits, text: &str) -> Option<String> {
    if let Some(most) = limits.characters {
        let there = text.chars().count();
        if there > most {
            return Some(format!("at most {most} characters, not {there}"));
        }
    }
    let (most, there, unit) = match septets(text) {
        Some(there) => (limits.septets, there, "septets"),
        None => (limits.units, text.encode_utf16().count(), "UTF-16 units"),
    };
    (there > most).then(|| format!("at most {most} {unit}, not {there}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::time::Duration;

    use super::*;
    use crate::conformance::operator::{self, Description};

    fn said(shape: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let Description::Ussd(ussd) = operator::load(shape).unwrap() else {
            panic!("{shape} carries no USSD");
        };
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let came = Came {
            status: 200,
            headers: headers.iter().map(pair).collect(),
            body: body.to_vec(),
            took: Duration::ZERO,
        };
        let values = [("session".to_owned(), "s1".to_owned())].into();
        let read = read(&ussd.answer, &ussd.limits, &values, &came);
        let faults: Vec<String> = read
            .faults
            .iter()
            .map(|(facet, _)| format!("{facet:?}"))
            .collect();
        format!(
            "{} {:?} {}",
            read.text.unwrap_or_default(),
            read.open,
            faults.join(" ")
        )
    }

    #[test]
    fn answers_are_read_as_operators_do() {
        let text = [("content-type", "text/plain; charset=utf-8")];
        let xml = [("content-type", "text/xml")];
        let long = format!("CON {}", "م".repeat(81));
        let seen = "م".repeat(81);
        for (shape, headers, body, wanted) in [
            ("africastalking", &text[..], &b"CON a"[..], "a Some(true) "),
            ("africastalking", &text, b"END a", "a Some(false) "),
            (
                "africastalking",
                &text,
                b"\xef\xbb\xbfCON a",
                "a Some(true) Clean",
            ),
            ("africastalking", &text, b" CON a", "a Some(true) Clean"),
            (
                "africastalking",
                &text,
                b"CONTINUE a",
                "CONTINUE a None Marker",
            ),
            ("africastalking", &text, b"CON ", " Some(true) Text"),
            (
                "africastalking",
                &text,
                b"CON \xff",
                "\u{fffd} Some(true) Clean",
            ),
            ("africastalking", &xml, b"CON a", "a Some(true) ContentType"),
            (
                "africastalking",
                &text,
                long.as_bytes(),
                &format!("{seen} Some(true) Limit"),
            ),
            (
                "cellulant",
                &text,
                b"1|a|null|null|null|null",
                "a Some(true) ",
            ),
            (
                "cellulant",
                &text,
                b"1|a|null|null|end|null",
                "a Some(false) ",
            ),
            (
                "imimobile",
                &[("x-ussd-session", "0")],
                b"a",
                "a Some(false) ",
            ),
            ("imimobile", &[], b"a", "a None Marker"),
            (
                "orange-xhtml",
                &[],
                b"<html><body>a<form><input name='x'/></form></body></html>",
                "a Some(true) ",
            ),
            (
                "orange-xhtml",
                &[],
                b"<html><body>a</body></html>",
                "a Some(false) ",
            ),
            (
                "vodacom",
                &xml,
                b"<request><headertext>a</headertext></request>",
                "a Some(false) ",
            ),
            (
                "restcomm",
                &xml,
                "<dialog mapMessagesSize='1'><unstructuredSSRequest_Request dataCodingScheme='15' \
                 string='م'/></dialog>"
                    .as_bytes(),
                "م Some(true) Also",
            ),
            (
                "hubtel",
                &[("content-type", "application/json")],
                b"{",
                " None Document Marker Text Also",
            ),
        ] {
            assert_eq!(
                said(shape, headers, body),
                wanted,
                "{shape}: {}",
                body.escape_ascii()
            );
        }
    }

    #[test]
    fn an_error_is_told_in_many_ways() {
        let untold = |form: &str, status, headers: &[(&str, &str)], body: &str| {
            let form: RefusalForm = serde_saphyr::from_str(form).unwrap();
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let came = Came {
                status,
                headers: headers.iter().map(pair).collect(),
                body: body.as_bytes().to_vec(),
                took: Duration::ZERO,
            };
            let values = [("status".to_owned(), "400".to_owned())].into();
            Parts::of(&came)
                .untold(&form, &values)
                .unwrap_or_else(|| "well".to_owned())
        };
        let header = "{status: 200, tells: [{header: x-error, is: '{status}'}]}";
        let text = "{status: 200, type: text/plain, tells: [{starts: 'ERR '}]}";
        let json = "{tells: [{json: /code, is: '{status}|number'}, {json: /why}]}";
        let plain = [("content-type", "text/plain; charset=utf-8")];
        for (form, status, headers, body, wanted) in [
            (header, 200, &[("x-error", "400")][..], "no", "well"),
            (header, 400, &[("x-error", "400")], "no", "status 200"),
            (
                header,
                200,
                &[("x-error", "0")],
                "no",
                "the header x-error is \"400\"",
            ),
            (header, 200, &[], "no", "the header x-error is \"400\""),
            (text, 200, &plain, "ERR no", "well"),
            (
                text,
                200,
                &plain,
                "CON yes",
                "the body begins with \"ERR \"",
            ),
            (text, 200, &[], "ERR no", "text/plain"),
            (json, 400, &[], r#"{"code":400,"why":"x"}"#, "well"),
            (
                json,
                400,
                &[],
                r#"{"code":"400","why":"x"}"#,
                "/code is 400",
            ),
            (json, 400, &[], r#"{"code":400}"#, "/why is there"),
        ] {
            assert_eq!(untold(form, status, headers, body), wanted, "{form} {body}");
        }
    }
}
