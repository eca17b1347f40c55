//! The settings of USSD on a link over SMPP: `[link.ussd]`. A dialect gives every value; each can
//! be said otherwise.

use std::time::Duration;

use serde::Deserialize;

use crate::callback::ServiceName;
use crate::screen::Limit;
use crate::screen::fit::LIMIT_MIN;
use crate::smpp::config::SettingFault;
use crate::smpp::pdu::SHORT_MESSAGE_MAX;
use crate::smpp::ussd::Dialect;
use crate::smpp::ussd::dialect::{
    CodeIn, DialectError, Ops, Sequence, SessionIn, TextIn, WithoutOp,
};

/// The least time for an answer, of which a second is kept back for saving and the way.
const DEADLINE_MS_MIN: u64 = 2_000;
/// The least life of a session: less than one answer's time is none.
const SESSION_MS_MIN: u64 = 5_000;

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// `[link.ussd]`. What is not said is as the dialect has it; see [`Dialect`] for each.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct UssdConfig {
            /// `default`, `sixdee`, `mica`, `pssr` or `notify`.
            #[serde(default = "default_dialect")]
            pub dialect: String,
            /// The services whose codes can be dialled on it; none means those of the link.
            #[serde(default)]
            pub services: Vec<String>,
            /// Turns under way at the same time, at most; then new sessions are turned away with a
            /// sentence.
            #[serde(default = "at_once")]
            pub at_once: usize,
            $($(#[$doc])* #[serde(default)] pub $field: Option<$type>,)*
            /// See [`Dialect::carry_on`].
            #[serde(default, rename = "continue")]
            pub carry_on: Option<Ops>,
        }

        impl UssdConfig {
            /// A dialect as its file has it.
            pub fn of(dialect: &str) -> Self {
                Self {
                    dialect: dialect.to_owned(),
                    services: Vec::new(),
                    at_once: at_once(),
                    $($field: None,)*
                    carry_on: None,
                }
            }

            /// The dialect with everything that is said otherwise.
            fn merged(&self) -> Result<Dialect, DialectError> {
                let mut dialect = Dialect::built_in(&self.dialect)?;
                $(if let Some(given) = &self.$field {
                    dialect.$field.clone_from(given);
                })*
                if let Some(given) = &self.carry_on {
                    dialect.carry_on.clone_from(given);
                }
                Ok(dialect)
            }
        }
    };
}

settings! {
    /// See [`Dialect::new`].
    new: Vec<u8>,
    /// See [`Dialect::new_by_code`].
    new_by_code: bool,
    /// See [`Dialect::abort`].
    abort: Vec<u8>,
    /// See [`Dialect::abort_by_end_bit`].
    abort_by_end_bit: bool,
    /// See [`Dialect::confirm`].
    confirm: Vec<u8>,
    /// See [`Dialect::without_op`].
    without_op: WithoutOp,
    /// See [`Dialect::reply_and_wait`].
    reply_and_wait: u8,
    /// See [`Dialect::reply_and_end`].
    reply_and_end: u8,
    /// See [`Dialect::end_bit`].
    end_bit: bool,
    /// See [`Dialect::session`].
    session: SessionIn,
    /// See [`Dialect::session_mask`].
    session_mask: u16,
    /// See [`Dialect::sequence`].
    sequence: Sequence,
    /// See [`Dialect::code`].
    code: CodeIn,
    /// See [`Dialect::text`].
    text: TextIn,
    /// See [`Dialect::service_type`].
    service_type: String,
    /// See [`Dialect::gsm7_in`].
    gsm7_in: Vec<u8>,
    /// See [`Dialect::ucs2_in`].
    ucs2_in: Vec<u8>,
    /// See [`Dialect::gsm7`].
    gsm7: u8,
    /// See [`Dialect::ucs2`].
    ucs2: u8,
    /// See [`Dialect::septets`].
    septets: usize,
    /// See [`Dialect::units`].
    units: usize,
    /// See [`Dialect::deadline_ms`].
    deadline_ms: u64,
    /// See [`Dialect::session_ms`].
    session_ms: u64,
}

fn default_dialect() -> String {
    "default".to_owned()
}

fn at_once() -> usize {
    256
}

/// USSD on one link, ready to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UssdSettings {
    /// How it is spoken.
    pub dialect: Dialect,
    /// The codes that can be dialled on it, and the service of each.
    pub codes: Vec<(String, ServiceName)>,
    /// Turns under way at the same time, at most.
    pub at_once: usize,
}

impl UssdConfig {
    /// The settings with every value, proved.
    ///
    /// # Errors
    /// [`SettingFault`] names the key.
    pub fn settings(
        &self,
        codes: Vec<(String, ServiceName)>,
    ) -> Result<UssdSettings, SettingFault> {
        let dialect = self.merged().map_err(|error| {
            SettingFault::new(
                "ussd.dialect",
                error.to_string(),
                "each value of it can then be said otherwise",
            )
        })?;
        prove(&dialect)?;
        if self.at_once == 0 {
            return Err(fault(
                "ussd.at_once",
                "nobody could dial",
                "give at least 1",
            ));
        }
        Ok(UssdSettings {
            dialect,
            codes,
            at_once: self.at_once,
        })
    }
}

impl UssdSettings {
    /// The services that can be dialled, each once.
    pub fn services(&self) -> Vec<ServiceName> {
        let mut services: Vec<ServiceName> = Vec::new();
        for (_, service) in &self.codes {
            if !services.contains(service) {
                services.push(service.clone());
            }
        }
        services
    }

    /// What a screen holds.
    pub fn limit(&self) -> Limit {
        Limit {
            septets: self.dialect.septets,
            units: self.dialect.units,
        }
    }

    /// Within which the operator wants an answer.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.dialect.deadline_ms)
    }

    /// How long a silent session lives.
    pub fn session(&self) -> Duration {
        Duration::from_millis(self.dialect.session_ms)
    }
}

fn fault(key: &'static str, message: &str, mend: &str) -> SettingFault {
    SettingFault::new(key, message, mend)
}

fn prove(dialect: &Dialect) -> Result<(), SettingFault> {
    if dialect.septets < LIMIT_MIN.septets || dialect.units < LIMIT_MIN.units {
        let key = if dialect.septets < LIMIT_MIN.septets {
            "ussd.septets"
        } else {
            "ussd.units"
        };
        return Err(fault(
            key,
            "a screen is too small for any text",
            &format!(
                "give at least {} septets and {} units",
                LIMIT_MIN.septets, LIMIT_MIN.units
            ),
        ));
    }
    let units_max = SHORT_MESSAGE_MAX / 2;
    if dialect.text == TextIn::ShortMessage
        && (dialect.septets > SHORT_MESSAGE_MAX || dialect.units > units_max)
    {
        let key = if dialect.septets > SHORT_MESSAGE_MAX {
            "ussd.septets"
        } else {
            "ussd.units"
        };
        return Err(fault(
            key,
            "a screen is longer than short_message can be",
            &format!(
                "give at most {SHORT_MESSAGE_MAX} septets and {units_max} units, or text = \"message_payload\""
            ),
        ));
    }
    if dialect.septets > SCREEN_MAX || dialect.units > SCREEN_MAX {
        let key = if dialect.septets > SCREEN_MAX {
            "ussd.septets"
        } else {
            "ussd.units"
        };
        return Err(fault(
            key,
            "no network shows that much",
            &format!("give at most {SCREEN_MAX}"),
        ));
    }
    if dialect.deadline_ms < DEADLINE_MS_MIN {
        return Err(fault(
            "ussd.deadline_ms",
            "there is no time to answer",
            &format!("give at least {DEADLINE_MS_MIN} milliseconds"),
        ));
    }
    if dialect.session_ms < SESSION_MS_MIN {
        return Err(fault(
            "ussd.session_ms",
            "a session has no time for an answer",
            &format!("give at least {SESSION_MS_MIN} milliseconds"),
        ));
    }
    if dialect.service_type.len() > 5 || dialect.service_type.contains('\0') {
        return Err(fault(
            "ussd.service_type",
            "it does not fit its field",
            "give at most 5 letters",
        ));
    }
    if dialect.new.is_empty() && !dialect.new_by_code {
        return Err(fault(
            "ussd.new",
            "no session could ever begin",
            "name an operation, or set new_by_code",
        ));
    }
    if dialect.end_bit && dialect.session != SessionIn::ItsSessionInfo {
        return Err(fault(
            "ussd.end_bit",
            "user_message_reference has no such bit",
            "set session = \"its_session_info\", or end_bit = false",
        ));
    }
    if dialect.reply_and_wait == dialect.reply_and_end && !dialect.end_bit {
        return Err(fault(
            "ussd.reply_and_end",
            "nothing would tell the last screen from the others",
            "give it an operation of its own, or set end_bit = true",
        ));
    }
    let twice = dialect.new.iter().find(|op| {
        dialect.abort.contains(op)
            || dialect.confirm.contains(op)
            || listed(&dialect.carry_on, **op)
    });
    let twice = twice.or_else(|| {
        let mut abort = dialect.abort.iter();
        abort.find(|op| dialect.confirm.contains(op) || listed(&dialect.carry_on, **op))
    });
    if let Some(op) = twice {
        return Err(fault(
            "ussd.new",
            &format!("the operation {op:#04x} means two things"),
            "name it once",
        ));
    }
    Ok(())
}

/// Septets or units of a screen, at most: what a message_payload of a few parts carries.
const SCREEN_MAX: usize = 1_000;

fn listed(ops: &Ops, op: u8) -> bool {
    match ops {
        Ops::Of(ops) => ops.contains(&op),
        Ops::AllBut { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn settings(text: &str) -> Result<UssdSettings, String> {
        let config: UssdConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config
            .settings(Vec::new())
            .map_err(|fault| format!("{}: {}", fault.key, fault.message))
    }

    #[test]
    fn nothing_said_is_the_dialect() {
        for (name, _) in crate::smpp::ussd::dialect::BUILT_IN {
            let read = settings(&format!("dialect = \"{name}\"")).unwrap();
            assert_eq!(read.dialect, Dialect::built_in(name).unwrap());
            let config = UssdConfig::of(name);
            assert_eq!(read, config.settings(Vec::new()).unwrap());
        }
        assert_eq!(
            settings("").unwrap().dialect,
            Dialect::built_in("default").unwrap()
        );
    }

    /// Every key once, each with another value than the file has, so that a key which went nowhere
    /// would be seen.
    #[test]
    fn every_value_can_be_said_otherwise() {
        let lines = [
            "new = [0x21]",
            "new_by_code = true",
            "continue = { all_but = [0x22] }",
            "abort = [0x23]",
            "abort_by_end_bit = false",
            "confirm = [0x24]",
            "without_op = \"abort\"",
            "reply_and_wait = 0x25",
            "reply_and_end = 0x26",
            "end_bit = false",
            "session = \"user_message_reference\"",
            "session_mask = 0xff00",
            "sequence = \"next\"",
            "code = \"either\"",
            "text = \"message_payload\"",
            "service_type = \"USSD\"",
            "gsm7_in = [0x01]",
            "ucs2_in = [0x18]",
            "gsm7 = 0x00",
            "ucs2 = 0x08",
            "septets = 160",
            "units = 70",
            "deadline_ms = 9000",
            "session_ms = 60000",
        ];
        let default = Dialect::built_in("default").unwrap();
        for line in lines {
            let config: UssdConfig = toml::from_str(line).unwrap();
            assert_ne!(config.merged().unwrap(), default, "{line}");
        }
        let fields = format!("{default:?}").matches(": ").count();
        assert_eq!(lines.len(), fields, "a value without a setting");
        let all = settings(&lines.join("\n")).unwrap();
        assert_eq!(
            all.limit(),
            Limit {
                septets: 160,
                units: 70
            }
        );
        assert_eq!(all.deadline(), Duration::from_secs(9));
        assert_eq!(all.session(), Duration::from_secs(60));
    }

    #[test]
    fn what_cannot_work_is_told_before_it_runs() {
        for (text, says) in [
            ("dialect = \"tata\"", "there is no dialect tata"),
            ("septets = 3", "ussd.septets: a screen is too small"),
            ("units = 3", "ussd.units: a screen is too small"),
            (
                "septets = 255",
                "ussd.septets: a screen is longer than short_message",
            ),
            (
                "units = 200",
                "ussd.units: a screen is longer than short_message",
            ),
            (
                "text = \"message_payload\"\nseptets = 1001",
                "ussd.septets: no network",
            ),
            (
                "text = \"message_payload\"\nunits = 1001",
                "ussd.units: no network",
            ),
            ("deadline_ms = 1999", "no time to answer"),
            ("session_ms = 10", "session_ms"),
            ("service_type = \"TOOLONG\"", "does not fit"),
            ("new = []", "no session could ever begin"),
            ("session = \"user_message_reference\"", "no such bit"),
            ("end_bit = false", "tell the last screen"),
            ("new = [2]", "0x02 means two things"),
            ("abort = [0x12]", "0x12 means two things"),
            ("at_once = 0", "nobody could dial"),
            ("dialekt = \"mica\"", "unknown field `dialekt`"),
            ("reply_and_end = 256", "256"),
            ("code = \"somewhere\"", "somewhere"),
        ] {
            let told = settings(text).unwrap_err();
            assert!(told.contains(says), "{text}: {told}");
        }
        assert!(settings("text = \"message_payload\"\nseptets = 255\nunits = 128").is_ok());
    }

    /// Every example of the guide is a configuration that works.
    #[test]
    fn the_examples_of_the_guide_work() {
        let guide = include_str!("../../../docs/smpp-ussd.md");
        let mut dialects = Vec::new();
        for example in guide.split("```toml\n").skip(1) {
            let text = example.split("```").next().unwrap();
            let file: toml::Table = toml::from_str(text).unwrap();
            let link = &file["link"];
            let link = link.as_array().map_or(link, |links| &links[0]);
            let config: UssdConfig = link["ussd"].clone().try_into().unwrap();
            assert!(config.settings(Vec::new()).is_ok(), "{text}");
            dialects.push(config.dialect);
        }
        dialects.sort();
        dialects.dedup();
        assert_eq!(dialects.len(), 5, "each dialect has one");
    }
}
