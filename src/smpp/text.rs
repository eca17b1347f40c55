//! The text of a message and its octets, by data_coding (SMPP 3.4, 5.2.19).
//!
//! GSM 03.38 goes unpacked on this wire, one septet an octet; the operator packs it for the air.

use crate::screen::alphabet::{self, Alphabet, ESC};

/// data_coding of the GSM default alphabet, as nearly every operator means 0.
pub const CODING_DEFAULT: u8 = 0x00;
/// data_coding of UCS-2.
pub const CODING_UCS2: u8 = 0x08;

/// Parts that a message can have at most: the number of a part is one octet.
pub const PARTS_MAX: usize = 255;

/// How octets are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gsm,
    Ia5,
    Latin1,
    Ucs2,
}

impl Coding {
    /// Every value means something, so that no message is lost: message classes and waiting
    /// indications (3GPP TS 23.038, chapter 4) by their alphabet, everything 8-bit as Latin-1.
    fn of(data_coding: u8) -> Self {
        match data_coding {
            0x00 => Self::Gsm,
            0x01 => Self::Ia5,
            0x08 => Self::Ucs2,
            0x02..=0x0f => Self::Latin1,
            0x10..=0xbf => match data_coding & 0x0c {
                0x00 => Self::Gsm,
                0x08 => Self::Ucs2,
                _ => Self::Latin1,
            },
            0xc0..=0xdf => Self::Gsm,
            0xe0..=0xef => Self::Ucs2,
            0xf0..=0xff if data_coding & 0x04 == 0 => Self::Gsm,
            0xf0..=0xff => Self::Latin1,
        }
    }
}

/// Reads the text of a message. It never fails: half a unit at the end is left out, half a
/// surrogate pair becomes U+FFFD, an octet above 127 in the GSM alphabet is read as Latin-1.
pub fn decode(data_coding: u8, octets: &[u8]) -> String {
    match Coding::of(data_coding) {
        Coding::Gsm => gsm(octets, |_| false),
        // Half of the senders mean IA5, half the GSM alphabet. Control characters have no place in
        // the text of the former, and what is printed is read as IA5, which has the @ of an e-mail
        // elsewhere.
        Coding::Ia5 => gsm(octets, |octet| octet >= b' '),
        Coding::Latin1 => latin1(octets),
        Coding::Ucs2 => ucs2(octets),
    }
}

/// Latin-1: each octet is the character of that number.
pub fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn ucs2(octets: &[u8]) -> String {
    let units = octets
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|c| *c != '\u{feff}')
        .collect()
}

/// The GSM alphabet, but for octets outside an escape pair that are `latin1`.
fn gsm(octets: &[u8], latin1: fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut escaped = false;
    for octet in octets {
        if *octet == ESC && !escaped {
            escaped = true;
            continue;
        }
        let of_table = alphabet::character(*octet, escaped).filter(|_| escaped || !latin1(*octet));
        text.push(of_table.unwrap_or(char::from(*octet)));
        escaped = false;
    }
    text
}

/// A text as the octets of its parts, without any header.
#[derive(Clone, PartialEq, Eq)]
pub struct Octets {
    /// Their data_coding.
    pub data_coding: u8,
    /// One for each part; at least one.
    pub parts: Vec<Vec<u8>>,
}

/// The text is longer than [`PARTS_MAX`] parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text takes {parts} parts, more than {PARTS_MAX}")]
pub struct TooLong {
    /// How many it would take.
    pub parts: usize,
}

/// Writes a text: in the GSM alphabet where that has every character, else in UCS-2. A message of
/// one part holds 160 septets or 70 units; the parts of a longer one 153 or 67, and neither an
/// escape pair nor a surrogate pair is ever split.
///
/// # Errors
/// [`TooLong`].
pub fn encode(text: &str) -> Result<Octets, TooLong> {
    let (alphabet, _) = alphabet::measure(text);
    let (data_coding, parts) = match alphabet {
        Alphabet::Gsm7 => (CODING_DEFAULT, pack(text, gsm_octets, 160, 153)),
        Alphabet::Ucs2 => (CODING_UCS2, pack(text, ucs2_octets, 140, 134)),
    };
    if parts.len() > PARTS_MAX {
        return Err(TooLong { parts: parts.len() });
    }
    Ok(Octets { data_coding, parts })
}

/// The octets of one character, and how many of them count.
type Piece = ([u8; 4], usize);

fn gsm_octets(c: char) -> Piece {
    match alphabet::septets(c) {
        Some((septet, None)) => ([septet, 0, 0, 0], 1),
        Some((escape, Some(septet))) => ([escape, septet, 0, 0], 2),
        // `encode` comes here only with texts that the alphabet has.
        None => ([b'?', 0, 0, 0], 1),
    }
}

fn ucs2_octets(c: char) -> Piece {
    let mut units = [0u16; 2];
    let count = c.encode_utf16(&mut units).len();
    let [[a, b], [c, d]] = units.map(u16::to_be_bytes);
    ([a, b, c, d], count * 2)
}

/// All in one part if that holds `whole` octets, else parts of at most `part`.
fn pack(text: &str, piece: fn(char) -> Piece, whole: usize, part: usize) -> Vec<Vec<u8>> {
    let pieces = || text.chars().map(piece);
    let total: usize = pieces().map(|(_, count)| count).sum();
    let max = if total <= whole { whole } else { part };
    let mut parts = vec![Vec::new()];
    for (octets, count) in pieces() {
        if parts.last().is_some_and(|last| last.len() + count > max) {
            parts.push(Vec::new());
        }
        if let Some(last) = parts.last_mut() {
            last.extend_from_slice(&octets[..count]);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codings_are_read() {
        for (data_coding, octets, text) in [
            (0x00, &b"\x00 caf\x05 \x1b\x65"[..], "@ café €"),
            (0x00, b"caf\xe9", "café"),
            (0x00, b"a\x1b", "a"),
            (0x01, b"a@b_c [1]", "a@b_c [1]"),
            (0x01, b"a\x00b \x05\x1b\x65\n\xe9", "a@b é€\né"),
            (0x03, b"caf\xe9", "café"),
            (0x04, b"\xe9", "é"),
            (0x08, b"\x06\x45\x06\x31", "مر"),
            (0x08, b"\xfe\xff\x00a\x00", "a"),
            (0x08, b"\xd8\x3d\xde\x00", "😀"),
            (0x08, b"\xd8\x3d\x00a", "\u{fffd}a"),
            (0x10, b"\x05", "é"),
            (0x18, b"\x06\x45", "م"),
            (0xc8, b"\x05", "é"),
            (0xe0, b"\x06\x45", "م"),
            (0xf0, b"\x05", "é"),
            (0xf5, b"\xe9", "é"),
        ] {
            assert_eq!(
                decode(data_coding, octets),
                text,
                "{data_coding:#04x} {octets:?}"
            );
        }
    }

    #[test]
    fn parts_have_the_lengths_of_the_air() {
        let repeated = |text: &str, times: usize| text.repeat(times);
        for (text, data_coding, lengths) in [
            (String::new(), 0, vec![0]),
            (repeated("a", 160), 0, vec![160]),
            (repeated("a", 161), 0, vec![153, 8]),
            (repeated("a", 306), 0, vec![153, 153]),
            (repeated("€", 80), 0, vec![160]),
            (repeated("€", 81), 0, vec![152, 10]),
            (repeated("م", 70), 8, vec![140]),
            (repeated("م", 71), 8, vec![134, 8]),
            (repeated("😀", 35), 8, vec![140]),
            (repeated("😀", 36), 8, vec![132, 12]),
            (
                repeated("م", 66) + "😀" + &repeated("م", 9),
                8,
                vec![132, 22],
            ),
        ] {
            let octets = encode(&text).unwrap();
            let found: Vec<usize> = octets.parts.iter().map(Vec::len).collect();
            assert_eq!(
                (octets.data_coding, found),
                (data_coding, lengths),
                "{} characters",
                text.len()
            );
        }
    }

    #[test]
    fn a_text_of_too_many_parts_is_refused() {
        assert!(encode(&"a".repeat(255 * 153)).is_ok());
        assert_eq!(
            encode(&"a".repeat(255 * 153 + 1)).err(),
            Some(TooLong { parts: 256 })
        );
    }

    fn any_gsm() -> impl Strategy<Value = String> {
        let all: Vec<char> = (0..=0xffffu32)
            .filter_map(char::from_u32)
            .filter(|c| alphabet::septets(*c).is_some())
            .collect();
        assert_eq!(all.len(), 137);
        proptest::collection::vec(proptest::sample::select(all), 0..500).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn gsm_texts_come_back(text in any_gsm()) {
            let octets = encode(&text).unwrap();
            prop_assert_eq!(octets.data_coding, CODING_DEFAULT);
            let back: String = octets.parts.iter().map(|part| decode(0, part)).collect();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn every_text_comes_back_part_by_part(text in "[\\PC\n€😀م]{0,400}") {
            let octets = encode(&text).unwrap();
            let max = match (octets.data_coding, octets.parts.len()) {
                (CODING_DEFAULT, 1) => 160,
                (CODING_DEFAULT, _) => 153,
                (_, 1) => 140,
                (_, _) => 134,
            };
            prop_assert!(octets.parts.iter().all(|part| part.len() <= max));
            let back: String = octets.parts.iter().map(|part| decode(octets.data_coding, part)).collect();
            prop_assert_eq!(back, text.replace('\u{feff}', ""));
        }

        #[test]
        fn random_octets_never_panic(data_coding: u8, octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(data_coding, &octets);
        }
    }
}
