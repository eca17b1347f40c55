//! A message's standing with no database behind it, for the model of the ledger: the rules are the
//! same, only reading and writing are not.

use std::collections::BTreeMap;

use super::{Changing, MessageState, Revocation, Standing, Word, is_final};
use crate::clock::Moment;
use crate::conversation::ConversationId;
use crate::store::sql::Inner;
use crate::store::sql::engine::Fault;
use crate::store::{MessageId, MessageKind, PartOutcome, ReceiptState};

impl Standing {
    /// One that has just been queued.
    pub(in crate::store::sql) fn fresh(
        id: MessageId,
        conversation: ConversationId,
        kind: MessageKind,
        link: &str,
        at: Moment,
    ) -> Self {
        let now = Changing {
            state: MessageState::Queued,
            parts: 0,
            attempts: 0,
            counted: false,
            unknowns: 0,
            next_at: at.ms(),
            is_dead: false,
            reason: None,
        };
        Self {
            id: id.0,
            conversation: conversation.0.to_vec(),
            kind,
            link: link.to_owned(),
            has_body: true,
            created_at: at.ms(),
            claims: 0,
            read: now.clone(),
            now,
            parts: BTreeMap::new(),
            parts_read: BTreeMap::new(),
            moved_at: Some(at),
            revocation: None,
        }
    }

    /// As if it were read anew.
    pub(in crate::store::sql) fn read_again(&mut self, has_body: bool) {
        self.has_body = has_body;
        self.read = self.now.clone();
        self.parts_read = self.parts.clone();
        (self.moved_at, self.revocation) = (None, None);
    }

    /// Whether it has come to its end.
    pub(in crate::store::sql) fn is_final(&self) -> bool {
        is_final(self.now.state)
    }

    /// When it is looked at next.
    pub(in crate::store::sql) fn next_at(&self) -> Moment {
        Moment::from_ms(self.now.next_at)
    }

    /// When it was queued first.
    pub(in crate::store::sql) fn created_at(&self) -> Moment {
        Moment::from_ms(self.created_at)
    }

    /// How often it was not known what became of it or of a part.
    pub(in crate::store::sql) fn unknowns(&self) -> i64 {
        let of_parts = self.parts.values().map(|part| part.unknowns).sum::<i64>();
        self.now.unknowns.max(of_parts)
    }

    /// When it moved last, since it was read.
    pub(in crate::store::sql) fn moved_at(&self) -> Option<Moment> {
        self.moved_at
    }

    /// How often it was claimed.
    pub(in crate::store::sql) fn claims(&self) -> u32 {
        u32::try_from(self.claims).unwrap_or_default()
    }

    /// Attempts, and parts as far as they are known.
    pub(in crate::store::sql) fn counts(&self) -> (u32, u8) {
        let small = |count: i64| u32::try_from(count).unwrap_or_default();
        let parts = u8::try_from(self.now.parts).unwrap_or_default();
        (small(self.now.attempts), parts)
    }

    /// What is to become of the revocation of its password: whether it falls due.
    pub(in crate::store::sql) fn revocation(&self) -> Option<bool> {
        self.revocation.map(|what| match what {
            Revocation::Due => true,
            Revocation::Over => false,
        })
    }

    /// It is claimed; tells which parts are to go.
    pub(in crate::store::sql) fn claimed(&mut self, now: Moment) -> Vec<u8> {
        (self.now.state, self.now.counted) = (MessageState::Sending, false);
        self.claims += 1;
        self.moved_at = Some(now);
        let mut going = Vec::new();
        for (at, part) in &mut self.parts {
            if part.state == MessageState::Queued {
                part.state = MessageState::Sending;
                going.push(*at);
            }
        }
        going
    }

    /// All of it goes again, on request.
    pub(in crate::store::sql) fn goes_again(&mut self, now: Moment) {
        self.set_state(MessageState::Queued, now);
        self.now.next_at = now.ms();
        for part in self.parts.values_mut() {
            part.state = MessageState::Queued;
        }
    }

    /// It stands there, whatever the rules of words and receipts say.
    pub(in crate::store::sql) fn set_state(&mut self, state: MessageState, now: Moment) {
        (self.now.state, self.moved_at) = (state, Some(now));
    }

    /// A link's word on a part; `early` gives what came early under the operator's id. Tells that id
    /// where the part was taken.
    pub(in crate::store::sql) fn told(
        &mut self,
        inner: &Inner,
        claim: Option<u32>,
        (part, parts): (u8, u8),
        outcome: &PartOutcome,
        at: Moment,
        early: impl FnOnce(&str) -> Vec<ReceiptState>,
    ) -> Result<Option<String>, Fault> {
        let word = Word {
            id: self.id,
            claim,
            part: (part, parts),
            outcome: outcome.clone(),
            at,
        };
        let Some(operators_id) = self.word(inner, &word)? else {
            return Ok(None);
        };
        for state in early(operators_id) {
            self.receipt(part, state);
        }
        self.count_attempt();
        self.follow_parts(at, None);
        Ok(Some(operators_id.to_owned()))
    }
}
