//! Reading the outbox for people: counts by link and state, single messages, never a text.

use std::collections::BTreeMap;

use super::super::engine::{Conn, Fault, Query, Row, sql};
use super::super::outbox::{Body, body_place, kind_of};
use super::super::standing::{is_final, state_of};
use super::super::{bytes, count, maybe_bytes, number, text};
use super::{Tools, acts};
use crate::callback::LinkName;
use crate::clock::Moment;
use crate::store::by_hand::{
    Dead, Filter, Listed, Overview, Said, Shown, ShownPart, Taken, Waiting,
};
use crate::store::{MessageId, MessageState};

/// Octets of a number's keyed hash that are shown.
const MARK_SHOWN: usize = 4;

/// Counts what waits and what failed.
pub(super) async fn overview(
    c: &mut Conn,
    tools: &Tools<'_>,
    now: Moment,
    since: Moment,
) -> Result<Overview, Fault> {
    let rows = sql(
        "SELECT link, state, kind, reason, COUNT(*) AS messages, MIN(created_at) AS oldest,
             MIN(CASE WHEN state IN ('queued', 'unknown') THEN next_at ELSE valid_until END) AS next,
             SUM(CASE WHEN state = 'queued' AND next_at <= $1 THEN 1 ELSE 0 END) AS ready,
             MAX(attempts) AS attempts
         FROM outbox WHERE is_open = 1 GROUP BY link, state, kind, reason",
    )
    .bind(now.ms())
    .fetch_all(&mut *c)
    .await?;
    let mut waiting: BTreeMap<(String, MessageState), Waiting> = BTreeMap::new();
    for row in rows {
        let (link, state) = (text(&row, "link")?, state_of(&text(&row, "state")?));
        let oldest = Moment::from_ms(number(&row, "oldest")?);
        let next = Moment::from_ms(number(&row, "next")?);
        let group = waiting
            .entry((link.clone(), state))
            .or_insert_with(|| Waiting {
                link: LinkName(link),
                state,
                messages: 0,
                kinds: BTreeMap::new(),
                oldest,
                next,
                ready: 0,
                attempts: 0,
                reasons: Vec::new(),
            });
        let messages: u64 = count(number(&row, "messages")?);
        group.messages += messages;
        group.oldest = group.oldest.min(oldest);
        group.next = group.next.min(next);
        group.ready += count::<u64>(number(&row, "ready")?);
        group.attempts = group.attempts.max(count(number(&row, "attempts")?));
        let kind = kind_of(&text(&row, "kind")?);
        *group.kinds.entry(kind).or_default() += messages;
        let reason: Option<String> = row.get("reason")?;
        match group.reasons.iter_mut().find(|said| said.reason == reason) {
            Some(said) => said.messages += messages,
            None => group.reasons.push(Said { reason, messages }),
        }
    }
    let mut waiting: Vec<Waiting> = waiting.into_values().collect();
    for group in &mut waiting {
        // The most frequent first.
        group.reasons.sort_unstable_by(|one, other| {
            (other.messages, &one.reason).cmp(&(one.messages, &other.reason))
        });
    }

    let rows = sql(
        "SELECT link, kind, state, reason, COUNT(*) AS messages, MAX(changed_at) AS newest
         FROM outbox WHERE dead IS NOT NULL AND dead >= 0 AND changed_at >= $1
         GROUP BY link, kind, state, reason ORDER BY link, MAX(changed_at) DESC",
    )
    .bind(since.ms())
    .fetch_all(&mut *c)
    .await?;
    let dead = rows
        .iter()
        .map(|row| {
            Ok(Dead {
                link: LinkName(text(row, "link")?),
                kind: kind_of(&text(row, "kind")?),
                state: state_of(&text(row, "state")?),
                reason: row.get("reason")?,
                messages: count(number(row, "messages")?),
                newest: Moment::from_ms(number(row, "newest")?),
            })
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Overview {
        hold: tools.held(c).await?,
        waiting,
        dead,
    })
}

/// Lists messages. A value that is not asked for is bound all the same, and not looked at.
pub(super) async fn messages(
    c: &mut Conn,
    tools: &Tools<'_>,
    filter: &Filter,
) -> Result<Vec<Listed>, Fault> {
    let states: String = filter
        .states
        .iter()
        .map(|state| format!("/{}/", state.name()))
        .collect();
    let mark = filter.to.as_ref().map(|to| {
        tools
            .keys
            .mark("number", &[to.as_str().as_bytes()])
            .to_vec()
    });
    let query = if mark.is_some() {
        sql(OF_NUMBER)
    } else if filter.dead {
        sql(OF_DEAD)
    } else if !filter.states.is_empty() && filter.states.iter().all(|state| !is_final(*state)) {
        sql(OF_OPEN)
    } else {
        sql(OF_ALL)
    };
    let link = filter.link.as_ref().map_or("", |link| link.as_str());
    let rows = query
        .bind(link)
        .bind(states)
        .bind(mark.unwrap_or_default())
        .bind(i64::from(filter.dead))
        .bind(i64::from(filter.limit))
        .fetch_all(c)
        .await?;
    rows.iter().map(|row| listed(tools, row)).collect()
}

/// The columns of a listed message, of rows that pass the filter; the four statements differ in what
/// leads to their rows.
macro_rules! listing {
    ($way:literal) => {
        concat!(
            "SELECT id, key, service, link, sender, recipient, kind, content, state, reason, parts, attempts,
                 unknowns, epoch, created_at, sent_at, next_at, valid_until, changed_at, dead,
                 (SELECT MAX(p.unknowns) FROM outbox_part p WHERE p.message = outbox.id) AS part_unknowns
             FROM outbox WHERE ",
            $way,
            " AND ($1 = '' OR link = $1) AND ($2 = '' OR $2 LIKE '%/' || state || '/%')
              AND (LENGTH($3) = 0 OR recipient = $3) AND ($4 = 0 OR dead IS NOT NULL)
             ORDER BY id DESC LIMIT $5"
        )
    };
}
const OF_ALL: &str = listing!("id > 0");
const OF_OPEN: &str = listing!("is_open = 1");
const OF_DEAD: &str = listing!("dead IS NOT NULL");
const OF_NUMBER: &str = listing!("recipient = $3");

fn listed(tools: &Tools<'_>, row: &Row) -> Result<Listed, Fault> {
    let state = state_of(&text(row, "state")?);
    let waits = matches!(state, MessageState::Queued | MessageState::Unknown);
    let sent_at = number(row, "sent_at")?;
    let key = bytes(row, "key")?;
    // One that cannot be opened is shown by its hash, as one whose body is gone.
    let to = maybe_bytes(row, "content")?
        .and_then(|sealed| tools.open::<Body>(body_place(&key), &sealed).ok())
        .map(|body| body.to.masked());
    let mark = bytes(row, "recipient")?;
    let of_parts: Option<i64> = row.get("part_unknowns")?;
    Ok(Listed {
        id: MessageId(number(row, "id")?),
        service: text(row, "service")?,
        link: LinkName(text(row, "link")?),
        from: text(row, "sender")?,
        to,
        to_mark: mark
            .iter()
            .take(MARK_SHOWN)
            .map(|octet| format!("{octet:02x}"))
            .collect(),
        kind: kind_of(&text(row, "kind")?),
        state,
        reason: row.get("reason")?,
        attempts: count(number(row, "attempts")?),
        unknowns: count(number(row, "unknowns")?.max(of_parts.unwrap_or(0))),
        parts: count(number(row, "parts")?),
        created_at: Moment::from_ms(number(row, "created_at")?),
        sent_at: (sent_at != 0).then(|| Moment::from_ms(sent_at)),
        next_at: waits
            .then(|| number(row, "next_at").map(Moment::from_ms))
            .transpose()?,
        valid_until: Moment::from_ms(number(row, "valid_until")?),
        changed_at: Moment::from_ms(number(row, "changed_at")?),
        dead: row.get::<Option<i64>>("dead")?.is_some(),
    })
}

/// One message with its parts, the operator's ids, and what was done by hand.
pub(super) async fn message(
    c: &mut Conn,
    tools: &Tools<'_>,
    id: MessageId,
) -> Result<Option<Shown>, Fault> {
    let one: Query = sql(listing!("id = $6"));
    let row = one
        .bind("")
        .bind("")
        .bind(Vec::new())
        .bind(0)
        .bind(1)
        .bind(id.0)
        .fetch_optional(&mut *c)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let parts = sql(
        "SELECT part, state, reason, unknowns FROM outbox_part WHERE message = $1 ORDER BY part",
    )
    .bind(id.0)
    .fetch_all(&mut *c)
    .await?;
    let ids = sql(
        "SELECT part, message_id, accepted_at FROM part_ids WHERE message = $1 ORDER BY accepted_at",
    )
    .bind(id.0)
    .fetch_all(&mut *c)
    .await?;
    let mut shown_parts = Vec::with_capacity(parts.len());
    for part in &parts {
        let place = number(part, "part")?;
        let mut taken = Vec::new();
        for id in &ids {
            if number(id, "part")? == place {
                taken.push(Taken {
                    id: text(id, "message_id")?,
                    at: Moment::from_ms(number(id, "accepted_at")?),
                });
            }
        }
        shown_parts.push(ShownPart {
            part: count(place),
            state: state_of(&text(part, "state")?),
            reason: part.get("reason")?,
            unknowns: count(number(part, "unknowns")?),
            taken,
        });
    }
    Ok(Some(Shown {
        message: listed(tools, &row)?,
        has_body: maybe_bytes(&row, "content")?.is_some(),
        epoch: count(number(&row, "epoch")?),
        shown_parts,
        acts: acts::of(c, tools, id).await?,
    }))
}
