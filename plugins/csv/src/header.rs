//! The names of the columns, from the first record.

use std::collections::{HashMap, HashSet};

use crate::number::trim;
use crate::record::Record;

/// A name that no attribute can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("Invalid attribute name: '{0}'")]
    Reserved(String),
    #[error("Invalid column name '{0}', cancelling load operation")]
    Character(String),
    #[error(
        "Invalid attribute name: ''. Column {number} has no name in the header, but the record at line {line} has a value in it: give it a name in the header"
    )]
    Unnamed { number: usize, line: u64 },
}

/// The names of the columns, each once, but for those that are empty: columns without a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
}

impl Header {
    /// Names from the header record. A name that repeats gets a number, as in PapaParse: `a`, `a_1`, `a_2`. Where the primary
    /// key is found only without the blanks around the names, they go.
    pub fn from_record(record: &Record<'_>, primary_key: &str) -> Result<Self, HeaderError> {
        let mut given: Vec<String> = record.cells().map(|cell| cell.text()).collect();
        if !given.iter().any(|name| name == primary_key) && given.iter().any(|name| trim(name) == primary_key) {
            given.iter_mut().for_each(|name| *name = trim(name).to_owned());
        }
        let reserved: HashSet<&str> = given.iter().map(String::as_str).collect();
        let mut taken: HashSet<String> = HashSet::with_capacity(given.len());
        let mut repeats: HashMap<&str, usize> = HashMap::new();
        let mut names = Vec::with_capacity(given.len());
        // A single column without a name is no header.
        let may_be_unnamed = given.len() > 1;
        for name in &given {
            if name.is_empty() && may_be_unnamed {
                names.push(String::new());
                continue;
            }
            check(name)?;
            let mut unique = name.clone();
            if taken.contains(name) {
                let count = repeats.entry(name).or_insert(0);
                loop {
                    *count += 1;
                    unique = format!("{name}_{count}");
                    if !taken.contains(&unique) && !reserved.contains(unique.as_str()) {
                        break;
                    }
                }
            }
            taken.insert(unique.clone());
            names.push(unique);
        }
        Ok(Header { names })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

fn check(name: &str) -> Result<(), HeaderError> {
    if matches!(name, "" | "null" | "undefined") {
        return Err(HeaderError::Reserved(name.to_owned()));
    }
    if name.contains(['/', '`']) {
        return Err(HeaderError::Character(name.to_owned()));
    }
    Ok(())
}
