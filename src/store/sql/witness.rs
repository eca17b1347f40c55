//! What remembers outside of the ledger how far it has come, so that one that is put back from a backup
//! does not send again what went since.
//!
//! The ledger counts its claims, in the transaction of each. A process remembers the highest count that
//! it has seen, and writes it to a *mark*, a small file that no backup of the ledger has. A ledger that
//! knows of fewer claims than that is older than what was sent. Beside it the ledger remembers its
//! *home*: which file or which table of which server it was. Where that has changed it is a copy, or was
//! put back as a whole.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Conn, Fault, Kind, sql};
use super::writer::Verdict;
use super::{Inner, SqlStore, hold, maybe_bytes, number};
use crate::clock::Moment;
use crate::store::StoreError;
use crate::store::by_hand::{Hold, HoldReason};

/// Octets of a ledger's name.
const NAME_LEN: usize = 8;

/// What a process remembers.
#[derive(Default)]
pub(super) struct Witness {
    /// The highest count of claims that was seen.
    claims: AtomicI64,
    mark: Mutex<Option<MarkFile>>,
    /// The file of the ledger, where it is one.
    ledger_file: Mutex<Option<PathBuf>>,
}

/// A mark that is kept.
struct MarkFile {
    file: File,
    ledger: String,
}

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    /// The ledger's name, which it got at random.
    ledger: String,
    /// The highest count of claims that was seen.
    claims: i64,
}

impl Mark {
    /// Every mark has the same length, so that it is written in place.
    fn line(ledger: &str, claims: i64) -> String {
        format!("jisr mark of ledger {ledger}: {claims:019} claims\n")
    }

    fn read(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("jisr mark of ledger ")?;
        let (ledger, rest) = rest.split_once(": ")?;
        let claims = rest.strip_suffix(" claims\n")?.parse().ok()?;
        Some(Self {
            ledger: ledger.to_owned(),
            claims,
        })
    }
}

impl Witness {
    /// Remembers a count of claims that is durable, before anything of it is sent. The write goes to
    /// the system's memory, which outlives the process; after a power failure the mark may be older,
    /// and then only sees less.
    pub(super) fn saw(&self, claims: i64) {
        if self.claims.fetch_max(claims, Ordering::SeqCst) >= claims {
            return;
        }
        let mut kept = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mark) = kept.as_mut() else { return };
        let line = Mark::line(&mark.ledger, self.claims.load(Ordering::SeqCst));
        if let Err(error) = write_in_place(&mark.file, &line) {
            tracing::error!(%error, "the mark beside the ledger cannot be written: a ledger put back from a backup may not be recognised");
        }
    }

    fn claims(&self) -> i64 {
        self.claims.load(Ordering::SeqCst)
    }

    fn keep(&self, path: &Path, ledger: &str, claims: i64) -> std::io::Result<()> {
        let new = path.with_extension("mark-new");
        let mut file = File::create(&new)?;
        file.write_all(Mark::line(ledger, claims).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        self.claims.store(claims, Ordering::SeqCst);
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(MarkFile {
            file,
            ledger: ledger.to_owned(),
        });
        Ok(())
    }
}

#[cfg(unix)]
fn write_in_place(file: &File, line: &str) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, line.as_bytes(), 0)
}

#[cfg(not(unix))]
fn write_in_place(mut file: &File, line: &str) -> std::io::Result<()> {
    use std::io::{Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(0))?;
    file.write_all(line.as_bytes())
}

/// Counts a claim; the count is remembered once it is durable.
pub(super) async fn count_claim(c: &mut Conn) -> Result<i64, Fault> {
    sql("INSERT INTO meta (name, number) VALUES ('claims', 1)
         ON CONFLICT (name) DO UPDATE SET number = meta.number + 1 RETURNING number")
    .one(c)
    .await
}

/// Whether the ledger knows of fewer claims than this process; then it is held from now on.
pub(super) async fn is_behind(
    c: &mut Conn,
    inner: &Inner,
    claims: Option<i64>,
    now: Moment,
) -> Result<bool, Fault> {
    if claims.unwrap_or(0) >= inner.witness.claims() {
        return Ok(false);
    }
    hold::begin(c, HoldReason::Older, hold::ITSELF, None, now).await?;
    catch_up(c, inner.witness.claims()).await?;
    Ok(true)
}

/// A ledger that was found to be older counts on from what was seen, so that it is found once.
async fn catch_up(c: &mut Conn, claims: i64) -> Result<(), Fault> {
    sql("INSERT INTO meta (name, number) VALUES ('claims', $1)
         ON CONFLICT (name) DO UPDATE SET number = excluded.number")
    .bind(claims)
    .execute(c)
    .await?;
    Ok(())
}

/// Where a ledger on a server is: which cluster on which timeline, which database and table. A restored
/// dump has another table, a recovery to a point in time another timeline (PostgreSQL, 26.3.6).
const HOME: &str = "SELECT CAST((SELECT system_identifier FROM pg_control_system()) AS TEXT)
     || '/' || SUBSTR(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
     || '/' || CAST((SELECT oid FROM pg_database WHERE datname = current_database()) AS TEXT)
     || '/' || CAST(CAST(CAST('outbox' AS regclass) AS oid) AS TEXT)";
/// The same where this user may not ask for all of it.
const POOR_HOME: &str =
    "SELECT CAST((SELECT oid FROM pg_database WHERE datname = current_database()) AS TEXT)
     || '/' || CAST(CAST(CAST('outbox' AS regclass) AS oid) AS TEXT)";

/// Where a ledger in a file is: which file, and since when there is one of this number.
fn home_of(path: &Path) -> Option<String> {
    let about = std::fs::metadata(path).ok()?;
    let made = about.created().ok().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(since.as_millis())
    });
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&about);
    #[cfg(not(unix))]
    let number = 0;
    Some(format!("{number}/{}", made.unwrap_or_default()))
}

/// What the ledger remembers of itself.
struct Remembered {
    name: Option<String>,
    home: Option<String>,
    claims: i64,
}

async fn remembered(c: &mut Conn) -> Result<Remembered, Fault> {
    let rows =
        sql("SELECT name, number, content FROM meta WHERE name IN ('ledger', 'home', 'claims')")
            .fetch_all(c)
            .await?;
    let mut all = Remembered {
        name: None,
        home: None,
        claims: 0,
    };
    for row in &rows {
        let content = maybe_bytes(row, "content")?.and_then(|bytes| String::from_utf8(bytes).ok());
        match super::text(row, "name")?.as_str() {
            "ledger" => all.name = content,
            "home" => all.home = content,
            _ => all.claims = number(row, "number")?,
        }
    }
    Ok(all)
}

async fn remember(c: &mut Conn, name: &'static str, value: &str) -> Result<(), Fault> {
    sql("INSERT INTO meta (name, number, content) VALUES ($1, 0, $2)
         ON CONFLICT (name) DO UPDATE SET content = excluded.content")
    .bind(name)
    .bind(value.as_bytes())
    .execute(c)
    .await?;
    Ok(())
}

/// Whether there is anything that could go twice: messages, and what makes messages by itself.
async fn anything_waits(c: &mut Conn) -> Result<bool, Fault> {
    let found: i64 = sql(
        "SELECT (SELECT COUNT(*) FROM (SELECT id FROM outbox WHERE is_open = 1 LIMIT 1) AS messages)
             + (SELECT COUNT(*) FROM (SELECT conversation FROM due LIMIT 1) AS dues)
             + (SELECT COUNT(*) FROM (SELECT id FROM inbox_sms WHERE waits = 1 LIMIT 1) AS texts)",
    )
    .one(c)
    .await?;
    Ok(found != 0)
}

impl SqlStore {
    /// Compares the ledger with the mark outside it and with where it was, and holds the outbox where it
    /// was put back or copied. From then on the mark at `mark` is kept. `file` is the ledger's own, where
    /// it is in one. To be called once, before anything is claimed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where the mark cannot be written.
    pub async fn look_back(
        &self,
        mark: &Path,
        file: Option<&Path>,
        now: Moment,
    ) -> Result<(), StoreError> {
        *self
            .inner
            .witness
            .ledger_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = file.map(Path::to_owned);
        let outside = std::fs::read_to_string(mark)
            .ok()
            .and_then(|line| Mark::read(&line));
        let home = self.home().await?;
        let kept = mark.to_owned();
        let (name, claims) = self
            .write(move |c, inner| {
                Box::pin(async move {
                    let judged = judge(c, &inner, outside, home, now).await?;
                    Ok(Verdict::Keep(judged))
                })
            })
            .await?;
        let written = self.inner.witness.keep(&kept, &name, claims);
        written.map_err(|error| {
            StoreError::Unavailable(format!(
                "{}: {error}; this user has to be allowed to write there",
                kept.display()
            ))
        })
    }

    /// The hold that is in force; learns on the way how far all nodes have come, and where the ledger is
    /// after a server has given its place to another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn held(&self, now: Moment) -> Result<Option<Hold>, StoreError> {
        let home = self.home().await?;
        let (row, ledger) = self
            .read(move |c, _| {
                Box::pin(async move { Ok((hold::current(c).await?, remembered(c).await?)) })
            })
            .await?;
        let witness = &self.inner.witness;
        let may_be_behind = ledger.claims < witness.claims();
        let has_moved = home.is_some() && ledger.home.is_some() && home != ledger.home;
        if may_be_behind || has_moved {
            self.write(move |c, inner| {
                Box::pin(async move {
                    let claims = remembered(c).await?.claims;
                    is_behind(c, &inner, Some(claims), now).await?;
                    // A node that lives has seen what went: a server that took another's place without a
                    // loss is where the ledger is now.
                    if let Some(home) = home {
                        remember(c, "home", &home).await?;
                    }
                    Ok(Verdict::Keep(()))
                })
            })
            .await?;
        }
        witness.saw(ledger.claims);
        let Some(row) = row else { return Ok(None) };
        let place = row.id.to_be_bytes();
        let note = row
            .note
            .and_then(|sealed| self.inner.open(hold::note_place(&place), &sealed).ok());
        Ok(Some(Hold { note, ..row.hold }))
    }

    /// Where the ledger is now; none where that is not known.
    async fn home(&self) -> Result<Option<String>, StoreError> {
        let file = self.inner.witness.ledger_file.lock();
        let file = file.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(file) = file {
            return Ok(home_of(&file));
        }
        let asked = |query: &'static str| {
            self.read(move |c: &mut Conn, _: Arc<Inner>| {
                Box::pin(async move {
                    match c.kind() {
                        Kind::Lite => Ok(None),
                        Kind::Pg => sql(query).one(c).await.map(Some),
                    }
                })
            })
        };
        match asked(HOME).await {
            Ok(home) => Ok(home),
            Err(_) => asked(POOR_HOME).await,
        }
    }
}

/// Holds a ledger that was put back or copied; tells its name and how far it has come.
async fn judge(
    c: &mut Conn,
    inner: &Inner,
    outside: Option<Mark>,
    home: Option<String>,
    now: Moment,
) -> Result<(String, i64), Fault> {
    let ledger = remembered(c).await?;
    let is_its_own = match (&ledger.name, &outside) {
        (Some(name), Some(mark)) => *name == mark.ledger,
        // A ledger of before there were marks, or a new one: a mark is of what was there until now.
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let seen = outside
        .filter(|_| is_its_own)
        .map_or(ledger.claims, |mark| mark.claims.max(ledger.claims));
    let is_older = seen > ledger.claims;
    let has_moved = matches!((&ledger.home, &home), (Some(was), Some(is)) if was != is);
    let why = if is_older {
        Some(HoldReason::Older)
    } else if has_moved {
        Some(HoldReason::Moved)
    } else {
        None
    };
    if let Some(why) = why
        && anything_waits(c).await?
    {
        hold::begin(c, why, hold::ITSELF, None, now).await?;
    }
    if is_older {
        catch_up(c, seen).await?;
    }
    if let Some(home) = home {
        remember(c, "home", &home).await?;
    }
    let name = match ledger.name {
        Some(name) => name,
        None => {
            let mut fresh = [0_u8; NAME_LEN];
            inner.chance.fill(&mut fresh);
            let name: String = fresh.iter().map(|octet| format!("{octet:02x}")).collect();
            remember(c, "ledger", &name).await?;
            name
        }
    };
    Ok((name, seen))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let line = Mark::line("00ff", 12);
        assert_eq!(
            Mark::read(&line),
            Some(Mark {
                ledger: "00ff".to_owned(),
                claims: 12
            })
        );
        assert_eq!(line.len(), Mark::line("00ff", i64::MAX).len());
        for wrong in [
            "",
            "jisr mark of ledger 00ff: x claims\n",
            &line[..line.len() - 1],
        ] {
            assert_eq!(Mark::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_copied_file_has_another_home() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, "a").unwrap();
        let home = home_of(&one).unwrap();
        std::fs::write(&one, "b").unwrap();
        assert_eq!(home_of(&one).unwrap(), home, "written to, it is the same");
        std::fs::copy(&one, &other).unwrap();
        assert_ne!(home_of(&other).unwrap(), home);
        assert_eq!(home_of(&folder.path().join("none")), None);
    }
}
