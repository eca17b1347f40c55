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
    /// What is looked at, as a sentence of what should be.
    pub check: &'static str,
    /// Of a failure: what exactly should have come.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// What was sent, as [`crate::conformance::shown`] shows bytes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sent: String,
    /// What came, shown as well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub came: String,
    /// Why it was not looked at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Which clause says so.
    pub clause: String,
}

impl Line {
    /// A line from what came of a check.
    pub fn new(name: &'static str, check: &'static str, clause: String, verdict: Verdict) -> Self {
        let none = String::new;
        let (outcome, expected, sent, came, why) = match verdict {
            Verdict::Pass { sent, came } => (Outcome::Pass, none(), sent, came, none()),
            Verdict::Fail {
                expected,
                sent,
                came,
            } => (Outcome::Fail, expected, sent, came, none()),
            Verdict::NotRun { why } => (Outcome::NotRun, none(), none(), none(), why),
        };
        Self {
            name,
            outcome,
            check,
            expected,
            sent,
            came,
            why,
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
                Outcome::Pass => writeln!(f, "{}", line.check)?,
                Outcome::NotRun => writeln!(f, "{}: {}", line.check, line.why)?,
                Outcome::Fail => {
                    writeln!(f, "{}", line.check)?;
                    for (title, text) in [
                        ("expected", &line.expected),
                        ("sent", &line.sent),
                        ("came", &line.came),
                        ("clause", &line.clause),
                    ] {
                        for (at, row) in text.lines().filter(|row| !row.is_empty()).enumerate() {
                            let title = if at == 0 { title } else { "" };
                            writeln!(f, "        {title:<10}{row}")?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// A report with a line of each outcome.
    fn report() -> Report {
        let verdicts = [
            Verdict::Pass {
                sent: "GET /".into(),
                came: "status 200".into(),
            },
            Verdict::Fail {
                expected: "status 400".into(),
                sent: "POST /\n\n{\"a\":\"b\\nc\"}".into(),
                came: "status 500\n\nno ␊\nno".into(),
            },
            Verdict::not_run("there is none"),
        ];
        let line = |verdict| Line::new("x.y", "a field gets 400", "clause 1".to_owned(), verdict);
        Report {
            data: "sample data",
            shape: "x".into(),
            operator: "X".into(),
            document: "X 1".into(),
            target: "http://h/ussd/x".into(),
            seed: 7,
            at: "2026-11-23T00:00:00Z".into(),
            lines: verdicts.map(line).into(),
        }
    }

    #[test]
    fn what_was_expected_stands_apart_from_what_came() {
        let text = report().to_string();
        let wanted = [
            "X (x) against http://h/ussd/x, seed 7; all data is sample data",
            "",
            "pass    x.y                       a field gets 400",
            "FAIL    x.y                       a field gets 400",
            "        expected  status 400",
            "        sent      POST /",
            r#"                  {"a":"b\nc"}"#,
            "        came      status 500",
            "                  no ␊",
            "                  no",
            "        clause    clause 1",
            "not run x.y                       a field gets 400: there is none",
            "",
            "1 pass, 1 fail, 1 not run",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted, "{text}");

        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        let lines = &json["lines"];
        assert_eq!(
            lines[1],
            serde_json::json!({
                "name": "x.y", "outcome": "fail", "check": "a field gets 400",
                "expected": "status 400", "sent": "POST /\n\n{\"a\":\"b\\nc\"}",
                "came": "status 500\n\nno ␊\nno", "clause": "clause 1",
            })
        );
        assert_eq!(lines[0]["came"], "status 200");
        assert!(lines[0].get("expected").is_none() && lines[2].get("came").is_none());
        assert_eq!(lines[2]["why"], "there is none");
    }
}
