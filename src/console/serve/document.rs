//! The OpenAPI document of this configuration: every way to call its links over HTTP.

use serde_json::Value;

use crate::callback::ServiceName;
use crate::config::{Config, ConfigError, LinkConfig};
use crate::console::{parts, shapes};
use crate::http::openapi::sms::SmsSite;
use crate::http::openapi::ussd::UssdSite;
use crate::http::openapi::{self, Site};
use crate::operator::shape::Shapes;

/// The document; `callbacks` is where the operators' listener is called.
///
/// # Errors
/// [`ConfigError`] where a link names a shape that there is not.
pub fn document(config: &Config, shapes: &Shapes, callbacks: String) -> Result<Value, ConfigError> {
    let has_sandbox = |link: &LinkConfig| matches!(link, LinkConfig::Sandbox(_));
    let services = config.services.iter();
    let site = Site {
        callbacks,
        sandbox: config
            .links
            .iter()
            .any(has_sandbox)
            .then(|| services.flat_map(|service| service.sms.clone()).collect()),
        body_bytes_max: config.http.body_bytes_max,
    };
    let mut ways = Vec::new();
    for (index, link) in config.links.iter().enumerate() {
        match link {
            LinkConfig::UssdHttp(link) | LinkConfig::Sandbox(link) => {
                let names: Vec<_> = link.services.iter().cloned().map(ServiceName).collect();
                let codes = parts::codes(config, &names);
                ways.extend(openapi::ussd::callbacks(&UssdSite {
                    link: &link.name,
                    shape: &*shapes::of(link, index, shapes)?,
                    codes: codes.into_iter().map(|(code, _)| code).collect(),
                    auth: &link.auth,
                }));
            }
            LinkConfig::SmsHttp(link) => {
                let carried = config.services.iter();
                let carried = carried.filter(|service| link.services.contains(&service.name));
                ways.extend(openapi::sms::callbacks(&SmsSite {
                    link: &link.name,
                    shape: &*shapes::sms(link, index, shapes)?,
                    numbers: carried.flat_map(|service| service.sms.clone()).collect(),
                    is_single: link.services.len() == 1,
                    auth: &link.auth,
                }));
            }
            LinkConfig::Smpp(_) => {}
        }
    }
    Ok(openapi::document(&site, &ways))
}
