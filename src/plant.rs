//! Mistakes that tests plant on purpose, to see that the test of a guarantee can fail. Without the
//! feature `plant`, which only tests have, there is none.

/// One mistake. Each breaks a promise that a test holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Callers of the writer are answered before their transaction is durable.
    AnswerBeforeCommit,
    /// A step counts wherever its conversation stands.
    NoCompareAndSet,
    /// A screen leaves although its turn was not saved.
    ReplyBeforeSave,
    /// A callback that came before makes another step.
    RepeatNotRecognised,
    /// What was on the wire when its node died goes again as if it had not been.
    SilentlySentAgain,
    /// A receipt that comes before the answer of its message is thrown away.
    EarlyReceiptDropped,
    /// What is final changes with the next word on it.
    FinalStateOverwritten,
    /// Who asks for a code again gets another one while the first lives.
    CodeMintedAgain,
    /// What goes again are other bytes.
    OtherBytesOnResend,
    /// A word on an earlier sending of a part ends the one that is under way.
    WordOfAnotherClaim,
    /// A session acts although a newer one was dialled.
    OldSessionActs,
    /// A key acts on a page that another channel has left.
    UnseenPageActs,
    /// A text is acknowledged although the ledger did not take it.
    TextAcknowledgedUnsaved,
    /// A text's turn is done before its reply is queued.
    TextDoneBeforeReply,
    /// A due time is over before its turn.
    DueEndedBeforeTurn,
    /// An unknown outcome goes again as often as it is unknown.
    UnknownSentForEver,
    /// A clock that is set back revives codes.
    ClockRevivesCode,
    /// Nobody counts how many codes a number gets.
    LimitsForgotten,
    /// What a node writes counts although the others took it for dead.
    BuriedNodeWrites,
    /// A password has another key each time that it is minted.
    KeyOfItsOwn,
    /// A node that has died is not buried: nobody takes over what it had in hand.
    NobodyIsBuried,
    /// A failed fsync is taken for a refused statement: the process goes on with what it believes to be
    /// on the disk.
    FailedSyncIsIgnored,
    /// What was on its way when a process died is queued again, without a word that it may have gone.
    SendingIsQueuedAgain,
    /// A process that is told to stop ends at once, whatever is under way.
    StopDoesNotWait,
    /// What Redis remembers of a conversation is believed, whatever the ledger says of it.
    CacheIsBelieved,
    /// A commit of the ledger that is a file does not wait for the disk. `benches/turns.rs` measures with it
    /// what the waiting costs.
    CommitsNotSynced,
    /// Nobody looks for messages whose time has come: they wait until somebody rings for their link.
    NobodyLooks,
}

impl Plant {
    /// Every mistake.
    pub const ALL: [Self; 27] = [
        Self::AnswerBeforeCommit,
        Self::NoCompareAndSet,
        Self::ReplyBeforeSave,
        Self::RepeatNotRecognised,
        Self::SilentlySentAgain,
        Self::EarlyReceiptDropped,
        Self::FinalStateOverwritten,
        Self::CodeMintedAgain,
        Self::OtherBytesOnResend,
        Self::WordOfAnotherClaim,
        Self::OldSessionActs,
        Self::UnseenPageActs,
        Self::TextAcknowledgedUnsaved,
        Self::TextDoneBeforeReply,
        Self::DueEndedBeforeTurn,
        Self::UnknownSentForEver,
        Self::ClockRevivesCode,
        Self::LimitsForgotten,
        Self::BuriedNodeWrites,
        Self::KeyOfItsOwn,
        Self::NobodyIsBuried,
        Self::FailedSyncIsIgnored,
        Self::SendingIsQueuedAgain,
        Self::StopDoesNotWait,
        Self::CacheIsBelieved,
        Self::CommitsNotSynced,
        Self::NobodyLooks,
    ];

    /// The name by which it is planted.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::NoCompareAndSet => "no-compare-and-set",
            Self::ReplyBeforeSave => "reply-before-save",
            Self::RepeatNotRecognised => "repeat-not-recognised",
            Self::SilentlySentAgain => "silently-sent-again",
            Self::EarlyReceiptDropped => "early-receipt-dropped",
            Self::FinalStateOverwritten => "final-state-overwritten",
            Self::CodeMintedAgain => "code-minted-again",
            Self::OtherBytesOnResend => "other-bytes-on-resend",
            Self::WordOfAnotherClaim => "word-of-another-claim",
            Self::OldSessionActs => "old-session-acts",
            Self::UnseenPageActs => "unseen-page-acts",
            Self::TextAcknowledgedUnsaved => "text-acknowledged-unsaved",
            Self::TextDoneBeforeReply => "text-done-before-reply",
            Self::DueEndedBeforeTurn => "due-ended-before-turn",
            Self::UnknownSentForEver => "unknown-sent-for-ever",
            Self::ClockRevivesCode => "clock-revives-code",
            Self::LimitsForgotten => "limits-forgotten",
            Self::BuriedNodeWrites => "buried-node-writes",
            Self::KeyOfItsOwn => "key-of-its-own",
            Self::NobodyIsBuried => "nobody-is-buried",
            Self::FailedSyncIsIgnored => "failed-sync-is-ignored",
            Self::SendingIsQueuedAgain => "sending-is-queued-again",
            Self::StopDoesNotWait => "stop-does-not-wait",
            Self::CacheIsBelieved => "cache-is-believed",
            Self::CommitsNotSynced => "commits-not-synced",
            Self::NobodyLooks => "nobody-looks",
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
