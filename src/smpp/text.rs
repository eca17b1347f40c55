//! The text of a message and its octets, by data_coding (SMPP 3.4, 5.2.19).
//!
//! GSM 03.38 goes unpacked on this wire, one septet an octet; the operator packs it for the air.

use serde::Deserialize;

use crate::screen::alphabet::{self, Alphabet, ESC};
use crate::screen::halves;

/// data_coding of the GSM default alphabet, as nearly every operator means 0.
pub const CODING_DEFAULT: u8 = 0x00;
/// data_coding of UCS-2.
pub const CODING_UCS2: u8 = 0x08;

/// Parts that a message can have at most: the number of a part is one octet.
pub const PARTS_MAX: usize = 255;

/// Octets that the user data of one message holds on the air (3GPP TS 23.040, 9.2.3.24).
const AIR: usize = 140;

/// What data_coding 0, the operator's default alphabet, means on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultAlphabet {
    /// GSM 03.38, unpacked.
    #[default]
    Gsm,
    /// Latin-1.
    Latin1,
    /// ASCII.
    Ascii,
}

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
    fn of(zero: DefaultAlphabet, data_coding: u8) -> Self {
        match data_coding {
            0x00 => match zero {
                DefaultAlphabet::Gsm => Self::Gsm,
                DefaultAlphabet::Latin1 => Self::Latin1,
                DefaultAlphabet::Ascii => Self::Ia5,
            },
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

/// Whether a data_coding means UCS-2.
pub fn is_ucs2(data_coding: u8) -> bool {
    Coding::of(DefaultAlphabet::Gsm, data_coding) == Coding::Ucs2
}

/// Reads the text of a message, data_coding 0 as the GSM alphabet; see [`decode_as`].
pub fn decode(data_coding: u8, octets: &[u8]) -> String {
    decode_as(DefaultAlphabet::Gsm, data_coding, octets)
}

/// Reads the text of a message. It never fails: half a unit at the end is left out, half a
/// surrogate pair becomes U+FFFD, an octet above 127 in the GSM alphabet is read as Latin-1.
pub fn decode_as(zero: DefaultAlphabet, data_coding: u8, octets: &[u8]) -> String {
    halves::join(&[decode_part(zero, data_coding, octets)])
}

/// Reads the text of one part of a longer message. Half a character at its edges is kept as a mark
/// for [`halves::join`], since the other half is in the part before or after it.
pub fn decode_part(zero: DefaultAlphabet, data_coding: u8, octets: &[u8]) -> String {
    match Coding::of(zero, data_coding) {
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
    let last = (octets.len() / 2).saturating_sub(1);
    let mut text = String::with_capacity(octets.len());
    let mut at = 0;
    for read in char::decode_utf16(units) {
        let (c, units) = match read {
            Ok(c) => (c, c.len_utf16()),
            Err(half) => {
                let unit = half.unpaired_surrogate();
                let at_the_edge = if unit < 0xdc00 { at == last } else { at == 0 };
                let c = if at_the_edge {
                    halves::surrogate(unit)
                } else {
                    char::REPLACEMENT_CHARACTER
                };
                (c, 1)
            }
        };
        at += units;
        if c != '\u{feff}' {
            text.push(c);
        }
    }
    text
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
    if escaped {
        text.push(halves::ESCAPE);
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
    /// Whether it is more than one message on the air holds.
    pub long: bool,
}

/// The text is longer than [`PARTS_MAX`] parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text takes {parts} parts, more than {PARTS_MAX}")]
pub struct TooLong {
    /// How many it would take.
    pub parts: usize,
}

/// How texts are written on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// What data_coding 0 means.
    pub zero: DefaultAlphabet,
    /// The data_coding of texts that the GSM alphabet has. The octets are those of the alphabet
    /// that the value means: 3 makes them Latin-1, for example.
    pub gsm: u8,
    /// The data_coding of all others.
    pub ucs2: u8,
    /// Octets of the header that every part of a longer message has on the air; none where the
    /// operator cuts the text itself, and gets it whole.
    pub header: Option<usize>,
}

impl Default for Writing {
    /// As nearly every operator has it: the GSM alphabet, UCS-2, a header of six octets.
    fn default() -> Self {
        Self {
            zero: DefaultAlphabet::Gsm,
            gsm: CODING_DEFAULT,
            ucs2: CODING_UCS2,
            header: Some(6),
        }
    }
}

/// Writes a text as nearly every operator has it; see [`encode_as`].
///
/// # Errors
/// [`TooLong`].
pub fn encode(text: &str) -> Result<Octets, TooLong> {
    encode_as(text, &Writing::default())
}

/// Writes a text: in the alphabet of the link where that has every character, else in UCS-2. A
/// message of one part holds 160 septets or 70 units; the parts of a longer one 153 or 67, one less
/// where their header has seven octets, and neither an escape pair nor a surrogate pair is ever
/// split. Other alphabets than GSM 03.38 are counted as what they become on the air.
///
/// # Errors
/// [`TooLong`].
pub fn encode_as(text: &str, writing: &Writing) -> Result<Octets, TooLong> {
    let piece = match Coding::of(writing.zero, writing.gsm) {
        Coding::Gsm | Coding::Ucs2 => gsm_piece,
        Coding::Ia5 => ia5_piece,
        Coding::Latin1 => latin1_piece,
    };
    let septets: Option<Vec<Piece>> = text.chars().map(piece).collect();
    let in_units = septets.is_none();
    let (data_coding, pieces) = match septets {
        Some(pieces) => (writing.gsm, pieces),
        None => (writing.ucs2, text.chars().map(ucs2_piece).collect()),
    };
    let room = |octets: usize| {
        if in_units {
            octets & !1
        } else {
            octets * 8 / 7
        }
    };
    let part = writing
        .header
        .map(|header| room(AIR.saturating_sub(header)));
    let long = pieces
        .iter()
        .map(|piece| usize::from(piece.air))
        .sum::<usize>()
        > room(AIR);
    let parts = pack(&pieces, part.filter(|_| long));
    if parts.len() > PARTS_MAX {
        return Err(TooLong { parts: parts.len() });
    }
    Ok(Octets {
        data_coding,
        parts,
        long,
    })
}

/// Writes a text of one piece, however long, with its alphabet: the octets of the GSM alphabet, one
/// septet each, or UCS-2.
pub fn whole(text: &str) -> (Alphabet, Vec<u8>) {
    let gsm: Option<Vec<Piece>> = text.chars().map(gsm_piece).collect();
    let (alphabet, pieces) = match gsm {
        Some(pieces) => (Alphabet::Gsm7, pieces),
        None => (Alphabet::Ucs2, text.chars().map(ucs2_piece).collect()),
    };
    (alphabet, pack(&pieces, None).concat())
}

/// One character: its octets, how many of them count, and what they take on the air.
#[derive(Clone, Copy)]
struct Piece {
    octets: [u8; 4],
    count: u8,
    air: u8,
}

impl Piece {
    fn octet(octet: u8, air: u8) -> Self {
        Self {
            octets: [octet, 0, 0, 0],
            count: 1,
            air,
        }
    }
}

fn gsm_piece(c: char) -> Option<Piece> {
    Some(match alphabet::septets(c)? {
        (septet, None) => Piece::octet(septet, 1),
        (escape, Some(septet)) => Piece {
            octets: [escape, septet, 0, 0],
            count: 2,
            air: 2,
        },
    })
}

fn latin1_piece(c: char) -> Option<Piece> {
    let (_, second) = alphabet::septets(c)?;
    let octet = u8::try_from(c).ok()?;
    Some(Piece::octet(octet, 1 + u8::from(second.is_some())))
}

fn ia5_piece(c: char) -> Option<Piece> {
    // A form feed would be read as a letter of the GSM alphabet.
    latin1_piece(c).filter(|_| matches!(c, ' '..='~' | '\n' | '\r'))
}

fn ucs2_piece(c: char) -> Piece {
    let mut units = [0u16; 2];
    let count = if c.encode_utf16(&mut units).len() == 1 {
        2
    } else {
        4
    };
    let [[a, b], [c, d]] = units.map(u16::to_be_bytes);
    Piece {
        octets: [a, b, c, d],
        count,
        air: count,
    }
}

/// Parts that take at most `max` on the air, or one.
fn pack(pieces: &[Piece], max: Option<usize>) -> Vec<Vec<u8>> {
    let max = max.unwrap_or(usize::MAX);
    let mut parts = vec![Vec::with_capacity(AIR * 8 / 7)];
    let mut taken = 0;
    for piece in pieces {
        let air = usize::from(piece.air);
        if taken + air > max {
            parts.push(Vec::with_capacity(AIR * 8 / 7));
            taken = 0;
        }
        taken += air;
        if let Some(last) = parts.last_mut() {
            last.extend_from_slice(&piece.octets[..usize::from(piece.count)]);
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
    fn what_zero_means_is_a_choice() {
        for (zero, octets, text) in [
            (DefaultAlphabet::Gsm, &b"\x00caf\x05_"[..], "@café§"),
            (DefaultAlphabet::Latin1, b"@caf\xe9_", "@café_"),
            (DefaultAlphabet::Ascii, b"@cafe_", "@cafe_"),
        ] {
            assert_eq!(decode_as(zero, 0, octets), text, "{zero:?}");
        }
        assert_eq!(decode_as(DefaultAlphabet::Latin1, 0xf0, b"\x05"), "é");
    }

    #[test]
    fn texts_are_written_as_the_link_has_them() {
        use DefaultAlphabet::{Ascii, Gsm, Latin1};
        for (zero, gsm, ucs2, text, expected) in [
            (Gsm, 0, 8, "é@€", Some((0, &b"\x05\x00\x1b\x65"[..]))),
            (Gsm, 0xf0, 8, "é", Some((0xf0, b"\x05"))),
            (Gsm, 3, 8, "é@", Some((3, b"\xe9@"))),
            (Gsm, 1, 8, "a@[", Some((1, b"a@["))),
            (Gsm, 1, 8, "é", Some((8, b"\x00\xe9"))),
            (Latin1, 0, 8, "é@", Some((0, b"\xe9@"))),
            (Latin1, 0, 24, "€", Some((24, b"\x20\xac"))),
            // Latin-1 has it, and the air does not.
            (Latin1, 0, 8, "ç", Some((8, b"\x00\xe7"))),
            (Ascii, 0, 8, "a_\n", Some((0, b"a_\n"))),
            (Ascii, 0, 8, "é", Some((8, b"\x00\xe9"))),
            (Ascii, 0, 8, "\u{c}", Some((8, b"\x00\x0c"))),
        ] {
            let writing = Writing {
                zero,
                gsm,
                ucs2,
                header: Some(6),
            };
            let octets = encode_as(text, &writing).ok();
            let found = octets
                .as_ref()
                .map(|octets| (octets.data_coding, &octets.parts[0][..]));
            assert_eq!(found, expected, "{zero:?} {gsm} {text}");
            assert_eq!(
                decode_as(zero, expected.unwrap().0, expected.unwrap().1),
                text
            );
        }
    }

    #[test]
    fn headers_take_their_room() {
        for (header, text, lengths) in [
            (Some(6), "a".repeat(161), vec![153, 8]),
            (Some(7), "a".repeat(161), vec![152, 9]),
            (Some(7), "a".repeat(160), vec![160]),
            (Some(7), "م".repeat(71), vec![132, 10]),
            (None, "a".repeat(161), vec![161]),
            (None, "م".repeat(71), vec![142]),
        ] {
            let octets = encode_as(
                &text,
                &Writing {
                    header,
                    ..Writing::default()
                },
            )
            .unwrap();
            let found: Vec<usize> = octets.parts.iter().map(Vec::len).collect();
            assert_eq!(found, lengths, "{header:?}");
        }
        // A bracket is one octet of Latin-1, and two septets on the air.
        let latin1 = Writing {
            zero: DefaultAlphabet::Latin1,
            ..Writing::default()
        };
        let octets = encode_as(&"[".repeat(81), &latin1).unwrap();
        assert_eq!(
            octets.parts.iter().map(Vec::len).collect::<Vec<_>>(),
            [76, 5]
        );
    }

    #[test]
    fn halves_at_the_edges_of_parts_are_marked() {
        for (data_coding, octets, text) in [
            (8, &b"\x00a\xd8\x3d"[..], "a\u{10d83d}"),
            (8, b"\xde\x00\x00a", "\u{10de00}a"),
            (8, b"\xd8\x3d\x00a", "\u{fffd}a"),
            (8, b"\xd8\x3d", "\u{10d83d}"),
            (8, b"\xde\x00\xd8\x3d\x00a", "\u{10de00}\u{fffd}a"),
            (8, b"\xd8\x3d\xde\x00", "😀"),
            (8, b"\x00a\xde\x00", "a\u{fffd}"),
            (0, b"a\x1b", "a\u{10001b}"),
            (0, b"e\x1b\x1b", "e "),
            (3, b"a\x1b", "a\x1b"),
        ] {
            assert_eq!(
                decode_part(DefaultAlphabet::Gsm, data_coding, octets),
                text,
                "{octets:?}"
            );
        }
        assert_eq!(decode(8, b"\x00a\xd8\x3d"), "a\u{fffd}");
        assert_eq!(decode(8, b"\xde\x00"), "\u{fffd}");
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
