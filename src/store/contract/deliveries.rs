//! USSD deliveries without an operator's id.

use super::*;

fn delivery(octets: u8, bind: u64, seconds: i64) -> Delivery {
    Delivery {
        link: link(),
        fingerprint: [octets; 32],
        bind,
        at: at(seconds),
    }
}

/// The same octets are a repeat once the bind on which they came has closed, for ten minutes.
pub(crate) async fn repeats_by_bind(store: &impl Store) {
    let note = async |octets, bind, seconds| {
        let noted = store.delivery(delivery(octets, bind, seconds)).await;
        noted.unwrap()
    };
    let first = note(1, 1, 0).await;
    let twice = note(1, 1, 1).await;
    assert_eq!((first.repeats, twice.repeats), (None, None));
    assert_ne!(first, twice, "a digit typed twice on one bind");
    assert_eq!(note(1, 2, 2).await.repeats, None, "both binds are open");
    store.close_bind(&link(), 1, at(0)).await.unwrap();
    let again = |noted: Noted, seconds| Noted {
        repeats: Some(at(seconds)),
        ..noted
    };
    assert_eq!(note(1, 3, 3).await, again(twice, 1), "the last of them");
    assert_eq!(note(1, 3, 4).await, again(first, 0));
    let new = note(1, 3, 5).await;
    assert_eq!(new.repeats, None, "each repeats once a bind");
    store.close_bind(&link(), 3, at(0)).await.unwrap();
    assert_eq!(note(1, 4, 6).await, again(new, 5), "and again on the next");
    note(2, 4, 7).await;
    store.close_bind(&link(), 4, at(0)).await.unwrap();
    let elsewhere = Delivery {
        link: LinkName::from("elsewhere"),
        ..delivery(2, 5, 8)
    };
    let elsewhere = store.delivery(elsewhere).await.unwrap();
    assert_eq!(elsewhere.repeats, None, "another link");
    assert_eq!(note(2, 5, 608).await.repeats, None, "after ten minutes");
}
