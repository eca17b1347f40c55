//! Operators who are known by the certificate of their connection: the gateway with a door of TLS
//! that asks for one, and whoever calls.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use simulator::conformance::client::{Client, Identity, Tls, Wire};
use simulator::conformance::report::Outcome;
use simulator::conformance::{self, Plan};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::conformance::{proofs, sms_link};
use crate::program::{Program, SOON};

const OPERATOR: &str = "operator.test";
/// Of the same authority, and no operator.
const NEIGHBOUR: &str = "neighbour.test";

/// A gateway whose links know their operator by name, by certificate, and by both a name and a
/// signature.
struct Door {
    folder: TempDir,
    authority: Authority,
    program: Program,
}

impl Door {
    async fn open() -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let (certificate, key) = authority.signs("127.0.0.1");
        let (own, _) = authority.signs(OPERATOR);
        authority.signs(NEIGHBOUR);
        let der = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
        let print: String = Sha256::digest(&der)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        let named = format!("kind = \"certificate\"\nnames = [\"other.test\", \"{OPERATOR}\"]\n");
        let mut config = String::from(
            "[http.tls]\ncert_file = \"door.pem\"\nkey_file = \"door.key\"\nclient_ca_file = \"ca.pem\"\n",
        );
        config.push_str(&sms_link());
        for (name, rules) in [
            ("named", vec![named.clone()]),
            (
                "printed",
                vec![format!("kind = \"certificate\"\nsha256 = [\"{print}\"]\n")],
            ),
            ("both", vec![named, crate::conformance::hmac_rule()]),
        ] {
            config.push_str(&format!(
                "[[link]]\nkind = \"ussd-http\"\nname = \"{name}\"\nshape = \"generic\"\nservices = [\"tns\"]\n"
            ));
            for rule in rules {
                config.push_str(&format!("[[link.auth]]\n{rule}"));
            }
        }
        for (file, text) in [
            ("jisr.toml", config),
            ("door.pem", certificate),
            ("door.key", key),
            ("ca.pem", authority.issuer.pem()),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let program = Program::start(folder.path(), &[]).await;
        Self {
            folder,
            authority,
            program,
        }
    }

    fn origin(&self) -> String {
        format!("https://{}", self.program.http)
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Somebody with this certificate, or none, dials on a link and presses a key: the statuses, or
    /// why there is none.
    async fn talks(
        &self,
        link: &str,
        shown: Option<(&Authority, &str)>,
    ) -> Result<Vec<u16>, String> {
        let files = shown.map(|(authority, name)| files(authority, name));
        let ca = self.ca();
        let tls = Tls {
            authorities: Some(&ca),
            identity: files.as_ref().map(identity),
            stranger: None,
        };
        let client = Client::new(self.origin(), SOON, tls).unwrap();
        let mut statuses = Vec::new();
        for (event, input) in [("new", ""), ("continue", "4")] {
            let wire = Wire {
                method: "POST".to_owned(),
                target: format!("/ussd/{link}"),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: format!(
                    r#"{{"session":"s-1","msisdn":"+212661000001","code":"*580#","event":"{event}","input":"{input}"}}"#
                )
                .into_bytes(),
            };
            statuses.push(client.send(&wire).await?.status);
        }
        Ok(statuses)
    }
}

fn files(authority: &Authority, name: &str) -> (PathBuf, PathBuf) {
    let file = |kind: &str| authority.folder.path().join(format!("{name}.{kind}"));
    (file("pem"), file("key"))
}

fn identity((certificate, key): &(PathBuf, PathBuf)) -> Identity<'_> {
    let (certificate, key): (&Path, &Path) = (certificate, key);
    Identity { certificate, key }
}

#[tokio::test]
async fn only_the_operators_certificate_opens_a_link() {
    let door = Door::open().await;
    let foreign = Authority::new();
    foreign.signs(OPERATOR);
    for link in ["named", "printed"] {
        let own = Some((&door.authority, OPERATOR));
        assert_eq!(door.talks(link, own).await, Ok(vec![200, 200]), "{link}");
        let neighbour = Some((&door.authority, NEIGHBOUR));
        assert_eq!(
            door.talks(link, neighbour).await,
            Ok(vec![401, 401]),
            "{link}"
        );
        assert_eq!(door.talks(link, None).await, Ok(vec![401, 401]), "{link}");
        // The name is right, but whoever signed it is nobody whom the door knows.
        let refused = door.talks(link, Some((&foreign, OPERATOR))).await;
        let why = refused.expect_err("another authority");
        assert!(why.contains("no answer"), "{link}: {why}");
    }
    // The signature is missing.
    let own = Some((&door.authority, OPERATOR));
    assert_eq!(door.talks("both", own).await, Ok(vec![401, 401]));
    let figures = door.program.shows("/metrics").await;
    let refused = "jisr_tls_handshakes_total{outcome=\"refused\"} 2";
    assert!(figures.contains(refused), "{figures}");
}

#[tokio::test]
async fn the_operator_of_the_simulator_shows_its_certificate() {
    let door = Door::open().await;
    let (ca, own) = (door.ca(), files(&door.authority, OPERATOR));
    let neighbour = files(&door.authority, NEIGHBOUR);
    for (link, proofs) in [
        ("named", "none".parse().unwrap()),
        ("printed", "none".parse().unwrap()),
        ("both", proofs()),
    ] {
        let target = format!("{}/ussd/{link}", door.origin());
        let plan = Plan {
            tls: Tls {
                authorities: Some(&ca),
                identity: Some(identity(&own)),
                stranger: Some(identity(&neighbour)),
            },
            ..Plan::new("generic", &target, proofs)
        };
        let report = conformance::run(&plan).await.unwrap();
        assert!(report.is_clean(), "{link}\n{report}");
        for name in ["auth.unsigned", "auth.wrong", "auth.nothing-learned"] {
            let line = report.lines.iter().find(|line| line.name == name).unwrap();
            assert_eq!(line.outcome, Outcome::Pass, "{link} {name}: {}", line.why);
        }
    }
    // A link that takes any certificate of the authority is found out.
    let target = format!("{}/ussd/named", door.origin());
    let plan = Plan {
        tls: Tls {
            authorities: Some(&ca),
            identity: Some(identity(&neighbour)),
            stranger: Some(identity(&own)),
        },
        ..Plan::new("generic", &target, "none".parse().unwrap())
    };
    let report = conformance::run(&plan).await.unwrap();
    assert!(report.failed().contains(&"auth.wrong"), "{report}");
}
