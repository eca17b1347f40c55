//! The page of a shape of SMS.

use crate::operator::api::file::Says;
use crate::operator::page::api::said;
use crate::operator::page::{Page, body_kind, capital, plain, when};
use crate::operator::path::PathShape;
use crate::operator::request::BodyKind;
use crate::operator::sms::SmsShape;
use crate::operator::sms::file::{Cut, Ids, Of, State, What};
use crate::operator::sms::inbound::Inbound;
use crate::operator::sms::send::{Send, SendBody};
use crate::store::ReceiptIds;

/// What a shape has, in words.
pub(super) fn parts(shape: &SmsShape) -> String {
    let mut parts = Vec::new();
    if let Some(incoming) = &shape.incoming {
        let body = match incoming.inbound.body {
            BodyKind::None => "query",
            body @ (BodyKind::Form | BodyKind::Json | BodyKind::Xml | BodyKind::Text) => {
                body_kind(body)
            }
        };
        parts.push(format!("in ({body})"));
    }
    if shape.receipts.is_some() {
        parts.push("receipts".to_owned());
    }
    if let Some(send) = &shape.send {
        let body = match &send.body {
            SendBody::None => "query",
            SendBody::Form(_) => "form",
            SendBody::Json(_) => "JSON",
            SendBody::Xml(_) => "XML",
        };
        parts.push(format!("out ({body})"));
    }
    parts.join(", ")
}

pub(super) fn write(page: &mut Page, shape: &SmsShape) {
    if let Some(incoming) = &shape.incoming {
        page.line("## Messages of subscribers");
        inbound(page, &incoming.inbound, "");
        let rows: Vec<Vec<String>> = incoming
            .what
            .iter()
            .map(|rule| {
                let is = match rule.is {
                    What::Message => "a message",
                    What::Ignored => "nothing that counts; it is acknowledged",
                };
                vec![when(rule, &incoming.inbound.fields), is.to_owned()]
            })
            .collect();
        page.table(&["when", "it is"], &rows);
        if incoming.part.is_some() {
            page.text("A long message comes in parts, which are kept until all are there.");
        }
        samples(page, shape, Of::Incoming);
    }
    if let Some(receipts) = &shape.receipts {
        page.line("## Receipts");
        inbound(page, &receipts.inbound, "/receipts");
        let rows: Vec<Vec<String>> = receipts
            .states
            .iter()
            .map(|rule| {
                let is = match rule.is {
                    State::Underway => "on its way",
                    State::Delivered => "delivered",
                    State::Expired => "expired",
                    State::Failed => "failed",
                    State::Ignored => "nothing that counts; it is acknowledged",
                };
                vec![when(rule, &receipts.inbound.fields), is.to_owned()]
            })
            .collect();
        page.table(&["when", "the message is"], &rows);
        page.text(match receipts.ids {
            ReceiptIds::Same => {
                "The id is written as in the answer; letter case and leading zeros do not matter."
            }
            ReceiptIds::Any => "The id is that of the answer, in decimal or hexadecimal.",
            ReceiptIds::HexAnswer => "The id is decimal here and hexadecimal in the answer.",
            ReceiptIds::DecimalAnswer => "The id is hexadecimal here and decimal in the answer.",
        });
        samples(page, shape, Of::Receipts);
    }
    if let Some(send) = &shape.send {
        page.line("## Messages to subscribers");
        outgoing(page, send);
        samples(page, shape, Of::Send);
    }
}

fn inbound(page: &mut Page, inbound: &Inbound, below: &str) {
    let path = match &inbound.path {
        PathShape::None => format!("`/sms/LINK{below}`"),
        PathShape::Any => format!("`/sms/LINK{below}` and whatever is below it"),
        PathShape::Of(_) => format!("`/sms/LINK{below}{}`", inbound.path.shown()),
    };
    page.request(
        &inbound.methods,
        &path,
        &inbound.media_types,
        &inbound.fields,
    );
    if let Some(steps) = &inbound.each {
        page.text(&format!(
            "It is a batch: the elements of the list at `/{}`, and the places in JSON are those of an element.",
            steps.join("/")
        ));
    }
    page.text("It is answered, when it is durable:");
    page.block("http", &plain(&inbound.answer));
}

fn outgoing(page: &mut Page, send: &Send) {
    let account = match (&send.token, send.basic) {
        (Some((path, _)), _) => format!(
            "A token is fetched from `{path}` behind the link's `url` with its user and secret (OAuth2 client credentials), and goes as Bearer."
        ),
        (None, true) => "The link's user and secret go as Basic.".to_owned(),
        (None, false) => String::new(),
    };
    let cut = match send.cut {
        Cut::Whole => "The operator cuts a long text.",
        Cut::OneByOne => "We cut a long text; each part is a request of its own.",
    };
    let ids = match send.ids {
        Ids::Theirs => "Receipts bear the id of the API's answer.",
        Ids::Ours => "Receipts bear a token of ours.",
    };
    page.text(&format!(
        "`{}` to the API at the link's `url`. {account} {cut} {ids}",
        send.method
    ));
    said(page, &send.answer, "the message is", |says| match says {
        Says::Accepted => "taken",
        Says::Throttled => "throttled: it waits",
        Says::Temporary => "not now: again later",
        Says::Refused => "refused: never again",
        Says::Unknown => "it may have been taken or not",
        Says::LinkFault => "the operator refuses whatever we send",
        Says::ByStatus => "what the status says",
    });
}

fn samples(page: &mut Page, shape: &SmsShape, of: Of) {
    for sample in shape.samples.iter().filter(|sample| sample.of == of) {
        page.line(&format!("### {}", capital(&sample.what)));
        page.text(&format!(
            "{}: {}, read {}.",
            capital(sample.mark.word()),
            sample.source,
            sample.date
        ));
        let played = shape.play(sample);
        page.block("http", &played.request);
        let reads: Vec<String> = played
            .reads
            .lines()
            .map(|line| format!("`{}`", line.replace('`', "'")))
            .collect();
        match of {
            Of::Incoming | Of::Receipts => page.text(&format!("Read as {}.", reads.join(", "))),
            Of::Send => {}
        }
        if !played.answer.is_empty() {
            page.block("http", &played.answer);
        }
        match (of, reads.is_empty()) {
            (Of::Send, false) => page.text(&format!("Read as {}.", reads.join(", "))),
            (Of::Send, true) | (Of::Incoming | Of::Receipts, _) => {}
        }
    }
}
