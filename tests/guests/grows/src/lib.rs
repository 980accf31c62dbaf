//! Grows its function table until the host stops it. Only assembly can express `table.grow`, so the tests patch it in:
//! they replace the instructions `local.get N; i32.const MARK; i32.xor` of this guest (`tests/src/components.rs`).

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Grows;

/// The tests search for this.
const MARK: u32 = 0x7ab1_e001;

impl Guest for Grows {
    fn describe() -> Description {
        guest::description("grows", "grow")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        // The step must be unknown at compile time, or the compiler would evaluate `grow`.
        let step = u32::try_from(request.len()).unwrap_or(1) * 100;
        for round in 0..1_000_000 {
            // The step changes in each round, or the compiler would assume that `grow` returns the same value.
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

/// Returns the size before, or `u32::MAX` if the table did not grow.
#[inline(never)]
fn grow(by: u32) -> u32 {
    by ^ MARK
}

guest::bindings::export!(Grows with_types_in guest::bindings);
