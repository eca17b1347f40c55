//! A run of an SMS operator: subscribers who text, what comes back, receipts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::conformance::ask::{Asked, Values, fill_escapes};
use crate::conformance::read::Parts;
use crate::conformance::report::Verdict;
use crate::conformance::run::{Callback, Caller, Event, Exchange, Run};
use crate::conformance::shown;
use crate::conformance::sign::{Auth, Manner, Proofs};
use crate::conformance::sms::api::{Facet, Operator, Sent};
use crate::conformance::sms::{Acknowledge, Sms};

/// How long a run waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a text that has to come.
    pub comes: Duration,
    /// To see that none comes.
    pub quiet: Duration,
}

/// A run.
pub struct SmsRun {
    /// Requests to the gateway.
    pub run: Run,
    /// The operator.
    pub sms: Sms,
    /// The API that the gateway calls.
    pub api: Operator,
    /// How long it waits.
    pub patience: Patience,
    /// The first text that was not acknowledged well, with what was expected.
    pub acknowledged: Option<(String, Exchange)>,
    /// Texts that had to be acknowledged.
    pub texts: usize,
    /// The first receipt that was not acknowledged well, with what was expected.
    pub receipt_fault: Option<(String, Exchange)>,
    /// Receipts that had to be acknowledged.
    pub receipts: usize,
}

impl SmsRun {
    /// Somebody texts.
    pub async fn text(&mut self, text: &str) -> (Caller, Exchange) {
        let mut caller = self.run.caller();
        let callback = self.run.callback(&mut caller, Event::New, text);
        let exchange = self.hand_over(&callback).await;
        (caller, exchange)
    }

    /// Hands a text over that has to be acknowledged.
    pub async fn hand_over(&mut self, callback: &Callback) -> Exchange {
        let exchange = self.run.good(callback).await;
        self.texts += 1;
        let acknowledge = self.sms.acknowledge.clone();
        if let (Some(expected), None) = (
            fault(&acknowledge, &callback.values, &exchange),
            &self.acknowledged,
        ) {
            self.acknowledged = Some((expected, exchange.clone()));
        }
        exchange
    }

    /// It was taken, if not exactly as the operator wants it.
    ///
    /// # Errors
    /// The verdict otherwise.
    pub fn taken(&self, exchange: &Exchange) -> Result<(), Verdict> {
        match &exchange.came {
            Ok(came) if (200..300).contains(&came.status) => Ok(()),
            Ok(_) | Err(_) => {
                let wanted = &self.sms.acknowledge.status;
                Err(self.run.fails(format!("status {wanted:?}"), exchange))
            }
        }
    }

    /// The first text that comes back to a number.
    ///
    /// # Errors
    /// The verdict, when none comes.
    pub async fn answer(&self, caller: &Caller, exchange: &Exchange) -> Result<Sent, Verdict> {
        let comes = self.patience.comes;
        let number = &caller.msisdn;
        self.api.until(number, comes, |sent| !sent.is_empty()).await;
        match self.api.to(number).into_iter().next() {
            Some(sent) => Ok(sent),
            None => {
                let within = comes.as_millis();
                let expected = format!("a text to the sender within {within} ms");
                let mut verdict = self.run.fails(expected, exchange);
                if let (Verdict::Fail { came, .. }, Some(wire)) =
                    (&mut verdict, self.api.unexpected())
                {
                    let secrets = self.secrets();
                    came.push_str("\n\nat the operator's API: ");
                    came.push_str(&shown::request(&wire, &secrets));
                }
                Err(verdict)
            }
        }
    }

    /// The texts that came back to a number, when no more come.
    ///
    /// # Errors
    /// The verdict, when none comes.
    pub async fn answers(
        &self,
        caller: &Caller,
        exchange: &Exchange,
    ) -> Result<Vec<Sent>, Verdict> {
        self.answer(caller, exchange).await?;
        self.api.quiet(self.patience.quiet).await;
        Ok(self.api.to(&caller.msisdn))
    }

    /// Hands a receipt over.
    pub async fn receipt(
        &mut self,
        id: &str,
        to: &str,
        url: Option<&str>,
        state: &str,
    ) -> Exchange {
        let asked = self.receipt_request(id, to, url, state);
        self.receipt_again(&asked, url.is_some()).await
    }

    /// Hands a receipt over that was made before.
    pub async fn receipt_again(&mut self, asked: &Asked, named: bool) -> Exchange {
        if !named {
            let exchange = self.run.send(asked, Manner::Right).await;
            return self.noted(exchange);
        }
        // The URL is whole as the gateway named it, with its secret segment, if it has one.
        let link = std::mem::take(&mut self.run.settings.link);
        let proofs = self.run.settings.proofs.clone();
        self.run.settings.proofs = Proofs(
            proofs
                .0
                .iter()
                .filter(|auth| !matches!(auth, Auth::Path(_)))
                .cloned()
                .collect(),
        );
        let exchange = self.run.send(asked, Manner::Right).await;
        self.run.settings.link = link;
        self.run.settings.proofs = proofs;
        self.noted(exchange)
    }

    /// Keeps what is wrong with the acknowledgement of a receipt.
    fn noted(&mut self, exchange: Exchange) -> Exchange {
        self.receipts += 1;
        let own = self.sms.receipt.acknowledge.as_ref();
        let acknowledge = own.unwrap_or(&self.sms.acknowledge);
        if let (Some(expected), None) = (
            fault(acknowledge, &Values::new(), &exchange),
            &self.receipt_fault,
        ) {
            self.receipt_fault = Some((expected, exchange.clone()));
        }
        exchange
    }

    /// A receipt as a request.
    pub fn receipt_request(&mut self, id: &str, to: &str, url: Option<&str>, state: &str) -> Asked {
        let none = BTreeMap::new();
        let stands = self.sms.receipt.states.get(state).unwrap_or(&none).clone();
        let mut caller = self.run.caller();
        to.clone_into(&mut caller.msisdn);
        let mut callback = self.run.callback(&mut caller, Event::New, "");
        let values: &mut Values = &mut callback.values;
        values.insert("id".to_owned(), id.to_owned());
        values.extend(stands.clone());
        let ask = self.sms.receipt.ask.clone();
        let mut asked = Asked::from(&ask, values);
        if let Some(url) = url {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let path = rest.find('/').map_or("/", |at| &rest[at..]);
            asked.path = fill_escapes(path, &stands);
        }
        asked
    }

    /// What is wrong with any text that went out.
    pub fn sent_fault(&self, facet: Facet) -> Option<(String, Sent)> {
        self.api.all().into_iter().find_map(|sent| {
            let fault = sent.faults.iter().find(|(found, _)| *found == facet);
            fault.map(|(_, expected)| (expected.clone(), sent.clone()))
        })
    }

    /// Everything that no report may show.
    pub fn secrets(&self) -> Vec<String> {
        self.run.settings.secrets()
    }
}

/// What is wrong with an acknowledgement.
fn fault(acknowledge: &Acknowledge, values: &Values, exchange: &Exchange) -> Option<String> {
    let Ok(came) = &exchange.came else {
        return Some("an acknowledgement".to_owned());
    };
    if !acknowledge.status.contains(&came.status) {
        return Some(format!("status {:?}", acknowledge.status));
    }
    if let Some(wanted) = &acknowledge.content_type
        && came.media_type() != *wanted
    {
        return Some(format!("content type {wanted}"));
    }
    let parts = Parts::of(came);
    let broken = acknowledge
        .rules
        .iter()
        .find(|rule| !parts.holds(rule, values));
    broken.map(|rule| rule.words(values))
}
