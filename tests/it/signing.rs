//! `docs/signing.md` is right: its example, its programs and its configurations.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jisr::clock::Moment;
use jisr::config::{Config, ConfigError};
use jisr::operator::auth::{Auth, Evidence, Hmac, Rule, Secrets};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signing.md");
    std::fs::read_to_string(path).unwrap()
}

/// The blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// A line of the example.
fn example(name: &str) -> String {
    let block = blocks("text").remove(0);
    let line = block
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap().trim().to_owned()
}

/// Whether the link of the example takes the request with these headers.
fn passes(headers: &[(&str, String)], body: &str) -> bool {
    let secrets = Secrets::new(&example("secret"), None);
    let auth = Auth::of(vec![Rule::Hmac(Hmac::new(
        secrets,
        Duration::from_secs(300),
    ))]);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let seconds: i64 = example("timestamp").parse().unwrap();
    let evidence = Evidence {
        method: &example("method"),
        target: &example("target"),
        query: None,
        headers: &map,
        body: body.as_bytes(),
        from: None,
        certificate: None,
        secret: None,
        at: Moment::from_ms(seconds * 1000),
    };
    auth.check(&evidence).is_ok()
}

#[test]
fn the_example_is_what_it_says() {
    let body = example("body");
    let hash: String = Sha256::digest(&body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash, example("sha256"));
    let headers = [
        ("x-jisr-timestamp", example("timestamp")),
        ("x-jisr-nonce", example("nonce")),
        ("x-jisr-signature", example("signature")),
    ];
    assert!(passes(&headers, &body));
    assert!(!passes(&headers, &format!("{body}1")));
}

/// Runs a program of the page in a folder with the secret; nothing where there is no such program.
fn run(program: &str, source: &str, folder: &Path) -> Option<String> {
    std::fs::write(folder.join("operator.secret"), example("secret") + "\n").unwrap();
    std::fs::write(folder.join("source"), source).unwrap();
    // A `curl` that says what it was told.
    let stub = folder.join("bin/curl");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    std::fs::write(&stub, "#!/bin/sh\nfor told; do echo \"$told\"; done\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&stub, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        folder.join("bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let ran = Command::new(program)
        .arg("source")
        .current_dir(folder)
        .env("PATH", path)
        .env("TIMESTAMP", example("timestamp"))
        .env("NONCE", example("nonce"))
        .output();
    let Ok(ran) = ran else {
        eprintln!("not run: there is no {program}");
        return None;
    };
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success(),
        "{program}: {said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    Some(said)
}

/// Whether the output of a program has every header of the example.
fn has_example(said: &str) {
    for (name, value) in [
        ("X-Jisr-Timestamp", example("timestamp")),
        ("X-Jisr-Nonce", example("nonce")),
        ("X-Jisr-Signature", example("signature")),
    ] {
        let line = format!("{name}: {value}");
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

#[test]
fn the_shell_program_signs_the_example() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("not run: there is no openssl");
        return;
    }
    let folder = TempDir::new().unwrap();
    let Some(said) = run("bash", &blocks("bash").remove(0), folder.path()) else {
        return;
    };
    has_example(&said);
    let told: Vec<&str> = said.lines().collect();
    let body = told.iter().position(|told| *told == "--data-binary");
    assert_eq!(told[body.unwrap() + 1], example("body"));
    let url = told.last().unwrap();
    assert_eq!(
        *url,
        format!("https://gateway.example{}", example("target"))
    );
}

#[test]
fn the_python_program_signs_the_example() {
    let source = blocks("python").remove(0);
    // The module as it is, asked for the headers of the example in place of sending them.
    let (module, _) = source.split_once("\nif __name__").unwrap();
    let ask = format!(
        "{module}\nfor pair in signed({:?}, {:?}, {:?}, {:?}.encode(), {:?}, {:?}).items():\n    print(*pair, sep=': ')\n",
        example("secret"),
        example("method"),
        example("target"),
        example("body"),
        example("timestamp"),
        example("nonce"),
    );
    let folder = TempDir::new().unwrap();
    if let Some(said) = run("python3", &ask, folder.path()) {
        has_example(&said);
    }
    // The rest of it is Python too.
    let whole = format!(
        "import urllib.request\nclass Answer:\n    status = 200\n    read = lambda self: b'sent'\n    __enter__ = lambda self: self\n    __exit__ = lambda self, *_: None\ndef urlopen(request, timeout):\n    global sent\n    sent = request\n    return Answer()\nurllib.request.urlopen = urlopen\n{source}\nfor pair in sent.header_items():\n    print(*pair, sep=': ')\nprint(sent.full_url, sent.method, sent.data.decode())\n"
    );
    if let Some(said) = run("python3", &whole, folder.path()) {
        assert!(said.contains("200 sent"), "{said}");
        let sent = format!(
            "https://gateway.example{} POST {}",
            example("target"),
            example("body")
        );
        assert!(said.contains(&sent), "{said}");
        assert_eq!(said.matches("X-jisr-").count(), 3, "{said}");
    }
}

#[test]
fn every_configuration_of_the_page_starts() {
    let smpp = "\n[[link]]\nkind = \"smpp\"\nname = \"smsc\"\nhost = \"h\"\nport = 1\nsystem_id = \"s\"\nservices = [\"tns\"]\n";
    let blocks = blocks("toml");
    assert!(blocks.len() >= 10, "{}", blocks.len());
    for block in blocks {
        let file = format!("{block}{smpp}");
        if let Err(error) = Config::load(Some(("signing.md", &file)), &[]) {
            let told = match error {
                ConfigError::File(finding) => finding.message.clone(),
                other @ (ConfigError::Variable { .. } | ConfigError::Wrong { .. }) => {
                    other.to_string()
                }
            };
            panic!("{told}\n{block}");
        }
    }
}
