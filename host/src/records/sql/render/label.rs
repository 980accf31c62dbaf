//! What a column without AS is called, and which columns a row may lack.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, FunctionArguments, Query, Select, SelectItem, SetExpr};

/// Functions whose columns are called as Harper calls them: `geoLength(line,"miles")`. Others are called as they are written.
const AS_HARPER: &[&str] = &["date_add", "date_diff", "date_format", "date_sub", "datediff", "extract", "offset_utc"];
const GEOMETRY: &str = "geo";
/// Functions of geometry that compute something of their arguments. If there is nothing to compute, the row has no such
/// attribute, which clients test for.
const MAY_BE_ABSENT: &[&str] = &["geoarea", "geodifference", "geodistance", "geolength"];

pub(super) fn label(expr: &Expr, select: &Select) -> String {
    let written = match expr {
        Expr::Function(function) => harper_call(expr).zip(match &function.args {
            FunctionArguments::List(list) => Some(&list.args),
            _ => None,
        }),
        _ => None,
    };
    let Some((name, arguments)) = written else { return expr.to_string() };
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let label = format!("{name}({})", arguments.join(","));
    // Harper does so only if there is a table.
    if select.from.is_empty() { label } else { label.replace('\'', "\"") }
}

/// The name of the function as it is written, if it is one of those.
fn harper_call(expr: &Expr) -> Option<&str> {
    let Expr::Function(function) = expr else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    let name = name.as_ident()?.value.as_str();
    let lower = name.to_ascii_lowercase();
    (lower.starts_with(GEOMETRY) || AS_HARPER.contains(&lower.as_str())).then_some(name)
}

/// Names of the columns of the result that are left out of a row where they are null.
pub(super) fn may_be_absent(query: &Query) -> BTreeSet<String> {
    let SetExpr::Select(select) = query.body.as_ref() else { return BTreeSet::new() };
    let name = |item: &SelectItem| {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, label(expr, select)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            _ => return None,
        };
        let function = harper_call(expr)?.to_ascii_lowercase();
        MAY_BE_ABSENT.contains(&function.as_str()).then_some(name)
    };
    select.projection.iter().filter_map(name).collect()
}
