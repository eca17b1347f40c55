//! Arriving at a page: what happens before anything is shown.

use crate::conversation::{Aside, PageName, Pending, Place, SlotName, Value};
use crate::dialog::{Choice, PageKind};
use crate::engine::{Effect, Next, Step};

impl<'a> Step<'a> {
    /// Goes forward to a page.
    pub(super) fn arrive(&mut self, target: &PageName) -> Next {
        self.left = self.left.saturating_sub(1);
        let dialog = self.script.dialog;
        let Some(page) = dialog.pages.get(target) else {
            return self.show(None);
        };
        if self.left == 0 {
            return self.show(None);
        }
        if let PageKind::Call { call, .. } = &page.kind {
            self.conversation.calls += 1;
            let number = self.conversation.calls;
            self.conversation.pending = Some(Pending {
                number,
                call: *call,
                page: target.clone(),
                asked_at: self.at,
                told_to_wait: false,
            });
            return Next::Ask {
                number,
                call: *call,
            };
        }

        self.leave(target);
        if page.no_back {
            self.conversation.history.clear();
        }
        if *target == self.script.dialog.entry {
            self.conversation.entered = true;
            if let Some(one_text) = self.script.dialog.one_text.as_ref()
                && !self.conversation.given.is_empty()
            {
                return self.arrive(&one_text.to);
            }
        }
        if let Some(sms) = &page.sms {
            self.keep(sms);
        }
        match &page.kind {
            PageKind::Menu { options } => self.take_given_option(options),
            PageKind::Ask { slot, .. } => self.take_given(slot),
            PageKind::End => {
                self.end();
                self.show(None)
            }
            PageKind::List { .. } | PageKind::Say { .. } => self.take_queued(),
            PageKind::Wait | PageKind::Call { .. } => self.show(None),
        }
    }

    /// Goes back to the page before; where there is none, the page stays.
    pub(super) fn back(&mut self) -> Next {
        if let Some(place) = self.conversation.history.pop() {
            self.conversation.page = place.page;
            self.conversation.chunk = place.chunk;
            self.conversation.part = 0;
        }
        self.show(None)
    }

    /// Puts the present page behind and the next one in its place.
    fn leave(&mut self, target: &PageName) {
        let conversation = &mut self.conversation;
        let shown = self
            .script
            .dialog
            .pages
            .get(&conversation.page)
            .map(|page| &page.kind);
        let returns = match shown {
            Some(
                PageKind::Menu { .. }
                | PageKind::List { .. }
                | PageKind::Ask { .. }
                | PageKind::Say { .. },
            ) => conversation.page != *target,
            Some(PageKind::Wait | PageKind::End | PageKind::Call { .. }) | None => false,
        };
        if returns {
            conversation.history.push(Place {
                page: conversation.page.clone(),
                chunk: conversation.chunk,
            });
        }
        conversation.page = target.clone();
        (conversation.part, conversation.parts, conversation.chunk) = (0, 1, 0);
        conversation.aside = None;
    }

    /// Queues a message to keep, unless it went already about the same thing.
    fn keep(&mut self, sms: &str) {
        let about: Vec<String> = self
            .conversation
            .slots
            .values()
            .map(Value::shown)
            .chain([sms.to_owned()])
            .collect();
        let about = about.join("\u{1f}");
        if !self.conversation.kept.contains(&about) {
            self.conversation.kept.push(about);
            self.effects.push(Effect::Message(sms.to_owned()));
        }
    }

    /// Takes what a one-text message gave for a menu's slot, if it leaves no choice.
    fn take_given_option(&mut self, options: &'a [Choice]) -> Next {
        let given = options.iter().find_map(|option| {
            let (slot, _) = option.set.as_ref()?;
            self.conversation
                .given
                .remove(slot)
                .map(|values| (slot.clone(), values))
        });
        if let Some((slot, values)) = given
            && let [Value::Word(word)] = values.as_slice()
        {
            let chosen = options
                .iter()
                .find(|option| option.set.as_ref() == Some(&(slot.clone(), word.clone())));
            if let Some(option) = chosen {
                return self.choose(option);
            }
        }
        self.take_queued()
    }

    /// Takes what a one-text message gave for a slot; several readings are asked.
    fn take_given(&mut self, slot: &SlotName) -> Next {
        // Two dates that could be either are asked even where only one of them is likely.
        let fitting = self
            .conversation
            .given
            .remove(slot)
            .map(|values| match values.as_slice() {
                [_, _, ..] if self.is_dated(slot) => values,
                _ => values
                    .into_iter()
                    .filter(|value| self.fits(slot, value))
                    .collect(),
            });
        match fitting {
            Some(values) => match values.as_slice() {
                [value] => self.fill_and_go(slot, value.clone()),
                [] => self.take_queued(),
                _ => {
                    self.conversation.aside = Some(Aside::Readings {
                        slot: slot.clone(),
                        values,
                    });
                    self.show(None)
                }
            },
            None => self.take_queued(),
        }
    }

    /// Gives the next input of a dial string to the page, once the entry page has been reached.
    fn take_queued(&mut self) -> Next {
        if !self.conversation.entered || self.conversation.queued.is_empty() {
            return self.show(None);
        }
        let input = self.conversation.queued.remove(0);
        self.give_to_page(&input)
    }
}
