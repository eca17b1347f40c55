//! From a file with `channel: sms` to a shape: everything that its parts say of each other is proved
//! here.

use http::HeaderName;

use crate::finding::{Finding, Source};
use crate::operator::api::compile::{answer, behind_url, method};
use crate::operator::compile::{self, Fault, HEADER_MEND, RequestShape};
use crate::operator::field::pointer;
use crate::operator::file::{Ordered, ReplyFile, RequestFile, SmsFile};
use crate::operator::request::BodyKind;
use crate::operator::sms::SmsShape;
use crate::operator::sms::file::{Ids, IncomingFile, Of, ReceiptsFile, SendFile};
use crate::operator::sms::inbound::Inbound;
use crate::operator::sms::incoming::Incoming;
use crate::operator::sms::receipts::Receipts;
use crate::operator::sms::sample::SmsSample;
use crate::operator::sms::send::{SEND_HOLES, Send, SendBody, SendHole};
use crate::operator::template::{JsonTemplate, Misfit, Template};

/// A shape of SMS.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn sms(source: &Source) -> Result<SmsShape, Box<Finding>> {
    let file: SmsFile = compile::read(source)?;
    shape(&file).map_err(|fault| Box::new(fault.finding(source)))
}

fn shape(file: &SmsFile) -> Result<SmsShape, Fault> {
    let head = file.head();
    compile::head_of(&head)?;
    let incoming = file
        .incoming
        .as_ref()
        .map(incoming)
        .transpose()
        .map_err(|fault| fault.within("incoming"))?;
    let receipts = file
        .receipts
        .as_ref()
        .map(receipts)
        .transpose()
        .map_err(|fault| fault.within("receipts"))?;
    let send = file
        .send
        .as_ref()
        .map(send)
        .transpose()
        .map_err(|fault| fault.within("send"))?;
    if incoming.is_none() && send.is_none() {
        return Err(Fault::new(
            "channel: sms",
            "neither does anything come in nor does anything go out",
            "write `incoming:`, `send:` or both",
        )
        .within("channel"));
    }
    if receipts.is_none() && send.as_ref().is_some_and(|send| send.ids == Ids::Ours) {
        return Err(Fault::new(
            "ids: ours",
            "nobody will give our ids back",
            "write `receipts:`, or take `ids: ours` away",
        )
        .within("ids")
        .within("send"));
    }
    let samples = file
        .samples
        .iter()
        .enumerate()
        .map(|(at, file)| {
            SmsSample::parse(file).map_err(|fault| fault.within(at).within("samples"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    for (of, there, name) in [
        (Of::Incoming, incoming.is_some(), "incoming:"),
        (Of::Receipts, receipts.is_some(), "receipts:"),
        (Of::Send, send.is_some(), "send:"),
    ] {
        if there && !samples.iter().any(|sample| sample.of == of) {
            return Err(Fault::new(
                name,
                format!("there is no sample of `{name}`, so nothing shows that it is right"),
                "put in what the operator's document shows, or what was seen on the wire",
            )
            .within(name.trim_end_matches(':')));
        }
    }
    Ok(SmsShape {
        head,
        incoming,
        receipts,
        send,
        samples,
    })
}

fn incoming(file: &IncomingFile) -> Result<Incoming, Fault> {
    let inbound = inbound(
        &file.request,
        file.each.as_deref(),
        &file.not_text,
        &file.answer,
    )?;
    let of_what = |fault: Fault| fault.within("what");
    let what = compile::rules(&file.what, &inbound.fields).map_err(of_what)?;
    let at = |name: &str| inbound.at(name);
    let from = needed(&inbound, "from", "incoming:")?;
    let (message, octets) = (at("message"), at("octets"));
    if message.is_none() && octets.is_none() {
        return Err(Fault::new(
            "incoming:",
            "there is no field with the text",
            "say where it stands: `message: form NAME`, or `octets:` where it is hexadecimal",
        ));
    }
    let part = match (at("reference"), at("total"), at("number")) {
        (Some(reference), Some(total), Some(number)) => Some((reference, total, number)),
        (None, None, None) => None,
        (_, _, _) => {
            return Err(Fault::new(
                "incoming:",
                "a part is told by three fields",
                "name the places of `reference`, `total` and `number`, or of none of them",
            ));
        }
    };
    Ok(Incoming {
        what,
        from,
        to: at("to"),
        message,
        octets,
        coding: at("coding"),
        id: at("id"),
        part,
        inbound,
    })
}

fn receipts(file: &ReceiptsFile) -> Result<Receipts, Fault> {
    let inbound = inbound(
        &file.request,
        file.each.as_deref(),
        &file.not_text,
        &file.answer,
    )?;
    if file.state.is_empty() {
        return Err(Fault::new(
            "state:",
            "nothing tells what became of a message",
            "write a rule each: `{ field: NAME, equals: [WORD], is: delivered }`",
        )
        .within("state"));
    }
    Ok(Receipts {
        states: compile::rules(&file.state, &inbound.fields)
            .map_err(|fault| fault.within("state"))?,
        id: needed(&inbound, "id", "receipts:")?,
        ids: file.ids,
        inbound,
    })
}

fn needed(inbound: &Inbound, name: &str, near: &str) -> Result<usize, Fault> {
    inbound.at(name).ok_or_else(|| {
        Fault::new(
            near,
            format!("there is no field `{name}` in `{near}`"),
            format!("say where it stands: `{name}: form NAME`, or another place"),
        )
    })
}

fn inbound(
    request: &RequestFile,
    each: Option<&str>,
    not_text: &[String],
    answer: &ReplyFile,
) -> Result<Inbound, Fault> {
    let RequestShape {
        methods,
        body,
        media_types,
        path,
        fields,
    } = compile::request(request).map_err(|fault| fault.within("request"))?;
    if each.is_some() && body != BodyKind::Json {
        return Err(Fault::new(
            "each:",
            "a list of elements stands in JSON",
            "write `body: json`, or take `each:` away",
        )
        .within("each"));
    }
    if !not_text.is_empty() && body != BodyKind::Form {
        return Err(Fault::new(
            "not_text:",
            "only a form has fields that may be no text",
            "write `body: form`, or take `not_text:` away",
        )
        .within("not_text"));
    }
    let each = each
        .map(|each| {
            let wrong =
                |message| Fault::new(each, message, "write /KEY of the list").within("each");
            pointer(each).map_err(wrong)
        })
        .transpose()?;
    Ok(Inbound {
        answer: compile::reply(answer, &fields, "answer")?,
        methods,
        body,
        media_types,
        path,
        fields,
        each,
        not_text: not_text.to_vec(),
    })
}

/// The name of a hole.
fn hole(name: &str) -> Option<SendHole> {
    let found = SEND_HOLES.iter().find(|(known, _)| *known == name);
    found.map(|(_, hole)| *hole)
}

fn unfit(misfit: Misfit) -> Fault {
    let names: Vec<String> = SEND_HOLES
        .iter()
        .map(|(name, _)| format!("{{{name}}}"))
        .collect();
    Fault::new(
        misfit.near.unwrap_or_else(|| "send:".to_owned()),
        misfit.message,
        format!("fill in {}", names.join(", ")),
    )
}

fn template(text: &str) -> Result<Template<SendHole>, Fault> {
    Template::parse(text, &hole).map_err(unfit)
}

type Pairs = Vec<(String, Template<SendHole>)>;

fn pairs(file: &Ordered<String>) -> Result<Pairs, Fault> {
    let pair = |(name, text): &(String, String)| {
        let value = template(text).map_err(|fault| fault.within(name))?;
        Ok((name.clone(), value))
    };
    file.0.iter().map(pair).collect()
}

fn send(file: &SendFile) -> Result<Send, Fault> {
    let method = method(&file.method)?;
    behind_url(&file.path)?;
    let token = file.token.as_ref();
    if let Some(token) = token {
        behind_url(&token.path).map_err(|fault| fault.within("token"))?;
    }
    if file.basic && file.token.is_some() {
        return Err(Fault::new(
            "basic:",
            "user and secret go to the token endpoint only",
            "take `basic:` or `token:` away",
        )
        .within("basic"));
    }
    let body = match (&file.form, &file.json, &file.xml) {
        (None, None, None) => SendBody::None,
        (Some(form), None, None) => {
            SendBody::Form(pairs(form).map_err(|fault| fault.within("form"))?)
        }
        (None, Some(json), None) => {
            SendBody::Json(JsonTemplate::parse(json, &hole).map_err(|m| unfit(m).within("json"))?)
        }
        (None, None, Some(xml)) => {
            SendBody::Xml(template(xml).map_err(|fault| fault.within("xml"))?)
        }
        (_, _, _) => {
            return Err(Fault::new(
                "send:",
                "a request has one body",
                "write one of `form:`, `json:`, `xml:`",
            ));
        }
    };
    let headers = file
        .headers
        .0
        .iter()
        .map(|(name, text)| {
            let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                Fault::new(
                    name,
                    format!("`{name}` is no name of a header"),
                    HEADER_MEND,
                )
                .within(name)
            })?;
            let value = template(text).map_err(|fault| fault.within(name))?;
            Ok((known, value))
        })
        .collect::<Result<Vec<_>, Fault>>()
        .map_err(|fault| fault.within("headers"))?;
    Ok(Send {
        method,
        path: template(&file.path).map_err(|fault| fault.within("path"))?,
        query: pairs(&file.query).map_err(|fault| fault.within("query"))?,
        headers,
        basic: file.basic,
        token: token.map(|token| (token.path.clone(), token.scope.clone())),
        body,
        cut: file.parts,
        coding: file.coding.clone(),
        ids: file.ids,
        answer: answer(&file.answer)?,
    })
}
