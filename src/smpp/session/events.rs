//! What comes into a bind, and what is to be done about it.

use std::fmt;

use crate::smpp::command::{Command, Status};
use crate::smpp::frame::{Frame, FrameError, Raw};
#[cfg(doc)]
use crate::smpp::session::Session;
use crate::store::{MessageId, PartOutcome};

/// Whose answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Unlike any other of the link.
    pub number: u64,
    /// The message.
    pub message: MessageId,
    /// Which claim of it.
    pub claim: u32,
    /// Which part, from 0.
    pub part: u8,
    /// How many it has.
    pub parts: u8,
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A whole PDU.
    Frame(Frame),
    /// The beginning of a PDU that is not whole yet.
    Partial,
    /// The stream cannot be cut.
    Broken(FrameError),
    /// A submit_sm to send; its sequence number is given here.
    Submit(Ticket, Raw),
    /// What to answer to an [`Output::Deliver`].
    Answer(Delivered, Status),
    /// Whether there is no room for deliveries any more: those that had arrived before are
    /// answered 0x58 until there is.
    Full(bool),
    /// Time has passed, at least up to [`Session::due`].
    Tick,
    /// The bind is to end.
    Stop,
    /// The connection is gone.
    Lost,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these octets.
    Write(Raw),
    /// Write this submit.
    Submit(Ticket, Raw),
    /// The bind stands.
    Bound,
    /// Take in this deliver_sm or data_sm, then come back with [`Input::Answer`].
    Deliver(Delivered, Frame),
    /// What became of a submit. Every submit gets exactly one.
    Done(Ticket, PartOutcome),
    /// The operator took a message and said beside it that it is near its limit, in percent
    /// (congestion_state, SMPP 5.0, 4.8.4.18).
    Congested(Ticket, u8),
    /// The answer to a submit that was [`PartOutcome::Unknown`] has come after all.
    Late(Ticket, PartOutcome),
    /// Something to be counted.
    Odd(Odd),
    /// Write what is to be written, then close the connection.
    Close(Close),
}

/// The request that a [`Output::Deliver`] hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The command that answers it.
    pub answer: Command,
    /// Its sequence number.
    pub sequence: u32,
}

/// What a peer does that it should not; none of it ends the bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Octets behind what was understood.
    Stray(usize),
    /// A command that is not known.
    UnknownCommand,
    /// A body that cannot be read.
    BadBody,
    /// An answer that nobody waits for.
    Unasked,
    /// A delivery that came again while it was being taken in; one answer serves both.
    Repeated,
    /// A delivery for which there was no room.
    Shed,
    /// A request that does not belong to this state or direction.
    Misplaced,
    /// Recognised, and without meaning here, such as alert_notification.
    Ignored,
}

impl Odd {
    /// Its word in figures and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stray(_) => "stray_octets",
            Self::UnknownCommand => "unknown_command",
            Self::BadBody => "bad_body",
            Self::Unasked => "unasked_answer",
            Self::Repeated => "repeated_delivery",
            Self::Shed => "shed_delivery",
            Self::Misplaced => "misplaced_request",
            Self::Ignored => "ignored",
        }
    }
}

/// Why a bind ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The bind was refused.
    Refused(Status),
    /// No answer to the bind.
    BindTimeout,
    /// Whoever called did not say why.
    NoOutbind,
    /// No answer to enquire_link.
    Silent,
    /// It is there, but leaves submits unanswered.
    Mute,
    /// A PDU took too long to arrive.
    Slow,
    /// The stream could not be cut.
    Broken,
    /// The peer unbound.
    Unbound,
    /// The connection was lost.
    Lost,
    /// We unbound.
    Stopped,
}

impl fmt::Display for Close {
    /// For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => {
                write!(f, "the operator refused the bind with {status}")?;
                let meaning = match *status {
                    Status::ALREADY_BOUND => "it is bound already",
                    Status::BIND_FAILED => "bind failed",
                    Status::BAD_PASSWORD => "invalid password",
                    Status::BAD_SYSTEM_ID => "unknown system_id",
                    Status(_) => return Ok(()),
                };
                write!(f, " ({meaning})")
            }
            Self::BindTimeout => f.write_str("no answer to the bind"),
            Self::NoOutbind => f.write_str("a call without an outbind"),
            Self::Silent => f.write_str("no answer to enquire_link"),
            Self::Mute => f.write_str("submits stay unanswered"),
            Self::Slow => f.write_str("a PDU took too long to arrive"),
            Self::Broken => f.write_str("the stream could not be cut into PDUs"),
            Self::Unbound => f.write_str("the operator unbound"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::Stopped => f.write_str("unbound by us"),
        }
    }
}
