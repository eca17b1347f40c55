//! TLS with certificates made on the spot: with the right one, without one, with a stranger's.

use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    Authority { issuer, pem }
}

impl Authority {
    /// A certificate and its key as PEM.
    fn signs(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// Binds over TLS; the status of the answer, or nothing where the connection ends before it.
async fn bound(
    smsc: &Smsc,
    trusts: &Authority,
    shows: Option<&(String, String)>,
) -> Option<CommandStatus> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusts.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shows {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let tcp = TcpStream::connect(smsc.address()).await.unwrap();
    let name = ServerName::try_from("smsc.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect(name, tcp).await.ok()?;
    let request = encode(CommandStatus::EsmeRok, 1, bind("jisr", "secret"));
    tls.write_all(&request).await.ok()?;
    let mut header = [0; 16];
    let read = tokio::time::timeout(SOON, tls.read_exact(&mut header));
    read.await.unwrap().ok()?;
    let status = header[8..12].first_chunk::<4>().unwrap();
    Some(CommandStatus::from(u32::from_be_bytes(*status)))
}

async fn over_tls(chain: &(String, String), clients: Option<&Authority>) -> io::Result<Smsc> {
    let login = Login {
        system_id: "jisr".into(),
        password: "secret".into(),
    };
    let listen = Listen {
        tls: Some(Certificates {
            chain: chain.0.clone().into_bytes(),
            key: chain.1.clone().into_bytes(),
            clients: clients.map(|authority| authority.pem.clone().into_bytes()),
        }),
        ..Listen::default()
    };
    Smsc::with(Phones::default(), login, listen, Settings::default()).await
}

#[tokio::test]
async fn who_gets_in() {
    let (ours, theirs) = (authority(), authority());
    let smsc = over_tls(&ours.signs("smsc.example"), Some(&ours))
        .await
        .unwrap();
    let good = Some(CommandStatus::EsmeRok);
    let shows = ours.signs("jisr.example");
    assert_eq!(bound(&smsc, &ours, Some(&shows)).await, good);
    assert_eq!(
        bound(&smsc, &ours, None).await,
        None,
        "without a certificate"
    );
    let stranger = theirs.signs("jisr.example");
    assert_eq!(
        bound(&smsc, &ours, Some(&stranger)).await,
        None,
        "a stranger's"
    );
    assert_eq!(
        bound(&smsc, &theirs, Some(&shows)).await,
        None,
        "it is not trusted"
    );

    let open = over_tls(&ours.signs("smsc.example"), None).await.unwrap();
    assert_eq!(bound(&open, &ours, None).await, good, "none is asked for");
}

#[tokio::test]
async fn what_is_no_certificate_does_not_start() {
    let ours = authority();
    let (certificate, key) = ours.signs("smsc.example");
    let other = ours.signs("smsc.example").1;
    for (certificate, key) in [
        ("", key.as_str()),
        (&certificate, ""),
        (&certificate, &other),
    ] {
        let pair = (certificate.to_owned(), key.to_owned());
        assert!(over_tls(&pair, None).await.is_err());
    }
}
