//! The names of the columns: from the first record, from the request, or generated.

use std::collections::{HashMap, HashSet};

use crate::columns::{Columns, HeaderSource, Types};
use crate::number::trim;
use crate::record::Record;

/// An invalid name of a column, or a name in the request that is not a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("Invalid attribute name: '{0}'")]
    Reserved(String),
    #[error("Invalid column name '{0}', cancelling load operation")]
    Character(String),
    #[error(
        "Invalid attribute name: ''. Column {number} has no name in the header, but the record at line {line} has a value in it: give it a name in the header, or name all columns with 'header'"
    )]
    Unnamed { number: usize, line: u64 },
    #[error("'{field}' names '{name}', which is no column; the columns are: {columns}")]
    NoSuchColumn { field: &'static str, name: String, columns: String },
}

/// The attributes of the columns, each once; empty for a column that is not loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
    /// Indexes of the columns without a name.
    unnamed: Vec<usize>,
}

impl Header {
    /// The columns of a text with this first record.
    pub fn of(first: &Record<'_>, primary_key: &str, columns: &Columns) -> Result<Self, HeaderError> {
        let header = match &columns.header {
            HeaderSource::FirstRecord => {
                let mut given: Vec<String> = first.cells().map(|cell| cell.text()).collect();
                let finds = |name: &String| trim(name) == primary_key;
                // Blanks around the names are removed if the primary key is found only without them.
                if columns.cells.trim || (!given.iter().any(|name| name == primary_key) && given.iter().any(finds)) {
                    given.iter_mut().for_each(|name| *name = trim(name).to_owned());
                }
                Self::named(&given)?
            }
            HeaderSource::Numbered => {
                Self::named(&(1..=first.len()).map(|number| format!("column{number}")).collect::<Vec<_>>())?
            }
            HeaderSource::Given(names) => Self::named(names)?,
        };
        header.selected(columns)
    }

    /// Makes the names distinct: repeated ones get a number, as in PapaParse: `a`, `a_1`, `a_2`.
    fn named(given: &[String]) -> Result<Self, HeaderError> {
        let reserved: HashSet<&str> = given.iter().map(String::as_str).collect();
        let mut taken: HashSet<String> = HashSet::with_capacity(given.len());
        let mut repeats: HashMap<&str, usize> = HashMap::new();
        let mut header = Header::default();
        // A single column without a name is no header.
        let may_be_unnamed = given.len() > 1;
        for (index, name) in given.iter().enumerate() {
            if name.is_empty() && may_be_unnamed {
                header.unnamed.push(index);
                header.names.push(String::new());
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
            header.names.push(unique);
        }
        Ok(header)
    }

    /// Applies the `columns` option: selects and renames columns.
    fn selected(mut self, columns: &Columns) -> Result<Self, HeaderError> {
        if let Some(selected) = &columns.selected {
            self.expect("columns", selected.iter().map(|(name, _)| name))?;
            selected.iter().try_for_each(|(_, attribute)| check(attribute))?;
            let wanted: HashMap<&String, &String> =
                selected.iter().map(|(name, attribute)| (name, attribute)).collect();
            for name in &mut self.names {
                *name = wanted.get(name).map_or_else(String::new, |attribute| (*attribute).clone());
            }
            self.unnamed.clear();
        }
        if let Types::Named(types) = &columns.types {
            self.expect("types", types.keys())?;
        }
        Ok(self)
    }

    /// Checks that each name in the option `field` is a column.
    fn expect<'n>(&self, field: &'static str, names: impl Iterator<Item = &'n String>) -> Result<(), HeaderError> {
        let known: HashSet<&String> = self.names.iter().filter(|name| !name.is_empty()).collect();
        match names.into_iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(HeaderError::NoSuchColumn { field, name: name.clone(), columns: self.listed() }),
        }
    }

    /// The names of the loaded columns, for an error message.
    pub(crate) fn listed(&self) -> String {
        self.names.iter().filter(|name| !name.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Indexes of the columns without a name.
    pub fn unnamed(&self) -> &[usize] {
        &self.unnamed
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
