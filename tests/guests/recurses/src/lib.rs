//! Recurses without end.

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal};

struct Recurses;

impl Guest for Recurses {
    fn describe() -> Description {
        guest::description("recurses", "recurse")
    }

    fn plan(_operation: String, request: String) -> Result<JobPlan, Refusal> {
        if guest::mode(&request) == "plan" {
            deeper(1);
        }
        Ok(guest::nothing())
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        guest::done(deeper(1).to_string())
    }
}

/// Zero, but unknown to the compiler. It is read after the call, so that the call cannot become a loop. It needs no
/// stack in the guest's memory, so that the engine's own stack grows.
static STEP: u64 = 0;

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    // SAFETY: the address of a static.
    let step = || unsafe { std::ptr::read_volatile(&raw const STEP) };
    if depth == step() {
        return depth;
    }
    let below = deeper(depth.wrapping_add(2));
    below ^ step()
}

guest::bindings::export!(Recurses with_types_in guest::bindings);
