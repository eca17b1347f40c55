//! What is known of a number within a service.

use super::engine::{Conn, Fault, sql};
use super::rows::List;
use super::{bytes, count, number, outbox};
use crate::clock::Moment;
use crate::conversation::Language;
use crate::store::{Subscriber, SubscriberChange};

static FIND: List = List::new(
    "SELECT subscriber, language, consent, stopped, hinted_on FROM subscribers WHERE service = $1 AND subscriber IN",
    1,
    "",
);

/// Reads what is known of numbers; of a new one there is no row.
pub(super) async fn find(
    c: &mut Conn,
    service: &str,
    numbers: &[&[u8]],
) -> Result<Vec<(Vec<u8>, Subscriber)>, Fault> {
    let mut found = Vec::new();
    for (statement, list) in FIND.over(c.kind(), numbers) {
        let mut query = sql(statement).bind(service.to_owned());
        for number in list {
            query = query.bind(number.to_vec());
        }
        for row in query.fetch_all(&mut *c).await? {
            let one = Subscriber {
                language: row.get::<Option<String>>("language")?.map(Language),
                consent: row.get::<Option<i64>>("consent")?.map(count),
                stopped: number(&row, "stopped")? != 0,
                hinted_on: row
                    .get::<Option<String>>("hinted_on")?
                    .and_then(|day| day.parse().ok()),
            };
            found.push((bytes(&row, "subscriber")?, one));
        }
    }
    Ok(found)
}

/// Changes one thing that is known.
pub(super) async fn change(
    c: &mut Conn,
    service: &str,
    subscriber: &[u8],
    change: &SubscriberChange,
    at: Moment,
) -> Result<(), Fault> {
    sql(
        "INSERT INTO subscribers (service, subscriber) VALUES ($1, $2) ON CONFLICT (service, subscriber) DO NOTHING",
    )
    .bind(service)
    .bind(subscriber)
    .execute(&mut *c)
    .await?;
    let query = match change {
        SubscriberChange::Language(language) => {
            sql("UPDATE subscribers SET language = $3 WHERE service = $1 AND subscriber = $2")
                .bind(service)
                .bind(subscriber)
                .bind(language.0.clone())
        }
        SubscriberChange::Consent(version) => {
            sql("UPDATE subscribers SET consent = $3 WHERE service = $1 AND subscriber = $2")
                .bind(service)
                .bind(subscriber)
                .bind(version.map(i64::from))
        }
        SubscriberChange::Stopped(stopped) => {
            if *stopped {
                outbox::cancel_notices(c, service, subscriber, at).await?;
            }
            sql("UPDATE subscribers SET stopped = $3 WHERE service = $1 AND subscriber = $2")
                .bind(service)
                .bind(subscriber)
                .bind(i64::from(*stopped))
        }
        SubscriberChange::Hinted(day) => {
            sql("UPDATE subscribers SET hinted_on = $3 WHERE service = $1 AND subscriber = $2")
                .bind(service)
                .bind(subscriber)
                .bind(day.to_string())
        }
    };
    query.execute(c).await?;
    Ok(())
}
