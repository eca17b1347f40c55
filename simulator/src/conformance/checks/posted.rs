//! What came at the operator's own address for screens over the whole run.

use crate::conformance::checks::Checked;
use crate::conformance::pushed::QUIET;
use crate::conformance::report::Verdict;
use crate::conformance::run::Run;
use crate::conformance::shown;

/// A session with a while after each screen, then whatever came unasked in the run.
pub async fn once(run: &mut Run) -> Checked {
    if run.pushed.is_none() {
        return Ok(Verdict::not_run("screens are in the answers"));
    }
    let mut caller = run.caller();
    let mut last = run.dial(&mut caller, "").await;
    tokio::time::sleep(QUIET).await;
    if run.screen(&last, true).is_ok() {
        let key = run.settings.key.clone();
        last = run.press(&mut caller, &key).await;
        tokio::time::sleep(QUIET).await;
    }
    if let Some(unasked) = run.pushed.as_ref().and_then(|pushed| pushed.unasked()) {
        let first = unasked.first.map(|came| {
            let body = shown::escaped(&came.body);
            shown::masked(&body, &run.settings.secrets())
        });
        return Err(Verdict::Fail {
            expected: format!("one screen for each callback; {}", unasked.what),
            sent: String::new(),
            came: first.unwrap_or_default(),
        });
    }
    match run.screen(&last, false) {
        Ok(_) => Ok(run.passes(&last)),
        Err(_) => Ok(Verdict::not_run("no screen came")),
    }
}
