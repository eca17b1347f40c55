//! Bad input: a clear answer that names the place, and never what was typed.

use serde_json::Value;

use crate::conformance::ask::{Asked, Body};
use crate::conformance::checks::Checked;
use crate::conformance::checks::turns::first_screen;
use crate::conformance::read::Parts;
use crate::conformance::report::Verdict;
use crate::conformance::run::{Event, Exchange, Run};
use crate::conformance::sign::Manner;

/// Is typed in everything that is refused, and is in no answer.
const TYPED: &str = "Zq7canary";
/// Bytes of a body that no gateway takes for a callback.
const LARGE: usize = 300_000;
/// Bytes of a query that no gateway takes for a callback.
const LARGE_HEAD: usize = 30_000;

/// A key press that would be fine.
fn press(run: &mut Run) -> (Asked, String) {
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::Continue, TYPED);
    (callback.asked, caller.msisdn)
}

/// A dial that would be fine.
fn dial(run: &mut Run) -> (Asked, String) {
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    (callback.asked, caller.msisdn)
}

/// Sends what is refused with a status.
async fn refused(
    run: &mut Run,
    asked: &Asked,
    msisdn: &str,
    status: u16,
) -> Result<Exchange, Verdict> {
    let exchange = run.bad(asked, Manner::Right, &[TYPED, msisdn]).await;
    let told = told(run, &exchange, status);
    match &exchange.came {
        Ok(came) if came.status == status || told => Ok(exchange),
        // What is signed by its parameters is nobody's where they cannot be read.
        Ok(came) if came.status == 401 && run.settings.proofs.reads_parameters() => Ok(exchange),
        Ok(_) | Err(_) => Err(run.fails(format!("status {status}"), &exchange)),
    }
}

/// Whether an error is told as the operator wants it. Where what was sent is the operator's in all
/// but what stands in it, an error that is told otherwise is kept.
fn told(run: &mut Run, exchange: &Exchange, status: u16) -> bool {
    let (Some(form), Ok(came)) = (&run.operator.refusal, &exchange.came) else {
        return false;
    };
    let values = [("status".to_owned(), status.to_string())].into();
    let untold = Parts::of(came).untold(form, &values);
    // Another method or type is told before the operator's document counts; a screen is no error.
    let counts = status == 400 && came.status != 401;
    match untold {
        None => {
            run.tally.told_well += usize::from(counts);
            true
        }
        Some(expected) => {
            if counts && run.tally.untold.is_none() {
                run.tally.untold = Some((expected, exchange.clone()));
            }
            false
        }
    }
}

/// Bends each of some fields and wants each refused; the last exchange is shown.
async fn each(
    run: &mut Run,
    fields: &[String],
    named: bool,
    bend: impl Fn(&Asked, &str) -> Option<Asked>,
) -> Checked {
    let mut last = None;
    for field in fields {
        let (asked, msisdn) = press(run);
        let bent = bend(&asked, field).map(|bent| (bent, msisdn));
        let bent = bent.or_else(|| {
            // What comes with the first callback only, such as a number.
            let (asked, msisdn) = dial(run);
            bend(&asked, field).map(|bent| (bent, msisdn))
        });
        let Some((bent, msisdn)) = bent else {
            continue;
        };
        let exchange =
            refused(run, &bent, &msisdn, 400)
                .await
                .map_err(|verdict| match verdict {
                    Verdict::Fail {
                        expected,
                        sent,
                        came,
                    } => Verdict::Fail {
                        expected: format!("{field}: {expected}"),
                        sent,
                        came,
                    },
                    Verdict::Pass { .. } | Verdict::NotRun { .. } => verdict,
                })?;
        let body = match &exchange.came {
            Ok(came) => String::from_utf8_lossy(&came.body).into_owned(),
            Err(_) => String::new(),
        };
        if named && !body.contains(field.as_str()) {
            return Err(run.fails(format!("the answer names {field}"), &exchange));
        }
        last = Some(exchange);
    }
    match last {
        Some(exchange) => Ok(run.passes(&exchange)),
        None => Ok(Verdict::not_run(
            "the operator's callback has no such field",
        )),
    }
}

pub async fn unknown_field(run: &mut Run) -> Checked {
    let wanted = first_screen(run).await?;
    let mut caller = run.caller();
    let mut callback = run.callback(&mut caller, Event::New, "");
    callback.asked = callback.asked.with_extra();
    let answer = run.good(&callback).await;
    if run.screen(&answer, true)? != wanted {
        return Err(run.differs("the first screen", wanted.as_bytes(), &answer));
    }
    Ok(run.passes(&answer))
}

pub async fn missing(run: &mut Run) -> Checked {
    let fields = run.operator.required.clone();
    each(run, &fields, true, |asked, field| asked.without(field)).await
}

pub async fn duplicate(run: &mut Run) -> Checked {
    let fields = run.operator.required.clone();
    each(run, &fields, false, |asked, field| asked.twice(field)).await
}

pub async fn wrong_type(run: &mut Run) -> Checked {
    let wrong = run.operator.wrong.clone();
    let fields: Vec<String> = wrong.keys().cloned().collect();
    let value = |field: &str| wrong.get(field).cloned().unwrap_or(Value::Null);
    each(run, &fields, false, |asked, field| {
        asked.with(field, &value(field))
    })
    .await
}

pub async fn not_text(run: &mut Run) -> Checked {
    let fields = run.operator.required.clone();
    each(run, &fields, false, |asked, field| asked.not_text(field)).await
}

pub async fn content_type(run: &mut Run) -> Checked {
    let (mut asked, msisdn) = press(run);
    if asked.body == Body::None {
        return Ok(Verdict::not_run("the operator sends no body"));
    }
    if run.operator.any_type {
        return Ok(Verdict::not_run("the operator's document names no type"));
    }
    asked.content_type = Some("image/png".to_owned());
    let exchange = refused(run, &asked, &msisdn, 415).await?;
    Ok(run.passes(&exchange))
}

pub async fn too_large(run: &mut Run) -> Checked {
    let (asked, msisdn) = press(run);
    let (asked, status) = match asked.too_large(LARGE) {
        Some(asked) => (asked, 413),
        None => (asked.with_long_head(LARGE_HEAD), 431),
    };
    let exchange = refused(run, &asked, &msisdn, status).await?;
    Ok(run.passes(&exchange))
}

pub async fn malformed(run: &mut Run) -> Checked {
    let (asked, msisdn) = press(run);
    match asked.malformed() {
        Some(asked) => {
            let exchange = refused(run, &asked, &msisdn, 400).await?;
            Ok(run.passes(&exchange))
        }
        None => Ok(Verdict::not_run("the operator sends no body")),
    }
}

pub async fn method(run: &mut Run) -> Checked {
    let (mut asked, msisdn) = press(run);
    asked.method = "DELETE".to_owned();
    let exchange = refused(run, &asked, &msisdn, 405).await?;
    Ok(run.passes(&exchange))
}
