//! Frames: one PDU cut out of a stream, before anybody looks inside.
//!
//! Decoding works only on a cut frame, so that a wrong body can never shift what follows it.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::smpp::command::{Command, Status};

/// Octets of the header (SMPP 3.4, 3.2.1).
pub const HEADER_LEN: usize = 16;

/// The longest PDU that is taken: a message_payload of 64 KiB is refused, everything that
/// operators send is far below.
pub const PDU_LEN_MAX: usize = 65_536;

/// The header without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The command id as it stands there; it may be unknown.
    pub command: u32,
    /// The status; 0 in requests.
    pub status: Status,
    /// The sequence number.
    pub sequence: u32,
}

/// One PDU, cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    /// Everything behind the header.
    pub body: Bytes,
}

impl fmt::Debug for Frame {
    /// Never the body: it holds numbers and texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?}, {} octets)", self.header, self.body.len())
    }
}

/// The octets of one whole PDU on its way out.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl fmt::Debug for Raw {
    /// Never the octets: they hold numbers, texts and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} octets)", self.0.len())
    }
}

/// The stream cannot be cut any further: where the next PDU begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("command_length {length} is not between {HEADER_LEN} and {PDU_LEN_MAX}")]
pub struct FrameError {
    /// The length that was claimed.
    pub length: u32,
    /// The sequence number, 0 where it has not arrived.
    pub sequence: u32,
}

/// Cuts the first whole PDU off `buffer`; none where octets are missing. The length is judged as
/// soon as its four octets are there, before room is made for the rest.
///
/// # Errors
/// [`FrameError`] when the claimed length is out of bounds; the connection has to be closed.
pub fn cut(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let number = |at: usize| {
        buffer
            .get(at..at + 4)
            .map_or(0, |o| u32::from_be_bytes([o[0], o[1], o[2], o[3]]))
    };
    if buffer.len() < 4 {
        return Ok(None);
    }
    let length = number(0);
    let bounds = HEADER_LEN..=PDU_LEN_MAX;
    let Some(whole) = usize::try_from(length).ok().filter(|l| bounds.contains(l)) else {
        return Err(FrameError {
            length,
            sequence: number(12),
        });
    };
    if buffer.len() < whole {
        return Ok(None);
    }
    let header = Header {
        command: number(4),
        status: Status(number(8)),
        sequence: number(12),
    };
    let mut body = buffer.split_to(whole).freeze();
    body.advance(HEADER_LEN);
    Ok(Some(Frame { header, body }))
}

/// A header alone is a whole PDU for the commands without a body.
pub fn bare(command: Command, status: Status, sequence: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN);
    begin(&mut out, command, status, sequence);
    finish(&mut out);
    out
}

/// Writes a header whose length is filled in by [`finish`].
pub(crate) fn begin(out: &mut Vec<u8>, command: Command, status: Status, sequence: u32) {
    for number in [0, command.id(), status.0, sequence] {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Fills in the length of the one PDU in `out`.
pub(crate) fn finish(out: &mut [u8]) {
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX).to_be_bytes();
    out[..4].copy_from_slice(&length);
}

/// Gives an encoded PDU its sequence number. Anything shorter than a header is left alone.
pub fn number(pdu: &mut [u8], sequence: u32) {
    if let Some(place) = pdu.get_mut(12..HEADER_LEN) {
        place.copy_from_slice(&sequence.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    fn frames(stream: &[u8], chunk: usize) -> (Vec<Frame>, Option<FrameError>) {
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        for piece in stream.chunks(chunk.max(1)) {
            buffer.extend_from_slice(piece);
            loop {
                match cut(&mut buffer) {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn lengths_are_judged_before_the_rest_arrives() {
        for (length, refused) in [
            (0, true),
            (15, true),
            (16, false),
            (65_536, false),
            (65_537, true),
            (u32::MAX, true),
        ] {
            let mut buffer = BytesMut::from(&u32::to_be_bytes(length)[..]);
            assert_eq!(cut(&mut buffer).is_err(), refused, "{length}");
            assert!(buffer.capacity() < 1024, "{length}");
        }
    }

    #[test]
    fn the_sequence_of_a_bad_frame_is_kept_where_it_arrived() {
        let mut pdu = bare(Command::EnquireLink, Status::OK, 77);
        pdu[3] = 15;
        assert_eq!(
            cut(&mut BytesMut::from(&pdu[..])),
            Err(FrameError {
                length: 15,
                sequence: 77
            })
        );
        assert_eq!(
            cut(&mut BytesMut::from(&pdu[..8])),
            Err(FrameError {
                length: 15,
                sequence: 0
            })
        );
    }

    #[test]
    fn no_octet_is_in_a_debug_text() {
        let frame = Frame {
            header: Header {
                command: 5,
                status: Status::OK,
                sequence: 1,
            },
            body: Bytes::from_static(b"BE740215"),
        };
        let shown = format!("{frame:?} {:?}", Raw(b"BE740215".to_vec()));
        assert!(
            !shown.contains("BE74") && !shown.contains("66, 69"),
            "{shown}"
        );
    }

    #[test]
    fn a_number_is_put_in_place() {
        let mut pdu = bare(Command::SubmitSm, Status::OK, 0);
        number(&mut pdu, 0x7fff_ffff);
        assert_eq!(frames(&pdu, 99).0[0].header.sequence, 0x7fff_ffff);
        number(&mut [], 1);
    }

    proptest! {
        #[test]
        fn the_chunks_of_a_stream_do_not_matter(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..12),
            chunk in 1usize..400,
        ) {
            let mut stream = Vec::new();
            for (at, body) in bodies.iter().enumerate() {
                let mut pdu = bare(Command::DeliverSm, Status::OK, at as u32);
                pdu.extend_from_slice(body);
                finish(&mut pdu);
                stream.extend_from_slice(&pdu);
            }
            let (found, error) = frames(&stream, chunk);
            prop_assert_eq!(error, None);
            prop_assert_eq!(found.len(), bodies.len());
            for (at, (frame, body)) in found.iter().zip(&bodies).enumerate() {
                prop_assert_eq!(frame.header.sequence, at as u32);
                prop_assert_eq!(&frame.body[..], &body[..]);
            }
        }

        #[test]
        fn random_octets_never_panic(stream in proptest::collection::vec(any::<u8>(), 0..2000), chunk in 1usize..64) {
            frames(&stream, chunk);
        }
    }
}
