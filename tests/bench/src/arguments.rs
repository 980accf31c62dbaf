//! Values of the command line that both tasks share.

use std::str::FromStr;
use std::time::Duration;

/// Parses a whole number above 0, optionally with underscores between its digits.
pub fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, String> {
    match text.replace('_', "").parse::<T>() {
        Ok(number) if number > T::default() => Ok(number),
        _ => Err("it takes a whole number above 0".to_owned()),
    }
}

pub fn milliseconds(text: &str) -> Result<Duration, String> {
    positive(text).map(Duration::from_millis)
}

/// Parses the options of a task from a line of words, or returns the error.
#[cfg(test)]
pub fn parsed<T: clap::Args>(line: &str) -> Result<T, String> {
    let command = T::augment_args(clap::Command::new("task"));
    let words = std::iter::once("task").chain(line.split_whitespace());
    let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
    T::from_arg_matches(&matches).map_err(|error| error.to_string())
}
