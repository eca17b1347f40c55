//! USSD sessions, and which of them owns a number's USSD side.

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault};
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
    key: Vec<u8>,
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

/// Remembers a session as it stands now.
pub(super) async fn put(c: &mut Conn, session: SessionRow) -> Result<(), Fault> {
    let SessionRow { key, mark } = session;
    sqlx::query(
        "INSERT INTO sessions (key, opened_at, seen_at, path_len, path_mark, shown_revision, ended)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (key) DO UPDATE SET opened_at = excluded.opened_at, seen_at = excluded.seen_at,
             path_len = excluded.path_len, path_mark = excluded.path_mark,
             shown_revision = excluded.shown_revision, ended = excluded.ended",
    )
    .bind(key)
    .bind(mark.opened_at.ms())
    .bind(mark.seen_at.ms())
    .bind(int(mark.path_len))
    .bind(mark.path_mark.to_vec())
    .bind(int(mark.shown_revision))
    .bind(i64::from(mark.ended))
    .execute(c)
    .await?;
    Ok(())
}

/// Gives a USSD side to a session.
pub(super) async fn put_owner(c: &mut Conn, owner: OwnerRow) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO owners (service, subscriber, session, since) VALUES ($1, $2, $3, $4)
         ON CONFLICT (service, subscriber) DO UPDATE SET session = excluded.session, since = excluded.since",
    )
    .bind(owner.service)
    .bind(owner.subscriber)
    .bind(owner.session)
    .bind(owner.since)
    .execute(c)
    .await?;
    Ok(())
}

/// What is remembered of a session.
pub(super) async fn find(c: &mut Conn, key: Vec<u8>) -> Result<Option<SessionMark>, Fault> {
    let row = sqlx::query(
        "SELECT opened_at, seen_at, path_len, path_mark, shown_revision, ended FROM sessions WHERE key = $1",
    )
    .bind(key)
    .fetch_optional(c)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SessionMark {
        opened_at: Moment::from_ms(number(&row, "opened_at")?),
        seen_at: Moment::from_ms(number(&row, "seen_at")?),
        path_len: count(number(&row, "path_len")?),
        path_mark: mark_of(&bytes(&row, "path_mark")?),
        shown_revision: count(number(&row, "shown_revision")?),
        ended: number(&row, "ended")? != 0,
    }))
}

/// Link and operator's id of the session that owns a USSD side.
pub(super) async fn owner(
    c: &mut Conn,
    inner: &Inner,
    service: &str,
    subscriber: &[u8],
) -> Result<Option<(LinkName, String)>, Fault> {
    let sealed: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT session FROM owners WHERE service = $1 AND subscriber = $2")
            .bind(service.to_owned())
            .bind(subscriber.to_vec())
            .fetch_optional(c)
            .await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let owner: SealedOwner =
        inner.open(owner_place(&owner_row_id(service, subscriber)), &sealed)?;
    Ok(Some((owner.link, owner.id)))
}
