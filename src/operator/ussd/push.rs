//! A screen that goes in a request of ours: the callback is acknowledged, and what the phone shows is
//! sent to the operator's own address.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::operator::api::account::Account;
use crate::operator::api::answer::AnswerShape;
use crate::operator::api::{self, Outgoing, Word};
use crate::operator::reply::{self, Answer, Hole, ReplyTemplate};
use crate::operator::template::{Escape, Fill, Template};
use crate::operator::ussd::{Heard, UssdShape};
use crate::store::Reply;

/// What a push can fill in beside what replies can.
pub const PUSH_HOLES: [(&str, Hole); 2] = [("user", Hole::User), ("secret", Hole::Secret)];

/// `push:`, proved.
#[derive(Clone, Debug)]
pub struct Push {
    /// The method.
    pub method: Method,
    /// The path behind the link's address, with its query.
    pub path: Template<Hole>,
    /// Whether user and secret go as Basic.
    pub basic: bool,
    /// Headers and body.
    pub body: ReplyTemplate,
    /// What the operator answers; none where its status says it all.
    pub answer: Option<AnswerShape>,
}

impl Push {
    /// The fields of the callback that it gives back.
    pub fn fields(&self) -> Vec<usize> {
        reply::fields(&self.holes())
    }

    /// Whether it wants the link's user, and whether it wants its secret.
    pub fn wants(&self) -> (bool, bool) {
        let holes = self.holes();
        let wants = |hole| self.basic || holes.contains(&hole);
        (wants(Hole::User), wants(Hole::Secret))
    }

    fn holes(&self) -> Vec<Hole> {
        let mut holes = self.body.holes();
        holes.extend(self.path.holes());
        holes
    }

    /// What an answer to it says; [`Word::ByStatus`] where only its status does.
    pub fn read(&self, answer: &api::Answer) -> Word {
        match &self.answer {
            // A screen has no id.
            Some(shape) => shape.read(answer, |_| String::new()),
            None => Word::ByStatus,
        }
    }
}

/// A request of ours as text, for samples and pages: below the link's address, which nobody needs to
/// read again.
#[derive(Clone)]
pub struct Posted {
    method: Method,
    target: String,
    /// Headers and body.
    pub(in crate::operator) answer: Answer,
}

impl Posted {
    /// A line with method and path, headers, an empty line, the body.
    pub fn shown(&self) -> String {
        let target = match self.target.as_str() {
            "" => "/",
            target => target,
        };
        let rest = self.answer.shown();
        let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        format!("{} {target}\n{rest}", self.method)
    }
}

impl UssdShape {
    /// Where the screens are: in what is posted, or in the answer.
    pub fn screens(&self) -> &ReplyTemplate {
        self.push.as_ref().map_or(&self.reply, |push| &push.body)
    }

    /// The screen as a request to the operator; none where the shape answers with it, or where
    /// something does not fit a header.
    pub fn outgoing(&self, account: &Account, heard: &Heard, reply: &Reply) -> Option<Outgoing> {
        let push = self.push.as_ref()?;
        let posted = self.posted(account, heard, reply)?;
        let mut headers = HeaderMap::new();
        if push.basic {
            headers.insert(header::AUTHORIZATION, account.basic()?);
        }
        for (name, value) in posted.answer.headers {
            let name = HeaderName::try_from(name).ok()?;
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(name != header::CONTENT_TYPE);
            headers.insert(name, value);
        }
        Some(Outgoing {
            part: 0,
            parts: 1,
            method: posted.method,
            url: format!("{}{}", account.url, posted.target),
            headers,
            body: Bytes::from(posted.answer.body),
        })
    }

    /// The same, to be shown.
    pub fn posted(&self, account: &Account, heard: &Heard, reply: &Reply) -> Option<Posted> {
        let push = self.push.as_ref()?;
        let fill = |hole: &Hole| match hole {
            Hole::User => Some(Fill::text(account.user.clone())),
            Hole::Secret => Some(Fill::text(account.secret.clone())),
            Hole::Text
            | Hole::Msisdn
            | Hole::Digits
            | Hole::Ends
            | Hole::Continues
            | Hole::Status
            | Hole::Detail
            | Hole::Dcs
            | Hole::Url
            | Hole::Field(_) => heard.fill(*hole, reply, reply.ends),
        };
        Some(Posted {
            method: push.method.clone(),
            target: push.path.fill(Escape::Url, &fill),
            answer: push.body.answer(200, reply.ends, &fill),
        })
    }
}
