//! The OpenAPI document of a running gateway: what its links take, as they are configured, and the
//! administration listener. It is made once, at the start.
//!
//! OpenAPI 3.1.0, so that every schema is JSON Schema 2020-12.

pub mod admin;
pub mod callback;
pub mod security;
mod shape;
pub mod sms;
pub mod ussd;

use serde_json::{Map, Value, json};

pub use callback::{AnswerDoc, CallbackDoc, FieldDoc, FieldKind, PlaceDoc, SampleDoc, SecurityDoc};

/// What the document says of the gateway as a whole.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Where callbacks come in, `https://gateway.example`, without a slash at its end.
    pub callbacks: String,
    /// The short numbers to which a phone of the sandbox can send; none where there is no sandbox
    /// link.
    pub sandbox: Option<Vec<String>>,
    /// Bytes of a callback's body.
    pub body_bytes_max: usize,
}

const ABOUT: &str = "\
What this gateway takes from operators, one path for each link as it is configured, and what its \
administration listener has. Callbacks and administration are two listeners with two addresses.\n\n\
An error is a problem of RFC 9457: it names the place and never what was sent. Fields that are not \
listed are passed over.";

/// The document.
pub fn document(site: &Site, callbacks: &[CallbackDoc]) -> Value {
    let mut paths = admin::paths(site);
    let mut schemes = Map::new();
    let mut tags =
        vec![json!({ "name": "administration", "description": "How the gateway does." })];
    if site.sandbox.is_some() {
        tags.push(json!({ "name": "sandbox", "description": "The phones of a sandbox link." }));
    }
    for callback in callbacks {
        callback::describe(site, callback, &mut paths, &mut schemes);
        let tag = json!({ "name": callback.tag(), "description": callback.title });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let mut components = json!({ "schemas": { "Problem": problem_schema() } });
    if !schemes.is_empty() {
        components["securitySchemes"] = schemes.into();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jisr",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A gateway between phones and a registry of social security.",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This listener: administration." }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// RFC 9457, as the gateway writes it.
fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. `detail` names the place that is wrong, never what stood there.",
        "required": ["status", "title", "detail"],
        "properties": {
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "title": { "type": "string" },
            "detail": { "type": "string" },
        },
    })
}

/// The description of an answer with a problem.
pub(super) fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// The answer to another method.
pub(super) fn not_allowed() -> Value {
    let mut answer = problem("There is no such method here.");
    answer["headers"] = json!({
        "Allow": { "description": "The methods that there are.", "required": true, "schema": { "type": "string" } },
    });
    answer
}

/// The description of an answer with a body of that content type.
pub(super) fn answer(description: &str, content_type: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { content_type: { "schema": schema } } })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Every `$ref` of a document leads somewhere.
    pub(super) fn refs_hold(document: &Value) {
        fn walk(at: &Value, root: &Value) {
            match at {
                Value::Object(map) => {
                    if let Some(Value::String(to)) = map.get("$ref") {
                        let pointer = to.strip_prefix('#').expect("a ref within the document");
                        assert!(root.pointer(pointer).is_some(), "{to}");
                    }
                    map.values().for_each(|value| walk(value, root));
                }
                Value::Array(all) => all.iter().for_each(|value| walk(value, root)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        walk(document, document);
    }

    #[test]
    fn the_frame_is_whole() {
        let site = Site {
            callbacks: "https://gateway.example".into(),
            sandbox: Some(vec!["5800".into()]),
            body_bytes_max: 16 * 1024,
        };
        let document = document(&site, &[]);
        refs_hold(&document);
        let mut ids = Vec::new();
        for path in document["paths"].as_object().unwrap().values() {
            for (method, operation) in path.as_object().unwrap() {
                ids.push(operation["operationId"].as_str().expect(method).to_owned());
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.contains_key("405"), "{ids:?}");
            }
        }
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), ids.len(), "{ids:?}");
        for needed in [
            "/livez",
            "/readyz",
            "/metrics",
            "/links",
            "/sandbox/sms",
            "/docs/openapi.json",
        ] {
            assert!(document["paths"].get(needed).is_some(), "{needed}");
        }
    }

    #[test]
    fn phones_are_told_of_only_where_there_is_a_sandbox() {
        let document = document(&Site::default(), &[]);
        assert!(document["paths"].get("/sandbox/sms").is_none());
        assert_eq!(document["tags"].as_array().unwrap().len(), 1);
    }
}
