//! What people type.

use crate::conformance::checks::Checked;
use crate::conformance::checks::turns::{opened, second_screen};
use crate::conformance::operator::Typed;
use crate::conformance::report::Verdict;
use crate::conformance::run::Run;

/// Digits as an Arabic keyboard has them (Unicode, U+0660 on).
fn arabic(key: &str) -> String {
    key.chars()
        .map(|digit| match digit.to_digit(10) {
            Some(value) => char::from_u32(0x0660 + value).unwrap_or(digit),
            None => digit,
        })
        .collect()
}

pub async fn arabic_digits(run: &mut Run) -> Checked {
    let wanted = second_screen(run).await?;
    let key = arabic(&run.settings.key);
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let answer = run.press(&mut caller, &key).await;
    if run.screen(&answer, false)? != wanted {
        let expected = "the screen that the same key gets in Western digits";
        return Err(run.differs(expected, wanted.as_bytes(), &answer));
    }
    Ok(run.passes(&answer))
}

pub async fn answered(run: &mut Run, typed: &str) -> Checked {
    let mut caller = run.caller();
    let first = run.dial(&mut caller, "").await;
    opened(run, &first)?;
    let answer = run.press(&mut caller, typed).await;
    run.screen(&answer, false)?;
    Ok(run.passes(&answer))
}

pub async fn nothing(run: &mut Run) -> Checked {
    match run.operator.input {
        // The path does not change, so that it is a repeat.
        Typed::Path => Ok(Verdict::not_run(
            "a whole path does not show that nothing was typed",
        )),
        Typed::Last => answered(run, "").await,
    }
}
