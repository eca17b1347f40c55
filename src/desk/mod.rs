//! The desk: who answers what the engine asks.

mod breaker;
pub mod catalogue;
#[cfg(test)]
mod contract;
pub mod credentials;
pub mod http;
pub mod import;
mod people;
pub mod sandbox;
pub mod sheet;
mod tls;
mod wire;

use std::future::Future;

use jiff::civil::Date;

use crate::callback::Msisdn;
pub use crate::input::identity::IdKind;

/// What a worker says of themselves; the registry compares all four.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which document.
    pub kind: IdKind,
    /// Its number, normalised.
    pub number: String,
    /// Its expiry date.
    pub expiry: Date,
    /// The birth date.
    pub birth: Date,
}

/// A person of the registry, as far as the procedure shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Where they stand.
    pub standing: Standing,
    /// The number that the registry holds.
    pub phone: Option<Msisdn>,
    /// Family name and first name.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// E-mail.
    pub email: String,
}

/// The outcomes of the procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Subject to the regime and registered.
    Registered {
        /// Nine digits, as text.
        registration: String,
        /// Whether there is an account MaCNSS already.
        account: bool,
    },
    /// Subject to the regime, not registered.
    Subject,
    /// Not eligible.
    NotEligible {
        /// `salaried`, `public`, `tadamon`, `pensioner` or `other`.
        reason: String,
        /// The registry's own words, for `other`.
        text: String,
    },
}

/// The answer to a lookup.
#[derive(Clone, PartialEq, Eq)]
pub enum Lookup {
    /// All four fit.
    Match(Box<Person>),
    /// Unknown or mistyped: the two are not told apart.
    NoMatch,
}

/// An account that is to be opened.
#[derive(Clone)]
pub struct NewAccount {
    /// The registration number.
    pub registration: String,
    /// Grows when an earlier password was revoked.
    pub generation: u32,
    /// The temporary password; none where the registry makes and delivers it itself.
    pub password: Option<String>,
    /// The e-mail that the worker gave.
    pub email: Option<String>,
    /// The same key carries the same result, however often it is sent.
    pub idempotency_key: String,
}

/// The answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is open with this password.
    Opened,
    /// There was an account already.
    Already,
    /// The registry refuses.
    Refused,
}

/// Why the registry gave no answer. It carries nothing of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be reached, is slow, or is ill; asking again may help.
    #[error("the registry does not answer: {0}")]
    Unavailable(String),
    /// It answers something that the contract does not know; asking again will not help.
    #[error("the registry broke the contract: {0}")]
    Contract(String),
}

/// The registry: a closed set stands behind it, the sandbox and the agency's API.
pub trait Registry: Send + Sync + 'static {
    /// Who it is. Only reads.
    fn lookup(&self, who: &Identity) -> impl Future<Output = Result<Lookup, RegistryError>> + Send;

    /// Opens an account with a temporary password. Safe to repeat with the same key.
    fn open_account(
        &self,
        account: &NewAccount,
    ) -> impl Future<Output = Result<Opened, RegistryError>> + Send;

    /// [`Registry::lookup`] when nobody waits before a screen: it may take its time.
    fn lookup_late(
        &self,
        who: &Identity,
    ) -> impl Future<Output = Result<Lookup, RegistryError>> + Send {
        self.lookup(who)
    }

    /// [`Registry::open_account`] when nobody waits before a screen.
    fn open_account_late(
        &self,
        account: &NewAccount,
    ) -> impl Future<Output = Result<Opened, RegistryError>> + Send {
        self.open_account(account)
    }

    /// Takes a temporary password back that never arrived, so that the person has no account
    /// again. Safe to repeat.
    fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> impl Future<Output = Result<(), RegistryError>> + Send;
}
