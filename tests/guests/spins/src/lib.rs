//! Loops forever in `run` without calling the host.

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Spins;

impl Guest for Spins {
    fn describe() -> Description {
        guest::description("spins", "spin")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let mut number = 1u64;
        while std::hint::black_box(number) != 0 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
        }
        guest::done("not reached")
    }
}

guest::bindings::export!(Spins with_types_in guest::bindings);
