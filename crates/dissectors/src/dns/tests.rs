//! Whether it is recognised, and what hostile bytes can do. Conversations are in `cases/`.

use dissect::{Hello, Verdict, kit};
use model::{BodyFacts, Mark, Message, Side, Tell, Transport, Value};
use proptest::{collection::vec, prelude::*};

use super::{DISSECTION, Dns, PROTOCOL, tell::FIELDS};

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03com\0\0\x01\0\x01\
    \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";

#[test]
fn a_million_idle_flows_fit() {
    assert!(size_of::<Dns>() <= 64, "{}", size_of::<Dns>());
}

// === the probe ===

#[test]
fn a_query_and_its_answer_are_known_on_any_port() {
    for usual in [true, false] {
        assert_eq!(datagram(QUERY, usual), Verdict::Is(Side::Client));
        assert_eq!(datagram(ANSWER, usual), Verdict::Is(Side::Server));
        assert_eq!(stream(QUERY, usual), Verdict::Is(Side::Client));
        assert_eq!(stream(ANSWER, usual), Verdict::Is(Side::Server));
    }
}

#[test]
fn a_cut_answer_is_known_on_its_port_only() {
    let cut = &ANSWER[..ANSWER.len() - 6];
    assert_eq!(datagram(cut, true), Verdict::Is(Side::Server));
    assert_eq!(datagram(cut, false), Verdict::No);
    assert_eq!(datagram(&[ANSWER, b"?"].concat(), false), Verdict::No);
}

#[test]
fn half_a_message_on_a_stream_is_worth_waiting_for() {
    let whole = prefixed(QUERY);
    for len in 0..whole.len() {
        let seen = probe(&whole[..len], Transport::Tcp, false, true);
        assert_eq!(seen, Verdict::Maybe, "{len} bytes");
    }
}

#[test]
fn names_of_netbios_are_not_ours() {
    // A query for a name (type NB) and for a node's status (NBSTAT, the number of SRV).
    let name = b"\x80\xf0\0\x10\0\x01\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0";
    for kind in [32, 33] {
        assert_eq!(datagram(&[name, &[0, kind, 0, 1][..]].concat(), false), Verdict::No);
    }
}

#[test]
fn other_protocols_are_not_ours() {
    let others: [(&str, &[u8]); 8] = [
        ("STUN", b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl"),
        ("NTP", b"\x23\0\x06\xec\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe1\x02\x03\x04\x05\x06\x07\x08"),
        ("RTP", b"\x80\0\x12\x34\0\0\0\xa0\xde\xad\xbe\xef\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("QUIC", b"\xc3\0\0\0\x01\x08abcdefgh\0\0\x44\x9eabcdefghijklmnopqrstuvwxyz"),
        ("DHCP", b"\x01\x01\x06\0\xde\xad\xbe\xef\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("SNMP", b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\0\x02\x01\0"),
        ("syslog", b"<34>1 2003-10-11T22:14:15.003Z host su - ID47 - failed"),
        ("SIP", b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP host\r\n\r\n"),
    ];
    for (name, bytes) in others {
        assert_eq!(datagram(bytes, false), Verdict::No, "{name}");
        assert_eq!(datagram(bytes, true), Verdict::No, "{name} on port 53");
    }
    for bytes in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"*1\r\n$4\r\nPING\r\n"] {
        for usual in [true, false] {
            assert_eq!(probe(bytes, Transport::Tcp, usual, true), Verdict::No);
        }
    }
}

#[test]
fn a_client_that_answers_is_not_ours() {
    let bytes = prefixed(ANSWER);
    let hello = Hello { from: Some(Side::Client), ..hello(&bytes, Transport::Tcp, true, true) };
    assert_eq!((DISSECTION.probe)(&hello), Verdict::No);
}

const ANNOUNCES: &[u8] =
    b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x01";
const ASKS_ALL: &[u8] = b"\0\0\0\0\0\x02\0\0\0\0\0\0\x05_ipps\x04_tcp\x05local\0\0\x0c\x80\x01\
    \x04_ipp\xc0\x12\0\x0c\x80\x01";

#[test]
fn to_a_group_speaks_who_sends_on_any_port() {
    for usual in [true, false] {
        assert_eq!(datagram(ANNOUNCES, usual), Verdict::Is(Side::Client));
        assert_eq!(datagram(ASKS_ALL, usual), Verdict::Is(Side::Client));
    }
}

#[test]
fn nearly_to_a_group_is_nothing() {
    for whole in [ANNOUNCES, ASKS_ALL] {
        for len in 0..whole.len() {
            assert_eq!(datagram(&whole[..len], false), Verdict::No, "{len} bytes");
        }
        assert_eq!(datagram(&[whole, b"?"].concat(), false), Verdict::No);
    }
    // Nothing but zeros; a root that is asked for; a node's status as NetBIOS answers it.
    assert_eq!(datagram(&[0; 40], false), Verdict::No);
    assert_eq!(
        datagram(b"\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x01\0\x01\0\0\x01\0\x01", false),
        Verdict::No
    );
    let status = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\
        \0\x21\0\x01\0\0\0\0\0\x01\0";
    assert_eq!(datagram(status, false), Verdict::No);
}

#[test]
fn an_answer_without_a_question_is_to_nobody_where_two_have_its_id() {
    let two = "over udp\n\
        >x 0077 0100 0001 0000 0000 0000 0161 00 0001 0001\n\
        >x 0077 0100 0001 0000 0000 0000 0162 00 0001 0001\n\
        <x 0077 8101 0000 0000 0000 0000\n";
    let calls = kit::Replay::new(&kit::Case::parse(two).unwrap()).run(&DISSECTION);
    let calls: Vec<_> = calls.iter().map(kit::Kept::headline).collect();
    assert_eq!(
        calls,
        [
            "orphan - - FORMERR",
            "unanswered A a - missing=capture-end",
            "unanswered A b - missing=capture-end",
        ]
    );
}

#[test]
fn a_flow_of_nonsense_is_left() {
    let mut text = String::from("over udp\n");
    for _ in 0..20 {
        text += "<x 1234 7fff ffff ffff ffff ffff 80 90 a0\n";
    }
    let calls = kit::Replay::new(&kit::Case::parse(&text).unwrap()).run(&DISSECTION);
    assert!(calls.len() < 8, "{}", calls.len());
}

// === any bytes ===

proptest! {
    #[test]
    fn any_conversation_is_survived(bytes in vec(any::<u8>(), 0..2_000)) {
        kit::fuzz(&DISSECTION, &bytes);
    }

    #[test]
    fn any_message_is_told_and_probed(
        head in any::<[u8; 12]>(),
        small in any::<bool>(),
        tail in vec(prop_oneof![Just(0u8), Just(1), Just(0xc0), Just(12), any::<u8>()], 0..400),
    ) {
        let mut message = [&head[..], &tail].concat();
        if small {
            // Counts that can be true, so that something is read behind the questions.
            for high in [4, 6, 8, 10] {
                (message[high], message[high + 1]) = (0, message[high + 1] % 4);
            }
        }
        let _ = told(&message);
        for usual in [true, false] {
            let _ = datagram(&message, usual);
            let _ = stream(&message, usual);
        }
    }

    #[test]
    fn any_change_to_an_answer_is_survived(at in 0..ANSWER.len(), byte in any::<u8>()) {
        let mut message = ANSWER.to_vec();
        message[at] = byte;
        let _ = told(&message);
        let _ = datagram(&message, true);
    }
}

#[test]
fn a_message_made_to_be_long_is_told_in_bounds() {
    // The longest message, full of SOA records that point at a name of 250 bytes.
    let mut message = b"\0\0\x80\0\0\x01\x0f\xff\0\0\0\0".to_vec();
    for _ in 0..7 {
        message.extend_from_slice(&[31; 32]);
    }
    message.extend_from_slice(b"\0\0\x01\0\x01");
    while message.len() < 65_000 {
        message.extend_from_slice(b"\xc0\x0c\0\x06\0\x01\0\0\0\0\0\x18\xc0\x0c\xc0\x0c");
        message.extend_from_slice(&[0; 20]);
    }
    let bytes: usize = told(&message).0.iter().map(|(_, value)| value.len()).sum();
    assert!(bytes < 5 << 20, "{bytes}");
}

#[test]
fn a_record_cut_anywhere_is_told() {
    for len in 0..=ANSWER.len() {
        let message = message(&ANSWER[..len]);
        let _ = (PROTOCOL.headline)(None, Some(&message));
        let _ = told(&ANSWER[..len]);
    }
    let mut empty = message(b"");
    empty.record.clear();
    let _ = (PROTOCOL.headline)(Some(&empty), None);
}

// === helpers ===

/// What was told, in order.
#[derive(Debug)]
pub struct Told(pub Vec<(&'static str, String)>);

impl Tell for Told {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let value = match value {
            Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
        };
        self.0.push((FIELDS[index].name, value));
    }

    fn header(&mut self, _name: &[u8], _value: &[u8]) {}

    fn body(&mut self, _facts: BodyFacts<'_>) {}
}

pub fn told(bytes: &[u8]) -> Told {
    let mut told = Told(Vec::new());
    (PROTOCOL.tell)(&message(bytes), &mut told);
    told
}

fn message(bytes: &[u8]) -> Message {
    let mut message = Message::new(Side::Server, Mark::default());
    message.record = [&[0], bytes].concat();
    message
}

fn datagram(bytes: &[u8], usual: bool) -> Verdict {
    probe(bytes, Transport::Udp, usual, false)
}

fn stream(bytes: &[u8], usual: bool) -> Verdict {
    probe(&prefixed(bytes), Transport::Tcp, usual, true)
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn probe(bytes: &[u8], transport: Transport, usual: bool, more: bool) -> Verdict {
    (DISSECTION.probe)(&hello(bytes, transport, usual, more))
}

fn hello(bytes: &[u8], transport: Transport, usual: bool, more: bool) -> Hello<'_> {
    Hello { bytes, from: None, transport, to_usual_port: usual, from_usual_port: false, more }
}
