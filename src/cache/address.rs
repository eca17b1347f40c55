//! Where Redis is: one server, servers that sentinels watch, or a cluster.

use std::fmt;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// The port of a server, and of a sentinel, where an address names none.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What an address should have looked like.
const EXPECTED: &str = "write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], redis-sentinel://HOST:PORT,HOST:PORT/MASTER or redis-cluster://HOST:PORT,HOST:PORT; rediss, rediss-sentinel and rediss-cluster are the same over TLS";

/// How the servers stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One server, and a database of it.
    Single {
        /// The database's number.
        database: i64,
    },
    /// The hosts are sentinels, which know where the master of this name is.
    Sentinel {
        /// The name.
        master: String,
    },
    /// The hosts are some of a cluster's.
    Cluster,
}

/// An address, read.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// How the servers stand to each other.
    pub kind: Kind,
    /// Hosts and ports, at least one.
    pub hosts: Vec<(String, u16)>,
    /// Whether the servers are spoken to over TLS.
    pub tls: bool,
    /// The user, where there is one.
    pub user: Option<String>,
    /// The password, where there is one.
    pub password: Option<Zeroizing<String>>,
}

/// What is wrong with an address, and what was expected. Nothing of the address is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; {EXPECTED}")]
pub struct BadAddress {
    /// What is wrong.
    pub wrong: &'static str,
}

impl BadAddress {
    /// What was expected.
    pub const EXPECTED: &'static str = EXPECTED;
}

impl fmt::Display for Address {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        let kind = match &self.kind {
            Kind::Single { .. } => "",
            Kind::Sentinel { .. } => "-sentinel",
            Kind::Cluster => "-cluster",
        };
        write!(f, "redis{s}{kind}://")?;
        for (at, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if host.contains(':') {
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        match &self.kind {
            Kind::Single { database: 0 } | Kind::Cluster => Ok(()),
            Kind::Single { database } => write!(f, "/{database}"),
            Kind::Sentinel { master } => write!(f, "/{master}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BadAddress`], with what was expected.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let bad = |wrong| BadAddress { wrong };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(bad("that is no address of a Redis"))?;
        let (tls, kind) = match scheme {
            "redis" => (false, ""),
            "rediss" => (true, ""),
            "redis-sentinel" => (false, "sentinel"),
            "rediss-sentinel" => (true, "sentinel"),
            "redis-cluster" => (false, "cluster"),
            "rediss-cluster" => (true, "cluster"),
            _ => return Err(bad("that is no address of a Redis")),
        };
        if rest.contains(['?', '#']) {
            return Err(bad(
                "the address has a `?` or a `#`, which mean nothing here",
            ));
        }
        // A password may have a `/` only as %2F, and a host never has an `@`.
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match place.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, place),
        };
        let (user, password) = match login {
            None => (None, None),
            Some(login) => {
                let (user, password) = login
                    .split_once(':')
                    .ok_or(bad("there is a user without a password"))?;
                (
                    Some(plain(user)?).filter(|user| !user.is_empty()),
                    Some(Zeroizing::new(plain(password)?)),
                )
            }
        };
        let kind = match kind {
            "sentinel" if path.is_empty() || path.contains('/') => {
                return Err(bad("the name of the master is missing"));
            }
            "sentinel" => Kind::Sentinel {
                master: path.to_owned(),
            },
            "cluster" if !path.is_empty() => {
                return Err(bad("a cluster has no databases"));
            }
            "cluster" => Kind::Cluster,
            _ => Kind::Single {
                database: match path {
                    "" => 0,
                    digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                        .parse()
                        .map_err(|_| bad("the database is no number"))?,
                    _ => return Err(bad("the database is no number")),
                },
            },
        };
        let port = match kind {
            Kind::Sentinel { .. } => SENTINEL_PORT,
            Kind::Single { .. } | Kind::Cluster => PORT,
        };
        let hosts = hosts
            .split(',')
            .map(|one| host(one, port))
            .collect::<Result<Vec<_>, _>>()?;
        if matches!(kind, Kind::Single { .. }) && hosts.len() > 1 {
            return Err(bad("there are several hosts, and one server has one"));
        }
        Ok(Self {
            kind,
            hosts,
            tls,
            user,
            password,
        })
    }
}

fn host(text: &str, port: u16) -> Result<(String, u16), BadAddress> {
    let bad = |wrong| BadAddress { wrong };
    let (host, digits) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest
                .split_once(']')
                .ok_or(bad("an address in brackets has no end"))?;
            (
                host,
                behind
                    .strip_prefix(':')
                    .or((behind.is_empty()).then_some("")),
            )
        }
        None => match text.split_once(':') {
            Some((host, digits)) => (host, Some(digits).filter(|digits| !digits.is_empty())),
            None => (text, Some("")),
        },
    };
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    if host.is_empty() || !host.bytes().all(good) {
        return Err(bad("a host is missing, or is none"));
    }
    let port = match digits {
        Some("") => port,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(bad("a port is no number from 1 to 65535"))?,
        None => return Err(bad("a port is no number from 1 to 65535")),
    };
    Ok((host.to_owned(), port))
}

fn plain(text: &str) -> Result<String, BadAddress> {
    let plain = percent_decode_str(text).decode_utf8();
    plain.map(String::from).map_err(|_| BadAddress {
        wrong: "user or password is no text",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_what_is_secret() {
        for (text, shown) in [
            ("redis://h", "redis://h:6379"),
            ("rediss://h:1/3", "rediss://h:1/3"),
            ("redis://u:p%40%2F@h:1", "redis://h:1"),
            ("redis://:p@[::1]", "redis://[::1]:6379"),
            ("redis://[::1]:7", "redis://[::1]:7"),
            (
                "redis-sentinel://a,b:2/main",
                "redis-sentinel://a:26379,b:2/main",
            ),
            ("rediss-cluster://a:1,b", "rediss-cluster://a:1,b:6379"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(format!("{address:?}"), shown, "{text}");
        }
        let address = Address::parse("redis://u:p%40%2F@h:1").unwrap();
        assert_eq!(address.user.as_deref(), Some("u"));
        assert_eq!(address.password.unwrap().as_str(), "p@/");
        assert_eq!(Address::parse("redis://:p@h").unwrap().user, None);
    }

    #[test]
    fn mistakes_are_told_without_the_address() {
        for (text, wrong) in [
            ("SECRET", "no address"),
            ("http://SECRET", "no address"),
            ("redis://", "a host is missing"),
            ("redis://SECRET@h", "without a password"),
            ("redis://h:SECRET", "a port"),
            ("redis://h:0", "a port"),
            ("redis://h:", "a port"),
            ("redis://[::1", "in brackets"),
            ("redis://[::1]x", "a port"),
            ("redis://h/SECRET", "the database"),
            ("redis://h/99999999999999999999", "the database"),
            ("redis://h?SECRET=1", "`?`"),
            ("redis://a,b", "several hosts"),
            ("redis-sentinel://a,b", "the name of the master"),
            ("redis-cluster://a,,b", "a host is missing"),
            ("redis-cluster://a/1", "no databases"),
            ("redis://u:%ff@h", "is no text"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(wrong), "{text}: {error}");
            assert!(error.contains("redis-sentinel://HOST:PORT"), "{error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
    }
}
