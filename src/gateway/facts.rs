//! What the dialog may know of a person: facts for guards and texts, with everything personal masked.

use crate::book::NoNumberOnFile;
use crate::callback::Msisdn;
use crate::conversation::Value;
use crate::desk::{Person, Standing};
use crate::dialog::REASONS;
use crate::gateway::calls::PHONE_ON_FILE;

/// What the dialog may know of a person; personal fields are masked here, once.
pub(super) fn of(
    person: &Person,
    caller: &Msisdn,
    policy: NoNumberOnFile,
) -> Vec<(&'static str, Value)> {
    let word = |text: &str| Value::Word(text.to_owned());
    let text = |text: &str| Value::Text(text.to_owned());
    let caller = match &person.phone {
        Some(phone) if phone == caller => "on_file",
        Some(_) => "other",
        None => "none",
    };
    let mut facts = vec![
        ("caller", word(caller)),
        ("policy", word(policy.word())),
        ("person_name", text(&masked_name(&person.name))),
        ("person_address", text(&masked_address(&person.address))),
        ("person_email", text(&masked_email(&person.email))),
        (
            "person_phone",
            text(
                &person
                    .phone
                    .as_ref()
                    .map(Msisdn::masked)
                    .unwrap_or_else(|| "-".to_owned()),
            ),
        ),
    ];
    if let Some(phone) = &person.phone {
        facts.push((PHONE_ON_FILE, text(phone.as_str())));
    }
    match &person.standing {
        Standing::Registered {
            registration,
            account,
        } => {
            facts.push(("status", word("registered")));
            facts.push(("registration", text(registration)));
            facts.push(("account", Value::Flag(*account)));
        }
        Standing::Subject => facts.push(("status", word("subject"))),
        Standing::NotEligible {
            reason,
            text: words,
        } => {
            facts.push(("status", word("not_eligible")));
            let known = REASONS.contains(&reason.as_str());
            facts.push(("reason", word(if known { reason } else { "other" })));
            facts.push(("reason_text", text(words)));
        }
    }
    facts
}

/// Family name and initials: `EXEMPLE S.`
fn masked_name(name: &str) -> String {
    let mut words = name.split_whitespace();
    let family = words.next().unwrap_or("-").to_owned();
    words
        .filter_map(|word| word.chars().next())
        .fold(family, |shown, initial| format!("{shown} {initial}."))
}

/// The first characters of an address: enough to know one's own by.
fn masked_address(address: &str) -> String {
    masked(address, 8)
}

/// `s...@example.ma`.
fn masked_email(email: &str) -> String {
    match email.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", masked(local, 1)),
        None => "-".to_owned(),
    }
}

fn masked(text: &str, kept: usize) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let shown: String = text.chars().take(kept).collect();
    format!("{shown}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_fields_are_masked() {
        assert_eq!(masked_email("salma.exemple@example.ma"), "s...@example.ma");
        assert_eq!(masked_email(""), "-");
        assert_eq!(masked_name("EXEMPLE Salma"), "EXEMPLE S.");
        assert_eq!(masked_name(""), "-");
        assert_eq!(masked_address("12 rue Exemple, Rabat"), "12 rue E...");
    }
}
