//! Conversations as they stood after their last step, for the next key press.
//!
//! What is recalled is believed for one purpose: a step whose save the ledger takes only where
//! everything on which it was decided is so ([`crate::store::Save::recalled`]). What that is, and why
//! an entry that is stale, of an earlier time or of another ledger makes no wrong step:
//!
//! - **The conversation** is the one with this id at this revision, and was saved at that very time. A
//!   revision is written once; where a ledger was restored from a backup, the same revision that is
//!   written again comes from a later callback, whose time is another.
//! - **The session** is at this version. Each write of a session makes a new one, but for
//!   [`crate::store::Store::shown`], which only ever lets more through: not knowing of it gives the page
//!   once more. Sessions that show their screens that way are not remembered.
//! - **It is the current one** of its number: the pointer is compared at every such step.
//! - **The session owns the USSD side**: the owner is compared at every such step.
//! - **Nobody waits elsewhere** for an answer from outside: who does has saved a revision of their own,
//!   which is never remembered.
//! - **What is known of the number** is not remembered, and not needed by a step within a conversation,
//!   but for STOP, which the next contact ends: a text with STOP is a step of the current conversation
//!   or begins one that is, so that the revision or the pointer tells.
//! - **The callback is a new one**: its inbox row is inserted, and where there is one with its key, the
//!   step is stale.
//!
//! A stale step leaves nothing behind, and the turn begins again from the ledger. What has no step
//! (repeats, late callbacks, those of another session) is never answered from here.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::callback::ServiceName;
use crate::clock::Moment;
use crate::conversation::{Conversation, FORMAT};
use crate::store::seal::Place;
use crate::store::{Mark, SessionKey, SessionMark};

/// How long an entry is good: as long as a conversation resumes.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How long a key press waits for an entry.
const RECALL: Duration = Duration::from_millis(40);
/// Bytes of an entry beyond which it is not remembered.
const ENTRY_MAX: usize = 64 * 1024;
/// The version stands in front of the sealed entry, in so many hexadecimal digits.
const VERSION_LEN: usize = 16;

/// Writes an entry, unless a newer one is there.
const PUT: &str = "local old = redis.call('GETRANGE', KEYS[1], 0, 15)
if #old == 16 and old >= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1";

/// A conversation as it stood after its last step.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// The conversation.
    pub conversation: Conversation,
    /// The session, as the ledger has it.
    pub session: SessionMark,
    /// When that step was saved.
    pub saved_at: Moment,
}

/// The same as it is sealed.
#[derive(Serialize, Deserialize)]
struct Entry {
    saved_at: i64,
    conversation: Conversation,
    opened_at: i64,
    seen_at: i64,
    path_len: usize,
    path_mark: Mark,
    shown_revision: u64,
    version: u64,
}

impl Cache {
    /// What is remembered of the conversation of this session.
    pub async fn recall(
        &self,
        service: &ServiceName,
        session: &SessionKey,
        now: Moment,
    ) -> Option<Recalled> {
        let key = self.entry_key(service, session);
        let got: Result<Option<Vec<u8>>, _> =
            self.server.ask(redis::cmd("GET").arg(&key), RECALL).await;
        let fits = |recalled: &Recalled| {
            let conversation = &recalled.conversation;
            now.since(recalled.saved_at) <= LIFE
                && conversation.subscriber == session.subscriber
                && conversation.service == *service
        };
        let (outcome, recalled) = match got {
            Ok(Some(entry)) => match self.open(&key, &entry).filter(fits) {
                Some(recalled) => ("hit", Some(recalled)),
                None => ("unfit", None),
            },
            Ok(None) => ("miss", None),
            Err(missed) => (missed.name(), None),
        };
        metrics::counter!("jisr_cache_recalls_total", "outcome" => outcome).increment(1);
        recalled
    }

    /// Remembers a conversation after a step that the ledger has. Nobody waits for it.
    pub fn remember(self: &Arc<Self>, service: &ServiceName, session: &SessionKey, of: &Recalled) {
        let key = self.entry_key(service, session);
        let Some(sealed) = self.sealed(&key, of).filter(|one| one.len() <= ENTRY_MAX) else {
            return;
        };
        let mut put = redis::cmd("EVAL");
        put.arg(PUT)
            .arg(1)
            .arg(&key)
            .arg(format!("{:016x}", of.session.version))
            .arg(sealed)
            .arg(LIFE.as_millis().to_string());
        self.write(put);
    }

    /// Forgets it: what is remembered is known to be over.
    pub fn forget(self: &Arc<Self>, service: &ServiceName, session: &SessionKey) {
        let mut del = redis::cmd("DEL");
        del.arg(self.entry_key(service, session));
        self.write(del);
    }

    fn entry_key(&self, service: &ServiceName, session: &SessionKey) -> String {
        let mark = self.keys.mark(
            "cache-session",
            &[
                service.0.as_bytes(),
                session.link.0.as_bytes(),
                session.subscriber.as_str().as_bytes(),
                session.id.as_bytes(),
            ],
        );
        let mut key = self.prefix.clone();
        key.push_str("c:");
        for byte in mark {
            use std::fmt::Write as _;
            // Writing to a string cannot fail.
            let _ok = write!(key, "{byte:02x}");
        }
        key
    }

    fn sealed(&self, key: &str, of: &Recalled) -> Option<Vec<u8>> {
        let session = &of.session;
        let entry = Entry {
            saved_at: of.saved_at.ms(),
            conversation: of.conversation.clone(),
            opened_at: session.opened_at.ms(),
            seen_at: session.seen_at.ms(),
            path_len: session.path_len,
            path_mark: session.path_mark,
            shown_revision: session.shown_revision,
            version: session.version,
        };
        let plain = zeroize::Zeroizing::new(rmp_serde::to_vec_named(&entry).ok()?);
        self.keys.seal(place(key), &plain, &*self.chance).ok()
    }

    /// What cannot be opened, or is of another layout, is as if it were not there.
    fn open(&self, key: &str, entry: &[u8]) -> Option<Recalled> {
        let sealed = entry.get(VERSION_LEN..)?;
        let plain = self.keys.open(place(key), sealed).ok()?;
        let entry: Entry = rmp_serde::from_slice(&plain).ok()?;
        (entry.conversation.format == FORMAT).then(|| Recalled {
            conversation: entry.conversation,
            session: SessionMark {
                opened_at: Moment::from_ms(entry.opened_at),
                seen_at: Moment::from_ms(entry.seen_at),
                path_len: entry.path_len,
                path_mark: entry.path_mark,
                shown_revision: entry.shown_revision,
                shown: true,
                ended: false,
                version: entry.version,
            },
            saved_at: Moment::from_ms(entry.saved_at),
        })
    }
}

fn place(key: &str) -> Place<'_> {
    Place {
        table: "cache",
        column: "conversation",
        row: key.as_bytes(),
    }
}
