//! Journeys as text: the steps of `journeys/tns.txt`, which says at its top what each one means.

use std::fmt;

/// The journeys of the procedure for self-employed workers.
pub const TNS: &str = include_str!("../journeys/tns.txt");

/// A language that the dialog offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Arabic.
    Arabic,
    /// French.
    French,
    /// Darija in Latin letters.
    Darija,
    /// English.
    English,
}

impl Language {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::Arabic, Self::French, Self::Darija, Self::English];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::French => "fr",
            Self::Darija => "ary",
            Self::English => "en",
        }
    }

    /// Its key in the language menu.
    pub fn key(self) -> &'static str {
        match self {
            Self::Arabic => "1",
            Self::French => "2",
            Self::Darija => "3",
            Self::English => "4",
        }
    }

    /// The word that asks for help.
    pub fn help(self) -> &'static str {
        match self {
            Self::Arabic => "مساعدة",
            Self::French | Self::Darija => "AIDE",
            Self::English => "HELP",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What to look for: one or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle(Vec<String>);

impl Needle {
    fn new(word: &str) -> Self {
        Self(word.split('|').map(str::to_owned).collect())
    }

    /// Whether a text holds it.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|word| text.contains(word))
    }
}

impl fmt::Display for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("|"))
    }
}

/// Which phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this number in E.164.
    Number(String),
    /// One that nobody has used.
    New,
}

/// What is done, or what must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take a phone in hand.
    Phone(Which),
    /// Dial, and on to home.
    Home,
    /// Dial a code.
    Dial(String),
    /// Answer the screen.
    Press(String),
    /// Answer with the number of the option whose label holds this.
    Choose(Needle),
    /// The operator sends the last callback again; the answer is the same.
    Repeat,
    /// End the session.
    HangUp,
    /// Send a text.
    Text(String),
    /// Answer for language and consent by text, where asked.
    Meet,
    /// Answer the same until this is shown.
    Answer(String, Needle),
    /// The screen or the reply holds all.
    See(Vec<Needle>),
    /// It holds none.
    Hide(Vec<Needle>),
    /// Nothing has shown any of them.
    Unseen(Vec<Needle>),
    /// The session waits for an answer.
    Open,
    /// The session has ended.
    Over,
    /// A message holds all.
    Sms(Vec<Needle>),
    /// A message has a code; to another number than this phone's, if one is given.
    Code(Option<String>),
    /// A message has a password.
    Password,
}

/// An action with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub line: usize,
    /// As written.
    pub written: String,
    /// What it means.
    pub action: Action,
}

/// A worker's way through the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey {
    /// What it shows.
    pub title: String,
    /// What it is played in.
    pub languages: Vec<Language>,
    /// In order.
    pub steps: Vec<Step>,
}

/// A line that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// What was expected.
    pub what: String,
}

/// Reads journeys.
///
/// # Errors
/// [`ScriptError`] at the first line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Journey>, ScriptError> {
    let mut journeys: Vec<Journey> = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let written = written.trim();
        if written.is_empty() || written.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| ScriptError {
            line,
            what: what.to_owned(),
        };
        let (verb, rest) = written.split_once(' ').unwrap_or((written, ""));
        if verb == "journey" {
            journeys.push(Journey {
                title: rest.to_owned(),
                languages: Vec::new(),
                steps: Vec::new(),
            });
            continue;
        }
        let journey = journeys
            .last_mut()
            .ok_or_else(|| wrong("expected `journey TITLE` first"))?;
        if verb == "in" {
            for word in rest.split_whitespace() {
                let language = Language::ALL
                    .into_iter()
                    .find(|language| language.word() == word);
                journey
                    .languages
                    .push(language.ok_or_else(|| wrong("expected ar, fr, ary or en"))?);
            }
            continue;
        }
        for action in actions(verb, rest).map_err(wrong)? {
            journey.steps.push(Step {
                line,
                written: written.to_owned(),
                action,
            });
        }
    }
    Ok(journeys)
}

fn actions(verb: &str, rest: &str) -> Result<Vec<Action>, &'static str> {
    let needles = || match rest.split_whitespace().map(Needle::new).collect::<Vec<_>>() {
        needles if needles.is_empty() => Err("expected something to look for"),
        needles => Ok(needles),
    };
    let alone = |action| {
        if rest.is_empty() {
            Ok(action)
        } else {
            Err("nothing may follow")
        }
    };
    let action = match verb {
        "phone" if rest == "new" => Action::Phone(Which::New),
        "phone" if rest.starts_with('+') => Action::Phone(Which::Number(rest.to_owned())),
        "home" => alone(Action::Home)?,
        "dial" if !rest.is_empty() => Action::Dial(rest.to_owned()),
        "press" if !rest.is_empty() => {
            let keys = rest.split_whitespace();
            return Ok(keys.map(|key| Action::Press(key.to_owned())).collect());
        }
        "choose" if !rest.is_empty() => Action::Choose(Needle::new(rest)),
        "hang" if rest == "up" => Action::HangUp,
        "text" if !rest.is_empty() => Action::Text(rest.to_owned()),
        "repeat" => alone(Action::Repeat)?,
        "meet" => alone(Action::Meet)?,
        "answer" => match rest.split_once(" until ") {
            Some((key, needle)) => Action::Answer(key.to_owned(), Needle::new(needle)),
            None => return Err("expected `answer KEY until TEXT`"),
        },
        "see" => Action::See(needles()?),
        "hide" => Action::Hide(needles()?),
        "unseen" => Action::Unseen(needles()?),
        "open" => alone(Action::Open)?,
        "over" => alone(Action::Over)?,
        "sms" => Action::Sms(needles()?),
        "code" if rest.is_empty() => Action::Code(None),
        "code" if rest.starts_with('+') => Action::Code(Some(rest.to_owned())),
        "password" => alone(Action::Password)?,
        _ => return Err("no such step; the steps stand at the top of the file"),
    };
    Ok(vec![action])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_journeys_can_be_read() {
        let journeys = read(TNS).unwrap();
        assert!(journeys.len() >= 15);
        for journey in &journeys {
            assert!(!journey.languages.is_empty(), "{}", journey.title);
            assert!(
                matches!(journey.steps[0].action, Action::Phone(_)),
                "{}",
                journey.title
            );
        }
    }

    #[test]
    fn steps() {
        let read = |text: &str| read(text).map(|journeys| journeys[0].steps.clone());
        let steps = read("journey A\nin fr\n\npress 1 {code}\nsee a|b 3").unwrap();
        let actions: Vec<_> = steps
            .into_iter()
            .map(|step| (step.line, step.action))
            .collect();
        assert_eq!(
            actions,
            [
                (4, Action::Press("1".into())),
                (4, Action::Press("{code}".into())),
                (
                    5,
                    Action::See(vec![Needle(vec!["a".into(), "b".into()]), Needle::new("3")])
                ),
            ]
        );
    }

    #[test]
    fn mistakes_name_their_line() {
        let table = [
            ("press 1", 1),
            ("journey A\nin de", 2),
            ("journey A\nfly", 2),
            ("journey A\n\nhome sweet", 3),
            ("journey A\nsee", 2),
            ("journey A\nphone 0661", 2),
            ("journey A\nanswer 1", 2),
        ];
        for (text, line) in table {
            assert_eq!(read(text).unwrap_err().line, line, "{text}");
        }
    }
}
