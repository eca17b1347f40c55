//! Octets on their way to the socket, and which submits are among them.

use std::collections::VecDeque;

use bytes::BytesMut;

/// With so many octets unwritten, nothing more is read or submitted.
const LEN_MAX: usize = 256 * 1024;

/// An empty buffer larger than this is given back.
const KEPT_MAX: usize = 4 * 1024;

/// What waits to be written. It knows of each submit whether the socket has taken any of it.
#[derive(Default)]
pub(super) struct Out {
    /// What the socket has not taken.
    pub octets: BytesMut,
    /// Octets that the socket has taken, since the connection began.
    written: u64,
    /// Submits that the socket has not begun with, in order.
    marks: VecDeque<Mark>,
}

struct Mark {
    ticket: u64,
    begins: u64,
    len: usize,
}

impl Out {
    pub fn is_full(&self) -> bool {
        self.octets.len() >= LEN_MAX
    }

    pub fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub fn push_submit(&mut self, ticket: u64, octets: &[u8]) {
        self.marks.push_back(Mark {
            ticket,
            begins: self.written + self.octets.len() as u64,
            len: octets.len(),
        });
        self.push(octets);
    }

    /// The socket has taken so many octets, which are no longer in [`Out::octets`].
    pub fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        while self
            .marks
            .pop_front_if(|m| m.begins < self.written)
            .is_some()
        {}
        if self.octets.is_empty() && self.octets.capacity() > KEPT_MAX {
            self.octets = BytesMut::new();
        }
    }

    /// Takes a submit back of which the socket has taken nothing.
    pub fn take_back(&mut self, ticket: u64) -> Option<Vec<u8>> {
        let at = self.marks.iter().position(|m| m.ticket == ticket)?;
        let mark = self.marks.remove(at)?;
        let begins = usize::try_from(mark.begins.checked_sub(self.written)?).ok()?;
        let mut rest = self.octets.split_off(begins);
        let pdu = rest.split_to(mark.len).to_vec();
        self.octets.unsplit(rest);
        for later in self.marks.range_mut(at..) {
            later.begins -= mark.len as u64;
        }
        Some(pdu)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn what_the_socket_has_begun_with_is_not_taken_back() {
        let mut out = Out::default();
        out.push(b"xx");
        out.push_submit(1, b"one");
        out.push_submit(2, b"two");
        out.push(b"yy");
        out.push_submit(3, b"three");
        // The socket took "xx" and the first octet of submit 1.
        out.octets.advance(3);
        out.wrote(3);
        assert_eq!(out.take_back(1), None);
        assert_eq!(out.take_back(2), Some(b"two".to_vec()));
        assert_eq!(&out.octets[..], b"neyythree");
        assert_eq!(out.take_back(2), None);
        assert_eq!(out.take_back(3), Some(b"three".to_vec()));
        assert_eq!(&out.octets[..], b"neyy");
        out.push_submit(4, b"four");
        out.octets.advance(8);
        out.wrote(8);
        assert_eq!((out.take_back(4), out.octets.len()), (None, 0));
    }

    #[test]
    fn nothing_is_kept_when_all_is_written() {
        let mut out = Out::default();
        out.push(&[0; 100_000]);
        out.octets.advance(100_000);
        out.wrote(100_000);
        assert_eq!(out.octets.capacity(), 0);
    }
}
