//! Whoever uses the service while faults strike: each knows what they want, reads what is before them
//! and answers that. They redial when their session is gone, and do not despair at an apology.

use std::time::{Duration, Instant};

use simulator::phone::Phone;
use simulator::smsc::Smsc;

use crate::Held;
use crate::platform::{PATIENCE, Platform, Shape};

/// Answers of one person, at most.
const HOPS_MAX: usize = 60;
/// A message is waited for so long: the grace of two unknown outcomes, and some.
const SMS_WAIT: Duration = Duration::from_secs(170);
/// Who reads that the answer comes by SMS waits so long for it before dialling again.
const LATE_WAIT: Duration = Duration::from_secs(20);
/// What the page says then.
const BY_SMS: &str = "la réponse arrive par SMS";
/// Before a redial.
const REDIAL: Duration = Duration::from_millis(300);
/// The short number.
const SHORT: &str = "5800";

/// How somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By USSD, of an operator of a shape.
    Ussd(Shape),
    /// By text, with this one first.
    Sms(&'static str),
}

/// What somebody answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// This.
    Type(&'static str),
    /// The code from their inbox.
    Code,
}

/// What somebody does where a page holds these words.
struct Rule {
    sees: &'static str,
    answer: Answer,
    /// How far on the way it is; none for pages that may come at any point.
    rank: Option<usize>,
}

/// Somebody with a wish.
pub struct Person {
    /// Who, for reports.
    pub name: &'static str,
    /// The number of the phone.
    pub number: &'static str,
    way: Way,
    rules: Vec<Rule>,
    /// What the last page holds.
    goal: &'static str,
    /// Messages that they are to get: words, and how many messages of different text hold them.
    pub gets: &'static [(&'static str, usize)],
}

const LANGUAGE: (&str, &str) = ("Langue", "2");
const CONSENT: (&str, &str) = ("nous gardons 24 h", "1");
const HOME: &str = "Que voulez-vous";
const READ_BACK: &str = "Nous avons lu";
const CODE: &str = "{code}";

/// Everybody: twelve phones on different ways through the service.
pub fn everybody() -> Vec<Person> {
    let card =
        |kind: &'static str, number: &'static str, expiry: &'static str, birth: &'static str| {
            vec![
                LANGUAGE,
                CONSENT,
                ("Que voulez-vous", "1"),
                ("Quelle carte", kind),
                ("Tapez le numéro de la carte", number),
                (READ_BACK, "1"),
                ("date d'expiration de la carte", expiry),
                ("date de naissance", birth),
                ("C'est juste ?\nCarte", "1"),
            ]
        };
    let account = |mut way: Vec<(&'static str, &'static str)>| {
        way.extend([
            ("Code envoyé", CODE),
            ("C'est bien vous", "1"),
            ("Votre e-mail", "1"),
        ]);
        way
    };
    let by_text = |text: &'static str, after: &[(&'static str, &'static str)]| {
        let mut way = vec![
            LANGUAGE,
            CONSENT,
            ("Que voulez-vous", text),
            ("C'est juste ?\nCarte", "1 "),
        ];
        way.extend(after);
        way
    };
    let key = Way::Ussd(Shape::Key);
    let path = Way::Ussd(Shape::Path);
    let person = |name,
                  number,
                  way,
                  rules: Vec<(&'static str, &'static str)>,
                  goal,
                  gets: &'static [(&'static str, usize)]| Person {
        name,
        number,
        way,
        rules: rules_of(&rules),
        goal,
        gets,
    };
    vec![
        person(
            "Amina",
            "+212661000001",
            path,
            card("1", "BE740215", "14062031", "05031984"),
            "104882317",
            &[("104882317", 1)],
        ),
        person(
            "Youssef",
            "+212661000002",
            key,
            account(card("1", "JC51834", "02092029", "17111990")),
            "118206455",
            &[
                ("Votre code", 1),
                ("Mot de passe MaCNSS:", 1),
                ("118206455", 1),
            ],
        ),
        person(
            "Mbarek",
            "+212661000003",
            path,
            {
                let mut way = card("1", "D3345", "20012028", "01071961");
                way.push(("pas encore immatriculé", "2"));
                way.push(("Votre région", "1"));
                way.push(("Votre ville", "1"));
                way
            },
            "Casablanca:",
            &[("Casablanca:", 1)],
        ),
        person(
            "Hind",
            "+212661000004",
            key,
            {
                let mut way = card("1", "K928471", "30042033", "29021996");
                way.push(("Non éligible", "1"));
                way.push(("Votre région", "1"));
                way.push(("Votre ville", "2"));
                way
            },
            "Mohammedia:",
            &[("Mohammedia:", 1)],
        ),
        person(
            "Awa",
            "+212661000005",
            Way::Sms("TNS"),
            by_text(
                "TNS R204518M 11082027 23121988",
                &[
                    ("Code envoyé", CODE),
                    ("C'est bien vous", "1  "),
                    ("Votre e-mail", "1   "),
                ],
            ),
            "C'est fait",
            &[
                ("Votre code", 1),
                ("Mot de passe MaCNSS:", 1),
                ("120775903", 1),
            ],
        ),
        person(
            "Fadma",
            "+212661000006",
            path,
            account(card("1", "A10", "05052030", "12121950")),
            "100000042",
            &[
                ("Votre code", 1),
                ("Mot de passe MaCNSS:", 1),
                ("100000042", 1),
            ],
        ),
        person(
            "who has forgotten the password",
            "+212661000007",
            key,
            vec![
                LANGUAGE,
                CONSENT,
                ("Que voulez-vous", "3"),
                ("mot de passe oublié\"", "1"),
                ("Votre région", "1"),
                ("Votre ville", "3"),
            ],
            "Settat:",
            &[("Settat:", 1)],
        ),
        person(
            "who has changed the phone",
            "+212661000008",
            Way::Sms("TNS"),
            vec![LANGUAGE, CONSENT, ("Que voulez-vous", "4")],
            "donner votre nouveau téléphone",
            &[("donner votre nouveau téléphone", 1)],
        ),
        person(
            "who is not found",
            "+212661000009",
            path,
            {
                let mut way = card("1", "ZT918273", "14062031", "05031984");
                way.push(("Nous ne trouvons rien", "3"));
                way.push(("Votre région", "1"));
                way.push(("Votre ville", "1"));
                way
            },
            "Casablanca:",
            &[("Casablanca:", 1)],
        ),
        person(
            "who texts all of it",
            "+212661000010",
            Way::Sms("TNS cin ZT918274 14062031 05031984"),
            by_text("TNS cin ZT918274 14062031 05031984 ", &[]),
            "Nous ne trouvons rien",
            &[("Nous ne trouvons rien", 1)],
        ),
        person(
            "who asks for help",
            "+212661000011",
            Way::Sms("TNS"),
            vec![LANGUAGE, CONSENT, ("Que voulez-vous", "AIDE")],
            "Tout en un SMS",
            &[("Tout en un SMS", 1)],
        ),
        person(
            "who wants documents",
            "+212661000012",
            key,
            vec![
                LANGUAGE,
                CONSENT,
                ("Que voulez-vous", "2"),
                ("1 Agriculture", "9"),
                ("Batiment", "2"),
                ("Votre métier", "1"),
                ("1 Agence la plus proche\n2 Terminer", "2"),
            ],
            "Merci et à bientot",
            &[("Apportez-les", 1)],
        ),
    ]
}

/// Pages on the way, in order, before those that may come at any time.
fn rules_of(way: &[(&'static str, &'static str)]) -> Vec<Rule> {
    // What was read of an answer is asked back before it counts: after a redial the page comes again.
    let asks_back = |sees: &str| sees == READ_BACK;
    let on_the_way = way.iter().enumerate().map(|(at, (sees, answer))| Rule {
        sees,
        answer: match *answer {
            CODE => Answer::Code,
            typed => Answer::Type(typed),
        },
        rank: (!asks_back(sees)).then_some(at),
    });
    let any_time = Rule {
        sees: "Continuer votre demande",
        answer: Answer::Type("1"),
        rank: None,
    };
    on_the_way.chain([any_time]).collect()
}

/// What surrounds a person.
pub struct Around<'a> {
    /// The platform that carries what they dial.
    pub platform: &'a Platform,
    /// The message centre that carries what they text.
    pub smsc: &'a Smsc,
}

/// What a person has been through.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    /// How often a session had to be begun anew.
    pub redials: usize,
    /// Texts that were acknowledged.
    pub texts: usize,
    /// How far they were when it ended.
    rank: usize,
}

impl Person {
    /// Lives until the wish is granted.
    pub async fn live(&self, phone: &Phone, around: &Around<'_>) -> Held<Diary> {
        let mut diary = Diary::default();
        let lived = match self.way {
            Way::Ussd(shape) => self.by_ussd(shape, phone, around, &mut diary).await,
            Way::Sms(first) => self.by_sms(first, phone, around, &mut diary).await,
        };
        match lived {
            Ok(()) => Ok(diary),
            Err(why) => Err(format!("{}: {why}", self.name)),
        }
    }

    /// What to do about a page. A page that lies behind one that was shown is a step back.
    fn react(&self, text: &str, diary: &mut Diary) -> Held<Option<Answer>> {
        let Some(rule) = self.rules.iter().find(|rule| text.contains(rule.sees)) else {
            return Ok(None);
        };
        if let Some(rank) = rule.rank {
            if rank < diary.rank {
                return Err(format!(
                    "went back from {:?} to {:?}",
                    self.rules[diary.rank].sees, rule.sees
                ));
            }
            diary.rank = rank;
        }
        Ok(Some(rule.answer))
    }

    async fn by_ussd(
        &self,
        shape: Shape,
        phone: &Phone,
        around: &Around<'_>,
        diary: &mut Diary,
    ) -> Held<()> {
        let began = Instant::now();
        let mut session = around.platform.session(shape, self.number);
        let mut typed: Option<String> = None;
        let mut hops = 0;
        while hops < HOPS_MAX {
            let screen = around.platform.hop(&mut session, typed.as_deref()).await?;
            if screen.text.contains(self.goal) && !self.is_on_the_way(&screen.text) {
                return Ok(());
            }
            if typed.is_none() && screen.open && self.has_ended(&screen.text, diary) {
                // The last answer was taken while nobody knew of it: what it brings comes by text.
                return self.granted(phone).await;
            }
            let answer = match screen.open {
                true => self.react(&screen.text, diary)?,
                false => None,
            };
            typed = match (answer, screen.open) {
                (Some(Answer::Type(text)), _) => Some(text.to_owned()),
                (Some(Answer::Code), _) => Some(code(phone).await?),
                (None, true) => return Err(format!("a page out of place: {:?}", screen.text)),
                (None, false) => {
                    // Cut, or busy, or an answer that follows by SMS: look there, then dial again.
                    if screen.text.contains(BY_SMS) {
                        let fits =
                            |text: &str| text.contains(self.goal) || self.is_ahead(text, diary);
                        // Nothing within that time is an answer as well: they dial again.
                        let _ = phone.sms(0, LATE_WAIT, |sms| fits(&sms.text)).await;
                    }
                    if phone
                        .inbox(0)
                        .iter()
                        .any(|sms| sms.text.contains(self.goal))
                    {
                        return Ok(());
                    }
                    if began.elapsed() > PATIENCE * 2 {
                        return Err(format!("gave up at {:?}", screen.text));
                    }
                    diary.redials += 1;
                    tokio::time::sleep(REDIAL).await;
                    session = around.platform.session(shape, self.number);
                    None
                }
            };
            hops += usize::from(screen.open);
        }
        Err("no end".to_owned())
    }

    /// Whether a redial begins at the home page again, of somebody who had given the last answer: an end
    /// does not resume.
    fn has_ended(&self, text: &str, diary: &Diary) -> bool {
        let last = self.rules.iter().filter_map(|rule| rule.rank).max();
        text.contains(HOME) && last == Some(diary.rank)
    }

    /// Waits for the text that grants the wish, where it is one that comes by text.
    async fn granted(&self, phone: &Phone) -> Held<()> {
        let by_text = self.gets.iter().any(|(words, _)| *words == self.goal);
        if !by_text {
            return Ok(());
        }
        let got = phone.sms(0, SMS_WAIT, |sms| sms.text.contains(self.goal));
        match got.await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "the last answer was given, and nothing came of it but {HOME:?}"
            )),
        }
    }

    /// Whether a text is a page further on than the person is.
    fn is_ahead(&self, text: &str, diary: &Diary) -> bool {
        let found = self.rules.iter().find(|rule| text.contains(rule.sees));
        found.is_some_and(|rule| rule.rank > Some(diary.rank))
    }

    /// Whether a page that holds the goal's words is one before it.
    fn is_on_the_way(&self, text: &str) -> bool {
        self.rules.iter().any(|rule| text.contains(rule.sees))
    }

    async fn by_sms(
        &self,
        first: &'static str,
        phone: &Phone,
        around: &Around<'_>,
        diary: &mut Diary,
    ) -> Held<()> {
        let mut typed = first.to_owned();
        let mut read: Vec<String> = Vec::new();
        let mut from = 0;
        for _ in 0..HOPS_MAX {
            let sent = around.smsc.text(phone, SHORT, &typed, PATIENCE).await;
            sent.map_err(|error| format!("a text is not taken: {error}"))?;
            diary.texts += 1;
            let answer = loop {
                let relevant = |text: &str| text.contains(self.goal) || self.is_on_the_way(text);
                let next = phone
                    .sms(from, SMS_WAIT, |sms| {
                        relevant(&sms.text) && !read.contains(&sms.text)
                    })
                    .await;
                let (at, sms) = next.map_err(|_| {
                    format!(
                        "text {} got no reply that fits; of {} messages the last is {:?}",
                        diary.texts,
                        phone.received(),
                        phone.inbox(0).last().map(|sms| sms.text.clone())
                    )
                })?;
                from = at + 1;
                read.push(sms.text.clone());
                if sms.text.contains(self.goal) && !self.is_on_the_way(&sms.text) {
                    return Ok(());
                }
                if let Some(answer) = self.react(&sms.text, diary)? {
                    break answer;
                }
            };
            typed = match answer {
                Answer::Type(text) => text.to_owned(),
                Answer::Code => code(phone).await?,
            };
        }
        Err("no end".to_owned())
    }
}

/// The code of the newest message with one; waits for it.
async fn code(phone: &Phone) -> Held<String> {
    const BEFORE: &str = "Votre code: ";
    let got = phone
        .sms(0, SMS_WAIT, |sms| sms.text.contains(BEFORE))
        .await;
    got.map_err(|_| "no code came".to_owned())?;
    let inbox = phone.inbox(0);
    let newest = inbox
        .iter()
        .rev()
        .find_map(|sms| sms.text.split(BEFORE).nth(1));
    let code = newest.unwrap_or_default();
    Ok(code.chars().take_while(char::is_ascii_digit).collect())
}
