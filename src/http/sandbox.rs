//! The phones of a sandbox link on the administration listener: what they received, and texts from
//! them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::callback::Msisdn;
use crate::desk::Registry;
use crate::http::admin::{Door, problem};
use crate::http::entry::{sent, whole};
use crate::operator::pairs;
use crate::store::{NewSms, Store};

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// How long it may take.
const BODY_TIME: Duration = Duration::from_secs(5);
/// The fields of a text.
const FIELDS: [&str; 3] = ["from", "to", "text"];

/// What a phone of the sandbox has received.
pub(super) async fn letters<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    number: Result<Path<String>, PathRejection>,
) -> Response {
    let number = number
        .ok()
        .and_then(|Path(number)| Msisdn::parse(&number).ok());
    let Some(number) = number else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the path does not end in a phone number",
        );
    };
    let letters: Vec<_> = door
        .drawers
        .values()
        .flat_map(|drawer| drawer.of(&number))
        .collect();
    Json(letters).into_response()
}

/// A text from a phone of the sandbox.
pub(super) async fn text<S: Store, R: Registry>(
    State(door): State<Arc<Door<S, R>>>,
    request: Request<Body>,
) -> Response {
    if !is_form(request.headers()) {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected application/x-www-form-urlencoded",
        );
    }
    let body = match whole(request.into_body(), BODY_BYTES_MAX, BODY_TIME).await {
        Ok(body) => body,
        Err(answer) => return sent(answer),
    };
    match fields(&body) {
        Ok([from, to, text]) => take(&door, &from, to, text).await,
        Err(detail) => problem(StatusCode::BAD_REQUEST, &detail),
    }
}

async fn take<S: Store, R: Registry>(
    door: &Door<S, R>,
    from: &str,
    to: String,
    text: String,
) -> Response {
    let Some(link) = door.drawers.keys().next() else {
        return problem(StatusCode::NOT_FOUND, "no link is of kind sandbox");
    };
    let Ok(subscriber) = Msisdn::parse(from) else {
        return problem(StatusCode::BAD_REQUEST, "field from is not a phone number");
    };
    let book = door.gateway.book();
    let Some(service) = book
        .services
        .values()
        .find(|service| service.sms.contains(&to))
    else {
        return problem(
            StatusCode::BAD_REQUEST,
            "field to is no short number of a service",
        );
    };
    let at = door.clock.now();
    let bytes = [
        from.as_bytes(),
        to.as_bytes(),
        text.as_bytes(),
        &at.ms().to_be_bytes(),
    ];
    let fingerprint = door.gateway.store.mark("sandbox-sms", &bytes);
    let sms = NewSms {
        link: link.clone(),
        service: service.name.clone(),
        subscriber,
        to,
        text,
        message_id: None,
        fingerprint,
        bind: 0,
        part: None,
        at,
    };
    match door.gateway.accept_sms(sms).await {
        Ok(_) => (StatusCode::ACCEPTED, "taken\n").into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

/// The three fields, each once; others are passed over.
fn fields(body: &[u8]) -> Result<[String; 3], String> {
    let pairs = pairs::parse(body).map_err(|expected| format!("the body: expected {expected}"))?;
    let mut found: [Option<String>; 3] = [None, None, None];
    for (name, value) in pairs {
        if let Some(index) = FIELDS.iter().position(|field| *field == name)
            && found[index].replace(value.into_owned()).is_some()
        {
            return Err(format!("field {} stands twice", FIELDS[index]));
        }
    }
    let missing = FIELDS.iter().zip(&found).find(|(_, value)| value.is_none());
    if let Some((field, _)) = missing {
        return Err(format!("field {field} is missing"));
    }
    Ok(found.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_three_fields_once() {
        for (body, expected) in [
            (
                "from=%2B2126&to=5800&text=a+b%21&more=1",
                Ok(["+2126", "5800", "a b!"]),
            ),
            ("to=1&from=2&text=", Ok(["2", "1", ""])),
            ("from=1&to=2", Err("field text is missing")),
            ("", Err("field from is missing")),
            ("from=1&to=2&text=a&text=b", Err("field text stands twice")),
            (
                "from=1&to=2&text=%FF",
                Err("the body: expected a form in UTF-8"),
            ),
        ] {
            let expected = expected
                .map(|all| all.map(str::to_owned))
                .map_err(str::to_owned);
            assert_eq!(fields(body.as_bytes()), expected, "{body}");
        }
    }
}
