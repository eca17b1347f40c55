//! Bad behaviours: what operators' message centres do that they should not, each with a name.

use std::fmt;
use std::str::FromStr;

macro_rules! behaviours {
    ($($(#[doc = $says:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a message centre does that it should not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Behaviour {
            $($(#[doc = $says])+ $variant,)+
        }

        impl Behaviour {
            /// All of them, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in words, as on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the message centre does, in one line.
            pub fn says(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($says),+).trim_ascii(),)+
                }
            }
        }
    };
}

behaviours! {
    /// Answers a bind with 0x0d (bind failed).
    BindRefused = "bind-refused",
    /// Cuts all binds, and refuses the password that was good until now with 0x0e.
    CredentialsChanged = "credentials-changed",
    /// Answers a bind only after the delay.
    BindLate = "bind-late",
    /// Sends deliver_sm before it answers the bind.
    DeliverBeforeBind = "deliver-before-bind",
    /// Answers the bind, then closes the connection.
    ClosesAfterBind = "closes-after-bind",
    /// Takes a submit_sm, delivers it, and never answers.
    NoResponse = "no-response",
    /// Takes a submit_sm, delivers it, and answers only after the delay.
    LateResponse = "late-response",
    /// Answers a submit_sm with a sequence number that nobody used.
    WrongSequence = "wrong-sequence",
    /// Sends the answer to a submit_sm on another bind: on the next one where there is but one.
    AnswerElsewhere = "answer-elsewhere",
    /// Sends every submit_sm_resp twice.
    ResponseDoubled = "response-doubled",
    /// Refuses submit_sm with 0x58 (throttled).
    ThrottlingStorm = "throttling-storm",
    /// Refuses submit_sm with 0x14 (message queue full).
    QueueFull = "queue-full",
    /// Refuses submit_sm with generic_nack and 0x08 in place of submit_sm_resp.
    NackForResponse = "nack-for-response",
    /// Refuses submit_sm with 0x08 in a submit_sm_resp of the header alone.
    BodilessError = "bodiless-error",
    /// Answers with a message id that no NUL ends.
    IdWithoutNul = "id-without-nul",
    /// Answers with status 0 and an empty message id.
    EmptyId = "empty-id",
    /// Reads submit_sm and drops it; answers enquire_link only.
    Deaf = "deaf",
    /// Sends unbind in place of the answer to a submit_sm, which it drops.
    UnbindOnSubmit = "unbind-on-submit",
    /// Never answers unbind.
    UnbindUnanswered = "unbind-unanswered",
    /// Resets the connection in the middle of a deliver_sm.
    ResetInPdu = "reset-in-pdu",
    /// Writes a deliver_sm one octet at a time, with the drip's pause after each.
    ByteASecond = "byte-a-second",
    /// From the next submit_sm on neither reads nor writes, and keeps the connection open.
    HalfOpen = "half-open",
    /// From the next submit_sm on reads nothing, so that the window and the socket fill.
    StopsReading = "stops-reading",
    /// Sends a deliver_sm with a command_length of 8.
    LengthTooShort = "length-too-short",
    /// Sends a deliver_sm with a command_length of two thousand million.
    LengthTooLong = "length-too-long",
    /// Sends a deliver_sm whose command_length is 64 octets more than the PDU has.
    LengthBeyondPdu = "length-beyond-pdu",
    /// Sends enquire_link with a body before each deliver_sm.
    EnquireLinkWithBody = "enquire-link-with-body",
    /// Appends stray octets behind the last field of deliver_sm and submit_sm_resp.
    TrailingBytes = "trailing-bytes",
    /// Appends parameters that nobody knows to deliver_sm and submit_sm_resp.
    UnknownTlvs = "unknown-tlvs",
    /// Sends a PDU with a command_id that nobody knows before each deliver_sm.
    UnknownCommand = "unknown-command",
    /// Sends a deliver_sm that ends within a field before each good one.
    BodyCutShort = "body-cut-short",
    /// Numbers its requests 0 and above 0x7FFFFFFF.
    OddSequenceNumbers = "odd-sequence-numbers",
    /// Sends receipts from an address with Latin-1 letters, and before each text one from such.
    Latin1Addresses = "latin1-addresses",
    /// Sends the receipt before the response.
    ReceiptsEarly = "receipts-early",
    /// Sends each receipt twice.
    ReceiptsDoubled = "receipts-doubled",
    /// Sends a receipt that says delivered, then one that says undeliverable.
    ReceiptsContradictory = "receipts-contradictory",
    /// Writes the message id in receipts as another kind of number than in the response.
    ReceiptsOtherFormat = "receipts-other-format",
    /// Loses one part of a long text from a phone.
    PartsLost = "parts-lost",
    /// Sends the parts of a long text from a phone the last one first, and each one twice.
    PartsShuffled = "parts-shuffled",
    /// Closes when a text from a phone is acknowledged, and sends it again on the next bind.
    DeliveryRepeated = "delivery-repeated",
    /// Sends a burst of receipts for messages that nobody knows, without any window.
    Flood = "flood",
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No behaviour, or no dose, of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBehaviour {
    /// The name is none of those in [`Behaviour::ALL`].
    #[error("there is no behaviour {0:?}; --list shows them")]
    Name(String),
    /// What follows `=` is neither a count nor a share.
    #[error("{0:?} is no dose: a count such as 3, or a share such as 30%")]
    Dose(String),
}

impl FromStr for Behaviour {
    type Err = BadBehaviour;

    fn from_str(name: &str) -> Result<Self, BadBehaviour> {
        Self::ALL
            .iter()
            .find(|behaviour| behaviour.name() == name)
            .copied()
            .ok_or_else(|| BadBehaviour::Name(name.to_owned()))
    }
}

/// How often a behaviour strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dose {
    /// At every occasion.
    #[default]
    Always,
    /// At the next so many occasions.
    Times(u32),
    /// At so many of a hundred occasions, by the seed.
    Percent(u8),
}

/// A behaviour with its dose, as on the command line: `no-response`, `no-response=3`,
/// `no-response=30%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dosed {
    /// What.
    pub behaviour: Behaviour,
    /// How often.
    pub dose: Dose,
}

impl FromStr for Dosed {
    type Err = BadBehaviour;

    fn from_str(text: &str) -> Result<Self, BadBehaviour> {
        let (name, dose) = text
            .split_once('=')
            .map_or((text, None), |(name, dose)| (name, Some(dose)));
        let behaviour = name.parse()?;
        let bad = || BadBehaviour::Dose(text.to_owned());
        let dose = match dose {
            None => Dose::Always,
            Some(share) if share.ends_with('%') => {
                let share = share.trim_end_matches('%').parse().map_err(|_| bad())?;
                if share > 100 {
                    return Err(bad());
                }
                Dose::Percent(share)
            }
            Some(count) => Dose::Times(count.parse().map_err(|_| bad())?),
        };
        Ok(Self { behaviour, dose })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_name_in_words_of_its_own() {
        let names: BTreeSet<_> = Behaviour::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Behaviour::ALL.len());
        assert!(names.len() >= 25);
        for behaviour in Behaviour::ALL {
            let name = behaviour.name();
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert!(behaviour.says().ends_with('.') && !behaviour.says().starts_with(' '));
            assert_eq!(name.parse(), Ok(*behaviour));
        }
    }

    #[test]
    fn doses() {
        let of = |text: &str| text.parse::<Dosed>().map(|dosed| dosed.dose);
        let bad = |text: &str| Err(BadBehaviour::Dose(text.to_owned()));
        assert_eq!(of("deaf"), Ok(Dose::Always));
        assert_eq!(of("deaf=3"), Ok(Dose::Times(3)));
        assert_eq!(of("deaf=30%"), Ok(Dose::Percent(30)));
        assert_eq!(of("deaf=101%"), bad("deaf=101%"));
        assert_eq!(of("deaf=often"), bad("deaf=often"));
        assert_eq!(of("dead"), Err(BadBehaviour::Name("dead".to_owned())));
    }
}
