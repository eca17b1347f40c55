//! The table: fault, what is promised, what was seen.

use std::time::Duration;

/// What came of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Held,
    /// It was not.
    Broken,
    /// The fault could not be injected here.
    NotRun,
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "BROKEN",
            Self::NotRun => "not run",
        }
    }
}

/// One fault of the table.
#[derive(Clone, Debug)]
pub struct Line {
    /// By which it is called on the command line.
    pub name: String,
    /// What is done.
    pub what: &'static str,
    /// What is promised then.
    pub promised: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen, or why it was not run.
    pub seen: String,
    /// How long it took.
    pub took: Duration,
}

/// The table in Markdown, as it stands in `docs/reliability.md`.
pub fn written(lines: &[Line]) -> String {
    let mut text = String::from("\n| fault | what is promised | what was seen |\n|---|---|---|\n");
    for line in lines {
        let first = line.seen.lines().next().unwrap_or_default();
        let seen = match line.verdict {
            Verdict::Held => first.to_owned(),
            Verdict::Broken => format!("**BROKEN**: {first}"),
            Verdict::NotRun => format!("not run: {first}"),
        };
        text.push_str(&format!(
            "| `{}`: {} | {} | {seen} |\n",
            line.name, line.what, line.promised
        ));
    }
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    text.push_str(&format!(
        "\n{} held, {} broken, {} not run\n",
        count(Verdict::Held),
        count(Verdict::Broken),
        count(Verdict::NotRun)
    ));
    let took: Vec<_> = lines
        .iter()
        .map(|line| format!("{} {:.0}", line.name, line.took.as_secs_f64()))
        .collect();
    text.push_str(&format!("seconds: {}\n", took.join(", ")));
    text
}
