//! What is surely there when a page is reached: a forward flow over the arrows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::conversation::{CallKind, PageName, SlotName};
use crate::dialog::graph::{self, By, Way};
use crate::dialog::guard::Guard;
use crate::dialog::lists::ListName;
use crate::dialog::{Act, Dialog, PageKind, SlotKind, Target};

/// What is surely there when a page is reached, whatever way led to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// The slot is filled.
    Slot(SlotName),
    /// The call was answered so that its facts are set: the registry found the person, or a code
    /// is on its way.
    Told(CallKind),
}

/// The list within which a list stands.
pub fn parent(list: ListName) -> Option<ListName> {
    match list {
        ListName::Groups | ListName::Regions => None,
        ListName::Categories => Some(ListName::Groups),
        ListName::Cities => Some(ListName::Regions),
    }
}

/// The slots that a call reads, with their kinds.
pub fn slots_of(call: CallKind) -> &'static [(&'static str, &'static str)] {
    match call {
        CallKind::Lookup => &[
            ("id_type", "choice"),
            ("id_number", "identity"),
            ("expiry", "expiry"),
            ("birth", "birth"),
        ],
        CallKind::VerifyCode => &[("code", "code")],
        CallKind::SendCode | CallKind::OpenAccount | CallKind::ResendPassword => &[],
    }
}

/// The calls that have to be answered before.
pub fn calls_before(call: CallKind) -> &'static [CallKind] {
    match call {
        CallKind::Lookup => &[],
        CallKind::SendCode | CallKind::OpenAccount | CallKind::ResendPassword => {
            &[CallKind::Lookup]
        }
        CallKind::VerifyCode => &[CallKind::SendCode],
    }
}

/// Whether the outcome brings the facts of the call.
fn tells(call: CallKind, outcome: &str) -> bool {
    match call {
        CallKind::Lookup => outcome == "found",
        CallKind::SendCode => outcome == "sent" || outcome == "too_soon",
        CallKind::VerifyCode => outcome == "right" || outcome == "wrong",
        CallKind::OpenAccount | CallKind::ResendPassword => false,
    }
}

/// What is surely there on arriving at each page that can be reached.
///
/// A forward flow: what holds on a page is what all ways to it have in common. Going back only
/// finds more filled than before, since an option that forgets also forgets the way back.
pub fn sure(dialog: &Dialog) -> BTreeMap<PageName, BTreeSet<Sure>> {
    let mut here: BTreeMap<PageName, BTreeSet<Sure>> = BTreeMap::new();
    let mut open: VecDeque<PageName> = VecDeque::new();
    for name in graph::starts(dialog) {
        here.insert(name.clone(), BTreeSet::new());
        open.push_back(name.clone());
    }
    // A page enters again only when its set has shrunk, so that this ends.
    while let Some(name) = open.pop_front() {
        let known = here.get(&name).cloned().unwrap_or_default();
        for (to, then) in arrivals(dialog, &name, &known) {
            let meets = match here.get(&to) {
                None => then,
                Some(old) => {
                    let common: BTreeSet<Sure> = old.intersection(&then).cloned().collect();
                    if common == *old {
                        continue;
                    }
                    common
                }
            };
            here.insert(to.clone(), meets);
            open.push_back(to);
        }
    }
    here
}

/// Where the ways from a page lead, with what is there on arriving, if `known` was there before.
pub fn arrivals(
    dialog: &Dialog,
    name: &PageName,
    known: &BTreeSet<Sure>,
) -> Vec<(PageName, BTreeSet<Sure>)> {
    let page = &dialog.pages[name];
    let mut found = Vec::new();
    for way in graph::ways(page) {
        let mut then = after(dialog, known, &way);
        then.extend(filled_by(dialog, &way));
        match &way.arrow.to {
            Target::Page(to) => found.push((to.clone(), then)),
            // A start page is begun with nothing, and going back finds what was there.
            Target::Start | Target::Back => {}
        }
    }
    if let PageKind::Call {
        later: Some(later), ..
    } = &page.kind
    {
        found.push((later.clone(), known.clone()));
    }
    if *name == dialog.entry {
        let one_text = dialog.one_text.iter();
        found.extend(one_text.map(|one_text| (one_text.to.clone(), BTreeSet::new())));
    }
    found
}

/// What is there once the way is taken, before its guards are looked at.
pub fn after(dialog: &Dialog, known: &BTreeSet<Sure>, way: &Way) -> BTreeSet<Sure> {
    let mut then = known.clone();
    match way.by {
        By::Answer(slot) => fill(dialog, &mut then, slot),
        By::Choice(choice) => {
            match &choice.act {
                Some(Act::Forget(slots)) => {
                    for slot in slots {
                        then.remove(&Sure::Slot(slot.clone()));
                        unsettle(&mut then, slot);
                    }
                }
                Some(Act::Refuse) => then.clear(),
                Some(Act::Speak(_) | Act::Agree) | None => {}
            }
            if let Some((slot, _)) = &choice.set {
                fill(dialog, &mut then, slot);
            }
        }
        By::Outcome(call, outcome) => {
            if tells(call, outcome) {
                then.insert(Sure::Told(call));
            }
            // A code is tried once; afterwards it is asked anew.
            if call == CallKind::VerifyCode {
                then.retain(|item| match item {
                    Sure::Slot(slot) => dialog.slots.get(slot) != Some(&SlotKind::Code),
                    Sure::Told(_) => true,
                });
            }
        }
        By::Start => {}
    }
    then
}

fn fill(dialog: &Dialog, then: &mut BTreeSet<Sure>, slot: &SlotName) {
    unsettle(then, slot);
    // A group chosen anew leaves the category of the old one behind.
    if let Some(SlotKind::Listed(list)) = dialog.slots.get(slot) {
        let within = |kind: &SlotKind| matches!(kind, SlotKind::Listed(child) if parent(*child) == Some(*list));
        for (child, _) in dialog.slots.iter().filter(|(_, kind)| within(kind)) {
            then.remove(&Sure::Slot(child.clone()));
        }
    }
    then.insert(Sure::Slot(slot.clone()));
}

/// What the registry told about one person says nothing about another.
fn unsettle(then: &mut BTreeSet<Sure>, slot: &SlotName) {
    if slots_of(CallKind::Lookup)
        .iter()
        .any(|(name, _)| *name == slot.as_str())
    {
        then.remove(&Sure::Told(CallKind::Lookup));
        then.remove(&Sure::Told(CallKind::SendCode));
    }
}

/// The slots that a guard compares although they may be empty there.
pub fn unsure_in(guard: &Guard, dialog: &Dialog, known: &BTreeSet<Sure>) -> BTreeSet<SlotName> {
    let more = |inner: &Guard, truth: bool| {
        let mut more = known.clone();
        more.extend(slots_in(dialog, inner, truth));
        more
    };
    match guard {
        Guard::Flag(_) | Guard::Filled(_) => BTreeSet::new(),
        Guard::Is(name, _) | Guard::IsNot(name, _) => {
            let slot = SlotName(name.clone());
            let unsure =
                dialog.slots.contains_key(&slot) && !known.contains(&Sure::Slot(slot.clone()));
            unsure.then_some(slot).into_iter().collect()
        }
        Guard::Not(inner) => unsure_in(inner, dialog, known),
        Guard::And(left, right) => {
            let mut found = unsure_in(left, dialog, known);
            found.extend(unsure_in(right, dialog, &more(left, true)));
            found
        }
        Guard::Or(left, right) => {
            let mut found = unsure_in(left, dialog, known);
            found.extend(unsure_in(right, dialog, &more(left, false)));
            found
        }
    }
}

/// What an arrow taken proves about slots: its own guard held and those before it did not.
fn filled_by(dialog: &Dialog, way: &Way) -> BTreeSet<Sure> {
    let own = way
        .arrow
        .when
        .iter()
        .flat_map(|guard| slots_in(dialog, guard, true));
    own.chain(passed_by(dialog, way)).collect()
}

/// What is proved by the guards before an arrow not having held.
pub fn passed_by(dialog: &Dialog, way: &Way) -> BTreeSet<Sure> {
    let guards = way.before.iter().filter_map(|arrow| arrow.when.as_ref());
    guards
        .flat_map(|guard| slots_in(dialog, guard, false))
        .collect()
}

/// The slots that are filled where the guard is known to be `truth`; guards name facts as well.
fn slots_in(dialog: &Dialog, guard: &Guard, truth: bool) -> BTreeSet<Sure> {
    let slots = guard.fills(truth).into_iter().map(SlotName::from);
    slots
        .filter(|slot| dialog.slots.contains_key(slot))
        .map(Sure::Slot)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::dialog::load::load;

    #[test]
    fn what_is_there_on_the_pages_of_the_procedure() {
        let dialog = load("dialogs/tns.yaml", include_str!("../../dialogs/tns.yaml")).unwrap();
        let sure = sure(&dialog);
        for (page, there) in [
            ("home", ""),
            ("id_type", ""),
            ("id_number", "id_type"),
            ("expiry", "id_number id_type"),
            ("birth", "expiry id_number id_type"),
            ("summary", "birth expiry id_number id_type"),
            ("correct", "birth expiry id_number id_type"),
            ("waiting", "birth expiry id_number id_type"),
            ("no_match", "birth expiry id_number id_type"),
            ("subject", "birth expiry id_number id_type registry.lookup"),
            (
                "code",
                "birth expiry id_number id_type registry.lookup codes.send",
            ),
            (
                "verify",
                "birth code expiry id_number id_type registry.lookup codes.send",
            ),
            (
                "code_wrong",
                "birth expiry id_number id_type registry.lookup codes.send codes.verify",
            ),
            ("categories", "group"),
            ("documents", "category group"),
            ("points", "city region"),
        ] {
            let found: Vec<&str> = sure[&PageName::from(page)]
                .iter()
                .map(|item| match item {
                    Sure::Slot(slot) => slot.as_str(),
                    Sure::Told(call) => call.name(),
                })
                .collect();
            assert_eq!(found.join(" "), there, "{page}");
        }
    }
}
