//! What bad input gets, at each door of the program: an answer that names the place and the mend,
//! never what was typed, and nothing half done.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Program, SOON, Setup, ask, config, exchange, rest, run};

/// Stands in whatever is refused, and is found nowhere afterwards.
const TYPED: &str = "ZZ99CANARY";

/// A program with a sandbox link and these settings of `[http]`.
async fn program(folder: &Path, http: &str) -> Program {
    std::fs::write(folder.join("jisr.toml"), format!("[http]\n{http}")).unwrap();
    Program::start(folder, &[]).await
}

fn request(line: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

const FORM: &str = "application/x-www-form-urlencoded";
const WHOLE: &str = "phoneNumber=%2B212661000001&serviceCode=*580%23&text=&sessionId=ATUid_1";

#[tokio::test]
async fn callbacks() {
    let folder = TempDir::new().unwrap();
    let program = program(folder.path(), "").await;
    let without = |field: &str| {
        let kept: Vec<&str> = WHOLE
            .split('&')
            .filter(|pair| !pair.starts_with(field))
            .collect();
        kept.join("&").into_bytes()
    };
    let with = |field: &str, value: &str| {
        [without(field), format!("&{field}={value}").into_bytes()].concat()
    };
    let large = |bytes: usize| {
        let mut body = format!("{WHOLE}&more={TYPED}").into_bytes();
        body.resize(bytes, b'x');
        body
    };
    let here = "POST /ussd/sandbox";
    for (name, line, kind, body, status, says) in [
        (
            "unknown link",
            "POST /ussd/nowhere",
            FORM,
            WHOLE.into(),
            401,
            "no such link",
        ),
        (
            "unknown path",
            "POST /usd",
            FORM,
            WHOLE.into(),
            404,
            "/ussd/LINK",
        ),
        (
            "unknown path below a link",
            "POST /ussd/sandbox/whatever",
            FORM,
            WHOLE.into(),
            404,
            "the shape has /events or none below the link",
        ),
        ("GET", "GET /ussd/sandbox", FORM, WHOLE.into(), 405, "POST"),
        ("PUT", "PUT /ussd/sandbox", FORM, WHOLE.into(), 405, "POST"),
        (
            "JSON",
            here,
            "application/json",
            b"{}".to_vec(),
            415,
            "x-www-form-urlencoded",
        ),
        (
            "no session",
            here,
            FORM,
            without("sessionId"),
            400,
            "sessionId",
        ),
        (
            "no number",
            here,
            FORM,
            without("phoneNumber"),
            400,
            "phoneNumber",
        ),
        (
            "no code",
            here,
            FORM,
            without("serviceCode"),
            400,
            "serviceCode",
        ),
        ("no text", here, FORM, without("text"), 400, "text"),
        ("no field", here, FORM, Vec::new(), 400, "sessionId"),
        (
            "bad number",
            here,
            FORM,
            with("phoneNumber", TYPED),
            400,
            "phoneNumber",
        ),
        (
            "empty session",
            here,
            FORM,
            with("sessionId", ""),
            400,
            "sessionId",
        ),
        (
            "long session",
            here,
            FORM,
            with("sessionId", &TYPED.repeat(13)),
            400,
            "sessionId",
        ),
        (
            "other code",
            here,
            FORM,
            with("serviceCode", TYPED),
            400,
            "serviceCode",
        ),
        (
            "long text",
            here,
            FORM,
            with("text", &TYPED.repeat(205)),
            400,
            "text",
        ),
        (
            "text twice",
            here,
            FORM,
            [WHOLE, "&text=", TYPED].concat().into(),
            400,
            "text",
        ),
        ("no UTF-8", here, FORM, vec![0xff, 0xfe], 400, "UTF-8"),
        ("16 KiB", here, FORM, large(16 * 1024), 200, "CON "),
        (
            "16 KiB and one",
            here,
            FORM,
            large(16 * 1024 + 1),
            413,
            "too large",
        ),
    ] {
        let answer = exchange(program.http, &request(line, kind, &body)).await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{name}: {answer}");
        assert!(answer.contains(says), "{name}: {answer}");
        assert!(!answer.contains(TYPED), "{name}: {answer}");
        if status != 200 {
            let problem = answer.contains("application/problem+json");
            assert!(problem, "{name}: {answer}");
        }
    }
    let many: String = (0..40).map(|at| format!("x-{at}: {TYPED}\r\n")).collect();
    let answer = exchange(
        program.http,
        format!("POST /ussd/sandbox HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let ledger = folder.path().join("jisr-data/jisr.db");
    let stored = "SELECT (SELECT count(*) FROM inbox_ussd) + (SELECT count(*) FROM conversations)";
    assert_eq!(ask(&ledger, stored).await, 2, "one reply, one conversation");
    for (from, to, status) in [(TYPED, "5800", 400), ("%2B212661000001", TYPED, 400)] {
        let body = format!("from={from}&to={to}&text={TYPED}");
        let answer = exchange(
            program.admin,
            &request("POST /sandbox/sms", FORM, body.as_bytes()),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(!answer.contains(TYPED), "{answer}");
    }
    assert!(!program.stderr.text().contains(TYPED));
    assert!(!program.stdout.text().contains(TYPED));
}

#[tokio::test]
async fn slow_requests_are_closed() {
    let folder = TempDir::new().unwrap();
    let limits = "header_ms = 300\nbody_ms = 300\nidle_ms = 600\n";
    let program = program(folder.path(), limits).await;
    let slow_body = "POST /ussd/sandbox HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\
                     content-type: application/x-www-form-urlencoded\r\n\r\nphone";
    for (begin, expected) in [
        ("POST /ussd/sandbox HT", ""),
        ("POST /ussd/sandbox HTTP/1.1\r\nhost: x\r\n", ""),
        (slow_body, "HTTP/1.1 408 "),
        // Nothing at all.
        ("", ""),
    ] {
        for address in [program.http, program.admin] {
            let answer = exchange(address, begin.as_bytes()).await;
            if address == program.http {
                assert!(answer.starts_with(expected), "{begin}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let folder = TempDir::new().unwrap();
    let program = program(folder.path(), "connections_max = 3\n").await;
    let request = format!(
        "POST /ussd/nowhere HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ncontent-length: 0\r\n\r\n"
    );
    let mut answer = [0; 1024];
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(program.http).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        open.push(stream);
    }
    let mut one_more = TcpStream::connect(program.http).await.unwrap();
    one_more.write_all(request.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), one_more.read(&mut answer)).await;
    assert!(early.is_err(), "it is answered beside the other three");
    drop(open.pop());
    let read = tokio::time::timeout(SOON, one_more.read(&mut answer)).await;
    assert!(read.expect("a place has become free").unwrap() > 0);
}

/// One PDU from the gateway: command, status, sequence.
async fn pdu(stream: &mut TcpStream) -> [u32; 3] {
    let read = async {
        let length = stream.read_u32().await.unwrap();
        let mut rest = vec![0; usize::try_from(length).unwrap() - 4];
        stream.read_exact(&mut rest).await.unwrap();
        [0, 4, 8].map(|at| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap()))
    };
    tokio::time::timeout(SOON, read).await.expect("no PDU")
}

fn made(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    let mut bytes: Vec<u8> = [length, command, status, sequence]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect();
    bytes.extend_from_slice(body);
    bytes
}

/// Takes the gateway's connection and its bind.
async fn take_bind(listener: &tokio::net::TcpListener) -> TcpStream {
    let accepted = tokio::time::timeout(SOON, listener.accept()).await;
    let (mut stream, _) = accepted.expect("nobody connects").unwrap();
    let [command, _, sequence] = pdu(&mut stream).await;
    assert_eq!(command, 0x9, "bind_transceiver");
    let answer = made(0x8000_0009, 0, sequence, b"centre\0");
    stream.write_all(&answer).await.unwrap();
    stream
}

#[tokio::test]
async fn pdus_that_nobody_knows() {
    const NACK: u32 = 0x8000_0000;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = TempDir::new().unwrap();
    let toml = config(&Setup::default(), listener.local_addr().unwrap());
    std::fs::write(folder.path().join("jisr.toml"), toml).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    let mut stream = take_bind(&listener).await;

    let body = TYPED.as_bytes();
    for (name, sent, command, status, sequence) in [
        (
            "unknown",
            made(0x199, 0, 0x0102_0304, body),
            NACK,
            Some(3),
            0x0102_0304,
        ),
        (
            "unknown, empty",
            made(0x7fff_fff0, 0, 77, b""),
            NACK,
            Some(3),
            77,
        ),
        // deliver_sm that ends in the middle of an address.
        (
            "cut",
            made(0x5, 0, 78, b"\0\x01\x0121266"),
            0x8000_0005,
            None,
            78,
        ),
        (
            "a bind from there",
            made(0x9, 0, 79, b"a\0b\0\0\x34\0\0\0"),
            0,
            None,
            79,
        ),
    ] {
        stream.write_all(&sent).await.unwrap();
        let got = pdu(&mut stream).await;
        assert_eq!(got[2], sequence, "{name}: {got:x?}");
        assert!(got[0] & NACK != 0 && got[1] != 0, "{name}: {got:x?}");
        if command != 0 {
            assert!(got[0] == command || got[0] == NACK, "{name}: {got:x?}");
        }
        if let Some(status) = status {
            assert_eq!(got[..2], [command, status], "{name}");
        }
        // The bind lives on.
        stream.write_all(&made(0x15, 0, 90, b"")).await.unwrap();
        assert_eq!(pdu(&mut stream).await, [0x8000_0015, 0, 90], "{name}");
    }
    // An unknown answer is passed over.
    stream
        .write_all(&made(0x8000_0199, 0, 91, body))
        .await
        .unwrap();
    stream.write_all(&made(0x15, 0, 92, b"")).await.unwrap();
    assert_eq!(pdu(&mut stream).await, [0x8000_0015, 0, 92]);

    // Where the next PDU begins is not known any more: closed, and bound anew.
    stream.write_all(&[0, 0, 0, 5, 0, 0, 0, 9]).await.unwrap();
    rest(&mut stream).await;
    let mut stream = take_bind(&listener).await;
    stream.write_all(&made(0x15, 0, 93, b"")).await.unwrap();
    assert_eq!(pdu(&mut stream).await, [0x8000_0015, 0, 93]);
    assert!(!program.stderr.text().contains(TYPED));
    assert_eq!(
        ask(
            &folder.path().join("data/jisr.db"),
            "SELECT count(*) FROM sms_seen"
        )
        .await,
        0
    );
}

/// The program refuses, with this exit code, and says all of it.
async fn refuses(
    folder: &Path,
    arguments: &[&str],
    env: &[(&str, &str)],
    code: i32,
    says: &[&str],
) {
    let ended = run(folder, arguments, env).await;
    let output = &ended.output;
    assert_eq!(ended.code, Some(code), "{arguments:?} {env:?}: {output}");
    for what in says {
        assert!(
            output.contains(what),
            "{arguments:?} {env:?} lacks {what}: {output}"
        );
    }
    assert!(!output.contains("panicked"), "{output}");
    assert!(!output.contains(TYPED), "{output}");
}

#[tokio::test]
async fn configurations() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("value.toml", "[http]\nlisten = 5\n");
    file("key.toml", "[http]\n\nlissten = \"127.0.0.1:0\"\n");
    file("syntax.toml", "[http]\nbody_bytes_max = 1\n[store\n");
    file(
        "smpp.toml",
        &config(&Setup::default(), ([127, 0, 0, 1], 1).into())
            .replace("password = \"secret\"", "password_file = \"lost\""),
    );
    file("wall", "no folder");
    let serve = ["serve"];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken
        .local_addr()
        .map(|at| (at.to_string(), taken))
        .unwrap();
    let free = [
        ("JISR_HTTP__LISTEN", "127.0.0.1:0"),
        ("JISR_ADMIN__LISTEN", "127.0.0.1:0"),
    ];
    for (arguments, env, code, says) in [
        (
            &["--config", "value.toml", "serve"][..],
            &[][..],
            1,
            &["value.toml:2:10", "╭", "socket address"][..],
        ),
        (
            &["--config", "key.toml", "check"],
            &[],
            1,
            &["key.toml:3:1", "lissten"],
        ),
        (
            &["--config", "syntax.toml", "serve"],
            &[],
            1,
            &["syntax.toml:3:"],
        ),
        (
            &["--config", "nowhere.toml", "serve"],
            &[],
            1,
            &["nowhere.toml"],
        ),
        (
            &["--config", "smpp.toml", "serve"],
            &free,
            1,
            &["smpp.toml:", "link.password_file: lost: No such file"],
        ),
        (
            &["--config", "smpp.toml", "check"],
            &free,
            1,
            &["smpp.toml:", "link.password_file: lost: No such file"],
        ),
        (
            &serve,
            &[("JISR_HTTP__LISTEN", "here")],
            1,
            &["JISR_HTTP__LISTEN"],
        ),
        (
            &serve,
            &[("JISR_HTTP__LISTEN", "0.0.0.0:0")],
            1,
            &["http.listen", "loopback", "help:"],
        ),
        (
            &serve,
            &[("JISR_HTTP__LISSTEN", "1")],
            1,
            &["JISR_HTTP__LISSTEN"],
        ),
        (
            &serve,
            &[("JISR_LOG__FILTER", "jisr=loudest")],
            1,
            &["log.filter"],
        ),
        (&serve, &[("JISR_REGISTRY__KIND", "http")], 1, &["help:"]),
        (
            &serve,
            &[("JISR_STORE__URL", "sqlite://wall/jisr.db")],
            1,
            &["wall"],
        ),
        (
            &serve,
            &[("JISR_STORE__URL", "mysql://x")],
            1,
            &["sqlite", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"],
        ),
        (
            &serve,
            &[("JISR_STORE__URL", "postgres://u:sesame@127.0.0.1:1/x")],
            1,
            &["postgres://127.0.0.1:1/x", "store.url", "PostgreSQL"],
        ),
        (
            &serve,
            &[("JISR_HTTP__LISTEN", &taken.0), free[1]],
            1,
            &["http.listen", &taken.0, "help:"],
        ),
        (
            &serve,
            &[free[0], ("JISR_ADMIN__LISTEN", &taken.0)],
            1,
            &["admin.listen", &taken.0],
        ),
        (&["serve", "--nonsense"], &[], 2, &["--nonsense", "Usage"]),
        (&[], &[], 2, &["Usage"]),
        (&["talk", "--phone", TYPED], &[], 2, &["--phone"]),
        (&["graph", "wall"], &[], 1, &["wall:1"]),
    ] {
        refuses(folder.path(), arguments, env, code, says).await;
    }
}

#[tokio::test]
async fn ledgers_and_keys() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for folder in [&one, &other] {
        program(folder.path(), "").await.kill().await;
    }
    let data = one.path().join("jisr-data");
    let (keys, ledger) = (data.join("jisr.keys"), data.join("jisr.db"));
    let own = std::fs::read(&keys).unwrap();
    let free = [
        ("JISR_HTTP__LISTEN", "127.0.0.1:0"),
        ("JISR_ADMIN__LISTEN", "127.0.0.1:0"),
    ];
    let serve = ["serve"];

    std::fs::copy(other.path().join("jisr-data/jisr.keys"), &keys).unwrap();
    refuses(one.path(), &serve, &free, 1, &["key"]).await;
    std::fs::remove_file(&keys).unwrap();
    refuses(
        one.path(),
        &serve,
        &free,
        1,
        &["jisr.keys", "missing", "help:"],
    )
    .await;
    assert!(!keys.exists(), "no new keys for an old ledger");
    std::fs::write(&keys, TYPED).unwrap();
    refuses(one.path(), &serve, &free, 1, &["jisr.keys"]).await;

    std::fs::write(&keys, own).unwrap();
    program(one.path(), "").await.kill().await;
    for rest in ["jisr.db-wal", "jisr.db-shm"] {
        // They may have gone with the last connection.
        let _ = std::fs::remove_file(data.join(rest));
    }
    std::fs::write(&ledger, TYPED.repeat(1000)).unwrap();
    refuses(one.path(), &serve, &free, 1, &["jisr.db"]).await;
}

#[tokio::test]
async fn imports_are_all_or_nothing() {
    let folder = TempDir::new().unwrap();
    let people = folder.path().join("people.csv");
    let good = "id_type,id_number,expiry,birth,standing,registration,account,reason,reason_text,phone,name,address,email\n\
                cnie,BE740215,14/06/2031,05/03/1984,registered,104882317,yes,,,+212661000001,EXEMPLE Amina,,\n";
    std::fs::write(&people, good).unwrap();
    let ended = run(folder.path(), &["import", "people", "people.csv"], &[]).await;
    assert_eq!(
        (ended.code, ended.output.trim()),
        (Some(0), "1 people imported")
    );
    let sandbox = folder.path().join("jisr-data/sandbox.db");
    let before = ask(&sandbox, "SELECT sum(length(kept)) FROM people").await;

    let broken = format!(
        "{good}cnie,JC51834,02/09/2029,17/11/1990,registered,118206455,no,,,+212661000002,{TYPED},,\n\
         cnie,{TYPED},31/02/2029,17/11/1990,registered,118206456,no,,,+212661000003,{TYPED},,\n\
         cnie,D3345,20/01/2028,01/07/1961,{TYPED},,no,,,{TYPED},{TYPED},,\n"
    );
    std::fs::write(&people, broken).unwrap();
    let says = [
        "people.csv:4: id_number",
        "people.csv:4: expiry",
        "people.csv:5: standing",
        "people.csv:5: phone",
    ];
    refuses(
        folder.path(),
        &["import", "people", "people.csv"],
        &[],
        1,
        &says,
    )
    .await;
    assert_eq!(ask(&sandbox, "SELECT count(*) FROM people").await, 1);
    assert_eq!(
        ask(&sandbox, "SELECT sum(length(kept)) FROM people").await,
        before
    );

    std::fs::write(folder.path().join("c.yaml"), "version: [\n").unwrap();
    std::fs::write(folder.path().join("p.csv"), format!("kind,x\n{TYPED},1\n")).unwrap();
    for (what, file, says) in [
        ("people", "lost.csv", "lost.csv"),
        ("categories", "c.yaml", "c.yaml:"),
        ("points", "p.csv", "p.csv:1"),
    ] {
        refuses(folder.path(), &["import", what, file], &[], 1, &[says]).await;
    }
    assert!(!folder.path().join("jisr-data/catalogue").exists());
}

#[tokio::test]
async fn dialogs_and_texts() {
    let folder = TempDir::new().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dialog = std::fs::read_to_string(root.join("dialogs/tns.yaml")).unwrap();
    // A dialog's file is called like the dialog.
    let write = |name: &str, text: &str| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("tns.yaml"), text).unwrap();
    };
    write("target", &dialog.replacen("to: home }", "to: nowhere }", 1));
    write(
        "text",
        &dialog.replacen("text: consent\n", "text: consent-lost\n", 1),
    );
    write("syntax", &dialog.replacen("pages:\n", "pages: [\n", 1));
    for (file, says) in [
        (
            "target/tns.yaml",
            &["target/tns.yaml:", "nowhere", "╭", "·", "─"][..],
        ),
        ("text/tns.yaml", &["text/tns.yaml:", "consent-lost", "·"]),
        ("syntax/tns.yaml", &["syntax/tns.yaml:", "╭"]),
        ("lost.yaml", &["lost.yaml: cannot be read"]),
    ] {
        refuses(folder.path(), &["check", file], &[], 1, says).await;
    }

    let texts = folder.path().join("texts");
    for language in ["ar", "ary-Latn", "en", "fr"] {
        std::fs::create_dir_all(texts.join(language)).unwrap();
        for name in ["system.ftl", "tns.ftl"] {
            let place = Path::new(language).join(name);
            std::fs::copy(root.join("locales").join(&place), texts.join(&place)).unwrap();
        }
    }
    let check = ["check", "--locales", "texts"];
    assert_eq!(run(folder.path(), &check, &[]).await.code, Some(0));
    let french = texts.join("fr/tns.ftl");
    let whole = std::fs::read_to_string(&french).unwrap();
    std::fs::write(&french, format!("broken = {{ $x\n{whole}")).unwrap();
    refuses(
        folder.path(),
        &check,
        &[],
        1,
        &["texts/fr/tns.ftl:2:1", "broken = ", "·", "help:"],
    )
    .await;
    std::fs::write(&french, whole.replacen("{ $", "{ $un", 1)).unwrap();
    refuses(folder.path(), &check, &[], 1, &["texts/fr/tns.ftl:", "·"]).await;
    refuses(
        folder.path(),
        &["check", "--locales", "lost"],
        &[],
        1,
        &["lost"],
    )
    .await;
}
