//! What went over the wire, counted by command.

use std::collections::BTreeMap;
use std::fmt;

use rusmpp::CommandId;

/// PDUs by `command_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    read: BTreeMap<u32, u64>,
    written: BTreeMap<u32, u64>,
}

impl Traffic {
    /// A PDU came.
    pub fn read(&mut self, id: u32) {
        *self.read.entry(id).or_default() += 1;
    }

    /// A PDU goes; its octets.
    pub fn written(&mut self, pdu: &[u8]) {
        if let Some(id) = pdu.get(4..8).and_then(|id| id.first_chunk::<4>()) {
            *self.written.entry(u32::from_be_bytes(*id)).or_default() += 1;
        }
    }

    /// How many of a command came.
    pub fn came(&self, id: CommandId) -> u64 {
        self.read.get(&u32::from(id)).copied().unwrap_or(0)
    }

    /// How many of a command went.
    pub fn went(&self, id: CommandId) -> u64 {
        self.written.get(&u32::from(id)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids: Vec<u32> = self
            .read
            .keys()
            .chain(self.written.keys())
            .copied()
            .collect();
        ids.sort_unstable();
        ids.dedup();
        writeln!(f, "{:<28}{:>12}{:>12}", "", "came", "went")?;
        for id in ids {
            let command = CommandId::from(id);
            let name = if matches!(command, CommandId::Other(_)) {
                format!("{id:#010x}")
            } else {
                format!("{command:?}")
            };
            let count = |all: &BTreeMap<u32, u64>| all.get(&id).copied().unwrap_or(0);
            let (came, went) = (count(&self.read), count(&self.written));
            writeln!(f, "{name:<28}{came:>12}{went:>12}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let mut traffic = Traffic::default();
        traffic.read(0x15);
        traffic.written(&[0, 0, 0, 16, 0x80, 0, 0, 0x15]);
        traffic.written(&[0, 0, 0, 16, 0, 0, 0x0a, 0xbc]);
        traffic.written(&[0]);
        assert_eq!(traffic.came(CommandId::EnquireLink), 1);
        assert_eq!(traffic.went(CommandId::EnquireLinkResp), 1);
        let shown = traffic.to_string();
        let words: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words,
            [
                vec!["came", "went"],
                vec!["EnquireLink", "1", "0"],
                vec!["0x00000abc", "0", "1"],
                vec!["EnquireLinkResp", "0", "1"],
            ]
        );
    }
}
