//! What the outside acknowledged and saw, beside what the ledger says afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::Held;
use crate::people::{Around, Diary, everybody};
use crate::program::{LOOK, Program, until_by};
use crate::site::{PLANTED, Site};

/// Everything is to be at rest within this: the graces of two unknown outcomes, and some.
const REST: Duration = Duration::from_secs(190);
/// Between two looks at what is owed.
const LOOK_AT_LEDGER: Duration = Duration::from_millis(250);
/// Who is not through within this waits for something.
const WORKS: Duration = Duration::from_secs(5);
/// Everybody has what they want within this.
const LIVES: Duration = Duration::from_secs(400);

/// What must have ended before anything is counted: messages, calls, revocations, texts.
const OWED: &str = "SELECT (SELECT count(*) FROM outbox WHERE is_open = 1)
    + (SELECT count(*) FROM due WHERE kind IN ('call', 'revoke'))
    + (SELECT count(*) FROM inbox_sms WHERE waits = 1)";
const OWED_ALL: [(&str, &str); 8] = [
    (
        "queued",
        "SELECT count(*) FROM outbox WHERE state = 'queued'",
    ),
    (
        "sending",
        "SELECT count(*) FROM outbox WHERE state = 'sending'",
    ),
    ("sent", "SELECT count(*) FROM outbox WHERE state = 'sent'"),
    (
        "unknown",
        "SELECT count(*) FROM outbox WHERE state = 'unknown'",
    ),
    ("open", "SELECT count(*) FROM outbox WHERE is_open = 1"),
    ("calls", "SELECT count(*) FROM due WHERE kind = 'call'"),
    (
        "revocations",
        "SELECT count(*) FROM due WHERE kind = 'revoke'",
    ),
    ("texts", "SELECT count(*) FROM inbox_sms WHERE waits = 1"),
];
const UNKNOWNS: &str = "SELECT CAST((SELECT coalesce(sum(unknowns), 0) FROM outbox_part)
    + (SELECT coalesce(sum(unknowns), 0) FROM outbox WHERE parts = 0) AS BIGINT)";
const UNDELIVERED: &str = "SELECT count(*) FROM outbox WHERE state <> 'delivered'";
const MESSAGES: &str = "SELECT count(*) FROM outbox";
/// One that was not acknowledged before a kill comes again, and may be kept for an id that comes round.
const UNMATCHED: &str = "SELECT count(DISTINCT normal) FROM receipts
    WHERE ltrim(normal, '=?') NOT IN (SELECT normal FROM part_ids)";
const TEXTS: &str = "SELECT count(*) FROM inbox_sms";
const ACCOUNTS: &str = "SELECT count(*) FROM effects WHERE state = 'done'";

/// What came of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Callbacks that were acknowledged.
    pub callbacks: usize,
    /// Repeats of them that were compared, byte for byte.
    pub repeats: usize,
    /// Attempts that got no answer.
    pub failures: u64,
    /// Apologies that were shown.
    pub apologies: u64,
    /// Sessions begun anew.
    pub redials: usize,
    /// Texts that were acknowledged.
    pub texts: usize,
    /// Messages in the ledger, all delivered.
    pub messages: i64,
    /// Outcomes that were recorded as unknown.
    pub unknowns: i64,
    /// Parts that the message centre got more than once.
    pub doubles: usize,
}

impl Account {
    /// In a few words.
    pub fn words(&self) -> String {
        let mut words = format!(
            "{} callbacks and {} texts answered, {} repeats equal, {} messages delivered",
            self.callbacks, self.texts, self.repeats, self.messages
        );
        for (count, what) in [
            (self.failures, "attempts unanswered"),
            (self.apologies, "apologies"),
            (self.redials as u64, "redials"),
            (
                u64::try_from(self.unknowns).unwrap_or(0),
                "unknown outcomes",
            ),
            (self.doubles as u64, "parts sent again"),
        ] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}"));
            }
        }
        words
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.callbacks += other.callbacks;
        self.repeats += other.repeats;
        self.failures += other.failures;
        self.apologies += other.apologies;
        self.redials += other.redials;
        self.texts += other.texts;
        self.messages += other.messages;
        self.unknowns += other.unknowns;
        self.doubles += other.doubles;
    }
}

/// Everybody, on their way.
pub struct Lives {
    all: JoinSet<Held<Diary>>,
    left: Arc<AtomicUsize>,
}

impl Lives {
    /// Sets everybody on their way.
    pub fn begin(site: &Arc<Site>) -> Self {
        let mut all = JoinSet::new();
        let left = Arc::new(AtomicUsize::new(everybody().len()));
        for person in everybody() {
            let (site, left) = (Arc::clone(site), Arc::clone(&left));
            all.spawn(async move {
                let phone = site.phones.phone(person.number);
                let around = Around {
                    platform: &site.platform,
                    smsc: &site.smsc,
                };
                let lived = person.live(&phone, &around).await;
                left.fetch_sub(1, Ordering::Relaxed);
                lived
            });
        }
        Self { all, left }
    }

    /// Whether nobody is on their way any more.
    pub fn are_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Waits until everybody has what they want.
    pub async fn end(mut self) -> Held<Vec<Diary>> {
        let all = async {
            let (mut diaries, mut wrong) = (Vec::new(), Vec::new());
            while let Some(lived) = self.all.join_next().await {
                match lived {
                    Ok(Ok(diary)) => diaries.push(diary),
                    // Where a mistake is planted the first that it harms is enough.
                    Ok(Err(why)) if PLANTED.try_with(|_| ()).is_ok() => return Err(why),
                    Ok(Err(why)) => wrong.push(why),
                    Err(error) => wrong.push(error.to_string()),
                }
            }
            if wrong.is_empty() {
                Ok(diaries)
            } else {
                Err(wrong.join("\n"))
            }
        };
        match tokio::time::timeout(LIVES, all).await {
            Ok(lived) => lived,
            Err(_) => Err("not everybody came to an end".to_owned()),
        }
    }
}

/// Waits until everybody has what they want and nothing is owed, then compares what was seen outside
/// with what the ledger says.
///
/// # Errors
/// Everything that was lost, came twice or went back, a line each; a program that ended meanwhile.
pub async fn judge(site: &Site, program: &mut Program, lives: Lives) -> Held<Account> {
    judge_all(site, std::slice::from_mut(program), lives).await
}

/// The same with several nodes.
///
/// # Errors
/// As for [`judge`].
pub async fn judge_all(site: &Site, programs: &mut [Program], lives: Lives) -> Held<Account> {
    let judged = tokio::select! {
        judged = judged(site, lives) => judged,
        why = ends(programs) => Err(why),
    };
    judged.map_err(|why| {
        let words: Vec<_> = programs.iter().map(Program::last_words).collect();
        format!(
            "{why}\nits last words:\n{}{}",
            words.join("\n-- the other node\n"),
            site.left()
        )
    })
}

/// Waits until a program has ended, which none is to do by itself.
async fn ends(programs: &mut [Program]) -> String {
    loop {
        for program in &mut *programs {
            if let Some(status) = program.status() {
                return format!("it has ended by itself, or somebody has ended it: {status}");
            }
        }
        tokio::time::sleep(LOOK * 10).await;
    }
}

async fn judged(site: &Site, lives: Lives) -> Held<Account> {
    let waits = async {
        tokio::time::sleep(WORKS).await;
        site.rests();
        std::future::pending().await
    };
    let diaries = tokio::select! {
        diaries = lives.end() => diaries?,
        never = waits => never,
    };
    // G1, G6: every text has had its turn, every message has reached a final state.
    let mut looks = 0;
    let rest = until_by(LOOK_AT_LEDGER, "nothing is owed any more", REST, || {
        looks += 1;
        if looks > 4 {
            site.rests();
        }
        async { site.ask(OWED).await == Ok(0) }
    });
    if let Err(why) = rest.await {
        let mut owed = Vec::new();
        for (what, query) in OWED_ALL {
            owed.push(format!("{} {what}", site.ask(query).await?));
        }
        return Err(format!("{why}: {}", owed.join(", ")));
    }
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };

    // G4, G8: whatever was acknowledged is answered again, byte for byte.
    let (repeats, unequal) = site.platform.repeat_all().await;
    for why in unequal {
        expect(false, why);
    }

    let texts: usize = diaries.iter().map(|diary| diary.texts).sum();
    let account = Account {
        callbacks: site.platform.acknowledged(),
        repeats,
        failures: site.platform.failures(),
        apologies: site.platform.apologies(),
        redials: diaries.iter().map(|diary| diary.redials).sum(),
        texts,
        messages: site.ask(MESSAGES).await?,
        unknowns: site.ask(UNKNOWNS).await?,
        doubles: site.smsc.parts_again(),
    };
    expect(
        site.ask(TEXTS).await? == i64::try_from(texts).unwrap_or(-1),
        format!(
            "{texts} texts were acknowledged, the ledger has {}",
            site.ask(TEXTS).await?
        ),
    );
    let undelivered = site.ask(UNDELIVERED).await?;
    expect(
        undelivered == 0,
        format!("{undelivered} messages were not delivered"),
    );
    // G7: all but those that bear the id of an answer that never came.
    let unmatched = site.ask(UNMATCHED).await?;
    expect(
        unmatched <= account.unknowns,
        format!(
            "{unmatched} receipts were not matched, and {} outcomes were unknown",
            account.unknowns
        ),
    );
    // G2: no more sendings than there are unknown outcomes, and each with the same bytes.
    expect(
        i64::try_from(account.doubles).unwrap_or(i64::MAX) <= account.unknowns,
        format!(
            "{} parts went again, and {} outcomes were unknown",
            account.doubles, account.unknowns
        ),
    );
    let mut different: BTreeMap<(String, String), usize> = BTreeMap::new();
    for submit in site.smsc.submits() {
        *different.entry((submit.to, submit.text)).or_default() += 1;
    }
    let again: Vec<_> = different.iter().filter(|(_, times)| **times > 1).collect();
    expect(
        i64::try_from(different.len()) == Ok(account.messages),
        format!(
            "the message centre got {} different messages, the ledger has {}; more than once: {again:?}",
            different.len(),
            account.messages
        ),
    );
    // G3: one code, one password, one account for each key.
    for person in everybody() {
        let phone = site.phones.phone(person.number);
        let texts: BTreeSet<String> = phone.inbox(0).into_iter().map(|sms| sms.text).collect();
        for (words, times) in person.gets {
            let found = texts.iter().filter(|text| text.contains(words)).count();
            // What is said on the last page of a conversation by text is said once more in it.
            expect(
                found >= *times && (found == *times || !is_secret(words)),
                format!(
                    "{}: {found} different messages with {words:?}, not {times}",
                    person.name
                ),
            );
        }
    }
    let opened = site.registry.counts().opened;
    let doubles: BTreeMap<_, _> = opened.iter().filter(|(_, times)| **times != 1).collect();
    expect(
        doubles.is_empty() && opened.len() == 3,
        format!("accounts were opened {opened:?}, not three of them once"),
    );
    let accounts = site.ask(ACCOUNTS).await?;
    expect(
        accounts == 3,
        format!("{accounts} accounts are in the ledger"),
    );
    if wrong.is_empty() {
        Ok(account)
    } else {
        Err(wrong.join("\n"))
    }
}

fn is_secret(words: &str) -> bool {
    words == "Votre code" || words.starts_with("Mot de passe")
}
