//! Bindings of the contract for the hostile guests, and the code that they share.
//!
//! These guests use the bindings directly instead of the SDK, because a library must not keep a guest from misbehaving.

#[allow(warnings, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        world: "job-type",
        path: "../../../wit/0.1.0",
        pub_export_macro: true,
        default_bindings_module: "guest::bindings",
    });
}

pub use bindings::exports::jobhost::plugin::job::{
    Access, Capability, Description, Failure, FailureKind, FileSink, FileSource, Guest, JobPlan, Message, Operation,
    Outcome, Refusal, Reply, S3Credentials, S3Object, S3Sink, S3Source, Sink, Source, TableUse, UrlSource,
};
pub use bindings::jobhost::plugin::types::{Action, Encoding, Error, ErrorKind, Right, TableName};
pub use bindings::jobhost::plugin::{log, objects, progress, records, rejects};

/// Describes a plugin with one operation that requires a super user and accepts any request.
pub fn description(plugin: &str, operation: &str) -> Description {
    Description {
        name: plugin.to_owned(),
        version: "0.1.0".to_owned(),
        summary: "A guest of the test suite".to_owned(),
        capabilities: Vec::new(),
        operations: vec![Operation {
            name: operation.to_owned(),
            aliases: Vec::new(),
            summary: "Misbehaves in one way".to_owned(),
            request_schema: r#"{"type": "object"}"#.to_owned(),
            secrets: Vec::new(),
            inline_source: None,
            access: Access::SuperUser,
            reply: Reply::JobId,
            resumable: false,
        }],
    }
}

/// Same as [`description`], for a plugin that asks for these capabilities.
pub fn asking(plugin: &str, operation: &str, capabilities: &[Capability]) -> Description {
    Description { capabilities: capabilities.to_vec(), ..description(plugin, operation) }
}

/// A plan that accesses nothing.
pub fn nothing() -> JobPlan {
    JobPlan { tables: Vec::new(), sources: Vec::new(), queries: Vec::new(), sinks: Vec::new(), autocommit: false }
}

/// A local file as a source.
pub fn file(path: &str) -> Source {
    Source::File(FileSource { path: path.to_owned(), encoding: None })
}

/// Returns the name of a table in the database that the guests write to.
pub fn table(name: &str) -> TableName {
    TableName { database: "gold".to_owned(), table: name.to_owned() }
}

/// Success with this message.
pub fn done(message: impl Into<String>) -> Result<Outcome, Failure> {
    Ok(Outcome { message: Some(Message::Text(message.into())), result: None })
}

/// An internal failure of the plugin.
pub fn failure(message: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Internal, message: message.into(), retryable: false }
}

/// Returns the value of a text field of the request, without a JSON parser.
pub fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = request.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once('"')?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Returns what the request tells the guest to do.
pub fn mode(request: &str) -> &str {
    field(request, "mode").unwrap_or_default()
}

/// Describes the result of a capability call for a message.
pub fn told(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{:?}", error.kind),
    }
}
