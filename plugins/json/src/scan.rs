//! Finds where JSON values end and whether they are well formed. The text may be incomplete.
//!
//! The scanner accepts exactly what `serde_json` accepts as a `Value` (numbers in the range of a double, paired
//! surrogates); a property test compares the two. The caller must check that the text is UTF-8. The scanner never
//! allocates and never trusts a length.

use bytemuck::cast;
use jobhost_json_text::typed::JsonType;
use wide::{CmpEq, CmpLt, i8x16};

/// Number of bytes that are examined together. As many must follow the text, and none of them may continue a string:
/// zeros, or a line end and anything after it.
pub(crate) const BLOCK: usize = 16;

/// The kind of a value, as far as the scanner needs it to find the value's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String { escaped: bool },
    Number,
    True,
    False,
    Null,
    Array,
    Object,
}

impl Kind {
    /// Returns the type of the value.
    pub(crate) fn json_type(self) -> JsonType {
        match self {
            Kind::String { .. } => JsonType::String,
            Kind::Number => JsonType::Number,
            Kind::True | Kind::False => JsonType::Boolean,
            Kind::Null => JsonType::Null,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }
}

/// Where and why a text is not valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The text ends in the middle of a value.
    Ends,
    /// Something else was expected.
    Expected(&'static str),
    TooDeep,
}

/// Scans the first `end` bytes of `text`.
pub(crate) struct Scanner<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// Whether white space was skipped.
    pub(crate) blanks: bool,
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    pub(crate) fn new(text: &'a [u8], at: usize, end: usize) -> Self {
        Scanner { text, at, end, blanks: false }
    }

    /// The current byte. At the end it is a zero or a line end, which cannot begin a JSON token.
    #[inline(always)]
    pub(crate) fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn skip_blanks(&mut self) {
        // The first comparison makes the common case, no white space, cheap.
        while self.byte() <= b' ' && self.at < self.end && matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.blanks = true;
            self.at += 1;
        }
    }

    /// Reports that `what` was expected here.
    #[cold]
    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        let why = if self.at >= self.end { Why::Ends } else { Why::Expected(what) };
        Malformed { at: self.at, why }
    }

    #[cold]
    fn expected<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(self.malformed(what))
    }

    /// Scans the current value. `depth` is the number of containers that may still be opened.
    #[inline(always)]
    pub(crate) fn value(&mut self, depth: u32) -> Result<Kind, Malformed> {
        match self.byte() {
            b'"' => {
                self.at += 1;
                Ok(Kind::String { escaped: self.string()? })
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true", Kind::True),
            b'f' => self.literal(b"false", Kind::False),
            b'n' => self.literal(b"null", Kind::Null),
            b'{' | b'[' => self.container(depth),
            _ => self.expected("a value"),
        }
    }

    /// Same as `value`, but not inlined, for nested values.
    #[inline(never)]
    fn inner_value(&mut self, depth: u32) -> Result<Kind, Malformed> {
        self.value(depth)
    }

    #[inline(always)]
    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Malformed> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(kind);
        }
        self.not_literal(word)
    }

    #[cold]
    fn not_literal(&mut self, word: &[u8]) -> Result<Kind, Malformed> {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        if word.starts_with(rest) {
            self.at = self.end;
        }
        self.expected("a value")
    }

    /// Scans the rest of a string, from after its opening quote to after its closing one. Returns true if it has
    /// escapes.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<bool, Malformed> {
        self.skip_ordinary();
        if self.byte() == b'"' {
            self.at += 1;
            return Ok(false);
        }
        self.unusual_string()
    }

    #[inline(never)]
    fn unusual_string(&mut self) -> Result<bool, Malformed> {
        loop {
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(true);
                }
                b'\\' => self.escape()?,
                _ => return self.expected("a string without control characters: write \\n, \\t or \\u00.. for them"),
            }
            self.skip_ordinary();
        }
    }

    /// Advances to a quote, a backslash, a control character or the end.
    #[inline(always)]
    fn skip_ordinary(&mut self) {
        while let Some(block) = self.text.get(self.at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            let special = special(block);
            if special != 0 {
                self.at += special.trailing_zeros() as usize;
                return;
            }
            self.at += BLOCK;
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(())
            }
            b'u' => {
                self.at += 1;
                match self.four_hex_digits()? {
                    0xdc00..=0xdfff => self.lone_surrogate(),
                    0xd800..=0xdbff => {
                        for wanted in [b'\\', b'u'] {
                            if self.byte() != wanted {
                                return self.lone_surrogate();
                            }
                            self.at += 1;
                        }
                        match self.four_hex_digits()? {
                            0xdc00..=0xdfff => Ok(()),
                            _ => self.lone_surrogate(),
                        }
                    }
                    _ => Ok(()),
                }
            }
            _ => self.expected("one of \" \\ / b f n r t u after \\"),
        }
    }

    fn lone_surrogate(&self) -> Result<(), Malformed> {
        self.expected("both halves of a surrogate pair, \\ud800 to \\udbff and then \\udc00 to \\udfff")
    }

    fn four_hex_digits(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.byte()).to_digit(16) else {
                return self.expected("four hexadecimal digits after \\u");
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }

    #[inline(always)]
    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }

    #[inline(always)]
    fn number(&mut self) -> Result<Kind, Malformed> {
        // A number with fewer characters and no exponent cannot be out of range.
        const SURELY_IN_RANGE: usize = 300;
        let from = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        let leading = self.byte();
        let digits = self.digits();
        if digits == 0 {
            return self.expected("a digit");
        }
        if leading == b'0' && digits > 1 {
            self.at -= digits - 1;
            return self.expected("no digit after a leading zero");
        }
        let next = self.byte();
        if next != b'.' && next | 0x20 != b'e' {
            if digits > SURELY_IN_RANGE {
                self.check_range(from)?;
            }
            return Ok(Kind::Number);
        }
        if next == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return self.expected("a digit after the decimal point");
            }
        }
        let exponent = self.byte() | 0x20 == b'e';
        if exponent {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.expected("a digit in the exponent");
            }
        }
        if exponent || self.at - from > SURELY_IN_RANGE {
            self.check_range(from)?;
        }
        Ok(Kind::Number)
    }

    /// Leaves the rare cases to the parsers that define the range.
    #[cold]
    fn check_range(&mut self, from: usize) -> Result<(), Malformed> {
        // A number at the end of the text may be incomplete.
        let number = self.text.get(from..self.at).unwrap_or_default();
        if self.at >= self.end || serde_json::from_slice::<serde_json::Number>(number).is_ok() {
            return Ok(());
        }
        self.at = from;
        self.expected("a number that is not out of range (about 1.8e308)")
    }

    #[inline(never)]
    fn container(&mut self, depth: u32) -> Result<Kind, Malformed> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Malformed { at: self.at, why: Why::TooDeep });
        };
        let object = self.byte() == b'{';
        let close = if object { b'}' } else { b']' };
        self.at += 1;
        self.skip_blanks();
        let kind = if object { Kind::Object } else { Kind::Array };
        if self.byte() == close {
            self.at += 1;
            return Ok(kind);
        }
        loop {
            if object {
                self.name()?;
            }
            self.inner_value(depth)?;
            self.skip_blanks();
            let next = self.byte();
            if next == b',' {
                self.at += 1;
                self.skip_blanks();
            } else if next == close {
                self.at += 1;
                return Ok(kind);
            } else {
                return self.expected(if object { "`,` or `}`" } else { "`,` or `]`" });
            }
        }
    }

    /// A name and its colon. Returns where the name ends, and whether it holds escapes.
    #[inline(always)]
    pub(crate) fn name(&mut self) -> Result<(usize, bool), Malformed> {
        if self.byte() != b'"' {
            return self.expected("a name in double quotes");
        }
        self.at += 1;
        let escaped = self.string()?;
        let end = self.at;
        self.skip_blanks();
        if self.byte() != b':' {
            return self.expected("`:`");
        }
        self.at += 1;
        self.skip_blanks();
        Ok((end, escaped))
    }
}

/// Returns a mask with one bit for each byte that ends the plain part of a string: a quote, a backslash, a control
/// character.
#[inline(always)]
fn special(block: &[u8; BLOCK]) -> u32 {
    let bytes: i8x16 = cast(*block);
    // Flipping the highest bit preserves the order of bytes when they are compared as signed numbers.
    let control = (bytes ^ i8x16::splat(-128)).cmp_lt(i8x16::splat(-128 + 0x20));
    let special = control | bytes.cmp_eq(i8x16::splat(b'"' as i8)) | bytes.cmp_eq(i8x16::splat(b'\\' as i8));
    special.move_mask() as u32 & 0xffff
}

#[cfg(test)]
mod tests;
