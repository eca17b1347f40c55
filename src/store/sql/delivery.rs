//! USSD deliveries without an operator's id: which of them are repeats (once-only rule 4).

use super::engine::{Conn, Fault, sql};
use super::sms::{REPEAT, UNANSWERED};
use super::writer::Verdict;
use super::{Inner, int, ms};
use crate::clock::Moment;
use crate::store::{Delivery, Noted};

/// Takes note of a delivery. A repeat has the number of its first coming, and moves that onto its
/// own bind: the next equal one on that bind is new. Of several equal ones the last is repeated: in
/// a session, those before it have been answered.
pub(super) async fn note(
    c: &mut Conn,
    inner: &Inner,
    delivery: Delivery,
) -> Result<Verdict<Noted>, Fault> {
    let known = sql(
        "UPDATE sms_seen SET instance = $4, bind = $5, again_at = $7 WHERE id = (
             SELECT MAX(id) FROM sms_seen s
             WHERE s.fingerprint = $1 AND s.link = $2 AND s.key IS NULL AND s.received_at >= $3
               AND NOT (s.instance = $4 AND s.bind = $5)
               AND (SELECT COALESCE(
                   -- How the bind ended, or where it ended with its node.
                   (SELECT COALESCE(s.again_at, s.received_at) >= b.unread_from FROM closed_binds b
                    WHERE b.link = s.link AND b.instance = s.instance AND b.bind = s.bind),
                   (SELECT COALESCE(s.again_at, s.received_at) >= n.seen_at - $6 FROM nodes n
                    WHERE n.id = s.instance AND n.over = 1),
                   1 = 0)))
         RETURNING id, received_at",
    )
    .bind(delivery.fingerprint.to_vec())
    .bind(&delivery.link.0)
    .bind(delivery.at.minus(REPEAT).ms())
    .bind(inner.node)
    .bind(int(delivery.bind))
    .bind(ms(UNANSWERED))
    .bind(delivery.at.ms())
    .fetch_optional(&mut *c)
    .await?;
    if let Some(known) = known {
        let (number, at) = (known.at(0)?, known.at(1)?);
        return Ok(Verdict::Keep(Noted {
            number,
            repeats: Some(Moment::from_ms(at)),
        }));
    }
    let id = inner.next_id(delivery.at);
    sql(
        "INSERT INTO sms_seen (id, link, fingerprint, instance, bind, received_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(&delivery.link.0)
    .bind(delivery.fingerprint.to_vec())
    .bind(inner.node)
    .bind(int(delivery.bind))
    .bind(delivery.at.ms())
    .execute(c)
    .await?;
    Ok(Verdict::Keep(Noted {
        number: id,
        repeats: None,
    }))
}
