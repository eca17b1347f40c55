//! The id of a USSD session, as it came and as it goes back.

use std::fmt;

use crate::smpp::pdu::Sm;
use crate::smpp::ussd::dialect::{Dialect, Sequence, SessionIn};
use crate::smpp::ussd::{ITS_SESSION_INFO, USER_MESSAGE_REFERENCE};

/// Octets of an id that are kept; the standard has two.
const LEN_MAX: usize = 8;
/// Bit 0 of its_session_info's last octet: the session ends.
const END: u8 = 0x01;
/// Bits 7 to 1 of it: the number of the exchange.
const SEQUENCE: u8 = 0xfe;

/// The id of a session. Without its parameter it is empty, and the number alone tells the session:
/// a phone has one at a time.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Of its_session_info at least two octets; empty where none came.
    octets: Vec<u8>,
    id: String,
    /// The number of the exchange, where the dialect has one.
    pub sequence: Option<u8>,
    /// Whether bit 0 of its_session_info says that the session is over.
    pub ends: bool,
}

/// The parameter is longer than any session's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Debug for Session {
    /// Neither the id, which leads to a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} octets)", self.octets.len())
    }
}

impl Session {
    /// Reads it, in whatever length it came.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn read(dialect: &Dialect, sm: &Sm<'_>) -> Result<Self, TooLong> {
        let tag = tag(dialect.session);
        let value = sm.tlvs.get(tag).unwrap_or(&[]);
        if value.len() > LEN_MAX {
            return Err(TooLong);
        }
        let mut octets = value.to_vec();
        let (mut sequence, mut ends) = (None, false);
        if dialect.session == SessionIn::ItsSessionInfo && !octets.is_empty() {
            if octets.len() == 1 {
                // The session's number without the rest.
                octets.push(0);
            }
            let last = octets.last().copied().unwrap_or_default();
            ends = last & END != 0;
            sequence = match dialect.sequence {
                Sequence::None => None,
                Sequence::Echoed | Sequence::Next => Some(last >> 1),
            };
        }
        Ok(Self {
            id: id(dialect, &octets),
            octets,
            sequence,
            ends,
        })
    }

    /// The id: hexadecimal digits of the bits that stay the same throughout the session, without
    /// leading zeros; empty where none came.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the parameter came at all.
    pub fn is_told(&self) -> bool {
        !self.octets.is_empty()
    }

    /// Tag and value of the parameter in an answer; none where none is needed.
    pub fn answer(&self, dialect: &Dialect, ends: bool) -> Option<(u16, Vec<u8>)> {
        let mut octets = self.octets.clone();
        if dialect.session == SessionIn::ItsSessionInfo {
            if octets.is_empty() && dialect.end_bit && ends {
                octets = vec![0, 0];
            }
            if let Some(last) = octets.last_mut() {
                if let (Sequence::Next, Some(sequence)) = (dialect.sequence, self.sequence) {
                    *last = (*last & !SEQUENCE) | (sequence.wrapping_add(1) << 1);
                }
                if dialect.end_bit {
                    *last = (*last & !END) | if ends { END } else { 0 };
                }
            }
        }
        (!octets.is_empty()).then(|| (tag(dialect.session), octets))
    }
}

fn tag(session: SessionIn) -> u16 {
    match session {
        SessionIn::ItsSessionInfo => ITS_SESSION_INFO,
        SessionIn::UserMessageReference => USER_MESSAGE_REFERENCE,
    }
}

fn id(dialect: &Dialect, octets: &[u8]) -> String {
    let mut mask = dialect.session_mask;
    if dialect.session == SessionIn::ItsSessionInfo && dialect.sequence != Sequence::None {
        mask &= !u16::from(SEQUENCE);
    }
    let [high, low] = mask.to_be_bytes();
    let count = octets.len();
    let number = octets.iter().enumerate().fold(0u64, |sum, (at, octet)| {
        let kept = match count - at {
            1 => octet & low,
            2 => octet & high,
            _ => *octet,
        };
        sum << 8 | u64::from(kept)
    });
    if octets.is_empty() {
        String::new()
    } else {
        format!("{number:x}")
    }
}
