//! What a request is answered, as bytes.

use crate::operator::template::{Choice, Escape, Fill, JsonTemplate, Template};

/// An answer on its way to the operator.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, the content type among them.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

/// An error for the operator's engineer (RFC 9457), which names the place and never the content.
pub fn problem(status: u16, detail: &str) -> Answer {
    let title = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("error");
    let body = serde_json::json!({ "status": status, "title": title, "detail": detail });
    Answer {
        status,
        headers: vec![(
            "content-type".to_owned(),
            "application/problem+json".to_owned(),
        )],
        body: body.to_string(),
    }
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hole {
    /// The screen.
    Text,
    /// The number in E.164, with `+`.
    Msisdn,
    /// The same without it.
    Digits,
    /// Whether the session ends.
    Ends,
    /// Whether it goes on.
    Continues,
    /// The status of a fault.
    Status,
    /// What a fault is, in words.
    Detail,
    /// The data coding scheme that the screen needs (3GPP TS 23.038, 5): 15 for the GSM alphabet,
    /// 72 for UCS-2.
    Dcs,
    /// The URL that was called, without its query.
    Url,
    /// Our user at the operator's address; of a screen that is posted.
    User,
    /// Our secret there; likewise.
    Secret,
    /// A field of the request, as it came.
    Field(usize),
}

/// The body of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// None.
    Empty,
    /// A text.
    Text(Choice<Template<Hole>>),
    /// XML.
    Xml(Choice<Template<Hole>>),
    /// JSON.
    Json(JsonTemplate<Hole>),
}

/// A reply, ready to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTemplate {
    /// The status, where the shape says one.
    pub status: Option<u16>,
    /// The content type; none without a body.
    pub content_type: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, Choice<Template<Hole>>)>,
    /// The body.
    pub body: ReplyBody,
    /// Characters that its texts cannot hold, and what stands for each; never with JSON.
    pub replace: Vec<(char, String)>,
}

impl ReplyTemplate {
    /// An answer without anything.
    pub fn empty() -> Self {
        Self {
            status: None,
            content_type: None,
            headers: Vec::new(),
            body: ReplyBody::Empty,
            replace: Vec::new(),
        }
    }

    /// The answer, of this status unless the shape says one.
    pub fn answer<'a>(
        &self,
        status: u16,
        ends: bool,
        fill: &(dyn Fn(&Hole) -> Option<Fill<'a>> + '_),
    ) -> Answer {
        let mut headers = Vec::with_capacity(1 + self.headers.len());
        if let Some(content_type) = &self.content_type {
            headers.push(("content-type".to_owned(), content_type.clone()));
        }
        for (name, value) in &self.headers {
            headers.push((name.clone(), value.of(ends).fill(Escape::Header, fill)));
        }
        let body = match &self.body {
            ReplyBody::Empty => String::new(),
            ReplyBody::Text(text) => {
                text.of(ends)
                    .fill_replacing(Escape::None, &self.replace, fill)
            }
            ReplyBody::Xml(xml) => xml
                .of(ends)
                .fill_replacing(Escape::Xml, &self.replace, fill),
            ReplyBody::Json(json) => json.fill(ends, fill),
        };
        Answer {
            status: self.status.unwrap_or(status),
            headers,
            body,
        }
    }

    /// Whether the screen is in the body, while the session goes on and at its end.
    pub fn shows_text(&self) -> bool {
        const CANARY: &str = "text";
        [false, true].into_iter().all(|ends| {
            let fill = |hole: &Hole| (*hole == Hole::Text).then(|| Fill::text(CANARY));
            let blank = |_: &Hole| None;
            self.answer(200, ends, &fill).body != self.answer(200, ends, &blank).body
        })
    }

    /// The fields of the request that it gives back.
    pub fn fields(&self) -> Vec<usize> {
        fields(&self.holes())
    }

    /// What is filled in anywhere.
    pub fn holes(&self) -> Vec<Hole> {
        let mut holes = Vec::new();
        let of = |choice: &Choice<Template<Hole>>, holes: &mut Vec<Hole>| match choice {
            Choice::Same(one) => holes.extend(one.holes()),
            Choice::Of { carry_on, end } => holes.extend(carry_on.holes().chain(end.holes())),
        };
        for (_, value) in &self.headers {
            of(value, &mut holes);
        }
        match &self.body {
            ReplyBody::Empty => {}
            ReplyBody::Text(text) | ReplyBody::Xml(text) => of(text, &mut holes),
            ReplyBody::Json(json) => json.holes(&mut |hole| holes.push(*hole)),
        }
        holes
    }
}

/// The fields among these.
pub fn fields(holes: &[Hole]) -> Vec<usize> {
    let field = |hole: &Hole| match hole {
        Hole::Field(field) => Some(*field),
        Hole::Text
        | Hole::Msisdn
        | Hole::Digits
        | Hole::Ends
        | Hole::Continues
        | Hole::Status
        | Hole::Detail
        | Hole::Dcs
        | Hole::Url
        | Hole::User
        | Hole::Secret => None,
    };
    holes.iter().filter_map(field).collect()
}
