//! Renders a syntax tree as SQL for SQLite, and rejects everything that is not on its list.
//!
//! Nodes are destructured completely, so that a clause added by a later parser version must be considered before it can
//! pass. Where records and SQLite treat values differently, the difference is rendered explicitly:
//!
//! - true, false, objects and arrays are blobs that hold their JSON text. A result of 0 or 1 becomes such a blob where
//!   a value is needed (`value`), and a value becomes a condition where one is needed (`condition`).
//! - Division keeps fractions.

mod bounds;
mod call;
mod expression;
mod from;
mod label;
mod operator;
mod quoted;
mod select;
mod window;

use std::collections::BTreeSet;
use std::fmt::Display;

use sqlparser::ast::{Cte, CteAsMaterialized, Ident, LimitClause, Offset, OrderBy, OrderByKind, Query, With};

use super::plain::plain;
use super::sentences::{shortened, too_complex};
use super::{MAX_DATABASES, MAX_TABLES, Part, SqlError, SqlStatement, names};
use jobhost_model::table::TableName;

/// Maximum depth of the tree, not counting chains of AND and OR.
const MAX_DEPTH: usize = 200;

use self::bounds::Counts;
#[cfg(test)]
pub(super) use bounds::{MAX_EXPANDED, MAX_REFERENCES, MAX_TERMS, MAX_WINDOWS};
pub(super) use call::is_allowed_in_sqlite;
pub(super) use from::table_name_of;

type Rendered = Result<(), SqlError>;

pub(super) fn render(query: &Query) -> Result<SqlStatement, SqlError> {
    let mut renderer = Renderer {
        parts: Vec::new(),
        out: String::new(),
        tables: Vec::new(),
        names: BTreeSet::new(),
        double_quoted: BTreeSet::new(),
        copyable: true,
        ctes: Vec::new(),
        weight: 1,
        from: FromClause::default(),
        depth: 0,
        counts: Counts::default(),
    };
    renderer.query(query)?;
    let Renderer { out, mut parts, tables, names, double_quoted, counts, copyable, .. } = renderer;
    parts.push(Part::Text(out));
    let databases: BTreeSet<&str> = tables.iter().map(|table| table.database.as_str()).collect();
    if tables.len() > MAX_TABLES || databases.len() > MAX_DATABASES {
        return Err(SqlError::Invalid(format!(
            "'sql' reads {} tables of {} databases; at most {MAX_TABLES} of {MAX_DATABASES} can be read at once",
            tables.len(),
            databases.len(),
        )));
    }
    let plain = plain(query).filter(|_| tables.len() == 1);
    Ok(SqlStatement {
        rendered: parts,
        tables,
        names,
        double_quoted,
        stars: counts.stars,
        windows: counts.windows,
        columns: counts.names,
        copyable,
        may_be_absent: label::may_be_absent(query),
        plain,
    })
}

/// The subqueries of the current FROM.
struct FromClause {
    /// Maximum number of columns that one of their columns may stand for.
    weight: usize,
    /// Number of columns inside them.
    columns: usize,
}

impl Default for FromClause {
    fn default() -> Self {
        FromClause { weight: 1, columns: 0 }
    }
}

/// A common table expression: its name, and how many columns one of its columns may stand for.
struct VisibleCte {
    name: String,
    weight: usize,
}

struct Renderer {
    /// Finished parts up to the last table. `out` holds the text after it.
    parts: Vec<Part>,
    out: String,
    tables: Vec<TableName>,
    names: BTreeSet<String>,
    double_quoted: BTreeSet<String>,
    copyable: bool,
    /// Common table expressions visible at this point.
    ctes: Vec<VisibleCte>,
    /// Number of columns that one column of the last query may stand for.
    weight: usize,
    from: FromClause,
    depth: usize,
    counts: Counts,
}

/// A sentence for what could be parsed but is not on the list.
pub(super) fn unsupported(what: impl Display) -> SqlError {
    SqlError::Invalid(format!("'{}' cannot be used in SQL here", shortened(&what.to_string())))
}

/// Rejects a clause if it is present.
fn absent(there: bool, what: &str) -> Rendered {
    if there { Err(unsupported(what)) } else { Ok(()) }
}

impl Renderer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self, ident: &Ident) {
        names::push_quoted(&mut self.out, &ident.value);
    }

    fn deeper(&mut self, render: impl FnOnce(&mut Self) -> Rendered) -> Rendered {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_complex());
        }
        render(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Renders the items, separated by `, `.
    fn list<'a, T: 'a>(
        &mut self,
        items: impl IntoIterator<Item = &'a T>,
        mut render: impl FnMut(&mut Self, &'a T) -> Rendered,
    ) -> Rendered {
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.push(", ");
            }
            render(self, item)?;
        }
        Ok(())
    }

    /// Renders a query without parentheses.
    fn query(&mut self, query: &Query) -> Rendered {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        absent(fetch.is_some(), "FETCH")?;
        absent(!locks.is_empty(), "FOR UPDATE")?;
        absent(for_clause.is_some(), "FOR")?;
        absent(settings.is_some(), "SETTINGS")?;
        absent(format_clause.is_some(), "FORMAT")?;
        absent(!pipe_operators.is_empty(), "|>")?;
        self.deeper(|this| {
            let visible = this.ctes.len();
            if let Some(with) = with {
                this.with(with)?;
            }
            this.set_expression(body)?;
            let (weight, columns) = (this.weight, this.counts.columns);
            if let Some(order_by) = order_by {
                this.order_by(order_by)?;
            }
            bounds::expanded(this.counts.columns - columns, weight)?;
            if let Some(limit) = limit_clause {
                this.limit(limit)?;
            }
            this.ctes.truncate(visible);
            this.weight = weight;
            Ok(())
        })
    }

    fn parenthesised(&mut self, query: &Query) -> Rendered {
        self.push("(");
        self.query(query)?;
        self.push(")");
        Ok(())
    }

    fn with(&mut self, with: &With) -> Rendered {
        let With { with_token: _, recursive, cte_tables } = with;
        self.push(if *recursive { "WITH RECURSIVE " } else { "WITH " });
        for (number, cte) in cte_tables.iter().enumerate() {
            if number > 0 {
                self.push(", ");
            }
            self.cte(cte, *recursive)?;
        }
        self.push(" ");
        Ok(())
    }

    fn cte(&mut self, cte: &Cte, recursive: bool) -> Rendered {
        let Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
        absent(from.is_some(), "FROM")?;
        absent(alias.at.is_some(), "AT")?;
        self.name(&alias.name);
        if !alias.columns.is_empty() {
            self.push("(");
            self.list(&alias.columns, |this, column| {
                absent(column.data_type.is_some(), "a type in WITH")?;
                this.name(&column.name);
                Ok(())
            })?;
            self.push(")");
        }
        self.push(match materialized {
            None => " AS ",
            Some(CteAsMaterialized::Materialized) => " AS MATERIALIZED ",
            Some(CteAsMaterialized::NotMaterialized) => " AS NOT MATERIALIZED ",
        });
        // Without RECURSIVE, the name keeps its previous meaning inside its own definition.
        if recursive {
            self.ctes.push(VisibleCte { name: alias.name.value.clone(), weight: 1 });
        }
        self.parenthesised(query)?;
        let weight = self.weight;
        match self.ctes.last_mut() {
            Some(own) if recursive => own.weight = weight,
            _ => self.ctes.push(VisibleCte { name: alias.name.value.clone(), weight }),
        }
        Ok(())
    }

    fn order_by(&mut self, order_by: &OrderBy) -> Rendered {
        let OrderBy { kind, interpolate } = order_by;
        absent(interpolate.is_some(), "INTERPOLATE")?;
        match kind {
            OrderByKind::All(_) => Err(unsupported("ORDER BY ALL")),
            OrderByKind::Expressions(terms) => {
                bounds::terms("ORDER BY", terms.len())?;
                self.push(" ORDER BY ");
                self.list(terms, Self::order_term)
            }
        }
    }

    fn limit(&mut self, limit: &LimitClause) -> Rendered {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                absent(!limit_by.is_empty(), "LIMIT BY")?;
                self.push(" LIMIT ");
                match limit {
                    Some(limit) => self.value(limit)?,
                    None => self.push("-1"),
                }
                if let Some(Offset { value, rows: _ }) = offset {
                    self.push(" OFFSET ");
                    self.value(value)?;
                }
                Ok(())
            }
            LimitClause::OffsetCommaLimit { offset, limit } => {
                self.push(" LIMIT ");
                self.value(limit)?;
                self.push(" OFFSET ");
                self.value(offset)
            }
        }
    }
}
