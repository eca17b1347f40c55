//! Dialog definitions: pages and slots, as a file in `dialogs/` describes them.
//!
//! A [`Dialog`] exists only if `load` has proved it: every target is a page, every outcome is
//! handled, every slot and fact that a guard reads is declared. So the engine may index.

pub mod fields;
pub mod graph;
pub mod guard;
pub mod lists;
pub mod load;
pub mod marks;
pub mod proof;
pub mod sure;
pub mod tree;

use std::collections::BTreeMap;

use crate::conversation::{CallKind, PageName, SlotName};
use crate::dialog::guard::Guard;
use crate::dialog::lists::ListName;

/// A checked dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Its name, the same as its file's.
    pub name: String,
    /// Grows with each change that matters to a running conversation.
    pub version: u32,
    /// The version of the consent text; a number agrees once per version.
    pub consent: u32,
    /// Where every conversation begins: the first arrow whose guard holds.
    pub start: Vec<Arrow>,
    /// The page at which dial strings and one-text messages begin to be used.
    pub entry: PageName,
    /// Where a one-text message leads from the entry page, and the slots that it can fill.
    pub one_text: Option<OneText>,
    /// The typed values that it collects.
    pub slots: BTreeMap<SlotName, SlotKind>,
    /// The pages.
    pub pages: BTreeMap<PageName, Page>,
}

/// What one message that says it all leads to.
#[derive(Clone, Debug)]
pub struct OneText {
    /// The page at which it goes on, with the slots filled that the text gave.
    pub to: PageName,
}

/// What a slot holds, and how what is typed for it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// One of these words, by a menu.
    Choice(Vec<String>),
    /// A key of a list, by a menu over that list.
    Listed(ListName),
    /// The number of the identity document whose kind the slot `id_type` holds (`cnie`,
    /// `sejour`).
    Identity,
    /// The expiry date of an identity document: real, not beyond today + 10 years + 1 month.
    Expiry,
    /// A birth date: real, age 16 to 110.
    Birth,
    /// A six-digit one-time code. Sealed: never shown.
    Code,
    /// An e-mail address.
    Email,
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The Fluent message of its text.
    pub text: String,
    /// What it does.
    pub kind: PageKind,
    /// Arriving here forgets the pages behind, so that nobody goes back over a code or an effect.
    pub no_back: bool,
    /// A redial or a text within 30 minutes lands here directly, without "continue, start over".
    pub direct: bool,
    /// A message to keep, sent once on arriving, by the Fluent message of its text.
    pub sms: Option<String>,
    /// Where help for this very page is said, if anything more than the general help is.
    pub help: Option<String>,
}

/// The closed set of page kinds.
#[derive(Clone, Debug)]
pub enum PageKind {
    /// Fixed options.
    Menu {
        /// One to five of them.
        options: Vec<Choice>,
    },
    /// Options from a list of the catalogue, five a screen; the choice fills a slot.
    List {
        /// The list.
        list: ListName,
        /// The slot that names the item within which the list stands (a group for categories, a
        /// region for cities).
        within: Option<SlotName>,
        /// The slot that takes the choice.
        slot: SlotName,
        /// Where the choice leads.
        then: Vec<Arrow>,
    },
    /// Asks for a slot.
    Ask {
        /// The slot.
        slot: SlotName,
        /// Where a good answer leads.
        then: Vec<Arrow>,
        /// Keys beside the answer, such as "1 send the code again"; at most two.
        options: Vec<Choice>,
    },
    /// Asks the desk, or has it change something; shows nothing itself.
    Call {
        /// What.
        call: CallKind,
        /// Where each outcome leads; all of [`CallKind::outcomes`].
        outcomes: BTreeMap<String, Vec<Arrow>>,
        /// The `Wait` page for when the answer is late; exactly where it may be.
        later: Option<PageName>,
    },
    /// Tells something.
    Say {
        /// Options below the text; may be none.
        options: Vec<Choice>,
    },
    /// Ends the USSD session and keeps the place open until an answer comes.
    Wait,
    /// Ends the conversation.
    End,
}

/// One fixed option.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The Fluent message of its label; its attribute `.words` lists further accepted words,
    /// separated by commas.
    pub label: String,
    /// The slot it fills, and the word.
    pub set: Option<(SlotName, String)>,
    /// What it does beside going on.
    pub act: Option<Act>,
    /// Where it leads.
    pub then: Vec<Arrow>,
}

/// What a choice does beside going on. The set is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `speak: LANG`: the language of this number from now on.
    Speak(String),
    /// `agree: true`: the number agrees to the consent text.
    Agree,
    /// `agree: false`: it refuses; what was typed is forgotten.
    Refuse,
    /// `forget: [slots]`: these slots are to be asked again.
    Forget(Vec<SlotName>),
}

/// Where to go on, under a condition.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// It is taken when this holds; the last of a list has none.
    pub when: Option<Guard>,
    /// Where it leads.
    pub to: Target,
}

/// The end of an arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A page.
    Page(PageName),
    /// `start`: the dialog's own start arrows.
    Start,
    /// `back`: the page before.
    Back,
}

/// What the gateway itself knows, readable by guards like facts: the number has chosen a language,
/// has agreed to the consent text in force, and the channel of the present screen.
pub const KNOWN: &[(&str, FactKind)] = &[
    ("language_known", FactKind::Flag),
    ("consent_given", FactKind::Flag),
    ("channel", FactKind::Word(&["ussd", "sms"])),
];

/// Why somebody is not eligible, as the registry's contract has it; texts say more of `other`.
pub const REASONS: [&str; 5] = ["salaried", "public", "tadamon", "pensioner", "other"];

/// The facts that the desk's answers set and that guards and texts may read, with their types.
/// A guard that reads a flag or a word before it was set reads `false` or no word.
pub const FACTS: &[(&str, FactKind)] = &[
    // registry.lookup
    (
        "status",
        FactKind::Word(&["registered", "subject", "not_eligible"]),
    ),
    ("account", FactKind::Flag),
    ("caller", FactKind::Word(&["on_file", "other", "none"])),
    ("policy", FactKind::Word(&["guide", "agency"])),
    ("registration", FactKind::Text),
    ("reason", FactKind::Word(&REASONS)),
    ("reason_text", FactKind::Text),
    ("person_name", FactKind::Text),
    ("person_address", FactKind::Text),
    ("person_email", FactKind::Text),
    ("person_phone", FactKind::Text),
    ("password_on_its_way", FactKind::Flag),
    // codes
    ("proved", FactKind::Flag),
    ("tries_left", FactKind::Number),
    ("wait_seconds", FactKind::Number),
];

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text that is only shown.
    Text,
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
}
