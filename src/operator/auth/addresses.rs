//! A list of addresses. It says where a request comes from, not who sends it: an aggregator's other
//! customers come from there too, so it is best beside another rule.

use ipnet::IpNet;

use super::{Evidence, Why};

/// A list of addresses and networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    allow: Vec<IpNet>,
}

impl Addresses {
    /// Whoever calls from one of these.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        // An IPv4 caller on a socket of both kinds is seen as ::ffff:a.b.c.d.
        let from = evidence.from.map(|from| from.to_canonical());
        if from.is_some_and(|from| self.allow.iter().any(|net| net.contains(&from))) {
            Ok(())
        } else {
            Err(Why::BadAddress)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::Request;
    use super::*;

    #[test]
    fn who_is_on_the_list() {
        let allow = ["18.133.205.228/32", "10.0.0.0/8", "2001:db8::/32"];
        let rule = Addresses::new(allow.iter().map(|net| net.parse().unwrap()).collect());
        for (from, passes) in [
            (Some("18.133.205.228"), true),
            (Some("18.133.205.229"), false),
            (Some("10.255.0.1"), true),
            (Some("11.0.0.1"), false),
            (Some("::ffff:10.1.2.3"), true),
            (Some("::ffff:11.1.2.3"), false),
            (Some("2001:db8:1::1"), true),
            (Some("2001:db9::1"), false),
            (Some("127.0.0.1"), false),
            (None, false),
        ] {
            let mut request = Request::new("GET", "/x", b"");
            request.from = from.map(|text| text.parse().unwrap());
            // Nobody writes their own address.
            let request = request.with("x-forwarded-for", "10.0.0.1");
            let expected = if passes { Ok(()) } else { Err(Why::BadAddress) };
            assert_eq!(rule.check(&request.evidence()), expected, "{from:?}");
        }
        assert!(
            Addresses::new(Vec::new())
                .check(&Request::new("GET", "/x", b"").evidence())
                .is_err()
        );
    }
}
