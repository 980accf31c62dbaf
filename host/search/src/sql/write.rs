//! Statements that write records: INSERT, UPDATE and DELETE on one table. Each is split into what it reads, which is an
//! ordinary SELECT, and what it writes. Nothing is read or written here.
//!
//! Column names on the left-hand side are checked here. Expressions become part of the SELECT and are checked with it.

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, Insert, ObjectName, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins, Update, Values,
};

use super::literal::{is_undefined, literal};
use super::parse::parse_any;
use super::render::{render, table_name_of, unsupported};
use super::sentences::shortened;
use super::{SqlError, SqlStatement};
use jobhost_model::table::{CREATED_TIME, TableName, UPDATED_TIME};

/// Number of VALUES rows with expressions that are evaluated by one SELECT.
const ROWS_OF_A_SELECT: usize = 50;
/// Harper's message.
const IMPOSSIBLE_NAME: &str = "Attribute names cannot include backticks or forward slashes";

/// A statement that writes to one table.
#[derive(Debug, Clone)]
pub struct SqlWrite {
    pub table: TableName,
    pub kind: SqlWriteKind,
}

#[derive(Debug, Clone)]
pub enum SqlWriteKind {
    Insert(SqlInsert),
    Update(SqlUpdate),
    Delete(Selection),
}

/// New records: the attributes that rows provide, in order, and the sources of the rows, in order.
#[derive(Debug, Clone)]
pub struct SqlInsert {
    /// The attributes; `None` for the column names of the single SELECT.
    pub columns: Option<Vec<String>>,
    pub rows: Vec<RowSource>,
}

#[derive(Debug, Clone)]
pub enum RowSource {
    /// A JSON array of one row's values.
    Literal(String),
    Select(Box<SqlStatement>),
}

#[derive(Debug, Clone)]
pub struct SqlUpdate {
    /// (attribute, expression) of each assignment, in order.
    assignments: Vec<(String, String)>,
    selection: Selection,
}

/// Selects the affected records of the table.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The table as written in the statement, with its alias.
    from: String,
    condition: Option<String>,
}

/// Returns whether a text starts like a statement of this module.
pub fn is_write(text: &str) -> bool {
    let word: String = behind_comments(text).chars().take_while(char::is_ascii_alphabetic).take(7).collect();
    ["INSERT", "UPDATE", "DELETE"].iter().any(|kind| word.eq_ignore_ascii_case(kind))
}

/// Returns the text from its first token on.
fn behind_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(|character: char| character.is_whitespace() || character == ';');
        let rest = if let Some(comment) = text.strip_prefix("--") {
            comment.split_once('\n').map(|(_, rest)| rest)
        } else if let Some(comment) = text.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, rest)| rest)
        } else {
            return text;
        };
        text = rest.unwrap_or_default();
    }
}

impl SqlWrite {
    /// Parses exactly one INSERT, UPDATE or DELETE.
    pub fn parse(text: &str) -> Result<SqlWrite, SqlError> {
        parse_any(text, |statement| match statement {
            Statement::Insert(insert) => of_insert(insert),
            Statement::Update(update) => of_update(update),
            Statement::Delete(delete) => of_delete(delete),
            other => Err(unsupported(other)),
        })
    }
}

impl SqlUpdate {
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.assignments.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the SELECT that reads the key and the new values of each affected record.
    pub fn reading(&self, primary_key: &str, is_attribute: impl Fn(&str) -> bool) -> Result<SqlStatement, SqlError> {
        let mut columns = vec![quoted(primary_key)];
        for (_, value) in &self.assignments {
            // JavaScript clients send `undefined` for a missing value.
            let missing = value == "undefined" && !is_attribute(value);
            columns.push(if missing { "NULL".to_owned() } else { value.clone() });
        }
        self.selection.select(&columns)
    }
}

impl Selection {
    /// Returns the SELECT that reads the key of each affected record.
    pub fn keys(&self, primary_key: &str) -> Result<SqlStatement, SqlError> {
        self.select(&[quoted(primary_key)])
    }

    fn select(&self, columns: &[String]) -> Result<SqlStatement, SqlError> {
        let Selection { from, condition } = self;
        let columns = columns.join(", ");
        SqlStatement::parse(&match condition {
            None => format!("SELECT {columns} FROM {from}"),
            Some(condition) => format!("SELECT {columns} FROM {from} WHERE {condition}"),
        })
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Rejects clauses that this module does not know, by comparing the statement's text with the expected text.
fn written_out(statement: &impl ToString, expected: &str, kind: &str) -> Result<(), SqlError> {
    let seen = statement.to_string();
    if words(&seen).eq(words(expected)) {
        return Ok(());
    }
    let sentence = format!("{kind} can be run with its table, columns, values and WHERE only: {}", shortened(&seen));
    Err(SqlError::Invalid(sentence))
}

/// Removes white space, so that layout does not matter.
fn words(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|character| !character.is_whitespace())
}

fn of_insert(insert: &Insert) -> Result<SqlWrite, SqlError> {
    let TableObject::TableName(name) = &insert.table else { return Err(unsupported(&insert.table)) };
    let Some(query) = &insert.source else { return Err(SqlError::Invalid("INSERT needs VALUES or SELECT".to_owned())) };
    let columns = insert.columns.iter().map(attribute).collect::<Result<Vec<_>, _>>()?;
    let list: Vec<String> = insert.columns.iter().map(ToString::to_string).collect();
    let list = if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
    written_out(insert, &format!("INSERT INTO {name} {list} {query}"), "INSERT")?;
    distinct(&columns)?;
    let rows = match query.body.as_ref() {
        SetExpr::Values(values) if query.to_string() == values.to_string() => {
            if columns.is_empty() {
                let sentence = "INSERT needs column names: INSERT INTO table (a, b) VALUES (1, 2)";
                return Err(SqlError::Invalid(sentence.to_owned()));
            }
            of_values(values, columns.len())?
        }
        _ => vec![RowSource::Select(Box::new(render(query)?))],
    };
    let columns = (!columns.is_empty()).then_some(columns);
    Ok(SqlWrite { table: table_name_of(name)?, kind: SqlWriteKind::Insert(SqlInsert { columns, rows }) })
}

fn of_values(values: &Values, columns: usize) -> Result<Vec<RowSource>, SqlError> {
    let mut rows = Vec::new();
    let mut computed: Vec<String> = Vec::new();
    for (number, row) in values.rows.iter().enumerate() {
        let row: &Vec<Expr> = &row.content;
        if row.len() != columns {
            let (number, values) = (number + 1, row.len());
            let sentence = format!("INSERT names {columns} columns, but row {number} of VALUES has {values}");
            return Err(SqlError::Invalid(sentence));
        }
        match row.iter().map(literal).collect::<Option<Vec<_>>>() {
            Some(texts) => {
                compute(&mut computed, &mut rows)?;
                rows.push(RowSource::Literal(format!("[{}]", texts.join(","))));
            }
            None => {
                let text = |expr: &Expr| if is_undefined(expr) { "NULL".to_owned() } else { expr.to_string() };
                let texts: Vec<String> = row.iter().map(text).collect();
                computed.push(format!("SELECT {}", texts.join(", ")));
                if computed.len() == ROWS_OF_A_SELECT {
                    compute(&mut computed, &mut rows)?;
                }
            }
        }
    }
    compute(&mut computed, &mut rows)?;
    Ok(rows)
}

fn compute(selects: &mut Vec<String>, rows: &mut Vec<RowSource>) -> Result<(), SqlError> {
    if !selects.is_empty() {
        let select = SqlStatement::parse(&selects.join(" UNION ALL "))?;
        rows.push(RowSource::Select(Box::new(select)));
        selects.clear();
    }
    Ok(())
}

fn of_update(update: &Update) -> Result<SqlWrite, SqlError> {
    let Update { table, assignments, selection, .. } = update;
    let set: Vec<String> = assignments.iter().map(ToString::to_string).collect();
    let condition = selection.as_ref().map_or_else(String::new, |condition| format!("WHERE {condition}"));
    written_out(update, &format!("UPDATE {table} SET {} {condition}", set.join(", ")), "UPDATE")?;
    let (name, selection) = selected(table, selection.as_ref())?;
    let assignments = assignments.iter().map(of_assignment).collect::<Result<Vec<_>, _>>()?;
    distinct(&assignments.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())?;
    // The host maintains the times of a record. They are ignored, so that clients can send a record back as they
    // received it.
    let assignments = assignments.into_iter().filter(|(name, _)| name != CREATED_TIME && name != UPDATED_TIME);
    let update = SqlUpdate { assignments: assignments.collect(), selection };
    Ok(SqlWrite { table: name, kind: SqlWriteKind::Update(update) })
}

fn of_assignment(assignment: &Assignment) -> Result<(String, String), SqlError> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => Ok((attribute(name)?, assignment.value.to_string())),
        AssignmentTarget::Tuple(_) => Err(unsupported(assignment)),
    }
}

fn of_delete(delete: &Delete) -> Result<SqlWrite, SqlError> {
    let FromTable::WithFromKeyword(tables) = &delete.from else { return Err(unsupported(delete)) };
    let [table] = tables.as_slice() else { return Err(unsupported(delete)) };
    let condition = delete.selection.as_ref().map_or_else(String::new, |condition| format!("WHERE {condition}"));
    written_out(delete, &format!("DELETE FROM {table} {condition}"), "DELETE")?;
    let (name, selection) = selected(table, delete.selection.as_ref())?;
    Ok(SqlWrite { table: name, kind: SqlWriteKind::Delete(selection) })
}

fn selected(table: &TableWithJoins, condition: Option<&Expr>) -> Result<(TableName, Selection), SqlError> {
    let TableFactor::Table { name, .. } = &table.relation else { return Err(unsupported(table)) };
    if !table.joins.is_empty() {
        return Err(unsupported(table));
    }
    Ok((table_name_of(name)?, Selection { from: table.to_string(), condition: condition.map(ToString::to_string) }))
}

/// Returns the attribute on the left-hand side, which may be qualified with its table.
fn attribute(name: &ObjectName) -> Result<String, SqlError> {
    let last: Option<&Ident> = name.0.last().and_then(|part| part.as_ident());
    let name = last.ok_or_else(|| unsupported(name))?.value.clone();
    if name.contains(['`', '/']) {
        return Err(SqlError::Invalid(IMPOSSIBLE_NAME.to_owned()));
    }
    Ok(name)
}

fn distinct(names: &[String]) -> Result<(), SqlError> {
    let mut seen = std::collections::BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(SqlError::Invalid(format!("the attribute '{}' is assigned twice", shortened(name)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        SqlWrite::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_write_is_recognised_by_its_first_word() {
        for text in ["insert into t", " \n;UPDATE t", "-- note\n/* more */ Delete from t"] {
            assert!(is_write(text), "{text}");
        }
        for text in ["", "SELECT 'INSERT'", "INSERTED", "-- INSERT", "/* DELETE", "(DELETE)", "REPLACE INTO t"] {
            assert!(!is_write(text), "{text}");
        }
    }

    #[test]
    fn rows_of_literals_are_not_evaluated_and_keep_their_order() {
        let write = SqlWrite::parse("INSERT INTO d.t (id, `a b`) VALUES (1, 'it''s'), (2, 1 + 1), (-3, NULL)").unwrap();
        assert_eq!(write.table, TableName { database: "d".to_owned(), table: "t".to_owned() });
        let SqlWriteKind::Insert(insert) = write.kind else { panic!("an INSERT") };
        assert_eq!(insert.columns, Some(vec!["id".to_owned(), "a b".to_owned()]));
        let [RowSource::Literal(first), RowSource::Select(_), RowSource::Literal(last)] = insert.rows.as_slice() else {
            panic!("{:?}", insert.rows)
        };
        assert_eq!((first.as_str(), last.as_str()), ("[1,\"it's\"]", "[-3,null]"));
    }

    #[test]
    fn unknown_clauses_are_rejected() {
        for text in [
            "INSERT OR REPLACE INTO t (a) VALUES (1)",
            "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
            "INSERT INTO t (a) VALUES (1) RETURNING a",
            "INSERT INTO t DEFAULT VALUES",
            "UPDATE t SET a = 1 RETURNING a",
            "UPDATE t SET a = 1 FROM u",
            "UPDATE t JOIN u ON t.a = u.a SET a = 1",
            "UPDATE t SET a = 1 LIMIT 1",
            "DELETE FROM t USING u",
            "DELETE FROM t ORDER BY a LIMIT 1",
            "DELETE FROM t, u",
            "DELETE t FROM t",
            "INSERT INTO t (a) VALUES (1); DELETE FROM t",
        ] {
            assert!(SqlWrite::parse(text).is_err(), "{text}");
        }
        assert!(refused("INSERT INTO t VALUES (1)").contains("needs column names"));
        assert!(refused("INSERT INTO t (a, b) VALUES (1, 2), (3)").contains("row 2 of VALUES has 1"));
        assert!(refused("INSERT INTO t (a, a) VALUES (1, 2)").contains("twice"));
        assert_eq!(refused("UPDATE t SET `a/b` = 1"), IMPOSSIBLE_NAME);
    }

    #[test]
    fn an_update_reads_keys_and_new_values() {
        let write =
            SqlWrite::parse("UPDATE d.t AS x SET a = x.a + 1, __createdtime__ = 5, b = undefined WHERE c = 'd'");
        let SqlWriteKind::Update(update) = write.unwrap().kind else { panic!("an UPDATE") };
        assert_eq!(update.attributes().collect::<Vec<_>>(), ["a", "b"]);
        let reading = update.reading("id", |_| false).unwrap();
        assert_eq!(reading.tables(), [TableName { database: "d".to_owned(), table: "t".to_owned() }]);
    }
}
