//! Paths into XML: `/ussd/msisdn`, `/dialog/@localId`, `/call/member[name=MSISDN]/value`.

use std::fmt;
use std::str::FromStr;

use roxmltree::{Document, Node};

/// A path from the root element. Names are compared without their namespace prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlPath {
    steps: Vec<Step>,
    attribute: Option<String>,
}

/// One element on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    name: String,
    /// A child element and its text, which tell this element from others of its name.
    with: Option<(String, String)>,
}

/// More than one element or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several;

impl XmlPath {
    /// The text of the element, spaces around it taken away, or the value of the attribute.
    ///
    /// # Errors
    /// [`Several`] where the path leads to more than one.
    pub fn find(&self, document: &Document<'_>) -> Result<Option<String>, Several> {
        let Some(node) = self.node(document)? else {
            return Ok(None);
        };
        Ok(match &self.attribute {
            Some(name) => node
                .attributes()
                .find(|attribute| attribute.name() == name)
                .map(|attribute| attribute.value().to_owned()),
            None => Some(
                node.descendants()
                    .filter(Node::is_text)
                    .filter_map(|node| node.text())
                    .collect::<String>()
                    .trim()
                    .to_owned(),
            ),
        })
    }

    fn node<'a, 'd>(&self, document: &'a Document<'d>) -> Result<Option<Node<'a, 'd>>, Several> {
        let mut steps = self.steps.iter();
        let root = document.root_element();
        if !steps.next().is_some_and(|step| step.is(root)) {
            return Ok(None);
        }
        let mut at = root;
        for step in steps {
            let mut found = at.children().filter(|node| step.is(*node));
            match (found.next(), found.next()) {
                (Some(node), None) => at = node,
                (Some(_), Some(_)) => return Err(Several),
                (None, _) => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// The names of the elements from the root on, the attribute last as `@name`; none where a name
    /// alone does not lead there.
    pub fn names(&self) -> Option<Vec<String>> {
        let mut names = Vec::with_capacity(self.steps.len() + 1);
        for step in &self.steps {
            if step.with.is_some() {
                return None;
            }
            names.push(step.name.clone());
        }
        names.extend(self.attribute.iter().map(|name| format!("@{name}")));
        Some(names)
    }

    /// What the place is called in an error: the attribute, what tells an element from others of its
    /// name, or the last element.
    pub fn name(&self) -> &str {
        let told = self.steps.iter().rev().find_map(|step| step.with.as_ref());
        let last = self.steps.last().map_or("", |step| &step.name);
        self.attribute
            .as_deref()
            .or(told.map(|(_, text)| text.as_str()))
            .unwrap_or(last)
    }
}

impl fmt::Display for XmlPath {
    /// As shapes write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "/{}", step.name)?;
            if let Some((child, text)) = &step.with {
                write!(f, "[{child}={text}]")?;
            }
        }
        match &self.attribute {
            Some(name) => write!(f, "/@{name}"),
            None => Ok(()),
        }
    }
}

impl Step {
    fn is(&self, node: Node<'_, '_>) -> bool {
        node.is_element()
            && node.tag_name().name() == self.name
            && self.with.as_ref().is_none_or(|(name, text)| {
                node.children().any(|child| {
                    child.is_element()
                        && child.tag_name().name() == name
                        && child.text().unwrap_or_default().trim() == text
                })
            })
    }
}

impl FromStr for XmlPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no path: write /element/element, /element/@attribute or /list/item[child=text]/value"
            )
        };
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        let (elements, attribute) = match rest.split_once("/@") {
            Some((elements, name)) if !name.is_empty() && !name.contains('/') => {
                (elements, Some(name.to_owned()))
            }
            Some(_) => return Err(wrong()),
            None => (rest, None),
        };
        let steps = elements
            .split('/')
            .map(|step| {
                let (name, with) = match step.split_once('[') {
                    Some((name, rest)) => {
                        let rest = rest.strip_suffix(']').ok_or_else(wrong)?;
                        let (child, text) = rest.split_once('=').ok_or_else(wrong)?;
                        (name, Some((child.to_owned(), text.to_owned())))
                    }
                    None => (step, None),
                };
                if name.is_empty() || name.contains(|c: char| c.is_whitespace()) {
                    return Err(wrong());
                }
                Ok(Step {
                    name: name.to_owned(),
                    with,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { steps, attribute })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\"?>
<m:call xmlns:m=\"urn:m\" id=\"7\"><msisdn> 212661000001 </msisdn><empty/>
<two/><two/>
<member><name>A</name><value><string>x &amp; y</string></value></member>
<member><name>B</name><value><![CDATA[<z>]]></value></member></m:call>";

    #[test]
    fn paths_lead_to_texts_and_attributes() {
        let document = Document::parse(TEXT).unwrap();
        for (path, expected) in [
            ("/call/msisdn", Ok(Some("212661000001"))),
            ("/call/@id", Ok(Some("7"))),
            ("/call/empty", Ok(Some(""))),
            ("/call/none", Ok(None)),
            ("/other/msisdn", Ok(None)),
            ("/call/two", Err(Several)),
            ("/call/member[name=A]/value", Ok(Some("x & y"))),
            ("/call/member[name=B]/value", Ok(Some("<z>"))),
            ("/call/member[name=C]/value", Ok(None)),
            ("/call/member", Err(Several)),
        ] {
            let path: XmlPath = path.parse().unwrap();
            let found = path.find(&document);
            assert_eq!(
                found.as_ref().map(|found| found.as_deref()).map_err(|e| *e),
                expected,
                "{path:?}"
            );
        }
        for wrong in ["", "a", "/", "/a//b", "/a/@", "/a/@b/c", "/a[b]", "/a[b=c"] {
            assert!(wrong.parse::<XmlPath>().is_err(), "{wrong}");
        }
    }
}
