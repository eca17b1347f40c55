//! `reads:` and `repeat:` of a shape of USSD, proved: what its fields mean.

use crate::operator::compile::{Fault, field_named, rules};
use crate::operator::field::Field;
use crate::operator::file::{
    CodeGiven, First, Holds, Is, NumberGiven, ReadsFile, RepeatFile, SessionIds, UssdFile,
};
use crate::operator::rule::{Rule, Test};
use crate::operator::ussd::RepeatRule;

/// What the fields mean, each by its place among them.
pub(super) struct Meaning {
    pub(super) subscriber: usize,
    pub(super) input: usize,
    pub(super) session: Option<usize>,
    pub(super) code: Option<usize>,
    pub(super) session_ids: SessionIds,
    pub(super) events: Vec<Rule<Is>>,
    pub(super) repeat: RepeatRule,
}

impl ReadsFile {
    fn holds_path(&self) -> bool {
        self.input == Holds::Path
    }
}

/// Proves both; `fields` are those of the request.
pub(super) fn meaning(file: &UssdFile, fields: &[Field]) -> Result<Meaning, Fault> {
    let at = |name: &str| fields.iter().position(|field| field.name == name);
    let needed = |name: &str| {
        at(name).ok_or_else(|| {
            Fault::new(
                "fields:",
                format!("there is no field `{name}`"),
                format!("say where it stands: `{name}: form NAME`, or another place"),
            )
            .within("fields")
            .within("request")
        })
    };
    let (subscriber, input) = (needed("subscriber")?, needed("input")?);
    let (session, code) = (at("session"), at("code"));
    let reads = &file.reads;
    told(
        reads,
        code.is_some(),
        session.is_some_and(|at| !fields[at].optional),
    )
    .map_err(|fault| fault.within("reads"))?;
    repeatable(file)?;
    let session_ids = match session.map(|at| fields[at].optional) {
        // Without an id of its own, the number's next session has the same.
        None | Some(true) => SessionIds::Recur,
        Some(false) => reads.session_ids,
    };
    Ok(Meaning {
        subscriber,
        input,
        session,
        code,
        session_ids,
        events: events(reads, fields).map_err(|fault| fault.within("reads"))?,
        repeat: repeat(&file.repeat, fields).map_err(|fault| fault.within("repeat"))?,
    })
}

/// Proves that the code and the number are told when they are said to be; `has_id` says whether a
/// session's id is always there.
fn told(reads: &ReadsFile, has_code: bool, has_id: bool) -> Result<(), Fault> {
    match (reads.code, has_code) {
        (CodeGiven::Always | CodeGiven::First, false) if reads.first != First::Dialled => {
            return Err(Fault::new(
                "code:",
                "the code is said to be told, and there is no field `code`",
                "name its place among the fields, or write `first: dialled` or `code: never`",
            )
            .within("code"));
        }
        (CodeGiven::Never, true) => {
            return Err(Fault::new(
                "code: never",
                "there is a field `code` that is never told",
                "take the field away, or write `code: always` or `code: first`",
            )
            .within("code"));
        }
        (CodeGiven::Always | CodeGiven::First | CodeGiven::Never, _) => {}
    }
    if reads.subscriber == NumberGiven::First && !has_id {
        return Err(Fault::new(
            "subscriber: first",
            "the number is told at the dial only, and no field `session` that is always there tells whose a key press is",
            "name the place of the session's id as `session:`, without `optional: true`; or write `subscriber: always`",
        )
        .within("subscriber"));
    }
    Ok(())
}

/// Proves that a path tells repeats, and nothing else is said to be one.
fn repeatable(file: &UssdFile) -> Result<(), Fault> {
    let reads = &file.reads;
    if reads.holds_path() && file.repeat != RepeatFile::Path {
        return Err(Fault::new(
            "repeat:",
            "where `input` is the whole path, the path tells a repeat",
            "write `repeat: path`",
        )
        .within("repeat"));
    }
    if !reads.holds_path() && file.repeat == RepeatFile::Path {
        return Err(Fault::new(
            "repeat: path",
            "`input` holds the last thing typed, which tells no repeat",
            "write `repeat: none`, or `repeat: { key: [FIELD, …] }` with the fields of an id",
        )
        .within("repeat"));
    }
    Ok(())
}

/// What tells a dial, a key press and an end.
fn events(reads: &ReadsFile, fields: &[Field]) -> Result<Vec<Rule<Is>>, Fault> {
    if !reads.holds_path() && reads.event.is_empty() {
        return Err(Fault::new(
            "reads:",
            "nothing tells a dial from a key press",
            "write `event:` with a rule each, or `event: [{ is: unsaid }]` where the first request of a session is the dial",
        ));
    }
    let of_reads = |fault: Fault| fault.within("event");
    let events = rules(&reads.event, fields).map_err(of_reads)?;
    if let Some(at) = events.iter().position(|rule| rule.test == Test::Always)
        && at + 1 < events.len()
    {
        return Err(Fault::new(
            "event:",
            "a rule stands behind one that always holds, and is never asked",
            "let the rule without `field:` be the last one",
        )
        .within("event"));
    }
    Ok(events)
}

/// What makes a repeat.
fn repeat(file: &RepeatFile, fields: &[Field]) -> Result<RepeatRule, Fault> {
    Ok(match file {
        RepeatFile::Path => RepeatRule::Path,
        RepeatFile::None => RepeatRule::None,
        RepeatFile::Key(names) => RepeatRule::Key(
            names
                .iter()
                .map(|name| field_named(fields, name, "key:"))
                .collect::<Result<_, _>>()?,
        ),
    })
}
