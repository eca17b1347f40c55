//! The document of a running gateway: what is configured stands in it, and what the administration
//! listener does is what it says.

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, exchange};

const CONFIG: &str = r#"
[store]
url = "sqlite://jisr.db"

[[service]]
name = "tns"
dialog = "tns"
ussd = ["*580#"]
sms = ["5800"]
keywords = ["TNS"]
sms_link = "ours"

[[link]]
kind = "sandbox"
name = "ours"
shape = "generic"
services = ["tns"]

[[link]]
kind = "sms-http"
name = "texts"
shape = "generic-sms"
services = ["tns"]
url = "http://127.0.0.1:9"

[[link.auth]]
kind = "path"
secret = "a-secret-of-the-path-of-this-test"

[[link.auth]]
kind = "bearer"
secret = "a-secret-token-of-this-test"
"#;

#[tokio::test]
async fn the_document_is_of_this_gateway() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jisr.toml"), CONFIG).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    let answer = program.shows("/docs/openapi.json").await;
    assert!(
        !answer.contains("-of-this-test"),
        "a secret is in the document"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document: Value = serde_json::from_str(body).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/ussd/ours",
        "/sms/texts/{secret}",
        "/sms/texts/{secret}/receipts",
    ] {
        let item = paths.get(path).unwrap_or_else(|| panic!("{path}"));
        let server = item["servers"][0]["url"].as_str().unwrap();
        assert_eq!(server, format!("http://{}", program.http), "{path}");
    }
    let guarded = &paths["/sms/texts/{secret}"]["post"];
    assert_eq!(
        guarded["security"],
        serde_json::json!([{ "texts-bearer": [] }])
    );
    assert!(guarded["responses"].get("401").is_some());

    // Each path has what it says, and refuses other methods as it says.
    for (path, item) in paths {
        if path.starts_with("/ussd") || path.starts_with("/sms") {
            continue;
        }
        let path = path.replace("{number}", "+212661000001");
        let request = format!("DELETE {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let refused = exchange(program.admin, request.as_bytes()).await;
        let head = refused.to_ascii_lowercase();
        for expected in [
            "http/1.1 405",
            "allow: ",
            "content-type: application/problem+json",
        ] {
            assert!(head.contains(expected), "{path}: {refused}");
        }
        if item.get("get").is_some() {
            let answer = program.shows(&path).await;
            let status = answer.split(' ').nth(1).unwrap();
            let known = &item["get"]["responses"];
            assert!(known.get(status).is_some(), "{path}: {status}");
        }
    }
    let page = program.shows("/docs/").await;
    assert!(page.contains("swagger-ui-bundle.js"), "{page}");
    assert!(
        page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    assert!(
        program
            .shows("/docs/nothing")
            .await
            .starts_with("HTTP/1.1 404")
    );
}
