//! A JSON scanner that only finds where values end and whether they are well-formed.
//!
//! It accepts exactly what `serde_json` accepts as a `Value` (numbers in range, surrogates paired); a property test
//! compares the two. Every loaded record passes through it, and it takes about a third of the time of `serde_json`'s
//! `IgnoredAny`. It must never allocate and never trust a length.
//!
//! The text is known to be UTF-8. A line feed ends a record, so it does not count as white space.

use jobhost_json_text::typed::JsonType;

/// The kind of a value, with the details that the scanner learns while looking for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String {
        escaped: bool,
    },
    /// `plain`: an optional minus sign and so few digits that they are exact in a double.
    Number {
        plain: bool,
    },
    True,
    False,
    Null,
    Array,
    Object,
}

impl Kind {
    /// Returns the type of the value.
    pub(super) fn json_type(self) -> JsonType {
        match self {
            Kind::String { .. } => JsonType::String,
            Kind::Number { .. } => JsonType::Number,
            Kind::True | Kind::False => JsonType::Boolean,
            Kind::Null => JsonType::Null,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }
}

/// Where and why a text is not valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    pub at: usize,
    pub why: &'static str,
}

pub(super) const TOO_DEEP: &str = "nested too deeply";

pub(super) struct Scanner<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Scanner { text, at: 0 }
    }

    /// Returns the current byte, or 0 at the end. No JSON token starts with 0.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(super) fn skip_blanks(&mut self) {
        // One comparison in the usual case without white space.
        while self.byte() <= b' ' && matches!(self.byte(), b' ' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    pub(super) fn malformed<T>(&self, why: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, why })
    }

    /// Scans the value at the current position. `depth` is how many more containers may be opened.
    #[inline(always)]
    pub(super) fn value(&mut self, depth: u32) -> Result<Kind, Malformed> {
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
            _ => self.malformed("expected a value"),
        }
    }

    /// Like `value`, but not inlined, for nested values.
    #[inline(never)]
    fn inner_value(&mut self, depth: u32) -> Result<Kind, Malformed> {
        self.value(depth)
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Malformed> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(kind)
        } else {
            self.malformed("expected a value")
        }
    }

    /// Scans the rest of a string, from after the opening quote to after the closing one. Returns whether it has
    /// escapes.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<bool, Malformed> {
        let mut escaped = false;
        loop {
            self.skip_ordinary();
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ if self.at >= self.text.len() => return self.malformed("a string does not end"),
                _ => return self.malformed("a control character in a string"),
            }
        }
    }

    /// Advances to the next quote, backslash, control character or the end.
    #[inline(always)]
    fn skip_ordinary(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        // The lowest marked byte is always correct. A borrow can only cause false marks in higher bytes.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
        while let Some(chunk) = self.text.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*chunk);
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
            let special = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | control;
            if special != 0 {
                self.at += (special.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while !matches!(self.byte(), b'"' | b'\\' | 0..=0x1f) {
            self.at += 1;
        }
    }

    #[cold]
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
                    0xdc00..=0xdfff => self.malformed("a lone surrogate in a string"),
                    0xd800..=0xdbff => {
                        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                            return self.malformed("a lone surrogate in a string");
                        }
                        self.at += 2;
                        match self.four_hex_digits()? {
                            0xdc00..=0xdfff => Ok(()),
                            _ => self.malformed("a lone surrogate in a string"),
                        }
                    }
                    _ => Ok(()),
                }
            }
            _ => self.malformed("an unknown escape in a string"),
        }
    }

    fn four_hex_digits(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.byte()).to_digit(16) else {
                return self.malformed("expected four hexadecimal digits");
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
        const EXACT_DIGITS: usize = 15;
        // Without an exponent, no shorter number can be out of range.
        const SURELY_IN_RANGE: usize = 300;
        let from = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        let leading = self.byte();
        let digits = self.digits();
        if digits == 0 || (leading == b'0' && digits > 1) {
            self.at = from;
            return self.malformed("not a number");
        }
        let next = self.byte();
        if next != b'.' && next | 0x20 != b'e' {
            if digits > SURELY_IN_RANGE {
                self.check_range(from)?;
            }
            return Ok(Kind::Number { plain: digits <= EXACT_DIGITS });
        }
        if next == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return self.malformed("a number has no digits after its point");
            }
        }
        let exponent = self.byte() | 0x20 == b'e';
        if exponent {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.malformed("a number has no digits in its exponent");
            }
        }
        if exponent || self.at - from > SURELY_IN_RANGE {
            self.check_range(from)?;
        }
        Ok(Kind::Number { plain: false })
    }

    /// Leaves the decision in rare cases to `serde_json`.
    #[cold]
    fn check_range(&self, from: usize) -> Result<(), Malformed> {
        let number = self.text.get(from..self.at).unwrap_or_default();
        match serde_json::from_slice::<serde_json::Number>(number) {
            Ok(_) => Ok(()),
            Err(_) => Err(Malformed { at: from, why: "a number is out of range" }),
        }
    }

    #[inline(never)]
    fn container(&mut self, depth: u32) -> Result<Kind, Malformed> {
        let Some(depth) = depth.checked_sub(1) else {
            return self.malformed(TOO_DEEP);
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
                if self.byte() != b'"' {
                    return self.malformed("expected a member name in quotes");
                }
                self.at += 1;
                self.string()?;
                self.skip_blanks();
                if self.byte() != b':' {
                    return self.malformed("expected `:`");
                }
                self.at += 1;
                self.skip_blanks();
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
                return self.malformed(if object { "expected `,` or `}`" } else { "expected `,` or `]`" });
            }
        }
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
