//! What every ledger has to do, as functions over any [`Store`]: run on each store that there is.
//!
//! [`contract_tests!`](crate::store::contract_tests) makes a test of every function for one store.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod by_hand;
pub(crate) mod canary;
pub(crate) mod codes;
pub(crate) mod deliveries;
pub(crate) mod diallers;
pub(crate) mod due;
pub(crate) mod nodes;
pub(crate) mod nonces;
pub(crate) mod outbox;
pub(crate) mod receipts;
pub(crate) mod sms;
pub(crate) mod turns;

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::callback::Channel;
use crate::clock::Chance;
use crate::conversation::{SlotName, Value};

/// Makes one `#[tokio::test]` per rule. `$open` is an expression that gives a future of
/// (a fresh store, whatever has to live as long as it), or of `None` where this machine has no such
/// store.
macro_rules! contract_tests {
    ($open:expr) => {
        crate::store::contract::contract_tests!(@ $open;
            turns: a_save_is_read_back, a_step_is_saved_once, a_stale_save_leaves_no_trace, a_step_counts_from_the_revision_before_alone,
                one_of_many_concurrent_saves_wins, a_reply_is_never_replaced, a_new_conversation_is_the_current_one,
                a_recalled_step_counts_only_where_all_of_it_is_so,
                an_older_conversation_does_not_take_the_number_back,
                sessions_and_owners_are_remembered, a_session_is_written_as_it_was_read, what_is_the_same_is_found_by_when_it_was_answered, a_screen_is_shown_until_a_newer_callback, what_is_known_of_a_number_changes, erasing_leaves_metadata, steps_of_a_batch_stand_alone;
            sms: repeats_by_id, repeats_by_fingerprint_need_a_closed_bind, parts_come_in_any_order, half_characters_become_whole,
                parts_of_others_do_not_mix, unfinished_messages_are_bounded, texts_wait_in_order, texts_of_a_batch_stand_alone;
            deliveries: repeats_by_bind;
            nonces: a_nonce_is_fresh_once, a_nonce_is_forgotten_after_its_life, one_of_many_equal_nonces_is_fresh;
            diallers: the_newest_dial_counts, a_session_is_of_its_link, a_dial_is_forgotten;
            due: due_times_are_claimed_once, a_replaced_due_time_stays, the_next_due_time_is_told,
                an_effect_is_intended_once, failed_matches_are_counted_once;
            codes: a_code_is_right_once, tries_are_counted, a_try_is_idempotent, a_resend_repeats_the_code,
                sendings_are_limited, strangers_have_a_share_of_their_own, codes_die, a_clock_that_jumps_back_revives_nothing, a_clock_that_was_ahead_locks_nobody_out, a_wait_is_no_longer_by_a_jump, a_late_moment_is_no_jump,
                a_block_without_use_is_stopped, a_used_block_goes_on;
            outbox: messages_go_by_priority, a_key_makes_one_message, words_move_a_message, a_word_is_of_its_claim, an_old_epoch_claims_nothing,
                a_takeover_makes_unknown_outcomes, unknown_outcomes_go_again_twice, a_late_word_counts,
                what_is_over_expires, many_expire_at_once, a_lost_password_is_revoked, a_message_goes_again_on_request, a_request_waits_no_longer_by_a_jump, stop_cancels_notices,
                words_of_a_batch_stand_alone, links_are_looked_at_together;
            receipts: receipts_match_in_every_form, a_link_says_which_forms_match, a_receipt_is_of_one_part, receipts_may_come_first, a_receipt_may_be_early_by_a_slow_clock, final_states_stay,
                a_delivery_may_come_late, metadata_is_forgotten, a_second_receipt_means_nobody_else, a_receipt_waits_for_its_exact_id
        );
    };
    (@ $open:expr; $($file:ident: $($case:ident),+);+) => {
        $($(
            #[tokio::test]
            async fn $case() {
                let Some((store, _keep)) = $open.await else {
                    return;
                };
                crate::store::contract::$file::$case(&store).await;
            }
        )+)+
    };
}
pub(crate) use contract_tests;

/// Makes one `#[tokio::test]` per rule of several nodes. `$open` is an expression that gives a future of
/// (two stores that are two nodes of one fresh ledger, whatever has to live as long as they), or of
/// `None` where this machine has no such store.
macro_rules! node_tests {
    ($open:expr) => {
        crate::store::contract::node_tests!(@ $open;
            a_node_that_counts_no_further_is_buried, what_a_buried_node_had_goes_to_another,
            a_node_that_leaves_is_over_at_once, what_one_does_for_all_has_one_holder,
            texts_of_a_number_stay_on_one_node, a_claim_holds_while_its_node_lives,
            two_nodes_send_on_one_link, a_bind_of_a_living_node_has_not_closed,
            a_turn_that_asks_is_known_elsewhere, of_two_steps_on_two_nodes_one_counts
        );
    };
    (@ $open:expr; $($case:ident),+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((one, two, _keep)) = $open.await else {
                    return;
                };
                crate::store::contract::nodes::$case(&one, &two).await;
            }
        )+
    };
}
pub(crate) use node_tests;

/// Seconds after the beginning of every test.
pub(crate) fn at(seconds: i64) -> Moment {
    Moment::from_ms(1_760_000_000_000 + seconds * 1000)
}

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A sample number by its last digits.
pub(crate) fn number(last: u32) -> Msisdn {
    Msisdn::parse(&format!("+2126610{last:05}")).unwrap()
}

pub(crate) fn service() -> ServiceName {
    ServiceName::from("tns")
}

pub(crate) fn link() -> LinkName {
    LinkName::from("sandbox")
}

pub(crate) fn key(name: &str) -> Mark {
    let mut mark = [0; 32];
    mark[..name.len()].copy_from_slice(name.as_bytes());
    mark
}

/// A conversation at revision 1, with something personal in a slot.
pub(crate) fn talk(id: u8, whose: Msisdn) -> Conversation {
    let mut talk = Conversation::new(
        ConversationId([id; 16]),
        service(),
        whose,
        ("tns", 1),
        Channel::Ussd,
        at(0),
    );
    talk.revision = 1;
    talk.slots.insert(
        SlotName::from("id_number"),
        Value::Text("BE740215".to_owned()),
    );
    talk.slots.insert(
        SlotName::from("birth"),
        Value::Day(jiff::civil::date(1984, 3, 5)),
    );
    talk
}

/// A save of a step and of nothing else.
pub(crate) fn step<'a>(conversation: &'a Conversation, turn: &str, seconds: i64) -> Save<'a> {
    Save {
        turn: key(turn),
        conversation,
        after: None,
        recalled: None,
        arrival: None,
        asks: false,
        sms_done: None,
        session: None,
        owns: false,
        subscriber: &[],
        messages: &[],
        intent: None,
        result: None,
        due: &[],
        not_due: &[],
        at: at(seconds),
    }
}

/// A message to number 1, valid for a day.
pub(crate) fn message(name: &str, kind: MessageKind) -> NewMessage {
    NewMessage {
        key: key(name),
        conversation: ConversationId([1; 16]),
        service: service(),
        link: link(),
        from: "3939".to_owned(),
        to: number(1),
        kind,
        text: format!("text of {name}"),
        valid_until: at(DAY),
    }
}

/// Bytes that never come twice, the same in every run.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Chance for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
                .to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// Saves messages with a fresh conversation; its id is 1 unless there is one.
pub(crate) async fn queue(store: &impl Store, messages: &[NewMessage], seconds: i64) {
    let id = ConversationId([1; 16]);
    let mut conversation = talk(1, number(1));
    if let Some(there) = store.conversation(id).await.unwrap() {
        conversation.revision = there.revision + 1;
    }
    let turn = format!("queue {}", conversation.revision);
    let save = Save {
        messages,
        ..step(&conversation, &turn, seconds)
    };
    assert_eq!(store.save(save).await.unwrap(), Saved::Done);
}

/// How many messages stand in a state.
pub(crate) async fn standing(store: &impl Store, state: MessageState) -> u64 {
    let counts = store.message_counts().await.unwrap();
    counts
        .iter()
        .find(|(one, _)| *one == state)
        .map_or(0, |(_, count)| *count)
}
