//! Grammars that host and plugins share, so that both read a text the same way. No I/O, and nothing that only one of
//! the two needs: it is compiled for the machine and for WebAssembly.

#![warn(missing_docs, unreachable_pub)]

pub mod date;
