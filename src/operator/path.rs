//! The path of a request below its link: `/session/{session}/{step}`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Segments of a path at most.
const SEGMENTS_MAX: usize = 8;

/// A path with named segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathShape {
    /// Whatever stands there is the shape's to look at (`rest`).
    Any,
    /// Nothing stands there.
    None,
    /// These segments.
    Of(Vec<Segment>),
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// As it is.
    Plain(String),
    /// Any, under a name.
    Named(String),
}

impl PathShape {
    /// Reads one as a shape writes it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no path: write /segment/{{name}}");
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        let segments = rest
            .split('/')
            .map(|segment| match segment.strip_prefix('{') {
                Some(name) => match name.strip_suffix('}') {
                    Some(name) if !name.is_empty() => Ok(Segment::Named(name.to_owned())),
                    Some(_) | None => Err(wrong()),
                },
                None if segment.is_empty() || segment.contains(['{', '}']) => Err(wrong()),
                None => Ok(Segment::Plain(segment.to_owned())),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if segments.len() > SEGMENTS_MAX {
            return Err(format!("`{text}` has more than {SEGMENTS_MAX} segments"));
        }
        Ok(Self::Of(segments))
    }

    /// The named segments of a path; none where it is another one.
    pub fn read<'s, 'r>(&'s self, rest: &'r str) -> Option<Vec<(&'s str, Cow<'r, str>)>> {
        match self {
            Self::Any => Some(Vec::new()),
            Self::None => matches!(rest, "" | "/").then(Vec::new),
            Self::Of(segments) => {
                let mut given = rest.strip_prefix('/')?.split('/');
                let mut named = Vec::new();
                for segment in segments {
                    let given = percent_decode_str(given.next()?).decode_utf8().ok()?;
                    match segment {
                        Segment::Plain(plain) if *plain == given => {}
                        Segment::Plain(_) => return None,
                        Segment::Named(_) if given.is_empty() => return None,
                        Segment::Named(name) => named.push((name.as_str(), given)),
                    }
                }
                given.next().is_none().then_some(named)
            }
        }
    }

    /// As shapes write it.
    pub fn shown(&self) -> String {
        match self {
            Self::Any => "any path below the link".to_owned(),
            Self::None => "none below the link".to_owned(),
            Self::Of(segments) => segments
                .iter()
                .map(|segment| match segment {
                    Segment::Plain(plain) => format!("/{plain}"),
                    Segment::Named(name) => format!("/{{{name}}}"),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn segments_are_named() {
        let path = PathShape::parse("/session/{id}/{step}").unwrap();
        assert_eq!(path.shown(), "/session/{id}/{step}");
        for (rest, expected) in [
            (
                "/session/a%2Fb/start",
                Some(vec![("id", "a/b"), ("step", "start")]),
            ),
            ("/session/a/start/", None),
            ("/session/a", None),
            ("/session//start", None),
            ("/other/a/start", None),
            ("/session/%ff/start", None),
            ("", None),
        ] {
            let read = path.read(rest);
            let shown = read
                .as_ref()
                .map(|read| read.iter().map(|(a, b)| (*a, &**b)).collect());
            assert_eq!(shown, expected, "{rest}");
        }
        assert!(PathShape::None.read("/").is_some() && PathShape::None.read("/x").is_none());
        for wrong in ["x", "/", "/a//b", "/{", "/{}", "/a}"] {
            assert!(PathShape::parse(wrong).is_err(), "{wrong}");
        }
    }
}
