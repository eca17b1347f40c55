//! A sheet of CSV, read row by row: a header of fixed names, and faults that name the line, the
//! column, what was expected and the mend, but never what stands in a cell, because cells hold
//! personal data.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use csv::{ByteRecord, ReaderBuilder};

/// How many faults are collected before a reader gives up.
pub const FAULTS_MAX: usize = 20;

/// The most bytes of a cell.
const CELL_BYTES_MAX: usize = 1024;

/// What some spreadsheets write before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The most bytes of a line.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// One thing that is wrong in a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The column by its name; `row` for the row as a whole.
    pub column: &'static str,
    /// What was expected, and how to mend it.
    pub expected: String,
}

/// Everything that is wrong in a sheet, up to [`FAULTS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The name of the file, as the administrator gave it.
    pub file: String,
    /// The faults, by line.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    /// One line for each fault, as `file:line: column: expected …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(
                f,
                "{}:{}: {}: expected {}",
                self.file, fault.line, fault.column, fault.expected
            )?;
        }
        if self.faults.len() >= FAULTS_MAX {
            write!(
                f,
                "\nthere may be more: reading stopped after {FAULTS_MAX} faults"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A sheet that is being read. A row is one line: no cell of ours has a line break, and a quote that
/// was never closed spoils its own line instead of swallowing the rest of the file.
pub struct Sheet<R> {
    input: BufReader<R>,
    separator: u8,
    line: u64,
    position: u64,
    columns: &'static [&'static str],
    /// Where each of `columns` stands in the file.
    order: Vec<usize>,
    record: ByteRecord,
    file: String,
    faults: Vec<Fault>,
}

/// One row: its cells by the names of the columns.
pub struct Row<'a> {
    /// The line on which it begins.
    pub line: u64,
    columns: &'static [&'static str],
    order: &'a [usize],
    record: &'a ByteRecord,
    faults: &'a mut Vec<Fault>,
}

impl<R: Read> Sheet<R> {
    /// Reads the header. Columns may come in any order; all of them have to be there, and no
    /// other. The separator is `,`, or `;` where the header has it, as spreadsheets in French
    /// write it.
    ///
    /// # Errors
    /// [`Faults`] of the header.
    pub fn open(file: &str, bytes: R, columns: &'static [&'static str]) -> Result<Self, Faults> {
        let mut sheet = Self {
            input: BufReader::new(bytes),
            separator: b',',
            line: 0,
            position: 0,
            columns,
            order: Vec::new(),
            record: ByteRecord::new(),
            file: file.to_owned(),
            faults: Vec::new(),
        };
        let head = loop {
            let line = sheet
                .next_line()
                .map_err(|expected| sheet.refuse(expected))?;
            match line {
                Some(line) if line.starts_with(b"#") => {}
                line => break line.unwrap_or_default(),
            }
        };
        if head.contains(&b';') && !head.contains(&b',') {
            sheet.separator = b';';
        }
        split(&head, sheet.separator, &mut sheet.record);
        sheet.order = order(&sheet.record, columns)
            .map_err(|text| sheet.refuse(format!("the header `{}`; {text}", columns.join(","))))?;
        Ok(sheet)
    }

    /// The next row, or none at the end or after too many faults. Empty lines and
    /// those that begin with `#` are passed over.
    pub fn row(&mut self) -> Option<Row<'_>> {
        while self.faults.len() < FAULTS_MAX {
            let line = match self.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(expected) => {
                    self.fault(self.line, "row", expected);
                    return None;
                }
            };
            if line.trim_ascii().is_empty() || line.starts_with(b"#") {
                continue;
            }
            split(&line, self.separator, &mut self.record);
            if self.record.len() != self.columns.len() {
                let expected = format!(
                    "{} cells on one line, but there are {}; put a text that holds a separator between double quotes, and close every quote",
                    self.columns.len(),
                    self.record.len()
                );
                self.fault(self.line, "row", expected);
                continue;
            }
            return Some(Row {
                line: self.line,
                columns: self.columns,
                order: &self.order,
                record: &self.record,
                faults: &mut self.faults,
            });
        }
        None
    }

    /// The next line with its end, or none at the end of the file; otherwise what was expected.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut line = Vec::new();
        let read = (&mut self.input)
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut line);
        self.line += 1;
        match read {
            Ok(0) => Ok(None),
            Ok(LINE_BYTES_MAX) if !line.ends_with(b"\n") => Err("a line of at most 64 KiB".into()),
            Ok(read) => {
                self.position += read as u64;
                if self.line == 1 && line.starts_with(BYTE_ORDER_MARK) {
                    line.drain(..BYTE_ORDER_MARK.len());
                }
                Ok(Some(line))
            }
            Err(error) => Err(format!("a readable file, but: {error}")),
        }
    }

    fn refuse(&self, expected: String) -> Faults {
        Faults {
            file: self.file.clone(),
            faults: vec![Fault {
                line: self.line,
                column: "row",
                expected,
            }],
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether nothing has been wrong so far.
    pub fn clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Records what is wrong with a row that was read before.
    pub fn fault(&mut self, line: u64, column: &'static str, expected: impl Into<String>) {
        self.faults.push(Fault {
            line,
            column,
            expected: expected.into(),
        });
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Faults`], if there were any.
    pub fn finish(self) -> Result<(), Faults> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Faults {
                file: self.file,
                faults: self.faults,
            })
        }
    }
}

impl Row<'_> {
    /// The text of a cell without blanks around it; empty if it is unfit, which is recorded.
    ///
    /// # Panics
    /// If `column` is none of the sheet's: the names are constants of the same module.
    pub fn text(&mut self, column: &'static str) -> String {
        let at = self.columns.iter().position(|name| *name == column);
        #[allow(clippy::expect_used)]
        let at = at.expect("the column is one of the sheet's");
        let cell = self.record.get(self.order[at]).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(cell) else {
            self.fault(column, "UTF-8; save the file as \"CSV UTF-8\"");
            return String::new();
        };
        if cell.len() > CELL_BYTES_MAX {
            self.fault(column, format!("at most {CELL_BYTES_MAX} bytes"));
            return String::new();
        }
        if text.chars().any(char::is_control) {
            self.fault(column, "one line without control characters");
            return String::new();
        }
        text.trim().to_owned()
    }

    /// Records that the cell is unfit.
    pub fn fault(&mut self, column: &'static str, expected: impl Into<String>) {
        self.faults.push(Fault {
            line: self.line,
            column,
            expected: expected.into(),
        });
    }

    /// The cell by `read`; a fault if that says what it expected instead.
    pub fn get<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let before = self.faults.len();
        let text = self.text(column);
        if self.faults.len() > before {
            return None;
        }
        read(&text)
            .map_err(|expected| self.fault(column, expected))
            .ok()
    }
}

/// Cuts one line into cells.
fn split(line: &[u8], separator: u8, record: &mut ByteRecord) {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line);
    // Reading bytes from memory with any number of cells cannot fail; at worst there is no cell.
    if !matches!(reader.read_byte_record(record), Ok(true)) {
        record.clear();
    }
}

/// Where each column stands in the header; what is wrong with it otherwise. Foreign names are
/// told by their place, since a file without a header has a person there.
fn order(record: &ByteRecord, columns: &[&str]) -> Result<Vec<usize>, String> {
    if record.is_empty() {
        return Err("the first line is empty".into());
    }
    let names: Vec<&[u8]> = record.iter().map(<[u8]>::trim_ascii).collect();
    if let Some(at) = names
        .iter()
        .position(|name| !columns.iter().any(|column| column.as_bytes() == *name))
    {
        return Err(format!("column {} has another name", at + 1));
    }
    if names.len() > columns.len() {
        return Err("a column is there twice".into());
    }
    columns
        .iter()
        .map(|column| {
            let at = names.iter().position(|name| *name == column.as_bytes());
            at.ok_or_else(|| format!("`{column}` is missing"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Reads a sheet of the columns `one` and `two`, where `two` is a number.
    fn read(text: &[u8]) -> Result<Vec<(String, u32)>, String> {
        let mut rows = Vec::new();
        let mut sheet =
            Sheet::open("f.csv", text, &["one", "two"]).map_err(|faults| faults.to_string())?;
        while let Some(mut row) = sheet.row() {
            let one = row.text("one");
            let two = row.get("two", |text| {
                text.parse::<u32>().map_err(|_| "a number".to_owned())
            });
            rows.extend(two.map(|two| (one, two)));
        }
        sheet.finish().map_err(|faults| faults.to_string())?;
        Ok(rows)
    }

    #[test]
    fn rows() {
        for text in [
            "one,two\na,1\nb,2\n",
            "one,two\r\na,1\r\nb,2",
            "two,one\n1,a\n2, b \n",
            "one;two\na;1\nb;2\n",
            "\u{feff}# a sample\none,two\n\"a\",1\n\nb,2\n",
        ] {
            assert_eq!(
                read(text.as_bytes()),
                Ok(vec![("a".into(), 1), ("b".into(), 2)]),
                "{text:?}"
            );
        }
        assert_eq!(read(b"one,two\n\"a, b\",1\n"), Ok(vec![("a, b".into(), 1)]));
        assert_eq!(read(b"one,two\n"), Ok(vec![]));
    }

    #[test]
    fn faults_name_line_column_and_mend_and_no_cell() {
        let header = "f.csv:1: row: expected the header `one,two`; ";
        for (text, expected) in [
            (&b""[..], format!("{header}the first line is empty")),
            (b"SECRET,1\n", format!("{header}column 1 has another name")),
            (b"one\n", format!("{header}`two` is missing")),
            (b"one,two,two\n", format!("{header}a column is there twice")),
            (b"one,two\nSECRET,x\n", "f.csv:2: two: expected a number".into()),
            (b"one,two\na,1\n\n\xff,2\nb,SECRET\n", "f.csv:4: one: expected UTF-8; save the file as \"CSV UTF-8\"\nf.csv:5: two: expected a number".into()),
            (b"one,two\nSECRET\n", "f.csv:2: row: expected 2 cells on one line, but there are 1; put a text that holds a separator between double quotes, and close every quote".into()),
            (b"one,two\r\na,1\r\n\"SEC\"\tRET,1\r\n", "f.csv:3: one: expected one line without control characters".into()),
            (b"one,two\n\"a\",1\nSECRET,\"2\nb,2\n", "f.csv:3: two: expected one line without control characters".into()),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error, expected, "{}", String::from_utf8_lossy(text));
        }
        let endless = format!("one,two\n\"{}", "S".repeat(LINE_BYTES_MAX));
        assert_eq!(
            read(endless.as_bytes()),
            Err("f.csv:2: row: expected a line of at most 64 KiB".into())
        );
        let long = format!("one,two\n{},1\n", "S".repeat(CELL_BYTES_MAX + 1));
        assert_eq!(
            read(long.as_bytes()),
            Err("f.csv:2: one: expected at most 1024 bytes".into())
        );
    }

    #[test]
    fn it_stops_after_twenty_faults() {
        let text = format!("one,two\n{}", "a,x\n".repeat(1000));
        let error = read(text.as_bytes()).unwrap_err();
        assert_eq!(error.lines().count(), FAULTS_MAX + 1);
        assert!(
            error.ends_with("there may be more: reading stopped after 20 faults"),
            "{error}"
        );
    }
}
