//! The engine: `advance(script, conversation, event) -> Move`. It has no clock, no chance, no
//! input and no output; what it needs of them comes in with the event.

mod arrive;
#[cfg(test)]
mod tests;
mod typed;

pub use typed::{LIST_CHUNK, within_key};

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::callback::Channel;
use crate::clock::Moment;
use crate::conversation::{
    Aside, CallKind, Conversation, Language, PageName, Progress, SlotName, Value,
};
use crate::dialog::lists::Lists;
use crate::dialog::{Arrow, Dialog, Page, PageKind, Target};
use crate::input::Wrong;

/// Pages that one event may pass through; a dialog that was checked needs far fewer.
const ARRIVALS_PER_STEP_MAX: u32 = 64;

/// What the engine reads and never changes.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// The dialog with which the conversation began.
    pub dialog: &'a Dialog,
    /// The lists it shows.
    pub lists: &'a Lists,
    /// The words by which its options are known.
    pub labels: &'a dyn Labels,
    /// The examples of its prompts.
    pub examples: &'a Examples,
    /// The keywords with which a text for this service may begin.
    pub keywords: &'a [String],
}

/// The words by which options are known.
pub trait Labels: Sync {
    /// The label and the further words of the Fluent message `label`, in every language.
    fn words(&self, label: &str) -> Vec<String>;
}

/// The example values of the prompts; typed back they are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// A CNIE number.
    pub cnie: String,
    /// A number of a carte de séjour.
    pub sejour: String,
    /// An expiry date.
    pub expiry: Date,
    /// A birth date.
    pub birth: Date,
}

/// What moves a conversation.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new USSD session, with the inputs of its dial string.
    Dialled(Vec<String>),
    /// A key press or an SMS.
    Typed(String),
    /// The desk's answer to the call with this number.
    Answered(Answer),
    /// The answer will not come in time for the screen.
    Late,
    /// A callback came again whose turn died under way: what it had begun is taken up.
    Again,
}

/// The desk's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of the call, [`crate::conversation::Pending::number`].
    pub number: u32,
    /// One of [`CallKind::outcomes`].
    pub outcome: &'static str,
    /// Facts that came with it.
    pub facts: BTreeMap<String, Value>,
}

/// An event with what surrounds it.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// What.
    pub event: Event,
    /// Where the screen will be shown.
    pub channel: Channel,
    /// When.
    pub at: Moment,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Move {
    /// The conversation afterwards.
    pub conversation: Conversation,
    /// What else is to be done, in the same transaction.
    pub effects: Vec<Effect>,
    /// How it goes on.
    pub next: Next,
}

/// What is to be done beside going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message to keep, by its Fluent message, to the subscriber.
    Message(String),
    /// The number's language.
    Speak(Language),
    /// The number agreed to the consent text of that version, or refused.
    Consent(Option<u32>),
    /// STOP was said.
    Stop,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the desk; its answer is the next event.
    Ask {
        /// The number of the call.
        number: u32,
        /// What.
        call: CallKind,
    },
    /// Show this and wait.
    Show(View),
}

/// What is to be shown: all that rendering needs beside the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// A line before everything.
    pub note: Option<Note>,
    /// What.
    pub face: Face,
    /// Whether the USSD session ends with it.
    pub ends: bool,
}

/// What stands on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// The current page.
    Page,
    /// "1 continue, 2 start over".
    Resume,
    /// The readings of what was typed, to choose from.
    Readings {
        /// The slot.
        slot: SlotName,
        /// The readings.
        values: Vec<Value>,
    },
    /// Help.
    Help,
    /// STOP is in force.
    Stopped,
    /// The conversation is over; dial or text again.
    Over,
}

/// A line before everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// What was typed cannot be taken for this slot.
    Wrong(Wrong),
    /// It is none of the options.
    NoSuchOption,
    /// There is nothing behind or after.
    NoFurther,
}

/// Moves a conversation by one event.
///
/// A conversation whose page is empty has not begun; whatever the event, it then arrives at the
/// dialog's start. The dialog must be the one that the conversation began with.
pub fn advance(script: Script<'_>, conversation: Conversation, occasion: Occasion) -> Move {
    let Occasion { event, channel, at } = occasion;
    let came_from = conversation.channel;
    let mut step = Step {
        script,
        conversation,
        effects: Vec::new(),
        at,
        left: ARRIVALS_PER_STEP_MAX,
    };
    step.conversation.channel = channel;
    let next = match event {
        Event::Dialled(inputs) => step.touched().dialled(inputs),
        Event::Typed(text) => step.touched().typed(&text, came_from),
        Event::Answered(answer) => step.answered(answer),
        Event::Late => step.late(),
        Event::Again => step.again(),
    };
    Move {
        conversation: step.conversation,
        effects: step.effects,
        next,
    }
}

/// What the conversation shows at present, without a step.
pub fn view(dialog: &Dialog, conversation: &Conversation) -> View {
    let face = match &conversation.aside {
        Some(Aside::Resume) => Face::Resume,
        Some(Aside::Readings { slot, values }) => Face::Readings {
            slot: slot.clone(),
            values: values.clone(),
        },
        Some(Aside::Help) => Face::Help,
        None => Face::Page,
    };
    let closes = match dialog.pages.get(&conversation.page).map(|page| &page.kind) {
        Some(PageKind::Wait | PageKind::End) => true,
        Some(
            PageKind::Menu { .. }
            | PageKind::List { .. }
            | PageKind::Ask { .. }
            | PageKind::Call { .. }
            | PageKind::Say { .. },
        ) => false,
        None => {
            return View {
                note: None,
                face: Face::Over,
                ends: true,
            };
        }
    };
    View {
        note: None,
        ends: closes && face == Face::Page,
        face,
    }
}

/// One step under way.
struct Step<'a> {
    script: Script<'a>,
    conversation: Conversation,
    effects: Vec<Effect>,
    at: Moment,
    left: u32,
}

impl<'a> Step<'a> {
    /// The subscriber did something: the 30 minutes begin anew.
    fn touched(&mut self) -> &mut Self {
        self.conversation.stepped_at = self.at;
        self
    }

    /// A new USSD session.
    fn dialled(&mut self, inputs: Vec<String>) -> Next {
        if self.conversation.page.0.is_empty() {
            self.conversation.queued = inputs;
            return self.start();
        }
        if self.conversation.pending.is_some() {
            return self.again();
        }
        if self.is_direct() && inputs.is_empty() {
            self.conversation.aside = None;
            self.conversation.part = 0;
            return self.show(None);
        }
        if self.conversation.is_begun() {
            self.conversation.aside = Some(Aside::Resume);
            self.conversation.queued = inputs;
            return self.show(None);
        }
        self.conversation.reset();
        self.conversation.queued = inputs;
        self.start()
    }

    /// The desk has answered.
    fn answered(&mut self, answer: Answer) -> Next {
        let awaited = match &self.conversation.pending {
            Some(pending) if pending.number == answer.number => pending.clone(),
            Some(_) | None => return self.show(None),
        };
        self.conversation.pending = None;
        if awaited.call == CallKind::Lookup {
            // What was told of the last person says nothing of this one.
            self.conversation.facts.clear();
        }
        self.conversation.facts.extend(answer.facts);
        if awaited.call == CallKind::VerifyCode {
            self.forget_codes();
        }
        match self.kind_of(&awaited.page) {
            Some(PageKind::Call { outcomes, .. }) => match outcomes.get(answer.outcome) {
                Some(arrows) => self.follow(arrows),
                None => self.show(None),
            },
            Some(
                PageKind::Menu { .. }
                | PageKind::List { .. }
                | PageKind::Ask { .. }
                | PageKind::Say { .. }
                | PageKind::Wait
                | PageKind::End,
            )
            | None => self.show(None),
        }
    }

    /// The answer will not come in time: the worker is told to wait for an SMS.
    fn late(&mut self) -> Next {
        let Some(pending) = &mut self.conversation.pending else {
            return self.show(None);
        };
        pending.told_to_wait = true;
        let page = pending.page.clone();
        if let Some(PageKind::Call {
            later: Some(later), ..
        }) = self.kind_of(&page)
        {
            self.conversation.page = later.clone();
            self.conversation.part = 0;
            self.conversation.aside = None;
        }
        self.show(None)
    }

    /// Takes up what is pending: a call that may be late is only told of, since its answer is on
    /// the way already; any other is asked again, which its key makes safe.
    fn again(&mut self) -> Next {
        match &self.conversation.pending {
            Some(pending) if pending.call.may_be_late() => self.late(),
            Some(pending) => Next::Ask {
                number: pending.number,
                call: pending.call,
            },
            None if self.conversation.page.0.is_empty() => self.start(),
            None => self.show(None),
        }
    }

    /// Arrives where the dialog begins.
    fn start(&mut self) -> Next {
        let arrows = &self.script.dialog.start;
        self.follow(arrows)
    }

    /// Takes the first arrow whose guard holds.
    fn follow(&mut self, arrows: &'a [Arrow]) -> Next {
        let read = |name: &str| self.read(name);
        let target = arrows
            .iter()
            .find(|arrow| arrow.when.as_ref().is_none_or(|guard| guard.holds(&read)))
            .map(|arrow| &arrow.to);
        match target {
            Some(Target::Page(page)) => self.arrive(page),
            Some(Target::Start) => {
                self.left = self.left.saturating_sub(1);
                if self.left == 0 {
                    self.show(None)
                } else {
                    self.start()
                }
            }
            Some(Target::Back) => self.back(),
            None => self.show(None),
        }
    }

    /// The value of a slot, a fact or something known, for guards.
    fn read(&self, name: &str) -> Option<Value> {
        let conversation = &self.conversation;
        match name {
            "language_known" => Some(Value::Flag(conversation.language.is_some())),
            "consent_given" => Some(Value::Flag(
                conversation.consent == Some(self.script.dialog.consent),
            )),
            "channel" => Some(Value::Word(conversation.channel.as_str().to_owned())),
            slot_or_fact => conversation
                .slots
                .get(&SlotName::from(slot_or_fact))
                .or_else(|| conversation.facts.get(slot_or_fact))
                .cloned(),
        }
    }

    /// Shows where the conversation stands.
    fn show(&self, note: Option<Note>) -> Next {
        Next::Show(View {
            note,
            ..view(self.script.dialog, &self.conversation)
        })
    }

    fn page(&self) -> Option<&'a Page> {
        self.script.dialog.pages.get(&self.conversation.page)
    }

    fn kind_of(&self, page: &PageName) -> Option<&'a PageKind> {
        self.script.dialog.pages.get(page).map(|page| &page.kind)
    }

    fn is_direct(&self) -> bool {
        self.page().is_some_and(|page| page.direct)
    }

    fn forget_codes(&mut self) {
        let dialog = self.script.dialog;
        self.conversation
            .slots
            .retain(|slot, _| dialog.slots.get(slot) != Some(&crate::dialog::SlotKind::Code));
    }

    fn end(&mut self) {
        self.conversation.progress = Progress::Ended;
        self.conversation.pending = None;
    }
}
