//! What cases can't say: any bytes, any depth, secrets cut anywhere, and streams of others.

use dissect::{
    Hello, Verdict,
    kit::{Case, Kept, Replay, Turn, fuzz},
};
use model::{Pairing, Side, Transport};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 4).unwrap();
    [&[kind][..], &len.to_be_bytes(), payload].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

/// Parse, Bind and Execute without names.
fn run(text: &str) -> Vec<u8> {
    [
        message(b'P', &[b"\0", text.as_bytes(), b"\0\0\0"].concat()),
        message(b'B', b"\0\0\0\0\0\0\0\0"),
        message(b'E', b"\0\0\0\0\0"),
    ]
    .concat()
}

fn ran(tag: &str) -> Vec<u8> {
    let tag = message(b'C', &[tag.as_bytes(), b"\0"].concat());
    [message(b'1', b""), message(b'2', b""), tag].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn startup() -> [Turn; 2] {
    let asked = b"\0\x03\0\0user\0ann\0\0";
    let asked = [&u32::try_from(asked.len() + 4).unwrap().to_be_bytes()[..], asked].concat();
    let answered = [message(b'R', b"\0\0\0\0"), ready()].concat();
    [Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)]
}

fn case(turns: impl IntoIterator<Item = Turn>) -> Case {
    Case { turns: startup().into_iter().chain(turns).collect(), ..Case::default() }
}

fn told(call: &Kept, side: Side, name: &str) -> Vec<String> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    let facts = half.as_ref().map(|half| half.told(call.protocol)).unwrap_or_default();
    facts.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

// === any bytes ===

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let kinds = b"QPBDCEFHSXpdcf123TtnIsKRZANGWV".to_vec();
    let typed = (prop::sample::select(kinds), vec(any::<u8>(), 0..40));
    prop_oneof![
        4 => typed.prop_map(|(kind, payload)| message(kind, &payload)),
        1 => Just(ready()),
        1 => Just(query("COPY t FROM STDIN")),
        1 => Just(run("SELECT 1")),
        1 => Just(message(b'S', b"")),
        1 => Just(ran("SELECT 1")),
        1 => Just(message(b'D', b"\0\x01\0\0\0\x01x")),
        1 => vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_messages_make_it_panic(pieces in vec((any::<u8>(), piece()), 0..80), late in any::<u8>()) {
        let mut data = vec![late];
        for (what, piece) in pieces {
            data.extend([what, u8::try_from(piece.len()).unwrap_or(0)]);
            data.extend(piece.iter().take(255));
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_record_makes_the_telling_panic(kind in prop::sample::select(b"UexwasnrdZ".to_vec()), rest in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..100)) {
        let mut message = model::Message::new(Side::Client, model::Mark::default());
        message.record = [&[kind, b'I', 0, 0, 9, 0, 0, 0, 0, 0, 0, 0][..], &rest].concat();
        message.body.size = body.len() as u64;
        message.body.kept = body;
        tell(&message);
    }

    #[test]
    fn no_entries_make_the_telling_panic(entries in vec((prop::sample::select(b"QPBDCEFSXUTtrfRKANGHWCx".to_vec()), any::<u8>(), vec(any::<u8>(), 0..60)), 0..8), kind in prop::sample::select(b"UexwasnrdZ".to_vec()), body in vec(any::<u8>(), 0..100)) {
        let mut message = model::Message::new(Side::Client, model::Mark::default());
        message.record = vec![kind, b'T', 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        for (kind, flags, payload) in entries {
            message.record.extend([kind, flags, u8::try_from(payload.len()).unwrap(), 0, 0, 0]);
            message.record.extend(payload);
        }
        message.body.size = body.len() as u64;
        message.body.kept = message_rows(&body);
        tell(&message);
    }

    #[test]
    fn a_pipeline_of_any_depth_keeps_its_order(groups in vec(1usize..40, 1..8), fails in any::<bool>(), size in 1usize..3_000) {
        let (mut asked, mut answered, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        for (g, count) in groups.iter().enumerate() {
            for n in 0..*count {
                asked.extend(run(&format!("UPDATE t{g}x{n} SET a = 1")));
                // Every other group fails in its middle, and the server skips the rest of it.
                let failed = fails && g % 2 == 1 && n >= count / 2;
                if !failed {
                    answered.extend(ran(&format!("UPDATE {n}")));
                    wanted.push((format!("t{g}x{n}"), Some(format!("UPDATE {n}"))));
                } else {
                    if n == count / 2 {
                        answered.extend(message(b'E', b"SERROR\0C22012\0M\0\0"));
                    }
                    wanted.push((format!("t{g}x{n}"), None));
                }
            }
            asked.extend(message(b'S', b""));
            answered.extend(ready());
        }
        let case = case([Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)]);
        let calls = Replay::new(&case).pieces(size).run(&DISSECTION);
        for (table, tag) in wanted {
            let call = calls
                .iter()
                .find(|call| told(call, Side::Client, "db.collection.name") == [table.clone()])
                .expect("every question is there");
            match tag {
                Some(tag) => {
                    prop_assert_eq!(call.pairing, Pairing::Matched);
                    prop_assert_eq!(told(call, Side::Server, "postgresql.command_tag"), vec![tag]);
                }
                None => prop_assert!(told(call, Side::Server, "postgresql.command_tag").is_empty()),
            }
        }
    }
}

fn message_rows(body: &[u8]) -> Vec<u8> {
    body.chunks(20).flat_map(|row| message(b'D', row)).collect()
}

struct Deaf;

impl model::Tell for Deaf {
    fn field(&mut self, index: usize, _: model::Value<'_>) {
        assert!(index < super::PROTOCOL.fields.len());
    }
    fn header(&mut self, _: &[u8], _: &[u8]) {}
    fn body(&mut self, _: model::BodyFacts<'_>) {}
}

fn tell(message: &model::Message) {
    (super::PROTOCOL.tell)(message, &mut Deaf);
    let _ = (super::PROTOCOL.headline)(Some(message), Some(message));
    let _ = (super::PROTOCOL.headline)(None, Some(message));
}

// === pipelines that were not seen whole ===

#[test]
fn what_a_group_skipped_never_takes_the_answer_of_another() {
    let asked = [run("UPDATE a SET x = 1"), run("UPDATE b SET x = 1"), message(b'S', b"")].concat();
    let failed = [message(b'E', b"SERROR\0C22012\0M\0\0"), ready()].concat();
    let turns = (0..20).flat_map(|n| {
        let later = [query(&format!("SELECT {n} FROM c{n}")), Vec::new()].concat();
        let answer = [message(b'C', b"SELECT 1\0"), ready()].concat();
        [
            Turn::Says(Side::Client, asked.clone()),
            Turn::Says(Side::Server, failed.clone()),
            Turn::Says(Side::Client, later),
            Turn::Says(Side::Server, answer),
        ]
    });
    for late in [false, true] {
        let case = Case { late, ..case(turns.clone()) };
        for call in Replay::new(&case).run(&DISSECTION) {
            let table = told(&call, Side::Client, "db.collection.name");
            if call.pairing == Pairing::Matched && table.first().is_some_and(|t| t != "a") {
                assert_ne!(table, ["b"], "skipped, and yet answered");
                assert!(told(&call, Side::Server, "db.response.status_code").is_empty());
            }
        }
    }
}

// === secrets ===

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    const SECRET: &str = "s3cret-s3cret";
    let password = message(b'p', format!("{SECRET}\0").as_bytes());
    let challenge = message(b'R', format!("\0\0\0\x0b{SECRET}").as_bytes());
    let key = message(b'K', format!("\0\0\0\x07{SECRET}").as_bytes());
    let turns = [
        Turn::Says(Side::Server, [challenge, key, ready()].concat()),
        Turn::Says(Side::Client, password),
        Turn::Says(Side::Client, query(&format!("ALTER ROLE a PASSWORD '{SECRET}'"))),
        Turn::Says(Side::Server, [message(b'C', b"ALTER ROLE\0"), ready()].concat()),
        Turn::Says(Side::Client, run(&format!("CREATE USER b PASSWORD $a${SECRET}$a$"))),
    ];
    let [asked, _] = startup();
    let case = Case { turns: [asked].into_iter().chain(turns).collect(), ..Case::default() };
    for size in (1..120).chain([usize::MAX]) {
        for call in Replay::new(&case).pieces(size).run(&DISSECTION) {
            for half in [&call.request, &call.response].into_iter().flatten() {
                let record = String::from_utf8_lossy(&half.record).into_owned();
                assert!(!record.contains(SECRET), "{record}");
                assert!(!format!("{:?}", half.told(call.protocol)).contains(SECRET));
            }
        }
    }
}

// === the probe ===

fn probe(bytes: &[u8], usual: bool, more: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport: Transport::Tcp,
        to_usual_port: usual,
        from_usual_port: false,
        more,
    })
}

#[test]
fn its_own_are_known_on_any_port() {
    let (client, server) = (Verdict::Is(Side::Client), Verdict::Is(Side::Server));
    let [Turn::Says(_, asked), _] = startup() else { unreachable!() };
    let error = message(b'E', b"SERROR\0C42601\0Msyntax\0\0");
    for (bytes, wanted) in [
        (asked, client),
        (b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec(), client),
        (query("select 1"), client),
        (query("-- ping"), client),
        (run("SELECT 1"), client),
        (ran("SELECT 1"), server),
        (error, server),
        ([message(b'C', b"BEGIN\0"), ready()].concat(), server),
        (message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"), server),
    ] {
        assert_eq!(probe(&bytes, false, false), wanted, "{}", bytes.escape_ascii());
    }
}

#[test]
fn streams_of_others_are_not_claimed() {
    let others: [(&str, &[u8]); 16] = [
        (
            "MongoDB",
            b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\x01\0\0\0",
        ),
        (
            "MongoDB, S",
            b"S\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0>\0\0\0\x10hello\0\x01\0\0\0",
        ),
        ("MySQL greeting", b"J\0\0\0\x0a8.0.33\0\x08\0\0\0abcdefgh\0"),
        ("MySQL query", b"\x0e\0\0\0\x03select 1 from a"),
        ("MySQL, S", b"S\0\0\x01\x85\xa6\xff\x01\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0root\0"),
        ("MQTT CONNECT", b"\x10\x1b\0\x04MQTT\x04\x02\0<\0\x0fpython_client"),
        ("MQTT PUBLISH", b"2\0\0\x04abcd"),
        ("Kafka", b"\0\0\0\x23\0\x12\0\x03\0\0\0\x01\0\x0bconsole\0\0\0\0\0\0"),
        ("Kafka, 3", b"\0\0\0\x31\0\x03\0\0\0\0\0\x01\0\x04user\0ann\0\0"),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
        ("HTTP", b"DELETE /a HTTP/1.1\r\n\r\n"),
        ("Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("DNS over TCP", b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x01a\0\0\x01\0\x01"),
        ("AMQP", b"AMQP\0\0\x09\x01"),
        ("Cassandra", b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0"),
        ("ZooKeeper", b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10"),
    ];
    for (name, bytes) in others {
        for usual in [false, true] {
            assert_eq!(probe(bytes, usual, false), Verdict::No, "{name}");
            for len in 1..bytes.len() {
                let verdict = probe(&bytes[..len], usual, true);
                assert!(!matches!(verdict, Verdict::Is(_)), "{name}, {len} bytes: {verdict:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn noise_is_not_claimed(bytes in vec(any::<u8>(), 1..200)) {
        prop_assert!(!matches!(probe(&bytes, false, true), Verdict::Is(_)));
    }
}
