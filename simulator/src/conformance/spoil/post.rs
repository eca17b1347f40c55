//! The way of screens that a good gateway posts, with the fault in them.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::conformance::bent::plain;
use crate::conformance::client::{Came, Client, Tls, Wire};
use crate::conformance::operator::Description;
use crate::conformance::pushed::QUIET;
use crate::conformance::read::Parts;
use crate::conformance::spoil::edit;
use crate::conformance::spoil::fault::{Fault, Origin};
use crate::conformance::spoil::{WAIT, silent};

/// So long a session has to be silent for a screen of it to be posted again: within what the checks
/// wait for one, and behind what they do at once.
const LATER: Duration = Duration::from_millis(150);
const _: () = assert!(LATER.as_millis() * 3 <= QUIET.as_millis());
/// Sessions that are remembered; screens of others go on as they are.
const SESSIONS_MAX: usize = 10_000;

/// What is known of a session.
#[derive(Default)]
struct Session {
    /// Its newest screen, and the one before.
    screens: [Option<Wire>; 2],
    /// How many callbacks and screens it has had.
    moves: u64,
}

struct Inner {
    description: Description,
    fault: Fault,
    operator: Client,
    sessions: Mutex<HashMap<String, Session>>,
}

/// Where posted screens pass. Clones are the same.
#[derive(Clone)]
pub struct Posts(Arc<Inner>);

impl Posts {
    /// The way to the operator's own address.
    ///
    /// # Errors
    /// When there is no client for it.
    pub fn new(operator: String, description: &Description, fault: Fault) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            description: description.clone(),
            fault,
            operator: Client::new(operator, WAIT, Tls::default())?,
            sessions: Mutex::default(),
        })))
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        let sessions = self.0.sessions.lock();
        sessions.unwrap_or_else(PoisonError::into_inner)
    }

    /// A callback comes: its session is no longer silent.
    pub fn asked(&self, asked: &Wire) {
        for (name, session) in self.sessions().iter_mut() {
            if edit::mentions(asked, name) {
                session.moves += 1;
            }
        }
    }

    /// Hands a screen on, spoilt, and gives back what the operator says of it.
    pub async fn on(&self, posted: Wire) -> Came {
        let Inner {
            description, fault, ..
        } = &*self.0;
        let screen = Came {
            status: 200,
            headers: posted.headers.clone(),
            body: posted.body.clone(),
            took: Duration::ZERO,
        };
        let session = self.session(&screen);
        let spoilt = fault.plant(description, &posted, screen, Origin::Post, 1);
        let wire = Wire {
            headers: spoilt.headers,
            body: spoilt.body,
            ..posted
        };
        let said = self
            .0
            .operator
            .send(&wire)
            .await
            .unwrap_or_else(|_| silent());
        if let Some(session) = session {
            self.again(session, wire);
        }
        said
    }

    /// How many callbacks and screens a session has had.
    fn moves(&self, name: &str) -> Option<u64> {
        self.sessions().get(name).map(|known| known.moves)
    }

    /// What a screen has where its session stands.
    fn session(&self, screen: &Came) -> Option<String> {
        match &self.0.description {
            Description::Ussd(ussd) => {
                let form = ussd.pushed.as_ref()?;
                Parts::of(screen).at(&form.session).as_ref().map(plain)
            }
            Description::Sms(_) => None,
        }
    }

    /// Posts this screen or the one before it once more, if the session is silent for a while.
    fn again(&self, name: String, wire: Wire) {
        let (again, moves) = {
            let mut sessions = self.sessions();
            if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&name) {
                return;
            }
            let session = sessions.entry(name.clone()).or_default();
            session.moves += 1;
            session.screens = [Some(wire), session.screens[0].take()];
            let again = match self.0.fault == Fault::PostedTwice {
                true => session.screens[0].clone(),
                false => session.screens[1].clone(),
            };
            (again, session.moves)
        };
        let spoils = matches!(self.0.fault, Fault::PostedTwice | Fault::PostedLate);
        let Some(again) = again.filter(|_| spoils) else {
            return;
        };
        let posts = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            if posts.moves(&name) == Some(moves) {
                // What the operator says of it is nobody's.
                drop(posts.0.operator.send(&again).await);
            }
        });
    }
}
