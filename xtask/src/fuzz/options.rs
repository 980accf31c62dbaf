//! The command line of `cargo xtask fuzz`. Must never start anything.

use std::time::Duration;

use crate::arguments::Arguments;
use crate::failure::{Failure, Result};

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
    /// A number of 128 bits in decimal digits.
    pub seed: Option<String>,
}

impl Options {
    /// `None` when only the help is asked for.
    pub fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self { filter: String::new(), list: false, time: Duration::from_secs(60), seed: None };
        let mut arguments = Arguments::new("fuzz", arguments);
        while let Some(name) = arguments.next_name() {
            match name {
                "--help" | "-h" => return Ok(None),
                "--list" => options.list = true,
                "--seconds" => options.time = Duration::from_secs(arguments.positive::<u32>()?.into()),
                "--seed" => {
                    let seed = arguments.value()?;
                    let number: std::result::Result<u128, _> = seed.parse();
                    number.map_err(|_| Failure::new(format!("--seed takes the number of a failure, not {seed:?}")))?;
                    options.seed = Some(seed.to_owned());
                }
                _ if arguments.text().starts_with('-') || !options.filter.is_empty() => {
                    return Err(Failure::new(format!("unknown argument {}\n{HELP}", arguments.text())));
                }
                _ => arguments.text().clone_into(&mut options.filter),
            }
        }
        Ok(Some(options))
    }

    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_target_and_both_spellings_of_values() {
        let options = parse("csv --seconds=5 --seed 340282366920938463463374607431768211455").unwrap().unwrap();
        assert_eq!((options.filter.as_str(), options.time), ("csv", Duration::from_secs(5)));
        assert_eq!(options.seed.as_deref(), Some("340282366920938463463374607431768211455"));
        assert!(options.wants("jobhost-csv/fuzz_load") && !options.wants("jobhost-json/fuzz_load"));
        assert!(parse("").unwrap().unwrap().wants("anything"));
        assert_eq!(parse("--help").unwrap(), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [
            ("--seconds 0", "--seconds"),
            ("--seed x", "--seed"),
            ("--fast", "--fast"),
            ("a b", "b"),
            ("--seed", "value"),
        ] {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains(word), "{line}: {told}");
        }
    }
}
