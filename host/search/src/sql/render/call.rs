//! Functions: which exist, how many arguments they take, and their names in SQLite.
//!
//! A function is allowed only if it reads nothing but its arguments, and if neither its time nor its result grows
//! faster than they do. This excludes everything that opens files or loads code, and also `printf`, `zeroblob`,
//! `randomblob` and `glob`.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, NullTreatment, TrimWhereField, Value,
};

use super::quoted::is_column;
use super::{Rendered, Renderer, absent, unsupported};
use crate::sql::SqlError;
use crate::sql::sentences::shortened;

/// Maximum number of characters that TRIM may remove. Each character of the text is compared with each of them.
const MAX_TRIM_CHARACTERS: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    /// Used with GROUP BY or OVER.
    Aggregate,
    /// Used only with OVER.
    Window,
}

use Kind::{Aggregate, Scalar, Window};

/// (name, name in SQLite, kind, minimum number of arguments, maximum).
const FUNCTIONS: &[(&str, &str, Kind, usize, usize)] = &[
    ("abs", "abs", Scalar, 1, 1),
    ("ceil", "ceil", Scalar, 1, 1),
    ("ceiling", "ceil", Scalar, 1, 1),
    ("char_length", "length", Scalar, 1, 1),
    ("coalesce", "coalesce", Scalar, 2, 32),
    ("concat", "concat", Scalar, 1, 32),
    ("current_date", "now_date", Scalar, 0, 0),
    ("current_time", "now_time", Scalar, 0, 0),
    ("current_timestamp", "now_millis", Scalar, 0, 0),
    ("date", "date", Scalar, 2, 8),
    ("date_add", "date_add", Scalar, 2, 3),
    ("date_diff", "date_diff", Scalar, 2, 3),
    ("date_format", "date_format", Scalar, 1, 2),
    ("date_sub", "date_sub", Scalar, 2, 3),
    ("datediff", "date_diff", Scalar, 2, 3),
    ("datetime", "datetime", Scalar, 0, 8),
    ("exp", "exp", Scalar, 1, 1),
    ("extract", "date_part", Scalar, 2, 2),
    ("floor", "floor", Scalar, 1, 1),
    ("geoarea", "geoarea", Scalar, 1, 1),
    ("geocontains", "geocontains", Scalar, 2, 2),
    ("geoconvert", "geoconvert", Scalar, 2, 3),
    ("geocrosses", "geocrosses", Scalar, 2, 2),
    ("geodifference", "geodifference", Scalar, 2, 2),
    ("geodistance", "geodistance", Scalar, 2, 3),
    ("geoequal", "geoequal", Scalar, 2, 2),
    ("geolength", "geolength", Scalar, 1, 2),
    ("geonear", "geonear", Scalar, 3, 4),
    ("get_server_time", "now_server", Scalar, 0, 0),
    ("getdate", "now_millis", Scalar, 0, 0),
    ("hex", "hex", Scalar, 1, 1),
    ("ifnull", "ifnull", Scalar, 2, 2),
    ("instr", "instr", Scalar, 2, 2),
    ("json_extract", "json_extract", Scalar, 2, 2),
    ("julianday", "julianday", Scalar, 0, 8),
    ("lcase", "lower", Scalar, 1, 1),
    ("len", "length", Scalar, 1, 1),
    ("length", "length", Scalar, 1, 1),
    ("ln", "ln", Scalar, 1, 1),
    ("log10", "log10", Scalar, 1, 1),
    ("lower", "lower", Scalar, 1, 1),
    ("now", "now_millis", Scalar, 0, 0),
    ("nullif", "nullif", Scalar, 2, 2),
    ("nvl", "ifnull", Scalar, 2, 2),
    ("offset_utc", "offset_utc", Scalar, 2, 2),
    ("pow", "power", Scalar, 2, 2),
    ("power", "power", Scalar, 2, 2),
    ("random", "random_part", Scalar, 0, 0),
    ("replace", "replace", Scalar, 3, 3),
    ("round", "round", Scalar, 1, 2),
    ("sign", "sign", Scalar, 1, 1),
    ("sqrt", "sqrt", Scalar, 1, 1),
    ("strftime", "strftime", Scalar, 1, 8),
    ("time", "time", Scalar, 0, 8),
    ("ucase", "upper", Scalar, 1, 1),
    ("unicode", "unicode", Scalar, 1, 1),
    ("unixepoch", "unixepoch", Scalar, 0, 8),
    ("upper", "upper", Scalar, 1, 1),
    ("avg", "avg", Aggregate, 1, 1),
    ("count", "count", Aggregate, 1, 1),
    ("group_concat", "group_concat", Aggregate, 1, 2),
    ("string_agg", "group_concat", Aggregate, 2, 2),
    ("sum", "sum", Aggregate, 1, 1),
    ("total", "total", Aggregate, 1, 1),
    ("cume_dist", "cume_dist", Window, 0, 0),
    ("dense_rank", "dense_rank", Window, 0, 0),
    ("first_value", "first_value", Window, 1, 1),
    ("lag", "lag", Window, 1, 3),
    ("last_value", "last_value", Window, 1, 1),
    ("lead", "lead", Window, 1, 3),
    ("nth_value", "nth_value", Window, 2, 2),
    ("ntile", "ntile", Window, 1, 1),
    ("percent_rank", "percent_rank", Window, 0, 0),
    ("rank", "rank", Window, 0, 0),
    ("row_number", "row_number", Window, 0, 0),
];

/// Functions that `FUNCTIONS` does not list: those with a syntax of their own, and those that implement operators.
const OTHERS_IN_SQLITE: &[&str] = &[
    "boolean",
    "is_at_least",
    "is_at_most",
    "is_between",
    "is_greater",
    "is_less",
    "only_number",
    "other_spelling",
    "truth",
    "modulo",
    "like",
    "substr",
    "trim",
    "ltrim",
    "rtrim",
    "min",
    "max",
    "full_date",
    "regexp",
    "iif",
];

/// Returns whether rendered statements may call the function.
pub(in crate::sql) fn is_allowed_in_sqlite(function: &str) -> bool {
    FUNCTIONS.iter().any(|(_, name, ..)| *name == function) || OTHERS_IN_SQLITE.contains(&function)
}

/// The parsed arguments of a call.
#[derive(Default)]
struct Arguments<'a> {
    distinct: bool,
    items: Vec<&'a FunctionArgExpr>,
}

impl Renderer {
    pub(super) fn call(&mut self, function: &Function) -> Rendered {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        absent(*uses_odbc_syntax, "{fn …}")?;
        absent(!matches!(parameters, FunctionArguments::None), "a parameter of a function")?;
        absent(!within_group.is_empty(), "WITHIN GROUP")?;
        absent(matches!(null_treatment, Some(NullTreatment::IgnoreNulls)), "IGNORE NULLS")?;
        let [part] = name.0.as_slice() else { return Err(unknown(&name.to_string())) };
        let lower = part.as_ident().map(|ident| ident.value.to_ascii_lowercase()).unwrap_or_default();
        let plain = filter.is_none() && over.is_none();

        let arguments = match args {
            FunctionArguments::List(list) => arguments(list)?,
            FunctionArguments::None if CURRENT.contains(&lower.as_str()) => Arguments::default(),
            FunctionArguments::None | FunctionArguments::Subquery(_) => return Err(unsupported(function)),
        };
        if plain && !arguments.distinct && self.special_call(&lower, &arguments.items)? {
            return Ok(());
        }
        let count = arguments.items.len();
        // With several arguments, these return the smallest and the largest argument.
        let min_max = matches!(lower.as_str(), "min" | "max");
        let listed = FUNCTIONS.iter().find(|(listed, ..)| *listed == lower);
        let (target, kind) = match listed {
            Some((_, target, kind, fewest, most)) if (*fewest..=*most).contains(&count) => (*target, *kind),
            None if min_max && (1..=32).contains(&count) => {
                (if lower == "min" { "min" } else { "max" }, if count == 1 { Aggregate } else { Scalar })
            }
            Some(_) => return Err(wrong_count(&lower)),
            None if min_max => return Err(wrong_count(&lower)),
            None => return Err(unknown(&lower)),
        };
        absent(kind == Scalar && !plain, "OVER or FILTER of a plain function")?;
        absent(kind == Scalar && arguments.distinct, "DISTINCT in a plain function")?;
        absent(kind == Window && (over.is_none() || filter.is_some()), &format!("{target} without OVER"))?;

        self.push(target);
        self.push(if arguments.distinct { "(DISTINCT " } else { "(" });
        // Texts and booleans are not included in a sum.
        let adds_up = matches!(target, "sum" | "avg" | "total");
        let computes = matches!(target, "abs" | "round" | "sign");
        self.list(arguments.items, |this, argument| match argument {
            FunctionArgExpr::Expr(expr) if adds_up => {
                this.push("only_number(");
                this.number(expr)?;
                this.push(")");
                Ok(())
            }
            FunctionArgExpr::Expr(expr) if computes => this.number(expr),
            FunctionArgExpr::Expr(expr) => this.value(expr),
            FunctionArgExpr::Wildcard if target == "count" => {
                this.push("*");
                Ok(())
            }
            other => Err(unsupported(other)),
        })?;
        self.push(")");
        if let Some(condition) = filter {
            self.push(" FILTER (WHERE ");
            self.condition(condition)?;
            self.push(")");
        }
        match over {
            Some(window) => self.over(window),
            None => Ok(()),
        }
    }

    /// Renders functions whose arguments are not all rendered alike. Returns false if it is none of them.
    fn special_call(&mut self, name: &str, items: &[&FunctionArgExpr]) -> Result<bool, SqlError> {
        let exprs: Option<Vec<&Expr>> = items
            .iter()
            .map(|item| match item {
                FunctionArgExpr::Expr(expr) => Some(expr),
                _ => None,
            })
            .collect();
        let Some(exprs) = exprs else { return Ok(false) };
        match (name, exprs.as_slice()) {
            ("substr" | "substring" | "mid", [text, from]) => self.substring(text, Some(from), None)?,
            ("substr" | "substring" | "mid", [text, from, length]) => self.substring(text, Some(from), Some(length))?,
            ("trim", [text]) => self.trim(None, text, None)?,
            ("trim", [text, characters]) => self.trim(None, text, Some(characters))?,
            ("ltrim", [text]) => self.trim(Some(&TrimWhereField::Leading), text, None)?,
            ("ltrim", [text, characters]) => self.trim(Some(&TrimWhereField::Leading), text, Some(characters))?,
            ("rtrim", [text]) => self.trim(Some(&TrimWhereField::Trailing), text, None)?,
            ("rtrim", [text, characters]) => self.trim(Some(&TrimWhereField::Trailing), text, Some(characters))?,
            ("nullif", [column, literal]) if is_column(column) => self.null_if(column, literal)?,
            ("mod", [left, right]) => self.simple_call("modulo", &[left, right])?,
            // SQLite's own DATE accepts modifiers after the date.
            ("date", [] | [_]) => self.simple_call("full_date", &exprs)?,
            ("regexp_like", [text, pattern]) => {
                self.push("boolean(");
                self.regexp(text, pattern)?;
                self.push(")");
            }
            ("if" | "iif", [condition, yes, no]) => {
                self.push("iif(");
                self.condition(condition)?;
                self.push(", ");
                self.value(yes)?;
                self.push(", ");
                self.value(no)?;
                self.push(")");
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn simple_call(&mut self, function: &str, arguments: &[&Expr]) -> Rendered {
        self.push(function);
        self.push("(");
        self.list(arguments.iter().copied(), Self::value)?;
        self.push(")");
        Ok(())
    }

    /// Always applies to a text: a piece of a blob would not be valid JSON.
    pub(super) fn substring(&mut self, text: &Expr, from: Option<&Expr>, length: Option<&Expr>) -> Rendered {
        self.push("substr(CAST(");
        self.value(text)?;
        self.push(" AS TEXT), ");
        match from {
            Some(from) => self.value(from)?,
            None => self.push("1"),
        }
        if let Some(length) = length {
            self.push(", ");
            self.value(length)?;
        }
        self.push(")");
        Ok(())
    }

    pub(super) fn trim(&mut self, side: Option<&TrimWhereField>, text: &Expr, characters: Option<&Expr>) -> Rendered {
        self.push(match side {
            None | Some(TrimWhereField::Both) => "trim(",
            Some(TrimWhereField::Leading) => "ltrim(",
            Some(TrimWhereField::Trailing) => "rtrim(",
        });
        self.value(text)?;
        if let Some(characters) = characters {
            let few = match characters {
                Expr::Value(value) => match &value.value {
                    Value::SingleQuotedString(text) => text.chars().count() <= MAX_TRIM_CHARACTERS,
                    _ => false,
                },
                _ => false,
            };
            if !few {
                return Err(SqlError::Invalid(format!(
                    "TRIM needs the characters to remove as a string of at most {MAX_TRIM_CHARACTERS}"
                )));
            }
            self.push(", ");
            self.value(characters)?;
        }
        self.push(")");
        Ok(())
    }
}

/// Functions that are called without parentheses.
const CURRENT: &[&str] = &["current_timestamp", "current_date", "current_time"];

fn arguments(list: &FunctionArgumentList) -> Result<Arguments<'_>, SqlError> {
    let FunctionArgumentList { duplicate_treatment, args, clauses } = list;
    let plain = |clause: &FunctionArgumentClause| {
        matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::RespectNulls))
    };
    if let Some(clause) = clauses.iter().find(|clause| !plain(clause)) {
        return Err(unsupported(clause));
    }
    let items = args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(item) => Ok(item),
        FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => Err(unsupported(argument)),
    });
    Ok(Arguments {
        distinct: *duplicate_treatment == Some(DuplicateTreatment::Distinct),
        items: items.collect::<Result<_, _>>()?,
    })
}

fn unknown(name: &str) -> SqlError {
    SqlError::Invalid(format!("unknown function '{}'", shortened(name)))
}

fn wrong_count(name: &str) -> SqlError {
    SqlError::Invalid(format!("wrong number of arguments to function '{name}'"))
}
