//! The paths of the administration listener.

use serde_json::{Map, Value, json};

use crate::http::openapi::{Site, answer, not_allowed, problem};

/// What is taken for a phone number; separators between the digits are passed over.
const NUMBER: &str = "^((\\+|00)?[1-9][0-9]{7,14}|0[1-9][0-9]{8})$";

/// The paths.
pub(super) fn paths(site: &Site) -> Map<String, Value> {
    let mut paths = Map::new();
    let mut add = |path: &str, item: Value| {
        paths.insert(path.to_owned(), item);
    };
    let text = json!({ "type": "string" });
    let ill = problem("The ledger does not answer.");
    add(
        "/livez",
        get(
            "livez",
            "Whether the process lives",
            &[("200", answer("It does.", "text/plain", &text))],
        ),
    );
    add(
        "/readyz",
        get(
            "readyz",
            "Whether it can work: the ledger answers",
            &[
                (
                    "200",
                    answer(
                        "It can; a second line says where the outbox is held.",
                        "text/plain",
                        &text,
                    ),
                ),
                ("503", ill.clone()),
            ],
        ),
    );
    add(
        "/metrics",
        get(
            "metrics",
            "Figures in the text format of Prometheus",
            &[
                ("200", answer("The figures.", "text/plain", &text)),
                ("503", ill.clone()),
            ],
        ),
    );
    add(
        "/links",
        get(
            "links",
            "How the SMPP links stand",
            &[(
                "200",
                answer(
                    "Each link with its binds.",
                    "application/json",
                    &json!({ "type": "array", "items": link() }),
                ),
            )],
        ),
    );
    add(
        "/docs",
        get("docs", "This document as a page", &[("307", moved())]),
    );
    add(
        "/docs/",
        get(
            "docsPage",
            "This document as a page, which loads nothing from elsewhere",
            &[("200", answer("The page.", "text/html", &text))],
        ),
    );
    add(
        "/docs/openapi.json",
        get(
            "openapi",
            "This document",
            &[(
                "200",
                answer(
                    "OpenAPI 3.1.",
                    "application/json",
                    &json!({ "type": "object", "required": ["openapi"] }),
                ),
            )],
        ),
    );
    if let Some(numbers) = &site.sandbox {
        add("/sandbox/sms/{number}", letters());
        let mut sending = send(numbers);
        sending["post"]["responses"]["503"] = ill;
        add("/sandbox/sms", sending);
    }
    paths
}

fn get(id: &str, summary: &str, answers: &[(&str, Value)]) -> Value {
    let mut responses: Map<String, Value> = answers
        .iter()
        .map(|(status, answer)| ((*status).to_owned(), answer.clone()))
        .collect();
    responses.insert("405".into(), not_allowed());
    json!({ "get": {
        "operationId": id,
        "tags": ["administration"],
        "summary": summary,
        "responses": responses,
    } })
}

fn moved() -> Value {
    json!({
        "description": "The page is at `/docs/`.",
        "headers": { "Location": { "required": true, "schema": { "type": "string" } } },
    })
}

fn number() -> Value {
    json!({ "type": "string", "pattern": NUMBER, "examples": ["+212661000002"] })
}

/// What `/links` has of one link.
fn link() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    let moment = json!({ "type": "integer", "description": "Milliseconds since the Unix epoch." });
    let figures = [
        "bound",
        "submitted",
        "answered",
        "throttled",
        "unknown",
        "received",
        "receipts",
        "odd",
    ];
    json!({
        "type": "object",
        "required": ["link", "peer", "rate", "limit", "queued", "binds"],
        "properties": {
            "link": { "type": "string" },
            "peer": { "type": "string", "description": "host:port" },
            "rate": { "type": ["number", "null"], "description": "Parts a second now." },
            "limit": { "type": ["number", "null"], "description": "Parts a second at most." },
            "queued": count,
            "binds": { "type": "array", "items": {
                "type": "object",
                "required": ["bind", "state", "since", "last_error", "window", "in_flight", "figures"],
                "properties": {
                    "bind": { "type": "string" },
                    "state": { "enum": crate::smpp::status::BindState::ALL.map(|state| state.as_str()) },
                    "since": moment,
                    "last_error": { "oneOf": [
                        { "type": "null" },
                        { "type": "object", "required": ["at", "cause"], "properties": {
                            "at": moment, "cause": { "type": "string" },
                        } },
                    ] },
                    "window": count,
                    "in_flight": count,
                    "figures": {
                        "type": "object",
                        "required": figures,
                        "properties": figures.map(|name| (name.to_owned(), count.clone()))
                            .into_iter().collect::<Map<_, _>>(),
                    },
                },
            } },
        },
    })
}

fn letters() -> Value {
    let letter = json!({
        "type": "object",
        "required": ["from", "text"],
        "properties": { "from": { "type": "string" }, "text": { "type": "string" } },
    });
    json!({ "get": {
        "operationId": "sandboxMessages",
        "tags": ["sandbox"],
        "summary": "The messages on a phone of the sandbox, oldest first",
        "parameters": [{ "name": "number", "in": "path", "required": true, "schema": number() }],
        "responses": {
            "200": answer("The last twenty.", "application/json", &json!({ "type": "array", "items": letter })),
            "400": problem("It is no phone number."),
            "405": not_allowed(),
        },
    } })
}

fn send(numbers: &[String]) -> Value {
    json!({ "post": {
        "operationId": "sandboxText",
        "tags": ["sandbox"],
        "summary": "A text from a phone of the sandbox to a short number",
        "requestBody": { "required": true, "content": { "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["from", "to", "text"],
                "properties": {
                    "from": number(),
                    "to": { "enum": numbers, "description": "A short number of a service." },
                    "text": { "type": "string" },
                },
            },
            "examples": { "text": { "value": { "from": "+212661000002", "to": numbers.first(), "text": "TNS" } } },
        } } },
        "responses": {
            "202": answer("It is in the inbox.", "text/plain", &json!({ "type": "string" })),
            "400": problem("A field is missing, stands twice, or is not what it should be."),
            "405": not_allowed(),
            "408": problem("The body took too long."),
            "413": problem("The body is too large."),
            "415": problem("It is no form."),
        },
    } })
}
