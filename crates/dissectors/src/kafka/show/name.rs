//! Topics and their ids as text.

/// An id as Kafka's tools write it: base64 without padding, safe in URLs.
pub fn id(id: &[u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from_be_bytes(*id);
    // 128 bits are 21 digits of six bits, and two bits more.
    let digit = |shift: u32| {
        let six = if shift < 2 { number << 4 } else { number >> (shift - 2) } & 63;
        usize::try_from(six)
            .ok()
            .and_then(|at| DIGITS.get(at))
            .map_or('?', |digit| char::from(*digit))
    };
    (0..22).map(|at| if at == 21 { digit(0) } else { digit(124 - 6 * at) }).collect()
}

/// Whether there is none.
pub fn is_none(id: &[u8; 16]) -> bool {
    *id == [0; 16]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_kafka_writes_them() {
        assert_eq!(id(&[0; 16]), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(id(&[0xff; 16]), "_____________________w");
        let bytes = [0, 16, 131, 16, 81, 135, 32, 146, 139, 48, 211, 143, 65, 20, 147, 81];
        assert_eq!(id(&bytes), "ABCDEFGHIJKLMNOPQRSTUQ");
    }
}
