//! Turns: what a callback meets, and the one transaction that ends a step.

use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault};
use super::session::{OwnerRow, SessionRow};
use super::writer::Verdict;
use super::{Inner, due, effects, int, maybe_bytes, outbox, session, sms, subscriber};
use crate::callback::ServiceName;
use crate::clock::Moment;
use crate::conversation::{Conversation, FORMAT};
use crate::store::seal::Place;
use crate::store::{
    Arrival, Due, DueKind, EffectState, Mark, Met, Reply, Save, Saved, Seen, SessionKey,
    SessionMark, StoreError, SubscriberChange,
};

/// A reply as it is sealed.
#[derive(Serialize, Deserialize)]
struct SealedReply {
    text: String,
    ends: bool,
}

/// The inbox row of a callback, ready to be written.
pub(super) struct ArrivalRow {
    key: Vec<u8>,
    link: String,
    subscriber: Vec<u8>,
    at: i64,
    reply: Option<Vec<u8>>,
}

/// A [`Save`] with everything sealed, which the writer can take with it.
pub(super) struct SaveRows {
    turn: Vec<u8>,
    id: Vec<u8>,
    service: String,
    subscriber: Vec<u8>,
    revision: i64,
    state: Vec<u8>,
    arrival: Option<ArrivalRow>,
    sms_done: Option<i64>,
    session: Option<SessionRow>,
    owner: Option<OwnerRow>,
    changes: Vec<SubscriberChange>,
    messages: Vec<outbox::NewRow>,
    intent: Option<effects::NewRow>,
    result: Option<(Mark, EffectState)>,
    due: Vec<Due>,
    not_due: Vec<DueKind>,
    at: Moment,
}

impl ArrivalRow {
    fn of(inner: &Inner, arrival: &Arrival) -> Result<Self, StoreError> {
        let place = Place {
            table: "inbox_ussd",
            column: "reply",
            row: &arrival.key,
        };
        let reply = match &arrival.reply {
            Some(Reply { text, ends }) => Some(inner.seal(
                place,
                &SealedReply {
                    text: text.clone(),
                    ends: *ends,
                },
            )?),
            None => None,
        };
        Ok(Self {
            key: arrival.key.to_vec(),
            link: arrival.link.0.clone(),
            subscriber: inner.number(&arrival.subscriber),
            at: arrival.at.ms(),
            reply,
        })
    }
}

impl SaveRows {
    /// Seals everything that the save will write.
    pub(super) fn of(inner: &Inner, save: &Save<'_>) -> Result<Self, StoreError> {
        let conversation = save.conversation;
        let place = Place {
            table: "conversations",
            column: "state_sealed",
            row: &conversation.id.0,
        };
        let owner = match save.session {
            Some((key, _)) if save.owns => {
                Some(OwnerRow::of(inner, &conversation.service, key, save.at)?)
            }
            Some(_) | None => None,
        };
        Ok(Self {
            turn: save.turn.to_vec(),
            id: conversation.id.0.to_vec(),
            service: conversation.service.0.clone(),
            subscriber: inner.number(&conversation.subscriber),
            revision: int(conversation.revision),
            state: inner.seal(place, conversation)?,
            arrival: save
                .arrival
                .map(|arrival| ArrivalRow::of(inner, arrival))
                .transpose()?,
            sms_done: save.sms_done.map(|id| id.0),
            session: save.session.map(|session| SessionRow::of(inner, session)),
            owner,
            changes: save.subscriber.to_vec(),
            messages: save
                .messages
                .iter()
                .map(|message| outbox::NewRow::of(inner, message, save.at))
                .collect::<Result<_, _>>()?,
            intent: save
                .intent
                .map(|effect| effects::NewRow::of(inner, effect))
                .transpose()?,
            result: save.result,
            due: save.due.to_vec(),
            not_due: save.not_due.to_vec(),
            at: save.at,
        })
    }
}

/// Reads what a callback meets.
pub(super) async fn meet(
    c: &mut Conn,
    inner: &Inner,
    service: String,
    subscriber: Vec<u8>,
    session: Option<Vec<u8>>,
) -> Result<Met, Fault> {
    let current: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT conversation FROM current_conversations WHERE service = $1 AND subscriber = $2",
    )
    .bind(&service)
    .bind(&subscriber)
    .fetch_optional(&mut *c)
    .await?;
    Ok(Met {
        subscriber: subscriber::find(c, &service, &subscriber).await?,
        conversation: match current {
            Some(id) => conversation(c, inner, &id).await?,
            None => None,
        },
        session: match session {
            Some(key) => session::find(c, key).await?,
            None => None,
        },
        owner: session::owner(c, inner, &service, &subscriber).await?,
    })
}

/// Reads one conversation.
pub(super) async fn conversation(
    c: &mut Conn,
    inner: &Inner,
    id: &[u8],
) -> Result<Option<Conversation>, Fault> {
    let sealed: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT state_sealed FROM conversations WHERE id = $1")
            .bind(id.to_vec())
            .fetch_optional(c)
            .await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let place = Place {
        table: "conversations",
        column: "state_sealed",
        row: id,
    };
    let conversation: Conversation = inner.open(place, &sealed)?;
    // One of another layout cannot go on; its number starts anew.
    Ok(Some(conversation).filter(|conversation| conversation.format == FORMAT))
}

/// What became of a callback.
pub(super) async fn seen(c: &mut Conn, inner: &Inner, key: Mark) -> Result<Seen, Fault> {
    let row = sqlx::query("SELECT reply FROM inbox_ussd WHERE key = $1")
        .bind(key.to_vec())
        .fetch_optional(c)
        .await?;
    let Some(row) = row else {
        return Ok(Seen::Never);
    };
    let Some(sealed) = maybe_bytes(&row, "reply")? else {
        return Ok(Seen::Open);
    };
    let reply: SealedReply = inner.open(
        Place {
            table: "inbox_ussd",
            column: "reply",
            row: &key,
        },
        &sealed,
    )?;
    Ok(Seen::Answered(Reply {
        text: reply.text,
        ends: reply.ends,
    }))
}

/// Ends a step, or leaves no trace.
pub(super) async fn save(c: &mut Conn, rows: SaveRows) -> Result<Verdict<Saved>, Fault> {
    const STALE: Verdict<Saved> = Verdict::Undo(Saved::Stale);
    let saved = sqlx::query(
        "INSERT INTO turns (conversation, turn, revision, saved_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (conversation, turn) DO NOTHING",
    )
    .bind(&rows.id)
    .bind(&rows.turn)
    .bind(rows.revision)
    .bind(rows.at.ms())
    .execute(&mut *c)
    .await?;
    if saved.rows_affected() == 0 || !moved_on(c, &rows).await? {
        return Ok(STALE);
    }
    if let Some(arrival) = rows.arrival
        && !arrive(c, arrival, &rows.id).await?
    {
        return Ok(STALE);
    }
    sqlx::query(
        "INSERT INTO current_conversations (service, subscriber, conversation) VALUES ($1, $2, $3)
         ON CONFLICT (service, subscriber) DO UPDATE SET conversation = excluded.conversation",
    )
    .bind(&rows.service)
    .bind(&rows.subscriber)
    .bind(&rows.id)
    .execute(&mut *c)
    .await?;
    if let Some(id) = rows.sms_done {
        sms::done(c, id).await?;
    }
    if let Some(session) = rows.session {
        session::put(c, session).await?;
    }
    if let Some(owner) = rows.owner {
        session::put_owner(c, owner).await?;
    }
    for change in rows.changes {
        subscriber::change(c, &rows.service, &rows.subscriber, change, rows.at).await?;
    }
    for message in rows.messages {
        outbox::insert(c, message).await?;
    }
    if let Some(intent) = rows.intent {
        effects::intend(c, intent).await?;
    }
    if let Some((key, state)) = rows.result {
        effects::result(c, key, state).await?;
    }
    for kind in rows.not_due {
        due::remove(c, &rows.id, kind).await?;
    }
    for one in rows.due {
        due::put(c, one).await?;
    }
    Ok(Verdict::Keep(Saved::Done))
}

/// Moves the conversation from the revision before to this one; false when it stood elsewhere.
async fn moved_on(c: &mut Conn, rows: &SaveRows) -> Result<bool, Fault> {
    let query = if rows.revision == 1 {
        "INSERT INTO conversations (id, service, subscriber, revision, state_sealed, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING"
    } else {
        "UPDATE conversations SET service = $2, subscriber = $3, revision = $4, state_sealed = $5, updated_at = $6
         WHERE id = $1 AND revision = $4 - 1"
    };
    let moved = sqlx::query(query)
        .bind(&rows.id)
        .bind(&rows.service)
        .bind(&rows.subscriber)
        .bind(rows.revision)
        .bind(&rows.state)
        .bind(rows.at.ms())
        .execute(c)
        .await?;
    Ok(moved.rows_affected() == 1)
}

/// Inserts a callback's row, or sets its reply; false when the callback is another conversation's
/// or has been answered: a reply that may have left is never replaced.
async fn arrive(c: &mut Conn, arrival: ArrivalRow, conversation: &[u8]) -> Result<bool, Fault> {
    let written = sqlx::query(
        "INSERT INTO inbox_ussd (key, link, subscriber, conversation, received_at, reply)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key) DO UPDATE SET reply = excluded.reply
         WHERE inbox_ussd.reply IS NULL AND inbox_ussd.conversation = excluded.conversation",
    )
    .bind(arrival.key)
    .bind(arrival.link)
    .bind(arrival.subscriber)
    .bind(conversation.to_vec())
    .bind(arrival.at)
    .bind(arrival.reply)
    .execute(c)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// A note with everything sealed, which the writer can take with it.
pub(super) struct NoteRows {
    arrival: ArrivalRow,
    session: Option<SessionRow>,
    owner: Option<OwnerRow>,
}

impl NoteRows {
    /// Seals everything that the note will write.
    pub(super) fn of(
        inner: &Inner,
        arrival: &Arrival,
        session: Option<(&SessionKey, &SessionMark)>,
        owns: Option<&ServiceName>,
    ) -> Result<Self, StoreError> {
        let owner = match (session, owns) {
            (Some((key, _)), Some(service)) => Some(OwnerRow::of(inner, service, key, arrival.at)?),
            (Some(_) | None, _) => None,
        };
        Ok(Self {
            arrival: ArrivalRow::of(inner, arrival)?,
            session: session.map(|session| SessionRow::of(inner, session)),
            owner,
        })
    }
}

/// Stores a reply without a step. A reply that is there already stays.
pub(super) async fn note(c: &mut Conn, rows: NoteRows) -> Result<Verdict<()>, Fault> {
    let NoteRows {
        arrival,
        session,
        owner,
    } = rows;
    sqlx::query(
        "INSERT INTO inbox_ussd (key, link, subscriber, received_at, reply) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (key) DO UPDATE SET reply = excluded.reply WHERE inbox_ussd.reply IS NULL",
    )
    .bind(arrival.key)
    .bind(arrival.link)
    .bind(arrival.subscriber)
    .bind(arrival.at)
    .bind(arrival.reply)
    .execute(&mut *c)
    .await?;
    if let Some(session) = session {
        session::put(c, session).await?;
    }
    if let Some(owner) = owner {
        session::put_owner(c, owner).await?;
    }
    Ok(Verdict::Keep(()))
}
