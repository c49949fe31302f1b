//! SCTP: a packet of chunks (RFC 9260 §3).
//!
//! ```text
//! | source port 2 | destination port 2 | verification tag 4 | checksum 4 | chunk | chunk | …
//! chunk = | type 1 | flags 1 | length 2 | value … | padding up to a word of four bytes
//! ```

use model::Transport;

use crate::{
    Bundle, Chunk, Content, Header, Unread,
    address::{Address, Addresses, Context, Pair},
    hash,
    view::{Read, Step, View},
};

/// Chunks of one packet; more don't fit but by being empty.
const CHUNKS_MAX: usize = 1_024;
/// Bytes of a chunk before its value.
const CHUNK_HEAD: usize = 4;

/// An SCTP packet.
pub(crate) fn read(context: Context, addresses: Addresses, view: View<'_>) -> Read<'_> {
    let bundle = match addresses {
        Addresses::V4(pair) => bundle(context, pair, view)?,
        Addresses::V6(pair) => bundle(context, pair, view)?,
    };
    Ok(Step::Found(Content::Sctp(bundle)))
}

fn bundle<A: Address>(
    context: Context,
    pair: Pair<A>,
    view: View<'_>,
) -> Result<Bundle<'_>, Unread> {
    let (&[s0, s1, d0, d1, v0, v1, v2, v3, ..], rest) = view.head::<12>(Header::Sctp)?;
    let ports = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
    Ok(Bundle {
        key: context.key(pair, ports, Transport::Sctp),
        dir: pair.dir(ports),
        hash: hash::of_ports(context.seed, ports[0], ports[1]),
        tag: u32::from_be_bytes([v0, v1, v2, v3]),
        chunks: rest.bytes,
        cut: rest.cut(),
    })
}

// === impl Bundle ===

impl<'c> Bundle<'c> {
    /// Its chunks, up to the first that makes no sense.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'c>> {
        let mut rest = self.chunks;
        let mut cut = self.cut as usize;
        std::iter::from_fn(move || {
            let (&[kind, flags, l0, l1], behind) = rest.split_first_chunk()?;
            let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(CHUNK_HEAD)?;
            if length > behind.len() + cut {
                return None;
            }
            let value = behind.get(..length).unwrap_or(behind);
            let missing = length - value.len();
            // The padding of the last chunk may be left out.
            rest = behind.get(length.next_multiple_of(4)..).unwrap_or_default();
            cut = if rest.is_empty() { 0 } else { cut };
            let cut = u32::try_from(missing).unwrap_or(u32::MAX);
            Some(Chunk { kind, flags, value, cut })
        })
        .take(CHUNKS_MAX)
    }
}
