//! Our own id of a part, which an operator gives back in its receipt: it names the part by itself,
//! so that a receipt counts even where the answer to the sending was lost.

use subtle::ConstantTimeEq;

use crate::store::{Mark, MessageId};

/// Octets of the keyed hash that a token has: nobody guesses one.
const MARK_LEN: usize = 16;

/// Which part a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The message.
    pub message: MessageId,
    /// Which part, from 0.
    pub part: u8,
    /// How many it has.
    pub parts: u8,
}

/// The keyed hash of the ledger, by purpose and parts.
type Marks<'a> = &'a dyn Fn(&str, &[&[u8]]) -> Mark;

impl Part {
    /// The token of the part, the same at every attempt: letters, digits and hyphens.
    pub fn token(&self, marks: Marks<'_>) -> String {
        let mark = self.mark(marks);
        let mark: String = mark.iter().map(|octet| format!("{octet:02x}")).collect();
        format!(
            "{:x}-{:x}-{:x}-{mark}",
            self.message.0, self.part, self.parts
        )
    }

    /// The part that a token names; none where it is none of ours.
    pub fn of(token: &str, marks: Marks<'_>) -> Option<Self> {
        let mut pieces = token.split('-');
        let mut next = || pieces.next();
        let named = Self {
            message: MessageId(i64::from_str_radix(next()?, 16).ok()?),
            part: u8::from_str_radix(next()?, 16).ok()?,
            parts: u8::from_str_radix(next()?, 16).ok()?,
        };
        let whole = named.token(marks);
        bool::from(whole.as_bytes().ct_eq(token.as_bytes())).then_some(named)
    }

    fn mark(&self, marks: Marks<'_>) -> [u8; MARK_LEN] {
        let numbers = [self.part, self.parts];
        let mark = marks("receipt-token", &[&self.message.0.to_be_bytes(), &numbers]);
        let mut kept = [0; MARK_LEN];
        kept.copy_from_slice(&mark[..MARK_LEN]);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(purpose: &str, parts: &[&[u8]]) -> Mark {
        use sha2::Digest;
        sha2::Sha256::digest([purpose.as_bytes(), &parts.concat()].concat()).into()
    }

    #[test]
    fn a_token_names_its_part_and_nothing_else_does() {
        let part = Part {
            message: MessageId(4711),
            part: 1,
            parts: 3,
        };
        let token = part.token(&marks);
        assert_eq!(Part::of(&token, &marks), Some(part));
        let other = token.replacen("1267", "1268", 1);
        for wrong in [
            other.as_str(),
            &token[1..],
            &token[..token.len() - 1],
            &token.to_uppercase(),
            &format!("{token}0"),
            &token.replacen("-1-", "-01-", 1),
            "",
            "---",
            "zz-1-1-00",
            "6f3a",
        ] {
            assert_eq!(Part::of(wrong, &marks), None, "{wrong}");
        }
    }
}
