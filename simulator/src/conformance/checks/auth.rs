//! Callbacks that somebody else could have sent.

use crate::conformance::checks::Checked;
use crate::conformance::report::Verdict;
use crate::conformance::run::{Event, Exchange, Run};
use crate::conformance::sign::Manner;

const NO_PROOF: &str = "the link has no authentication";

fn has(holds: bool, why: &str) -> Result<(), Verdict> {
    match holds {
        true => Ok(()),
        false => Err(Verdict::not_run(why)),
    }
}

/// Somebody dials, and proves it badly.
async fn badly(run: &mut Run, manner: Manner) -> Exchange {
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    run.bad(&callback.asked, manner, &[&caller.msisdn]).await
}

async fn unauthorised(run: &mut Run, manner: Manner) -> Checked {
    let exchange = badly(run, manner).await;
    match &exchange.came {
        Ok(came) if came.status == 401 => Ok(run.passes(&exchange)),
        Ok(_) | Err(_) => Err(run.fails("status 401", &exchange)),
    }
}

pub async fn unsigned(run: &mut Run) -> Checked {
    has(!run.settings.proofs.0.is_empty(), NO_PROOF)?;
    unauthorised(run, Manner::Unsigned).await
}

pub async fn wrong(run: &mut Run) -> Checked {
    has(!run.settings.proofs.0.is_empty(), NO_PROOF)?;
    unauthorised(run, Manner::WrongSecret).await
}

pub async fn changed(run: &mut Run) -> Checked {
    let covers = run.settings.proofs.covers_content();
    has(covers, "the proof does not cover the content")?;
    unauthorised(run, Manner::Changed).await
}

pub async fn stale(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_time(), "the proof has no time")?;
    unauthorised(run, Manner::Stale).await
}

pub async fn future(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_time(), "the proof has no time")?;
    unauthorised(run, Manner::Future).await
}

pub async fn replayed(run: &mut Run) -> Checked {
    has(run.settings.proofs.covers_nonce(), "the proof has no nonce")?;
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    let wire = run.signed(&callback.asked, Manner::Right);
    let first = run.send_wire(wire.clone()).await;
    let Ok(answer) = &first.came else {
        return Err(run.fails("an answer", &first));
    };
    if answer.status != run.operator.answer.status {
        return Err(Verdict::not_run("the first one was refused"));
    }
    let stored = answer.body.clone();
    let again = run.send_wire(wire).await;
    match &again.came {
        Ok(came) if came.status == 409 || came.body == stored => Ok(run.passes(&again)),
        Ok(_) | Err(_) => Err(run.fails("status 409, or the same bytes", &again)),
    }
}

pub async fn nothing_learned(run: &mut Run) -> Checked {
    has(!run.settings.proofs.0.is_empty(), NO_PROOF)?;
    let first = badly(run, Manner::Unsigned).await;
    let Ok(wanted) = first.came.clone() else {
        return Err(run.fails("status 401", &first));
    };
    let wrong = badly(run, Manner::WrongSecret).await;
    let link = run.settings.link.clone();
    run.settings.link = match link.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/no-such-link"),
        None => "/no-such-link".to_owned(),
    };
    let unknown = badly(run, Manner::Right).await;
    run.settings.link = link;
    for exchange in [wrong, unknown] {
        let equal = match &exchange.came {
            Ok(came) => {
                (came.status, &came.body, came.header("content-type"))
                    == (wanted.status, &wanted.body, wanted.header("content-type"))
            }
            Err(_) => false,
        };
        if !equal {
            return Err(run.fails("the answer that no proof gets", &exchange));
        }
    }
    Ok(run.passes(&first))
}
