//! Panics in the middle of a job.

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Traps;

impl Guest for Traps {
    fn describe() -> Description {
        guest::description("traps", "trap")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        deep_inside(3);
        guest::done("not reached")
    }
}

/// A recognizable name in the backtrace.
#[inline(never)]
fn deep_inside(left: u32) {
    if left == 0 {
        panic!("the guest gave up on purpose");
    }
    deep_inside(std::hint::black_box(left - 1));
}

guest::bindings::export!(Traps with_types_in guest::bindings);
