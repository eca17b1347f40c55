//! How messages go over one link: alphabets, long messages, receipts. Operators differ in all of
//! it, and none of it changes what a subscriber reads.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

use crate::smpp::config::Version;
use crate::smpp::part;
use crate::smpp::text::{self, DefaultAlphabet, Writing};
use crate::store::ReceiptIds;

/// How messages go over one link. The defaults suit most operators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    /// What data_coding 0 means: `gsm`, `latin1` or `ascii`.
    pub default_alphabet: DefaultAlphabet,
    /// The data_coding of texts that the GSM alphabet has. The octets are those of the alphabet
    /// that the value means: 0 is `default_alphabet`, 1 ASCII, 3 Latin-1, 0xf1 GSM with a class.
    #[serde(deserialize_with = "gsm_coding")]
    pub gsm_coding: u8,
    /// The data_coding of all other texts.
    #[serde(deserialize_with = "ucs2_coding")]
    pub ucs2_coding: u8,
    /// The service type, at most 5 octets, mostly empty.
    #[serde(deserialize_with = "service_type")]
    pub service_type: String,
    /// Which receipts are asked for.
    pub receipts: Receipts,
    /// In which forms an id may come back in a receipt.
    pub receipt_ids: ReceiptIds,
    /// How the life of a message is told.
    pub validity: Validity,
    /// How a message of several parts goes.
    pub long: Long,
}

/// Which receipts are asked for (SMPP 3.4, 5.2.17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipts {
    /// For the final state, whatever it is.
    #[default]
    Final,
    /// For a failure only.
    Failed,
    /// None: a message is never known to have arrived.
    None,
}

impl Receipts {
    /// registered_delivery.
    pub fn octet(self) -> u8 {
        match self {
            Self::Final => 1,
            Self::Failed => 2,
            Self::None => 0,
        }
    }
}

/// How the life of a message is told (SMPP 3.4, 7.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// As a span, from the operator's own clock.
    #[default]
    Relative,
    /// As a time, in UTC.
    Absolute,
    /// Not at all: the operator has its own.
    None,
}

/// How a message of several parts goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Long {
    /// In parts, with a header of six octets: an 8-bit reference.
    #[default]
    Udh8,
    /// In parts, with a header of seven octets: a 16-bit reference.
    Udh16,
    /// In parts, told by sar parameters.
    Sar,
    /// In one piece, as message_payload: the operator cuts it.
    Payload,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            default_alphabet: DefaultAlphabet::default(),
            gsm_coding: text::CODING_DEFAULT,
            ucs2_coding: text::CODING_UCS2,
            service_type: String::new(),
            receipts: Receipts::default(),
            receipt_ids: ReceiptIds::default(),
            validity: Validity::default(),
            long: Long::default(),
        }
    }
}

impl Messages {
    /// How a message of several parts goes: an operator that speaks 3.3 knows no parameters, and
    /// gets a header.
    pub fn long(&self, version: Version) -> Long {
        match (version, self.long) {
            (Version::V33, Long::Sar | Long::Payload) => Long::Udh8,
            (Version::V33 | Version::V34 | Version::V50, long) => long,
        }
    }

    /// How texts are written.
    pub fn writing(&self, version: Version) -> Writing {
        Writing {
            zero: self.default_alphabet,
            gsm: self.gsm_coding,
            ucs2: self.ucs2_coding,
            header: match self.long(version) {
                // Operators make an 8-bit header of the parameters.
                Long::Udh8 | Long::Sar => Some(part::HEADER_LEN),
                Long::Udh16 => Some(part::HEADER16_LEN),
                Long::Payload => None,
            },
        }
    }
}

fn gsm_coding<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let coding = u8::deserialize(from)?;
    if text::is_ucs2(coding) {
        let found = Unexpected::Unsigned(coding.into());
        return Err(D::Error::invalid_value(
            found,
            &"a data_coding of GSM, ASCII or Latin-1, such as 0",
        ));
    }
    Ok(coding)
}

fn ucs2_coding<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let coding = u8::deserialize(from)?;
    if !text::is_ucs2(coding) {
        let found = Unexpected::Unsigned(coding.into());
        return Err(D::Error::invalid_value(
            found,
            &"a data_coding of UCS-2, such as 8 or 0x18",
        ));
    }
    Ok(coding)
}

fn service_type<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if name.len() > 5 || name.contains('\0') {
        let found = Unexpected::Str(&name);
        return Err(D::Error::invalid_value(
            found,
            &"a service type of at most 5 octets",
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(toml::from_str::<Messages>("").unwrap(), Messages::default());
    }

    #[test]
    fn everything_can_be_said() {
        let read: Messages = toml::from_str(
            "default_alphabet = 'latin1'\ngsm_coding = 3\nucs2_coding = 24\n\
             service_type = 'CMT'\nreceipts = 'none'\nreceipt_ids = 'hex_answer'\n\
             validity = 'absolute'\nlong = 'payload'\n",
        )
        .unwrap();
        let expected = Messages {
            default_alphabet: DefaultAlphabet::Latin1,
            gsm_coding: 3,
            ucs2_coding: 24,
            service_type: "CMT".to_owned(),
            receipts: Receipts::None,
            receipt_ids: ReceiptIds::HexAnswer,
            validity: Validity::Absolute,
            long: Long::Payload,
        };
        assert_eq!(read, expected);
        for (written, read) in [
            ("receipt_ids = 'any'", ReceiptIds::Any),
            ("receipt_ids = 'same'", ReceiptIds::Same),
            ("receipt_ids = 'decimal_answer'", ReceiptIds::DecimalAnswer),
        ] {
            let messages: Messages = toml::from_str(written).unwrap();
            assert_eq!(messages.receipt_ids, read);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (written, expected) in [
            ("gsm_coding = 8", "GSM, ASCII or Latin-1"),
            ("gsm_coding = 256", "u8"),
            ("ucs2_coding = 0", "UCS-2"),
            ("service_type = 'longer'", "at most 5 octets"),
            ("long = 'udh'", "udh8"),
            ("coding = 1", "unknown field"),
        ] {
            let error = toml::from_str::<Messages>(written).unwrap_err().to_string();
            assert!(error.contains(expected), "{written}: {error}");
        }
    }

    #[test]
    fn an_operator_of_3_3_gets_headers() {
        for (version, long, expected) in [
            (Version::V33, Long::Sar, Long::Udh8),
            (Version::V33, Long::Payload, Long::Udh8),
            (Version::V33, Long::Udh16, Long::Udh16),
            (Version::V34, Long::Sar, Long::Sar),
            (Version::V50, Long::Payload, Long::Payload),
        ] {
            let messages = Messages {
                long,
                ..Messages::default()
            };
            assert_eq!(messages.long(version), expected, "{version:?} {long:?}");
        }
    }
}
