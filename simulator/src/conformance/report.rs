//! What came of a run: a line a check, as text and as JSON.

use std::fmt;

use serde::Serialize;

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Pass {
        /// The last request.
        sent: String,
        /// Its answer.
        came: String,
    },
    /// It is not.
    Fail {
        /// What should have come.
        expected: String,
        /// The request.
        sent: String,
        /// What came.
        came: String,
    },
    /// It was not looked at.
    NotRun {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// It was not looked at.
    pub fn not_run(why: impl Into<String>) -> Self {
        Self::NotRun { why: why.into() }
    }
}

/// What came of a line, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It was not looked at.
    NotRun,
}

impl Outcome {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotRun => "not run",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The check's name, which stays.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What should come.
    pub expected: String,
    /// What was sent, escaped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sent: String,
    /// What came, escaped; or why it was not looked at.
    pub came: String,
    /// Which clause says so.
    pub clause: String,
}

impl Line {
    /// A line from what came of a check.
    pub fn new(name: &'static str, expected: &str, clause: String, verdict: Verdict) -> Self {
        let (outcome, expected, sent, came) = match verdict {
            Verdict::Pass { sent, came } => (Outcome::Pass, expected.to_owned(), sent, came),
            Verdict::Fail {
                expected: wanted,
                sent,
                came,
            } => (Outcome::Fail, format!("{expected}: {wanted}"), sent, came),
            Verdict::NotRun { why } => (Outcome::NotRun, expected.to_owned(), String::new(), why),
        };
        Self {
            name,
            outcome,
            expected,
            sent,
            came,
            clause,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What it is: sample data.
    pub data: &'static str,
    /// The shape.
    pub shape: String,
    /// The operator.
    pub operator: String,
    /// The document of the operator.
    pub document: String,
    /// The gateway, without a secret.
    pub target: String,
    /// The seed, to have the same names again.
    pub seed: u64,
    /// When, in UTC.
    pub at: String,
    /// A line a check.
    pub lines: Vec<Line>,
}

impl Report {
    /// How many lines came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines
            .iter()
            .filter(|line| line.outcome == outcome)
            .count()
    }

    /// Nothing was found.
    pub fn is_clean(&self) -> bool {
        self.count(Outcome::Fail) == 0 && self.count(Outcome::Pass) > 0
    }

    /// The names of the lines that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.lines
            .iter()
            .filter(|line| line.outcome == Outcome::Fail)
            .map(|line| line.name)
            .collect()
    }

    /// The whole report as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}) against {}, seed {}; all data is sample data\n",
            self.operator, self.shape, self.target, self.seed
        )?;
        for line in &self.lines {
            write!(f, "{:<8}{:<26}", line.outcome.word(), line.name)?;
            match line.outcome {
                Outcome::Pass => writeln!(f, "{}", line.expected)?,
                Outcome::NotRun => writeln!(f, "{}", line.came)?,
                Outcome::Fail => {
                    writeln!(f, "{}", line.expected)?;
                    for (title, text) in [
                        ("sent", &line.sent),
                        ("came", &line.came),
                        ("clause", &line.clause),
                    ] {
                        for (at, row) in text.lines().filter(|row| !row.is_empty()).enumerate() {
                            let title = if at == 0 { title } else { "" };
                            writeln!(f, "        {title:<8}{row}")?;
                        }
                    }
                }
            }
        }
        write!(
            f,
            "\n{} pass, {} fail, {} not run",
            self.count(Outcome::Pass),
            self.count(Outcome::Fail),
            self.count(Outcome::NotRun)
        )
    }
}
