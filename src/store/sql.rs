//! The ledger over SQL: one writer that shares commits, readers beside it, everything personal
//! sealed on its way in.

mod attempts;
mod codes;
mod dead;
mod delivery;
mod dialler;
mod due;
mod effects;
mod engine;
mod fair;
mod highwater;
mod hold;
mod ids;
mod limits;
mod message_id;
#[cfg(feature = "plant")]
pub mod model;
mod nodes;
mod nonces;
mod outbox;
mod reader;
mod receipts;
mod rows;
mod session;
mod sms;
mod standing;
mod subscriber;
mod tidy;
mod turn;
mod visitor;
mod witness;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use limits::Rules;
pub use visitor::Visitor;
pub use writer::OnDiskFailure;

use self::engine::{Conn, Fault, Kind, Readers, sql};
use self::ids::Ids;
use self::reader::Reader;
use self::turn::Meeting;
use self::writer::{Asked, Job, Shared, Verdict, Writer};
use super::seal::{Keys, Place};
use super::{
    Accepted, Arrival, Beaten, CodeSent, CodeTried, CodeWanted, Due, Effect, EffectState, Mark,
    MatchFailures, Message, MessageId, MessageState, Met, NewSms, NodeId, PartOutcome, Pulse,
    Receipt, Reply, Save, Saved, Seen, SessionKey, SessionMark, Sms, SmsId, Store, StoreError,
};
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::{Chance, Moment};
use crate::conversation::{Conversation, ConversationId};

/// How often one reading of texts sets aside those that cannot be opened.
const SET_ASIDE_MAX: usize = 64;

/// The ledger in a SQL database. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct SqlStore {
    inner: Arc<Inner>,
    writer: Writer,
    readers: Option<Readers>,
    reader: Option<Reader>,
}

/// What the queries need beside a connection.
struct Inner {
    keys: Keys,
    chance: Arc<dyn Chance>,
    rules: Rules,
    /// The number of this opening of the ledger, which is a node.
    node: i64,
    ids: Ids,
    /// Writes that the database refused.
    refused: AtomicU64,
    /// How many of them somebody has been told of by [`Store::ready`].
    told: AtomicU64,
    /// Whose turn it is on each link.
    turns: std::sync::Mutex<fair::Turns>,
    /// What is remembered outside of the ledger.
    witness: witness::Witness,
}

impl SqlStore {
    /// Opens the ledger at `url` (`sqlite:jisr.db`, a path, or `:memory:`), makes it if it is not
    /// there, and brings its tables up to date. When the disk fails later on, the process ends.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] naming the path and the mend; [`StoreError::Sealed`] when the
    /// ledger was made with other keys.
    pub async fn open(url: &str, keys: Keys, chance: Arc<dyn Chance>) -> Result<Self, StoreError> {
        let exit: OnDiskFailure = Arc::new(|reason| {
            tracing::error!(
                reason,
                "the disk under the ledger failed; stopping, since going on could lose turns"
            );
            std::process::exit(1);
        });
        Self::open_with(url, keys, chance, Rules::default(), exit).await
    }

    /// [`SqlStore::open`] with limits of one's own, and with what happens when the disk fails.
    ///
    /// # Errors
    /// As [`SqlStore::open`].
    pub async fn open_with(
        url: &str,
        keys: Keys,
        chance: Arc<dyn Chance>,
        rules: Rules,
        on_disk_failure: OnDiskFailure,
    ) -> Result<Self, StoreError> {
        let (place, mut conn, readers) = engine::open(url).await?;
        let (node, slot, highest_id) = match greet(&mut conn, &keys, &*chance).await {
            Ok(greeted) => greeted,
            Err(error) => {
                conn.abandon();
                return Err(error);
            }
        };
        let inner = Arc::new(Inner {
            keys,
            chance,
            rules,
            node,
            ids: Ids::above(slot, highest_id),
            refused: AtomicU64::new(0),
            told: AtomicU64::new(0),
            turns: std::sync::Mutex::default(),
            witness: witness::Witness::default(),
        });
        Ok(Self {
            writer: Writer::start((place, conn), Arc::clone(&inner), on_disk_failure),
            reader: readers
                .clone()
                .map(|readers| Reader::start(readers, Arc::clone(&inner))),
            inner,
            readers,
        })
    }

    /// Transactions since it was opened: each is an fsync that turns share.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Runs a job in the writer's next transaction.
    async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn, Arc<Inner>) -> BoxFuture<'c, Result<Verdict<T>, Fault>>
            + Send
            + 'static,
    {
        let inner = self.inner.clone();
        self.told(self.writer.run(move |conn| work(conn, inner)).await)
    }

    /// Writes what is written for many callers at once, in the writer's next transaction.
    async fn share<S: Shared>(&self, what: S) -> Result<S::Answer, StoreError>
    where
        Job: From<Asked<S>>,
    {
        self.told(self.writer.share(what).await)
    }

    /// Counts a write that was refused.
    fn told<T>(&self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Unavailable(_)) = &written {
            self.inner.refused.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    /// Runs queries that all see the ledger at one point in time.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Conn, Arc<Inner>) -> BoxFuture<'c, Result<T, Fault>>
            + Send
            + 'static,
    {
        let inner = self.inner.clone();
        let Some(readers) = &self.readers else {
            return self
                .writer
                .run(move |conn| {
                    Box::pin(async move { Ok(Verdict::Keep(work(conn, inner).await?)) })
                })
                .await;
        };
        let mut look = readers.begin().await?;
        let result = work(&mut look, inner).await;
        look.end().await?;
        Ok(result?)
    }
}

/// What proves that the keys are those of the ledger.
const PROOF: Place<'static> = Place {
    table: "meta",
    column: "content",
    row: b"keys",
};

/// Proves the keys by a value that the first opening sealed, and makes a node of this one.
async fn greet(
    conn: &mut Conn,
    keys: &Keys,
    chance: &dyn Chance,
) -> Result<(i64, i64, i64), StoreError> {
    let proof = keys.seal(PROOF, b"jisr", chance)?;
    conn.begin().await?;
    let greeted = async {
        sql("INSERT INTO meta (name, number, content) VALUES ('keys', 0, $1) ON CONFLICT (name) DO NOTHING")
            .bind(proof)
            .execute(&mut *conn)
            .await?;
        let stored: Vec<u8> = sql("SELECT content FROM meta WHERE name = 'keys'")
            .one(&mut *conn)
            .await?;
        keys.open(PROOF, &stored)?;
        let (node, slot) = nodes::join(&mut *conn).await?;
        sms::look_again(&mut *conn).await?;
        if conn.kind() == Kind::Lite {
            nodes::alone(&mut *conn, node).await?;
        }
        let highest = highest_id(&mut *conn).await?;
        engine::said(&mut *conn, "COMMIT").await?;
        Ok::<_, Fault>((node, slot, highest))
    };
    let greeted = greeted.await;
    if greeted.is_err() {
        // What went wrong is told; the connection is given up with it.
        drop(engine::said(conn, "ROLLBACK").await);
    }
    Ok(greeted?)
}

async fn highest_id(conn: &mut Conn) -> Result<i64, Fault> {
    let mut highest = 0;
    for query in [
        "SELECT MAX(id) FROM outbox",
        "SELECT MAX(id) FROM inbox_sms",
        "SELECT MAX(id) FROM sms_seen",
        "SELECT MAX(id) FROM receipts",
    ] {
        let id: Option<i64> = sql(query).one(&mut *conn).await?;
        highest = highest.max(id.unwrap_or(0));
    }
    Ok(highest)
}

impl Inner {
    #[cfg(any(test, feature = "plant"))]
    fn for_testing() -> Self {
        Self {
            keys: Keys::for_testing(),
            chance: Arc::new(crate::system::SystemChance),
            rules: Rules::default(),
            node: 1,
            ids: Ids::above(0, 0),
            refused: AtomicU64::new(0),
            told: AtomicU64::new(0),
            turns: std::sync::Mutex::default(),
            witness: witness::Witness::default(),
        }
    }

    /// Seals a value for its place.
    fn seal<T: Serialize>(&self, place: Place<'_>, value: &T) -> Result<Vec<u8>, StoreError> {
        let plain = rmp_serde::to_vec_named(value)
            .map(Zeroizing::new)
            .map_err(|_| StoreError::Sealed { table: place.table })?;
        self.keys.seal(place, &plain, &*self.chance)
    }

    /// Opens what [`Inner::seal`] sealed.
    fn open<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Result<T, StoreError> {
        let plain = self.keys.open(place, sealed)?;
        rmp_serde::from_slice(&plain).map_err(|_| StoreError::Sealed { table: place.table })
    }

    /// The keyed hash by which rows of a number are found.
    fn number(&self, number: &Msisdn) -> Vec<u8> {
        self.keys
            .mark("number", &[number.as_str().as_bytes()])
            .to_vec()
    }

    /// A new id, as [`Ids::next`].
    fn next_id(&self, at: Moment) -> i64 {
        self.ids.next(at)
    }

    /// A wait from nothing to all of `bound`, each as likely (full jitter), so that retries do not come
    /// in step; `least` keeps anybody from spinning.
    fn spread(&self, least: Duration, bound: Duration) -> Duration {
        let mut draw = [0_u8; 2];
        self.chance.fill(&mut draw);
        let drawn = bound * u32::from(u16::from_be_bytes(draw)) / u32::from(u16::MAX);
        drawn.max(least)
    }
}

/// A count for a BIGINT column.
fn int(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// A count from a BIGINT column.
fn count<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// Milliseconds of a span of time.
fn ms(span: Duration) -> i64 {
    int(span.as_millis())
}

/// A keyed hash from its column.
fn mark_of(bytes: &[u8]) -> Mark {
    bytes.try_into().unwrap_or([0; 32])
}

/// A conversation's id from its column.
fn conversation_id(bytes: &[u8]) -> ConversationId {
    ConversationId(bytes.try_into().unwrap_or([0; 16]))
}

impl Store for SqlStore {
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> Mark {
        self.inner.keys.mark(purpose, parts)
    }

    async fn meet(
        &self,
        service: &ServiceName,
        subscriber: &Msisdn,
        session: Option<&SessionKey>,
    ) -> Result<Met, StoreError> {
        let meeting = Meeting {
            service: service.0.clone(),
            subscriber: self.inner.number(subscriber),
            session: session.map(|key| session::key_mark(&self.inner, key)),
        };
        if let Some(reader) = &self.reader {
            return reader.meet(meeting).await;
        }
        self.read(move |c, inner| {
            Box::pin(async move {
                let met = turn::meet(c, &inner, &[meeting]).await?.pop();
                Ok(met.transpose()?.unwrap_or_default())
            })
        })
        .await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read(move |c, inner| {
            Box::pin(async move { turn::conversation(c, &inner, &id.0).await })
        })
        .await
    }

    async fn same(&self, same: &Mark, above: u64) -> Result<Option<Reply>, StoreError> {
        let same = *same;
        self.read(move |c, inner| Box::pin(async move { turn::same(c, &inner, same, above).await }))
            .await
    }

    async fn seen(&self, key: &Mark) -> Result<Seen, StoreError> {
        let key = *key;
        self.read(move |c, inner| Box::pin(async move { turn::seen(c, &inner, key).await }))
            .await
    }

    async fn save(&self, save: Save<'_>) -> Result<Saved, StoreError> {
        let rows = turn::SaveRows::of(&self.inner, &save)?;
        self.share(rows).await
    }

    async fn note(
        &self,
        arrival: &Arrival,
        session: Option<(&SessionKey, &SessionMark)>,
        owns: Option<&ServiceName>,
    ) -> Result<Saved, StoreError> {
        let rows = turn::NoteRows::of(&self.inner, arrival, session, owns)?;
        self.write(move |c, _| Box::pin(async move { turn::note(c, rows).await }))
            .await
    }

    async fn accept_sms(&self, sms: NewSms) -> Result<Accepted, StoreError> {
        self.share(sms).await
    }

    async fn delivery(&self, delivery: super::Delivery) -> Result<super::Noted, StoreError> {
        self.write(move |c, inner| {
            Box::pin(async move { delivery::note(c, &inner, delivery).await })
        })
        .await
    }

    async fn nonce(
        &self,
        link: &LinkName,
        nonce: &[u8],
        until: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let row = nonces::NonceRow::of(&self.inner, &link.0, nonce, until, now);
        self.share(row).await
    }

    async fn dialled(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        let row = dialler::DiallerRow::of(&self.inner, session, at)?;
        self.write(move |c, _| Box::pin(async move { dialler::put(c, row).await }))
            .await
    }

    async fn dialler(
        &self,
        link: &LinkName,
        id: &str,
    ) -> Result<Option<(Msisdn, SessionMark)>, StoreError> {
        let (link, id) = (link.clone(), id.to_owned());
        self.read(move |c, inner| Box::pin(async move { dialler::find(c, &inner, link, id).await }))
            .await
    }

    async fn shown(&self, session: &SessionKey, at: Moment) -> Result<(), StoreError> {
        let key = session::key_mark(&self.inner, session);
        self.write(move |c, _| Box::pin(async move { session::shown(c, key, at).await }))
            .await
    }

    async fn close_bind(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> Result<(), StoreError> {
        let link = link.0.clone();
        self.write(move |c, inner| {
            Box::pin(async move { sms::close_bind(c, &inner, link, bind, unread_from).await })
        })
        .await
    }

    async fn waiting_sms(&self, after: SmsId, limit: u32) -> Result<Vec<Sms>, StoreError> {
        for _ in 0..SET_ASIDE_MAX {
            let found = self
                .read(move |c, inner| {
                    Box::pin(async move { sms::waiting(c, &inner, after.0, limit).await })
                })
                .await?;
            let damaged = match found {
                Ok(texts) => return Ok(texts),
                Err(damaged) => damaged,
            };
            self.write(move |c, _| {
                Box::pin(async move { Ok(Verdict::Keep(sms::set_aside(c, &damaged).await?)) })
            })
            .await?;
        }
        Err(StoreError::Sealed { table: "inbox_sms" })
    }

    async fn drop_sms(&self, id: SmsId) -> Result<(), StoreError> {
        self.write(move |c, _| {
            Box::pin(async move { Ok(Verdict::Keep(sms::done(c, &[id.0]).await?)) })
        })
        .await
    }

    async fn claim_due(
        &self,
        now: Moment,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        self.write(move |c, inner| {
            Box::pin(async move { due::claim(c, inner.node, now, (lease, limit)).await })
        })
        .await
    }

    async fn end_due(&self, due: &Due) -> Result<(), StoreError> {
        let due = *due;
        self.write(move |c, _| Box::pin(async move { due::end(c, due).await }))
            .await
    }

    async fn next_due(&self) -> Result<Option<Moment>, StoreError> {
        self.read(move |c, _| Box::pin(async move { due::next(c).await }))
            .await
    }

    async fn erase(&self, id: ConversationId) -> Result<(), StoreError> {
        self.write(move |c, _| {
            Box::pin(async move { Ok(Verdict::Keep(tidy::erase(c, &id.0).await?)) })
        })
        .await
    }

    async fn effect(&self, key: &Mark) -> Result<Option<Effect>, StoreError> {
        let key = *key;
        self.read(move |c, inner| Box::pin(async move { effects::find(c, &inner, key).await }))
            .await
    }

    async fn has_turn(
        &self,
        conversation: ConversationId,
        turn: &Mark,
    ) -> Result<bool, StoreError> {
        let (conversation, turn) = (conversation.0.to_vec(), turn.to_vec());
        self.read(move |c, _| {
            Box::pin(async move {
                let found: Option<i64> =
                    sql("SELECT revision FROM turns WHERE conversation = $1 AND turn = $2")
                        .bind(conversation)
                        .bind(turn)
                        .maybe(c)
                        .await?;
                Ok(found.is_some())
            })
        })
        .await
    }

    async fn revoke_effect(&self, key: &Mark) -> Result<(), StoreError> {
        let key = *key;
        self.write(move |c, _| {
            Box::pin(async move {
                effects::result(c, key, EffectState::Revoked).await?;
                Ok(Verdict::Keep(()))
            })
        })
        .await
    }

    async fn effect_of(&self, message: MessageId) -> Result<Option<Effect>, StoreError> {
        self.read(move |c, inner| {
            Box::pin(async move { effects::of_message(c, &inner, message.0).await })
        })
        .await
    }

    async fn resend_message(
        &self,
        key: &Mark,
        now: Moment,
    ) -> Result<Option<Duration>, StoreError> {
        let key = *key;
        self.write(move |c, _| Box::pin(async move { outbox::resend(c, key, now).await }))
            .await
    }

    async fn send_code(&self, wanted: CodeWanted) -> Result<CodeSent, StoreError> {
        self.write(move |c, inner| Box::pin(async move { codes::send(c, &inner, wanted).await }))
            .await
    }

    async fn try_code(
        &self,
        conversation: ConversationId,
        to: &Msisdn,
        typed: &str,
        key: &Mark,
        now: Moment,
    ) -> Result<CodeTried, StoreError> {
        let one_try = codes::Try::of(&self.inner, conversation, to, typed, key, now);
        self.write(move |c, inner| {
            Box::pin(async move { codes::attempt(c, &inner, one_try).await })
        })
        .await
    }

    async fn match_failures(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        now: Moment,
    ) -> Result<MatchFailures, StoreError> {
        let (number, identity) = (self.inner.number(subscriber), identity.to_vec());
        self.read(move |c, _| {
            Box::pin(async move { attempts::count(c, number, identity, now).await })
        })
        .await
    }

    async fn match_failed(
        &self,
        subscriber: &Msisdn,
        identity: &Mark,
        key: &Mark,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (number, identity, key) = (
            self.inner.number(subscriber),
            identity.to_vec(),
            key.to_vec(),
        );
        self.write(move |c, _| {
            Box::pin(async move { attempts::record(c, number, identity, key, now).await })
        })
        .await
    }

    async fn claim_messages(
        &self,
        link: &LinkName,
        epoch: u64,
        now: Moment,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let link = link.0.clone();
        let (claimed, claims) = self
            .write(move |c, inner| {
                Box::pin(async move { outbox::claim(c, &inner, link, epoch, now, limit).await })
            })
            .await?;
        if let Some(claims) = claims {
            self.inner.witness.saw(claims);
        }
        Ok(claimed)
    }

    async fn part_done(
        &self,
        id: MessageId,
        claim: Option<u32>,
        part: u8,
        parts: u8,
        outcome: &PartOutcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.share(standing::Word {
            id: id.0,
            claim,
            part: (part, parts),
            outcome: outcome.clone(),
            at: now,
        })
        .await
    }

    async fn receipt(&self, receipt: &Receipt) -> Result<(), StoreError> {
        self.share(receipt.clone()).await
    }

    async fn links_due(&self, now: Moment) -> Result<Vec<LinkName>, StoreError> {
        self.read(move |c, _| Box::pin(async move { outbox::links_due(c, now).await }))
            .await
    }

    async fn begin_epoch(&self, link: &LinkName, now: Moment) -> Result<u64, StoreError> {
        let link = link.0.clone();
        self.write(move |c, inner| {
            Box::pin(async move { standing::begin_epoch(c, inner.node, link, now).await })
        })
        .await
    }

    async fn tidy(&self, now: Moment) -> Result<(), StoreError> {
        let now = self
            .write(move |c, inner| Box::pin(async move { tidy::tidy(c, inner.node, now).await }))
            .await?;
        for _ in 0..tidy::ROUNDS_MAX {
            let more = self
                .write(move |c, inner| Box::pin(async move { tidy::move_on(c, &inner, now).await }))
                .await?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn node(&self) -> NodeId {
        NodeId(self.inner.node)
    }

    async fn beat(&self, now: Moment) -> Result<Beaten, StoreError> {
        self.write(move |c, inner| Box::pin(async move { nodes::beat(c, inner.node, now).await }))
            .await
    }

    async fn bury(&self, dead: Pulse, now: Moment) -> Result<bool, StoreError> {
        self.write(move |c, inner| {
            Box::pin(async move { nodes::bury(c, inner.node, dead, now).await })
        })
        .await
    }

    async fn leave(&self, now: Moment) -> Result<(), StoreError> {
        self.write(move |c, inner| Box::pin(async move { nodes::leave(c, inner.node, now).await }))
            .await
    }

    async fn lease(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let name = name.to_owned();
        self.write(move |c, inner| Box::pin(async move { nodes::lease(c, inner.node, name).await }))
            .await
    }

    async fn release(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c, inner| {
            Box::pin(async move { nodes::release(c, inner.node, name).await })
        })
        .await
    }

    async fn message_counts(&self) -> Result<Vec<(MessageState, u64)>, StoreError> {
        self.read(move |c, _| Box::pin(async move { outbox::counts(c).await }))
            .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.write(move |c, _| {
            Box::pin(async move {
                sql("INSERT INTO meta (name, number) VALUES ('ready', 1)
                     ON CONFLICT (name) DO UPDATE SET number = meta.number + 1")
                .execute(c)
                .await?;
                Ok(Verdict::Keep(()))
            })
        })
        .await?;
        // A row that fits where a turn does not proves nothing: what was refused since the last
        // look counts as well.
        let refused = self.inner.refused.load(Ordering::Relaxed);
        let told = self.inner.told.swap(refused, Ordering::Relaxed);
        if refused != told {
            let count = refused - told;
            return Err(StoreError::Unavailable(format!(
                "{count} writes were refused since the last look"
            )));
        }
        self.read(move |c, _| {
            Box::pin(async move {
                let _: i64 = sql("SELECT number FROM meta WHERE name = 'ready'")
                    .one(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

/// The text of a sealed row's columns, where a query names none.
fn text(row: &engine::Row, column: &str) -> Result<String, Fault> {
    row.get(column)
}

/// A BIGINT or INTEGER column.
fn number(row: &engine::Row, column: &str) -> Result<i64, Fault> {
    row.get(column)
}

/// A BYTEA column.
fn bytes(row: &engine::Row, column: &str) -> Result<Vec<u8>, Fault> {
    row.get(column)
}

/// A BYTEA column that may be empty.
fn maybe_bytes(row: &engine::Row, column: &str) -> Result<Option<Vec<u8>>, Fault> {
    row.get(column)
}

#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
