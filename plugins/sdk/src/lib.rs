//! What makes a jobhost plugin in Rust short.
//!
//! A plugin implements [`Plugin`] and says [`export!`]:
//!
//! ```ignore
//! use jobhost_plugin::{Description, Failure, Outcome, Plan, Plugin, Refusal, Request};
//!
//! struct Hello;
//!
//! impl Plugin for Hello {
//!     fn describe() -> Description { /* its operations */ }
//!     fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> { /* what it will touch */ }
//!     fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> { /* the work */ }
//! }
//!
//! jobhost_plugin::export!(Hello);
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
    Access, Description, Failure, FailureKind, JobPlan as Plan, Operation, Outcome, Refusal, Source as PlannedSource, TableUse,
    UrlSource,
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
