//! Mistakes that are planted in the program: the fault that is to find each has to turn red.

use super::{Context, Seen, disk, kill, process, redis};
use crate::Held;
use crate::site::PLANTED;

/// Runs a fault with a mistake in the program, and turns its verdict round.
async fn found(plant: &'static str, fault: impl Future<Output = Held<Seen>>) -> Held<Seen> {
    match PLANTED.scope(plant, fault).await {
        Err(why) => Ok(Seen::Held(format!(
            "planted, found: {}",
            why.lines().next().unwrap_or_default()
        ))),
        Ok(Seen::Held(seen)) => Err(format!("planted, and nobody noticed: {seen}")),
        Ok(Seen::NotRun(why)) => Ok(Seen::NotRun(why)),
    }
}

/// Callers are answered too early.
pub async fn answer_before_commit(context: Context) -> Held<Seen> {
    found("answer-before-commit", disk::power_cut(context.short())).await
}

/// A failed fsync is ignored.
pub async fn failed_sync_is_ignored(context: Context) -> Held<Seen> {
    found("failed-sync-is-ignored", disk::sync_fails(context.short())).await
}

/// What was on its way is not told from what was not.
pub async fn sending_is_queued_again(context: Context) -> Held<Seen> {
    found("sending-is-queued-again", kill::at_send(context.short())).await
}

/// A stop that waits for nobody.
pub async fn stop_does_not_wait(context: Context) -> Held<Seen> {
    found("stop-does-not-wait", process::sigterm(context)).await
}

/// An old entry of Redis makes a step.
pub async fn cache_is_believed(context: Context) -> Held<Seen> {
    found("cache-is-believed", redis::stale(context)).await
}
