//! Temporary passwords: how they are made and how they are shown. Storing and sending them is the
//! ledger's.

use crate::clock::Chance;

/// The characters of a temporary password: capitals and digits without those that are taken for
/// one another on a small screen (0 and O, 1 and I and L, 2 and Z, 5 and S, 8 and B). There are 25,
/// so twelve of them hold 55 bits, for a password that lives 24 hours and is used once.
const ALPHABET: &[u8; 25] = b"ACDEFGHJKMNPQRTUVWXY34679";

/// How many characters a temporary password has.
pub const LENGTH: usize = 12;

/// The largest multiple of the alphabet's size that fits a byte: bytes from here on are thrown
/// away, or the first characters of the alphabet would come more often.
const FAIR: u8 = 250;

/// How many rounds of random bytes are drawn. Each of 16 bytes yields 15 characters on average;
/// that 64 of them together yield fewer than twelve does not happen with a working source.
const ROUNDS_MAX: usize = 64;

/// Makes a temporary password of [`LENGTH`] characters.
///
/// # Panics
/// If the source of chance gives only bytes from 250 upwards, 1,024 times in a row: it is broken,
/// and no password may be made with it.
pub fn temporary_password(chance: &dyn Chance) -> String {
    let mut password = String::with_capacity(LENGTH);
    for _ in 0..ROUNDS_MAX {
        let mut bytes = [0; 16];
        chance.fill(&mut bytes);
        for byte in bytes.into_iter().filter(|byte| *byte < FAIR) {
            let character = char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
            // A number at the beginning would stand at the other end of a right-to-left line.
            if password.is_empty() && character.is_ascii_digit() {
                continue;
            }
            password.push(character);
            if password.len() == LENGTH {
                return password;
            }
        }
    }
    panic!("the source of chance is broken: 1,024 bytes and none of them below {FAIR}");
}

/// The password in groups of four, `ACDE FGHJ KMNP`. The groups stand between spaces: a dash would
/// make right-to-left text show them in the wrong order, and a space only does the same inside a
/// right-to-left line, so the text that holds the password gives it a line of its own.
pub fn shown(password: &str) -> String {
    let mut text = String::with_capacity(password.len() + password.len() / 4);
    for (at, character) in password.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Counts through all bytes, again and again.
    struct Counting(AtomicU8);

    impl Chance for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    #[test]
    fn a_password_is_made_of_the_bytes_that_come() {
        for (first, expected) in [
            (0, "ACDEFGHJKMNP"),
            // A number does not come first.
            (24, "ACDEFGHJKMNP"),
            // 250 to 255 are passed over.
            (249, "ACDEFGHJKMNP"),
            (244, "Y34679ACDEFG"),
        ] {
            assert_eq!(
                temporary_password(&Counting(AtomicU8::new(first))),
                expected,
                "from {first}"
            );
        }
    }

    #[test]
    fn every_character_is_as_likely_as_the_others() {
        let chance = Counting(AtomicU8::new(0));
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..25 * 1000 {
            // The first one is a letter; all of them are possible from the second on.
            for character in temporary_password(&chance).chars().skip(1) {
                *seen.entry(character).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(seen.len(), 25);
        // The rest of a round of 16 bytes is thrown away, which shifts single counts a little.
        assert!(
            seen.values().all(|count| (7_500..15_500).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn no_two_characters_are_taken_for_one_another() {
        for pair in ["0O", "1I", "1L", "IL", "2Z", "5S", "8B"] {
            let both = pair.bytes().all(|character| ALPHABET.contains(&character));
            assert!(!both, "{pair}");
        }
        assert!(
            ALPHABET
                .iter()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        );
    }

    #[test]
    fn it_is_shown_in_groups_of_four() {
        assert_eq!(shown("ACDEFGHJKMNP"), "ACDE FGHJ KMNP");
        assert_eq!(shown(""), "");
    }
}
