//! What ICMP says: questions with a number, and errors with the flow of the packet that they quote.

use model::{FlowKey, Says, Transport};
use packet::{Content, Quote};

use crate::kit::*;

fn quote(bytes: &[u8]) -> Option<Quote> {
    match decoder().decode(&packet(RAW, 0, bytes, bytes.len())) {
        Content::Quote(quote) => Some(quote),
        _ => None,
    }
}

/// An error with what it quotes.
fn error(kind: u8, code: u8, rest: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0][..], &rest, quoted].concat()
}

#[test]
fn a_question_goes_by_its_identifier() {
    let echo = [8, 0, 0, 0, 0x12, 0x34, 0, 1, b'x'];
    let there = decode(RAW, &ipv4(1, &echo)).expect("a question");
    assert_eq!((there.src.1, there.dst.1), (0x1234, 0x1234));
    assert_eq!(there.payload, echo);
    let back = decode(RAW, &ipv4(1, &[0, 0, 0, 0, 0x12, 0x34, 0, 1])).expect("an answer");
    assert_eq!(there.hash, back.hash);
    let six = decode(RAW, &ipv6(58, &[128, 0, 0, 0, 0, 7, 0, 1])).expect("a question");
    assert_eq!(six.src.1, 7);
}

#[test]
fn an_error_tells_the_flow_of_what_it_quotes() {
    let sent = question();
    let mut decoder = decoder();
    let Content::Udp(flow) = decoder.decode(&packet(RAW, 0, &sent, sent.len())) else {
        panic!("no datagram")
    };
    let (key, hash) = (flow.key, flow.hash);
    // Its IP header and 8 bytes: the least there is.
    let found = quote(&ipv4(1, &error(3, 3, [0; 4], &sent[..28]))).expect("a quote");
    assert_eq!((found.key, found.hash, found.dir), (key, hash, flow.dir));
    assert_eq!((found.notice.says, found.notice.mtu), (Says::PortUnreachable, None));
    assert_eq!(found.notice.from, std::net::IpAddr::from(SRC));
}

#[test]
fn a_packet_too_big_tells_what_would_pass() {
    let sent = ipv4(6, &tcp(&[7; 100]));
    let found = quote(&ipv4(1, &error(3, 4, [0, 0, 5, 120], &sent[..28]))).expect("a quote");
    assert_eq!((found.notice.says, found.notice.mtu), (Says::TooBig, Some(1_400)));
    assert_eq!(found.key.transport, Transport::Tcp);
    let sent = ipv6(0, &[&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp(&[7; 9])].concat());
    let found = quote(&ipv6(58, &error(2, 0, [0, 0, 5, 0], &sent))).expect("a quote");
    assert_eq!((found.notice.mtu, found.key.transport), (Some(1_280), Transport::Tcp));
}

#[test]
fn an_error_about_a_question_is_of_its_flow() {
    let echo = ipv4(1, &[8, 0, 0, 0, 0x12, 0x34, 0, 1]);
    let mut decoder = decoder();
    let Content::Icmp(flow) = decoder.decode(&packet(RAW, 0, &echo, echo.len())) else {
        panic!("no question")
    };
    let found = quote(&ipv4(1, &error(11, 0, [0; 4], &echo))).expect("a quote");
    assert_eq!((found.key, found.hash), (flow.key, flow.hash));
    assert_eq!(found.notice.says, Says::TimeExceeded);
    assert_eq!(found.key, FlowKey { transport: Transport::Icmp, ..found.key });
}

#[test]
fn what_quotes_no_ports_says_nothing_of_a_flow() {
    let sent = question();
    let later = ipv4_part(17, 7, 100, &[0; 30]);
    assert!(quote(&ipv4(1, &error(3, 3, [0; 4], &later))).is_none(), "not the first fragment");
    assert!(quote(&ipv4(1, &error(3, 3, [0; 4], &sent[..24]))).is_none(), "cut");
    assert!(quote(&ipv4(1, &error(3, 3, [0; 4], &[]))).is_none(), "nothing");
    assert!(quote(&ipv4(1, &error(3, 3, [0; 4], &ipv4(50, &[0; 8])))).is_none(), "no ports");
    let error_about_an_error = error(3, 3, [0; 4], &ipv4(1, &error(3, 3, [0; 4], &sent)));
    assert!(quote(&ipv4(1, &error_about_an_error)).is_none());
    is_counted(RAW, &ipv4(1, &[8, 0, 0]), "bad ICMP header");
}
