//! Messages that are compressed one after the other with one window (RFC 7692 §7.2).
//!
//! The window is what makes them cheap, and what is lost when a message is: from then on a message is
//! decoded where it does not reach back to what was not seen, and otherwise said to be opaque.

use flate2::{Decompress, FlushDecompress, Status};

/// What an [`Inflater`] is charged: the window and the decoder's tables.
pub(super) const COST: usize = 48 << 10;

/// What the sender takes off the end of each message (§7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes decoded at a time.
const STEP: usize = 4 << 10;
/// Bytes decoded of one message at most: what a bomb costs.
const DECODED_MAX: u64 = 16 << 20;

/// Decodes the messages of one side.
pub(super) struct Inflater {
    decoder: Decompress,
    /// This message can't be decoded any further.
    stuck: bool,
    /// Bytes of this message so far.
    decoded: u64,
}

// === impl Inflater ===

impl Inflater {
    /// With an empty window.
    pub(super) fn new() -> Self {
        Self { decoder: Decompress::new(false), stuck: false, decoded: 0 }
    }

    /// Decodes some bytes of a message and hands out what they are.
    pub(super) fn feed(&mut self, mut input: &[u8], out: &mut dyn FnMut(&[u8])) {
        let mut buffer = [0; STEP];
        // Each round takes input or fills the buffer, up to the limit.
        while !self.stuck {
            let (read, written) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self.decoder.decompress(input, &mut buffer, FlushDecompress::Sync);
            let read = usize::try_from(self.decoder.total_in() - read).unwrap_or(0);
            let written = usize::try_from(self.decoder.total_out() - written).unwrap_or(0);
            out(buffer.get(..written).unwrap_or_default());
            self.decoded += written as u64;
            input = input.get(read..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => self.decoder.reset(false),
                Ok(_) if read == 0 && written == 0 => return,
                Ok(_) if input.is_empty() && written < STEP => return,
                Ok(_) => {}
                Err(_) => self.stuck = true,
            }
            if self.decoded > DECODED_MAX {
                self.stuck = true;
            }
        }
    }

    /// The message is at its end; whether all of it was decoded. Forgets the window if the sender
    /// does, or if it is not what the sender has.
    pub(super) fn end(&mut self, forgets: bool, out: &mut dyn FnMut(&[u8])) -> bool {
        self.feed(&TAIL, out);
        let whole = !self.stuck;
        self.decoded = 0;
        if forgets || self.stuck {
            self.forget();
        }
        whole
    }

    /// Begins anew: something was lost.
    pub(super) fn forget(&mut self) {
        self.decoder.reset(false);
        (self.stuck, self.decoded) = (false, 0);
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("stuck", &self.stuck).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// What a sender with one window makes of some messages.
    fn compressed(messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut encoder = Compress::new(Compression::default(), false);
        messages
            .iter()
            .map(|message| {
                let mut out = Vec::with_capacity(1 << 16);
                encoder.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
                out.strip_suffix(&TAIL).unwrap().to_vec()
            })
            .collect()
    }

    fn decoded(inflater: &mut Inflater, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        for piece in bytes.chunks(3) {
            inflater.feed(piece, &mut |bytes| all.extend_from_slice(bytes));
        }
        inflater.end(false, &mut |bytes| all.extend_from_slice(bytes)).then_some(all)
    }

    #[test]
    fn one_window_serves_all_messages() {
        let mut inflater = Inflater::new();
        for message in compressed(&[b"hello hello hello", b"hello hello", b"h"]) {
            assert!(decoded(&mut inflater, &message).is_some());
        }
    }

    #[test]
    fn what_reaches_back_too_far_is_opaque_and_the_rest_is_not() {
        let texts: [&[u8]; 3] = [b"a needle in a haystack", b"a needle in a haystack", b"xyz"];
        let messages = compressed(&texts);
        let mut inflater = Inflater::new();
        assert_eq!(decoded(&mut inflater, &messages[1]), None);
        assert_eq!(decoded(&mut inflater, &messages[2]).as_deref(), Some(texts[2]));
    }

    #[test]
    fn a_large_message_is_decoded_whole() {
        let text = vec![b'x'; 300_000];
        let messages = compressed(&[&text]);
        assert_eq!(decoded(&mut Inflater::new(), &messages[0]), Some(text));
    }
}
