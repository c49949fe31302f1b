//! What cases can't say: any bytes, any values, secrets cut anywhere, and what is claimed but never
//! comes.

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use model::{BodyFacts, Mark, Message, Pairing, Side, Tell};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

// === any bytes ===

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_pieces_of_resp_make_it_panic(pieces in vec((any::<u8>(), piece()), 0..80)) {
        let mut data = vec![0];
        for (what, piece) in pieces {
            data.extend([what, u8::try_from(piece.len()).unwrap_or(0)]);
            data.extend(piece.iter().take(255));
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn what_was_encoded_is_what_is_told(asked in vec((arguments(), value()), 1..12), size in 1usize..80) {
        let turns = asked
            .iter()
            .flat_map(|(arguments, value)| {
                let reply = encoded(value);
                [Turn::Says(Side::Client, command(arguments)), Turn::Says(Side::Server, reply)]
            })
            .collect();
        let case = Case { turns, ..Case::default() };
        let whole = Replay::new(&case).run(&DISSECTION);
        prop_assert_eq!(&whole, &Replay::new(&case).pieces(size).run(&DISSECTION));
        prop_assert_eq!(whole.len(), asked.len());
        for (call, (arguments, value)) in whole.iter().zip(&asked) {
            prop_assert_eq!(call.pairing, Pairing::Matched);
            let count = arguments.len().to_string();
            prop_assert_eq!(told(call, Side::Client, "redis.args.count"), vec![count]);
            if matches!(value, Value::Array(_)) {
                let mut leaves = Vec::new();
                leaves_of(value, &mut leaves);
                leaves.truncate(64);
                prop_assert_eq!(told(call, Side::Server, "redis.reply.element"), leaves);
            }
            if let Value::Bulk(text) = value {
                let body = text.escape_ascii().to_string();
                prop_assert_eq!(told(call, Side::Server, "body"), vec![body]);
            }
        }
    }

    #[test]
    fn no_record_makes_the_telling_panic(record in vec(any::<u8>(), 0..60), kept in vec(any::<u8>(), 0..60)) {
        tell(record, kept);
    }

    #[test]
    fn no_broken_record_makes_the_telling_panic(asked in arguments(), value in value(), cut in 0usize..600) {
        for (kind, mut bytes) in [(b'c', command(&asked)), (b'*', encoded(&value)), (b'R', vec![])] {
            let mut record = vec![kind, 0, 0, 0, 9, 0, 0, 0];
            record.append(&mut bytes);
            record.truncate(cut);
            tell(record, encoded(&value));
        }
    }

    #[test]
    fn a_pipeline_of_any_depth_keeps_its_order(count in 1usize..300, size in 1usize..2_000) {
        let asked = (0..count).flat_map(|n| command(&[b"GET".to_vec(), n.to_string().into()])).collect();
        let answered = (0..count).flat_map(|n| format!(":{n}\r\n").into_bytes()).collect();
        let calls = play([Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)], size);
        prop_assert_eq!(calls.len(), count);
        for (n, call) in calls.iter().enumerate() {
            prop_assert_eq!(told(call, Side::Client, "redis.key"), vec![n.to_string()]);
            prop_assert_eq!(told(call, Side::Server, "redis.reply"), vec![n.to_string()]);
        }
    }
}

// === secrets ===

const SECRET: &str = "s3cret-s3cret-s3cret";

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    let long = SECRET.repeat(100);
    for secret in [SECRET, &long] {
        for line in [
            "AUTH {}",
            "auth ann {}",
            "HELLO 3 Auth ann {} SETNAME x",
            "CONFIG SET requirepass {}",
            "config set maxmemory 1 masterauth {} dir /",
            "ACL SETUSER ann on >{} +@all",
            "MIGRATE h 1 k 0 9 AUTH {}",
            "MIGRATE h 1 k 0 9 AUTH2 ann {} KEYS a b",
            "SENTINEL SET m auth-pass {}",
        ] {
            let line = line.replace("{}", secret);
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.into()).collect();
            for bytes in [command(&words), format!("{line}\r\n").into_bytes()] {
                let case = case([
                    Turn::Says(Side::Client, bytes),
                    Turn::Says(Side::Server, b"+OK\r\n".to_vec()),
                ]);
                let whole = Replay::new(&case).run(&DISSECTION);
                assert_eq!(whole.len(), 1, "{line}");
                for size in (1..80).chain([usize::MAX]) {
                    let calls = Replay::new(&case).pieces(size).run(&DISSECTION);
                    assert_eq!(whole, calls, "{line} in pieces of {size}");
                    for lost in 0..4 {
                        no_secret(&Replay::new(&case).pieces(size).lose(lost).run(&DISSECTION));
                    }
                }
                no_secret(&whole);
                assert!(told(&whole[0], Side::Client, "db.query.text")[0].contains("***"));
            }
        }
    }
}

#[test]
fn a_secret_that_is_asked_for_is_not_written_down() {
    let long = SECRET.repeat(100);
    for secret in [SECRET, &long] {
        let reply = format!(
            "*4\r\n$3\r\ndir\r\n$1\r\n/\r\n$11\r\nrequirepass\r\n${}\r\n{secret}\r\n",
            secret.len()
        );
        let case = case([
            Turn::Says(Side::Client, b"*3\r\n$6\r\nconfig\r\n$3\r\nget\r\n$1\r\n*\r\n".to_vec()),
            Turn::Says(Side::Server, reply.into_bytes()),
        ]);
        let whole = Replay::new(&case).run(&DISSECTION);
        assert_eq!(
            told(&whole[0], Side::Server, "redis.reply.element"),
            ["dir", "/", "requirepass", "***"]
        );
        for size in 1..80 {
            let calls = Replay::new(&case).pieces(size).run(&DISSECTION);
            assert_eq!(whole, calls, "in pieces of {size}");
        }
    }
}

fn no_secret(calls: &[Kept]) {
    for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten() {
        let told = half.told(&super::PROTOCOL);
        assert!(!half.record.escape_ascii().to_string().contains("s3cret"), "{:?}", half.record);
        assert!(told.iter().all(|(_, value)| !value.contains("s3cret")), "{told:?}");
    }
}

// === what is known of a connection ===

#[test]
fn the_selected_database_is_told_until_it_is_not_known() {
    let said = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$6\r\nDBSIZE\r\n";
    let again = "*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n";
    let last = "*1\r\n$6\r\nDBSIZE\r\n";
    let calls = play(
        [
            Turn::Says(Side::Client, said.into()),
            Turn::Says(Side::Server, b"+OK\r\n:1\r\n".to_vec()),
            Turn::Says(Side::Client, again.into()),
            Turn::Says(Side::Server, b"-ERR DB index is out of range\r\n".to_vec()),
            Turn::Says(Side::Client, last.into()),
            Turn::Says(Side::Server, b":1\r\n".to_vec()),
        ],
        7,
    );
    let dbs: Vec<_> = calls.iter().map(|call| told(call, Side::Client, "db.namespace")).collect();
    assert_eq!(dbs, [vec![], vec!["3".to_string()], vec!["3".into()], vec![]]);
}

#[test]
fn replies_that_were_off_before_a_loss_are_not_guessed() {
    let off = command(&[b"CLIENT".to_vec(), b"REPLY".to_vec(), b"OFF".to_vec()]);
    let get = command(&[b"GET".to_vec(), b"a".to_vec()]);
    let calls = play(
        [
            Turn::Says(Side::Client, [off, get.clone()].concat()),
            Turn::Gap(Side::Client, 100),
            Turn::Says(Side::Client, get),
        ],
        usize::MAX,
    );
    let pairings: Vec<_> = calls.iter().map(|call| call.pairing).collect();
    assert_eq!(pairings, [Pairing::OneWay, Pairing::OneWay, Pairing::Unanswered]);
}

// === what is claimed and never comes ===

#[test]
fn a_billion_elements_cost_nothing_until_they_come() {
    for claim in
        ["*1000000000\r\n", "%1000000000\r\n", "*1\r\n*4000000000\r\n", "$999999999999\r\n"]
    {
        let calls = play([Turn::Says(Side::Server, claim.into())], usize::MAX);
        assert_eq!(calls.len(), 1, "{claim}");
    }
    let nested = b"*1\r\n".repeat(100_000);
    let calls = play([Turn::Says(Side::Server, [&nested[..], b":1\r\n"].concat())], usize::MAX);
    assert_eq!(told(&calls[0], Side::Server, "redis.reply.type"), ["array"]);
    let claim = b"*1000000000\r\n$3\r\nDEL\r\n$1\r\na\r\n".to_vec();
    let calls = play([Turn::Says(Side::Client, claim)], usize::MAX);
    assert_eq!(told(&calls[0], Side::Client, "redis.args.count"), ["1000000000"]);
}

#[test]
fn a_value_of_ten_megabytes_is_not_waited_for() {
    // The kit allows 64 KiB of unread bytes.
    let value = vec![b'x'; 10 << 20];
    let set = command(&[b"SET".to_vec(), b"k".to_vec(), value, b"NX".to_vec()]);
    let calls =
        play([Turn::Says(Side::Client, set), Turn::Says(Side::Server, b"+OK\r\n".to_vec())], 1_448);
    assert_eq!(calls.len(), 1);
    assert_eq!(told(&calls[0], Side::Client, "body.size"), ["10485760"]);
    assert_eq!(told(&calls[0], Side::Client, "redis.args.count"), ["4"]);
    assert_eq!((calls[0].pairing, calls[0].missing), (Pairing::Matched, None));
}

#[test]
fn arguments_beyond_the_record_are_in_the_body() {
    let words: Vec<Vec<u8>> = (0..200).map(|n| format!("argument-{n}").into_bytes()).collect();
    let calls = play([Turn::Says(Side::Client, command(&words))], usize::MAX);
    let command = calls[0].request.as_ref().unwrap().message();
    let command = super::record::Command::of(&command).unwrap();
    let read: Vec<Vec<u8>> = command.arguments().map(|argument| argument.text.to_vec()).collect();
    assert_eq!(read, words);
}

// === helpers ===

fn tell(record: Vec<u8>, kept: Vec<u8>) {
    let mut message = Message::new(Side::Server, Mark::default());
    message.record = record;
    message.body.kept = kept;
    let _ = (super::PROTOCOL.headline)(Some(&message), Some(&message));
    let _ = (super::PROTOCOL.headline)(None, Some(&message));
    (super::PROTOCOL.tell)(&message, &mut Deaf);
}

struct Deaf;

impl Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: BodyFacts<'_>) {}
}

#[derive(Clone, Debug)]
enum Value {
    Line(Vec<u8>),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Value>),
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[-+a-zA-Z ]{0,20}".prop_map(|text| Value::Line(format!("+{text}").into())),
        any::<i64>().prop_map(|n| Value::Line(format!(":{n}").into())),
        vec(any::<u8>(), 0..40).prop_map(Value::Bulk),
        vec(any::<u8>(), 500..1_500).prop_map(Value::Bulk),
        Just(Value::Null),
        any::<bool>().prop_map(|b| Value::Line(if b { "#t".into() } else { "#f".into() })),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| vec(inner, 0..6).prop_map(Value::Array))
}

/// A command that changes nothing for others.
fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let rest = vec(prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 400..900)], 0..8);
    ("[b-d][a-z]{2,8}9", rest).prop_map(|(name, rest)| [vec![name.into_bytes()], rest].concat())
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        value().prop_map(|value| encoded(&value)),
        arguments().prop_map(|arguments| command(&arguments)),
        vec(any::<u8>(), 0..9),
        prop::sample::select(vec![
            "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n",
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
            "$?\r\n",
            ";3\r\nabc\r\n",
            ";0\r\n",
            "*?\r\n",
            ".\r\n",
            "|1\r\n",
            "%1\r\n",
            "SYNC\r\n",
            "+FULLRESYNC \r\n",
            "$EOF:",
            "*1\r\n$4\r\nSYNC\r\n",
            "$600\r\n",
            "$5\r\n",
            "\r\n",
            "*2\r\n",
            "AUTH \"x",
            "*2\r\n$4\r\nAUTH\r\n$900\r\n",
            "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n",
            "*1\r\n$5\r\nRESET\r\n",
            "+RESET\r\n",
            "*2\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n",
            "$11\r\nrequirepass\r\n",
            "+1339518083.107412 [0 a] \"a\"\r\n",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ]
}

fn encoded(value: &Value) -> Vec<u8> {
    match value {
        Value::Line(text) => [text, &b"\r\n"[..]].concat(),
        Value::Bulk(text) => bulk(text),
        Value::Null => b"$-1\r\n".to_vec(),
        Value::Array(values) => {
            let values = values.iter().flat_map(encoded).collect();
            [format!("*{}\r\n", count_of(value)).into_bytes(), values].concat()
        }
    }
}

fn count_of(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.len(),
        _ => 0,
    }
}

fn leaves_of(value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Line(text) => to.push(text[1..].escape_ascii().to_string()),
        Value::Bulk(text) => to.push(text.escape_ascii().to_string()),
        Value::Null => to.push(String::new()),
        Value::Array(values) => values.iter().for_each(|value| leaves_of(value, to)),
    }
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

fn command(arguments: &[Vec<u8>]) -> Vec<u8> {
    let head = format!("*{}\r\n", arguments.len()).into_bytes();
    arguments.iter().fold(head, |bytes, argument| [bytes, bulk(argument)].concat())
}

fn case<const N: usize>(turns: [Turn; N]) -> Case {
    Case { turns: turns.into(), ..Case::default() }
}

fn play<const N: usize>(turns: [Turn; N], size: usize) -> Vec<Kept> {
    Replay::new(&case(turns)).pieces(size).run(&DISSECTION)
}

/// Every value of that name told of that half.
fn told(call: &Kept, side: Side, name: &str) -> Vec<String> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    let told = half.as_ref().unwrap().told(call.protocol);
    told.into_iter().filter(|(field, _)| field == name).map(|(_, value)| value).collect()
}
