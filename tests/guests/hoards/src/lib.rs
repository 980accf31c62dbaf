//! Allocates memory and keeps it until the host stops it.

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Hoards;

impl Guest for Hoards {
    fn describe() -> Description {
        guest::description("hoards", "hoard")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![1; 1024 * 1024]));
        }
    }
}

guest::bindings::export!(Hoards with_types_in guest::bindings);
