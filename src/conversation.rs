//! One subscriber on the way through one dialog: everything that outlives a turn.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::callback::{Channel, Msisdn, ServiceName, name};
use crate::clock::Moment;

/// The layout of a stored [`Conversation`]. Fields may be added with a default without a new
/// number; anything else needs one, and a reader for the old.
pub const FORMAT: u16 = 1;

name! {
    /// The name of a page within its dialog.
    PageName
}
name! {
    /// The name of a slot within its dialog.
    SlotName
}
name! {
    /// A language as its folder under `locales/` is called: `ar`, `fr`, `ary-Latn`, `en`.
    Language
}

/// The random id of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationId(pub [u8; 16]);

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A typed value that a slot or a fact holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// One of a closed set of words, or a key of a list.
    Word(String),
    /// Free text, an identity number, a code, an e-mail.
    Text(String),
    /// A calendar day.
    Day(Date),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
}

impl fmt::Debug for Value {
    /// Never the content: slots hold what people typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word(_) => "Word(…)",
            Self::Text(_) => "Text(…)",
            Self::Day(_) => "Day(…)",
            Self::Flag(_) => "Flag(…)",
            Self::Number(_) => "Number(…)",
        })
    }
}

impl Value {
    /// As it stands in a screen: days as `05/03/1984`, which right-to-left text keeps in order.
    pub fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Text(text) => text.clone(),
            Self::Day(day) => format!("{:02}/{:02}/{:04}", day.day(), day.month(), day.year()),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A question or an effect of a dialog: what a call page asks the desk for. The set is closed;
/// `dialog::load` refuses any other name, and outcomes outside [`CallKind::outcomes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CallKind {
    /// Question `registry.lookup`: who is it that the slots `id_type`, `id_number`, `expiry` and
    /// `birth` describe?
    Lookup,
    /// Effect `codes.send`: mint a one-time code and send it, or send the living one again.
    SendCode,
    /// Effect `codes.verify`: try the slot `code` against the living one.
    VerifyCode,
    /// Effect `account.open`: open the account of the registered person and send its temporary
    /// password to the number on file (or, by the agency's choice, the calling number).
    OpenAccount,
    /// Effect `password.resend`: send the same password message once more.
    ResendPassword,
}

impl CallKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Lookup,
        Self::SendCode,
        Self::VerifyCode,
        Self::OpenAccount,
        Self::ResendPassword,
    ];

    /// The name in dialog files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lookup => "registry.lookup",
            Self::SendCode => "codes.send",
            Self::VerifyCode => "codes.verify",
            Self::OpenAccount => "account.open",
            Self::ResendPassword => "password.resend",
        }
    }

    /// Every outcome that a dialog has to handle, by name.
    pub fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Lookup => &["found", "no_match", "limited", "unavailable"],
            Self::SendCode => &["sent", "too_soon", "limited"],
            Self::VerifyCode => &["right", "wrong", "spent", "expired"],
            Self::OpenAccount => &["opened", "already", "refused", "unavailable"],
            Self::ResendPassword => &["sent", "too_soon", "gone"],
        }
    }

    /// Whether the outside may be slow to answer, so that the page has to say where the worker
    /// waits meanwhile.
    pub fn may_be_late(self) -> bool {
        match self {
            Self::Lookup | Self::OpenAccount => true,
            Self::SendCode | Self::VerifyCode | Self::ResendPassword => false,
        }
    }
}

/// What the conversation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Counts the calls of this conversation; an answer with another number is late and stale.
    pub number: u32,
    /// What was asked.
    pub call: CallKind,
    /// The call page, where its outcomes stand.
    pub page: PageName,
    /// When.
    pub asked_at: Moment,
    /// Whether the subscriber has been told that the outcome follows by SMS.
    pub told_to_wait: bool,
}

/// A screen that stands before the page without leaving it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aside {
    /// "1 continue, 2 start over".
    Resume,
    /// What was typed can be read in several ways, or wants a confirmation.
    Readings {
        /// The slot that was asked.
        slot: SlotName,
        /// The readings, in the order shown.
        values: Vec<Value>,
    },
    /// The help text; `0` leads back to the page.
    Help,
}

/// A place to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The page.
    pub page: PageName,
    /// The chunk of its list.
    pub chunk: u16,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Under way.
    Open,
    /// It reached an end; nothing resumes.
    Ended,
}

/// One subscriber on the way through one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// The layout, [`FORMAT`].
    pub format: u16,
    /// Its random id.
    pub id: ConversationId,
    /// The service.
    pub service: ServiceName,
    /// Whose it is.
    pub subscriber: Msisdn,
    /// The dialog.
    pub dialog: String,
    /// The version of the dialog with which it began.
    pub version: u32,
    /// Counts the saved turns; the ledger moves it from n to n+1 only where it stands at n.
    pub revision: u64,
    /// Open or ended.
    pub progress: Progress,
    /// The language, once known.
    pub language: Option<Language>,
    /// The version of the consent text that the number agreed to.
    pub consent: Option<u32>,
    /// The current page.
    pub page: PageName,
    /// Which part of the screen is shown, from 0.
    pub part: u16,
    /// How many parts the screen had when it was last rendered.
    pub parts: u16,
    /// Which five of a list are shown, from 0.
    pub chunk: u16,
    /// A screen before the page.
    pub aside: Option<Aside>,
    /// The pages behind, the last one last.
    pub history: Vec<Place>,
    /// What the worker gave.
    pub slots: BTreeMap<SlotName, Value>,
    /// What the desk told.
    pub facts: BTreeMap<String, Value>,
    /// What a one-text message gave, with every reading, until its page takes it.
    pub given: BTreeMap<SlotName, Vec<Value>>,
    /// Inputs of a dial string that wait for the dialog's entry page.
    pub queued: Vec<String>,
    /// Whether the entry page has been reached since the start.
    pub entered: bool,
    /// Messages to keep that were sent already, with what they were about.
    pub kept: Vec<String>,
    /// What it waits for.
    pub pending: Option<Pending>,
    /// Counts the calls made.
    pub calls: u32,
    /// Where the current screen was shown last.
    pub channel: Channel,
    /// The last step, for the 30 minutes in which it resumes.
    pub stepped_at: Moment,
}

impl Conversation {
    /// A new conversation that stands nowhere yet; the engine's first event makes it arrive.
    pub fn new(
        id: ConversationId,
        service: ServiceName,
        subscriber: Msisdn,
        dialog: (&str, u32),
        channel: Channel,
        at: Moment,
    ) -> Self {
        Self {
            format: FORMAT,
            id,
            service,
            subscriber,
            dialog: dialog.0.to_owned(),
            version: dialog.1,
            revision: 0,
            progress: Progress::Open,
            language: None,
            consent: None,
            page: PageName(String::new()),
            part: 0,
            parts: 1,
            chunk: 0,
            aside: None,
            history: Vec::new(),
            slots: BTreeMap::new(),
            facts: BTreeMap::new(),
            given: BTreeMap::new(),
            queued: Vec::new(),
            entered: false,
            kept: Vec::new(),
            pending: None,
            calls: 0,
            channel,
            stepped_at: at,
        }
    }

    /// Whether anything was given that would be a pity to lose.
    pub fn is_begun(&self) -> bool {
        self.progress == Progress::Open
            && (!self.slots.is_empty()
                || !self.given.is_empty()
                || self.pending.is_some()
                || (self.entered && !self.history.is_empty()))
    }

    /// Whether the screen goes on after the part that is shown.
    pub fn has_more(&self) -> bool {
        self.part + 1 < self.parts
    }

    /// Forgets everything but whose it is, the language and the consent, so that another worker
    /// can use the same phone.
    pub fn reset(&mut self) {
        self.progress = Progress::Open;
        self.page = PageName(String::new());
        (self.part, self.parts, self.chunk) = (0, 1, 0);
        self.aside = None;
        self.history.clear();
        self.slots.clear();
        self.facts.clear();
        self.given.clear();
        self.queued.clear();
        self.entered = false;
        self.kept.clear();
        self.pending = None;
    }
}
