//! One-time codes: minted once, counted before anything is told, limited per number and per block.

use std::time::Duration;

use zeroize::Zeroizing;

use super::engine::{Conn, Fault, sql};
use super::limits::{block_mark, is_limited};
use super::writer::Verdict;
use super::{Inner, bytes, count, highwater, maybe_bytes, ms, number, outbox, text};
use crate::callback::Msisdn;
use crate::clock::Moment;
use crate::conversation::ConversationId;
use crate::plant::{Plant, planted};
use crate::store::seal::{self, Place};
use crate::store::{CodeSent, CodeTried, CodeWanted, Mark};

/// A code as its row has it.
struct Living {
    sealed: Vec<u8>,
    sends: i64,
    sent_at: i64,
    expires_at: i64,
    lives: bool,
}

/// Sends a code, or the living one again, within the limits.
pub(super) async fn send(
    c: &mut Conn,
    inner: &Inner,
    wanted: CodeWanted,
) -> Result<Verdict<CodeSent>, Fault> {
    let rules = &inner.rules;
    let sent_before: Option<i64> = sql("SELECT expires_at FROM code_sends WHERE key = $1")
        .bind(wanted.key.to_vec())
        .maybe(&mut *c)
        .await?;
    if let Some(until) = sent_before {
        return Ok(Verdict::Keep(CodeSent::Sent {
            until: Moment::from_ms(until),
        }));
    }

    let now = highwater::settle(c, wanted.at).await?;
    let recipient = inner.number(&wanted.to);
    let row_id = row_id(&wanted.conversation, &recipient);
    let known = find(c, inner, &wanted.conversation, &recipient, now).await?;
    if let Some(known) = &known {
        let at = usize::try_from(known.sends)
            .unwrap_or(1)
            .clamp(1, rules.waits.len())
            - 1;
        let free_at = known.sent_at.saturating_add(ms(rules.waits[at]));
        if free_at > now.ms() {
            return Ok(Verdict::Keep(CodeSent::TooSoon {
                wait: Moment::from_ms(free_at).since(now),
            }));
        }
    }
    let block = block_mark(inner, &wanted.to);
    if is_limited(c, rules, &recipient, &block, wanted.asked_by_owner, now).await? {
        return Ok(Verdict::Keep(CodeSent::Limited));
    }

    let (code, until, sends) = match known.filter(|known| known.lives) {
        Some(living) => {
            let code: String = inner.open(code_place(&row_id), &living.sealed)?;
            (
                Zeroizing::new(code),
                Moment::from_ms(living.expires_at),
                living.sends + 1,
            )
        }
        None => (
            Zeroizing::new(wanted.fresh.clone()),
            now.plus(rules.life),
            1,
        ),
    };
    if sends == 1 {
        mint(
            c,
            inner,
            &wanted.conversation,
            &recipient,
            &code,
            now,
            until,
        )
        .await?;
    } else {
        sql("UPDATE codes SET sends = $3, sent_at = $4 WHERE conversation = $1 AND recipient = $2")
            .bind(wanted.conversation.0.to_vec())
            .bind(&recipient)
            .bind(sends)
            .bind(now.ms())
            .execute(&mut *c)
            .await?;
    }
    sql(
        "INSERT INTO code_sends (key, conversation, recipient, number_block, by_owner, used, sent_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
    )
    .bind(wanted.key.to_vec())
    .bind(wanted.conversation.0.to_vec())
    .bind(recipient)
    .bind(block)
    .bind(i64::from(wanted.asked_by_owner))
    .bind(now.ms())
    .bind(until.ms())
    .execute(&mut *c)
    .await?;
    let mut message = wanted.message;
    message.text = message.text.replace("{code}", &code);
    message.valid_until = until;
    let row = outbox::NewRow::of(inner, &message, wanted.at)?;
    outbox::insert(c, std::iter::once(&row)).await?;
    Ok(Verdict::Keep(CodeSent::Sent { until }))
}

fn row_id(conversation: &ConversationId, recipient: &[u8]) -> Vec<u8> {
    [&conversation.0[..], recipient].concat()
}

fn code_place(row: &[u8]) -> Place<'_> {
    Place {
        table: "codes",
        column: "code",
        row,
    }
}

fn code_mark(inner: &Inner, conversation: &ConversationId, recipient: &[u8], code: &str) -> Mark {
    inner.keys.mark(
        "one-time code",
        &[&conversation.0, recipient, code.as_bytes()],
    )
}

async fn find(
    c: &mut Conn,
    inner: &Inner,
    conversation: &ConversationId,
    recipient: &[u8],
    now: Moment,
) -> Result<Option<Living>, Fault> {
    let row = sql(
        "SELECT code, state, tries, sends, sent_at, expires_at FROM codes WHERE conversation = $1 AND recipient = $2",
    )
    .bind(conversation.0.to_vec())
    .bind(recipient.to_vec())
    .fetch_optional(c)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (sealed, expires_at) = (maybe_bytes(&row, "code")?, number(&row, "expires_at")?);
    let lives = text(&row, "state")? == "living"
        && number(&row, "tries")? < i64::from(inner.rules.tries_max)
        && expires_at > now.ms()
        && sealed.is_some()
        && !planted(Plant::CodeMintedAgain);
    Ok(Some(Living {
        sealed: sealed.unwrap_or_default(),
        sends: number(&row, "sends")?,
        sent_at: number(&row, "sent_at")?,
        expires_at,
        lives,
    }))
}

async fn mint(
    c: &mut Conn,
    inner: &Inner,
    conversation: &ConversationId,
    recipient: &[u8],
    code: &Zeroizing<String>,
    now: Moment,
    until: Moment,
) -> Result<(), Fault> {
    let code_text: &String = code;
    sql(
        "INSERT INTO codes (conversation, recipient, code, code_mark, state, tries, sends, sent_at, expires_at)
         VALUES ($1, $2, $3, $4, 'living', 0, 1, $5, $6)
         ON CONFLICT (conversation, recipient) DO UPDATE SET code = excluded.code, code_mark = excluded.code_mark,
             state = 'living', tries = 0, sends = 1, sent_at = excluded.sent_at, expires_at = excluded.expires_at",
    )
    .bind(conversation.0.to_vec())
    .bind(recipient.to_vec())
    .bind(inner.seal(code_place(&row_id(conversation, recipient)), code_text)?)
    .bind(code_mark(inner, conversation, recipient, code).to_vec())
    .bind(now.ms())
    .bind(until.ms())
    .execute(c)
    .await?;
    Ok(())
}

/// A try, with what was typed already hashed.
pub(super) struct Try {
    conversation: ConversationId,
    recipient: Vec<u8>,
    mark: Mark,
    key: Vec<u8>,
    now: Moment,
}

impl Try {
    /// Hashes what was typed.
    pub(super) fn of(
        inner: &Inner,
        conversation: ConversationId,
        to: &Msisdn,
        typed: &str,
        key: &Mark,
        now: Moment,
    ) -> Self {
        let recipient = inner.number(to);
        let mark = code_mark(inner, &conversation, &recipient, typed.trim());
        Self {
            conversation,
            recipient,
            mark,
            key: key.to_vec(),
            now,
        }
    }
}

/// Tries a code; the try is counted in the transaction whose end is waited for.
pub(super) async fn attempt(
    c: &mut Conn,
    inner: &Inner,
    one: Try,
) -> Result<Verdict<CodeTried>, Fault> {
    let id = one.conversation.0.to_vec();
    let before =
        sql("SELECT outcome, tries_left FROM code_tries WHERE conversation = $1 AND key = $2")
            .bind(&id)
            .bind(&one.key)
            .fetch_optional(&mut *c)
            .await?;
    if let Some(row) = before {
        return Ok(Verdict::Keep(outcome_of(
            &text(&row, "outcome")?,
            count(number(&row, "tries_left")?),
        )));
    }

    let now = highwater::settle(c, one.now).await?;
    let outcome = judge(c, inner, &one, now).await?;
    let (word, left) = word_of(outcome);
    sql(
        "INSERT INTO code_tries (conversation, key, outcome, tries_left, tried_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(one.key)
    .bind(word)
    .bind(i64::from(left))
    .bind(now.ms())
    .execute(c)
    .await?;
    Ok(Verdict::Keep(outcome))
}

async fn judge(c: &mut Conn, inner: &Inner, one: &Try, now: Moment) -> Result<CodeTried, Fault> {
    let row = sql(
        "SELECT code_mark, state, tries, expires_at FROM codes WHERE conversation = $1 AND recipient = $2",
    )
    .bind(one.conversation.0.to_vec())
    .bind(&one.recipient)
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else {
        return Ok(CodeTried::Expired);
    };
    let state = text(&row, "state")?;
    if number(&row, "expires_at")? <= now.ms() {
        bury(c, one, "dead").await?;
        return Ok(CodeTried::Expired);
    }
    match state.as_str() {
        "living" => {}
        "spent" => return Ok(CodeTried::Spent),
        // Used up, or dead by an earlier time.
        _ => return Ok(CodeTried::Expired),
    }
    let tries = number(&row, "tries")?.saturating_add(1);
    sql("UPDATE codes SET tries = $3 WHERE conversation = $1 AND recipient = $2")
        .bind(one.conversation.0.to_vec())
        .bind(&one.recipient)
        .bind(tries)
        .execute(&mut *c)
        .await?;
    if seal::same(&one.mark, &bytes(&row, "code_mark")?) {
        bury(c, one, "used").await?;
        sql("UPDATE code_sends SET used = 1 WHERE conversation = $1 AND recipient = $2")
            .bind(one.conversation.0.to_vec())
            .bind(&one.recipient)
            .execute(c)
            .await?;
        return Ok(CodeTried::Right);
    }
    let left = i64::from(inner.rules.tries_max).saturating_sub(tries);
    if left <= 0 {
        bury(c, one, "spent").await?;
        return Ok(CodeTried::Spent);
    }
    Ok(CodeTried::Wrong { left: count(left) })
}

/// Ends a code and erases it.
async fn bury(c: &mut Conn, one: &Try, state: &'static str) -> Result<(), Fault> {
    sql("UPDATE codes SET state = $3, code = NULL WHERE conversation = $1 AND recipient = $2")
        .bind(one.conversation.0.to_vec())
        .bind(&one.recipient)
        .bind(state)
        .execute(c)
        .await?;
    Ok(())
}

fn word_of(outcome: CodeTried) -> (&'static str, u32) {
    match outcome {
        CodeTried::Right => ("right", 0),
        CodeTried::Wrong { left } => ("wrong", left),
        CodeTried::Spent => ("spent", 0),
        CodeTried::Expired => ("expired", 0),
    }
}

fn outcome_of(word: &str, left: u32) -> CodeTried {
    match word {
        "right" => CodeTried::Right,
        "wrong" => CodeTried::Wrong { left },
        "spent" => CodeTried::Spent,
        // Only this file writes the column.
        _ => CodeTried::Expired,
    }
}

/// Erases codes that have expired, and counters past their time.
pub(super) async fn tidy(c: &mut Conn, now: Moment, counters_kept: Duration) -> Result<(), Fault> {
    sql("UPDATE codes SET state = 'dead', code = NULL WHERE state = 'living' AND expires_at <= $1")
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
    for query in [
        "DELETE FROM codes WHERE expires_at <= $1",
        "DELETE FROM code_sends WHERE sent_at <= $1",
        "DELETE FROM code_tries WHERE tried_at <= $1",
        "DELETE FROM code_blocks WHERE stopped_until <= $1",
        "DELETE FROM attempts WHERE failed_at <= $1",
    ] {
        sql(query)
            .bind(now.minus(counters_kept).ms())
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
