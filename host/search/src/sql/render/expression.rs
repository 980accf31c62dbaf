//! Renders expressions: as a value, as a condition, or as a number.

use sqlparser::ast::{
    CaseWhen, CastKind, CeilFloorKind, Expr, Ident, InTarget, ObjectName, OrderByExpr, OrderByOptions, OrderBySort,
    Value,
};

use super::operator::is_condition;
use super::quoted::is_column;
use super::{Rendered, Renderer, absent, unsupported};
use crate::sql::values::{FALSE, TRUE};

impl Renderer {
    /// Renders an expression whose value is returned, stored or compared.
    pub(super) fn value(&mut self, expr: &Expr) -> Rendered {
        if is_condition(expr) {
            self.push("boolean(");
            self.plain(expr)?;
            self.push(")");
            Ok(())
        } else {
            self.plain(expr)
        }
    }

    /// Renders an expression used as a condition: 1, 0 or NULL.
    pub(super) fn condition(&mut self, expr: &Expr) -> Rendered {
        match expr {
            Expr::Nested(inner) => self.deeper(|this| this.condition(inner)),
            Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => {
                self.push(if value.value == Value::Boolean(true) { "1" } else { "0" });
                Ok(())
            }
            _ if is_condition(expr) => self.plain(expr),
            _ => {
                self.push("truth(");
                self.plain(expr)?;
                self.push(")");
                Ok(())
            }
        }
    }

    /// Renders an operand of arithmetic. A condition counts as 1 or 0.
    pub(super) fn number(&mut self, expr: &Expr) -> Rendered {
        self.plain(expr)
    }

    fn plain(&mut self, expr: &Expr) -> Rendered {
        let atom =
            matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Function(_));
        self.deeper(|this| {
            if atom {
                return this.bare(expr);
            }
            this.push("(");
            this.bare(expr)?;
            this.push(")");
            Ok(())
        })
    }

    fn bare(&mut self, expr: &Expr) -> Rendered {
        match expr {
            Expr::Identifier(ident) => self.column(std::slice::from_ref(ident)),
            Expr::CompoundIdentifier(path) => self.column(path),
            Expr::Nested(inner) => self.bare_nested(inner),
            Expr::Value(value) => self.literal(&value.value),
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(op, expr),
            Expr::IsTrue(inner) => self.tested(inner, " IS TRUE"),
            Expr::IsNotTrue(inner) => self.tested(inner, " IS NOT TRUE"),
            Expr::IsFalse(inner) => self.tested(inner, " IS FALSE"),
            Expr::IsNotFalse(inner) => self.tested(inner, " IS NOT FALSE"),
            Expr::IsUnknown(inner) => self.tested(inner, " IS NULL"),
            Expr::IsNotUnknown(inner) => self.tested(inner, " IS NOT NULL"),
            Expr::IsNull(inner) => self.suffixed(inner, " IS NULL"),
            Expr::IsNotNull(inner) => self.suffixed(inner, " IS NOT NULL"),
            Expr::IsDistinctFrom(left, right) => self.infix(left, " IS NOT ", right),
            Expr::IsNotDistinctFrom(left, right) => self.infix(left, " IS ", right),
            Expr::In { expr: inner, target, negated, global } => {
                absent(*global, "GLOBAL")?;
                self.is_in(expr, inner, target, *negated)
            }
            Expr::Between { expr, negated, low, high } => {
                self.push(if *negated { "NOT is_between(" } else { "is_between(" });
                self.infix(expr, ", ", low)?;
                self.push(", ");
                self.value(high)?;
                self.push(")");
                Ok(())
            }
            Expr::Like { negated, any, expr, pattern, escape_char }
            | Expr::ILike { negated, any, expr, pattern, escape_char } => {
                absent(*any, "ANY")?;
                self.like(expr, *negated, pattern, escape_char.as_deref())
            }
            Expr::RLike { negated, expr, pattern, regexp: _ } => {
                self.push(if *negated { "NOT " } else { "" });
                self.regexp(expr, pattern)
            }
            Expr::Extract { field, syntax: _, expr: inner } => self.date_part(inner, &field.to_string()),
            Expr::Cast { kind, expr: inner, data_type, format } => {
                let plain = matches!(kind, CastKind::Cast | CastKind::DoubleColon) && format.is_none();
                absent(!plain, "this kind of CAST")?;
                self.cast(inner, &data_type.to_string())
            }
            Expr::Collate { expr, collation } => {
                self.value(expr)?;
                self.collation(collation)
            }
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Exists { subquery, negated } => {
                self.push(if *negated { "NOT EXISTS " } else { "EXISTS " });
                self.parenthesised(subquery)
            }
            Expr::Subquery(query) => self.query(query),
            Expr::Function(function) => self.call(function),
            Expr::Ceil { expr: inner, field } => self.rounded(expr, "ceil", inner, field),
            Expr::Floor { expr: inner, field } => self.rounded(expr, "floor", inner, field),
            Expr::Position { expr, r#in } => self.simple_call("instr", &[r#in, expr]),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref())
            }
            Expr::Trim { trim_where, trim_what, expr: inner, trim_characters } => {
                let characters = match (trim_what.as_deref(), trim_characters.as_deref()) {
                    (None, None) => None,
                    (Some(one), None) | (None, Some([one])) => Some(one),
                    _ => return Err(unsupported(expr)),
                };
                self.trim(trim_where.as_ref(), inner, characters)
            }
            _ => Err(unsupported(expr)),
        }
    }

    fn like(&mut self, text: &Expr, negated: bool, pattern: &Expr, escape: Option<&Expr>) -> Rendered {
        self.text(text)?;
        self.push(if negated { " NOT LIKE " } else { " LIKE " });
        self.text(pattern)?;
        if let Some(escape) = escape {
            self.push(" ESCAPE ");
            self.text(escape)?;
        }
        Ok(())
    }

    fn date_part(&mut self, date: &Expr, field: &str) -> Rendered {
        self.push("date_part(");
        self.value(date)?;
        self.push(", ");
        self.literal(&Value::SingleQuotedString(field.to_owned()))?;
        self.push(")");
        Ok(())
    }

    fn bare_nested(&mut self, inner: &Expr) -> Rendered {
        self.deeper(|this| this.bare(inner))
    }

    fn column(&mut self, path: &[Ident]) -> Rendered {
        self.counts.names += 1;
        self.counts.columns += 1;
        if let Some(column) = path.last() {
            self.names.insert(column.value.clone());
            if path.len() == 1 && column.quote_style == Some('"') {
                self.double_quoted.insert(column.value.clone());
            }
        }
        if path.len() > 3 {
            let path: Vec<_> = path.iter().map(|part| part.value.as_str()).collect();
            return Err(unsupported(path.join(".")));
        }
        self.copyable &= path.len() < 3;
        for (number, part) in path.iter().enumerate() {
            if number > 0 {
                self.push(".");
            }
            self.name(part);
        }
        Ok(())
    }

    fn literal(&mut self, value: &Value) -> Rendered {
        match value {
            Value::Null => self.push("NULL"),
            Value::Boolean(true) => self.push(TRUE.literal),
            Value::Boolean(false) => self.push(FALSE.literal),
            Value::SingleQuotedString(text) => {
                self.push("'");
                self.push(&text.replace('\'', "''"));
                self.push("'");
            }
            Value::Number(digits, false) => {
                let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
                let digits = digits.replace('_', "");
                if !digits.bytes().all(plain) || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
                    return Err(unsupported(value));
                }
                self.push(&digits);
            }
            Value::Placeholder(_) => return Err(unsupported(format!("a parameter like {value}"))),
            _ => return Err(unsupported(value)),
        }
        Ok(())
    }

    /// Renders an expression that SQLite converts to text. SQLite has its own format for numbers.
    fn text(&mut self, expr: &Expr) -> Rendered {
        if let Expr::Value(value) = expr
            && let Value::SingleQuotedString(_) = value.value
        {
            return self.value(expr);
        }
        self.push("CAST(");
        self.value(expr)?;
        self.push(" AS TEXT)");
        Ok(())
    }

    pub(super) fn regexp(&mut self, text: &Expr, pattern: &Expr) -> Rendered {
        self.push("regexp(");
        self.text(pattern)?;
        self.push(", ");
        self.text(text)?;
        self.push(")");
        Ok(())
    }

    pub(super) fn infix(&mut self, left: &Expr, words: &str, right: &Expr) -> Rendered {
        self.value(left)?;
        self.push(words);
        self.value(right)
    }

    fn suffixed(&mut self, inner: &Expr, words: &str) -> Rendered {
        self.value(inner)?;
        self.push(words);
        Ok(())
    }

    fn tested(&mut self, inner: &Expr, words: &str) -> Rendered {
        self.condition(inner)?;
        self.push(words);
        Ok(())
    }

    fn is_in(&mut self, whole: &Expr, expr: &Expr, target: &InTarget, negated: bool) -> Rendered {
        self.value(expr)?;
        self.push(if negated { " NOT IN (" } else { " IN (" });
        match target {
            InTarget::List(items) if is_column(expr) => self.list(items, Self::with_other_meaning)?,
            InTarget::List(items) => self.list(items, Self::value)?,
            InTarget::Subquery(query) => self.with_other_spellings(query)?,
            InTarget::Unnest(_) | InTarget::Table { .. } => return Err(unsupported(whole)),
        }
        self.push(")");
        Ok(())
    }

    fn cast(&mut self, inner: &Expr, data_type: &str) -> Rendered {
        let word: String = data_type.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let target = match word.to_ascii_uppercase().as_str() {
            "BOOL" | "BOOLEAN" => {
                self.push("boolean(");
                self.condition(inner)?;
                self.push(")");
                return Ok(());
            }
            "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "MEDIUMINT" | "INT8" | "INT4" | "INT2"
            | "SIGNED" => "INTEGER",
            "REAL" | "FLOAT" | "FLOAT4" | "FLOAT8" | "DOUBLE" => "REAL",
            "NUMERIC" | "DECIMAL" | "DEC" | "NUMBER" => "NUMERIC",
            "TEXT" | "STRING" | "VARCHAR" | "NVARCHAR" | "CHAR" | "NCHAR" | "CHARACTER" | "CLOB" => "TEXT",
            _ => return Err(unsupported(format!("CAST to {data_type}"))),
        };
        self.push("CAST(");
        if target == "TEXT" {
            self.value(inner)?
        } else {
            self.number(inner)?
        }
        self.push(" AS ");
        self.push(target);
        self.push(")");
        Ok(())
    }

    fn collation(&mut self, collation: &ObjectName) -> Rendered {
        let name = collation.to_string().to_ascii_uppercase();
        match name.trim_matches(['"', '`']) {
            "BINARY" => self.push(" COLLATE BINARY"),
            "NOCASE" => self.push(" COLLATE NOCASE"),
            "RTRIM" => self.push(" COLLATE RTRIM"),
            _ => return Err(unsupported(format!("COLLATE {collation}"))),
        }
        Ok(())
    }

    fn case(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Rendered {
        self.push("CASE");
        // A column is compared with each value separately, so that a literal has its other meaning.
        let column = operand.filter(|operand| is_column(operand));
        let operand = operand.filter(|_| column.is_none());
        if let Some(operand) = operand {
            self.push(" ");
            self.value(operand)?;
        }
        for CaseWhen { condition, result } in conditions {
            self.push(" WHEN ");
            if let Some(column) = column {
                self.equality(column, condition, false)?
            } else if operand.is_some() {
                self.value(condition)?
            } else {
                self.condition(condition)?
            }
            self.push(" THEN ");
            self.value(result)?;
        }
        if let Some(otherwise) = otherwise {
            self.push(" ELSE ");
            self.value(otherwise)?;
        }
        self.push(" END");
        Ok(())
    }

    fn rounded(&mut self, whole: &Expr, function: &str, inner: &Expr, field: &CeilFloorKind) -> Rendered {
        match field {
            CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime) => {
                self.simple_call(function, &[inner])
            }
            _ => Err(unsupported(whole)),
        }
    }

    pub(super) fn order_term(&mut self, term: &OrderByExpr) -> Rendered {
        let OrderByExpr { expr, options: OrderByOptions { sort, nulls_first }, with_fill } = term;
        absent(with_fill.is_some(), "WITH FILL")?;
        self.value(expr)?;
        self.push(match sort {
            None => "",
            Some(OrderBySort::Asc) => " ASC",
            Some(OrderBySort::Desc) => " DESC",
            Some(OrderBySort::Using(_)) => return Err(unsupported("USING")),
        });
        self.push(match nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        });
        Ok(())
    }
}
