//! A message as requests to an operator's API, and what the API answers.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::operator::api::account::Account;
use crate::operator::api::answer::AnswerShape;
use crate::operator::api::{Answer, Outgoing, Word};
use crate::operator::sms::file::{CodingFile, Cut, Ids};
use crate::operator::template::{Escape, Fill, JsonTemplate, Template};
use crate::smpp::text::{self, CODING_UCS2, Octets, Writing};
use crate::smpp::{outgoing, part};
use crate::store::{Message, PartOutcome};

/// `send:`, proved.
#[derive(Clone, Debug)]
pub struct Send {
    /// The method.
    pub method: Method,
    /// The path behind the link's address.
    pub path: Template<SendHole>,
    /// The query; what has an empty hole is left out.
    pub query: Vec<(String, Template<SendHole>)>,
    /// Headers, likewise.
    pub headers: Vec<(HeaderName, Template<SendHole>)>,
    /// Whether user and secret go as Basic.
    pub basic: bool,
    /// The path of the token endpoint, and the scope that is asked for.
    pub token: Option<(String, Option<String>)>,
    /// The body.
    pub body: SendBody,
    /// Who cuts a long text.
    pub cut: Cut,
    /// What `{coding}` is.
    pub coding: CodingFile,
    /// Whose id a receipt has.
    pub ids: Ids,
    /// What the API answers.
    pub answer: AnswerShape,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum SendBody {
    /// None.
    None,
    /// A form; what has an empty hole is left out.
    Form(Vec<(String, Template<SendHole>)>),
    /// JSON.
    Json(JsonTemplate<SendHole>),
    /// XML.
    Xml(Template<SendHole>),
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendHole {
    /// The link's user.
    User,
    /// The link's secret.
    Secret,
    /// The sender's short number or name.
    From,
    /// The same without `+`.
    FromDigits,
    /// To whom, in E.164 with `+`.
    To,
    /// The same without it.
    Digits,
    /// The text of the message or part.
    Text,
    /// The same as octets of its coding, hexadecimal.
    Octets,
    /// The user data header of a part, hexadecimal; empty for a whole message.
    Udh,
    /// What the shape calls the coding of the text.
    Coding,
    /// Our own id of the message or part.
    Token,
    /// Our address for receipts; empty where the link has none.
    Receipts,
    /// What parts of one message have in common; empty for a whole message.
    Reference,
    /// How many parts there are; empty for a whole message.
    Parts,
    /// Which part it is, from 1; empty for a whole message.
    Number,
}

/// Their names in a shape.
pub const SEND_HOLES: [(&str, SendHole); 15] = [
    ("user", SendHole::User),
    ("secret", SendHole::Secret),
    ("from", SendHole::From),
    ("from_digits", SendHole::FromDigits),
    ("to", SendHole::To),
    ("digits", SendHole::Digits),
    ("text", SendHole::Text),
    ("octets", SendHole::Octets),
    ("udh", SendHole::Udh),
    ("coding", SendHole::Coding),
    ("token", SendHole::Token),
    ("receipts", SendHole::Receipts),
    ("reference", SendHole::Reference),
    ("parts", SendHole::Parts),
    ("number", SendHole::Number),
];

/// Our account at the operator, and what messages say of us.
#[derive(Clone)]
pub struct SmsAccount {
    /// Where the API is and who we are there.
    pub api: Account,
    /// The sender, where it is not the short number.
    pub sender: Option<String>,
    /// Our address for receipts.
    pub receipts: Option<String>,
}

/// One part on its way into the holes.
struct Filling<'a> {
    account: &'a SmsAccount,
    message: &'a Message,
    text: Cow<'a, str>,
    octets: String,
    udh: String,
    coding: &'a str,
    token: String,
    place: Option<part::Part>,
}

impl Send {
    /// The requests for the parts that are to be sent now. `token` is our own id of a part.
    ///
    /// # Errors
    /// A refusal with a reason of this house where the text is too long, or is cut into another
    /// number of parts than it was before.
    pub fn requests(
        &self,
        account: &SmsAccount,
        message: &Message,
        token: &dyn Fn(u8) -> String,
    ) -> Result<Vec<Outgoing>, PartOutcome> {
        let refused = |reason: &str| PartOutcome::Refused(reason.to_owned());
        let octets = self.cut(message).ok_or_else(|| refused("text too long"))?;
        let parts = u8::try_from(octets.parts.len()).map_err(|_| refused("text too long"))?;
        if message.total != 0 && message.total != parts {
            return Err(refused("cut into another number of parts"));
        }
        (0..parts)
            .zip(&octets.parts)
            .filter(|(number, _)| message.parts.is_empty() || message.parts.contains(number))
            .map(|(number, body)| {
                let place = octets.long.then(|| part::Part {
                    reference: outgoing::reference(message.id),
                    total: parts,
                    number: number + 1,
                });
                let place = place.filter(|_| self.cut == Cut::OneByOne);
                let filling = Filling {
                    account,
                    message,
                    text: match place {
                        Some(_) => {
                            let zero = text::DefaultAlphabet::Gsm;
                            Cow::Owned(text::decode_as(zero, octets.data_coding, body))
                        }
                        None => Cow::Borrowed(&message.text),
                    },
                    octets: hex(body),
                    udh: place.map_or_else(String::new, |place| {
                        let [_, reference] = place.reference.to_be_bytes();
                        hex(&part::header(reference, place.total, place.number))
                    }),
                    coding: if octets.data_coding == CODING_UCS2 {
                        &self.coding.ucs2
                    } else {
                        &self.coding.gsm
                    },
                    token: token(number),
                    place,
                };
                let built = self.request(&filling, number, parts);
                built.ok_or_else(|| refused("does not fit a request"))
            })
            .collect()
    }

    /// How many parts a message has.
    pub fn parts(&self, message: &Message) -> u8 {
        if message.total != 0 {
            return message.total;
        }
        self.cut(message)
            .and_then(|octets| u8::try_from(octets.parts.len()).ok())
            .unwrap_or(1)
    }

    fn cut(&self, message: &Message) -> Option<Octets> {
        let writing = Writing::default();
        let header = match self.cut {
            Cut::Whole => None,
            Cut::OneByOne => writing.header,
        };
        text::encode_as(&message.text, &Writing { header, ..writing }).ok()
    }

    fn request(&self, filling: &Filling<'_>, part: u8, parts: u8) -> Option<Outgoing> {
        let fill = |hole: &SendHole| filling.fill(*hole);
        let mut url = format!(
            "{}{}",
            filling.account.api.url,
            self.path.fill(Escape::Url, &fill)
        );
        let query = pairs(&self.query, filling);
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let mut headers = HeaderMap::new();
        let (content_type, body) = match &self.body {
            SendBody::None => (None, String::new()),
            SendBody::Form(form) => (
                Some("application/x-www-form-urlencoded"),
                pairs(form, filling),
            ),
            SendBody::Json(json) => (Some("application/json"), json.fill(true, &fill)),
            SendBody::Xml(xml) => (
                Some("application/xml; charset=utf-8"),
                xml.fill(Escape::Xml, &fill),
            ),
        };
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if self.basic {
            headers.insert(header::AUTHORIZATION, filling.account.api.basic()?);
        }
        for (name, template) in &self.headers {
            if filling.has_all(template) {
                let value = template.fill(Escape::Header, &fill);
                let mut value = HeaderValue::try_from(value).ok()?;
                value.set_sensitive(true);
                headers.insert(name.clone(), value);
            }
        }
        Some(Outgoing {
            part,
            parts,
            method: self.method.clone(),
            url,
            headers,
            body: Bytes::from(body),
        })
    }

    /// Reads a whole answer; `token` is our own id of the part. One that was taken without a name has
    /// ours, under which no receipt will come.
    pub fn read(&self, token: &str, answer: &Answer) -> Word {
        self.answer.read(answer, |theirs| match self.ids {
            Ids::Ours => token.to_owned(),
            Ids::Theirs => theirs.unwrap_or_else(|| token.to_owned()),
        })
    }
}

fn pairs(all: &[(String, Template<SendHole>)], filling: &Filling<'_>) -> String {
    let fill = |hole: &SendHole| filling.fill(*hole);
    let mut written = String::with_capacity(256);
    for (name, template) in all {
        if !filling.has_all(template) {
            continue;
        }
        if !written.is_empty() {
            written.push('&');
        }
        written.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        written.push('=');
        // The whole value is escaped, what stands in the shape as well.
        let value = template.fill(Escape::None, &fill);
        written.extend(percent_encoding::utf8_percent_encode(
            &value,
            percent_encoding::NON_ALPHANUMERIC,
        ));
    }
    written
}

impl<'a> Filling<'a> {
    fn has_all(&self, template: &Template<SendHole>) -> bool {
        template.holes().all(|hole| self.fill(*hole).is_some())
    }

    fn fill(&self, hole: SendHole) -> Option<Fill<'_>> {
        let number = |number: u16| Fill {
            text: Cow::Owned(number.to_string()),
            bare: true,
        };
        let from = || {
            let sender = self.account.sender.as_deref();
            sender.unwrap_or(&self.message.from)
        };
        Some(match hole {
            SendHole::User => Fill::text(self.account.api.user.as_str()),
            SendHole::Secret => Fill::text(self.account.api.secret.as_str()),
            SendHole::From => Fill::text(from()),
            SendHole::FromDigits => Fill::text(from().trim_start_matches('+')),
            SendHole::To => Fill::text(self.message.to.as_str()),
            SendHole::Digits => Fill::text(self.message.to.digits()),
            SendHole::Text => Fill::text(self.text.as_ref()),
            SendHole::Octets => Fill::text(self.octets.as_str()),
            SendHole::Udh => Fill::text(Some(self.udh.as_str()).filter(|udh| !udh.is_empty())?),
            SendHole::Coding => Fill::text(self.coding),
            SendHole::Token => Fill::text(self.token.as_str()),
            SendHole::Receipts => Fill::text(self.account.receipts.as_deref()?),
            SendHole::Reference => number(self.place?.reference),
            SendHole::Parts => number(self.place?.total.into()),
            SendHole::Number => number(self.place?.number.into()),
        })
    }
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02X}");
    }
    text
}
