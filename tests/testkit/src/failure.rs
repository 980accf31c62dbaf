//! The error type of the tasks: one sentence, how to fix it, and the cause. It must be more than an error code, because
//! it is all that the reader gets.

use std::error::Error;
use std::fmt;

/// Why a task failed.
#[derive(Debug)]
pub struct Failure {
    sentence: String,
    detail: Option<String>,
    remedy: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), detail: None, remedy: None, source: None }
    }

    /// Adds details, such as the last lines of a log.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what the reader can do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        if let Some(detail) = &self.detail {
            write!(out, "\n{}", detail.trim_end())?;
        }
        if let Some(remedy) = &self.remedy {
            write!(out, "\nWhat to do: {remedy}")?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Returns an error the sentence that says what was being done.
pub trait Doing<T> {
    fn doing(self, sentence: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, sentence: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(sentence()).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_sentence_cause_detail_and_remedy_in_this_order() {
        let error = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let failure = Failure::new("cannot read a.csv").because(error).detail("tail\n").remedy("make it");
        assert_eq!(failure.to_string(), "cannot read a.csv: no such file\ntail\nWhat to do: make it");
    }
}
