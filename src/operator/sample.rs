//! Samples of a shape: a request as text, what is read of it, and the answer as text.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::callback::Msisdn;
use crate::operator::compile::Fault;
use crate::operator::file::{Mark, SampleFile};
use crate::operator::reply::Answer;
use crate::operator::request::Request;

/// A sample.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is.
    pub what: String,
    /// Where it comes from.
    pub mark: Mark,
    /// Its document.
    pub source: String,
    /// When that was read.
    pub date: String,
    /// The method.
    pub method: String,
    /// The path below the link.
    pub rest: String,
    /// The query.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
    /// Who dialled the session, as the ledger would say it.
    pub dialled_by: Option<Msisdn>,
    /// What is read of it, by name.
    pub reads: Vec<(String, String)>,
    /// A screen to answer with, and whether it ends the session.
    pub screen: Option<(String, bool)>,
    /// The answer as it has to be.
    pub answer: Option<String>,
    /// What is posted, as it has to be.
    pub pushed: Option<String>,
}

impl Sample {
    /// Reads one.
    pub(super) fn parse(file: &SampleFile) -> Result<Self, Fault> {
        let wrong = |message: &str| {
            Fault::new(
                file.what.clone(),
                format!("sample `{}`: {message}", file.what),
                "write `METHOD /PATH?QUERY` (the path below the link), a line a header, an empty line, the body",
            )
        };
        let (head, body) = match file.request.split_once("\n\n") {
            Some((head, body)) => (head, body.trim_end_matches('\n')),
            None => (file.request.trim_end(), ""),
        };
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let (method, target) = first
            .split_once(' ')
            .ok_or_else(|| wrong("there is no method and path"))?;
        let target = target.trim();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return Err(wrong("the path does not begin with `/`"));
        }
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| wrong("a line is no header"))?;
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| wrong("a header has no good name"))?;
            let value = HeaderValue::from_str(value.trim())
                .map_err(|_| wrong("a header has no good value"))?;
            headers.append(name, value);
        }
        let dialled_by = file.dialled_by.as_deref().map(|number| {
            Msisdn::parse(number).map_err(|_| {
                Fault::new(
                    "dialled_by:",
                    format!("sample `{}`: that is no phone number", file.what),
                    "write it in E.164, as `dialled_by: \"+212661000002\"`",
                )
                .within("dialled_by")
            })
        });
        let dialled_by = dialled_by.transpose()?;
        Ok(Self {
            what: file.what.clone(),
            mark: file.mark,
            source: file.source.clone(),
            date: file.date.clone(),
            method: method.to_owned(),
            rest: if path == "/" {
                String::new()
            } else {
                path.to_owned()
            },
            query,
            headers,
            body: body.to_owned(),
            dialled_by,
            reads: file.reads.0.clone(),
            screen: file.screen.clone().map(|screen| (screen, file.ends)),
            answer: file.answer.clone(),
            pushed: file.pushed.clone(),
        })
    }

    /// The request as samples write it.
    pub fn shown(&self) -> String {
        let path = if self.rest.is_empty() {
            "/"
        } else {
            &self.rest
        };
        let mut shown = format!("{} {path}", self.method);
        if let Some(query) = &self.query {
            shown.push('?');
            shown.push_str(query);
        }
        shown.push('\n');
        for (name, value) in &self.headers {
            let value = value.to_str().unwrap_or_default();
            shown.push_str(&format!("{name}: {value}\n"));
        }
        shown.push('\n');
        shown.push_str(&self.body);
        shown
    }

    /// The request.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            rest: &self.rest,
            query: self.query.as_deref(),
            headers: &self.headers,
            body: self.body.as_bytes(),
        }
    }
}

impl Answer {
    /// As samples write it: the status, the headers, an empty line, the body.
    pub fn shown(&self) -> String {
        let mut shown = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            shown.push_str(&format!("{name}: {value}\n"));
        }
        shown.push('\n');
        shown.push_str(&self.body);
        shown
    }
}
