//! Any bytes as packets of one capture, so that fragments meet: `[link, (pause, len, len, bytes)…]`.
#![no_main]

use fuzz::{Input, LINKS};
use libfuzzer_sys::fuzz_target;
use model::{FlowKey, Timestamp};
use packet::{Content, Decoder, DecoderLimits, Packet};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let first = input.byte();
    let link = LINKS[usize::from(first) % LINKS.len()];
    let limits = DecoderLimits {
        fragment_bytes_max: 16 << 10,
        fragmented_packets_max: 8,
        packet_bytes_max: 4 << 10,
        ..DecoderLimits::default()
    };
    let mut decoder = Decoder::new(limits);
    let (mut now, mut frame) = (0, 0);
    while !input.is_empty() {
        now += u64::from(input.byte()) * 200_000_000;
        frame += 1;
        let len = input.short();
        let bytes = input.piece(usize::from(len & 0x7fff));
        // The highest bit says that the capture cut the packet.
        let wire_len = bytes.len() as u32 + u32::from(len >> 15) * 100;
        let at = Timestamp(now);
        let packet = Packet { at, link, source: 0, frame, scope: 0, bytes, wire_len };
        check(decoder.decode(&packet));
        assert!(decoder.held_bytes() <= limits.fragment_bytes_max, "more held than allowed");
    }
    assert!(decoder.counts().iter().count() < 1_000);
});

fn check(content: Content<'_>) {
    let key = match content {
        Content::Tcp(segment) => segment.key,
        Content::Udp(datagram) | Content::Icmp(datagram) => datagram.key,
        Content::Sctp(bundle) => {
            let bytes: usize = bundle.chunks().map(|chunk| chunk.value.len()).sum();
            assert!(bytes <= bundle.chunks.len(), "chunks overlap");
            bundle.key
        }
        Content::Quote(quote) => quote.key,
        Content::Nothing => return,
    };
    let (again, _) = FlowKey::of(key.b, key.a, key.transport, key.scope);
    assert_eq!(key, again, "the lower endpoint first");
}
