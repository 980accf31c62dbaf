//! `search_by_id`, `search_by_value`, `search_by_conditions` and `sql`: from the envelope to the rows.
//! `jobhost-search` parses searches and checks permissions, for jobs' queries as well.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::aside::{aside, aside_if_large};
use super::call::Call;
use super::envelope::{Envelope, charged_value};
use super::error::ApiError;
use super::reply::Reply;
use super::rows;
use jobhost_budget::Held;
use jobhost_model::RowShape;
use jobhost_search::query::Separator;
use jobhost_search::{MAX_SEARCH_BYTES, PermittedSearch, SearchBudget, SearchLimits, SearchRequest};
use jobhost_store::ScanOrder;

/// A search is built from the members of its request and keeps copies of them.
const COPIES: u64 = 3;

pub(super) async fn answer(call: &Call<'_>) -> Result<Reply, ApiError> {
    let search = permitted(call).await?;
    let budget = SearchBudget { account: call.account.clone(), takes_slots: true };
    let limits = SearchLimits { budget: Some(budget), ..call.state.search_limits.clone() };
    let (store, shape, order) = (Arc::clone(&call.state.store), RowShape::Objects, ScanOrder::Key);
    rows::answer(call, search.open(store, shape, Separator::Comma, order, &limits).await?).await
}

/// Parses the search and checks the user's permissions. Planning SQL may be slow regardless of its length.
async fn permitted(call: &Call<'_>) -> Result<PermittedSearch, ApiError> {
    let (members, bytes) = members(call)?;
    let operation = call.envelope.operation().to_owned();
    let (role, catalog) = (Arc::clone(&call.user.role), call.state.store.catalog());
    let held = call.held.clone();
    let is_sql = operation == "sql";
    let look = move || -> Result<PermittedSearch, ApiError> {
        let request = SearchRequest::parse(&operation, &fields(&members, &held)?)?;
        drop(members);
        Ok(request.permitted(&role, &catalog)?)
    };
    if is_sql {
        aside(call.state, call.account, look).await?
    } else {
        aside_if_large(call.state, call.account, bytes, look).await?
    }
}

/// Members of a request: name and JSON text.
type Members = Vec<(&'static str, Bytes)>;

/// Returns the texts of the members that the search uses, and their total size. Other members of a large body cost
/// nothing.
fn members(call: &Call<'_>) -> Result<(Members, usize), ApiError> {
    let envelope: &Envelope = call.envelope;
    let names = SearchRequest::members_of(envelope.operation()).iter();
    let members: Members = names.filter_map(|name| Some((*name, envelope.share(envelope.text(name)?)))).collect();
    let bytes = members.iter().map(|(_, text)| text.len()).sum();
    if bytes > MAX_SEARCH_BYTES {
        return Err(ApiError::bad_request(format!(
            "A search request may have at most {MAX_SEARCH_BYTES} bytes; split it"
        )));
    }
    Ok((members, bytes))
}

/// Parses the members, and charges the memory for their values and for the search.
fn fields(members: &[(&'static str, Bytes)], held: &Held) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Map::new();
    for (name, text) in members {
        fields.insert((*name).to_owned(), charged_value(name, text, COPIES, held)?);
    }
    Ok(fields)
}
