//! The agency's API over HTTP: every outcome, and what a worker meets while it is ill.

use futures_util::future::join_all;
use simulator::registry::{Mood, Registry};

use crate::program::{Setup, Site, password_in, see, until};

/// Within which the operator wants an answer.
pub const DEADLINE_MS: u64 = 2_000;
pub const TOKEN: &str = "sample-token";

/// The sections of the configuration for this registry.
pub fn registry_config(registry: &Registry) -> String {
    format!(
        "[registry]\nkind = \"http\"\nurl = \"{}\"\ntoken_file = \"token\"\ndeadline_ms = 800\n\
         [security]\nno_number_on_file = \"guide\"\n",
        registry.url(),
    )
}

/// A gateway for this registry.
pub async fn site(registry: &Registry) -> Site {
    let config = registry_config(registry);
    Site::new(Setup {
        config: &config,
        deadline_ms: DEADLINE_MS,
        token: TOKEN,
        ..Setup::default()
    })
    .await
}

pub async fn agency() -> Registry {
    Registry::start(TOKEN, 0).await.unwrap()
}

#[tokio::test]
async fn outcomes() {
    let registry = agency().await;
    let site = site(&registry).await;
    for (phone, card, number, expiry, birth, shown) in [
        (
            "+212661000001",
            "1",
            "BE740215",
            "14062031",
            "05031984",
            "104882317",
        ),
        (
            "+212661000003",
            "1",
            "D3345",
            "20012028",
            "01071961",
            "pas encore",
        ),
        (
            "+212661000004",
            "1",
            "K928471",
            "30042033",
            "29021996",
            "salari",
        ),
        (
            "+212661000009",
            "1",
            "BE740215",
            "14062031",
            "06031984",
            "Nous ne trouvons rien",
        ),
        (
            "+212661000010",
            "1",
            "BE740215",
            "14062031",
            "05031984",
            "Code envoyé",
        ),
    ] {
        let hand = site.phone(phone);
        hand.home().await;
        let answer = hand.identify(card, number, expiry, birth).await;
        see(&answer, &[shown]);
    }
    assert_eq!(registry.counts().lookups, 5);
    site.at_rest().await;
}

#[tokio::test]
async fn an_account_is_opened_once_under_its_key() {
    let registry = agency().await;
    let site = site(&registry).await;
    for (phone, card, number, expiry, birth, short, registration) in [
        (
            "+212661000002",
            "1",
            "JC51834",
            "02092029",
            "17111990",
            "JC51834",
            "118206455",
        ),
        (
            "+212661000005",
            "2",
            "R204518M",
            "11082027",
            "23121988",
            "R204518M",
            "120775903",
        ),
    ] {
        let hand = site.phone(phone);
        hand.home().await;
        hand.identify(card, number, expiry, birth).await;
        let code = hand.code(0).await;
        see(&hand.press(&[&code]).await, &["C'est bien vous"]);
        // The registry gets the order and says nothing: the worker is told, and it goes on by SMS.
        if short == "R204518M" {
            registry.set_mood(Mood::Down);
        }
        let last = hand.press(&["1", "1"]).await;
        if short == "R204518M" {
            see(&last, &["la réponse arrive par SMS"]);
            registry.set_mood(Mood::Well);
        } else {
            see(&last, &[registration]);
        }
        password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
        hand.sms(0, registration).await;
        site.at_rest().await;
        assert_eq!(hand.count("Mot de passe MaCNSS"), 1);
    }
    let opened = registry.counts().opened;
    assert_eq!(opened.values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn a_refused_account_is_told() {
    let registry = agency().await;
    registry.refuse("118206455");
    let site = site(&registry).await;
    let hand = site.phone("+212661000002");
    hand.home().await;
    hand.identify("1", "JC51834", "02092029", "17111990").await;
    let code = hand.code(0).await;
    hand.press(&[&code]).await;
    let last = hand.press(&["1", "1"]).await;
    see(&last, &["3939"]);
    site.at_rest().await;
    assert_eq!(hand.count("Mot de passe"), 0, "{last:?}");
    assert!(registry.counts().opened.is_empty());
}

#[tokio::test]
async fn an_ill_registry_answers_later_by_sms_once() {
    join_all([Mood::Down, Mood::Silent].map(|mood| async move {
        let registry = agency().await;
        let site = site(&registry).await;
        let hand = site.phone("+212661000001");
        hand.home().await;
        registry.set_mood(mood);
        let told = hand.identify("1", "BE740215", "14062031", "05031984").await;
        // In time: the operator has got its answer, and the worker reads a sentence.
        see(&told, &["la réponse arrive par SMS"]);
        assert!(!told.open, "{mood:?}");
        // A redial meanwhile asks nothing again.
        let calls = registry.counts().calls;
        see(&hand.dial("*580#").await, &["la réponse arrive par SMS"]);
        assert_eq!(registry.counts().calls, calls, "{mood:?}");
        registry.set_mood(Mood::Well);
        hand.sms(0, "104882317").await;
        site.at_rest().await;
        site.program.until_delivered(1).await;
        assert_eq!(hand.phone.received(), 1, "{mood:?}");
        assert_eq!(registry.counts().lookups, 1, "{mood:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_wrong_token_is_an_ill_registry() {
    let registry = Registry::start("another-token", 0).await.unwrap();
    let site = site(&registry).await;
    let hand = site.phone("+212661000001");
    hand.home().await;
    let told = hand.identify("1", "BE740215", "14062031", "05031984").await;
    see(&told, &["3939"]);
    until("it is in the log", || async {
        site.program.stderr.text().contains("no answer")
    })
    .await;
    let log = site.program.stderr.text();
    for secret in [TOKEN, "BE740215"] {
        assert!(!log.contains(secret), "{log}");
    }
}
