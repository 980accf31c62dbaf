//! Loads JSON into a host in memory.

use jobhost_json::{LoadError, Options, Shape, load};
use jobhost_load::Loaded;
use jobhost_load::memory::{MemoryHost, Stop};
use serde_json::Value;

pub const ARRAY: Options = Options::new(Shape::Array);
pub const DETECT: Options = Options::new(Shape::Detect);
pub const LINES: Options = Options::new(Shape::Lines);

pub fn load_into(host: &mut MemoryHost, options: Options) -> Result<Loaded, LoadError<Stop>> {
    let resume = host.checkpoint.clone();
    let one_pass = host.in_one_pass();
    let outcome = load(host, options.clone(), resume.as_deref());
    if let Some(mut one) = one_pass {
        let in_one_pass = load(&mut one, options, resume.as_deref());
        one.assert_like(host, &in_one_pass, &outcome);
    }
    outcome
}

/// Loads a text. Returns the written lines, or the error message.
pub fn loaded_lines(text: impl Into<Vec<u8>>, options: Options) -> Result<Vec<String>, String> {
    let mut host = MemoryHost::new(text);
    match load_into(&mut host, options) {
        Ok(loaded) => {
            assert_eq!(loaded == Loaded::Nothing, host.lines.is_empty());
            Ok(host.lines)
        }
        Err(error) => {
            assert!(host.lines.is_empty(), "a load that fails leaves nothing");
            assert_eq!(host.rejects.len(), 1, "and says why");
            Err(error.to_string())
        }
    }
}

pub fn loaded(text: impl Into<Vec<u8>>, options: Options) -> Result<Vec<Value>, String> {
    let lines = loaded_lines(text, options)?;
    Ok(lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect())
}
