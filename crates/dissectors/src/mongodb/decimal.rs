//! 128-bit decimal numbers (IEEE 754-2008, binary integer decimal) as text.

/// What is added to the exponent.
const BIAS: i32 = 6_176;
/// The largest coefficient of 34 digits; what is larger counts as zero.
const COEFFICIENT_MAX: u128 = 9_999_999_999_999_999_999_999_999_999_999_999;

/// The number as the extended JSON and BSON specifications write it: `1.5`, `1E+3`, `-0`, `NaN`.
pub fn to_string(bits: u128) -> String {
    let sign = if bits >> 127 == 1 { "-" } else { "" };
    let combination = bits >> 122 & 0x1f;
    match combination {
        0x1e => return format!("{sign}Infinity"),
        0x1f => return "NaN".to_owned(),
        _ => {}
    }
    // Both bits of the front set: the coefficient would have more than 34 digits.
    let (exponent, coefficient) = if combination >> 3 == 3 {
        (bits >> 111 & 0x3fff, 0)
    } else {
        (bits >> 113 & 0x3fff, bits & ((1 << 113) - 1))
    };
    let exponent = i32::try_from(exponent).unwrap_or_default() - BIAS;
    let coefficient = if coefficient > COEFFICIENT_MAX { 0 } else { coefficient };
    format!("{sign}{}", number(&coefficient.to_string(), exponent))
}

fn number(digits: &str, exponent: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let scientific = exponent + count - 1;
    if exponent > 0 || scientific < -6 {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{first}{point}{rest}E{scientific:+}");
    }
    if exponent == 0 {
        return digits.to_owned();
    }
    match usize::try_from(count + exponent) {
        Ok(before @ 1..) => {
            let (whole, fraction) = digits.split_at(before);
            format!("{whole}.{fraction}")
        }
        _ => format!("0.{}{digits}", "0".repeat((-exponent - count).unsigned_abs() as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(coefficient: u128, exponent: i32) -> String {
        to_string(u128::try_from(exponent + BIAS).unwrap() << 113 | coefficient)
    }

    #[test]
    fn numbers_are_written_as_the_specification_does() {
        assert_eq!(made(15, -1), "1.5");
        assert_eq!(made(0, 0), "0");
        assert_eq!(made(12, 3), "1.2E+4");
        assert_eq!(made(1, 3), "1E+3");
        assert_eq!(made(1, -6), "0.000001");
        assert_eq!(made(1, -7), "1E-7");
        assert_eq!(made(123, -5), "0.00123");
        assert_eq!(to_string(0x7800 << 112), "Infinity");
        assert_eq!(to_string(0xf800 << 112), "-Infinity");
        assert_eq!(to_string(0x7c00 << 112), "NaN");
    }
}
