//! Where a setting stands in the file.

use toml::de::{DeTable, DeValue};

use crate::finding::Span;

/// The place of a setting such as `link[1].retry.first_ms`. Where it does not stand in the file,
/// that of the nearest section around it; none where not even its first part stands there.
pub(super) fn of(text: &str, path: &str) -> Option<Span> {
    let table = DeTable::parse(text).ok()?;
    let mut names = path.split('.').flat_map(|step| {
        let (name, index) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        std::iter::once(Step::Key(name)).chain(index.map(Step::Index))
    });
    let Some(Step::Key(first)) = names.next() else {
        return None;
    };
    let (mut found, mut value) = entry(table.get_ref(), first)?;
    for step in names {
        let deeper = match (step, value) {
            (Step::Key(name), DeValue::Table(table)) => entry(table, name),
            (Step::Index(at), DeValue::Array(array)) => array.get(at).map(|element| {
                // Of a section only its header, not all that stands in it.
                let len = text[element.span()].find(['\n', '\r']);
                let span = Span {
                    at: element.span().start,
                    len: len.unwrap_or(element.span().len()),
                };
                (span, element.get_ref())
            }),
            (Step::Key(_) | Step::Index(_), _) => None,
        };
        let Some(deeper) = deeper else { break };
        (found, value) = deeper;
    }
    Some(found)
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn entry<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<(Span, &'t DeValue<'i>)> {
    let (key, value) = table.get_key_value(name)?;
    let span = Span {
        at: key.span().start,
        len: key.span().len(),
    };
    Some((span, value.get_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = "[http]
listen = \"x\"
[[link]]
name = \"a\"
host = \"h\"
[[link]]
name = \"b\"
tls = { ca_file = \"c\" }
[link.retry]
first_ms = 1
";

    #[test]
    fn settings_are_found_where_they_stand() {
        for (path, line, shown) in [
            ("http.listen", 2, "listen"),
            ("http.body_ms", 1, "http"),
            ("link[0].host", 5, "host"),
            ("link[1].host", 6, "[[link]]"),
            ("link[1].name", 7, "name"),
            ("link[1].tls.ca_file", 8, "ca_file"),
            ("link[1].retry.first_ms", 10, "first_ms"),
            ("link[1].retry.longest_ms", 9, "retry"),
            ("link[7].host", 3, "link"),
        ] {
            let span = of(FILE, path).unwrap();
            let found = (
                FILE[..span.at].matches('\n').count() + 1,
                &FILE[span.at..span.at + span.len],
            );
            assert_eq!(found, (line, shown), "{path}");
        }
        assert!(of(FILE, "store.url").is_none());
        assert!(of("not toml [", "store.url").is_none());
    }
}
