//! Records out of an open source: feeds the reader, asks after each chunk whether to go on.

use super::{Host, Input, LoadError, Reject, shown};
use crate::error::Problem;
use crate::reader::{Reader, Step};

pub(super) struct Records<H: Host> {
    input: H::Input,
    pub(super) reader: Reader,
    reports_progress: bool,
}

impl<H: Host> Records<H> {
    /// Open the source at `offset`, where `reader` expects it.
    pub(super) fn open(host: &mut H, reader: Reader, offset: u64) -> Result<Self, LoadError<H::Error>> {
        let input = host.open(offset).map_err(LoadError::Host)?;
        Ok(Records { input, reader, reports_progress: false })
    }

    pub(super) fn report_progress(&mut self) {
        self.reports_progress = true;
    }

    pub(super) fn size(&self) -> u64 {
        self.input.size()
    }

    pub(super) fn etag(&self) -> &str {
        self.input.etag()
    }

    /// Go to the next record; false at the end.
    #[inline]
    pub(super) fn advance(&mut self, host: &mut H) -> Result<bool, LoadError<H::Error>> {
        loop {
            match self.reader.advance() {
                Ok(Step::Record) => return Ok(true),
                Ok(Step::End) => return Ok(false),
                Ok(Step::NeedInput) => self.feed(host)?,
                Err(error) => {
                    host.reject(Reject {
                        line: error.line(),
                        byte_offset: error.offset(),
                        column: None,
                        kind: "syntax",
                        raw: shown(self.reader.pending()),
                        reason: error.to_string(),
                    });
                    return Err(Problem::from(error).into());
                }
            }
        }
    }

    #[inline(never)]
    fn feed(&mut self, host: &mut H) -> Result<(), LoadError<H::Error>> {
        if host.cancelled() {
            return Err(LoadError::Cancelled);
        }
        if self.reports_progress {
            host.progress(self.reader.offset(), self.input.size());
        }
        let chunk = self.input.read().map_err(LoadError::Host)?;
        if chunk.is_empty() {
            self.reader.end();
        } else {
            self.reader.feed(&chunk);
        }
        Ok(())
    }
}
