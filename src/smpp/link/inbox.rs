//! Where a link hands over what it receives.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::callback::LinkName;
use crate::clock::Moment;
use crate::gateway::{Begun, UssdCall};
use crate::outbox::PartReport;
use crate::smpp::command::Status;
use crate::smpp::frame::Frame;
use crate::smpp::incoming::{self, Incoming};
use crate::smpp::link::board::{Figure, Record};
use crate::smpp::link::shared::Shared;
use crate::smpp::link::tardy::{StoreRefused, storing};
use crate::smpp::pdu::{self, Pdu};
use crate::store::{Accepted, Mark, MessageId, NewSms, Receipt, Reply, StoreError};

/// Where a link hands over what it receives.
pub trait Inbox: Send + Sync + 'static {
    /// Takes in a message or a part of one. Durable when it returns; only then is it acknowledged.
    /// When it takes longer than the link's `accept_ms` the operator is asked to come again, and
    /// the equal message that comes gets the word on this one.
    fn accept(&self, sms: NewSms) -> impl Future<Output = Result<Accepted, StoreError>> + Send;

    /// Applies a receipt, or keeps it; durable when it returns.
    fn receipt(&self, receipt: Receipt) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Begins the turn of a USSD callback, which goes on by itself. It is acknowledged when it is
    /// durable, and within the link's `accept_ms`.
    fn ussd(&self, call: UssdCall) -> Begun;

    /// What a dial is answered with when there is no room for its turn: a last screen.
    fn busy(&self, call: &UssdCall) -> Reply;

    /// A bind has closed; everything of it that was accepted has been handed over before. The link
    /// does not bind again before this has been recorded.
    fn closed(
        &self,
        link: &LinkName,
        bind: u64,
        unread_from: Moment,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether this node may hold a bind, one of `of` that the operator lets all nodes have together;
    /// asked before each attempt. It is this node's then until [`Inbox::let_go`]. A node that is alone
    /// holds them all.
    fn may_bind(
        &self,
        _link: &LinkName,
        _bind: usize,
        _of: usize,
    ) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// Returns when a bind has to be let go: another node is to have it.
    fn must_let_go(
        &self,
        _link: &LinkName,
        _bind: usize,
        _of: usize,
    ) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// A bind is closed, and another node may have it.
    fn let_go(&self, _link: &LinkName, _bind: usize) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The keyed hash of a PDU's source, destination and octets.
    fn fingerprint(&self, parts: &[&[u8]]) -> Mark;

    /// The operator's word on a part of a message, under a claim of it, that had been reported as
    /// unknown, came after all.
    fn late(&self, of: (MessageId, u32), report: PartReport) -> impl Future<Output = ()> + Send;
}

/// One more of what a peer should not do.
pub(super) fn count(link: &LinkName, kind: &'static str) {
    metrics::counter!("jisr_smpp_odd_total", "link" => link.as_str().to_owned(), "kind" => kind)
        .increment(1);
    tracing::debug!(%link, kind, "the operator's side deviates");
}

/// Takes in one deliver_sm or data_sm; what to answer.
pub(super) async fn take_in<I: Inbox>(
    shared: &Shared,
    record: &Record,
    inbox: &Arc<I>,
    bind: u64,
    at: Moment,
    frame: &Frame,
) -> Status {
    let config = &shared.config;
    let sm = match pdu::decode(frame) {
        Ok((Pdu::DeliverSm(sm) | Pdu::DataSm(sm), _)) => sm,
        // The session hands over nothing else.
        Ok(_) | Err(_) => return Status::SYSTEM_ERROR,
    };
    let wait = Duration::from_millis(config.accept_ms);
    let stored = match incoming::read(config, &sm) {
        Incoming::Refused(status) => {
            record.count(Figure::Odd);
            count(&config.name, "refused_delivery");
            return status;
        }
        Incoming::Useless(_) => {
            record.count(Figure::Odd);
            count(&config.name, "useless_delivery");
            return Status::OK;
        }
        Incoming::Receipt(told) => {
            record.count(Figure::Receipt);
            let receipt = Receipt {
                link: config.name.clone(),
                message_id: told.id,
                ids: config.messages.receipt_ids,
                state: told.state,
                at,
            };
            let stored = timeout(wait, inbox.receipt(receipt)).await;
            stored.map(|stored| stored.map_err(StoreRefused::from))
        }
        Incoming::Text(text) => {
            let sms = NewSms {
                link: config.name.clone(),
                service: text.service,
                subscriber: text.subscriber,
                to: text.to,
                text: text.text,
                message_id: text.message_id,
                fingerprint: inbox.fingerprint(&[
                    sm.source.octets,
                    sm.destination.octets,
                    &frame.body,
                ]),
                bind,
                part: text
                    .part
                    .map(|part| (part.reference, part.total, part.number)),
                at,
            };
            let fingerprint = sms.fingerprint;
            let begun = match shared.tardy.take(&fingerprint, at) {
                Some(begun) => begun,
                None if shared.tardy.is_full() => {
                    tracing::warn!(link = %config.name, "the ledger is behind; a delivery has to come again");
                    return Status::QUEUE_FULL;
                }
                None => {
                    let inbox = Arc::clone(inbox);
                    let link = config.name.clone();
                    storing(async move {
                        if inbox.accept(sms).await? == Accepted::Repeat {
                            count(&link, "repeated_text");
                        }
                        Ok(())
                    })
                }
            };
            let stored = timeout(wait, begun.clone()).await;
            if stored.is_err() {
                shared.tardy.keep(fingerprint, at, begun);
            }
            stored
        }
    };
    match stored {
        Ok(Ok(())) => Status::OK,
        // It is not in the inbox: the operator keeps it and comes again.
        Ok(Err(_)) => {
            tracing::warn!(link = %config.name, "the ledger did not take a delivery");
            Status::QUEUE_FULL
        }
        Err(_) => {
            tracing::warn!(link = %config.name, "the ledger took too long with a delivery");
            Status::QUEUE_FULL
        }
    }
}
