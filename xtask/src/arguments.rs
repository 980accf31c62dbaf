//! The arguments of a task, one after the other. An option's value may stand behind `=` or be the next argument.

use std::str::FromStr;

use crate::failure::{Failure, Result};

pub struct Arguments<'a> {
    /// As in `cargo xtask bench`.
    task: &'static str,
    rest: std::slice::Iter<'a, String>,
    /// The current argument as it stands.
    text: &'a str,
    name: &'a str,
    inline: Option<&'a str>,
}

impl<'a> Arguments<'a> {
    pub fn new(task: &'static str, arguments: &'a [String]) -> Self {
        Self { task, rest: arguments.iter(), text: "", name: "", inline: None }
    }

    /// The next argument, without the value behind its `=`.
    pub fn next_name(&mut self) -> Option<&'a str> {
        self.text = self.rest.next()?;
        (self.name, self.inline) = match self.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (self.text, None),
        };
        Some(self.name)
    }

    /// The current argument as it stands.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The value of the current option.
    pub fn value(&mut self) -> Result<&'a str> {
        let (name, task) = (self.name, self.task);
        self.inline
            .or_else(|| self.rest.next().map(String::as_str))
            .ok_or_else(|| Failure::new(format!("{name} needs a value; see `cargo xtask {task} --help`")))
    }

    /// The value of the current option, a whole number above 0.
    pub fn positive<T: FromStr + PartialOrd + Default>(&mut self) -> Result<T> {
        let (name, text) = (self.name, self.value()?);
        match text.replace('_', "").parse::<T>() {
            Ok(number) if number > T::default() => Ok(number),
            _ => Err(Failure::new(format!("{name} takes a whole number above 0, not {text:?}"))),
        }
    }
}
