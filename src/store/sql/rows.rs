//! Statements over many rows: the text of each is made once for a few sizes, so that the engine
//! prepares it once too.

use std::ops::Range;
use std::sync::OnceLock;

use super::engine::Kind;

/// Rows of one statement, largest first. More rows take several statements; the last size is 1, so
/// that every count can be made of them.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// The texts of a statement with a list of rows: `head VALUES ($1, $2), ($3, $4) tail`.
pub(super) struct Rows {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    texts: [[OnceLock<String>; SIZES.len()]; 2],
}

impl Rows {
    /// A statement whose list has so many columns.
    pub(super) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self {
            head,
            columns,
            tail,
            texts: [const { [const { OnceLock::new() }; SIZES.len()] }; 2],
        }
    }

    /// The statements that take `count` rows: each with the rows that it takes.
    pub(super) fn over(
        &'static self,
        kind: Kind,
        count: usize,
    ) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            let (at, size) = SIZES
                .iter()
                .enumerate()
                .find(|(_, size)| **size <= count - done)?;
            let rows = done..done + size;
            done += size;
            Some((self.text(kind, at), rows))
        })
    }

    fn text(&'static self, kind: Kind, at: usize) -> &'static str {
        self.texts[kind as usize][at].get_or_init(|| {
            let row = |row: usize| {
                let first = row * self.columns + 1;
                let places: Vec<String> = (first..first + self.columns)
                    .map(|number| kind.place(number))
                    .collect();
                format!("({})", places.join(", "))
            };
            let rows: Vec<String> = (0..SIZES[at]).map(row).collect();
            format!("{} VALUES {} {}", self.head, rows.join(", "), self.tail)
        })
    }
}

/// Sizes of lists, smallest first. A list is filled up with its own last value.
const LISTS: [usize; 4] = [1, 8, 64, 512];

/// The texts of a statement with a list of values: `head ($3, $4) tail`, behind `before` single
/// values, each of which stands once and in order.
pub(super) struct List {
    head: &'static str,
    before: usize,
    tail: &'static str,
    texts: [[OnceLock<String>; LISTS.len()]; 2],
}

impl List {
    /// A statement with so many values before the list.
    pub(super) const fn new(head: &'static str, before: usize, tail: &'static str) -> Self {
        Self {
            head,
            before,
            tail,
            texts: [const { [const { OnceLock::new() }; LISTS.len()] }; 2],
        }
    }

    /// The statements that take all of `values`: each with those that it takes, filled up.
    pub(super) fn over<'v, T>(
        &'static self,
        kind: Kind,
        values: &'v [T],
    ) -> impl Iterator<Item = (&'static str, Filled<'v, T>)> {
        let longest = LISTS[LISTS.len() - 1];
        values.chunks(longest).map(move |chunk| {
            let at = LISTS
                .iter()
                .position(|size| chunk.len() <= *size)
                .unwrap_or(LISTS.len() - 1);
            let filled = Filled {
                values: chunk,
                at: 0,
                size: LISTS[at],
            };
            (self.text(kind, at), filled)
        })
    }

    fn text(&'static self, kind: Kind, at: usize) -> &'static str {
        self.texts[kind as usize][at].get_or_init(|| {
            let places: Vec<String> = (1..=LISTS[at])
                .map(|number| kind.place(self.before + number))
                .collect();
            let head = (1..=self.before).fold(self.head.to_owned(), |head, number| {
                head.replacen(&format!("${number}"), &kind.place(number), 1)
            });
            debug_assert!(
                kind == Kind::Pg || !head.contains('$'),
                "a value stands once: {head}"
            );
            format!("{head} ({}) {}", places.join(", "), self.tail)
        })
    }
}

/// The values of one list, the last one repeated until the list is full.
pub(super) struct Filled<'v, T> {
    values: &'v [T],
    at: usize,
    size: usize,
}

impl<'v, T> Iterator for Filled<'v, T> {
    type Item = &'v T;

    fn next(&mut self) -> Option<&'v T> {
        if self.at == self.size {
            return None;
        }
        let value = self.values.get(self.at).or(self.values.last());
        self.at += 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_few_sizes() {
        static PAIRS: Rows = Rows::new("INSERT INTO t (a, b)", 2, "RETURNING a");
        let all: Vec<_> = PAIRS.over(Kind::Lite, 337).collect();
        let taken: Vec<_> = all.iter().map(|(_, rows)| rows.clone()).collect();
        assert_eq!(taken, [0..256, 256..320, 320..336, 336..337]);
        assert_eq!(all[3].0, "INSERT INTO t (a, b) VALUES (?, ?) RETURNING a");
        let pg = PAIRS
            .over(Kind::Pg, 4)
            .next()
            .unwrap_or_else(|| panic!("one statement"));
        assert!(pg.0.ends_with("VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8) RETURNING a"));
        assert_eq!(all[2].0.matches("(?, ?)").count(), 16);
        assert_eq!(PAIRS.over(Kind::Lite, 0).count(), 0);
    }

    #[test]
    fn lists_are_filled_up() {
        static LIST: List = List::new("SELECT a FROM t WHERE b = $1 AND c IN", 1, "ORDER BY a");
        let shown = |values: &[u32]| -> Vec<(usize, Vec<u32>)> {
            LIST.over(Kind::Lite, values)
                .map(|(text, list)| (text.matches('?').count() - 1, list.copied().collect()))
                .collect()
        };
        assert_eq!(shown(&[]), []);
        assert_eq!(shown(&[7]), [(1, vec![7])]);
        assert_eq!(shown(&[7, 8]), [(8, vec![7, 8, 8, 8, 8, 8, 8, 8])]);
        let many: Vec<u32> = (0..515).collect();
        let lengths: Vec<_> = shown(&many)
            .iter()
            .map(|(places, list)| (*places, list.len()))
            .collect();
        assert_eq!(lengths, [(512, 512), (8, 8)]);
        let (text, _) = LIST
            .over(Kind::Lite, &[1])
            .next()
            .unwrap_or_else(|| panic!("one statement"));
        assert_eq!(text, "SELECT a FROM t WHERE b = ? AND c IN (?) ORDER BY a");
    }
}
