//! Cuts the TCP stream into PDUs by their `command_length`, and only then lets rusmpp read inside
//! of one cut frame: what rusmpp leaves over or refuses cannot spoil the next PDU.

use bytes::{Buf, Bytes, BytesMut};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::{Command, CommandStatus, Pdu};
use tokio_util::codec::{Decoder, Encoder};

/// `command_length` counts itself and the rest of the header (SMPP 3.4, 3.2).
const HEADER_BYTES: usize = 16;

/// The longest PDU that is taken: a `message_payload` of 64 KiB and room for the other fields.
const FRAME_BYTES_MAX: usize = 72 * 1024;

/// One PDU, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `command_id`.
    pub id: u32,
    /// `sequence_number`.
    pub sequence: u32,
    bytes: Bytes,
}

/// Why the stream cannot be cut any further; the connection has to be closed.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A length below the header's or above the limit.
    #[error("command_length {0}, expected {HEADER_BYTES} to {FRAME_BYTES_MAX}")]
    Length(u32),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The body is not what its `command_id` promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body of a PDU with command_id {id:#010x} cannot be read")]
pub struct BadBody {
    /// `command_id`.
    pub id: u32,
}

impl Frame {
    /// Octets, with the header.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Reads the PDU. Octets that are left over behind it are passed over.
    ///
    /// # Errors
    /// [`BadBody`] when rusmpp refuses it.
    pub fn read(&self) -> Result<Command, BadBody> {
        let mut inside = BytesMut::from(self.bytes.as_ref());
        let mut codec = CommandCodec::new().with_max_length(FRAME_BYTES_MAX);
        match codec.decode(&mut inside) {
            Ok(Some(command)) => Ok(command),
            Ok(None) | Err(_) => Err(BadBody { id: self.id }),
        }
    }
}

/// Cuts frames out of a stream.
#[derive(Debug, Default)]
pub struct Cutter;

impl Decoder for Cutter {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if stream.len() < HEADER_BYTES {
            return Ok(None);
        }
        let mut header = &stream[..HEADER_BYTES];
        let (length, id) = (header.get_u32(), header.get_u32());
        let _status = header.get_u32();
        let sequence = header.get_u32();
        let frame_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&frame_bytes) {
            return Err(FrameError::Length(length));
        }
        if stream.len() < frame_bytes {
            stream.reserve(frame_bytes - stream.len());
            return Ok(None);
        }
        Ok(Some(Frame {
            id,
            sequence,
            bytes: stream.split_to(frame_bytes).freeze(),
        }))
    }
}

/// The octets of a PDU.
pub fn encode(status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    let mut bytes = BytesMut::new();
    match CommandCodec::new().encode(Command::new(status, sequence, pdu), &mut bytes) {
        Ok(()) => bytes.freeze(),
        // The codec writes into memory only, where nothing fails.
        Err(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use rusmpp::CommandId;

    fn cut(bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
        let mut stream = BytesMut::new();
        let mut frames = Vec::new();
        // Octet by octet: a frame may come in any pieces.
        for byte in bytes {
            stream.extend_from_slice(&[*byte]);
            match Cutter.decode(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => {}
                Err(error) => return (frames, Some(error)),
            }
        }
        (frames, None)
    }

    #[test]
    fn a_body_where_none_belongs_does_not_spoil_the_next_pdu() {
        let mut bytes = encode(CommandStatus::EsmeRok, 7, Pdu::EnquireLink).to_vec();
        bytes[3] += 5;
        bytes.extend_from_slice(b"extra");
        bytes.extend_from_slice(&encode(CommandStatus::EsmeRok, 8, Pdu::Unbind));
        let (frames, error) = cut(&bytes);
        assert!(error.is_none());
        let ids: Vec<_> = frames
            .iter()
            .map(|frame| frame.read().unwrap().id())
            .collect();
        assert_eq!(ids, [CommandId::EnquireLink, CommandId::Unbind]);
        assert_eq!(frames[1].sequence, 8);
    }

    #[test]
    fn impossible_lengths() {
        for length in [0_u32, 15, 0x3fff_ffff] {
            let mut bytes = encode(CommandStatus::EsmeRok, 7, Pdu::EnquireLink).to_vec();
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            let (frames, error) = cut(&bytes);
            assert!(frames.is_empty());
            assert!(matches!(error, Some(FrameError::Length(found)) if found == length));
        }
    }

    #[test]
    fn a_broken_body_keeps_its_sequence_number() {
        let mut bytes = vec![0, 0, 0, 20, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3];
        bytes.extend_from_slice(b"jisr");
        let (frames, _) = cut(&bytes);
        assert_eq!(frames[0].sequence, 3);
        assert_eq!(frames[0].read(), Err(BadBody { id: 9 }));
    }
}
