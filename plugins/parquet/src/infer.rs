//! Infers a type for each column of rows without a schema: the narrowest type that holds every value exactly.

use crate::exact;
use crate::rows::{self, MalformedRows};

/// Doubles represent every integer up to this one.
const EXACT_INTEGER: u64 = 1 << 53;

/// The type of a column. Every column is nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Boolean,
    /// 64 bits.
    Integer,
    Double,
    Text,
    /// Text that contains JSON: objects, arrays, values of several types, numbers with more digits than a double holds.
    Json,
}

/// What was found in a column.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    booleans: bool,
    texts: bool,
    integers: bool,
    /// An integer that a double does not represent exactly.
    large_integers: bool,
    doubles: bool,
    others: bool,
}

impl Seen {
    fn column_type(self) -> ColumnType {
        let numbers = self.integers || self.doubles;
        match (self.booleans, numbers, self.texts) {
            _ if self.others => ColumnType::Json,
            (true, false, false) => ColumnType::Boolean,
            (false, true, false) if !self.doubles => ColumnType::Integer,
            (false, true, false) if !self.large_integers => ColumnType::Double,
            // A column that is always null becomes text, which every reader accepts.
            (false, false, _) => ColumnType::Text,
            _ => ColumnType::Json,
        }
    }

    fn take(&mut self, value: &str) {
        match value.as_bytes().first() {
            Some(b'n') => {}
            Some(b't' | b'f') => self.booleans = true,
            Some(b'"') => self.texts = true,
            Some(b'-' | b'0'..=b'9') => self.take_number(value),
            _ => self.others = true,
        }
    }

    fn take_number(&mut self, value: &str) {
        match integer(value) {
            Some(number) => {
                self.integers = true;
                self.large_integers |= number.unsigned_abs() > EXACT_INTEGER;
            }
            // Once doubles are ruled out, further numbers change nothing.
            None if !self.others && exact::double(value).is_some() => self.doubles = true,
            None => self.others = true,
        }
    }
}

/// Returns a number that is written as a 64-bit integer. Minus zero is not one, because its sign must be kept.
pub(crate) fn integer(value: &str) -> Option<i64> {
    if value == "-0" { None } else { value.parse().ok() }
}

/// Infers types from the rows that it has seen.
#[derive(Debug)]
pub struct Inference {
    columns: Vec<Seen>,
}

impl Inference {
    pub fn new(columns: usize) -> Self {
        Inference { columns: vec![Seen::default(); columns] }
    }

    /// Examines rows: JSON arrays with one element per column, each followed by LF. Returns their number.
    pub fn rows(&mut self, rows: &[u8]) -> Result<u64, MalformedRows> {
        let count = self.columns.len();
        rows::cells(rows, count, |index, value| {
            if let Some(column) = self.columns.get_mut(index) {
                column.take(value);
            }
            Ok(())
        })
    }

    pub fn types(&self) -> Vec<ColumnType> {
        self.columns.iter().map(|column| column.column_type()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(values: &[&str]) -> ColumnType {
        let mut inference = Inference::new(1);
        for value in values {
            inference.rows(format!("[{value}]\n").as_bytes()).unwrap();
        }
        inference.types()[0]
    }

    #[test]
    fn a_column_gets_the_narrowest_type_that_holds_every_value() {
        use ColumnType::*;
        for (values, expected) in [
            (&["null", "true", "false"][..], Boolean),
            (&["1", "-9223372036854775808"], Integer),
            (&["1", "2.5"], Double),
            (&["-0"], Double),
            (&["1e3"], Double),
            (&["\"x\"", "null"], Text),
            (&["null"], Text),
            (&[], Text),
            (&["9007199254740993", "2.5"], Json),
            (&["9223372036854775808"], Json),
            (&["0.10000000000000000555"], Json),
            (&["1", "\"1\""], Json),
            (&["1", "true"], Json),
            (&["{\"a\":1}"], Json),
            (&["[1]", "null"], Json),
        ] {
            assert_eq!(inferred(values), expected, "{values:?}");
        }
    }

    #[test]
    fn rows_of_the_wrong_length_are_an_error() {
        let mut inference = Inference::new(2);
        assert_eq!(inference.rows(b"[1,2]\n[3,4]\n"), Ok(2));
        for rows in ["[1]\n", "[1,2,3]\n", "{}\n", "[1,2\n", "[1,2] x\n"] {
            assert_eq!(inference.rows(rows.as_bytes()), Err(MalformedRows), "{rows}");
        }
    }
}
