//! The registry of the sandbox: the same contract over SQL, with people from a CSV file. Its
//! database is a file of its own, so that it never waits for the ledger or holds it up.

mod accounts;
mod load;
mod passwords;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::Semaphore;

pub use passwords::SignedIn;

use crate::clock::{Chance, Clock};
use crate::desk::people::{Kept, KeptStanding};
use crate::desk::{Identity, Lookup, NewAccount, Opened, Registry, RegistryError};
use crate::store::seal::{Keys, Place};
use crate::store::{Mark, StoreError};

/// The people of the sandbox, made up.
const SAMPLE: &str = include_str!("people.sample.csv");

/// How long a statement waits for another writer.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// Connections of the pool; in WAL mode readers do not wait for the writer.
const CONNECTIONS_MAX: u32 = 4;

/// Argon2 runs at a time: each takes 19 MiB and a core for tens of milliseconds.
const HASHING_MAX: usize = 2;

/// Sealed values are filled up to a multiple of this, so that their length tells nothing.
const PADDING: usize = 256;

/// Why the sandbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is not one of SQLite.
    #[error("the sandbox registry: {0}; expected sqlite:PATH")]
    Address(String),
    /// The database cannot be opened or brought up to date.
    #[error("the sandbox registry cannot be opened: {0}")]
    Unavailable(String),
    /// Its values were sealed with other keys.
    #[error(
        "the sandbox registry was sealed with other keys; bring its keys file back, or move the database away"
    )]
    Keys,
    /// The embedded people do not fit: the build is broken.
    #[error("the embedded people do not fit: {0}")]
    Sample(String),
}

/// A registry for demonstrations, tests and training.
pub struct SandboxRegistry {
    pool: SqlitePool,
    keys: Keys,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    hashing: Arc<Semaphore>,
    /// Somebody who does not exist, looked at in place of an unknown person.
    decoy: (Mark, Vec<u8>),
}

impl SandboxRegistry {
    /// Opens the database at `url` (`sqlite:PATH`, made if it is not there), brings it up to date,
    /// and fills it with the sample people if it is empty.
    ///
    /// # Errors
    /// [`SandboxError`] with the reason.
    pub async fn open(
        url: &str,
        keys: Keys,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, SandboxError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| SandboxError::Address(error.to_string()))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_FOR);
        // Every connection to memory would see a database of its own.
        let connections = if url.contains(":memory:") {
            1
        } else {
            CONNECTIONS_MAX
        };
        if connections > 1 {
            crate::system::make_private(options.get_filename());
            // The change to WAL needs the file for itself and does not wait for a lock, so one
            // connection makes it before there are others.
            let first = options
                .clone()
                .connect()
                .await
                .map_err(|error| SandboxError::Unavailable(error.to_string()))?;
            first
                .close()
                .await
                .map_err(|error| SandboxError::Unavailable(error.to_string()))?;
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(BUSY_FOR)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(|error| SandboxError::Unavailable(error.to_string()))?;
        sqlx::migrate!("migrations/sandbox")
            .run(&pool)
            .await
            .map_err(|error| SandboxError::Unavailable(error.to_string()))?;

        let mark = keys.mark("sandbox.decoy", &[]);
        let nobody = Kept {
            expiry: jiff::civil::Date::MIN,
            birth: jiff::civil::Date::MIN,
            standing: KeptStanding::Registered("000000000".into()),
            phone: None,
            name: "EXEMPLE Personne".into(),
            address: "1 rue de l'Exemple".into(),
            email: "personne@example.ma".into(),
        };
        let sealed = seal_kept(&keys, &*chance, &mark, &nobody).map_err(|_| SandboxError::Keys)?;
        let sandbox = Self {
            pool,
            keys,
            clock,
            chance,
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            decoy: (mark, sealed),
        };

        let first: Option<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT identity, kept FROM people LIMIT 1")
                .fetch_optional(&sandbox.pool)
                .await
                .map_err(|error| SandboxError::Unavailable(error.to_string()))?;
        match first {
            Some((identity, kept)) => {
                sandbox
                    .open_kept(&identity, &kept)
                    .map_err(|_| SandboxError::Keys)?;
            }
            None => {
                sandbox
                    .replace_people("people.sample.csv", SAMPLE.as_bytes(), 0, &mut |_, _| {})
                    .await
                    .map_err(|error| SandboxError::Sample(error.to_string()))?;
            }
        }
        Ok(sandbox)
    }

    fn identity_mark(&self, kind: &str, number: &str) -> Mark {
        self.keys
            .mark("sandbox.identity", &[kind.as_bytes(), number.as_bytes()])
    }

    fn registration_mark(&self, registration: &str) -> Mark {
        self.keys
            .mark("sandbox.registration", &[registration.as_bytes()])
    }

    fn open_kept(&self, identity: &[u8], sealed: &[u8]) -> Result<Kept, RegistryError> {
        let plain = self
            .keys
            .open(kept_place(identity), sealed)
            .map_err(unreadable)?;
        serde_json::from_slice(&plain).map_err(|_| unavailable("a stored person has another form"))
    }
}

impl Registry for SandboxRegistry {
    /// Unknown identities and wrong dates take the same way: one row or the decoy is opened, both
    /// dates are compared, the account is looked up, and only then it is decided.
    async fn lookup(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        let identity = self.identity_mark(who.kind.word(), &who.number);
        let kept: Option<(Vec<u8>,)> =
            sqlx::query_as("SELECT kept FROM people WHERE identity = $1")
                .bind(&identity[..])
                .fetch_optional(&self.pool)
                .await
                .map_err(failed)?;
        let known = Choice::from(u8::from(kept.is_some()));
        let (row, sealed) = match kept {
            Some((sealed,)) => (identity, sealed),
            None => self.decoy.clone(),
        };
        let person = self.open_kept(&row, &sealed)?;
        let expiry = person
            .expiry
            .to_string()
            .as_bytes()
            .ct_eq(who.expiry.to_string().as_bytes());
        let birth = person
            .birth
            .to_string()
            .as_bytes()
            .ct_eq(who.birth.to_string().as_bytes());
        let account = self
            .has_account(person.registration().unwrap_or("000000000"))
            .await?;
        if bool::from(known & expiry & birth) {
            Ok(Lookup::Match(Box::new(person.person(account))))
        } else {
            Ok(Lookup::NoMatch)
        }
    }

    async fn open_account(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        self.open_once(account).await
    }

    async fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        self.take_back(registration, generation).await
    }
}

/// Seals what is kept of a person, filled up with blanks, which JSON passes over.
fn seal_kept(
    keys: &Keys,
    chance: &dyn Chance,
    identity: &[u8],
    kept: &Kept,
) -> Result<Vec<u8>, StoreError> {
    let mut plain = serde_json::to_vec(kept).map_err(|_| StoreError::Sealed { table: "people" })?;
    plain.resize(plain.len().next_multiple_of(PADDING), b' ');
    keys.seal(kept_place(identity), &plain, chance)
}

fn kept_place(identity: &[u8]) -> Place<'_> {
    Place {
        table: "people",
        column: "kept",
        row: identity,
    }
}

fn unavailable(text: &str) -> RegistryError {
    RegistryError::Unavailable(text.to_owned())
}

/// The driver's text names tables and columns, never bound values.
fn failed(error: sqlx::Error) -> RegistryError {
    unavailable(&format!("the sandbox database: {error}"))
}

fn unreadable(_: StoreError) -> RegistryError {
    unavailable("a stored value cannot be opened: wrong key, or damaged")
}

#[cfg(test)]
#[path = "sandbox_tests.rs"]
mod tests;
