//! `search_by_id`, `search_by_value`, `search_by_conditions` and `sql`: from the envelope to the rows. What is asked and
//! what the role may see of it is `searches`' business, which judges the queries of jobs in the same way.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::aside::{aside, aside_if_large};
use super::dispatch::Call;
use super::envelope::Envelope;
use super::error::ApiError;
use super::reply::Reply;
use super::rows;
use crate::records::ScanOrder;
use crate::records::query::{RowShape, Separator};
use crate::searches::{MAX_SEARCH_BYTES, PermittedSearch, SearchBudget, SearchError, SearchLimits, SearchRequest};

/// A search is made of the members of its request and keeps copies of them.
const COPIES: u64 = 2;

pub(super) async fn answer(call: &Call<'_>) -> Result<Reply, ApiError> {
    let search = permitted(call).await?;
    let budget = SearchBudget { account: call.account.clone(), takes_slots: true };
    let limits = SearchLimits { budget: Some(budget), ..call.state.search_limits.clone() };
    let (store, shape, order) = (Arc::clone(&call.state.store), RowShape::Objects, ScanOrder::Key);
    rows::answer(call, search.open(store, shape, Separator::Comma, order, &limits).await?).await
}

/// Looks at what is asked, and whether the user may. SQL is planned, which takes its time whatever its length is.
async fn permitted(call: &Call<'_>) -> Result<PermittedSearch, ApiError> {
    let (fields, bytes) = fields(call)?;
    let operation = call.envelope.operation().to_owned();
    let (role, catalogue) = (Arc::clone(&call.user.role), call.state.store.catalogue());
    let is_sql = operation == "sql";
    let look = move || {
        let request = SearchRequest::parse(&operation, &fields)?;
        drop(fields);
        request.permitted(&role, &catalogue)
    };
    let looked: Result<PermittedSearch, SearchError> = if is_sql {
        aside(call.state, call.account, look).await?
    } else {
        aside_if_large(call.state, call.account, bytes, look).await?
    };
    Ok(looked?)
}

/// The members that the search looks at, and only those, so that whatever else is in a large body costs nothing; and the
/// bytes of their texts.
fn fields(call: &Call<'_>) -> Result<(Map<String, Value>, usize), ApiError> {
    let envelope: &Envelope = call.envelope;
    let members = SearchRequest::members_of(envelope.operation());
    let bytes: usize = members.iter().filter_map(|name| envelope.text(name)).map(str::len).sum();
    if bytes > MAX_SEARCH_BYTES {
        return Err(ApiError::bad_request(format!(
            "A search takes at most {MAX_SEARCH_BYTES} bytes; ask for less at a time"
        )));
    }
    let mut fields = Map::new();
    let before = call.held.amount();
    for name in members {
        if let Some(value) = envelope.value(name)? {
            fields.insert((*name).to_owned(), value);
        }
    }
    call.held.grow(call.held.amount().saturating_sub(before).saturating_mul(COPIES))?;
    Ok((fields, bytes))
}
