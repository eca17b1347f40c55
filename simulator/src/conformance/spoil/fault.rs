//! The faults that can be planted.

use clap::ValueEnum;

use crate::conformance::client::{Came, Wire};
use crate::conformance::operator::Description;
use crate::conformance::read::{Parts, Rule};
use crate::conformance::spoil::edit;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// No answer says whether the session goes on
    MarkerLost,
    /// What goes on says that it is over
    MarkerSwapped,
    /// A byte order mark before the answer
    ByteOrderMark,
    /// A space before the answer
    LeadingSpace,
    /// Answers as HTML
    WrongType,
    /// Answers longer than a screen
    TooLong,
    /// Answers without a body
    EmptyBody,
    /// The id of another session
    SessionSwapped,
    /// A repeated callback gets another answer
    RepeatDiffers,
    /// The first answer comes too late
    TooLate,
    /// A field that is not known yet is refused
    UnknownFieldRefused,
    /// A missing field is not named
    FieldNotNamed,
    /// A field twice is fine
    DuplicateAccepted,
    /// A broken body gets a bare 500
    BareFiveHundred,
    /// Any content type is fine
    ContentTypeAccepted,
    /// Any method is fine
    MethodAccepted,
    /// Errors are told by their status alone
    ErrorFormLost,
    /// Errors tell what was typed
    ErrorEcho,
    /// No proof is fine
    UnsignedAccepted,
    /// Any signature is fine
    SignatureIgnored,
    /// Old signatures are fine
    StaleAccepted,
    /// Used nonces are fine
    ReplayAccepted,
    /// A 401 tells what was wrong
    RefusalTells,
    /// The acknowledgement of an SMS is another one
    WrongAcknowledgement,
    /// A screen that is posted is posted twice
    PostedTwice,
    /// The screen of an older key press is posted late
    PostedLate,
    /// Screens are posted with a wrong secret
    WrongSecret,
}

/// Where what a gateway says stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In its answer to a callback.
    Answer,
    /// In a request of its own with a screen.
    Post,
}

impl Fault {
    /// Plants it in what a good gateway says: an answer, or a screen that it posts. `times` counts how often the same request came.
    pub fn plant(
        self,
        description: &Description,
        asked: &Wire,
        mut came: Came,
        origin: Origin,
        times: u32,
    ) -> Came {
        let screen = match description {
            Description::Ussd(ussd)
                if came.status == ussd.answer.status
                    && (ussd.pushed.is_none() || origin == Origin::Post) =>
            {
                Some(&ussd.answer)
            }
            Description::Ussd(_) | Description::Sms(_) => None,
        };
        if let (Self::WrongSecret, Description::Ussd(ussd), Origin::Post) =
            (self, description, origin)
        {
            let proof = ussd.pushed.iter().flat_map(|form| &form.proof);
            for rule in proof.filter(|rule| has_secret(rule)) {
                edit::set(&mut came, rule, &"another".into());
            }
        }
        let refused = (400..500).contains(&came.status);
        match (self, screen) {
            (Self::MarkerLost, Some(form)) => {
                for rule in form.more.iter().chain(&form.end) {
                    edit::cut(&mut came, rule);
                }
            }
            (Self::MarkerSwapped, Some(form)) => {
                for (rule, other) in form.more.iter().zip(&form.end) {
                    edit::swap(&mut came, rule, other);
                }
            }
            (Self::ByteOrderMark, Some(_)) => {
                came.body.splice(0..0, "\u{feff}".bytes());
            }
            (Self::LeadingSpace, Some(_)) => came.body.insert(0, b' '),
            (Self::WrongType, Some(_)) => edit::header(&mut came, "content-type", "text/html"),
            (Self::TooLong, Some(form)) => edit::lengthen(&mut came, &form.text, &"x".repeat(200)),
            (Self::EmptyBody, Some(_)) => came.body.clear(),
            (Self::SessionSwapped, Some(form)) => {
                for rule in &form.also {
                    let session = matches!(&rule.is, Some(value) if value == "{session}");
                    if session {
                        edit::set(&mut came, rule, &"another".into());
                    }
                }
            }
            (Self::RepeatDiffers, Some(form)) if times > 1 => {
                edit::lengthen(&mut came, &form.text, ".");
            }
            (Self::UnknownFieldRefused, Some(_)) if edit::mentions(asked, "notKnownYet") => {
                came.status = 400;
            }
            (Self::FieldNotNamed, _) if came.status == 400 => {
                came.body = b"bad request".to_vec();
            }
            (Self::DuplicateAccepted, _) if came.status == 400 && edit::has_twice(asked) => {
                came.status = 200;
            }
            (Self::BareFiveHundred, _) if came.status == 400 && edit::is_broken(asked) => {
                came.status = 500;
                came.body.clear();
            }
            (Self::ContentTypeAccepted, _) if came.status == 415 => came.status = 200,
            (Self::MethodAccepted, _) if came.status == 405 => came.status = 200,
            (Self::ErrorFormLost, _) if is_told(description, &came) => {
                came.status = 400;
                came.headers
                    .retain(|(name, _)| name.starts_with("content-l"));
            }
            (Self::ErrorEcho, _) if refused && came.status != 401 => {
                came.body.extend_from_slice(&asked.body);
                came.body.extend_from_slice(asked.target.as_bytes());
            }
            (Self::RefusalTells, _) if came.status == 401 => {
                let signed = asked
                    .headers
                    .iter()
                    .any(|(name, _)| name == "x-jisr-signature");
                let told = if signed {
                    "signature is wrong"
                } else {
                    "signature is missing"
                };
                came.body = told.as_bytes().to_vec();
            }
            (Self::WrongAcknowledgement, None)
                if matches!(description, Description::Sms(_))
                    && (200..300).contains(&came.status) =>
            {
                came.status = 203;
                came.body = b"OK".to_vec();
            }
            (
                Self::MarkerLost
                | Self::MarkerSwapped
                | Self::ByteOrderMark
                | Self::LeadingSpace
                | Self::WrongType
                | Self::TooLong
                | Self::EmptyBody
                | Self::SessionSwapped
                | Self::RepeatDiffers
                | Self::TooLate
                | Self::UnknownFieldRefused
                | Self::FieldNotNamed
                | Self::DuplicateAccepted
                | Self::BareFiveHundred
                | Self::ContentTypeAccepted
                | Self::MethodAccepted
                | Self::ErrorFormLost
                | Self::ErrorEcho
                | Self::UnsignedAccepted
                | Self::SignatureIgnored
                | Self::StaleAccepted
                | Self::ReplayAccepted
                | Self::RefusalTells
                | Self::WrongAcknowledgement
                | Self::PostedTwice
                | Self::PostedLate
                | Self::WrongSecret,
                _,
            ) => {}
        }
        came
    }
}

/// Whether a proof has the secret, not only the user.
fn has_secret(rule: &Rule) -> bool {
    let value = rule.is.as_ref().and_then(|value| value.as_str());
    value.is_some_and(|value| value.contains("{secret}"))
}

/// Whether an answer tells of an error as the operator wants it.
fn is_told(description: &Description, came: &Came) -> bool {
    let values = [("status".to_owned(), "400".to_owned())].into();
    match description {
        Description::Ussd(ussd) => ussd
            .refusal
            .as_ref()
            .is_some_and(|form| Parts::of(came).untold(form, &values).is_none()),
        Description::Sms(_) => false,
    }
}
