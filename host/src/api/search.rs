//! `search_by_id`, `search_by_value`, `search_by_conditions` and `sql`: from the envelope to the rows. What is asked and
//! what the role may see of it is `searches`' business, which judges the queries of jobs in the same way.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::dispatch::Call;
use super::envelope::Envelope;
use super::error::ApiError;
use super::reply::Reply;
use super::rows;
use crate::records::ScanOrder;
use crate::records::query::{RowShape, Separator};
use crate::searches::{MAX_SEARCH_BYTES, SearchRequest};

pub(super) async fn answer(call: &Call<'_>) -> Result<Reply, ApiError> {
    let fields = fields(call.envelope)?;
    let request = SearchRequest::parse(call.envelope.operation(), &fields)?;
    drop(fields);
    let search = request.permitted(&call.user.role, &call.state.store.catalogue())?;
    drop(request);
    let store = Arc::clone(&call.state.store);
    let limits = &call.state.search_limits;
    rows::answer(search.open(store, RowShape::Objects, Separator::Comma, ScanOrder::Key, limits).await?).await
}

/// The members that the search looks at, and only those, so that whatever else is in a large body costs nothing.
fn fields(envelope: &Envelope) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Map::new();
    let mut bytes = 0;
    for name in SearchRequest::members_of(envelope.operation()) {
        let Some(text) = envelope.text(name) else { continue };
        bytes += text.len();
        if bytes > MAX_SEARCH_BYTES {
            return Err(ApiError::bad_request(format!(
                "A search takes at most {MAX_SEARCH_BYTES} bytes; ask for less at a time"
            )));
        }
        fields.insert((*name).to_owned(), envelope.value(name)?.unwrap_or_default());
    }
    Ok(fields)
}
