//! What `incoming` and `receipts` have in common: a request with one element or a list of them, and
//! an acknowledgement.

use std::borrow::Cow;

use crate::operator::CallbackError;
use crate::operator::field::{Field, Place, Value};
use crate::operator::json::Json;
use crate::operator::pairs;
use crate::operator::path::PathShape;
use crate::operator::reply::{Answer, Hole, ReplyTemplate};
use crate::operator::request::{Body, BodyKind, Read, Request};
use crate::operator::template::Fill;

/// Elements of a batch at most; the largest known default is 100.
const ELEMENTS_MAX: usize = 2_000;

/// How the operator asks, and what it is answered.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Methods, in capitals.
    pub methods: Vec<String>,
    /// How the body is written.
    pub body: BodyKind,
    /// The content types that are taken.
    pub media_types: Vec<String>,
    /// The path.
    pub path: PathShape,
    /// The fields.
    pub fields: Vec<Field>,
    /// Where the list stands, as the steps of a JSON pointer; none where a request is one element.
    pub each: Option<Vec<String>>,
    /// Fields of the form that may be no text.
    pub not_text: Vec<String>,
    /// The acknowledgement.
    pub answer: ReplyTemplate,
}

/// What the elements of a request said.
pub struct HeardAll<T> {
    /// One for each; what cannot be used is named, and what does not count is none.
    pub elements: Vec<Result<Option<T>, CallbackError>>,
    /// The acknowledgement.
    pub answer: Answer,
    /// Fields that the shape does not have.
    pub unknown: usize,
}

/// Reads an element by the values of its fields; none where it does not count.
type ReadsOne<'f, T> = dyn Fn(&[Option<Value<'_>>]) -> Result<Option<T>, CallbackError> + 'f;

impl Inbound {
    /// Reads a request; `one` reads an element by the values of its fields.
    ///
    /// # Errors
    /// [`CallbackError`] where it is no such request as a whole, and where the only element that it
    /// has cannot be used.
    pub fn hear<T>(
        &self,
        request: Request<'_>,
        one: &ReadsOne<'_, T>,
    ) -> Result<HeardAll<T>, CallbackError> {
        if !self.methods.iter().any(|method| method == request.method) {
            return Err(CallbackError::Method(self.methods.join(" or ").into()));
        }
        let segments = self
            .path
            .read(request.rest)
            .ok_or_else(|| CallbackError::Path(self.path.shown().into()))?;
        let texts = self.texts(request.body);
        let request = Request {
            body: &texts,
            ..request
        };
        let read = request.read(self.body, &self.media_types)?;
        let values = |item| {
            self.fields
                .iter()
                .map(|field| field.find(&read, &segments, item))
                .collect::<Result<Vec<_>, _>>()
        };
        let Some(list) = self.list(&read)? else {
            let values = values(None)?;
            let element = one(&values)?;
            return Ok(HeardAll {
                elements: vec![Ok(element)],
                answer: self.acknowledge(&values),
                unknown: self.unknown(&read, None),
            });
        };
        let unknown = list.iter().map(|item| self.unknown(&read, Some(item)));
        let unknown = unknown.sum();
        let elements = list
            .iter()
            .map(|item| values(Some(item)).and_then(|values| one(&values)))
            .collect();
        Ok(HeardAll {
            elements,
            answer: self.acknowledge(&[]),
            unknown,
        })
    }

    /// How many fields a request or an element of it has that the shape does not; of JSON, at the
    /// top.
    fn unknown(&self, read: &Read<'_>, item: Option<&Json>) -> usize {
        let places = || self.fields.iter().flat_map(|field| &field.places);
        let of_query = |name: &str| places().any(|p| matches!(p, Place::Query(n) if n == name));
        let of_form = |name: &str| places().any(|p| matches!(p, Place::Form(n) if n == name));
        let of_json = |name: &str| {
            places().any(
                |p| matches!(p, Place::Json(steps) if steps.first().is_some_and(|n| n == name)),
            )
        };
        let in_object = |json: &Json| match json {
            Json::Object(entries) => entries.iter().filter(|(name, _)| !of_json(name)).count(),
            Json::Null | Json::Flag(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => 0,
        };
        if let Some(item) = item {
            return in_object(item);
        }
        let in_body = match &read.body {
            Body::Form(pairs) => pairs.iter().filter(|(name, _)| !of_form(name)).count(),
            Body::Json(json) => in_object(json),
            Body::None | Body::Xml(_) | Body::Text(_) => 0,
        };
        in_body
            + read
                .query
                .iter()
                .filter(|(name, _)| !of_query(name))
                .count()
    }

    /// The body without the fields that may be no text, where they are none.
    fn texts<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        if self.not_text.is_empty() {
            return Cow::Borrowed(body);
        }
        let mut kept = Vec::with_capacity(body.len());
        for pair in body.split(|byte| *byte == b'&') {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            let may_be_none = self.not_text.iter().any(|known| known.as_bytes() == name);
            if may_be_none && pairs::parse(pair).is_err() {
                continue;
            }
            if !kept.is_empty() {
                kept.push(b'&');
            }
            kept.extend_from_slice(pair);
        }
        Cow::Owned(kept)
    }

    fn list<'r>(&self, read: &'r Read<'_>) -> Result<Option<&'r [Json]>, CallbackError> {
        let (Some(steps), Body::Json(json)) = (&self.each, &read.body) else {
            return Ok(None);
        };
        let name = steps.last().map_or("the body", String::as_str);
        match json.at(steps) {
            Some(Json::List(items)) if items.len() <= ELEMENTS_MAX => Ok(Some(items)),
            Some(Json::List(_)) => Err(CallbackError::malformed(name, "a list of at most 2000")),
            Some(one @ Json::Object(_)) => Ok(Some(std::slice::from_ref(one))),
            None => Err(CallbackError::Missing(name.into())),
            Some(Json::Null | Json::Flag(_) | Json::Number(_) | Json::Text(_)) => {
                Err(CallbackError::malformed(name, "a list"))
            }
        }
    }

    fn acknowledge(&self, values: &[Option<Value<'_>>]) -> Answer {
        self.answer.answer(200, true, &|hole| match hole {
            Hole::Field(at) => values.get(*at).and_then(Option::as_ref).map(|value| Fill {
                text: Cow::Owned(value.text.clone().into_owned()),
                bare: value.bare,
            }),
            Hole::Text
            | Hole::Msisdn
            | Hole::Digits
            | Hole::Ends
            | Hole::Continues
            | Hole::Status
            | Hole::Dcs
            | Hole::Url
            | Hole::User
            | Hole::Secret
            | Hole::Detail => None,
        })
    }

    /// The place of a field.
    pub(super) fn at(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field that is wrong, as the operator calls it.
    pub(super) fn malformed(&self, at: usize, expected: &str) -> CallbackError {
        CallbackError::malformed(self.shown(at), expected)
    }

    pub(super) fn shown(&self, at: usize) -> &str {
        self.fields.get(at).map_or("", Field::shown)
    }

    /// Faults the first field that an element lacks.
    pub(super) fn whole(&self, values: &[Option<Value<'_>>]) -> Result<(), CallbackError> {
        let lacking = self
            .fields
            .iter()
            .zip(values)
            .find(|(field, value)| value.is_none() && !field.optional);
        match lacking {
            Some((field, _)) => Err(CallbackError::Missing(field.shown().into())),
            None => Ok(()),
        }
    }
}

/// The text of a field, where it is there and not empty.
pub(super) fn text<'v>(values: &'v [Option<Value<'_>>], at: Option<usize>) -> Option<&'v str> {
    values
        .get(at?)?
        .as_ref()
        .map(|value| value.text.as_ref())
        .filter(|text| !text.is_empty())
}
