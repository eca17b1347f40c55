//! One journey under way: its steps, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Player;
use super::words::{code_in, offers_more, option_in, password_in};
use crate::operator::CallbackError;
use crate::phone::{Phone, Screen, Sms};
use crate::script::{Action, Journey, Needle, Step, Which};
use crate::world::{CODE, SHORT_NUMBER};

/// A message that a journey waits for comes within this.
const SMS_WAIT: Duration = Duration::from_secs(10);

/// In hand before the first `phone` step.
const NO_PHONE: &str = "+212600000000";

/// Parts of one screen, and pages of one list.
const PAGES_MAX: usize = 30;

/// How often `answer … until …` answers.
const ANSWERS_MAX: usize = 8;

/// What the person in the journey looks at.
enum Seen {
    Nothing,
    /// The phone's USSD screen.
    Screen,
    /// The messages from this position on.
    Messages(usize),
}

/// A journey under way.
pub struct Play<'a> {
    player: &'a mut Player,
    phone: Phone,
    seen: Seen,
    /// Everything that USSD has shown in this journey.
    screens: Vec<String>,
    code: String,
    /// Where the inbox of each phone stood when the journey first looked at it.
    starts: BTreeMap<String, usize>,
    /// The messages that a step has counted, by number and position.
    claimed: BTreeSet<(String, usize)>,
    passwords: usize,
}

impl<'a> Play<'a> {
    /// Nothing has been done yet.
    pub fn new(player: &'a mut Player) -> Self {
        Self {
            phone: player.world.phones.phone(NO_PHONE),
            player,
            seen: Seen::Nothing,
            screens: Vec::new(),
            code: String::new(),
            starts: BTreeMap::new(),
            claimed: BTreeSet::new(),
            passwords: 0,
        }
    }

    /// Takes every step, to the last or to the first that fails; then hangs up.
    ///
    /// # Errors
    /// What went wrong, with the step's line.
    pub async fn run(mut self, journey: &Journey) -> Result<(), String> {
        let done = self.take_all(journey).await;
        self.player.world.operator.hang_up(&self.phone);
        done
    }

    async fn take_all(&mut self, journey: &Journey) -> Result<(), String> {
        for step in &journey.steps {
            // What was in an inbox before the journey is none of its concern.
            if let Action::Phone(Which::Number(number)) | Action::Code(Some(number)) = &step.action
            {
                self.start_of(&self.player.world.phones.phone(number));
            }
        }
        for step in &journey.steps {
            let done = self.take(step).await;
            done.map_err(|why| format!("line {}, `{}`: {why}", step.line, step.written))?;
        }
        self.passwords_once()
    }

    async fn take(&mut self, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Phone(which) => {
                let number = match which {
                    Which::Number(number) => number.clone(),
                    Which::New => {
                        self.player.new_phones += 1;
                        format!("+2126620{:05}", self.player.new_phones)
                    }
                };
                self.phone = self.player.world.phones.phone(&number);
                self.start_of(&self.phone.clone());
                self.seen = Seen::Nothing;
                Ok(())
            }
            Action::Home => self.home().await,
            Action::Dial(code) => self.dial(code).await,
            Action::Press(key) => {
                let key = self.fill(key);
                self.press(&key).await
            }
            Action::Choose(label) => self.choose(label).await,
            Action::Repeat => self.repeat().await,
            Action::HangUp => {
                self.player.world.operator.hang_up(&self.phone);
                Ok(())
            }
            Action::Text(text) => {
                let text = self.fill(text);
                self.text(&text).await
            }
            Action::Meet => self.meet().await,
            Action::Answer(key, needle) => self.answer(key, needle).await,
            Action::See(needles) => self.see(needles).await,
            Action::Hide(needles) => {
                let shown = self.shown();
                none_in(needles, &shown)
            }
            Action::Unseen(needles) => none_in(needles, &self.everything()),
            Action::Open => match self.phone.screen() {
                Some(screen) if screen.open => Ok(()),
                Some(_) => Err("the session has ended".to_owned()),
                None => Err("there is no session".to_owned()),
            },
            Action::Over => match self.phone.screen() {
                Some(screen) if !screen.open => Ok(()),
                Some(_) => Err("the session still waits for an answer".to_owned()),
                None => Err("there was no last screen".to_owned()),
            },
            Action::Sms(needles) => {
                let phone = self.phone.clone();
                let holds = |sms: &Sms| needles.iter().all(|needle| needle.is_in(&sms.text));
                self.claim(&phone, holds).await.map(|_| ())
            }
            Action::Code(number) => {
                let phone = match number {
                    Some(number) => self.player.world.phones.phone(number),
                    None => self.phone.clone(),
                };
                let sms = self
                    .claim(&phone, |sms| code_in(&sms.text).is_some())
                    .await?;
                self.code = code_in(&sms.text).unwrap_or_default();
                Ok(())
            }
            Action::Password => {
                let phone = self.phone.clone();
                self.passwords += 1;
                self.claim(&phone, |sms| password_in(&sms.text).is_some())
                    .await
                    .map(|_| ())
            }
        }
    }

    /// Puts the language's and the journey's values in.
    fn fill(&self, text: &str) -> String {
        let language = self.player.language;
        let wrong: String = self
            .code
            .chars()
            .map(|digit| {
                if digit == '9' {
                    '0'
                } else {
                    char::from(digit as u8 + 1)
                }
            })
            .collect();
        text.replace("{lang}", language.key())
            .replace("{help}", language.help())
            .replace("{code}", &self.code)
            .replace("{wrong}", &wrong)
    }

    /// Where the phone's inbox stood when the journey began to look at it.
    fn start_of(&mut self, phone: &Phone) -> usize {
        *self
            .starts
            .entry(phone.number().to_owned())
            .or_insert_with(|| phone.received())
    }

    async fn dial(&mut self, code: &str) -> Result<(), String> {
        let screen = self.player.world.dial(&self.phone, code).await;
        self.shows(screen)
    }

    async fn press(&mut self, key: &str) -> Result<(), String> {
        let screen = self.player.world.operator.press(&self.phone, key).await;
        self.shows(screen)
    }

    fn shows(&mut self, screen: Result<Screen, CallbackError>) -> Result<(), String> {
        let screen = screen.map_err(|error| error.to_string())?;
        self.screens.push(screen.text);
        self.seen = Seen::Screen;
        Ok(())
    }

    async fn repeat(&mut self) -> Result<(), String> {
        let operator = self.player.world.operator.clone();
        let last = operator
            .last_callback(&self.phone)
            .ok_or("there is no open session")?;
        let again = operator
            .resend(&last)
            .await
            .map_err(|error| error.to_string())?;
        if Some(again) == self.phone.screen() {
            Ok(())
        } else {
            Err("the repeated callback got another answer".to_owned())
        }
    }

    async fn home(&mut self) -> Result<(), String> {
        self.dial(CODE).await?;
        if self.player.met.insert(self.phone.number().to_owned()) {
            self.press(self.player.language.key()).await?;
            self.press("1").await?;
        }
        Ok(())
    }

    /// Sends a text and waits for the first reply.
    async fn text(&mut self, text: &str) -> Result<(), String> {
        self.start_of(&self.phone.clone());
        let from = self.phone.received();
        self.player
            .world
            .text(&self.phone, SHORT_NUMBER, text)
            .await
            .map_err(|error| error.to_string())?;
        self.seen = Seen::Messages(from);
        self.phone
            .sms(from, SMS_WAIT, |_| true)
            .await
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    async fn meet(&mut self) -> Result<(), String> {
        if self.player.met.insert(self.phone.number().to_owned()) {
            self.text(self.player.language.key()).await?;
            self.text("1").await?;
        }
        Ok(())
    }

    async fn answer(&mut self, key: &str, needle: &Needle) -> Result<(), String> {
        for _ in 0..ANSWERS_MAX {
            if needle.is_in(&self.shown()) {
                return Ok(());
            }
            match self.seen {
                Seen::Nothing => return Err("there is nothing to answer".to_owned()),
                Seen::Screen => self.press(key).await?,
                Seen::Messages(_) => self.text(key).await?,
            }
        }
        Err(format!(
            "{needle} was not shown after {ANSWERS_MAX} answers"
        ))
    }

    /// What the person has before their eyes: the screen, or the replies to the last text.
    fn shown(&self) -> String {
        match self.seen {
            Seen::Nothing => String::new(),
            Seen::Screen => self
                .phone
                .screen()
                .map(|screen| screen.text)
                .unwrap_or_default(),
            Seen::Messages(from) => {
                let texts: Vec<_> = self
                    .phone
                    .inbox(from)
                    .into_iter()
                    .map(|sms| sms.text)
                    .collect();
                texts.join("\n")
            }
        }
    }

    async fn see(&mut self, needles: &[Needle]) -> Result<(), String> {
        let shown = match self.seen {
            Seen::Nothing | Seen::Screen => self.read_all().await?,
            Seen::Messages(from) => {
                let holds = |sms: &Sms| needles.iter().all(|needle| needle.is_in(&sms.text));
                let reply = self.phone.sms(from, SMS_WAIT, holds).await;
                reply
                    .map(|(_, sms)| sms.text)
                    .unwrap_or_else(|_| self.shown())
            }
        };
        for needle in needles {
            if !needle.is_in(&shown) {
                return Err(format!("{needle} is not shown"));
            }
        }
        Ok(())
    }

    /// The whole text of a screen that may come in parts: presses 9 while the screen offers it.
    async fn read_all(&mut self) -> Result<String, String> {
        let mut whole = self.shown();
        for _ in 0..PAGES_MAX {
            if !self
                .phone
                .screen()
                .is_some_and(|screen| screen.open && offers_more(&screen.text))
            {
                return Ok(whole);
            }
            self.press("9").await?;
            whole.push('\n');
            whole.push_str(&self.shown());
        }
        Err(format!("the screen goes on after {PAGES_MAX} parts"))
    }

    async fn choose(&mut self, label: &Needle) -> Result<(), String> {
        for _ in 0..PAGES_MAX {
            let shown = self.shown();
            let option = shown
                .lines()
                .filter_map(option_in)
                .find(|(_, text)| label.is_in(text));
            if let Some((key, _)) = option {
                let key = key.to_owned();
                return self.press(&key).await;
            }
            if !offers_more(&shown) {
                return Err(format!("no option is called {label}"));
            }
            self.press("9").await?;
        }
        Err(format!("the list goes on after {PAGES_MAX} pages"))
    }

    /// Everything that this journey has shown on its phones.
    fn everything(&self) -> String {
        let mut all = self.screens.clone();
        for (number, start) in &self.starts {
            let phone = self.player.world.phones.phone(number);
            all.extend(phone.inbox(*start).into_iter().map(|sms| sms.text));
        }
        all.join("\n")
    }

    /// The first message of this journey that is so and that no step has counted; waits for it.
    async fn claim(&mut self, phone: &Phone, is_it: impl Fn(&Sms) -> bool) -> Result<Sms, String> {
        let mut from = self.start_of(phone);
        let deadline = Instant::now() + SMS_WAIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, sms) = phone
                .sms(from, left, &is_it)
                .await
                .map_err(|error| error.to_string())?;
            if self.claimed.insert((phone.number().to_owned(), at)) {
                return Ok(sms);
            }
            from = at + 1;
        }
    }

    /// Each password of this journey came once, and there are no others.
    fn passwords_once(&self) -> Result<(), String> {
        let mut passwords = 0;
        for (number, start) in &self.starts {
            let phone = self.player.world.phones.phone(number);
            passwords += phone
                .inbox(*start)
                .iter()
                .filter(|sms| password_in(&sms.text).is_some())
                .count();
        }
        if passwords == self.passwords {
            Ok(())
        } else {
            Err(format!(
                "{passwords} passwords came, expected {}",
                self.passwords
            ))
        }
    }
}

fn none_in(needles: &[Needle], text: &str) -> Result<(), String> {
    match needles.iter().find(|needle| needle.is_in(text)) {
        Some(needle) => Err(format!("{needle} is shown")),
        None => Ok(()),
    }
}
