//! From a deliver_sm or data_sm to what the subscriber, or the network, means.

use std::fmt;

use crate::callback::{Msisdn, ServiceName};
use crate::input::dialled as codes;
use crate::smpp::command::Status;
use crate::smpp::config::SmppConfig;
use crate::smpp::config::ussd::UssdSettings;
use crate::smpp::incoming;
use crate::smpp::part;
use crate::smpp::pdu::Sm;
use crate::smpp::receipt;
use crate::smpp::text;
use crate::smpp::ussd::dialect::{CodeIn, Dialect, WithoutOp};
use crate::smpp::ussd::{SERVICE_OP, Session, WayBack};

/// What a message is, before it is taken for an SMS.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// No USSD: a receipt or a message.
    Sms,
    /// A callback.
    Heard(Heard),
    /// It cannot be understood: this field is why, and this is the answer.
    Refused(&'static str, Status),
}

/// One USSD callback, as a link hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// From whom.
    pub subscriber: Msisdn,
    /// In which session.
    pub session: Session,
    /// What.
    pub said: Said,
    /// How an answer goes back.
    pub way_back: WayBack,
}

/// What a callback means.
#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    /// A session begins.
    New(Dialled),
    /// The subscriber's answer.
    Text {
        /// What was typed.
        text: String,
        /// The service of the code to which it came, where that is one of ours.
        service: Option<ServiceName>,
    },
    /// The subscriber or the network has ended the session.
    Abort,
    /// The phone has shown what was sent last; nothing follows from it.
    Confirm,
}

impl fmt::Debug for Said {
    /// Never what was dialled or typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New(_) => "New(…)",
            Self::Text { .. } => "Text(…)",
            Self::Abort => "Abort",
            Self::Confirm => "Confirm",
        })
    }
}

/// What was dialled.
#[derive(Clone, PartialEq, Eq)]
pub struct Dialled {
    /// The service; none where the code is not one of this link's.
    pub service: Option<ServiceName>,
    /// What was dialled behind the code: `1*1` of `*580*1*1#`.
    pub rest: String,
}

/// Reads a message of a link with USSD. Values of any length are taken as far as their meaning is
/// certain; what comes without ussd_service_op is an SMS, unless the dialect says otherwise.
pub fn read(config: &SmppConfig, settings: &UssdSettings, sm: &Sm<'_>) -> Read {
    let dialect = &settings.dialect;
    if receipt::is_receipt(sm) {
        return Read::Sms;
    }
    let op = match sm.tlvs.get(SERVICE_OP) {
        None => None,
        Some(_) => match sm.tlvs.number(SERVICE_OP).map(u8::try_from) {
            Some(Ok(op)) => Some(op),
            Some(Err(_)) | None => {
                return Read::Refused("ussd_service_op", Status::BAD_PARAMETER_VALUE);
            }
        },
    };
    let Ok(session) = Session::read(dialect, sm) else {
        return Read::Refused("the session's id", Status::BAD_PARAMETER_VALUE);
    };
    let (octets, _) = part::read(sm);
    let text = typed(dialect, sm.data_coding, octets);
    if op.is_none() {
        let is_sms = match dialect.without_op {
            WithoutOp::Sms => true,
            WithoutOp::Abort => {
                let to = text::latin1(sm.destination.octets);
                config.service(&to).is_some() && !text.is_empty() && !session.is_told()
            }
        };
        if is_sms {
            return Read::Sms;
        }
    }
    let Some(subscriber) = incoming::subscriber(sm.source) else {
        return Read::Refused("source_addr", Status::BAD_SOURCE);
    };
    let destination = text::latin1(sm.destination.octets);
    let Some(said) = said(settings, op, session.ends, text, &destination) else {
        return Read::Refused("ussd_service_op", Status::BAD_PARAMETER_VALUE);
    };
    Read::Heard(Heard {
        subscriber,
        session,
        said,
        way_back: WayBack::of(sm),
    })
}

/// None for an operation that the dialect does not have. What begins a session does so even with
/// the end bit: who has gone away does not mind a screen, and who has not needs one.
fn said(
    settings: &UssdSettings,
    op: Option<u8>,
    ends: bool,
    text: String,
    destination: &str,
) -> Option<Said> {
    let dialect = &settings.dialect;
    let Some(op) = op else {
        return Some(Said::Abort);
    };
    if dialect.confirm.contains(&op) {
        return Some(Said::Confirm);
    }
    let begins = dialect.new.contains(&op)
        || dialect.new_by_code
            && codes::is_dialled(&text)
            && codes::find(&settings.codes, &text).is_some();
    if begins {
        return Some(Said::New(dialled(settings, &text, destination)));
    }
    if dialect.abort.contains(&op) || dialect.abort_by_end_bit && ends {
        return Some(Said::Abort);
    }
    dialect.carry_on.has(op).then(|| Said::Text {
        service: codes::find(&settings.codes, destination).map(|found| found.service.clone()),
        text,
    })
}

/// The dialled code where the dialect has it. A dial string in the text that begins with the code
/// of the destination tells what was dialled behind it, wherever the code is looked for.
fn dialled(settings: &UssdSettings, text: &str, destination: &str) -> Dialled {
    let of_text = codes::find(&settings.codes, text);
    let of_destination = codes::find(&settings.codes, destination);
    let found = match settings.dialect.code {
        CodeIn::DestinationAddr => match (of_destination, of_text) {
            (Some(found), Some(more)) if codes::is_dialled(text) && found.rest.is_empty() => {
                Some(if more.service == found.service {
                    more
                } else {
                    found
                })
            }
            (found, _) => found,
        },
        CodeIn::ShortMessage if text.is_empty() => of_destination,
        CodeIn::ShortMessage => of_text,
        CodeIn::Either => of_text.or(of_destination),
    };
    Dialled {
        service: found.as_ref().map(|found| found.service.clone()),
        rest: found.map(|found| found.rest.to_owned()).unwrap_or_default(),
    }
}

/// The text by its data_coding, without what fills up the last octet (3GPP TS 23.038, 6.1.2.3.1)
/// or ends a string of C.
fn typed(dialect: &Dialect, data_coding: u8, octets: &[u8]) -> String {
    let coding = if dialect.gsm7_in.contains(&data_coding) {
        text::CODING_DEFAULT
    } else if dialect.ucs2_in.contains(&data_coding) {
        text::CODING_UCS2
    } else {
        data_coding
    };
    let octets = match octets {
        // In UCS-2 an octet 0 is half a letter.
        [head @ .., 0 | b'\r'] if coding != text::CODING_UCS2 => head,
        whole => whole,
    };
    text::decode(coding, octets)
        .trim_end_matches(['\r', '\n', '\0'])
        .to_owned()
}
