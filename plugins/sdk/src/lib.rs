//! The SDK for jobhost plugins in Rust.
//!
//! A plugin implements [`Plugin`] and calls [`export!`]:
//!
//! ```
//! use jobhost_plugin::{Access, Action, BatchWriter, Capability, Description, Failure, Operation, Outcome, Plan};
//! use jobhost_plugin::{Plugin, Refusal, Reply, Request, TableUse};
//!
//! struct Count;
//!
//! impl Plugin for Count {
//!     fn describe() -> Description {
//!         Description {
//!             name: "count".to_owned(),
//!             version: "0.1.0".to_owned(),
//!             summary: "Writes the numbers from 1 to 3".to_owned(),
//!             // The operator has to grant this: [grants] count = ["insert data.*"]
//!             capabilities: vec![Capability::Insert],
//!             operations: vec![Operation {
//!                 name: "count_to_three".to_owned(),
//!                 aliases: vec![],
//!                 summary: "Write three records".to_owned(),
//!                 request_schema: r#"{"type":"object","required":["table"]}"#.to_owned(),
//!                 secrets: vec![],
//!                 inline_source: None,
//!                 access: Access::TablePermission,
//!                 reply: Reply::JobId,
//!                 resumable: false,
//!             }],
//!         }
//!     }
//!
//!     fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
//!         request.text("table").ok_or_else(|| Refusal::new("'table' is required"))?;
//!         Ok(Plan { tables: vec![TableUse::new(request.table_name(), Action::Insert)], ..Plan::default() })
//!     }
//!
//!     fn run(_operation: &str, request: &Request, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
//!         let mut writer = BatchWriter::new(request.table_name(), Action::Insert);
//!         for number in 1..=3 {
//!             writer.record(|json| {
//!                 json.raw(b"{\"id\":");
//!                 json.number(number.into());
//!                 json.byte(b'}');
//!                 Ok::<(), Failure>(())
//!             })?;
//!             if writer.is_full() {
//!                 writer.hand_over(None)?;
//!             }
//!         }
//!         let tally = writer.finish(None)?;
//!         Ok(Outcome::message(format!("{} records written", tally.received)))
//!     }
//! }
//!
//! jobhost_plugin::export!(Count);
//! # fn main() {}
//! ```
//!
//! [`BatchWriter`] collects records and hands them over, [`Source`] reads a source in chunks or, with
//! [`Source::lines`], line by line, [`Query`] reads the rows of a query, [`Sink`] writes a file or an object, [`progress`],
//! [`rejects`], [`warnings`] and [`log`] report to whoever watches the job. Everything here is a thin layer over the contract in `wit/`.
//! In native builds `testing::Host` takes the host's place, so that `cargo test` can run a plugin.
//!
//! A job that copies the rows of a table into a file plans a query and a sink. It needs no right on the table, because the
//! host checks what a query reads:
//!
//! ```
//! use jobhost_plugin::progress::{self, Unit};
//! use jobhost_plugin::{Encoding, Failure, FileSink, Outcome, Plan, PlannedSink, Query, Refusal, Request, RowShape, Sink};
//!
//! fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
//!     let directory = request.text("path").ok_or_else(|| Refusal::new("'path' is required"))?.to_owned();
//!     let name = "dogs.jsonl.gz".to_owned();
//!     Ok(Plan {
//!         queries: vec![r#"{"operation":"sql","sql":"SELECT id, name FROM data.dog"}"#.to_owned()],
//!         sinks: vec![PlannedSink::File(FileSink { directory, name, encoding: Encoding::Gzip })],
//!         ..Plan::default()
//!     })
//! }
//!
//! fn run(_operation: &str, _request: &Request, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
//!     let mut query = Query::open(0, RowShape::Objects)?;
//!     let mut sink = Sink::create(0)?;
//!     let mut bytes = 0;
//!     loop {
//!         let rows = query.rows()?;
//!         if rows.is_empty() {
//!             break;
//!         }
//!         sink.write(&rows)?;
//!         bytes += rows.len() as u64;
//!         progress::report(bytes, None, Unit::Bytes);
//!         if progress::cancelled() {
//!             // Dropping the sink discards what was written.
//!             return Err(Failure::interrupted());
//!         }
//!     }
//!     let receipt = sink.finish()?;
//!     Ok(Outcome::message(format!("{} bytes written to {}", receipt.size, receipt.location)))
//! }
//! # fn main() {}
//! ```
//!
//! A job that deletes old records does so in steps. Each step is a transaction, which can store a checkpoint too. The plan
//! names the right to delete:
//!
//! ```
//! use jobhost_plugin::{Failure, Outcome, Plan, Right, Request, TableUse, records};
//!
//! fn plan(request: &Request) -> Plan {
//!     Plan { tables: vec![TableUse::new(request.table_name(), Right::Delete)], ..Plan::default() }
//! }
//!
//! fn run(request: &Request, created_before: u64) -> Result<Outcome, Failure> {
//!     while records::delete_before(&request.table_name(), created_before, 10_000, None)? == 10_000 {}
//!     // The tally includes the records that earlier attempts of the job deleted.
//!     let tally = records::flush()?;
//!     Ok(Outcome::message(format!("{} records deleted", tally.deleted)))
//! }
//! # fn main() {}
//! ```

#![warn(missing_docs, unreachable_pub)]

// The generated code and the export macro refer to this crate by one name, from inside and outside of it.
extern crate self as jobhost_plugin;

#[allow(
    unsafe_code,
    unused_qualifications,
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "generated from the contract"
)]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "job-type",
        pub_export_macro: true,
        runtime_path: "::jobhost_plugin::wit_bindgen_rt",
    });
}

#[doc(hidden)]
pub use wit_bindgen::rt as wit_bindgen_rt;

mod errors;
mod lines;
mod plan;
mod plugin;
mod query;
mod request;
pub mod schema;
mod sink;
mod source;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod writer;

pub use bindings::exports::jobhost::plugin::job::{
    Access, Capability, Description, Failure, FailureKind, FileSink, FileSource, JobPlan as Plan, Message, Operation,
    Outcome, Refusal, Reply, S3Credentials, S3Object, S3Sink, S3Source, Sink as PlannedSink, Source as PlannedSource,
    TableUse, UrlSource,
};
pub use bindings::jobhost::plugin::objects::{ObjectInfo, Receipt};
pub use bindings::jobhost::plugin::records::{Attribute, AttributeType, RowShape, TableDescription, Tally};
pub use bindings::jobhost::plugin::types::{Action, Encoding, Error, ErrorKind, Right, TableName};
#[cfg(target_family = "wasm")]
pub use bindings::jobhost::plugin::{log, progress, records, rejects, warnings};
pub use jobhost_batch::{Batch, JsonBuffer};
pub use lines::{Lines, MAX_LINE_BYTES};
pub use plugin::Plugin;
pub use query::Query;
pub use request::{Request, check_name};
pub use sink::Sink;
pub use source::{CHUNK_BYTES, Source};
#[cfg(not(target_family = "wasm"))]
pub use testing::doubles::{log, progress, records, rejects, warnings};
pub use writer::BatchWriter;
