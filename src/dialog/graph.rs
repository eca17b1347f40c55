//! A dialog as a graph: the ways from page to page, and its picture in Graphviz or Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::conversation::{CallKind, PageName, SlotName};
use crate::dialog::{Act, Arrow, Choice, Dialog, Page, PageKind, Target};

/// One way on from a page: an arrow with what leads to it.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// What makes the worker go.
    pub by: By<'a>,
    /// The arrows before it in its list, whose guards did not hold.
    pub before: &'a [Arrow],
    /// The arrow.
    pub arrow: &'a Arrow,
}

/// What leads to an arrow.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A fixed option.
    Choice(&'a Choice),
    /// A good answer, or a choice from a list, that fills the slot.
    Answer(&'a SlotName),
    /// An outcome of a call.
    Outcome(CallKind, &'a str),
    /// The beginning of the conversation.
    Start,
}

/// The ways on from a page, in a fixed order: the answer first, then options or outcomes. The
/// `later` of a call and the keys that every screen has (back, start) are not among them.
pub fn ways(page: &Page) -> Vec<Way<'_>> {
    match &page.kind {
        PageKind::Menu { options } | PageKind::Say { options } => of_options(options).collect(),
        PageKind::List { slot, then, .. } => of_arrows(By::Answer(slot), then).collect(),
        PageKind::Ask {
            slot,
            then,
            options,
        } => of_arrows(By::Answer(slot), then)
            .chain(of_options(options))
            .collect(),
        PageKind::Call { call, outcomes, .. } => outcomes
            .iter()
            .flat_map(|(name, arrows)| of_arrows(By::Outcome(*call, name), arrows))
            .collect(),
        PageKind::Wait | PageKind::End => Vec::new(),
    }
}

/// The ways by which a conversation begins.
pub fn first_ways(dialog: &Dialog) -> Vec<Way<'_>> {
    of_arrows(By::Start, &dialog.start).collect()
}

/// The pages that an arrow of this page can lead to at once, `start` followed through the start
/// arrows; `back` is left out.
pub fn targets<'a>(dialog: &'a Dialog, page: &'a Page) -> BTreeSet<&'a PageName> {
    let mut found = BTreeSet::new();
    for way in ways(page) {
        match &way.arrow.to {
            Target::Page(to) => {
                found.insert(to);
            }
            Target::Start => found.extend(starts(dialog)),
            Target::Back => {}
        }
    }
    if let PageKind::Call {
        later: Some(later), ..
    } = &page.kind
    {
        found.insert(later);
    }
    found
}

/// The pages at which a conversation can begin.
pub fn starts(dialog: &Dialog) -> impl Iterator<Item = &PageName> {
    dialog.start.iter().filter_map(|arrow| match &arrow.to {
        Target::Page(to) => Some(to),
        Target::Start | Target::Back => None,
    })
}

fn of_arrows<'a>(by: By<'a>, arrows: &'a [Arrow]) -> impl Iterator<Item = Way<'a>> {
    arrows.iter().enumerate().map(move |(at, arrow)| Way {
        by,
        before: &arrows[..at],
        arrow,
    })
}

fn of_options(options: &[Choice]) -> impl Iterator<Item = Way<'_>> {
    options
        .iter()
        .flat_map(|choice| of_arrows(By::Choice(choice), &choice.then))
}

/// The picture for Graphviz.
pub fn dot(dialog: &Dialog) -> String {
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n",
        quoted(&dialog.name)
    );
    out.push_str("  \"(start)\" [shape=circle, label=\"\"];\n");
    for (name, page) in &dialog.pages {
        let shape = match page.kind {
            PageKind::Menu { .. } | PageKind::List { .. } => "box",
            PageKind::Ask { .. } => "parallelogram",
            PageKind::Call { .. } => "diamond",
            PageKind::Say { .. } => "note",
            PageKind::Wait => "octagon",
            PageKind::End => "doublecircle",
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "  {} [shape={shape}, label={}];",
            quoted(&name.0),
            quoted(&titled(name, page))
        );
    }
    for edge in edges(dialog) {
        let style = if edge.late { ", style=dashed" } else { "" };
        let _ = writeln!(
            out,
            "  {} -> {} [label={}{style}];",
            quoted(&edge.from),
            quoted(&edge.to),
            quoted(&edge.label)
        );
    }
    out.push_str("}\n");
    out
}

/// The picture for Mermaid.
pub fn mermaid(dialog: &Dialog) -> String {
    let id = |name: &str| match name {
        "(start)" => "start_".to_owned(),
        "(back)" => "back_".to_owned(),
        // `end` and others are words of Mermaid.
        page => format!("p_{page}"),
    };
    let mut out = "flowchart LR\n  start_(( ))\n".to_owned();
    for (name, page) in &dialog.pages {
        let (open, close) = match page.kind {
            PageKind::Menu { .. } | PageKind::List { .. } => ("[", "]"),
            PageKind::Ask { .. } => ("[/", "/]"),
            PageKind::Call { .. } => ("{", "}"),
            PageKind::Say { .. } => ("(", ")"),
            PageKind::Wait => ("{{", "}}"),
            PageKind::End => ("([", "])"),
        };
        let _ = writeln!(
            out,
            "  {}{open}{}{close}",
            id(&name.0),
            quoted(&titled(name, page))
        );
    }
    for edge in edges(dialog) {
        let line = if edge.late { "-.->" } else { "-->" };
        if edge.label.is_empty() {
            let _ = writeln!(out, "  {} {line} {}", id(&edge.from), id(&edge.to));
        } else {
            let _ = writeln!(
                out,
                "  {} {line}|{}| {}",
                id(&edge.from),
                quoted(&edge.label),
                id(&edge.to)
            );
        }
    }
    out
}

/// One line of a picture.
struct Edge {
    from: String,
    to: String,
    label: String,
    late: bool,
}

fn edges(dialog: &Dialog) -> Vec<Edge> {
    let mut found = Vec::new();
    let mut add = |from: &str, way: &Way| {
        let to = match &way.arrow.to {
            Target::Page(to) => to.0.clone(),
            Target::Start => "(start)".to_owned(),
            Target::Back => "(back)".to_owned(),
        };
        found.push(Edge {
            from: from.to_owned(),
            to,
            label: labelled(way),
            late: false,
        });
    };
    for way in first_ways(dialog) {
        add("(start)", &way);
    }
    for (name, page) in &dialog.pages {
        for way in ways(page) {
            add(&name.0, &way);
        }
    }
    for (name, page) in &dialog.pages {
        if let PageKind::Call {
            later: Some(later), ..
        } = &page.kind
        {
            found.push(Edge {
                from: name.0.clone(),
                to: later.0.clone(),
                label: "late".to_owned(),
                late: true,
            });
        }
    }
    if let Some(one_text) = &dialog.one_text {
        let (from, to) = (dialog.entry.0.clone(), one_text.to.0.clone());
        found.push(Edge {
            from,
            to,
            label: "one text".to_owned(),
            late: true,
        });
    }
    found
}

/// The page's name with what it asks or calls.
fn titled(name: &PageName, page: &Page) -> String {
    match &page.kind {
        PageKind::Call { call, .. } => format!("{name}: {}", call.name()),
        PageKind::Ask { slot, .. } => format!("{name}: {slot} ?"),
        PageKind::List { list, .. } => format!("{name}: {}", list.name()),
        PageKind::Menu { .. } | PageKind::Say { .. } | PageKind::Wait | PageKind::End => {
            name.0.clone()
        }
    }
}

fn labelled(way: &Way) -> String {
    let by = match way.by {
        By::Choice(choice) => match &choice.act {
            Some(Act::Speak(language)) => format!("{}, speak {language}", choice.label),
            Some(Act::Forget(slots)) => {
                let slots: Vec<&str> = slots.iter().map(SlotName::as_str).collect();
                format!("{}, forget {}", choice.label, slots.join(" "))
            }
            Some(Act::Agree | Act::Refuse) | None => choice.label.clone(),
        },
        By::Answer(_) | By::Start => String::new(),
        By::Outcome(_, outcome) => outcome.to_owned(),
    };
    match (&way.arrow.when, by.is_empty()) {
        (None, _) => by,
        (Some(guard), true) => guard.to_string(),
        (Some(guard), false) => format!("{by}: {guard}"),
    }
}

/// A quoted string for both formats; names and guards hold no quotes, so this is a guard only.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace(['"', '\\', '\n'], "'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::dialog::load::load;

    const TNS: &str = include_str!("../../dialogs/tns.yaml");

    #[track_caller]
    fn check(picture: &str, lines: &[&str]) {
        for line in lines {
            assert!(
                picture.lines().any(|drawn| drawn.trim() == *line),
                "no line {line} in\n{picture}"
            );
        }
    }

    #[test]
    fn pictures_have_every_page_and_way() {
        let dialog = load("dialogs/tns.yaml", TNS).unwrap();
        check(
            &dot(&dialog),
            &[
                "digraph \"tns\" {",
                "\"lookup\" [shape=diamond, label=\"lookup: registry.lookup\"];",
                "\"(start)\" -> \"language\" [label=\"not language_known\"];",
                "\"consent\" -> \"(start)\" [label=\"agree\"];",
                "\"lookup\" -> \"no_number\" [label=\"found: caller == none and policy == agency\"];",
                "\"lookup\" -> \"waiting\" [label=\"late\", style=dashed];",
                "\"birth\" -> \"summary\" [label=\"\"];",
                "\"home\" -> \"id_type\" [label=\"one text\", style=dashed];",
            ],
        );
        check(
            &mermaid(&dialog),
            &[
                "flowchart LR",
                "p_lookup{\"lookup: registry.lookup\"}",
                "p_goodbye([\"goodbye\"])",
                "start_ -->|\"not language_known\"| p_language",
                "p_birth --> p_summary",
                "p_lookup -.->|\"late\"| p_waiting",
            ],
        );
        for picture in [dot(&dialog), mermaid(&dialog)] {
            for page in dialog.pages.keys() {
                assert!(picture.contains(page.as_str()), "{page}");
            }
        }
    }
}
