//! IP headers, extension headers, TCP and UDP, and what the snap length took.

use packet::Content;

use crate::kit::*;

#[test]
fn a_segment_tells_its_header() {
    let bytes = ether(0x0800, &ipv4(6, &tcp(b"GET")));
    let mut decoder = decoder();
    let Content::Tcp(segment) = decoder.decode(&packet(ETHERNET, 0, &bytes, bytes.len())) else {
        panic!("no segment");
    };
    assert_eq!((segment.seq, segment.ack, segment.window), (5, 6, 256));
    assert!(segment.flags.ack() && !segment.flags.syn());
    assert_eq!(segment.payload, b"GET");
    assert_eq!(segment.key.src(segment.dir).port, 40_000);
}

#[test]
fn padding_behind_a_short_packet_is_not_payload() {
    let mut bytes = ether(0x0800, &ipv4(6, &tcp(b"")));
    bytes.resize(60, 0xee);
    let found = decode(ETHERNET, &bytes).expect("a segment");
    assert_eq!((found.payload.len(), found.cut), (0, 0));
}

#[test]
fn a_total_length_of_zero_is_all_that_was_captured() {
    let mut bytes = ether(0x0800, &ipv4(6, &tcp(&[7; 3000])));
    (bytes[16], bytes[17]) = (0, 0);
    let found = decode(ETHERNET, &bytes).expect("a segment");
    assert_eq!((found.payload.len(), found.cut), (3000, 0));
}

#[test]
fn a_total_length_beyond_the_wire_is_not_believed() {
    let mut bytes = ether(0x0800, &ipv4(6, &tcp(b"GET")));
    bytes[16] = 0x7f;
    let found = decode(ETHERNET, &bytes).expect("a segment");
    assert_eq!((found.payload.as_slice(), found.cut), (&b"GET"[..], 0));
}

#[test]
fn the_snap_length_is_told_in_bytes() {
    let whole = ether(0x0800, &ipv4(6, &tcp(&[7; 100])));
    let mut decoder = decoder();
    let found = seen(decoder.decode(&packet(ETHERNET, 0, &whole[..64], whole.len() + 4)));
    let found = found.expect("a segment");
    assert_eq!((found.payload.len(), found.cut), (10, 90));
}

#[test]
fn a_header_that_the_snap_length_cut_is_a_loss() {
    let whole = ether(0x0800, &ipv4(6, &tcp(&[7; 100])));
    let mut decoder = decoder();
    assert_eq!(seen(decoder.decode(&packet(ETHERNET, 0, &whole[..50], whole.len()))), None);
    assert_eq!(names(decoder.counts()), ["truncated TCP header"]);
    assert_eq!(decoder.counts().losses().count(), 1);
}

#[test]
fn options_are_skipped() {
    let mut bytes = question();
    bytes[0] = 0x46;
    bytes[3] += 4;
    bytes.splice(20..20, [1, 1, 1, 0]);
    finds_question(RAW, &bytes);
    let mut segment = tcp(b"");
    segment[12] = 0x60;
    segment.extend(*b"\x01\x01\x01\x00GET");
    assert_eq!(decode(RAW, &ipv4(6, &segment)).expect("a segment").payload, b"GET");
}

#[test]
fn headers_that_contradict_themselves_are_bad() {
    let mut short = question();
    short[0] = 0x44;
    is_counted(RAW, &short, "bad IPv4 header");
    let mut total = question();
    total[3] = 19;
    is_counted(RAW, &total, "bad IPv4 header");
    let mut words = tcp(b"");
    words[12] = 0x40;
    is_counted(RAW, &ipv4(6, &words), "bad TCP header");
    words[12] = 0x60;
    is_counted(RAW, &ipv4(6, &words), "bad TCP header");
    let mut length = udp(1, 2, b"");
    length[5] = 7;
    is_counted(RAW, &ipv4(17, &length), "bad UDP header");
    is_counted(228, &ipv6(17, b""), "bad IPv4 header");
}

#[test]
fn a_udp_length_below_that_of_ip_wins() {
    let padded = [&udp(4000, 53, b"question")[..], b"padding"].concat();
    finds_question(RAW, &ipv4(17, &padded));
    let mut jumbo = udp(4000, 53, b"question");
    (jumbo[4], jumbo[5]) = (0, 0);
    finds_question(RAW, &ipv6(17, &jumbo));
}

#[test]
fn extension_headers_are_seen_through() {
    let question = udp(4000, 53, b"question");
    let hop_by_hop = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    let routing = |next| [&[next, 2, 4, 0][..], &[0; 20]].concat();
    let authentication = |next| [&[next, 4][..], &[0; 22]].concat();
    let chain = [
        &hop_by_hop(43)[..],
        &routing(60),
        &hop_by_hop(51),
        &authentication(44),
        &[17, 0, 0, 0, 0, 0, 0, 9],
        &question,
    ]
    .concat();
    finds_question(RAW, &ipv6(0, &chain));
    finds_question(RAW, &ipv4(51, &[&authentication(17)[..], &question].concat()));
}

#[test]
fn endless_extension_headers_end() {
    is_counted(RAW, &ipv6(0, &[0; 8 * 1000]), "more than 64 headers");
    is_counted(RAW, &ipv6(60, &[60, 9, 0, 0, 0, 0, 0, 0]), "bad IPv6 extension header");
}

#[test]
fn a_jumbogram_is_as_long_as_the_wire_says() {
    let mut bytes = ipv6(0, &[&[6, 0, 0xc2, 4, 0, 1, 0x11, 0x80][..], &tcp(&[7; 70_000])].concat());
    (bytes[4], bytes[5]) = (0, 0);
    assert_eq!(decode(RAW, &bytes).expect("a segment").payload.len(), 70_000);
}

#[test]
fn other_protocols_have_names() {
    is_counted(RAW, &ipv4(1, &[9; 8]), "ICMP");
    is_counted(RAW, &ipv6(58, &[135; 8]), "ICMPv6");
    is_counted(RAW, &ipv4(132, &[0; 8]), "bad SCTP header");
    is_counted(RAW, &ipv4(50, &[0; 8]), "IPsec ESP (encrypted)");
    is_counted(RAW, &ipv4(0, &[0; 8]), "IP protocol 0");
}

#[test]
fn the_scope_keeps_equal_addresses_apart() {
    let bytes = ether(0x0800, &ipv4(6, &tcp(b"GET")));
    let mut one = packet(ETHERNET, 0, &bytes, bytes.len());
    let here = seen(decoder().decode(&one)).expect("a segment");
    one.scope = 3;
    let mut decoder = decoder();
    let Content::Tcp(there) = decoder.decode(&one) else { panic!("no segment") };
    assert_eq!(there.key.scope, 3);
    assert_ne!(there.hash, here.hash);
}

#[test]
fn a_multicast_answer_from_elsewhere_has_the_hash_of_its_question() {
    let there = decode(RAW, &ipv4(17, &udp(5353, 5000, b""))).expect("a datagram");
    let back = decode(RAW, &ipv6(17, &udp(5000, 5353, b""))).expect("a datagram");
    assert_eq!(there.hash, back.hash);
}
