//! Interfaces `progress`, `rejects`, `warnings` and `log`: a guest's reports about its work.

use super::imported::{log, progress, rejects, warnings};
use crate::guest::Guest;
use crate::job_log::LogLevel;
use jobhost_contract::{Reject, Warning};

impl progress::Host for Guest {
    fn report(&mut self, done: u64, total: Option<u64>, unit: progress::Unit) -> wasmtime::Result<()> {
        if let Some(may) = &self.capabilities {
            let unit = match unit {
                progress::Unit::Bytes => "bytes",
                progress::Unit::Records => "records",
            };
            self.usage.host_call();
            may.progress(done, total, unit);
        }
        Ok(())
    }

    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.capabilities.as_ref().is_some_and(|may| may.is_cancelled()))
    }
}

impl rejects::Host for Guest {
    fn report(&mut self, reject: rejects::Reject) -> wasmtime::Result<()> {
        if let Some(may) = &self.capabilities {
            self.usage.host_call();
            may.reject(Reject {
                line: reject.line,
                byte_offset: reject.byte_offset,
                column: reject.column,
                kind: reject.kind,
                raw: reject.raw,
                reason: reject.reason,
            });
        }
        Ok(())
    }
}

impl warnings::Host for Guest {
    fn report(&mut self, warning: warnings::Warning) -> wasmtime::Result<()> {
        if let Some(may) = &self.capabilities {
            self.usage.host_call();
            may.warn(Warning { code: warning.code, line: warning.line, message: warning.message });
        }
        Ok(())
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.log.write(level, &text);
        Ok(())
    }
}
