//! Sleeps for a day. Because it uses no processor time, only a limit on wall time can end it.

use std::time::Duration;

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Sleeps;

impl Guest for Sleeps {
    fn describe() -> Description {
        guest::description("sleeps", "sleep")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        std::thread::sleep(Duration::from_secs(24 * 60 * 60));
        guest::done("not reached")
    }
}

guest::bindings::export!(Sleeps with_types_in guest::bindings);
