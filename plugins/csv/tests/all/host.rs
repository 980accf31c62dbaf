//! Loads of CSV into a host in memory.

use std::ops::{Deref, DerefMut};

use jobhost_csv::load::{LoadError, Loaded, load};
use jobhost_csv::{AttributeType, EncodeOptions, Reading};
use jobhost_load::memory::{self, Stop};
use serde_json::Value;

pub struct MemoryHost(memory::MemoryHost, Reading);

impl MemoryHost {
    pub fn new(source: impl Into<Vec<u8>>) -> Self {
        MemoryHost(memory::MemoryHost::new(source), Reading::default())
    }

    pub fn typed(self, types: &[(&str, AttributeType)]) -> Self {
        MemoryHost(self.0.typed(types), self.1)
    }

    pub fn reading(self, reading: Reading) -> Self {
        MemoryHost(self.0, reading)
    }

    pub fn load(&mut self, options: EncodeOptions) -> Result<Loaded, LoadError<Stop>> {
        let resume = self.checkpoint.clone();
        let one_pass = self.0.in_one_pass();
        let outcome = load(&mut self.0, options, self.1.clone(), resume.as_deref());
        if let Some(mut host) = one_pass {
            let in_one_pass = load(&mut host, options, self.1.clone(), resume.as_deref());
            host.assert_like(&self.0, &in_one_pass, &outcome);
        }
        assert!(
            self.lines.is_empty() || !self.declared.is_empty(),
            "attributes are declared before records are written"
        );
        outcome
    }
}

impl Deref for MemoryHost {
    type Target = memory::MemoryHost;

    fn deref(&self) -> &memory::MemoryHost {
        &self.0
    }
}

impl DerefMut for MemoryHost {
    fn deref_mut(&mut self) -> &mut memory::MemoryHost {
        &mut self.0
    }
}

/// Load `text` as `csv_data_load` with `insert` does; the records, or the sentence of the failure.
pub fn loaded(text: &str) -> Result<Vec<Value>, String> {
    loaded_with(text, EncodeOptions::default())
}

pub fn loaded_with(text: &str, options: EncodeOptions) -> Result<Vec<Value>, String> {
    let mut host = MemoryHost::new(text);
    match host.load(options) {
        Ok(_) => Ok(host.records()),
        Err(error) => {
            assert!(host.lines.is_empty(), "a load that fails leaves nothing");
            Err(error.to_string())
        }
    }
}

pub const FILE: EncodeOptions = EncodeOptions { parse_json: true, key_required: None };
