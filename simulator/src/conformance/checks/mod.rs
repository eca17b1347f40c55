//! The checks of a USSD operator: a name that stays, what should come, which clause says so.

mod answers;
mod auth;
mod errors;
mod posted;
mod repeats;
mod turns;
mod typed;

use std::time::Duration;

use crate::conformance::read::Facet;
use crate::conformance::report::{Line, Verdict};
use crate::conformance::run::Run;

/// What a check comes to; both sides are verdicts, so that `?` ends it.
pub type Checked = Result<Verdict, Verdict>;

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// The operator's own document.
    Theirs,
    /// A section of the gateway's guide for integrators.
    Ours(&'static str),
}

impl Clause {
    /// The clause for a report.
    pub fn text(self, document: &str) -> String {
        match self {
            Self::Theirs => document.to_owned(),
            Self::Ours(section) => {
                format!("docs/operators.md#{section}, the gateway's guide for integrators")
            }
        }
    }
}

macro_rules! checks {
    ($($check:ident $name:literal $clause:expr, $expected:literal;)*) => {
        /// One check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Check {
            $(#[doc = $expected] $check,)*
        }

        impl Check {
            /// All checks in the order of the report.
            pub const ALL: &'static [Self] = &[$(Self::$check),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$check => $name,)* }
            }

            /// Who says so.
            pub fn clause(self) -> Clause {
                match self { $(Self::$check => $clause,)* }
            }

            /// What should come.
            pub fn expected(self) -> &'static str {
                match self { $(Self::$check => $expected,)* }
            }
        }
    };
}

use Clause::{Ours, Theirs};

checks! {
    New "ussd.new" Theirs, "the first screen, and the session goes on";
    Continue "ussd.continue" Theirs, "a key press gets the next screen";
    Input "ussd.input" Theirs, "what was typed now counts, and nothing typed before";
    Star "ussd.star" Ours("turns"), "an answer with a star in it is one answer";
    DialString "ussd.dial-string" Ours("turns"), "a dial string gets a screen";
    End "ussd.end" Theirs, "the end of a session is acknowledged";
    AfterEnd "ussd.after-end" Ours("turns"), "a key press after the end gets a valid answer";
    Timeout "ussd.timeout" Theirs, "the operator's time-out is acknowledged";
    UnknownSession "ussd.unknown-session" Ours("turns"), "a key press in an unknown session gets the first screen, or an end where no number comes with it";
    Whose "ussd.whose" Ours("told-first"), "a key press without a number is its session's: nobody gets another's screen, and an id that recurs is the newer one's";
    OlderSession "ussd.older-session" Ours("turns"), "a key press in a session older than the newest gets a valid end";
    Repeated "repeat.in-turn" Ours("repeats"), "a repeated callback gets the same bytes";
    RepeatedNew "repeat.of-the-first" Ours("repeats"), "a repeated first callback gets the same bytes";
    AtOnce "repeat.at-once" Ours("repeats"), "two equal callbacks at once get the same bytes";
    Reordered "repeat.reordered" Ours("repeats"), "a callback that comes late gets a valid answer and moves nothing";
    Unmarked "repeat.unmarked" Ours("repeats"), "repeats that nothing marks get a valid answer, again, at once and late";
    ArabicDigits "typed.arabic-digits" Ours("typed"), "Arabic digits count as digits";
    ArabicText "typed.arabic-text" Ours("typed"), "Arabic text gets a screen";
    Empty "typed.nothing" Ours("typed"), "an empty answer gets a screen";
    Long "typed.160" Ours("typed"), "160 characters get a screen";
    VeryLong "typed.2000" Ours("typed"), "2,000 characters get a screen";
    PostedOnce "posted.once" Ours("screens-that-are-posted"), "each callback gets one screen, and none comes unasked";
    Status "answer.status" Theirs, "every answer has the operator's status";
    ContentType "answer.type" Theirs, "every answer has the operator's content type";
    Clean "answer.clean" Theirs, "every answer is UTF-8 with nothing in front of it";
    Document "answer.document" Theirs, "every answer is a document of the operator's kind";
    Marker "answer.marker" Theirs, "every answer says whether the session goes on";
    Text "answer.text" Theirs, "every answer has a text";
    Also "answer.fields" Theirs, "every answer has the operator's fields and headers";
    Limit "answer.limit" Theirs, "every screen fits";
    Deadline "answer.deadline" Theirs, "every answer comes within the operator's time";
    UnknownField "error.unknown-field" Ours("errors"), "a field that is not known yet is ignored";
    Missing "error.missing" Ours("errors"), "a missing field gets 400, and the answer names it";
    Duplicate "error.duplicate" Ours("errors"), "a field twice gets 400";
    WrongType "error.wrong-type" Ours("errors"), "a value of a wrong kind gets 400";
    NotText "error.not-utf8" Ours("errors"), "bytes that are no UTF-8 get 400";
    WrongContentType "error.content-type" Ours("errors"), "another content type gets 415";
    TooLarge "error.too-large" Ours("errors"), "a request that is too large gets 413, or 431 where it has no body";
    Malformed "error.malformed" Ours("errors"), "a broken body gets 400";
    Method "error.method" Ours("errors"), "another method gets 405";
    Form "error.form" Theirs, "every error is told as the operator wants it";
    Quiet "error.quiet" Ours("errors"), "no error says what was typed, or a number";
    Unsigned "auth.unsigned" Ours("authentication"), "a callback without proof gets 401";
    WrongSecret "auth.wrong" Ours("authentication"), "a wrong secret, or another's certificate, gets 401";
    Changed "auth.changed" Ours("authentication"), "a callback changed after it was signed gets 401";
    Stale "auth.stale" Ours("authentication"), "a callback signed an hour ago gets 401";
    Future "auth.future" Ours("authentication"), "a callback signed in an hour gets 401";
    Replayed "auth.replayed" Ours("authentication"), "a used nonce gets 409, or the same bytes";
    NothingLearned "auth.nothing-learned" Ours("authentication"), "every 401 is the same, for an unknown link too";
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a new check is no facet until it says so"
)]
impl Check {
    /// The lines whose verdict is over all answers of the run, and the facet that they look at.
    fn facet(self) -> Option<Facet> {
        match self {
            Self::Status => Some(Facet::Status),
            Self::ContentType => Some(Facet::ContentType),
            Self::Clean => Some(Facet::Clean),
            Self::Document => Some(Facet::Document),
            Self::Marker => Some(Facet::Marker),
            Self::Text => Some(Facet::Text),
            Self::Also => Some(Facet::Also),
            Self::Limit => Some(Facet::Limit),
            _ => None,
        }
    }

    /// Whether it can be told only after all others.
    fn is_last(self) -> bool {
        self.facet().is_some()
            || matches!(
                self,
                Self::PostedOnce | Self::Deadline | Self::Form | Self::Quiet
            )
    }
}

/// Why something is not run that the operator does not tell, with what its document has instead.
fn lacking(what: &str, reason: Option<&String>) -> Verdict {
    Verdict::not_run(match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    })
}

/// A check that fails after so long found nobody who answers.
const MUTE: Duration = Duration::from_secs(30);

/// Runs all checks.
pub async fn all(run: &mut Run) -> Vec<Line> {
    let mut verdicts = Vec::with_capacity(Check::ALL.len());
    let mut is_mute = false;
    for check in Check::ALL {
        let verdict = match check.is_last() {
            true => None,
            // Whoever says nothing once would be waited for at every line.
            false if is_mute => Some(Verdict::NotRun {
                why: "the gateway gives no answer".to_owned(),
            }),
            false => {
                let began = tokio::time::Instant::now();
                let verdict = one(run, *check).await;
                let failed = matches!(verdict, Verdict::Fail { .. });
                is_mute = failed && began.elapsed() >= MUTE;
                Some(verdict)
            }
        };
        verdicts.push((*check, verdict));
    }
    let mut lines = Vec::with_capacity(verdicts.len());
    for (check, verdict) in verdicts {
        let verdict = match verdict {
            Some(verdict) => verdict,
            None => one(run, check).await,
        };
        let clause = check.clause().text(&run.operator.document);
        lines.push(Line::new(check.name(), check.expected(), clause, verdict));
    }
    lines
}

/// Runs one check.
pub async fn line(run: &mut Run, check: Check) -> Line {
    let verdict = one(run, check).await;
    let clause = check.clause().text(&run.operator.document);
    Line::new(check.name(), check.expected(), clause, verdict)
}

async fn one(run: &mut Run, check: Check) -> Verdict {
    if let Some(facet) = check.facet() {
        return answers::facet(run, facet);
    }
    let checked = match check {
        Check::New => turns::new(run).await,
        Check::Continue => turns::more(run).await,
        Check::Input => turns::input(run).await,
        Check::Star => turns::star(run).await,
        Check::DialString => turns::dial_string(run).await,
        Check::End => turns::end(run).await,
        Check::AfterEnd => turns::after_end(run).await,
        Check::Timeout => turns::timeout(run).await,
        Check::UnknownSession => turns::unknown_session(run).await,
        Check::Whose => turns::whose(run).await,
        Check::OlderSession => turns::older_session(run).await,
        Check::Repeated => repeats::in_turn(run).await,
        Check::RepeatedNew => repeats::of_the_first(run).await,
        Check::AtOnce => repeats::at_once(run).await,
        Check::Reordered => repeats::reordered(run).await,
        Check::Unmarked => repeats::unmarked(run).await,
        Check::ArabicDigits => typed::arabic_digits(run).await,
        Check::ArabicText => typed::answered(run, "نعم أريد الانخراط").await,
        Check::Empty => typed::nothing(run).await,
        Check::Long => typed::answered(run, &"a".repeat(160)).await,
        Check::VeryLong => typed::answered(run, &"a".repeat(2_000)).await,
        Check::PostedOnce => posted::once(run).await,
        Check::Deadline => answers::deadline(run),
        Check::UnknownField => errors::unknown_field(run).await,
        Check::Missing => errors::missing(run).await,
        Check::Duplicate => errors::duplicate(run).await,
        Check::WrongType => errors::wrong_type(run).await,
        Check::NotText => errors::not_text(run).await,
        Check::WrongContentType => errors::content_type(run).await,
        Check::TooLarge => errors::too_large(run).await,
        Check::Malformed => errors::malformed(run).await,
        Check::Method => errors::method(run).await,
        Check::Form => answers::error_form(run),
        Check::Quiet => answers::quiet(run),
        Check::Unsigned => auth::unsigned(run).await,
        Check::WrongSecret => auth::wrong(run).await,
        Check::Changed => auth::changed(run).await,
        Check::Stale => auth::stale(run).await,
        Check::Future => auth::future(run).await,
        Check::Replayed => auth::replayed(run).await,
        Check::NothingLearned => auth::nothing_learned(run).await,
        Check::Status
        | Check::ContentType
        | Check::Clean
        | Check::Document
        | Check::Marker
        | Check::Text
        | Check::Also
        | Check::Limit => Ok(Verdict::not_run("told with the answers")),
    };
    checked.unwrap_or_else(|verdict| verdict)
}
