//! The faults, a line each.

mod kill;

use std::pin::Pin;

use crate::Held;

/// How a run is set.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Whether everything is to be tried.
    pub long: bool,
    /// Of everything that has chance in it.
    pub seed: u64,
}

/// What came of a fault that was not broken.
pub enum Seen {
    /// The promise was kept, and what was seen.
    Held(String),
    /// It could not be injected here, and why.
    NotRun(String),
}

/// What a fault does.
pub type Run = fn(Context) -> Pin<Box<dyn Future<Output = Held<Seen>> + Send>>;

/// A fault.
pub struct Fault {
    /// By which it is called.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// What is promised.
    pub promised: &'static str,
    /// Whether it is in the short set.
    pub short: bool,
    /// What does it.
    pub run: Run,
}

/// All of them.
pub fn all() -> Vec<Fault> {
    vec![
        Fault {
            name: "nothing",
            what: "no fault at all",
            promised: "everybody gets what they came for, and nothing comes twice",
            short: true,
            run: |context| Box::pin(kill::nothing(context)),
        },
        Fault {
            name: "kill-at-sync",
            what: "kill -9 at the N-th fsync of the ledger",
            promised: "no row that was acknowledged is lost (G8), nothing comes twice (G2, G3)",
            short: true,
            run: |context| Box::pin(kill::at_sync(context)),
        },
        Fault {
            name: "kill-at-write",
            what: "kill -9 at the N-th write to the ledger",
            promised: "the same",
            short: true,
            run: |context| Box::pin(kill::at_write(context)),
        },
        Fault {
            name: "kill-at-send",
            what: "kill -9 at the N-th octets that go to an operator or the registry",
            promised: "the same; what was on its way is an unknown outcome",
            short: true,
            run: |context| Box::pin(kill::at_send(context)),
        },
    ]
}
