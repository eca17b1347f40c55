//! `jisr outbox resend` and `jisr outbox cancel`.

use clap::Args;

use super::words::{at, until};
use super::{json, now, show, unusable, visit};
use crate::clock::Moment;
use crate::config::Config;
use crate::console::Failure;
use crate::console::out::say;
use crate::store::by_hand::{Cancelled, Hand, SentAgain};
use crate::store::{MessageId, MessageState};
use crate::system;

/// Letters of a reason.
const WHY_MAX: usize = 200;

/// The options of both.
#[derive(Args)]
pub(super) struct ActArguments {
    /// The message's id, as `jisr outbox list` and the log have it.
    id: i64,
    /// Why, for whoever looks at the message later; it is kept sealed.
    #[arg(long, value_name = "TEXT", value_parser = why)]
    reason: Option<String>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// A reason that fits on a line.
pub(super) fn why(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > WHY_MAX || text.chars().any(char::is_control) {
        return Err(format!("write one line of at most {WHY_MAX} letters"));
    }
    Ok(text.to_owned())
}

impl ActArguments {
    /// Says what was done.
    fn done(&self, act: &str, was: MessageState, told: &str) -> Result<(), Failure> {
        if self.json {
            return json(&serde_json::json!({
                "id": self.id.to_string(), "act": act, "was": was.name(),
            }));
        }
        say!("{told}")
    }

    fn stays(&self, told: &str, help: &str) -> Failure {
        Failure::Failed(format!("message {}: {told}\n  help: {help}", self.id))
    }

    fn is_final(&self, state: MessageState) -> Failure {
        self.stays(
            &format!("it is {} for good, and its text is erased", state.name()),
            "what the worker still needs, the worker asks for again",
        )
    }

    fn is_on_the_wire(&self) -> Failure {
        self.stays(
            "it is on the wire",
            "wait for its outcome, at most 5 minutes: jisr outbox show ID",
        )
    }
}

/// Lets a message go once more.
///
/// # Errors
/// [`Failure`] where it stays as it is, with why.
pub(super) async fn resend(config: &Config, options: &ActArguments) -> Result<(), Failure> {
    let id = MessageId(options.id);
    let mut visitor = visit(config).await?;
    let hand = hand(options.reason.clone(), now(&mut visitor).await?);
    match visitor.send_again(id, &hand).await.map_err(unusable)? {
        SentAgain::Queued(was) => {
            let told = match was {
                MessageState::Queued => "it waited anyway, and goes next",
                MessageState::Unknown => {
                    "it goes once more, though it may have gone: one more attempt of unknown need"
                }
                MessageState::Sent
                | MessageState::Sending
                | MessageState::Delivered
                | MessageState::Failed
                | MessageState::Expired
                | MessageState::Cancelled => "it goes once more, the same bytes",
            };
            options.done("sent again", was, told)
        }
        SentAgain::Absent => Err(show::absent(id)),
        SentAgain::OnTheWire => Err(options.is_on_the_wire()),
        SentAgain::TooSoon(free_at) => Err(options.stays(
            "the operator took it less than 60 s ago; it may be arriving",
            &format!("try again {}", until(free_at, hand.at)),
        )),
        SentAgain::Final(state) => Err(options.is_final(state)),
        SentAgain::PastValidity(over) => Err(options.stays(
            &format!("its validity was over at {}", at(over)),
            "what is past its validity never goes; the worker asks for it again",
        )),
        SentAgain::Stopped => Err(options.stays(
            "it is a notice, and its reader has said STOP",
            "notices go only to those who want them",
        )),
    }
}

/// Sees to it that a message does not go.
///
/// # Errors
/// [`Failure`] where it stays as it is, with why.
pub(super) async fn cancel(config: &Config, options: &ActArguments) -> Result<(), Failure> {
    let id = MessageId(options.id);
    let mut visitor = visit(config).await?;
    let hand = hand(options.reason.clone(), now(&mut visitor).await?);
    match visitor.cancel(id, &hand).await.map_err(unusable)? {
        Cancelled::Done(was) => options.done(
            "cancelled",
            was,
            if was == MessageState::Unknown {
                "it makes no further attempt; whether it arrived before is not known"
            } else {
                "it does not go; its text is erased"
            },
        ),
        Cancelled::Absent => Err(show::absent(id)),
        Cancelled::OnTheWire => Err(options.is_on_the_wire()),
        Cancelled::Sent => Err(options.stays(
            "the operator has it",
            "only the operator can hold it up now",
        )),
        Cancelled::Final(state) => Err(options.is_final(state)),
    }
}

/// Who does it, why and when.
pub(super) fn hand(why: Option<String>, at: Moment) -> Hand {
    Hand {
        who: system::user(),
        why,
        at,
    }
}
