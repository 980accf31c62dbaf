//! Parses the final output of bolero's random engine.

use std::fmt;
use std::time::Duration;

use jobhost_testkit::figures::thousands;

/// The result of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed { inputs: u64, took: Duration },
    Failed(Failed),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub inputs: Option<u64>,
    pub took: Duration,
    /// Reproduces the input. There is none if the process crashed or was killed.
    pub seed: Option<String>,
    /// The input and the error.
    pub said: String,
}

impl Failed {
    /// Returns the command that repeats the failure.
    pub fn repeat(&self, label: &str) -> String {
        match &self.seed {
            Some(seed) => format!("cargo xtask fuzz {label} --seed {seed}"),
            None => format!(
                "its process told no seed, because it did not end by a panic; try cargo xtask fuzz {label} again"
            ),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed { inputs, took } => {
                write!(out, "{:>14} inputs in {:>6.1} s", thousands(*inputs as f64), took.as_secs_f64())
            }
            Outcome::Failed(failed) => {
                let inputs = failed.inputs.map(|inputs| format!(" at input {}", thousands(inputs as f64)));
                write!(out, "FAILED{} after {:.1} s", inputs.unwrap_or_default(), failed.took.as_secs_f64())
            }
        }
    }
}

/// Returns the number of inputs, from a line such as `test fuzz_load ... run time: 1.0s | iterations/s: 12 | corpus
/// inputs: 1 | rng inputs: 12 | exit reason: …`.
pub fn inputs(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("run time: ") && line.contains("iterations/s: "))?;
    let counted = line.split(" | ").filter_map(|part| part.split_once(" inputs: "));
    counted.map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

pub fn seed(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("BOLERO_RANDOM_SEED=")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// Returns the input and the error, without the names of tests around them.
pub fn failure(said: &str) -> &str {
    let from = said.find("Input:").unwrap_or_default();
    let rest = said.get(from..).unwrap_or(said);
    rest.split("==========").next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: &str = "\nrunning 1 test\ntest fuzz::fuzz_load ...\trun time: 2.0001s | iterations/s: 1234 | corpus \
                          inputs: 3 | rng inputs: 2468 | exit reason: max duration (2s) exceeded\ntest fuzz::fuzz_load ... ok\n";
    const FAILED: &str = "test t ...\trun time: 1ms | iterations/s: 9 | rng inputs: 1 | exit reason: test failure\n\n====\
                          ==== Test Failure ========\n\nBOLERO_RANDOM_SEED=12345\n\nInput: \n[\n    0,\n]\n\nError: \nboom\n\n\
                          ==============\nthread 't' panicked";

    #[test]
    fn numbers_and_seeds_are_parsed() {
        assert_eq!((inputs(PASSED), seed(PASSED)), (Some(2471), None));
        assert_eq!((inputs(FAILED), seed(FAILED)), (Some(1), Some("12345".to_owned())));
        assert_eq!(failure(FAILED).trim_end(), "Input: \n[\n    0,\n]\n\nError: \nboom");
        assert_eq!(inputs("test t ... ok"), None);
    }
}
