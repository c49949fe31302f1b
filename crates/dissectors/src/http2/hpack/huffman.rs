//! The Huffman code of HPACK (RFC 7541 §5.2, appendix B).
//!
//! The code is canonical: the lengths alone make it. Codes of up to [`FAST_BITS`] bits, which is all
//! of ordinary text, are one look-up each; longer ones are found by their length.

/// Bits looked up at once.
const FAST_BITS: u32 = 9;
/// The longest code.
const BITS_MAX: usize = 30;
/// Symbols: all bytes, and the end of the string.
const SYMBOLS: usize = 257;
/// Where padding would be longer, it is not padding.
const PADDING_BITS_MAX: u32 = 7;

/// Bits of the code of each symbol.
static LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

/// What the next bits are: the symbol, and how many of them it takes; none if it takes more.
#[derive(Clone, Copy, Debug)]
struct Fast {
    symbol: u8,
    bits: u8,
}

/// The codes of one length, which are successive numbers.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// The first code, left-aligned in 32 bits.
    first: u32,
    /// The first left-aligned number that is a longer code.
    end: u64,
    /// Index of its symbol in [`Tables::symbols`].
    at: u16,
}

/// The decoder's tables.
struct Tables {
    fast: [Fast; 1 << FAST_BITS],
    groups: [Group; BITS_MAX + 1],
    /// By rising code.
    symbols: [u16; SYMBOLS],
}

static TABLES: Tables = Tables::new();

/// It is not the code of any string.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotHuffman;

/// Appends the string that `code` stands for.
pub(super) fn decode(mut code: &[u8], out: &mut Vec<u8>) -> Result<(), NotHuffman> {
    // The shortest code has five bits.
    out.reserve(code.len() * 8 / 5 + 1);
    let mut window = 0u64;
    let mut bits = 0u32;
    loop {
        (window, bits) = refill(window, bits, &mut code);
        let fast = TABLES.fast[(window >> (64 - FAST_BITS)) as usize & 0x1ff];
        let taken = if fast.bits > 0 && u32::from(fast.bits) <= bits {
            out.push(fast.symbol);
            u32::from(fast.bits)
        } else {
            match TABLES.slow(window, bits) {
                Some((symbol, taken)) => {
                    // The end-of-string symbol is not to be sent (§5.2).
                    out.push(u8::try_from(symbol).map_err(|_| NotHuffman)?);
                    taken
                }
                None if code.is_empty() => return padding(window, bits),
                None => return Err(NotHuffman),
            }
        };
        window <<= taken;
        bits -= taken;
    }
}

/// Fills the window up to at least 56 bits, while there are any.
#[inline]
fn refill(mut window: u64, mut bits: u32, code: &mut &[u8]) -> (u64, u32) {
    if bits > 32 {
        return (window, bits);
    }
    if let Some((word, rest)) = code.split_first_chunk() {
        *code = rest;
        return (window | u64::from(u32::from_be_bytes(*word)) << (32 - bits), bits + 32);
    }
    while let Some((byte, rest)) = code.split_first().filter(|_| bits <= 56) {
        *code = rest;
        window |= u64::from(*byte) << (56 - bits);
        bits += 8;
    }
    (window, bits)
}

/// The last bits are the front of the end-of-string symbol: ones, less than a byte of them.
fn padding(window: u64, bits: u32) -> Result<(), NotHuffman> {
    let ones = window.leading_ones() >= bits;
    if ones && bits <= PADDING_BITS_MAX { Ok(()) } else { Err(NotHuffman) }
}

// === impl Tables ===

impl Tables {
    const fn new() -> Self {
        let mut tables = Self {
            fast: [Fast { symbol: 0, bits: 0 }; 1 << FAST_BITS],
            groups: [Group { first: 0, end: 0, at: 0 }; BITS_MAX + 1],
            symbols: [0; SYMBOLS],
        };
        let (mut code, mut known) = (0u64, 0);
        let mut bits = 1;
        while bits <= BITS_MAX {
            let step = 1u64 << (32 - bits);
            tables.groups[bits].first = code as u32;
            tables.groups[bits].at = known as u16;
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == bits {
                    tables.symbols[known] = symbol as u16;
                    tables.fill_fast(code, bits as u32, symbol as u8);
                    known += 1;
                    code += step;
                }
                symbol += 1;
            }
            tables.groups[bits].end = code;
            bits += 1;
        }
        tables
    }

    const fn fill_fast(&mut self, code: u64, bits: u32, symbol: u8) {
        if bits > FAST_BITS {
            return;
        }
        let first = (code >> (32 - FAST_BITS)) as usize;
        let mut n = 0;
        while n < 1usize << (FAST_BITS - bits) {
            self.fast[first + n] = Fast { symbol, bits: bits as u8 };
            n += 1;
        }
    }

    /// The symbol at the front of `bits` valid bits, and its length.
    #[cold]
    fn slow(&self, window: u64, bits: u32) -> Option<(u16, u32)> {
        let code = window >> 32;
        let length = (1..=BITS_MAX).find(|length| code < self.groups[*length].end)?;
        let group = self.groups[length];
        let nth = (code - u64::from(group.first)) >> (32 - length);
        let symbol = self.symbols.get(usize::from(group.at) + usize::try_from(nth).ok()?)?;
        let length = u32::try_from(length).ok().filter(|length| *length <= bits)?;
        Some((*symbol, length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The obviously right twin: bit by bit against every code.
    fn encode(text: &[u8]) -> Vec<u8> {
        let codes = codes();
        let mut bits = String::new();
        for byte in text {
            bits += &codes[usize::from(*byte)];
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        let byte = |n: usize| u8::from_str_radix(&bits[8 * n..8 * n + 8], 2).unwrap();
        (0..bits.len() / 8).map(byte).collect()
    }

    fn codes() -> Vec<String> {
        let mut order: Vec<usize> = (0..SYMBOLS).collect();
        order.sort_by_key(|symbol| (LENGTHS[*symbol], *symbol));
        let mut codes = vec![String::new(); SYMBOLS];
        let (mut code, mut before) = (0u64, 0);
        for symbol in order {
            let length = usize::from(LENGTHS[symbol]);
            code <<= length - before;
            codes[symbol] = format!("{code:0length$b}");
            (code, before) = (code + 1, length);
        }
        codes
    }

    fn decoded(code: &[u8]) -> Result<Vec<u8>, NotHuffman> {
        let mut out = Vec::new();
        decode(code, &mut out).map(|()| out)
    }

    #[test]
    fn codes_are_those_of_the_specification() {
        let codes = codes();
        for (symbol, code) in [
            (0, "1111111111000"),
            (b'0' as usize, "00000"),
            (b'a' as usize, "00011"),
            (b'z' as usize, "1111011"),
            (b'\\' as usize, "1111111111111110000"),
            (10, "111111111111111111111111111100"),
            (255, "11111111111111111111101110"),
            (256, "111111111111111111111111111111"),
        ] {
            assert_eq!(codes[symbol], code, "{symbol}");
        }
    }

    #[test]
    fn the_end_of_the_string_is_not_sent_and_padding_is_short() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(NotHuffman));
        assert_eq!(decoded(&[0xff]), Err(NotHuffman));
        assert_eq!(decoded(&[0b0001_1111, 0xff]), Err(NotHuffman));
        assert_eq!(decoded(&[0b0001_1000]), Err(NotHuffman));
        assert_eq!(decoded(&[0b0001_1111]), Ok(b"a".to_vec()));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(text: Vec<u8>) {
            prop_assert_eq!(decoded(&encode(&text)), Ok(text));
        }

        #[test]
        fn any_bytes_are_a_string_or_none(code: Vec<u8>) {
            if let Ok(text) = decoded(&code) {
                prop_assert_eq!(encode(&text), code);
            }
        }

        #[test]
        fn another_coder_decodes_the_same(code: Vec<u8>) {
            let mut theirs = Vec::new();
            let ok = httlib_huffman::decode(&code, &mut theirs, httlib_huffman::DecoderSpeed::ThreeBits);
            if let Ok(ours) = decoded(&code) {
                prop_assert!(ok.is_ok());
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
