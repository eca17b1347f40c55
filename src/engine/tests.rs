//! Transcripts of the engine alone: events on the left, what it wants on the right, printed by the
//! code and compared as text.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::date;

use super::*;
use crate::callback::{Msisdn, ServiceName};
use crate::conversation::ConversationId;
use crate::dialog::lists::{Category, Group, Item, Lists};
use crate::dialog::load;
use crate::locale::Locales;

const TNS: &str = include_str!("../../dialogs/tns.yaml");
/// 10:00 in Morocco, 23 November 2026.
const NOW: Moment = Moment::from_ms(1_795_424_400_000);

/// Plays the left sides of a transcript and compares the whole.
fn check(transcript: &str) {
    let dialog = load::load("dialogs/tns.yaml", TNS).unwrap();
    let locales = Locales::embedded().unwrap();
    let lists = Lists {
        groups: vec![group("build", &["architects", "surveyors"])],
        ..Lists::default()
    };
    let examples = Examples {
        cnie: "AB123456".to_owned(),
        sejour: "A123456B".to_owned(),
        expiry: date(2030, 12, 31),
        birth: date(1980, 10, 25),
    };
    let keywords = ["TNS".to_owned()];
    let script = Script {
        dialog: &dialog,
        lists: &lists,
        labels: &locales,
        examples: &examples,
        keywords: &keywords,
    };
    let mut conversation = Conversation::new(
        ConversationId([1; 16]),
        ServiceName::from("tns"),
        Msisdn::parse("+212661000001").unwrap(),
        ("tns", 1),
        Channel::Ussd,
        NOW,
    );
    let mut played = String::new();
    for line in transcript
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let does = line.split("->").next().unwrap().trim();
        if does == "known" {
            conversation.language = Some(Language::from("fr"));
            conversation.consent = Some(dialog.consent);
            played.push_str("known\n");
            continue;
        }
        let (event, channel) = event(does, &conversation);
        let moved = advance(
            script,
            conversation,
            Occasion {
                event,
                channel,
                at: NOW,
            },
        );
        conversation = moved.conversation;
        let _ = writeln!(
            played,
            "{does} -> {}",
            told(&conversation, &moved.effects, &moved.next)
        );
    }
    let expected: Vec<&str> = transcript
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let played: Vec<&str> = played.lines().collect();
    assert_eq!(expected, played, "\n{}\n", played.join("\n"));
}

fn event(does: &str, conversation: &Conversation) -> (Event, Channel) {
    let number = conversation
        .pending
        .as_ref()
        .map_or(0, |pending| pending.number);
    match does.split_once(' ').unwrap_or((does, "")) {
        ("dial", inputs) => (
            Event::Dialled(inputs.split_whitespace().map(str::to_owned).collect()),
            Channel::Ussd,
        ),
        ("type", text) => (Event::Typed(text.to_owned()), Channel::Ussd),
        ("text", text) => (Event::Typed(text.to_owned()), Channel::Sms),
        ("late", "") => (Event::Late, Channel::Ussd),
        ("again", "") => (Event::Again, Channel::Ussd),
        ("stale", "") => (
            Event::Answered(Answer {
                number: number + 7,
                outcome: "found",
                facts: BTreeMap::new(),
            }),
            Channel::Sms,
        ),
        ("answer", told) => {
            let mut words = told.split_whitespace();
            let outcome = words.next().unwrap();
            let outcome = CallKind::ALL
                .iter()
                .flat_map(|call| call.outcomes())
                .find(|known| **known == outcome)
                .unwrap_or_else(|| panic!("outcome {outcome}"));
            let facts = words
                .map(|fact| match fact.split_once('=') {
                    Some((name, word)) => (name.to_owned(), Value::Word(word.to_owned())),
                    None => (fact.to_owned(), Value::Flag(true)),
                })
                .collect();
            (
                Event::Answered(Answer {
                    number,
                    outcome,
                    facts,
                }),
                Channel::Ussd,
            )
        }
        (other, _) => panic!("{other}"),
    }
}

fn told(conversation: &Conversation, effects: &[Effect], next: &Next) -> String {
    let mut told = match next {
        Next::Ask { call, .. } => format!("ask {}", call.name()),
        Next::Show(view) => {
            let face = match &view.face {
                Face::Page => conversation.page.to_string(),
                Face::Resume => "(resume)".to_owned(),
                Face::Readings { values, .. } => {
                    format!(
                        "(which: {})",
                        values
                            .iter()
                            .map(Value::shown)
                            .collect::<Vec<_>>()
                            .join(", ")
                    )
                }
                Face::Help => "(help)".to_owned(),
                Face::Stopped => "(stopped)".to_owned(),
                Face::Over => "(over)".to_owned(),
            };
            let note = match view.note {
                None => String::new(),
                Some(Note::Wrong(wrong)) => format!(", wrong {}", wrong.name()),
                Some(Note::NoSuchOption) => ", no such option".to_owned(),
                Some(Note::NoFurther) => ", no further".to_owned(),
            };
            format!("{} {face}{note}", if view.ends { "end" } else { "show" })
        }
    };
    for effect in effects {
        let _ = match effect {
            Effect::Message(id) => write!(told, "; message {id}"),
            Effect::Speak(language) => write!(told, "; speak {language}"),
            Effect::Consent(Some(version)) => write!(told, "; agreed {version}"),
            Effect::Consent(None) => write!(told, "; refused"),
            Effect::Stop => write!(told, "; stop"),
        };
    }
    told
}

fn group(key: &str, categories: &[&str]) -> Group {
    let item = |key: &str| Item {
        key: key.to_owned(),
        label: BTreeMap::from([(Language::from("fr"), key.to_owned())]),
    };
    Group {
        item: item(key),
        categories: categories
            .iter()
            .map(|key| Category {
                item: item(key),
                documents: Vec::new(),
                sample: true,
            })
            .collect(),
    }
}

#[test]
fn first_contact() {
    check(
        "
        dial -> show language
        type 7 -> show language, no such option
        type 2 -> show consent; speak fr
        type 3 -> show consent_more
        type 1 -> show home; agreed 1
        ",
    );
}

#[test]
fn the_way_to_the_registry() {
    check(
        "
        known
        dial -> show home
        type 1 -> show id_type
        type 1 -> show id_number
        type AB123456 -> show id_number, wrong example
        type A10 -> show (which: A10)
        type 2 -> show id_number
        type BE740215 -> show expiry
        type 31022030 -> show expiry, wrong day
        type 14062031 -> show birth
        type 0 -> show expiry
        type 14062031 -> show birth
        type 05031984 -> show summary
        type 1 -> ask registry.lookup
        answer found status=registered caller=on_file account -> end has_account; message sms-number
        ",
    );
}

#[test]
fn nothing_is_told_to_a_stranger_before_the_code() {
    for status in ["registered", "subject", "not_eligible"] {
        check(&format!(
            "
            known
            text TNS cin BE740215 14062031 05031984 -> show summary
            text 1 -> ask registry.lookup
            answer found status={status} caller=other account -> ask codes.send
            answer sent -> show code
            text 123456 -> ask codes.verify
            answer wrong -> show code_wrong
            "
        ));
    }
}

#[test]
fn no_number_on_file_is_the_agencys_choice() {
    for (policy, shown) in [("agency", "show no_number"), ("guide", "ask codes.send")] {
        check(&format!(
            "
            known
            text TNS cin BE740215 14062031 05031984 -> show summary
            text 1 -> ask registry.lookup
            answer found status=registered caller=none policy={policy} -> {shown}
            "
        ));
    }
}

#[test]
fn a_late_answer_counts_only_while_it_is_awaited() {
    check(
        "
        known
        text TNS cin BE740215 14062031 05031984 -> show summary
        text 1 -> ask registry.lookup
        late -> end waiting
        dial -> end waiting
        text TNS -> end waiting
        stale -> end waiting
        answer no_match -> show no_match
        stale -> show no_match
        ",
    );
}

#[test]
fn a_turn_that_died_is_taken_up() {
    check(
        "
        known
        text TNS cin BE740215 14062031 05031984 -> show summary
        text 1 -> ask registry.lookup
        again -> end waiting
        answer found status=registered caller=other -> ask codes.send
        again -> ask codes.send
        answer sent -> show code
        again -> show code
        ",
    );
}

#[test]
fn dropped_and_resumed() {
    check(
        "
        known
        dial -> show home
        dial -> show home
        type 1 -> show id_type
        dial -> show (resume)
        type 5 -> show (resume), no such option
        type 1 -> show id_type
        text TNS -> show (resume)
        text 2 -> show home
        ",
    );
}

#[test]
fn the_code_page_is_landed_on_directly() {
    check(
        "
        known
        text TNS cin BE740215 14062031 05031984 -> show summary
        text 1 -> ask registry.lookup
        answer found status=registered caller=on_file -> ask codes.send
        answer sent -> show code
        dial -> show code
        text 12 -> show code, wrong form
        text 123456 -> ask codes.verify
        answer right proved -> show details
        type 0 -> show details
        ",
    );
}

#[test]
fn dial_strings_wait_for_consent() {
    check(
        "
        dial 1 2 -> show language
        type 2 -> show consent; speak fr
        type 1 -> show id_number; agreed 1
        ",
    );
    check(
        "
        known
        dial 1 7 1 -> show id_type, no such option
        ",
    );
}

#[test]
fn one_text_asks_what_is_open() {
    check(
        "
        known
        text TNS BE740215 14062031 05031984 -> show id_type
        text 1 -> show summary
        text TNS cin BE740215 05/03/1984 14/06/2021 -> show (which: 1984-03-05, 2021-06-14)
        "
        .replace("1984-03-05, 2021-06-14", "05/03/1984, 14/06/2021")
        .as_str(),
    );
}

#[test]
fn help_stands_aside_and_stop_ends() {
    check(
        "
        known
        dial -> show home
        type 1 -> show id_type
        type aide -> show (help)
        type 0 -> show id_type
        type aide -> show (help)
        type 1 -> show id_number
        type stop -> end (stopped); stop
        ",
    );
}

#[test]
fn lists_go_on_and_labels_are_taken() {
    check(
        "
        known
        dial -> show home
        type 2 -> show groups
        type 9 -> show groups, no further
        type BUILD -> show categories
        type 2 -> show documents; message sms-documents
        type 0 -> show categories
        type 2 -> show documents
        ",
    );
}

#[test]
fn what_was_forgotten_is_asked_again_before_the_registry_is() {
    check(
        "
        known
        text TNS cin BE740215 14062031 05031984 -> show summary
        text 2 -> show correct
        text 2 -> show id_number
        text 0 -> show id_number
        text BE740216 -> show summary
        text 1 -> ask registry.lookup
        answer found status=registered caller=other account -> ask codes.send
        answer limited -> show code_limited
        ",
    );
}
