//! Renders SELECT: the result columns, the clauses, and how SELECTs are combined.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, WildcardAdditionalOptions,
};

use super::bounds::{self, within};
use super::label::label;
use super::{FromClause, Rendered, Renderer, absent, unsupported};
use crate::sql::MAX_COLUMNS;

impl Renderer {
    pub(super) fn set_expression(&mut self, body: &SetExpr) -> Rendered {
        // The chain leans to the left and may be long, so it is not walked recursively.
        let mut chain = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            chain.push((*op, *set_quantifier, right.as_ref()));
            first = left;
        }
        self.member(first)?;
        let mut weight = self.weight;
        for (op, quantifier, member) in chain.into_iter().rev() {
            self.push(match (op, quantifier) {
                (SetOperator::Union, SetQuantifier::All) => " UNION ALL ",
                (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => " UNION ",
                (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => " INTERSECT ",
                (SetOperator::Except | SetOperator::Minus, SetQuantifier::None | SetQuantifier::Distinct) => " EXCEPT ",
                _ => return Err(unsupported(format!("{op} {quantifier}"))),
            });
            self.member(member)?;
            weight = weight.max(self.weight);
        }
        self.weight = weight;
        Ok(())
    }

    /// Renders a member of a compound. SQLite accepts only plain SELECTs there.
    fn member(&mut self, member: &SetExpr) -> Rendered {
        match member {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                self.push("SELECT * FROM ");
                self.parenthesised(query)
            }
            SetExpr::SetOperation { .. } => self.deeper(|this| {
                this.push("SELECT * FROM (");
                this.set_expression(member)?;
                this.push(")");
                Ok(())
            }),
            SetExpr::Values(_) => Err(unsupported("VALUES")),
            SetExpr::Table(_) => Err(unsupported("TABLE")),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(crate::sql::SqlError::Invalid("Only SELECT can be run: the statement changes records".to_owned()))
            }
        }
    }

    fn select(&mut self, select: &Select) -> Rendered {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        absent(into.is_some(), "INTO")?;
        absent(!optimizer_hints.is_empty(), "a hint")?;
        absent(select_modifiers.is_some(), "a modifier of SELECT")?;
        absent(top.is_some(), "TOP")?;
        absent(exclude.is_some(), "EXCLUDE")?;
        absent(!lateral_views.is_empty(), "LATERAL VIEW")?;
        absent(prewhere.is_some(), "PREWHERE")?;
        absent(!connect_by.is_empty(), "CONNECT BY")?;
        absent(!cluster_by.is_empty(), "CLUSTER BY")?;
        absent(!distribute_by.is_empty(), "DISTRIBUTE BY")?;
        absent(!sort_by.is_empty(), "SORT BY")?;
        absent(qualify.is_some(), "QUALIFY")?;
        absent(value_table_mode.is_some(), "AS VALUE")?;
        absent(*flavor != SelectFlavor::Standard, "FROM before SELECT")?;
        self.counts.select()?;
        within(projection.len(), MAX_COLUMNS, || {
            format!("a SELECT has {} columns; the maximum is {MAX_COLUMNS}", projection.len())
        })?;
        self.push(match distinct {
            None | Some(Distinct::All) => "SELECT ",
            Some(Distinct::Distinct) => "SELECT DISTINCT ",
            Some(Distinct::On(_)) => return Err(unsupported("DISTINCT ON")),
        });
        // Subqueries in expressions have a FROM of their own.
        let outer = std::mem::take(&mut self.from);
        let before = self.counts.columns;
        let mut widest = 1;
        self.list(projection, |this, item| {
            let before = this.counts.columns;
            this.item(item, select)?;
            widest = widest.max(this.counts.columns - before);
            Ok(())
        })?;
        let inner = if from.is_empty() {
            FromClause::default()
        } else {
            self.push(" FROM ");
            self.list(from, Self::table_with_joins)?;
            std::mem::take(&mut self.from)
        };
        if let Some(condition) = selection {
            self.push(" WHERE ");
            self.condition(condition)?;
        }
        self.group_by(group_by)?;
        if let Some(condition) = having {
            self.push(" HAVING ");
            self.condition(condition)?;
        }
        self.named_windows(named_window)?;
        self.from = outer;
        let own = self.counts.columns - before - inner.columns;
        self.counts.columns = before + inner.columns + bounds::expanded(own, inner.weight)?;
        self.weight = bounds::expanded(widest, inner.weight)?;
        Ok(())
    }

    fn group_by(&mut self, group_by: &GroupByExpr) -> Rendered {
        match group_by {
            GroupByExpr::All(_) => Err(unsupported("GROUP BY ALL")),
            GroupByExpr::Expressions(terms, modifiers) => {
                absent(!modifiers.is_empty(), "a modifier of GROUP BY")?;
                if terms.is_empty() {
                    return Ok(());
                }
                bounds::terms("GROUP BY", terms.len())?;
                self.push(" GROUP BY ");
                self.list(terms, Self::value)
            }
        }
    }

    fn item(&mut self, item: &SelectItem, select: &Select) -> Rendered {
        match item {
            // SQLite names these after the column.
            SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => self.value(expr),
            SelectItem::UnnamedExpr(expr) => {
                self.value(expr)?;
                self.alias(&Ident::new(label(expr, select)));
                Ok(())
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.value(expr)?;
                self.alias(alias);
                Ok(())
            }
            SelectItem::ExprWithAliases { .. } => Err(unsupported(item)),
            SelectItem::Wildcard(options) => {
                self.wildcard(options)?;
                self.push("*");
                Ok(())
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                self.wildcard(options)?;
                self.copyable &= name.0.len() < 2;
                for part in &name.0 {
                    let Some(ident) = part.as_ident() else { return Err(unsupported(item)) };
                    self.name(ident);
                    self.push(".");
                }
                self.push("*");
                Ok(())
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => Err(unsupported(item)),
        }
    }

    pub(super) fn alias(&mut self, alias: &Ident) {
        self.push(" AS ");
        self.name(alias);
    }

    fn wildcard(&mut self, options: &WildcardAdditionalOptions) -> Rendered {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let plain = opt_ilike.is_none()
            && opt_exclude.is_none()
            && opt_except.is_none()
            && opt_replace.is_none()
            && opt_rename.is_none()
            && opt_alias.is_none();
        self.counts.stars += 1;
        absent(!plain, "an option of *")
    }
}
