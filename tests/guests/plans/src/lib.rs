//! Computes for ever in `plan`, while a client waits for the reply.

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Plans;

impl Guest for Plans {
    fn describe() -> Description {
        guest::description("plans", "plan_forever")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        let mut number = 1u64;
        while std::hint::black_box(number) != 0 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
        }
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        guest::done("not reached")
    }
}

guest::bindings::export!(Plans with_types_in guest::bindings);
