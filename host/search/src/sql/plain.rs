//! Statements that only select columns of one table. A search answers them without an SQL engine: the rows are the
//! same, the cost is a third, and numbers keep their digits.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Query, SelectItem, SetExpr, TableFactor};

/// `SELECT * FROM t` or `SELECT a, b FROM t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainSelect {
    /// The selected columns; `None` for `*`.
    pub columns: Option<Vec<String>>,
}

/// Returns the selected columns, if the query is this plain.
pub(super) fn plain(query: &Query) -> Option<PlainSelect> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, .. } = &from.relation else { return None };
    let columns = match select.projection.as_slice() {
        [SelectItem::Wildcard(_)] => None,
        items => Some(items.iter().map(column).collect::<Option<Vec<String>>>()?),
    };
    let distinct: BTreeSet<_> = columns.iter().flatten().collect();
    if distinct.len() < columns.as_ref().map_or(0, Vec::len) {
        return None;
    }
    // The query, written back as text, must equal what was recognised here. Any other clause would show up as a
    // difference.
    let projection: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
    let looked_at = match columns {
        None => format!("SELECT * FROM {name}"),
        Some(_) => format!("SELECT {} FROM {name}", projection.join(", ")),
    };
    (query.to_string() == looked_at).then_some(PlainSelect { columns })
}

fn column(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(ident.value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::SqlStatement;

    #[test]
    fn only_columns_of_one_table_are_plain() {
        let columns = |sql: &str| SqlStatement::parse(sql).unwrap().plain().map(|plain| plain.columns.clone());
        assert_eq!(columns("SELECT * FROM d.t"), Some(None));
        assert_eq!(columns("select `a b`, c from t ;"), Some(Some(vec!["a b".to_owned(), "c".to_owned()])));
        for other in [
            "SELECT a AS b FROM t",
            "SELECT a, a FROM t",
            "SELECT *, a FROM t",
            "SELECT t.* FROM t",
            "SELECT t.a FROM t",
            "SELECT DISTINCT a FROM t",
            "SELECT a FROM t WHERE a = 1",
            "SELECT a FROM t ORDER BY a",
            "SELECT a FROM t LIMIT 1",
            "SELECT a FROM t GROUP BY a",
            "SELECT a FROM t AS u",
            "SELECT a FROM t, u",
            "SELECT a FROM t JOIN u ON t.a = u.a",
            "SELECT a FROM (SELECT a FROM t)",
            "SELECT COUNT(*) FROM t",
            "SELECT 1 FROM t",
            "SELECT a FROM t UNION SELECT a FROM t",
            "WITH t AS (SELECT a FROM u) SELECT a FROM t",
        ] {
            assert_eq!(columns(other), None, "{other}");
        }
    }
}
