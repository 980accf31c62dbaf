//! `REGEXP`: whether a pattern matches anywhere in a text.
//!
//! Matching takes time proportional to the length of the text times the size of the compiled pattern, and cannot be
//! interrupted. So the product is limited: the larger the pattern, the shorter the text may be.

use regex::{Regex, RegexBuilder};
use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Error, Result};

use super::like::MAX_PATTERN_BYTES;

/// (size of the compiled pattern, maximum length of the text), in bytes: less than a second in the worst case.
const SIZES: &[(usize, usize)] = &[(4 << 10, 2 << 20), (32 << 10, 256 << 10), (256 << 10, 32 << 10)];
/// Memory limit, in bytes, of the automaton that grows during matching.
const AUTOMATON_BYTES: usize = 1 << 20;
/// Maximum nesting of groups.
const MAX_NESTING: u32 = 50;

pub(super) struct Pattern {
    regex: Regex,
    longest_text: usize,
}

impl Pattern {
    fn read(pattern: ValueRef<'_>) -> std::result::Result<Pattern, String> {
        let pattern = String::from_utf8_lossy(pattern.as_bytes_or_null().ok().flatten().unwrap_or_default());
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!("the pattern of REGEXP has more than {MAX_PATTERN_BYTES} bytes"));
        }
        let mut builder = RegexBuilder::new(&pattern);
        builder.nest_limit(MAX_NESTING).dfa_size_limit(AUTOMATON_BYTES);
        for (size, longest_text) in SIZES {
            match builder.size_limit(*size).build() {
                Ok(regex) => return Ok(Pattern { regex, longest_text: *longest_text }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => {
                    // The last line gives the reason; those before it draw the position.
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    return Err(format!("the pattern of REGEXP, '{pattern}', cannot be used: {reason}"));
                }
            }
        }
        Err(format!("the pattern of REGEXP, '{pattern}', is too large: it repeats too much"))
    }
}

/// `regexp(pattern, text)`. Both are texts or NULL.
pub(super) fn regexp(context: &mut Context<'_>) -> Result<Value> {
    let (ValueRef::Text(_), ValueRef::Text(text)) = (context.get_raw(0), context.get_raw(1)) else {
        return Ok(Value::Null);
    };
    // SQLite caches the compiled pattern while the argument is the same.
    let pattern = context.get_or_create_aux(0, Pattern::read)?;
    if text.len() > pattern.longest_text {
        let sentence = format!(
            "REGEXP looks for this pattern in texts of at most {} bytes; one has {}",
            pattern.longest_text,
            text.len()
        );
        return Err(Error::UserFunctionError(sentence.into()));
    }
    Ok(Value::Integer(pattern.regex.is_match(&String::from_utf8_lossy(text)).into()))
}
