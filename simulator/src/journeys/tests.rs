//! The player against a stub that answers like a gateway where that matters here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;

use super::*;
use crate::phone::{Happening, Phones, Sms};
use crate::script;
use crate::web::Server;

/// What the stub answers to each cumulative path.
const ANSWERS: [(&str, &str); 9] = [
    ("", "CON Langue\n1 A\n2 B"),
    ("2", "CON Accord\n1 Oui"),
    ("2*1", "CON Home\n1 Code\n2 Liste\n0 Retour 9 Suite"),
    ("2*1*9", "CON encore 104882317\n0 Retour"),
    ("2*1*1", "CON Code ?\n0 Retour"),
    ("2*1*1*123456", "END 118206455"),
    ("2*1*2", "CON Liste\n1 Un\n2 Deux\n9 Suite"),
    ("2*1*2*9", "CON Liste\n1. Trois\n2. Quatre"),
    ("2*1*2*9*2", "END choisi"),
];

async fn player() -> (Server, Player) {
    let phones = Phones::default();
    let app = {
        let phones = phones.clone();
        post(move |body: Bytes| async move {
            let form: BTreeMap<String, String> = serde_urlencoded::from_bytes(&body).unwrap();
            let text = form["text"].as_str();
            let sms = |text: &str| {
                let sms = Sms {
                    from: "5800".into(),
                    text: text.into(),
                };
                phones
                    .phone(&form["phoneNumber"])
                    .record(Happening::Received { sms });
            };
            match text {
                "2*1*1" => sms("Votre code: 123456\nAide 3939"),
                "2*1*1*123456" => {
                    sms("Mot de passe:\n7KQM W3XP RH4T\nAide 3939");
                    sms("Numéro 118206455");
                }
                _ => {}
            }
            let answer = ANSWERS.iter().find(|(path, _)| *path == text);
            answer.map_or("END ?", |(_, answer)| answer)
        })
    };
    let server = Server::start(Router::new().route("/ussd/sim", app), 0)
        .await
        .unwrap();
    let mut world = World::start(&format!("{}/ussd/sim", server.url()), 0, None)
        .await
        .unwrap();
    world.phones = phones;
    (server, Player::new(world, Language::French))
}

/// Plays one journey; `None` if it ended as it must.
async fn failure(steps: &str) -> Option<String> {
    let (_server, mut player) = player().await;
    let text = format!("journey A\nin fr\nphone new\nhome\n{steps}");
    player.play(&script::read(&text).unwrap()[0]).await.failure
}

#[tokio::test]
async fn a_good_journey() {
    let steps = "repeat\nsee Home|x 104882317\nhang up";
    assert_eq!(failure(steps).await, None);
    let steps = "press 1\nunseen 118206455\ncode\npress {code}\nsee 118206455\nover\n\
                 sms 118206455\npassword";
    assert_eq!(failure(steps).await, None);
    assert_eq!(
        failure("press 2\nchoose Quat\nsee choisi\nover").await,
        None
    );
    assert_eq!(failure("answer 1 until Code ?").await, None);
}

#[tokio::test]
async fn failures_name_the_step() {
    let table = [
        (
            "hang up\nrepeat",
            "line 6, `repeat`: there is no open session",
        ),
        (
            "see 118206455",
            "line 5, `see 118206455`: 118206455 is not shown",
        ),
        (
            "over",
            "line 5, `over`: the session still waits for an answer",
        ),
        ("hide Home", "line 5, `hide Home`: Home is shown"),
        (
            "press 1\nunseen 123456",
            "line 6, `unseen 123456`: 123456 is shown",
        ),
        (
            "press 2\nchoose Cinq",
            "line 6, `choose Cinq`: no option is called Cinq",
        ),
        ("press 7\nopen", "line 6, `open`: the session has ended"),
        (
            "press 1\ncode\npress {wrong}\nsee 118206455",
            "line 8, `see 118206455`: 118206455 is not shown",
        ),
        (
            "press 1\ncode\npress {code}",
            "1 passwords came, expected 0",
        ),
        (
            "answer 0 until never",
            "line 5, `answer 0 until never`: there is no open session on this phone",
        ),
    ];
    for (steps, expected) in table {
        assert_eq!(failure(steps).await.as_deref(), Some(expected), "{steps}");
    }
}
