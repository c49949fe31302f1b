//! Packets inside packets.

use crate::kit::*;

const VXLAN: [u8; 8] = [8, 0, 0, 0, 0, 0, 42, 0];

/// A datagram to a port, in IPv4.
fn to(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    ipv4(17, &udp(50_000, port, &parts.concat()))
}

fn gre(head: &[u8], inner: &[u8]) -> Vec<u8> {
    ipv4(47, &[head, inner].concat())
}

#[test]
fn vxlan_is_seen_through_on_both_ports() {
    for port in [4789, 8472] {
        finds_question(RAW, &to(port, &[&VXLAN, &ether(0x0800, &question())]));
    }
    let policy = [0x88, 0x08, 0, 7, 0, 0, 42, 0];
    finds_question(RAW, &to(4789, &[&policy, &ether(0x0800, &question())]));
}

#[test]
fn ordinary_udp_on_a_tunnel_port_stays_a_datagram() {
    for port in [4789, 8472, 6081, 2152, 3544] {
        let found = decode(RAW, &to(port, &[b"\x12\x34\x81\x80 an answer to a resolver"]));
        assert_eq!(found.expect("a datagram").dst.1, port);
    }
}

#[test]
fn geneve_is_seen_through_with_options() {
    let options = [2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    finds_question(RAW, &to(6081, &[&options, &ether(0x0800, &question())]));
    finds_question(RAW, &to(6081, &[&[0, 0, 8, 0, 0, 0, 1, 0], &question()]));
}

#[test]
fn gre_is_seen_through_with_each_field() {
    finds_question(RAW, &gre(&[0, 0, 8, 0], &question()));
    finds_question(RAW, &gre(&[0x20, 0, 8, 0, 0, 0, 0, 1], &question()));
    let all = [0xb0, 0, 0x65, 0x58, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    finds_question(RAW, &gre(&all, &ether(0x0800, &question())));
    is_counted(RAW, &gre(&[0x30, 1, 0x88, 0x0b], &question()), "PPTP");
    is_counted(RAW, &gre(&[0x40, 0, 8, 0], &question()), "bad GRE header");
}

#[test]
fn mirrored_frames_are_read() {
    let frame = ether(0x0800, &question());
    finds_question(RAW, &gre(&[0, 0, 0x88, 0xbe], &frame));
    let second = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0];
    finds_question(RAW, &gre(&second, &frame));
    let third = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]];
    finds_question(RAW, &gre(&third.concat(), &frame));
    let mut platform = third.concat();
    platform[19] = 1;
    platform.extend([0; 8]);
    finds_question(RAW, &gre(&platform, &frame));
}

#[test]
fn ip_in_ip_is_seen_through() {
    let six = ipv6(17, &udp(4000, 53, b"question"));
    finds_question(RAW, &ipv4(4, &question()));
    finds_question(RAW, &ipv4(41, &six));
    finds_question(RAW, &ipv6(4, &question()));
    finds_question(RAW, &ipv6(41, &six));
    finds_question(RAW, &ipv4(97, &[&[0x30, 0][..], &ether(0x0800, &question())].concat()));
    finds_question(RAW, &ipv4(137, &[&[0, 1, 1, 64][..], &question()].concat()));
}

#[test]
fn a_mobile_users_packet_is_read() {
    let question = question();
    let length = question.len() as u8;
    finds_question(RAW, &to(2152, &[&[0x30, 0xff, 0, length, 0, 0, 0, 1], &question]));
    let session = [0x34, 0xff, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0];
    finds_question(RAW, &to(2152, &[&session, &question]));
    let endless = [0x34, 0xff, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 9, 0];
    assert_eq!(decode(RAW, &to(2152, &[&endless, &question])).expect("a datagram").dst.1, 2152);
}

#[test]
fn teredo_is_seen_through() {
    let six = ipv6(17, &udp(4000, 53, b"question"));
    finds_question(RAW, &to(3544, &[&six]));
    finds_question(RAW, &to(3544, &[&[0, 0, 1, 2, 3, 4, 5, 6], &six]));
}

#[test]
fn eight_tunnels_are_seen_through_and_nine_are_not() {
    let nested = |depth| (0..depth).fold(question(), |inner, _| ipv4(4, &inner));
    finds_question(RAW, &nested(8));
    is_counted(RAW, &nested(9), "tunnels nested deeper than 8");
    let deep = (0..9).fold(question(), |inner, _| to(4789, &[&VXLAN, &ether(0x0800, &inner)]));
    is_counted(RAW, &deep, "tunnels nested deeper than 8");
}

#[test]
fn a_cut_within_a_tunnel_is_told_in_bytes_of_the_inner_payload() {
    let inner = ether(0x0800, &ipv4(6, &tcp(&[7; 500])));
    let whole = to(4789, &[&VXLAN, &inner]);
    let found = seen(decoder().decode(&packet(RAW, 0, &whole[..whole.len() - 200], whole.len())));
    let found = found.expect("a segment");
    assert_eq!((found.payload.len(), found.cut), (300, 200));
}
