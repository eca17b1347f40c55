//! What a shape of SMS takes, for the document: messages of subscribers and receipts.

use crate::config::auth::AuthConfig;
use crate::http::openapi::{CallbackDoc, FieldDoc, FieldKind, PlaceDoc, security, shape};
use crate::operator::field::Field;
use crate::operator::path::PathShape;
use crate::operator::request::BodyKind;
use crate::operator::rule::{Rule, Test};
use crate::operator::sms::SmsShape;
use crate::operator::sms::file::{Of, State};
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
        let fields = message(site, incoming);
        ways.push(way(site, &incoming.inbound, Of::Incoming, vec![fields]));
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
        content_types: inbound.media_types.clone(),
        parameters,
        bodies,
        each: inbound.each.clone(),
        answers,
        security: security::schemes(site.link, site.auth),
        samples: samples(site, inbound, of),
    }
}

/// The fields of a message.
fn message(site: &SmsSite<'_>, incoming: &Incoming) -> Vec<(FieldDoc, bool)> {
    // Where rules tell messages from what does not count, the latter may lack everything.
    let is_sure = incoming.what.is_empty();
    let part = |at: usize| {
        incoming
            .part
            .is_some_and(|(a, b, c)| [a, b, c].contains(&at))
    };
    fields(&incoming.inbound, |at, field| {
        let some = Some(at);
        let (kind, note) = if at == incoming.from {
            (
                FieldKind::Number(field.strip.clone().unwrap_or_default()),
                "Who writes.",
            )
        } else if some == incoming.to {
            let short = FieldKind::ShortNumber {
                numbers: site.numbers.clone(),
                may_lack: site.is_single,
            };
            (short, "The short number.")
        } else if some == incoming.message {
            (FieldKind::Text, "What they wrote.")
        } else if some == incoming.octets {
            (FieldKind::Hexadecimal, "What they wrote, in octets.")
        } else if some == incoming.coding {
            (
                FieldKind::Text,
                "How the octets are to be read: data_coding of SMPP.",
            )
        } else if some == incoming.id {
            (FieldKind::MaybeId, "The operator's id.")
        } else if part(at) {
            (FieldKind::Text, "Which part of a long message it is.")
        } else {
            (FieldKind::Text, "")
        };
        let needed = !field.optional || at == incoming.from;
        if is_sure {
            (kind, note, needed)
        } else {
            (FieldKind::Text, note, false)
        }
    })
}

/// The fields of a receipt: one list where all states count, another for what is acknowledged only.
fn receipt(receipts: &Receipts) -> Vec<Vec<(FieldDoc, bool)>> {
    let (told, ignored) = match words(&receipts.states) {
        Some(words) => words,
        // What no rule knows is acknowledged, and what it lacks is nobody's business.
        None => {
            return vec![fields(&receipts.inbound, |at, _| {
                let note = if at == receipts.id {
                    "The id of the message."
                } else {
                    ""
                };
                (FieldKind::Text, note, false)
            })];
        }
    };
    let state = receipts.states.first().map(|rule| rule.field);
    let one = |words: &[String], counts: bool| {
        fields(&receipts.inbound, |at, field| {
            if Some(at) == state {
                (FieldKind::OneOf(words.to_vec()), "What became of it.", true)
            } else if at == receipts.id && counts {
                (FieldKind::Id, "The id of the message.", true)
            } else {
                (FieldKind::Text, "", counts && !field.optional)
            }
        })
    };
    let mut all = vec![one(&told, true)];
    if !ignored.is_empty() {
        all.push(one(&ignored, false));
    }
    all
}

/// The words of one field that tell what became of a message, and those that do not count; none
/// where rules look at anything else.
fn words(states: &[Rule<State>]) -> Option<(Vec<String>, Vec<String>)> {
    let field = states.first()?.field;
    let (mut told, mut ignored) = (Vec::new(), Vec::new());
    for rule in states {
        let Test::Equals(words) = &rule.test else {
            return None;
        };
        if rule.field != field {
            return None;
        }
        match rule.is {
            State::Ignored => ignored.extend(words.iter().cloned()),
            State::Underway | State::Delivered | State::Expired | State::Failed => {
                told.extend(words.iter().cloned());
            }
        }
    }
    Some((told, ignored))
}

fn fields(
    inbound: &Inbound,
    of: impl Fn(usize, &Field) -> (FieldKind, &'static str, bool),
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
                note: note.to_owned(),
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
