//! Delivery receipts, matched to parts by the operator's id in every form it comes in, also when
//! they come before the id itself.
//!
//! Read in the other base, a small id is another message's, so the other bases are the last resort:
//!
//! 1. A part under the exact form (the first one) that can still change is meant.
//! 2. Where every part under the exact form has had its last word, nothing changes, whatever waits
//!    under the other forms.
//! 3. Where the exact form is not known, a part under another one is meant. But while the link has
//!    a message without an answer, which may yet bring the exact form, the receipt waits until all
//!    that was claimed before it came is answered or given up ([`settle`]).

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::BoxFuture;

use super::engine::{Conn, Fault, sql};
use super::message_id::{forms, forms_of_answer, normal};
use super::rows::{List, Rows};
use super::standing::Standings;
use super::writer::Shared;
use super::{Inner, count, number, text};
use crate::callback::LinkName;
use crate::clock::Moment;
use crate::plant::{Plant, planted};
use crate::store::{MessageState, Receipt, ReceiptIds, ReceiptState};

fn word(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Underway => "underway",
        ReceiptState::Delivered => "delivered",
        ReceiptState::Expired => "expired",
        ReceiptState::Failed => "failed",
    }
}

fn state_of(word: &str) -> ReceiptState {
    match word {
        "delivered" => ReceiptState::Delivered,
        "expired" => ReceiptState::Expired,
        "failed" => ReceiptState::Failed,
        // Only this file writes the column.
        _ => ReceiptState::Underway,
    }
}

/// The id under which the operator took a part.
pub(super) struct NewId<'a> {
    pub message: i64,
    pub part: u8,
    pub link: String,
    pub id: &'a str,
    pub at: Moment,
}

static REMEMBER: Rows = Rows::new(
    "INSERT INTO part_ids (message, part, link, message_id, accepted_at, normal)",
    6,
    "ON CONFLICT (message, part, message_id) DO NOTHING",
);

/// Remembers the ids under which the operator took parts.
pub(super) async fn remember(c: &mut Conn, ids: &[NewId<'_>]) -> Result<(), Fault> {
    for (statement, rows) in REMEMBER.over(c.kind(), ids.len()) {
        let mut query = sql(statement);
        for one in &ids[rows] {
            query = query
                .bind(one.message)
                .bind(i64::from(one.part))
                .bind(one.link.clone())
                .bind(one.id.to_owned())
                .bind(one.at.ms())
                .bind(normal(one.id));
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

impl Shared for Receipt {
    type Answer = ();

    fn write<'c>(
        c: &'c mut Conn,
        inner: &'c Inner,
        all: &'c [Self],
    ) -> BoxFuture<'c, Result<Vec<()>, Fault>> {
        Box::pin(async move {
            take(c, inner, all, Unanswered::MayBeMeant).await?;
            Ok(vec![(); all.len()])
        })
    }
}

/// A part that a receipt may mean.
struct Candidate {
    message: i64,
    part: u8,
    /// Whether its id is that of its newest sending.
    newest: bool,
}

// One that has had its last word is only told to be there.
static CANDIDATES: List = List::new(
    "SELECT i.normal, i.message, i.part, i.accepted_at,
         CASE WHEN p.state IN ('delivered', 'failed') THEN 1 ELSE 0 END AS over,
         (SELECT MAX(o.accepted_at) FROM part_ids o WHERE o.message = i.message AND o.part = i.part) AS newest
     FROM part_ids i JOIN outbox_part p ON p.message = i.message AND p.part = i.part
     WHERE i.link = $1 AND i.normal IN",
    1,
    "ORDER BY i.message DESC",
);
static KEEP: Rows = Rows::new(
    "INSERT INTO receipts (id, link, normal, state, received_at)",
    5,
    "",
);

/// Whether a receipt may mean a message that is on the wire without an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// It has just come.
    MayBeMeant,
    /// It has waited for all of them.
    AreOthers,
}

/// Applies receipts to their parts, one after the other, or keeps them until those are known.
async fn take(
    c: &mut Conn,
    inner: &Inner,
    all: &[Receipt],
    unanswered: Unanswered,
) -> Result<(), Fault> {
    let all_forms: Vec<Vec<String>> = all
        .iter()
        .map(|one| forms_of_answer(&one.message_id, one.ids))
        .collect();
    let mut by_link: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (receipt, forms) in all.iter().zip(&all_forms) {
        let of_link = by_link.entry(receipt.link.as_str()).or_default();
        of_link.extend(forms.iter().map(String::as_str));
    }
    let mut candidates: HashMap<(String, String), Vec<Candidate>> = HashMap::new();
    let mut over: HashSet<(String, String)> = HashSet::new();
    for (link, forms) in &by_link {
        for (statement, list) in CANDIDATES.over(c.kind(), forms) {
            let mut query = sql(statement).bind((*link).to_owned());
            for form in list {
                query = query.bind((*form).to_owned());
            }
            for row in query.fetch_all(&mut *c).await? {
                let key = ((*link).to_owned(), text(&row, "normal")?);
                if number(&row, "over")? != 0 && !planted(Plant::FinalStateOverwritten) {
                    over.insert(key);
                    continue;
                }
                let candidate = Candidate {
                    message: number(&row, "message")?,
                    part: count(number(&row, "part")?),
                    newest: number(&row, "accepted_at")? == number(&row, "newest")?,
                };
                candidates.entry(key).or_default().push(candidate);
            }
        }
    }
    let ids: Vec<i64> = candidates
        .values()
        .flatten()
        .map(|one| one.message)
        .collect();
    let mut standings = Standings::read(c, &ids).await?;

    let mut on_wire: Option<HashMap<String, i64>> = None;
    let mut kept: Vec<(&Receipt, String)> = Vec::new();
    for (receipt, forms) in all.iter().zip(&all_forms) {
        let mut of = |form: &String| {
            let of_form = candidates.get(&(receipt.link.0.clone(), form.clone()))?;
            of_form.iter().find(|one| {
                let state = standings
                    .get(one.message)
                    .and_then(|message| message.part(one.part));
                match state {
                    None => false,
                    Some(MessageState::Delivered | MessageState::Failed) => {
                        planted(Plant::FinalStateOverwritten)
                    }
                    Some(_) => true,
                }
            })
        };
        let [exact, others @ ..] = &forms[..] else {
            continue;
        };
        let (meant, twin) = match of(exact) {
            None => (None, others.iter().find_map(of)),
            meant @ Some(_) => (meant, None),
        };
        let key = (receipt.link.0.clone(), exact.clone());
        let is_known = over.contains(&key) || candidates.contains_key(&key);
        let mut apply = |one: &Candidate| {
            // A part that was sent again stands by its newest sending, unless an older one arrived.
            if !one.newest && receipt.state != ReceiptState::Delivered {
                return;
            }
            if let Some(message) = standings.get(one.message) {
                message.received(one.part, receipt.state, receipt.at);
            }
        };
        if let Some(one) = meant {
            apply(one);
            continue;
        }
        // That a part is under way says nothing that its response will not say.
        if receipt.state == ReceiptState::Underway {
            continue;
        }
        if !is_known && twin.is_none() {
            let form = match unanswered {
                Unanswered::MayBeMeant => kept_form(receipt),
                // What it could mean in another form was on the wire or taken when it came.
                Unanswered::AreOthers => exactly(exact),
            };
            kept.push((receipt, form));
            continue;
        }
        let is_awaited = match unanswered {
            Unanswered::AreOthers => false,
            Unanswered::MayBeMeant => {
                if on_wire.is_none() {
                    on_wire = Some(oldest_on_wire(c).await?);
                }
                let of_link = on_wire.as_ref().and_then(|all| all.get(&receipt.link.0));
                of_link.is_some()
            }
        };
        match twin {
            // The operator's ids may have come round: no other form can be meant any more.
            _ if is_known && is_awaited => kept.push((receipt, exactly(exact))),
            _ if is_known => {}
            Some(_) if is_awaited => kept.push((receipt, unsettled(exact))),
            Some(one) => apply(one),
            None => {}
        }
    }
    standings.write(c).await?;
    if planted(Plant::EarlyReceiptDropped) {
        kept.clear();
    }
    let older = match kept.is_empty() {
        true => HashMap::new(),
        false => newest_unanswered(c).await?,
    };
    for (statement, rows) in KEEP.over(c.kind(), kept.len()) {
        let mut query = sql(statement);
        for (receipt, form) in &kept[rows] {
            let older = older.get(&receipt.link.0).copied();
            let received_at = older.map_or(receipt.at.ms(), |older| older.max(receipt.at.ms()));
            query = query
                .bind(inner.next_id(receipt.at))
                .bind(receipt.link.0.clone())
                .bind(form.clone())
                .bind(word(receipt.state))
                .bind(received_at);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// The links that have messages without an answer, with the claim that is longest ago.
async fn oldest_on_wire(c: &mut Conn) -> Result<HashMap<String, i64>, Fault> {
    let rows = sql(
        "SELECT link, MIN(sent_at) AS oldest FROM outbox WHERE state = 'sending' GROUP BY link",
    )
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| Ok((text(row, "link")?, number(row, "oldest")?)))
        .collect()
}

/// The links that have messages of which some part has no answer, with when the newest of these was put
/// in. What comes now may be theirs, whatever the clocks say: that of another node may be behind, and one
/// that is set right goes back.
async fn newest_unanswered(c: &mut Conn) -> Result<HashMap<String, i64>, Fault> {
    let rows = sql(
        "SELECT link, MAX(created_at) AS newest FROM outbox WHERE state IN ('sending', 'unknown') GROUP BY link",
    )
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| Ok((text(row, "link")?, number(row, "newest")?)))
        .collect()
}

/// The links that have receipts of which it is not settled what they mean. It goes from link to
/// link, however many others are kept.
const UNSETTLED_LINKS: &str = "WITH RECURSIVE links (link) AS (
         SELECT MIN(link) FROM receipts WHERE SUBSTR(normal, 1, 1) = '?'
         UNION ALL
         SELECT (SELECT MIN(link) FROM receipts WHERE SUBSTR(normal, 1, 1) = '?' AND link > links.link)
         FROM links WHERE links.link IS NOT NULL)
     SELECT link FROM links WHERE link IS NOT NULL";

/// Settles receipts that came while the answer with their exact id might still have come, and for
/// which it did not: they mean a part under another form. At most so many; tells whether there may
/// be more.
pub(super) async fn settle(c: &mut Conn, inner: &Inner, limit: i64) -> Result<bool, Fault> {
    let links: Vec<String> = sql(UNSETTLED_LINKS).all(&mut *c).await?;
    if links.is_empty() {
        return Ok(false);
    }
    let on_wire = oldest_on_wire(c).await?;
    let mut more = false;
    for link in links {
        let before = on_wire.get(&link).copied().unwrap_or(i64::MAX);
        let rows = sql(
            "SELECT id, normal, state, received_at FROM receipts
             WHERE link = $1 AND SUBSTR(normal, 1, 1) = '?' AND +received_at < $2 ORDER BY id LIMIT $3",
        )
        .bind(&link)
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *c)
        .await?;
        more |= i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
        let mut ids = Vec::with_capacity(rows.len());
        let mut receipts = Vec::with_capacity(rows.len());
        for row in &rows {
            ids.push(number(row, "id")?);
            receipts.push(Receipt {
                link: LinkName(link.clone()),
                message_id: text(row, "normal")?.split_off(UNSETTLED.len_utf8()),
                ids: ReceiptIds::Any,
                state: state_of(&text(row, "state")?),
                at: Moment::from_ms(number(row, "received_at")?),
            });
        }
        forget(c, &ids).await?;
        take(c, inner, &receipts, Unanswered::AreOthers).await?;
    }
    Ok(more)
}

/// How the id of an early receipt is kept. Where the link says what the answer's will be, it is
/// that, behind a sign that keeps it from being read in any other way.
fn kept_form(receipt: &Receipt) -> String {
    match receipt.ids {
        ReceiptIds::Any => normal(&receipt.message_id),
        ReceiptIds::Same | ReceiptIds::HexAnswer | ReceiptIds::DecimalAnswer => {
            let form = forms_of_answer(&receipt.message_id, receipt.ids).concat();
            exactly(&form)
        }
    }
}

fn exactly(form: &str) -> String {
    format!("={form}")
}

/// The sign before the id of a receipt that waits for its exact form, and for others after that.
const UNSETTLED: char = '?';

fn unsettled(form: &str) -> String {
    format!("{UNSETTLED}{form}")
}

/// The forms under which a receipt may wait for an answer with this id.
fn waiting_forms(id: &str) -> impl Iterator<Item = String> {
    let own = normal(id);
    [exactly(&own), unsettled(&own)]
        .into_iter()
        .chain(forms(id))
}

/// The receipts that came before their ids, of some ids.
pub(super) struct Early {
    /// By link and normal form, oldest first.
    waiting: HashMap<(String, String), Vec<EarlyOne>>,
    taken: Vec<i64>,
}

struct EarlyOne {
    id: i64,
    state: ReceiptState,
    received_at: i64,
}

static EARLY: List = List::new(
    "SELECT id, normal, state, received_at FROM receipts WHERE link = $1 AND normal IN",
    1,
    "ORDER BY id",
);
static FORGET: List = List::new("DELETE FROM receipts WHERE id IN", 0, "");

impl Early {
    /// Reads what came early under these ids of these links.
    pub(super) async fn read(c: &mut Conn, ids: Vec<(&str, &str)>) -> Result<Self, Fault> {
        let mut by_link: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (link, id) in ids {
            by_link.entry(link).or_default().extend(waiting_forms(id));
        }
        let mut waiting: HashMap<_, Vec<EarlyOne>> = HashMap::new();
        for (link, mut forms) in by_link {
            // Each row once, whichever ids it fits.
            forms.sort_unstable();
            forms.dedup();
            for (statement, list) in EARLY.over(c.kind(), &forms) {
                let mut query = sql(statement).bind(link.to_owned());
                for form in list {
                    query = query.bind(form.clone());
                }
                for row in query.fetch_all(&mut *c).await? {
                    let one = EarlyOne {
                        id: number(&row, "id")?,
                        state: state_of(&text(&row, "state")?),
                        received_at: number(&row, "received_at")?,
                    };
                    let key = (link.to_owned(), text(&row, "normal")?);
                    waiting.entry(key).or_default().push(one);
                }
            }
        }
        Ok(Self {
            waiting,
            taken: Vec::new(),
        })
    }

    /// Takes what came early under an id, oldest first. One that is older than the message is
    /// another message's, from a time before the operator's ids came round.
    pub(super) fn take(&mut self, link: &str, id: &str, created_at: i64) -> Vec<ReceiptState> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        for form in waiting_forms(id) {
            let Some(of_form) = self.waiting.get_mut(&(link.to_owned(), form)) else {
                continue;
            };
            let its_own: Vec<EarlyOne> = of_form
                .extract_if(.., |one| one.received_at >= created_at)
                .collect();
            if !its_own.is_empty() {
                self.taken.extend(its_own.iter().map(|one| one.id));
                return its_own.into_iter().map(|one| one.state).collect();
            }
        }
        Vec::new()
    }

    /// Forgets what was taken.
    pub(super) async fn forget_taken(self, c: &mut Conn) -> Result<(), Fault> {
        forget(c, &self.taken).await
    }
}

async fn forget(c: &mut Conn, ids: &[i64]) -> Result<(), Fault> {
    for (statement, list) in FORGET.over(c.kind(), ids) {
        let mut query = sql(statement);
        for id in list {
            query = query.bind(*id);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}
