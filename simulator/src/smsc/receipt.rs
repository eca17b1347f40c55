//! Receipts as operators write them: the text of SMPP 3.4, appendix B, which everybody varies, or
//! parameters, or both.

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::{MessageDeliveryRequestTlvValue, TlvTag};
use rusmpp::types::{AnyOctetString, COctetString};
use rusmpp::values::MessageState;

use super::message::{self, Unsendable};

/// `esm_class` of a receipt.
const RECEIPT: u8 = 0x04;

/// How a message id is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// Decimal, ten digits at least, with zeros in front.
    #[default]
    Padded,
    /// Decimal without zeros in front.
    Decimal,
    /// Hexadecimal in lower case.
    Hex,
    /// Hexadecimal in upper case.
    HexUpper,
    /// Hexadecimal in lower case, 16 digits with zeros in front.
    HexPadded,
}

impl IdStyle {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Padded,
        Self::Decimal,
        Self::Hex,
        Self::HexUpper,
        Self::HexPadded,
    ];

    /// A message's number in this style.
    pub fn write(self, number: u64) -> String {
        match self {
            Self::Padded => format!("{number:010}"),
            Self::Decimal => number.to_string(),
            Self::Hex => format!("{number:x}"),
            Self::HexUpper => format!("{number:X}"),
            Self::HexPadded => format!("{number:016x}"),
        }
    }
}

/// How a receipt is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptForm {
    /// All fields of appendix B.
    #[default]
    Text,
    /// `id` and `stat` alone.
    ShortText,
    /// Names in upper case, `stat` in front, spaces behind the colons.
    ShoutedText,
    /// `receipted_message_id` and `message_state` with an empty short_message.
    Tlvs,
    /// The same, but the id without the NUL that ends it, as some write it.
    TlvsWithoutNul,
    /// Text and parameters.
    Both,
}

impl ReceiptForm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Text,
        Self::ShortText,
        Self::ShoutedText,
        Self::Tlvs,
        Self::TlvsWithoutNul,
        Self::Both,
    ];

    /// The same without parameters, for peers of SMPP 3.3, which has none.
    pub fn without_tlvs(self) -> Self {
        match self {
            Self::Text | Self::ShortText | Self::ShoutedText => self,
            Self::Tlvs | Self::TlvsWithoutNul | Self::Both => Self::Text,
        }
    }
}

/// What a receipt tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The message id as it is to stand there.
    pub id: String,
    /// Who the message was to.
    pub from: String,
    /// Who had sent it.
    pub to: String,
    /// What became of it.
    pub state: MessageState,
}

/// `stat` and `err` of a state.
fn words(state: MessageState) -> (&'static str, &'static str) {
    match state {
        MessageState::Delivered => ("DELIVRD", "000"),
        MessageState::Expired => ("EXPIRED", "002"),
        MessageState::Deleted => ("DELETED", "003"),
        MessageState::Undeliverable => ("UNDELIV", "001"),
        MessageState::Accepted => ("ACCEPTD", "000"),
        MessageState::Rejected => ("REJECTD", "004"),
        MessageState::Scheduled | MessageState::Enroute => ("ENROUTE", "000"),
        MessageState::Unknown | MessageState::Skipped | MessageState::Other(_) => {
            ("UNKNOWN", "255")
        }
    }
}

/// A receipt.
///
/// # Errors
/// [`Unsendable`].
pub fn receipt(told: &Told, form: ReceiptForm) -> Result<DeliverSm, Unsendable> {
    let Told {
        id,
        from,
        to,
        state,
    } = told;
    let now = jiff::Zoned::now().strftime("%y%m%d%H%M").to_string();
    let (stat, err) = words(*state);
    let count = u8::from(*state == MessageState::Delivered);
    let full = || {
        format!(
            "id:{id} sub:001 dlvrd:{count:03} submit date:{now} done date:{now} stat:{stat} \
             err:{err} text:"
        )
    };
    let text = match form {
        ReceiptForm::Text | ReceiptForm::Both => full(),
        ReceiptForm::ShortText => format!("id:{id} stat:{stat}"),
        ReceiptForm::ShoutedText => format!("STAT: {stat} ERR: {err} ID: {id}"),
        ReceiptForm::Tlvs | ReceiptForm::TlvsWithoutNul => String::new(),
    };
    let mut pdu = message::deliver_sm(from, to, RECEIPT, 0, text.as_bytes())?;
    let mut with_state = |id| {
        pdu.push_tlv(id);
        pdu.push_tlv(MessageDeliveryRequestTlvValue::MessageState(*state));
    };
    match form {
        ReceiptForm::Text | ReceiptForm::ShortText | ReceiptForm::ShoutedText => {}
        ReceiptForm::Tlvs | ReceiptForm::Both => {
            let id: COctetString<1, 65> = id.parse().map_err(|_| Unsendable)?;
            with_state(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
        }
        ReceiptForm::TlvsWithoutNul => with_state(MessageDeliveryRequestTlvValue::Other {
            tag: TlvTag::ReceiptedMessageId,
            value: AnyOctetString::from_slice(id.as_bytes()),
        }),
    }
    Ok(pdu)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smsc::frame::encode;
    use rusmpp::CommandStatus;

    fn told(form: ReceiptForm) -> (String, Vec<u8>) {
        let told = Told {
            id: IdStyle::HexUpper.write(3_000_000_011),
            from: "+212661000001".into(),
            to: "5800".into(),
            state: MessageState::Undeliverable,
        };
        let pdu = receipt(&told, form).unwrap();
        let text = String::from_utf8(pdu.short_message().as_ref().to_vec()).unwrap();
        (text, encode(CommandStatus::EsmeRok, 1, pdu).to_vec())
    }

    #[test]
    fn ids() {
        let written = IdStyle::ALL.map(|style| style.write(3_000_000_011));
        assert_eq!(
            written,
            [
                "3000000011",
                "3000000011",
                "b2d05e0b",
                "B2D05E0B",
                "00000000b2d05e0b"
            ]
        );
    }

    #[test]
    fn texts() {
        let (text, _) = told(ReceiptForm::Text);
        assert!(text.starts_with("id:B2D05E0B sub:001 dlvrd:000 submit date:"));
        assert!(text.ends_with(" stat:UNDELIV err:001 text:"));
        assert_eq!(told(ReceiptForm::ShortText).0, "id:B2D05E0B stat:UNDELIV");
        assert_eq!(
            told(ReceiptForm::ShoutedText).0,
            "STAT: UNDELIV ERR: 001 ID: B2D05E0B"
        );
    }

    #[test]
    fn parameters() {
        let state = [0x04, 0x27, 0, 1, 5];
        let with_nul = [b"\x00\x1e\x00\x09B2D05E0B\0".as_slice(), &state].concat();
        let without = [b"\x00\x1e\x00\x08B2D05E0B".as_slice(), &state].concat();
        for (form, expected) in [
            (ReceiptForm::Tlvs, &with_nul),
            (ReceiptForm::Both, &with_nul),
            (ReceiptForm::TlvsWithoutNul, &without),
        ] {
            assert!(told(form).1.ends_with(expected), "{form:?}");
        }
        assert_eq!(told(ReceiptForm::Tlvs).0, "");
        for form in ReceiptForm::ALL.map(ReceiptForm::without_tlvs) {
            assert!(!told(form).1.ends_with(&state));
        }
    }
}
