//! `kill -9` of the program between turns and in the middle of one: nothing is lost, and nothing
//! comes twice.

use std::time::Duration;

use futures_util::future::join_all;
use simulator::registry::Mood;

use crate::program::{SOON, Setup, Site, code_in, password_in, see};
use crate::registry::{DEADLINE_MS, agency, site};

const YOUSSEF: &str = "+212661000002";
const AMINA: &str = "+212661000001";

#[tokio::test]
async fn killed_five_times_on_the_way_to_the_password() {
    let mut site = Site::new(Setup::default()).await;

    // After the choice of the language.
    site.phone(YOUSSEF).dial("*580#").await;
    let consent = site.phone(YOUSSEF).press(&["2"]).await;
    site.crash().await;
    let last = site.operator.last_callback(&site.phones.phone(YOUSSEF));
    let again = site.operator.resend(&last.unwrap()).await.unwrap();
    assert_eq!(again, consent, "the repeat of what was answered before");

    // In the middle of the identity.
    let expiry = site.phone(YOUSSEF).press(&["1", "1", "1", "JC51834"]).await;
    see(&expiry, &["date d'expiration"]);
    site.crash().await;

    // When the code has gone out.
    let hand = site.phone(YOUSSEF);
    let summary = hand.press(&["02092029", "17111990"]).await;
    see(&summary, &["JC51834", "02/09/2029", "17/11/1990"]);
    see(&hand.press(&["1"]).await, &["Code envoyé"]);
    let code = code_in(&hand.sms(0, "Votre code: ").await);
    site.program.until_delivered(1).await;
    site.crash().await;

    // When the code was right; the session is cut as well, and a new dial goes on.
    see(&site.phone(YOUSSEF).press(&[&code]).await, &["EXEMPLE"]);
    site.crash().await;
    site.phone(YOUSSEF)
        .phone
        .record(simulator::phone::Happening::HungUp);
    let mut resumed = site.phone(YOUSSEF).dial("*580#").await;
    if !resumed.text.contains("EXEMPLE") {
        // It asks whether to go on.
        resumed = site.phone(YOUSSEF).press(&["1"]).await;
    }
    see(&resumed, &["EXEMPLE Y."]);

    // When the account is open and the password waits in the outbox.
    site.smsc_goes().await;
    let done = site.phone(YOUSSEF).press(&["1", "1"]).await;
    see(&done, &["118206455"]);
    assert_eq!(site.program.messages("queued").await, 2);
    site.program.kill().await;
    site.smsc_comes().await;
    site.crash().await;

    let hand = site.phone(YOUSSEF);
    password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
    hand.sms(0, "118206455").await;
    site.at_rest().await;
    site.program.until_delivered(3).await;
    // Nothing comes of another crash: what the phone has got is all that it gets.
    site.crash().await;
    site.bound().await;
    site.at_rest().await;
    let hand = site.phone(YOUSSEF);
    assert_eq!(
        (
            hand.count("Mot de passe MaCNSS"),
            hand.count("Votre code"),
            hand.phone.received()
        ),
        (1, 1, 3)
    );
    assert_eq!(site.smsc().parts_repeated(), 0);
}

#[tokio::test]
async fn killed_while_the_registry_is_asked() {
    join_all(
        [
            Mood::Silent,
            Mood::Slow(Duration::from_millis(DEADLINE_MS * 2)),
        ]
        .map(|mood| async move {
            let registry = agency().await;
            let mut site = site(&registry).await;
            let hand = site.phone(AMINA);
            hand.home().await;
            hand.press(&["1", "1", "BE740215", "14062031", "05031984"])
                .await;
            registry.set_mood(mood);
            let asking = {
                let (operator, phone) = (site.operator.clone(), hand.phone.clone());
                tokio::spawn(async move { operator.press(&phone, "1").await })
            };
            crate::program::until("the registry is asked", || async {
                registry.counts().calls == 1
            })
            .await;
            site.program.kill().await;
            assert!(asking.await.unwrap().is_err(), "{mood:?}");
            registry.set_mood(Mood::Well);
            site.crash().await;
            site.phone(AMINA).sms(0, "104882317").await;
            site.at_rest().await;
            site.program.until_delivered(1).await;
            assert_eq!(site.phone(AMINA).phone.received(), 1, "{mood:?}");
            assert_eq!(registry.counts().lookups, 1, "{mood:?}");
        }),
    )
    .await;
}

#[tokio::test]
async fn a_text_that_was_taken_is_answered_after_a_crash() {
    let mut site = Site::new(Setup::default()).await;
    let hand = site.phone(AMINA);
    hand.text("TNS").await;
    site.program.kill().await;
    site.crash().await;
    let (_, sms) = site
        .phone(AMINA)
        .phone
        .sms(0, SOON, |_| true)
        .await
        .unwrap();
    assert!(sms.text.contains("Langue"), "{sms:?}");
}
