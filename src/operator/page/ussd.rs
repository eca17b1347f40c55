//! The page of a shape of USSD.

use crate::operator::api::account::Account;
use crate::operator::api::file::Says;
use crate::operator::file::{CodeGiven, First, Holds, Is, NumberGiven, SessionIds};
use crate::operator::page::api::said;
use crate::operator::page::{Page, body_kind, capital, time, when};
use crate::operator::path::PathShape;
use crate::operator::play;
use crate::operator::request::BodyKind;
use crate::operator::sample::Sample;
use crate::operator::ussd::push::Push;
use crate::operator::ussd::{Heard, RepeatRule, UssdShape};
use crate::store::Reply;

/// The screen of the answers that are shown.
const SCREEN: &str = "Bonjour\n1 Oui\n2 Non";

/// Its methods and the body of its requests, in words.
pub(super) fn how(shape: &UssdShape) -> String {
    let methods = shape.methods.join(" or ");
    match shape.body {
        BodyKind::None => methods,
        BodyKind::Form | BodyKind::Json | BodyKind::Xml | BodyKind::Text => {
            format!("{methods}, {}", body_kind(shape.body))
        }
    }
}

pub(super) fn write(page: &mut Page, shape: &UssdShape) {
    page.line("## What the operator sends");
    let path = match &shape.path {
        PathShape::None => "`/ussd/LINK`".to_owned(),
        PathShape::Any => "`/ussd/LINK` and whatever is below it".to_owned(),
        PathShape::Of(_) => format!("`/ussd/LINK{}`", shape.path.shown()),
    };
    page.request(&shape.methods, &path, &shape.media_types, &shape.fields);
    page.line("## What it means");
    meaning(page, shape);
    page.line("## What it is answered");
    answers(page, shape);
    page.line("## Limits");
    page.text(&format!(
        "A screen holds {} septets of the GSM alphabet or {} units of UCS-2. The operator waits {} for an answer, and a silent session lives {}.",
        shape.limit.septets,
        shape.limit.units,
        time(millis(shape.deadline)),
        time(millis(shape.session_life))
    ));
    page.line("## Samples");
    for sample in &shape.samples {
        write_sample(page, shape, sample);
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn meaning(page: &mut Page, shape: &UssdShape) {
    let rows: Vec<Vec<String>> = shape
        .events
        .iter()
        .map(|rule| vec![when(rule, &shape.fields), is(rule.is).to_owned()])
        .collect();
    page.table(&["when", "it is"], &rows);
    let holds = match shape.holds {
        Holds::Path => "`input` holds everything typed since the dial, joined by `*`.",
        Holds::Last => "`input` holds what was typed last.",
    };
    let first = match (shape.holds, shape.first) {
        (Holds::Path, First::Nothing) => "",
        (Holds::Last, First::Nothing) => "At a dial nothing in it counts.",
        (Holds::Path | Holds::Last, First::Dialled) => {
            "At a dial it holds the code and what was dialled behind it."
        }
        (Holds::Path | Holds::Last, First::Rest) => {
            "At a dial it holds what was dialled behind the code."
        }
    };
    let code = match (shape.code_given, shape.code) {
        (CodeGiven::Always, Some(_)) => "`code` tells the dialled code in every request.",
        (CodeGiven::First, Some(_)) => {
            "`code` tells the dialled code in the first request of a session."
        }
        (CodeGiven::Always | CodeGiven::First, None) => "The dialled code stands in `input`.",
        (CodeGiven::Never, _) => "The dialled code is not told: the link has one service.",
    };
    let number = match shape.number_given {
        NumberGiven::Always => "",
        NumberGiven::First => {
            "The number is told at a dial only: afterwards the session's id tells whose it is, as long as the session lives."
        }
    };
    let ids = match (shape.session, shape.session_ids) {
        (None, _) => "Sessions have no id: the subscriber's number tells them.",
        (Some(_), SessionIds::Unique) => "Each session has an id of its own.",
        (Some(_), SessionIds::Recur) => "Ids of sessions may come again for other sessions.",
    };
    let repeat = match &shape.repeat {
        RepeatRule::Path => {
            "A request with the same path is a repeat, and gets the same bytes.".to_owned()
        }
        RepeatRule::None => "Nothing tells a repeat: the same text gets the same answer while the first has none; after that it is typed anew.".to_owned(),
        RepeatRule::Key(fields) => format!(
            "A request with the same {} is a repeat, and gets the same bytes.",
            fields
                .iter()
                .filter_map(|at| shape.fields.get(*at))
                .map(|field| format!("`{}`", field.name))
                .collect::<Vec<_>>()
                .join(" and ")
        ),
    };
    let all: Vec<&str> = [holds, first, code, number, ids, &repeat]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    page.text(&all.join(" "));
    if !shape.networks.is_empty() {
        let known: Vec<String> = shape
            .networks
            .iter()
            .map(|(code, name)| format!("`{code}` {name}"))
            .collect();
        page.text(&format!("Networks: {}.", known.join(", ")));
    }
}

fn is(is: Is) -> &'static str {
    match is {
        Is::New => "new: a dial",
        Is::Continue => "continue: something typed",
        Is::End => "end: the session is over",
        Is::Unsaid => "not said: a dial where the session is not known, else something typed",
        Is::Ignored => "nothing that counts; it is acknowledged",
    }
}

/// The answers to a sample: while the session goes on, at its end, at a closed one, to a fault.
fn answers(page: &mut Page, shape: &UssdShape) {
    let over = |is| matches!(is, Is::End | Is::Ignored);
    let heard: Vec<_> = shape
        .samples
        .iter()
        .filter_map(|sample| {
            let heard = play::heard(shape, sample).ok()?;
            Some((sample, heard))
        })
        .collect();
    let answered = heard.iter().find(|(_, heard)| !over(heard.is));
    if let Some(push) = &shape.push {
        posted(
            page,
            shape,
            push,
            answered.map(|(sample, heard)| (*sample, heard)),
        );
    } else if let Some((sample, heard)) = answered {
        for (ends, when) in [(false, "The session goes on"), (true, "It ends")] {
            let reply = Reply {
                text: SCREEN.to_owned(),
                ends,
            };
            page.text(&format!("{when} (to the sample \"{}\"):", sample.what));
            page.block("http", &shape.answer(heard, &reply).shown());
        }
    }
    if let Some((sample, heard)) = heard.iter().find(|(_, heard)| over(heard.is)) {
        let nothing = Reply {
            text: String::new(),
            ends: true,
        };
        page.text(&match shape.push {
            Some(_) => "Every callback is acknowledged as soon as it is durable; one that cannot be kept is too, in time, and an END that says so is posted:".to_owned(),
            None => format!("What is over is acknowledged (\"{}\"):", sample.what),
        });
        page.block("http", &shape.answer(heard, &nothing).shown());
    }
    let instead: Vec<String> = shape
        .screens()
        .replace
        .iter()
        .map(|(from, to)| match from {
            '\n' => format!("a line feed is sent as `{to}`"),
            from => format!("`{from}` is sent as `{to}`"),
        })
        .collect();
    if !instead.is_empty() {
        page.text(&format!("Of a screen, {}.", instead.join(", ")));
    }
    page.text("A request that cannot be taken, from somebody who is known:");
    page.block("http", &shape.refuse(400, "field FIELD is missing").shown());
}

/// The screens that are posted, and what the operator says of them.
fn posted(page: &mut Page, shape: &UssdShape, push: &Push, sample: Option<(&Sample, &Heard)>) {
    page.text(&format!(
        "The screen is not in the answer: it goes in a request of ours, `{}` at the link's `url`, after the callback was acknowledged.{}",
        push.method,
        if push.basic {
            " The link's user and secret go as Basic."
        } else {
            ""
        }
    ));
    if let Some((sample, heard)) = sample {
        for (ends, when) in [(false, "The session goes on"), (true, "It ends")] {
            let reply = Reply {
                text: SCREEN.to_owned(),
                ends,
            };
            let shown = shape.posted(&Account::sample(), heard, &reply);
            page.text(&format!("{when} (to the sample \"{}\"):", sample.what));
            page.block(
                "http",
                &shown.map_or_else(String::new, |shown| shown.shown()),
            );
        }
    }
    match &push.answer {
        Some(answer) => said(page, answer, "the screen is", |says| match says {
            Says::Accepted => "taken",
            Says::Throttled | Says::Temporary | Says::Refused => "not taken",
            Says::Unknown => "taken or not: it is not posted again",
            Says::LinkFault => "not taken: the operator refuses whatever we send",
            Says::ByStatus => "what the status says: taken with 2xx",
        }),
        None => page.text("A status 2xx says that the operator took it."),
    }
}

fn write_sample(page: &mut Page, shape: &UssdShape, sample: &Sample) {
    page.line(&format!("### {}", capital(&sample.what)));
    page.text(&format!(
        "{}: {}, read {}.",
        capital(sample.mark.word()),
        sample.source,
        sample.date
    ));
    page.block("http", &sample.shown());
    if let Some(number) = &sample.dialled_by {
        page.text(&format!(
            "The session was dialled by `{}`.",
            number.as_str()
        ));
    }
    let played = play::ussd(shape, sample);
    match &played.reads {
        Ok(reads) => {
            let reads: Vec<String> = reads
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name} `{}`", value.replace('`', "'")))
                .collect();
            page.text(&format!("Read as {}.", reads.join(", ")));
        }
        Err(error) => page.text(&format!("Refused: {error}.")),
    }
    match (&sample.answer, &played.answer) {
        (Some(answer), _) => page.block("http", answer),
        (None, Some(answer)) => page.block("http", &answer.shown()),
        (None, None) => {}
    }
    if let (Some(_), Some(pushed)) = (&sample.screen, &played.pushed) {
        page.text("Then this is posted:");
        page.block("http", &pushed.shown());
    }
}
