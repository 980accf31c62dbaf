//! Texts that host and plugins read alike, so that both mean the same by them. No I/O, and nothing that only one of the two
//! needs: it is compiled for the machine and for WebAssembly.

#![warn(missing_docs, unreachable_pub)]

pub mod date;
