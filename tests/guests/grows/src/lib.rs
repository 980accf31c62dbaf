//! Grows its table of functions until somebody stops it. No language but assembly says `table.grow`, so the tests put it
//! in: they replace the instructions `local.get N; i32.const MARK; i32.xor` of this guest (`tests/src/components.rs`).

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Grows;

/// Found by the tests.
const MARK: u32 = 0x7ab1_e001;

impl Guest for Grows {
    fn describe() -> Description {
        guest::description("grows", "grow")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        // Nothing that the compiler could know, or it would work out what `grow` gives.
        let step = u32::try_from(request.len()).unwrap_or(1) * 100;
        for round in 0..1_000_000 {
            // Another step each time: for all the compiler knows, equal ones would give the same.
            let step = step + round;
            let before = grow(step);
            if before == step ^ MARK {
                return guest::done("there is no table.grow in this component");
            }
            if before == u32::MAX {
                return guest::done(format!("the table did not grow in round {round}"));
            }
        }
        guest::done("the table grew as often as it liked")
    }
}

/// The size before, or `u32::MAX` if it did not grow.
#[inline(never)]
fn grow(by: u32) -> u32 {
    by ^ MARK
}

guest::bindings::export!(Grows with_types_in guest::bindings);
