//! An operator's message centre: it takes parts, loses words and receipts come when they like.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use jisr::callback::{LinkName, Msisdn};
use jisr::outbox::{Carrier, PartReport};
use jisr::store::{Message, MessageId, PartOutcome, Receipt, ReceiptIds, ReceiptState};
use tokio::time::sleep;

use crate::sky::Sky;
use crate::world::{LINK, World};

/// Letters of a part.
const PART: usize = 150;

/// What the centre knows of a part.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// How often it was taken.
    pub times: u32,
    /// Under which ids a receipt said that it arrived, and the gateway had it.
    pub arrived: Vec<String>,
    /// Whether one said that it did not.
    pub lost: bool,
    /// Whether a receipt is on its way.
    pub awaits: u32,
}

#[derive(Default)]
struct Books {
    parts: BTreeMap<(MessageId, u8), Taken>,
    texts: BTreeMap<MessageId, String>,
    phones: BTreeMap<Msisdn, Vec<String>>,
    last_id: u64,
}

/// The message centre.
pub struct Smsc {
    sky: Arc<Sky>,
    world: Weak<World>,
    ids: ReceiptIds,
    books: Mutex<Books>,
}

impl Smsc {
    pub fn new(sky: &Arc<Sky>, world: Weak<World>) -> Self {
        Self {
            sky: Arc::clone(sky),
            world,
            ids: sky
                .dice
                .of(&[ReceiptIds::Same, ReceiptIds::HexAnswer, ReceiptIds::Any]),
            books: Mutex::default(),
        }
    }

    /// Takes a part.
    fn takes(self: &Arc<Self>, message: &Message, part: u8, parts: u8, first: bool) -> String {
        let mut books = self.books.lock().unwrap();
        // Far apart, so that no id is another's in another base.
        books.last_id += 1;
        let number = 7_000_000_000 + books.last_id * 1_000_003;
        let taken = books.parts.entry((message.id, part)).or_default();
        taken.times += 1;
        taken.awaits += 1;
        if taken.times > 1 {
            self.sky.rare("a part is taken twice");
        }
        let is_whole = part + 1 == parts;
        drop(books);
        if is_whole {
            self.arrives(message);
        }
        let id = match self.ids {
            ReceiptIds::HexAnswer => format!("{number:X}"),
            ReceiptIds::Any | ReceiptIds::Same | ReceiptIds::DecimalAnswer => number.to_string(),
        };
        let told = match self.ids {
            ReceiptIds::Any => format!("{number:x}"),
            ReceiptIds::HexAnswer => number.to_string(),
            ReceiptIds::Same | ReceiptIds::DecimalAnswer => id.clone(),
        };
        let wait = match first {
            true => Duration::ZERO,
            false => self.sky.wait(self.sky.parameters.receipt_wait) + Duration::from_millis(20),
        };
        let centre = Arc::clone(self);
        let (of, its_id) = ((message.id, part), id.clone());
        let _task = tokio::spawn(async move { centre.receipts(of, (its_id, told), wait).await });
        id
    }

    /// The phone has it.
    fn arrives(&self, message: &Message) {
        let mut books = self.books.lock().unwrap();
        let letters = books.phones.entry(message.to.clone()).or_default();
        letters.push(message.text.clone());
    }

    /// Receipts of a part, each told until the gateway has it.
    async fn receipts(&self, of: (MessageId, u8), (id, told): (String, String), wait: Duration) {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let p = self.sky.parameters;
        let last = match self.sky.hits(p.undelivered) {
            true => self
                .sky
                .dice
                .of(&[ReceiptState::Failed, ReceiptState::Expired]),
            false => ReceiptState::Delivered,
        };
        let mut states = vec![last];
        if self.sky.hits(p.receipt_odd) {
            let odd = [
                ReceiptState::Underway,
                ReceiptState::Delivered,
                ReceiptState::Failed,
                ReceiptState::Expired,
            ];
            states.push(self.sky.dice.of(&odd));
            self.sky.rare("a second receipt");
            // A late delivery is the only word that may follow an end.
            if self.sky.dice.hits(300) {
                states.swap(0, 1);
            }
        }
        for state in states {
            let receipt = Receipt {
                link: LinkName::from(LINK),
                message_id: told.clone(),
                ids: self.ids,
                state,
                at: self.sky.ledger_time(),
            };
            let Some(world) = self.world.upgrade() else {
                return;
            };
            world.takes_receipt(receipt).await;
            self.sky
                .seen(|| format!("receipt {} {} {state:?}", of.0.0, of.1));
            let mut books = self.books.lock().unwrap();
            let taken = books.parts.entry(of).or_default();
            match state {
                ReceiptState::Delivered => taken.arrived.push(id.clone()),
                ReceiptState::Failed | ReceiptState::Expired => taken.lost = true,
                ReceiptState::Underway => {}
            }
        }
        let mut books = self.books.lock().unwrap();
        books.parts.entry(of).or_default().awaits -= 1;
    }

    /// The letters of a phone.
    pub fn letters(&self, of: &Msisdn) -> Vec<String> {
        let books = self.books.lock().unwrap();
        books.phones.get(of).cloned().unwrap_or_default()
    }

    /// What is known of every part.
    pub fn parts(&self) -> BTreeMap<(MessageId, u8), Taken> {
        self.books.lock().unwrap().parts.clone()
    }

    /// Whether a receipt is on its way.
    pub fn awaits(&self) -> bool {
        let books = self.books.lock().unwrap();
        books.parts.values().any(|taken| taken.awaits > 0)
    }

    /// The bytes of a message are always the same.
    fn reads(&self, message: &Message) {
        let mut books = self.books.lock().unwrap();
        let before = books
            .texts
            .entry(message.id)
            .or_insert_with(|| message.text.clone());
        if *before != message.text {
            let how = format!("other bytes of message {}", message.id.0);
            self.sky.broken("G2 the same bytes", how);
        }
    }
}

/// How many parts a text has.
pub fn parts_of(text: &str) -> u8 {
    u8::try_from(text.chars().count().div_ceil(PART).max(1)).unwrap_or(u8::MAX)
}

/// A node's way to the centre.
pub struct Line {
    pub centre: Arc<Smsc>,
    pub link: LinkName,
}

impl Carrier for Line {
    fn link(&self) -> &LinkName {
        &self.link
    }

    fn is_up(&self) -> bool {
        true
    }

    fn at_once(&self) -> usize {
        4
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn carry(&self, message: &Message) -> Vec<PartReport> {
        let (centre, sky) = (&self.centre, &self.centre.sky);
        let p = sky.parameters;
        centre.reads(message);
        let parts = parts_of(&message.text);
        let which: Vec<u8> = match message.parts.is_empty() {
            true => (0..parts).collect(),
            false => message.parts.clone(),
        };
        let mut reports = Vec::new();
        for part in which {
            sleep(sky.wait(p.word_wait)).await;
            let first = sky.hits(p.receipt_first);
            let outcome = if sky.hits(p.refused_for_good) {
                PartOutcome::Refused("0x0b".to_owned())
            } else if sky.hits(p.not_now) {
                match sky.dice.below(3) {
                    0 => PartOutcome::Throttled,
                    1 => PartOutcome::NotSent,
                    _ => PartOutcome::Temporary("0x14".to_owned()),
                }
            } else if sky.hits(p.part_lost) {
                PartOutcome::Unknown
            } else {
                let id = centre.takes(message, part, parts, first);
                if first {
                    sky.rare("a receipt comes before its word");
                }
                sleep(sky.wait(p.word_wait)).await;
                match sky.hits(p.word_lost) {
                    true => {
                        sky.rare("the word on a taken part is lost");
                        PartOutcome::Unknown
                    }
                    false => PartOutcome::Accepted(id),
                }
            };
            sky.seen(|| format!("part {} {part}/{parts} {}", message.id.0, outcome.name()));
            reports.push(PartReport {
                part,
                parts,
                outcome,
            });
        }
        reports
    }
}
