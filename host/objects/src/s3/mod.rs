//! Objects of S3 servers: reads them in ranges and writes them in parts. Every connection goes to an address that the
//! guard permits or to the server that the operator configured. Credentials leave this module only as signatures.

mod client;
mod credentials;
mod errors;
mod key;
mod location;
mod object;
mod options;
mod pending;
mod service;
mod upload;

pub use credentials::{S3Keys, S3Profile};
pub use object::{Chunks, RemoteObject};
pub use options::{S3, S3Options, S3Place};
pub(super) use upload::{Upload, sweep};
