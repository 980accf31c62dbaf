//! An SQLite connection for a single query. It contains only the virtual tables that the statement may read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::reader::Source;
use super::render::is_allowed_in_sqlite;
use super::state::{Planning, State};
use super::{
    MAX_COLUMNS, MAX_DATABASES, MAX_STAR_COLUMNS, MAX_VALUE_BYTES, MAX_WINDOW_WORK, SqlLimits, SqlStatement,
    VisibleTable, functions, missing_table, names, vtab,
};
use crate::query::QueryError;
use jobhost_model::table::TableName;
use jobhost_store::{StoreError, StoreErrorKind};

/// SQLite's bounds on one statement. What is rendered is longer than what was sent.
const LIMITS: &[(Limit, usize)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 1000),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 200),
    (Limit::SQLITE_LIMIT_VDBE_OP, 1_000_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 0),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];
/// Number of planning steps between two checks of the clock.
const STEPS_BETWEEN_CHECKS: i32 = 1000;
/// Minimum memory, in KiB, that SQLite may use for sorting.
const MIN_SORT_KIB: usize = 256;

/// The column of EXPLAIN QUERY PLAN that describes a step in words.
const PLAN_DETAIL: usize = 3;

/// The columns that a statement reads, by table.
type Reads = BTreeMap<TableName, BTreeSet<String>>;

/// What is known about a statement before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Column names of the result, in order. All are distinct.
    pub columns: Vec<String>,
    /// The columns that the statement reads, by table. Used to check permissions.
    pub reads: BTreeMap<TableName, BTreeSet<String>>,
}

/// Prepares the statement without running it. Returns the columns of the result, or what is wrong with the statement.
/// `tables` must contain each of `SqlStatement::tables`. Takes well under a millisecond.
pub fn check(statement: &SqlStatement, tables: &[VisibleTable]) -> Result<Checked, QueryError> {
    prepare(statement, tables).map_err(|error| statement.with_hint(error))
}

/// The same as [`check`], for callers that read the errors: they name what is wrong and give no hint.
pub(crate) fn prepare(statement: &SqlStatement, tables: &[VisibleTable]) -> Result<Checked, QueryError> {
    let state = Arc::new(State::new(None));
    let mut session = Session::open(statement, tables, &state)?;
    session.restrict()
}

/// A connection with its tables.
pub(super) struct Session {
    pub connection: Connection,
    statement: SqlStatement,
    /// Numbers of the tables that are first copied into a temporary table.
    copied: BTreeSet<usize>,
}

impl Session {
    pub fn open(statement: &SqlStatement, tables: &[VisibleTable], state: &Arc<State>) -> Result<Self, QueryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_in_memory_with_flags(flags).map_err(broken)?;
        let mut sources = Vec::new();
        for name in &statement.tables {
            let visible = tables.iter().find(|visible| visible.table.name == *name);
            let visible = visible.ok_or_else(|| QueryError::from(missing_table(name)))?;
            let mut source = source(statement, visible)?;
            if statement.tables.len() > 1 && state.has_snapshot() {
                source
                    .count_if_small(state)
                    .map_err(|error| state.take_failure().unwrap_or_else(|| explain(&error)))?;
            }
            sources.push(source);
        }
        check_size(statement, &sources)?;
        create(&connection, sources, state).map_err(broken)?;
        Ok(Session { connection, statement: statement.clone(), copied: BTreeSet::new() })
    }

    /// Restricts the connection to running the statement, and prepares the statement to verify that it can run.
    pub fn restrict(&mut self) -> Result<Checked, QueryError> {
        for (limit, value) in LIMITS {
            self.connection.set_limit(*limit, i32::try_from(*value).unwrap_or(i32::MAX)).map_err(broken)?;
        }
        for (option, value) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            // Never treat a name in double quotes as a string.
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        ] {
            self.connection.set_db_config(option, value).map_err(broken)?;
        }
        let reads: Arc<Mutex<Reads>> = Arc::default();
        let authorizer_reads = Arc::clone(&reads);
        let authorizer = move |context: AuthContext<'_>| authorize(&context, &authorizer_reads);
        self.connection.authorizer(Some(authorizer)).map_err(broken)?;
        let planning = Planning::begin();
        let over = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&over);
        let handler = move || {
            let is_over = planning.is_over();
            noted.fetch_or(is_over, Ordering::Relaxed);
            is_over
        };
        self.connection.progress_handler(STEPS_BETWEEN_CHECKS, Some(handler)).map_err(broken)?;
        let planned = self.plan(&reads);
        self.connection.progress_handler(0, None::<fn() -> bool>).map_err(broken)?;
        planned.map_err(|error| if over.load(Ordering::Relaxed) { Planning::exceeded() } else { error })
    }

    /// Determines the columns and the tables to copy. `reads` holds what the authorizer recorded.
    fn plan(&mut self, reads: &Mutex<Reads>) -> Result<Checked, QueryError> {
        let columns = column_names(&self.prepare()?);
        let checked = Checked { columns, reads: reads.lock().unwrap_or_else(PoisonError::into_inner).clone() };
        // After copying one table, SQLite may choose another join order that repeatedly scans another table.
        while self.statement.copyable {
            let known = self.copied.len();
            self.copied.extend(self.scanned_again_and_again().map_err(|error| explain(&error))?);
            if self.copied.len() == known {
                break;
            }
        }
        Ok(checked)
    }

    /// Finds tables that SQLite would scan once per row of another table although it needs only rows with one value: in
    /// a join that is not by key, or in a correlated subquery. SQLite creates an automatic index for such cases, but
    /// not on a virtual table.
    fn scanned_again_and_again(&self) -> rusqlite::Result<BTreeSet<usize>> {
        let sql = format!("EXPLAIN QUERY PLAN {}", self.statement.sql(&self.copied));
        let mut plan = self.connection.prepare(&sql)?;
        let mut steps = plan.query([])?;
        let mut found = BTreeSet::new();
        while let Some(step) = steps.next()? {
            found.extend(vtab::scanned_for_a_value(step.get_ref(PLAN_DETAIL)?.as_str()?));
        }
        Ok(found)
    }

    pub fn prepare(&self) -> Result<Statement<'_>, QueryError> {
        self.connection.prepare(&self.statement.sql(&self.copied)).map_err(|error| explain(&error))
    }

    /// Sets the directory for temporary files, and how much memory sorting may use before it spills to them.
    pub fn bound_memory(&self, limits: &SqlLimits) -> Result<(), QueryError> {
        set_spill_directory(&self.connection, &limits.spill_dir)?;
        let kib = (limits.memory_bytes.size() / 1024).max(MIN_SORT_KIB);
        let most = limits.heap_bytes;
        // The heap limits apply to the whole process. At half of the limit, sorting spills to files early; at the
        // limit, a query that needs more fails. The limit can be lowered but not raised.
        let pragmas = format!(
            "PRAGMA temp_store = FILE; PRAGMA main.cache_size = -{kib}; PRAGMA hard_heap_limit = {most}; PRAGMA \
             soft_heap_limit = {};",
            most / 2
        );
        self.connection.execute_batch(&pragmas).map_err(broken)
    }
}

/// Selects the columns that a table declares: all visible ones, or only those that the statement may refer to.
fn source(statement: &SqlStatement, visible: &VisibleTable) -> Result<Source, QueryError> {
    let wanted = |name: &&String| statement.stars > 0 || statement.names.contains(*name);
    let columns: Vec<String> = visible.columns.iter().filter(wanted).cloned().collect();
    if columns.len() > MAX_COLUMNS {
        return Err(QueryError::Invalid(format!(
            "'*' of table '{}' expands to {} columns; the maximum is {MAX_COLUMNS}: name the columns that you need",
            visible.table.name,
            columns.len()
        )));
    }
    Ok(Source::new(visible.table.name.clone(), &visible.table.primary_key, columns))
}

/// Limits costs that depend on the width of the tables: the columns of all `*` together, counting the columns of all
/// tables for each, and windows over many columns.
fn check_size(statement: &SqlStatement, sources: &[Source]) -> Result<(), QueryError> {
    let columns: usize = sources.iter().map(|source| source.columns().len()).sum();
    // A single `*` may expand to as many columns as SQLite allows.
    if statement.stars > 1 && statement.stars.saturating_mul(columns) > MAX_STAR_COLUMNS {
        return Err(QueryError::Invalid(format!(
            "'*' stands {} times in 'sql', for up to {columns} columns each; together they can stand for at most \
             {MAX_STAR_COLUMNS}: name the columns that you need",
            statement.stars
        )));
    }
    let columns = statement.columns + if statement.stars > 0 { columns } else { 0 };
    if columns.saturating_mul(columns).saturating_mul(statement.windows) > MAX_WINDOW_WORK {
        return Err(QueryError::Invalid(format!(
            "'sql' has {} windows (OVER, WINDOW) and {columns} columns, which is too much to plan: name fewer columns, \
             or add the windows in a statement of their own",
            statement.windows
        )));
    }
    Ok(())
}

/// Attaches an empty database for each database name, and creates the virtual tables.
fn create(connection: &Connection, sources: Vec<Source>, state: &Arc<State>) -> rusqlite::Result<()> {
    let databases: BTreeSet<&str> = sources.iter().map(|source| source.name().database.as_str()).collect();
    let mut setup = String::new();
    for database in databases.iter().take(MAX_DATABASES) {
        setup.push_str("ATTACH ':memory:' AS ");
        names::push_quoted(&mut setup, database);
        setup.push(';');
    }
    for (number, source) in sources.iter().enumerate() {
        setup.push_str("CREATE VIRTUAL TABLE ");
        names::push_quoted(&mut setup, &source.name().database);
        setup.push('.');
        names::push_quoted(&mut setup, &source.name().table);
        let _ = write!(setup, " USING records({number});");
    }
    functions::register(connection, state)?;
    vtab::register(connection, sources, state)?;
    connection.execute_batch(&setup)
}

/// The second line of defence, after the renderer: SQLite asks before everything that a statement would do.
fn authorize(context: &AuthContext<'_>, reads: &Mutex<Reads>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if is_allowed_in_sqlite(function_name) => Authorization::Allow,
        AuthAction::Read { table_name, column_name } => {
            if let Some(database) = context.database_name
                && names::is_encoded(database)
                && names::is_encoded(table_name)
            {
                let table = TableName::new(names::decode(database), names::decode(table_name));
                let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
                let columns = reads.entry(table).or_default();
                if names::is_encoded(column_name) {
                    columns.insert(names::decode(column_name));
                }
                return Authorization::Allow;
            }
            // A subquery or a common table expression, which SQLite reports only as a whole.
            if column_name.is_empty() { Authorization::Allow } else { Authorization::Deny }
        }
        _ => Authorization::Deny,
    }
}

fn column_names(statement: &Statement<'_>) -> Vec<String> {
    unique(statement.column_names().map(names::decode).collect())
}

/// Makes names unique. A row is a JSON object, so the second `a` becomes `a1`, as in Harper.
pub(super) fn unique(names: Vec<String>) -> Vec<String> {
    let written: HashSet<&str> = names.iter().map(String::as_str).collect();
    let mut taken = HashSet::new();
    // The next number to try for each name that occurs more than once.
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let mut unique = name.clone();
        while taken.contains(&unique) || (unique != *name && written.contains(unique.as_str())) {
            let number = numbers.entry(name).or_insert(1);
            unique = format!("{name}{number}");
            *number += 1;
        }
        taken.insert(unique.clone());
        columns.push(unique);
    }
    columns
}

/// Sets the directory for temporary files. The setting is process-wide, so it is changed only if it differs.
fn set_spill_directory(connection: &Connection, directory: &Path) -> Result<(), QueryError> {
    static CURRENT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if current.as_deref() == Some(directory) {
        return Ok(());
    }
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
        let message = format!("The directory for temporary SQL files, {}, cannot be used", directory.display());
        QueryError::Store(StoreError { kind: StoreErrorKind::Unavailable, message, source: Some(error) })
    };
    std::fs::create_dir_all(directory).map_err(|error| unusable(error.into()))?;
    let quoted = directory.to_str().ok_or_else(|| unusable("its name is not UTF-8".into()))?.replace('\'', "''");
    connection
        .execute_batch(&format!("PRAGMA temp_store_directory = '{quoted}'"))
        .map_err(|error| unusable(error.into()))?;
    *current = Some(directory.to_owned());
    Ok(())
}

/// Converts an error that no statement should be able to cause.
fn broken(error: rusqlite::Error) -> QueryError {
    QueryError::Store(StoreError::caused_by(StoreErrorKind::Unavailable, "The SQL engine failed", error))
}

/// Converts an SQLite error into a message for the client.
pub(super) fn explain(error: &rusqlite::Error) -> QueryError {
    let (code, message) = match error {
        rusqlite::Error::SqliteFailure(failure, message) => (failure.code, message.clone().unwrap_or_default()),
        rusqlite::Error::SqlInputError { error: failure, msg, .. } => (failure.code, msg.clone()),
        other => (ErrorCode::Unknown, other.to_string()),
    };
    let store = |kind, message: &str| QueryError::Store(StoreError::new(kind, message));
    match code {
        ErrorCode::OutOfMemory => QueryError::TooLarge(
            "The SQL query exceeds its memory limit; narrow the query, or raise 'sql.memory_bytes'".to_owned(),
        ),
        ErrorCode::TooBig => QueryError::TooLarge(format!(
            "The SQL query produces a value or row of more than {MAX_VALUE_BYTES} bytes; select less"
        )),
        ErrorCode::DiskFull => {
            store(StoreErrorKind::Full, "The disk is too full for the temporary files of the SQL query")
        }
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
            store(StoreErrorKind::Unavailable, "A temporary file of the SQL query cannot be used")
        }
        _ => QueryError::Invalid(in_our_words(&message)),
    }
}

fn in_our_words(message: &str) -> String {
    if let Some(column) = message.strip_prefix("no such column: ") {
        // SQLite says so only of a name in double quotes that could be a text.
        let column = column.split("\" - should this be").next().unwrap_or(column).trim_matches('"');
        return format!("unknown attribute '{}'", names::decode_last(column));
    }
    if let Some(column) = message.strip_prefix("ambiguous column name: ") {
        let column = names::decode_last(column);
        return format!("attribute '{column}' is in more than one table; qualify it with the table's name");
    }
    if message.starts_with("Expression tree is too large") || message.contains("parser stack overflow") {
        return super::sentences::too_complex().to_string();
    }
    // Other messages contain names as SQLite knows them.
    let words: Vec<String> = message
        .split(' ')
        .map(|word| if names::is_encoded(word) && word.len() > 1 { names::decode_last(word) } else { word.to_owned() })
        .collect();
    format!("The SQL cannot be run: {}", words.join(" "))
}
