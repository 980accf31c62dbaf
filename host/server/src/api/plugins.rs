//! Plugins over HTTP: `list_plugins`, `describe_plugin`, `add_plugin`, `remove_plugin`, `reload_plugins`. All require
//! a super_user.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::call::Call;
use super::envelope::charged_value;
use super::error::ApiError;
use super::names::Problems;
use super::reply::Reply;
use jobhost_registry::{InstallError, Plugin, PluginFile, install};
use jobhost_sandbox::versions;

/// While the host loads the folder at startup, returns the plugins loaded so far.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    call.state.plugins.is_loaded().await;
    Reply::json(&call.state.plugins.files().iter().map(line).collect::<Vec<_>>())
}

pub(super) async fn reload(call: &Call<'_>) -> Result<Reply, ApiError> {
    let plugins = &call.state.plugins;
    let files = if plugins.is_loaded().await { plugins.reload().await } else { plugins.files() };
    Reply::json(&files.iter().map(line).collect::<Vec<_>>())
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = name(call)?;
    call.state.plugins.is_loaded().await;
    let files = call.state.plugins.files();
    let file = files
        .iter()
        .find(|file| file.file == name || file.plugin.as_ref().is_some_and(|plugin| plugin.description.name == name));
    let file = file.ok_or_else(|| missing(&name))?;
    let mut shown = line(file);
    if let (Some(shown), Some(plugin)) = (shown.as_object_mut(), &file.plugin) {
        shown.insert("operations".to_owned(), operations(plugin));
    }
    Reply::json(&shown)
}

/// Accepts `file` (the name in the folder, which equals the plugin's name) and either `component` (base64) or `path`
/// (a file in files.directories). `sha256` verifies the component; `signature` (base64) is required if the
/// configuration demands one.
pub(super) async fn add(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Problems::default();
    let file = text(call, "file")?;
    let component = component(call)?;
    let path = text(call, "path")?;
    if component.is_some() == path.is_some() {
        problems.add("exactly one of 'component' (base64) and 'path' is required");
    }
    let digest = text(call, "sha256")?;
    if path.is_some() && digest.is_none() {
        problems.add("'sha256' is required with 'path'");
    }
    let signature =
        problems.take(text(call, "signature")?.map(|text| decoded("signature", &text)).transpose()).flatten();
    problems.none().map_err(ApiError::bad_request)?;
    let bytes = match (component, path) {
        (Some(component), _) => decoded("component", &component).map_err(ApiError::bad_request)?,
        (None, path) => read(call, path.unwrap_or_default()).await?,
    };
    if let Some(expected) = digest {
        let found = hex::encode(Sha256::digest(&bytes));
        if !expected.eq_ignore_ascii_case(&found) {
            return Err(ApiError::bad_request(format!("'sha256' is {expected}, but the component's is {found}")));
        }
    }
    let folder = &call.state.plugins;
    let (file, _) = install::add(folder.loader(), folder.path(), file.as_deref(), bytes, signature).await?;
    let files = folder.reload().await;
    Reply::json(&files.iter().find(|loaded| loaded.file == file).map_or(Value::Null, line))
}

pub(super) async fn remove(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = name(call)?;
    call.state.plugins.is_loaded().await;
    let files = call.state.plugins.files();
    let named = |file: &&PluginFile| {
        file.file == name || file.plugin.as_ref().is_some_and(|plugin| plugin.description.name == name)
    };
    let file = files.iter().find(named).ok_or_else(|| missing(&name))?.file.clone();
    let (folder, path) = (call.state.plugins.path().to_owned(), file.clone());
    let removed = tokio::task::spawn_blocking(move || install::remove(&folder, &path)).await;
    removed.map_err(|error| ApiError::internal(&error))??;
    call.state.plugins.reload().await;
    Ok(Reply::Message(format!("plugin '{file}' removed; running jobs will finish")))
}

/// Reads the component from a file that the operator lets jobs read.
async fn read(call: &Call<'_>, path: String) -> Result<Vec<u8>, ApiError> {
    let (directories, most) = (call.state.directories.clone(), call.state.plugins.loader().component_bytes);
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let file = directories.open_file(&path).map_err(|error| error.message)?;
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    });
    read.await.map_err(|error| ApiError::internal(&error))?.map_err(ApiError::bad_request)
}

/// The component in base64, which may be larger than other members.
fn component(call: &Call<'_>) -> Result<Option<String>, ApiError> {
    let Some(text) = call.envelope.text("component") else { return Ok(None) };
    match charged_value("component", text.as_bytes(), COMPONENT_COPIES, call.held)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(ApiError::bad_request("'component' must be a string")),
    }
}

/// The copies: the text as sent, the component, and the bytes that are compiled and written.
const COMPONENT_COPIES: u64 = 4;

fn text(call: &Call<'_>, member: &str) -> Result<Option<String>, ApiError> {
    match call.envelope.value(member)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::bad_request(format!("'{member}' must be a string"))),
    }
}

fn name(call: &Call<'_>) -> Result<String, ApiError> {
    text(call, "name")?.ok_or_else(|| ApiError::bad_request("'name' is required"))
}

fn decoded(label: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("'{label}' must be base64: {error}"))
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no plugin '{name}'; list_plugins lists the plugins"))
}

fn line(file: &PluginFile) -> Value {
    let plugin = file.plugin.as_ref();
    let state = match (&file.failure, plugin) {
        (None, _) => "in_service",
        (Some(_), Some(_)) => "previous_in_service",
        (Some(_), None) => "failed",
    };
    let mut line = json!({ "file": file.file, "state": state, "sha256": file.digest });
    let Some(members) = line.as_object_mut() else { return line };
    if let Some(reason) = &file.failure {
        members.insert("reason".to_owned(), json!(reason));
        members.insert("supported_contracts".to_owned(), json!(versions::SUPPORTED));
    }
    if let Some(plugin) = plugin {
        members.insert("name".to_owned(), json!(plugin.description.name));
        members.insert("version".to_owned(), json!(plugin.description.version));
        members.insert("summary".to_owned(), json!(plugin.description.summary));
        members.insert("operations".to_owned(), plugin.operation_names().collect());
        members.insert("asks".to_owned(), json!(plugin.description.capabilities));
        members.insert("granted".to_owned(), json!(plugin.grants.lines()));
        let ungranted: Vec<_> =
            plugin.description.capabilities.iter().filter(|asked| !plugin.grants.mentions(**asked)).collect();
        members.insert("not_granted".to_owned(), json!(ungranted));
        if file.failure.is_some() {
            members.insert("sha256_in_service".to_owned(), json!(plugin.digest));
        }
    }
    line
}

fn operations(plugin: &Plugin) -> Value {
    let operations = plugin.description.operations.iter();
    operations
        .map(|operation| {
            let schema = jobhost_model::json::value(&operation.request_schema).unwrap_or(Value::Null);
            json!({
                "name": operation.name,
                "aliases": operation.aliases,
                "summary": operation.summary,
                "access": operation.access,
                "reply": operation.reply,
                "resumable": operation.resumable,
                "secrets": operation.secrets,
                "inline_source": operation.inline_source,
                "request_schema": schema,
            })
        })
        .collect()
}

impl From<InstallError> for ApiError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Name(_) | InstallError::Unfit(_) => ApiError::bad_request(error.to_string()),
            InstallError::Missing(_) => ApiError::not_found(error.to_string()),
            InstallError::Disk { .. } => ApiError::internal(&error),
        }
    }
}
