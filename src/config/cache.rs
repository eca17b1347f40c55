//! `[cache]`: Redis beside the ledger.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use crate::cache::{Address, BadAddress};

/// `[cache]`; without a `url` there is no Redis, and nothing but time depends on it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `redis-sentinel://HOST:PORT,HOST:PORT/MASTER` or
    /// `redis-cluster://HOST:PORT,HOST:PORT`; with `rediss` in front, over TLS.
    pub url: Option<String>,
    /// A file with the password alone, which keeps it out of the address.
    pub password_file: Option<PathBuf>,
    /// Certificates to trust, PEM; none means the public ones.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for CacheConfig {
    /// Without a password that the address may have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("url", &self.address().ok().flatten())
            .field("password_file", &self.password_file)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

impl CacheConfig {
    /// Where Redis is, if there is one.
    ///
    /// # Errors
    /// [`BadAddress`], with what was expected.
    pub fn address(&self) -> Result<Option<Address>, BadAddress> {
        match self.url.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(url) => Address::parse(url).map(Some),
        }
    }

    /// Whether it can work.
    pub(super) fn prove(&self) -> Result<(), ConfigError> {
        let address = self
            .address()
            .map_err(|error| ConfigError::wrong("cache.url", error.wrong, BadAddress::EXPECTED))?;
        let Some(address) = address else {
            return match (&self.password_file, &self.ca_file) {
                (None, None) => Ok(()),
                (Some(_), _) | (_, Some(_)) => Err(ConfigError::wrong(
                    "cache.url",
                    "there are files for a Redis, and no address of one",
                    BadAddress::EXPECTED,
                )),
            };
        };
        if address.password.is_some() && self.password_file.is_some() {
            return Err(ConfigError::wrong(
                "cache.password_file",
                "there is a password in the address too",
                "keep one of the two",
            ));
        }
        if self.ca_file.is_some() && !address.tls {
            return Err(ConfigError::wrong(
                "cache.ca_file",
                "the address is one without TLS",
                "write rediss in front of it, or take the file out",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::config::Config;

    #[test]
    fn an_address_is_all_that_it_needs() {
        let env = [(
            "JISR_CACHE__URL".to_owned(),
            "redis://u:SECRET@h/2".to_owned(),
        )];
        let config = Config::load(None, &env).unwrap();
        let address = config.cache.address().unwrap().unwrap();
        assert_eq!(address.to_string(), "redis://h:6379/2");
        assert!(!format!("{config:?}").contains("SECRET"));
        assert!(
            Config::load(None, &[])
                .unwrap()
                .cache
                .address()
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_sample_of_the_compose_file_is_one() {
        let text = include_str!("../../deploy/jisr.toml");
        let env = [
            ("JISR_CACHE__URL", "redis://redis:6379"),
            ("JISR_HTTP__LISTEN", "0.0.0.0:8080"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(Some(("deploy/jisr.toml", text)), &env).unwrap();
        assert_eq!(config.links.len(), 2);
    }

    #[test]
    fn mistakes_say_what_was_expected_and_show_no_password() {
        for (text, wrong) in [
            ("url = \"SECRET\"", "no address of a Redis"),
            ("url = \"redis://:SECRET@h:x\"", "a port"),
            ("password_file = \"f\"", "no address of one"),
            (
                "url = \"redis://:SECRET@h\"\npassword_file = \"f\"",
                "a password in the address too",
            ),
            ("url = \"redis://h\"\nca_file = \"f\"", "without TLS"),
            ("uri = \"redis://:SECRET@h\"", "uri"),
        ] {
            let text = format!("[cache]\n{text}\n");
            let error = Config::load(Some(("jisr.toml", &text)), &[]).unwrap_err();
            let shown = format!("{error}\n{error:?}");
            assert!(shown.contains(wrong), "{text}: {shown}");
            assert!(!shown.contains("SECRET@"), "{text}: {shown}");
        }
        let env = [("JISR_CACHE__URL".to_owned(), "redis://:SECRET@".to_owned())];
        let shown = Config::load(None, &env).unwrap_err().to_string();
        assert!(shown.contains("a host is missing"), "{shown}");
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}
