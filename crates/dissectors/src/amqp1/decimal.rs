//! Decimal numbers of IEEE 754 in their binary integer form, as AMQP has them (part 1 §1.6.13 to 15).

/// What a decimal of 4, 8 or 16 octets says; `None` if it has another width.
pub fn text(octets: &[u8]) -> Option<String> {
    let (exponent_bits, bias) = match octets.len() {
        4 => (8, 101),
        8 => (10, 398),
        16 => (14, 6176),
        _ => return None,
    };
    let bits = octets.iter().fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let width = 8 * octets.len();
    let sign = if bits >> (width - 1) & 1 == 1 { "-" } else { "" };
    let field = |from_top: usize, len: usize| bits >> (width - from_top - len) & ((1 << len) - 1);
    if field(1, 4) == 0b1111 {
        let name = if field(1, 5) == 0b11111 { "NaN" } else { "Infinity" };
        return Some(format!("{sign}{name}"));
    }
    // The two bits after the sign tell where the exponent is, and whether the coefficient begins by 100.
    let (exponent, coefficient) = if field(1, 2) == 0b11 {
        let low = width - 3 - exponent_bits;
        (field(3, exponent_bits), 0b100 << low | field(width - low, low))
    } else {
        let low = width - 1 - exponent_bits;
        (field(1, exponent_bits), field(width - low, low))
    };
    let exponent = i64::try_from(exponent).ok()? - bias;
    Some(match exponent {
        0 => format!("{sign}{coefficient}"),
        _ => format!("{sign}{coefficient}e{exponent}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_all_widths() {
        // 7.50 is 750 times ten to the -2: the exponent is 99, 396 and 6174.
        let d32 = (99_u32 << 23 | 750).to_be_bytes();
        let d64 = (396_u64 << 53 | 750).to_be_bytes();
        let d128 = (6174_u128 << 113 | 750).to_be_bytes();
        for octets in [&d32[..], &d64, &d128] {
            assert_eq!(text(octets).as_deref(), Some("750e-2"));
        }
        assert_eq!(text(&(101_u32 << 23 | 1 << 31 | 5).to_be_bytes()).as_deref(), Some("-5"));
    }

    #[test]
    fn what_is_no_number() {
        assert_eq!(text(&0x7800_0000_u32.to_be_bytes()).as_deref(), Some("Infinity"));
        assert_eq!(text(&0x7c00_0000_u32.to_be_bytes()).as_deref(), Some("NaN"));
        assert_eq!(text(&[0; 5]), None);
    }

    #[test]
    fn a_large_coefficient_begins_elsewhere() {
        // 9999999 needs 24 bits: 100 and 21 bits more.
        let bits = 0b11_u32 << 29 | 101 << 21 | (9_999_999 & 0x1f_ffff);
        assert_eq!(text(&bits.to_be_bytes()).as_deref(), Some("9999999"));
    }
}
