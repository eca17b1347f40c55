//! Long messages: the user data header that numbers their parts (3GPP TS 23.040, 9.2.3.24.1 and
//! 9.2.3.24.8), written and read, and the parts put together again.

use std::collections::{BTreeMap, VecDeque};

/// Unfinished messages that are kept; the oldest goes first.
const UNFINISHED_MAX: usize = 1_000;

/// Where a part stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The same for all parts of one message.
    pub reference: u16,
    /// How many parts there are, from 1.
    pub total: u8,
    /// Which one this is, from 1 to `total`.
    pub number: u8,
}

/// The header has no place in it, or an impossible one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user data header cannot be read")]
pub struct BadHeader;

impl Place {
    /// The header with an 8-bit reference, in front of the part's octets.
    pub fn write(self, octets: &[u8]) -> Vec<u8> {
        let reference = self.reference.to_be_bytes()[1];
        let mut written = vec![5, 0, 3, reference, self.total, self.number];
        written.extend_from_slice(octets);
        written
    }

    /// The same with a 16-bit reference, 7 octets.
    pub fn write16(self, octets: &[u8]) -> Vec<u8> {
        let [high, low] = self.reference.to_be_bytes();
        let mut written = vec![6, 8, 4, high, low, self.total, self.number];
        written.extend_from_slice(octets);
        written
    }

    /// Splits `short_message` with a header into the place, if the header has one, and the octets
    /// behind it. Other information elements are passed over.
    ///
    /// # Errors
    /// [`BadHeader`] when a length points outside or the numbers are impossible.
    pub fn read(message: &[u8]) -> Result<(Option<Self>, &[u8]), BadHeader> {
        let (length, rest) = message.split_first().ok_or(BadHeader)?;
        let (mut header, octets) = rest
            .split_at_checked(usize::from(*length))
            .ok_or(BadHeader)?;
        let mut place = None;
        while let [id, length, rest @ ..] = header {
            let (data, after) = rest
                .split_at_checked(usize::from(*length))
                .ok_or(BadHeader)?;
            match (id, data) {
                (0, [reference, total, number]) => {
                    let reference = u16::from(*reference);
                    place = Some(Self {
                        reference,
                        total: *total,
                        number: *number,
                    });
                }
                (8, [high, low, total, number]) => {
                    let reference = u16::from_be_bytes([*high, *low]);
                    place = Some(Self {
                        reference,
                        total: *total,
                        number: *number,
                    });
                }
                (0 | 8, _) => return Err(BadHeader),
                (_, _) => {}
            }
            header = after;
        }
        match place {
            _ if !header.is_empty() => Err(BadHeader),
            Some(place) if !place.is_possible() => Err(BadHeader),
            place => Ok((place, octets)),
        }
    }

    /// Whether it is one that a part can have.
    pub fn is_possible(self) -> bool {
        (1..=self.total).contains(&self.number)
    }
}

/// What makes parts belong together.
type Key = (String, String, u16, u8);

/// Parts that wait for the others of their message.
#[derive(Debug, Default)]
pub struct Parts {
    unfinished: BTreeMap<Key, BTreeMap<u8, Vec<u8>>>,
    order: VecDeque<Key>,
}

impl Parts {
    /// Takes a part; when it was the last missing one, gives the octets of the whole message.
    pub fn take(&mut self, from: &str, to: &str, place: Place, octets: &[u8]) -> Option<Vec<u8>> {
        let key = (from.to_owned(), to.to_owned(), place.reference, place.total);
        if !self.unfinished.contains_key(&key) {
            if self.order.len() == UNFINISHED_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.unfinished.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        let parts = self.unfinished.entry(key.clone()).or_default();
        parts.insert(place.number, octets.to_vec());
        if parts.len() < usize::from(place.total) {
            return None;
        }
        self.order.retain(|other| *other != key);
        let parts = self.unfinished.remove(&key)?;
        Some(parts.into_values().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    type Read<'a> = Result<(Option<Place>, &'a [u8]), BadHeader>;

    fn place(reference: u16, total: u8, number: u8) -> Place {
        Place {
            reference,
            total,
            number,
        }
    }

    #[test]
    fn headers() {
        let table: [(&[u8], Read<'_>); 10] = [
            (&[5, 0, 3, 7, 2, 1, b'a'], Ok((Some(place(7, 2, 1)), b"a"))),
            (
                &[6, 8, 4, 1, 2, 3, 3, b'a'],
                Ok((Some(place(258, 3, 3)), b"a")),
            ),
            // Another element in front, then the place.
            (
                &[9, 4, 2, 9, 9, 0, 3, 7, 2, 2, b'a'],
                Ok((Some(place(7, 2, 2)), b"a")),
            ),
            (&[0, b'a'], Ok((None, b"a"))),
            (&[], Err(BadHeader)),
            (&[9, 0, 3], Err(BadHeader)),
            (&[1, 5], Err(BadHeader)),
            (&[5, 0, 200, 7, 2, 1], Err(BadHeader)),
            (&[5, 0, 3, 7, 2, 3], Err(BadHeader)),
            (&[5, 0, 3, 7, 0, 0], Err(BadHeader)),
        ];
        for (octets, expected) in table {
            assert_eq!(Place::read(octets), expected, "{octets:?}");
        }
        let written = place(7, 2, 1).write(b"a");
        assert_eq!(Place::read(&written), Ok((Some(place(7, 2, 1)), &b"a"[..])));
        let written = place(258, 2, 1).write16(b"a");
        assert_eq!(
            Place::read(&written),
            Ok((Some(place(258, 2, 1)), &b"a"[..]))
        );
    }

    #[test]
    fn parts_in_any_order_and_twice() {
        let mut parts = Parts::default();
        assert_eq!(parts.take("a", "b", place(1, 3, 3), b"3"), None);
        assert_eq!(parts.take("a", "b", place(1, 3, 1), b"1"), None);
        assert_eq!(parts.take("a", "b", place(1, 3, 1), b"1"), None);
        assert_eq!(
            parts.take("a", "c", place(1, 3, 2), b"x"),
            None,
            "another phone's"
        );
        assert_eq!(
            parts.take("a", "b", place(1, 3, 2), b"2"),
            Some(b"123".to_vec())
        );
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut parts = Parts::default();
        for reference in 0..=1_000 {
            parts.take("a", "b", place(reference, 2, 1), b"1");
        }
        assert_eq!(parts.unfinished.len(), UNFINISHED_MAX);
        assert_eq!(
            parts.take("a", "b", place(0, 2, 2), b"2"),
            None,
            "the oldest went"
        );
        assert_eq!(
            parts.take("a", "b", place(1_000, 2, 2), b"2"),
            Some(b"12".to_vec())
        );
    }
}
