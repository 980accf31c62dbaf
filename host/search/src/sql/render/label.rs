//! What a column without AS is called, and which columns a row may lack.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Function, FunctionArguments, Query, Select, SelectItem, SetExpr};

/// Functions whose columns are called as Harper calls them: `geoLength(line,"miles")`. Others are called as they are written.
const AS_HARPER: &[&str] = &["date_add", "date_diff", "date_format", "date_sub", "datediff", "extract", "offset_utc"];
const GEOMETRY: &str = "geo";
/// Functions of geometry that compute something of their arguments. If there is nothing to compute, the row has no such
/// attribute, which clients test for.
const MAY_BE_ABSENT: &[&str] = &["geoarea", "geodifference", "geodistance", "geolength"];

/// Functions of groups, which are named in capitals as with Harper: `COUNT(*)`.
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
    // Harper does so only if there is a table.
    if select.from.is_empty() { label } else { label.replace('\'', "\"") }
}

/// A call of a function, and the function's name as it is written.
fn call(expr: &Expr) -> Option<(&str, &Function)> {
    let Expr::Function(function) = expr else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    Some((name.as_ident()?.value.as_str(), function))
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
        let function = call(expr)?.0.to_ascii_lowercase();
        MAY_BE_ABSENT.contains(&function.as_str()).then_some(name)
    };
    select.projection.iter().filter_map(name).collect()
}
