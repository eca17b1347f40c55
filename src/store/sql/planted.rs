//! Mistakes that are planted into the ledger itself: with each of them a rule of the contract does not hold.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use super::SqlStore;
use super::tests::in_a_file;
use crate::plant::{Plant, Planted};
use crate::store::contract::{codes, outbox, receipts, turns};

type Rule = fn(SqlStore) -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! rules {
    ($($plant:ident: $file:ident::$rule:ident),+ $(,)?) => {
        [$((
            Plant::$plant,
            stringify!($rule),
            (|store| Box::pin(async move { $file::$rule(&store).await })) as Rule,
        )),+]
    };
}

/// Whether a rule holds on a fresh SQLite.
fn holds(rule: Rule) -> bool {
    // In one thread, so that what is planted on it is planted in the writer.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let (store, _folder) = in_a_file().await;
            rule(store).await;
        });
    }))
    .is_ok()
}

#[test]
fn each_planted_mistake_breaks_a_rule_of_the_contract() {
    let mut missed = Vec::new();
    for (plant, name, rule) in rules! {
        NoCompareAndSet: turns::a_step_counts_from_the_revision_before_alone,
        SilentlySentAgain: outbox::a_takeover_makes_unknown_outcomes,
        SendingIsQueuedAgain: outbox::a_takeover_makes_unknown_outcomes,
        UnknownSentForEver: outbox::unknown_outcomes_go_again_twice,
        WordOfAnotherClaim: outbox::a_word_is_of_its_claim,
        OtherBytesOnResend: outbox::a_message_goes_again_on_request,
        EarlyReceiptDropped: receipts::receipts_may_come_first,
        FinalStateOverwritten: receipts::final_states_stay,
        CodeMintedAgain: codes::a_resend_repeats_the_code,
        LimitsForgotten: codes::sendings_are_limited,
        ClockRevivesCode: codes::a_clock_that_jumps_back_revives_nothing,
    } {
        assert!(holds(rule), "{name} does not hold by itself");
        let _planted = Planted::here(plant);
        if holds(rule) {
            missed.push((plant.name(), name));
        }
    }
    assert!(missed.is_empty(), "these hold all the same: {missed:?}");
}

/// A file has one node, which is why two of them are not of the contract on SQLite.
#[test]
fn what_a_buried_node_writes_counts_where_that_is_planted() {
    let only_one = || catch_unwind(super::tests::whoever_opens_a_file_is_its_only_node).is_ok();
    assert!(only_one());
    let _planted = Planted::here(Plant::BuriedNodeWrites);
    assert!(!only_one());
}
