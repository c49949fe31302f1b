//! Link types, and what lies between a link and IP.

use crate::kit::*;

#[test]
fn ethernet_is_read() {
    finds_question(ETHERNET, &ether(0x0800, &question()));
    finds_question(ETHERNET, &ether(0x86dd, &ipv6(17, &udp(4000, 53, b"question"))));
}

#[test]
fn raw_ip_is_read_under_all_its_numbers() {
    for link in [12, 14, 101, 228] {
        finds_question(link, &question());
    }
    finds_question(229, &ipv6(17, &udp(4000, 53, b"question")));
    finds_question(101, &ipv6(17, &udp(4000, 53, b"question")));
    is_counted(101, &[0x30; 40], "bad IP header");
}

#[test]
fn linux_cooked_is_read_in_both_versions() {
    let mut cooked = vec![0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0];
    cooked.extend(question());
    finds_question(113, &cooked);
    let mut cooked = vec![8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
    cooked.extend(question());
    finds_question(276, &cooked);
    is_counted(113, &[0, 0, 3, 56, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0], "link type 253 (netlink)");
}

#[test]
fn a_loopback_is_read_in_any_byte_order() {
    let with = |head: [u8; 4], packet: &[u8]| [&head[..], packet].concat();
    finds_question(0, &with([2, 0, 0, 0], &question()));
    finds_question(0, &with([0, 0, 0, 2], &question()));
    finds_question(108, &with([0, 0, 0, 2], &question()));
    for family in [10, 23, 24, 28, 30] {
        let question = ipv6(17, &udp(4000, 53, b"question"));
        finds_question(0, &with([family, 0, 0, 0], &question));
        finds_question(0, &with([0, 0, 0, family], &question));
    }
    is_counted(0, &with([7, 0, 0, 0], &question()), "address family 7");
}

#[test]
fn ppp_is_read_in_its_framings() {
    let with = |head: &[u8]| [head, &question()].concat();
    finds_question(9, &with(&[0x00, 0x21]));
    finds_question(9, &with(&[0x21]));
    finds_question(9, &with(&[0xff, 0x03, 0x00, 0x21]));
    finds_question(50, &with(&[0xff, 0x03, 0x00, 0x21]));
    finds_question(50, &with(&[0x0f, 0x00, 0x08, 0x00]));
    finds_question(104, &with(&[0x8f, 0x00, 0x08, 0x00]));
    is_counted(9, &with(&[0xc0, 0x21]), "PPP protocol 0xc021 (LCP)");
}

#[test]
fn pppoe_is_read_and_its_discovery_is_not_for_us() {
    let length = (question().len() as u8) + 2;
    let session = [&[0x11, 0, 0, 1, 0, length, 0x00, 0x21][..], &question(), &[0; 9]].concat();
    finds_question(ETHERNET, &ether(0x8864, &session));
    finds_question(51, &session);
    is_counted(ETHERNET, &ether(0x8863, &session), "ethertype 0x8863 (PPPoE discovery)");
}

#[test]
fn nflog_is_read_in_any_byte_order() {
    let question = question();
    let length = question.len() as u8 + 4;
    let little = [&[2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0, length, 0, 9, 0][..], &question];
    finds_question(239, &little.concat());
    let big = [&[2, 0, 0, 0, 0, 5, 0, 10, b'x', 0, 0, 0, 0, length, 0, 9][..], &question];
    finds_question(239, &big.concat());
    is_counted(239, &[2, 0, 0, 0, 3, 0, 10, 0], "bad NFLOG header");
}

#[test]
fn a_vlan_inside_a_vlan_is_seen_through() {
    for outer in [0x8100, 0x88a8, 0x9100] {
        let inner = [&[0, 9, 0x08, 0x00][..], &question()].concat();
        let tags = [&[0, 7, 0x81, 0x00][..], &inner].concat();
        finds_question(ETHERNET, &ether(outer, &tags));
    }
}

#[test]
fn an_mpls_stack_is_seen_through() {
    let labels = [0, 1, 0, 64, 0, 2, 1, 64];
    finds_question(ETHERNET, &ether(0x8847, &[&labels[..], &question()].concat()));
    let six = ipv6(17, &udp(4000, 53, b"question"));
    finds_question(ETHERNET, &ether(0x8848, &[&labels[..], &six].concat()));
    let wire = [&labels[..], &[0; 4], &ether(0x0800, &question())].concat();
    finds_question(ETHERNET, &ether(0x8847, &wire));
    let channel = [&labels[..], &[0x10, 0, 0, 0]].concat();
    is_counted(ETHERNET, &ether(0x8847, &channel), "MPLS payload that is not IP");
}

#[test]
fn a_bottomless_mpls_stack_ends() {
    is_counted(ETHERNET, &ether(0x8847, &[0; 4000]), "more than 64 headers");
}

#[test]
fn snap_is_read_and_its_padding_is_not() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &question()].concat();
    let padded = [&snap[..], &[0; 10]].concat();
    finds_question(ETHERNET, &ether(snap.len() as u16, &padded));
    is_counted(ETHERNET, &ether(38, &[0x42, 0x42, 3, 0, 0]), "LLC 0x42 (spanning tree)");
}

#[test]
fn what_is_not_for_us_has_a_name_and_is_no_loss() {
    is_counted(ETHERNET, &ether(0x0806, &[0; 28]), "ARP");
    is_counted(ETHERNET, &ether(0x88cc, &[0; 28]), "ethertype 0x88cc (LLDP)");
    is_counted(ETHERNET, &ether(0x1234, &[0; 28]), "ethertype 0x1234");
    let mut decoder = decoder();
    let bytes = ether(0x0806, &[0; 28]);
    decoder.decode(&packet(ETHERNET, 0, &bytes, bytes.len()));
    assert_eq!((decoder.counts().others().count(), decoder.counts().losses().count()), (1, 0));
}

#[test]
fn what_could_not_be_read_has_a_name_and_is_a_loss() {
    is_counted(147, &[0; 60], "link type 147 (USER0)");
    is_counted(105, &[0; 60], "link type 105 (IEEE 802.11)");
    is_counted(ETHERNET, &ether(0x88e5, &[0; 60]), "MACsec");
    let mut decoder = decoder();
    decoder.decode(&packet(ETHERNET, 0, &[0; 10], 60));
    assert_eq!(decoder.counts().losses().count(), 1);
    assert_eq!(names(decoder.counts()), ["truncated Ethernet header"]);
}
