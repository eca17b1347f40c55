//! The examples that the prompts show. Typed back they are nobody's answer, so the parsers know
//! them; they belong to none of the people of the sandbox.

use jiff::civil::{Date, date};

/// The number of a national card.
pub const CNIE: &str = "AB123456";
/// The number of a residence card.
pub const SEJOUR: &str = "A123456B";
/// The expiry date of either. Its day is no month, so that the order day, month is seen.
pub const EXPIRY: Date = date(2030, 12, 31);
/// A birth date.
pub const BIRTH: Date = date(1980, 10, 25);
