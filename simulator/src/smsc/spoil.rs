//! What bad behaviours do to the octets of a PDU that rusmpp wrote rightly.

use bytes::{BufMut, Bytes, BytesMut};

const LENGTH: std::ops::Range<usize> = 0..4;
const SEQUENCE: std::ops::Range<usize> = 12..16;

/// Its header's length.
pub const HEADER_BYTES: usize = 16;

/// A `command_id` that no version of SMPP has.
const NO_COMMAND: u32 = 0x0000_0abc;

fn put(octets: &mut [u8], at: std::ops::Range<usize>, value: u32) {
    if let Some(field) = octets.get_mut(at) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

fn length(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap_or(u32::MAX)
}

/// The PDU with another `command_length`.
pub fn with_length(pdu: &[u8], claimed: u32) -> Bytes {
    let mut octets = BytesMut::from(pdu);
    put(&mut octets, LENGTH, claimed);
    octets.freeze()
}

/// The PDU with another sequence number.
pub fn with_sequence(pdu: &[u8], sequence: u32) -> Bytes {
    let mut octets = BytesMut::from(pdu);
    put(&mut octets, SEQUENCE, sequence);
    octets.freeze()
}

/// The PDU with more octets behind it, which its length counts.
pub fn with_more(pdu: &[u8], more: &[u8]) -> Bytes {
    let mut octets = BytesMut::from(pdu);
    octets.extend_from_slice(more);
    let whole = length(&octets);
    put(&mut octets, LENGTH, whole);
    octets.freeze()
}

/// The PDU cut off behind so many octets, which its length counts.
pub fn cut(pdu: &[u8], behind: usize) -> Bytes {
    let mut octets = BytesMut::from(&pdu[..behind.min(pdu.len())]);
    let whole = length(&octets);
    put(&mut octets, LENGTH, whole);
    octets.freeze()
}

/// The header alone.
pub fn header_of(pdu: &[u8]) -> Bytes {
    cut(pdu, HEADER_BYTES)
}

/// The PDU without the NUL that its last octet is.
pub fn without_nul(pdu: &[u8]) -> Bytes {
    match pdu {
        [.., 0] => cut(pdu, pdu.len() - 1),
        _ => Bytes::copy_from_slice(pdu),
    }
}

/// Parameters of tags that no version of SMPP and no operator of ours has: one with a value, one
/// without.
pub fn unknown_tlvs() -> Bytes {
    let mut octets = BytesMut::new();
    octets.put_u16(0x3ffe);
    octets.put_u16(3);
    octets.put_slice(&[1, 0, 255]);
    octets.put_u16(0x1543);
    octets.put_u16(0);
    octets.freeze()
}

/// A request of a `command_id` that nobody knows, with a body.
pub fn unknown_command(sequence: u32) -> Bytes {
    let mut octets = BytesMut::new();
    octets.put_u32(0);
    octets.put_u32(NO_COMMAND);
    octets.put_u32(0);
    octets.put_u32(sequence);
    with_more(&octets, b"no body of ours")
}

/// The deliver_sm or data_sm with a Latin-1 letter at the end of its source address, which is the
/// first text behind service_type and two octets (SMPP 3.4, 4.6.1).
pub fn latin1_source(pdu: &[u8]) -> Bytes {
    let nul_from = |from: usize| {
        let rest = pdu.get(from..)?;
        rest.iter()
            .position(|octet| *octet == 0)
            .map(|at| from + at)
    };
    let end = nul_from(HEADER_BYTES).and_then(|service_type| nul_from(service_type + 3));
    match end {
        None => Bytes::copy_from_slice(pdu),
        Some(end) => {
            let mut octets = BytesMut::from(&pdu[..end]);
            octets.put_u8(0xe9);
            octets.extend_from_slice(&pdu[end..]);
            let whole = length(&octets);
            put(&mut octets, LENGTH, whole);
            octets.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const PDU: &[u8] = &[0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, b'a', 0];

    #[test]
    fn lengths_and_numbers() {
        assert_eq!(with_length(PDU, 8)[..5], [0, 0, 0, 8, 0]);
        assert_eq!(with_length(PDU, 8).len(), 18);
        assert_eq!(with_sequence(PDU, 0x8000_0001)[12..16], [0x80, 0, 0, 1]);
        assert_eq!(with_more(PDU, &[7, 7])[..4], [0, 0, 0, 20]);
        assert_eq!(header_of(PDU)[..], [&[0, 0, 0, 16], &PDU[4..16]].concat());
        assert_eq!(without_nul(PDU)[..4], [0, 0, 0, 17]);
        assert_eq!(
            unknown_command(3)[..16],
            [0, 0, 0, 31, 0, 0, 0x0a, 0xbc, 0, 0, 0, 0, 0, 0, 0, 3]
        );
    }

    #[test]
    fn the_letter_stands_in_the_source_address() {
        let body = [b"ab\0\x01\x01".as_slice(), b"212\0", b"\x00\x01", b"5800\0"].concat();
        let pdu = with_more(&PDU[..16], &body);
        let spoilt = latin1_source(&pdu);
        let expected = [
            b"ab\0\x01\x01".as_slice(),
            b"212\xe9\0",
            b"\x00\x01",
            b"5800\0",
        ]
        .concat();
        assert_eq!(spoilt[16..], expected);
        assert_eq!(usize::from(spoilt[3]), spoilt.len());
    }
}
