//! Screens over a wire that does as it is told, under a clock that jumps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::Mutex;

use hyper::{HeaderMap, StatusCode};
use tokio::sync::oneshot;

use super::*;
use crate::callback::LinkName;
use crate::operator::shape::{Shape, Shapes};

fn kept(reply: Reply) -> Said {
    Said {
        reply,
        is_kept: true,
    }
}

/// What the operator does with a request.
enum Does {
    /// Answers so.
    Says(u16, &'static str),
    /// Answers when it is told to.
    Waits(oneshot::Receiver<()>),
    /// Cannot be reached.
    Refuses,
    /// Reads it, and never answers.
    Mute,
}

const TOOK: Does = Does::Says(200, "<Response status_code=\"0\"/>");

#[derive(Default)]
struct Wire {
    script: Mutex<VecDeque<Does>>,
    /// The texts that were read by the operator, and when.
    read: Mutex<Vec<(String, Duration)>>,
    tries: Mutex<u32>,
    begun: Option<Instant>,
    now: Mutex<u32>,
    most: Mutex<u32>,
}

impl Post for Arc<Wire> {
    async fn post(&self, request: Request<Full<Bytes>>, by: Instant) -> Result<Returned, Broken> {
        use http_body_util::BodyExt;
        *self.tries.lock().unwrap() += 1;
        let does = self.script.lock().unwrap().pop_front().unwrap_or(TOOK);
        if matches!(does, Does::Refuses) {
            return Err(Broken::NotSent("no connection"));
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let text = body.split("\"TEXT\">").nth(1).unwrap();
        let text = text.split('<').next().unwrap().to_owned();
        let at = self.begun.unwrap().elapsed();
        self.read.lock().unwrap().push((text, at));
        {
            let mut now = self.now.lock().unwrap();
            *now += 1;
            let mut most = self.most.lock().unwrap();
            *most = (*most).max(*now);
        }
        let came = match does {
            Does::Says(status, body) => Ok((status, body)),
            Does::Waits(told) => {
                let waited = timeout_at(by, told).await;
                waited
                    .map(|_| (200, ""))
                    .map_err(|_| Broken::Unanswered("no answer in time"))
            }
            Does::Mute => {
                tokio::time::sleep_until(by).await;
                Err(Broken::Unanswered("no answer in time"))
            }
            Does::Refuses => unreachable!(),
        };
        *self.now.lock().unwrap() -= 1;
        let (status, body) = came?;
        Ok(Returned {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Some(Bytes::from_static(body.as_bytes())),
        })
    }
}

struct House {
    pusher: Arc<Pusher<Arc<Wire>>>,
    wire: Arc<Wire>,
    shape: Arc<UssdShape>,
}

fn house(script: impl IntoIterator<Item = Does>, window: usize) -> House {
    let shapes = Shapes::load(&[]).unwrap();
    let Some(Shape::Ussd(shape)) = shapes.get("integrat") else {
        panic!("a shape that posts")
    };
    let wire = Arc::new(Wire {
        script: Mutex::new(script.into_iter().collect()),
        begun: Some(Instant::now()),
        ..Wire::default()
    });
    let account = Account {
        url: "http://operator.example".to_owned(),
        user: "user".to_owned(),
        secret: "secret".to_owned(),
    };
    let settings = ApiSettings {
        window,
        ..ApiSettings::of(LinkName::from("push"))
    };
    let life = Duration::from_secs(180);
    let pusher = Pusher::new(
        settings,
        Arc::clone(shape),
        account,
        life,
        Arc::clone(&wire),
    );
    House {
        pusher: Arc::new(pusher),
        wire,
        shape: Arc::clone(shape),
    }
}

const DEADLINE: Duration = Duration::from_secs(5);

fn mark(of: &str) -> Mark {
    let mut mark = [0; 32];
    mark[..of.len()].copy_from_slice(of.as_bytes());
    mark
}

impl House {
    fn heard(&self) -> Heard {
        let sample = self.shape.samples.first().unwrap();
        self.shape.hear(sample.request()).unwrap()
    }

    fn queue(&self, session: &str, repeat: Option<&str>) -> Queued<Arc<Wire>> {
        let whose = Whose {
            session: mark(session),
            repeat: repeat.map(mark),
            may_begin: false,
        };
        self.pusher.queue(whose, DEADLINE).unwrap()
    }

    /// A callback whose turn is done at once.
    fn call(&self, session: &str, repeat: Option<&str>, text: &str) {
        let reply = Reply {
            text: text.to_owned(),
            ends: false,
        };
        let queued = self.queue(session, repeat);
        queued.post(
            self.heard(),
            std::future::ready(kept(reply)),
            std::future::ready(true),
        );
    }

    /// A callback whose turn ends when it is told to.
    fn slow_call(&self, session: &str, text: &str) -> oneshot::Sender<()> {
        let (tell, told) = oneshot::channel();
        let reply = Reply {
            text: text.to_owned(),
            ends: false,
        };
        self.queue(session, None).post(
            self.heard(),
            async move {
                let _told = told.await;
                kept(reply)
            },
            std::future::ready(true),
        );
        tell
    }

    fn read(&self) -> Vec<String> {
        let read = self.wire.read.lock().unwrap();
        read.iter().map(|(text, _)| text.clone()).collect()
    }

    fn tries(&self) -> u32 {
        *self.wire.tries.lock().unwrap()
    }
}

/// Lets every task go on as far as it can.
async fn settled() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_written_is_posted_again() {
    let all = || [Does::Refuses, Does::Refuses, Does::Refuses, TOOK];
    for (script, read, tries) in [
        (vec![], 1, 1),
        (vec![Does::Refuses], 1, 2),
        (vec![Does::Refuses, Does::Refuses], 1, 3),
        (all().into(), 0, 3),
        (vec![Does::Mute], 1, 1),
        (
            vec![Does::Says(200, "<Response status_code=\"-1\"/>")],
            1,
            1,
        ),
        (vec![Does::Says(401, "")], 1, 1),
        (vec![Does::Says(429, "")], 1, 1),
        (vec![Does::Says(500, "")], 1, 1),
        (vec![Does::Says(503, "no XML")], 1, 1),
    ] {
        let house = house(script, 10);
        house.call("1", None, "a");
        house.pusher.idle().await;
        assert_eq!((house.read().len(), house.tries()), (read, tries));
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_over_within_the_deadline() {
    let from = Instant::now();
    let house = house([Does::Mute], 10);
    house.call("1", None, "a");
    house.pusher.idle().await;
    assert!(from.elapsed() <= DEADLINE + Duration::from_millis(1));
    // A turn that ends too late has nothing posted.
    let tell = house.slow_call("2", "b");
    tokio::time::advance(DEADLINE).await;
    tell.send(()).unwrap();
    house.pusher.idle().await;
    assert_eq!(house.read(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_screen_waits_for_the_older_and_replaces_what_waits() {
    let (answer, waits) = oneshot::channel();
    let house = house([Does::Waits(waits)], 10);
    house.call("1", None, "a");
    settled().await;
    house.call("1", None, "b");
    house.call("1", None, "c");
    // Other sessions do not wait for it.
    house.call("2", None, "other");
    settled().await;
    assert_eq!(house.read(), ["a", "other"]);
    answer.send(()).unwrap();
    house.pusher.idle().await;
    assert_eq!(house.read(), ["a", "other", "c"]);
    // A turn that ends after a newer one's has nothing to show any more.
    let slow = house.slow_call("1", "d");
    house.call("1", None, "e");
    settled().await;
    slow.send(()).unwrap();
    house.pusher.idle().await;
    assert_eq!(house.read(), ["a", "other", "c", "e"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_holds_the_newer_one_up_no_longer_than_its_deadline() {
    let house = house([Does::Mute], 10);
    house.call("1", None, "a");
    tokio::time::advance(Duration::from_secs(2)).await;
    house.call("1", None, "b");
    house.pusher.idle().await;
    let read = house.wire.read.lock().unwrap().clone();
    assert_eq!(read[1].0, "b");
    assert!(
        read[1].1 >= DEADLINE && read[1].1 < Duration::from_secs(6),
        "{read:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_is_shown_nothing() {
    let house = house([], 10);
    let heard = house.heard();
    let queued = house.queue("1", None);
    house.pusher.closed(&mark("1"));
    let reply = Reply {
        text: "a".to_owned(),
        ends: false,
    };
    queued.post(
        heard,
        std::future::ready(kept(reply)),
        std::future::ready(true),
    );
    house.pusher.idle().await;
    assert!(house.read().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_posted_only_where_the_first_was_not_taken() {
    for (first, read) in [
        (TOOK, vec!["a"]),
        (Does::Mute, vec!["a"]),
        (Does::Says(500, ""), vec!["a"]),
        (Does::Says(400, ""), vec!["a", "a"]),
    ] {
        let house = house([first], 10);
        house.call("1", Some("key 1"), "a");
        house.pusher.idle().await;
        house.call("1", Some("key 1"), "a");
        house.pusher.idle().await;
        assert_eq!(house.read(), read);
        // While it is on its way as well.
        house.call("1", Some("key 2"), "b");
        house.call("1", Some("key 2"), "b");
        house.pusher.idle().await;
        assert_eq!(house.read().iter().filter(|text| *text == "b").count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_posted_where_the_first_failed() {
    let house = house([], 10);
    let failing = house.queue("1", Some("key 1"));
    failing.post(
        house.heard(),
        async { panic!("on purpose") },
        std::future::ready(true),
    );
    house.pusher.idle().await;
    house.call("1", Some("key 1"), "a");
    house.pusher.idle().await;
    assert_eq!(house.read(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn so_many_at_once_and_no_more() {
    let house = house([], 3);
    let mut tells = Vec::new();
    for _ in 0..9 {
        let (tell, told) = oneshot::channel();
        house
            .wire
            .script
            .lock()
            .unwrap()
            .push_back(Does::Waits(told));
        tells.push(tell);
    }
    for session in 0..9 {
        house.call(&session.to_string(), None, "a");
    }
    settled().await;
    assert_eq!(house.read().len(), 3);
    for tell in tells {
        tell.send(()).unwrap();
    }
    house.pusher.idle().await;
    assert_eq!(
        (house.read().len(), *house.wire.most.lock().unwrap()),
        (9, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_bounded() {
    let house = house([], 10);
    let tells: Vec<_> = (0..UNDER_WAY_MAX)
        .map(|session| house.slow_call(&session.to_string(), "a"))
        .collect();
    let one_more = || Whose {
        session: mark("more"),
        repeat: None,
        may_begin: false,
    };
    assert!(house.pusher.queue(one_more(), DEADLINE).is_none());
    drop(tells);
    house.pusher.idle().await;
    assert!(house.pusher.queue(one_more(), DEADLINE).is_some());
}
