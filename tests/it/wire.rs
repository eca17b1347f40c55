//! The program between real wires: HTTP from the operator, SMPP over TCP to the message centre.

use simulator::phone::Phones;
use simulator::smsc::{Alphabet, Receipts};

use crate::program::{SOON, Setup, Site, ask, change, message_centre, password_in, see, until};

/// Who is registered without an account, and whose phone the registry has.
const YOUSSEF: &str = "+212661000002";
/// Who has an account.
const AMINA: &str = "+212661000001";
/// The grace of unknown outcomes is over at once, as if a minute had passed.
const MINUTE: &str = "UPDATE outbox SET next_at = next_at - 60000 WHERE state = 'unknown'";

#[tokio::test]
async fn from_dial_to_password() {
    let mut site = Site::new(Setup::default()).await;
    let hand = site.phone(YOUSSEF);
    hand.home().await;
    let asked = hand.identify("1", "JC51834", "02092029", "17111990").await;
    see(&asked, &["Code envoyé par SMS"]);
    let code = hand.code(0).await;
    see(&hand.press(&[&code]).await, &["EXEMPLE Y."]);
    let last = hand.press(&["1", "1"]).await;
    see(&last, &["118206455"]);
    assert!(!last.open);
    let password = password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
    assert_eq!(password.len(), "XXXX XXXX XXXX".len());
    hand.sms(0, "118206455").await;
    // Receipts bring the code, the password and the number to their end.
    site.program.until_delivered(3).await;
    assert_eq!(hand.count("Mot de passe MaCNSS"), 1);
    assert_eq!(site.smsc().parts_repeated(), 0);
    assert!(site.program.stop().await.success());
}

#[tokio::test]
async fn the_password_by_text_all_the_way() {
    let site = Site::new(Setup::default()).await;
    site.smsc().set_receipts(Receipts::BeforeResponse);
    let hand = site.phone(YOUSSEF);
    hand.text("TNS").await;
    hand.sms(0, "Langue").await;
    hand.text("2").await;
    // 180 septets: out in two parts, and whole on the phone.
    hand.sms(0, "3 Mes données\n0 Retour").await;
    hand.text("1").await;
    hand.sms(0, "Que voulez-vous").await;
    // In as two parts as well.
    let far = " ".repeat(200);
    hand.text(&format!("TNS cin JC51834{far}02092029 17111990"))
        .await;
    hand.sms(0, "C'est juste ?\nCarte nationale: JC51834").await;
    hand.text("1").await;
    let code = hand.code(0).await;
    hand.sms(0, "Code envoyé").await;
    hand.text(&code).await;
    hand.sms(0, "EXEMPLE Y.").await;
    hand.text("1").await;
    hand.sms(0, "Votre e-mail").await;
    hand.text("1").await;
    password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
    hand.sms(0, "C'est fait. Numéro d'immatriculation: 118206455")
        .await;
    site.program.until_delivered(10).await;
    let submits = site.smsc().submits();
    let parts = |what: &str| {
        let submit = submits.iter().find(|submit| submit.text.contains(what));
        submit.map(|submit| (submit.parts, submit.alphabet))
    };
    assert_eq!(parts("Mes données"), Some((2, Alphabet::Gsm7)));
    assert_eq!(parts("اختر لغتك"), Some((1, Alphabet::Ucs2)));
}

#[tokio::test]
async fn without_a_response_the_same_bytes_go_again() {
    let site = Site::new(Setup::default()).await;
    let hand = site.phone(YOUSSEF);
    hand.home().await;
    // The message centre takes the code, says nothing and closes: nobody knows what became of it.
    site.smsc().set_receipts(Receipts::None);
    site.smsc().drop_responses(&[1]);
    hand.identify("1", "JC51834", "02092029", "17111990").await;
    let first = hand.sms(0, "Votre code: ").await;
    site.smsc().close();
    until("the outcome is unknown", || async {
        site.program.messages("unknown").await == 1
    })
    .await;
    site.smsc().set_receipts(Receipts::AtOnce);
    assert_eq!(change(&site.ledger(), MINUTE).await, 1);
    let (_, second) = hand.phone.sms(1, SOON, |_| true).await.unwrap();
    assert_eq!(first, second.text, "the same code");
    assert_eq!(site.smsc().submit_count(YOUSSEF, &first), 2);
    assert_eq!(site.smsc().parts_repeated(), 1);
    site.program.until_delivered(1).await;
    // It is the code that opens, also after a new dial.
    let code = crate::program::code_in(&first);
    hand.dial("*580#").await;
    see(&hand.press(&[&code]).await, &["EXEMPLE Y."]);
}

#[tokio::test]
async fn a_message_waits_for_the_message_centre() {
    let mut site = Site::new(Setup::default()).await;
    site.phone(AMINA).home().await;
    site.smsc_goes().await;
    let hand = site.phone(AMINA);
    let last = hand.identify("1", "BE740215", "14062031", "05031984").await;
    see(&last, &["104882317"]);
    assert_eq!(site.program.messages("queued").await, 1);
    site.smsc_comes().await;
    site.phone(AMINA).sms(0, "104882317").await;
    site.program.until_delivered(1).await;
    assert_eq!(site.phone(AMINA).phone.received(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_delivered_has_failed() {
    let site = Site::new(Setup::default()).await;
    site.smsc().set_unreachable(AMINA, true);
    let hand = site.phone(AMINA);
    hand.home().await;
    hand.identify("1", "BE740215", "14062031", "05031984").await;
    until("the message has failed", || async {
        site.program.messages("failed").await == 1
    })
    .await;
    assert_eq!(hand.phone.received(), 0);
}

#[tokio::test]
async fn a_text_sent_before_the_bind_arrives() {
    let phones = Phones::new(None);
    let smsc = message_centre(&phones, 0).await;
    let phone = phones.phone(AMINA);
    let sent = {
        let (smsc, phone) = (smsc.clone(), phone.clone());
        tokio::spawn(async move { smsc.text(&phone, "5800", "TNS", SOON).await })
    };
    let texted = phone.changed_since(0, SOON).await;
    assert_eq!(texted, 1, "it is in the queue before anybody is bound");
    let site = Site::around(phones, smsc, Setup::default()).await;
    assert_eq!(sent.await.unwrap(), Ok(()));
    site.phone(AMINA).sms(0, "Langue").await;
    assert_eq!(
        ask(&site.ledger(), "SELECT count(*) FROM sms_seen").await,
        1
    );
}

#[tokio::test]
async fn the_message_centre_asks_whether_we_are_there() {
    let site = Site::new(Setup::default()).await;
    assert_eq!(site.smsc().enquire(SOON).await, 1);
    assert_eq!(site.smsc().bound(), 1);
}
