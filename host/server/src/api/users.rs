//! Users: `add_user`, `alter_user`, `drop_user`, `list_users`, `user_info`.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use jobhost_access::{NewUser, User, UserChange};

/// Treats a null member as absent.
fn present(call: &Call<'_>, name: &str) -> Result<Option<Value>, ApiError> {
    Ok(call.envelope.value(name)?.filter(|value| !value.is_null()))
}

fn string(label: &str, value: Value, problems: &mut Vec<String>) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => {
            problems.push(format!("{label} must be a string"));
            None
        }
    }
}

fn required(call: &Call<'_>, name: &str, label: &str, problems: &mut Vec<String>) -> Result<Option<String>, ApiError> {
    Ok(match present(call, name)? {
        Some(value) => string(label, value, problems),
        None => {
            problems.push(format!("{label} can't be blank"));
            None
        }
    })
}

pub(super) async fn add(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Vec::new();
    let username = required(call, "username", "Username", &mut problems)?;
    let password = required(call, "password", "Password", &mut problems)?;
    let role = required(call, "role", "Role", &mut problems)?;
    let active = match present(call, "active")? {
        None => {
            problems.push("Active can't be blank".to_owned());
            None
        }
        Some(Value::Bool(active)) => Some(active),
        Some(_) => {
            problems.push("Active must be a boolean".to_owned());
            None
        }
    };
    let (Some(username), Some(password), Some(role), Some(active)) = (username, password, role, active) else {
        return Err(ApiError::bad_request(problems.join(",")));
    };
    // Harper checks the characters first. Here, roles with other names may exist.
    if !is_usual_role_name(&role)
        && !call.state.access.roles().iter().any(|known| known.name == role || known.id == role)
    {
        return Err(ApiError::bad_request("Role is invalid"));
    }
    let added = format!("{username} successfully added");
    call.state.access.add_user(NewUser { username, password, role, active }).await?;
    Ok(Reply::Message(added))
}

fn is_usual_role_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

pub(super) async fn alter(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Vec::new();
    let username = match present(call, "username")? {
        Some(Value::String(username)) if !username.is_empty() => username,
        Some(Value::String(_)) | None => return Err(ApiError::bad_request("username is required")),
        Some(_) => return Err(ApiError::bad_request("username must be a string")),
    };
    let password = present(call, "password")?.and_then(|value| string("password", value, &mut problems));
    let role = present(call, "role")?.and_then(|value| string("role", value, &mut problems));
    if role.as_deref() == Some("") {
        problems.push("If role is specified, it cannot be empty.".to_owned());
    }
    let active = match present(call, "active")? {
        None => None,
        Some(Value::Bool(active)) => Some(active),
        Some(_) => {
            problems.push("active must be true or false".to_owned());
            None
        }
    };
    if !problems.is_empty() {
        return Err(ApiError::bad_request(problems.join(",")));
    }
    call.state.access.alter_user(&username, UserChange { password, role, active }).await?;
    Reply::json(&json!({
        "message": "updated 1 of 1 records",
        "new_attributes": [],
        "update_hashes": [username],
        "skipped_hashes": [],
    }))
}

pub(super) async fn drop(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Vec::new();
    let Some(username) = required(call, "username", "Username", &mut problems)? else {
        return Err(ApiError::bad_request(problems.join(",")));
    };
    call.state.access.drop_user(&username).await?;
    Ok(Reply::Message(format!("{username} successfully deleted")))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    Reply::json(&call.state.access.users().iter().map(User::to_json).collect::<Vec<_>>())
}

pub(super) async fn info(call: &Call<'_>) -> Result<Reply, ApiError> {
    Reply::json(&call.user.to_json())
}
