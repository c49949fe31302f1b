//! What cases can't say: any bytes, secrets cut anywhere, and whose bytes are not MQTT.

use dissect::{
    Hello, Verdict,
    kit::{Case, Kept, Replay, Turn, fuzz},
};
use model::{BodyFacts, Mark, Message, Side, Tell, Transport};
use proptest::{collection::vec, prelude::*};

use super::{DISSECTION, HEAD_MAX};

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_broken_packet_makes_it_panic(
        level in 3u8..6, first in 0x10u8..=0xff, body in vec(0u8..0x30, 0..60), size in 1usize..40,
    ) {
        let talk = case([
            Turn::Says(Side::Client, connect(level, b"")),
            Turn::Says(Side::Client, packet(first, &body)),
            Turn::Says(Side::Server, packet(first, &body)),
        ]);
        for size in [usize::MAX, size] {
            for call in Replay::new(&talk).pieces(size).run(&DISSECTION) {
                let _ = call.headline();
                for half in [&call.request, &call.response].into_iter().flatten() {
                    let _ = half.told(call.protocol);
                }
            }
        }
    }

    #[test]
    fn no_record_makes_the_telling_panic(
        kind in 1u8..16, version in 0u8..6, rest in vec(any::<u8>(), 0..100), flags in 0u8..16,
    ) {
        let mut message = Message::new(Side::Server, Mark::default());
        message.record = [&[kind << 4 | flags, version, 0, 0][..], &rest].concat();
        let _ = (DISSECTION.protocol.headline)(Some(&message), Some(&message));
        (DISSECTION.protocol.tell)(&message, &mut Deaf);
    }

    #[test]
    fn random_bytes_are_not_mqtt(data in vec(any::<u8>(), 0..600)) {
        prop_assume!(!data.starts_with(&[0x10]));
        for from in [None, Some(Side::Client), Some(Side::Server)] {
            let verdict = ask(&data, from, false, false);
            prop_assert_eq!(verdict, Verdict::No);
        }
    }

    #[test]
    fn acknowledgements_in_any_order_find_their_message(ids in vec(1u16..200, 1..40)) {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        let asked = ids.iter().flat_map(|id| publish(0x32, *id)).collect::<Vec<u8>>();
        let answered = ids.iter().rev().flat_map(|id| packet(0x40, &id.to_be_bytes())).collect();
        let talk = case([
            Turn::Says(Side::Client, [connect(4, b""), asked].concat()),
            Turn::Says(Side::Server, answered),
        ]);
        let calls = Replay::new(&talk).run(&DISSECTION);
        prop_assert_eq!(calls.len(), ids.len() + 1);
        for call in calls.iter().filter(|call| call.headline().contains("PUBLISH")) {
            let id = |side| told(call, side, "mqtt.packet_id");
            prop_assert_eq!(id(Side::Client), id(Side::Server));
        }
    }
}

// === secrets ===

const SECRET: &[u8] = b"s3cret-s3cret-s3cret";

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    let data = [b"\x16", &sized(SECRET)[..]].concat();
    let properties = |rest: &[u8]| {
        let all = [b"\x15\0\x05SCRAM", rest, &data].concat();
        [&length(all.len())[..], &all].concat()
    };
    let password = [&b"\0\x01c\0\x01u"[..], &sized(SECRET)].concat();
    let large =
        [&b"\0\x01c\0\x01t"[..], &sized(&[b'x'; 40_000]), b"\0\x01u", &sized(SECRET)].concat();
    let broken = [&properties(b"\x7f")[..], b"\0\x01c"].concat();
    for connect in [
        head(4, 0xc2, &password),
        head(4, 0xc6, &large),
        head(5, 2, &[&properties(b"")[..], b"\0\x01c"].concat()),
        head(5, 2, &broken),
        head(5, 0xc2, &[&b"\0"[..], &password].concat()),
    ] {
        for (version, auth) in [
            (0xf0, [&b"\x18"[..], &properties(b"")].concat()),
            (0xf0, [&b"\x18"[..], &properties(b"\x7f")].concat()),
            (0x20, [&b"\0\0"[..], &properties(b"")].concat()),
            (0x20, [&b"\0\0"[..], &properties(&[0x26; 3])].concat()),
            (0xf0, [&b"\x18"[..], &data.repeat(2_000)].concat()),
        ] {
            let talk = case([
                Turn::Says(Side::Client, connect.clone()),
                Turn::Says(Side::Server, packet(version, &auth)),
            ]);
            no_secret(&Replay::new(&talk).run(&DISSECTION));
            no_secret(&Replay::new(&talk).join_at(1).run(&DISSECTION));
            for size in [1, 7, 19, 40, 1_448] {
                no_secret(&Replay::new(&talk).pieces(size).run(&DISSECTION));
                no_secret(&Replay::new(&talk).pieces(size).lose(0).run(&DISSECTION));
                no_secret(&Replay::new(&talk).pieces(size).lose(1).run(&DISSECTION));
            }
        }
    }
}

fn no_secret(calls: &[Kept]) {
    for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten() {
        let message = half.message();
        for bytes in [&message.record, &message.body.kept] {
            assert!(!bytes.windows(6).any(|w| w == b"s3cret"), "{}", bytes.escape_ascii());
        }
    }
}

// === large packets ===

#[test]
fn a_packet_of_any_size_is_one_packet() {
    let filters = sized(&[b'a'; 1_000]).into_iter().chain([1]).collect::<Vec<u8>>().repeat(200);
    let topic = [&sized(&[b't'; 50_000])[..], b"\0\x09payload"].concat();
    let talk = case([
        Turn::Says(Side::Client, connect(4, b"")),
        Turn::Says(Side::Client, packet(0x82, &[&b"\0\x01"[..], &filters].concat())),
        Turn::Says(Side::Client, packet(0x32, &topic)),
        Turn::Says(Side::Client, packet(0x30, &[&b"\0\x01t"[..], &[b'x'; 300_000]].concat())),
        Turn::Says(Side::Client, packet(0xc0, b"")),
    ]);
    for size in [1_448, 9_999] {
        let calls = Replay::new(&talk).pieces(size).run(&DISSECTION);
        let methods: Vec<_> = calls.iter().filter_map(|call| call.request.as_ref()).collect();
        assert_eq!(methods.len(), 5, "{size}");
        assert!(methods.iter().all(|half| half.record.len() <= HEAD_MAX + 8));
        let sizes: Vec<_> = methods.iter().map(|half| half.told(DISSECTION.protocol)).collect();
        assert!(sizes.iter().flatten().any(|(k, v)| k == "body.size" && v == "300000"));
    }
}

// === the probe ===

fn ask(bytes: &[u8], from: Option<Side>, to: bool, more: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from,
        transport: Transport::Tcp,
        to_usual_port: to,
        from_usual_port: false,
        more,
    })
}

#[test]
fn its_neighbours_are_not_mqtt() {
    for bytes in [
        // PostgreSQL: startup, query, parse and bind; a row, ready; parse complete.
        &b"\0\0\0\x54\0\x03\0\0user\0postgres\0\0"[..],
        b"Q\0\0\0\x0dselect 1\0",
        b"P\0\0\0\x0f\0select 1\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0",
        b"1\0\0\0\x042\0\0\0\x04D\0\0\0\x0b\0\x01\0\0\0\x011Z\0\0\0\x05I",
        b"p\0\0\0\x08secret\0",
        // MongoDB: OP_MSG of 48, 0x30, bytes and others; OP_QUERY.
        b"\x30\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1b\0\0\0\x10ping\0\x01\0\0\0\0",
        b"\x30\x05\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1b\0\0\0",
        b"\xe0\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0",
        // TLS: hello, application data.
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"\x17\x03\x03\0\x20abcdefghijklmnopqrstuvwxyzabcdef",
        // HTTP, SSH, Redis, SMTP, AMQP, TPKT, LDAP, SMB.
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"220 mail ready\r\n",
        b"354 go ahead\r\n",
        b"AMQP\0\0\x09\x01",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0",
        b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0",
        b"\0\0\0\x2f\xffSMBr\0\0\0\0",
        // Something that looks like a message, but with wildcards, with NUL, too short.
        b"\x30\x0a\0\x05a/b/#hey0\x0a\0\x05a/b/#hey",
        b"\x30\x0a\0\x05a/b\0chey0\x0a\0\x05a/b\0chey",
        b"\x30\x03\0\x05a/b/c",
        // The name of another protocol; a CONNECT of a version that there is not.
        b"\x10\x0f\0\x04MOTT\x04\x02\0\x3c\0\x03raw",
        b"\x10\x0f\0\x04MQTT\x09\x02\0\x3c\0\x03raw",
        &[0; 200],
        &[1; 200],
        &[b'0'; 200],
        &[0x40; 200],
    ] {
        for (to, more) in [(false, true), (false, false), (true, false)] {
            let verdict = ask(bytes, None, to, more);
            let waits = more && verdict == Verdict::Maybe && bytes.len() < 16;
            assert!(verdict == Verdict::No || waits, "{verdict:?} {to} {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn a_connect_is_known_on_any_port_once_its_level_is_there() {
    let connect = connect(5, b"\0");
    for cut in 1..connect.len() {
        let want = if cut < 9 { Verdict::Maybe } else { Verdict::Is(Side::Client) };
        assert_eq!(ask(&connect[..cut], None, false, true), want, "{cut}");
    }
    assert_eq!(ask(&connect, Some(Side::Server), false, false), Verdict::No);
}

#[test]
fn joined_late_it_takes_several_packets() {
    let one = packet(0x30, b"\0\x07plant/1hello");
    let two = one.repeat(4);
    assert_eq!(ask(&one, Some(Side::Client), false, true), Verdict::Maybe);
    assert_eq!(ask(&two, Some(Side::Client), false, true), Verdict::Is(Side::Client));
    assert_eq!(ask(&two, None, false, false), Verdict::Either, "nobody knows whose");
    let ping = [&two[..], b"\xc0\0"].concat();
    assert_eq!(ask(&ping, None, false, false), Verdict::Is(Side::Client));
    assert_eq!(ask(b"\xc0\0", None, false, false), Verdict::No);
    assert_eq!(ask(b"\xc0\0", None, true, false), Verdict::Is(Side::Client));
}

#[test]
fn a_topic_that_speaks_for_itself_is_enough() {
    let one = packet(0x32, b"\0\x0cplant/line/1\0\x07hello");
    assert_eq!(ask(&one, Some(Side::Server), false, false), Verdict::Is(Side::Server));
    assert_eq!(ask(&one, None, false, false), Verdict::Either);
    for cut in 0..one.len() {
        assert_eq!(ask(&one[..cut], None, false, false), Verdict::No, "{cut}");
    }
    for other in [
        // More behind it, no id, a letter that is none, a length that is not the packet's.
        &[&one[..], b"?"].concat()[..],
        &packet(0x32, b"\0\x0cplant/line/1\0\0hello"),
        &packet(0x30, b"\0\x0cplant/line\x01\x01hello"),
        &packet(0x30, b"\x01\x0cplant/line/1hello"),
    ] {
        assert_eq!(ask(other, None, false, false), Verdict::No, "{}", other.escape_ascii());
    }
}

// === helpers ===

fn length(mut len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = len > 127;
        bytes.push(u8::try_from(len & 127).unwrap() | u8::from(more) << 7);
        len >>= 7;
        if !more {
            return bytes;
        }
    }
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first][..], &length(body.len()), body].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn head(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    packet(0x10, &[&b"\0\x04MQTT"[..], &[level, flags, 0, 60], rest].concat())
}

fn connect(level: u8, properties: &[u8]) -> Vec<u8> {
    let name: &[u8] = if level == 3 { b"\0\x06MQIsdp" } else { b"\0\x04MQTT" };
    let properties = if level == 5 && properties.is_empty() { b"\0" } else { properties };
    packet(0x10, &[name, &[level, 2, 0, 60], properties, b"\0\x01c"].concat())
}

fn publish(first: u8, id: u16) -> Vec<u8> {
    packet(first, &[&b"\0\x01t"[..], &id.to_be_bytes(), b"hey"].concat())
}

fn case(turns: impl IntoIterator<Item = Turn>) -> Case {
    Case { turns: turns.into_iter().collect(), ..Case::default() }
}

fn told(call: &Kept, side: Side, name: &str) -> Vec<String> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    let told = half.as_ref().map(|half| half.told(call.protocol)).unwrap_or_default();
    told.into_iter().filter(|(found, _)| found == name).map(|(_, value)| value).collect()
}

struct Deaf;

impl Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: BodyFacts<'_>) {}
}
