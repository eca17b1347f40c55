//! Turns: what a callback meets, and the one transaction that ends a step.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault, sql};
use super::rows::{List, Rows};
use super::session::{OwnerRow, SessionRow};
use super::writer::{Shared, Verdict};
use super::{
    Inner, bytes, conversation_id, due, effects, int, maybe_bytes, number, outbox, session, sms,
    subscriber,
};
use crate::callback::{LinkName, ServiceName};
use crate::clock::Moment;
use crate::conversation::{Conversation, FORMAT};
use crate::plant::{Plant, planted};
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
    same: Option<Vec<u8>>,
}

/// A [`Save`] with everything sealed, which the writer can take with it.
pub(super) struct SaveRows {
    turn: Vec<u8>,
    id: Vec<u8>,
    service: String,
    subscriber: Vec<u8>,
    revision: i64,
    state: Vec<u8>,
    after: Option<Vec<u8>>,
    /// When the step before was saved, where it was recalled.
    recalled: Option<i64>,
    /// The link and the operator's id of the session that must own the USSD side then.
    owned_by: Option<(LinkName, String)>,
    arrival: Option<ArrivalRow>,
    /// The node on which the turn waits for an answer from outside, or 0.
    asking_node: i64,
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
            same: arrival.same.map(|same| same.to_vec()),
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
            after: save.after.map(|id| id.0.to_vec()),
            recalled: save.recalled.map(Moment::ms),
            owned_by: save
                .session
                .map(|(key, _)| (key.link.clone(), key.id.clone())),
            arrival: save
                .arrival
                .map(|arrival| ArrivalRow::of(inner, arrival))
                .transpose()?,
            asking_node: if save.asks { inner.node } else { 0 },
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

/// What is to be read for a callback or an event.
pub(super) struct Meeting {
    /// The service.
    pub service: String,
    /// The number's keyed hash.
    pub subscriber: Vec<u8>,
    /// The session's keyed hash.
    pub session: Option<Vec<u8>>,
}

static MET: List = List::new(
    "SELECT p.subscriber, v.id, v.state_sealed, CASE WHEN v.asking_node <> $1 AND EXISTS (
         SELECT 1 FROM nodes n WHERE n.id = v.asking_node AND n.over = 0) THEN 1 ELSE 0 END AS elsewhere
     FROM current_conversations p
     JOIN conversations v ON v.id = p.conversation WHERE p.service = $2 AND p.subscriber IN",
    2,
    "",
);

/// Conversations by service and number: the id, the state, still sealed, and whether a turn of it waits
/// on another node.
type Sealed<'a> = HashMap<(&'a str, Vec<u8>), (Vec<u8>, Vec<u8>, bool)>;

/// Reads what callbacks and events meet. What cannot be opened fails its own only.
pub(super) async fn meet(
    c: &mut Conn,
    inner: &Inner,
    meetings: &[Meeting],
) -> Result<Vec<Result<Met, StoreError>>, Fault> {
    let mut by_service: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for meeting in meetings {
        let numbers = by_service.entry(&meeting.service).or_default();
        numbers.push(&meeting.subscriber);
    }
    let mut conversations: Sealed<'_> = HashMap::new();
    let mut known = HashMap::new();
    let mut owners = HashMap::new();
    for (&service, numbers) in &by_service {
        for (statement, list) in MET.over(c.kind(), numbers) {
            let mut query = sql(statement).bind(inner.node).bind(service.to_owned());
            for number in list {
                query = query.bind(number.to_vec());
            }
            for row in query.fetch_all(&mut *c).await? {
                let (id, state) = (bytes(&row, "id")?, bytes(&row, "state_sealed")?);
                conversations.insert(
                    (service, bytes(&row, "subscriber")?),
                    (id, state, number(&row, "elsewhere")? != 0),
                );
            }
        }
        for (number, found) in subscriber::find(c, service, numbers).await? {
            known.insert((service, number), found);
        }
        for (number, sealed) in session::owners(c, service, numbers).await? {
            owners.insert((service, number), sealed);
        }
    }
    let keys: Vec<&[u8]> = meetings
        .iter()
        .filter_map(|one| one.session.as_deref())
        .collect();
    let sessions = session::find(c, &keys).await?;

    let met = |meeting: &Meeting| {
        let key = (meeting.service.as_str(), meeting.subscriber.clone());
        Ok(Met {
            subscriber: known.get(&key).cloned().unwrap_or_default(),
            conversation: match conversations.get(&key) {
                Some((id, sealed, _)) => open(inner, id, sealed)?,
                None => None,
            },
            current: conversations
                .get(&key)
                .map(|(id, _, _)| conversation_id(id)),
            elsewhere: conversations
                .get(&key)
                .is_some_and(|(_, _, elsewhere)| *elsewhere),
            session: meeting
                .session
                .as_ref()
                .and_then(|key| sessions.get(key))
                .cloned(),
            owner: match owners.get(&key) {
                Some(sealed) => Some(session::open_owner(
                    inner,
                    &meeting.service,
                    &key.1,
                    sealed,
                )?),
                None => None,
            },
        })
    };
    Ok(meetings.iter().map(met).collect())
}

/// Opens a conversation.
fn open(inner: &Inner, id: &[u8], sealed: &[u8]) -> Result<Option<Conversation>, StoreError> {
    let place = Place {
        table: "conversations",
        column: "state_sealed",
        row: id,
    };
    let conversation: Conversation = inner.open(place, sealed)?;
    // One of another layout cannot go on; its number starts anew.
    Ok(Some(conversation).filter(|conversation| conversation.format == FORMAT))
}

/// Reads one conversation.
pub(super) async fn conversation(
    c: &mut Conn,
    inner: &Inner,
    id: &[u8],
) -> Result<Option<Conversation>, Fault> {
    let sealed: Option<Vec<u8>> = sql("SELECT state_sealed FROM conversations WHERE id = $1")
        .bind(id.to_vec())
        .maybe(c)
        .await?;
    Ok(match sealed {
        Some(sealed) => open(inner, id, &sealed)?,
        None => None,
    })
}

/// What answered a callback that is the same, at a revision above that one.
pub(super) async fn same(
    c: &mut Conn,
    inner: &Inner,
    same: Mark,
    above: u64,
) -> Result<Option<Reply>, Fault> {
    let row = sql(
        "SELECT key, reply FROM inbox_ussd WHERE same = $1 AND revision > $2 AND reply IS NOT NULL
         ORDER BY revision LIMIT 1",
    )
    .bind(same.to_vec())
    .bind(int(above))
    .fetch_optional(c)
    .await?;
    match row {
        Some(row) => Ok(Some(open_reply(
            inner,
            &bytes(&row, "key")?,
            &bytes(&row, "reply")?,
        )?)),
        None => Ok(None),
    }
}

fn open_reply(inner: &Inner, key: &[u8], sealed: &[u8]) -> Result<Reply, StoreError> {
    let place = Place {
        table: "inbox_ussd",
        column: "reply",
        row: key,
    };
    let SealedReply { text, ends } = inner.open(place, sealed)?;
    Ok(Reply { text, ends })
}

/// What became of a callback.
pub(super) async fn seen(c: &mut Conn, inner: &Inner, key: Mark) -> Result<Seen, Fault> {
    let row = sql("SELECT reply FROM inbox_ussd WHERE key = $1")
        .bind(key.to_vec())
        .fetch_optional(c)
        .await?;
    let Some(row) = row else {
        return Ok(Seen::Never);
    };
    let Some(sealed) = maybe_bytes(&row, "reply")? else {
        return Ok(Seen::Open);
    };
    Ok(Seen::Answered(open_reply(inner, &key, &sealed)?))
}

static REVISIONS: List = List::new("SELECT id, revision FROM conversations WHERE id IN", 0, "");
static TURNS: Rows = Rows::new(
    "INSERT INTO turns (conversation, turn, revision, saved_at)",
    4,
    "ON CONFLICT (conversation, turn) DO NOTHING RETURNING conversation",
);
// A callback of another conversation, or one that has been answered, stays as it is: a reply that
// may have left is never replaced.
static ARRIVALS: Rows = Rows::new(
    "INSERT INTO inbox_ussd (key, link, subscriber, conversation, received_at, reply, same, revision)",
    8,
    "ON CONFLICT (key) DO UPDATE SET reply = excluded.reply, revision = excluded.revision
     WHERE inbox_ussd.reply IS NULL AND inbox_ussd.conversation = excluded.conversation RETURNING key",
);
// A callback of a recalled step: where anything is known of it, it is no new one.
static NEW_ARRIVALS: Rows = Rows::new(
    "INSERT INTO inbox_ussd (key, link, subscriber, conversation, received_at, reply, same, revision)",
    8,
    "ON CONFLICT (key) DO NOTHING RETURNING key",
);
// From the revision before to this one, or as the first.
static CONVERSATIONS: Rows = Rows::new(
    "INSERT INTO conversations (id, service, subscriber, revision, state_sealed, updated_at, asking_node)",
    7,
    "ON CONFLICT (id) DO UPDATE SET service = excluded.service, subscriber = excluded.subscriber,
         revision = excluded.revision, state_sealed = excluded.state_sealed, updated_at = excluded.updated_at,
         asking_node = excluded.asking_node
     WHERE conversations.revision = excluded.revision - 1 RETURNING id",
);
// A mistake to be found: from any revision to this one.
static WHEREVER: Rows = Rows::new(
    "INSERT INTO conversations (id, service, subscriber, revision, state_sealed, updated_at, asking_node)",
    7,
    "ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state_sealed = excluded.state_sealed,
         updated_at = excluded.updated_at RETURNING id",
);
// A conversation that begins is the current one.
static CURRENT: Rows = Rows::new(
    "INSERT INTO current_conversations (service, subscriber, conversation)",
    3,
    "ON CONFLICT (service, subscriber) DO UPDATE SET conversation = excluded.conversation
     WHERE current_conversations.conversation <> excluded.conversation",
);
// One that has begun before a newer one does not take the number back: an answer may be late.
static STILL_CURRENT: Rows = Rows::new(
    "INSERT INTO current_conversations (service, subscriber, conversation)",
    3,
    "ON CONFLICT (service, subscriber) DO NOTHING",
);

impl Shared for SaveRows {
    type Answer = Saved;

    fn write<'c>(
        c: &'c mut Conn,
        inner: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<Saved>, Fault>> {
        Box::pin(save(c, inner, all))
    }
}

/// Ends steps; a stale one leaves no trace. Steps of one conversation, or of one number, follow each
/// other: each round has at most one of each.
async fn save(c: &mut Conn, inner: &Inner, all: &[SaveRows]) -> Result<Vec<Saved>, Fault> {
    let mut answers = vec![Saved::Stale; all.len()];
    let mut left: Vec<usize> = (0..all.len()).collect();
    while !left.is_empty() {
        let (mut conversations, mut numbers) = (HashSet::new(), HashSet::new());
        let (round, later) = left.into_iter().partition(|&at| {
            let rows = &all[at];
            let first_of_its_number = numbers.insert((&rows.service, &rows.subscriber));
            conversations.insert(&rows.id) && first_of_its_number
        });
        let round: Vec<usize> = round;
        let steps: Vec<&SaveRows> = round.iter().map(|&at| &all[at]).collect();
        for (at, saved) in round.iter().zip(save_round(c, inner, &steps).await?) {
            if saved {
                answers[*at] = Saved::Done;
            }
        }
        left = later;
    }
    Ok(answers)
}

/// Ends steps of different conversations and numbers; tells which were not stale.
async fn save_round(c: &mut Conn, inner: &Inner, all: &[&SaveRows]) -> Result<Vec<bool>, Fault> {
    let fresh = in_step(c, inner, all).await?;
    let sessions: Vec<&SessionRow> = all
        .iter()
        .filter_map(|step| step.session.as_ref())
        .collect();
    let moved = session::moved(c, &sessions).await?;
    let as_read = |step: &SaveRows| {
        let session = step.session.as_ref();
        session.is_none_or(|session| !moved.contains(&session.key))
    };
    let begun = begin_turns(
        c,
        &pick(all, |step| fresh.contains(&*step.id) && as_read(step)),
    )
    .await?;
    let mut steps = pick(all, |step| begun.contains(&*step.id));
    let arrived = arrive(c, &steps).await?;
    let late = pick(&steps, |step| {
        step.arrival
            .as_ref()
            .is_some_and(|arrival| !arrived.contains(&arrival.key))
    });
    for step in &late {
        sql("DELETE FROM turns WHERE conversation = $1 AND turn = $2")
            .bind(step.id.clone())
            .bind(step.turn.clone())
            .execute(&mut *c)
            .await?;
    }
    steps.retain(|step| !late.iter().any(|one| one.id == step.id));
    move_on(c, &steps).await?;
    let saved: HashSet<&[u8]> = steps.iter().map(|step| &*step.id).collect();
    let answers = all.iter().map(|step| saved.contains(&*step.id)).collect();

    let (begun, going): (Vec<&SaveRows>, Vec<&SaveRows>) =
        steps.iter().copied().partition(|step| step.revision <= 1);
    for (kind, steps) in [(&CURRENT, begun), (&STILL_CURRENT, going)] {
        for (statement, rows) in kind.over(c.kind(), steps.len()) {
            let mut query = sql(statement);
            for step in &steps[rows] {
                query = query
                    .bind(step.service.clone())
                    .bind(step.subscriber.clone())
                    .bind(step.id.clone());
            }
            query.execute(&mut *c).await?;
        }
    }
    let done: Vec<i64> = steps.iter().filter_map(|step| step.sms_done).collect();
    sms::done(c, &done).await?;
    let sessions: Vec<_> = steps
        .iter()
        .filter_map(|step| step.session.as_ref())
        .collect();
    session::put(c, &sessions).await?;
    let owners: Vec<_> = steps
        .iter()
        .filter_map(|step| step.owner.as_ref())
        .collect();
    session::put_owners(c, &owners).await?;
    for step in &steps {
        for change in &step.changes {
            subscriber::change(c, &step.service, &step.subscriber, change, step.at).await?;
        }
    }
    outbox::insert(c, steps.iter().flat_map(|step| &step.messages)).await?;
    for step in &steps {
        if let Some(intent) = &step.intent {
            effects::intend(c, intent).await?;
        }
        if let Some((key, state)) = step.result {
            effects::result(c, key, state).await?;
        }
    }
    for kind in [
        DueKind::Call,
        DueKind::Silence,
        DueKind::Erase,
        DueKind::Revoke,
    ] {
        // A new conversation has no due times yet.
        let over: Vec<&[u8]> = steps
            .iter()
            .filter(|step| step.revision > 1 && step.not_due.contains(&kind))
            .map(|step| &*step.id)
            .collect();
        due::remove(c, &over, kind).await?;
    }
    let due: Vec<Due> = steps.iter().flat_map(|step| &step.due).copied().collect();
    due::put(c, &due).await?;
    Ok(answers)
}

fn pick<'a>(all: &[&'a SaveRows], which: impl Fn(&SaveRows) -> bool) -> Vec<&'a SaveRows> {
    all.iter().copied().filter(|step| which(step)).collect()
}

/// The conversations that stand where their step begins.
async fn in_step<'a>(
    c: &mut Conn,
    inner: &Inner,
    all: &[&'a SaveRows],
) -> Result<HashSet<&'a [u8]>, Fault> {
    let ids: Vec<&[u8]> = all.iter().map(|step| &*step.id).collect();
    let mut revisions: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut stand: HashMap<Vec<u8>, Stands> = HashMap::new();
    let is_any_recalled = all.iter().any(|step| step.recalled.is_some());
    let list = if is_any_recalled { &STANDS } else { &REVISIONS };
    for (statement, list) in list.over(c.kind(), &ids) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(id.to_vec());
        }
        for row in query.fetch_all(&mut *c).await? {
            let id = bytes(&row, "id")?;
            revisions.insert(id.clone(), number(&row, "revision")?);
            if is_any_recalled {
                let found = Stands {
                    saved_at: number(&row, "updated_at")?,
                    current: maybe_bytes(&row, "conversation")?,
                    owner: maybe_bytes(&row, "session")?,
                };
                stand.insert(id, found);
            }
        }
    }
    let currents = currents(c, all).await?;
    let mut fresh = HashSet::new();
    for step in all {
        let number = (step.service.as_str(), step.subscriber.clone());
        let begins_in_time = step.revision > 1 || currents.get(&number) == step.after.as_ref();
        let stands = revisions.get(&step.id).copied().unwrap_or(0) == step.revision - 1
            || planted(Plant::NoCompareAndSet);
        let is_so = match step.recalled {
            None => true,
            Some(saved_at) => match stand.get(&step.id) {
                Some(found) => found.as_recalled(inner, step, saved_at)?,
                None => false,
            },
        };
        if begins_in_time && stands && is_so {
            fresh.insert(&*step.id);
        }
    }
    Ok(fresh)
}

static STANDS: List = List::new(
    "SELECT v.id, v.revision, v.updated_at, p.conversation, o.session FROM conversations v
     LEFT JOIN current_conversations p ON p.service = v.service AND p.subscriber = v.subscriber
     LEFT JOIN owners o ON o.service = v.service AND o.subscriber = v.subscriber
     WHERE v.id IN",
    0,
    "",
);

/// What a recalled step was decided on, beside the revision and the session's version, which are looked
/// at for every step.
struct Stands {
    saved_at: i64,
    /// The current conversation of the number.
    current: Option<Vec<u8>>,
    /// Who owns its USSD side, sealed.
    owner: Option<Vec<u8>>,
}

impl Stands {
    /// Whether all of it is as it was recalled.
    fn as_recalled(
        &self,
        inner: &Inner,
        step: &SaveRows,
        saved_at: i64,
    ) -> Result<bool, StoreError> {
        let owns = match (&self.owner, &step.owned_by) {
            (Some(sealed), Some(session)) => {
                session::open_owner(inner, &step.service, &step.subscriber, sealed)? == *session
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let is_current = self.current.as_ref() == Some(&step.id);
        Ok(saved_at == self.saved_at && is_current && owns)
    }
}

static CURRENTS: List = List::new(
    "SELECT subscriber, conversation FROM current_conversations WHERE service = $1 AND subscriber IN",
    1,
    "",
);

/// The current conversations of the numbers for which one begins.
async fn currents<'a>(
    c: &mut Conn,
    all: &[&'a SaveRows],
) -> Result<HashMap<(&'a str, Vec<u8>), Vec<u8>>, Fault> {
    let mut by_service: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for step in all.iter().filter(|step| step.revision <= 1) {
        by_service
            .entry(&step.service)
            .or_default()
            .push(&step.subscriber);
    }
    let mut currents = HashMap::new();
    for (service, numbers) in by_service {
        for (statement, list) in CURRENTS.over(c.kind(), &numbers) {
            let mut query = sql(statement).bind(service.to_owned());
            for number in list {
                query = query.bind(number.to_vec());
            }
            for row in query.fetch_all(&mut *c).await? {
                let number = (service, bytes(&row, "subscriber")?);
                currents.insert(number, bytes(&row, "conversation")?);
            }
        }
    }
    Ok(currents)
}

/// Records the steps' keys; tells the conversations whose step was not there already.
async fn begin_turns(c: &mut Conn, steps: &[&SaveRows]) -> Result<HashSet<Vec<u8>>, Fault> {
    let mut begun = HashSet::new();
    for (statement, rows) in TURNS.over(c.kind(), steps.len()) {
        let mut query = sql(statement);
        for step in &steps[rows] {
            query = query
                .bind(step.id.clone())
                .bind(step.turn.clone())
                .bind(step.revision)
                .bind(step.at.ms());
        }
        begun.extend(query.all(&mut *c).await?);
    }
    Ok(begun)
}

/// Inserts callbacks' rows, or sets their replies; tells the keys of those for which that went.
async fn arrive(c: &mut Conn, steps: &[&SaveRows]) -> Result<HashSet<Vec<u8>>, Fault> {
    let (new, known): (Vec<_>, Vec<_>) = steps
        .iter()
        .filter_map(|step| Some((step.arrival.as_ref()?, *step)))
        .partition(|(_, step)| step.recalled.is_some());
    let mut arrived = HashSet::new();
    for (kind, all) in [(&NEW_ARRIVALS, new), (&ARRIVALS, known)] {
        for (statement, rows) in kind.over(c.kind(), all.len()) {
            let mut query = sql(statement);
            for (arrival, step) in &all[rows] {
                query = query
                    .bind(arrival.key.clone())
                    .bind(arrival.link.clone())
                    .bind(arrival.subscriber.clone())
                    .bind(step.id.clone())
                    .bind(arrival.at)
                    .bind(arrival.reply.clone())
                    .bind(arrival.same.clone())
                    .bind(step.revision);
            }
            arrived.extend(query.all(&mut *c).await?);
        }
    }
    Ok(arrived)
}

/// Moves conversations from the revision before to this one.
async fn move_on(c: &mut Conn, steps: &[&SaveRows]) -> Result<(), Fault> {
    let mut moved = 0;
    let moves = match planted(Plant::NoCompareAndSet) {
        true => &WHEREVER,
        false => &CONVERSATIONS,
    };
    for (statement, rows) in moves.over(c.kind(), steps.len()) {
        let mut query = sql(statement);
        for step in &steps[rows] {
            query = query
                .bind(step.id.clone())
                .bind(step.service.clone())
                .bind(step.subscriber.clone())
                .bind(step.revision)
                .bind(step.state.clone())
                .bind(step.at.ms())
                .bind(step.asking_node);
        }
        let ids: Vec<Vec<u8>> = query.all(&mut *c).await?;
        moved += ids.len();
    }
    if moved == steps.len() {
        return Ok(());
    }
    // They stood right a moment ago: somebody writes beside this process.
    Err(Fault::Store(StoreError::Unavailable(
        "a conversation was moved on from outside while its step was saved".to_owned(),
    )))
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
pub(super) async fn note(c: &mut Conn, rows: NoteRows) -> Result<Verdict<Saved>, Fault> {
    let NoteRows {
        arrival,
        session,
        owner,
    } = rows;
    if let Some(session) = &session
        && !session::moved(c, &[session]).await?.is_empty()
    {
        return Ok(Verdict::Undo(Saved::Stale));
    }
    sql(
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
    if let Some(session) = &session {
        session::put(c, &[session]).await?;
    }
    if let Some(owner) = &owner {
        session::put_owners(c, &[owner]).await?;
    }
    Ok(Verdict::Keep(Saved::Done))
}
