//! Who is on the other side of a connection, and who that one speaks for.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Hops of `X-Forwarded-For` that are looked at.
const HOPS_MAX: usize = 32;
/// Octets of a hop: `[`, the longest IPv6 address, `]:` and a port, with room.
const HOP_BYTES_MAX: usize = 64;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other side of a connection; an extension of every request that comes in on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from; IPv4 in the dress of IPv6 is IPv4.
    pub address: IpAddr,
    /// The certificate that it has shown, in DER, proven to come from an authority of
    /// `[http.tls] client_ca_file`. None without TLS, too.
    pub certificate: Option<Arc<[u8]>>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Peer")
            .field("address", &self.address)
            .field("certificate", &self.certificate.is_some())
            .finish()
    }
}

/// The address of whoever made the request: that of the peer, or, where that is one of `proxies`,
/// the last hop of `X-Forwarded-For` that is none. What stands before that hop is hearsay and not
/// looked at; so is the whole header when the peer is no proxy of ours.
///
/// None where nobody knows: the proxies have named nobody else, a hop on the way is no address, or
/// there are more than 32. A rule about addresses then refuses; to take the proxy's own address for
/// the caller's would let in whoever comes through a proxy that writes no header.
///
/// The networks are those of [`crate::config::network::parse`], so IPv4 is never in the dress of
/// IPv6.
pub fn caller(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Option<IpAddr> {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_proxy(&peer) {
        return Some(peer);
    }
    // Several lines are one list (RFC 9110, 5.3). From the right; the iterator of a header's
    // values goes both ways.
    headers
        .get_all(FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
        .take(HOPS_MAX)
        .map(hop)
        .find(|hop| hop.is_none_or(|hop| !is_proxy(&hop)))
        .flatten()
}

/// An address as proxies write it: `192.0.2.7`, `192.0.2.7:567`, `2001:db8::1`, `[2001:db8::1]` or
/// `[2001:db8::1]:9`.
fn hop(bytes: &[u8]) -> Option<IpAddr> {
    let text = core::str::from_utf8(bytes.trim_ascii()).ok()?;
    // A zone means something on the machine that wrote it alone.
    if text.len() > HOP_BYTES_MAX || text.contains('%') {
        return None;
    }
    let bare = match text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        // Brackets are IPv6's (RFC 3986, 3.2.2).
        Some(inside) if inside.contains(':') => inside,
        Some(_) => return None,
        None => text,
    };
    bare.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|both: SocketAddr| both.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;

    fn told(peer: &str, lines: &[&str]) -> String {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "::1", "2001:db8:a::/48"]
            .iter()
            .map(|text| crate::config::network::parse(text).unwrap())
            .collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        caller(peer.parse().unwrap(), &headers, &proxies)
            .map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }

    #[test]
    fn callers() {
        for (why, peer, lines, expected) in [
            ("no proxy", "192.0.2.1", &[][..], "192.0.2.1"),
            (
                "no proxy, so the header is hearsay",
                "192.0.2.1",
                &["198.51.100.7"],
                "192.0.2.1",
            ),
            (
                "even if it names a proxy",
                "192.0.2.1",
                &["10.0.0.1"],
                "192.0.2.1",
            ),
            ("even if it is broken", "192.0.2.1", &["x"], "192.0.2.1"),
            ("one proxy", "10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            (
                "two proxies",
                "10.0.0.1",
                &["198.51.100.7, 10.9.9.9"],
                "198.51.100.7",
            ),
            (
                "two proxies, a line each",
                "10.0.0.1",
                &["198.51.100.7", "10.9.9.9"],
                "198.51.100.7",
            ),
            (
                "over IPv6",
                "::1",
                &["198.51.100.7,2001:db8:a::5"],
                "198.51.100.7",
            ),
            (
                "a caller of IPv6",
                "10.0.0.1",
                &["2001:db8:b::5"],
                "2001:db8:b::5",
            ),
            (
                "spoofed before the truth",
                "10.0.0.1",
                &["18.133.205.228, 198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "spoofed in a line of its own",
                "10.0.0.1",
                &["18.133.205.228", "198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "spoofed with a proxy behind",
                "10.0.0.1",
                &["18.133.205.228, 10.0.0.2, 198.51.100.7, 10.0.0.3"],
                "198.51.100.7",
            ),
            (
                "rubbish before the truth",
                "10.0.0.1",
                &["' OR 1=1, , 198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "rubbish where the truth should be",
                "10.0.0.1",
                &["18.133.205.228, x"],
                "unknown",
            ),
            (
                "rubbish between proxies",
                "10.0.0.1",
                &["18.133.205.228, x, 10.0.0.2"],
                "unknown",
            ),
            (
                "a hop without a name",
                "10.0.0.1",
                &["18.133.205.228, unknown"],
                "unknown",
            ),
            (
                "a hidden hop",
                "10.0.0.1",
                &["18.133.205.228, _hidden"],
                "unknown",
            ),
            ("an empty hop", "10.0.0.1", &["18.133.205.228,"], "unknown"),
            (
                "an empty line",
                "10.0.0.1",
                &["18.133.205.228", ""],
                "unknown",
            ),
            ("a proxy that writes nothing", "10.0.0.1", &[], "unknown"),
            (
                "nobody but proxies",
                "10.0.0.1",
                &["10.0.0.3, 10.0.0.2"],
                "unknown",
            ),
            (
                "with a port",
                "10.0.0.1",
                &["198.51.100.7:567, 10.0.0.2:8"],
                "198.51.100.7",
            ),
            (
                "in brackets",
                "10.0.0.1",
                &["[2001:db8:b::5]"],
                "2001:db8:b::5",
            ),
            (
                "in brackets with a port",
                "10.0.0.1",
                &["[2001:db8:b::5]:9, [::1]:9"],
                "2001:db8:b::5",
            ),
            (
                "IPv4 in brackets",
                "10.0.0.1",
                &["[198.51.100.7]"],
                "unknown",
            ),
            ("half a bracket", "10.0.0.1", &["[2001:db8:b::5"], "unknown"),
            (
                "a port that is none",
                "10.0.0.1",
                &["198.51.100.7:65536"],
                "unknown",
            ),
            ("with a zone", "10.0.0.1", &["fe80::1%1"], "unknown"),
            (
                "with a zone in brackets",
                "10.0.0.1",
                &["[fe80::1%1]:9"],
                "unknown",
            ),
            ("a leading zero", "10.0.0.1", &["198.051.100.7"], "unknown"),
            (
                "a proxy in the dress of IPv6",
                "::ffff:10.0.0.1",
                &["198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "a caller in the dress of IPv6",
                "10.0.0.1",
                &["::ffff:198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "a hop in the dress of IPv6",
                "10.0.0.1",
                &["198.51.100.7, ::ffff:10.0.0.2"],
                "198.51.100.7",
            ),
            (
                "a stranger in the dress of IPv6",
                "::ffff:192.0.2.1",
                &["198.51.100.7"],
                "192.0.2.1",
            ),
        ] {
            assert_eq!(told(peer, lines), expected, "{why}");
        }
    }

    #[test]
    fn hops_have_an_end() {
        let hops = |proxies: usize| format!("198.51.100.7{}", ",10.0.0.2".repeat(proxies));
        assert_eq!(told("10.0.0.1", &[&hops(31)]), "198.51.100.7");
        assert_eq!(told("10.0.0.1", &[&hops(32)]), "unknown");
        assert_eq!(told("10.0.0.1", &[&"1".repeat(7000)]), "unknown");
    }

    #[test]
    fn octets_that_are_no_text_are_no_hop() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_bytes(b"\xff").unwrap());
        let proxies = [IpNet::from(IpAddr::from([10, 0, 0, 1]))];
        assert_eq!(caller([10, 0, 0, 1].into(), &headers, &proxies), None);
    }
}
