//! The dialects of USSD over SMPP, as data. The files have every key; a link overrides what is
//! different at its operator.

use serde::Deserialize;

/// The dialects that are built in, by name.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("default", include_str!("../dialects/default.yaml")),
    ("sixdee", include_str!("../dialects/sixdee.yaml")),
    ("mica", include_str!("../dialects/mica.yaml")),
    ("pssr", include_str!("../dialects/pssr.yaml")),
    ("notify", include_str!("../dialects/notify.yaml")),
];

/// Nodes that a dialect can have; the longest here has some forty.
const NODES_MAX: usize = 400;
/// How deep they are nested at most.
const DEPTH_MAX: usize = 4;

/// How an operator speaks USSD over SMPP. Operations are values of ussd_service_op.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// Operations that begin a session.
    pub new: Vec<u8>,
    /// Whether a text that is one of our codes begins a session, whatever the operation.
    pub new_by_code: bool,
    /// Operations of an answer of the subscriber.
    #[serde(rename = "continue")]
    pub carry_on: Ops,
    /// Operations by which a session is over.
    pub abort: Vec<u8>,
    /// Whether bit 0 of its_session_info says so too.
    pub abort_by_end_bit: bool,
    /// Operations that only confirm what was sent.
    pub confirm: Vec<u8>,
    /// What a message without an operation is.
    pub without_op: WithoutOp,
    /// The operation of a screen that waits for an answer.
    pub reply_and_wait: u8,
    /// The operation of the last screen.
    pub reply_and_end: u8,
    /// Whether the last screen sets bit 0 of its_session_info.
    pub end_bit: bool,
    /// Where the id of the session stands.
    pub session: SessionIn,
    /// The bits of it, of the last two octets, that are the same throughout a session.
    pub session_mask: u16,
    /// What bits 7 to 1 of its_session_info's second octet are.
    pub sequence: Sequence,
    /// Where the dialled code stands.
    pub code: CodeIn,
    /// Where the text of an answer goes; it is read from either.
    pub text: TextIn,
    /// service_type of an answer, at most 5 octets.
    pub service_type: String,
    /// Values of data_coding that mean the GSM alphabet, one septet an octet.
    pub gsm7_in: Vec<u8>,
    /// Values of data_coding that mean UCS-2. What is in neither list is read as for a message.
    pub ucs2_in: Vec<u8>,
    /// data_coding of an answer in the GSM alphabet.
    pub gsm7: u8,
    /// data_coding of an answer in UCS-2.
    pub ucs2: u8,
    /// Septets of a screen.
    pub septets: usize,
    /// UCS-2 units of a screen.
    pub units: usize,
    /// Milliseconds within which the operator wants an answer.
    pub deadline_ms: u64,
    /// Milliseconds that a silent session lives.
    pub session_ms: u64,
}

/// A set of operations: those listed, or all but those.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Ops {
    /// These.
    Of(Vec<u8>),
    /// Every other.
    AllBut {
        /// Than these.
        all_but: Vec<u8>,
    },
}

impl Ops {
    /// Whether this operation is one of them.
    pub fn has(&self, op: u8) -> bool {
        match self {
            Self::Of(ops) => ops.contains(&op),
            Self::AllBut { all_but } => !all_but.contains(&op),
        }
    }
}

/// What a message without ussd_service_op is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutOp {
    /// An SMS.
    Sms,
    /// The end of a session; an SMS only where it has the marks of one: a text for one of our
    /// short numbers, and no session.
    Abort,
}

/// Where the id of a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionIn {
    /// In its_session_info.
    ItsSessionInfo,
    /// In user_message_reference.
    UserMessageReference,
}

/// What bits 7 to 1 of its_session_info's second octet are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// Nothing by themselves: a part of the session's id as far as the mask has them, and otherwise
    /// left alone.
    None,
    /// The number of the exchange, moved by the operator. An answer has the one of its question.
    Echoed,
    /// The same, but an answer has the next.
    Next,
}

/// Where the dialled code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeIn {
    /// In destination_addr.
    DestinationAddr,
    /// In the first text.
    ShortMessage,
    /// In the first text, or else in destination_addr.
    Either,
}

/// Where the text of an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextIn {
    /// Into short_message.
    ShortMessage,
    /// Into message_payload.
    MessagePayload,
}

/// Why there is no such dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// It is not built in.
    #[error("there is no dialect {0}: take one of default, sixdee, mica, pssr, notify")]
    Unknown(String),
    /// Its file is wrong.
    #[error("the dialect {name} cannot be read: {what}")]
    Wrong {
        /// Which.
        name: String,
        /// What was expected, and where.
        what: String,
    },
}

impl Dialect {
    /// A built-in dialect.
    ///
    /// # Errors
    /// [`DialectError`].
    pub fn built_in(name: &str) -> Result<Self, DialectError> {
        let (_, file) = BUILT_IN
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| DialectError::Unknown(name.to_owned()))?;
        Self::parse(name, file)
    }

    /// Reads a dialect's file.
    ///
    /// # Errors
    /// [`DialectError::Wrong`], with the place.
    pub fn parse(name: &str, file: &str) -> Result<Self, DialectError> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0 },
        };
        serde_saphyr::from_str_with_options(file, options).map_err(|error| DialectError::Wrong {
            name: name.to_owned(),
            what: error
                .without_snippet()
                .render_with_formatter(&serde_saphyr::DefaultMessageFormatter),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// The table of the sources, as it was written down from the processors of vumi, the manual of
    /// TOPS and public samples of integration.
    const TABLE: &str = "
| dialect | new | continue in | abort in | reply and wait | reply and end | session id | dialled code in |
|---|---|---|---|---|---|---|---|
| default | 0x01 | 0x02, 0x12 | 0x11 or end bit | 0x02 | 0x02 + end bit | its_session_info & 0xfffe | destination_addr |
| sixdee | 0x01 | 0x12 | 0x81 or end bit | 0x02 | 0x17 + end bit | its_session_info & 0xfffe | first short_message, or destination_addr |
| mica | 0x01 | 0x12 | 0x81 | 0x02 | 0x17 | user_message_reference | first short_message |
| pssr | 0x01 | 0x12 | - | 0x02 | 0x11 | its_session_info echoed | destination_addr |
| notify | first text is the code | not 0x13 | op missing | 0x02 | 0x03, then 0x13 comes as confirmation | user_message_reference | first short_message |
";

    fn hex(ops: &[u8]) -> String {
        let shown: Vec<String> = ops.iter().map(|op| format!("{op:#04x}")).collect();
        shown.join(", ")
    }

    fn row(name: &str, dialect: &Dialect) -> String {
        let new = match dialect.new_by_code {
            true if dialect.new.is_empty() => "first text is the code".to_owned(),
            _ => hex(&dialect.new),
        };
        let carry_on = match &dialect.carry_on {
            Ops::Of(ops) => hex(ops),
            Ops::AllBut { all_but } => format!("not {}", hex(all_but)),
        };
        let mut abort: Vec<String> = dialect.abort.iter().map(|op| hex(&[*op])).collect();
        if dialect.abort_by_end_bit {
            abort.push("end bit".to_owned());
        }
        if dialect.without_op == WithoutOp::Abort {
            abort.push("op missing".to_owned());
        }
        let abort = match abort.is_empty() {
            true => "-".to_owned(),
            false => abort.join(" or "),
        };
        let mut end = hex(&[dialect.reply_and_end]);
        if dialect.end_bit {
            end.push_str(" + end bit");
        }
        if !dialect.confirm.is_empty() {
            end.push_str(&format!(
                ", then {} comes as confirmation",
                hex(&dialect.confirm)
            ));
        }
        let session = match (dialect.session, dialect.session_mask) {
            (SessionIn::ItsSessionInfo, 0xffff) => "its_session_info echoed".to_owned(),
            (SessionIn::ItsSessionInfo, mask) => format!("its_session_info & {mask:#06x}"),
            (SessionIn::UserMessageReference, mask) => {
                assert_eq!(mask, 0xffff);
                "user_message_reference".to_owned()
            }
        };
        let code = match dialect.code {
            CodeIn::DestinationAddr => "destination_addr",
            CodeIn::ShortMessage => "first short_message",
            CodeIn::Either => "first short_message, or destination_addr",
        };
        let wait = hex(&[dialect.reply_and_wait]);
        format!("| {name} | {new} | {carry_on} | {abort} | {wait} | {end} | {session} | {code} |")
    }

    #[test]
    fn the_files_say_what_the_table_says() {
        let rows: Vec<&str> = TABLE.lines().skip(3).collect();
        let shown: Vec<String> = BUILT_IN
            .iter()
            .map(|(name, _)| row(name, &Dialect::built_in(name).unwrap()))
            .collect();
        assert_eq!(shown, rows);
    }

    #[test]
    fn sizes_codings_and_times_begin_alike() {
        for (name, _) in BUILT_IN {
            let dialect = Dialect::built_in(name).unwrap();
            let screen = crate::screen::Limit {
                septets: dialect.septets,
                units: dialect.units,
            };
            assert_eq!(screen, crate::screen::Limit::USSD, "{name}");
            assert_eq!((dialect.gsm7, dialect.ucs2), (0x0f, 0x48), "{name}");
            assert_eq!(
                (dialect.deadline_ms, dialect.session_ms),
                (5_000, 180_000),
                "{name}"
            );
            assert_eq!(dialect.sequence, Sequence::None, "{name}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_place() {
        let (_, file) = BUILT_IN[0];
        for (from, to, says) in [
            ("code: destination_addr", "code: nowhere", "nowhere"),
            ("reply_and_wait: 0x02", "reply_and_wait: 0x100", "line 9"),
            ("end_bit: true\n", "end_bitt: true\n", "end_bitt"),
            ("deadline_ms: 5000\n", "", "deadline_ms"),
        ] {
            assert!(file.contains(from), "{from}");
            let error = Dialect::parse("default", &file.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(Dialect::built_in("tata").is_err());
    }
}
