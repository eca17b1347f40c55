//! What a shape of USSD callbacks takes, for the document.

use crate::config::auth::AuthConfig;
use crate::http::openapi::{
    AnswerDoc, CallbackDoc, FieldDoc, FieldKind, PlaceDoc, SampleDoc, security, shape,
};
use crate::operator::CallbackError;
use crate::operator::field::{Field, Place};
use crate::operator::file::{CodeGiven, Holds, Is, NumberGiven};
use crate::operator::path::PathShape;
use crate::operator::request::BodyKind;
use crate::operator::rule::{Rule, Test};
use crate::operator::sample::Sample;
use crate::operator::ussd::UssdShape;

/// A link as it is configured.
pub struct UssdSite<'a> {
    /// Its name.
    pub link: &'a str,
    /// Its shape.
    pub shape: &'a UssdShape,
    /// The codes of its services.
    pub codes: Vec<String>,
    /// Who may call.
    pub auth: &'a [AuthConfig],
}

/// What becomes of a request, as far as its fields go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    /// A screen, whether or not anything was typed.
    Screen,
    /// A screen, of what was typed.
    Pressed,
    /// The session is over.
    Closed,
    /// It is acknowledged.
    Ignored,
}

impl Becomes {
    fn of(shape: &UssdShape, is: Is) -> Self {
        match is {
            Is::Continue if shape.holds == Holds::Last => Self::Pressed,
            Is::New | Is::Continue | Is::Unsaid => Self::Screen,
            Is::End => Self::Closed,
            Is::Ignored => Self::Ignored,
        }
    }

    fn is_shown(self) -> bool {
        matches!(self, Self::Screen | Self::Pressed)
    }
}

/// One thing that a request may be, and the words of one field that tell it.
#[derive(Clone)]
struct Variant {
    becomes: Becomes,
    /// Whether nothing here tells a screen from what ends a session.
    may_end: bool,
    /// Where the subscriber is optional, whether they are told.
    whose: Option<bool>,
    /// Fields with words that would tell something else first.
    unlike: Vec<(usize, Vec<String>)>,
    told: Option<(usize, Vec<String>)>,
}

impl Variant {
    /// An end that may lack its subscriber, which is then acknowledged unread, as two.
    fn by_whose(&self, shape: &UssdShape) -> Vec<Self> {
        let subscriber = shape.fields.get(shape.subscriber);
        let may_lack = subscriber.is_some_and(|field| field.optional);
        let looked_up = shape.number_given == NumberGiven::First;
        if self.becomes != Becomes::Closed || !may_lack || looked_up {
            return vec![self.clone()];
        }
        let told = |whose, becomes| Self {
            becomes,
            whose: Some(whose),
            ..self.clone()
        };
        vec![told(true, Becomes::Closed), told(false, Becomes::Ignored)]
    }
}

/// The ways to call a link: a path each.
pub fn callbacks(site: &UssdSite<'_>) -> Vec<CallbackDoc> {
    let variants = variants(site.shape);
    let Some((place, _)) = site.shape.paths() else {
        return vec![way(site, None, &variants)];
    };
    let mut ways: Vec<(String, Vec<Variant>)> = Vec::new();
    for variant in variants {
        let Some((_, words)) = variant.told else {
            continue;
        };
        for word in words {
            let rest = word.trim_end_matches('/').to_owned();
            if ways.iter().all(|(known, _)| *known != rest) {
                let only = Variant {
                    becomes: variant.becomes,
                    may_end: false,
                    whose: None,
                    unlike: Vec::new(),
                    told: None,
                };
                ways.push((rest, vec![only]));
            }
        }
    }
    ways.iter()
        .map(|(word, variants)| way(site, Some((place, word)), variants))
        .collect()
}

/// What a request may be, told apart where one field's words tell all of it.
fn variants(shape: &UssdShape) -> Vec<Variant> {
    let whole = || {
        vec![Variant {
            becomes: Becomes::Screen,
            may_end: shape
                .events
                .iter()
                .any(|rule| !Becomes::of(shape, rule.is).is_shown()),
            whose: None,
            unlike: Vec::new(),
            told: None,
        }]
    };
    let pressed = shape
        .events
        .iter()
        .any(|rule| Becomes::of(shape, rule.is) == Becomes::Pressed);
    let mut found: Vec<Variant> = Vec::new();
    for rule in &shape.events {
        let Test::Equals(words) = &rule.test else {
            return whole();
        };
        let mut becomes = Becomes::of(shape, rule.is);
        let in_body = shape.fields.get(rule.field).and_then(shape::place);
        if becomes == Becomes::Screen && pressed && !in_body.is_some_and(|(_, in_body)| in_body) {
            // A query has no alternatives.
            becomes = Becomes::Pressed;
        }
        let same = found.iter_mut().find(|known| {
            known.becomes == becomes && known.told.as_ref().is_some_and(|told| told.0 == rule.field)
        });
        match same {
            Some(Variant {
                told: Some((_, known)),
                ..
            }) => known.extend(words.iter().cloned()),
            Some(_) | None => found.push(Variant {
                becomes,
                may_end: false,
                whose: None,
                unlike: Vec::new(),
                told: Some((rule.field, words.clone())),
            }),
        }
    }
    if found.is_empty() {
        return whole();
    }
    let told: Vec<_> = found.iter().map(|variant| variant.told.clone()).collect();
    for (at, variant) in found.iter_mut().enumerate() {
        let own = variant.told.as_ref().map(|(field, _)| *field);
        let before = told.iter().take(at).flatten();
        variant
            .unlike
            .extend(before.filter(|(field, _)| Some(*field) != own).cloned());
    }
    found
}

/// One way to call; `told` is the place in the path that tells it, and what stands there.
fn way(site: &UssdSite<'_>, told: Option<(&Place, &str)>, variants: &[Variant]) -> CallbackDoc {
    let shape = site.shape;
    let rest = match told {
        Some((Place::Rest, word)) => word,
        Some(_) | None => "",
    };
    let (mut path, mut parameters) =
        shape::path("ussd", site.link, rest, &site.shape.path, site.auth);
    if let Some((Place::Path(name), word)) = told {
        path = path.replace(&format!("{{{name}}}"), word);
    }
    let live = variants
        .iter()
        .find(|variant| variant.becomes.is_shown())
        .or(variants.first());
    if let Some(live) = live {
        parameters.extend(fields(site, live, false));
    }
    parameters.retain(|field| match &field.place {
        PlaceDoc::Path(name) => path.contains(&format!("{{{name}}}")),
        PlaceDoc::Query(_)
        | PlaceDoc::Header(_)
        | PlaceDoc::Form(_)
        | PlaceDoc::Json(_)
        | PlaceDoc::Xml(_)
        | PlaceDoc::Body => true,
    });
    let bodies = variants
        .iter()
        .flat_map(|variant| variant.by_whose(shape))
        .map(|variant| fields(site, &variant, true))
        .collect();
    let mut about = shape.head.about.clone();
    for more in [pushed(shape), security::said(site.auth)] {
        if !more.is_empty() {
            about = format!("{}\n\n{more}", about.trim_end());
        }
    }
    CallbackDoc {
        link: site.link.to_owned(),
        what: ended(variants),
        each: None,
        title: shape.head.title.clone(),
        about,
        path,
        methods: shape.methods.clone(),
        content_types: shape::content_types(shape.body, &shape.media_types),
        parameters,
        bodies,
        answers: answers(site, variants),
        security: security::schemes(site.link, site.auth),
        samples: shape
            .samples
            .iter()
            .filter(|sample| {
                let segments = shape.path.read(&sample.rest).unwrap_or_default();
                told.is_none_or(|(place, word)| {
                    let seen = place.of_path(&sample.rest, &segments);
                    seen.is_some_and(|seen| seen.trim_end_matches('/') == word)
                })
            })
            .map(|sample| shown(site, sample))
            .collect(),
    }
}

/// Where the screen goes, if that is not the answer.
fn pushed(shape: &UssdShape) -> String {
    shape.push.as_ref().map_or_else(String::new, |push| {
        format!(
            "The answer is an acknowledgement, as soon as the callback is durable, or half a second before the link's deadline where it cannot be kept: a screen that says so follows then. The screen goes in a request of the gateway's, `{}` to the operator's address (the link's `url`); the page of the shape `{}` shows it.",
            push.method, shape.head.name
        )
    })
}

fn ended(variants: &[Variant]) -> String {
    let only_ends = variants.iter().all(|variant| !variant.becomes.is_shown());
    if only_ends && !variants.is_empty() {
        "the end of a session".to_owned()
    } else {
        String::new()
    }
}

/// The fields of one thing that a request may be: those of its body, or the others.
fn fields(site: &UssdSite<'_>, variant: &Variant, of_body: bool) -> Vec<FieldDoc> {
    let shape = site.shape;
    shape
        .fields
        .iter()
        .enumerate()
        .filter_map(|(at, field)| {
            let (place, in_body) = shape::place(field)?;
            (in_body == of_body).then(|| FieldDoc {
                required: needed(shape, variant, at, field),
                kind: kind(site, variant, at, field),
                note: note(shape, at).to_owned(),
                typed: matches!(place, PlaceDoc::Json(_) | PlaceDoc::Xml(_)),
                place,
            })
        })
        .collect()
}

fn needed(shape: &UssdShape, variant: &Variant, at: usize, field: &Field) -> bool {
    if variant.told.as_ref().is_some_and(|(told, _)| *told == at) {
        return true;
    }
    if at == shape.subscriber && shape.number_given == NumberGiven::First {
        // At a dial that is told apart from everything else.
        let is_dial = variant.becomes == Becomes::Screen && variant.told.is_some();
        let said = |rule: &Rule<Is>| rule.is != Is::Unsaid;
        return is_dial && shape.holds == Holds::Last && shape.events.iter().all(said);
    }
    if at == shape.subscriber
        && let Some(told) = variant.whose
    {
        return told;
    }
    if at == shape.subscriber && variant.becomes.is_shown() {
        return true;
    }
    let always = at == shape.subscriber || Some(at) == shape.session;
    let typed = variant.becomes == Becomes::Pressed && at == shape.input;
    (!field.optional || typed)
        && match variant.becomes {
            Becomes::Screen | Becomes::Pressed => true,
            Becomes::Closed => always,
            Becomes::Ignored => false,
        }
}

fn kind(site: &UssdSite<'_>, variant: &Variant, at: usize, field: &Field) -> FieldKind {
    let shape = site.shape;
    if let Some((told, words)) = &variant.told
        && *told == at
    {
        return FieldKind::OneOf(words.clone());
    }
    if let Some((_, words)) = variant.unlike.iter().find(|(field, _)| *field == at) {
        return FieldKind::NoneOf(words.clone());
    }
    match variant.whose {
        Some(false) if at == shape.subscriber => return FieldKind::Absent,
        Some(false) if Some(at) == shape.session => return FieldKind::Id,
        Some(_) | None => {}
    }
    let is_cut = field.after.is_some() || field.before.is_some() || field.part.is_some();
    if field.digits && !is_cut {
        return FieldKind::Digits;
    }
    if is_cut || variant.becomes == Becomes::Ignored {
        return FieldKind::Text;
    }
    if at == shape.subscriber {
        let before = field.strip.clone().unwrap_or_default();
        if shape.number_given == NumberGiven::First && !needed(shape, variant, at, field) {
            return FieldKind::MaybeNumber(before);
        }
        return FieldKind::Number(before);
    }
    if Some(at) == shape.code && shape.code_given != CodeGiven::Never {
        // Where nothing is shown, nobody asks which service it was.
        return match variant.becomes {
            Becomes::Screen | Becomes::Pressed => FieldKind::Code {
                codes: site.codes.clone(),
                before: field.strip.clone().unwrap_or_default(),
            },
            Becomes::Closed | Becomes::Ignored => FieldKind::MaybeId,
        };
    }
    if Some(at) == shape.session {
        return FieldKind::Id;
    }
    FieldKind::Text
}

/// What a field means to the gateway.
fn note(shape: &UssdShape, at: usize) -> &'static str {
    if at == shape.subscriber {
        "The subscriber's number."
    } else if Some(at) == shape.session {
        "The session's id."
    } else if Some(at) == shape.code {
        "The dialled code."
    } else if at == shape.input {
        "What was typed."
    } else if Some(at) == shape.network {
        "The code of the network."
    } else {
        ""
    }
}

/// The field of an example.
const FIELD: &str = "NAME";

fn answers(site: &UssdSite<'_>, variants: &[Variant]) -> Vec<AnswerDoc> {
    let shape = site.shape;
    let mut answers = Vec::new();
    let becomes = |wanted: Becomes| variants.iter().any(|variant| variant.becomes == wanted);
    if variants.iter().any(|variant| variant.becomes.is_shown()) {
        let what = match &shape.push {
            None => "What the phone shows.",
            Some(_) => "It is acknowledged; the screen is posted.",
        };
        answers.push(shape::good(&shape.reply, what));
    }
    let closed = shape::good(&shape.closed, "It is acknowledged.");
    let is_closed = becomes(Becomes::Closed)
        || becomes(Becomes::Ignored)
        || variants.iter().any(|variant| variant.may_end);
    match answers.first_mut() {
        None => answers.push(closed),
        // OpenAPI cannot say of one status that it comes with a body or without.
        Some(screen) if screen.status == closed.status => {
            if is_closed {
                screen.headers.retain(|name| closed.headers.contains(name));
            }
            if is_closed && screen.content_type != closed.content_type {
                let kind = screen.content_type.take().unwrap_or_default();
                screen.note =
                    format!("What the phone shows, in {kind}; nothing at the end of a session.");
            }
        }
        Some(_) if is_closed => answers.push(closed),
        Some(_) => {}
    }
    let refused = shape.refused.as_ref().and_then(|refused| refused.status);
    if let Some(same) = answers.iter_mut().find(|one| Some(one.status) == refused) {
        same.note
            .push_str(" Or what is wrong with the request: this operator has it so.");
        let wrong = CallbackError::Missing(FIELD.into());
        let body = shape.refuse(wrong.status(), &wrong.to_string()).body;
        let body = serde_json::from_str(&body).unwrap_or_else(|_| body.into());
        same.example = Some(("what is wrong".to_owned(), body));
    }
    answers.extend(shape::faults(
        site.auth,
        &shape::Refusals {
            has_path: shape.path != PathShape::Any || shape.paths().is_some(),
            has_body: shape.body != BodyKind::None,
            template: shape.refused.as_ref(),
            is_durable_first: shape.push.is_some(),
        },
        &answers,
    ));
    answers
}

/// A sample as it would come to this link: with one of its codes.
fn shown(site: &UssdSite<'_>, sample: &Sample) -> SampleDoc {
    let shape = site.shape;
    // Some kinds of request do not count, and have the code all the same.
    let theirs = std::iter::once(sample)
        .chain(&shape.samples)
        .find_map(|sample| sample.reads.iter().find(|(name, _)| name == "code"));
    let ours = site.codes.first();
    let with_ours = |text: &str| match (theirs, ours) {
        (Some((_, theirs)), Some(ours)) if !theirs.is_empty() => {
            text.replace(theirs.as_str(), ours)
        }
        (Some(_) | None, _) => text.to_owned(),
    };
    let code_name = shape
        .code
        .and_then(|at| shape.fields.get(at))
        .map(Field::shown);
    let named = |name: &str, value: &str| match (code_name, ours) {
        (Some(code), Some(ours)) if code == name && !value.is_empty() => ours.clone(),
        (Some(_) | None, _) => value.to_owned(),
    };
    shape::shown(
        &sample.what,
        sample,
        shape.body,
        &shape.path,
        &with_ours,
        &named,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::finding::Source;
    use crate::http::openapi::{Site, document};
    use crate::operator::shape::{Shape, Shapes};

    fn of(name: &str, auth: &[AuthConfig]) -> Value {
        let shapes = Shapes::load(&[]).unwrap();
        let Some(Shape::Ussd(shape)) = shapes.get(name) else {
            panic!("no {name}")
        };
        let site = UssdSite {
            link: "op",
            shape,
            codes: vec!["*580#".into()],
            auth,
        };
        document(&Site::default(), &callbacks(&site))
    }

    /// Whatever the shape, each of its ways stands in the document with its answers.
    #[test]
    fn every_shape_is_described() {
        let shapes = Shapes::load(&[]).unwrap();
        for shape in shapes.iter() {
            let name = &shape.head().name;
            if let Shape::Sms(_) = shape {
                continue;
            }
            let document = of(name, &[]);
            let ways = document["paths"].as_object().unwrap().iter();
            let ours: Vec<_> = ways
                .filter(|(path, _)| path.starts_with("/ussd/op"))
                .collect();
            assert!(!ours.is_empty(), "{name}");
            for (path, item) in ours {
                for (method, operation) in item.as_object().unwrap() {
                    if method != "servers" {
                        let answers = operation["responses"].as_object().unwrap();
                        assert!(answers.contains_key("413"), "{name} {path} {method}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_path_that_tells_the_end_is_a_way_of_its_own() {
        let document = of("africastalking", &[]);
        let form = |path: &str| {
            document["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"].clone()
        };
        let typed = form("/ussd/op");
        assert_eq!(
            typed["schema"]["required"],
            json!(["sessionId", "phoneNumber", "serviceCode", "text"])
        );
        assert_eq!(
            typed["examples"]["a plain dial"]["value"]["serviceCode"],
            "*580#"
        );
        let over = form("/ussd/op/events");
        assert_eq!(
            over["schema"]["required"],
            json!(["sessionId", "phoneNumber"])
        );
    }

    #[test]
    fn what_a_field_tells_is_an_alternative_each() {
        let document = of("generic", &[]);
        let body =
            &document["paths"]["/ussd/op"]["post"]["requestBody"]["content"]["application/json"];
        let either = body["schema"]["anyOf"].as_array().unwrap();
        let words: Vec<_> = either
            .iter()
            .map(|one| &one["properties"]["event"]["enum"])
            .collect();
        assert_eq!(
            words,
            [&json!(["new"]), &json!(["continue"]), &json!(["end"])]
        );
        assert_eq!(
            either[1]["required"],
            json!(["session", "msisdn", "event", "input"])
        );
        assert_eq!(either[2]["required"], json!(["session", "msisdn", "event"]));
    }

    #[test]
    fn a_number_that_is_told_first_is_needed_at_the_dial_only() {
        let shapes = Shapes::load(&[]).unwrap();
        let file = shapes.source("generic").unwrap().text();
        let first = file.replace("\nreads:\n", "\nreads:\n  subscriber: first\n");
        let Ok(Shape::Ussd(shape)) = Shape::parse(&Source::new("first.yaml", &first)) else {
            panic!("it is no shape")
        };
        let site = UssdSite {
            link: "op",
            shape: &shape,
            codes: vec!["*580#".into()],
            auth: &[],
        };
        let document = document(&Site::default(), &callbacks(&site));
        let body =
            &document["paths"]["/ussd/op"]["post"]["requestBody"]["content"]["application/json"];
        let required: Vec<_> = body["schema"]["anyOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["required"])
            .collect();
        assert_eq!(
            required,
            [
                &json!(["session", "msisdn", "event"]),
                &json!(["session", "event", "input"]),
                &json!(["session", "event"])
            ]
        );
    }
}
