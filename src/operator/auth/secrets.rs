//! Living secrets of a rule: one, or two while it is being changed.

use std::fmt;

use ::hmac::{KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// One secret, and a second one while it is being changed: either passes.
#[derive(Clone)]
pub struct Secrets {
    living: Vec<Living>,
}

#[derive(Clone)]
struct Living {
    text: Zeroizing<String>,
    /// Its hash, by which texts of any length are compared in the same time.
    hash: [u8; 32],
}

impl fmt::Debug for Secrets {
    /// Never a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.living.len())
    }
}

impl Secrets {
    /// A secret, and the other one that lives beside it.
    pub fn new(first: &str, other: Option<&str>) -> Self {
        let living = std::iter::once(first)
            .chain(other)
            .map(|text| Living {
                text: Zeroizing::new(text.to_owned()),
                hash: Sha256::digest(text).into(),
            })
            .collect();
        Self { living }
    }

    /// The secrets with something before each, such as a user and a colon.
    pub(super) fn after(&self, before: &str) -> Self {
        let texts: Vec<_> = self
            .living
            .iter()
            .map(|living| Zeroizing::new(format!("{before}{}", *living.text)))
            .collect();
        let living = texts
            .into_iter()
            .map(|text| Living {
                hash: Sha256::digest(text.as_bytes()).into(),
                text,
            })
            .collect();
        Self { living }
    }

    /// Whether it is one of them; the time tells neither which nor how near.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.any(|living| living.hash.ct_eq(&given))
    }

    /// Whether one of them made one of these signatures over these parts.
    pub(super) fn signed<M: Mac + KeyInit>(&self, parts: &[&[u8]], given: &[Vec<u8>]) -> bool {
        self.any(|living| {
            let tag = tag::<M>(living.text.as_bytes(), parts);
            among(&tag, given)
        })
    }

    /// Whether the hash of the parts with one of them behind is one of these.
    pub(super) fn hashed<D: sha2::Digest>(&self, parts: &[&[u8]], given: &[Vec<u8>]) -> bool {
        self.any(|living| {
            let mut hash = D::new();
            for part in parts {
                hash.update(part);
            }
            hash.update(living.text.as_bytes());
            among(&hash.finalize(), given)
        })
    }

    /// Looks at every one of them, whatever the first says.
    fn any(&self, passes: impl Fn(&Living) -> Choice) -> bool {
        self.living
            .iter()
            .fold(Choice::from(0), |any, living| any | passes(living))
            .into()
    }
}

fn among(tag: &[u8], given: &[Vec<u8>]) -> Choice {
    given
        .iter()
        .fold(Choice::from(0), |any, one| any | tag.ct_eq(one))
}

/// The keyed hash of the parts, one behind the other.
fn tag<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key of any length is taken. Were one refused, nothing that is given has no length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_secret_passes_and_none_is_shown() {
        let both = Secrets::new("first secret", Some("other secret"));
        for (given, is) in [
            ("first secret", true),
            ("other secret", true),
            ("first secre", false),
            ("first secret ", false),
            ("", false),
        ] {
            assert_eq!(both.is(given.as_bytes()), is, "{given}");
        }
        assert!(!Secrets::new("first", None).is(b"other"));
        assert!(!format!("{both:?}").contains("secret\""), "{both:?}");
        assert_eq!(format!("{both:?}"), "Secrets(2)");
    }

    #[test]
    fn what_stands_before_belongs_to_it() {
        let basic = Secrets::new("one", Some("two")).after("user:");
        assert!(basic.is(b"user:one") && basic.is(b"user:two"));
        assert!(!basic.is(b"one") && !basic.is(b"user:"));
    }
}
