//! The command line of `cargo xtask fuzz`. This module must not start anything.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use jobhost_testkit::failure::{Doing, Failure, Result};
use lexopt::prelude::{Long, Short, Value, ValueExt};

pub const HELP: &str = "\
cargo xtask fuzz [TARGET] [options]
  TARGET         a part of the names of targets, as in `jobhost-csv` or `fuzz_load`; all of them if it is left out
  --list         names the targets, runs none
  --seconds N    time for each of them (60)
  --seed N       runs the one input of this seed, which a failure tells, and no others
";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub filter: String,
    pub list: bool,
    pub time: Duration,
    /// A 128-bit number in decimal.
    pub seed: Option<String>,
}

impl Options {
    /// Returns `None` if only the help was requested.
    pub fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self { filter: String::new(), list: false, time: Duration::from_secs(60), seed: None };
        let wrong = |error: lexopt::Error| Failure::new(format!("{error}\n{HELP}"));
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(wrong)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("list") => options.list = true,
                Long("seconds") => {
                    let seconds: NonZeroU32 = value(&mut parser, "--seconds takes a whole number above 0")?;
                    options.time = Duration::from_secs(seconds.get().into());
                }
                Long("seed") => {
                    let seed: u128 = value(&mut parser, "--seed takes the number that a failure reports")?;
                    options.seed = Some(seed.to_string());
                }
                Value(filter) if options.filter.is_empty() => options.filter = filter.string().map_err(wrong)?,
                unknown => return Err(wrong(unknown.unexpected())),
            }
        }
        Ok(Some(options))
    }

    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }
}

/// Returns the value of the current option.
fn value<T: FromStr>(parser: &mut lexopt::Parser, sentence: &str) -> Result<T> {
    let text = parser.value().and_then(ValueExt::string).doing(|| sentence.to_owned())?;
    text.parse().map_err(|_| Failure::new(format!("{sentence}, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_target_and_both_forms_of_values_are_parsed() {
        let options = parse("csv --seconds=5 --seed 340282366920938463463374607431768211455").unwrap().unwrap();
        assert_eq!((options.filter.as_str(), options.time), ("csv", Duration::from_secs(5)));
        assert_eq!(options.seed.as_deref(), Some("340282366920938463463374607431768211455"));
        assert!(options.wants("jobhost-csv/fuzz_load") && !options.wants("jobhost-json/fuzz_load"));
        assert!(parse("").unwrap().unwrap().wants("anything"));
        assert_eq!(parse("--help").unwrap(), None);
    }

    #[test]
    fn invalid_arguments_are_named_in_the_error() {
        for (line, word) in [
            ("--seconds 0", "--seconds"),
            ("--seed x", "--seed"),
            ("--fast", "--fast"),
            ("a b", "b"),
            ("--seed", "--seed"),
        ] {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains(word), "{line}: {told}");
        }
    }
}
