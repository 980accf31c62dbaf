//! Renders FROM: the tables and their joins.

use sqlparser::ast::{Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins};

use super::{Rendered, Renderer, absent, unsupported};
use crate::sql::{Part, SqlError};
use jobhost_model::table::{DEFAULT_DATABASE, TableName};

impl Renderer {
    pub(super) fn table_with_joins(&mut self, tables: &TableWithJoins) -> Rendered {
        let TableWithJoins { relation, joins } = tables;
        self.table(relation)?;
        for Join { relation, global, join_operator } in joins {
            absent(*global, "GLOBAL")?;
            let (words, constraint) = match join_operator {
                JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (" JOIN ", constraint),
                JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (" LEFT JOIN ", constraint),
                JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (" RIGHT JOIN ", constraint),
                JoinOperator::FullOuter(constraint) => (" FULL JOIN ", constraint),
                JoinOperator::CrossJoin(constraint) => (" CROSS JOIN ", constraint),
                _ => return Err(unsupported("this kind of JOIN")),
            };
            self.push(words);
            self.table(relation)?;
            self.join_constraint(constraint)?;
        }
        Ok(())
    }

    fn join_constraint(&mut self, constraint: &JoinConstraint) -> Rendered {
        match constraint {
            JoinConstraint::None => Ok(()),
            JoinConstraint::On(condition) => {
                self.push(" ON ");
                self.condition(condition)
            }
            JoinConstraint::Using(columns) => {
                self.push(" USING (");
                self.list(columns, |this, column| match column.0.as_slice() {
                    [part] => {
                        let ident = part.as_ident().ok_or_else(|| unsupported(column))?;
                        this.names.insert(ident.value.clone());
                        this.name(ident);
                        Ok(())
                    }
                    _ => Err(unsupported(column)),
                })?;
                self.push(")");
                Ok(())
            }
            JoinConstraint::UsingAlias(..) => Err(unsupported("USING … AS")),
            // All tables have the time columns in common, and no two records have equal times.
            JoinConstraint::Natural => Err(unsupported("NATURAL JOIN")),
        }
    }

    fn table(&mut self, factor: &TableFactor) -> Rendered {
        self.deeper(|this| match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_directives,
                inheritance,
            } => {
                absent(args.is_some(), "a function in FROM")?;
                let plain = with_hints.is_empty()
                    && version.is_none()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_directives.is_empty()
                    && inheritance.is_none();
                absent(!plain, "an option of a table")?;
                this.table_name(name, alias.is_some())?;
                this.table_alias(alias.as_ref())
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                absent(*lateral, "LATERAL")?;
                absent(sample.is_some(), "TABLESAMPLE")?;
                let before = this.counts.columns;
                this.parenthesised(subquery)?;
                this.from.columns += this.counts.columns - before;
                this.from.weight = this.from.weight.max(this.weight);
                this.table_alias(alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                absent(alias.is_some(), "a name for tables in parentheses")?;
                this.push("(");
                this.table_with_joins(table_with_joins)?;
                this.push(")");
                Ok(())
            }
            _ => Err(unsupported("a function in FROM")),
        })
    }

    fn table_alias(&mut self, alias: Option<&TableAlias>) -> Rendered {
        let Some(TableAlias { explicit: _, name, columns, at }) = alias else { return Ok(()) };
        absent(!columns.is_empty(), "a list of columns behind the name of a table")?;
        absent(at.is_some(), "AT")?;
        self.alias(name);
        Ok(())
    }

    /// Renders a table with its database, so that SQLite cannot mistake it for anything else.
    fn table_name(&mut self, name: &ObjectName, named: bool) -> Rendered {
        self.counts.reference()?;
        if let [table] = name.0.as_slice()
            && let Some(table) = table.as_ident()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == table.value)
        {
            self.from.weight = self.from.weight.max(cte.weight);
            self.name(table);
            return Ok(());
        }
        let table = table_name_of(name)?;
        let number = self.tables.iter().position(|known| *known == table).unwrap_or_else(|| {
            self.tables.push(table);
            self.tables.len() - 1
        });
        self.parts.push(Part::Text(std::mem::take(&mut self.out)));
        self.parts.push(Part::Table { number, named });
        Ok(())
    }
}

/// Parses `table` in the default database, or `database.table`.
pub(in crate::sql) fn table_name_of(name: &ObjectName) -> Result<TableName, SqlError> {
    let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    match parts.as_deref() {
        Some([table]) => Ok(TableName::new(DEFAULT_DATABASE, table.value.as_str())),
        Some([database, table]) => Ok(TableName::new(database.value.as_str(), table.value.as_str())),
        _ => Err(unsupported(name)),
    }
}
