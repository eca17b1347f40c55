//! What happens on phones, told as text in a terminal.

use std::io::Write;
use std::sync::Arc;

use crate::phone::{Happening, Watcher};

/// Prints a line over what follows.
pub fn heading(title: &str) {
    print(&format!("\n== {title}\n"));
}

/// A watcher that prints everything at once.
pub fn teller() -> Watcher {
    Arc::new(|number, happening| print(&tell(number, happening)))
}

fn print(text: &str) {
    // Standard output may be closed before the program ends; there is nobody left to tell then.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A happening as lines. Screens and messages have a frame at their left only: where text runs
/// from right to left, terminals disagree about where a line ends.
pub fn tell(number: &str, happening: &Happening) -> String {
    match happening {
        Happening::Dialled { code } => format!("{number} dials {code}\n"),
        Happening::Pressed { text } => format!("{number} answers {text}\n"),
        Happening::Shown { screen } => {
            let end = if screen.open { "waits" } else { "end" };
            frame(&format!("{number} USSD"), &screen.text, end)
        }
        Happening::HungUp => format!("{number} hangs up\n"),
        Happening::Texted { to, text } => format!("{number} texts {to}: {text}\n"),
        Happening::Received { sms } => {
            frame(&format!("{number} SMS from {}", sms.from), &sms.text, "")
        }
    }
}

fn frame(title: &str, text: &str, end: &str) -> String {
    let mut framed = format!("  ┌ {title}\n");
    for line in text.lines() {
        framed.push_str(&format!("  │ {line}\n"));
    }
    framed.push_str(format!("  └ {end}").trim_end());
    framed.push('\n');
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::{Screen, Sms};

    #[test]
    fn frames() {
        let screen = Screen {
            text: "مرحبا\n1 نعم".into(),
            open: true,
        };
        assert_eq!(
            tell("+212661000001", &Happening::Shown { screen }),
            "  ┌ +212661000001 USSD\n  │ مرحبا\n  │ 1 نعم\n  └ waits\n"
        );
        let sms = Sms {
            from: "5800".into(),
            text: "CNSS".into(),
        };
        assert_eq!(
            tell("+212661000001", &Happening::Received { sms }),
            "  ┌ +212661000001 SMS from 5800\n  │ CNSS\n  └\n"
        );
    }
}
