//! Checks whether a JSON number is exactly a double. Only a column in which all numbers are can become a column of
//! doubles.

/// A double preserves this many significant digits of any number that is neither huge nor tiny.
const SAFE_DIGITS: usize = 15;
const SAFE_EXPONENT: i32 = 280;

/// The digits of a decimal number without leading and trailing zeros, and the power of ten of the first digit.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

/// Returns the double whose shortest text has this value. `0.1` and `1.50` have one, `0.10000000000000000555` does not.
pub(crate) fn double(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let decimal = decimal(text)?;
    if decimal.digits.len() <= SAFE_DIGITS && decimal.exponent.abs() < SAFE_EXPONENT {
        return Some(value);
    }
    // Readers of the file see the shortest text of the double, so compare with that.
    (self::decimal(&format!("{value:e}"))? == decimal).then_some(value)
}

fn decimal(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return Some(Decimal { digits, exponent: 0 });
    }
    let place = i32::try_from(whole.len()).ok()?.checked_sub(i32::try_from(zeros).ok()?)?;
    Some(Decimal { digits, exponent: exponent.checked_add(place)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_are_not_exactly_a_double_are_detected() {
        for text in ["0", "-0", "0.1", "1.50", "1e3", "0.30000000000000004", "1e300", "5e-324"] {
            assert!(double(text).is_some(), "{text}");
        }
        for text in [
            "9007199254740993",
            "9007199254740993e-3",
            "0.10000000000000000555",
            "1e400",
            "123456789012345678901234567890",
            "1e-400",
        ] {
            assert!(double(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_printed_form_of_a_double_is_exact(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(double(&format!("{value:e}")), Some(value));
            prop_assert_eq!(double(&format!("{value}")), Some(value));
        }
    }
}
