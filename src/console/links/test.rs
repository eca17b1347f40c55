//! `jisr links test`: the samples of the links' shapes, played through parse and reply.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::callback::Msisdn;
use crate::config::{Config, LinkConfig};
use crate::console::out::say;
use crate::console::{Failure, out, parts, shapes};
use crate::operator::play::{self, Difference};
use crate::operator::sample::Sample;
use crate::operator::shape::Shape;
use crate::operator::sms::SmsShape;
use crate::operator::sms::sample::SmsSample;
use crate::operator::ussd::UssdShape;

/// The options of `jisr links test`.
#[derive(Args)]
pub struct TestArguments {
    /// The link; without one, every link with a shape.
    #[arg(value_name = "LINK")]
    link: Option<String>,
    /// Print one JSON object a sample.
    #[arg(long)]
    json: bool,
    /// A shape that no link has yet, by name, in place of links.
    #[arg(long, value_name = "NAME", conflicts_with = "link")]
    shape: Option<String>,
}

/// What became of one sample.
#[derive(Serialize)]
struct Line<'a> {
    link: Option<&'a str>,
    shape: &'a str,
    sample: &'a str,
    mark: &'a str,
    source: &'a str,
    date: &'a str,
    passed: bool,
    /// What the operator sends, or what is asked of its API.
    request: String,
    /// Who dialled the session, as the ledger would say it, where a request does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialled_by: Option<&'a str>,
    /// What was read of it.
    reads: Vec<(String, String)>,
    /// What goes back.
    answer: Option<String>,
    /// What is posted after it, where the shape does that: below the link's address.
    pushed: Option<String>,
    differences: Vec<Difference>,
}

/// Plays them, and prints the bytes.
///
/// # Errors
/// [`Failure`] where a sample is read or answered otherwise than it says, or there is no such link.
pub fn run(config: Option<&Path>, arguments: &TestArguments) -> Result<(), Failure> {
    let config = parts::config(config)?;
    let chosen = chosen(&config, arguments)?;
    let mut wrong = 0;
    for (link, shape) in &chosen {
        let lines = lines(link.as_deref(), shape);
        wrong += lines.iter().filter(|line| !line.passed).count();
        if arguments.json {
            for line in &lines {
                say!("{}", serde_json::to_string(line).map_err(Failure::of)?)?;
            }
        } else {
            out::text(&told(link.as_deref(), shape, &lines))?;
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Failed(format!(
            "{wrong} sample(s) are read or answered otherwise than they say\n  help: mend the shape, or the sample where the operator really sends something else"
        ))),
    }
}

/// The shapes to be tried, with the links that have them.
fn chosen(
    config: &Config,
    arguments: &TestArguments,
) -> Result<Vec<(Option<String>, Shape)>, Failure> {
    let known = shapes::load(config)?;
    if let Some(name) = &arguments.shape {
        let shape = known.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = known
                .iter()
                .map(|shape| shape.head().name.as_str())
                .collect();
            Failure::Usage(format!(
                "there is no shape {name}\n  help: take one of {}",
                names.join(", ")
            ))
        })?;
        return Ok(vec![(None, shape)]);
    }
    let mut chosen = Vec::new();
    for (index, link) in config.links.iter().enumerate() {
        let named = arguments
            .link
            .as_deref()
            .is_none_or(|name| name == link.name());
        let shape = match link {
            LinkConfig::UssdHttp(http) | LinkConfig::Sandbox(http) if named => {
                Shape::Ussd(shapes::of(http, index, &known).map_err(Failure::of)?)
            }
            LinkConfig::SmsHttp(sms) if named => {
                Shape::Sms(shapes::sms(sms, index, &known).map_err(Failure::of)?)
            }
            LinkConfig::UssdHttp(_)
            | LinkConfig::SmsHttp(_)
            | LinkConfig::Sandbox(_)
            | LinkConfig::Smpp(_) => continue,
        };
        chosen.push((Some(link.name().to_owned()), shape));
    }
    if chosen.is_empty() {
        let names: Vec<_> = config.links.iter().map(LinkConfig::name).collect();
        return Err(Failure::Usage(format!(
            "there is no link of that name that has a shape\n  help: the links are {}; those over SMPP have none; --shape NAME tries a shape without a link",
            names.join(", ")
        )));
    }
    Ok(chosen)
}

fn lines<'a>(link: Option<&'a str>, shape: &'a Shape) -> Vec<Line<'a>> {
    match shape {
        Shape::Ussd(shape) => shape
            .samples
            .iter()
            .map(|sample| ussd(link, shape, sample))
            .collect(),
        Shape::Sms(shape) => shape
            .samples
            .iter()
            .map(|sample| sms(link, shape, sample))
            .collect(),
    }
}

fn ussd<'a>(link: Option<&'a str>, shape: &'a Arc<UssdShape>, sample: &'a Sample) -> Line<'a> {
    let played = play::ussd(shape, sample);
    let reads = match played.reads {
        Ok(reads) => reads,
        Err(error) => vec![("refused", error.to_string())],
    };
    Line {
        link,
        shape: &shape.head.name,
        sample: &sample.what,
        mark: sample.mark.word(),
        source: &sample.source,
        date: &sample.date,
        passed: played.differences.is_empty(),
        request: sample.shown(),
        dialled_by: sample.dialled_by.as_ref().map(Msisdn::as_str),
        reads: reads
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        answer: played.answer.map(|answer| answer.shown()),
        pushed: played.pushed.map(|pushed| pushed.shown()),
        differences: played.differences,
    }
}

fn sms<'a>(link: Option<&'a str>, shape: &'a Arc<SmsShape>, sample: &'a SmsSample) -> Line<'a> {
    let played = shape.play(sample);
    let pair = |row: &str| {
        let (name, value) = row.split_once(": ").unwrap_or(("says", row));
        (name.to_owned(), value.to_owned())
    };
    Line {
        link,
        shape: &shape.head.name,
        sample: &sample.what,
        mark: sample.mark.word(),
        source: &sample.source,
        date: &sample.date,
        passed: played.differences.is_empty(),
        request: played.request,
        dialled_by: None,
        reads: played.reads.lines().map(pair).collect(),
        answer: Some(played.answer),
        pushed: None,
        differences: played.differences,
    }
}

/// What is otherwise: of several lines the first that differs, with its number.
fn first(difference: &Difference) -> String {
    let Difference {
        what,
        expected,
        seen,
    } = difference;
    if !expected.contains('\n') && !seen.contains('\n') {
        return format!("    {what}: expected {expected:?}, seen {seen:?}");
    }
    let mut sides = (expected.lines(), seen.lines());
    let mut line = 1;
    loop {
        match (sides.0.next(), sides.1.next()) {
            (Some(one), Some(other)) if one == other => line += 1,
            (None, None) => return format!("    {what}: the ends of lines differ"),
            (one, other) => {
                let shown = |line: Option<&str>| {
                    line.map_or_else(|| "no more lines".to_owned(), |line| format!("{line:?}"))
                };
                return format!(
                    "    {what}, line {line}:\n      expected {}\n      seen     {}",
                    shown(one),
                    shown(other)
                );
            }
        }
    }
}

fn told(link: Option<&str>, shape: &Shape, lines: &[Line<'_>]) -> String {
    let mut text = String::new();
    let head = shape.head();
    // Writing to a string cannot fail.
    let _ = match link {
        Some(link) => writeln!(text, "link {link}, shape {} ({})", head.name, head.title),
        None => writeln!(text, "shape {} ({})", head.name, head.title),
    };
    for line in lines {
        let _ = writeln!(
            text,
            "\n{}  {}  [{}, {}, {}]",
            if line.passed { "ok   " } else { "WRONG" },
            line.sample,
            line.mark,
            line.source,
            line.date
        );
        for (sign, block) in [
            (">", Some(&line.request)),
            ("<", line.answer.as_ref()),
            ("=>", line.pushed.as_ref()),
        ] {
            for row in block.into_iter().flat_map(|block| block.trim_end().lines()) {
                let _ = writeln!(text, "    {sign} {row}");
            }
            if sign == ">" {
                if let Some(number) = line.dialled_by {
                    let _ = writeln!(text, "      (dialled by {number})");
                }
                for (name, value) in &line.reads {
                    let _ = writeln!(text, "      {name}: {value}");
                }
            }
        }
        for difference in &line.differences {
            let _ = writeln!(text, "{}", first(difference));
        }
    }
    let right = lines.iter().filter(|line| line.passed).count();
    let _ = writeln!(
        text,
        "\n{right} of {} samples are as they say\n",
        lines.len()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        for (expected, seen, told) in [
            ("new", "end", "    event: expected \"new\", seen \"end\""),
            (
                "200\n\na\nb",
                "200\n\na\nc",
                "    event, line 4:\n      expected \"b\"\n      seen     \"c\"",
            ),
            (
                "200\n\na",
                "200",
                "    event, line 2:\n      expected \"\"\n      seen     no more lines",
            ),
        ] {
            let difference = Difference {
                what: "event".to_owned(),
                expected: expected.to_owned(),
                seen: seen.to_owned(),
            };
            assert_eq!(first(&difference), told);
        }
    }
}
