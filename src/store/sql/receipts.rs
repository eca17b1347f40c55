//! Delivery receipts, matched to parts by the operator's id in every form it comes in, also when
//! they come before the id itself.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::BoxFuture;

use super::engine::{Conn, Fault};
use super::message_id::{forms, forms_of_answer, normal};
use super::rows::{List, Rows};
use super::standing::Standings;
use super::writer::Shared;
use super::{Inner, count, number, text};
use crate::clock::Moment;
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
    for (statement, rows) in REMEMBER.over(ids.len()) {
        let mut query = sqlx::query(statement);
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
        Box::pin(take(c, inner, all))
    }
}

/// A part that a receipt may mean.
struct Candidate {
    message: i64,
    part: u8,
    /// Whether its id is that of its newest sending.
    newest: bool,
}

// Ids come round again, and read in the other base they may be another message's: one that has had
// its last word is not meant. The receipt may have overtaken its own response, and waits for it.
static CANDIDATES: List = List::new(
    "SELECT i.normal, i.message, i.part, i.accepted_at,
         (SELECT MAX(o.accepted_at) FROM part_ids o WHERE o.message = i.message AND o.part = i.part) AS newest
     FROM part_ids i JOIN outbox_part p ON p.message = i.message AND p.part = i.part
     WHERE i.link = $1 AND p.state NOT IN ('delivered', 'failed') AND i.normal IN",
    1,
    "ORDER BY i.message DESC",
);
static KEEP: Rows = Rows::new(
    "INSERT INTO receipts (id, link, normal, state, received_at)",
    5,
    "",
);

/// Applies receipts to their parts, one after the other, or keeps them until those are known.
async fn take(c: &mut Conn, inner: &Inner, all: &[Receipt]) -> Result<Vec<()>, Fault> {
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
    for (link, forms) in &by_link {
        for (statement, list) in CANDIDATES.over(forms) {
            let mut query = sqlx::query(statement).bind((*link).to_owned());
            for form in list {
                query = query.bind((*form).to_owned());
            }
            for row in query.fetch_all(&mut *c).await? {
                let candidate = Candidate {
                    message: number(&row, "message")?,
                    part: count(number(&row, "part")?),
                    newest: number(&row, "accepted_at")? == number(&row, "newest")?,
                };
                candidates
                    .entry(((*link).to_owned(), text(&row, "normal")?))
                    .or_default()
                    .push(candidate);
            }
        }
    }
    let ids: Vec<i64> = candidates
        .values()
        .flatten()
        .map(|one| one.message)
        .collect();
    let mut standings = Standings::read(c, &ids).await?;

    let mut kept: Vec<&Receipt> = Vec::new();
    for (receipt, forms) in all.iter().zip(&all_forms) {
        let meant = forms.iter().find_map(|form| {
            let of_form = candidates.get(&(receipt.link.0.clone(), form.clone()))?;
            of_form.iter().find(|one| {
                let state = standings
                    .get(one.message)
                    .and_then(|message| message.part(one.part));
                !matches!(
                    state,
                    None | Some(MessageState::Delivered | MessageState::Failed)
                )
            })
        });
        match meant {
            // A part that was sent again stands by its newest sending, unless an older one arrived.
            Some(one) if one.newest || receipt.state == ReceiptState::Delivered => {
                if let Some(message) = standings.get(one.message) {
                    message.received(one.part, receipt.state, receipt.at);
                }
            }
            Some(_) => {}
            // That a part is under way says nothing that its response will not say.
            None if receipt.state == ReceiptState::Underway => {}
            None => kept.push(receipt),
        }
    }
    standings.write(c).await?;
    for (statement, rows) in KEEP.over(kept.len()) {
        let mut query = sqlx::query(statement);
        for receipt in &kept[rows] {
            query = query
                .bind(inner.next_id(receipt.at))
                .bind(receipt.link.0.clone())
                .bind(kept_form(receipt))
                .bind(word(receipt.state))
                .bind(receipt.at.ms());
        }
        query.execute(&mut *c).await?;
    }
    Ok(vec![(); all.len()])
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

/// The forms under which a receipt may wait for an answer with this id.
fn waiting_forms(id: &str) -> impl Iterator<Item = String> {
    std::iter::once(exactly(&normal(id))).chain(forms(id))
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
            for (statement, list) in EARLY.over(&forms) {
                let mut query = sqlx::query(statement).bind(link.to_owned());
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
        for (statement, list) in FORGET.over(&self.taken) {
            let mut query = sqlx::query(statement);
            for id in list {
                query = query.bind(*id);
            }
            query.execute(&mut *c).await?;
        }
        Ok(())
    }
}
