//! Messages that are datagrams elsewhere, on a stream behind a two-byte length (RFC 1035 §4.2.2).

use model::Side;

use crate::{Dissector, Found, Sink, Step};

/// A dissector of datagrams, made to read a stream of length-prefixed ones.
#[derive(Debug)]
pub struct Prefixed<D>(pub D);

const PREFIX: usize = 2;

// === impl Prefixed ===

impl<D: Dissector> Dissector for Prefixed<D> {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>() else {
            return Step::Need(PREFIX);
        };
        let len = usize::from(u16::from_be_bytes(*prefix));
        if len == 0 {
            return Step::Lost;
        }
        let Some(message) = rest.get(..len) else { return Step::Need(PREFIX + len) };
        match self.0.read(from, message, sink) {
            Step::Took(_) => Step::Took(PREFIX + len),
            Step::Leave => Step::Leave,
            // A message that can't be read is skipped: the next length is still where it should be.
            _ if sink.is_open() => Step::Lost,
            _ => Step::Took(PREFIX + len),
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>() else {
            return Found::Maybe(0);
        };
        let len = usize::from(u16::from_be_bytes(*prefix));
        match rest.get(..len) {
            Some(message) if len > 0 && self.0.resync(from, message) == Found::At(0) => {
                Found::At(0)
            }
            None if self.0.resync(from, rest) != Found::Nowhere => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}
