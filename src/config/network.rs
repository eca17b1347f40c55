//! Networks and single addresses, as administrators write them.

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, de};

/// Reads `10.0.0.0/8`, `2001:db8::/32`, `10.0.0.1` or `::1`. IPv4 in the dress of IPv6 becomes IPv4.
/// None for all else, also for a network with bits behind its length: `10.0.0.1/8` is a slip of
/// someone who means one machine or who means all of them.
pub fn parse(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<core::net::IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    let network: IpNet = text.parse().ok()?;
    if network.addr() != network.network() {
        return None;
    }
    match network {
        IpNet::V4(_) => Some(network),
        IpNet::V6(wide) => match (wide.addr().to_ipv4_mapped(), wide.prefix_len()) {
            (Some(inside), 96..) => Ipv4Net::new(inside, wide.prefix_len() - 96)
                .ok()
                .map(IpNet::V4),
            (Some(_) | None, _) => Some(network),
        },
    }
}

/// A list of them, for serde.
///
/// # Errors
/// What was expected; never what stands there.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(from)?
        .iter()
        .map(|text| {
            parse(text).ok_or_else(|| {
                de::Error::custom(
                    "expected addresses and networks such as \"192.0.2.7\" and \"10.0.0.0/8\", with no bits behind the length of a network",
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (text, expected) in [
            ("10.0.0.1", Some("10.0.0.1/32")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.1/32", Some("10.0.0.1/32")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::1", Some("::1/128")),
            ("::1/128", Some("::1/128")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::ffff:10.0.0.1", Some("10.0.0.1/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::/0", Some("::/0")),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("10.0.0/8", None),
            ("010.0.0.1", None),
            (" 10.0.0.1", None),
            ("proxy.example", None),
            ("fe80::1%eth0", None),
            ("", None),
        ] {
            let read = parse(text).map(|network| network.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
