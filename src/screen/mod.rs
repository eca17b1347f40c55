//! Screens: text that fits what a link can carry.

pub mod alphabet;
pub mod fit;
mod flow;
pub mod halves;
pub mod rtl;

use crate::screen::alphabet::Alphabet;

/// What one screen of a link holds, by alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Septets of GSM 7-bit.
    pub septets: usize,
    /// 16-bit units of UCS-2.
    pub units: usize,
}

impl Limit {
    /// A USSD string of 160 octets (3GPP TS 23.038, 5.1 and 6.1.2.3).
    pub const USSD: Self = Self {
        septets: 182,
        units: 80,
    };
    /// A message in at most three parts (3 × 153 septets, 3 × 67 units).
    pub const SMS: Self = Self {
        septets: 459,
        units: 201,
    };
}

/// What is to be shown, before it is fitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// A line before everything, such as what was wrong with the last input.
    pub note: Option<String>,
    /// The text.
    pub body: String,
    /// Option lines, numbered already: `1 Accepter`.
    pub options: Vec<String>,
    /// `9 Suite`, put on every part that has one after it.
    pub next: String,
    /// Whether `next` stands on the last part too, since the list goes on.
    pub more: bool,
    /// `0 Retour`, if there is a way back.
    pub back: Option<String>,
    /// `00 Début`, put where it costs no further part.
    pub home: Option<String>,
}

/// One fitted part of a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The text that is sent.
    pub text: String,
    /// Which part it is, from 0.
    pub part: usize,
    /// How many there are.
    pub parts: usize,
    /// Its alphabet.
    pub alphabet: Alphabet,
    /// What it takes of the limit: septets or units.
    pub cost: usize,
}
