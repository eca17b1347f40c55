//! Texts in the model: repeats told, parts put together, whole ones in line.

use std::collections::BTreeMap;

use super::Ledger;
use super::nodes::Nodes;
use crate::callback::{LinkName, Msisdn};
use crate::clock::Moment;
use crate::screen::halves;
use crate::store::sql::Inner;
use crate::store::sql::sms::{PARTS_WAIT, REPEAT, UNANSWERED};
use crate::store::{Accepted, Delivery, Mark, NewSms, Noted, Sms, SmsId};

/// Unfinished messages of a link.
const OPEN_SETS_MAX: usize = 1000;

type MessageKey = (LinkName, Msisdn, String, Option<(u16, u8, u8)>);
type Set = (LinkName, Msisdn, String, u16, u8);

struct Known {
    key: Option<MessageKey>,
    link: LinkName,
    fingerprint: Mark,
    node: i64,
    bind: u64,
    at: Moment,
    again_at: Option<Moment>,
}

struct Waiting {
    sms: Sms,
    node: i64,
    waits: bool,
}

#[derive(Default)]
struct Parts {
    texts: BTreeMap<u8, (String, Moment)>,
    /// The texts of the last message that came whole, and when.
    whole: Option<(Vec<String>, Moment)>,
}

/// What is known of texts.
#[derive(Default)]
pub(super) struct Texts {
    known: BTreeMap<i64, Known>,
    waiting: BTreeMap<SmsId, Waiting>,
    parts: BTreeMap<Set, Parts>,
    closed: BTreeMap<(LinkName, i64, u64), Moment>,
    /// Every text that was joined from parts: of whom, under which reference.
    joined: Vec<(Msisdn, u16)>,
}

impl Texts {
    fn may_come_again(&self, nodes: &Nodes, known: &Known) -> bool {
        let last = known.again_at.unwrap_or(known.at);
        let bind = (known.link.clone(), known.node, known.bind);
        match self.closed.get(&bind) {
            Some(unread_from) => last >= *unread_from,
            None => nodes
                .over_since(known.node)
                .is_some_and(|seen_at| last >= seen_at.minus(UNANSWERED)),
        }
    }

    /// Those that an equal one may repeat, oldest first.
    fn equal(
        &self,
        nodes: &Nodes,
        me: i64,
        (link, fingerprint, bind): (&LinkName, &Mark, u64),
        at: Moment,
    ) -> impl DoubleEndedIterator<Item = i64> {
        let of = |known: &Known| {
            known.key.is_none()
                && known.link == *link
                && known.fingerprint == *fingerprint
                && known.at >= at.minus(REPEAT)
                && !(known.node == me && known.bind == bind)
                && self.may_come_again(nodes, known)
        };
        let found: Vec<i64> = self
            .known
            .iter()
            .filter(|(_, known)| of(known))
            .map(|(id, _)| *id)
            .collect();
        found.into_iter()
    }

    fn moves(&mut self, id: i64, me: i64, bind: u64, at: Moment) -> Option<Moment> {
        let known = self.known.get_mut(&id)?;
        (known.node, known.bind, known.again_at) = (me, bind, Some(at));
        Some(known.at)
    }

    /// Whether one under this id was taken in.
    pub(super) fn has(&self, link: &LinkName, from: &Msisdn, id: &str) -> bool {
        let keys = self.known.values().filter_map(|known| known.key.as_ref());
        let mut of = keys.filter(|key| key.0 == *link && key.1 == *from);
        of.any(|key| key.2 == id)
    }

    /// How often the parts under a reference were joined.
    pub(super) fn times_joined(&self, from: &Msisdn, reference: u16) -> usize {
        let of = |one: &&(Msisdn, u16)| one.0 == *from && one.1 == reference;
        self.joined.iter().filter(of).count()
    }

    /// A bind has closed.
    pub(super) fn close(&mut self, link: &LinkName, me: i64, bind: u64, unread_from: Moment) {
        let bind = (link.clone(), me, bind);
        self.closed.entry(bind).or_insert(unread_from);
    }

    /// The texts of a node that wait.
    pub(super) fn waiting(&self, me: i64, after: SmsId, limit: u32) -> Vec<Sms> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.waiting
            .range(SmsId(after.0.saturating_add(1))..)
            .filter(|(_, one)| one.waits && one.node == me)
            .map(|(_, one)| one.sms.clone())
            .take(limit)
            .collect()
    }

    /// All that wait, whichever node has them.
    pub(super) fn count_waiting(&self) -> usize {
        self.waiting.values().filter(|one| one.waits).count()
    }

    /// All that were taken in whole.
    pub(super) fn taken(&self) -> Vec<SmsId> {
        self.waiting.keys().copied().collect()
    }

    /// A turn has ended.
    pub(super) fn done(&mut self, id: SmsId) {
        if let Some(one) = self.waiting.get_mut(&id) {
            one.waits = false;
            one.sms.text.clear();
        }
    }

    /// The texts of a node go to another.
    pub(super) fn inherit(&mut self, heir: i64, node: i64) {
        let its_own = |one: &&mut Waiting| one.waits && one.node == node;
        for one in self.waiting.values_mut().filter(its_own) {
            one.node = heir;
        }
    }

    /// When a node took its last text in.
    pub(super) fn last_of(&self, node: i64) -> Option<Moment> {
        let of_node = self.known.values().filter(|known| known.node == node);
        of_node.map(|known| known.at).max()
    }

    /// Forgets what is past its time.
    pub(super) fn tidy(&mut self, now: Moment, before: Moment) {
        self.parts.retain(|_, parts| {
            parts.texts.retain(|_, (_, at)| *at > now.minus(PARTS_WAIT));
            let whole = parts.whole.take();
            parts.whole = whole.filter(|(_, at)| *at > now.minus(UNANSWERED));
            !parts.texts.is_empty() || parts.whole.is_some()
        });
        self.known.retain(|_, known| known.at > before);
        self.waiting
            .retain(|_, one| one.waits || one.sms.at > before);
        let known = &self.known;
        self.closed.retain(|(link, node, bind), _| {
            let of_it = |one: &Known| one.link == *link && one.node == *node && one.bind == *bind;
            known.values().any(of_it)
        });
    }

    /// Puts a part to the others; the last one gives the whole text.
    fn gather(&mut self, sms: &NewSms, (reference, of, part): (u16, u8, u8)) -> Gathered {
        let set = (
            sms.link.clone(),
            sms.subscriber.clone(),
            sms.to.clone(),
            reference,
            of,
        );
        let parts = self.parts.entry(set.clone()).or_default();
        let is_old = |at: Moment| at <= sms.at.minus(PARTS_WAIT);
        if parts.texts.values().any(|(_, at)| is_old(*at)) {
            parts.texts.retain(|_, (_, at)| !is_old(*at));
        }
        let place = usize::from(part) - 1;
        if let Some((texts, at)) = &parts.whole
            && *at >= sms.at.minus(UNANSWERED)
        {
            if texts.get(place) == Some(&sms.text) {
                return Gathered::Twice;
            }
            parts.whole = None;
        }
        match parts.texts.get(&part) {
            Some((there, _)) if *there == sms.text => return Gathered::Twice,
            Some(_) => parts.texts.clear(),
            None => {}
        }
        parts.texts.insert(part, (sms.text.clone(), sms.at));
        if parts.texts.len() == usize::from(of) {
            let texts = std::mem::take(&mut parts.texts);
            let all: Vec<String> = texts.into_values().map(|(text, _)| text).collect();
            let whole = halves::join(&all);
            parts.whole = Some((all, sms.at));
            self.joined.push((sms.subscriber.clone(), reference));
            return Gathered::Whole(whole);
        }
        let open = |parts: &Parts| !parts.texts.is_empty();
        let of_link = self.parts.iter().filter(|(set, _)| set.0 == sms.link);
        if of_link.filter(|(_, parts)| open(parts)).count() > OPEN_SETS_MAX {
            let oldest = self
                .parts
                .iter()
                .filter(|(other, parts)| other.0 == sms.link && **other != set && open(parts))
                .min_by_key(|(_, parts)| parts.texts.values().map(|(_, at)| *at).min())
                .map(|(set, _)| set.clone());
            if let Some(oldest) = oldest {
                self.parts.remove(&oldest);
            }
        }
        Gathered::Waits
    }
}

enum Gathered {
    Whole(String),
    Waits,
    Twice,
}

impl Ledger {
    /// Takes in a text or a part of one.
    pub(super) fn accept(&mut self, inner: &Inner, sms: &NewSms) -> Accepted {
        let id = SmsId(inner.next_id(sms.at));
        let texts = &mut self.texts;
        let key = sms.message_id.as_ref().map(|id| {
            let (link, from) = (sms.link.clone(), sms.subscriber.clone());
            (link, from, id.clone(), sms.part)
        });
        let repeated = match &key {
            Some(_) => texts.known.values().any(|known| known.key == key),
            None => {
                let like = (&sms.link, &sms.fingerprint, sms.bind);
                let first = texts.equal(&self.nodes, inner.node, like, sms.at).next();
                first.is_some_and(|id| texts.moves(id, inner.node, sms.bind, sms.at).is_some())
            }
        };
        if repeated {
            return Accepted::Repeat;
        }
        texts.known.insert(
            inner.next_id(sms.at),
            Known {
                key,
                link: sms.link.clone(),
                fingerprint: sms.fingerprint,
                node: inner.node,
                bind: sms.bind,
                at: sms.at,
                again_at: None,
            },
        );
        let part = sms
            .part
            .filter(|(_, of, part)| *of > 1 && (1..=*of).contains(part));
        let text = match part.map(|part| texts.gather(sms, part)) {
            Some(Gathered::Whole(text)) => text,
            Some(Gathered::Waits) => return Accepted::Part,
            Some(Gathered::Twice) => return Accepted::Repeat,
            None => sms.text.clone(),
        };
        let elsewhere = texts.waiting.values().find(|one| {
            one.waits
                && one.node != inner.node
                && one.sms.subscriber == sms.subscriber
                && self.nodes.lives(one.node)
        });
        let node = elsewhere.map_or(inner.node, |one| one.node);
        let sms = Sms {
            id,
            link: sms.link.clone(),
            service: sms.service.clone(),
            subscriber: sms.subscriber.clone(),
            text,
            at: sms.at,
        };
        let waits = true;
        texts.waiting.insert(id, Waiting { sms, node, waits });
        match node == inner.node {
            true => Accepted::Stored(id),
            false => Accepted::Elsewhere(id),
        }
    }

    /// Takes note of a delivery.
    pub(super) fn delivery(&mut self, inner: &Inner, delivery: &Delivery) -> Noted {
        let like = (&delivery.link, &delivery.fingerprint, delivery.bind);
        let texts = &mut self.texts;
        let last = texts
            .equal(&self.nodes, inner.node, like, delivery.at)
            .next_back();
        if let Some(number) = last {
            let repeats = texts.moves(number, inner.node, delivery.bind, delivery.at);
            return Noted { number, repeats };
        }
        let number = inner.next_id(delivery.at);
        texts.known.insert(
            number,
            Known {
                key: None,
                link: delivery.link.clone(),
                fingerprint: delivery.fingerprint,
                node: inner.node,
                bind: delivery.bind,
                at: delivery.at,
                again_at: None,
            },
        );
        Noted {
            number,
            repeats: None,
        }
    }
}
