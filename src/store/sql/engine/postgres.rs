//! PostgreSQL under the ledger: many nodes, one writer at a time.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use super::migrations::MIGRATIONS;
use super::{Conn, Held, Means, Readers, STATEMENTS_MAX};
use crate::store::StoreError;

/// Taken by every transaction that writes, so that all nodes' writes are one after the other: what is
/// read in one stands until its commit, as on SQLite. Many turns share it, as they share the commit.
pub(super) const ALONE: &str = "SELECT pg_advisory_xact_lock(5362739841)";
/// Milliseconds since the Unix epoch.
pub(super) const TIME: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
/// A look sees one point in time.
pub(super) const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// From the first packet to the last of the handshake.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a look waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(2);
const READERS_MAX: u32 = 4;

/// What the server itself holds us to: a node that was stopped in the middle of a transaction keeps
/// nobody else waiting for long, and neither does a statement. The lock that all writers take is waited
/// for as a statement, hence twice as long as a transaction may idle.
const SETTINGS: [(&str, &str); 7] = [
    ("idle_in_transaction_session_timeout", "1500"),
    ("statement_timeout", "5000"),
    ("lock_timeout", "4000"),
    ("synchronous_commit", "on"),
    ("tcp_user_timeout", "5000"),
    ("timezone", "UTC"),
    // Short statements: compiling one takes longer than running it.
    ("jit", "off"),
];

/// Bringing the tables up to date may take longer than a turn's statements.
const MIGRATE: &str = "SET statement_timeout = 0";
const MIGRATED: &str = "SET statement_timeout = 5000";

/// Whether an address is of this engine.
pub(super) fn is_url(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// A server and a database on it.
pub(in crate::store::sql) struct Server {
    options: PgConnectOptions,
    /// Host and database, without user or password.
    shown: String,
}

impl Server {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what was expected, without the address: it holds a password.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            StoreError::Unavailable(
                "store.url is no address of a PostgreSQL database; write postgres://USER:PASSWORD@HOST:PORT/DATABASE"
                    .to_owned(),
            )
        })?;
        let shown = format!(
            "postgres://{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or_default()
        );
        let options = options
            .application_name("jisr")
            .statement_cache_capacity(STATEMENTS_MAX)
            .options(SETTINGS)
            .disable_statement_logging();
        Ok(Self { options, shown })
    }

    /// Opens the connection that writes, brings the tables up to date, and prepares the readers.
    pub(super) async fn open(&self) -> Result<(Conn, Readers), StoreError> {
        let mut writer = self.connect().await?;
        let migrated = async {
            sqlx::query(MIGRATE).execute(&mut *writer).await?;
            MIGRATIONS.run(&mut *writer).await?;
            sqlx::query(MIGRATED).execute(&mut *writer).await?;
            Ok::<(), sqlx::migrate::MigrateError>(())
        };
        migrated
            .await
            .map_err(|error| self.unusable(&error.to_string()))?;
        let readers = PoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE)
            .connect_lazy_with(self.options.clone());
        Ok((Conn(Held::Pg(writer)), Readers::Pg(readers)))
    }

    /// Makes a connection that writes.
    pub(super) async fn writer(&self) -> Result<Conn, StoreError> {
        Ok(Conn(Held::Pg(self.connect().await?)))
    }

    async fn connect(&self) -> Result<Box<sqlx::PgConnection>, StoreError> {
        match timeout(CONNECT, self.options.connect()).await {
            Ok(Ok(conn)) => Ok(Box::new(conn)),
            Ok(Err(error)) => Err(self.unusable(&match error.as_database_error() {
                // Its word, without the line of its source.
                Some(said) => said.message().to_owned(),
                None => error.to_string(),
            })),
            Err(_) => Err(self.unusable("it does not answer")),
        }
    }

    fn unusable(&self, text: &str) -> StoreError {
        StoreError::Unavailable(format!(
            "{}: {text}; store.url has to name a PostgreSQL server that runs, and a database on it that this user may make tables in",
            self.shown
        ))
    }
}

/// What an error's code means for what comes after (PostgreSQL, appendix A: classes 08, 53, 57, 58
/// and 25P03).
pub(super) fn meaning(code: &str) -> Means {
    match code {
        // A transaction that idled too long, a server that stops or starts, a connection that broke.
        "25P03" | "25P04" | "57P01" | "57P02" | "57P03" | "57P05" => Means::Gone,
        // After an error all else of the transaction is refused; only a new one helps.
        "25P02" => Means::Refused,
        code if code.starts_with("08") || code.starts_with("58") || code == "XX000" => Means::Gone,
        _ => Means::Refused,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let server = Server::parse("postgres://jisr:sesame@db.example:5433/ledger").unwrap();
        let shown = server.unusable("no").to_string();
        assert!(
            shown.contains("postgres://db.example:5433/ledger"),
            "{shown}"
        );
        assert!(!shown.contains("sesame"), "{shown}");
        let wrong = Server::parse("postgres://jisr:sesame@db.example:port/ledger");
        let text = wrong.err().unwrap().to_string();
        assert!(
            text.contains("postgres://USER") && !text.contains("sesame"),
            "{text}"
        );
    }

    #[test]
    fn codes_have_a_meaning() {
        for (code, means) in [
            ("57P01", Means::Gone),
            ("08006", Means::Gone),
            ("25P03", Means::Gone),
            ("23505", Means::Refused),
            ("55P03", Means::Refused),
            ("57014", Means::Refused),
            ("53100", Means::Refused),
        ] {
            assert_eq!(meaning(code), means, "{code}");
        }
    }
}
