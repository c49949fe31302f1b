//! Any bytes as a capture file, packed or not: it is read to its end, in bounded memory.
#![no_main]

use std::io::Cursor;

use capture::{Batch, Options, Reader};
use libfuzzer_sys::fuzz_target;

/// A few bytes can unpack to gigabytes: reading so much of them is enough.
const READ_BYTES_MAX: u64 = 8 << 20;
/// Errors in a row after which nothing will come any more.
const ERRORS_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let options = Options { batch_bytes: 16 << 10 };
    let Ok(mut reader) = Reader::from_read("fuzz", Cursor::new(data.to_vec()), options) else {
        return;
    };
    let (mut batch, mut read, mut errors, mut frame) = (Batch::new(), 0, 0, 0);
    while read < READ_BYTES_MAX {
        match reader.next(&mut batch) {
            Ok(false) => break,
            Ok(true) => {
                assert!(!batch.is_empty(), "a batch without packets");
                // Packets without bytes count, too.
                read += batch.bytes_read() + batch.len() as u64;
                frame = check(&batch, frame, reader.sources().len());
            }
            Err(_) => {
                errors += 1;
                assert!(errors < ERRORS_MAX, "errors without end");
            }
        }
    }
    let _ = reader.warnings().iter().map(ToString::to_string).collect::<Vec<_>>();
    let _ = (reader.secrets(), reader.progress());
});

/// Frames rise, packets lie in the batch, and sources are known. The last frame.
fn check(batch: &Batch, mut frame: u64, sources: usize) -> u64 {
    for packet in batch.packets() {
        assert!(packet.frame > frame, "frame {} after {frame}", packet.frame);
        assert!(packet.wire_len as usize >= packet.bytes.len(), "more bytes than on the wire");
        assert!((packet.source as usize) < sources, "source {} of {sources}", packet.source);
        frame = packet.frame;
    }
    frame
}
