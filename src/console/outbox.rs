//! `jisr outbox`: what waits, what failed, and what an administrator does about it.
//!
//! It goes to the ledger itself and not to the administration listener: it has to answer when no
//! gateway runs or none can start, it speaks for all nodes of a ledger, and who may change messages is
//! who may read the keys and write the ledger, while that listener asks nobody who they are.

mod act;
mod hold;
mod list;
mod show;
mod summary;
mod words;

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::console::{Failure, out, parts};
use crate::store::StoreError;
use crate::store::sql::Visitor;
use crate::system::{SystemChance, SystemClock};

/// The options of `jisr outbox`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OutboxArguments {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<OutboxCommand>,
}

#[derive(Subcommand)]
enum OutboxCommand {
    /// List messages, the newest first.
    List(list::ListArguments),
    /// Show all that is known of one message but its text.
    Show(show::ShowArguments),
    /// Let a message go once more: the same bytes to the same number, within its validity.
    ///
    /// One that waits goes at once instead of later. One whose outcome is unknown, or that the operator
    /// took more than 60 s ago, goes once more, which the message keeps. What is on the wire or final
    /// stays as it is.
    Resend(act::ActArguments),
    /// See to it that a message does not go.
    ///
    /// What waits is cancelled; of an unknown outcome no further attempt is made. What is on the wire,
    /// with the operator or final stays as it is. A password that is cancelled is revoked.
    Cancel(act::ActArguments),
    /// Hold the outbox: nothing is sent on any link until it is released.
    ///
    /// Callbacks and turns go on, and their messages wait. After a ledger was put back from a backup,
    /// say --restored, before jisr serve is started: most of such ledgers are recognised, a copy of a
    /// whole machine is not.
    Hold(hold::HoldArguments),
    /// Release the outbox.
    ///
    /// Where the ledger was put back, messages from before may have gone since its backup: each becomes
    /// an unknown outcome, which goes again after 60 s, at most twice, the same bytes, within its
    /// validity. With --cancel-older they do not go.
    Release(hold::ReleaseArguments),
}

/// Runs it.
///
/// # Errors
/// [`Failure`] where the ledger cannot be used, or the message stays as it is.
pub fn run(config: Option<&Path>, arguments: &OutboxArguments) -> Result<(), Failure> {
    let config = parts::config(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::of)?;
    runtime.block_on(async {
        match &arguments.command {
            None => summary::run(&config, arguments.json).await,
            Some(OutboxCommand::List(options)) => list::run(&config, options).await,
            Some(OutboxCommand::Show(options)) => show::run(&config, options).await,
            Some(OutboxCommand::Resend(options)) => act::resend(&config, options).await,
            Some(OutboxCommand::Cancel(options)) => act::cancel(&config, options).await,
            Some(OutboxCommand::Hold(options)) => hold::hold(&config, options).await,
            Some(OutboxCommand::Release(options)) => hold::release(&config, options).await,
        }
    })
}

/// The ledger, beside whoever serves it.
async fn visit(config: &Config) -> Result<Visitor, Failure> {
    let keys = parts::keys_that_are_there(config)?;
    Visitor::open(&config.store.url, keys, Arc::new(SystemChance))
        .await
        .map_err(unusable)
}

/// What time it is for the ledger: its server's, or this machine's where it is a file.
async fn now(visitor: &mut Visitor) -> Result<Moment, Failure> {
    let told = visitor.time().await.map_err(unusable)?;
    Ok(told.unwrap_or_else(|| SystemClock.now()))
}

/// Why the ledger cannot be used, with what to do.
fn unusable(error: StoreError) -> Failure {
    match &error {
        StoreError::Unavailable(text) if text.contains("database is locked") => {
            Failure::Failed(format!(
                "{error}\n  help: others write without a pause; nothing has changed, try again"
            ))
        }
        StoreError::Unavailable(_) | StoreError::Sealed { .. } | StoreError::Buried => {
            Failure::of(error)
        }
    }
}

/// Prints a value as JSON.
fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::of)?;
    out::text(&format!("{text}\n"))
}
