//! Which messages of a link go next: the most urgent first, and among equally urgent ones the services
//! take turns, and within a service its lanes.
//!
//! A lane is a sixteenth of all numbers, by their keyed hash (stochastic fairness queueing, McKenney
//! 1990): a number for which very many messages wait holds up its own lane and no other, and the work of
//! a claim goes by the number of lanes and not by the length of the queue.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::engine::{Conn, Fault, sql};
use super::{number, text};
use crate::clock::Moment;

/// Lanes of a service.
const LANES: u8 = 16;
/// Flows whose turns are remembered; beyond that all begin anew.
const FLOWS_MAX: usize = 4096;

/// The flow of a message: its priority, its lane and its service.
pub(super) fn flow(priority: i64, recipient: &[u8], service: &str) -> String {
    let lane = recipient.first().map_or(0, |octet| octet % LANES);
    format!("{priority}/{lane:x}/{service}")
}

/// When services and lanes had their last turns in this process. Who had none for longest is next, so
/// that nobody saves up turns while nothing waits.
#[derive(Default)]
pub(super) struct Turns {
    count: u64,
    last: HashMap<(String, String), u64>,
}

impl Turns {
    fn last(&self, link: &str, who: &str) -> u64 {
        let key = (link.to_owned(), who.to_owned());
        self.last.get(&key).copied().unwrap_or(0)
    }

    fn had(&mut self, link: &str, who: &str) {
        if self.last.len() >= FLOWS_MAX {
            self.last.clear();
        }
        self.last
            .insert((link.to_owned(), who.to_owned()), self.count);
    }

    /// Takes so many of what waits on a link, in the order in which it is to go.
    fn take(&mut self, link: &str, waiting: Vec<Waits>, limit: usize) -> Vec<i64> {
        // By priority, then service, then flow; each flow oldest first.
        let mut queues: BTreeMap<i64, BTreeMap<String, BTreeMap<String, VecDeque<i64>>>> =
            BTreeMap::new();
        for one in waiting {
            let services = queues.entry(one.priority).or_default();
            let flows = services.entry(one.service).or_default();
            flows.entry(one.flow).or_default().push_back(one.id);
        }
        let mut taken = Vec::new();
        for (priority, mut services) in queues {
            while taken.len() < limit && !services.is_empty() {
                let head = |flows: &BTreeMap<String, VecDeque<i64>>| {
                    flows.values().filter_map(VecDeque::front).min().copied()
                };
                let turn_of = |service: &String| self.last(link, &format!("{priority}:{service}"));
                let Some(service) = services
                    .iter()
                    .min_by_key(|(service, flows)| (turn_of(service), head(flows)))
                    .map(|(service, _)| service.clone())
                else {
                    break;
                };
                let Some(flows) = services.get_mut(&service) else {
                    break;
                };
                let next = flows
                    .iter()
                    .min_by_key(|(flow, ids)| (self.last(link, flow), ids.front().copied()))
                    .map(|(flow, _)| flow.clone());
                if let Some(flow) = next
                    && let Some(ids) = flows.get_mut(&flow)
                {
                    taken.extend(ids.pop_front());
                    if ids.is_empty() {
                        flows.remove(&flow);
                    }
                    self.count += 1;
                    self.had(link, &flow);
                    self.had(link, &format!("{priority}:{service}"));
                }
                if flows.is_empty() {
                    services.remove(&service);
                }
            }
        }
        taken
    }
}

/// A message that may go now.
struct Waits {
    id: i64,
    priority: i64,
    service: String,
    flow: String,
}

/// The ids of the messages of a link that go next, at most so many, in their order.
pub(super) async fn next(
    c: &mut Conn,
    turns: &std::sync::Mutex<Turns>,
    link: &str,
    now: Moment,
    limit: u32,
) -> Result<Vec<i64>, Fault> {
    // Where there is room for all, nobody waits for anybody.
    let rows = sql("SELECT id, priority FROM outbox
         WHERE state = 'queued' AND link = $1 AND next_at <= $2 AND +valid_until > $2
         ORDER BY next_at LIMIT $3")
    .bind(link)
    .bind(now.ms())
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *c)
    .await?;
    let mut all = rows
        .iter()
        .map(|row| Ok((number(row, "priority")?, number(row, "id")?)))
        .collect::<Result<Vec<_>, Fault>>()?;
    if all.len() <= limit as usize {
        all.sort_unstable();
        return Ok(all.into_iter().map(|(_, id)| id).collect());
    }

    // It goes from flow to flow, whatever their lengths.
    let rows = sql(
        "WITH RECURSIVE flows (flow) AS (
             SELECT MIN(flow) FROM outbox WHERE state = 'queued' AND link = $1
             UNION ALL
             SELECT (SELECT MIN(flow) FROM outbox WHERE state = 'queued' AND link = $1 AND flow > flows.flow)
             FROM flows WHERE flows.flow IS NOT NULL)
         SELECT o.id, o.priority, o.service, o.flow FROM flows CROSS JOIN outbox o
         WHERE flows.flow IS NOT NULL AND o.id IN (
             SELECT q.id FROM outbox q
             WHERE q.state = 'queued' AND q.link = $1 AND q.flow = flows.flow
                 AND +q.next_at <= $2 AND +q.valid_until > $2
             ORDER BY q.id LIMIT $3)
         ORDER BY o.id",
    )
    .bind(link)
    .bind(now.ms())
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    let waiting = rows
        .iter()
        .map(|row| {
            Ok(Waits {
                id: number(row, "id")?,
                priority: number(row, "priority")?,
                service: text(row, "service")?,
                flow: text(row, "flow")?,
            })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut turns = turns
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(turns.take(link, waiting, limit as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes from a queue that is written as `id service lane`, one claim a line of the answer.
    fn check(queue: &str, limit: usize, claims: &[&str]) {
        let mut waiting: Vec<(i64, String)> = queue
            .lines()
            .filter_map(|line| {
                let (id, flow) = line.trim().split_once(' ')?;
                Some((id.parse().ok()?, flow.to_owned()))
            })
            .collect();
        let mut turns = Turns::default();
        for expected in claims {
            let all = waiting
                .iter()
                .map(|(id, flow)| {
                    let mut fields = flow.split('/');
                    Waits {
                        id: *id,
                        priority: fields
                            .next()
                            .and_then(|word| word.parse().ok())
                            .unwrap_or(9),
                        service: fields.nth(1).unwrap_or_default().to_owned(),
                        flow: flow.clone(),
                    }
                })
                .collect();
            let taken = turns.take("link", all, limit);
            let shown: Vec<_> = taken.iter().map(ToString::to_string).collect();
            assert_eq!(shown.join(" "), *expected);
            waiting.retain(|(id, _)| !taken.contains(id));
        }
    }

    #[test]
    fn services_take_turns_however_few_go_at_once() {
        let queue = "1 2/0/a\n2 2/0/a\n3 2/1/a\n4 2/0/a\n5 2/0/b\n6 2/0/b";
        check(queue, 1, &["1", "5", "3", "6", "2", "4"]);
        check(queue, 4, &["1 5 3 6", "2 4"]);
    }

    #[test]
    fn what_is_urgent_goes_first_whoevers_turn_it_is() {
        check(
            "1 2/0/a\n2 2/0/a\n3 1/0/b\n4 0/0/a\n5 0/0/a",
            2,
            &["4 5", "3 1", "2"],
        );
    }

    #[test]
    fn a_number_with_many_messages_holds_up_its_own_lane() {
        let queue = "1 1/7/a\n2 1/7/a\n3 1/7/a\n4 1/7/a\n5 1/3/a\n6 1/4/a";
        check(queue, 1, &["1", "5", "6", "2", "3", "4"]);
    }

    #[test]
    fn a_flow_has_priority_lane_and_service() {
        assert_eq!(flow(1, &[0x2c], "tns/rabat"), "1/c/tns/rabat");
    }
}
