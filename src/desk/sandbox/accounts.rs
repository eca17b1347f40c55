//! Accounts of the sandbox: opened once per key, taken back by generation.

use std::time::Duration;

use sqlx::{Sqlite, Transaction};

use super::{SandboxRegistry, failed, passwords, unreadable};
use crate::desk::{NewAccount, Opened, RegistryError, wire};
use crate::store::seal::Place;

/// How long a temporary password lives.
const PASSWORD_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long the answer to an idempotency key is kept.
const ANSWERS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

impl SandboxRegistry {
    pub(super) async fn has_account(&self, registration: &str) -> Result<bool, RegistryError> {
        let found: Option<(i64,)> =
            sqlx::query_as("SELECT generation FROM accounts WHERE registration = $1")
                .bind(&self.registration_mark(registration)[..])
                .fetch_optional(&self.pool)
                .await
                .map_err(failed)?;
        Ok(found.is_some())
    }

    pub(super) async fn open_once(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        if !wire::is_registration(&account.registration) || account.generation == 0 {
            return Err(RegistryError::Contract(
                "expected a registration number of nine digits and a generation from 1".into(),
            ));
        }
        let key = self
            .keys
            .mark("sandbox.opening_key", &[account.idempotency_key.as_bytes()]);
        let asked = self.keys.mark(
            "sandbox.opening",
            &[
                account.registration.as_bytes(),
                &account.generation.to_be_bytes(),
                account.email.as_deref().unwrap_or_default().as_bytes(),
            ],
        );
        let seen = sqlx::query_as("SELECT asked, answer FROM openings WHERE idempotency_key = $1")
            .bind(&key[..])
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        if let Some(answer) = same_answer(seen, &asked)? {
            return Ok(answer);
        }

        // Hashing is slow, so it happens before anything is locked.
        let password = match &account.password {
            Some(password) => Some(passwords::hash(self, password.clone()).await?),
            None => None,
        };
        let registration = self.registration_mark(&account.registration);
        let email = match &account.email {
            Some(email) => {
                let place = Place {
                    table: "accounts",
                    column: "email",
                    row: &registration,
                };
                Some(
                    self.keys
                        .seal(place, email.as_bytes(), &*self.chance)
                        .map_err(unreadable)?,
                )
            }
            None => None,
        };
        let now = self.clock.now();

        let mut writing = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)?;
        let seen = sqlx::query_as("SELECT asked, answer FROM openings WHERE idempotency_key = $1")
            .bind(&key[..])
            .fetch_optional(&mut *writing)
            .await
            .map_err(failed)?;
        if let Some(answer) = same_answer(seen, &asked)? {
            return Ok(answer);
        }
        let answer = decide(&mut writing, &registration, account.generation).await?;
        if answer == Opened::Opened {
            sqlx::query(
                "INSERT INTO accounts (registration, generation, password, email, opened_at, password_until, change_forced) \
                 VALUES ($1, $2, $3, $4, $5, $6, TRUE)",
            )
            .bind(&registration[..])
            .bind(i64::from(account.generation))
            .bind(password)
            .bind(email)
            .bind(now.ms())
            .bind(now.plus(PASSWORD_FOR).ms())
            .execute(&mut *writing)
            .await
            .map_err(failed)?;
        }
        sqlx::query("INSERT INTO openings (idempotency_key, asked, answer, answered_at) VALUES ($1, $2, $3, $4)")
            .bind(&key[..])
            .bind(&asked[..])
            .bind(word(answer))
            .bind(now.ms())
            .execute(&mut *writing)
            .await
            .map_err(failed)?;
        sqlx::query("DELETE FROM openings WHERE answered_at < $1")
            .bind(now.minus(ANSWERS_FOR).ms())
            .execute(&mut *writing)
            .await
            .map_err(failed)?;
        writing.commit().await.map_err(failed)?;
        Ok(answer)
    }

    pub(super) async fn take_back(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        let registration = self.registration_mark(registration);
        let mut writing = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)?;
        sqlx::query(
            "INSERT INTO revocations (registration, generation) VALUES ($1, $2) \
             ON CONFLICT (registration) DO UPDATE SET generation = excluded.generation \
             WHERE excluded.generation > revocations.generation",
        )
        .bind(&registration[..])
        .bind(i64::from(generation))
        .execute(&mut *writing)
        .await
        .map_err(failed)?;
        // A password that was used has arrived; an imported account (generation 0) is not ours.
        sqlx::query(
            "DELETE FROM accounts WHERE registration = $1 AND generation = $2 AND generation > 0 AND password_used_at IS NULL",
        )
        .bind(&registration[..])
        .bind(i64::from(generation))
        .execute(&mut *writing)
        .await
        .map_err(failed)?;
        writing.commit().await.map_err(failed)
    }
}

/// What decides once the key is new, in the order of the contract.
async fn decide(
    writing: &mut Transaction<'_, Sqlite>,
    registration: &[u8],
    generation: u32,
) -> Result<Opened, RegistryError> {
    let revoked: Option<(i64,)> =
        sqlx::query_as("SELECT generation FROM revocations WHERE registration = $1")
            .bind(registration)
            .fetch_optional(&mut **writing)
            .await
            .map_err(failed)?;
    if revoked.is_some_and(|(revoked,)| revoked >= i64::from(generation)) {
        return Ok(Opened::Refused);
    }
    let account: Option<(i64,)> =
        sqlx::query_as("SELECT generation FROM accounts WHERE registration = $1")
            .bind(registration)
            .fetch_optional(&mut **writing)
            .await
            .map_err(failed)?;
    if account.is_some() {
        return Ok(Opened::Already);
    }
    let person: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM people WHERE registration = $1")
        .bind(registration)
        .fetch_optional(&mut **writing)
        .await
        .map_err(failed)?;
    Ok(if person.is_some() {
        Opened::Opened
    } else {
        Opened::Refused
    })
}

/// The answer of a key that was seen before.
fn same_answer(
    seen: Option<(Vec<u8>, String)>,
    asked: &[u8],
) -> Result<Option<Opened>, RegistryError> {
    let Some((before, answer)) = seen else {
        return Ok(None);
    };
    if before != asked {
        return Err(RegistryError::Contract(
            "the idempotency key was used for something else".into(),
        ));
    }
    let answers = [Opened::Opened, Opened::Already, Opened::Refused];
    Ok(answers.into_iter().find(|known| word(*known) == answer))
}

fn word(answer: Opened) -> &'static str {
    match answer {
        Opened::Opened => "opened",
        Opened::Already => "already",
        Opened::Refused => "refused",
    }
}
