//! `/docs`: the OpenAPI document and a page that shows it. Everything that the page needs is in
//! the program; its headers forbid a browser to load anything from elsewhere.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerFile};

/// Where the document stands, seen from the page.
const DOCUMENT: &str = "openapi.json";

/// What the page's browser may do: nothing but what this listener has. Swagger UI styles elements
/// itself and has its icons as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The document and its page.
pub struct Docs {
    document: Bytes,
    config: Arc<Config<'static>>,
}

impl Docs {
    /// For this document.
    pub fn new(document: &Value) -> Self {
        let config = Config::from(DOCUMENT)
            .use_base_layout()
            .validator_url("none")
            .display_request_duration(true)
            .deep_linking(true);
        Self {
            document: Bytes::from(document.to_string()),
            config: Arc::new(config),
        }
    }

    /// The document.
    pub fn document(&self) -> Response {
        (
            [(header::CONTENT_TYPE, "application/json")],
            Body::from(self.document.clone()),
        )
            .into_response()
    }

    /// The way to the page, whose links begin below `/docs/`.
    pub fn moved() -> Response {
        (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "docs/")],
        )
            .into_response()
    }

    /// A file of the page, or none of that name; the page itself has none.
    pub fn file(&self, name: &str) -> Option<Response> {
        let file: SwaggerFile<'_> = utoipa_swagger_ui::serve(name, Arc::clone(&self.config))
            .ok()
            .flatten()?;
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let mut response = Response::new(Body::from(bytes));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_str(&file.content_type).ok()?,
        );
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::BodyExt;

    use super::*;

    async fn text(name: &str) -> (String, String) {
        let docs = Docs::new(&serde_json::json!({ "openapi": "3.1.0" }));
        let response = docs.file(name).unwrap();
        let header = |name| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
        let kind = header(header::CONTENT_TYPE);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    }

    /// What a browser is told to load has no scheme, no host, and is in the program.
    #[tokio::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        let (kind, page) = text("").await;
        assert_eq!(kind, "text/html");
        assert!(!page.contains("//"), "{page}");
        let mut loaded = 0;
        for attribute in ["src=\"", "href=\""] {
            for rest in page.split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap().trim_start_matches("./");
                let docs = Docs::new(&Value::Null);
                assert!(docs.file(name).is_some(), "{name}");
                loaded += 1;
            }
        }
        assert!(loaded >= 5, "{page}");
        let (_, begins) = text("swagger-initializer.js").await;
        assert!(begins.contains("\"openapi.json\""), "{begins}");
        let code = begins
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<String>();
        assert!(!code.contains("//"), "{begins}");
        let (_, style) = text("swagger-ui.css").await;
        for rest in style.split("url(").skip(1) {
            assert!(
                rest.trim_start_matches(['"', '\'']).starts_with("data:"),
                "{}",
                &rest[..60]
            );
        }
        assert!(!style.contains("@import"));
    }

    #[test]
    fn there_are_no_other_files() {
        let docs = Docs::new(&Value::Null);
        for name in ["nothing.js", "../Cargo.toml", "index.html/"] {
            assert!(docs.file(name).is_none(), "{name}");
        }
    }
}
