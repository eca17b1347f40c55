//! Standard output of the command line. Whoever reads it may leave early (`jisr … | head`): that
//! ends a command quietly, and is no failure.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

use crate::console::Failure;

/// Writes a line, as `println!` does.
macro_rules! say {
    ($($word:tt)*) => {
        $crate::console::out::line(format_args!($($word)*))
    };
}
pub(crate) use say;

/// Writes a line.
///
/// # Errors
/// [`Failure::Closed`] where nobody reads any more, [`Failure::Failed`] where it cannot be written.
pub fn line(words: Arguments<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_fmt(words).and_then(|()| out.write_all(b"\n")))
}

/// Writes a text as it is, at once.
///
/// # Errors
/// As of [`line`].
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::Failed(format!("standard output: {error}"))
        }
    })
}
