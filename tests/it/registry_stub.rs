//! The agency's page and its stub: what an engineer copies works against a gateway as it stands
//! there, and every command of the page shows what the page says.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::program::{SOON, Setup, Site, password_in, see};
use crate::registry::{DEADLINE_MS, TOKEN};

/// The stub as a process that dies with its test.
struct Stub {
    url: String,
    _child: Child,
    _folder: TempDir,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether all commands are there; where one is missing the test says that it did not run, and
/// fails if it has to run here.
async fn have(commands: &[&str]) -> bool {
    for command in commands {
        let version = match *command {
            "openssl" => "version",
            _ => "--version",
        };
        let found = Command::new(command)
            .arg(version)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if !found.is_ok_and(|status| status.success()) {
            println!("not run: the registry's stub: no {command}");
            assert_ne!(
                std::env::var("TEST_PEERS").as_deref(),
                Ok("require"),
                "TEST_PEERS=require: this has to run here"
            );
            return false;
        }
    }
    true
}

impl Stub {
    /// Starts it with the sample people on a free port.
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let token = folder.path().join("token");
        // The one of before and the one in force, as while a token is changed.
        std::fs::write(&token, format!("an-older-token\n{TOKEN}\n")).unwrap();
        let mut child = Command::new("python3")
            .arg(repository().join("docs/registry-stub/registry.py"))
            .args(["--listen", "127.0.0.1:0", "--token-file"])
            .arg(&token)
            .arg("--people")
            .arg(repository().join("src/desk/people.sample.csv"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await;
        let line = line.expect("it says nothing").unwrap().unwrap_or_default();
        assert!(line.contains("SAMPLE DATA"), "{line}");
        let url = line.split_whitespace().last().unwrap().to_owned();
        Self {
            url,
            _child: child,
            _folder: folder,
        }
    }

    async fn site(&self) -> Site {
        let config = format!(
            "[registry]\nkind = \"http\"\nurl = \"{}\"\ntoken_file = \"token\"\n\
             [security]\nno_number_on_file = \"agency\"\n",
            self.url,
        );
        Site::new(Setup {
            config: &config,
            deadline_ms: DEADLINE_MS * 2,
            token: TOKEN,
            ..Setup::default()
        })
        .await
    }
}

/// Every standing on a phone, and an account from the dial to the password.
async fn journeys(site: &Site) {
    for (phone, number, expiry, birth, shown) in [
        (
            "+212661000001",
            "BE740215",
            "14062031",
            "05031984",
            "104882317",
        ),
        (
            "+212661000003",
            "D3345",
            "20012028",
            "01071961",
            "pas encore",
        ),
        ("+212661000004", "K928471", "30042033", "29021996", "salari"),
        (
            "+212661000009",
            "BE740215",
            "14062031",
            "06031984",
            "Nous ne trouvons rien",
        ),
    ] {
        let hand = site.phone(phone);
        hand.home().await;
        see(&hand.identify("1", number, expiry, birth).await, &[shown]);
    }
    let hand = site.phone("+212661000006");
    hand.home().await;
    // A number this short is read back.
    let keys = ["1", "1", "A10", "1", "05052030", "12121950", "1"];
    see(&hand.press(&keys).await, &["Pour vous protéger"]);

    let hand = site.phone("+212661000002");
    hand.home().await;
    hand.identify("1", "JC51834", "02092029", "17111990").await;
    let code = hand.code(0).await;
    see(&hand.press(&[&code]).await, &["C'est bien vous"]);
    see(&hand.press(&["1", "1"]).await, &["118206455"]);
    password_in(&hand.sms(0, "Mot de passe MaCNSS").await);
    site.at_rest().await;
    // It stands at the registry: the next one who asks is told so.
    let hand = site.phone("+212661000002");
    hand.dial("*580#").await;
    let told = hand.identify("1", "JC51834", "02092029", "17111990").await;
    see(&told, &["118206455"]);
    assert_eq!(hand.count("Mot de passe MaCNSS"), 1);
}

#[tokio::test]
async fn a_gateway_works_with_the_stub() {
    if !have(&["python3"]).await {
        return;
    }
    let stub = Stub::start().await;
    journeys(&stub.site().await).await;
}

/// One block of commands and what the page says that they print.
struct Block {
    commands: String,
    prints: Option<String>,
}

/// The `sh` blocks of the page in order, each with the `text` block right behind it.
fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind, String::new())),
            (Some((kind, text)), Some("")) => {
                match (*kind, found.last_mut()) {
                    ("sh", _) => found.push(Block {
                        commands: std::mem::take(text),
                        prints: None,
                    }),
                    ("text", Some(last)) => last.prints = Some(std::mem::take(text)),
                    (_, _) => {}
                }
                open = None;
            }
            (Some((_, text)), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The page's own ports, and free ones in their place.
fn on_free_ports(page: &str) -> (String, Vec<u16>) {
    let mut page = page.to_owned();
    let mut ports = Vec::new();
    for port in ["9090", "9443"] {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = probe.local_addr().unwrap().port();
        page = page.replace(port, &free.to_string());
        ports.push(free);
    }
    (page, ports)
}

/// A shell and what it started; all of it ends with the test.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(group) = self.0.id() {
            // `kill` is a builtin of every POSIX shell, so no further program is needed.
            let _ended = std::process::Command::new("sh")
                .args(["-c", &format!("kill -- -{group}")])
                .status();
        }
    }
}

#[tokio::test]
async fn the_page_shows_what_happens() {
    if !have(&["python3", "openssl", "curl", "bash"]).await {
        return;
    }
    let page = std::fs::read_to_string(repository().join("docs/registry.md")).unwrap();
    let (page, ports) = on_free_ports(&page);
    let blocks = blocks(&page);
    assert!(blocks.len() > 8, "the page lost its blocks");
    let mark = "== block ";
    let mut script = String::from("set -euo pipefail\ntrap 'kill 0' EXIT\n");
    for (index, block) in blocks.iter().enumerate() {
        script.push_str(&format!("echo '{mark}{index}'\n{}", block.commands));
    }
    // It waits here with its servers until the test has used them.
    script.push_str(&format!("echo '{mark}end'\nread -r || true\n"));
    let folder = TempDir::new().unwrap();
    let shell = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("JISR", repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut shell = Shell(shell);
    let mut lines = BufReader::new(shell.0.stdout.take().unwrap()).lines();
    let mut printed: Vec<String> = Vec::new();
    let said = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            match line.strip_prefix(mark) {
                Some("end") => return,
                Some(_) => printed.push(String::new()),
                None => {
                    let last = printed.last_mut().unwrap();
                    last.push_str(&line);
                    last.push('\n');
                }
            }
        }
    };
    assert!(
        tokio::time::timeout(SOON, said).await.is_ok(),
        "the page hangs"
    );
    for (index, block) in blocks.iter().enumerate() {
        let Some(printed) = printed.get(index) else {
            panic!("the page's commands stop before:\n{}", block.commands);
        };
        if let Some(prints) = &block.prints {
            assert_eq!(printed, prints, "{}", block.commands);
        }
    }

    // The files that the page made are those with which a gateway works.
    let certificates: Vec<PathBuf> = ["agency-ca.pem", "gateway.pem", "gateway.key", "token"]
        .iter()
        .map(|name| folder.path().join(name))
        .collect();
    let with = format!(
        "[registry]\nkind = \"http\"\nurl = \"https://localhost:{}\"\ntoken_file = {:?}\nca_file = {:?}\n\
         cert_file = {:?}\nkey_file = {:?}\n[security]\nno_number_on_file = \"agency\"\n",
        ports[1], certificates[3], certificates[0], certificates[1], certificates[2],
    );
    let site = Site::new(Setup {
        config: &with,
        deadline_ms: DEADLINE_MS * 2,
        ..Setup::default()
    })
    .await;
    journeys(&site).await;
}
