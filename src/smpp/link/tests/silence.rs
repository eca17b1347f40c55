//! A bind that goes silent is noticed within 65 s, and its messages go out later, once. Time is
//! the runtime's own here, and passes as fast as nothing happens.

use tokio::time::Instant;

use super::*;

/// What was promised.
const NOTICED: Duration = Duration::from_secs(65);

/// Reads until the connection ends, and tells what came.
async fn until_the_end(peer: &mut Peer) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(frame) = peer.read_or_end().await {
        let (read, _) = pdu::decode(&frame).unwrap();
        heard.push(format!("{read:?}"));
    }
    heard
}

/// The next connection is bound and takes a message, exactly one time.
async fn goes_on(house: &House) {
    let mut peer = house.bound().await;
    let carried = house.carry("Bonsoir");
    let submit = peer.read().await;
    peer.answers(submit.header.sequence, Status::OK, "id").await;
    assert_eq!(carried.await.unwrap(), "0/1 Accepted(\"id\")");
    peer.says(Pdu::EnquireLink, Status::OK, 901).await;
    assert_eq!(peer.hears().await, "enquire_link_resp 901 0x00");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing() {
    let house = House::piped(64 * 1024, |_| {});
    let mut peer = house.bound().await;
    let began = Instant::now();
    let carried = house.carry("Bonjour");
    let heard = until_the_end(&mut peer).await;
    assert_eq!(heard, ["submit_sm", "enquire_link"]);
    assert!(began.elapsed() <= NOTICED, "{:?}", began.elapsed());
    assert_eq!(carried.await.unwrap(), "0/1 Unknown");
    goes_on(&house).await;
    let status = house.handle.status();
    assert_eq!(
        status.binds[0].last_error.as_ref().unwrap().cause,
        "no answer to enquire_link"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_only_enquire_link() {
    let house = House::piped(64 * 1024, |_| {});
    let mut peer = house.bound().await;
    let began = Instant::now();
    // Always one message more.
    let handle = house.handle.clone();
    let sending = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        while handle.is_up() {
            outcomes.push(shown(&handle.carry(&message("Bonjour")).await));
        }
        outcomes
    });
    let mut submits = 0;
    while let Some(frame) = peer.read_or_end().await {
        if frame.header.command == Command::EnquireLink.id() {
            peer.says(Pdu::EnquireLinkResp, Status::OK, frame.header.sequence)
                .await;
        } else {
            assert_eq!(frame.header.command, Command::SubmitSm.id());
            submits += 1;
        }
        // It even delivers.
        peer.delivers(frame.header.sequence, sms(b"TNS")).await;
        assert!(peer.hears().await.starts_with("deliver_sm_resp"));
    }
    assert!(began.elapsed() <= NOTICED, "{:?}", began.elapsed());
    assert_eq!((submits, sending.await.unwrap().len()), (3, 3));
    goes_on(&house).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_only_enquire_link_and_one_message() {
    let house = House::piped(64 * 1024, |_| {});
    let mut peer = house.bound().await;
    let began = Instant::now();
    let carried = house.carry("Bonjour");
    while let Some(frame) = peer.read_or_end().await {
        if let Pdu::EnquireLink = pdu::decode(&frame).unwrap().0 {
            peer.says(Pdu::EnquireLinkResp, Status::OK, frame.header.sequence)
                .await;
        }
    }
    assert!(began.elapsed() <= NOTICED, "{:?}", began.elapsed());
    assert_eq!(carried.await.unwrap(), "0/1 Unknown");
    goes_on(&house).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_octets() {
    let house = House::piped(64 * 1024, |_| {});
    let mut peer = house.bound().await;
    let began = Instant::now();
    let carried = house.carry("Bonjour");
    let submit = peer.read().await;
    let resp = Pdu::SubmitSmResp(SmResp {
        message_id: b"id",
        ..SmResp::default()
    });
    let octets = resp.encode(Status::OK, submit.header.sequence).unwrap();
    for octet in octets {
        if peer.stream.write_all(&[octet]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert!(peer.read_or_end().await.is_none());
    assert!(began.elapsed() <= NOTICED, "{:?}", began.elapsed());
    assert_eq!(carried.await.unwrap(), "0/1 Unknown");
    goes_on(&house).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing() {
    // No octet of the second message fits the pipe.
    let house = House::piped(110, |config| config.response_ms = 5_000);
    let peer = house.bound().await;
    let began = Instant::now();
    let first = house.carry(&"a".repeat(160));
    let second = house.carry("Bonsoir");
    assert_eq!(first.await.unwrap(), "0/1 Unknown");
    assert_eq!(second.await.unwrap(), "0/1 NotSent");
    while house.handle.is_up() {
        house.handle.changed().await;
    }
    assert!(began.elapsed() <= NOTICED, "{:?}", began.elapsed());
    drop(peer);
}
