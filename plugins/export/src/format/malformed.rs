//! The error of every format for rows that are not as the contract has them.

use std::fmt;

/// Rows in the shape of the contract, which is what every format starts from, are not in that shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the host gave rows that are no JSON arrays or objects, one a line")
    }
}
