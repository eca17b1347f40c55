//! SMS at the door: repeats told, parts put together, whole messages in line for their turn.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::engine::{Conn, Fault, Kind, Query, sql};
use super::rows::{List, Rows};
use super::writer::{Shared, Verdict};
use super::{Inner, bytes, int, ms, number, text};
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::screen::halves;
use crate::store::seal::Place;
use crate::store::{Accepted, Mark, NewSms, Sms, SmsId};

/// Within which an equal message without an id may be a repeat (once-only rule 4).
pub(super) const REPEAT: Duration = Duration::from_secs(10 * 60);
/// How long an operator waits for an answer at most; then it has come again, or given up.
pub(super) const UNANSWERED: Duration = Duration::from_secs(60);
/// How long parts wait for the others.
pub(super) const PARTS_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Unfinished messages a link may have; beyond it the one that waits longest is given up.
const OPEN_SETS_MAX: i64 = 1000;

/// A message as it is sealed.
#[derive(Serialize, Deserialize)]
struct SealedSms {
    subscriber: Msisdn,
    text: String,
}

static SEEN: Rows = Rows::new(
    "INSERT INTO sms_seen (id, key, link, fingerprint, instance, bind, received_at)",
    7,
    "",
);
static WAIT: Rows = Rows::new(
    "INSERT INTO inbox_sms (id, link, service, subscriber, content, received_at, waits, node)",
    8,
    "",
);
static KNOWN_KEYS: List = List::new("SELECT key FROM sms_seen WHERE key IN", 0, "");
static EQUAL: List = List::new(
    "SELECT DISTINCT fingerprint FROM sms_seen
     WHERE key IS NULL AND received_at >= $1 AND NOT (instance = $2 AND bind = $3) AND fingerprint IN",
    3,
    "",
);

impl Shared for NewSms {
    type Answer = Accepted;

    fn write<'c>(
        c: &'c mut Conn,
        inner: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<Accepted>, Fault>> {
        Box::pin(accept(c, inner, all))
    }
}

/// Takes in messages and parts of such.
async fn accept(c: &mut Conn, inner: &Inner, all: &[NewSms]) -> Result<Vec<Accepted>, Fault> {
    // In the order in which they came, which is the order of their turns.
    let ids: Vec<i64> = all.iter().map(|sms| inner.next_id(sms.at)).collect();
    let keys: Vec<Option<Vec<u8>>> = all.iter().map(|sms| repeat_key(inner, sms)).collect();
    let plain = plain(c, inner, all, &keys).await?;

    let new: Vec<usize> = (0..all.len()).filter(|at| plain[*at]).collect();
    for (statement, rows) in SEEN.over(c.kind(), new.len()) {
        let mut query = sql(statement);
        for &at in &new[rows] {
            query = seen_row(
                query,
                inner,
                &all[at],
                inner.next_id(all[at].at),
                keys[at].as_deref(),
            );
        }
        query.execute(&mut *c).await?;
    }
    let others = in_other_hands(c, inner, all).await?;
    for (statement, rows) in WAIT.over(c.kind(), new.len()) {
        let mut query = sql(statement);
        for &at in &new[rows] {
            let whose = (inner, &others);
            query = waiting_row(query, whose, &all[at], ids[at], all[at].text.clone())?;
        }
        query.execute(&mut *c).await?;
    }

    let mut answers = Vec::with_capacity(all.len());
    for (at, sms) in all.iter().enumerate() {
        answers.push(if plain[at] {
            Accepted::Stored(SmsId(ids[at]))
        } else {
            accept_one(c, (inner, &others), sms, ids[at]).await?
        });
    }
    Ok(answers)
}

/// Which of them are surely new and whole, so that they need no look of their own.
async fn plain(
    c: &mut Conn,
    inner: &Inner,
    all: &[NewSms],
    keys: &[Option<Vec<u8>>],
) -> Result<Vec<bool>, Fault> {
    let asked: Vec<&[u8]> = keys.iter().flatten().map(Vec::as_slice).collect();
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    for (statement, list) in KNOWN_KEYS.over(c.kind(), &asked) {
        let mut query = sql(statement);
        for key in list {
            query = query.bind(key.to_vec());
        }
        known.extend(query.all(&mut *c).await?);
    }
    // Equal ones on the same bind are no repeats of each other.
    let mut by_bind: HashMap<u64, Vec<&NewSms>> = HashMap::new();
    for (sms, _) in all.iter().zip(keys).filter(|(_, key)| key.is_none()) {
        by_bind.entry(sms.bind).or_default().push(sms);
    }
    let mut equal: HashSet<(u64, Vec<u8>)> = HashSet::new();
    for (bind, those) in &by_bind {
        let Some(since) = those.iter().map(|sms| sms.at.minus(REPEAT).ms()).min() else {
            continue;
        };
        for (statement, list) in EQUAL.over(c.kind(), those) {
            let mut query = sql(statement).bind(since).bind(inner.node).bind(int(*bind));
            for sms in list {
                query = query.bind(sms.fingerprint.to_vec());
            }
            let found: Vec<Vec<u8>> = query.all(&mut *c).await?;
            equal.extend(found.into_iter().map(|fingerprint| (*bind, fingerprint)));
        }
    }
    // And on several binds they have to be looked at one after the other.
    let mut binds: HashMap<Mark, u64> = HashMap::new();
    Ok(all
        .iter()
        .zip(keys)
        .map(|(sms, key)| {
            let new = match key {
                Some(key) => known.insert(key.clone()),
                None => {
                    *binds.entry(sms.fingerprint).or_insert(sms.bind) == sms.bind
                        && !equal.contains(&(sms.bind, sms.fingerprint.to_vec()))
                }
            };
            new && part_of_many(sms).is_none()
        })
        .collect())
}

/// Takes in one message or part, for which the ledger has to be asked.
async fn accept_one(
    c: &mut Conn,
    (inner, others): (&Inner, &Others),
    sms: &NewSms,
    id: i64,
) -> Result<Accepted, Fault> {
    if is_repeat(c, inner, sms).await? {
        return Ok(Accepted::Repeat);
    }
    for (statement, _) in SEEN.over(c.kind(), 1) {
        let key = repeat_key(inner, sms);
        seen_row(
            sql(statement),
            inner,
            sms,
            inner.next_id(sms.at),
            key.as_deref(),
        )
        .execute(&mut *c)
        .await?;
    }
    let whole = match part_of_many(sms) {
        Some(part) => match gather(c, inner, sms, part).await? {
            Gathered::Whole(text) => text,
            Gathered::Waits => return Ok(Accepted::Part),
            Gathered::Twice => return Ok(Accepted::Repeat),
        },
        None => sms.text.clone(),
    };
    for (statement, _) in WAIT.over(c.kind(), 1) {
        waiting_row(sql(statement), (inner, others), sms, id, whole.clone())?
            .execute(&mut *c)
            .await?;
    }
    Ok(Accepted::Stored(SmsId(id)))
}

/// Which part of a long message it is. One of one, or a numbering that fits no message, is whole:
/// better a fragment than nothing.
fn part_of_many(sms: &NewSms) -> Option<(u16, u8, u8)> {
    sms.part
        .filter(|(_, of, part)| *of > 1 && (1..=*of).contains(part))
}

fn seen_row(query: Query, inner: &Inner, sms: &NewSms, id: i64, key: Option<&[u8]>) -> Query {
    query
        .bind(id)
        .bind(key.map(<[u8]>::to_vec))
        .bind(sms.link.0.clone())
        .bind(sms.fingerprint.to_vec())
        .bind(inner.node)
        .bind(int(sms.bind))
        .bind(sms.at.ms())
}

/// Numbers of which another node has texts that wait, and which one.
type Others = HashMap<Vec<u8>, i64>;

static OTHERS: List = List::new(
    "SELECT subscriber, node FROM inbox_sms WHERE waits = 1 AND node <> $1
         AND node IN (SELECT id FROM nodes WHERE over = 0) AND subscriber IN",
    1,
    "",
);

/// Whose texts have their turns on another node: what follows them has its turn there, behind them.
async fn in_other_hands(c: &mut Conn, inner: &Inner, all: &[NewSms]) -> Result<Others, Fault> {
    let mut others = Others::new();
    if c.kind() == Kind::Lite {
        return Ok(others);
    }
    let numbers: Vec<Vec<u8>> = all
        .iter()
        .map(|sms| inner.number(&sms.subscriber))
        .collect();
    for (statement, list) in OTHERS.over(c.kind(), &numbers) {
        let mut query = sql(statement).bind(inner.node);
        for subscriber in list {
            query = query.bind(subscriber);
        }
        for row in query.fetch_all(&mut *c).await? {
            others.insert(bytes(&row, "subscriber")?, number(&row, "node")?);
        }
    }
    Ok(others)
}

fn waiting_row(
    query: Query,
    (inner, others): (&Inner, &Others),
    sms: &NewSms,
    id: i64,
    text: String,
) -> Result<Query, Fault> {
    let content = inner.seal(
        sms_place(&id.to_be_bytes()),
        &SealedSms {
            subscriber: sms.subscriber.clone(),
            text,
        },
    )?;
    let subscriber = inner.number(&sms.subscriber);
    let node = others.get(&subscriber).copied().unwrap_or(inner.node);
    Ok(query
        .bind(id)
        .bind(sms.link.0.clone())
        .bind(sms.service.0.clone())
        .bind(subscriber)
        .bind(content)
        .bind(sms.at.ms())
        .bind(1_i64)
        .bind(node))
}

fn sms_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "inbox_sms",
        column: "content",
        row,
    }
}

/// The key of a message with an operator's id. Parts may share an id, so their number is in it.
fn repeat_key(inner: &Inner, sms: &NewSms) -> Option<Vec<u8>> {
    let id = sms.message_id.as_ref()?;
    let part = sms.part.map_or([0, 0, 0, 0], |(reference, of, part)| {
        let [high, low] = reference.to_be_bytes();
        [high, low, of, part]
    });
    let parts = [
        sms.link.0.as_bytes(),
        sms.subscriber.as_str().as_bytes(),
        id.as_bytes(),
        &part,
    ];
    Some(inner.keys.mark("sms id", &parts).to_vec())
}

async fn is_repeat(c: &mut Conn, inner: &Inner, sms: &NewSms) -> Result<bool, Fault> {
    if let Some(key) = repeat_key(inner, sms) {
        let found: Option<i64> = sql("SELECT id FROM sms_seen WHERE key = $1")
            .bind(key)
            .maybe(c)
            .await?;
        return Ok(found.is_some());
    }
    // A repeat moves the earlier message onto its own bind: the next equal one on that bind is new.
    let moved = sql(
        "UPDATE sms_seen SET instance = $4, bind = $5, again_at = $7 WHERE id = (
             SELECT MIN(id) FROM sms_seen s
             WHERE s.fingerprint = $1 AND s.link = $2 AND s.key IS NULL AND s.received_at >= $3
               AND NOT (s.instance = $4 AND s.bind = $5)
               AND (SELECT COALESCE(
                   -- How the bind ended, or where it ended with its node.
                   (SELECT COALESCE(s.again_at, s.received_at) >= b.unread_from FROM closed_binds b
                    WHERE b.link = s.link AND b.instance = s.instance AND b.bind = s.bind),
                   (SELECT COALESCE(s.again_at, s.received_at) >= n.seen_at - $6 FROM nodes n
                    WHERE n.id = s.instance AND n.over = 1),
                   1 = 0)))",
    )
    .bind(sms.fingerprint.to_vec())
    .bind(&sms.link.0)
    .bind(sms.at.minus(REPEAT).ms())
    .bind(inner.node)
    .bind(int(sms.bind))
    .bind(ms(UNANSWERED))
    .bind(sms.at.ms())
    .execute(c)
    .await?;
    Ok(moved.rows_affected() > 0)
}

enum Gathered {
    Whole(String),
    Waits,
    Twice,
}

/// Puts a part to the others; the last one makes the message whole.
async fn gather(
    c: &mut Conn,
    inner: &Inner,
    sms: &NewSms,
    (reference, of, part): (u16, u8, u8),
) -> Result<Gathered, Fault> {
    let set = inner
        .keys
        .mark(
            "sms parts",
            &[
                sms.link.0.as_bytes(),
                sms.subscriber.as_str().as_bytes(),
                sms.to.as_bytes(),
                &reference.to_be_bytes(),
                &[of],
            ],
        )
        .to_vec();
    sql("DELETE FROM sms_parts WHERE part_set = $1 AND received_at <= $2")
        .bind(&set)
        .bind(sms.at.minus(PARTS_WAIT).ms())
        .execute(&mut *c)
        .await?;

    let done = Done::of(inner, &set);
    if done.knows(c, inner, sms, part).await? {
        return Ok(Gathered::Twice);
    }

    let mut texts = vec![None; usize::from(of)];
    for row in sql("SELECT part, content FROM sms_parts WHERE part_set = $1")
        .bind(&set)
        .fetch_all(&mut *c)
        .await?
    {
        let number = u8::try_from(number(&row, "part")?).unwrap_or(0);
        let opened: String = inner.open(
            part_place(&[&set[..], &[number]].concat()),
            &bytes(&row, "content")?,
        )?;
        if let Some(place) = usize::from(number)
            .checked_sub(1)
            .and_then(|at| texts.get_mut(at))
        {
            *place = Some(opened);
        }
    }
    let place = usize::from(part) - 1;
    match &texts[place] {
        Some(there) if *there == sms.text => return Ok(Gathered::Twice),
        // The reference came round again: what waits belongs to a message that never came whole.
        Some(_) => forget(c, &set).await?,
        None => {}
    }
    texts[place] = Some(sms.text.clone());
    if let Some(all) = texts.iter().cloned().collect::<Option<Vec<String>>>() {
        forget(c, &set).await?;
        done.keep(c, inner, sms, &all).await?;
        return Ok(Gathered::Whole(halves::join(&all)));
    }

    let content = inner.seal(part_place(&[&set[..], &[part]].concat()), &sms.text)?;
    sql("INSERT INTO sms_parts (part_set, part, link, content, received_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&set)
        .bind(i64::from(part))
        .bind(&sms.link.0)
        .bind(content)
        .bind(sms.at.ms())
        .execute(&mut *c)
        .await?;
    give_up_the_oldest(c, &sms.link, &set).await?;
    Ok(Gathered::Waits)
}

/// The parts of a message that came whole: an operator that has not had the answers comes again with
/// them. They are told by their marks, in a row of their own among those that wait.
struct Done(Vec<u8>);

impl Done {
    fn of(inner: &Inner, set: &[u8]) -> Self {
        Self(inner.keys.mark("sms parts done", &[set]).to_vec())
    }

    fn mark(&self, inner: &Inner, part: u8, text: &str) -> Mark {
        let parts = [&self.0, &[part][..], text.as_bytes()];
        inner.keys.mark("sms part", &parts)
    }

    /// Whether the message came whole with this part. Any other part is of another message, for
    /// which the reference has come round.
    async fn knows(
        &self,
        c: &mut Conn,
        inner: &Inner,
        sms: &NewSms,
        part: u8,
    ) -> Result<bool, Fault> {
        let since = sms.at.minus(UNANSWERED).ms();
        let marks: Option<Vec<u8>> =
            sql("SELECT content FROM sms_parts WHERE part_set = $1 AND received_at >= $2")
                .bind(&self.0)
                .bind(since)
                .maybe(&mut *c)
                .await?;
        let Some(marks) = marks else {
            return Ok(false);
        };
        let mark = self.mark(inner, part, &sms.text);
        let known = marks.chunks(mark.len()).any(|known| known == mark);
        if !known {
            forget(c, &self.0).await?;
        }
        Ok(known)
    }

    async fn keep(
        &self,
        c: &mut Conn,
        inner: &Inner,
        sms: &NewSms,
        all: &[String],
    ) -> Result<(), Fault> {
        let marks: Vec<Mark> = (1..=u8::MAX)
            .zip(all)
            .map(|(part, text)| self.mark(inner, part, text))
            .collect();
        sql(
            "INSERT INTO sms_parts (part_set, part, link, content, received_at) VALUES ($1, 0, $2, $3, $4)
             ON CONFLICT (part_set, part) DO UPDATE SET content = excluded.content, received_at = excluded.received_at",
        )
        .bind(&self.0)
        .bind(&sms.link.0)
        .bind(marks.concat())
        .bind(sms.at.ms())
        .execute(c)
        .await?;
        Ok(())
    }
}

fn part_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "sms_parts",
        column: "content",
        row,
    }
}

async fn forget(c: &mut Conn, set: &[u8]) -> Result<(), Fault> {
    sql("DELETE FROM sms_parts WHERE part_set = $1")
        .bind(set.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

async fn give_up_the_oldest(c: &mut Conn, link: &LinkName, but: &[u8]) -> Result<(), Fault> {
    let open: i64 =
        sql("SELECT COUNT(DISTINCT part_set) FROM sms_parts WHERE link = $1 AND part > 0")
            .bind(&link.0)
            .one(&mut *c)
            .await?;
    if open > OPEN_SETS_MAX {
        sql("DELETE FROM sms_parts WHERE part_set = (
                 SELECT part_set FROM sms_parts WHERE link = $1 AND part_set <> $2 AND part > 0
                 GROUP BY part_set ORDER BY MIN(received_at) LIMIT 1)")
        .bind(&link.0)
        .bind(but.to_vec())
        .execute(c)
        .await?;
    }
    Ok(())
}

/// Records that a bind has closed.
pub(super) async fn close_bind(
    c: &mut Conn,
    inner: &Inner,
    link: String,
    bind: u64,
    unread_from: Moment,
) -> Result<Verdict<()>, Fault> {
    sql("INSERT INTO closed_binds (link, instance, bind, unread_from) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
        .bind(link)
        .bind(inner.node)
        .bind(int(bind))
        .bind(unread_from.ms())
        .execute(c)
        .await?;
    Ok(Verdict::Keep(()))
}

/// Messages whose turn is not done and that came after `after`, oldest first; or the rows among
/// them that cannot be opened, which are to be [`set_aside`] first.
pub(super) async fn waiting(
    c: &mut Conn,
    inner: &Inner,
    after: i64,
    limit: u32,
) -> Result<Result<Vec<Sms>, Vec<i64>>, Fault> {
    let rows = sql(
        "SELECT id, link, service, content, received_at FROM inbox_sms
         WHERE waits = 1 AND id > $1 AND node = $3 ORDER BY id LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
    .bind(inner.node)
    .fetch_all(c)
    .await?;
    let mut texts = Vec::with_capacity(rows.len());
    let mut damaged = Vec::new();
    for row in &rows {
        let id = number(row, "id")?;
        let sealed = bytes(row, "content").ok().and_then(|sealed| {
            let opened = inner.open::<SealedSms>(sms_place(&id.to_be_bytes()), &sealed);
            opened.ok()
        });
        let Some(sealed) = sealed else {
            damaged.push(id);
            continue;
        };
        texts.push(Sms {
            id: SmsId(id),
            link: LinkName(text(row, "link")?),
            service: ServiceName(text(row, "service")?),
            subscriber: sealed.subscriber,
            text: sealed.text,
            at: Moment::from_ms(number(row, "received_at")?),
        });
    }
    Ok(if damaged.is_empty() {
        Ok(texts)
    } else {
        Err(damaged)
    })
}

static SET_ASIDE: List = List::new(
    "UPDATE inbox_sms SET waits = 2 WHERE waits = 1 AND id IN",
    0,
    "",
);

/// Takes messages that cannot be opened out of the line, so that they do not hold up the others,
/// until the ledger is opened again: their key may yet be put back.
pub(super) async fn set_aside(c: &mut Conn, ids: &[i64]) -> Result<(), Fault> {
    for id in ids {
        tracing::error!(
            sms = id,
            "a text at the door cannot be opened: wrong key, or damaged; it is looked at again after a restart"
        );
    }
    for (statement, list) in SET_ASIDE.over(c.kind(), ids) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(*id);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Gives the texts of a node that wait to another.
pub(super) async fn inherit(c: &mut Conn, heir: i64, node: i64) -> Result<(), Fault> {
    sql("UPDATE inbox_sms SET node = $1 WHERE waits = 1 AND node = $2")
        .bind(heir)
        .bind(node)
        .execute(c)
        .await?;
    Ok(())
}

/// Puts what was set aside back into the line.
pub(super) async fn look_again(c: &mut Conn) -> Result<(), Fault> {
    sql("UPDATE inbox_sms SET waits = 1 WHERE waits = 2")
        .execute(c)
        .await?;
    Ok(())
}

static DONE: List = List::new(
    "UPDATE inbox_sms SET waits = 0, content = NULL WHERE id IN",
    0,
    "",
);

/// Ends the turns of messages and erases what was written.
pub(super) async fn done(c: &mut Conn, ids: &[i64]) -> Result<(), Fault> {
    for (statement, list) in DONE.over(c.kind(), ids) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(*id);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// Forgets what is past its time.
pub(super) async fn tidy(c: &mut Conn, now: Moment, keys_kept: Duration) -> Result<(), Fault> {
    for (query, before) in [
        (
            "DELETE FROM sms_parts WHERE received_at <= $1",
            ms(PARTS_WAIT),
        ),
        (
            "DELETE FROM sms_parts WHERE part = 0 AND received_at <= $1",
            ms(UNANSWERED),
        ),
        (
            "DELETE FROM sms_seen WHERE received_at <= $1",
            ms(keys_kept),
        ),
        (
            "DELETE FROM inbox_sms WHERE waits <> 1 AND received_at <= $1",
            ms(keys_kept),
        ),
    ] {
        sql(query)
            .bind(now.ms().saturating_sub(before))
            .execute(&mut *c)
            .await?;
    }
    sql("DELETE FROM closed_binds WHERE NOT EXISTS (
             SELECT 1 FROM sms_seen s WHERE s.link = closed_binds.link
               AND s.instance = closed_binds.instance AND s.bind = closed_binds.bind)")
    .execute(c)
    .await?;
    Ok(())
}
