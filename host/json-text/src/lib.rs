//! Grammars shared by host and plugins, so that both parse a text in the same way. No I/O, and nothing that only one of
//! the two needs: the crate is compiled natively and for WebAssembly.

#![warn(missing_docs, unreachable_pub)]

mod attribute_type;
pub mod date;
pub mod typed;

pub use attribute_type::AttributeType;
pub use typed::ValueError;
