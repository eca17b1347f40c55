//! What is looked at in every answer of the run.

use crate::conformance::checks::Checked;
use crate::conformance::read::Facet;
use crate::conformance::report::Verdict;
use crate::conformance::run::Run;

pub fn facet(run: &Run, facet: Facet) -> Verdict {
    if run.tally.answers == 0 {
        return Verdict::not_run("no answer came");
    }
    let form = &run.operator.answer;
    let said = match facet {
        Facet::ContentType => form.content_type.is_some(),
        Facet::Document => form.is_document(),
        Facet::Also => !form.also.is_empty(),
        Facet::Status | Facet::Clean | Facet::Marker | Facet::Text | Facet::Limit => true,
    };
    if !said {
        return Verdict::not_run("the operator's document asks for none");
    }
    match run.tally.faults.get(&facet) {
        Some((expected, exchange)) => run.fails(expected.clone(), exchange),
        None => looked_at(run.tally.answers, "answers"),
    }
}

pub fn deadline(run: &Run) -> Checked {
    let Some((took, exchange)) = &run.tally.slowest else {
        return Ok(Verdict::not_run("no answer came"));
    };
    let within = run.deadline();
    if *took > within {
        let expected = format!(
            "at most {} ms, not {}",
            within.as_millis(),
            took.as_millis()
        );
        return Err(run.fails(expected, exchange));
    }
    Ok(Verdict::Pass {
        sent: String::new(),
        came: format!(
            "{} answers, the slowest in {} ms of {}",
            run.tally.answers,
            took.as_millis(),
            within.as_millis()
        ),
    })
}

pub fn error_form(run: &Run) -> Checked {
    if run.operator.refusal.is_none() {
        return Ok(Verdict::not_run(
            "the operator's document does not say how an error is told",
        ));
    }
    match &run.tally.untold {
        Some((expected, exchange)) => Err(run.fails(expected.clone(), exchange)),
        None if run.tally.told_well == 0 => Ok(Verdict::not_run("no error came")),
        None => Ok(looked_at(run.tally.told_well, "errors")),
    }
}

pub fn quiet(run: &Run) -> Checked {
    if run.tally.errors == 0 {
        return Ok(Verdict::not_run("no error came"));
    }
    match &run.tally.told {
        Some((told, exchange)) => {
            Err(run.fails(format!("nothing of what was sent, not {told:?}"), exchange))
        }
        None => Ok(looked_at(run.tally.errors, "errors")),
    }
}

fn looked_at(count: usize, what: &str) -> Verdict {
    Verdict::Pass {
        sent: String::new(),
        came: format!("{count} {what}"),
    }
}
