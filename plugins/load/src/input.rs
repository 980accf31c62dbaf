//! Reads the records of an opened source: feeds the format, and checks after each chunk whether to continue.

use crate::error::LoadError;
use crate::format::{Format, Step};
use crate::host::{Host, Input, Warning, charset};

pub(crate) struct Records<'a, H: Host, F> {
    input: H::Input,
    pub(crate) format: &'a mut F,
    reports_progress: bool,
}

impl<'a, H: Host, F: Format> Records<'a, H, F> {
    /// Opens the source at `offset`, where `format` expects it.
    pub(crate) fn open(host: &mut H, format: &'a mut F, offset: u64) -> Result<Self, LoadError<H::Error, F::Problem>> {
        let input = host.open(offset).map_err(LoadError::Host)?;
        if let Some(label) = input.media_type().and_then(charset) {
            format.charset(label);
        }
        Ok(Records { input, format, reports_progress: false })
    }

    pub(crate) fn report_progress(&mut self) {
        self.reports_progress = true;
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.input.size()
    }

    pub(crate) fn etag(&self) -> &str {
        self.input.etag()
    }

    /// Go past what stands before the records; false if there is nothing at all.
    pub(crate) fn begin(
        &mut self,
        host: &mut H,
        note: impl Fn(&mut H, Warning),
    ) -> Result<bool, LoadError<H::Error, F::Problem>> {
        self.step(host, |format, host| format.begin(|warning| note(host, warning)))
    }

    /// Advances to the next record. Returns false at the end.
    #[inline]
    pub(crate) fn advance(&mut self, host: &mut H) -> Result<bool, LoadError<H::Error, F::Problem>> {
        self.step(host, |format, _| format.advance())
    }

    #[inline(always)]
    fn step(
        &mut self,
        host: &mut H,
        step: impl Fn(&mut F, &mut H) -> Result<Step, F::Problem>,
    ) -> Result<bool, LoadError<H::Error, F::Problem>> {
        loop {
            match step(self.format, host) {
                Ok(Step::Record) => return Ok(true),
                Ok(Step::End) => return Ok(false),
                Ok(Step::NeedInput) => self.feed(host)?,
                Err(problem) => return Err(self.rejected(host, problem)),
            }
        }
    }

    /// Reports a problem with the input as a rejected record, and returns the error that ends the load.
    #[cold]
    #[inline(never)]
    pub(crate) fn rejected(&mut self, host: &mut H, problem: F::Problem) -> LoadError<H::Error, F::Problem> {
        host.reject(self.format.reject(&problem));
        LoadError::Input(problem)
    }

    #[inline(never)]
    fn feed(&mut self, host: &mut H) -> Result<(), LoadError<H::Error, F::Problem>> {
        if host.cancelled() {
            return Err(LoadError::Cancelled);
        }
        if self.reports_progress {
            host.progress(self.format.offset(), self.input.size());
        }
        let chunk = self.input.read().map_err(LoadError::Host)?;
        if chunk.is_empty() {
            self.format.end();
        } else {
            self.format.feed(&chunk);
        }
        Ok(())
    }
}
