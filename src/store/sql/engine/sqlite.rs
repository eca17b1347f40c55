//! SQLite under the ledger: one file, one connection that writes, readers beside it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::migrations::MIGRATIONS;
use super::{Conn, Held, Readers, STATEMENTS_MAX};
use crate::plant::{Plant, planted};
use crate::store::StoreError;

/// Begins a transaction that writes. A plain one would be refused (`SQLITE_BUSY`) on its first
/// write, without waiting, if another process had written since.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
/// How long another process's write is waited for.
const BUSY: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 4;
/// Rows of one statement that wait for their reader: a whole list of the longest, so that the
/// engine's thread and its reader take turns once a statement.
const ROWS_READ: usize = 512;
/// Pages in memory, in KiB (negative: that is what the engine wants for KiB).
const WRITER_CACHE: &str = "-16384";
const READER_CACHE: &str = "-2048";

/// Whether an extended result code means that the disk failed (`SQLITE_IOERR` and its kind), after
/// which SQLite would let the next commit pass although this one's pages may be lost. A full disk
/// is not one: it is `SQLITE_FULL`, or no room for the shared-memory file (`SQLITE_IOERR_SHMSIZE`).
pub(super) fn is_disk_failure(code: &str) -> bool {
    const IOERR: u32 = 10;
    const IOERR_SHMSIZE: u32 = 4874;
    code.parse::<u32>()
        .is_ok_and(|code| code & 0xff == IOERR && code != IOERR_SHMSIZE)
}

/// Moves committed pages from the log into the file, as far as no reader holds them.
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Opens the one connection that writes, brings the tables up to date, and the readers beside it.
/// Readers are `None` for a database in memory, which is only there for its one connection.
pub(super) async fn open(url: &str) -> Result<(Conn, Option<Readers>), StoreError> {
    let path = path_of(url)?;
    let shown = path
        .as_deref()
        .map_or(":memory:".to_owned(), |path| path.display().to_string());
    if let Some(path) = &path {
        check_folder(path)?;
        crate::system::make_private(path);
    }
    let unusable = |text: String| {
        StoreError::Unavailable(format!(
            "{shown}: {text}; store.url has to name a SQLite file, in a folder, that this user may write, \
             on a disk with room"
        ))
    };

    let options = match &path {
        Some(path) => settings(SqliteConnectOptions::new().filename(path))
            .journal_mode(SqliteJournalMode::Wal),
        None => settings(SqliteConnectOptions::new().in_memory(true)),
    };
    let options = options.create_if_missing(true);

    let mut writer = options
        .connect()
        .await
        .map_err(|error| unusable(error.to_string()))?;
    let brought_up = async {
        prove_writable(&mut writer)
            .await
            .map_err(|error| unusable(error.to_string()))?;
        MIGRATIONS
            .run(&mut writer)
            .await
            .map_err(|error| unusable(error.to_string()))
    };
    if let Err(error) = brought_up.await {
        Conn(Held::Lite(Box::new(writer))).abandon();
        return Err(error);
    }

    let readers = path.map(|_| {
        PoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(BUSY)
            .connect_lazy_with(
                options
                    .create_if_missing(false)
                    .read_only(true)
                    .pragma("cache_size", READER_CACHE),
            )
    });
    Ok((
        Conn(Held::Lite(Box::new(writer))),
        readers.map(Readers::Lite),
    ))
}

/// What every connection is held to.
fn settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    let synchronous = match planted(Plant::CommitsNotSynced) {
        true => SqliteSynchronous::Off,
        false => SqliteSynchronous::Full,
    };
    options
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROWS_READ)
        // What is erased is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        // The writer moves the log into the file itself, so that a failed fsync there is seen.
        .pragma("wal_autocheckpoint", "0")
        // A transaction that many share touches more pages than the engine's 2 MB hold; what does not
        // fit is written twice.
        .pragma("cache_size", WRITER_CACHE)
        // What a statement of many rows would have to undo is kept in memory, not in a file.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// Opens a connection to a file that is there, beside the process that serves it. The log is not moved
/// into the file by it, and neither is it waited for longer than a write of others may take.
pub(super) async fn visit(url: &str) -> Result<Conn, StoreError> {
    let Some(path) = path_of(url)? else {
        return Err(StoreError::Unavailable(
            "a ledger in memory is only there for the process that serves it".to_owned(),
        ));
    };
    if !path.is_file() {
        return Err(StoreError::Unavailable(format!(
            "{}: there is no ledger; store.url (JISR_STORE__URL, or jisr.toml by --config) has to name the one that jisr serve runs on",
            path.display()
        )));
    }
    let options = settings(SqliteConnectOptions::new().filename(&path)).create_if_missing(false);
    let conn = options.connect().await.map_err(|error| {
        StoreError::Unavailable(format!(
            "{}: {error}; this user has to be allowed to write to the file and its folder",
            path.display()
        ))
    })?;
    Ok(Conn(Held::Lite(Box::new(conn))))
}

/// A file that is there but may only be read opens without a word, so a write has to show it.
async fn prove_writable(conn: &mut sqlx::SqliteConnection) -> Result<(), sqlx::Error> {
    for step in [
        BEGIN,
        "CREATE TABLE write_probe (x INTEGER)",
        "DROP TABLE write_probe",
        "COMMIT",
    ] {
        sqlx::query(step).execute(&mut *conn).await?;
    }
    Ok(())
}

/// The file of `sqlite:jisr.db`, `sqlite:///var/lib/jisr/jisr.db`, or a bare path; `None` for
/// `:memory:`.
fn path_of(url: &str) -> Result<Option<PathBuf>, StoreError> {
    let path = match url.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, rest)) if rest.starts_with("//") => {
            return Err(StoreError::Unavailable(format!(
                "store.url begins with `{scheme}:`, which this build does not know; write `sqlite:` and a path, or postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            )));
        }
        Some(_) | None => url,
    };
    match path {
        "" => Err(StoreError::Unavailable(
            "store.url names no file; write `sqlite:` and a path".to_owned(),
        )),
        ":memory:" => Ok(None),
        path => PathBuf::from_str(path)
            .map(Some)
            .map_err(|_| StoreError::Unavailable("store.url is not a path".to_owned())),
    }
}

/// Says what is wrong with the folder, where SQLite only says that it cannot open the file.
fn check_folder(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let wrong = if !folder.exists() {
        "the folder is not there; make it, or name another in store.url"
    } else if !folder.is_dir() {
        "that is not a folder; name another in store.url"
    } else if path.is_dir() {
        "that is a folder; store.url has to name a file in it"
    } else {
        return Ok(());
    };
    let place = if path.is_dir() { path } else { folder };
    Err(StoreError::Unavailable(format!(
        "{}: {wrong}",
        place.display()
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::plant::Planted;

    #[test]
    fn disk_failures_are_told_from_full_disks() {
        for (code, disk) in [
            ("10", true),    // SQLITE_IOERR
            ("1034", true),  // SQLITE_IOERR_FSYNC
            ("778", true),   // SQLITE_IOERR_WRITE
            ("1290", true),  // SQLITE_IOERR_DIR_FSYNC
            ("4874", false), // SQLITE_IOERR_SHMSIZE
            ("13", false),   // SQLITE_FULL
            ("5", false),    // SQLITE_BUSY
            ("2067", false), // SQLITE_CONSTRAINT_UNIQUE
            ("", false),
        ] {
            assert_eq!(is_disk_failure(code), disk, "{code}");
        }
    }

    /// `PRAGMA synchronous` is 2 for FULL: in WAL mode each commit waits for its fsync.
    #[tokio::test]
    async fn each_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        for (plant, expected) in [(None, 2), (Some(Plant::CommitsNotSynced), 0)] {
            let _planted = plant.map(Planted::here);
            let file = folder.path().join(format!("{expected}.db"));
            let (writer, _readers) = open(&file.display().to_string()).await.unwrap();
            let Conn(Held::Lite(mut writer)) = writer else {
                panic!("another engine");
            };
            let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
                .fetch_one(&mut *writer)
                .await
                .unwrap();
            assert_eq!(synchronous, expected, "{plant:?}");
        }
    }

    #[test]
    fn addresses_are_read() {
        for (url, path) in [
            ("sqlite:jisr.db", Some("jisr.db")),
            ("sqlite://jisr.db", Some("jisr.db")),
            ("sqlite:///var/lib/jisr.db", Some("/var/lib/jisr.db")),
            ("sqlite:/var/lib/jisr.db", Some("/var/lib/jisr.db")),
            ("/var/lib/jisr.db", Some("/var/lib/jisr.db")),
            ("sqlite::memory:", None),
            (":memory:", None),
        ] {
            assert_eq!(path_of(url).unwrap(), path.map(PathBuf::from), "{url}");
        }
        for url in ["", "sqlite:", "postgres://host/db", "mysql://x"] {
            assert!(
                path_of(url)
                    .unwrap_err()
                    .to_string()
                    .contains("write `sqlite:` and a path"),
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        std::fs::write(
            &file,
            "this is no database, it is a text long enough to be looked at",
        )
        .unwrap();
        for (path, word) in [
            (folder.path().join("none/jisr.db"), "make it"),
            (file.join("jisr.db"), "not a folder"),
            (folder.path().to_owned(), "that is a folder"),
            (file.clone(), "store.url has to name a SQLite file"),
        ] {
            let error = open(&path.display().to_string())
                .await
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains(word) && error.contains(&folder.path().display().to_string()),
                "{error}"
            );
        }
    }
}
