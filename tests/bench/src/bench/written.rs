//! Checks exported files: formats, columns and content. It must not trust a count that it has not made itself.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::dataset::{Dataset, Probe};
use jobhost_testkit::failure::{Doing, Failure, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// The byte that ends every row. It does not occur in the generated values.
    fn end(self) -> u8 {
        match self {
            Self::Csv => b'\n',
            Self::Json => b'}',
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// The eight columns of the generated file.
    OfFile,
    /// Also the two times that jobhost stores for every record, as `*` returns them.
    All,
}

const OF_FILE: [&str; 8] = ["id", "name", "email", "city", "age", "score", "active", "created"];

impl Columns {
    pub const EACH: [Self; 2] = [Self::OfFile, Self::All];
    pub const TIMES: [&'static str; 2] = ["__createdtime__", "__updatedtime__"];

    pub fn names(self) -> Vec<&'static str> {
        let [id, mut rest @ ..] = OF_FILE;
        match self {
            Self::OfFile => OF_FILE.to_vec(),
            // The order of `*`: the key, the times, and the others by name.
            Self::All => {
                rest.sort_unstable();
                [id].into_iter().chain(Self::TIMES).chain(rest).collect()
            }
        }
    }

    /// Number of columns in words, for a table.
    pub fn label(self) -> &'static str {
        match self {
            Self::OfFile => "8 columns",
            Self::All => "10 columns",
        }
    }
}

/// Counts the rows of a file and checks some records. Returns the bytes of the file.
pub fn check(path: &Path, format: Format, columns: Columns, data: &Dataset) -> Result<u64> {
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(path).doing(cannot)?;
    let bytes = file.metadata().doing(cannot)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let wrong = |what: String| Err(Failure::new(format!("{}: {what}", path.display())));
    let mut row = Vec::new();
    if format == Format::Csv {
        reader.read_until(b'\n', &mut row).doing(cannot)?;
        let header = String::from_utf8_lossy(&row).replace('"', "");
        if header.trim_end() != columns.names().join(",") {
            return wrong(format!("the header is {header:?}"));
        }
    }
    let mut missing = data.probes();
    let mut rows = 0;
    loop {
        row.clear();
        if reader.read_until(format.end(), &mut row).doing(cannot)? == 0 {
            break;
        }
        // The end of a JSON array is not a row.
        if row.iter().any(u8::is_ascii_alphanumeric) {
            rows += 1;
            missing.retain(|probe| !has(&row, probe));
        }
    }
    match missing.first() {
        _ if rows != data.rows => wrong(format!("{rows} rows instead of {}", data.rows)),
        Some(probe) => wrong(format!("record {} is missing", probe.id)),
        None => Ok(bytes),
    }
}

fn has(row: &[u8], probe: &Probe) -> bool {
    let holds = |text: &str| row.windows(text.len()).any(|part| part == text.as_bytes());
    holds(&probe.email) && holds(&probe.name) && holds(&probe.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::dataset::Keys;
    use std::io::Write;

    fn checked(format: Format, text: &str) -> Result<u64> {
        let dir = tempfile::tempdir().unwrap();
        let data = Dataset::prepare(dir.path(), 2, Keys::Sequential).unwrap();
        let [first, second] = data.probes().try_into().unwrap();
        let text = text.replace("FIRST", &format!("{},\"{}\",\"{}\"", first.id, first.name, first.email));
        let text = text.replace("SECOND", &format!("{},\"{}\",\"{}\"", second.id, second.name, second.email));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        check(file.path(), format, Columns::OfFile, &data)
    }

    const HEADER: &str = "\"id\",\"name\",email,city,age,score,active,created\n";

    #[test]
    fn a_complete_file_is_accepted_with_and_without_a_final_newline() {
        assert!(checked(Format::Csv, &format!("{HEADER}FIRST\nSECOND")).is_ok());
        assert!(checked(Format::Csv, &format!("{HEADER}FIRST\nSECOND\n")).is_ok());
        assert!(checked(Format::Json, "[{FIRST},{SECOND}]").is_ok());
        assert!(checked(Format::Json, "{FIRST}\n{SECOND}\n").is_ok());
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, word) in [
            (format!("{HEADER}FIRST\n"), "1 rows instead of 2"),
            (format!("{HEADER}FIRST\nFIRST\n"), "record 2 is missing"),
            ("id\nFIRST\nSECOND\n".to_owned(), "header"),
        ] {
            let e = checked(Format::Csv, &text).unwrap_err().to_string();
            assert!(e.contains(word), "{e}");
        }
    }

    #[test]
    fn all_columns_are_in_the_order_of_select_star() {
        let names = Columns::All.names().join(",");
        assert_eq!(names, "id,__createdtime__,__updatedtime__,active,age,city,created,email,name,score");
    }
}
