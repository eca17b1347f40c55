//! A request of an operator, read once into what its fields are looked up in.

use std::borrow::Cow;

use http::HeaderMap;
use serde::Deserialize;

use crate::operator::json::Json;
use crate::operator::pairs::{self, Pairs};
use crate::operator::refusal::CallbackError;

/// A request as the door has it: whole, bounded, authenticated.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its method, in capitals.
    pub method: &'a str,
    /// The path below the link and its secret, with the `/` before it; empty where there is none.
    pub rest: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// There is none; what comes is not looked at.
    #[default]
    None,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// JSON.
    Json,
    /// XML without a DTD.
    Xml,
    /// A text.
    Text,
}

impl BodyKind {
    /// The content types that are taken unless the shape names others.
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Form => &["application/x-www-form-urlencoded"],
            Self::Json => &["application/json"],
            Self::Xml => &["application/xml", "text/xml"],
            Self::Text => &["text/plain"],
        }
    }
}

/// A body that was read.
pub enum Body<'a> {
    /// None, or nobody looks at it.
    None,
    /// A form.
    Form(Pairs<'a>),
    /// JSON.
    Json(Json),
    /// XML.
    Xml(Box<roxmltree::Document<'a>>),
    /// A text.
    Text(&'a str),
}

/// A request whose parts were read.
pub struct Read<'a> {
    /// The method.
    pub method: &'a str,
    /// The path below the link.
    pub rest: &'a str,
    /// What the query has.
    pub query: Pairs<'a>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What the body has.
    pub body: Body<'a>,
}

impl<'a> Request<'a> {
    /// Reads query and body.
    ///
    /// # Errors
    /// [`CallbackError`] for another content type, or what is not written as it says.
    pub fn read(self, kind: BodyKind, media_types: &[String]) -> Result<Read<'a>, CallbackError> {
        if !media_types.is_empty() && !media_types.iter().any(|known| self.is_of(known)) {
            return Err(CallbackError::MediaType(media_types.join(" or ").into()));
        }
        let query = pairs::parse(self.query.unwrap_or_default().as_bytes()).map_err(|_| {
            CallbackError::malformed("the query", "in UTF-8, of at most 256 fields")
        })?;
        let text = || std::str::from_utf8(self.body);
        let body = match kind {
            BodyKind::None => Body::None,
            BodyKind::Form => pairs::parse(self.body)
                .map(Body::Form)
                .map_err(CallbackError::Body)?,
            BodyKind::Json => Json::parse(self.body)
                .map(Body::Json)
                .map_err(CallbackError::Body)?,
            BodyKind::Xml => {
                let text = text().map_err(|_| CallbackError::Body("XML in UTF-8"))?;
                roxmltree::Document::parse(text)
                    .map(|document| Body::Xml(Box::new(document)))
                    .map_err(|_| CallbackError::Body("XML without a DTD"))?
            }
            BodyKind::Text => text()
                .map(Body::Text)
                .map_err(|_| CallbackError::Body("a text in UTF-8"))?,
        };
        Ok(Read {
            method: self.method,
            rest: self.rest,
            query,
            headers: self.headers,
            body,
        })
    }

    /// Whether the content type is this one, in UTF-8 where it says.
    fn is_of(&self, media_type: &str) -> bool {
        let mut given = self.headers.get_all(http::header::CONTENT_TYPE).iter();
        let (Some(only), None) = (given.next(), given.next()) else {
            return false;
        };
        let Ok(only) = only.to_str() else {
            return false;
        };
        let mut parts = only.split(';');
        let kind = parts.next().unwrap_or_default().trim();
        let in_utf8 = parts.all(|part| match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let value = value.trim().trim_matches('"');
                ["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|known| value.eq_ignore_ascii_case(known))
            }
            Some(_) | None => true,
        });
        kind.eq_ignore_ascii_case(media_type) && in_utf8
    }
}

impl Read<'_> {
    /// The value of one of a list of pairs.
    ///
    /// # Errors
    /// Nothing tells which of several is meant.
    pub(super) fn one<'r>(pairs: &'r Pairs<'_>, name: &str) -> Result<Option<Cow<'r, str>>, ()> {
        let mut found = pairs
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_ref());
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(Some(Cow::Borrowed(value))),
            (Some(_), Some(_)) => Err(()),
            (None, _) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(kind: BodyKind, content_type: &[&str], body: &[u8], expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        for value in content_type {
            headers.append("content-type", value.parse().unwrap());
        }
        let request = Request {
            method: "POST",
            rest: "",
            query: None,
            headers: &headers,
            body,
        };
        let types: Vec<String> = kind.media_types().iter().map(|t| (*t).to_owned()).collect();
        let read = request.read(kind, &types).map(|_| ());
        let shown = read.map_err(|error| error.to_string());
        assert_eq!(shown, expected.map_err(str::to_owned), "{content_type:?}");
    }

    #[test]
    fn content_types_decide() {
        const FORM: &str = "application/x-www-form-urlencoded";
        const WANTED: &str = "expected the content type application/x-www-form-urlencoded";
        for (given, good) in [
            (&[FORM][..], true),
            (&["Application/X-WWW-Form-Urlencoded; charset=UTF-8"], true),
            (
                &["application/x-www-form-urlencoded;charset=\"utf-8\"; x=y"],
                true,
            ),
            (
                &["application/x-www-form-urlencoded; charset=iso-8859-1"],
                false,
            ),
            (&["application/json"], false),
            (&[], false),
            (&[FORM, FORM], false),
        ] {
            check(
                BodyKind::Form,
                given,
                b"a=1",
                if good { Ok(()) } else { Err(WANTED) },
            );
        }
        check(BodyKind::None, &["application/json"], b"\xff", Ok(()));
        check(BodyKind::Xml, &["text/xml"], b"<a/>", Ok(()));
    }

    #[test]
    fn bodies_are_what_they_say() {
        for (kind, body, expected) in [
            (
                BodyKind::Form,
                &b"a=%ff"[..],
                "the body is not a form in UTF-8",
            ),
            (BodyKind::Json, b"{", "the body is not JSON"),
            (BodyKind::Xml, b"<a>", "the body is not XML without a DTD"),
            (
                BodyKind::Xml,
                b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                "the body is not XML without a DTD",
            ),
            (BodyKind::Xml, b"\xff", "the body is not XML in UTF-8"),
            (BodyKind::Text, b"\xff", "the body is not a text in UTF-8"),
        ] {
            check(kind, &[kind.media_types()[0]], body, Err(expected));
        }
    }
}
