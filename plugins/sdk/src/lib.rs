//! What makes a jobhost plugin in Rust short.
//!
//! A plugin implements [`Plugin`] and says [`export!`]:
//!
//! ```
//! use jobhost_plugin::{Access, Action, BatchWriter, Description, Failure, Operation, Outcome, Plan, Plugin, Refusal};
//! use jobhost_plugin::{Request, TableUse};
//!
//! struct Count;
//!
//! impl Plugin for Count {
//!     fn describe() -> Description {
//!         Description {
//!             name: "count".to_owned(),
//!             version: "0.1.0".to_owned(),
//!             summary: "Writes the numbers from 1 to 3".to_owned(),
//!             operations: vec![Operation {
//!                 name: "count_to_three".to_owned(),
//!                 aliases: vec![],
//!                 summary: "Write three records".to_owned(),
//!                 request_schema: r#"{"type":"object","required":["table"]}"#.to_owned(),
//!                 secrets: vec![],
//!                 inline_source: None,
//!                 access: Access::TablePermission,
//!                 resumable: false,
//!             }],
//!         }
//!     }
//!
//!     fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
//!         request.text("table").ok_or_else(|| Refusal::new("'table' is required"))?;
//!         let tables = vec![TableUse { table: request.table_name(), actions: vec![Action::Insert] }];
//!         Ok(Plan { tables, sources: vec![] })
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
//!         Ok(Outcome::message(format!("{} records written", tally.written)))
//!     }
//! }
//!
//! jobhost_plugin::export!(Count);
//! # fn main() {}
//! ```
//!
//! [`BatchWriter`] collects records and hands them over, [`Source`] reads a source in chunks, [`progress`], [`rejects`]
//! and [`log`] talk to whoever watches the job. Everything here is a thin face of the contract in `wit/`.

// The generated code and the export macro name this crate, from inside and outside, by the same path.
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
mod plugin;
mod request;
mod source;
mod writer;

pub use bindings::exports::jobhost::plugin::job::{
    Access, Description, Failure, FailureKind, JobPlan as Plan, Operation, Outcome, Refusal, Source as PlannedSource,
    TableUse, UrlSource,
};
pub use bindings::jobhost::plugin::objects::ObjectInfo;
pub use bindings::jobhost::plugin::records::{Attribute, AttributeType, TableDescription, Tally};
pub use bindings::jobhost::plugin::types::{Action, Error, ErrorKind, TableName};
pub use bindings::jobhost::plugin::{log, progress, records, rejects};
pub use jobhost_batch::{Batch, JsonBuffer};
pub use plugin::Plugin;
pub use request::{Request, check_name};
pub use source::{CHUNK_BYTES, Source};
pub use writer::BatchWriter;
