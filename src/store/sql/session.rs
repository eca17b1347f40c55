//! USSD sessions, and which of them owns a number's USSD side.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault, sql};
use super::rows::{List, Rows};
use super::writer::Verdict;
use super::{Inner, bytes, count, int, mark_of, number};
use crate::callback::{LinkName, ServiceName};
use crate::clock::Moment;
use crate::store::seal::Place;
use crate::store::{SessionKey, SessionMark, StoreError};

/// An owner as it is sealed.
#[derive(Serialize, Deserialize)]
struct SealedOwner {
    link: LinkName,
    id: String,
}

/// A session, ready to be written.
pub(super) struct SessionRow {
    pub key: Vec<u8>,
    mark: SessionMark,
}

/// The owner of a USSD side, ready to be written.
pub(super) struct OwnerRow {
    service: String,
    subscriber: Vec<u8>,
    session: Vec<u8>,
    since: i64,
}

/// The keyed hash of a session's key.
pub(super) fn key_mark(inner: &Inner, key: &SessionKey) -> Vec<u8> {
    let parts = [
        key.link.0.as_bytes(),
        key.subscriber.as_str().as_bytes(),
        key.id.as_bytes(),
    ];
    inner.keys.mark("session", &parts).to_vec()
}

fn owner_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "owners",
        column: "session",
        row,
    }
}

fn owner_row_id(service: &str, subscriber: &[u8]) -> Vec<u8> {
    [subscriber, service.as_bytes()].concat()
}

impl SessionRow {
    /// Hashes its key.
    pub(super) fn of(inner: &Inner, (key, mark): (&SessionKey, &SessionMark)) -> Self {
        Self {
            key: key_mark(inner, key),
            mark: mark.clone(),
        }
    }
}

impl OwnerRow {
    /// Seals what names the session.
    pub(super) fn of(
        inner: &Inner,
        service: &ServiceName,
        key: &SessionKey,
        since: Moment,
    ) -> Result<Self, StoreError> {
        let subscriber = inner.number(&key.subscriber);
        let row = owner_row_id(&service.0, &subscriber);
        let session = inner.seal(
            owner_place(&row),
            &SealedOwner {
                link: key.link.clone(),
                id: key.id.clone(),
            },
        )?;
        Ok(Self {
            service: service.0.clone(),
            subscriber,
            session,
            since: since.ms(),
        })
    }
}

static PUT: Rows = Rows::new(
    "INSERT INTO sessions (key, opened_at, seen_at, path_len, path_mark, shown_revision, shown, ended, version)",
    9,
    "ON CONFLICT (key) DO UPDATE SET opened_at = excluded.opened_at, seen_at = excluded.seen_at,
         path_len = excluded.path_len, path_mark = excluded.path_mark,
         shown_revision = excluded.shown_revision, shown = excluded.shown, ended = excluded.ended,
         version = excluded.version",
);
static PUT_OWNERS: Rows = Rows::new(
    "INSERT INTO owners (service, subscriber, session, since)",
    4,
    "ON CONFLICT (service, subscriber) DO UPDATE SET session = excluded.session, since = excluded.since",
);

static VERSIONS: List = List::new("SELECT key, version FROM sessions WHERE key IN", 0, "");

/// The sessions that are not as they were read: another node has written them.
pub(super) async fn moved(c: &mut Conn, all: &[&SessionRow]) -> Result<HashSet<Vec<u8>>, Fault> {
    let mut versions: HashMap<Vec<u8>, i64> = HashMap::new();
    for (statement, list) in VERSIONS.over(c.kind(), all) {
        let mut query = sql(statement);
        for row in list {
            query = query.bind(row.key.clone());
        }
        for row in query.fetch_all(&mut *c).await? {
            versions.insert(bytes(&row, "key")?, number(&row, "version")?);
        }
    }
    Ok(all
        .iter()
        .filter(|row| versions.get(&row.key).copied().unwrap_or(0) != int(row.mark.version))
        .map(|row| row.key.clone())
        .collect())
}

/// Remembers sessions as they stand now.
pub(super) async fn put(c: &mut Conn, all: &[&SessionRow]) -> Result<(), Fault> {
    for (statement, rows) in PUT.over(c.kind(), all.len()) {
        let mut query = sql(statement);
        for SessionRow { key, mark } in &all[rows] {
            query = query
                .bind(key.clone())
                .bind(mark.opened_at.ms())
                .bind(mark.seen_at.ms())
                .bind(int(mark.path_len))
                .bind(mark.path_mark.to_vec())
                .bind(int(mark.shown_revision))
                .bind(i64::from(mark.shown))
                .bind(i64::from(mark.ended))
                .bind(int(mark.version).saturating_add(1));
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Gives USSD sides to sessions.
pub(super) async fn put_owners(c: &mut Conn, all: &[&OwnerRow]) -> Result<(), Fault> {
    for (statement, rows) in PUT_OWNERS.over(c.kind(), all.len()) {
        let mut query = sql(statement);
        for owner in &all[rows] {
            query = query
                .bind(owner.service.clone())
                .bind(owner.subscriber.clone())
                .bind(owner.session.clone())
                .bind(owner.since);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// The screen of the callback of that time was shown, unless a newer one has come.
pub(super) async fn shown(c: &mut Conn, key: Vec<u8>, at: Moment) -> Result<Verdict<()>, Fault> {
    sql("UPDATE sessions SET shown = 1 WHERE key = $1 AND seen_at <= $2")
        .bind(key)
        .bind(at.ms())
        .execute(c)
        .await?;
    Ok(Verdict::Keep(()))
}

static FIND: List = List::new(
    "SELECT key, opened_at, seen_at, path_len, path_mark, shown_revision, shown, ended, version FROM sessions WHERE key IN",
    0,
    "",
);
static OWNERS: List = List::new(
    "SELECT subscriber, session FROM owners WHERE service = $1 AND subscriber IN",
    1,
    "",
);

/// What is remembered of sessions, by their keys.
pub(super) async fn find(
    c: &mut Conn,
    keys: &[&[u8]],
) -> Result<HashMap<Vec<u8>, SessionMark>, Fault> {
    let mut found = HashMap::new();
    for (statement, list) in FIND.over(c.kind(), keys) {
        let mut query = sql(statement);
        for key in list {
            query = query.bind(key.to_vec());
        }
        for row in query.fetch_all(&mut *c).await? {
            let mark = SessionMark {
                opened_at: Moment::from_ms(number(&row, "opened_at")?),
                seen_at: Moment::from_ms(number(&row, "seen_at")?),
                path_len: count(number(&row, "path_len")?),
                path_mark: mark_of(&bytes(&row, "path_mark")?),
                shown_revision: count(number(&row, "shown_revision")?),
                shown: number(&row, "shown")? != 0,
                ended: number(&row, "ended")? != 0,
                version: count(number(&row, "version")?),
            };
            found.insert(bytes(&row, "key")?, mark);
        }
    }
    Ok(found)
}

/// Numbers whose USSD side has an owner, and that owner, sealed.
pub(super) async fn owners(
    c: &mut Conn,
    service: &str,
    numbers: &[&[u8]],
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Fault> {
    let mut found = Vec::new();
    for (statement, list) in OWNERS.over(c.kind(), numbers) {
        let mut query = sql(statement).bind(service.to_owned());
        for number in list {
            query = query.bind(number.to_vec());
        }
        for row in query.fetch_all(&mut *c).await? {
            found.push((bytes(&row, "subscriber")?, bytes(&row, "session")?));
        }
    }
    Ok(found)
}

/// Link and operator's id of the session that owns a USSD side.
pub(super) fn open_owner(
    inner: &Inner,
    service: &str,
    subscriber: &[u8],
    sealed: &[u8],
) -> Result<(LinkName, String), StoreError> {
    let owner: SealedOwner = inner.open(owner_place(&owner_row_id(service, subscriber)), sealed)?;
    Ok((owner.link, owner.id))
}
