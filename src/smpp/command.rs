//! Command ids and statuses (SMPP 3.4, 5.1.2.1 and 5.1.3).

use std::fmt;

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $word:literal;)*) => {
        /// What a PDU is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command {
            $($(#[$doc])* $name,)*
        }

        impl Command {
            /// The command with this id; none for one that this module does not speak.
            pub fn of(id: u32) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its id on the wire.
            pub fn id(self) -> u32 {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// Its name in the standard.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

commands! {
    /// Bind to receive only.
    BindReceiver = 0x0000_0001, "bind_receiver";
    /// Bind to send only.
    BindTransmitter = 0x0000_0002, "bind_transmitter";
    /// What became of a message?
    QuerySm = 0x0000_0003, "query_sm";
    /// Send a message.
    SubmitSm = 0x0000_0004, "submit_sm";
    /// A message, or a receipt, for us.
    DeliverSm = 0x0000_0005, "deliver_sm";
    /// End the bind.
    Unbind = 0x0000_0006, "unbind";
    /// Put another message in the place of one.
    ReplaceSm = 0x0000_0007, "replace_sm";
    /// Do not send a message after all.
    CancelSm = 0x0000_0008, "cancel_sm";
    /// Bind for both directions.
    BindTransceiver = 0x0000_0009, "bind_transceiver";
    /// The operator asks to be called back.
    Outbind = 0x0000_000b, "outbind";
    /// Are you there?
    EnquireLink = 0x0000_0015, "enquire_link";
    /// A phone can be reached again; it has no answer.
    AlertNotification = 0x0000_0102, "alert_notification";
    /// A message in either direction, its text in a TLV.
    DataSm = 0x0000_0103, "data_sm";
    /// The answer to what was not understood.
    GenericNack = 0x8000_0000, "generic_nack";
    /// Answer.
    BindReceiverResp = 0x8000_0001, "bind_receiver_resp";
    /// Answer.
    BindTransmitterResp = 0x8000_0002, "bind_transmitter_resp";
    /// Answer, with the state of the message.
    QuerySmResp = 0x8000_0003, "query_sm_resp";
    /// Answer, with the message id.
    SubmitSmResp = 0x8000_0004, "submit_sm_resp";
    /// Answer.
    DeliverSmResp = 0x8000_0005, "deliver_sm_resp";
    /// Answer.
    UnbindResp = 0x8000_0006, "unbind_resp";
    /// Answer.
    ReplaceSmResp = 0x8000_0007, "replace_sm_resp";
    /// Answer.
    CancelSmResp = 0x8000_0008, "cancel_sm_resp";
    /// Answer.
    BindTransceiverResp = 0x8000_0009, "bind_transceiver_resp";
    /// Answer.
    EnquireLinkResp = 0x8000_0015, "enquire_link_resp";
    /// Answer.
    DataSmResp = 0x8000_0103, "data_sm_resp";
}

/// Whether an id is that of an answer, known or not: nothing is ever answered to an answer.
pub fn is_answer(id: u32) -> bool {
    id & 0x8000_0000 != 0
}

impl Command {
    /// The command that answers this request; none for answers and for what has no answer.
    pub fn answer(self) -> Option<Self> {
        if is_answer(self.id()) {
            None
        } else {
            Self::of(self.id() | 0x8000_0000)
        }
    }
}

/// A command status. The set is open: operators have their own from 0x400 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u32);

impl Status {
    /// ESME_ROK.
    pub const OK: Self = Self(0x00);
    /// ESME_RINVMSGLEN: the length of the message is wrong.
    pub const BAD_MESSAGE_LENGTH: Self = Self(0x01);
    /// ESME_RINVCMDLEN: the length of the PDU is wrong.
    pub const BAD_LENGTH: Self = Self(0x02);
    /// ESME_RINVCMDID: no such command.
    pub const BAD_COMMAND: Self = Self(0x03);
    /// ESME_RINVBNDSTS: not in this state of the bind.
    pub const BAD_BIND_STATE: Self = Self(0x04);
    /// ESME_RALYBND: bound already.
    pub const ALREADY_BOUND: Self = Self(0x05);
    /// ESME_RSYSERR: a fault within.
    pub const SYSTEM_ERROR: Self = Self(0x08);
    /// ESME_RINVSRCADR: the source address is wrong.
    pub const BAD_SOURCE: Self = Self(0x0a);
    /// ESME_RINVDSTADR: the destination address is wrong.
    pub const BAD_DESTINATION: Self = Self(0x0b);
    /// ESME_RINVMSGID: no such message.
    pub const BAD_MESSAGE_ID: Self = Self(0x0c);
    /// ESME_RBINDFAIL: the bind failed.
    pub const BIND_FAILED: Self = Self(0x0d);
    /// ESME_RINVPASWD: wrong password.
    pub const BAD_PASSWORD: Self = Self(0x0e);
    /// ESME_RINVSYSID: unknown system id.
    pub const BAD_SYSTEM_ID: Self = Self(0x0f);
    /// ESME_RMSGQFUL: the queue is full; try again later.
    pub const QUEUE_FULL: Self = Self(0x14);
    /// ESME_RSUBMITFAIL: could not be submitted.
    pub const SUBMIT_FAILED: Self = Self(0x45);
    /// ESME_RTHROTTLED: slow down.
    pub const THROTTLED: Self = Self(0x58);
    /// ESME_RINVPARLEN: the length of a parameter is wrong.
    pub const BAD_PARAMETER_LENGTH: Self = Self(0xc2);
    /// ESME_RINVOPTPARAMVAL: the value of an optional parameter is wrong.
    pub const BAD_PARAMETER_VALUE: Self = Self(0xc4);
    /// ESME_RDELIVERYFAILURE: could not be delivered.
    pub const DELIVERY_FAILED: Self = Self(0xfe);

    /// Whether it is ESME_ROK.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// Whether a refused bind speaks against the credentials, so that trying on would lock the
    /// account rather than mend it.
    pub fn is_about_credentials(self) -> bool {
        [Self::BAD_PASSWORD, Self::BAD_SYSTEM_ID].contains(&self)
    }
}

impl fmt::Display for Status {
    /// `0x0b`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_their_answers() {
        for (request, answer) in [
            (Command::BindTransceiver, Some(Command::BindTransceiverResp)),
            (Command::SubmitSm, Some(Command::SubmitSmResp)),
            (Command::DeliverSm, Some(Command::DeliverSmResp)),
            (Command::DataSm, Some(Command::DataSmResp)),
            (Command::QuerySm, Some(Command::QuerySmResp)),
            (Command::CancelSm, Some(Command::CancelSmResp)),
            (Command::ReplaceSm, Some(Command::ReplaceSmResp)),
            (Command::BindReceiver, Some(Command::BindReceiverResp)),
            (Command::BindTransmitter, Some(Command::BindTransmitterResp)),
            (Command::Unbind, Some(Command::UnbindResp)),
            (Command::EnquireLink, Some(Command::EnquireLinkResp)),
            (Command::Outbind, None),
            (Command::AlertNotification, None),
            (Command::SubmitSmResp, None),
            (Command::GenericNack, None),
        ] {
            assert_eq!(request.answer(), answer, "{}", request.as_str());
            assert_eq!(Command::of(request.id()), Some(request));
        }
        assert_eq!(Command::of(0x0001_0000), None);
    }

    #[test]
    fn statuses_are_shown_in_hexadecimal() {
        for (status, shown) in [(0x0b, "0x0b"), (0x58, "0x58"), (0x400, "0x400")] {
            assert_eq!(Status(status).to_string(), shown);
        }
    }
}
