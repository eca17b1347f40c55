//! Delivery receipts: an operator's word on what became of a part.

use crate::callback::LinkName;
use crate::clock::Moment;

/// A delivery receipt, as a link hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The link.
    pub link: LinkName,
    /// The id as it stands in the receipt.
    pub message_id: String,
    /// In which forms it may be that of an answer.
    pub ids: ReceiptIds,
    /// What became of the part.
    pub state: ReceiptState,
    /// When it came.
    pub at: Moment,
}

/// In which forms an operator may write one message id in its answer and in its receipt. Letter
/// case and leading zeros never matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptIds {
    /// The same, or hexadecimal here and decimal there, as a last resort: where no part is known
    /// under the same, and every message that was on the wire when the receipt came has its answer.
    /// Where an operator counts its ids up from small numbers, one whose answer was lost may still
    /// be taken for another; such a link says what it does.
    #[default]
    Any,
    /// The same in both.
    Same,
    /// Hexadecimal in the answer, decimal in the receipt.
    HexAnswer,
    /// Decimal in the answer, hexadecimal in the receipt.
    DecimalAnswer,
}

/// The states that a receipt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// On its way.
    Underway,
    /// On the phone.
    Delivered,
    /// Given up by the operator because its time was over.
    Expired,
    /// Given up for another reason.
    Failed,
}
