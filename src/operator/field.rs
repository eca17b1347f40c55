//! Where a field of an operator's request stands, and how its value is taken out.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::Deserialize;

use crate::operator::json::Json;
use crate::operator::refusal::CallbackError;
use crate::operator::request::{Body, Read};
use crate::operator::xml::XmlPath;

/// Bytes of a value; a body has at most a few thousand in all.
const VALUE_BYTES_MAX: usize = 4096;

/// Where a value stands: `form NAME`, `query NAME`, `json /POINTER`, `xml /PATH`, `header NAME`,
/// `path NAME` (a segment of the shape's path), `rest` (the whole path below the link), `method`,
/// `body` (all of it).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// A field of the form.
    Form(String),
    /// A field of the query.
    Query(String),
    /// A JSON pointer (RFC 6901), as its steps.
    Json(Vec<String>),
    /// A path into the XML.
    Xml(XmlPath),
    /// A header.
    Header(HeaderName),
    /// A named segment of the shape's path.
    Path(String),
    /// The path below the link.
    Rest,
    /// The method.
    Method,
    /// The whole body.
    Body,
}

impl Place {
    /// What the operator calls it, for errors.
    pub fn name(&self) -> &str {
        match self {
            Self::Form(name) | Self::Query(name) | Self::Path(name) => name,
            Self::Json(steps) => steps.last().map_or("the body", String::as_str),
            Self::Xml(path) => path.name(),
            Self::Header(name) => name.as_str(),
            Self::Rest => "the path",
            Self::Method => "the method",
            Self::Body => "the body",
        }
    }

    /// What a path has at this place, by the whole of it and its named segments; none where the
    /// place is not in the path.
    pub fn of_path<'r>(
        &self,
        rest: &'r str,
        segments: &'r [(&str, Cow<'r, str>)],
    ) -> Option<&'r str> {
        match self {
            Self::Rest => Some(rest),
            Self::Path(name) => segments
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_ref()),
            Self::Form(_)
            | Self::Query(_)
            | Self::Json(_)
            | Self::Xml(_)
            | Self::Header(_)
            | Self::Method
            | Self::Body => None,
        }
    }

    /// The kind of place, as shapes write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Form(_) => "form",
            Self::Query(_) => "query",
            Self::Json(_) => "json",
            Self::Xml(_) => "xml",
            Self::Header(_) => "header",
            Self::Path(_) => "path",
            Self::Rest => "rest",
            Self::Method => "method",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Place {
    /// As shapes write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Form(name) | Self::Query(name) | Self::Path(name) => write!(f, " {name}"),
            Self::Json(steps) => {
                f.write_str(" ")?;
                steps.iter().try_for_each(|step| {
                    write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))
                })
            }
            Self::Xml(path) => write!(f, " {path}"),
            Self::Header(name) => write!(f, " {name}"),
            Self::Rest | Self::Method | Self::Body => Ok(()),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.trim().split_once(' ') {
            Some((kind, name)) => (kind, name.trim()),
            None => (text.trim(), ""),
        };
        let named = || match name {
            "" => Err(format!("`{text}` lacks a name: write `{kind} NAME`")),
            name => Ok(name.to_owned()),
        };
        match kind {
            "form" => named().map(Self::Form),
            "query" => named().map(Self::Query),
            "path" => named().map(Self::Path),
            "json" => pointer(name).map(Self::Json),
            "xml" => name.parse().map(Self::Xml),
            "header" => HeaderName::from_bytes(name.as_bytes())
                .map(Self::Header)
                .map_err(|_| format!("`{name}` is no name of a header")),
            "rest" if name.is_empty() => Ok(Self::Rest),
            "method" if name.is_empty() => Ok(Self::Method),
            "body" if name.is_empty() => Ok(Self::Body),
            _ => Err(format!(
                "`{text}` is no place: write form, query, json, xml, header or path with a name, or rest, method, body"
            )),
        }
    }
}

/// The steps of a JSON pointer (RFC 6901).
pub(super) fn pointer(text: &str) -> Result<Vec<String>, String> {
    match text.strip_prefix('/') {
        Some(steps) => Ok(steps
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect()),
        None => Err(format!("`{text}` is no JSON pointer: write /key/key")),
    }
}

/// A field of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name within the shape.
    pub name: String,
    /// Where it stands; the first place that has it counts.
    pub places: Vec<Place>,
    /// Whether a request may come without it.
    pub optional: bool,
    /// What may stand before the value and does not belong to it, such as `tel:`.
    pub strip: Option<String>,
    /// The value stands behind this text …
    pub after: Option<String>,
    /// … and before this one.
    pub before: Option<String>,
    /// The value is one of several between separators: the separator, and which one from 1.
    pub part: Option<(String, usize)>,
    /// Whether it is a number, in digits.
    pub digits: bool,
}

/// The value of a field, as it came.
#[derive(Clone, PartialEq)]
pub struct Value<'a> {
    /// As text.
    pub text: Cow<'a, str>,
    /// Whether it was a JSON number or flag, which goes back as one.
    pub bare: bool,
}

impl Value<'_> {
    /// The text of a number that has to be whole: `5.0` of JSON is 5.
    pub fn whole(&self) -> &str {
        match self.text.strip_suffix(".0") {
            Some(whole) if self.bare => whole,
            Some(_) | None => &self.text,
        }
    }
}

impl Field {
    /// What the operator calls it.
    pub fn shown(&self) -> &str {
        self.places.first().map_or(&self.name, |place| place.name())
    }

    /// Its value in a request; none where it is absent, whether or not it may be. `item` is what
    /// JSON pointers begin at; none means the body.
    ///
    /// # Errors
    /// [`CallbackError`] where it stands twice, is no single value, or is too long.
    pub fn find<'r>(
        &self,
        read: &'r Read<'_>,
        segments: &[(&str, Cow<'r, str>)],
        item: Option<&'r Json>,
    ) -> Result<Option<Value<'r>>, CallbackError> {
        for place in &self.places {
            let twice = || CallbackError::Twice(place.name().into());
            let (text, bare) = match place {
                Place::Form(name) => match &read.body {
                    Body::Form(pairs) => (Read::one(pairs, name).map_err(|()| twice())?, false),
                    Body::None | Body::Json(_) | Body::Xml(_) | Body::Text(_) => (None, false),
                },
                Place::Query(name) => (Read::one(&read.query, name).map_err(|()| twice())?, false),
                Place::Json(steps) => match (item, &read.body) {
                    (Some(item), _) | (None, Body::Json(item)) => match item.at(steps) {
                        None | Some(Json::Null) => (None, false),
                        Some(found) => {
                            let scalar = found.scalar().ok_or_else(|| {
                                CallbackError::malformed(place.name(), "a single value")
                            })?;
                            (Some(scalar), !matches!(found, Json::Text(_)))
                        }
                    },
                    (None, Body::None | Body::Form(_) | Body::Xml(_) | Body::Text(_)) => {
                        (None, false)
                    }
                },
                Place::Xml(path) => match &read.body {
                    Body::Xml(document) => {
                        let found = path.find(document).map_err(|_| twice())?;
                        (found.map(Cow::Owned), false)
                    }
                    Body::None | Body::Form(_) | Body::Json(_) | Body::Text(_) => (None, false),
                },
                Place::Header(name) => {
                    let mut all = read.headers.get_all(name).iter();
                    let first = all.next();
                    if all.next().is_some() {
                        return Err(twice());
                    }
                    let text = first.map(|value| std::str::from_utf8(value.as_bytes()));
                    let text = text
                        .transpose()
                        .map_err(|_| CallbackError::malformed(place.name(), "in UTF-8"))?;
                    (text.map(Cow::Borrowed), false)
                }
                Place::Path(name) => {
                    let found = segments.iter().find(|(known, _)| known == name);
                    (found.map(|(_, value)| value.clone()), false)
                }
                Place::Rest => (Some(Cow::Borrowed(read.rest)), false),
                Place::Method => (Some(Cow::Borrowed(read.method)), false),
                Place::Body => match &read.body {
                    Body::Text(text) => (Some(Cow::Borrowed(*text)), false),
                    Body::None | Body::Form(_) | Body::Json(_) | Body::Xml(_) => (None, false),
                },
            };
            let Some(text) = text else { continue };
            if text.len() > VALUE_BYTES_MAX {
                return Err(CallbackError::malformed(
                    place.name(),
                    "at most 4096 bytes long",
                ));
            }
            if text.contains('\0') {
                return Err(CallbackError::malformed(place.name(), "without NUL"));
            }
            if let Some(text) = self.taken(text) {
                let mut value = Value { text, bare };
                if self.digits {
                    let whole = value.whole();
                    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
                        let expected = "a number in digits";
                        return Err(CallbackError::malformed(place.name(), expected));
                    }
                    value.text = Cow::Owned(whole.to_owned());
                }
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The value within what stands at the place.
    fn taken<'r>(&self, text: Cow<'r, str>) -> Option<Cow<'r, str>> {
        if self.strip.is_none()
            && self.after.is_none()
            && self.before.is_none()
            && self.part.is_none()
        {
            return Some(text);
        }
        let mut taken: &str = &text;
        if let Some(strip) = &self.strip {
            taken = taken.strip_prefix(strip.as_str()).unwrap_or(taken);
        }
        if let Some(after) = &self.after {
            taken = taken.split_once(after.as_str())?.1;
        }
        if let Some(before) = &self.before {
            taken = taken.split_once(before.as_str())?.0;
        }
        if let Some((separator, nth)) = &self.part {
            taken = taken.split(separator.as_str()).nth(nth.checked_sub(1)?)?;
        }
        Some(Cow::Owned(taken.to_owned()))
    }
}
