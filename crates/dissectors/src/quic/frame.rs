//! Frames: what is inside of packets (RFC 9000 §19, RFC 9221).

use super::wire::{CID_MAX, length, varint};
use crate::tls::wire::Cursor;

/// A frame, as far as a listener cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame<'b> {
    /// Says nothing that is looked at: PADDING, PING, ACK, flow control, probes of paths.
    Other,
    /// A piece of the handshake (§19.6).
    Crypto {
        /// Where in the handshake's stream.
        offset: u64,
        /// What.
        bytes: &'b [u8],
    },
    /// A piece of a stream (§19.8).
    Stream {
        /// Which.
        id: u64,
        /// Where in it.
        offset: u64,
        /// It ends with this.
        is_last: bool,
        /// What.
        bytes: &'b [u8],
    },
    /// A message of the application that may be lost (RFC 9221 §4).
    Datagram(&'b [u8]),
    /// The sender gives a stream up (§19.4).
    Reset {
        /// Which.
        id: u64,
        /// Why, in the application's terms.
        code: u64,
    },
    /// The sender wants no more of a stream of the other side (§19.5).
    Stop {
        /// Which.
        id: u64,
        /// Why, in the application's terms.
        code: u64,
    },
    /// Another connection ID of the sender (§19.15).
    NewCid(&'b [u8]),
    /// The connection is over (§19.19).
    Close(Close<'b>),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Close<'b> {
    /// The code is the application's.
    pub is_app: bool,
    /// The error code; not an error where it is 0.
    pub code: u64,
    /// For people.
    pub reason: &'b [u8],
}

/// The frames of a payload; ends at the first that can't be read.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'b>(Cursor<'b>);

// === impl Frames ===

impl<'b> Frames<'b> {
    /// Those in the payload of a packet.
    pub fn of(payload: &'b [u8]) -> Self {
        Self(Cursor(payload))
    }

    fn read(&mut self) -> Option<Frame<'b>> {
        let cursor = &mut self.0;
        let kind = varint(cursor)?;
        Some(match kind {
            // PING, HANDSHAKE_DONE, IMMEDIATE_ACK.
            0x01 | 0x1e | 0x1f => Frame::Other,
            0x00 => {
                let padding = cursor.0.iter().take_while(|byte| **byte == 0).count();
                cursor.take(padding)?;
                Frame::Other
            }
            0x02 | 0x03 => ack(cursor, kind == 0x03)?,
            0x04 => {
                let (id, code) = (varint(cursor)?, varint(cursor)?);
                varint(cursor)?;
                Frame::Reset { id, code }
            }
            0x05 => Frame::Stop { id: varint(cursor)?, code: varint(cursor)? },
            0x06 => {
                let (offset, len) = (varint(cursor)?, length(cursor)?);
                Frame::Crypto { offset, bytes: cursor.take(len)? }
            }
            // NEW_TOKEN.
            0x07 => skip(cursor)?,
            0x08..=0x0f => stream(cursor, kind)?,
            // MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
            0x11 | 0x15 => numbers(cursor, 2)?,
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID.
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => numbers(cursor, 1)?,
            0x18 => {
                numbers(cursor, 2)?;
                let cid = cursor.vec8().filter(|cid| (1..=CID_MAX).contains(&cid.len()))?;
                cursor.take(16)?;
                Frame::NewCid(cid)
            }
            // PATH_CHALLENGE, PATH_RESPONSE.
            0x1a | 0x1b => cursor.take(8).map(|_| Frame::Other)?,
            0x1c | 0x1d => {
                let code = varint(cursor)?;
                if kind == 0x1c {
                    varint(cursor)?;
                }
                let len = length(cursor)?;
                Frame::Close(Close { is_app: kind == 0x1d, code, reason: cursor.take(len)? })
            }
            0x30 => Frame::Datagram(cursor.take(cursor.0.len())?),
            0x31 => {
                let len = length(cursor)?;
                Frame::Datagram(cursor.take(len)?)
            }
            // ACK_FREQUENCY (draft-ietf-quic-ack-frequency).
            0xaf => numbers(cursor, 4)?,
            _ => return None,
        })
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    fn next(&mut self) -> Option<Frame<'b>> {
        let frame = self.read();
        if frame.is_none() {
            self.0 = Cursor(&[]);
        }
        frame
    }
}

fn numbers<'b>(cursor: &mut Cursor<'b>, count: u64) -> Option<Frame<'b>> {
    for _ in 0..count {
        varint(cursor)?;
    }
    Some(Frame::Other)
}

fn skip<'b>(cursor: &mut Cursor<'b>) -> Option<Frame<'b>> {
    let len = length(cursor)?;
    cursor.take(len)?;
    Some(Frame::Other)
}

/// §19.3: every range is two numbers, and takes bytes, so that their count is bounded by those.
fn ack<'b>(cursor: &mut Cursor<'b>, has_ecn: bool) -> Option<Frame<'b>> {
    numbers(cursor, 2)?;
    let ranges = varint(cursor)?;
    numbers(cursor, 1)?;
    for _ in 0..ranges {
        numbers(cursor, 2)?;
    }
    numbers(cursor, if has_ecn { 3 } else { 0 })
}

/// §19.8: three bits of the type say what is there.
fn stream<'b>(cursor: &mut Cursor<'b>, kind: u64) -> Option<Frame<'b>> {
    let id = varint(cursor)?;
    let offset = if kind & 4 != 0 { varint(cursor)? } else { 0 };
    let len = if kind & 2 != 0 { length(cursor)? } else { cursor.0.len() };
    Some(Frame::Stream { id, offset, is_last: kind & 1 != 0, bytes: cursor.take(len)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_one_after_the_other() {
        let payload =
            b"\0\0\x01\x02\x05\0\x01\0\x01\x01\x06\x02\x03abc\x18\x01\0\x02XY0123456789abcdef\
            \x04\x08\x41\x0c\x09\x05\x0c\x41\x02\x0f\x04\x05\x02hi\x1c\x02\x06\x01no\x08\x09rest";
        let seen: Vec<_> = Frames::of(payload).filter(|frame| *frame != Frame::Other).collect();
        let close = Close { is_app: false, code: 2, reason: b"n" };
        assert_eq!(
            seen,
            [
                Frame::Crypto { offset: 2, bytes: b"abc" },
                Frame::NewCid(b"XY"),
                Frame::Reset { id: 8, code: 0x10c },
                Frame::Stop { id: 12, code: 0x102 },
                Frame::Stream { id: 4, offset: 5, is_last: true, bytes: b"hi" },
                Frame::Close(close),
            ],
            "what comes after a frame that nobody knows is not read"
        );
    }

    #[test]
    fn datagrams_have_a_length_or_go_to_the_end() {
        let payload = b"\x31\x02hi\x08\x04s\x01\x30bye";
        let seen: Vec<_> = Frames::of(b"\x31\x02hi\x01\x30bye").collect();
        assert_eq!(seen, [Frame::Datagram(b"hi"), Frame::Other, Frame::Datagram(b"bye")]);
        // A stream without a length takes the rest.
        assert_eq!(Frames::of(payload).count(), 2);
        assert_eq!(Frames::of(b"\x31\x05hi").count(), 0);
    }

    #[test]
    fn a_count_of_ranges_that_are_not_there_ends_at_once() {
        let payload = b"\x02\x05\0\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01";
        assert_eq!(Frames::of(payload).count(), 0);
    }
}
