//! Optional parameters (SMPP 3.4, 3.2.4.1): raw slices with tolerant accessors.

use std::fmt;

/// sar_msg_ref_num.
pub const SAR_REFERENCE: u16 = 0x020c;
/// sar_total_segments.
pub const SAR_TOTAL: u16 = 0x020e;
/// sar_segment_seqnum.
pub const SAR_NUMBER: u16 = 0x020f;
/// sc_interface_version, in answers to a bind.
pub const INTERFACE_VERSION: u16 = 0x0210;
/// ms_availability_status, in alert_notification.
pub const AVAILABILITY: u16 = 0x0422;
/// congestion_state (SMPP 5.0, 4.8.4.18), in answers.
pub const CONGESTION: u16 = 0x0428;
/// receipted_message_id.
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
/// message_payload.
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// message_state.
pub const MESSAGE_STATE: u16 = 0x0427;

/// The optional parameters of a PDU as they arrived, in order. Unknown ones are kept. From the
/// first that does not fit its frame on, the rest is stray octets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// Everything behind the mandatory parameters.
    pub fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// As it stands on the wire.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Tag and value of each.
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self.0 }
    }

    /// The value of the first with this tag.
    pub fn get(self, tag: u16) -> Option<&'a [u8]> {
        self.iter()
            .find(|(found, _)| *found == tag)
            .map(|(_, value)| value)
    }

    /// A whole number, big-endian, of whatever length it came in; none when it is empty or does
    /// not fit 32 bits.
    pub fn number(self, tag: u16) -> Option<u32> {
        let value = self.get(tag)?;
        if value.is_empty() {
            return None;
        }
        value.iter().try_fold(0u32, |sum, octet| {
            sum.checked_mul(256)
                .map(|shifted| shifted | u32::from(*octet))
        })
    }

    /// A text up to its NUL, or to its end where the NUL was left out.
    pub fn text(self, tag: u16) -> Option<&'a [u8]> {
        let value = self.get(tag)?;
        value.split(|octet| *octet == 0).next()
    }

    /// Octets at the end that are no parameter.
    pub fn stray(self) -> usize {
        let mut iter = self.iter();
        iter.by_ref().for_each(drop);
        iter.rest.len()
    }
}

impl fmt::Debug for Tlvs<'_> {
    /// Tags only: values hold numbers and texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(tag, _)| tag))
            .finish()
    }
}

/// Walks over tag and value.
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, behind) = self.rest.split_first_chunk::<4>()?;
        let tag = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (value, rest) = behind.split_at_checked(length)?;
        self.rest = rest;
        Some((tag, value))
    }
}

/// Appends a parameter. A value of more than 65,535 octets is cut there, since its length field
/// ends there; no PDU that long is ever sent.
pub fn put(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&value[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_come_in_any_length() {
        for (value, number) in [
            (&[][..], None),
            (&[2][..], Some(2)),
            (&[0, 2][..], Some(2)),
            (&[1, 0, 0, 0][..], Some(0x0100_0000)),
            (&[0, 0, 0, 0, 9][..], Some(9)),
            (&[1, 0, 0, 0, 0][..], None),
        ] {
            let mut raw = Vec::new();
            put(&mut raw, MESSAGE_STATE, value);
            assert_eq!(Tlvs::new(&raw).number(MESSAGE_STATE), number, "{value:?}");
        }
    }

    #[test]
    fn texts_need_no_nul() {
        for (value, text) in [
            (&b"a1\0"[..], &b"a1"[..]),
            (b"a1", b"a1"),
            (b"", b""),
            (b"a\0b\0", b"a"),
        ] {
            let mut raw = Vec::new();
            put(&mut raw, RECEIPTED_MESSAGE_ID, value);
            assert_eq!(
                Tlvs::new(&raw).text(RECEIPTED_MESSAGE_ID),
                Some(text),
                "{value:?}"
            );
        }
        assert_eq!(Tlvs::default().text(RECEIPTED_MESSAGE_ID), None);
    }

    #[test]
    fn strays_are_counted_and_unknown_tags_kept() {
        let mut raw = Vec::new();
        put(&mut raw, 0x1400, b"vendor");
        put(&mut raw, MESSAGE_STATE, &[2]);
        for (tail, stray) in [
            (&[][..], 0),
            (&[0][..], 1),
            (&[0, 0, 0][..], 3),
            (&[4, 36, 0, 9, 1][..], 5),
        ] {
            let mut all = raw.clone();
            all.extend_from_slice(tail);
            let tlvs = Tlvs::new(&all);
            assert_eq!(tlvs.stray(), stray, "{tail:?}");
            assert_eq!(tlvs.get(0x1400), Some(&b"vendor"[..]));
            assert_eq!(tlvs.number(MESSAGE_STATE), Some(2));
        }
    }

    proptest! {
        #[test]
        fn random_octets_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..200), tag: u16) {
            let tlvs = Tlvs::new(&raw);
            let held: usize = tlvs.iter().map(|(_, value)| value.len() + 4).sum();
            prop_assert_eq!(held + tlvs.stray(), raw.len());
            tlvs.number(tag);
            tlvs.text(tag);
        }
    }
}
