//! What a running gateway does about its outbox beside sending: it finds a ledger that was put back,
//! says that it is held, and tells each dead letter once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Running;
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::console::{Failure, parts};
use crate::store::by_hand::{DeadLetter, Hold};
use crate::store::sql::SqlStore;

/// How often a hold and dead letters are looked for.
const LOOK: Duration = Duration::from_secs(2);
/// How often the log says that the outbox is held.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Rounds of dead letters of one look.
const ROUNDS_MAX: usize = 20;

/// Compares the ledger with the mark outside it, before anything is claimed.
///
/// # Errors
/// [`Failure`] where that cannot be done: nobody would know what was sent since.
pub(super) async fn look_back(
    config: &Config,
    store: &SqlStore,
    now: Moment,
) -> Result<Option<Hold>, Failure> {
    let mark = config.store.beside("jisr.mark");
    parts::make_folder_of(&mark)?;
    let file: Option<PathBuf> = (!config.store.is_on_a_server()).then(|| config.store.path());
    store
        .look_back(&mark, file.as_deref(), now)
        .await
        .map_err(Failure::of)?;
    store.held(now).await.map_err(Failure::of)
}

/// Watches for holds, and tells dead letters, until it is told to stop.
pub(super) async fn watch(
    gateway: Arc<Running>,
    clock: Arc<dyn Clock>,
    hold: watch::Sender<Option<Hold>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut said: Option<Instant> = None;
    while !*stopped.borrow() {
        match gateway.store.held(clock.now()).await {
            Ok(now) => {
                let was = hold.send_replace(now.clone());
                metrics::gauge!("jisr_outbox_held").set(f64::from(u8::from(now.is_some())));
                match now {
                    Some(held) if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) => {
                        said = Some(Instant::now());
                        let (why, who, since) = (held.why.told(), held.who, held.begun_at.ms());
                        tracing::error!(
                            why,
                            who,
                            since_ms = since,
                            "the outbox is HELD, nothing is sent; to let messages go: jisr outbox release"
                        );
                    }
                    None if was.is_some() => {
                        said = None;
                        tracing::info!("the outbox is released");
                        gateway.bells.ring_all();
                    }
                    Some(_) | None => {}
                }
            }
            Err(error) => tracing::error!(%error, "whether the outbox is held cannot be looked up"),
        }
        for _ in 0..ROUNDS_MAX {
            match gateway.store.dead_letters().await {
                Ok(letters) if letters.is_empty() => break,
                Ok(letters) => letters.iter().for_each(tell),
                Err(error) => {
                    tracing::error!(%error, "dead letters cannot be looked for");
                    break;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// One line and one count for a message that failed for good.
fn tell(letter: &DeadLetter) {
    let reason = letter.reason.as_deref().unwrap_or("never tried");
    metrics::counter!(
        "jisr_dead_letters_total",
        "link" => letter.link.as_str().to_owned(),
        "kind" => letter.kind.name(),
        "end" => letter.state.name(),
        "reason" => reason.to_owned(),
    )
    .increment(1);
    tracing::warn!(
        link = %letter.link,
        id = letter.id.0,
        kind = letter.kind.name(),
        end = letter.state.name(),
        reason,
        attempts = letter.attempts,
        "a message failed for good: jisr outbox show ID"
    );
}
