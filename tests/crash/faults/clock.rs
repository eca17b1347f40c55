//! What the clock does, by `libfaketime`.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, Seen};
use crate::Held;
use crate::platform::{Screen, Shape};
use crate::program::How;
use crate::site::{Setup, Site};

/// Where distributions keep the library.
const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
];
const LIBRARY: &str = "libfaketimeMT.so.1";

const YOUSSEF: &str = "+212661000002";
const STRANGER: &str = "+212661000019";
const AMINA: &str = "+212661000001";
/// Failed matches that a number has a day.
const FAILURES: usize = 5;

/// Jumps forward and back.
pub async fn jumps(_: Context) -> Held<Seen> {
    let library = FOLDERS
        .iter()
        .map(|folder| PathBuf::from(folder).join(LIBRARY))
        .find(|path| path.is_file());
    let Some(library) = library else {
        return Ok(Seen::NotRun("libfaketime is not installed".to_owned()));
    };
    let site = Arc::new(Site::new(Setup::default()).await?);
    let clock = Clock(site.folder.path().join("clock"));
    clock.jump("+0")?;
    let how = How::default()
        .with("LD_PRELOAD", library.to_string_lossy())
        .with("FAKETIME_TIMESTAMP_FILE", clock.0.to_string_lossy())
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("DONT_FAKE_MONOTONIC", "1");
    let mut program = site.start(&how).await?;
    let mut seen = Vec::new();

    // A code whose time is over stays so.
    let phone = site.phones.phone(YOUSSEF);
    let way = ["2", "1", "1", "1", "JC51834", "02092029", "17111990", "1"];
    let screen = walk(&site, YOUSSEF, &way).await?;
    holds(&screen, "Code envoyé")?;
    let got = phone.sms(0, crate::program::SOON, |sms| {
        sms.text.contains("Votre code: ")
    });
    let (_, sms) = got.await.map_err(|error| error.to_string())?;
    let code: String = sms.text.split("Votre code: ").nth(1).unwrap_or_default()[..6].to_owned();
    for jump in ["+6m", "+0", "-6m", "-2d", "+0"] {
        clock.jump(jump)?;
        let mut screen = walk(&site, YOUSSEF, &[]).await?;
        if screen.text.contains("Continuer votre demande") {
            screen = walk(&site, YOUSSEF, &["1"]).await?;
        }
        if screen.text.contains("Code envoyé") {
            screen = walk(&site, YOUSSEF, &[&code]).await?;
        }
        if screen.text.contains("C'est bien vous") {
            return Err(format!("at {jump} the old code was taken"));
        }
    }
    seen.push("the code stayed expired at +6 min, 0, -6 min, -2 d".to_owned());

    // A lock-out lasts.
    clock.jump("+0")?;
    let wrong = |number: usize| format!("BE7402{number:02}");
    let first = ["2", "1", "1", "1", &wrong(20), "14062031", "05031984", "1"];
    let mut screen = walk(&site, STRANGER, &first).await?;
    for number in 1..FAILURES {
        holds(&screen, "Nous ne trouvons rien")?;
        let card = wrong(20 + number);
        screen = walk(
            &site,
            STRANGER,
            &["00", "1", "1", &card, "14062031", "05031984", "1"],
        )
        .await?;
    }
    let asked = site.registry.counts().lookups;
    for jump in ["+0", "-2d", "+1h", "-1h", "+0"] {
        clock.jump(jump)?;
        let card = "BE740215";
        let screen = walk(
            &site,
            STRANGER,
            &["00", "1", "1", card, "14062031", "05031984", "1"],
        )
        .await?;
        if site.registry.counts().lookups != asked {
            return Err(format!(
                "at {jump} the lock-out was over: {:?}",
                screen.text
            ));
        }
    }
    seen.push("the lock-out held at -2 d, +1 h, -1 h".to_owned());

    // Somebody else is served at once, whatever the clock did.
    let way = ["2", "1", "1", "1", "BE740215", "14062031", "05031984", "1"];
    let screen = walk(&site, AMINA, &way).await?;
    holds(&screen, "104882317")?;
    program.stop().await?;
    Ok(Seen::Held(seen.join("; ")))
}

/// The file that says how far the program's clock is off.
struct Clock(PathBuf);

impl Clock {
    fn jump(&self, to: &str) -> Held<()> {
        std::fs::write(&self.0, to).map_err(|error| error.to_string())
    }
}

/// Dials and answers; the last screen.
async fn walk(site: &Site, number: &'static str, keys: &[&str]) -> Held<Screen> {
    let mut session = site.platform.session(Shape::Key, number);
    let mut screen = site.platform.hop(&mut session, None).await?;
    for key in keys {
        if !screen.open {
            return Err(format!(
                "before {key:?} the session ended: {:?}",
                screen.text
            ));
        }
        screen = site.platform.hop(&mut session, Some(key)).await?;
    }
    Ok(screen)
}

fn holds(screen: &Screen, what: &str) -> Held<()> {
    match screen.text.contains(what) {
        true => Ok(()),
        false => Err(format!("{what:?} is not on {:?}", screen.text)),
    }
}
