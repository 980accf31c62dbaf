//! The virtual table: the only place where SQLite calls into records. It contains no logic, because it implements
//! unsafe traits that the compiler cannot check.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, CreateVTab, Filters, IndexConstraintOp, IndexFlags, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
    VTabKind, sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error, Result};

use super::names;
use super::reader::{Reader, Source};
use super::state::State;

/// How a cursor reads.
const BY_SCAN: c_int = 0;
const BY_KEY: c_int = 1;
/// Reads all records, of which SQLite wants those with one value that is known only at run time.
const BY_SCAN_FOR_A_VALUE: c_int = 2;
/// Separates the mask of columns from the number of the table, in the string that SQLite passes from the plan to the
/// cursor.
const NUMBER_FOLLOWS: char = '@';
/// Assumed number of records of a table that is not small. SQLite only needs the order of magnitude.
const MANY_RECORDS: usize = 1_000_000;

/// The tables of a connection.
struct Sources {
    sources: Vec<Arc<Source>>,
    state: Arc<State>,
}

pub(super) fn register(connection: &Connection, sources: Vec<Source>, state: &Arc<State>) -> Result<()> {
    const MODULE: Module<'static, RecordsTable> = Module::read_only_module();
    let sources = sources.into_iter().map(Arc::new).collect();
    connection.create_module("records", &MODULE, Some(Sources { sources, state: Arc::clone(state) }))
}

/// Returns the number of the table that a step of SQLite's plan scans for one value, such as `SCAN g VIRTUAL TABLE
/// INDEX 2:5@1`.
pub(super) fn scanned_for_a_value(step: &str) -> Option<usize> {
    let (_, plan) = step.split_once(&format!(" VIRTUAL TABLE INDEX {BY_SCAN_FOR_A_VALUE}:"))?;
    let (_, number) = plan.split_once(NUMBER_FOLLOWS)?;
    number.split(' ').next()?.parse().ok()
}

#[repr(C)]
struct RecordsTable {
    base: sqlite3_vtab,
    number: usize,
    source: Arc<Source>,
    state: Arc<State>,
}

#[repr(C)]
struct RecordsCursor {
    base: sqlite3_vtab_cursor,
    reader: Reader,
}

#[allow(unsafe_code, reason = "a promise about the layout: repr(C), and SQLite's own part comes first; see the struct")]
// SAFETY: RecordsTable is repr(C) and its first field is sqlite3_vtab.
unsafe impl VTab<'_> for RecordsTable {
    type Aux = Sources;
    type Cursor = RecordsCursor;

    fn connect(
        _: &mut VTabConnection,
        sources: Option<&Sources>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        arguments: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        let number = arguments.first().and_then(|argument| std::str::from_utf8(argument).ok()?.parse::<usize>().ok());
        let found = sources.zip(number).and_then(|(all, number)| Some((number, all.sources.get(number)?, &all.state)));
        let (number, source, state) = found.ok_or_else(|| Error::ModuleError("no such source".to_owned()))?;
        // Stores written by older hosts may contain such names.
        let declaration = CString::new(declaration(source).replace('\0', "\u{fffd}"))?;
        let (source, state) = (Arc::clone(source), Arc::clone(state));
        Ok((Cow::Owned(declaration), RecordsTable { base: sqlite3_vtab::default(), number, source, state }))
    }

    /// Chooses a lookup if the key is known and a scan otherwise, and passes on the mask of used columns.
    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let key = self.source.key_column().and_then(|column| c_int::try_from(column).ok());
        let mut by_key = None;
        let mut for_a_value = false;
        for (number, constraint) in info.constraints().enumerate() {
            let equal = constraint.is_usable()
                && constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
                && info.collation(number).is_ok_and(|collation| collation == "BINARY");
            if equal && key == Some(constraint.column()) {
                by_key = Some(number);
                break;
            }
            // A constant in the statement is the same for all rows, and an index on a copy would not help IN.
            let is_in = info.is_in_constraint(number).unwrap_or(false);
            for_a_value |= equal && !is_in && info.rhs_value(number).is_ok_and(|value| value.is_none());
        }
        info.set_idx_str(&format!("{:x}{NUMBER_FOLLOWS}{}", info.col_used(), self.number));
        if let Some(number) = by_key {
            info.constraint_usage(number).set_argv_index(1);
            info.set_idx_num(BY_KEY);
            info.set_idx_flags(IndexFlags::SQLITE_INDEX_SCAN_UNIQUE);
            info.set_estimated_cost(1.0);
            info.set_estimated_rows(1);
        } else {
            info.set_idx_num(if for_a_value { BY_SCAN_FOR_A_VALUE } else { BY_SCAN });
            // A key lookup costs 1, and so does each record of a scan.
            let records = self.source.records().unwrap_or(MANY_RECORDS).max(1);
            info.set_estimated_cost(records as f64);
            info.set_estimated_rows(i64::try_from(records).unwrap_or(i64::MAX));
        }
        Ok(true)
    }

    fn open(&mut self) -> Result<RecordsCursor> {
        let reader = Reader::new(Arc::clone(&self.source), Arc::clone(&self.state));
        Ok(RecordsCursor { base: sqlite3_vtab_cursor::default(), reader })
    }
}

impl CreateVTab<'_> for RecordsTable {
    const KIND: VTabKind = VTabKind::Default;
}

#[allow(unsafe_code, reason = "a promise about the layout: repr(C), and SQLite's own part comes first; see the struct")]
// SAFETY: RecordsCursor is repr(C) and its first field is sqlite3_vtab_cursor.
unsafe impl VTabCursor for RecordsCursor {
    fn filter(&mut self, by: c_int, mask: Option<&str>, arguments: &Filters<'_>) -> Result<()> {
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.split(NUMBER_FOLLOWS).next()?, 16).ok());
        self.reader.use_columns(mask.unwrap_or(u64::MAX));
        match by {
            BY_KEY => self.reader.begin_key(arguments.iter().next().unwrap_or(ValueRef::Null)),
            _ => self.reader.begin_scan(),
        }
    }

    fn next(&mut self) -> Result<()> {
        self.reader.next()
    }

    fn eof(&self) -> bool {
        self.reader.is_at_end()
    }

    fn column(&self, context: &mut Context, number: c_int) -> Result<()> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.reader.column(number, |value| context.set_result(ToSqlOutput::Borrowed(value)))
    }

    /// The table is declared WITHOUT ROWID.
    fn rowid(&self) -> Result<i64> {
        Ok(0)
    }
}

/// Returns the table declaration. Columns have no types, so SQLite converts nothing. The last column is the primary
/// key; no statement can name it, and `*` omits it.
fn declaration(source: &Source) -> String {
    let mut text = "CREATE TABLE x(".to_owned();
    for column in source.columns() {
        names::push_quoted(&mut text, column);
        text.push(',');
    }
    text.push_str("\"key\" HIDDEN NOT NULL PRIMARY KEY) WITHOUT ROWID");
    text
}
