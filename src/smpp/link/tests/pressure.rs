//! More than fits: in either direction.

use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn deliveries_without_room_are_put_off_and_none_is_dropped() {
    let house = House::piped(64 * 1024, |config| {
        config.inbound = 2;
        config.hold_ms = 1_000;
        config.accept_ms = 60_000;
    });
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    let began = Instant::now();
    for sequence in 1..=10 {
        peer.delivers(sequence, sms(b"TNS")).await;
    }
    // Nothing is said before the time, and then each of those that had arrived is put off.
    let mut heard = Vec::new();
    for _ in 0..8 {
        heard.push(peer.hears().await);
        assert!(began.elapsed() >= Duration::from_millis(1_000));
    }
    let put_off: Vec<String> = (3..=10)
        .map(|sequence| format!("deliver_sm_resp {sequence} 0x58"))
        .collect();
    assert_eq!(heard, put_off);
    // What comes now stays with the operator until there is room.
    peer.delivers(11, sms(b"TNS")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    house.inbox.gate.add_permits(3);
    let mut taken = vec![peer.hears().await, peer.hears().await, peer.hears().await];
    taken.sort();
    assert_eq!(
        taken,
        [
            "deliver_sm_resp 1 0x00",
            "deliver_sm_resp 11 0x00",
            "deliver_sm_resp 2 0x00"
        ]
    );
    assert_eq!(house.inbox.lines(3).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn answers_are_heard_while_deliveries_are_put_off() {
    let house = House::piped(64 * 1024, |config| {
        config.inbound = 1;
        config.accept_ms = 60_000;
    });
    house.inbox.gate.forget_permits(1_000);
    let mut peer = house.bound().await;
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    // In one write, so that all of it has arrived.
    let mut octets = Vec::new();
    for sequence in 1..=2 {
        octets.extend(
            Pdu::DeliverSm(sms(b"TNS"))
                .encode(Status::OK, sequence)
                .unwrap(),
        );
    }
    let resp = SmResp {
        message_id: b"id",
        ..SmResp::default()
    };
    let answer = Pdu::SubmitSmResp(resp).encode(Status::OK, submit.header.sequence);
    octets.extend(answer.unwrap());
    peer.raw(&octets).await;
    assert_eq!(carried.await.unwrap(), "0/1 Accepted(\"id\")");
    assert_eq!(peer.hears().await, "deliver_sm_resp 2 0x58");
}

#[tokio::test(start_paused = true)]
async fn parts_go_out_at_the_rate_of_the_link() {
    let house = House::piped(64 * 1024, |config| {
        config.rate = 10.0;
        config.window = 100;
        config.count = 2;
    });
    let mut peers = [house.bound().await, house.bound().await];
    let began = Instant::now();
    // Twenty parts of seven messages: parts are counted, not messages.
    let mut carried: Vec<_> = (0..6).map(|_| house.carry(&"a".repeat(153 * 3))).collect();
    carried.push(house.carry(&"a".repeat(153 * 2)));
    let [one, other] = &mut peers;
    for _ in 0..20 {
        let submit = tokio::select! {
            submit = one.read() => (0, submit),
            submit = other.read() => (1, submit),
        };
        let peer = if submit.0 == 0 {
            &mut *one
        } else {
            &mut *other
        };
        peer.answers(submit.1.header.sequence, Status::OK, "id")
            .await;
    }
    let took = began.elapsed();
    assert!(
        (Duration::from_millis(1_880)..Duration::from_millis(2_100)).contains(&took),
        "{took:?}"
    );
    for one in carried {
        assert!(!one.await.unwrap().contains("NotSent"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_link_wants_few_messages_at_once() {
    let house = House::piped(64 * 1024, |config| config.window = 50);
    let mut peer = house.bound().await;
    assert_eq!(house.handle.at_once(), 50);
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    peer.answers(submit.header.sequence, Status::THROTTLED, "")
        .await;
    assert_eq!(carried.await.unwrap(), "0/1 Throttled");
    assert_eq!(house.handle.at_once(), 2);
}
