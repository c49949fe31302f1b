//! Conversations of every kind against what was asked, secrets under every cut and loss, and what is
//! not memcached.

use dissect::{
    Hello, Verdict,
    kit::{self, Case, Kept, Replay, Turn},
};
use model::{BodyFacts, Mark, Message, Pairing, Side, Tell, Transport};
use proptest::{collection::vec, prelude::*};

use super::{DISSECTION, PROTOCOL, record::HEAD};

// === conversations ===

/// A command, its answer, and the headline of its call; no answer where nobody answers.
fn exchange() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>, String)> {
    let value = prop_oneof![vec(any::<u8>(), 0..30), vec(any::<u8>(), 400..1_200)];
    (0..7, "[a-z0-9:_]{1,12}", value).prop_map(|(kind, key, value)| {
        let size = value.len();
        let block = |line: String| [line.as_bytes(), &value, b"\r\n"].concat();
        let line = |text: &str| text.replace('K', &key).into_bytes();
        match kind {
            0 => (
                block(format!("set {key} 1 2 {size}\r\n")),
                Some(b"STORED\r\n".to_vec()),
                format!("matched set {key} STORED"),
            ),
            1 => (
                block(format!("set {key} 1 2 {size} noreply\r\n")),
                None,
                format!("one-way set {key} -"),
            ),
            2 => (
                line("get K x\r\n"),
                Some([&block(format!("VALUE {key} 1 {size}\r\n"))[..], b"END\r\n"].concat()),
                format!("matched get {key} HIT"),
            ),
            3 => (
                line("delete K\r\n"),
                Some(b"NOT_FOUND\r\n".to_vec()),
                format!("matched delete {key} NOT_FOUND"),
            ),
            4 => (line("incr K 5\r\n"), Some(b"55\r\n".to_vec()), format!("matched incr {key} OK")),
            5 => (
                line("mg K v f\r\n"),
                Some(block(format!("VA {size} f1\r\n"))),
                format!("matched mg {key} HIT"),
            ),
            _ => (
                block(format!("ms {key} {size} T5\r\n")),
                Some(b"HD\r\n".to_vec()),
                format!("matched ms {key} STORED"),
            ),
        }
    })
}

proptest! {
    #[test]
    fn a_pipeline_of_anything_keeps_its_order(all in vec(exchange(), 1..40), size in 1usize..1_500) {
        let asked = all.iter().flat_map(|(asked, ..)| asked.clone()).collect();
        let answered: Vec<u8> = all.iter().filter_map(|(_, answer, _)| answer.clone()).flatten().collect();
        let calls = play(vec![Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)], size);
        let mut wanted: Vec<String> = all.into_iter().map(|(_, _, headline)| headline).collect();
        let mut got: Vec<String> = calls.iter().map(Kept::headline).collect();
        wanted.sort();
        got.sort();
        prop_assert_eq!(wanted, got);
    }

    #[test]
    fn any_conversation_is_survived(bytes in vec(any::<u8>(), 0..2_000)) {
        kit::fuzz(&DISSECTION, &bytes);
    }

    #[test]
    fn conversations_of_pieces_are_survived(pieces in vec((any::<bool>(), piece()), 0..40), size in 1usize..60) {
        let turns: Vec<Turn> = pieces
            .into_iter()
            .map(|(client, bytes)| Turn::Says(if client { Side::Client } else { Side::Server }, bytes))
            .collect();
        let case = Case { turns, ..Case::default() };
        for call in Replay::new(&case).pieces(size).run(&DISSECTION) {
            let _ = call.headline();
            for half in [&call.request, &call.response].into_iter().flatten() {
                let _ = half.told(&PROTOCOL);
            }
        }
    }

    #[test]
    fn no_record_makes_the_telling_panic(
        mut record in vec(any::<u8>(), HEAD..90),
        form in prop::sample::select(vec![b't', b'b']),
        kept in vec(any::<u8>(), 0..90),
    ) {
        record[0] = form;
        for from in [Side::Client, Side::Server] {
            let mut message = Message::new(from, Mark::default());
            message.body.size = kept.len() as u64;
            (message.record, message.body.kept) = (record.clone(), kept.clone());
            let _ = (PROTOCOL.headline)(Some(&message), Some(&message));
            let _ = (PROTOCOL.headline)(None, Some(&message));
            (PROTOCOL.tell)(&message, &mut Deaf);
        }
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..9),
        exchange().prop_map(|(asked, ..)| asked),
        exchange().prop_map(|(_, answer, _)| answer.unwrap_or_default()),
        prop::sample::select(vec![
            "mn\r\n",
            "MN\r\n",
            "mg a v q\r\n",
            "VA 1\r\n1\r\n",
            "stats\r\n",
            "STAT a b\r\n",
            "END\r\n",
            "EN\r\n",
            "ms a 1 q O1\r\n",
            "HD O1\r\n",
            "\r\n",
            "VALUE a 0 1000000000\r\n",
            "set a 0 0 999999999\r\n",
            "ERROR\r\n",
            "\u{0}\u{0}",
            "quit\r\n",
            "gets a b\r\n",
            "ts=1 a=b\r\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        (any::<bool>(), 0u8..0x40, 0u8..4, 0u8..9, 0u8..20).prop_map(
            |(asks, opcode, key, extras, value)| {
                let size = key + extras + value;
                let magic = if asks { 0x80 } else { 0x81 };
                let head = [magic, opcode, 0, key, extras, 0, 0, 0, 0, 0, 0, size];
                [&head[..], &[0; 12], &vec![b'x'; size.into()]].concat()
            }
        ),
    ]
}

#[test]
fn a_value_of_ten_megabytes_is_not_waited_for() {
    let value = vec![b'x'; 10 << 20];
    let set = [format!("set k 0 0 {}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    let calls = play(
        vec![Turn::Says(Side::Client, set), Turn::Says(Side::Server, b"STORED\r\n".to_vec())],
        1_448,
    );
    assert_eq!(calls[0].headline(), "matched set k STORED");
}

#[test]
fn where_one_id_stands_for_two_questions_nobody_is_answered() {
    let frame = |inside: &[u8]| [&b"\0\0\0\0\0\x01\0\0"[..], inside].concat();
    let turns = [
        Turn::Says(Side::Client, frame(b"incr a 1\r\n")),
        Turn::Says(Side::Server, frame(b"5\r\n")),
        Turn::Says(Side::Client, frame(b"incr b 1\r\n")),
        Turn::Says(Side::Client, frame(b"incr c 1\r\n")),
        Turn::Says(Side::Server, frame(b"5\r\n")),
    ];
    let case = Case { turns: turns.into(), over: Some(Transport::Udp), ..Case::default() };
    let pairings: Vec<_> =
        Replay::new(&case).run(&DISSECTION).iter().map(|call| call.pairing).collect();
    assert_eq!(
        pairings,
        [Pairing::Matched, Pairing::Orphan, Pairing::Unanswered, Pairing::Unanswered]
    );
}

// === secrets ===

#[test]
fn a_secret_is_nowhere_however_it_is_cut_or_lost() {
    let packet = |magic: u8, opcode: u8, key: &[u8], value: &[u8]| {
        let [key_len, size] =
            [key.len(), key.len() + value.len()].map(|n| u8::try_from(n).unwrap());
        let head = [magic, opcode, 0, key_len, 0, 0, 0, 0, 0, 0, 0, size];
        [&head[..], &[0; 12], key, value].concat()
    };
    for (asked, answered) in [
        (packet(0x80, 0x21, b"PLAIN", b"\0ann\0s3cret"), packet(0x81, 0x21, b"", b"s3cret")),
        (packet(0x80, 0x22, b"SCRAM", b"s3cret"), packet(0x81, 0x22, b"", b"s3cret")),
        (b"set x 0 0 10\r\nann s3cret\r\n".to_vec(), b"STORED\r\n".to_vec()),
    ] {
        let turns = vec![Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)];
        let case = Case { turns, ..Case::default() };
        let whole = Replay::new(&case).run(&DISSECTION);
        assert_eq!(whole.len(), 1);
        no_secret(&whole);
        for size in 1..60 {
            assert_eq!(whole, Replay::new(&case).pieces(size).run(&DISSECTION), "{size}");
        }
    }
}

fn no_secret(calls: &[Kept]) {
    for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten() {
        let told = half.told(&PROTOCOL);
        assert!(!half.record.escape_ascii().to_string().contains("s3cret"), "{:?}", half.record);
        assert!(told.iter().all(|(_, value)| !value.contains("s3cret")), "{told:?}");
    }
}

// === detection ===

#[test]
fn what_others_say_is_not_claimed() {
    let others: [(&str, &[u8]); 22] = [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("HTTP, answer", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("Redis in a line", b"get a\r\n"),
        ("Redis in a line, with an option", b"set a 1\r\n"),
        ("Redis in a line, a counter", b"incr a\r\n"),
        ("Redis, answer", b"+OK\r\n"),
        ("SMTP", b"220 mail.example.com ESMTP\r\n"),
        ("SMTP, client", b"HELO a\r\n"),
        ("SMTP, help", b"quit\r\n"),
        ("FTP", b"USER ann\r\n"),
        ("POP3", b"+OK ready\r\n"),
        ("IMAP", b"* OK ready\r\n"),
        ("NATS", b"INFO {\"server_id\":\"a\"}\r\n"),
        ("beanstalkd", b"put 0 0 60 5\r\nhello\r\n"),
        ("beanstalkd, answer", b"NOT_FOUND\r\n"),
        ("IRC", b"NICK ann\r\n"),
        ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f"),
        ("MySQL", b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xc7\x15"),
        ("TLS", b"\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03abcdefghabcdefghabcdefghabcdefgh"),
        (
            "SSL 2",
            b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10\0\0\x04\0\0\x05\0\0\x0a\0\0\x09\0\0\x64\0\0\x62",
        ),
        (
            "ONC RPC",
            b"\x80\0\0\x28\x12\x34\x56\x78\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\x03",
        ),
    ];
    for (name, bytes) in others {
        assert_eq!(probe(bytes, Transport::Tcp, false), Verdict::No, "{name}");
        assert_eq!(probe(bytes, Transport::Udp, true), Verdict::No, "{name}");
    }
}

#[test]
fn what_only_memcached_says_is_known_on_any_port() {
    let asked: [&[u8]; 6] = [
        b"set a 0 0 5\r\nhello\r\n",
        b"gets a b\r\n",
        b"mg a v t\r\n",
        b"ms a 2 T9\r\nhi\r\n",
        b"cas a 0 0 1 7 noreply\r\n1\r\n",
        b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0",
    ];
    for bytes in asked {
        assert_eq!(probe(bytes, Transport::Tcp, false), Verdict::Is(Side::Client), "{bytes:?}");
        let datagram = [b"\0\x01\0\0\0\x01\0\0", bytes].concat();
        assert_eq!(probe(&datagram, Transport::Udp, false), Verdict::Is(Side::Client));
    }
    let answered: [&[u8]; 4] = [
        b"VALUE a 0 5\r\nhello\r\nEND\r\n",
        b"STORED\r\n",
        b"STAT pid 7\r\n",
        b"\x81\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0",
    ];
    for bytes in answered {
        assert_eq!(probe(bytes, Transport::Tcp, false), Verdict::Is(Side::Server), "{bytes:?}");
    }
    assert_eq!(probe(b"get a\r\n", Transport::Tcp, true), Verdict::Is(Side::Client));
    assert_eq!(probe(b"set a 0 0 5\r", Transport::Tcp, false), Verdict::Maybe);
    assert_eq!(probe(b"set a 0 0 2\r\nhello\r\n", Transport::Tcp, true), Verdict::No);
}

// === helpers ===

fn play(turns: Vec<Turn>, size: usize) -> Vec<Kept> {
    let calls = Replay::new(&Case { turns, ..Case::default() }).pieces(size).run(&DISSECTION);
    assert!(calls.iter().all(|call| call.pairing != Pairing::Orphan || call.request.is_none()));
    calls
}

fn probe(bytes: &[u8], transport: Transport, usual: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport,
        to_usual_port: usual,
        from_usual_port: false,
        more: transport == Transport::Tcp,
    })
}

struct Deaf;

impl Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: BodyFacts<'_>) {}
}
