//! Names of columns without AS, and which columns a row may omit.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Function, FunctionArguments, Query, Select, SelectItem, SetExpr};

/// Functions whose columns are named as in Harper: `geoLength(line,"miles")`. The columns of other functions are named
/// as written.
const AS_HARPER: &[&str] = &["date_add", "date_diff", "date_format", "date_sub", "datediff", "extract", "offset_utc"];
const GEOMETRY: &str = "geo";
/// Geometry functions that compute something from their arguments. If there is nothing to compute, the row omits the
/// attribute, and clients test for that.
const MAY_BE_ABSENT: &[&str] = &["geoarea", "geodifference", "geodistance", "geolength"];

/// Aggregate functions, whose columns are named in capitals as in Harper: `COUNT(*)`.
const OF_GROUPS: &[&str] = &["avg", "count", "max", "min", "sum", "total"];

pub(super) fn label(expr: &Expr, select: &Select) -> String {
    let text = expr.to_string();
    let Some((name, function)) = call(expr) else { return text };
    let lower = name.to_ascii_lowercase();
    if OF_GROUPS.contains(&lower.as_str()) {
        return text.strip_prefix(name).map(|rest| format!("{}{rest}", name.to_ascii_uppercase())).unwrap_or(text);
    }
    let FunctionArguments::List(list) = &function.args else { return text };
    if !lower.starts_with(GEOMETRY) && !AS_HARPER.contains(&lower.as_str()) {
        return text;
    }
    let arguments: Vec<String> = list.args.iter().map(ToString::to_string).collect();
    let label = format!("{name}({})", arguments.join(","));
    // Harper does this only if there is a table.
    if select.from.is_empty() { label } else { label.replace('\'', "\"") }
}

/// Returns a function call and the function's name as written.
fn call(expr: &Expr) -> Option<(&str, &Function)> {
    let Expr::Function(function) = expr else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    Some((name.as_ident()?.value.as_str(), function))
}

/// Returns the result columns that are omitted from a row if they are null.
pub(super) fn may_be_absent(query: &Query) -> BTreeSet<String> {
    let SetExpr::Select(select) = query.body.as_ref() else { return BTreeSet::new() };
    let name = |item: &SelectItem| {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, label(expr, select)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            _ => return None,
        };
        let function = call(expr)?.0.to_ascii_lowercase();
        MAY_BE_ABSENT.contains(&function.as_str()).then_some(name)
    };
    select.projection.iter().filter_map(name).collect()
}
