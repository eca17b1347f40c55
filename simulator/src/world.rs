//! Phones, the operator and the message centre together: what surrounds a running gateway.

use std::io;
use std::time::Duration;

use crate::operator::{CallbackError, Operator};
use crate::phone::{Phone, Phones, Screen, Watcher};
use crate::smsc::{Login, Smsc, TextError};

/// The short code of the demonstration's service.
pub const CODE: &str = "*580#";

/// The short number of the demonstration's service.
pub const SHORT_NUMBER: &str = "5800";

/// Whoever binds to the demonstration's message centre is called so.
pub const SYSTEM_ID: &str = "jisr";

/// The password of the demonstration's bind: a sample, on the loopback only.
pub const PASSWORD: &str = "secret";

/// A text from a phone is answered within this.
pub const TEXT_WAIT: Duration = Duration::from_secs(10);

/// What surrounds a gateway. Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// Every phone.
    pub phones: Phones,
    /// The USSD platform.
    pub operator: Operator,
    /// The message centre.
    pub smsc: Smsc,
}

impl World {
    /// A message centre on a port of the loopback (0: a free one), and an operator that posts to
    /// `callback_url`. `watcher` is told of everything on any phone.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(
        callback_url: &str,
        smpp_port: u16,
        watcher: Option<Watcher>,
    ) -> io::Result<Self> {
        let phones = Phones::new(watcher);
        let login = Login {
            system_id: SYSTEM_ID.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let smsc = Smsc::start(phones.clone(), login, smpp_port).await?;
        Ok(Self {
            phones,
            operator: Operator::new(callback_url),
            smsc,
        })
    }

    /// Dials a code on a phone.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub async fn dial(&self, phone: &Phone, code: &str) -> Result<Screen, CallbackError> {
        self.operator.dial(phone, code).await
    }

    /// Sends a text from a phone.
    ///
    /// # Errors
    /// [`TextError`].
    pub async fn text(&self, phone: &Phone, to: &str, text: &str) -> Result<(), TextError> {
        self.smsc.text(phone, to, text, TEXT_WAIT).await
    }
}
