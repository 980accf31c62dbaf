//! Checks records without encoding them, where that is enough.

use jobhost_load::{AttributeType, KeyError};

use super::{RecordEncoder, Role, source_of};
use crate::column;
use crate::error::Problem;
use crate::header::HeaderError;
use crate::key::{self, Key};
use crate::record::Record;

impl RecordEncoder {
    /// Fails if the record has a value in a column without a name, which `encode` would leave out.
    #[inline]
    pub(crate) fn check_unnamed(&self, record: &Record<'_>) -> Result<(), Problem> {
        if self.unnamed.is_empty() { Ok(()) } else { self.check_each_unnamed(record) }
    }

    #[cold]
    fn check_each_unnamed(&self, record: &Record<'_>) -> Result<(), Problem> {
        let has_value = |index: &usize| record.cell(*index).is_some_and(|cell| !cell.text().is_empty());
        match self.unnamed.iter().copied().find(|index| has_value(index)) {
            Some(index) => Err(HeaderError::Unnamed { number: index + 1, line: record.line() }.into()),
            None => Ok(()),
        }
    }

    /// Would `encode` succeed? This looks only at the key and at cells that can be invalid. The whole record is encoded if one
    /// of them is in an unusual form.
    #[inline]
    pub fn check(&mut self, record: &Record<'_>) -> Result<(), Problem> {
        self.check_unnamed(record)?;
        let is_small = self.most_bytes(record) <= self.max_record_bytes;
        if self.has_cell_options || !is_small || !self.is_plainly_valid(record) {
            let mut trial = std::mem::take(&mut self.trial);
            trial.clear();
            let outcome = self.encode(record, &mut trial);
            self.trial = trial;
            return outcome;
        }
        let has_key = match self.key.and_then(|index| record.cell(index)) {
            Some(cell) => {
                let kind = self.key_kind();
                let (source, range) = source_of(cell, &mut self.unescaped);
                key::is_plain(source, range.clone(), kind)
                    || key::key(source.get(range).unwrap_or_default(), kind)? != Key::Absent
            }
            None => false,
        };
        self.require(has_key)
    }

    /// Whether all cells that could be invalid are plainly valid.
    #[inline]
    fn is_plainly_valid(&mut self, record: &Record<'_>) -> bool {
        let RecordEncoder { fallible, columns, unescaped, .. } = self;
        fallible.iter().all(|&index| {
            let (Some(cell), Some(column)) = (record.cell(index), columns.get(index)) else { return true };
            let (source, range) = source_of(cell, unescaped);
            let is_key = column.role == Role::Key;
            (range.is_empty() && !is_key)
                || match is_key {
                    true => column.kind != AttributeType::Boolean && column::is_usual(column.kind, source, range),
                    false => column::is_plainly_valid(column.kind, source, range),
                }
        })
    }

    fn key_kind(&self) -> AttributeType {
        self.key.and_then(|index| self.columns.get(index)).map_or(AttributeType::Any, |column| column.kind)
    }

    #[inline]
    pub(super) fn require(&self, has_key: bool) -> Result<(), Problem> {
        match self.options.key_required {
            Some(sentence) if !has_key => Err(KeyError::Missing(sentence).into()),
            _ => Ok(()),
        }
    }
}
