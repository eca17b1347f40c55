//! Sessions as they go: dialling, keys, the end.

use crate::conformance::checks::{Checked, lacking};
use crate::conformance::operator::{Numbered, Typed};
use crate::conformance::report::Verdict;
use crate::conformance::run::{Event, Exchange, Run};
use crate::conformance::sign::Manner;

const UNTOLD: &str = "the operator does not tell";

pub async fn new(run: &mut Run) -> Checked {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    run.screen(&first, true)?;
    Ok(run.passes(&first))
}

pub async fn more(run: &mut Run) -> Checked {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    let before = opened(run, &first)?;
    let key = run.settings.key.clone();
    let second = run.press(&mut caller, &key).await;
    if run.screen(&second, false)? == before {
        let expected = "another screen than before, which was";
        return Err(run.differs(expected, before.as_bytes(), &second));
    }
    Ok(run.passes(&second))
}

/// A screen that another check has to have first.
pub fn opened(run: &Run, exchange: &Exchange) -> Result<String, Verdict> {
    run.screen(exchange, true)
        .map_err(|_| Verdict::not_run("there was no open session to look at it in"))
}

/// The screen behind the first one, for a subscriber who typed nothing wrong.
pub async fn second_screen(run: &mut Run) -> Result<String, Verdict> {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let key = run.settings.key.clone();
    let second = run.press(&mut caller, &key).await;
    opened(run, &second)
}

/// The first screen.
pub async fn first_screen(run: &mut Run) -> Result<String, Verdict> {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)
}

pub async fn input(run: &mut Run) -> Checked {
    let wrong = run.settings.wrong_key.clone();
    after(run, &wrong).await
}

pub async fn star(run: &mut Run) -> Checked {
    match run.operator.input {
        Typed::Last => Ok(Verdict::not_run("the operator sends each answer alone")),
        Typed::Path => {
            let wrong = run.settings.wrong_key.clone();
            after(run, &format!("{wrong}*{wrong}")).await
        }
    }
}

/// Something that the first screen refuses, then a key that it takes.
async fn after(run: &mut Run, wrong: &str) -> Checked {
    let wanted = second_screen(run).await?;
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let refused = run.press(&mut caller, wrong).await;
    run.screen(&refused, true)?;
    let key = run.settings.key.clone();
    let taken = run.press(&mut caller, &key).await;
    if run.screen(&taken, false)? != wanted {
        let expected = format!("the screen that {key} gets without {wrong} before it");
        return Err(run.differs(&expected, wanted.as_bytes(), &taken));
    }
    Ok(run.passes(&taken))
}

pub async fn dial_string(run: &mut Run) -> Checked {
    if !run.operator.dial_strings {
        return Ok(Verdict::not_run("the operator hands no dial string over"));
    }
    let mut caller = run.caller();
    let key = run.settings.key.clone();
    let answer = run.dial(&mut caller, &format!("{key}*{key}")).await;
    run.screen(&answer, false)?;
    Ok(run.passes(&answer))
}

pub async fn end(run: &mut Run) -> Checked {
    match run.operator.end {
        Some(_) => ends(run, Event::End).await,
        None => Ok(lacking(UNTOLD, run.operator.lacks.end.as_ref())),
    }
}

pub async fn timeout(run: &mut Run) -> Checked {
    match run.operator.timeout {
        Some(_) => ends(run, Event::Timeout).await,
        None => Ok(lacking(UNTOLD, run.operator.lacks.timeout.as_ref())),
    }
}

async fn ends(run: &mut Run, event: Event) -> Checked {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let callback = run.callback(&mut caller, event, "");
    let answer = run.send(&callback.asked, Manner::Right).await;
    let wanted = run.operator.acknowledge;
    match &answer.came {
        Ok(came) if came.status == wanted => Ok(run.passes(&answer)),
        Ok(_) | Err(_) => Err(run.fails(format!("status {wanted}"), &answer)),
    }
}

pub async fn after_end(run: &mut Run) -> Checked {
    if run.operator.end.is_none() {
        return Ok(lacking(UNTOLD, run.operator.lacks.end.as_ref()));
    }
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let callback = run.callback(&mut caller, Event::End, "");
    run.send(&callback.asked, Manner::Right).await;
    let key = run.settings.key.clone();
    let later = run.press(&mut caller, &key).await;
    run.screen(&later, false)?;
    Ok(run.passes(&later))
}

pub async fn unknown_session(run: &mut Run) -> Checked {
    if !run.operator.session_id {
        return Ok(Verdict::not_run("the operator's sessions have no id"));
    }
    if run.operator.number == Numbered::First {
        if !run.operator.carry.is_empty() {
            return Ok(Verdict::not_run("what says whose it is comes back only"));
        }
        // Nobody knows whose it is, and nothing can begin: a sentence and an end.
        let mut caller = run.caller();
        let answer = run.press(&mut caller, "12345").await;
        run.screen(&answer, false)?;
        if answer.read.open == Some(true) {
            return Err(run.fails("the session is over", &answer));
        }
        return Ok(run.passes(&answer));
    }
    let wanted = first_screen(run).await?;
    let mut caller = run.caller();
    // Longer than a segment of a dial string, so that it can only be an answer to something.
    let answer = run.press(&mut caller, "12345").await;
    if run.screen(&answer, true)? != wanted {
        let expected = "the screen that somebody gets who dials";
        return Err(run.differs(expected, wanted.as_bytes(), &answer));
    }
    Ok(run.passes(&answer))
}

/// What the number of the dial is found by, and by nothing else: two sessions side by side, then the
/// id of one of them again for somebody else.
pub async fn whose(run: &mut Run) -> Checked {
    if run.operator.number == Numbered::Always || !run.operator.session_id {
        return Ok(Verdict::not_run("a number comes with every key press"));
    }
    let (key, wrong) = (run.settings.key.clone(), run.settings.wrong_key.clone());
    // What each of the two gets alone.
    let mut alone = Vec::new();
    for keys in [[&key, &key], [&wrong, &key]] {
        let mut caller = run.caller();
        let first = run.dial(&mut caller, "").await;
        let mut screens = vec![opened(run, &first)?];
        for typed in keys {
            let screen = run.press(&mut caller, typed).await;
            screens.push(opened(run, &screen)?);
        }
        alone.push((keys, screens));
    }
    let mut callers = [run.caller(), run.caller()];
    for (caller, (_, screens)) in callers.iter_mut().zip(&alone) {
        let first = run.dial(caller, "").await;
        is_own(run, &first, &screens[0])?;
    }
    for turn in 0..2 {
        for (caller, (keys, screens)) in callers.iter_mut().zip(&alone) {
            let screen = run.press(caller, keys[turn]).await;
            is_own(run, &screen, &screens[turn + 1])?;
        }
    }
    let [mut older, _] = callers;
    if run.operator.end.is_some() {
        let over = run.callback(&mut older, Event::End, "");
        run.send(&over.asked, Manner::Right).await;
    }
    let mut newer = run.caller();
    newer.session = older.session;
    let (_, screens) = &alone[0];
    let first = run.dial(&mut newer, "").await;
    is_own(run, &first, &screens[0])?;
    let second = run.press(&mut newer, &key).await;
    is_own(run, &second, &screens[1])?;
    Ok(run.passes(&second))
}

/// The screen that a subscriber gets alone.
fn is_own(run: &Run, exchange: &Exchange, wanted: &str) -> Result<(), Verdict> {
    if run.screen(exchange, false)? != wanted {
        let expected = "the screen that whoever dialled this session gets alone";
        return Err(run.differs(expected, wanted.as_bytes(), exchange));
    }
    Ok(())
}

pub async fn older_session(run: &mut Run) -> Checked {
    if !run.operator.session_id {
        return Ok(Verdict::not_run("the operator's sessions have no id"));
    }
    let mut older = run.caller();
    let first = run.dial(&mut older, "").await;
    opened(run, &first)?;
    let mut newer = run.caller();
    newer.msisdn = older.msisdn.clone();
    let second = run.dial(&mut newer, "").await;
    opened(run, &second)?;
    let key = run.settings.key.clone();
    let late = run.press(&mut older, &key).await;
    run.screen(&late, false)?;
    if late.read.open == Some(true) {
        return Err(run.fails("the session is over", &late));
    }
    Ok(run.passes(&late))
}
