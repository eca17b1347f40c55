//! What a shape of SMS takes, for the document: messages of subscribers and receipts.

use crate::config::auth::AuthConfig;
use crate::http::openapi::{CallbackDoc, FieldDoc, FieldKind, PlaceDoc, security, shape};
use crate::operator::field::{Field, Place};
use crate::operator::path::PathShape;
use crate::operator::request::BodyKind;
use crate::operator::rule::{Rule, Test};
use crate::operator::sms::SmsShape;
use crate::operator::sms::file::{Of, State, What};
use crate::operator::sms::inbound::Inbound;
use crate::operator::sms::incoming::Incoming;
use crate::operator::sms::receipts::Receipts;

/// A link as it is configured.
pub struct SmsSite<'a> {
    /// Its name.
    pub link: &'a str,
    /// Its shape.
    pub shape: &'a SmsShape,
    /// The short numbers of its services.
    pub numbers: Vec<String>,
    /// Whether it has one service alone, so that the short number may be left out.
    pub is_single: bool,
    /// Who may call.
    pub auth: &'a [AuthConfig],
}

/// The ways to call a link: messages, receipts, or both.
pub fn callbacks(site: &SmsSite<'_>) -> Vec<CallbackDoc> {
    let mut ways = Vec::new();
    if let Some(incoming) = &site.shape.incoming {
        ways.push(way(
            site,
            &incoming.inbound,
            Of::Incoming,
            message(site, incoming),
        ));
    }
    if let Some(receipts) = &site.shape.receipts {
        ways.push(way(
            site,
            &receipts.inbound,
            Of::Receipts,
            receipt(receipts),
        ));
    }
    ways
}

fn way(
    site: &SmsSite<'_>,
    inbound: &Inbound,
    of: Of,
    alternatives: Vec<Vec<(FieldDoc, bool)>>,
) -> CallbackDoc {
    let (rest, what) = match of {
        Of::Receipts => ("/receipts", "what became of a message"),
        Of::Incoming | Of::Send => ("", "a message"),
    };
    let (path, mut parameters) = shape::path("sms", site.link, rest, &inbound.path, site.auth);
    let first = alternatives.first().map(Vec::as_slice).unwrap_or_default();
    parameters.extend(
        first
            .iter()
            .filter(|(_, in_body)| !in_body)
            .map(|(field, _)| field.clone()),
    );
    let bodies = alternatives
        .into_iter()
        .map(|fields| {
            let in_body = fields.into_iter().filter(|(_, in_body)| *in_body);
            in_body.map(|(field, _)| field).collect()
        })
        .collect();
    let mut answers = vec![shape::good(&inbound.answer, "It is kept.")];
    answers.extend(shape::faults(
        site.auth,
        &shape::Refusals {
            has_path: inbound.path != PathShape::Any,
            has_body: inbound.body != BodyKind::None,
            template: None,
            is_durable_first: true,
        },
        &answers,
    ));
    let head = &site.shape.head;
    let said = security::said(site.auth);
    CallbackDoc {
        link: site.link.to_owned(),
        title: head.title.clone(),
        what: what.to_owned(),
        about: format!("{}\n\n{said}", head.about.trim_end())
            .trim_end()
            .to_owned(),
        path,
        methods: inbound.methods.clone(),
        content_types: shape::content_types(inbound.body, &inbound.media_types),
        parameters,
        bodies,
        each: inbound.each.clone(),
        answers,
        security: security::schemes(site.link, site.auth),
        samples: samples(site, inbound, of),
    }
}

/// The fields of a message: a list for each way to write its text, and one for what does not count.
fn message(site: &SmsSite<'_>, incoming: &Incoming) -> Vec<Vec<(FieldDoc, bool)>> {
    let told = match ignored(incoming) {
        Some(told) => told,
        // Nothing is sure: what does not count may lack everything.
        None => {
            return vec![fields(&incoming.inbound, |_, _| {
                (FieldKind::Text, String::new(), false)
            })];
        }
    };
    let mut all: Vec<_> = [incoming.message, incoming.octets]
        .into_iter()
        .flatten()
        .map(|text| written(site, incoming, text, told.as_ref()))
        .collect();
    if let Some((field, words)) = told {
        all.push(fields(&incoming.inbound, |at, _| {
            if at == field {
                (
                    FieldKind::OneOf(words.clone()),
                    "It does not count.".to_owned(),
                    true,
                )
            } else {
                (FieldKind::Text, String::new(), false)
            }
        }));
    }
    all
}

/// The field and its words that tell what does not count; `Some(None)` where everything counts, and
/// none where rules look at anything else.
fn ignored(incoming: &Incoming) -> Option<Option<(usize, Vec<String>)>> {
    let mut told: Option<(usize, Vec<String>)> = None;
    for rule in &incoming.what {
        match (&rule.test, rule.is) {
            (Test::Always, What::Message) => return Some(told),
            (Test::Equals(words), What::Ignored) if !rule.any_case => {
                let (field, kept) = told.get_or_insert((rule.field, Vec::new()));
                if *field != rule.field {
                    return None;
                }
                kept.extend(words.iter().cloned());
            }
            (
                Test::Always
                | Test::Equals(_)
                | Test::OtherThan(_)
                | Test::Begins(_)
                | Test::Given(_)
                | Test::Empty(_),
                _,
            ) => return None,
        }
    }
    incoming.what.is_empty().then_some(None)
}

/// The fields of a message whose text stands in this one.
fn written(
    site: &SmsSite<'_>,
    incoming: &Incoming,
    text: usize,
    told: Option<&(usize, Vec<String>)>,
) -> Vec<(FieldDoc, bool)> {
    let part = |at: usize| {
        let (reference, total, number) = incoming.part?;
        if at == reference {
            Some(FieldKind::Double)
        } else {
            (at == total || at == number).then_some(FieldKind::Octet)
        }
    };
    fields(&incoming.inbound, |at, field| {
        let some = Some(at);
        let (kind, note) = if at == incoming.from {
            let before = field.strip.clone().unwrap_or_default();
            (FieldKind::Number(before), "Who writes.")
        } else if some == incoming.to {
            let short = FieldKind::ShortNumber {
                numbers: site.numbers.clone(),
                may_lack: site.is_single,
            };
            (short, "The short number.")
        } else if some == incoming.message {
            (FieldKind::Text, "What they wrote.")
        } else if some == incoming.octets {
            // They count before the text.
            let octets = if at == text {
                FieldKind::Hexadecimal
            } else {
                FieldKind::Nothing
            };
            (octets, "What they wrote, in octets.")
        } else if some == incoming.coding {
            let note = "How the octets are to be read: data_coding of SMPP.";
            // Beside a text nobody reads it.
            let coding = if incoming.octets == Some(text) {
                FieldKind::Octet
            } else {
                FieldKind::Text
            };
            (coding, note)
        } else if some == incoming.id {
            (FieldKind::MaybeId, "The operator's id.")
        } else if let Some(whole) = part(at) {
            (whole, "Which part of a long message it is.")
        } else if let Some((_, words)) = told.filter(|(field, _)| *field == at) {
            (FieldKind::NoneOf(words.clone()), "")
        } else {
            (FieldKind::Text, "")
        };
        let needed = !field.optional || at == incoming.from || at == text;
        (kind, note.to_owned(), needed)
    })
}

/// The fields of a receipt: one list where it counts, another where it is acknowledged only.
fn receipt(receipts: &Receipts) -> Vec<Vec<(FieldDoc, bool)>> {
    let is_in_body = receipts
        .states
        .first()
        .and_then(|rule| receipts.inbound.fields.get(rule.field))
        .and_then(shape::place)
        .is_some_and(|(_, in_body)| in_body);
    let words = words(&receipts.states).filter(|words| is_in_body || !words.ignores_others);
    let Some(Words {
        told,
        begins,
        ignored,
        ignores_others,
    }) = words
    else {
        // What no rule knows is acknowledged, and what that lacks but the word is nobody's business.
        return vec![fields(&receipts.inbound, |at, field| {
            if at == receipts.id {
                (id_of(field), ID.to_owned(), false)
            } else {
                let must = receipts.is_told_by(at) && !field.optional;
                (FieldKind::Text, told_by(receipts, at), must)
            }
        })];
    };
    let state = receipts.states.first().map(|rule| rule.field);
    let one = |kind: &FieldKind, counts: bool| {
        fields(&receipts.inbound, |at, field| {
            if Some(at) == state {
                let is_word = matches!(kind, FieldKind::OneOf(_) | FieldKind::Like(..));
                let must = is_word || !field.optional;
                (kind.clone(), "What became of it.".to_owned(), must)
            } else if at == receipts.id && counts {
                (FieldKind::Id, ID.to_owned(), true)
            } else if at == receipts.id {
                (id_of(field), ID.to_owned(), false)
            } else {
                (FieldKind::Text, String::new(), counts && !field.optional)
            }
        })
    };
    let (counts, others) = if begins.is_empty() {
        (FieldKind::OneOf(told.clone()), FieldKind::NoneOf(told))
    } else {
        let counts = FieldKind::Like(told.clone(), begins.clone());
        (counts, FieldKind::Unlike(told, begins))
    };
    let mut all = vec![one(&counts, true)];
    if ignores_others {
        all.push(one(&others, false));
    } else if !ignored.is_empty() {
        all.push(one(&FieldKind::OneOf(ignored), false));
    }
    all
}

const ID: &str = "The id of the message.";

/// An id that does not have to be there; a segment of the path is.
fn id_of(field: &Field) -> FieldKind {
    match field.places.first() {
        Some(Place::Path(_)) => FieldKind::Id,
        Some(
            Place::Form(_)
            | Place::Query(_)
            | Place::Json(_)
            | Place::Xml(_)
            | Place::Header(_)
            | Place::Rest
            | Place::Method
            | Place::Body,
        )
        | None => FieldKind::MaybeId,
    }
}

/// The words of a field that tell what became of a message, as a sentence; empty where it has none.
fn told_by(receipts: &Receipts, at: usize) -> String {
    let words: Vec<&str> = receipts
        .states
        .iter()
        .filter(|rule| rule.field == at && rule.is != State::Ignored)
        .flat_map(|rule| match &rule.test {
            Test::Equals(words) | Test::Begins(words) => words.as_slice(),
            Test::Always | Test::OtherThan(_) | Test::Given(_) | Test::Empty(_) => &[],
        })
        .map(String::as_str)
        .collect();
    if words.is_empty() {
        return String::new();
    }
    format!(
        "What became of it: {}. Anything else is acknowledged and does not count.",
        words.join(", ")
    )
}

/// The words of one field that tell what became of a message.
struct Words {
    told: Vec<String>,
    /// Beginnings of words that tell it too.
    begins: Vec<String>,
    ignored: Vec<String>,
    /// Whether whatever else stands there is acknowledged too.
    ignores_others: bool,
}

/// None where rules look at anything else.
fn words(states: &[Rule<State>]) -> Option<Words> {
    let field = states.first()?.field;
    let mut words = Words {
        told: Vec::new(),
        begins: Vec::new(),
        ignored: Vec::new(),
        ignores_others: false,
    };
    for rule in states {
        match &rule.test {
            Test::Always if rule.is == State::Ignored => {
                words.ignores_others = true;
                break;
            }
            Test::Equals(all) if rule.field == field && !rule.any_case => {
                let kept = if rule.is == State::Ignored {
                    &mut words.ignored
                } else {
                    &mut words.told
                };
                kept.extend(all.iter().cloned());
            }
            Test::Begins(all)
                if rule.field == field && !rule.any_case && rule.is != State::Ignored =>
            {
                words.begins.extend(all.iter().cloned());
            }
            Test::Equals(_)
            | Test::OtherThan(_)
            | Test::Always
            | Test::Begins(_)
            | Test::Given(_)
            | Test::Empty(_) => {
                return None;
            }
        }
    }
    Some(words)
}

fn fields(
    inbound: &Inbound,
    of: impl Fn(usize, &Field) -> (FieldKind, String, bool),
) -> Vec<(FieldDoc, bool)> {
    inbound
        .fields
        .iter()
        .enumerate()
        .filter_map(|(at, field)| {
            let (place, in_body) = shape::place(field)?;
            let (kind, note, needed) = of(at, field);
            let is_cut = field.after.is_some() || field.before.is_some() || field.part.is_some();
            let doc = FieldDoc {
                // Another place may have it as well.
                required: needed && field.places.len() == 1,
                kind: if is_cut { FieldKind::Text } else { kind },
                note,
                typed: matches!(place, PlaceDoc::Json(_) | PlaceDoc::Xml(_)),
                place,
            };
            Some((doc, in_body))
        })
        .collect()
}

fn samples(site: &SmsSite<'_>, inbound: &Inbound, of: Of) -> Vec<crate::http::openapi::SampleDoc> {
    let ours = site.numbers.first();
    let short = match (of, &site.shape.incoming) {
        (Of::Incoming, Some(incoming)) => incoming
            .to
            .and_then(|to| inbound.fields.get(to))
            .map(Field::shown),
        (Of::Incoming | Of::Receipts | Of::Send, _) => None,
    };
    site.shape
        .samples
        .iter()
        .filter(|sample| sample.of == of)
        .filter_map(|sample| {
            let theirs = sample
                .reads
                .iter()
                .flatten()
                .find(|(name, _)| name == "to")
                .map(|(_, to)| to.clone());
            let text = |text: &str| match (&theirs, ours) {
                (Some(theirs), Some(ours)) => {
                    text.replace(&format!("\"{theirs}\""), &format!("\"{ours}\""))
                }
                (Some(_) | None, _) => text.to_owned(),
            };
            let value = |name: &str, found: &str| match (short, ours) {
                (Some(short), Some(ours)) if short == name => ours.clone(),
                (Some(_) | None, _) => found.to_owned(),
            };
            let heard = sample.heard()?;
            Some(shape::shown(
                &sample.what,
                heard,
                inbound.body,
                &inbound.path,
                &text,
                &value,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::http::openapi::{Site, document};
    use crate::operator::shape::{Shape, Shapes};

    fn of(name: &str) -> Value {
        let shapes = Shapes::load(&[]).unwrap();
        let Some(Shape::Sms(shape)) = shapes.get(name) else {
            panic!("no {name}")
        };
        let site = SmsSite {
            link: "op",
            shape,
            numbers: vec!["5800".into()],
            is_single: true,
            auth: &[],
        };
        document(&Site::default(), &callbacks(&site))
    }

    #[test]
    fn every_shape_has_its_ways() {
        let shapes = Shapes::load(&[]).unwrap();
        for shape in shapes.iter() {
            let Shape::Sms(shape) = shape else { continue };
            let document = of(&shape.head.name);
            let ways = document["paths"].as_object().unwrap().keys();
            let ours = ways.filter(|path| path.starts_with("/sms/op")).count();
            let expected =
                usize::from(shape.incoming.is_some()) + usize::from(shape.receipts.is_some());
            assert_eq!(ours, expected, "{}", shape.head.name);
        }
    }

    #[test]
    fn a_receipt_that_does_not_count_may_lack_its_id() {
        let document = of("africastalking-sms");
        let body = &document["paths"]["/sms/op/receipts"]["post"]["requestBody"];
        let either = &body["content"]["application/x-www-form-urlencoded"]["schema"]["anyOf"];
        assert_eq!(either[0]["required"], json!(["id", "status"]));
        assert_eq!(either[1]["required"], json!(["status"]));
        assert!(either[1]["properties"]["status"].get("not").is_some());
    }

    #[test]
    fn a_batch_is_a_list_whose_elements_stand_for_themselves() {
        let document = of("infobip-sms");
        let body = &document["paths"]["/sms/op"]["post"]["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        assert_eq!(schema["required"], json!(["results"]));
        let element = &schema["properties"]["results"]["items"];
        assert!(element.get("required").is_none(), "{element}");
        assert!(
            element["properties"].as_object().unwrap().len() > 2,
            "{element}"
        );
    }
}
