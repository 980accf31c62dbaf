//! Roles: `add_role`, `alter_role`, `drop_role`, `list_roles`.

use serde_json::{Map, Value};

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use jobhost_access::{AccessError, RoleRequest};

/// A role is small; parsing a large body into values would only cost memory.
const MAX_ROLE_BYTES: usize = 4 << 20;

fn members(call: &Call<'_>) -> Result<Map<String, Value>, ApiError> {
    if call.envelope.size() > MAX_ROLE_BYTES {
        return Err(ApiError::bad_request(format!("A role must have at most {MAX_ROLE_BYTES} bytes")));
    }
    call.envelope.to_map()
}

pub(super) async fn add(call: &Call<'_>) -> Result<Reply, ApiError> {
    let request = RoleRequest::to_add(&members(call)?, &call.state.store.catalog()).map_err(AccessError::from)?;
    Reply::json(&call.state.access.add_role(request).await?.to_json())
}

pub(super) async fn alter(call: &Call<'_>) -> Result<Reply, ApiError> {
    let request = RoleRequest::to_alter(&members(call)?, &call.state.store.catalog()).map_err(AccessError::from)?;
    Reply::json(&call.state.access.alter_role(request).await?.to_json())
}

pub(super) async fn drop(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = match call.envelope.value("id")? {
        None | Some(Value::Null) => return Err(ApiError::bad_request("Id can't be blank")),
        Some(Value::String(id)) => id,
        Some(_) => return Err(ApiError::bad_request("Id is invalid")),
    };
    let name = call.state.access.drop_role(&id).await?;
    Ok(Reply::Message(format!("{name} successfully deleted")))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    Reply::json(&call.state.access.roles().iter().map(|role| role.to_json()).collect::<Vec<_>>())
}
