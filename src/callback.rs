//! What a link hands over, normalised: behind this page nobody knows which operator it was.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// A subscriber's number in E.164, for example `+212661000001`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Msisdn(String);

impl Msisdn {
    /// Reads `+212…`, `212…`, `00212…` or the national `06…`/`07…` of Morocco; spaces, dots and
    /// dashes are passed over.
    ///
    /// # Errors
    /// [`MsisdnError`] when it is not 8 to 15 digits after that.
    pub fn parse(text: &str) -> Result<Self, MsisdnError> {
        // Within a number it divides, before one it makes another of it.
        if text.trim_start().starts_with('-') {
            return Err(MsisdnError);
        }
        let kept: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')'))
            .collect();
        let digits = if let Some(rest) = kept.strip_prefix('+') {
            rest.to_owned()
        } else if let Some(rest) = kept.strip_prefix("00") {
            rest.to_owned()
        } else if kept.len() == 10 && kept.starts_with('0') {
            format!("212{}", &kept[1..])
        } else {
            kept
        };
        let plausible = (8..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if plausible {
            Ok(Self(format!("+{digits}")))
        } else {
            Err(MsisdnError)
        }
    }

    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// As people in Morocco write it: `0661000001`; other countries keep `+`.
    pub fn national(&self) -> String {
        match self.0.strip_prefix("+212") {
            Some(rest) => format!("0{rest}"),
            None => self.0.clone(),
        }
    }

    /// The number with all but its last two digits hidden: `06XXXXXX01`. It may be shown to
    /// somebody who has proved that the number is theirs.
    pub fn masked(&self) -> String {
        let national = self.national();
        let tail = national.len().saturating_sub(2);
        national
            .char_indices()
            .map(|(at, c)| if at < 2 || at >= tail { c } else { 'X' })
            .collect()
    }

    /// Whether it is a Moroccan mobile number, the only kind that SMS go to
    /// (libphonenumber's pattern, July 2026).
    pub fn is_moroccan_mobile(&self) -> bool {
        let Some(rest) = self.0.strip_prefix("+212") else {
            return false;
        };
        let digit = |at: usize| {
            rest.as_bytes()
                .get(at)
                .map_or(255, |b| b.wrapping_sub(b'0'))
        };
        rest.len() == 9
            && match (digit(0), digit(1)) {
                (6, 8) => matches!(digit(2), 0 | 2 | 4 | 7 | 8),
                (6, 6) => matches!(digit(2), 0..=9),
                (6, 0..=5 | 7 | 9) => true,
                (7, 0 | 1 | 6 | 7 | 8) => true,
                (7, 2) => digit(2) <= 8,
                (7, 5) => digit(2) <= 5,
                _ => false,
            }
    }
}

impl fmt::Debug for Msisdn {
    /// Never the number: this type reaches logs through `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Msisdn(…)")
    }
}

impl TryFrom<String> for Msisdn {
    type Error = MsisdnError;
    fn try_from(text: String) -> Result<Self, MsisdnError> {
        Self::parse(&text)
    }
}

impl From<Msisdn> for String {
    fn from(number: Msisdn) -> Self {
        number.0
    }
}

/// The text is not a phone number. It carries nothing of what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number: expected + and 8 to 15 digits")]
pub struct MsisdnError;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name;

name! {
    /// The configured name of a link.
    LinkName
}
name! {
    /// The configured name of a service.
    ServiceName
}

/// How a subscriber reached us, or a screen reaches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A USSD session.
    Ussd,
    /// Text messages.
    Sms,
}

impl Channel {
    /// The name in logs and dialog files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ussd => "ussd",
            Self::Sms => "sms",
        }
    }
}

/// What the subscriber gave, as the operator tells it.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// Everything typed since the dial, joined by `*`; empty on a plain dial.
    Path(String),
    /// A dial that the operator names as one: a session begins, whatever its id was before. What
    /// was dialled behind the code, joined by `*`; empty on a plain dial.
    Dial(String),
    /// The last thing typed, or the whole text of a message.
    Text(String),
    /// The operator does not say whether it is a dial: one where the session is not known or is
    /// over, otherwise something typed.
    Unsaid {
        /// What was dialled behind the code, if it is a dial; as in [`Input::Dial`].
        dialled: String,
        /// What was typed, if it is not.
        typed: String,
    },
    /// The subscriber or the network closed the session.
    Closed,
}

impl fmt::Debug for Input {
    /// Never what was typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path(_) => "Path(…)",
            Self::Dial(_) => "Dial(…)",
            Self::Text(_) => "Text(…)",
            Self::Unsaid { .. } => "Unsaid(…)",
            Self::Closed => "Closed",
        })
    }
}

/// How a link lets a repeated callback be recognised (once-only rule 4 of `ARCHITECTURE.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The operator gives each callback or message an id of its own.
    Key(String),
    /// The same octets tell, once the bind on which they came has closed (SMPP without ids).
    Octets {
        /// The keyed hash of source, destination and octets.
        fingerprint: [u8; 32],
        /// The bind on which it came.
        bind: u64,
    },
    /// The number of the exchange within its session tells, together with what was typed.
    Number(u8),
    /// The cumulative path tells.
    Path,
    /// Nothing tells; only an unanswered input is recognised.
    None,
}

/// One callback of an operator, parsed.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The link on which it came.
    pub link: LinkName,
    /// The service that was dialled or texted.
    pub service: ServiceName,
    /// Who it is from, as the network says.
    pub subscriber: Msisdn,
    /// USSD or SMS.
    pub channel: Channel,
    /// The operator's session id; none for SMS.
    pub session: Option<String>,
    /// How a repeat of it is told.
    pub repeat: Repeat,
    /// What was typed.
    pub input: Input,
    /// When its bytes had arrived.
    pub at: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form() {
        for text in [
            "+212661000001",
            "212661000001",
            "00212661000001",
            "0661000001",
            "06 61 00-00.01",
        ] {
            assert_eq!(
                Msisdn::parse(text).map(String::from),
                Ok("+212661000001".to_owned()),
                "{text}"
            );
        }
        for text in [
            "",
            "MTN",
            "+",
            "0",
            "12345",
            "+2126610000011111",
            "+21266100000a",
            "٠٦٦١٠٠٠٠٠١",
        ] {
            assert_eq!(Msisdn::parse(text), Err(MsisdnError), "{text}");
        }
    }

    #[test]
    fn only_moroccan_mobiles_get_sms() {
        for (text, mobile) in [
            ("+212661000001", true),
            ("+212700000001", true),
            ("+212522000000", false),
            ("+212801000000", false),
            ("+33612345678", false),
            ("+212681000000", false),
        ] {
            assert_eq!(
                Msisdn::parse(text).map(|n| n.is_moroccan_mobile()),
                Ok(mobile),
                "{text}"
            );
        }
    }

    #[test]
    fn a_masked_number_keeps_four_digits() {
        assert_eq!(
            Msisdn::parse("+212661000001").map(|n| n.masked()),
            Ok("06XXXXXX01".to_owned())
        );
    }

    #[test]
    fn nothing_typed_is_in_a_debug_text() {
        let text = format!(
            "{:?} {:?}",
            Input::Text("BE740215".into()),
            Msisdn::parse("0661000001")
        );
        assert!(!text.contains("BE74") && !text.contains("661"), "{text}");
    }
}
