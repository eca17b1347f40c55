//! From a shape's file to a shape: everything that its parts say of each other is proved here.

mod fault;
mod push;
mod reads;
mod reply;
mod request;
mod rules;
mod samples;
mod screens;

#[cfg(test)]
mod broken;

use std::time::Duration;

use crate::callback::Channel;
use crate::dialog::tree::{self, SOURCE_BYTES_MAX};
use crate::finding::{Finding, Source, Span};
pub(super) use crate::operator::compile::fault::Fault;
use crate::operator::compile::reads::{Meaning, meaning};
pub use crate::operator::compile::reply::HOLES;
pub(super) use crate::operator::compile::reply::{HEADER_MEND, reply};
pub(super) use crate::operator::compile::request::{RequestShape, request};
pub(super) use crate::operator::compile::rules::{field_named, rules};
use crate::operator::compile::samples::samples;
use crate::operator::compile::screens::{Screens, screens};
use crate::operator::file::{Head, Known, Peek, UssdFile};
use crate::operator::ussd::UssdShape;
use crate::screen::{Limit, fit};

/// Levels at most.
const DEPTH_MAX: usize = 24;
/// The least time for an answer, in milliseconds; a second of it is kept back.
pub const DEADLINE_MS_MIN: u64 = 2_000;
/// The longest deadline that is one, ten minutes.
pub const DEADLINE_MS_MAX: u64 = 600_000;
/// The longest life of a silent session, a day: conversations are kept for no longer.
pub const SESSION_MS_MAX: u64 = 86_400_000;

/// The text of a file as `T`.
pub(super) fn read<T: serde::de::DeserializeOwned>(source: &Source) -> Result<T, Box<Finding>> {
    if source.text().len() > SOURCE_BYTES_MAX {
        return Err(Box::new(source.error(
            "O001",
            Span::default(),
            format!("a shape's file has at most {SOURCE_BYTES_MAX} bytes"),
            "leave samples out",
        )));
    }
    let options = serde_saphyr::options! {
        budget: tree::budget(DEPTH_MAX),
        // `N` and `yes` are words of operators.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(source.text(), options).map_err(|error| {
        let span = error.location().map_or_else(Span::default, |place| {
            let place = place.span();
            let fit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            Span {
                at: fit(place.byte_offset().unwrap_or_else(|| place.offset())),
                len: fit(place.byte_len().unwrap_or_else(|| place.len())),
            }
        });
        Box::new(source.error(
            "O001",
            span,
            error.without_snippet().render_with_formatter(&serde_saphyr::DefaultMessageFormatter)
                .replace("invalid u64", "expected a whole number")
                .replace("invalid usize", "expected a whole number"),
            "docs/operators.md has every key of a shape; a built-in file of a similar operator is the best start",
        ))
    })
}

/// The channel of a file.
///
/// # Errors
/// A finding where the file cannot be read at all.
pub fn channel(source: &Source) -> Result<Channel, Box<Finding>> {
    read::<Peek>(source).map(|peek| peek.channel)
}

/// A shape of USSD callbacks.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn ussd(source: &Source) -> Result<UssdShape, Box<Finding>> {
    let file: UssdFile = read(source)?;
    ussd_of(&file).map_err(|fault| Box::new(fault.finding(source)))
}

fn ussd_of(file: &UssdFile) -> Result<UssdShape, Fault> {
    let head = file.head();
    head_of(&head)?;
    let request = request(&file.request).map_err(|fault| fault.within("request"))?;
    let RequestShape {
        methods,
        body,
        media_types,
        path,
        fields,
    } = request;
    let Meaning {
        subscriber,
        input,
        session,
        code,
        session_ids,
        events,
        repeat,
    } = meaning(file, &fields)?;
    let Screens {
        reply,
        push,
        closed,
        refused,
        echoed,
    } = screens(file, &fields)?;
    let limit = limit(file)?;
    if file.deadline_ms < DEADLINE_MS_MIN {
        return Err(Fault::new(
            "deadline_ms:",
            "that leaves no time to answer",
            format!("give at least {DEADLINE_MS_MIN} milliseconds"),
        )
        .within("deadline_ms"));
    }
    for (key, name, given, most) in [
        (
            "deadline_ms:",
            "deadline_ms",
            file.deadline_ms,
            DEADLINE_MS_MAX,
        ),
        ("session_ms:", "session_ms", file.session_ms, SESSION_MS_MAX),
    ] {
        if given > most {
            return Err(Fault::new(
                key,
                "nobody waits for so long",
                format!("give at most {most} milliseconds"),
            )
            .within(name));
        }
    }
    let samples = samples(file)?;
    let reads = &file.reads;
    Ok(UssdShape {
        network: fields.iter().position(|field| field.name == "network"),
        head,
        methods,
        body,
        media_types,
        path,
        subscriber,
        session,
        code,
        input,
        holds: reads.input,
        first: reads.first,
        number_given: reads.subscriber,
        code_given: reads.code,
        session_ids,
        events,
        repeat,
        reply,
        push,
        closed,
        refused,
        echoed,
        limit,
        deadline: Duration::from_millis(file.deadline_ms),
        session_life: Duration::from_millis(file.session_ms),
        networks: file.networks.0.clone(),
        samples,
        fields,
    })
}

/// What a screen holds.
fn limit(file: &UssdFile) -> Result<Limit, Fault> {
    let limit = Limit {
        septets: file.limits.septets,
        units: file.limits.units,
    };
    if limit.septets < fit::LIMIT_MIN.septets || limit.units < fit::LIMIT_MIN.units {
        return Err(Fault::new(
            "limits:",
            "such a screen is too small for any text",
            format!(
                "give at least {} septets and {} units",
                fit::LIMIT_MIN.septets,
                fit::LIMIT_MIN.units
            ),
        )
        .within("limits"));
    }
    Ok(limit)
}

/// What every shape has at its head.
pub(super) fn head_of(head: &Head) -> Result<(), Fault> {
    let good = !head.name.is_empty()
        && head.name.len() <= 40
        && head
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        return Err(Fault::new(
            "shape:",
            "that is no name of a shape",
            "use small letters, digits and `-`, at most 40",
        )
        .within("shape"));
    }
    let unsaid = head.because.trim().is_empty();
    if head.known == Known::Part && unsaid {
        return Err(Fault::new(
            "known: part",
            "nobody will know what is missing",
            "add `because:` with what the documents do not tell; or write `known: whole`",
        )
        .within("known"));
    }
    if !head.enabled && unsaid {
        return Err(Fault::new(
            "enabled: false",
            "nobody will know why it is switched off",
            "add `because:` with a sentence",
        )
        .within("enabled"));
    }
    if head.sources.is_empty() {
        return Err(Fault::new(
            "sources:",
            "there is no source",
            "name the document or capture that the shape was made from",
        )
        .within("sources"));
    }
    Ok(())
}
