//! Where a screen of USSD goes, proved, and what else a callback is answered.

use crate::operator::compile::reply::{reply as answer, shown};
use crate::operator::compile::{Fault, push};
use crate::operator::field::Field;
use crate::operator::file::UssdFile;
use crate::operator::reply::ReplyTemplate;
use crate::operator::ussd::push::Push;

/// The ways of a screen, and the answers without one.
pub(super) struct Screens {
    pub(super) reply: ReplyTemplate,
    pub(super) push: Option<Push>,
    pub(super) closed: ReplyTemplate,
    pub(super) refused: Option<ReplyTemplate>,
    /// The fields that are given back.
    pub(super) echoed: Vec<usize>,
}

/// Proves `reply:`, `push:`, `closed:` and `refused:`; `fields` are those of the request.
pub(super) fn screens(file: &UssdFile, fields: &[Field]) -> Result<Screens, Fault> {
    let closed = match &file.closed {
        Some(file) => answer(file, fields, "closed")?,
        None => ReplyTemplate::empty(),
    };
    let (reply, push) = match (&file.reply, &file.push) {
        (Some(given), None) => (
            shown(answer(given, fields, "reply")?, "reply")
                .map_err(|fault| fault.within("reply"))?,
            None,
        ),
        // The screen goes elsewhere: this is an acknowledgement.
        (None, Some(given)) => (closed.clone(), {
            push::names(fields)?;
            let push = push::push(given, fields).map_err(|fault| fault.within("push"))?;
            Some(push)
        }),
        (Some(_), Some(_)) => {
            return Err(Fault::new(
                "push:",
                "a screen goes in one way: in the answer, or in a request of ours",
                "take `reply:` or `push:` away; with `push:`, `closed:` is what callbacks are answered",
            )
            .within("push"));
        }
        (None, None) => {
            return Err(Fault::new(
                "shape:",
                "nothing says how a screen goes back",
                "write `reply:` where it is in the answer, `push:` where it is a request of ours",
            )
            .within("shape"));
        }
    };
    let refused = match &file.refused {
        Some(file) => Some(answer(file, fields, "refused")?),
        None => None,
    };
    let mut echoed = reply.fields();
    echoed.extend(closed.fields());
    echoed.extend(push.iter().flat_map(Push::fields));
    echoed.sort_unstable();
    echoed.dedup();
    Ok(Screens {
        reply,
        push,
        closed,
        refused,
        echoed,
    })
}
