//! What cases can't say: any bytes, secrets cut anywhere, what is claimed but never comes.

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use model::{Mark, Message, Pairing, Side};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

const INFO: &str = "INFO {\"server_id\":\"a\",\"max_payload\":1048576}\r\n";
const CONNECT: &str = "CONNECT {\"verbose\":false,\"user\":\"ann\",\"pass\":\"s3cret-s3cret\"}\r\n";

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_pieces_of_nats_make_it_panic(pieces in vec((any::<u8>(), piece()), 0..80)) {
        let mut data = vec![0];
        for (what, piece) in pieces {
            data.extend([what, u8::try_from(piece.len()).unwrap_or(255)]);
            data.extend(piece.iter().take(255));
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_record_makes_the_telling_panic(record in vec(any::<u8>(), 0..90), kept in vec(any::<u8>(), 0..60)) {
        let mut message = Message::new(Side::Server, Mark::default());
        (message.record, message.body.kept) = (record, kept);
        let kept = (super::PROTOCOL.headline)(Some(&message), Some(&message));
        drop(kept);
        (super::PROTOCOL.tell)(&message, &mut Deaf);
    }

    #[test]
    fn each_answer_is_to_its_request_in_whatever_order(
        order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
        size in 1usize..200,
    ) {
        let asked: String = (0..12).map(|n| format!("PUB s _INBOX.a.{n} 1\r\n{}\r\n", n % 10)).collect();
        let answered: String =
            order.iter().map(|n| format!("MSG _INBOX.a.{n} 1 1\r\n{}\r\n", n % 10)).collect();
        let calls = play([INFO, ""], [CONNECT, &asked], &answered, size);
        let matched: Vec<_> = calls.iter().filter(|call| call.pairing == Pairing::Matched).collect();
        prop_assert_eq!(matched.len(), 12);
        for call in matched {
            let wanted = told(call, Side::Client, "nats.reply_to");
            prop_assert_eq!(told(call, Side::Server, "messaging.destination.name"), wanted);
        }
    }
}

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    for size in 1..90 {
        let case = case(vec![
            Turn::Says(Side::Server, INFO.into()),
            Turn::Says(Side::Client, CONNECT.into()),
        ]);
        let pieces = (INFO.len() + CONNECT.len()) / size + 2;
        for lost in 0..pieces {
            for calls in [
                Replay::new(&case).pieces(size).run(&DISSECTION),
                Replay::new(&case).pieces(size).lose(lost).run(&DISSECTION),
            ] {
                let shown = format!("{calls:?}");
                assert!(!shown.contains(&format!("{:?}", b"s3cret")[1..10]), "{size} {lost}");
                for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten()
                {
                    let told = half.told(&super::PROTOCOL);
                    assert!(told.iter().all(|(_, value)| !value.contains("s3cret")), "{told:?}");
                }
            }
        }
    }
}

#[test]
fn a_payload_of_ten_megabytes_is_not_waited_for() {
    let message = [b"PUB a 10485760\r\n".to_vec(), vec![b'x'; 10 << 20], b"\r\n".to_vec()].concat();
    let case =
        case(vec![Turn::Says(Side::Client, CONNECT.into()), Turn::Says(Side::Client, message)]);
    let calls = Replay::new(&case).pieces(1_448).run(&DISSECTION);
    assert_eq!(calls.len(), 2);
    assert_eq!(told(&calls[1], Side::Client, "messaging.message.body.size"), ["10485760"]);
    assert_eq!(calls[1].missing, None);
}

#[test]
fn after_a_loss_what_was_asked_before_is_not_answered() {
    let ask = |inbox: &str| format!("PUB s {inbox} 1\r\nx\r\n").into_bytes();
    let answer = |inbox: &str| format!("MSG {inbox} 1 1\r\ny\r\n").into_bytes();
    for lost in [Side::Client, Side::Server] {
        let case = case(vec![
            Turn::Says(Side::Server, INFO.into()),
            Turn::Says(Side::Client, [CONNECT.into(), ask("_INBOX.a")].concat()),
            Turn::Gap(lost, 100),
            Turn::Says(Side::Client, ask("_INBOX.b")),
            Turn::Says(Side::Server, answer("_INBOX.a")),
            Turn::Says(Side::Client, ask("_INBOX.c")),
            Turn::Says(Side::Server, answer("_INBOX.c")),
        ]);
        let calls = Replay::new(&case).run(&DISSECTION);
        let matched: Vec<_> =
            calls.iter().filter(|call| call.pairing == Pairing::Matched).collect();
        assert_eq!(matched.len(), 1, "{lost:?}");
        assert_eq!(told(matched[0], Side::Client, "nats.reply_to"), ["_INBOX.c"]);
    }
}

// === helpers ===

struct Deaf;

impl model::Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: model::BodyFacts<'_>) {}
}

fn case(turns: Vec<Turn>) -> Case {
    Case { turns, ..Case::default() }
}

fn play(server: [&str; 2], client: [&str; 2], answered: &str, size: usize) -> Vec<Kept> {
    let case = case(vec![
        Turn::Says(Side::Server, server.concat().into()),
        Turn::Says(Side::Client, client.concat().into()),
        Turn::Says(Side::Server, answered.into()),
    ]);
    Replay::new(&case).pieces(size).run(&DISSECTION)
}

fn told(call: &Kept, from: Side, name: &str) -> Vec<String> {
    let half = [&call.request, &call.response].into_iter().flatten().find(|half| half.from == from);
    let told = half.map(|half| half.told(&super::PROTOCOL)).unwrap_or_default();
    told.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..9),
        prop::sample::select(vec![
            INFO,
            CONNECT,
            "CONNECT {}\r\n",
            "PUB a 1\r\nx\r\n",
            "PUB a b 1\r\nx\r\n",
            "PUB a b 900\r\nx\r\n",
            "HPUB a b 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
            "HMSG b 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
            "MSG b 1 1\r\nx\r\n",
            "MSG b 1 c 40\r\n{\"type\":\"io.nats.\",\"error\":{\"code\":1}}\r\n",
            "SUB a 1\r\n",
            "UNSUB 1 5\r\n",
            "PING\r\n",
            "PONG\r\n",
            "+OK\r\n",
            "-ERR 'Permissions Violation for Publish to \"a\"'\r\n",
            "RS+ $G a q 1\r\n",
            "RMSG $G a + b q r 1\r\nx\r\n",
            "LS+ a\r\n",
            "LMSG a 1\r\nx\r\n",
            "A+ x\r\n",
            "PUB a 99999999\r\n",
            "\x16\x03\x01",
            "\r\n",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ]
}
