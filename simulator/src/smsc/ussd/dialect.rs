//! How each operator fills the parameters: one table, a row a dialect.

use std::fmt;
use std::str::FromStr;

/// The way in which an operator carries USSD over SMPP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// As Tata does.
    #[default]
    Default,
    /// As 6D platforms do.
    Sixdee,
    /// As the Mica gateway does.
    Mica,
    /// With the network's own operations: PSSR asks, PSSR ends.
    Pssr,
    /// The last screen is a notification, which is confirmed.
    Notify,
}

/// No dialect of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no dialect {0:?}; it is one of default, sixdee, mica, pssr, notify")]
pub struct NoDialect(String);

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Default,
        Self::Sixdee,
        Self::Mica,
        Self::Pssr,
        Self::Notify,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Sixdee => "sixdee",
            Self::Mica => "mica",
            Self::Pssr => "pssr",
            Self::Notify => "notify",
        }
    }

    /// Its row.
    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::Default => &DEFAULT,
            Self::Sixdee => &SIXDEE,
            Self::Mica => &MICA,
            Self::Pssr => &PSSR,
            Self::Notify => &NOTIFY,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = NoDialect;

    fn from_str(name: &str) -> Result<Self, NoDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| NoDialect(name.to_owned()))
    }
}

/// Where the session's id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdIn {
    /// In `its_session_info` but for bit 0, which ends the session.
    SessionInfo,
    /// The whole `its_session_info`, which comes back as it went.
    SessionInfoEchoed,
    /// In `user_message_reference`.
    Reference,
}

/// Where the dialled code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeIn {
    /// In `destination_addr`.
    Destination,
    /// In the first `short_message`.
    Text,
    /// In either of them.
    Either,
}

/// How something is said: an operation (or none), and the end's bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub op: Option<u8>,
    pub end_bit: bool,
}

/// A dialect as data. Operations are values of `ussd_service_op` (SMPP 3.4, 5.3.2.44).
#[derive(Debug)]
pub(super) struct Rules {
    /// A phone dials.
    pub new: u8,
    /// It answers a screen.
    pub go_on: &'static [u8],
    /// It hangs up; nothing where the gateway is not told.
    pub abort: &'static [Way],
    /// The gateway's screen waits for an answer.
    pub wait: u8,
    /// The gateway's screen is the last.
    pub end: Way,
    /// What the platform sends when the last screen was shown.
    pub confirms_end: Option<u8>,
    pub id_in: IdIn,
    pub code_in: CodeIn,
}

const fn op(op: u8) -> Way {
    Way {
        op: Some(op),
        end_bit: false,
    }
}

const fn op_with_bit(op: u8) -> Way {
    Way {
        op: Some(op),
        end_bit: true,
    }
}

const DEFAULT: Rules = Rules {
    new: 0x01,
    go_on: &[0x02, 0x12],
    abort: &[op(0x11), op_with_bit(0x12)],
    wait: 0x02,
    end: op_with_bit(0x02),
    confirms_end: None,
    id_in: IdIn::SessionInfo,
    code_in: CodeIn::Destination,
};

const SIXDEE: Rules = Rules {
    new: 0x01,
    go_on: &[0x12],
    abort: &[op(0x81), op_with_bit(0x12)],
    wait: 0x02,
    end: op_with_bit(0x17),
    confirms_end: None,
    id_in: IdIn::SessionInfo,
    code_in: CodeIn::Either,
};

const MICA: Rules = Rules {
    new: 0x01,
    go_on: &[0x12],
    abort: &[op(0x81)],
    wait: 0x02,
    end: op(0x17),
    confirms_end: None,
    id_in: IdIn::Reference,
    code_in: CodeIn::Text,
};

const PSSR: Rules = Rules {
    new: 0x01,
    go_on: &[0x12],
    abort: &[],
    wait: 0x02,
    end: op(0x11),
    confirms_end: None,
    id_in: IdIn::SessionInfoEchoed,
    code_in: CodeIn::Destination,
};

const NOTIFY: Rules = Rules {
    new: 0x01,
    go_on: &[0x12],
    abort: &[Way {
        op: None,
        end_bit: false,
    }],
    wait: 0x02,
    end: op(0x03),
    confirms_end: Some(0x13),
    id_in: IdIn::Reference,
    code_in: CodeIn::Text,
};
