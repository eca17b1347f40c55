//! Links to the message centre of the simulator: TLS, and how they are shown.

use std::path::Path;

use jisr::smpp::config::{SmppConfig, TlsConfig};
use jisr::smpp::link::LinkHandle;
use jisr::smpp::status::{BindState, LinkStatus};
use simulator::phone::Phones;
use simulator::smsc::{Certificates, Listen, Login, Settings, Smsc};

use crate::authority::Authority;
use crate::nobody;
use crate::program::{Program, Setup, Site, run, until};

/// A message centre with a certificate for `smsc.test`, which may ask for ours.
async fn centre(authority: &Authority, asks: bool) -> Smsc {
    let (chain, key) = authority.signs("smsc.test");
    let listen = Listen {
        tls: Some(Certificates {
            chain: chain.into_bytes(),
            key: key.into_bytes(),
            clients: asks.then(|| authority.issuer.pem().into_bytes()),
        }),
        ..Listen::default()
    };
    let login = Login {
        system_id: "jisr".to_owned(),
        password: "secret".to_owned(),
    };
    Smsc::with(Phones::new(None), login, listen, Settings::default())
        .await
        .unwrap()
}

fn link(smsc: &Smsc, tls: TlsConfig) -> LinkHandle {
    nobody::link(SmppConfig {
        port: smsc.address().port(),
        system_id: "jisr".to_owned(),
        password: "secret".to_owned(),
        tls: Some(tls),
        ..SmppConfig::default()
    })
    .unwrap()
}

async fn bound(link: &LinkHandle) {
    until("a bind over TLS", async || link.status().up() == 1).await;
}

async fn fails(link: &LinkHandle) -> String {
    let error = || link.status().binds[0].last_error.clone();
    until("an attempt that failed", async || error().is_some()).await;
    error().unwrap().cause
}

#[tokio::test]
async fn links_over_tls_prove_both_sides() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.signs("jisr.test");
    let ours = TlsConfig {
        ca_file: authority.file("ca.pem"),
        server_name: Some("smsc.test".to_owned()),
        ..TlsConfig::default()
    };
    let open = centre(&authority, false).await;
    bound(&link(&open, ours.clone())).await;

    // Another authority, another name, no certificate where one is wanted.
    stranger.signs("x");
    let unknown = TlsConfig {
        ca_file: stranger.file("ca.pem"),
        ..ours.clone()
    };
    let cause = fails(&link(&open, unknown)).await;
    assert!(cause.contains("invalid peer certificate"), "{cause}");
    let misnamed = TlsConfig {
        server_name: Some("other.test".to_owned()),
        ..ours.clone()
    };
    let cause = fails(&link(&open, misnamed)).await;
    assert!(cause.contains("not valid for name"), "{cause}");
    let strict = centre(&authority, true).await;
    let cause = fails(&link(&strict, ours.clone())).await;
    assert!(!cause.is_empty());
    let shown = TlsConfig {
        cert_file: authority.file("jisr.test.pem"),
        key_file: authority.file("jisr.test.key"),
        ..ours
    };
    bound(&link(&strict, shown)).await;
}

#[tokio::test]
async fn certificates_are_checked_before_the_start() {
    let authority = Authority::new();
    authority.signs("jisr.test");
    authority.signs("other.test");
    for (tls, key) in [
        (
            TlsConfig {
                ca_file: authority.file("nowhere.pem"),
                ..TlsConfig::default()
            },
            "tls.ca_file",
        ),
        (
            TlsConfig {
                cert_file: authority.file("jisr.test.pem"),
                key_file: authority.file("other.test.key"),
                ..TlsConfig::default()
            },
            "tls.key_file",
        ),
        (
            TlsConfig {
                server_name: Some("not a name".to_owned()),
                ..TlsConfig::default()
            },
            "tls.server_name",
        ),
    ] {
        let config = SmppConfig {
            tls: Some(tls),
            ..SmppConfig::default()
        };
        let Err(fault) = nobody::link(config) else {
            panic!("{key} was taken")
        };
        assert_eq!(fault.key, key, "{}", fault.message);
    }
}

#[tokio::test]
async fn links_of_the_running_gateway_are_shown() {
    let site = Site::new(Setup::default()).await;
    let admin = site.program.admin.to_string();
    let env = [("JISR_ADMIN__LISTEN", admin.as_str())];
    let folder = site.folder.path();
    let shown = run(folder, &["links"], &env).await;
    assert_eq!(shown.code, Some(0), "{}", shown.output);
    for word in ["smsc", "127.0.0.1:", "transceiver 1", "bound", "no limit"] {
        assert!(shown.output.contains(word), "{word}\n{}", shown.output);
    }
    let json = run(folder, &["links", "--json"], &env).await;
    let links: Vec<LinkStatus> = serde_json::from_str(&json.output).unwrap();
    assert_eq!(links[0].binds[0].state, BindState::Bound);
    let figures = site.program.shows("/metrics").await;
    for line in [
        "jisr_smpp_binds{link=\"smsc\",state=\"bound\"} 1",
        "jisr_smpp_window{link=\"smsc\"} 10",
        "jisr_smpp_events_total{link=\"smsc\",event=\"bound\"} 1",
    ] {
        assert!(figures.contains(line), "{line}\n{figures}");
    }
    // Nobody there.
    let ended = run(folder, &["links"], &[("JISR_ADMIN__LISTEN", "127.0.0.1:1")]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("no gateway answers on 127.0.0.1:1"));
}

/// A shape under another ending would be missed in silence.
#[tokio::test]
async fn what_is_not_read_of_the_folder_of_shapes_is_told() {
    let folder = tempfile::TempDir::new().unwrap();
    let shapes = folder.path().join("shapes");
    std::fs::create_dir(&shapes).unwrap();
    let generic = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operator/shapes/generic.yaml");
    for file in ["a.yaml", "b.yml", "c", ".d.yml", "README.md"] {
        std::fs::copy(&generic, shapes.join(file)).unwrap();
    }
    std::fs::create_dir(shapes.join("old")).unwrap();
    let checked = run(folder.path(), &["check", "--json"], &[]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    let told: Vec<serde_json::Value> = checked
        .output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|one: &serde_json::Value| one["code"] == "O006")
        .collect();
    let mends: Vec<&str> = told
        .iter()
        .map(|one| one["mend"].as_str().unwrap())
        .collect();
    assert_eq!(
        mends,
        [
            "rename it to b.yaml if it is a shape, or take it away",
            "rename it to c.yaml if it is a shape, or take it away",
            "put its files into the folder of shapes itself, or take it away",
        ]
    );
    assert!(told.iter().all(|one| one["level"] == "warning"), "{told:?}");

    let program = Program::start(folder.path(), &[]).await;
    program
        .stderr
        .says("a file in the folder of shapes is not read", 3)
        .await;
}
