//! What the subscriber typed: commands first, then the page's own answers.

use crate::callback::Channel;
use crate::conversation::{Aside, Conversation, Progress, SlotName, Value};
use crate::dialog::{Act, Choice, PageKind, SlotKind};
use crate::engine::{Effect, Face, Next, Note, Step, View};
use crate::input::one_text::{self, Message};
use crate::input::words::{self, Command};
use crate::input::{Reading, Wrong, code, date, email, identity};

/// Options of a list on one screen.
pub const LIST_CHUNK: usize = 5;

impl<'a> Step<'a> {
    /// A key press or a text. `came_from` is where the present screen was shown.
    pub(super) fn typed(&mut self, text: &str, came_from: Channel) -> Next {
        let command = words::command(text);
        if command == Some(Command::Stop) {
            self.conversation.reset();
            self.end();
            self.effects.push(Effect::Stop);
            return Next::Show(View {
                note: None,
                face: Face::Stopped,
                ends: true,
            });
        }
        if self.conversation.progress == Progress::Ended {
            if command == Some(Command::Next) && self.conversation.has_more() {
                self.conversation.part += 1;
            }
            return self.show(None);
        }
        let message = match self.conversation.channel {
            Channel::Sms => one_text::read(text, self.script.keywords, self.at.day()),
            Channel::Ussd => None,
        };
        if self.conversation.page.0.is_empty() {
            return self.first_text(text, message, command);
        }
        if self.conversation.pending.is_some() {
            return self.again();
        }
        if let Some(Message::Fields(given)) = message {
            self.conversation.reset();
            self.conversation.given = given;
            return self.start();
        }
        let moved_to_sms = self.conversation.channel == Channel::Sms && came_from == Channel::Ussd;
        let keyword = message.is_some();
        if self.is_direct() && !keyword {
            return self.give_to_aside_or_page(text, command);
        }
        if let (true, Some(Message::Other(rest))) = (self.is_direct(), &message) {
            return self.give_to_aside_or_page(rest, words::command(rest));
        }
        if keyword && self.conversation.aside == Some(Aside::Help) {
            self.conversation.aside = None;
        }
        if (keyword || moved_to_sms) && self.conversation.aside.is_none() {
            if self.is_direct() {
                return self.show(None);
            }
            if self.conversation.is_begun() {
                self.conversation.aside = Some(Aside::Resume);
                return self.show(None);
            }
            self.conversation.reset();
            return self.first_text(text, message, command);
        }
        match message {
            Some(Message::Keyword) => self.show(None),
            Some(Message::Other(rest)) => self.give_to_aside_or_page(&rest, words::command(&rest)),
            Some(Message::Fields(_)) | None => self.give_to_aside_or_page(text, command),
        }
    }

    /// The first text of a conversation.
    fn first_text(
        &mut self,
        text: &str,
        message: Option<Message>,
        command: Option<Command>,
    ) -> Next {
        match message {
            Some(Message::Fields(given)) => self.conversation.given = given,
            Some(Message::Other(rest)) if words::command(&rest).is_none() => {
                self.conversation.queued = vec![rest]
            }
            Some(Message::Keyword | Message::Other(_)) => {}
            None => self.conversation.given = self.fields_without_keyword(text),
        }
        let shown = self.start();
        if command == Some(Command::Help) {
            self.conversation.aside = Some(Aside::Help);
            return self.show(None);
        }
        shown
    }

    /// People leave the keyword out: a text with a card number and a date is taken all the same.
    fn fields_without_keyword(
        &self,
        text: &str,
    ) -> std::collections::BTreeMap<SlotName, Vec<Value>> {
        let Some(keyword) = self.script.keywords.first() else {
            return Default::default();
        };
        match one_text::read(
            &format!("{keyword} {text}"),
            self.script.keywords,
            self.at.day(),
        ) {
            Some(Message::Fields(given))
                if given.contains_key(&SlotName::from("id_number")) && given.len() >= 3 =>
            {
                given
            }
            Some(Message::Fields(_) | Message::Keyword | Message::Other(_)) | None => {
                Default::default()
            }
        }
    }

    /// What stands before the page takes the input first.
    fn give_to_aside_or_page(&mut self, text: &str, command: Option<Command>) -> Next {
        if command == Some(Command::Help) {
            self.conversation.aside = Some(Aside::Help);
            self.conversation.part = 0;
            return self.show(None);
        }
        match self.conversation.aside.clone() {
            Some(Aside::Resume) => self.give_to_resume(text, command),
            Some(Aside::Readings { slot, values }) => {
                self.give_to_readings(text, command, &slot, &values)
            }
            Some(Aside::Help) => match command {
                Some(Command::Next) if self.conversation.has_more() => self.turn_page(),
                Some(Command::Back) => self.back_from_aside(),
                Some(Command::Next | Command::Home | Command::Help | Command::Stop) | None => {
                    self.conversation.aside = None;
                    self.conversation.part = 0;
                    self.navigate_or_give(text, command)
                }
            },
            None => self.navigate_or_give(text, command),
        }
    }

    fn back_from_aside(&mut self) -> Next {
        self.conversation.aside = None;
        self.conversation.part = 0;
        self.show(None)
    }

    /// "1 continue, 2 start over".
    fn give_to_resume(&mut self, text: &str, command: Option<Command>) -> Next {
        let options = [self.words("resume-continue"), self.words("resume-over")];
        match (words::choose(text, &options), command) {
            (Some(0), _) => {
                self.conversation.queued.clear();
                self.back_from_aside()
            }
            (Some(_), _) | (None, Some(Command::Home)) => {
                let queued = std::mem::take(&mut self.conversation.queued);
                self.conversation.reset();
                self.conversation.queued = queued;
                self.start()
            }
            (None, Some(Command::Back | Command::Next | Command::Help | Command::Stop) | None) => {
                self.show(Some(Note::NoSuchOption))
            }
        }
    }

    /// Which of the readings is meant; typing again is as good.
    fn give_to_readings(
        &mut self,
        text: &str,
        command: Option<Command>,
        slot: &SlotName,
        values: &[Value],
    ) -> Next {
        match command {
            Some(Command::Back) => return self.back_from_aside(),
            Some(Command::Home) => return self.home(),
            Some(Command::Next) if self.conversation.has_more() => return self.turn_page(),
            Some(Command::Next | Command::Help | Command::Stop) | None => {}
        }
        let mut options: Vec<Vec<String>> = match values {
            [_] => vec![self.words("yes")],
            several => several.iter().map(|value| vec![value.shown()]).collect(),
        };
        options.push(self.words("readings-again"));
        match words::choose(text, &options) {
            Some(index) => match values.get(index) {
                Some(value) => {
                    let value = value.clone();
                    self.conversation.aside = None;
                    self.fill_and_go(slot, value)
                }
                None => self.back_from_aside(),
            },
            None => match self.read_slot(slot, text) {
                Reading::Wrong(_) => self.show(Some(Note::NoSuchOption)),
                Reading::One(_) | Reading::Several(_) => {
                    self.conversation.aside = None;
                    self.give_to_page(text)
                }
            },
        }
    }

    /// Navigation, then the page.
    fn navigate_or_give(&mut self, text: &str, command: Option<Command>) -> Next {
        match command {
            Some(Command::Home) => self.home(),
            Some(Command::Back) => {
                if self.conversation.part > 0 {
                    self.conversation.part -= 1;
                    self.show(None)
                } else if self.conversation.chunk > 0 {
                    self.conversation.chunk -= 1;
                    self.show(None)
                } else {
                    self.back()
                }
            }
            Some(Command::Next) => self.turn_page(),
            Some(Command::Help | Command::Stop) | None => self.give_to_page(text),
        }
    }

    /// The next part of the screen, or the next five of the list.
    fn turn_page(&mut self) -> Next {
        if self.conversation.has_more() {
            self.conversation.part += 1;
            return self.show(None);
        }
        if let Some(PageKind::List { list, within, .. }) = self.kind_of(&self.conversation.page)
            && self.conversation.aside.is_none()
        {
            let items = self.script.lists.items(
                *list,
                within_key(&self.conversation, within.as_ref()).as_deref(),
            );
            if (usize::from(self.conversation.chunk) + 1) * LIST_CHUNK < items.len() {
                self.conversation.chunk += 1;
                self.conversation.part = 0;
                return self.show(None);
            }
        }
        self.show(Some(Note::NoFurther))
    }

    /// Everything typed is forgotten, and the dialog begins.
    fn home(&mut self) -> Next {
        self.conversation.reset();
        self.start()
    }

    /// An answer to the page itself.
    pub(super) fn give_to_page(&mut self, text: &str) -> Next {
        let Some(kind) = self.kind_of(&self.conversation.page) else {
            return self.start();
        };
        match kind {
            PageKind::Menu { options } | PageKind::Say { options } => {
                match self.option(text, options) {
                    Some(option) => self.choose(option),
                    None => self.refuse(Note::NoSuchOption),
                }
            }
            PageKind::List {
                list,
                within,
                slot,
                then,
            } => {
                let items = self.script.lists.items(
                    *list,
                    within_key(&self.conversation, within.as_ref()).as_deref(),
                );
                let labels: Vec<Vec<String>> = items
                    .iter()
                    .map(|item| item.label.values().cloned().collect())
                    .collect();
                let first = usize::from(self.conversation.chunk) * LIST_CHUNK;
                let shown = labels
                    .get(first..labels.len().min(first + LIST_CHUNK))
                    .unwrap_or_default();
                let chosen = match words::choose(text, shown) {
                    Some(index) => Some(first + index),
                    // A number means one of the five that are shown; a label, any of the list.
                    None if words::number(text).is_none() => words::choose(text, &labels),
                    None => None,
                };
                match chosen.and_then(|index| items.get(index)) {
                    Some(item) => {
                        self.conversation
                            .slots
                            .insert(slot.clone(), Value::Word(item.key.clone()));
                        self.follow(then)
                    }
                    None => self.refuse(Note::NoSuchOption),
                }
            }
            PageKind::Ask { slot, options, .. } => {
                if let Some(option) = self.option(text, options) {
                    return self.choose(option);
                }
                match self.read_slot(slot, text) {
                    Reading::One(value) => self.fill_and_go(slot, value),
                    Reading::Several(values) => {
                        self.conversation.queued.clear();
                        self.conversation.aside = Some(Aside::Readings {
                            slot: slot.clone(),
                            values,
                        });
                        self.conversation.part = 0;
                        self.show(None)
                    }
                    Reading::Wrong(wrong) => self.refuse(Note::Wrong(wrong)),
                }
            }
            PageKind::Wait | PageKind::End | PageKind::Call { .. } => self.show(None),
        }
    }

    /// The page again, with what was wrong; the rest of a dial string is dropped, since it was
    /// meant for pages that are not reached now.
    fn refuse(&mut self, note: Note) -> Next {
        self.conversation.queued.clear();
        self.conversation.part = 0;
        self.show(Some(note))
    }

    fn option(&self, text: &str, options: &'a [Choice]) -> Option<&'a Choice> {
        let labels: Vec<Vec<String>> = options
            .iter()
            .map(|option| self.words(&option.label))
            .collect();
        words::choose(text, &labels).and_then(|index| options.get(index))
    }

    fn words(&self, label: &str) -> Vec<String> {
        self.script.labels.words(label)
    }

    /// Takes an option: fills, acts, goes on.
    pub(super) fn choose(&mut self, option: &'a Choice) -> Next {
        if let Some((slot, word)) = &option.set {
            self.conversation
                .slots
                .insert(slot.clone(), Value::Word(word.clone()));
        }
        match &option.act {
            Some(Act::Speak(language)) => {
                self.conversation.language = Some(language.as_str().into());
                self.effects.push(Effect::Speak(language.as_str().into()));
            }
            // Nobody agrees to what they have not seen: the rest of the text comes first.
            Some(Act::Agree) if self.conversation.has_more() => return self.turn_page(),
            Some(Act::Agree) => {
                self.conversation.consent = Some(self.script.dialog.consent);
                self.effects
                    .push(Effect::Consent(Some(self.script.dialog.consent)));
            }
            Some(Act::Refuse) => {
                self.conversation.slots.clear();
                self.conversation.given.clear();
                self.conversation.queued.clear();
                self.conversation.consent = None;
                self.effects.push(Effect::Consent(None));
            }
            Some(Act::Forget(slots)) => {
                self.conversation
                    .slots
                    .retain(|slot, _| !slots.contains(slot));
                let next = self.follow(&option.then);
                // Nobody goes back to a page that counts on what was forgotten.
                self.conversation.history.clear();
                return next;
            }
            None => {}
        }
        self.follow(&option.then)
    }

    /// Fills the slot of an ask page and goes on from it.
    pub(super) fn fill_and_go(&mut self, slot: &SlotName, value: Value) -> Next {
        // Of two dates that were both possible, the other one is what is left.
        for values in self.conversation.given.values_mut() {
            values.retain(|other| *other != value);
        }
        self.conversation
            .given
            .retain(|_, values| !values.is_empty());
        self.conversation.slots.insert(slot.clone(), value);
        match self.kind_of(&self.conversation.page) {
            Some(PageKind::Ask { then, .. }) => self.follow(then),
            Some(
                PageKind::Menu { .. }
                | PageKind::List { .. }
                | PageKind::Call { .. }
                | PageKind::Say { .. }
                | PageKind::Wait
                | PageKind::End,
            )
            | None => self.show(None),
        }
    }

    /// Whether the slot holds a date.
    pub(super) fn is_dated(&self, slot: &SlotName) -> bool {
        matches!(
            self.script.dialog.slots.get(slot),
            Some(SlotKind::Expiry | SlotKind::Birth)
        )
    }

    /// Whether a value that a one-text message gave can be this slot's: the message was read before
    /// the kind of card was known, and a date for either slot.
    pub(super) fn fits(&self, slot: &SlotName, value: &Value) -> bool {
        match self.script.dialog.slots.get(slot) {
            Some(SlotKind::Identity) => {
                let sejour = self.conversation.slots.get(&SlotName::from("id_type"))
                    == Some(&Value::Word("sejour".to_owned()));
                let number = value.shown();
                if sejour {
                    identity::is_sejour(&number)
                } else {
                    identity::is_cnie(&number)
                }
            }
            Some(SlotKind::Expiry) => in_range(value, &date::expiry_range(self.at.day())),
            Some(SlotKind::Birth) => in_range(value, &date::birth_range(self.at.day())),
            Some(SlotKind::Code | SlotKind::Email | SlotKind::Choice(_) | SlotKind::Listed(_)) => {
                true
            }
            None => false,
        }
    }

    /// Reads a text for a slot.
    fn read_slot(&self, slot: &SlotName, text: &str) -> Reading<Value> {
        let today = self.at.day();
        let examples = self.script.examples;
        match self.script.dialog.slots.get(slot) {
            Some(SlotKind::Identity) => {
                let (kind, example) = match self.conversation.slots.get(&SlotName::from("id_type"))
                {
                    Some(Value::Word(word)) if word == "sejour" => {
                        (identity::IdKind::Sejour, &examples.sejour)
                    }
                    Some(
                        Value::Word(_)
                        | Value::Text(_)
                        | Value::Day(_)
                        | Value::Flag(_)
                        | Value::Number(_),
                    )
                    | None => (identity::IdKind::Cnie, &examples.cnie),
                };
                map(identity::read(text, kind, example), Value::Text)
            }
            Some(SlotKind::Expiry) => map(
                date::read(text, &date::expiry_range(today), examples.expiry),
                Value::Day,
            ),
            Some(SlotKind::Birth) => map(
                date::read(text, &date::birth_range(today), examples.birth),
                Value::Day,
            ),
            Some(SlotKind::Code) => map(code::read(text), Value::Text),
            Some(SlotKind::Email) => map(email::read(text), Value::Text),
            Some(SlotKind::Choice(_) | SlotKind::Listed(_)) | None => Reading::Wrong(Wrong::Form),
        }
    }
}

/// The key within which a list stands.
pub fn within_key(conversation: &Conversation, within: Option<&SlotName>) -> Option<String> {
    within
        .and_then(|slot| conversation.slots.get(slot))
        .map(Value::shown)
}

fn in_range(value: &Value, range: &date::Range) -> bool {
    match value {
        Value::Day(day) => range.contains(*day),
        Value::Word(_) | Value::Text(_) | Value::Flag(_) | Value::Number(_) => false,
    }
}

fn map<T>(reading: Reading<T>, wrap: impl Fn(T) -> Value) -> Reading<Value> {
    match reading {
        Reading::One(value) => Reading::One(wrap(value)),
        Reading::Several(values) => Reading::Several(values.into_iter().map(wrap).collect()),
        Reading::Wrong(wrong) => Reading::Wrong(wrong),
    }
}
