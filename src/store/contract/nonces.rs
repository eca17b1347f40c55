//! What may come once only on a link.

use super::*;

/// Ten minutes from `seconds` on.
async fn nonce(store: &impl Store, link: &str, nonce: &[u8], seconds: i64) -> bool {
    let link = LinkName::from(link);
    let until = at(seconds + 10 * MINUTE);
    let fresh = store.nonce(&link, nonce, until, at(seconds)).await;
    fresh.unwrap()
}

pub(crate) async fn a_nonce_is_fresh_once(store: &impl Store) {
    for (link, value, seconds, fresh) in [
        ("op", b"n-1".as_slice(), 0, true),
        ("op", b"n-1", 0, false),
        ("op", b"n-1", 599, false),
        ("op", b"n-2", 1, true),
        ("op2", b"n-1", 1, true),
        ("opn", b"-1", 1, true),
        ("op", b"", 1, true),
        ("op", b"", 2, false),
        ("op", &[0xff; 64], 2, true),
    ] {
        assert_eq!(
            nonce(store, link, value, seconds).await,
            fresh,
            "{link} {value:?} {seconds}"
        );
    }
    // Whoever came too often has not made it live longer.
    assert!(nonce(store, "op", b"n-1", 600).await);
    assert!(!nonce(store, "op", b"n-1", 601).await);
}

pub(crate) async fn a_nonce_is_forgotten_after_its_life(store: &impl Store) {
    assert!(nonce(store, "op", b"n-1", 0).await);
    store.tidy(at(599)).await.unwrap();
    assert!(!nonce(store, "op", b"n-1", 599).await);
    store.tidy(at(600)).await.unwrap();
    // Asked as of the beginning: it is gone, not only over.
    assert!(nonce(store, "op", b"n-1", 0).await);
}

pub(crate) async fn one_of_many_equal_nonces_is_fresh(store: &impl Store) {
    let asked = (0..300).map(|which| {
        let value = [which as u8 % 3];
        async move { nonce(store, "op", &value, 0).await }
    });
    let fresh = futures_util::future::join_all(asked).await;
    assert_eq!(fresh.iter().filter(|fresh| **fresh).count(), 3);
}
