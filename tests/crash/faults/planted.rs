//! Mistakes that are planted in the program: the fault that is to find each has to turn red.

use super::{Context, Seen, disk, kill, process, redis};
use crate::Held;
use crate::site::PLANTED;

/// Times that a fault is tried, each with other points: one that strikes where the mistake does no harm
/// says nothing of it.
const TRIES_MAX: u64 = 4;

/// Runs a fault with a mistake in the program until it turns red, and turns its verdict round.
async fn found<F: Future<Output = Held<Seen>>>(
    plant: &'static str,
    context: Context,
    fault: impl Fn(Context) -> F,
) -> Held<Seen> {
    let mut held = Vec::new();
    for times in 0..TRIES_MAX {
        let other = Context {
            seed: context.seed.wrapping_add(times),
            ..context.short()
        };
        match PLANTED.scope(plant, fault(other)).await {
            Err(why) => {
                let why = why.lines().next().unwrap_or_default();
                return Ok(Seen::Held(format!("planted, found: {why}")));
            }
            Ok(Seen::Held(seen)) => held.push(seen),
            Ok(Seen::NotRun(why)) => return Ok(Seen::NotRun(why)),
        }
    }
    Err(format!("planted, and nobody noticed: {}", held.join("; ")))
}

/// Callers are answered too early.
pub async fn answer_before_commit(context: Context) -> Held<Seen> {
    found("answer-before-commit", context, disk::power_cut).await
}

/// A failed fsync is ignored.
pub async fn failed_sync_is_ignored(context: Context) -> Held<Seen> {
    found("failed-sync-is-ignored", context, disk::sync_fails).await
}

/// What was on its way is not told from what was not.
pub async fn sending_is_queued_again(context: Context) -> Held<Seen> {
    found("sending-is-queued-again", context, kill::at_send).await
}

/// A stop that waits for nobody.
pub async fn stop_does_not_wait(context: Context) -> Held<Seen> {
    found("stop-does-not-wait", context, process::sigterm).await
}

/// An old entry of Redis makes a step.
pub async fn cache_is_believed(context: Context) -> Held<Seen> {
    found("cache-is-believed", context, redis::stale).await
}
