//! Turns in the model: conversations, callbacks with their replies, sessions, what is known of numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ledger, Step};
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::clock::Moment;
use crate::conversation::{Conversation, ConversationId};
use crate::plant::{Plant, planted};
use crate::store::sql::Inner;
use crate::store::{
    Arrival, Mark, MessageKind, Met, Reply, Save, Saved, Seen, SessionKey, SessionMark, Subscriber,
    SubscriberChange,
};

/// Whose: a service and a number.
pub(super) type Whose = (ServiceName, Msisdn);
type SessionId = (LinkName, Msisdn, String);

struct Talk {
    conversation: Conversation,
    updated_at: Moment,
    asking: i64,
}

struct Came {
    from: Msisdn,
    conversation: Option<ConversationId>,
    at: Moment,
    reply: Option<Reply>,
    same: Option<Mark>,
    revision: u64,
}

/// What turns leave.
#[derive(Default)]
pub(super) struct Turns {
    talks: BTreeMap<ConversationId, Talk>,
    current: BTreeMap<Whose, ConversationId>,
    steps: BTreeSet<(ConversationId, Mark)>,
    inbox: BTreeMap<Mark, Came>,
    sessions: BTreeMap<SessionId, SessionMark>,
    owners: BTreeMap<Whose, (LinkName, String, Moment)>,
    known: BTreeMap<Whose, Subscriber>,
    diallers: BTreeMap<(LinkName, String), (Msisdn, Moment)>,
}

fn id_of(key: &SessionKey) -> SessionId {
    (key.link.clone(), key.subscriber.clone(), key.id.clone())
}

impl Turns {
    /// A conversation.
    pub(super) fn conversation(&self, id: ConversationId) -> Option<Conversation> {
        self.talks.get(&id).map(|talk| talk.conversation.clone())
    }

    /// Every conversation that there is.
    pub(super) fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.talks.values().map(|talk| &talk.conversation)
    }

    /// What answered one that is the same, above a revision.
    pub(super) fn same(&self, same: &Mark, above: u64) -> Option<Reply> {
        let alike = self.inbox.values().filter(|came| {
            came.same.as_ref() == Some(same) && came.revision > above && came.reply.is_some()
        });
        let first = alike.min_by_key(|came| came.revision)?;
        first.reply.clone()
    }

    /// What became of a callback.
    pub(super) fn seen(&self, key: &Mark) -> Seen {
        match self.inbox.get(key) {
            None => Seen::Never,
            Some(Came { reply: None, .. }) => Seen::Open,
            Some(Came {
                reply: Some(reply), ..
            }) => Seen::Answered(reply.clone()),
        }
    }

    /// Whether a callback of a number was answered with these words.
    pub(super) fn has_reply(&self, from: &Msisdn, reply: &Reply) -> bool {
        let mut of_number = self.inbox.values().filter(|came| came.from == *from);
        of_number.any(|came| came.reply.as_ref() == Some(reply))
    }

    /// Whether a step was saved.
    pub(super) fn has(&self, conversation: ConversationId, turn: &Mark) -> bool {
        self.steps.contains(&(conversation, *turn))
    }

    /// A dial.
    pub(super) fn dialled(&mut self, session: &SessionKey, at: Moment) {
        let of = (session.link.clone(), session.id.clone());
        self.diallers.insert(of, (session.subscriber.clone(), at));
    }

    /// Who dialled, and the session.
    pub(super) fn dialler(&self, link: &LinkName, id: &str) -> Option<(Msisdn, SessionMark)> {
        let (who, _) = self.diallers.get(&(link.clone(), id.to_owned()))?;
        let session = (link.clone(), who.clone(), id.to_owned());
        let mark = self.sessions.get(&session)?;
        Some((who.clone(), mark.clone()))
    }

    /// A screen is on the phone.
    pub(super) fn shown(&mut self, session: &SessionKey, at: Moment) {
        if let Some(mark) = self.sessions.get_mut(&id_of(session))
            && mark.seen_at <= at
        {
            mark.shown = true;
        }
    }

    fn moved(&self, session: Option<(&SessionKey, &SessionMark)>) -> bool {
        session.is_some_and(|(key, mark)| {
            let version = self.sessions.get(&id_of(key)).map_or(0, |one| one.version);
            version != mark.version
        })
    }

    fn put_session(&mut self, session: Option<(&SessionKey, &SessionMark)>) {
        if let Some((key, mark)) = session {
            let next = SessionMark {
                version: mark.version + 1,
                ..mark.clone()
            };
            self.sessions.insert(id_of(key), next);
        }
    }

    fn own(&mut self, service: &ServiceName, session: &SessionKey, at: Moment) {
        self.owners.insert(
            (service.clone(), session.subscriber.clone()),
            (session.link.clone(), session.id.clone(), at),
        );
    }

    /// Stores a reply without a step.
    pub(super) fn note(
        &mut self,
        arrival: &Arrival,
        session: Option<(&SessionKey, &SessionMark)>,
        owns: Option<&ServiceName>,
    ) -> Saved {
        if self.moved(session) {
            return Saved::Stale;
        }
        let came = self.inbox.entry(arrival.key).or_insert_with(|| Came {
            from: arrival.subscriber.clone(),
            conversation: None,
            at: arrival.at,
            reply: None,
            same: None,
            revision: 0,
        });
        if came.reply.is_none() {
            came.reply.clone_from(&arrival.reply);
        }
        self.put_session(session);
        if let (Some((key, _)), Some(service)) = (session, owns) {
            self.own(service, key, arrival.at);
        }
        Saved::Done
    }

    /// Forgets what is past its time, and gives the conversations that are to be erased.
    pub(super) fn tidy(&mut self, before: Moment, talks_before: Moment) -> Vec<ConversationId> {
        self.inbox.retain(|_, came| came.at > before);
        self.sessions.retain(|_, mark| mark.seen_at > before);
        self.owners.retain(|_, (_, _, since)| *since > before);
        self.diallers.retain(|_, (_, at)| *at > before);
        let old = self
            .talks
            .iter()
            .filter(|(_, talk)| talk.updated_at <= talks_before);
        old.map(|(id, _)| *id).collect()
    }

    /// Removes a conversation.
    pub(super) fn erase(&mut self, id: ConversationId) {
        self.steps.retain(|(of, _)| *of != id);
        self.current.retain(|_, of| *of != id);
        self.talks.remove(&id);
    }
}

impl Turns {
    /// Whether all that a recalled step was decided on is so.
    fn is_as_recalled(&self, save: &Save<'_>, whose: &Whose) -> bool {
        let Some(saved_at) = save.recalled else {
            return true;
        };
        let id = save.conversation.id;
        let stands = self.talks.get(&id);
        let owns = save.session.is_some_and(|(key, _)| {
            let owner = self.owners.get(whose);
            owner.is_none_or(|(link, id, _)| (link, id) == (&key.link, &key.id))
        });
        let is_new = save
            .arrival
            .is_none_or(|arrival| !self.inbox.contains_key(&arrival.key));
        stands.is_some_and(|talk| talk.updated_at == saved_at)
            && self.current.get(whose) == Some(&id)
            && owns
            && is_new
    }
}

impl Ledger {
    /// What a callback meets.
    pub(super) fn meet(
        &self,
        me: i64,
        service: &ServiceName,
        subscriber: &Msisdn,
        session: Option<&SessionKey>,
    ) -> Met {
        let whose = (service.clone(), subscriber.clone());
        let turns = &self.turns;
        let talk = turns.current.get(&whose);
        let talk = talk.and_then(|id| turns.talks.get(id));
        Met {
            subscriber: turns.known.get(&whose).cloned().unwrap_or_default(),
            conversation: talk.map(|talk| talk.conversation.clone()),
            current: turns.current.get(&whose).copied(),
            session: session.and_then(|key| turns.sessions.get(&id_of(key)).cloned()),
            owner: turns
                .owners
                .get(&whose)
                .map(|(link, id, _)| (link.clone(), id.clone())),
            elsewhere: talk.is_some_and(|talk| talk.asking != me && self.nodes.lives(talk.asking)),
        }
    }

    /// Ends a step, or leaves no trace.
    pub(super) fn save(&mut self, inner: &Inner, save: &Save<'_>) -> Saved {
        let (id, revision) = (save.conversation.id, save.conversation.revision);
        let turns = &mut self.turns;
        let stands = turns
            .talks
            .get(&id)
            .map_or(0, |talk| talk.conversation.revision);
        let in_step = stands + 1 == revision || planted(Plant::NoCompareAndSet);
        let is_new = !turns.steps.contains(&(id, save.turn)) || planted(Plant::NoCompareAndSet);
        let whose = (
            save.conversation.service.clone(),
            save.conversation.subscriber.clone(),
        );
        let in_time = revision > 1 || turns.current.get(&whose) == save.after.as_ref();
        if !turns.is_as_recalled(save, &whose) {
            return Saved::Stale;
        }
        if !in_step || !in_time || turns.moved(save.session) || !is_new {
            return Saved::Stale;
        }
        let begins = save
            .arrival
            .is_some_and(|arrival| !turns.inbox.contains_key(&arrival.key));
        let session = save.session.filter(|_| !save.owns);
        let of_foreign_session = session.is_some_and(|(key, _)| {
            let owner = turns.owners.get(&whose);
            owner.is_some_and(|(link, id, _)| (link, id) != (&key.link, &key.id))
        });
        let of_unseen_page = begins
            && stands > 0
            && session.is_some_and(|(key, _)| {
                let known = turns.sessions.get(&id_of(key));
                known.is_some_and(|mark| mark.shown_revision != stands)
            });
        if let Some(arrival) = save.arrival {
            let came = turns.inbox.entry(arrival.key).or_insert_with(|| Came {
                from: arrival.subscriber.clone(),
                conversation: Some(id),
                at: arrival.at,
                reply: None,
                same: arrival.same,
                revision,
            });
            if came.reply.is_some() || came.conversation != Some(id) {
                return Saved::Stale;
            }
            (came.reply, came.revision) = (arrival.reply.clone(), revision);
        }
        turns.steps.insert((id, save.turn));
        turns.talks.insert(
            id,
            Talk {
                conversation: save.conversation.clone(),
                updated_at: save.at,
                asking: if save.asks { inner.node } else { 0 },
            },
        );
        if revision <= 1 {
            turns.current.insert(whose.clone(), id);
        } else {
            turns.current.entry(whose.clone()).or_insert(id);
        }
        turns.put_session(save.session);
        if let Some((key, _)) = save.session
            && save.owns
        {
            turns.own(&whose.0, key, save.at);
        }
        if let Some(sms) = save.sms_done {
            self.texts.done(sms);
        }
        for change in save.subscriber {
            self.change(&whose, change, save.at);
        }
        for message in save.messages {
            self.messages.insert(inner, message, save.at);
        }
        if let Some(intent) = save.intent {
            self.effects.intend(intent);
        }
        if let Some((key, state)) = save.result {
            self.effects.result(&key, state);
        }
        if revision > 1 {
            for kind in save.not_due {
                self.due.remove(id, *kind);
            }
        }
        for due in save.due {
            self.due.put(due);
        }
        let replies = save
            .messages
            .iter()
            .any(|message| message.kind == MessageKind::Reply);
        self.steps.push(Step {
            conversation: id,
            revisions: (stands, revision),
            turn: save.turn,
            sms: save.sms_done,
            replies,
            begins,
            of_buried_node: !self.nodes.lives(inner.node),
            of_foreign_session,
            of_unseen_page,
            intends: save.intent.map(|intent| intent.key),
        });
        Saved::Done
    }

    fn change(&mut self, whose: &Whose, change: &SubscriberChange, at: Moment) {
        if *change == SubscriberChange::Stopped(true) {
            self.messages.cancel_notices(whose, at);
        }
        let known = self.turns.known.entry(whose.clone()).or_default();
        match change {
            SubscriberChange::Language(language) => known.language = Some(language.clone()),
            SubscriberChange::Consent(version) => known.consent = *version,
            SubscriberChange::Stopped(stopped) => known.stopped = *stopped,
            SubscriberChange::Hinted(day) => known.hinted_on = Some(*day),
        }
    }
}
