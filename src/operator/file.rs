//! A shape's file as it is written, before it is proved ([`crate::operator::compile`]).

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::callback::Channel;
use crate::operator::api::file::AnswerFile;
use crate::operator::field::Place;
use crate::operator::request::BodyKind;
use crate::operator::sms::file::{IncomingFile, ReceiptsFile, SendFile, SmsSampleFile};
use crate::operator::template::{Choice, Tree};

/// How much of an operator's contract is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// All that the gateway needs.
    Whole,
    /// A part, or what one integrator's source shows and nothing else; the file says what is missing.
    Part,
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It was on a wire.
    Captured,
    /// It stands in a document.
    Documented,
    /// It was put together from the fields of a document.
    Composed,
    /// Nobody knows.
    Guessed,
}

impl Mark {
    /// The word in files and listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Documented => "documented",
            Self::Composed => "composed",
            Self::Guessed => "guessed",
        }
    }
}

/// How an operator comes again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// How often at most.
    pub times: u32,
    /// Milliseconds between.
    pub every_ms: u64,
    /// After what.
    pub after: String,
}

/// The keys of every shape's file, whatever its channel.
#[derive(Clone, Debug)]
pub struct Head {
    /// The name.
    pub name: String,
    /// USSD or SMS.
    pub channel: Channel,
    /// The name for people.
    pub title: String,
    /// What an integrator should know.
    pub about: String,
    /// How much of the contract is known.
    pub known: Known,
    /// Whether links may have it.
    pub enabled: bool,
    /// What is missing of the contract where it is known in part; why it is switched off.
    pub because: String,
    /// The documents.
    pub sources: Vec<String>,
    /// How the operator can show who it is, best first.
    pub authentication: Vec<String>,
    /// How it comes again.
    pub retries: Option<Retries>,
}

macro_rules! shape_file {
    ($(#[$doc:meta])* $name:ident { $($(#[$more:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            shape: String,
            channel: Channel,
            title: String,
            #[serde(default)]
            about: String,
            known: Known,
            #[serde(default = "yes")]
            enabled: bool,
            #[serde(default)]
            because: String,
            sources: Vec<String>,
            #[serde(default)]
            authentication: Vec<String>,
            #[serde(default)]
            retries: Option<Retries>,
            $($(#[$more])* pub $field: $kind,)*
        }

        impl $name {
            /// What it has in common with shapes of the other channel.
            pub fn head(&self) -> Head {
                Head {
                    name: self.shape.clone(),
                    channel: self.channel,
                    title: self.title.clone(),
                    about: self.about.clone(),
                    known: self.known,
                    enabled: self.enabled,
                    because: self.because.clone(),
                    sources: self.sources.clone(),
                    authentication: self.authentication.clone(),
                    retries: self.retries.clone(),
                }
            }
        }
    };
}

fn yes() -> bool {
    true
}

/// The channel of a file, to know how to read the rest.
#[derive(Debug, Deserialize)]
pub struct Peek {
    /// The channel.
    pub channel: Channel,
}

shape_file! {
    /// A file with `channel: ussd`.
    UssdFile {
        /// How the operator asks.
        request: RequestFile,
        /// What it means.
        reads: ReadsFile,
        /// What makes a repeat.
        repeat: RepeatFile,
        /// What it is answered, where the screen is in the answer.
        #[serde(default)]
        reply: Option<ReplyFile>,
        /// Where the screen goes in a request of ours; the callback is then answered what `closed:`
        /// says.
        #[serde(default)]
        push: Option<PushFile>,
        /// What a closed session is answered; an empty 200 where it is not said.
        #[serde(default)]
        closed: Option<ReplyFile>,
        /// What a request is answered that cannot be taken; RFC 9457 where it is not said.
        #[serde(default)]
        refused: Option<ReplyFile>,
        /// What a screen holds.
        limits: LimitsFile,
        /// Within which it wants an answer, in milliseconds.
        deadline_ms: u64,
        /// How long a silent session lives, in milliseconds.
        session_ms: u64,
        /// The operator's codes of networks, and their names.
        #[serde(default)]
        networks: Ordered<String>,
        /// Requests with what they mean.
        samples: Vec<SampleFile>,
    }
}

shape_file! {
    /// A file with `channel: sms`.
    SmsFile {
        /// What subscribers send.
        #[serde(default)]
        incoming: Option<IncomingFile>,
        /// What becomes of messages.
        #[serde(default)]
        receipts: Option<ReceiptsFile>,
        /// How messages go out.
        #[serde(default)]
        send: Option<SendFile>,
        /// Requests with what they mean.
        samples: Vec<SmsSampleFile>,
    }
}

/// `request:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    /// Methods, in capitals.
    pub methods: Vec<String>,
    /// How the body is written.
    #[serde(default)]
    pub body: BodyKind,
    /// Content types, where they are not those of the body.
    #[serde(default)]
    pub content_types: Option<Vec<String>>,
    /// The path below the link, `/session/{session}/{step}`; none where nothing follows the link.
    #[serde(default)]
    pub path: Option<String>,
    /// Its fields.
    pub fields: Ordered<FieldFile>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct FieldFile {
    /// Where it stands.
    pub at: Place,
    /// Where it stands else.
    pub or: Vec<Place>,
    /// Whether a request may come without it.
    pub optional: bool,
    /// See [`crate::operator::field::Field`].
    pub strip: Option<String>,
    /// See there.
    pub after: Option<String>,
    /// See there.
    pub before: Option<String>,
    /// See there.
    pub part: Option<PartFile>,
    /// See there.
    pub digits: bool,
}

/// `part: { of: ";", nth: 1 }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartFile {
    /// The separator.
    pub of: String,
    /// Which one, from 1.
    pub nth: usize,
}

impl<'de> Deserialize<'de> for FieldFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            at: Place,
            #[serde(default)]
            or: Vec<Place>,
            #[serde(default)]
            optional: bool,
            strip: Option<String>,
            after: Option<String>,
            before: Option<String>,
            part: Option<PartFile>,
            #[serde(default)]
            digits: bool,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = FieldFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place such as `form text`, or a map with `at:`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FieldFile, E> {
                Ok(FieldFile {
                    at: text.parse().map_err(E::custom)?,
                    or: Vec::new(),
                    optional: false,
                    strip: None,
                    after: None,
                    before: None,
                    part: None,
                    digits: false,
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldFile, A::Error> {
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(FieldFile {
                    at: long.at,
                    or: long.or,
                    optional: long.optional,
                    strip: long.strip,
                    after: long.after,
                    before: long.before,
                    part: long.part,
                    digits: long.digits,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `reads:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadsFile {
    /// What the field `input` holds.
    pub input: Holds,
    /// What it holds at a dial.
    #[serde(default)]
    pub first: First,
    /// When the subscriber's number is told.
    #[serde(default)]
    pub subscriber: NumberGiven,
    /// When the dialled code is told.
    pub code: CodeGiven,
    /// Whether an id comes again for another session.
    #[serde(default)]
    pub session_ids: SessionIds,
    /// What tells a dial, a key press and an end; may be left out where `input` is a path.
    #[serde(default)]
    pub event: Vec<RuleFile<Is>>,
}

/// What the field `input` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// Everything typed since the dial, joined by `*`.
    Path,
    /// The last thing typed.
    Last,
}

/// What the field `input` holds at a dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum First {
    /// Nothing that counts.
    #[default]
    Nothing,
    /// The code, and what was dialled behind it: `*580*1*1#`, `*580#`, `580`. Of a path: the code
    /// stands before it in every request.
    Dialled,
    /// What was dialled behind the code: `1*1`.
    Rest,
}

/// When the subscriber's number is told in the field `subscriber`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberGiven {
    /// In every request.
    #[default]
    Always,
    /// At the dial; afterwards the session's id tells whose it is.
    First,
}

/// When the dialled code is told in the field `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeGiven {
    /// In every request.
    Always,
    /// In the first one of a session.
    First,
    /// Never: the link has one service.
    Never,
}

/// Whether an id of a session comes again for another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionIds {
    /// No.
    #[default]
    Unique,
    /// Yes; so it is without ids.
    Recur,
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Is {
    /// A session begins.
    New,
    /// Something was typed.
    Continue,
    /// The session is over.
    End,
    /// The operator does not say: a dial where the session is unknown.
    Unsaid,
    /// Nothing that counts: it is acknowledged.
    Ignored,
}

/// One rule: a field, what is asked of it, what it means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile<T> {
    /// The field's name; none where the rule always holds.
    #[serde(default)]
    pub field: Option<String>,
    /// It is one of these.
    #[serde(default)]
    pub equals: Option<Vec<String>>,
    /// It is there, and none of these.
    #[serde(default)]
    pub other_than: Option<Vec<String>>,
    /// It begins with one of these.
    #[serde(default)]
    pub begins: Option<Vec<String>>,
    /// It is there, or not.
    #[serde(default)]
    pub given: Option<bool>,
    /// There is nothing in it, or something.
    #[serde(default)]
    pub empty: Option<bool>,
    /// Whether capitals and small letters are the same.
    #[serde(default)]
    pub any_case: bool,
    /// What it means.
    pub is: T,
}

/// `repeat:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepeatFile {
    /// The cumulative path tells.
    Path,
    /// Nothing tells.
    None,
    /// These fields together are an id.
    Key(Vec<String>),
}

impl<'de> Deserialize<'de> for RepeatFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Key {
            key: Vec<String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RepeatFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`path`, `none`, or `key:` with names of fields")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RepeatFile, E> {
                match text {
                    "path" => Ok(RepeatFile::Path),
                    "none" => Ok(RepeatFile::None),
                    _ => Err(E::custom(
                        "expected `path`, `none`, or `key:` with names of fields",
                    )),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RepeatFile, A::Error> {
                let key = Key::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RepeatFile::Key(key.key))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `reply:`, `closed:` or `refused:`; one of `text`, `json`, `xml`, or none for an empty body.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyFile {
    /// The status; 200, or of `refused:` that of the fault, where it is not said. A wrong method, path
    /// or content type keeps its own.
    #[serde(default)]
    pub status: Option<u16>,
    /// The content type, where it is not that of the body.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: Ordered<Choice<String>>,
    /// A text.
    #[serde(default)]
    pub text: Option<Choice<String>>,
    /// XML; what is filled in is escaped.
    #[serde(default)]
    pub xml: Option<Choice<String>>,
    /// JSON.
    #[serde(default)]
    pub json: Option<Tree>,
    /// Characters that a text or XML cannot hold as they are, and what stands for each, unescaped:
    /// `{ "|": "/" }`.
    #[serde(default)]
    pub replace: Ordered<String>,
}

/// `push:`; one of `text`, `json`, `xml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushFile {
    /// The method.
    #[serde(default = "post")]
    pub method: String,
    /// The path behind the link's `url`, with its query.
    #[serde(default)]
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: Ordered<Choice<String>>,
    /// Whether user and secret go as Basic.
    #[serde(default)]
    pub basic: bool,
    /// The content type, where it is not that of the body.
    #[serde(default)]
    pub content_type: Option<String>,
    /// A text.
    #[serde(default)]
    pub text: Option<Choice<String>>,
    /// XML; what is filled in is escaped.
    #[serde(default)]
    pub xml: Option<Choice<String>>,
    /// JSON.
    #[serde(default)]
    pub json: Option<Tree>,
    /// As in `reply:`.
    #[serde(default)]
    pub replace: Ordered<String>,
    /// What the operator answers; where it is not said, a status 2xx means that it took the screen.
    #[serde(default)]
    pub answer: Option<AnswerFile>,
}

fn post() -> String {
    "POST".to_owned()
}

/// `limits:`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Septets of a screen in the GSM alphabet.
    pub septets: usize,
    /// UCS-2 units of any other.
    pub units: usize,
}

/// One sample.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleFile {
    /// What it is, in a few words.
    pub what: String,
    /// Where it comes from.
    pub mark: Mark,
    /// Its document.
    pub source: String,
    /// When that was read, `2026-10-09`.
    pub date: String,
    /// The request: a line with method and path below the link, headers, an empty line, the body.
    pub request: String,
    /// Who dialled the session, where the number is told at the dial only: what the ledger would say.
    #[serde(default)]
    pub dialled_by: Option<String>,
    /// What is read of it.
    pub reads: Ordered<String>,
    /// A screen to answer with.
    #[serde(default)]
    pub screen: Option<String>,
    /// Whether that ends the session.
    #[serde(default)]
    pub ends: bool,
    /// The answer: a line with the status, headers, an empty line, the body.
    #[serde(default)]
    pub answer: Option<String>,
    /// Of a shape with `push:`: what is posted, a line with method and path behind the link's `url`,
    /// headers, an empty line, the body.
    #[serde(default)]
    pub pushed: Option<String>,
}

/// A map in the order of the file.
#[derive(Clone, Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordered<T> {
    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
