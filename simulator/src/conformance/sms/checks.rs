//! The checks of an SMS operator.

use crate::conformance::ask::{Asked, Body};
use crate::conformance::checks::Clause::{Ours, Theirs};
use crate::conformance::checks::{self, Check, Checked, Clause};
use crate::conformance::operator::Repeat;
use crate::conformance::report::{Line, Verdict};
use crate::conformance::run::{Caller, Event, Exchange};
use crate::conformance::shown;
use crate::conformance::sms::api::{Facet, Mood, Sent};
use crate::conformance::sms::run::SmsRun;

macro_rules! sms_checks {
    ($($check:ident $name:literal $clause:expr, $expected:literal;)*) => {
        /// One check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SmsCheck {
            $(#[doc = $expected] $check,)*
        }

        impl SmsCheck {
            /// All checks in the order of the report.
            pub const ALL: &'static [Self] = &[$(Self::$check),*];

            fn line(self) -> (&'static str, Clause, &'static str) {
                match self { $(Self::$check => ($name, $clause, $expected),)* }
            }
        }
    };
}

sms_checks! {
    Answered "sms.answered" Ours("sms"), "a text gets a text back";
    Repeated "sms.repeated" Ours("repeats"), "a text that comes again is answered once";
    Batch "sms.batch" Theirs, "each good text of a batch is answered, beside a bad one";
    Parts "sms.parts" Theirs, "parts that come in another order are one text";
    Arabic "sms.arabic" Ours("sms"), "an Arabic text gets a text back";
    Long "sms.long" Ours("sms"), "a text of 1,000 characters is taken";
    UnknownField "sms.unknown-field" Ours("errors"), "a field that is not known yet is ignored";
    Acknowledged "sms.acknowledged" Theirs, "every text is acknowledged exactly as the operator wants it";
    Address "mt.address" Theirs, "texts go out to the operator's address";
    Proof "mt.proof" Theirs, "texts that go out prove who gives them";
    To "mt.to" Theirs, "texts that go out say to whom";
    From "mt.from" Theirs, "texts that go out say from whom";
    Text "mt.text" Theirs, "texts that go out can be read";
    Coding "mt.coding" Theirs, "Arabic and Latin texts say in which alphabet they are";
    Also "mt.fields" Theirs, "texts that go out have the operator's further fields";
    Throttled "mt.throttled" Theirs, "a text that is wanted later comes again";
    Refused "mt.refused" Theirs, "a text that is refused for good does not come again";
    Token "mt.token" Theirs, "a token that is no longer good is renewed";
    ReceiptAcknowledged "receipt.acknowledged" Theirs, "every receipt is acknowledged exactly as the operator wants it";
    States "receipt.states" Theirs, "a receipt of each state is taken";
    ReceiptAgain "receipt.repeated" Ours("receipts"), "a receipt that comes again is taken";
    ReceiptEarly "receipt.early" Ours("receipts"), "a receipt that comes before the API has answered is taken";
    ReceiptUnknown "receipt.unknown" Ours("receipts"), "a receipt with an unknown id is taken";
}

/// The checks that callbacks of texts and of key presses have in common.
const COMMON: &[Check] = &[
    Check::Deadline,
    Check::Missing,
    Check::Duplicate,
    Check::WrongType,
    Check::NotText,
    Check::WrongContentType,
    Check::TooLarge,
    Check::Malformed,
    Check::Method,
    Check::Quiet,
    Check::Unsigned,
    Check::WrongSecret,
    Check::Changed,
    Check::Stale,
    Check::Future,
    Check::Replayed,
    Check::NothingLearned,
];

impl SmsCheck {
    /// Whether it is over all texts of the run.
    fn is_last(self) -> bool {
        matches!(
            self,
            Self::Acknowledged
                | Self::ReceiptAcknowledged
                | Self::Address
                | Self::Proof
                | Self::To
                | Self::From
                | Self::Text
                | Self::Coding
                | Self::Also
        )
    }
}

/// Runs all checks.
pub async fn all(run: &mut SmsRun) -> Vec<Line> {
    let mut found = Vec::new();
    for last in [false, true] {
        for check in SmsCheck::ALL.iter().filter(|check| check.is_last() == last) {
            let verdict = one(run, *check).await.unwrap_or_else(|verdict| verdict);
            found.push((*check, verdict));
        }
    }
    let place = |check: SmsCheck| SmsCheck::ALL.iter().position(|known| *known == check);
    found.sort_by_key(|(check, _)| place(*check));
    let document = run.sms.document.clone();
    let mut lines: Vec<Line> = found
        .into_iter()
        .map(|(check, verdict)| {
            let (name, clause, expected) = check.line();
            Line::new(name, expected, clause.text(&document), verdict)
        })
        .collect();
    for last in [false, true] {
        for check in COMMON {
            let is_last = matches!(check, Check::Deadline | Check::Quiet);
            if is_last == last {
                lines.push(checks::line(&mut run.run, *check).await);
            }
        }
    }
    lines
}

async fn one(run: &mut SmsRun, check: SmsCheck) -> Checked {
    match check {
        SmsCheck::Answered => answered(run).await,
        SmsCheck::Repeated => repeated(run).await,
        SmsCheck::Batch => batch(run).await,
        SmsCheck::Parts => parts(run).await,
        SmsCheck::Arabic => arabic(run).await,
        SmsCheck::Long => {
            let (_, exchange) = run.text(&"a".repeat(1_000)).await;
            run.taken(&exchange)?;
            Ok(run.run.passes(&exchange))
        }
        SmsCheck::UnknownField => unknown_field(run).await,
        SmsCheck::Acknowledged => acknowledged(run),
        SmsCheck::Address => address(run),
        SmsCheck::Proof => sent(run, Facet::Proof),
        SmsCheck::To => sent(run, Facet::To),
        SmsCheck::From => sent(run, Facet::From),
        SmsCheck::Text => sent(run, Facet::Text),
        SmsCheck::Coding => coding(run),
        SmsCheck::Also => also(run),
        SmsCheck::Throttled => throttled(run, Mood::Throttles).await,
        SmsCheck::Refused => refused(run).await,
        SmsCheck::Token => match run.sms.api.token {
            Some(_) => throttled(run, Mood::TokenExpired).await,
            None => Ok(Verdict::not_run("the operator gives no tokens")),
        },
        SmsCheck::ReceiptAcknowledged => match &run.receipt_fault {
            Some((expected, exchange)) => Err(run.run.fails(expected.clone(), exchange)),
            None if run.receipts == 0 => Ok(Verdict::not_run("no receipt was handed over")),
            None => Ok(counted(run.receipts, "receipts")),
        },
        SmsCheck::States => states(run).await,
        SmsCheck::ReceiptAgain => receipt_again(run).await,
        SmsCheck::ReceiptEarly => receipt_early(run).await,
        SmsCheck::ReceiptUnknown => receipt_unknown(run).await,
    }
}

/// What was seen of a text that went out.
fn seen(run: &SmsRun, sent: &Sent) -> Verdict {
    Verdict::Pass {
        sent: String::new(),
        came: shown::request(&sent.wire, &run.secrets()),
    }
}

fn not_so(run: &SmsRun, sent: &Sent, expected: impl Into<String>) -> Verdict {
    Verdict::Fail {
        expected: expected.into(),
        sent: String::new(),
        came: shown::request(&sent.wire, &run.secrets()),
    }
}

/// What a text gets, for a subscriber who texts it once.
async fn texts_for(run: &mut SmsRun, text: &str) -> Result<Vec<String>, Verdict> {
    let (caller, exchange) = run.text(text).await;
    let answers = run.answers(&caller, &exchange).await;
    let answers = answers.map_err(|_| Verdict::not_run("a text gets no text back"))?;
    Ok(answers.into_iter().map(|sent| sent.text).collect())
}

async fn answered(run: &mut SmsRun) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let (caller, exchange) = run.text(&keyword).await;
    run.taken(&exchange)?;
    let sent = run.answer(&caller, &exchange).await?;
    Ok(seen(run, &sent))
}

async fn repeated(run: &mut SmsRun) -> Checked {
    if run.sms.repeat == Repeat::None {
        return Ok(Verdict::not_run(
            "the operator sends nothing by which a repeat is recognised",
        ));
    }
    let keyword = run.run.settings.keyword.clone();
    let wanted = texts_for(run, &keyword).await?;
    let mut caller = run.run.caller();
    let callback = run.run.callback(&mut caller, Event::New, &keyword);
    let first = run.hand_over(&callback).await;
    run.taken(&first)?;
    let again = run.hand_over(&callback).await;
    run.taken(&again)?;
    let answers = run.answers(&caller, &again).await?;
    let texts: Vec<String> = answers.iter().map(|sent| sent.text.clone()).collect();
    if texts != wanted {
        let expected = format!("{} text(s) back, not {}", wanted.len(), texts.len());
        return Err(run.run.fails(expected, &again));
    }
    Ok(run.run.passes(&again))
}

async fn batch(run: &mut SmsRun) -> Checked {
    let Some(pointer) = run.sms.batch.clone() else {
        return Ok(Verdict::not_run("the operator sends each text alone"));
    };
    let keyword = run.run.settings.keyword.clone();
    let mut callers = Vec::new();
    let mut whole = None;
    let mut elements = Vec::new();
    for bad in [false, true, false] {
        let mut caller = run.run.caller();
        let callback = run.run.callback(&mut caller, Event::New, &keyword);
        let mut element = match &callback.asked.body {
            Body::Json(json) => json.pointer(&format!("{pointer}/0")).cloned(),
            Body::None | Body::Form(_) | Body::Xml(_) | Body::Bytes(_) => None,
        }
        .unwrap_or_default();
        match (bad, element.as_object_mut()) {
            (true, Some(members)) => {
                members.remove("from");
            }
            (true, None) | (false, _) => callers.push(caller),
        }
        elements.push(element);
        whole.get_or_insert(callback);
    }
    let Some(mut callback) = whole else {
        return Ok(Verdict::not_run("there is no batch"));
    };
    if let Body::Json(json) = &mut callback.asked.body
        && let Some(list) = json.pointer_mut(&pointer)
    {
        *list = elements.into();
    }
    let exchange = run.hand_over(&callback).await;
    run.taken(&exchange)?;
    for caller in callers {
        run.answer(&caller, &exchange).await?;
    }
    Ok(run.run.passes(&exchange))
}

async fn parts(run: &mut SmsRun) -> Checked {
    let Some(part) = run.sms.part.clone() else {
        return Ok(Verdict::not_run("the operator sends texts whole"));
    };
    let keyword = run.run.settings.keyword.clone();
    let wanted = texts_for(run, &keyword).await?;
    let mut caller = run.run.caller();
    let half = keyword.floor_char_boundary(keyword.len() / 2);
    let reference = run.run.seed.draw() % 256;
    let mut last = None;
    for (number, text) in [("2", &keyword[half..]), ("1", &keyword[..half])] {
        let mut callback = run.run.callback(&mut caller, Event::New, text);
        for (name, value) in [
            ("part", number.to_owned()),
            ("parts", "2".to_owned()),
            ("reference", reference.to_string()),
        ] {
            callback.values.insert(name.to_owned(), value);
        }
        let ask = part.over(&run.sms.ask);
        callback.asked = Asked::from(&ask, &callback.values);
        let exchange = run.hand_over(&callback).await;
        run.taken(&exchange)?;
        last = Some(exchange);
    }
    let Some(exchange) = last else {
        return Ok(Verdict::not_run("there are no parts"));
    };
    let answers = run.answers(&caller, &exchange).await?;
    let texts: Vec<String> = answers.iter().map(|sent| sent.text.clone()).collect();
    if texts != wanted {
        let expected = "what the same text gets that comes whole";
        return Err(run.run.fails(expected, &exchange));
    }
    Ok(run.run.passes(&exchange))
}

async fn arabic(run: &mut SmsRun) -> Checked {
    let (caller, exchange) = run.text("مساعدة").await;
    run.taken(&exchange)?;
    let sent = run.answer(&caller, &exchange).await?;
    Ok(seen(run, &sent))
}

async fn unknown_field(run: &mut SmsRun) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let mut caller = run.run.caller();
    let mut callback = run.run.callback(&mut caller, Event::New, &keyword);
    callback.asked = callback.asked.with_extra();
    let exchange = run.hand_over(&callback).await;
    run.taken(&exchange)?;
    run.answer(&caller, &exchange).await?;
    Ok(run.run.passes(&exchange))
}

fn acknowledged(run: &SmsRun) -> Checked {
    match &run.acknowledged {
        Some((expected, exchange)) => Err(run.run.fails(expected.clone(), exchange)),
        None => Ok(counted(run.texts, "texts")),
    }
}

fn counted(count: usize, what: &str) -> Verdict {
    Verdict::Pass {
        sent: String::new(),
        came: format!("{count} {what}"),
    }
}

fn address(run: &SmsRun) -> Checked {
    if let Some(wire) = run.api.unexpected() {
        let sends = &run.sms.api.send;
        let addresses: Vec<String> = sends
            .iter()
            .map(|send| format!("{} {}", send.methods.join("|"), send.path))
            .collect();
        return Err(Verdict::Fail {
            expected: addresses.join(" or "),
            sent: String::new(),
            came: shown::request(&wire, &run.secrets()),
        });
    }
    sent(run, Facet::Address)
}

fn sent(run: &SmsRun, facet: Facet) -> Checked {
    match run.sent_fault(facet) {
        Some((expected, sent)) => Err(not_so(run, &sent, expected)),
        None => match run.api.all().len() {
            0 => Ok(Verdict::not_run("no text went out")),
            count => Ok(counted(count, "texts")),
        },
    }
}

fn coding(run: &SmsRun) -> Checked {
    let said = run
        .sms
        .api
        .send
        .iter()
        .any(|send| !send.gsm.is_empty() || !send.other.is_empty());
    match said {
        true => sent(run, Facet::Coding),
        false => Ok(Verdict::not_run("the operator finds the alphabet itself")),
    }
}

fn also(run: &SmsRun) -> Checked {
    match run.sms.api.send.iter().any(|send| !send.also.is_empty()) {
        true => sent(run, Facet::Also),
        false => Ok(Verdict::not_run("the operator's document asks for none")),
    }
}

async fn throttled(run: &mut SmsRun, mood: Mood) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let mut caller = run.run.caller();
    run.api.set_mood(&caller.msisdn, mood);
    let callback = run.run.callback(&mut caller, Event::New, &keyword);
    let exchange = run.hand_over(&callback).await;
    let first = run.answer(&caller, &exchange).await?;
    let again = |texts: &[Sent]| {
        texts
            .iter()
            .any(|sent| sent.answered == Mood::Well && sent.text == first.text)
    };
    if !run
        .api
        .until(&caller.msisdn, run.patience.comes, again)
        .await
    {
        let within = run.patience.comes.as_millis();
        return Err(not_so(
            run,
            &first,
            format!("the same text again within {within} ms"),
        ));
    }
    Ok(seen(run, &first))
}

async fn refused(run: &mut SmsRun) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let mut caller = run.run.caller();
    run.api.set_mood(&caller.msisdn, Mood::Refuses);
    let callback = run.run.callback(&mut caller, Event::New, &keyword);
    let exchange = run.hand_over(&callback).await;
    let answers = run.answers(&caller, &exchange).await?;
    let Some((first, rest)) = answers.split_first() else {
        return Ok(Verdict::not_run("no text went out"));
    };
    if rest.iter().any(|sent| sent.text == first.text) {
        return Err(not_so(run, first, "the same text only once"));
    }
    Ok(seen(run, first))
}

async fn states(run: &mut SmsRun) -> Checked {
    let states: Vec<String> = run.sms.receipt.states.keys().cloned().collect();
    let keyword = run.run.settings.keyword.clone();
    let mut last = None;
    for state in states {
        let (caller, exchange) = run.text(&keyword).await;
        let sent = first_of(run, &caller, &exchange).await?;
        let receipt = run
            .receipt(&sent.id, &sent.to, sent.receipts.as_deref(), &state)
            .await;
        run.taken(&receipt)?;
        last = Some(receipt);
    }
    match last {
        Some(receipt) => Ok(run.run.passes(&receipt)),
        None => Ok(Verdict::not_run("the operator sends no receipts")),
    }
}

/// A text that another check has to have first.
async fn first_of(run: &SmsRun, caller: &Caller, exchange: &Exchange) -> Result<Sent, Verdict> {
    let sent = run.answer(caller, exchange).await;
    sent.map_err(|_| Verdict::not_run("a text gets no text back"))
}

async fn receipt_again(run: &mut SmsRun) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let (caller, exchange) = run.text(&keyword).await;
    let sent = first_of(run, &caller, &exchange).await?;
    let named = sent.receipts.is_some();
    let asked = run.receipt_request(&sent.id, &sent.to, sent.receipts.as_deref(), "delivered");
    let first = run.receipt_again(&asked, named).await;
    run.taken(&first)?;
    let again = run.receipt_again(&asked, named).await;
    run.taken(&again)?;
    Ok(run.run.passes(&again))
}

async fn receipt_early(run: &mut SmsRun) -> Checked {
    let keyword = run.run.settings.keyword.clone();
    let mut caller = run.run.caller();
    run.api.set_mood(&caller.msisdn, Mood::ReceiptFirst);
    let callback = run.run.callback(&mut caller, Event::New, &keyword);
    run.hand_over(&callback).await;
    let Some((sent, done)) = run.api.early(run.patience.comes).await else {
        return Ok(Verdict::not_run("a text gets no text back"));
    };
    let receipt = run
        .receipt(&sent.id, &sent.to, sent.receipts.as_deref(), "delivered")
        .await;
    // Whoever waits for the answer of the API may have gone.
    let _ = done.send(());
    run.taken(&receipt)?;
    Ok(run.run.passes(&receipt))
}

async fn receipt_unknown(run: &mut SmsRun) -> Checked {
    if !run.sms.receipt.unknown {
        return Ok(Verdict::not_run(
            "the gateway itself makes the URL of each receipt",
        ));
    }
    let (id, to) = (run.run.seed.id(), run.run.seed.msisdn());
    let receipt = run.receipt(&id, &to, None, "delivered").await;
    run.taken(&receipt)?;
    Ok(run.run.passes(&receipt))
}
