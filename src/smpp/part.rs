//! Which part of a long message one message is: the user data header (3GPP TS 23.040, 9.2.3.24)
//! and the sar parameters (SMPP 3.4, 5.3.2.22 to 24).

use crate::smpp::pdu::Sm;
use crate::smpp::tlv;

/// The bit of esm_class that tells of a user data header.
pub const ESM_UDHI: u8 = 0x40;

/// Octets of the header that [`header`] writes.
pub const HEADER_LEN: usize = 6;

/// Octets of the header that [`header16`] writes.
pub const HEADER16_LEN: usize = 7;

/// One part of a long message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The same in all parts of a message.
    pub reference: u16,
    /// How many there are, at least 2.
    pub total: u8,
    /// Which one this is, from 1 to `total`.
    pub number: u8,
}

impl Part {
    /// None for what makes no sense, and for the only part of a message.
    fn of(reference: u16, total: u8, number: u8) -> Option<Self> {
        let sensible = total > 1 && (1..=total).contains(&number);
        sensible.then_some(Self {
            reference,
            total,
            number,
        })
    }
}

/// The header of a part with an 8-bit reference.
pub fn header(reference: u8, total: u8, number: u8) -> [u8; HEADER_LEN] {
    [5, 0, 3, reference, total, number]
}

/// The header of a part with a 16-bit reference (3GPP TS 23.040, 9.2.3.24.8).
pub fn header16(reference: u16, total: u8, number: u8) -> [u8; HEADER16_LEN] {
    let [high, low] = reference.to_be_bytes();
    [6, 8, 4, high, low, total, number]
}

/// Appends the parameters that say the same without a header (SMPP 3.4, 5.3.2.22 to 24).
pub fn put_sar(out: &mut Vec<u8>, part: Part) {
    tlv::put(out, tlv::SAR_REFERENCE, &part.reference.to_be_bytes());
    tlv::put(out, tlv::SAR_TOTAL, &[part.total]);
    tlv::put(out, tlv::SAR_NUMBER, &[part.number]);
}

/// The octets of the text of a message, and which part of a long one it is. The text is in
/// short_message, or in message_payload where that is empty.
pub fn read<'a>(sm: &Sm<'a>) -> (&'a [u8], Option<Part>) {
    let octets = if sm.short_message.is_empty() {
        sm.tlvs.get(tlv::MESSAGE_PAYLOAD).unwrap_or(&[])
    } else {
        sm.short_message
    };
    let (text, part) = if sm.esm_class & ESM_UDHI == 0 {
        (octets, None)
    } else {
        split(octets)
    };
    (text, part.or_else(|| sar(sm)))
}

/// Takes the user data header off. One that is longer than its message is none: all is text.
fn split(octets: &[u8]) -> (&[u8], Option<Part>) {
    let Some((header, text)) = octets
        .split_first()
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)))
    else {
        return (octets, None);
    };
    (
        text,
        elements(header).find_map(|(id, value)| concatenation(id, value)),
    )
}

/// The information elements of a header; it ends at the first that does not fit.
fn elements(mut header: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([id, length], rest) = header.split_first_chunk::<2>()?;
        let (value, behind) = rest.split_at_checked(usize::from(*length))?;
        header = behind;
        Some((*id, value))
    })
}

fn concatenation(id: u8, value: &[u8]) -> Option<Part> {
    match (id, value) {
        (0x00, [reference, total, number]) => Part::of(u16::from(*reference), *total, *number),
        (0x08, [high, low, total, number]) => {
            Part::of(u16::from_be_bytes([*high, *low]), *total, *number)
        }
        (_, _) => None,
    }
}

fn sar(sm: &Sm<'_>) -> Option<Part> {
    let octet = |tag| {
        sm.tlvs
            .number(tag)
            .and_then(|number| u8::try_from(number).ok())
    };
    let reference = sm.tlvs.number(tlv::SAR_REFERENCE)?;
    // A reference that is too long is still the same in all parts.
    Part::of(
        (reference & 0xffff) as u16,
        octet(tlv::SAR_TOTAL)?,
        octet(tlv::SAR_NUMBER)?,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smpp::tlv::Tlvs;
    use proptest::prelude::*;

    fn part(reference: u16, total: u8, number: u8) -> Option<Part> {
        Some(Part {
            reference,
            total,
            number,
        })
    }

    #[test]
    fn headers_are_read() {
        for (octets, text, found) in [
            (
                &b"\x05\x00\x03\x07\x02\x01ab"[..],
                &b"ab"[..],
                part(7, 2, 1),
            ),
            (b"\x06\x08\x04\x01\x02\x03\x03ab", b"ab", part(0x0102, 3, 3)),
            // Another element first: a port address.
            (
                b"\x0b\x05\x04\x00\x00\x00\x00\x00\x03\x07\x02\x02ab",
                b"ab",
                part(7, 2, 2),
            ),
            (b"\x00ab", b"ab", None),
            (b"\x05\x00\x03\x07\x02\x00ab", b"ab", None),
            (b"\x05\x00\x03\x07\x02\x03ab", b"ab", None),
            (b"\x05\x00\x03\x07\x01\x01ab", b"ab", None),
            (b"\x01\x05ab", b"ab", None),
            (b"\x04\x00\xc8\x07\x02ab", b"ab", None),
            // Longer than the message: all is text.
            (b"\x09ab", b"\x09ab", None),
            (b"", b"", None),
        ] {
            let sm = Sm {
                esm_class: ESM_UDHI,
                short_message: octets,
                ..Sm::default()
            };
            assert_eq!(read(&sm), (text, found), "{octets:?}");
            let plain = Sm {
                short_message: octets,
                ..Sm::default()
            };
            assert_eq!(read(&plain), (octets, None), "{octets:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut octets = header(0xfe, 3, 2).to_vec();
        octets.extend_from_slice(b"text");
        let sm = Sm {
            esm_class: ESM_UDHI,
            short_message: &octets,
            ..Sm::default()
        };
        assert_eq!(read(&sm), (&b"text"[..], part(0xfe, 3, 2)));

        let mut octets = header16(0x01fe, 3, 2).to_vec();
        octets.extend_from_slice(b"text");
        let sm = Sm {
            short_message: &octets,
            ..sm
        };
        assert_eq!(read(&sm), (&b"text"[..], part(0x01fe, 3, 2)));

        let mut raw = Vec::new();
        put_sar(&mut raw, part(0x01fe, 3, 2).unwrap());
        let sm = Sm {
            short_message: b"text",
            tlvs: Tlvs::new(&raw),
            ..Sm::default()
        };
        assert_eq!(read(&sm), (&b"text"[..], part(0x01fe, 3, 2)));
    }

    #[test]
    fn a_header_may_stand_before_a_payload() {
        let mut raw = Vec::new();
        tlv::put(
            &mut raw,
            tlv::MESSAGE_PAYLOAD,
            b"\x05\x00\x03\x07\x02\x01ab",
        );
        let sm = Sm {
            esm_class: ESM_UDHI,
            tlvs: Tlvs::new(&raw),
            ..Sm::default()
        };
        assert_eq!(read(&sm), (&b"ab"[..], part(7, 2, 1)));
    }

    #[test]
    fn sar_parameters_and_payload_are_read() {
        for (reference, total, number, found) in [
            (&[1, 2][..], &[2][..], &[1][..], part(0x0102, 2, 1)),
            (&[9][..], &[0, 2][..], &[2][..], part(9, 2, 2)),
            (&[9][..], &[1][..], &[1][..], None),
            (&[9][..], &[2][..], &[3][..], None),
            (&[][..], &[2][..], &[1][..], None),
        ] {
            let mut raw = Vec::new();
            tlv::put(&mut raw, tlv::SAR_REFERENCE, reference);
            tlv::put(&mut raw, tlv::SAR_TOTAL, total);
            tlv::put(&mut raw, tlv::SAR_NUMBER, number);
            tlv::put(&mut raw, tlv::MESSAGE_PAYLOAD, b"long");
            let sm = Sm {
                tlvs: Tlvs::new(&raw),
                ..Sm::default()
            };
            assert_eq!(
                read(&sm),
                (&b"long"[..], found),
                "{reference:?} {total:?} {number:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn random_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), raw in proptest::collection::vec(any::<u8>(), 0..60)) {
            let sm = Sm { esm_class: ESM_UDHI, short_message: &octets, tlvs: Tlvs::new(&raw), ..Sm::default() };
            read(&sm);
        }
    }
}
