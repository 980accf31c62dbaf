//! The contract's bindings for the special guests, and what they would all repeat.
//!
//! These guests use the bindings directly, not the SDK: a guest that misbehaves must not be kept from it by a library.

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
    Access, Capability, Description, Failure, FailureKind, FileSink, Guest, JobPlan, Message, Operation, Outcome,
    Refusal, S3Credentials, S3Object, S3Sink, S3Source, Sink, Source, TableUse, UrlSource,
};
pub use bindings::jobhost::plugin::types::{Action, Encoding, Error, ErrorKind, Right, TableName};
pub use bindings::jobhost::plugin::{log, objects, progress, records, rejects};

/// A plugin with one operation for super users that takes any request.
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
            resumable: false,
        }],
    }
}

/// As [`description`], of a plugin that asks for these capabilities.
pub fn asking(plugin: &str, operation: &str, capabilities: &[Capability]) -> Description {
    Description { capabilities: capabilities.to_vec(), ..description(plugin, operation) }
}

/// A plan that touches nothing.
pub fn nothing() -> JobPlan {
    JobPlan { tables: Vec::new(), sources: Vec::new(), queries: Vec::new(), sinks: Vec::new() }
}

/// The table that the guests which write are given.
pub fn table(name: &str) -> TableName {
    TableName { database: "gold".to_owned(), table: name.to_owned() }
}

/// An outcome with this text as its message.
pub fn done(message: impl Into<String>) -> Result<Outcome, Failure> {
    Ok(Outcome { message: Some(Message::Text(message.into())), result: None })
}

/// A failure of the plugin's own making.
pub fn failure(message: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Internal, message: message.into(), retryable: false }
}

/// `field=value` for a request whose field is text, without a JSON parser.
pub fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = request.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once('"')?;
    rest.split_once('"').map(|(value, _)| value)
}

/// What the request says the guest is to do.
pub fn mode(request: &str) -> &str {
    field(request, "mode").unwrap_or_default()
}

/// How an error of a capability reads in a message.
pub fn told(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{:?}", error.kind),
    }
}
