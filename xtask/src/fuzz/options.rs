//! The command line of `cargo xtask fuzz`. Must never start anything.

use std::time::Duration;

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
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            // `--seconds=5` and `--seconds 5` mean the same.
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument, None),
            };
            let mut value = || {
                inline
                    .or_else(|| arguments.next())
                    .ok_or_else(|| Failure::new(format!("{name} needs a value; see `cargo xtask fuzz --help`")))
            };
            match name {
                "--help" | "-h" => return Ok(None),
                "--list" => options.list = true,
                "--seconds" => options.time = Duration::from_secs(positive(name, value()?)?.into()),
                "--seed" => {
                    let seed = value()?;
                    let number: std::result::Result<u128, _> = seed.parse();
                    number.map_err(|_| Failure::new(format!("--seed takes the number of a failure, not {seed:?}")))?;
                    options.seed = Some(seed.to_owned());
                }
                _ if argument.starts_with('-') || !options.filter.is_empty() => {
                    return Err(Failure::new(format!("unknown argument {argument}\n{HELP}")));
                }
                _ => argument.clone_into(&mut options.filter),
            }
        }
        Ok(Some(options))
    }

    pub fn wants(&self, label: &str) -> bool {
        label.contains(&self.filter)
    }
}

fn positive(name: &str, text: &str) -> Result<u32> {
    match text.replace('_', "").parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Failure::new(format!("{name} takes a whole number above 0, not {text:?}"))),
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
