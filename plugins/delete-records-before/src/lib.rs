//! The plugin `delete-records-before`: a job that deletes the records of a table that were created before a date.
//!
//! It deletes in steps, so that each transaction is short and other writers are not held up.

mod describe;
mod request;

use jobhost_plugin::progress::{self, Unit};
use jobhost_plugin::{Description, Failure, Outcome, Plan, Plugin, Refusal, Request, Right, TableUse, records};

use crate::request::DeleteRequest;

/// Number of records that one transaction deletes.
const STEP: u32 = 100_000;

struct DeleteRecordsBefore;

impl Plugin for DeleteRecordsBefore {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(_operation: &str, request: &Request) -> Result<Plan, Refusal> {
        let request = DeleteRequest::check(request)?;
        Ok(Plan { tables: vec![TableUse::new(request.table, Right::Delete)], ..Plan::default() })
    }

    // Deleted records are gone and counted. A resumed attempt continues with the rest, so it needs no checkpoint.
    fn run(_operation: &str, request: &Request, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = DeleteRequest::check(request)?;
        let mut done = records::flush()?.deleted;
        loop {
            if progress::cancelled() {
                return Err(Failure::interrupted());
            }
            let deleted = records::delete_before(&request.table, request.created_before, STEP, Some(&[]))?;
            done += deleted;
            progress::report(done, None, Unit::Records);
            // The host may delete fewer records than requested. Only zero means that none are left.
            if deleted == 0 {
                break;
            }
        }
        Ok(Outcome::message(message(records::flush()?.deleted)))
    }
}

fn message(deleted: u64) -> String {
    match deleted {
        0 => "No records found to delete".to_owned(),
        1 => "1 of 1 record successfully deleted".to_owned(),
        _ => format!("{deleted} of {deleted} records successfully deleted"),
    }
}

jobhost_plugin::export!(DeleteRecordsBefore);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_equal_the_recorded_ones() {
        assert_eq!(message(0), "No records found to delete");
        assert_eq!(message(1), "1 of 1 record successfully deleted");
        assert_eq!(message(5), "5 of 5 records successfully deleted");
    }
}
