//! Callbacks that somebody else could have sent.

use crate::conformance::checks::Checked;
use crate::conformance::client::Shows;
use crate::conformance::report::Verdict;
use crate::conformance::run::{Event, Exchange, Run};
use crate::conformance::sign::Manner;

const NO_PROOF: &str = "the link has no authentication";
const NO_STRANGER: &str = "no certificate of somebody else was given";

fn has(holds: bool, why: &str) -> Result<(), Verdict> {
    match holds {
        true => Ok(()),
        false => Err(Verdict::not_run(why)),
    }
}

/// Somebody dials, and proves it badly.
async fn badly(run: &mut Run, manner: Manner, shows: Shows) -> Exchange {
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    let private = [caller.msisdn.as_str()];
    run.bad_as(&callback.asked, manner, shows, &private).await
}

async fn unauthorised(run: &mut Run, manner: Manner, shows: Shows) -> Checked {
    let exchange = badly(run, manner, shows).await;
    match &exchange.came {
        Ok(came) if came.status == 401 => Ok(run.passes(&exchange)),
        Ok(_) | Err(_) => Err(run.fails("status 401", &exchange)),
    }
}

/// Tries each way; the last exchange is shown.
async fn each(run: &mut Run, ways: Vec<(Manner, Shows)>, none: &str) -> Checked {
    let mut last = Verdict::not_run(none);
    for (manner, shows) in ways {
        last = unauthorised(run, manner, shows).await?;
    }
    Ok(last)
}

pub async fn unsigned(run: &mut Run) -> Checked {
    each(run, run.unproved(), NO_PROOF).await
}

pub async fn wrong(run: &mut Run) -> Checked {
    let none = match run.unproved().is_empty() {
        true => NO_PROOF,
        false => NO_STRANGER,
    };
    each(run, run.misproved(), none).await
}

pub async fn changed(run: &mut Run) -> Checked {
    let covers = run.settings.proofs.covers_content();
    has(covers, "the proof does not cover the content")?;
    unauthorised(run, Manner::Changed, Shows::Own).await
}

pub async fn stale(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_time(), "the proof has no time")?;
    unauthorised(run, Manner::Stale, Shows::Own).await
}

pub async fn future(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_time(), "the proof has no time")?;
    unauthorised(run, Manner::Future, Shows::Own).await
}

pub async fn replayed(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_nonce(), "the proof has no nonce")?;
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    let wire = run.signed(&callback.asked, Manner::Right);
    let first = run.send_wire(wire.clone()).await;
    run.drained(&callback, &first).await;
    let Ok(answer) = &first.came else {
        return Err(run.fails("an answer", &first));
    };
    let screen = run.operator.answer.status;
    if answer.status != screen && !(200..300).contains(&answer.status) {
        return Err(Verdict::not_run("the first one was refused"));
    }
    let stored = answer.body.clone();
    let again = run.send_wire(wire).await;
    match &again.came {
        Ok(came) if came.status == 409 || came.body == stored => Ok(run.passes(&again)),
        Ok(_) | Err(_) => {
            let expected = "status 409, or the bytes of the first answer";
            Err(run.differs(expected, &stored, &again))
        }
    }
}

pub async fn nothing_learned(run: &mut Run) -> Checked {
    let (unproved, misproved) = (run.unproved(), run.misproved());
    let Some((manner, shows)) = unproved.first().copied() else {
        return Ok(Verdict::not_run(NO_PROOF));
    };
    let first = badly(run, manner, shows).await;
    let Ok(wanted) = first.came.clone() else {
        return Err(run.fails("status 401", &first));
    };
    let mut others = Vec::new();
    for (manner, shows) in unproved.into_iter().skip(1).chain(misproved) {
        others.push(badly(run, manner, shows).await);
    }
    let link = run.settings.link.clone();
    run.settings.link = match link.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/no-such-link"),
        None => "/no-such-link".to_owned(),
    };
    others.push(badly(run, Manner::Right, Shows::Own).await);
    run.settings.link = link;
    for exchange in others {
        let equal = match &exchange.came {
            Ok(came) => {
                (came.status, &came.body, came.header("content-type"))
                    == (wanted.status, &wanted.body, wanted.header("content-type"))
            }
            Err(_) => false,
        };
        if !equal {
            let expected = format!("the answer that no proof gets, status {}", wanted.status);
            return Err(run.differs(&expected, &wanted.body, &exchange));
        }
    }
    Ok(run.passes(&first))
}
