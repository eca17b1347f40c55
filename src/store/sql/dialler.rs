//! Who dialled a session, for operators that tell the number at the dial only.

use super::engine::{Conn, Fault, sql};
use super::writer::Verdict;
use super::{Inner, bytes, session};
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::store::seal::Place;
use crate::store::{SessionKey, SessionMark, StoreError};

/// A dial, ready to be written.
pub(super) struct DiallerRow {
    session: Vec<u8>,
    content: Vec<u8>,
    at: i64,
}

/// The keyed hash of a link and an operator's id, which say nothing of the number.
pub(super) fn session_mark(inner: &Inner, link: &LinkName, id: &str) -> Vec<u8> {
    let parts = [link.0.as_bytes(), id.as_bytes()];
    inner.keys.mark("dialled session", &parts).to_vec()
}

fn place(row: &[u8]) -> Place<'_> {
    Place {
        table: "diallers",
        column: "content",
        row,
    }
}

impl DiallerRow {
    /// Seals the number.
    pub(super) fn of(inner: &Inner, key: &SessionKey, at: Moment) -> Result<Self, StoreError> {
        let session = session_mark(inner, &key.link, &key.id);
        Ok(Self {
            content: inner.seal(place(&session), &key.subscriber)?,
            session,
            at: at.ms(),
        })
    }
}

/// Remembers a dial in place of any before it: whatever the clocks say, the operator has given the id
/// to this one.
pub(super) async fn put(c: &mut Conn, row: DiallerRow) -> Result<Verdict<()>, Fault> {
    sql(
        "INSERT INTO diallers (session, content, dialled_at) VALUES ($1, $2, $3)
         ON CONFLICT (session) DO UPDATE SET content = excluded.content, dialled_at = excluded.dialled_at",
    )
    .bind(row.session)
    .bind(row.content)
    .bind(row.at)
    .execute(c)
    .await?;
    Ok(Verdict::Keep(()))
}

/// Whose session it is, and how that stands.
pub(super) async fn find(
    c: &mut Conn,
    inner: &Inner,
    link: LinkName,
    id: String,
) -> Result<Option<(Msisdn, SessionMark)>, Fault> {
    let mark = session_mark(inner, &link, &id);
    let row = sql("SELECT content FROM diallers WHERE session = $1")
        .bind(mark.clone())
        .fetch_optional(&mut *c)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let subscriber: Msisdn = inner.open(place(&mark), &bytes(&row, "content")?)?;
    let key = SessionKey {
        link,
        subscriber,
        id,
    };
    let session = session::key_mark(inner, &key);
    let mut found = session::find(c, &[&session]).await?;
    Ok(found
        .remove(&session)
        .map(|session| (key.subscriber, session)))
}
