//! What shapes of both channels have in common in the document.

use serde_json::{Map, Value, json};

use crate::config::auth::AuthConfig;
use crate::http::openapi::{AnswerDoc, FieldDoc, FieldKind, PlaceDoc, SampleDoc, security};
use crate::operator::field::{Field, Place};
use crate::operator::pairs;
use crate::operator::path::{PathShape, Segment};
use crate::operator::reply::ReplyTemplate;
use crate::operator::request::BodyKind;
use crate::operator::sample::Sample;

/// The content types of a body; those that its kind usually has where the shape looks at none.
pub(super) fn content_types(kind: BodyKind, taken: &[String]) -> Vec<String> {
    if taken.is_empty() {
        let usual = kind.media_types().iter();
        return usual.map(|&usual| usual.to_owned()).collect();
    }
    taken.to_vec()
}

/// The path of a link with what stands below it, and the parameters that are not the shape's.
pub(super) fn path(
    prefix: &str,
    link: &str,
    rest: &str,
    of: &PathShape,
    auth: &[AuthConfig],
) -> (String, Vec<FieldDoc>) {
    let mut path = format!("/{prefix}/{link}");
    let mut parameters = Vec::new();
    if security::in_path(auth) {
        path.push_str("/{secret}");
        parameters.push(FieldDoc {
            place: PlaceDoc::Path("secret".into()),
            required: true,
            kind: FieldKind::Id,
            note: "The link's secret.".to_owned(),
            typed: false,
        });
    }
    path.push_str(rest);
    if let PathShape::Of(segments) = of {
        for segment in segments {
            path.push('/');
            match segment {
                Segment::Plain(plain) => path.push_str(plain),
                Segment::Named(name) => path.push_str(&format!("{{{name}}}")),
            }
        }
    }
    (path, parameters)
}

/// Where a field stands, and whether that is in the body; none for what is no field of a request.
pub(super) fn place(field: &Field) -> Option<(PlaceDoc, bool)> {
    Some(match field.places.first()? {
        Place::Form(name) => (PlaceDoc::Form(name.clone()), true),
        Place::Query(name) => (PlaceDoc::Query(name.clone()), false),
        Place::Json(steps) => (PlaceDoc::Json(steps.clone()), true),
        Place::Xml(path) => (PlaceDoc::Xml(path.names()?), true),
        Place::Header(name) => (PlaceDoc::Header(name.as_str().to_owned()), false),
        Place::Path(name) => (PlaceDoc::Path(name.clone()), false),
        Place::Body => (PlaceDoc::Body, true),
        Place::Rest | Place::Method => return None,
    })
}

/// An answer that a shape writes.
pub(super) fn good(template: &ReplyTemplate, note: &str) -> AnswerDoc {
    AnswerDoc {
        status: template.status.unwrap_or(200),
        note: note.to_owned(),
        content_type: template.content_type.as_deref().map(bare_type),
        headers: template
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        example: None,
    }
}

/// A content type without its parameters.
fn bare_type(kind: &str) -> String {
    kind.split(';').next().unwrap_or(kind).trim().to_owned()
}

/// What decides how requests can be refused.
pub(super) struct Refusals<'a> {
    /// Whether there are paths below the link that are none.
    pub has_path: bool,
    /// Whether there is a body to read.
    pub has_body: bool,
    /// How the shape writes faults; none means RFC 9457.
    pub template: Option<&'a ReplyTemplate>,
    /// Whether it is acknowledged only once it is durable.
    pub is_durable_first: bool,
}

/// The answers to what cannot be taken, but for statuses that are known already.
pub(super) fn faults(
    auth: &[AuthConfig],
    of: &Refusals<'_>,
    known: &[AnswerDoc],
) -> Vec<AnswerDoc> {
    let mut faults = vec![
        (
            400,
            "A field is missing, stands twice or is malformed; its name is told.",
        ),
        (405, "Another method."),
        (408, "The body took too long."),
        (413, "The body is too large."),
    ];
    if of.has_path {
        faults.push((404, "There is nothing on that path."));
    }
    if of.has_body {
        faults.push((415, "Another content type."));
    }
    if !auth.is_empty() {
        faults.push((401, "It is not authenticated; nothing else is told."));
    }
    if security::once(auth) {
        faults.push((409, "The nonce was used before."));
    }
    if of.is_durable_first || security::once(auth) {
        faults.push((503, "It cannot be taken now; come again."));
    }
    let mut answers: Vec<AnswerDoc> = Vec::with_capacity(faults.len());
    for (status, note) in faults {
        // What the door itself refuses is a problem, whatever the shape says.
        let shaped = of
            .template
            .filter(|_| !matches!(status, 401 | 408 | 409 | 413 | 503));
        let fault = AnswerDoc {
            // What is wrong below the operator's own words is HTTP's to say.
            status: shaped
                .filter(|_| !matches!(status, 404 | 405 | 415))
                .and_then(|template| template.status)
                .unwrap_or(status),
            note: note.to_owned(),
            content_type: match shaped {
                Some(template) => template.content_type.as_deref().map(bare_type),
                None => Some("application/problem+json".to_owned()),
            },
            headers: match status {
                401 => vec!["WWW-Authenticate".into()],
                405 => vec!["Allow".into()],
                _ => Vec::new(),
            },
            example: None,
        };
        let mut all = known.iter().chain(&answers);
        if all.all(|known| known.status != fault.status) {
            answers.push(fault);
        }
    }
    answers
}

/// A sample for the document; `text` and `value` put this gateway's own codes and numbers in place
/// of the sample's, in a body and in one value by its name.
pub(super) fn shown(
    what: &str,
    sample: &Sample,
    kind: BodyKind,
    path: &PathShape,
    text: &dyn Fn(&str) -> String,
    value: &dyn Fn(&str, &str) -> String,
) -> SampleDoc {
    let body = match kind {
        BodyKind::None => None,
        BodyKind::Form => pairs::parse(sample.body.as_bytes()).ok().map(|pairs| {
            let all: Map<String, Value> = pairs
                .iter()
                .map(|(name, found)| (name.to_string(), value(name, found).into()))
                .collect();
            all.into()
        }),
        BodyKind::Json => serde_json::from_str(&text(&sample.body)).ok(),
        BodyKind::Xml | BodyKind::Text => Some(json!(text(&sample.body))),
    };
    let mut parameters: Vec<(String, String)> = sample
        .query
        .as_deref()
        .and_then(|query| pairs::parse(query.as_bytes()).ok())
        .unwrap_or_default()
        .iter()
        .map(|(name, found)| (name.to_string(), value(name, found)))
        .collect();
    for (name, found) in &sample.headers {
        if let Ok(found) = found.to_str() {
            parameters.push((name.as_str().to_owned(), value(name.as_str(), found)));
        }
    }
    for (name, found) in path.read(&sample.rest).unwrap_or_default() {
        parameters.push((name.to_owned(), found.into_owned()));
    }
    SampleDoc {
        what: what.to_owned(),
        body,
        parameters,
    }
}
