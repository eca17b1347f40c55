//! Samples of a shape of SMS: played, they show what is read and written, as text.

use std::fmt::Write as _;

use http::{HeaderMap, StatusCode};

use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::operator::CallbackError;
use crate::operator::api::account::Account;
use crate::operator::api::{Answer, Outgoing, Word};
use crate::operator::compile::Fault;
use crate::operator::file::{Mark, SampleFile};
use crate::operator::play::Difference;
use crate::operator::request::Request;
use crate::operator::sample::Sample;
use crate::operator::sms::SmsShape;
use crate::operator::sms::file::{Of, SmsSampleFile};
use crate::operator::sms::inbound::HeardAll;
use crate::operator::sms::incoming::HeardSms;
use crate::operator::sms::receipts::HeardReceipt;
use crate::operator::sms::send::SmsAccount;
use crate::store::{Message, MessageId, MessageKind, ReceiptState};

/// What is read of one element, by name.
type Fields = Vec<(String, String)>;

/// A sample.
#[derive(Clone, Debug)]
pub struct SmsSample {
    /// What it is.
    pub what: String,
    /// Which section it is of.
    pub of: Of,
    /// Where it comes from.
    pub mark: Mark,
    /// Its document.
    pub source: String,
    /// When that was read.
    pub date: String,
    /// As it is written: the request.
    pub request: String,
    /// Of `incoming` and `receipts`: the request, read.
    heard: Option<Sample>,
    /// What is read, by field, an entry for each element.
    pub reads: Vec<Fields>,
    /// Of `send`: the text that goes out.
    pub message: Option<String>,
    /// The answer.
    pub answer: Option<String>,
    /// Of `send`: what the answer says.
    pub says: Option<String>,
}

/// What came of a sample.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// The request as it was written or read.
    pub request: String,
    /// What it means.
    pub reads: String,
    /// The answer, and what it means where it is the API's.
    pub answer: String,
    /// What is otherwise than the sample says.
    pub differences: Vec<Difference>,
}

impl SmsSample {
    /// Reads one.
    pub(super) fn parse(file: &SmsSampleFile) -> Result<Self, Fault> {
        let heard = match file.of {
            Of::Send => None,
            Of::Incoming | Of::Receipts => Some(Sample::parse(&SampleFile {
                what: file.what.clone(),
                mark: file.mark,
                source: file.source.clone(),
                date: file.date.clone(),
                request: file.request.clone(),
                dialled_by: None,
                reads: crate::operator::file::Ordered::default(),
                screen: None,
                ends: false,
                answer: None,
                pushed: None,
            })?),
        };
        Ok(Self {
            what: file.what.clone(),
            of: file.of,
            mark: file.mark,
            source: file.source.clone(),
            date: file.date.clone(),
            request: file.request.clone(),
            heard,
            reads: file.reads.iter().map(|one| one.0.clone()).collect(),
            message: file.message.clone(),
            answer: file.answer.clone(),
            says: file.says.clone(),
        })
    }

    /// The request of an `incoming` or `receipts` sample.
    pub fn request(&self) -> Option<Request<'_>> {
        self.heard.as_ref().map(Sample::request)
    }

    /// The request of an `incoming` or `receipts` sample with its parts.
    pub fn heard(&self) -> Option<&Sample> {
        self.heard.as_ref()
    }

    /// The message of a `send` sample: from 3949 to a sample number.
    pub fn message(&self) -> Option<Message> {
        Some(Message {
            id: MessageId(7),
            from: "3949".to_owned(),
            to: Msisdn::parse("+212661000001").ok()?,
            kind: MessageKind::Reply,
            text: self.message.clone().unwrap_or_default(),
            valid_until: Moment::from_ms(i64::MAX),
            parts: Vec::new(),
            total: 0,
            attempts: 0,
            claim: 1,
        })
    }

    /// The account of all samples.
    pub fn account() -> SmsAccount {
        SmsAccount {
            api: Account::sample(),
            sender: None,
            receipts: Some("https://jisr.example/sms/link/receipts".to_owned()),
        }
    }
}

/// Our token of a part in all samples.
fn token(part: u8) -> String {
    format!("token{part}")
}

impl SmsShape {
    /// Plays a sample.
    pub fn play(&self, sample: &SmsSample) -> Played {
        let mut played = Played {
            request: sample.request.clone(),
            ..Played::default()
        };
        match sample.of {
            Of::Incoming => self.play_incoming(sample, &mut played),
            Of::Receipts => self.play_receipts(sample, &mut played),
            Of::Send => self.play_send(sample, &mut played),
        }
        played
    }

    fn play_incoming(&self, sample: &SmsSample, played: &mut Played) {
        let (Some(incoming), Some(request)) = (&self.incoming, sample.request()) else {
            lacks("incoming:", played);
            return;
        };
        heard(sample, incoming.hear(request), message_fields, played);
    }

    fn play_receipts(&self, sample: &SmsSample, played: &mut Played) {
        let (Some(receipts), Some(request)) = (&self.receipts, sample.request()) else {
            lacks("receipts:", played);
            return;
        };
        heard(sample, receipts.hear(request), receipt_fields, played);
    }

    fn play_send(&self, sample: &SmsSample, played: &mut Played) {
        let (Some(send), Some(message)) = (&self.send, sample.message()) else {
            lacks("send:", played);
            return;
        };
        let written = match send.requests(&SmsSample::account(), &message, &token) {
            Ok(requests) => requests
                .iter()
                .map(shown)
                .collect::<Vec<_>>()
                .join("\n---\n"),
            Err(refused) => format!("{refused:?}"),
        };
        differs(
            "request",
            &sample.request,
            &written,
            &mut played.differences,
        );
        played.request = written;
        let Some(answer) = &sample.answer else {
            return;
        };
        played.answer.clone_from(answer);
        let Some(answer) = api_answer(answer) else {
            let expected = "a status in the first line";
            differs("answer", expected, answer, &mut played.differences);
            return;
        };
        let says = match send.read(&token(0), &answer) {
            Word::Accepted(id) => format!("accepted {id}"),
            Word::Throttled => "throttled".to_owned(),
            Word::Temporary(reason) => format!("temporary {reason}"),
            Word::Refused(reason) => format!("refused {reason}"),
            Word::Unknown => "unknown".to_owned(),
            Word::LinkFault(reason) => format!("link_fault {reason}"),
            Word::ByStatus => format!("by_status {}", answer.status.as_u16()),
        };
        if let Some(expected) = &sample.says {
            differs("says", expected, &says, &mut played.differences);
        }
        played.reads = says;
    }
}

/// The fields of a message.
fn message_fields(sms: &HeardSms) -> Fields {
    let part = sms
        .part
        .map(|(reference, total, number)| format!("{reference} {number}/{total}"));
    [
        ("from", Some(sms.from.as_str().to_owned())),
        ("to", sms.to.clone()),
        ("message", Some(sms.text.clone())),
        ("id", sms.id.clone()),
        ("part", part),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The fields of a receipt.
fn receipt_fields(receipt: &HeardReceipt) -> Fields {
    let state = match receipt.state {
        ReceiptState::Underway => "underway",
        ReceiptState::Delivered => "delivered",
        ReceiptState::Expired => "expired",
        ReceiptState::Failed => "failed",
    };
    vec![
        ("id".to_owned(), receipt.id.clone()),
        ("state".to_owned(), state.to_owned()),
    ]
}

/// Compares a request that was read, element by element.
fn heard<T>(
    sample: &SmsSample,
    heard: Result<HeardAll<T>, CallbackError>,
    fields: fn(&T) -> Fields,
    played: &mut Played,
) {
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => {
            differs(
                "refused",
                "taken",
                &error.to_string(),
                &mut played.differences,
            );
            return;
        }
    };
    let found = heard
        .elements
        .iter()
        .map(|element| match element {
            Err(error) => vec![("fault".to_owned(), error.to_string())],
            Ok(None) => vec![("ignored".to_owned(), "true".to_owned())],
            Ok(Some(one)) => fields(one),
        })
        .collect();
    compare(sample, found, heard.answer.shown(), played);
}

/// Compares what was read and answered with what the sample says.
fn compare(sample: &SmsSample, found: Vec<Fields>, answer: String, played: &mut Played) {
    if sample.reads.len() != found.len() {
        let (expected, found) = (sample.reads.len().to_string(), found.len().to_string());
        differs("elements", &expected, &found, &mut played.differences);
    }
    for (expected, found) in sample.reads.iter().zip(&found) {
        for (name, value) in expected {
            let is = found.iter().find(|(known, _)| known == name);
            let is = is.map_or("nothing", |(_, value)| value.as_str());
            differs(name, value, is, &mut played.differences);
        }
        for (name, value) in found {
            if !expected.iter().any(|(known, _)| known == name) {
                differs(name, "nothing", value, &mut played.differences);
            }
        }
    }
    for one in &found {
        for (name, value) in one {
            // Writing to a string cannot fail.
            let _ = writeln!(played.reads, "{name}: {value}");
        }
    }
    if let Some(expected) = &sample.answer {
        differs("answer", expected, &answer, &mut played.differences);
    }
    played.answer = answer;
}

fn lacks(section: &str, played: &mut Played) {
    differs(
        "section",
        section,
        "nothing of that name",
        &mut played.differences,
    );
}

fn differs(what: &str, expected: &str, seen: &str, differences: &mut Vec<Difference>) {
    let (expected, seen) = (expected.trim_end(), seen.trim_end());
    if expected != seen {
        differences.push(Difference {
            what: what.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
        });
    }
}

/// A request as samples write it.
fn shown(outgoing: &Outgoing) -> String {
    let mut shown = format!("{} {}\n", outgoing.method, outgoing.url);
    for (name, value) in &outgoing.headers {
        let _ = writeln!(shown, "{name}: {}", value.to_str().unwrap_or_default());
    }
    shown.push('\n');
    shown.push_str(&String::from_utf8_lossy(&outgoing.body));
    shown
}

/// The API's answer as samples write it: the status, an empty line, the body.
fn api_answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let status = head.lines().next()?.trim();
    Some(Answer {
        status: StatusCode::from_bytes(status.as_bytes()).ok()?,
        headers: HeaderMap::new(),
        body: body.trim_end_matches('\n').to_owned().into(),
    })
}
