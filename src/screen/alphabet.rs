//! The two alphabets of USSD and SMS: what a text costs, and how it is brought within the cheap
//! one.

use std::borrow::Cow;

/// How a text goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alphabet {
    /// GSM 7-bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1).
    Gsm7,
    /// UCS-2, in practice UTF-16: surrogate pairs are kept together.
    Ucs2,
}

/// The septet that announces one of the extension table (3GPP TS 23.038, 6.2.1).
pub const ESC: u8 = 0x1b;

/// The default alphabet by septet (3GPP TS 23.038, 6.2.1), sixteen a line. The no-break space
/// stands where ESC is, which stands for no character.
#[rustfmt::skip]
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{a0}', 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table (3GPP TS 23.038, 6.2.1.1): the septet after ESC, and its character.
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

/// What [`fold`] writes for characters that are not in the table or not to be relied on: every
/// character of the first string becomes the second. Some phones draw ç for Ç, hence C.
const FOLDS: [(&str, &str); 32] = [
    ("áâãā", "a"),
    ("ÀÁÂÃĀ", "A"),
    ("ç", "c"),
    ("Ç", "C"),
    ("êëē", "e"),
    ("ÈÊËĒ", "E"),
    ("íîï", "i"),
    ("ÌÍÎÏ", "I"),
    ("óôõ", "o"),
    ("ÒÓÔÕ", "O"),
    ("úû", "u"),
    ("ÙÚÛ", "U"),
    ("ýÿ", "y"),
    ("ÝŸ", "Y"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("«»“”„‟″", "\""),
    ("‘’‚‛‹›′ʼʻʾʿ`´", "'"),
    ("‐‑‒–—―−•·●▪", "-"),
    ("…", "..."),
    (
        "\t\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}",
        " ",
    ),
    ("\u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}", " "),
    // Marks that have no picture: direction, joining, and hyphenation.
    (
        "\u{ad}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2060}\u{feff}\u{61c}",
        "",
    ),
    (
        "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}",
        "",
    ),
    ("°º", "o"),
    ("ª", "a"),
    ("²", "2"),
    ("³", "3"),
    ("×", "x"),
    ("،", ","),
    ("؛", ";"),
    ("؟", "?"),
];

/// Marks that combine with the letter before them, and what they make of it where that is in the
/// table; elsewhere the mark is dropped.
const COMBINED: [(char, &str, &str); 4] = [
    ('\u{300}', "aeiou", "àèìòù"),
    ('\u{301}', "eE", "éÉ"),
    ('\u{303}', "nN", "ñÑ"),
    ('\u{308}', "aouAOU", "äöüÄÖÜ"),
];

/// The characters up to U+00FF by their septet: of the default alphabet as it is, of the extension
/// table with [`ESCAPED`]; [`NONE`] where there is none.
const LOW: [u8; 256] = {
    let mut low = [NONE; 256];
    let mut code = 0;
    while code < DEFAULT.len() {
        let c = DEFAULT[code] as usize;
        if c < low.len() && code != ESC as usize {
            low[c] = code as u8;
        }
        code += 1;
    }
    let mut at = 0;
    while at < EXTENSION.len() {
        let (code, c) = EXTENSION[at];
        if (c as usize) < low.len() {
            low[c as usize] = ESCAPED | code;
        }
        at += 1;
    }
    low
};

/// The mark of the extension table in [`LOW`].
const ESCAPED: u8 = 0x80;
/// No septet: one of the extension table that there is not.
const NONE: u8 = 0xff;

/// The septets of a character: one, or [`ESC`] and one of the extension table. `None` when the
/// GSM 7-bit alphabet does not have it.
pub fn septets(c: char) -> Option<(u8, Option<u8>)> {
    if let Ok(low) = u8::try_from(c) {
        return match LOW[usize::from(low)] {
            NONE => None,
            code if code & ESCAPED != 0 => Some((ESC, Some(code & !ESCAPED))),
            code => Some((code, None)),
        };
    }
    let plain = (0u8..)
        .zip(DEFAULT)
        .find(|&(code, entry)| entry == c && code != ESC);
    if let Some((code, _)) = plain {
        return Some((code, None));
    }
    EXTENSION
        .iter()
        .find(|(_, entry)| *entry == c)
        .map(|(code, _)| (ESC, Some(*code)))
}

/// The character of a septet, `escaped` when it follows an [`ESC`]. `None` for a lone ESC and for
/// values above 127. An escaped septet that the extension table lacks reads as the one of the
/// default alphabet, and a second ESC as a space (3GPP TS 23.038, 6.2.1.1).
pub fn character(septet: u8, escaped: bool) -> Option<char> {
    if escaped {
        if septet == ESC {
            return Some(' ');
        }
        if let Some((_, c)) = EXTENSION.iter().find(|(code, _)| *code == septet) {
            return Some(*c);
        }
    }
    DEFAULT
        .get(usize::from(septet))
        .copied()
        .filter(|_| septet != ESC)
}

/// What a text takes: septets of GSM 7-bit where it has every character, else units of UTF-16.
pub fn measure(text: &str) -> (Alphabet, usize) {
    match cost(text, Alphabet::Gsm7) {
        Some(septets) => (Alphabet::Gsm7, septets),
        None => (Alphabet::Ucs2, text.encode_utf16().count()),
    }
}

/// What a text takes in an alphabet; `None` where GSM 7-bit lacks one of its characters.
pub fn cost(text: &str, alphabet: Alphabet) -> Option<usize> {
    match alphabet {
        Alphabet::Gsm7 => {
            let mut cost = 0;
            for c in text.chars() {
                let (_, second) = septets(c)?;
                cost += 1 + usize::from(second.is_some());
            }
            Some(cost)
        }
        Alphabet::Ucs2 => Some(text.encode_utf16().count()),
    }
}

/// How many parts a text takes as SMS: 160/153 septets, 70/67 units.
pub fn sms_parts(text: &str) -> usize {
    let (alphabet, cost) = measure(text);
    let (single, each) = match alphabet {
        Alphabet::Gsm7 => (160, 153),
        Alphabet::Ucs2 => (70, 67),
    };
    if cost <= single {
        1
    } else {
        cost.div_ceil(each)
    }
}

/// Brings a Latin text within GSM 7-bit: é è à ù and all others of the table stay, the rest loses
/// its accents, quotes and dashes become straight.
///
/// A text that has anything beyond that, such as Arabic letters, goes out as UCS-2 in any case, so
/// that nothing would be won: it is only [`tidy`]ed. Arabic words are never written in Latin
/// letters.
pub fn fold(text: &str) -> String {
    fold_latin(text).unwrap_or_else(|| tidy(text))
}

/// What [`fold`] makes of a text that GSM 7-bit can carry afterwards; `None` for all others.
pub fn fold_latin(text: &str) -> Option<String> {
    let mut folded = String::with_capacity(text.len());
    for c in line_ends(text).chars() {
        // Most of a text stays as it is.
        if c == '\n' || (matches!(c, ' '..='~') && c != '`') {
            folded.push(c);
        } else if let Some((_, from, to)) = COMBINED.iter().find(|(mark, ..)| *mark == c)
            && let Some(base) = folded.pop()
        {
            folded.push(
                from.chars()
                    .zip(to.chars())
                    .find(|(f, _)| *f == base)
                    .map_or(base, |(_, t)| t),
            );
        } else if let Some((_, to)) = FOLDS.iter().find(|(from, _)| from.contains(c)) {
            folded.push_str(to);
        } else if matches!(c, '\u{300}'..='\u{36f}') || (c.is_control() && c != '\n') {
        } else if let Some(digit) = arabic_digit(c) {
            folded.push(digit);
        } else if septets(c).is_some() {
            folded.push(c);
        } else if is_latin(c) {
            let ascii = any_ascii::any_ascii_char(c);
            cost(ascii, Alphabet::Gsm7)?;
            folded.push_str(ascii);
        } else {
            return None;
        }
    }
    Some(folded)
}

/// The changes that no reader sees: line ends as `\n`, every kind of space as the common one, no
/// control characters and none of the invisible marks that phones draw as boxes. Marks of joining
/// and direction stay, since Arabic may need them.
pub fn tidy(text: &str) -> String {
    let lines = line_ends(text);
    let kept = lines.chars().filter_map(|c| match c {
        '\n' => Some('\n'),
        '\t' => Some(' '),
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => None,
        c if c.is_control() => None,
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    });
    kept.collect()
}

/// Every line end as `\n`.
fn line_ends(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

/// Whether it is a Latin letter that the table may lack.
fn is_latin(c: char) -> bool {
    c.is_alphabetic()
        && matches!(c, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}'
            | '\u{a722}'..='\u{a7ff}' | '\u{fb00}'..='\u{fb06}' | '\u{ff21}'..='\u{ff5a}')
}

/// The ASCII digit of an Arabic-Indic or Extended Arabic-Indic one.
fn arabic_digit(c: char) -> Option<char> {
    let value = match c {
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660,
        '\u{6f0}'..='\u{6f9}' => u32::from(c) - 0x6f0,
        _ => return None,
    };
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_septet_comes_back() {
        for code in 0..128u8 {
            if code != ESC {
                let c = character(code, false).unwrap_or('\0');
                assert_eq!(septets(c), Some((code, None)), "{code:#04x} {c:?}");
            }
        }
        for (code, c) in EXTENSION {
            assert_eq!(septets(c), Some((ESC, Some(code))), "{c:?}");
            assert_eq!(character(code, true), Some(c));
        }
    }

    #[test]
    fn what_is_no_character() {
        assert_eq!(character(ESC, false), None);
        assert_eq!(character(128, false), None);
        assert_eq!(character(255, true), None);
        assert_eq!(character(ESC, true), Some(' '));
        assert_eq!(character(b'a', true), Some('a'));
        assert_eq!(septets('\u{a0}'), None);
        assert_eq!(septets('ç'), None);
        assert_eq!(septets('`'), None);
    }

    #[test]
    fn costs() {
        use Alphabet::{Gsm7, Ucs2};
        for (text, alphabet, cost) in [
            ("", Gsm7, 0),
            ("Début @£ ñ", Gsm7, 10),
            ("10 € [a]", Gsm7, 11),
            ("\\^{}[~]|€\u{c}", Gsm7, 20),
            ("reçu", Ucs2, 4),
            ("مرحبا 1", Ucs2, 7),
            ("😀", Ucs2, 2),
        ] {
            assert_eq!(measure(text), (alphabet, cost), "{text:?}");
        }
    }

    #[test]
    fn parts_of_a_message() {
        for (text, parts) in [
            ("", 1),
            (&"a".repeat(160), 1),
            (&"a".repeat(161), 2),
            (&"a".repeat(307), 3),
            (&"م".repeat(70), 1),
            (&"م".repeat(71), 2),
            (&"م".repeat(135), 3),
        ] {
            assert_eq!(
                sms_parts(text),
                parts,
                "{} characters",
                text.chars().count()
            );
        }
    }

    #[test]
    fn french_folds() {
        for (text, folded) in [
            (
                "Numéro à vérifier, où ? Être là-bas, déjà très tôt.",
                "Numéro à vérifier, où ? Etre là-bas, déjà très tot.",
            ),
            ("Reçu : ça coûte 10 €", "Recu : ca coute 10 €"),
            (
                "Ça, naïve, Noël, cœur, ŒUVRE, île",
                "Ca, naive, Noel, coeur, OEUVRE, ile",
            ),
            ("À Ù È Ê É Ç", "A U E E É C"),
            ("« l’été » “a” – b — c…", "\" l'été \" \"a\" - b - c..."),
            ("12\u{a0}345\u{202f}DH", "12 345 DH"),
            ("N° 5, 1ª, m²", "No 5, 1a, m2"),
            ("Młody Šimić ﬁn ḥammam", "Mlody Simic fin hammam"),
            ("e\u{301}te\u{301} a\u{300} o\u{302} n\u{303}", "été à o ñ"),
            ("٠١٢۳ 5", "0123 5"),
            ("a\r\nb\tc\u{7}\u{200e}\rd", "a\nb c\nd"),
            ("\u{301}a", "a"),
            ("Ω ñ ß Ä [x] €", "Ω ñ ß Ä [x] €"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
            assert_eq!(measure(folded).0, Alphabet::Gsm7, "{folded:?}");
            assert_eq!(fold(folded), folded, "again");
        }
    }

    #[test]
    fn arabic_is_left_alone() {
        for (text, folded) in [
            ("مرحبا بك، كم؟ «نعم» …", "مرحبا بك، كم؟ «نعم» …"),
            ("رقم ٠٦١٢", "رقم ٠٦١٢"),
            ("1 العربية\n2 Français", "1 العربية\n2 Français"),
            ("أ\u{a0}ب\r\nج\u{feff}", "أ ب\nج"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("ⴰⵣⵓⵍ", "ⴰⵣⵓⵍ"),
            ("été 😀 ô", "été 😀 ô"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }
}
