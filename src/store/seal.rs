//! Sealing and keyed hashes: what stands between a stolen database file and the people in it.
//!
//! A sealed value is one byte of key version, 24 bytes of nonce, and the XChaCha20-Poly1305 text
//! with its tag. Table, row, column and key version are associated data, so that a value cannot be
//! moved to another place. Keyed hashes (HMAC-SHA-256) use a key of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Mark, StoreError};
use crate::clock::Chance;

const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
/// Version, nonce and tag of a sealed value.
pub const OVERHEAD: usize = 1 + NONCE_LEN + 16;

type Key = Zeroizing<[u8; KEY_LEN]>;

/// Where a sealed value stands; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// What identifies the row within its table.
    pub row: &'a [u8],
}

/// The keys of a ledger, which live outside the database.
pub struct Keys {
    /// By version; the highest one seals, every one opens.
    seal: BTreeMap<u8, Key>,
    index: Key,
}

impl fmt::Debug for Keys {
    /// Never a byte of a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Why a keys file cannot be used. It names the line and the mend, never the content.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read or written.
    #[error("keys file {path}: {error}; check the path and who may read it")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is there already: keys are never overwritten, they would take the ledger with them.
    #[error(
        "keys file {path}: it is there already and is never overwritten; choose another name, or keep it"
    )]
    Exists {
        /// The file.
        path: String,
    },
    /// A line is not a key.
    #[error(
        "keys file {path}, line {line}: {fault}; a line is `index:` or a version from 1 to 255 and `:`, then 64 hex digits"
    )]
    Line {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A key is missing.
    #[error("keys file {path}: {what} is missing; restore the file from its backup")]
    Missing {
        /// The file.
        path: String,
        /// Which one.
        what: &'static str,
    },
}

impl Keys {
    /// Reads a keys file: lines `version:hex` and one `index:hex`, 64 hex digits each; empty lines
    /// and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`KeysError`], with the line.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| KeysError::File {
                path: shown.clone(),
                error,
            })?;
        Self::read(&shown, &text)
    }

    /// Makes a keys file with fresh keys, mode 0600, and reads it back.
    ///
    /// # Errors
    /// [`KeysError::Exists`] when there is one; nothing is overwritten.
    pub fn create(path: &Path, chance: &dyn Chance) -> Result<Self, KeysError> {
        let shown = path.display().to_string();
        let (mut index, mut first) = (Key::default(), Key::default());
        chance.fill(&mut *index);
        chance.fill(&mut *first);
        let text = Zeroizing::new(format!(
            "# Keys of the ledger. Without this file nothing in it can be read: keep a backup elsewhere.\nindex:{}\n1:{}\n",
            *to_hex(&index),
            *to_hex(&first)
        ));

        let written = write_whole(path, text.as_bytes());
        match written {
            Ok(()) => Self::read(&shown, &text),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(KeysError::Exists { path: shown })
            }
            Err(error) => Err(KeysError::File { path: shown, error }),
        }
    }

    /// Fixed keys that anybody can read here: for tests and nothing else.
    pub fn for_testing() -> Self {
        Self {
            seal: BTreeMap::from([(1, Key::new([7; KEY_LEN]))]),
            index: Key::new([9; KEY_LEN]),
        }
    }

    fn read(path: &str, text: &str) -> Result<Self, KeysError> {
        let (mut seal, mut index) = (BTreeMap::new(), None);
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let fault = |fault| KeysError::Line {
                path: path.to_owned(),
                line: at + 1,
                fault,
            };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hex) = line
                .split_once(':')
                .ok_or_else(|| fault("there is no `:`"))?;
            let key = from_hex(hex.trim()).ok_or_else(|| fault("the key is not 64 hex digits"))?;
            let twice = match name.trim() {
                "index" => index.replace(key).is_some(),
                number => {
                    let version: u8 = number
                        .parse()
                        .map_err(|_| fault("the version is not a number from 1 to 255"))?;
                    if version == 0 {
                        return Err(fault("the version is not a number from 1 to 255"));
                    }
                    seal.insert(version, key).is_some()
                }
            };
            if twice {
                return Err(fault("this key is there twice"));
            }
        }
        if seal.is_empty() {
            return Err(KeysError::Missing {
                path: path.to_owned(),
                what: "a sealing key (`1:…`)",
            });
        }
        let index = index.ok_or_else(|| KeysError::Missing {
            path: path.to_owned(),
            what: "the index key (`index:…`)",
        })?;
        Ok(Self { seal, index })
    }

    /// Seals `plain` for its place with the newest key.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] for a value of more than 256 GiB, which no caller has.
    pub fn seal(
        &self,
        place: Place<'_>,
        plain: &[u8],
        chance: &dyn Chance,
    ) -> Result<Vec<u8>, StoreError> {
        let failed = StoreError::Sealed { table: place.table };
        let Some((version, key)) = self.seal.last_key_value() else {
            return Err(failed);
        };
        let mut nonce = [0_u8; NONCE_LEN];
        chance.fill(&mut nonce);
        let cipher = XChaCha20Poly1305::new((&**key).into());
        let payload = Payload {
            msg: plain,
            aad: &associated(place, *version),
        };
        let Ok(text) = cipher.encrypt(&XNonce::from(nonce), payload) else {
            return Err(failed);
        };
        let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
        sealed.push(*version);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when the key is another or missing, the place is another, or the
    /// bytes are damaged.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let plain = || {
            let (version, rest) = sealed.split_first()?;
            let key = self.seal.get(version)?;
            let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
            let cipher = XChaCha20Poly1305::new((&**key).into());
            let payload = Payload {
                msg: text,
                aad: &associated(place, *version),
            };
            cipher.decrypt(&XNonce::from(*nonce), payload).ok()
        };
        plain()
            .map(Zeroizing::new)
            .ok_or(StoreError::Sealed { table: place.table })
    }

    /// The keyed hash of `parts`, each with its length; hashes of different purposes never meet.
    pub fn mark(&self, purpose: &str, parts: &[&[u8]]) -> Mark {
        // A key of 32 bytes is always taken; HMAC takes any length.
        let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*self.index) else {
            return [0; 32];
        };
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Compares two keyed hashes in constant time.
pub fn same(one: &[u8], two: &[u8]) -> bool {
    one.ct_eq(two).into()
}

/// Table, column and row, each with its length, and the key version.
fn associated(place: Place<'_>, version: u8) -> Vec<u8> {
    let mut bytes = vec![version];
    for part in [place.table.as_bytes(), place.column.as_bytes(), place.row] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn to_hex(key: &Key) -> Zeroizing<String> {
    let digits = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(digits[usize::from(nibble & 15)]);
    Zeroizing::new(
        key.iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
            .collect(),
    )
}

fn from_hex(text: &str) -> Option<Key> {
    let nibble = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_LEN || !rest.is_empty() {
        return None;
    }
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(pairs) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(key)
}

/// Makes a private file with this content, which is there whole or not at all, whenever the power goes.
/// One that is there is not touched.
fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if path.exists() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    let linked = match std::fs::hard_link(&new, path) {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported && !path.exists() => {
            return std::fs::rename(&new, path);
        }
        linked => linked,
    };
    std::fs::remove_file(&new)?;
    linked?;
    // Its name has to be on the disk as well.
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => std::fs::File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    struct Fixed(u8);
    impl Chance for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const HERE: Place<'static> = Place {
        table: "outbox",
        column: "content",
        row: b"row one",
    };
    const A: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
    const B: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";

    fn keys(text: &str) -> Result<Keys, KeysError> {
        Keys::read("keys.txt", text)
    }

    #[test]
    fn a_value_opens_only_in_its_place() {
        let keys = Keys::for_testing();
        let sealed = keys.seal(HERE, b"BE740215", &Fixed(3)).unwrap();
        assert_eq!(sealed[0], 1);
        assert_eq!(sealed.len(), OVERHEAD + 8);
        assert!(!sealed.windows(8).any(|window| window == b"BE740215"));
        assert_eq!(keys.open(HERE, &sealed).unwrap().as_slice(), b"BE740215");
        for place in [
            Place {
                table: "inbox_sms",
                ..HERE
            },
            Place {
                column: "other",
                ..HERE
            },
            Place {
                row: b"row two",
                ..HERE
            },
            // The same bytes, cut elsewhere.
            Place {
                table: "outbo",
                column: "xcontent",
                ..HERE
            },
        ] {
            assert!(
                matches!(keys.open(place, &sealed), Err(StoreError::Sealed { .. })),
                "{place:?}"
            );
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let keys = Keys::for_testing();
        let sealed = keys.seal(HERE, b"x", &Fixed(3)).unwrap();
        for cut in 0..sealed.len() {
            assert!(keys.open(HERE, &sealed[..cut]).is_err(), "{cut}");
            let mut bent = sealed.clone();
            bent[cut] ^= 0x40;
            assert!(keys.open(HERE, &bent).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_the_older_ones_open() {
        let old = keys(&format!("index:{A}\n1:{A}")).unwrap();
        let both = keys(&format!("index:{A}\n1:{A}\n7:{B}\n")).unwrap();
        let by_old = old.seal(HERE, b"v", &Fixed(1)).unwrap();
        let by_both = both.seal(HERE, b"v", &Fixed(1)).unwrap();
        assert_eq!((by_old[0], by_both[0]), (1, 7));
        assert_eq!(both.open(HERE, &by_old).unwrap().as_slice(), b"v");
        assert!(old.open(HERE, &by_both).is_err());
    }

    #[test]
    fn marks_keep_purposes_and_cuts_apart() {
        let keys = Keys::for_testing();
        let all = [
            keys.mark("number", &[b"ab", b"c"]),
            keys.mark("number", &[b"a", b"bc"]),
            keys.mark("number", &[b"abc"]),
            keys.mark("code", &[b"ab", b"c"]),
            keys.mark("number", &[b"ab", b"c", b""]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one), "{at}");
        }
        assert_eq!(all[0], keys.mark("number", &[b"ab", b"c"]));
    }

    #[test]
    fn faults_name_their_line_and_nothing_of_the_key() {
        for (text, expected) in [
            ("", "a sealing key"),
            (&format!("1:{A}"), "the index key"),
            (&format!("index:{A}"), "a sealing key"),
            (&format!("index:{A}\nnonsense"), "line 2: there is no `:`"),
            (&format!("index:{A}\n0:{A}"), "line 2: the version"),
            (&format!("index:{A}\n256:{A}"), "line 2: the version"),
            (
                &format!("index:{A}\n# ok\n1:{A}\n1:{B}"),
                "line 4: this key is there twice",
            ),
            (
                &format!("index:{A}\n1:{}", &A[2..]),
                "line 2: the key is not 64 hex digits",
            ),
            (
                &format!("index:{A}\n1:{}zz", &A[2..]),
                "line 2: the key is not 64 hex digits",
            ),
        ] {
            let error = keys(text).unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("a1a1"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jisr.keys");
        let made = Keys::create(&path, &Fixed(5)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        let sealed = made.seal(HERE, b"v", &Fixed(1)).unwrap();
        assert_eq!(
            Keys::load(&path)
                .unwrap()
                .open(HERE, &sealed)
                .unwrap()
                .as_slice(),
            b"v"
        );
        assert!(matches!(
            Keys::create(&path, &Fixed(6)),
            Err(KeysError::Exists { .. })
        ));
        assert!(
            Keys::load(&folder.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("none")
        );
        assert_eq!(format!("{made:?}"), "Keys(…)");
    }

    #[test]
    fn a_keys_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("jisr.keys");
        // What a process left behind whose machine lost its power half-way.
        let left = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&left, "# Keys of the led").unwrap();
        Keys::create(&path, &Fixed(5)).unwrap();
        assert!(Keys::load(&path).is_ok());
        let again = Keys::create(&path, &Fixed(5));
        assert!(matches!(again, Err(KeysError::Exists { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
