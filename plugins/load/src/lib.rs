//! A whole load, whatever the format of its records: a first pass that checks everything and writes nothing, a second
//! that writes. Both over a source that can be opened again, so that nothing has to be held.
//!
//! Pure: no WIT, no files, no network. The world is behind [`Host`], the format behind [`Format`]. Here, too, is what
//! formats have in common: types of attributes, sentences about keys and values, JSON that stands in a text.

mod attribute;
mod checkpoint;
#[cfg(feature = "memory")]
pub mod counting;
mod driver;
mod error;
mod format;
mod host;
mod input;
pub mod json_text;
mod key;
#[cfg(feature = "memory")]
pub mod memory;

pub use attribute::{AttributeType, SYSTEM_ATTRIBUTES, ValueError};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use driver::{Loaded, load};
pub use error::LoadError;
pub use format::{Format, Step};
pub use host::{Host, Input, Open, Reject, Table, Warning, shown};
pub use key::{KeyError, MAX_KEY_BYTES};
