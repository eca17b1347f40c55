//! Mistakes that tests plant on purpose, to see that the test of a guarantee can fail. Without the
//! feature `plant`, which only tests have, there is none.

/// One mistake. Each breaks a promise that a test holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Callers of the writer are answered before their transaction is durable.
    AnswerBeforeCommit,
    /// A node that has died is not buried: nobody takes over what it had in hand.
    NobodyIsBuried,
    /// A failed fsync is taken for a refused statement: the process goes on with what it believes to be
    /// on the disk.
    FailedSyncIsIgnored,
    /// What was on its way when a process died is queued again, without a word that it may have gone.
    SendingIsQueuedAgain,
    /// A process that is told to stop ends at once, whatever is under way.
    StopDoesNotWait,
}

impl Plant {
    /// Every mistake.
    pub const ALL: [Self; 5] = [
        Self::AnswerBeforeCommit,
        Self::NobodyIsBuried,
        Self::FailedSyncIsIgnored,
        Self::SendingIsQueuedAgain,
        Self::StopDoesNotWait,
    ];

    /// The name by which it is planted.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::NobodyIsBuried => "nobody-is-buried",
            Self::FailedSyncIsIgnored => "failed-sync-is-ignored",
            Self::SendingIsQueuedAgain => "sending-is-queued-again",
            Self::StopDoesNotWait => "stop-does-not-wait",
        }
    }
}

#[cfg(not(feature = "plant"))]
mod ground {
    use super::Plant;

    /// Whether a mistake is planted: never, in what is shipped.
    #[inline(always)]
    pub const fn planted(_: Plant) -> bool {
        false
    }
}

#[cfg(feature = "plant")]
mod ground {
    use std::cell::Cell;
    use std::sync::LazyLock;

    use super::Plant;

    /// What is planted in this process: `PLANTED` and a name.
    static EVERYWHERE: LazyLock<Option<Plant>> = LazyLock::new(|| {
        let name = std::env::var("PLANTED").ok()?;
        Plant::ALL.into_iter().find(|plant| plant.name() == name)
    });

    thread_local! {
        static HERE: Cell<Option<Plant>> = const { Cell::new(None) };
    }

    /// Whether a mistake is planted.
    pub fn planted(plant: Plant) -> bool {
        HERE.get().or(*EVERYWHERE) == Some(plant)
    }

    /// A mistake that is planted on this thread until it is dropped.
    #[derive(Debug)]
    pub struct Planted(());

    impl Planted {
        /// Plants a mistake on this thread.
        pub fn here(plant: Plant) -> Self {
            HERE.set(Some(plant));
            Self(())
        }
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            HERE.set(None);
        }
    }
}

pub use ground::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_mistake_is_gone_with_its_guard() {
        let [plant, ..] = Plant::ALL;
        assert!(!planted(plant));
        {
            let _planted = Planted::here(plant);
            assert!(planted(plant));
        }
        assert!(!planted(plant));
    }
}
