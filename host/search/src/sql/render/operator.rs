//! Renders operators, and recognises which expressions are conditions.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::{Rendered, Renderer, unsupported};

impl Renderer {
    pub(super) fn binary(&mut self, whole: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) -> Rendered {
        let words = match op {
            BinaryOperator::And => return self.chain(whole, op, " AND "),
            BinaryOperator::Or => return self.chain(whole, op, " OR "),
            BinaryOperator::Eq => return self.equality(left, right, false),
            BinaryOperator::NotEq => return self.equality(left, right, true),
            BinaryOperator::Lt => return self.ordered("is_less", " < ", left, right),
            BinaryOperator::LtEq => return self.ordered("is_at_most", " <= ", left, right),
            BinaryOperator::Gt => return self.ordered("is_greater", " > ", left, right),
            BinaryOperator::GtEq => return self.ordered("is_at_least", " >= ", left, right),
            BinaryOperator::Is => return self.infix(left, " IS ", right),
            BinaryOperator::IsNot => return self.infix(left, " IS NOT ", right),
            BinaryOperator::Regexp => return self.regexp(left, right),
            BinaryOperator::StringConcat => return self.infix(left, " || ", right),
            BinaryOperator::Divide => {
                self.push("CAST(");
                self.number(left)?;
                self.push(" AS REAL) / ");
                return self.number(right);
            }
            BinaryOperator::Modulo => {
                self.push("modulo(");
                self.number(left)?;
                self.push(", ");
                self.number(right)?;
                self.push(")");
                return Ok(());
            }
            BinaryOperator::Plus => " + ",
            BinaryOperator::Minus => " - ",
            BinaryOperator::Multiply => " * ",
            BinaryOperator::BitwiseAnd => " & ",
            BinaryOperator::BitwiseOr => " | ",
            _ => return Err(unsupported(op)),
        };
        self.number(left)?;
        self.push(words);
        self.number(right)
    }

    /// Renders less than and greater than: by our own function, unless a collation determines how texts compare.
    fn ordered(&mut self, function: &str, words: &str, left: &Expr, right: &Expr) -> Rendered {
        if [left, right].iter().any(|side| matches!(side, Expr::Collate { .. })) {
            return self.infix(left, words, right);
        }
        self.push(function);
        self.push("(");
        self.infix(left, ", ", right)?;
        self.push(")");
        Ok(())
    }

    /// Renders `a AND b AND c …` iteratively: the chain leans to the left and may be long.
    fn chain(&mut self, whole: &Expr, operator: &BinaryOperator, words: &str) -> Rendered {
        let mut terms = Vec::new();
        let mut first = whole;
        while let Expr::BinaryOp { left, op, right } = first
            && op == operator
        {
            terms.push(right.as_ref());
            first = left;
        }
        self.condition(first)?;
        for term in terms.into_iter().rev() {
            self.push(words);
            self.condition(term)?;
        }
        Ok(())
    }

    pub(super) fn unary(&mut self, op: &UnaryOperator, expr: &Expr) -> Rendered {
        match op {
            UnaryOperator::Not | UnaryOperator::BangNot => {
                self.push("NOT ");
                self.condition(expr)
            }
            UnaryOperator::Minus => {
                self.push("-");
                self.number(expr)
            }
            UnaryOperator::Plus => self.number(expr),
            _ => Err(unsupported(op)),
        }
    }
}

/// Returns whether SQLite evaluates the expression to 0, 1 or NULL.
pub(super) fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_condition(inner),
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOperator::Not | UnaryOperator::BangNot),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::Is
                | BinaryOperator::IsNot
                | BinaryOperator::Regexp
        ),
        Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::RLike { .. }
        | Expr::Exists { .. } => true,
        _ => false,
    }
}
