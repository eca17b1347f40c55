//! What a USSD callback means: a dial, a key press, a repeat, or something late.

use crate::book::{Book, LinkRules};
use crate::callback::{Callback, Channel, Input, Repeat};
use crate::clock::Moment;
use crate::desk::Registry;
use crate::engine::{self, Event, View};
use crate::gateway::answer::Kept;
use crate::gateway::calls::Performed;
use crate::gateway::{DEADLINE_MARGIN, Gateway, RACES_PER_TURN_MAX, Turn, TurnError, UssdCall};
use crate::input::path;
use crate::store::{
    Arrival, Delivery, Mark, Met, Noted, Reply, Saved, Seen, SessionKey, SessionMark, Store,
    SubscriberChange,
};

/// What a callback meets.
enum Meeting {
    /// The conversation, to be moved.
    Met(Box<Met>),
    /// One that is the same, answered while this one waited.
    Same(Reply),
}

/// What is to be done with a callback.
enum Verdict {
    /// It moves the conversation.
    Step {
        event: Event,
        key: Mark,
        mark: SessionMark,
        new_session: bool,
    },
    /// It came before: its reply again.
    Repeat { key: Mark, mark: SessionMark },
    /// It is late, or another channel has moved on: the page, without a step.
    Page { key: Mark, mark: SessionMark },
    /// Its session is not the newest, or is over.
    Over { key: Mark, mark: SessionMark },
    /// The subscriber or the network has closed the session.
    Closed { mark: Option<SessionMark> },
}

impl<S: Store, R: Registry> Gateway<S, R> {
    /// Answers one USSD callback. The reply is durable when this returns.
    ///
    /// # Errors
    /// [`TurnError`]; the door then sends a valid END.
    pub async fn ussd(&self, callback: &Callback) -> Result<Reply, TurnError> {
        self.ussd_kept(callback, &Kept::default()).await
    }

    /// [`Gateway::ussd`], which tells when the callback is durable: at the first save of its turn,
    /// before anybody outside is asked.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn ussd_kept(
        &self,
        callback: &Callback,
        kept: &Kept,
    ) -> Result<Reply, TurnError> {
        let book = self.book();
        let link = book.links.get(&callback.link).copied().unwrap_or_default();
        let inflight = self.inflight.begin(self.unanswered_key(callback));
        let _held = self
            .held
            .take(&callback.service, &callback.subscriber)
            .await;
        if let Some(reply) = inflight.answered() {
            kept.tell();
            return Ok(reply);
        }
        let numbered = self.numbered(callback).await?;
        let mut before = None;
        for _ in 0..RACES_PER_TURN_MAX {
            let once = self.ussd_once(&book, link, (callback, &numbered), kept, &mut before);
            if let Some(reply) = once.await? {
                inflight.answer(&reply);
                return Ok(reply);
            }
        }
        Err(TurnError::Raced)
    }

    /// Which delivery it is, or repeats, where only its octets tell.
    async fn numbered(&self, callback: &Callback) -> Result<Option<Noted>, TurnError> {
        let Repeat::Octets { fingerprint, bind } = callback.repeat else {
            return Ok(None);
        };
        let delivery = Delivery {
            link: callback.link.clone(),
            fingerprint,
            bind,
            at: callback.at,
        };
        Ok(Some(self.store.delivery(delivery).await?))
    }

    async fn ussd_once(
        &self,
        book: &Book,
        link: LinkRules,
        (callback, numbered): (&Callback, &Option<Noted>),
        kept: &Kept,
        before: &mut Option<u64>,
    ) -> Result<Option<Reply>, TurnError> {
        let service = self.service(book, &callback.service)?;
        let session = SessionKey {
            link: callback.link.clone(),
            subscriber: callback.subscriber.clone(),
            id: callback.session.clone().unwrap_or_default(),
        };
        let until = callback
            .at
            .plus(link.deadline.saturating_sub(DEADLINE_MARGIN));
        let met = self.meet_after(callback, &session, until, before).await?;
        let met = match met {
            Meeting::Met(met) => *met,
            Meeting::Same(reply) => {
                kept.tell();
                return Ok(Some(reply));
            }
        };
        let told = numbered.map(|noted| told(callback, noted, met.session.as_ref()));
        let callback = told.as_ref().unwrap_or(callback);
        let mut turn = Turn {
            key: [0; 32],
            service,
            subscriber: &callback.subscriber,
            channel: Channel::Ussd,
            at: callback.at,
            limit: link.limit,
            until,
            session_life: link.session,
            shows: !link.posted,
            arrival: None,
            session: None,
            owns: false,
            after: met.current,
            sms: None,
            kept: Some(kept),
            changes: Vec::new(),
            outcome: None,
        };
        if met.subscriber.stopped {
            turn.changes.push(SubscriberChange::Stopped(false));
        }
        // Where ids recur, a dial after something else in the session begins another one, whose
        // callbacks may be numbered from the start again.
        let begins = |mark: &SessionMark| {
            let moved = mark.ended || mark.seen_at != mark.opened_at;
            link.ids_recur && matches!(callback.input, Input::Dial(_)) && moved
        };
        let same = met.session.as_ref().filter(|mark| !begins(mark));
        if let (Repeat::Key(_) | Repeat::Number(_), Some(mark)) = (&callback.repeat, same) {
            let key = self.callback_key(callback, mark.opened_at.ms(), "");
            match self.store.seen(&key).await? {
                Seen::Answered(reply) => {
                    kept.tell();
                    return Ok(Some(reply));
                }
                Seen::Open => {
                    kept.tell();
                    let conversation = self.conversation_for(
                        book,
                        &turn,
                        &met.subscriber,
                        met.conversation.clone(),
                        true,
                    );
                    turn.key = key;
                    turn.arrival = Some(self.arrival(callback, key));
                    turn.session = Some((session, mark.clone()));
                    return self
                        .run(
                            book,
                            &mut turn,
                            conversation,
                            Event::Again,
                            Performed::default(),
                        )
                        .await;
                }
                Seen::Never => {}
            }
        }
        let (event, key, mark, new_session) = match self.judge(callback, &met, link) {
            Verdict::Step {
                event,
                key,
                mark,
                new_session,
            } => (event, key, mark, new_session),
            Verdict::Repeat { key, mark } => match self.store.seen(&key).await? {
                Seen::Answered(reply) => {
                    kept.tell();
                    return Ok(Some(reply));
                }
                Seen::Open => (Event::Again, key, mark, false),
                Seen::Never => {
                    return self
                        .without_step(book, turn, met, (session, mark), key, true)
                        .await;
                }
            },
            Verdict::Page { key, mark } => {
                return self
                    .without_step(book, turn, met, (session, mark), key, true)
                    .await;
            }
            Verdict::Over { key, mark } => {
                return self
                    .without_step(book, turn, met, (session, mark), key, false)
                    .await;
            }
            Verdict::Closed { mark } => {
                let key = self.callback_key(callback, callback.at.ms(), "closed");
                let over = Reply {
                    text: String::new(),
                    ends: true,
                };
                let arrival = Arrival {
                    reply: Some(over.clone()),
                    ..self.arrival(callback, key)
                };
                if let Some(mark) = mark {
                    let noted = self.store.note(&arrival, Some((&session, &mark)), None);
                    if noted.await? == Saved::Stale {
                        return Ok(None);
                    }
                }
                kept.tell();
                return Ok(Some(over));
            }
        };
        let keeps_ended = !new_session;
        let conversation =
            self.conversation_for(book, &turn, &met.subscriber, met.conversation, keeps_ended);
        turn.key = key;
        turn.arrival = Some(self.arrival(callback, key));
        turn.session = Some((session, mark));
        turn.owns = new_session;
        self.run(book, &mut turn, conversation, event, Performed::default())
            .await
    }

    /// What a callback meets when nobody else has its conversation in a turn. Where one that is the same
    /// has been answered meanwhile on another node, that answer is its own; `before` is the revision at
    /// which this one came.
    async fn meet_after(
        &self,
        callback: &Callback,
        session: &SessionKey,
        until: Moment,
        before: &mut Option<u64>,
    ) -> Result<Meeting, TurnError> {
        let (service, subscriber) = (&callback.service, &callback.subscriber);
        let same = self.unanswered_key(callback);
        let revision = |met: &Met| {
            let conversation = met.conversation.as_ref();
            conversation.map_or(0, |conversation| conversation.revision)
        };
        let mut met = self.store.meet(service, subscriber, Some(session)).await?;
        let (first, came_at) = match *before {
            Some(came_at) => (false, came_at),
            None => (true, *before.insert(revision(&met))),
        };
        if met.elsewhere {
            met = self.meet(service, subscriber, Some(session), until).await?;
        } else if first {
            return Ok(Meeting::Met(Box::new(met)));
        }
        Ok(match same {
            Some(same) => match self.store.same(&same, came_at).await? {
                Some(reply) => Meeting::Same(reply),
                None => Meeting::Met(Box::new(met)),
            },
            None => Meeting::Met(Box::new(met)),
        })
    }

    /// Tells a dial from a key press, a repeat and a straggler.
    fn judge(&self, callback: &Callback, met: &Met, link: LinkRules) -> Verdict {
        let at = callback.at;
        let path_of = |input: &Input| match input {
            Input::Path(path) => path.clone(),
            Input::Dial(_) | Input::Text(_) | Input::Unsaid { .. } | Input::Closed => String::new(),
        };
        let path = path_of(&callback.input);
        let path_mark = self.path_mark(callback, &path);
        // An id that comes again after its session's time is another session, and so is one with
        // which the operator says that a session begins. Where ids recur, one that is over may begin
        // at once, and a path that is empty again is a dial.
        let known = met.session.as_ref().filter(|mark| {
            let silent = at.since(mark.seen_at) > link.session;
            match &callback.input {
                Input::Dial(_) => false,
                Input::Path(path) if path.is_empty() => {
                    let late = at.since(mark.opened_at) > link.session;
                    !(late || link.ids_recur && (mark.ended || mark.path_len > 0))
                }
                Input::Path(_) => !(silent && link.ids_recur),
                Input::Unsaid { .. } => !(silent || link.ids_recur && mark.ended),
                Input::Text(_) => !(link.ids_recur && (silent || mark.ended)),
                Input::Closed => true,
            }
        });
        let Some(known) = known else {
            if callback.input == Input::Closed {
                return Verdict::Closed { mark: None };
            }
            let inputs = match &callback.input {
                Input::Path(path) | Input::Dial(path) => dialled_inputs(path),
                Input::Unsaid { dialled, .. } => dialled_inputs(dialled),
                Input::Text(_) | Input::Closed => Vec::new(),
            };
            let mark = SessionMark {
                opened_at: at,
                seen_at: at,
                path_len: path.len(),
                path_mark,
                shown_revision: 0,
                shown: true,
                ended: false,
                version: met.session.as_ref().map_or(0, |mark| mark.version),
            };
            let key = self.callback_key(callback, at.ms(), &path);
            return Verdict::Step {
                event: Event::Dialled(inputs),
                key,
                mark,
                new_session: true,
            };
        };

        let mut mark = SessionMark {
            seen_at: at,
            ..known.clone()
        };
        let key = self.callback_key(callback, mark.opened_at.ms(), &path);
        let typed = match &callback.input {
            Input::Closed => {
                return Verdict::Closed {
                    mark: Some(SessionMark {
                        ended: true,
                        ..mark
                    }),
                };
            }
            Input::Path(path) => {
                let is_prefix = |prefix: &str| self.path_mark(callback, prefix) == known.path_mark;
                match path::step(Some((known.path_len, &is_prefix)), path) {
                    path::Step::Repeat => return Verdict::Repeat { key, mark },
                    path::Step::Late => return Verdict::Page { key, mark },
                    path::Step::Inputs(inputs) => inputs.concat(),
                }
            }
            // Known sessions are not asked about it.
            Input::Dial(_) => return Verdict::Repeat { key, mark },
            Input::Text(text) | Input::Unsaid { typed: text, .. } => text.clone(),
        };
        (mark.path_len, mark.path_mark) = (path.len(), path_mark);
        let owner = met.owner.as_ref();
        let owns = owner.is_none_or(|(link, id)| {
            *link == callback.link && Some(id) == callback.session.as_ref()
        });
        let revision = met
            .conversation
            .as_ref()
            .map(|conversation| conversation.revision);
        if !owns || mark.ended {
            Verdict::Over { key, mark }
        } else if revision.is_some_and(|revision| revision != mark.shown_revision) || !known.shown {
            Verdict::Page { key, mark }
        } else {
            Verdict::Step {
                event: Event::Typed(typed),
                key,
                mark,
                new_session: false,
            }
        }
    }

    /// Answers without a step: with the page, or with "this session is over".
    async fn without_step(
        &self,
        book: &Book,
        mut turn: Turn<'_>,
        met: Met,
        (session, mut mark): (SessionKey, SessionMark),
        key: Mark,
        page: bool,
    ) -> Result<Option<Reply>, TurnError> {
        let mut conversation =
            self.conversation_for(book, &turn, &met.subscriber, met.conversation, true);
        let shown = page && !conversation.page.0.is_empty() && !mark.ended;
        let view = if shown {
            engine::view(&turn.service.dialog, &conversation)
        } else {
            View {
                note: None,
                face: engine::Face::Over,
                ends: true,
            }
        };
        let revision = conversation.revision;
        let screen = self.screen(book, &turn, &mut conversation, &view)?;
        let reply = Reply {
            ends: view.ends && (!shown || !conversation.has_more()),
            text: screen.text,
        };
        if shown {
            // A page that is on the phone stays there, should it be lost on its way this time.
            mark.shown = turn.shows || mark.shown && mark.shown_revision == revision;
            mark.shown_revision = revision;
            mark.ended = reply.ends;
        }
        let arrival = Arrival {
            link: session.link.clone(),
            subscriber: session.subscriber.clone(),
            key,
            same: None,
            at: turn.at,
            reply: Some(reply.clone()),
        };
        turn.arrival = None;
        let noted = self.store.note(&arrival, Some((&session, &mark)), None);
        if noted.await? == Saved::Stale {
            return Ok(None);
        }
        if let Some(kept) = turn.kept {
            kept.tell();
        }
        tracing::info!(
            conversation = %conversation.id,
            revision,
            channel = turn.channel.as_str(),
            service = %conversation.service,
            page = %conversation.page,
            ends = reply.ends,
            "no step"
        );
        Ok(Some(reply))
    }

    fn arrival(&self, callback: &Callback, key: Mark) -> Arrival {
        Arrival {
            link: callback.link.clone(),
            subscriber: callback.subscriber.clone(),
            key,
            same: self.unanswered_key(callback),
            at: callback.at,
            reply: None,
        }
    }

    /// What identifies a callback: by the operator's id, or by the session and its path.
    fn callback_key(&self, callback: &Callback, opened_at_ms: i64, path: &str) -> Mark {
        let link = callback.link.as_str().as_bytes();
        let caller = callback.subscriber.as_str().as_bytes();
        let session = callback.session.as_deref().unwrap_or_default().as_bytes();
        match &callback.repeat {
            // Where ids recur, what is known of an earlier session's tells nothing of this one's.
            Repeat::Key(id) => self.store.mark(
                "callback-id",
                &[
                    link,
                    caller,
                    session,
                    &opened_at_ms.to_be_bytes(),
                    id.as_bytes(),
                ],
            ),
            Repeat::Path => self.store.mark(
                "callback-path",
                &[
                    link,
                    caller,
                    session,
                    &opened_at_ms.to_be_bytes(),
                    path.as_bytes(),
                ],
            ),
            Repeat::Number(number) => self.store.mark(
                "callback-number",
                &[
                    link,
                    caller,
                    session,
                    &opened_at_ms.to_be_bytes(),
                    &[*number],
                    typed(&callback.input).as_bytes(),
                ],
            ),
            // The ledger has given octets a number before anybody comes here.
            Repeat::None | Repeat::Octets { .. } => {
                let mut unlike = [0; 16];
                self.chance.fill(&mut unlike);
                self.store
                    .mark("callback", &[link, caller, session, &unlike])
            }
        }
    }

    /// What a repeat of a callback has in common with it, for whoever knows it before its turn has
    /// begun and only for as long as its session lives. None where nothing tells a repeat, or where
    /// it may begin another session.
    pub fn repeat_mark(&self, call: &UssdCall) -> Option<Mark> {
        let link = call.link.as_str().as_bytes();
        let caller = call.subscriber.as_str().as_bytes();
        let session = call.session.as_bytes();
        let mark = |purpose: &str, told: &[u8], typed: &str| {
            let parts = [link, caller, session, told, typed.as_bytes()];
            Some(self.store.mark(purpose, &parts))
        };
        match (&call.repeat, &call.input) {
            (Repeat::Key(id), _) => mark("repeat-id", id.as_bytes(), ""),
            (Repeat::Number(number), input) => mark("repeat-number", &[*number], typed(input)),
            (Repeat::Path, Input::Path(path)) => mark("repeat-path", b"", path),
            (
                Repeat::Path,
                Input::Dial(_) | Input::Text(_) | Input::Unsaid { .. } | Input::Closed,
            )
            | (Repeat::None | Repeat::Octets { .. }, _) => None,
        }
    }

    /// What makes two callbacks the same while the first is unanswered, where nothing else tells.
    fn unanswered_key(&self, callback: &Callback) -> Option<Mark> {
        let input = match (&callback.repeat, &callback.input) {
            (Repeat::Key(_) | Repeat::Path | Repeat::Number(_), _) => return None,
            (Repeat::None | Repeat::Octets { .. }, input) => typed(input),
        };
        Some(self.store.mark(
            "unanswered",
            &[
                callback.link.as_str().as_bytes(),
                callback.subscriber.as_str().as_bytes(),
                callback.session.as_deref().unwrap_or_default().as_bytes(),
                input.as_bytes(),
            ],
        ))
    }

    fn path_mark(&self, callback: &Callback, path: &str) -> Mark {
        self.store.mark(
            "path",
            &[
                callback.link.as_str().as_bytes(),
                callback.subscriber.as_str().as_bytes(),
                callback.session.as_deref().unwrap_or_default().as_bytes(),
                path.as_bytes(),
            ],
        )
    }
}

/// The callback under the number that the ledger gave to its octets. A session goes on only when a
/// callback has been answered, so that nothing but its last one comes again: other octets that are
/// equal are a new input.
fn told(callback: &Callback, noted: Noted, session: Option<&SessionMark>) -> Callback {
    let is_last = |first| session.is_some_and(|mark| mark.seen_at == first);
    Callback {
        repeat: if noted.repeats.is_none_or(is_last) {
            Repeat::Key(format!("delivery {}", noted.number))
        } else {
            Repeat::None
        },
        ..callback.clone()
    }
}

/// The inputs that a dial string brings, one after the other.
fn dialled_inputs(dialled: &str) -> Vec<String> {
    match path::step(None, dialled) {
        path::Step::Inputs(inputs) => inputs.into_iter().map(str::to_owned).collect(),
        path::Step::Repeat | path::Step::Late => Vec::new(),
    }
}

/// What was typed, or a word that nobody can type for what is no text.
fn typed(input: &Input) -> &str {
    match input {
        Input::Path(text) | Input::Text(text) | Input::Unsaid { typed: text, .. } => text,
        Input::Dial(_) => "\u{0}dial",
        Input::Closed => "\u{0}closed",
    }
}
