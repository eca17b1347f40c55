//! What must hold in the end, whatever the weather was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jisr::store::sql::model::{Step, Turned};
use jisr::store::{CodeTried, DueKind, MessageId, MessageKind, MessageState, SmsId, Store};

use crate::people::code_of;
use crate::smsc::Taken;
use crate::world::World;

/// How long a code lives.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// How far clocks of nodes are apart.
const SKEW: Duration = Duration::from_secs(6);
/// A moment that is so much late is no jump.
const LATE: Duration = Duration::from_secs(60);

/// Whether everything has come to rest.
pub fn rests(world: &World) -> bool {
    let ledger = &world.ledger;
    let waits = |kind| matches!(kind, DueKind::Call | DueKind::Revoke);
    ledger.waiting_texts() == 0
        && !world.centre.awaits()
        && ledger.messages().iter().all(|one| is_final(one.state))
        && ledger.due_times().iter().all(|due| !waits(due.kind))
        && ledger
            .conversations()
            .iter()
            .all(|one| one.pending.is_none())
}

fn is_final(state: MessageState) -> bool {
    matches!(
        state,
        MessageState::Delivered
            | MessageState::Failed
            | MessageState::Expired
            | MessageState::Cancelled
    )
}

/// What does not rest, for the report.
fn restless(world: &World) -> String {
    let ledger = &world.ledger;
    let open: Vec<_> = ledger
        .messages()
        .iter()
        .filter(|one| !is_final(one.state))
        .map(|one| (one.id.0, one.kind, one.state))
        .collect();
    let due: Vec<_> = ledger.due_times().iter().map(|due| due.kind).collect();
    let pending = ledger.conversations();
    let pending: Vec<_> = pending
        .iter()
        .filter_map(|one| one.pending.as_ref())
        .map(|one| (one.call, one.page.clone()))
        .collect();
    let (texts, awaits) = (ledger.waiting_texts(), world.centre.awaits());
    format!("{texts} texts, receipts {awaits}, messages {open:?}, due {due:?}, pending {pending:?}")
}

/// Every call that a conversation waits for has its due time: nobody else would make it again.
pub fn calls(world: &World) {
    let due = world.ledger.due_times();
    for talk in world.ledger.conversations() {
        let is_due = due
            .iter()
            .any(|due| due.conversation == talk.id && due.kind == DueKind::Call);
        if talk.pending.is_some() && !is_due {
            let how = format!("{} waits for a call that nobody makes", talk.id);
            world.sky.broken("G8 what is pending is kept", how);
        }
    }
}

/// Judges a run.
pub fn judge(world: &Arc<World>) {
    if !rests(world) {
        let how = restless(world);
        world.sky.broken("G6 everything comes to its end", how);
    }
    steps(world);
    messages(world);
    codes(world);
    effects(world);
    nodes(world);
}

/// What an effect is for tells its key: who asks for it again asks for the same one.
fn effects(world: &World) {
    for (key, subject, _) in world.ledger.effects() {
        let Some((generation, registration)) = subject.split_once(' ') else {
            let how = format!("an effect is for nothing: {subject}");
            world
                .sky
                .broken("G3 an effect has the key of what it is for", how);
            continue;
        };
        let generation: u32 = generation.parse().unwrap();
        let parts = [registration.as_bytes(), &generation.to_be_bytes()];
        if key != world.ledger.mark("password", &parts) {
            let how = format!("generation {generation} has a key of its own");
            world
                .sky
                .broken("G3 an effect has the key of what it is for", how);
        }
    }
}

/// Who died is buried: in the end nobody lives in the ledger that does not.
fn nodes(world: &World) {
    let lives = world.living();
    for node in world.ledger.living() {
        if !lives.contains(&node) {
            let how = format!("node {} is dead, and was not buried", node.0);
            world.sky.broken("G12 a dead node is buried", how);
        }
    }
}

fn steps(world: &World) {
    let sky = &world.sky;
    let mut stands: BTreeMap<_, u64> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    let steps = world.ledger.steps();
    for step in &steps {
        let (from, to) = step.revisions;
        let before = stands.insert(step.conversation, to).unwrap_or(0);
        if from != before || to != from + 1 {
            let how = format!("{} goes from {from} to {to}", step.conversation);
            sky.broken("G5 a conversation never goes back", how);
        }
        if step.of_foreign_session {
            let how = format!("a session that is not the newest moves {step:?}");
            sky.broken("G5 the newest dial owns the phone", how);
        }
        if step.of_buried_node {
            let how = format!("a node that is over moves {}", step.conversation);
            sky.broken("G5 nothing counts that a buried node writes", how);
        }
        if step.of_unseen_page {
            let how = format!(
                "a key acts on a page of {} that nobody saw",
                step.conversation
            );
            sky.broken("G5 a key acts on the page that is shown", how);
        }
        if let Some(sms) = step.sms {
            if !ended.insert(sms) {
                let how = format!("text {} had two turns", sms.0);
                sky.broken("G1 a text has one turn", how);
            }
            if !step.replies {
                let how = format!("text {} was done without a reply", sms.0);
                sky.broken("G1 a text is answered", how);
            }
        }
    }
    for sms in world.ledger.texts_taken() {
        if !ended.contains(&sms) && is_answered_elsewhere(world, &steps, sms) {
            sky.rare("a text is answered in another turn");
        } else if !ended.contains(&sms) {
            let how = format!("text {} never had its turn", sms.0);
            sky.broken("G1 no accepted text is lost", how);
        }
    }
}

/// Whether a text's turn was cut while a call was awaited, and somebody else went on with it: its due time,
/// whose step replies by text, or a callback of the same number, whose screen has the answer.
fn is_answered_elsewhere(world: &World, steps: &[Step], sms: SmsId) -> bool {
    let turn = world.ledger.mark("sms", &[&sms.0.to_be_bytes()]);
    let first = world.ledger.mark("step", &[&turn, &0_u32.to_be_bytes()]);
    let mut after = steps.iter().skip_while(|step| step.turn != first);
    let Some(begun) = after.next() else {
        return false;
    };
    after.any(|step| step.conversation == begun.conversation)
}

fn messages(world: &World) {
    let sky = &world.sky;
    let mut unknowns: BTreeMap<MessageId, u32> = BTreeMap::new();
    let mut again: BTreeMap<MessageId, u32> = BTreeMap::new();
    let mut at: BTreeMap<MessageId, MessageState> = BTreeMap::new();
    for (id, turned) in world.ledger.message_journal() {
        match turned {
            Turned::Unknown => *unknowns.entry(id).or_default() += 1,
            Turned::Again => {
                sky.rare("a message is asked for again");
                *again.entry(id).or_default() += 1;
            }
            Turned::ByHand => *again.entry(id).or_default() += 1,
            Turned::To(state) => {
                let before = at.insert(id, state);
                let late =
                    before == Some(MessageState::Expired) && state == MessageState::Delivered;
                if late {
                    sky.rare("an expired message arrives after all");
                }
                if before.is_some_and(is_final) && !late {
                    let how = format!("message {} goes from {before:?} to {state:?}", id.0);
                    sky.broken("G7 what is final stays", how);
                }
                match state {
                    MessageState::Unknown => sky.rare("an outcome is unknown"),
                    MessageState::Failed => sky.rare("a message fails"),
                    MessageState::Expired => sky.rare("a message expires"),
                    MessageState::Cancelled => sky.rare("a message is cancelled"),
                    MessageState::Queued
                    | MessageState::Sending
                    | MessageState::Sent
                    | MessageState::Delivered => {}
                }
            }
        }
    }
    let count = |of: &BTreeMap<MessageId, u32>, id: &MessageId| of.get(id).copied().unwrap_or(0);
    let mut parts: BTreeMap<MessageId, Vec<_>> = BTreeMap::new();
    for ((id, part), taken) in world.centre.parts() {
        let allowed = 1 + count(&unknowns, &id) + count(&again, &id);
        if taken.times > allowed {
            let how = format!(
                "part {part} of {} was taken {} times of {allowed}",
                id.0, taken.times
            );
            sky.broken("G2 one sending, and one for each unknown outcome", how);
        }
        parts.entry(id).or_default().push(taken);
    }
    let all = world.ledger.messages();
    for (id, unknown) in &unknowns {
        let of = all.iter().find(|one| one.id == *id);
        let of = of.map_or(1, |one| u32::from(one.parts.max(1)));
        if *unknown > 3 * of + count(&again, id) {
            let how = format!("{} of {of} parts was unknown {unknown} times", id.0);
            sky.broken("G2 an unknown outcome goes again twice", how);
        }
        if *unknown >= 3 {
            sky.rare("an outcome is unknown three times");
        }
    }
    let ids: BTreeSet<_> = world.ledger.part_ids().into_iter().collect();
    for one in &all {
        let Some(parts) = parts.get(&one.id) else {
            continue;
        };
        if parts.len() > 1 {
            sky.rare("a message of several parts");
        }
        // Of a part whose word never came to the ledger nobody knows the id.
        let known = |part: usize, taken: &Taken| {
            let mut arrived = taken.arrived.iter();
            let part = u8::try_from(part).unwrap();
            arrived.any(|id| ids.contains(&(one.id, part, id.clone())))
        };
        let told = parts
            .iter()
            .enumerate()
            .all(|(part, taken)| known(part, taken) && !taken.lost);
        if told && matches!(one.state, MessageState::Sent | MessageState::Expired) {
            let how = format!("message {} arrived and is {:?}", one.id.0, one.state);
            sky.broken("G7 no receipt is dropped", how);
        }
        if one.kind == MessageKind::Password && one.state == MessageState::Failed {
            sky.rare("a password's message fails");
        }
    }
}

fn codes(world: &World) {
    let sky = &world.sky;
    let mut living: BTreeMap<_, Vec<(String, _)>> = BTreeMap::new();
    let tried = world.ledger.codes_tried();
    let mut sendings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for made in world.ledger.codes_made() {
        let (Some(code), Some(at)) = (code_of(&made.text), made.at) else {
            continue;
        };
        let key = (made.conversation, made.to.clone());
        let all = living.entry(key).or_default();
        if let Some((before, since)) = all.last()
            && *before != code
        {
            let ended = tried.iter().any(|one| {
                one.conversation == made.conversation
                    && one
                        .at
                        .is_some_and(|tried_at| tried_at >= *since && tried_at <= at)
            });
            if !ended && at.since(*since) < LIFE - LATE && !sky.parameters.jumps {
                let how = format!("another code for {} while one lives", made.conversation);
                sky.broken("G3 once per key", how);
            }
        }
        match all.last() {
            Some((before, _)) if *before == code => sky.rare("a code goes again"),
            Some(_) | None => all.push((code, at)),
        }
        sendings
            .entry((made.to, made.by_owner))
            .or_default()
            .push(at);
    }
    for one in &tried {
        let Some(at) = one.at else { continue };
        match one.tried {
            CodeTried::Right => {
                sky.rare("a code is right");
                let of = living.iter().filter(|((id, _), _)| *id == one.conversation);
                let newest = of
                    .filter_map(|(_, all)| {
                        all.iter()
                            .map(|(_, at)| *at)
                            .filter(|since| *since <= at)
                            .max()
                    })
                    .max();
                if newest.is_none_or(|since| at.since(since) > LIFE + LATE * 2 + SKEW) {
                    let how = format!("a dead code of {} is right", one.conversation);
                    sky.broken("G13 no clock revives a code", how);
                }
            }
            CodeTried::Wrong { .. } => sky.rare("a code is wrong"),
            CodeTried::Spent => sky.rare("a code is spent"),
            CodeTried::Expired => sky.rare("a code has expired"),
        }
    }
    for ((_, _), times) in sendings {
        let in_ten_minutes = times
            .iter()
            .map(|at| {
                times
                    .iter()
                    .filter(|other| **other >= *at && other.since(*at) < LIFE)
                    .count()
            })
            .max();
        if in_ten_minutes.is_some_and(|many| many > 3) && !sky.parameters.jumps {
            let how = "more than three codes to a number in five minutes".to_owned();
            sky.broken("G13 limits hold", how);
        }
    }
}
