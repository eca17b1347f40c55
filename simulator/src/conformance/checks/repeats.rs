//! The same callback again, and callbacks out of order.

use crate::conformance::checks::turns::opened;
use crate::conformance::checks::{Checked, lacking};
use crate::conformance::operator::Repeat;
use crate::conformance::report::Verdict;
use crate::conformance::run::{Event, Exchange, Run};

const UNRECOGNISED: &str = "the operator sends nothing by which a repeat is recognised";

fn recognised(run: &Run) -> Result<(), Verdict> {
    match run.operator.repeat {
        Repeat::Key | Repeat::Path => Ok(()),
        Repeat::None => Err(lacking(UNRECOGNISED, run.operator.lacks.repeat.as_ref())),
    }
}

fn body(exchange: &Exchange) -> Option<&[u8]> {
    exchange.came.as_ref().ok().map(|came| came.body.as_slice())
}

fn same(run: &Run, first: &Exchange, again: &Exchange) -> Checked {
    run.screen(again, false)?;
    if body(first) != body(again) {
        let wanted = body(first).unwrap_or_default();
        return Err(run.differs("the bytes of the first answer", wanted, again));
    }
    Ok(run.passes(again))
}

pub async fn in_turn(run: &mut Run) -> Checked {
    recognised(run)?;
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let key = run.settings.key.clone();
    let callback = run.callback(&mut caller, Event::Continue, &key);
    let first = run.good(&callback).await;
    run.screen(&first, false)?;
    let again = run.again(&callback, &first).await;
    same(run, &first, &again)
}

pub async fn of_the_first(run: &mut Run) -> Checked {
    recognised(run)?;
    let mut caller = run.caller();
    let callback = run.callback(&mut caller, Event::New, "");
    let first = run.good(&callback).await;
    opened(run, &first)?;
    let again = run.again(&callback, &first).await;
    same(run, &first, &again)
}

pub async fn at_once(run: &mut Run) -> Checked {
    recognised(run)?;
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let key = run.settings.key.clone();
    let callback = run.callback(&mut caller, Event::Continue, &key);
    let [one, other] = run.at_once(&callback).await;
    run.screen(&one, false)?;
    same(run, &one, &other)
}

pub async fn reordered(run: &mut Run) -> Checked {
    recognised(run)?;
    let key = run.settings.key.clone();
    // What the third key gets where nothing comes late.
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    for _ in 0..2 {
        let screen = run.press(&mut caller, &key).await;
        opened(run, &screen)?;
    }
    let wanted = run.press(&mut caller, &key).await;
    let wanted = run.screen(&wanted, false)?;

    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let older = run.callback(&mut caller, Event::Continue, &key);
    let older_screen = run.good(&older).await;
    run.carry(&mut caller, &older_screen);
    opened(run, &older_screen)?;
    let screen = run.press(&mut caller, &key).await;
    opened(run, &screen)?;
    let late = run.again(&older, &older_screen).await;
    run.screen(&late, false)?;
    let after = run.press(&mut caller, &key).await;
    if run.screen(&after, false)? != wanted {
        let expected = "the screen that comes where nothing came late";
        return Err(run.differs(expected, wanted.as_bytes(), &after));
    }
    Ok(run.passes(&late))
}

pub async fn unmarked(run: &mut Run) -> Checked {
    if recognised(run).is_ok() {
        return Ok(Verdict::not_run("the operator marks its callbacks"));
    }
    let key = run.settings.key.clone();
    let mut caller = run.caller();
    let dial = run.callback(&mut caller, Event::New, "");
    let first = run.good(&dial).await;
    opened(run, &first)?;
    let again = run.good(&dial).await;
    run.screen(&again, false)?;
    run.carry(&mut caller, &again);
    let older = run.callback(&mut caller, Event::Continue, &key);
    for exchange in run.at_once(&older).await {
        run.screen(&exchange, false)?;
    }
    let again = run.good(&older).await;
    run.screen(&again, false)?;
    run.carry(&mut caller, &again);
    let newer = run.press(&mut caller, &key).await;
    run.screen(&newer, false)?;
    let late = run.good(&older).await;
    run.screen(&late, false)?;
    Ok(run.passes(&late))
}
