//! The engines under the ledger, SQLite and PostgreSQL: only here are their addresses, settings and
//! error codes known. The statements of this folder are one text for both.

mod migrations;
mod postgres;
mod sqlite;
mod statement;

use std::ops::{Deref, DerefMut};

pub(super) use self::statement::{Query, sql};
use crate::clock::Moment;
use crate::store::StoreError;

/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 512;

/// Which engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SQLite.
    Lite,
    /// PostgreSQL.
    Pg,
}

impl Kind {
    /// The place of a value in a list of rows, by its number from 1. SQLite looks for the name of each
    /// numbered place among all of them, which for thousands takes longer than the statement itself; a
    /// place without a name is the next one.
    pub(super) fn place(self, number: usize) -> String {
        match self {
            Self::Lite => "?".to_owned(),
            Self::Pg => format!("${number}"),
        }
    }
}

/// One connection.
pub(super) struct Conn(Held);

enum Held {
    Lite(Box<sqlx::SqliteConnection>),
    LiteLook(sqlx::Transaction<'static, sqlx::Sqlite>),
    Pg(Box<sqlx::PgConnection>),
    PgLook(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Conn {
    /// Its engine.
    pub(super) fn kind(&self) -> Kind {
        match &self.0 {
            Held::Lite(_) | Held::LiteLook(_) => Kind::Lite,
            Held::Pg(_) | Held::PgLook(_) => Kind::Pg,
        }
    }

    /// Begins a transaction that writes, alone in the whole ledger: nobody else writes, on this machine
    /// or on another, until it ends.
    ///
    /// # Errors
    /// [`Fault::Engine`], also where the others' writes were waited for too long.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        match self.kind() {
            Kind::Lite => said(self, sqlite::BEGIN).await,
            Kind::Pg => {
                said(self, "BEGIN").await?;
                said(self, postgres::ALONE).await
            }
        }
    }

    /// Begins a look at one point in time, which writes nothing and ends with `COMMIT`.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(super) async fn begin_look(&mut self) -> Result<(), Fault> {
        match self.kind() {
            Kind::Lite => said(self, "BEGIN").await,
            Kind::Pg => said(self, postgres::LOOK).await,
        }
    }

    /// Gives it up without closing it, where the ledger could not be opened. Closing it would move SQLite's
    /// log into its file and sync both: after a failed fsync that must not be. It ends with the process.
    pub(super) fn abandon(self) {
        std::mem::forget(self);
    }

    /// What time it is on the server's machine, for all nodes; SQLite has no clock of its own.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(super) async fn time(&mut self) -> Result<Option<Moment>, Fault> {
        match self.kind() {
            Kind::Lite => Ok(None),
            Kind::Pg => Ok(Some(Moment::from_ms(sql(postgres::TIME).one(self).await?))),
        }
    }

    /// Moves committed pages from SQLite's log into its file; PostgreSQL does so by itself.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(super) async fn checkpoint(&mut self) -> Result<(), Fault> {
        match self.kind() {
            Kind::Lite => said(self, sqlite::CHECKPOINT).await,
            Kind::Pg => Ok(()),
        }
    }
}

/// Runs a statement without values.
pub(super) async fn said(conn: &mut Conn, statement: &'static str) -> Result<(), Fault> {
    sql(statement).execute(conn).await?;
    Ok(())
}

/// One row of an answer.
pub(super) enum Row {
    /// SQLite's.
    Lite(sqlx::sqlite::SqliteRow),
    /// PostgreSQL's.
    Pg(sqlx::postgres::PgRow),
}

/// Connections that read beside the writer.
#[derive(Clone)]
pub(super) enum Readers {
    /// Of SQLite.
    Lite(sqlx::Pool<sqlx::Sqlite>),
    /// Of PostgreSQL.
    Pg(sqlx::Pool<sqlx::Postgres>),
}

/// A look at the ledger at one point in time; it ends when it is dropped.
pub(super) struct Look(Conn);

impl Deref for Look {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Look {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

impl Look {
    /// Ends it, so that its connection is free at once.
    ///
    /// # Errors
    /// [`Fault::Engine`].
    pub(super) async fn end(self) -> Result<(), Fault> {
        match self.0.0 {
            Held::LiteLook(look) => look.rollback().await?,
            Held::PgLook(look) => look.rollback().await?,
            Held::Lite(_) | Held::Pg(_) => {}
        }
        Ok(())
    }
}

impl Readers {
    /// Begins a look.
    ///
    /// # Errors
    /// [`Fault::Engine`], also where no connection comes free in time.
    pub(super) async fn begin(&self) -> Result<Look, Fault> {
        Ok(Look(Conn(match self {
            Self::Lite(pool) => Held::LiteLook(pool.begin().await?),
            Self::Pg(pool) => Held::PgLook(pool.begin_with(postgres::LOOK).await?),
        })))
    }
}

/// What went wrong inside a job of the writer or of a reader.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine's word.
    Engine {
        /// Its text, which never has bound values.
        text: String,
        /// What it means for what comes after.
        means: Means,
    },
    /// Ours.
    Store(StoreError),
}

/// What an engine's fault means for what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// This statement was refused; the next may do.
    Refused,
    /// The connection is gone, or no good any more: another has to be made.
    Gone,
    /// The disk failed: what the file holds is not known any more.
    Disk,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let Some(said) = error.as_database_error() else {
            let gone = matches!(
                &error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::WorkerCrashed
            );
            let means = if gone { Means::Gone } else { Means::Refused };
            let text = error.to_string();
            return Self::Engine { text, means };
        };
        let code = said.code().unwrap_or_default();
        let means = if said
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some()
        {
            postgres::meaning(&code)
        } else if sqlite::is_disk_failure(&code) {
            Means::Disk
        } else {
            Means::Refused
        };
        let text = said.message().to_owned();
        Self::Engine { text, means }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Engine { text, .. } => Self::Unavailable(text),
            Fault::Store(error) => error,
        }
    }
}

/// Where a ledger is, and how its one connection that writes is made.
pub(super) enum Place {
    /// A file, or a database in memory.
    Lite,
    /// A server.
    Pg(Box<postgres::Server>),
}

/// Opens the one connection that writes, brings the tables up to date, and the readers beside it.
/// Readers are `None` for a database in memory, which is only there for its one connection.
///
/// # Errors
/// [`StoreError::Unavailable`] naming the place and the mend; never a password.
pub(super) async fn open(url: &str) -> Result<(Place, Conn, Option<Readers>), StoreError> {
    if postgres::is_url(url) {
        let server = postgres::Server::parse(url)?;
        let (mut conn, readers) = server.open().await?;
        migrations::may_use(&mut conn).await?;
        return Ok((Place::Pg(Box::new(server)), conn, Some(readers)));
    }
    let (mut conn, readers) = sqlite::open(url).await?;
    migrations::may_use(&mut conn).await?;
    Ok((Place::Lite, conn, readers))
}

/// Opens one connection to a ledger that is there, beside whoever serves it: nothing is made, brought up
/// to date or counted.
///
/// # Errors
/// [`StoreError::Unavailable`] naming the place and the mend, also where the ledger is of an older
/// version; never a password.
pub(super) async fn visit(url: &str) -> Result<Conn, StoreError> {
    let mut conn = if postgres::is_url(url) {
        postgres::Server::parse(url)?.writer().await?
    } else {
        sqlite::visit(url).await?
    };
    let version: Result<Option<i64>, Fault> = sql("SELECT MAX(version) FROM _sqlx_migrations")
        .one(&mut conn)
        .await;
    match version {
        Err(_) => Err(StoreError::Unavailable(
            "store.url names no ledger of jisr; name the one that jisr serve runs on".to_owned(),
        )),
        Ok(there) if there.unwrap_or(0) < migrations::known() => Err(StoreError::Unavailable(
            "the ledger is of an older version; jisr serve of this version brings it up to date"
                .to_owned(),
        )),
        Ok(_) => {
            migrations::may_use(&mut conn).await?;
            Ok(conn)
        }
    }
}

impl Place {
    /// Makes the connection that writes anew, within the time that a connection may take.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; of SQLite always, whose connection is never lost but with its file.
    pub(super) async fn again(&self) -> Result<Conn, StoreError> {
        match self {
            Self::Lite => Err(StoreError::Unavailable(
                "the file under the ledger is gone".to_owned(),
            )),
            Self::Pg(server) => server.writer().await,
        }
    }
}
