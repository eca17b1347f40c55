//! What goes to the operator, proved: replies, and the requests with screens.

use crate::operator::compile::Fault;
use crate::operator::field::Field;
use crate::operator::file::{Ordered, ReplyFile};
use crate::operator::reply::{Hole, ReplyBody, ReplyTemplate};
use crate::operator::template::{Choice, Escape, Fill, JsonTemplate, Misfit, Template};

/// Headers that say where an answer ends.
const FRAMING: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "trailer",
    "upgrade",
];

/// What replies can fill in besides fields.
pub const HOLES: [(&str, Hole); 9] = [
    ("text", Hole::Text),
    ("msisdn", Hole::Msisdn),
    ("digits", Hole::Digits),
    ("ends", Hole::Ends),
    ("continues", Hole::Continues),
    ("status", Hole::Status),
    ("detail", Hole::Detail),
    ("dcs", Hole::Dcs),
    ("url", Hole::Url),
];

/// Proves the reply that stands under this key.
pub(in crate::operator) fn reply(
    file: &ReplyFile,
    fields: &[Field],
    key: &str,
) -> Result<ReplyTemplate, Fault> {
    template(file, fields, &[], &format!("{key}:")).map_err(|fault| fault.within(key))
}

/// Proves that a screen is where it goes to.
pub(super) fn shown(template: ReplyTemplate, what: &str) -> Result<ReplyTemplate, Fault> {
    let near = format!("{what}:");
    if matches!(template.body, ReplyBody::Empty) {
        return Err(Fault::new(
            near,
            format!("a {what} without a body shows nothing"),
            "write one of `text:`, `json:`, `xml:`",
        ));
    }
    if !template.shows_text() {
        return Err(Fault::new(
            near,
            format!("the screen is nowhere in the {what}, so that nobody would read it"),
            "put `{text}` where the operator wants the text, in `continue:` and `end:` alike",
        ));
    }
    Ok(template)
}

/// The hole of that name: one that everything has, one of `further`, or a field.
pub(super) fn hole(name: &str, fields: &[Field], further: &[(&str, Hole)]) -> Option<Hole> {
    let known = HOLES.iter().chain(further);
    let mut known = known.filter(|(known, _)| *known == name);
    known.next().map(|(_, hole)| *hole).or_else(|| {
        let at = fields.iter().position(|field| field.name == name);
        at.map(Hole::Field)
    })
}

/// A fault of a template: at the hole or the text, or else at the key.
pub(super) fn unfit(
    misfit: Misfit,
    fields: &[Field],
    further: &[(&str, Hole)],
    near: &str,
) -> Fault {
    let more: String = further
        .iter()
        .map(|(name, _)| format!("{{{name}}}, "))
        .collect();
    Fault::new(
        misfit.near.unwrap_or_else(|| near.to_owned()),
        misfit.message,
        format!(
            "fill in {more}{{text}}, {{msisdn}}, {{digits}}, {{ends}}, {{continues}}, {{status}}, {{detail}}, {{dcs}}, {{url}} or a field: {}",
            fields
                .iter()
                .map(|field| format!("{{{}}}", field.name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    )
}

/// Proves what goes to the operator; `further` are holes beside those of every reply.
pub(super) fn template(
    file: &ReplyFile,
    fields: &[Field],
    further: &[(&str, Hole)],
    near: &str,
) -> Result<ReplyTemplate, Fault> {
    let hole = |name: &str| hole(name, fields, further);
    let wrong = |misfit: Misfit| unfit(misfit, fields, further, near);
    let template = |text: &String| Template::parse(text, &hole);
    let (body, content_type) = match (&file.text, &file.xml, &file.json) {
        (None, None, None) => (ReplyBody::Empty, None),
        (Some(text), None, None) => (
            ReplyBody::Text(text.map(&template).map_err(|m| wrong(m).within("text"))?),
            Some("text/plain; charset=utf-8"),
        ),
        (None, Some(xml), None) => (
            ReplyBody::Xml(xml.map(&template).map_err(|m| wrong(m).within("xml"))?),
            Some("application/xml; charset=utf-8"),
        ),
        (None, None, Some(json)) => (
            ReplyBody::Json(JsonTemplate::parse(json, &hole).map_err(|m| wrong(m).within("json"))?),
            Some("application/json"),
        ),
        (_, _, _) => {
            return Err(Fault::new(
                near,
                "a reply has one body",
                "write one of `text:`, `json:`, `xml:`",
            ));
        }
    };
    let value = |text: &String| template(text).map_err(wrong);
    let headers = headers(&file.headers, &value).map_err(|fault| fault.within("headers"))?;
    if file
        .status
        .is_some_and(|status| !(200..600).contains(&status))
    {
        return Err(Fault::new(
            "status:",
            "that is no status of an answer",
            "write a number from 200 to 599",
        )
        .within("status"));
    }
    let replace = replacements(&file.replace, &body).map_err(|fault| fault.within("replace"))?;
    if let ReplyBody::Xml(xml) = &body {
        for ends in [false, true] {
            let probe = xml
                .of(ends)
                .fill(Escape::Xml, &|_| Some(Fill::text("x".to_owned())));
            if roxmltree::Document::parse(&probe).is_err() {
                return Err(Fault::new(
                    "xml:",
                    format!("what `{near}` would send is no XML"),
                    "close every element, put attributes in quotes, write `&amp;` for `&`",
                )
                .within("xml"));
            }
        }
    }
    Ok(ReplyTemplate {
        replace,
        status: file.status,
        content_type: file
            .content_type
            .clone()
            .or_else(|| content_type.map(str::to_owned)),
        headers,
        body,
    })
}

/// Proves `replace:`.
fn replacements(file: &Ordered<String>, body: &ReplyBody) -> Result<Vec<(char, String)>, Fault> {
    file.0
        .iter()
        .map(|(from, to)| {
            let mut chars = from.chars();
            match (chars.next(), chars.next(), body) {
                (Some(only), None, ReplyBody::Text(_) | ReplyBody::Xml(_)) => {
                    Ok((only, to.clone()))
                }
                (_, _, ReplyBody::Json(_) | ReplyBody::Empty) => Err(Fault::new(
                    "replace:",
                    "only a text or XML lacks characters",
                    "take it away: JSON holds every character",
                )),
                (_, _, ReplyBody::Text(_) | ReplyBody::Xml(_)) => Err(Fault::new(
                    "replace:",
                    format!("`{from}` is not one character"),
                    "write one character each, and what stands for it",
                )),
            }
        })
        .collect()
}

/// The mend of a header's name that is none.
pub(in crate::operator) const HEADER_MEND: &str = "write it as the operator's document does";

type Headers = Vec<(String, Choice<Template<Hole>>)>;

fn headers(
    file: &Ordered<Choice<String>>,
    template: &dyn Fn(&String) -> Result<Template<Hole>, Fault>,
) -> Result<Headers, Fault> {
    file.0
        .iter()
        .map(|(name, value)| {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(Fault::new(
                    name,
                    format!("`{name}` is no name of a header"),
                    HEADER_MEND,
                )
                .within(name));
            }
            if FRAMING
                .iter()
                .any(|framing| name.eq_ignore_ascii_case(framing))
            {
                return Err(Fault::new(
                    name,
                    format!("`{name}` is not a shape's to say: length and connection are ours"),
                    "take it away: it is written where it is needed",
                )
                .within(name));
            }
            let value = value.map(template).map_err(|fault| fault.within(name))?;
            Ok((name.to_ascii_lowercase(), value))
        })
        .collect()
}
