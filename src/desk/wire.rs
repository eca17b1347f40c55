//! The JSON of the agency's API, as `docs/registry-openapi.yaml` fixes it: questions out, answers
//! in. Pure; an answer that does not fit the contract names the field and never a value.

use serde_json::{Map, Value, json};

use crate::callback::Msisdn;
use crate::desk::{Identity, Lookup, NewAccount, Opened, Person, RegistryError, Standing};
use crate::dialog::REASONS;

/// The most bytes of a text field; the contract's characters in their widest form.
const TEXT_MAX: usize = 1024;

/// The body of `POST /v1/lookups`.
pub(super) fn lookup_body(who: &Identity) -> Vec<u8> {
    json!({
        "id_type": who.kind.word(),
        "id_number": who.number,
        "expiry": who.expiry.to_string(),
        "birth": who.birth.to_string(),
    })
    .to_string()
    .into_bytes()
}

/// The body of `POST /v1/accounts`.
pub(super) fn account_body(account: &NewAccount) -> Vec<u8> {
    let mut body =
        json!({ "registration": account.registration, "generation": account.generation });
    for (field, value) in [("password", &account.password), ("email", &account.email)] {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    body.to_string().into_bytes()
}

/// The body of `POST /v1/accounts/{registration}/revocations`.
pub(super) fn revocation_body(generation: u32) -> Vec<u8> {
    json!({ "generation": generation }).to_string().into_bytes()
}

/// Whether the text is nine digits: all that may stand in a path.
pub(super) fn is_registration(text: &str) -> bool {
    text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads the answer to a lookup.
///
/// # Errors
/// [`RegistryError::Contract`] with the name of the first field that does not fit.
pub(super) fn lookup_answer(body: &[u8]) -> Result<Lookup, RegistryError> {
    let answer = object(body)?;
    if !flag(&answer, "match")? {
        return Ok(Lookup::NoMatch);
    }
    let Some(Value::Object(person)) = answer.get("person") else {
        return Err(broken("person", "an object"));
    };
    Ok(Lookup::Match(Box::new(
        read_person(person).map_err(within_person)?,
    )))
}

/// Reads the answer to an account that is to be opened; `expected` is what its status stands for.
///
/// # Errors
/// [`RegistryError::Contract`] when `result` is not the word of that status.
pub(super) fn opened_answer(body: &[u8], expected: Opened) -> Result<Opened, RegistryError> {
    let word = match expected {
        Opened::Opened => "opened",
        Opened::Already => "already",
        Opened::Refused => "refused",
    };
    if text(&object(body)?, "result")? == word {
        Ok(expected)
    } else {
        Err(broken("result", "the word of this status"))
    }
}

fn read_person(person: &Map<String, Value>) -> Result<Person, RegistryError> {
    let standing = match text(person, "standing")? {
        "registered" => {
            let registration = text(person, "registration")?;
            if !is_registration(registration) {
                return Err(broken("registration", "nine digits"));
            }
            Standing::Registered {
                registration: registration.to_owned(),
                account: flag(person, "account")?,
            }
        }
        "subject" => Standing::Subject,
        "not_eligible" => {
            let reason = text(person, "reason")?;
            if !REASONS.contains(&reason) {
                return Err(broken("reason", "a word of the contract"));
            }
            let words = optional(person, "reason_text")?.unwrap_or_default();
            if reason == "other" && words.is_empty() {
                return Err(broken(
                    "reason_text",
                    "a text, because the reason is `other`",
                ));
            }
            Standing::NotEligible {
                reason: reason.to_owned(),
                text: words.to_owned(),
            }
        }
        _ => return Err(broken("standing", "a word of the contract")),
    };
    if !person.contains_key("phone") {
        return Err(broken("phone", "a number in E.164, or null"));
    }
    let phone = match optional(person, "phone")? {
        Some(number) if number.starts_with('+') => {
            Some(Msisdn::parse(number).map_err(|_| broken("phone", "a number in E.164, or null"))?)
        }
        Some(_) => return Err(broken("phone", "a number in E.164, or null")),
        None => None,
    };
    Ok(Person {
        standing,
        phone,
        name: text(person, "name")?.to_owned(),
        address: optional(person, "address")?.unwrap_or_default().to_owned(),
        email: optional(person, "email")?.unwrap_or_default().to_owned(),
    })
}

fn object(body: &[u8]) -> Result<Map<String, Value>, RegistryError> {
    // The error of serde_json is dropped: it may quote the body.
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(broken("the body", "a JSON object")),
    }
}

fn flag(object: &Map<String, Value>, field: &str) -> Result<bool, RegistryError> {
    object
        .get(field)
        .and_then(Value::as_bool)
        .ok_or_else(|| broken(field, "true or false"))
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a str, RegistryError> {
    optional(object, field)?.ok_or_else(|| broken(field, "a text"))
}

fn optional<'a>(
    object: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a str>, RegistryError> {
    match object.get(field) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => match value.as_str() {
            // Control characters would break a screen out of its lines.
            Some(text) if text.len() <= TEXT_MAX && !text.chars().any(char::is_control) => {
                Ok(Some(text))
            }
            Some(_) => Err(broken(
                field,
                "a text within its length, without control characters",
            )),
            None => Err(broken(field, "a text")),
        },
    }
}

fn broken(field: &str, expected: &str) -> RegistryError {
    RegistryError::Contract(format!("{field}: expected {expected}"))
}

fn within_person(error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Contract(text) => RegistryError::Contract(format!("person.{text}")),
        RegistryError::Unavailable(text) => RegistryError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use jiff::civil::date;

    use super::*;
    use crate::desk::IdKind;

    const REGISTERED: &str = r#"{"match":true,"new":1,"person":{"standing":"registered","registration":"118206455",
        "account":false,"phone":"+212661000002","name":"EXEMPLE Youssef","address":null,"email":"y@example.ma","new":[]}}"#;

    /// What became of an answer: one word, or the error.
    fn read(body: &str) -> String {
        match lookup_answer(body.as_bytes()) {
            Ok(Lookup::NoMatch) => "no match".into(),
            Ok(Lookup::Match(person)) => match person.standing {
                Standing::Registered {
                    registration,
                    account,
                } => format!("registered {registration} {account}"),
                Standing::Subject => "subject".into(),
                Standing::NotEligible { reason, text } => {
                    format!("not eligible {reason} {text}").trim().into()
                }
            },
            Err(error) => error
                .to_string()
                .replace("the registry broke the contract: ", ""),
        }
    }

    #[test]
    fn answers_that_fit() {
        for (body, expected) in [
            (r#"{"match":false}"#, "no match"),
            (r#"{"match":false,"person":null}"#, "no match"),
            (REGISTERED, "registered 118206455 false"),
            (
                r#"{"match":true,"person":{"standing":"subject","phone":null,"name":"N"}}"#,
                "subject",
            ),
            (
                r#"{"match":true,"person":{"standing":"not_eligible","reason":"salaried","phone":null,"name":"N"}}"#,
                "not eligible salaried",
            ),
            (
                r#"{"match":true,"person":{"standing":"not_eligible","reason":"other","reason_text":"Motif","phone":null,"name":"N"}}"#,
                "not eligible other Motif",
            ),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
        let Ok(Lookup::Match(person)) = lookup_answer(REGISTERED.as_bytes()) else {
            panic!("no match")
        };
        assert_eq!(person.phone.unwrap().as_str(), "+212661000002");
        assert_eq!(
            (
                person.name.as_str(),
                person.address.as_str(),
                person.email.as_str()
            ),
            ("EXEMPLE Youssef", "", "y@example.ma")
        );
    }

    #[test]
    fn answers_that_break_the_contract_name_the_field() {
        let with = |from: &str, to: &str| {
            assert!(REGISTERED.contains(from), "{from}");
            REGISTERED.replace(from, to)
        };
        for (body, expected) in [
            ("".into(), "the body: expected a JSON object"),
            ("[]".into(), "the body: expected a JSON object"),
            (format!("{}1", r#"{"a":"#.repeat(500)), "the body: expected a JSON object"),
            ("{}".into(), "match: expected true or false"),
            (r#"{"match":"SECRET"}"#.into(), "match: expected true or false"),
            (r#"{"match":true}"#.into(), "person: expected an object"),
            (with("\"registered\"", "\"SECRET\""), "person.standing: expected a word of the contract"),
            (with("118206455", "11820645"), "person.registration: expected nine digits"),
            (with("118206455", "11820645\u{0661}"), "person.registration: expected nine digits"),
            (with("\"118206455\"", "118206455"), "person.registration: expected a text"),
            (with("\"account\":false", "\"account\":0"), "person.account: expected true or false"),
            (with("+212661000002", "0661000002"), "person.phone: expected a number in E.164, or null"),
            (with("+212661000002", "+SECRET"), "person.phone: expected a number in E.164, or null"),
            (with("\"phone\"", "\"fone\""), "person.phone: expected a number in E.164, or null"),
            (with("EXEMPLE", "EXEMPLE\\n"), "person.name: expected a text within its length, without control characters"),
            (with("EXEMPLE", &"E".repeat(TEXT_MAX)), "person.name: expected a text within its length, without control characters"),
            (r#"{"match":true,"person":{"standing":"not_eligible","reason":"SECRET","phone":null,"name":"N"}}"#.into(), "person.reason: expected a word of the contract"),
            (r#"{"match":true,"person":{"standing":"not_eligible","reason":"other","phone":null,"name":"N"}}"#.into(), "person.reason_text: expected a text, because the reason is `other`"),
        ] {
            assert_eq!(read(&body), expected, "{body}");
        }
    }

    #[test]
    fn results_have_to_fit_their_status() {
        assert_eq!(
            opened_answer(br#"{"result":"already"}"#, Opened::Already),
            Ok(Opened::Already)
        );
        for body in [
            r#"{"result":"opened"}"#,
            r#"{"result":1}"#,
            r#"{"type":"about:blank"}"#,
            "",
        ] {
            assert!(
                opened_answer(body.as_bytes(), Opened::Already).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn questions_as_the_contract_has_them() {
        let who = Identity {
            kind: IdKind::Sejour,
            number: "R204518M".into(),
            expiry: date(2027, 8, 11),
            birth: date(1988, 12, 3),
        };
        let text = |body| String::from_utf8(body).unwrap();
        assert_eq!(
            text(lookup_body(&who)),
            r#"{"birth":"1988-12-03","expiry":"2027-08-11","id_number":"R204518M","id_type":"sejour"}"#
        );
        let mut account = NewAccount {
            registration: "118206455".into(),
            generation: 2,
            password: None,
            email: None,
            idempotency_key: "k".into(),
        };
        assert_eq!(
            text(account_body(&account)),
            r#"{"generation":2,"registration":"118206455"}"#
        );
        account.password = Some("ACDEFGHJKMNP".into());
        account.email = Some("y@example.ma".into());
        assert_eq!(
            text(account_body(&account)),
            r#"{"email":"y@example.ma","generation":2,"password":"ACDEFGHJKMNP","registration":"118206455"}"#
        );
        assert_eq!(text(revocation_body(3)), r#"{"generation":3}"#);
    }
}
