//! The shapes that there are: those built in, and those of a folder, which come first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::callback::Channel;
use crate::finding::{Finding, Source, Span};
use crate::operator::file::Head;
use crate::operator::sms::SmsShape;
use crate::operator::ussd::UssdShape;
use crate::operator::{compile, sms};

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// One shape.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Of USSD callbacks.
    Ussd(Arc<UssdShape>),
    /// Of SMS over HTTP.
    Sms(Arc<SmsShape>),
}

impl Shape {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(source: &Source) -> Result<Self, Box<Finding>> {
        match compile::channel(source)? {
            Channel::Ussd => compile::ussd(source).map(|shape| Self::Ussd(Arc::new(shape))),
            Channel::Sms => sms::compile::sms(source).map(|shape| Self::Sms(Arc::new(shape))),
        }
    }

    /// How many samples it has.
    pub fn samples(&self) -> usize {
        match self {
            Self::Ussd(shape) => shape.samples.len(),
            Self::Sms(shape) => shape.samples.len(),
        }
    }

    /// Name, sources and the like.
    pub fn head(&self) -> &Head {
        match self {
            Self::Ussd(shape) => &shape.head,
            Self::Sms(shape) => &shape.head,
        }
    }
}

/// All of them, by name.
#[derive(Clone, Debug, Default)]
pub struct Shapes(BTreeMap<String, (Shape, Source)>);

impl Shapes {
    /// Those built in, and over them those of the given files (name and text).
    ///
    /// # Errors
    /// A finding for each file that is wrong.
    pub fn load(files: &[Source]) -> Result<Self, Vec<Finding>> {
        let built_in = BUILT_IN.iter().map(|(file, text)| Source::new(file, text));
        let mut shapes: BTreeMap<String, (Shape, Source)> = BTreeMap::new();
        let mut found = Vec::new();
        let further = files.iter().map(Source::file).collect::<Vec<_>>();
        for source in built_in.chain(files.iter().cloned()) {
            match Shape::parse(&source) {
                Ok(shape) => {
                    let name = shape.head().name.clone();
                    // One of the folder goes before one that is built in, and no other.
                    let other = shapes.get(&name).map(|(_, other)| other.file());
                    if let Some(other) = other.filter(|other| further.contains(other)) {
                        let at = source.text().find("shape:").unwrap_or_default();
                        found.push(source.error(
                            "O004",
                            Span { at, len: 6 },
                            format!("{other} has a shape of that name too"),
                            "give each its own name, or take one of the files away",
                        ));
                        continue;
                    }
                    shapes.insert(name, (shape, source));
                }
                Err(finding) => found.push(*finding),
            }
        }
        if found.is_empty() {
            Ok(Self(shapes))
        } else {
            Err(found)
        }
    }

    /// The shape of that name.
    pub fn get(&self, name: &str) -> Option<&Shape> {
        self.0.get(name).map(|(shape, _)| shape)
    }

    /// The file of a shape.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.0.get(name).map(|(_, source)| source)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Shape> {
        self.0.values().map(|(shape, _)| shape)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_stands_for_one_shape() {
        let text = Shapes::load(&[]).unwrap();
        let text = text.source("generic").unwrap().text().to_owned();
        let file = |name: &str| Source::new(name, &text);
        // It goes before the one that is built in.
        let shapes = Shapes::load(&[file("shapes/a.yaml")]).unwrap();
        assert_eq!(shapes.source("generic").unwrap().file(), "shapes/a.yaml");
        let found = Shapes::load(&[file("shapes/a.yaml"), file("shapes/b.yaml")]).unwrap_err();
        let told: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told, ["shapes/a.yaml has a shape of that name too"]);
    }
}
