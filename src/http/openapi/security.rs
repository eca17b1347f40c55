//! How the rules of a link's `[[link.auth]]` stand in the document. No secret comes near it.

use serde_json::{Value, json};

use crate::config::auth::AuthConfig;
use crate::http::openapi::SecurityDoc;

/// The schemes of a link. The secret of a path is a parameter, and addresses are of the network:
/// OpenAPI has no scheme for either, and [`said`] says them in words.
pub fn schemes(link: &str, auth: &[AuthConfig]) -> Vec<SecurityDoc> {
    let scheme = |kind: &str, scheme: Value| SecurityDoc {
        name: format!("{link}-{kind}"),
        scheme,
    };
    let header = |name: &str, note: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": note });
    let query = |name: &str, note: &str| json!({ "type": "apiKey", "in": "query", "name": name, "description": note });
    auth.iter()
        .flat_map(|rule| match rule {
            AuthConfig::Hmac(_) => vec![
                scheme(
                    "hmac",
                    header(
                        "X-Jisr-Signature",
                        "`v1=` and HMAC-SHA256 in hexadecimal over method, target, timestamp, nonce and the \
                         SHA-256 of the body, a line each.",
                    ),
                ),
                scheme("hmac-timestamp", header("X-Jisr-Timestamp", "Unix seconds.")),
                scheme("hmac-nonce", header("X-Jisr-Nonce", "1 to 64 visible ASCII characters, once.")),
            ],
            AuthConfig::Twilio(_) => vec![scheme(
                "twilio",
                header("X-Twilio-Signature", "As Twilio signs."),
            )],
            AuthConfig::Vonage(_) => vec![scheme(
                "vonage",
                query("sig", "As Vonage signs, with `timestamp`; in the body where the parameters are there."),
            )],
            AuthConfig::Basic(_) => vec![scheme("basic", json!({ "type": "http", "scheme": "basic" }))],
            AuthConfig::Bearer(_) => {
                vec![scheme("bearer", json!({ "type": "http", "scheme": "bearer" }))]
            }
            AuthConfig::Key(key) => {
                let mut both = Vec::new();
                if let Some(name) = &key.header {
                    both.push(scheme("key", header(name, "The key.")));
                }
                if let Some(name) = &key.query {
                    both.push(scheme("key", query(name, "The key.")));
                }
                if let Some(name) = &key.user_query {
                    both.push(scheme("user", query(name, "The user of the key.")));
                }
                both
            }
            AuthConfig::Certificate(_) => vec![scheme(
                "certificate",
                json!({ "type": "mutualTLS", "description": "A client certificate that the link knows." }),
            )],
            AuthConfig::Path(_) | AuthConfig::Addresses(_) => Vec::new(),
        })
        .collect()
}

/// Whether a segment of the path is a secret.
pub fn in_path(auth: &[AuthConfig]) -> bool {
    auth.iter().any(|rule| matches!(rule, AuthConfig::Path(_)))
}

/// Whether a request is taken once only.
pub fn once(auth: &[AuthConfig]) -> bool {
    auth.iter().any(|rule| match rule {
        AuthConfig::Hmac(_) => true,
        AuthConfig::Vonage(vonage) => vonage.once,
        AuthConfig::Twilio(_)
        | AuthConfig::Basic(_)
        | AuthConfig::Bearer(_)
        | AuthConfig::Key(_)
        | AuthConfig::Path(_)
        | AuthConfig::Addresses(_)
        | AuthConfig::Certificate(_) => false,
    })
}

/// What has no scheme, in words; empty where there is nothing to say.
pub fn said(auth: &[AuthConfig]) -> String {
    let mut words = Vec::new();
    if auth.is_empty() {
        words.push("Anybody on this machine may call: it is a sandbox.");
    }
    if in_path(auth) {
        words.push("The path has a secret behind the link's name.");
    }
    if auth
        .iter()
        .any(|rule| matches!(rule, AuthConfig::Addresses(_)))
    {
        words.push("Only listed addresses may call.");
    }
    words.join(" ")
}
