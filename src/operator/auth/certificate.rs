//! The client's certificate, whose chain the door has verified: whose it is.

use rustls_pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use super::encoding::unhex;
use super::{Evidence, Why};

/// Whose certificate it has to be.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// One with one of these names (DNS names of the subject's alternative names).
    Names(Vec<ServerName<'static>>),
    /// One of these, by the SHA-256 of its DER.
    Fingerprints(Vec<[u8; 32]>),
}

impl Certificate {
    /// One with one of these DNS names.
    ///
    /// # Errors
    /// The place of the first that is none.
    pub fn names(names: &[String]) -> Result<Self, usize> {
        names
            .iter()
            .enumerate()
            .map(|(at, name)| match ServerName::try_from(name.clone()) {
                Ok(name @ ServerName::DnsName(_)) => Ok(name),
                Ok(_) | Err(_) => Err(at),
            })
            .collect::<Result<_, _>>()
            .map(Self::Names)
    }

    /// One of these, by the SHA-256 of its DER in hexadecimal, with or without colons.
    ///
    /// # Errors
    /// The place of the first that is none.
    pub fn fingerprints(prints: &[String]) -> Result<Self, usize> {
        prints
            .iter()
            .enumerate()
            .map(|(at, print)| {
                unhex(&print.replace(':', ""), 32)
                    .and_then(|bytes| bytes.try_into().ok())
                    .ok_or(at)
            })
            .collect::<Result<_, _>>()
            .map(Self::Fingerprints)
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        let der = evidence.certificate.ok_or(Why::NoCertificate)?;
        let is_one = match self {
            Self::Names(names) => {
                let der = CertificateDer::from(der);
                EndEntityCert::try_from(&der).is_ok_and(|certificate| {
                    names
                        .iter()
                        .any(|name| certificate.verify_is_valid_for_subject_name(name).is_ok())
                })
            }
            Self::Fingerprints(prints) => {
                let print: [u8; 32] = Sha256::digest(der).into();
                prints.contains(&print)
            }
        };
        if is_one {
            Ok(())
        } else {
            Err(Why::BadCertificate)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::encoding::hex;
    use super::super::tests::Request;
    use super::*;

    /// A certificate of its own with these names.
    fn certificate(names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        made.cert.der().to_vec()
    }

    fn check(rule: &Certificate, der: Option<&[u8]>) -> Result<(), Why> {
        let mut request = Request::new("GET", "/x", b"");
        request.certificate = der.map(<[u8]>::to_vec);
        rule.check(&request.evidence())
    }

    #[test]
    fn by_name() {
        let names = ["operator.example", "other.example"].map(str::to_owned);
        let rule = Certificate::names(&names).unwrap();
        let bad = Err(Why::BadCertificate);
        for (name, names, expected) in [
            ("right", &["operator.example"][..], Ok(())),
            ("the second", &["other.example"], Ok(())),
            ("one of several", &["x.example", "operator.example"], Ok(())),
            ("other case", &["OPERATOR.example"], Ok(())),
            ("another", &["operator.example.org"], bad),
            ("below", &["sms.operator.example"], bad),
            ("an address", &["127.0.0.1"], bad),
        ] {
            assert_eq!(check(&rule, Some(&certificate(names))), expected, "{name}");
        }
        assert_eq!(check(&rule, None), Err(Why::NoCertificate));
        assert_eq!(check(&rule, Some(b"")), bad);
        assert_eq!(check(&rule, Some(&[0x30; 100_000])), bad);
    }

    #[test]
    fn by_fingerprint() {
        let der = certificate(&["operator.example"]);
        let print = hex(&Sha256::digest(&der));
        let colons: Vec<&str> = print
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap())
            .collect();
        for text in [print.clone(), print.to_uppercase(), colons.join(":")] {
            let rule = Certificate::fingerprints(&["00".repeat(32), text]).unwrap();
            assert_eq!(check(&rule, Some(&der)), Ok(()));
            let other = certificate(&["operator.example"]);
            assert_eq!(check(&rule, Some(&other)), Err(Why::BadCertificate));
            assert_eq!(check(&rule, None), Err(Why::NoCertificate));
        }
    }

    #[test]
    fn what_is_no_name_and_no_fingerprint() {
        let names = |name: &str| Certificate::names(&["a.example".to_owned(), name.to_owned()]);
        for odd in ["127.0.0.1", "a b", "", "é.example", "::1"] {
            assert_eq!(names(odd).err(), Some(1), "{odd}");
        }
        for odd in ["", "00", &"0".repeat(63), &"g".repeat(64)] {
            let found = Certificate::fingerprints(&[odd.to_owned()]);
            assert_eq!(found.err(), Some(0), "{odd}");
        }
    }
}
