//! What the texts of a language draw on: variables, forms, other texts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{self, Expression, InlineExpression, Pattern, PatternElement, VariantKey};

use crate::locale::{LocaleFault, LocaleFile, Variants};

/// All texts of one language by name: messages as they are called, terms with their `-`,
/// attributes as `message.attribute`.
pub struct Pack<'a> {
    texts: BTreeMap<String, Text<'a>>,
    doubles: Vec<LocaleFault>,
}

/// One text: the value of a message or term, or an attribute.
struct Text<'a> {
    file: &'a LocaleFile,
    /// Where its name stands.
    place: Range<usize>,
    kind: Kind,
    uses: Uses,
}

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The value of a message, which is given variables.
    Message,
    /// The place of a value that a message lacks.
    Nothing,
    /// A term or an attribute, which is given none.
    Fixed,
}

/// What one pattern names.
#[derive(Default)]
struct Uses {
    variables: Vec<Named>,
    /// Variables that choose, each with one of its keys.
    keys: Vec<(String, String)>,
    /// Other texts, by their names in [`Pack`].
    references: Vec<Named>,
    functions: Vec<Named>,
}

/// A name and where it stands in its file.
struct Named {
    name: String,
    place: Range<usize>,
}

impl<'a> Pack<'a> {
    /// Reads the entries of all files of a language.
    pub fn new(files: impl Iterator<Item = (&'a LocaleFile, &'a FluentResource)>) -> Self {
        let mut pack = Self {
            texts: BTreeMap::new(),
            doubles: Vec::new(),
        };
        for (file, resource) in files {
            let text = resource.source();
            for entry in resource.entries() {
                match entry {
                    ast::Entry::Message(message) => {
                        let id = message.id.name;
                        let kind = if message.value.is_some() {
                            Kind::Message
                        } else {
                            Kind::Nothing
                        };
                        pack.add(file, text, id.to_owned(), id, message.value.as_ref(), kind);
                        pack.add_attributes(file, text, id, &message.attributes);
                    }
                    ast::Entry::Term(term) => {
                        let id = format!("-{}", term.id.name);
                        pack.add(
                            file,
                            text,
                            id.clone(),
                            term.id.name,
                            Some(&term.value),
                            Kind::Fixed,
                        );
                        pack.add_attributes(file, text, &id, &term.attributes);
                    }
                    ast::Entry::Comment(_)
                    | ast::Entry::GroupComment(_)
                    | ast::Entry::ResourceComment(_)
                    | ast::Entry::Junk { .. } => {}
                }
            }
        }
        pack
    }

    /// The names of the messages.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.texts
            .iter()
            .filter(|(_, text)| text.kind == Kind::Message)
            .map(|(name, _)| name.as_str())
    }

    /// The variables and forms of a text and of all that it refers to.
    pub fn uses(&self, name: &str) -> (BTreeSet<String>, Variants) {
        let mut variables = BTreeSet::new();
        let mut variants = Variants::new();
        for name in self.reach(name).into_iter().chain([name.to_owned()]) {
            let Some(text) = self.texts.get(&name) else {
                continue;
            };
            variables.extend(
                text.uses
                    .variables
                    .iter()
                    .map(|variable| variable.name.clone()),
            );
            for (variable, key) in &text.uses.keys {
                variants
                    .entry(variable.clone())
                    .or_default()
                    .insert(key.clone());
            }
        }
        (variables, variants)
    }

    /// Everything that is wrong beyond the syntax.
    pub fn faults(&self) -> Vec<LocaleFault> {
        let mut faults = self.doubles.clone();
        for (name, text) in &self.texts {
            let mut fault = |place: &Range<usize>, code, what: String, mend: &str| {
                faults.push(LocaleFault::new(text.file, place.clone(), code, what, mend));
            };
            for Named { name, place } in &text.uses.references {
                if !self.texts.contains_key(name) {
                    let what = format!("there is no text `{name}` in `{}`", text.file.language);
                    fault(
                        place,
                        "L003",
                        what,
                        "correct the name, or add the text to this language",
                    );
                }
            }
            for Named { name, place } in &text.uses.functions {
                let what = format!("there is no function `{name}`");
                fault(
                    place,
                    "L003",
                    what,
                    "put the variable alone: values come as they are shown",
                );
            }
            if self.reach(name).contains(name) {
                let what = format!("`{name}` refers to itself, directly or through others");
                fault(
                    &text.place,
                    "L004",
                    what,
                    "write out one of the texts in the circle",
                );
            }
            match text.kind {
                Kind::Message => {}
                Kind::Nothing => {
                    let what = format!("`{name}` has no text of its own");
                    fault(
                        &text.place,
                        "L005",
                        what,
                        "write `name = text` before its attributes",
                    );
                }
                Kind::Fixed => {
                    for variable in &text.uses.variables {
                        let what = format!("`{name}` cannot have the variable `{}`", variable.name);
                        let mend = "write the words into the messages that use it: only those are given variables";
                        fault(&variable.place, "L006", what, mend);
                    }
                }
            }
        }
        faults
    }

    /// The texts to which a text leads; itself only where it stands in a circle.
    fn reach(&self, name: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![name.to_owned()];
        while let Some(name) = ahead.pop() {
            for Named { name, .. } in self
                .texts
                .get(&name)
                .iter()
                .flat_map(|text| &text.uses.references)
            {
                if reached.insert(name.clone()) {
                    ahead.push(name.clone());
                }
            }
        }
        reached
    }

    fn add_attributes(
        &mut self,
        file: &'a LocaleFile,
        text: &str,
        of: &str,
        attributes: &[ast::Attribute<&str>],
    ) {
        for attribute in attributes {
            let name = attribute.id.name;
            self.add(
                file,
                text,
                format!("{of}.{name}"),
                name,
                Some(&attribute.value),
                Kind::Fixed,
            );
        }
    }

    fn add(
        &mut self,
        file: &'a LocaleFile,
        text: &str,
        name: String,
        slice: &str,
        pattern: Option<&Pattern<&str>>,
        kind: Kind,
    ) {
        let place = place(text, slice);
        if let Some(first) = self.texts.get(&name) {
            let what = format!(
                "`{name}` stands twice in `{}`; first in {}",
                file.language, first.file.name
            );
            self.doubles.push(LocaleFault::new(
                file,
                place,
                "L002",
                what,
                "remove one of them, or give it another name",
            ));
            return;
        }
        let mut uses = Uses::default();
        if let Some(pattern) = pattern {
            uses.read(text, pattern);
        }
        self.texts.insert(
            name,
            Text {
                file,
                place,
                kind,
                uses,
            },
        );
    }
}

impl Uses {
    /// How deep patterns stand within each other is bounded when the file is read.
    fn read(&mut self, text: &str, pattern: &Pattern<&str>) {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { .. } => {}
                PatternElement::Placeable { expression } => self.read_expression(text, expression),
            }
        }
    }

    fn read_expression(&mut self, text: &str, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.read_inline(text, inline),
            Expression::Select { selector, variants } => {
                self.read_inline(text, selector);
                for variant in variants {
                    let key = match variant.key {
                        VariantKey::Identifier { name } => name,
                        VariantKey::NumberLiteral { value } => value,
                    };
                    if let InlineExpression::VariableReference { id } = selector {
                        self.keys.push((id.name.to_owned(), key.to_owned()));
                    }
                    self.read(text, &variant.value);
                }
            }
        }
    }

    fn read_inline(&mut self, text: &str, inline: &InlineExpression<&str>) {
        let named = |name: String, slice: &str| Named {
            name,
            place: place(text, slice),
        };
        let full = |id: String, attribute: &Option<ast::Identifier<&str>>| match attribute {
            Some(attribute) => format!("{id}.{}", attribute.name),
            None => id,
        };
        match inline {
            InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
            InlineExpression::VariableReference { id } => {
                self.variables.push(named(id.name.to_owned(), id.name))
            }
            InlineExpression::MessageReference { id, attribute } => {
                self.references
                    .push(named(full(id.name.to_owned(), attribute), id.name));
            }
            InlineExpression::TermReference { id, attribute, .. } => {
                self.references
                    .push(named(full(format!("-{}", id.name), attribute), id.name));
            }
            InlineExpression::FunctionReference { id, .. } => {
                self.functions.push(named(id.name.to_owned(), id.name))
            }
            InlineExpression::Placeable { expression } => self.read_expression(text, expression),
        }
    }
}

/// Where a slice of `text` stands in it, in bytes.
fn place(text: &str, slice: &str) -> Range<usize> {
    let start = (slice.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + slice.len()
}
