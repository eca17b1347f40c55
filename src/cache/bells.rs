//! The bell between nodes: what one has written, another need not look for. A bell that is not heard
//! costs a look.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use crate::cache::Cache;
use crate::callback::{LinkName, Msisdn, ServiceName};
use crate::store::Mark;

/// How soon a connection that is lost is tried again, where the other one stands.
const AGAIN: Duration = Duration::from_millis(500);
/// A bell that is longer than this is none of ours.
const BELL_LEN_MAX: usize = 256;

/// What is rung for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bell {
    /// A message of a link is queued.
    Link(LinkName),
    /// A text has come whose turn another node has.
    Text,
    /// A turn that waited for an answer from outside is through: the keyed hash of whose it is.
    Through(Mark),
}

impl Bell {
    fn written(&self) -> String {
        match self {
            Self::Link(link) => format!("l{link}"),
            Self::Text => "t".to_owned(),
            Self::Through(mark) => {
                let hex: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("c{hex}")
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > BELL_LEN_MAX {
            return None;
        }
        let (kind, rest) = text.split_at_checked(1)?;
        match kind {
            "l" if !rest.is_empty() => Some(Self::Link(LinkName(rest.to_owned()))),
            "t" if rest.is_empty() => Some(Self::Text),
            "c" if rest.is_ascii() => {
                let mut mark = [0; 32];
                let (pairs, odd) = rest.as_bytes().as_chunks::<2>();
                if pairs.len() != mark.len() || !odd.is_empty() {
                    return None;
                }
                for (byte, pair) in mark.iter_mut().zip(pairs) {
                    *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
                }
                Some(Self::Through(mark))
            }
            _ => None,
        }
    }
}

impl Cache {
    /// Rings at every other node. Nobody waits for it.
    pub fn ring(self: &Arc<Self>, bell: &Bell) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel()).arg(bell.written());
        self.write(publish);
    }

    /// The bells that ring from now on, this node's own among them.
    pub fn bells(&self) -> broadcast::Receiver<Bell> {
        self.heard.subscribe()
    }

    /// By what a turn of this number is known when it is through.
    pub fn through(&self, service: &ServiceName, subscriber: &Msisdn) -> Mark {
        let parts = [service.0.as_bytes(), subscriber.as_str().as_bytes()];
        self.keys.mark("cache-through", &parts)
    }

    fn channel(&self) -> String {
        format!("{}bells", self.prefix)
    }

    /// Hears bells until `stop` is told.
    pub(super) async fn hear(&self, mut stop: watch::Receiver<bool>) {
        let mut up = self.up.clone();
        while !*stop.borrow() {
            tokio::select! {
                changed = up.wait_for(|up| *up) => if changed.is_err() { return },
                _ = stop.changed() => return,
            }
            if let Some(heard) = self.server.listen(&self.channel()).await {
                let mut heard = heard.into_on_message();
                loop {
                    tokio::select! {
                        message = heard.next() => {
                            let Some(message) = message else { break };
                            let text = message.get_payload::<String>().ok();
                            if let Some(bell) = text.as_deref().and_then(Bell::read) {
                                // Where nobody listens, nobody has to hear it.
                                drop(self.heard.send(bell));
                            }
                        }
                        // Another server may be the master by now.
                        changed = up.wait_for(|up| !*up) => {
                            if changed.is_err() { return }
                            break;
                        }
                        _ = stop.changed() => return,
                    }
                }
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                _ = stop.changed() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bells_are_read_as_they_were_rung() {
        for bell in [
            Bell::Link(LinkName("orange".to_owned())),
            Bell::Text,
            Bell::Through([0xa7; 32]),
        ] {
            assert_eq!(Bell::read(&bell.written()), Some(bell));
        }
    }

    #[test]
    fn what_is_no_bell_of_ours_is_passed_over() {
        let long = format!("l{}", "x".repeat(300));
        let odd = format!("c{}", "a".repeat(63));
        let plus = format!("c{}", "+a".repeat(32));
        for text in ["", "l", "tt", "x", "é", "c", "cc0", &long, &odd, "cé"] {
            assert_eq!(Bell::read(text), None, "{text}");
        }
        // As lenient as the library; it is nobody's mark.
        assert!(Bell::read(&plus).is_some());
    }
}
