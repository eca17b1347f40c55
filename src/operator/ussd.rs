//! A shape of USSD callbacks: from a request to what it means, and from a screen to an answer, or to
//! a request of ours ([`push`]).

pub mod push;

use std::borrow::Cow;
use std::time::Duration;

use crate::callback::{Input, Msisdn, Repeat, ServiceName};
use crate::input::dialled;
use crate::operator::field::{Field, Place, Value};
use crate::operator::file::{CodeGiven, First, Head, Holds, Is, NumberGiven, SessionIds};
use crate::operator::json::Json;
use crate::operator::path::PathShape;
use crate::operator::refusal::CallbackError;
use crate::operator::reply::{Answer, Hole, ReplyTemplate, problem};
use crate::operator::request::{Body, BodyKind, Read, Request};
use crate::operator::rule::{self, Rule, Test};
use crate::operator::sample::Sample;
use crate::operator::template::Fill;
use crate::operator::ussd::push::Push;
use crate::screen::Limit;
use crate::screen::alphabet::{self, Alphabet};
use crate::store::Reply;

/// Bytes of a session id that are kept; the longest known has 38.
const SESSION_BYTES_MAX: usize = 128;
/// Bytes of what was typed; a session of some minutes cannot type more.
const INPUT_BYTES_MAX: usize = 2048;
/// Bytes of what tells a repeat.
const KEY_BYTES_MAX: usize = 256;

/// What makes a repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepeatRule {
    /// The cumulative path.
    Path,
    /// Nothing.
    None,
    /// These fields together.
    Key(Vec<usize>),
}

/// A shape of USSD callbacks, proved.
#[derive(Clone, Debug)]
pub struct UssdShape {
    /// Name, sources and the like.
    pub head: Head,
    /// Methods, in capitals.
    pub methods: Vec<String>,
    /// How the body is written.
    pub body: BodyKind,
    /// The content types that are taken.
    pub media_types: Vec<String>,
    /// The path below the link.
    pub path: PathShape,
    /// The fields.
    pub fields: Vec<Field>,
    /// Which field is the subscriber's number.
    pub subscriber: usize,
    /// Which is the session's id.
    pub session: Option<usize>,
    /// Which is the dialled code.
    pub code: Option<usize>,
    /// Which is what was typed.
    pub input: usize,
    /// Which is the code of the network.
    pub network: Option<usize>,
    /// What `input` holds.
    pub holds: Holds,
    /// What it holds at a dial.
    pub first: First,
    /// When the subscriber's number is told.
    pub number_given: NumberGiven,
    /// When the code is told.
    pub code_given: CodeGiven,
    /// Whether ids come again.
    pub session_ids: SessionIds,
    /// What tells a dial, a key press and an end.
    pub events: Vec<Rule<Is>>,
    /// What makes a repeat.
    pub repeat: RepeatRule,
    /// What a callback is answered; with `push`, the acknowledgement.
    pub reply: ReplyTemplate,
    /// Where the screen goes, if that is not the answer.
    pub push: Option<Push>,
    /// What a closed session is answered.
    pub closed: ReplyTemplate,
    /// What a fault is answered; none means RFC 9457.
    pub refused: Option<ReplyTemplate>,
    /// The fields that an answer gives back.
    pub echoed: Vec<usize>,
    /// What a screen holds.
    pub limit: Limit,
    /// Within which the operator wants an answer.
    pub deadline: Duration,
    /// How long a silent session lives.
    pub session_life: Duration,
    /// Codes of networks, and their names.
    pub networks: Vec<(String, String)>,
    /// Requests with what they mean.
    pub samples: Vec<Sample>,
}

/// What a request says, before the service is known.
#[derive(Clone)]
pub struct Heard {
    /// What it is; where the path tells, a key press.
    pub is: Is,
    /// Who; none where nothing of the request counts, and where the number was told at the dial and
    /// the session's id has to tell whose it is.
    pub subscriber: Option<Msisdn>,
    /// The operator's session; empty where it has none.
    pub session: String,
    /// The dialled code, where it is told.
    pub code: Option<String>,
    /// What was typed or dialled.
    pub input: String,
    /// What tells a repeat, where the shape has a key and the request carries it.
    pub key: Option<String>,
    /// The network's name, where the shape knows the code.
    pub network: Option<String>,
    /// The URL that was called, as the operator knows it, without its query; the door's to say.
    pub url: String,
    /// Fields that the shape does not have.
    pub unknown: usize,
    /// What goes back, by field.
    echo: Vec<(usize, Fill<'static>)>,
}

/// What a request means for a link's services.
#[derive(Clone)]
pub struct Meant {
    /// The service of the dialled code; none where it is told elsewhere or not at all.
    pub service: Option<ServiceName>,
    /// What was typed.
    pub input: Input,
    /// How a repeat of it is told.
    pub repeat: Repeat,
}

impl UssdShape {
    /// Reads a request.
    ///
    /// # Errors
    /// [`CallbackError`], naming the field as the operator calls it.
    pub fn hear(&self, request: Request<'_>) -> Result<Heard, CallbackError> {
        if !self.methods.iter().any(|method| method == request.method) {
            return Err(CallbackError::Method(self.methods.join(" or ").into()));
        }
        let segments = self
            .path
            .read(request.rest)
            .filter(|segments| {
                self.paths().is_none_or(|(place, words)| {
                    let asked = place.of_path(request.rest, segments);
                    asked.is_some_and(|asked| words.iter().any(|word| *word == asked))
                })
            })
            .ok_or_else(|| CallbackError::Path(self.paths_shown().into()))?;
        let read = request.read(self.body, &self.media_types)?;
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            values.push(field.find(&read, &segments, None)?);
        }
        let is = self.event(&values)?;
        let told_before = self.number_given == NumberGiven::First && is != Is::New;
        // An end that does not say whose session it is closes none.
        let whose = self
            .fields
            .get(self.subscriber)
            .zip(values.get(self.subscriber));
        let nobodys = whose.is_some_and(|(field, value)| field.optional && value.is_none());
        let skipped = is == Is::End && nobodys && !told_before;
        if skipped
            && let Some(at) = self.session
            && let Some(Some(id)) = values.get(at)
        {
            self.id(at, &id.text)?;
        }
        if is == Is::Ignored || skipped {
            return Ok(self.ignored(&values));
        }
        // A dial may bring nothing, a key press has something that was pressed.
        let pressed = is == Is::Continue && self.holds == Holds::Last;
        for (at, (field, value)) in self.fields.iter().zip(&values).enumerate() {
            let needed = (!field.optional || (pressed && at == self.input))
                && (is != Is::End || self.always_needed(&field.name))
                && !(told_before && at == self.subscriber);
            if value.is_none() && needed {
                return Err(CallbackError::Missing(field.shown().into()));
            }
        }
        let text = |at: usize| {
            values
                .get(at)
                .and_then(Option::as_ref)
                .map(|v| v.text.as_ref())
        };
        let subscriber = values.get(self.subscriber).and_then(Option::as_ref);
        let subscriber = match subscriber.filter(|value| !(told_before && value.text.is_empty())) {
            None if told_before => None,
            told => Some(self.number(told.map(Value::whole))?),
        };
        let session = match self.session.map(|at| (at, text(at))) {
            Some((at, Some(id))) => self.id(at, id)?.to_owned(),
            Some((_, None)) | None => String::new(),
        };
        let code = match self.code.map(|at| (at, text(at))) {
            Some((_, Some(""))) | Some((_, None)) | None => None,
            Some((at, Some(code))) => Some(self.id(at, code)?.to_owned()),
        };
        let input = text(self.input).unwrap_or_default();
        if input.len() > INPUT_BYTES_MAX {
            return Err(self.malformed(self.input, "at most 2048 bytes long"));
        }
        Ok(Heard {
            is,
            subscriber,
            session,
            code,
            input: input.to_owned(),
            key: self.key(&values)?,
            network: self
                .network
                .and_then(text)
                .and_then(|code| self.networks.iter().find(|(known, _)| known == code))
                .map(|(_, name)| name.clone()),
            url: String::new(),
            unknown: self.unknown(&read),
            echo: self.echo(&values),
        })
    }

    /// The place in the path that tells what a request is, and its words; none where something else
    /// may tell it too.
    pub fn paths(&self) -> Option<(&Place, Vec<&String>)> {
        let asked = self.events.first()?.field;
        let place = self.fields.get(asked)?.places.first()?;
        if !matches!(place, Place::Rest | Place::Path(_)) {
            return None;
        }
        let mut words = Vec::new();
        for rule in &self.events {
            match &rule.test {
                Test::Equals(all) if rule.field == asked && !rule.any_case => words.extend(all),
                Test::Equals(_)
                | Test::Always
                | Test::Given(_)
                | Test::Empty(_)
                | Test::OtherThan(_)
                | Test::Begins(_) => return None,
            }
        }
        Some((place, words))
    }

    /// The paths that there are, for errors.
    fn paths_shown(&self) -> String {
        let Some((place, words)) = self.paths() else {
            return self.path.shown();
        };
        let mut shown: Vec<String> = Vec::new();
        for word in words {
            let path = match place {
                Place::Path(name) => self.path.shown().replace(&format!("{{{name}}}"), word),
                Place::Rest if matches!(word.as_str(), "" | "/") => PathShape::None.shown(),
                Place::Rest
                | Place::Form(_)
                | Place::Query(_)
                | Place::Json(_)
                | Place::Xml(_)
                | Place::Header(_)
                | Place::Method
                | Place::Body => word.clone(),
            };
            if !shown.contains(&path) {
                shown.push(path);
            }
        }
        shown.join(" or ")
    }

    fn event(&self, values: &[Option<Value<'_>>]) -> Result<Is, CallbackError> {
        if self.events.is_empty() {
            return Ok(Is::Continue);
        }
        if let Some(is) = rule::first(&self.events, values) {
            return Ok(is);
        }
        // What it lacks is what tells a dial or a key press.
        let counts = self.events.iter().find(|rule| rule.is != Is::Ignored);
        let counts = counts.or(self.events.first());
        let asked = counts.map_or(self.input, |rule| rule.field);
        if values.get(asked).is_some_and(Option::is_none) {
            return Err(CallbackError::Missing(self.shown(asked).into()));
        }
        Err(self.malformed(asked, "one of the values that the operator documents"))
    }

    /// What is acknowledged and nothing else; nobody needs its fields.
    fn ignored(&self, values: &[Option<Value<'_>>]) -> Heard {
        Heard {
            is: Is::Ignored,
            subscriber: None,
            session: String::new(),
            code: None,
            input: String::new(),
            key: None,
            network: None,
            url: String::new(),
            unknown: 0,
            echo: self.echo(values),
        }
    }

    /// Whether a field has to be there even when a session ends.
    fn always_needed(&self, name: &str) -> bool {
        let is = |at: Option<usize>| {
            at.is_some_and(|at| self.fields.get(at).is_some_and(|f| f.name == name))
        };
        is(Some(self.subscriber)) || is(self.session)
    }

    fn number(&self, text: Option<&str>) -> Result<Msisdn, CallbackError> {
        let text =
            text.ok_or_else(|| CallbackError::Missing(self.shown(self.subscriber).into()))?;
        Msisdn::parse(text).map_err(|_| self.malformed(self.subscriber, "a phone number in E.164"))
    }

    fn id<'t>(&self, at: usize, text: &'t str) -> Result<&'t str, CallbackError> {
        if text.is_empty() || text.len() > SESSION_BYTES_MAX || text.contains(char::is_control) {
            return Err(self.malformed(at, "1 to 128 bytes of text"));
        }
        Ok(text)
    }

    fn key(&self, values: &[Option<Value<'_>>]) -> Result<Option<String>, CallbackError> {
        let RepeatRule::Key(fields) = &self.repeat else {
            return Ok(None);
        };
        let mut key = String::new();
        for at in fields {
            let Some(Some(value)) = values.get(*at) else {
                return Ok(None);
            };
            // An id of nothing is none.
            if value.text.is_empty() {
                return Ok(None);
            }
            key.push_str(&value.text);
            key.push('\u{0}');
            if key.len() > KEY_BYTES_MAX {
                return Err(self.malformed(*at, "short enough for an id"));
            }
        }
        Ok(Some(key))
    }

    fn echo(&self, values: &[Option<Value<'_>>]) -> Vec<(usize, Fill<'static>)> {
        self.echoed
            .iter()
            .filter_map(|at| {
                let value = values.get(*at)?.as_ref()?;
                let fill = Fill {
                    text: Cow::Owned(value.text.clone().into_owned()),
                    bare: value.bare,
                };
                Some((*at, fill))
            })
            .collect()
    }

    /// How many fields the request has that the shape does not; of JSON and XML, at the top.
    fn unknown(&self, read: &Read<'_>) -> usize {
        let places = || self.fields.iter().flat_map(|field| &field.places);
        let in_query = read
            .query
            .iter()
            .filter(|(name, _)| {
                !places().any(|p| matches!(p, Place::Query(known) if known == name))
            })
            .count();
        let in_body = match &read.body {
            Body::Form(pairs) => pairs
                .iter()
                .filter(|(name, _)| {
                    !places().any(|p| matches!(p, Place::Form(known) if known == name))
                })
                .count(),
            Body::Json(Json::Object(entries)) => entries
                .iter()
                .filter(|(name, _)| {
                    !places()
                        .any(|p| matches!(p, Place::Json(steps) if steps.first() == Some(name)))
                })
                .count(),
            Body::None | Body::Json(_) | Body::Xml(_) | Body::Text(_) => 0,
        };
        in_query + in_body
    }

    fn shown(&self, at: usize) -> &str {
        self.fields.get(at).map_or("", Field::shown)
    }

    fn malformed(&self, at: usize, expected: &str) -> CallbackError {
        CallbackError::malformed(self.shown(at), expected)
    }

    /// What a request means where these codes reach these services.
    ///
    /// # Errors
    /// [`CallbackError::NoService`] where a code was dialled that is none of them.
    pub fn meaning(
        &self,
        heard: &Heard,
        codes: &[(String, ServiceName)],
    ) -> Result<Meant, CallbackError> {
        let found = heard
            .code
            .as_deref()
            .map(|code| (code, dialled::find(codes, code)));
        let of_code = found.as_ref().and_then(|(_, found)| found.as_ref());
        let in_input = match (self.first, heard.is, self.holds) {
            (First::Dialled, Is::New | Is::Unsaid, _)
            | (First::Dialled, Is::Continue, Holds::Path) => dialled::find(codes, &heard.input),
            (First::Dialled, Is::Continue, Holds::Last)
            | (First::Dialled, Is::End | Is::Ignored, _)
            | (First::Nothing | First::Rest, _, _) => None,
        };
        let service = in_input
            .as_ref()
            .or(of_code)
            .map(|found| found.service.clone());
        let wanted = !matches!(heard.is, Is::End | Is::Ignored);
        if let (Some((_, None)), None, true) = (&found, &service, wanted) {
            return Err(CallbackError::NoService(
                self.shown(self.code.unwrap_or(self.input)).into(),
            ));
        }
        // What was dialled behind the code.
        let rest = || match self.first {
            First::Rest => heard.input.clone(),
            First::Dialled | First::Nothing => in_input
                .as_ref()
                .or(of_code)
                .map_or("", |found| found.rest)
                .to_owned(),
        };
        let input = match (heard.is, self.holds) {
            (Is::End | Is::Ignored, _) => Input::Closed,
            (Is::New, Holds::Last) => Input::Dial(rest()),
            (Is::Continue, Holds::Last) => Input::Text(heard.input.clone()),
            (Is::Unsaid, Holds::Last) => Input::Unsaid {
                dialled: rest(),
                typed: heard.input.clone(),
            },
            (Is::New | Is::Continue | Is::Unsaid, Holds::Path) => {
                let behind = in_input.as_ref().map(|found| found.rest.to_owned());
                Input::Path(behind.unwrap_or_else(|| heard.input.clone()))
            }
        };
        let repeat = match (&self.repeat, &heard.key) {
            (RepeatRule::Path, _) => Repeat::Path,
            (RepeatRule::Key(_), Some(key)) => Repeat::Key(key.clone()),
            (RepeatRule::Key(_), None) | (RepeatRule::None, _) => Repeat::None,
        };
        Ok(Meant {
            service,
            input,
            repeat,
        })
    }

    /// The answer to a callback.
    pub fn answer(&self, heard: &Heard, reply: &Reply) -> Answer {
        let over = matches!(heard.is, Is::End | Is::Ignored);
        let template = if over { &self.closed } else { &self.reply };
        let ends = reply.ends || over;
        template.answer(200, ends, &|hole| heard.fill(*hole, reply, ends))
    }

    /// The answer to a request that cannot be taken.
    pub fn refuse(&self, status: u16, detail: &str) -> Answer {
        let Some(template) = &self.refused else {
            return problem(status, detail);
        };
        let mut answer = template.answer(status, true, &|hole| match hole {
            Hole::Status => Some(Fill {
                text: status.to_string().into(),
                bare: true,
            }),
            Hole::Detail | Hole::Text => Some(Fill::text(detail.to_owned())),
            Hole::Ends => Some(Fill::flag(true)),
            Hole::Continues => Some(Fill::flag(false)),
            Hole::Dcs => Some(dcs(detail)),
            Hole::Url => None,
            Hole::Msisdn | Hole::Digits | Hole::User | Hole::Secret | Hole::Field(_) => None,
        });
        // What is wrong below the operator's own words is HTTP's to say.
        if matches!(status, 404 | 405 | 415) {
            answer.status = status;
        }
        answer
    }
}

impl Heard {
    /// What goes into a hole of the reply; `ends` is whether the session is over.
    fn fill(&self, hole: Hole, reply: &Reply, ends: bool) -> Option<Fill<'static>> {
        let who = self.subscriber.as_ref();
        match hole {
            Hole::Text => Some(Fill::text(reply.text.clone())),
            Hole::Msisdn => who.map(|who| Fill::text(who.as_str().to_owned())),
            Hole::Digits => who.map(|who| Fill::text(who.digits().to_owned())),
            Hole::Ends => Some(Fill::flag(ends)),
            Hole::Continues => Some(Fill::flag(!ends)),
            Hole::Dcs => Some(dcs(&reply.text)),
            Hole::Url => Some(Fill::text(self.url.clone())),
            Hole::Status | Hole::Detail | Hole::User | Hole::Secret => None,
            Hole::Field(at) => {
                let mut known = self.echo.iter().filter(|(known, _)| *known == at);
                known.next().map(|(_, fill)| fill.clone())
            }
        }
    }
}

/// The data coding scheme of a text (3GPP TS 23.038, 5).
fn dcs(text: &str) -> Fill<'static> {
    let scheme = match alphabet::measure(text).0 {
        Alphabet::Gsm7 => "15",
        Alphabet::Ucs2 => "72",
    };
    Fill {
        text: Cow::Borrowed(scheme),
        bare: true,
    }
}

#[cfg(test)]
mod tests;
