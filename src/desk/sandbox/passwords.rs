//! Temporary passwords of the sandbox: kept as Argon2id, used once.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{SandboxRegistry, failed, unavailable};
use crate::desk::RegistryError;

/// 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet recommends.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a temporary password leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// In, and a new password has to be chosen now; this one is used up.
    ChangePassword,
    /// Its 24 hours are over, or it was used before.
    Over,
    /// No such account, or another password.
    Wrong,
}

impl SandboxRegistry {
    /// What the portal does when a worker types a temporary password there: it takes it once.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] when the database cannot be used.
    pub async fn sign_in(
        &self,
        registration: &str,
        password: &str,
    ) -> Result<SignedIn, RegistryError> {
        let registration = self.registration_mark(registration);
        let found: Option<(Option<String>, Option<i64>)> =
            sqlx::query_as("SELECT password, password_until FROM accounts WHERE registration = $1")
                .bind(&registration[..])
                .fetch_optional(&self.pool)
                .await
                .map_err(failed)?;
        let Some((Some(hash), until)) = found else {
            return Ok(SignedIn::Wrong);
        };
        if !verify(self, password.to_owned(), hash.clone()).await? {
            return Ok(SignedIn::Wrong);
        }
        let now = self.clock.now().ms();
        if until.is_some_and(|until| now >= until) {
            return Ok(SignedIn::Over);
        }
        // The row decides who was first, and that it is still this password.
        let used = sqlx::query(
            "UPDATE accounts SET password_used_at = $2 \
             WHERE registration = $1 AND password = $3 AND password_used_at IS NULL",
        )
        .bind(&registration[..])
        .bind(now)
        .bind(hash)
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(if used.rows_affected() == 1 {
            SignedIn::ChangePassword
        } else {
            SignedIn::Over
        })
    }
}

/// The Argon2id hash of a password, as a PHC string.
pub(super) async fn hash(
    sandbox: &SandboxRegistry,
    password: String,
) -> Result<String, RegistryError> {
    let password = Zeroizing::new(password);
    let mut salt = [0; 16];
    sandbox.chance.fill(&mut salt);
    blocking(sandbox, move || {
        let hash = argon2()
            .ok()?
            .hash_password_with_salt(password.as_bytes(), &salt)
            .ok()?;
        Some(hash.to_string())
    })
    .await
}

async fn verify(
    sandbox: &SandboxRegistry,
    password: String,
    hash: String,
) -> Result<bool, RegistryError> {
    let password = Zeroizing::new(password);
    blocking(sandbox, move || {
        let hash = PasswordHash::new(&hash).ok()?;
        Some(
            argon2()
                .ok()?
                .verify_password(password.as_bytes(), &hash)
                .is_ok(),
        )
    })
    .await
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    Ok(Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(MEMORY_KIB, PASSES, LANES, None)?,
    ))
}

/// Runs slow work off the async threads, only so much of it at a time.
async fn blocking<T: Send + 'static>(
    sandbox: &SandboxRegistry,
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Result<T, RegistryError> {
    let permit = Arc::clone(&sandbox.hashing)
        .acquire_owned()
        .await
        .map_err(|_| unavailable("it is shutting down"))?;
    let done = tokio::task::spawn_blocking(move || {
        // Held until the work is done, even if nobody waits for it any more.
        let _permit = permit;
        work()
    });
    done.await
        .ok()
        .flatten()
        .ok_or_else(|| unavailable("a password could not be hashed"))
}
