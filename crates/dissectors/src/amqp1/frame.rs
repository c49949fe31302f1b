//! Frames (part 2 §2.3) and the protocol header before them (§2.2).
//!
//! ```text
//!  0          4      5      6         8 … 4·doff        4·doff …
//! ┌──────────┬──────┬──────┬─────────┬────────────────┬──────────────┬───────────┐
//! │ size     │ doff │ type │ channel │ extended head  │ performative │ payload … │
//! └──────────┴──────┴──────┴─────────┴────────────────┴──────────────┴───────────┘
//! ```
//!
//! Without a performative a frame says only that its sender is alive.

use super::types::{Flaw, extent};

/// Bytes of the shortest frame.
pub const HEAD: usize = 8;
/// Bytes of a protocol header.
pub const HELLO_LEN: usize = 8;
/// How every protocol header begins.
pub const HELLO: &[u8; 4] = b"AMQP";
/// Bytes of a performative, at most.
pub const WHOLE_MAX: usize = (64 << 10) - 1;
/// Bytes of a frame, at most: far above what anybody agrees on.
const SIZE_MAX: u32 = 256 << 20;

/// What a protocol header asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// AMQP itself.
    Plain,
    /// TLS (part 5 §5.2).
    Tls,
    /// SASL (part 5 §5.3).
    Sasl,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Bytes of all of it.
    pub size: usize,
    /// Where its performative begins.
    pub body: usize,
    /// Whether it is one of the security layer's.
    pub is_sasl: bool,
    /// The channel it belongs to.
    pub channel: u16,
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// So many bytes are needed.
    Short(usize),
    /// This is none.
    Bad,
}

/// What a header of version 1.0.0 asks for; `None` for other versions.
pub fn layer(hello: &[u8]) -> Option<Layer> {
    match hello {
        b"AMQP\x00\x01\x00\x00" => Some(Layer::Plain),
        b"AMQP\x02\x01\x00\x00" => Some(Layer::Tls),
        b"AMQP\x03\x01\x00\x00" => Some(Layer::Sasl),
        _ => None,
    }
}

/// Whether a header of version 1.0.0 may begin with `bytes`.
pub fn begins_hello(bytes: &[u8]) -> bool {
    [0, 2, 3].iter().any(|id| {
        let hello = [b'A', b'M', b'Q', b'P', *id, 1, 0, 0];
        hello.iter().zip(bytes).all(|(want, have)| want == have)
    })
}

// === impl Frame ===

impl Frame {
    /// The frame at the front.
    pub fn of(input: &[u8]) -> Result<Self, Halt> {
        let Some([s0, s1, s2, s3, doff, kind, c0, c1]) = input.first_chunk::<HEAD>() else {
            return Err(Halt::Short(HEAD));
        };
        let size = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        let body = 4 * usize::from(*doff);
        let whole = usize::try_from(size).map_err(|_| Halt::Bad)?;
        if size > SIZE_MAX || body < HEAD || body > whole || *kind > 1 {
            return Err(Halt::Bad);
        }
        let channel = u16::from_be_bytes([*c0, *c1]);
        Ok(Self { size: whole, body, is_sasl: *kind == 1, channel })
    }

    /// Its performative, once that is all there; empty where there is none.
    pub fn performative(self, input: &[u8]) -> Result<&[u8], Halt> {
        if self.body == self.size {
            let head = input.get(..self.body).ok_or(Halt::Short(self.body))?;
            return Ok(head.get(self.body..).unwrap_or_default());
        }
        let rest = input.get(self.body..).unwrap_or_default();
        let len = match extent(rest) {
            Ok(len) => len,
            Err(Flaw::Short(need)) => return self.short(need),
            Err(Flaw::Bad) => return Err(Halt::Bad),
        };
        match rest.get(..len) {
            Some(performative) if self.body + len <= self.size => Ok(performative),
            Some(_) => Err(Halt::Bad),
            None => self.short(len),
        }
    }

    /// So many bytes of the body are wanted: they are in this frame, or it is none.
    fn short(self, len: usize) -> Result<&'static [u8], Halt> {
        let need = self.body.saturating_add(len);
        let fits = len <= WHOLE_MAX && need <= self.size;
        Err(if fits { Halt::Short(need) } else { Halt::Bad })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\0\0\0\x0c\x02\0\0\x05\0\x53\x17\x45";

    #[test]
    fn a_frame_holds_a_performative() {
        let frame = Frame::of(END).unwrap();
        assert_eq!(frame, Frame { size: 12, body: 8, is_sasl: false, channel: 5 });
        assert_eq!(frame.performative(END), Ok(&b"\0\x53\x17\x45"[..]));
        assert_eq!(frame.performative(&END[..9]), Err(Halt::Short(10)));
        assert_eq!(frame.performative(&END[..11]), Err(Halt::Short(12)));
    }

    #[test]
    fn an_empty_frame_holds_none() {
        let beat = b"\0\0\0\x08\x02\0\0\0";
        assert_eq!(Frame::of(beat).unwrap().performative(beat), Ok(&b""[..]));
        let extended = b"\0\0\0\x0c\x03\0\0\0";
        let frame = Frame::of(extended).unwrap();
        assert_eq!(frame.performative(extended), Err(Halt::Short(12)));
    }

    #[test]
    fn odd_heads_are_no_frames() {
        for bytes in [b"\0\0\0\x07\x02\0\0\0", b"\0\0\0\x0c\x01\0\0\0", b"\0\0\0\x0c\x04\0\0\0"] {
            assert_eq!(Frame::of(bytes), Err(Halt::Bad));
        }
        assert_eq!(Frame::of(b"\x20\0\0\0\x02\0\0\0"), Err(Halt::Bad));
        let beyond = b"\0\0\0\x0b\x02\0\0\0\0\x53\x17\x45";
        assert_eq!(Frame::of(beyond).unwrap().performative(beyond), Err(Halt::Bad));
    }

    #[test]
    fn headers_ask_for_a_layer() {
        assert_eq!(layer(b"AMQP\0\x01\0\0"), Some(Layer::Plain));
        assert_eq!(layer(b"AMQP\x03\x01\0\0"), Some(Layer::Sasl));
        assert_eq!(layer(b"AMQP\0\0\x09\x01"), None);
        assert!(begins_hello(b"AMQP\x02") && !begins_hello(b"AMQP\x01"));
    }
}
