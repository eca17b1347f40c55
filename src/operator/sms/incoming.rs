//! A subscriber's message as an operator posts it.

use crate::callback::Msisdn;
use crate::operator::CallbackError;
use crate::operator::field::Value;
use crate::operator::request::Request;
use crate::operator::rule::{self, Rule};
use crate::operator::sms::file::What;
use crate::operator::sms::inbound::{HeardAll, Inbound, text};
use crate::smpp::text::{self, DefaultAlphabet};

/// Bytes of an operator's id that are taken; the longest known has 40.
const ID_BYTES_MAX: usize = 128;

/// `incoming:`, proved.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// How it is asked.
    pub inbound: Inbound,
    /// What a request is.
    pub what: Vec<Rule<What>>,
    /// Who writes.
    pub from: usize,
    /// The short number.
    pub to: Option<usize>,
    /// What they wrote.
    pub message: Option<usize>,
    /// The same as octets, hexadecimal.
    pub octets: Option<usize>,
    /// How those are to be read: data_coding of SMPP.
    pub coding: Option<usize>,
    /// The operator's id.
    pub id: Option<usize>,
    /// Of a part: reference, how many there are, which one it is from 1.
    pub part: Option<(usize, usize, usize)>,
}

/// A message, or a part of one.
#[derive(Clone, PartialEq, Eq)]
pub struct HeardSms {
    /// Who writes.
    pub from: Msisdn,
    /// The short number as it was written, where it is told.
    pub to: Option<String>,
    /// What they wrote. Half characters at the edges of a part are marked for
    /// [`crate::screen::halves::join`].
    pub text: String,
    /// The operator's id.
    pub id: Option<String>,
    /// Reference, number of parts, which one from 1.
    pub part: Option<(u16, u8, u8)>,
}

impl Incoming {
    /// Reads a request.
    ///
    /// # Errors
    /// [`CallbackError`] as [`Inbound::hear`].
    pub fn hear(&self, request: Request<'_>) -> Result<HeardAll<HeardSms>, CallbackError> {
        self.inbound.hear(request, &|values| self.one(values))
    }

    fn one(&self, values: &[Option<Value<'_>>]) -> Result<Option<HeardSms>, CallbackError> {
        if !self.what.is_empty() && rule::first(&self.what, values) != Some(What::Message) {
            return Ok(None);
        }
        let inbound = &self.inbound;
        inbound.whole(values)?;
        let missing = |at: usize| CallbackError::Missing(inbound.shown(at).into());
        let from = text(values, Some(self.from)).ok_or_else(|| missing(self.from))?;
        let whole = values.get(self.from).and_then(Option::as_ref);
        let from = Msisdn::parse(whole.map_or(from, Value::whole))
            .map_err(|_| inbound.malformed(self.from, "a phone number in E.164"))?;
        let part = self.part(values)?;
        let id = text(values, self.id);
        if let (Some(at), Some(id)) = (self.id, id)
            && (id.len() > ID_BYTES_MAX || id.contains(char::is_control))
        {
            return Err(inbound.malformed(at, "1 to 128 bytes of text"));
        }
        Ok(Some(HeardSms {
            from,
            to: text(values, self.to).map(|to| to.trim().to_owned()),
            text: self.text(values, part.is_some())?,
            id: id.map(str::to_owned),
            part,
        }))
    }

    fn text(&self, values: &[Option<Value<'_>>], is_part: bool) -> Result<String, CallbackError> {
        if let (Some(at), Some(hex)) = (self.octets, text(values, self.octets)) {
            let octets =
                octets(hex).ok_or_else(|| self.inbound.malformed(at, "octets in hexadecimal"))?;
            let coding = self.coding(values)?;
            return Ok(if is_part {
                text::decode_part(DefaultAlphabet::Gsm, coding, &octets)
            } else {
                text::decode_as(DefaultAlphabet::Gsm, coding, &octets)
            });
        }
        match (text(values, self.message), self.message.or(self.octets)) {
            (Some(text), _) => Ok(text.to_owned()),
            // An empty message is one; a field that is not there is a mistake.
            (None, Some(at)) if values.get(at).is_some_and(Option::is_none) => {
                Err(CallbackError::Missing(self.inbound.shown(at).into()))
            }
            (None, _) => Ok(String::new()),
        }
    }

    fn coding(&self, values: &[Option<Value<'_>>]) -> Result<u8, CallbackError> {
        match (self.coding, text(values, self.coding)) {
            (Some(at), Some(coding)) => coding
                .parse()
                .map_err(|_| self.inbound.malformed(at, "a number from 0 to 255")),
            (_, _) => Ok(text::CODING_DEFAULT),
        }
    }

    fn part(&self, values: &[Option<Value<'_>>]) -> Result<Option<(u16, u8, u8)>, CallbackError> {
        let Some((reference, total, number)) = self.part else {
            return Ok(None);
        };
        let small = |at: usize| {
            text(values, Some(at))
                .map(str::parse::<u8>)
                .transpose()
                .map_err(|_| self.inbound.malformed(at, "a number from 0 to 255"))
        };
        let part = text(values, Some(reference))
            .map(str::parse::<u16>)
            .transpose()
            .map_err(|_| {
                self.inbound
                    .malformed(reference, "a number from 0 to 65535")
            })?;
        let (of, which) = (small(total)?, small(number)?);
        Ok(match (part, of, which) {
            (Some(part), Some(of), Some(which)) => Some((part, of, which)),
            (_, _, _) => None,
        })
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok())
        .collect()
}
