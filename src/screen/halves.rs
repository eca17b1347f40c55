//! Texts of parts that were cut through the middle of a character.
//!
//! A peer that cuts a long message by octets may part a surrogate pair (UTF-16) or an escape pair
//! (GSM 7-bit). Each part is read alone and may wait for the others in the ledger, so a half at its
//! edge is kept as a mark of its own, and [`join`] makes the character whole.

use crate::screen::alphabet::{ESC, character, septets};

/// The marks of surrogates are U+10D800 to U+10DFFF, in the last plane of private use, where no
/// phone has a character.
const SURROGATES: u32 = 0x10_0000;

/// The mark of an ESC whose septet is in the next part.
pub const ESCAPE: char = '\u{10001b}';

/// The mark of one half of a surrogate pair; U+FFFD for any other unit.
pub fn surrogate(unit: u16) -> char {
    Some(unit)
        .filter(|unit| (0xd800..=0xdfff).contains(unit))
        .and_then(|unit| char::from_u32(SURROGATES | u32::from(unit)))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Which half a mark stands for: the first of a surrogate pair …
fn leading(c: char) -> Option<u16> {
    unit(c).filter(|unit| *unit < 0xdc00)
}

/// … or the second.
fn trailing(c: char) -> Option<u16> {
    unit(c).filter(|unit| *unit >= 0xdc00)
}

fn unit(c: char) -> Option<u16> {
    let number = u32::from(c);
    (SURROGATES | 0xd800..=SURROGATES | 0xdfff)
        .contains(&number)
        .then_some((number & 0xffff) as u16)
}

/// Puts the parts of a message together, in order. Halves that meet become their character; half a
/// surrogate pair that meets nothing becomes U+FFFD, and an ESC at the very end nothing.
pub fn join(parts: &[String]) -> String {
    let mut whole = String::with_capacity(parts.iter().map(String::len).sum());
    let mut open: Option<char> = None;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            match open.take() {
                Some(ESCAPE) => escaped(first, &mut whole),
                Some(left) => match pair(left, first) {
                    Some(c) => whole.push(c),
                    None => {
                        whole.push(char::REPLACEMENT_CHARACTER);
                        chars = part.chars();
                    }
                },
                None => chars = part.chars(),
            }
        }
        let mut rest = chars.as_str();
        if let Some(first) = rest.chars().next().filter(|c| trailing(*c).is_some()) {
            whole.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[first.len_utf8()..];
        }
        let last = rest.chars().next_back();
        if let Some(last) = last.filter(|c| *c == ESCAPE || leading(*c).is_some()) {
            open = Some(last);
            rest = &rest[..rest.len() - last.len_utf8()];
        }
        whole.push_str(rest);
    }
    if open.is_some_and(|c| c != ESCAPE) {
        whole.push(char::REPLACEMENT_CHARACTER);
    }
    whole
}

fn pair(left: char, right: char) -> Option<char> {
    let units = [leading(left)?, trailing(right)?];
    char::decode_utf16(units).next()?.ok()
}

/// Reads the first character of a part again, now that an ESC is known to stand before it.
fn escaped(first: char, whole: &mut String) {
    if first == ESCAPE {
        whole.extend(character(ESC, true));
        return;
    }
    match septets(first) {
        Some((septet, None)) => whole.push(character(septet, true).unwrap_or(first)),
        // Two ESC in a row, and then a septet without one.
        Some((_, Some(septet))) => {
            whole.extend(character(ESC, true));
            whole.extend(character(septet, false));
        }
        None => whole.push(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH: &str = "\u{10d83d}";
    const LOW: &str = "\u{10de00}";
    const ESC: &str = "\u{10001b}";

    #[test]
    fn halves_become_whole() {
        for (parts, whole) in [
            (&["a", "b"][..], "ab"),
            (&[], ""),
            (&[&format!("a{HIGH}"), &format!("{LOW}b")], "a😀b"),
            (&[HIGH, LOW], "😀"),
            (&[HIGH, &format!("{LOW}{HIGH}"), LOW], "😀😀"),
            (&[HIGH, "", LOW], "😀"),
            (&[HIGH, "b"], "\u{fffd}b"),
            (&["a", LOW], "a\u{fffd}"),
            (&[LOW, HIGH], "\u{fffd}\u{fffd}"),
            (&[HIGH, HIGH, LOW], "\u{fffd}😀"),
            (&[&format!("10 {ESC}"), "e."], "10 €."),
            (&[ESC, "é"], "é"),
            (&[ESC, "€"], " e"),
            (&[ESC, ESC, "e"], " e"),
            (&[ESC, "م"], "م"),
            (&["a", ESC], "a"),
        ] {
            let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(join(&parts), whole, "{parts:?}");
        }
    }

    #[test]
    fn only_surrogates_have_marks() {
        for (unit, mark) in [
            (0xd800, '\u{10d800}'),
            (0xdfff, '\u{10dfff}'),
            (0xd7ff, '\u{fffd}'),
            (0xe000, '\u{fffd}'),
            (0x0041, '\u{fffd}'),
        ] {
            assert_eq!(surrogate(unit), mark, "{unit:#x}");
        }
    }
}
