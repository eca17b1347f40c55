//! A key in a header or in a parameter of the query, as operators send it who do not sign.

use http::HeaderName;
use subtle::Choice;

use super::header::one;
use super::{Evidence, Secrets, Why, parameters};

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In this header.
    Header(HeaderName),
    /// In this parameter of the query.
    Query(String),
}

/// A key, and the user that comes with it where the operator sends one.
#[derive(Clone, Debug)]
pub struct Key {
    place: KeyPlace,
    keys: Secrets,
    /// The parameter of the query with the user, and who it has to be.
    user: Option<(String, Secrets)>,
}

impl Key {
    /// `user` is the parameter of the query that names the user, and who it has to be.
    pub fn new(place: KeyPlace, keys: Secrets, user: Option<(&str, &str)>) -> Self {
        Self {
            place,
            keys,
            user: user.map(|(name, user)| (name.to_owned(), Secrets::new(user, None))),
        }
    }

    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Why> {
        let query = parameters::query(evidence);
        let key = match &self.place {
            KeyPlace::Header(name) => one(evidence.headers, name.as_str()),
            KeyPlace::Query(name) => parameters::one(&query, name),
        };
        let user = match &self.user {
            Some((name, user)) => {
                parameters::one(&query, name).map(|given| user.is(given.as_bytes()))
            }
            None => Ok(true),
        };
        let both = Choice::from(u8::from(self.keys.is(key?.as_bytes()))) & u8::from(user?).into();
        if both.into() {
            Ok(())
        } else {
            Err(Why::BadCredentials)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Request, table};
    use super::*;

    const KEY: &str = "sample-key-00001";
    const NEXT: &str = "sample-key-00002";
    const BAD: Result<(), Why> = Err(Why::BadCredentials);
    const UNSIGNED: Result<(), Why> = Err(Why::Unsigned);
    const MALFORMED: Result<(), Why> = Err(Why::Malformed);

    #[test]
    fn a_key_in_a_header() {
        let place = || KeyPlace::Header(HeaderName::from_static("x-api-key"));
        let rule = |other| Key::new(place(), Secrets::new(KEY, other), None);
        let given = |value: &str| Request::new("POST", "/x", b"").with("x-api-key", value);
        let rows = [
            ("right", given(KEY), Ok(())),
            ("another", given(NEXT), BAD),
            ("shorter", given(&KEY[1..]), BAD),
            ("huge", given(&"x".repeat(100_000)), BAD),
            ("not ASCII", given("é"), MALFORMED),
            ("twice", given(KEY).with("x-api-key", KEY), MALFORMED),
            ("empty", given(""), UNSIGNED),
            ("none", Request::new("POST", "/x", b""), UNSIGNED),
            (
                "in the query",
                Request::new("POST", &format!("/x?x-api-key={KEY}"), b""),
                UNSIGNED,
            ),
        ];
        table(&rows, |evidence| rule(None).check(evidence));
        for key in [KEY, NEXT] {
            let found = rule(Some(NEXT)).check(&given(key).evidence());
            assert_eq!(found, Ok(()), "{key}");
        }
    }

    #[test]
    fn a_key_and_a_user_in_the_query() {
        let place = KeyPlace::Query("password".to_owned());
        let rule = Key::new(place, Secrets::new(KEY, None), Some(("userid", "airtel")));
        let given = |query: &str| Request::new("GET", &format!("/x?{query}"), b"");
        let rows = [
            (
                "right",
                given(&format!("a=1&userid=airtel&password={KEY}")),
                Ok(()),
            ),
            (
                "encoded",
                given("userid=%61irtel&password=sample%2Dkey-00001"),
                Ok(()),
            ),
            (
                "other user",
                given(&format!("userid=orange&password={KEY}")),
                BAD,
            ),
            (
                "other key",
                given(&format!("userid=airtel&password={NEXT}")),
                BAD,
            ),
            ("no user", given(&format!("password={KEY}")), UNSIGNED),
            ("no key", given("userid=airtel"), UNSIGNED),
            ("empty key", given("userid=airtel&password="), UNSIGNED),
            ("not ASCII", given("userid=airtel&password=%C3%A9"), BAD),
            ("not UTF-8", given("userid=airtel&password=%ff"), BAD),
            (
                "key twice",
                given(&format!("userid=airtel&password={KEY}&password={KEY}")),
                MALFORMED,
            ),
            (
                "user twice",
                given(&format!("userid=airtel&userid=airtel&password={KEY}")),
                MALFORMED,
            ),
            (
                "huge",
                given(&format!("userid=airtel&password={}", "x".repeat(100_000))),
                BAD,
            ),
            ("no query", Request::new("GET", "/x", b""), UNSIGNED),
            (
                "in the body",
                Request::new(
                    "POST",
                    "/x",
                    format!("userid=airtel&password={KEY}").as_bytes(),
                ),
                UNSIGNED,
            ),
        ];
        table(&rows, |evidence| rule.check(evidence));
    }
}
