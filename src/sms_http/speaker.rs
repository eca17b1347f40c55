//! What the carrier needs of an operator's API: requests and answers without sockets.

pub use crate::operator::api::{Answer, Outgoing, Word};
use crate::store::{Message, PartOutcome};

/// Speaks as one operator's API wants it. All that it makes follows from the message alone, so that
/// another attempt sends the same bytes.
pub trait Speaker: Send + Sync + 'static {
    /// The requests for the parts that are to be sent now.
    ///
    /// # Errors
    /// What becomes of all these parts where the message does not fit.
    fn requests(&self, message: &Message) -> Result<Vec<Outgoing>, PartOutcome>;

    /// How many parts the message has on this link; 1 where it does not fit at all.
    fn parts(&self, message: &Message) -> u8;

    /// Reads a whole answer to the request of a part.
    fn read(&self, message: &Message, part: u8, answer: &Answer) -> Word;
}
