//! Links of several binds.

use super::*;
use crate::smpp::config::Binds;

/// The next submit is answered; its sequence number.
async fn takes(peer: &mut Peer, id: &str) {
    let submit = peer.read().await;
    assert_eq!(submit.header.command, Command::SubmitSm.id());
    peer.answers(submit.header.sequence, Status::OK, id).await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_sends_on_one_bind_and_receives_on_the_other() {
    let house = House::piped(64 * 1024, |config| config.bind = Binds::Pair);
    let (first, second) = (house.bound_as_asked().await, house.bound_as_asked().await);
    let (mut sender, mut receiver) = if first.1 == Command::BindTransmitter {
        (first.0, second.0)
    } else {
        (second.0, first.0)
    };
    assert!(house.handle.is_up());
    let carried = house.carry("Bonjour");
    takes(&mut sender, "id").await;
    assert_eq!(carried.await.unwrap(), "0/1 Accepted(\"id\")");
    receiver.delivers(5, sms(b"TNS")).await;
    assert_eq!(receiver.hears().await, "deliver_sm_resp 5 0x00");
    assert_eq!(house.inbox.lines(1).await.len(), 1);
    // Without its transmitter it cannot send.
    drop(sender);
    house.inbox.lines(1).await;
    assert!(!house.handle.is_up());
    assert_eq!(
        shown(&house.handle.carry(&message("Bonjour")).await),
        "0/1 NotSent"
    );
    receiver.delivers(6, sms(b"TNS")).await;
    assert_eq!(receiver.hears().await, "deliver_sm_resp 6 0x00");
}

#[tokio::test(start_paused = true)]
async fn parts_spread_over_the_binds_that_are_up() {
    let house = House::piped(64 * 1024, |config| {
        config.count = 3;
        config.window = 2;
    });
    let mut peers = [
        house.bound().await,
        house.bound().await,
        house.bound().await,
    ];
    assert_eq!(house.handle.at_once(), 6);
    let carried: Vec<_> = (0..6).map(|_| house.carry("Bonjour")).collect();
    for peer in &mut peers {
        takes(peer, "id").await;
        takes(peer, "id").await;
    }
    for one in carried {
        assert_eq!(one.await.unwrap(), "0/1 Accepted(\"id\")");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_bind_had_not_written_goes_out_on_another_at_once() {
    // The pipe takes the beginning of one submit and nothing of the next two.
    let house = House::piped(100, |config| {
        config.count = 2;
        config.retry.first_ms = 3_600_000;
        config.retry.longest_ms = 3_600_000;
    });
    let dead = house.bound().await;
    let carried: Vec<_> = (0..3).map(|_| house.carry(&"a".repeat(160))).collect();
    // All three stand before the pipe of the only bind.
    while house
        .handle
        .status()
        .binds
        .iter()
        .all(|bind| bind.in_flight < 3)
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut alive = house.bound().await;
    drop(dead);
    takes(&mut alive, "one").await;
    takes(&mut alive, "two").await;
    let mut outcomes = Vec::new();
    for one in carried {
        outcomes.push(one.await.unwrap());
    }
    outcomes.sort();
    assert_eq!(
        outcomes,
        [
            "0/1 Accepted(\"one\")",
            "0/1 Accepted(\"two\")",
            "0/1 Unknown"
        ]
    );
    // None of them twice.
    alive.says(Pdu::EnquireLink, Status::OK, 7).await;
    assert_eq!(alive.hears().await, "enquire_link_resp 7 0x00");
}

#[tokio::test(start_paused = true)]
async fn each_bind_comes_back_by_itself_and_is_closed_by_its_number() {
    let house = House::piped(64 * 1024, |config| config.count = 2);
    let (first, _second) = (house.bound().await, house.bound().await);
    drop(first);
    assert_eq!(house.inbox.lines(1).await.len(), 1);
    assert!(house.handle.is_up());
    let _third = house.bound().await;
    let status = house.handle.status();
    assert_eq!((status.up(), status.figures().bound), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_mute_bind_beside_a_good_one_holds_up_nothing_for_long() {
    let house = House::piped(64 * 1024, |config| {
        config.count = 2;
        config.window = 1;
    });
    let (mute, mut good) = (house.bound().await, house.bound().await);
    let carried: Vec<_> = (0..4).map(|_| house.carry("Bonjour")).collect();
    for _ in 0..3 {
        takes(&mut good, "id").await;
    }
    let mut outcomes = Vec::new();
    for one in carried {
        outcomes.push(one.await.unwrap());
    }
    outcomes.sort();
    let taken = "0/1 Accepted(\"id\")";
    assert_eq!(outcomes, [taken, taken, taken, "0/1 Unknown"]);
    drop(mute);
}

#[tokio::test(start_paused = true)]
async fn a_status_tells_what_was_done() {
    let house = House::piped(64 * 1024, |_| {});
    let mut peer = house.bound().await;
    for (status, expected) in [
        (Status::OK, "Accepted(\"id\")"),
        (Status::THROTTLED, "Throttled"),
    ] {
        let carried = house.carry("Bonjour");
        let submit = peer.read().await;
        peer.answers(submit.header.sequence, status, "id").await;
        assert_eq!(carried.await.unwrap(), format!("0/1 {expected}"));
    }
    peer.delivers(5, sms(b"TNS")).await;
    peer.hears().await;
    let receipt = Sm {
        esm_class: 4,
        ..sms(b"id:0A1B stat:DELIVRD err:000 text:x")
    };
    peer.delivers(6, receipt).await;
    peer.hears().await;
    peer.says(
        Pdu::AlertNotification(crate::smpp::pdu::Alert::default()),
        Status::OK,
        8,
    )
    .await;
    peer.says(Pdu::EnquireLink, Status::OK, 9).await;
    peer.hears().await;
    let status = house.handle.status();
    assert_eq!(status.peer, "127.0.0.1:2775");
    assert_eq!(status.binds[0].bind, "transceiver 1");
    let shown: Vec<String> = status
        .figures()
        .named()
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    assert_eq!(
        shown.join(", "),
        "bound 1, submitted 2, answered 2, throttled 1, unknown 0, received 2, receipts 1, odd 1"
    );
    assert_eq!(status.rate, Some(0.75));
    drop(peer);
    house.inbox.lines(3).await;
    let error = house.handle.status().binds[0].last_error.clone();
    assert_eq!(error.unwrap().cause, "the connection was lost");
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_told_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (sender, _) = mpsc::channel(1);
    let house = House::with(Way::Pipes(sender, 1), Dial::Network(None), |config| {
        config.port = port;
        config.retry.first_ms = 3_600_000;
        config.retry.longest_ms = 3_600_000;
    });
    let error = soon("a failed attempt", async {
        loop {
            if let Some(error) = house.handle.status().binds[0].last_error.clone() {
                return error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(error.cause, "nothing listens there");
}
