//! What a running gateway goes by: services, links, dialogs, texts and lists, swapped as one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::callback::{LinkName, ServiceName};
use crate::conversation::Conversation;
use crate::dialog::Dialog;
use crate::dialog::lists::Lists;
use crate::engine::{Examples, Script};
use crate::locale::Locales;
use crate::render::{ServiceWords, Wording};
use crate::screen::Limit;

/// One offering.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The dialog with which new conversations begin.
    pub dialog: Arc<Dialog>,
    /// Its codes, `*580#`.
    pub ussd: Vec<String>,
    /// Its short numbers.
    pub sms: Vec<String>,
    /// The keywords with which a text may begin.
    pub keywords: Vec<String>,
    /// The words that its texts mention.
    pub words: ServiceWords,
    /// The link on which its messages go.
    pub sms_link: LinkName,
}

/// What the gateway minds of a link.
#[derive(Clone, Copy, Debug)]
pub struct LinkRules {
    /// What a screen on it holds.
    pub limit: Limit,
    /// How soon the operator wants an answer.
    pub deadline: Duration,
    /// How long a silent session lives.
    pub session: Duration,
    /// Whether an id of a session comes again for another one.
    pub ids_recur: bool,
    /// Whether its screens go in requests of ours, so that one may be lost behind its callback.
    pub posted: bool,
}

impl Default for LinkRules {
    /// Africa's Talking: 15 s for the application, 180 s a session.
    fn default() -> Self {
        Self {
            limit: Limit::USSD,
            deadline: Duration::from_secs(15),
            session: Duration::from_secs(180),
            ids_recur: false,
            posted: false,
        }
    }
}

/// Who gets a code when the registry holds no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoNumberOnFile {
    /// The calling number, as the guide has it.
    Guide,
    /// Nobody: the agency sees the person.
    Agency,
}

impl NoNumberOnFile {
    /// The word in the configuration and in guards.
    pub fn word(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Agency => "agency",
        }
    }
}

/// What a running gateway goes by.
pub struct Book {
    /// Services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Links by name.
    pub links: BTreeMap<LinkName, LinkRules>,
    /// The texts.
    pub locales: Locales,
    /// The lists.
    pub lists: Lists,
    /// The examples of the prompts.
    pub examples: Examples,
    /// The agency's choice.
    pub no_number_on_file: NoNumberOnFile,
    /// Whether the registry makes and delivers temporary passwords itself.
    pub registry_delivers_password: bool,
}

impl Book {
    /// What the engine reads for a conversation of this service.
    pub fn script<'a>(&'a self, service: &'a Service) -> Script<'a> {
        Script {
            dialog: &service.dialog,
            lists: &self.lists,
            labels: &self.locales,
            examples: &self.examples,
            keywords: &service.keywords,
        }
    }

    /// What rendering reads for it.
    pub fn wording<'a>(&'a self, service: &'a Service) -> Wording<'a> {
        Wording {
            locales: &self.locales,
            script: self.script(service),
            service: &service.words,
        }
    }

    /// Whether a stored conversation can go on: its dialog is still here in its version.
    pub fn knows(&self, conversation: &Conversation) -> bool {
        self.services
            .get(&conversation.service)
            .is_some_and(|service| {
                service.dialog.name == conversation.dialog
                    && service.dialog.version == conversation.version
            })
    }
}
