//! The alphabets of short messages: GSM 7-bit default alphabet with its extension (3GPP TS 23.038,
//! 6.2.1), one octet per septet as SMPP carries it, and UCS-2 (UTF-16, big end first).

/// The 128 characters of the default alphabet in order; `\u{1b}` stands at its own place.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// What follows the escape octet.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1b;

/// An alphabet on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alphabet {
    /// `data_coding` 0.
    Gsm7,
    /// `data_coding` 8.
    Ucs2,
}

impl Alphabet {
    /// The alphabet that a phone sends a text in: GSM 7-bit if all of it fits, else UCS-2.
    pub fn of(text: &str) -> Self {
        if gsm7(text).is_some() {
            Self::Gsm7
        } else {
            Self::Ucs2
        }
    }

    /// `data_coding` (SMPP 3.4, 5.2.19).
    pub fn data_coding(self) -> u8 {
        match self {
            Self::Gsm7 => 0,
            Self::Ucs2 => 8,
        }
    }

    /// The alphabet of a `data_coding`, or nothing where it is none of the two. 0x0F and 0x48 are
    /// those of USSD (3GPP TS 23.038, 5), which some operators want there.
    pub fn of_coding(data_coding: u8) -> Option<Self> {
        match data_coding {
            0 | 0x0f => Some(Self::Gsm7),
            8 | 0x48 => Some(Self::Ucs2),
            _ => None,
        }
    }

    /// The octets of a message that fits one part, and of a part of a longer one beside a header
    /// of so many octets.
    fn limits(self, header: usize) -> (usize, usize) {
        match self {
            // 140 octets hold 160 septets; the first septet begins behind the header's last bit.
            Self::Gsm7 => (160, (140 - header) * 8 / 7),
            Self::Ucs2 => (140, (140 - header) / 2 * 2),
        }
    }

    /// The text as the octets of its parts: one, or several that each leave room for a header of
    /// so many octets. No part ends within a character.
    pub fn parts(self, text: &str, header: usize) -> Vec<Vec<u8>> {
        let characters: Vec<Vec<u8>> = text.chars().map(|c| self.character(c)).collect();
        let (whole, part) = self.limits(header);
        let total: usize = characters.iter().map(Vec::len).sum();
        if total <= whole {
            return vec![characters.concat()];
        }
        let mut parts = vec![Vec::new()];
        for character in characters {
            let full = parts
                .last()
                .is_none_or(|last| last.len() + character.len() > part);
            if full {
                parts.push(Vec::new());
            }
            if let Some(last) = parts.last_mut() {
                last.extend(character);
            }
        }
        parts
    }

    fn character(self, c: char) -> Vec<u8> {
        match self {
            Self::Gsm7 => gsm7_character(c).unwrap_or_else(|| vec![b'?']),
            Self::Ucs2 => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .flat_map(|unit| unit.to_be_bytes())
                .collect(),
        }
    }

    /// Reads octets; `None` where they are not of this alphabet.
    pub fn read(self, octets: &[u8]) -> Option<String> {
        match self {
            Self::Gsm7 => read_gsm7(octets),
            Self::Ucs2 => {
                let (units, rest) = octets.as_chunks::<2>();
                let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
                let text: Result<String, _> = char::decode_utf16(units).collect();
                text.ok().filter(|_| rest.is_empty())
            }
        }
    }
}

/// Septets of a text in the GSM alphabet, or nothing where it has others.
pub fn septets(text: &str) -> Option<usize> {
    gsm7(text).map(|octets| octets.len())
}

fn gsm7_character(c: char) -> Option<Vec<u8>> {
    if let Some((octet, _)) = EXTENSION.iter().find(|(_, extended)| *extended == c) {
        return Some(vec![ESCAPE, *octet]);
    }
    let at = BASIC.chars().position(|basic| basic == c)?;
    u8::try_from(at)
        .ok()
        .filter(|octet| *octet != ESCAPE)
        .map(|octet| vec![octet])
}

fn gsm7(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(gsm7_character)
        .collect::<Option<Vec<_>>>()
        .map(|octets| octets.concat())
}

fn read_gsm7(octets: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        if octet == ESCAPE {
            let extended = octets.next()?;
            // 6.2.1.1: a code that is not in the extension is shown as in the main table.
            let c = EXTENSION
                .iter()
                .find(|(code, _)| *code == extended)
                .map(|(_, c)| *c)
                .or_else(|| BASIC.chars().nth(usize::from(extended)))?;
            text.push(c);
        } else {
            text.push(BASIC.chars().nth(usize::from(octet))?);
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_table_stands_as_in_the_specification() {
        assert_eq!(BASIC.chars().count(), 128);
        // Corners of the table of 6.2.1, written down by hand.
        let table = [
            (0x00, '@'),
            (0x05, 'é'),
            (0x09, 'Ç'),
            (0x0a, '\n'),
            (0x10, 'Δ'),
            (0x1f, 'É'),
            (0x20, ' '),
            (0x24, '¤'),
            (0x3f, '?'),
            (0x40, '¡'),
            (0x5a, 'Z'),
            (0x5f, '§'),
            (0x60, '¿'),
            (0x7a, 'z'),
            (0x7f, 'à'),
        ];
        for (octet, c) in table {
            assert_eq!(
                Alphabet::Gsm7.read(&[octet]),
                Some(c.to_string()),
                "{octet:#x}"
            );
            assert_eq!(Alphabet::Gsm7.parts(&c.to_string(), 6), [[octet]]);
        }
    }

    #[test]
    fn which_alphabet() {
        let table = [
            ("TNS BE740215", Alphabet::Gsm7),
            ("été à l'école [5€]", Alphabet::Gsm7),
            ("garçon", Alphabet::Ucs2),
            ("مساعدة", Alphabet::Ucs2),
            ("", Alphabet::Gsm7),
        ];
        for (text, expected) in table {
            let alphabet = Alphabet::of(text);
            assert_eq!(alphabet, expected, "{text}");
            let octets: Vec<u8> = alphabet.parts(text, 6).concat();
            assert_eq!(alphabet.read(&octets).as_deref(), Some(text));
        }
    }

    #[test]
    fn how_many_parts() {
        let table = [
            ("a".repeat(160), vec![160]),
            ("a".repeat(161), vec![153, 8]),
            ("a".repeat(306), vec![153, 153]),
            ("a".repeat(307), vec![153, 153, 1]),
            // The escape and what follows it stay together.
            (
                format!("{}€{}", "a".repeat(152), "b".repeat(10)),
                vec![152, 12],
            ),
            ("ب".repeat(70), vec![140]),
            ("ب".repeat(71), vec![134, 8]),
            // A pair of surrogates stays together.
            (
                format!("{}😀{}", "ب".repeat(66), "ب".repeat(10)),
                vec![132, 24],
            ),
        ];
        for (text, lengths) in table {
            let parts = Alphabet::of(&text).parts(&text, 6);
            assert_eq!(
                parts.iter().map(Vec::len).collect::<Vec<_>>(),
                lengths,
                "{text}"
            );
        }
    }

    #[test]
    fn octets_of_no_text() {
        assert_eq!(Alphabet::Gsm7.read(&[0x80]), None);
        assert_eq!(Alphabet::Gsm7.read(&[ESCAPE]), None);
        assert_eq!(Alphabet::Ucs2.read(&[0x06]), None);
        assert_eq!(Alphabet::Ucs2.read(&[0xd8, 0x3d]), None);
    }
}
