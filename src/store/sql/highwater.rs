//! The highest time seen: a clock that jumps back must revive no code and reset no limit.

use std::time::Duration;

use super::engine::{Conn, Fault, sql};
use super::ms;
use crate::clock::Moment;
use crate::plant::{Plant, planted};

/// How far behind the highest time a moment may be without the clock having jumped: turns bring
/// the moment at which their bytes arrived, and waited since.
const LATE_MAX: Duration = Duration::from_secs(60);

/// The moment to judge limits by: never before the highest one seen.
///
/// When the clock has jumped back, codes and stops keep the life that they had left, so that what
/// was dead stays dead; and what was sent or counted in the future was so now, so that it neither
/// vanishes nor locks a number out until that future has come.
pub(super) async fn settle(c: &mut Conn, now: Moment) -> Result<Moment, Fault> {
    if planted(Plant::ClockRevivesCode) {
        return Ok(now);
    }
    let highest: Option<i64> = sql("SELECT number FROM meta WHERE name = 'clock'")
        .maybe(&mut *c)
        .await?;
    let highest = highest.unwrap_or(i64::MIN);
    if highest > now.ms() && highest.saturating_sub(now.ms()) <= ms(LATE_MAX) {
        return Ok(Moment::from_ms(highest));
    }
    if highest > now.ms() {
        for query in [
            "UPDATE codes SET expires_at = $1 + (expires_at - $2),
                 sent_at = CASE WHEN sent_at > $1 THEN $1 ELSE sent_at END
             WHERE sent_at > $1 OR expires_at > $1",
            "UPDATE code_sends SET sent_at = $1 WHERE sent_at > $1 AND $1 < $2",
            "UPDATE code_blocks SET stopped_until = $1 + (stopped_until - $2) WHERE stopped_until > $2",
            "UPDATE attempts SET failed_at = $1 WHERE failed_at > $1 AND $1 < $2",
        ] {
            sql(query)
                .bind(now.ms())
                .bind(highest)
                .execute(&mut *c)
                .await?;
        }
    }
    if highest != now.ms() {
        sql(
            "INSERT INTO meta (name, number) VALUES ('clock', $1) ON CONFLICT (name) DO UPDATE SET number = $1",
        )
        .bind(now.ms())
        .execute(&mut *c)
        .await?;
    }
    Ok(now)
}
