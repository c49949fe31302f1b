//! What cases can't say alone: what is inside, with the secrets that stand in a case as `key` lines
//! and what must come out as `inside` lines; any bytes; what is not ours.

use std::{fs, path::PathBuf};

use dissect::{
    Context, Conversation, Counts, Done, Hello, Heritage, Inner, Limits, Opening, Outlet, Pool,
    Secrets, Taught, Verdict, What,
    kit::{Case, Turn, fuzz},
};
use model::{Budget, Cover, Mark, Side, Timestamp, Transport, Why};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

// === what is inside ===

#[test]
fn with_the_secrets_the_inside_comes_out_however_it_is_cut() {
    for (name, text) in cases("keys-") {
        let whole = Play::of(&text).run();
        assert_eq!(whole.says, wanted(&text), "{name}");
        for size in [1, 2, 3, 5, 7, 61, 300] {
            assert_eq!(Play::of(&text).pieces(size).run().says, whole.says, "{name} by {size}");
        }
    }
}

#[test]
fn the_inside_knows_what_it_was_wrapped_in() {
    for (name, text) in cases("keys-") {
        let covers = Play::of(&text).run().covers;
        let [cover] = &covers[..] else { panic!("{name}: {covers:?}") };
        assert_eq!((cover.decrypted_by, &*cover.server_name), ("keylog", "shop.example"), "{name}");
        assert!(text.contains(&format!("tls.protocol.version={}", cover.version)), "{name}");
        let is_early = name.contains("early");
        assert!(is_early || text.contains(&format!("tls.cipher={}", cover.cipher)), "{name}");
    }
}

#[test]
fn without_the_secrets_nothing_is_inside() {
    for (name, text) in cases("keys-") {
        let played = Play::of(&text).secrets(Secrets::new()).run();
        assert_eq!((played.covers.len(), played.says.len()), (0, 0), "{name}");
    }
}

#[test]
fn with_wrong_secrets_it_is_said_and_nothing_comes_out() {
    for (name, text) in cases("keys-") {
        // Another secret of the same length.
        let text: String = text.lines().map(|line| spoiled(line) + "\n").collect();
        let played = Play::of(&text).run();
        assert!(played.says.is_empty(), "{name}: {:?}", played.says);
    }
}

#[test]
fn after_a_loss_nothing_wrong_comes_out() {
    for (name, text) in cases("keys-") {
        let whole = wanted(&text);
        let pieces = Play::of(&text).pieces(16).count();
        for lost in 0..pieces {
            for (from, said) in Play::of(&text).pieces(16).lose(lost).run().says {
                let all = whole.iter().filter(|(side, _)| *side == from);
                let all: Vec<u8> = all.flat_map(|(_, bytes)| bytes).copied().collect();
                let is_part = all.windows(said.len()).any(|part| part == said);
                assert!(is_part, "{name}, {lost} lost: {}", said.escape_ascii());
            }
        }
    }
}

#[test]
fn records_after_a_lost_one_are_opened_again() {
    let text = fs::read_to_string(folder().join("keys-13-gcm.txt")).unwrap();
    let mut case = Case::parse(&text).unwrap();
    let says = |turn: &Turn| matches!(turn, Turn::Says(Side::Client, _));
    let third = case.turns.iter().enumerate().filter(|(_, turn)| says(turn)).nth(2).unwrap().0;
    let Turn::Says(side, bytes) = case.turns[third].clone() else { unreachable!() };
    case.turns[third] = Turn::Gap(side, bytes.len() as u64);
    let played = Play { case, ..Play::of(&text) }.run();
    assert!(played.says.iter().any(|(_, said)| said.starts_with(b"GET /b")), "{:?}", played.says);
    assert_eq!(played.gaps, 1);
}

#[test]
fn secrets_may_come_after_the_records() {
    for (name, text) in cases("keys-") {
        // Early data is not waited for, and a handshake inside another can't be seen to begin.
        if name.contains("early") || name.contains("renegotiation") {
            continue;
        }
        let whole = sorted(Play::of(&text).run().says);
        let turns = Play::of(&text).case.turns.len();
        for since in 2..turns {
            for size in [usize::MAX, 7] {
                let play = Play { since, ..Play::of(&text).pieces(size) };
                assert_eq!(sorted(play.run().says), whole, "{name} since turn {since}");
            }
        }
    }
}

/// What each side says, without who is first.
fn sorted(says: Vec<(Side, Vec<u8>)>) -> [Vec<u8>; 2] {
    let of =
        |wanted| says.iter().filter(move |(side, _)| *side == wanted).flat_map(|(_, b)| b.clone());
    [of(Side::Client).collect(), of(Side::Server).collect()]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tls/cases")
}

fn cases(prefix: &str) -> Vec<(String, String)> {
    let mut all: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    all.sort();
    assert!(all.len() > 20);
    all
}

fn spoiled(line: &str) -> String {
    match line.strip_prefix("key ") {
        Some(key) => {
            let (rest, last) = key.split_at(key.len() - 1);
            format!("key {rest}{}", if last == "0" { "1" } else { "0" })
        }
        None => line.to_owned(),
    }
}

/// The `inside` lines of a case; what one side says in a row is one.
fn wanted(text: &str) -> Vec<(Side, Vec<u8>)> {
    let mut all = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("inside ")) {
        let (side, said) = line.split_once(' ').unwrap();
        let side = if side == ">" { Side::Client } else { Side::Server };
        join(&mut all, side, said.replace("\\n", "\n").as_bytes());
    }
    all
}

fn join(all: &mut Vec<(Side, Vec<u8>)>, side: Side, said: &[u8]) {
    match all.last_mut() {
        Some((last, bytes)) if *last == side => bytes.extend_from_slice(said),
        _ => all.push((side, said.to_vec())),
    }
}

/// A secret of somebody else.
const OTHERS: &[u8] = b"CLIENT_RANDOM 00 00";

/// A case played with secrets.
struct Play {
    case: Case,
    secrets: Secrets,
    size: usize,
    lost: usize,
    /// The turn from which on the secrets are there; something else is before.
    since: usize,
}

/// What came out.
#[derive(Default)]
struct Played {
    says: Vec<(Side, Vec<u8>)>,
    covers: Vec<Cover>,
    gaps: usize,
    budget: Option<Budget>,
    pool: Pool,
    secrets: Secrets,
}

struct Nobody;

impl Outlet for Nobody {
    fn done(&mut self, done: &Done<'_>) {
        let _ = (done.protocol.headline)(done.request, done.response);
    }
}

impl Play {
    fn of(text: &str) -> Self {
        let mut secrets = Secrets::new();
        secrets.add(OTHERS, "keylog");
        for line in text.lines().filter_map(|line| line.strip_prefix("key ")) {
            secrets.add(line.as_bytes(), "keylog");
        }
        Self {
            case: Case::parse(text).unwrap(),
            secrets,
            size: usize::MAX,
            lost: usize::MAX,
            since: 0,
        }
    }

    fn pieces(self, size: usize) -> Self {
        Self { size, ..self }
    }

    fn lose(self, lost: usize) -> Self {
        Self { lost, ..self }
    }

    fn secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    fn count(&self) -> usize {
        let says = self.case.turns.iter().filter_map(|turn| match turn {
            Turn::Says(_, bytes) => Some(bytes.len().div_ceil(self.size)),
            _ => None,
        });
        says.sum()
    }

    fn run(&self) -> Played {
        let opening = Opening { transport: Transport::Tcp, heritage: &[], by: None, inside: None };
        let mut talk = (DISSECTION.open)(&opening);
        let mut played = Played { budget: Some(Budget::new(1 << 20)), ..Played::default() };
        let mut piece = 0;
        let mut others = Secrets::new();
        others.add(OTHERS, "keylog");
        for (number, turn) in self.case.turns.iter().enumerate() {
            let now = number as u64 + 1;
            let mark = Mark { at: Timestamp(now * 1_000), frame: now };
            played.secrets =
                if number < self.since { others.clone() } else { self.secrets.clone() };
            match turn {
                Turn::Says(side, bytes) => {
                    for bytes in bytes.chunks(self.size) {
                        let lost = piece == self.lost;
                        piece += 1;
                        self.with(&mut *talk, &mut played, |talk, cx| {
                            if lost {
                                talk.gap(*side, mark, bytes.len() as u64, Why::Gap, cx);
                            } else {
                                let _ = talk.data(*side, mark, bytes, 0, cx);
                            }
                        });
                    }
                }
                Turn::Wait(_) => {}
                Turn::Gap(side, len) => self.with(&mut *talk, &mut played, |talk, cx| {
                    talk.gap(*side, mark, *len, Why::Gap, cx);
                }),
                Turn::End(side) => self.with(&mut *talk, &mut played, |talk, cx| {
                    talk.end(*side, mark, Why::Closed, cx);
                }),
            }
        }
        self.with(&mut *talk, &mut played, |talk, cx| {
            talk.close(Mark::default(), Why::CaptureEnd, cx);
        });
        played
    }

    fn with(
        &self,
        talk: &mut dyn Conversation,
        played: &mut Played,
        act: impl FnOnce(&mut dyn Conversation, &mut Context<'_>),
    ) {
        let mut inner = Inner::default();
        act(
            talk,
            &mut Context {
                limits: &Limits::default(),
                budget: played.budget.as_mut().unwrap(),
                pool: &mut played.pool,
                counts: &mut Counts::default(),
                secrets: &played.secrets,
                inner: &mut inner,
                heritage: &mut Heritage::default(),
                taught: &mut Taught::default(),
                outlet: &mut Nobody,
            },
        );
        for event in inner.events() {
            match &event.what {
                What::Opens(opens) => played.covers.extend(opens.cover.clone()),
                What::Says { start, end } => {
                    join(&mut played.says, event.from, inner.bytes(*start, *end));
                }
                What::Gap(..) => played.gaps += 1,
                What::Ends(_) => {}
            }
        }
    }
}

// === any bytes ===

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_records_make_it_panic(pieces in vec((any::<u8>(), 20u8..25, any::<u8>(), vec(any::<u8>(), 0..200)), 0..40)) {
        let mut data = vec![0];
        for (what, kind, message, bytes) in pieces {
            let len = u8::try_from(bytes.len()).unwrap_or(0);
            data.extend([what, len + 9, kind, 3, 3, 0, len + 4, message % 25, 0, 0, len]);
            data.extend(bytes);
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_spoiled_handshake_makes_it_panic(which in 0usize..60, at in 0usize..2_000, byte in any::<u8>()) {
        let all = cases("");
        let (_, text) = &all[which % all.len()];
        let mut play = Play::of(text);
        let mut at = at;
        for turn in &mut play.case.turns {
            if let Turn::Says(_, bytes) = turn {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                    break;
                }
                at -= bytes.len();
            }
        }
        let _ = play.run();
    }
}

// === what is not ours ===

fn ask(bytes: &[u8], usual: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport: Transport::Tcp,
        to_usual_port: usual,
        from_usual_port: false,
        more: false,
    })
}

#[test]
fn others_are_not_tls_even_on_its_ports() {
    for bytes in [
        // PostgreSQL: a request for encryption, a startup, a query.
        &b"\x00\x00\x00\x08\x04\xd2\x16\x2f"[..],
        b"\x00\x00\x00\x1f\x00\x03\x00\x00user\x00ann\x00database\x00shop\x00\x00",
        b"Q\x00\x00\x00\x0dSELECT 1\x00",
        // MySQL: a greeting, and a command of 0x030317 bytes.
        b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh\x00",
        b"\x17\x03\x03\x00\x03SELECT 'a long text of two hundred thousand bytes'",
        // MQTT: CONNECT, PUBLISH.
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test",
        b"\x30\x0d\x00\x04a/b/hello!!",
        b"GET / HTTP/1.1\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        // What begins as a record does, and goes on as none.
        b"\x16\x03\x01\x00\x05hello and more",
        b"\x17\x03\x03\x00\x04abcd\x17\x05\x03\x00\x04abcd",
        b"\x15\x03\x03\x00\x02\x09\x09",
        b"\x16\x03\x03\x00\x00",
    ] {
        for usual in [false, true] {
            assert_eq!(ask(bytes, usual), Verdict::No, "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn records_in_a_row_are_tls_on_any_port() {
    let records = b"\x17\x03\x03\x00\x04abcd\x17\x03\x03\x00\x40ab";
    assert_eq!(ask(records, false), Verdict::Is(Side::Client));
    let one_long = b"\x17\x03\x03\x40\x00abcdefgh";
    assert_eq!(ask(one_long, false), Verdict::No);
    assert_eq!(ask(one_long, true), Verdict::Is(Side::Client));
}
