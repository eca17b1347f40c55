//! Everything that needs more than one module: conversations, the once-only rules, the real
//! binary on real wires.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests"
)]

mod authority;
mod awake;
mod bad_input;
mod behaviours;
mod canary;
mod conformance;
mod conversations;
mod corpus;
mod crash;
mod deadlines;
mod dialler;
mod docs;
mod floors;
mod let_in;
mod links;
mod listener;
mod mutual_tls;
mod nobody;
mod operators_guide;
mod outbox;
mod phone;
mod program;
mod registry;
mod registry_stub;
mod repeats;
mod rules;
mod sessions;
mod shape_pages;
mod signing;
mod silent_ledger;
mod sms_http;
mod two_nodes;
mod ussd_push;
mod ussd_smpp;
mod wire;
