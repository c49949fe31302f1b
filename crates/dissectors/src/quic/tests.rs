//! What cases can't say alone: what is inside, with the secrets that stand in a case as `key` lines
//! and the calls that must come out as `inside` lines; lost and late datagrams; any bytes; what is
//! not ours.

use std::{collections::BTreeMap, fs, path::PathBuf};

use dissect::{
    Context, Conversation, Counts, Dissection, Done, Hello, Heritage, Inner, Limits, Opening,
    Outlet, Pool, Secrets, Taught, Verdict, What,
    kit::{Case, Turn, fuzz},
};
use model::{Budget, Cover, Mark, Side, Timestamp, Transport, Why};
use proptest::{collection::vec, prelude::*};

use super::{DISSECTION, mux};
use crate::{dns, http3};

// === what is inside ===

#[test]
fn with_the_secrets_the_calls_inside_come_out() {
    for (name, text) in cases() {
        assert_eq!(Play::of(&text).run().inside(), wanted(&text), "{name}");
    }
}

#[test]
fn the_inside_knows_what_it_was_wrapped_in() {
    for (name, text) in cases() {
        for cover in Play::of(&text).run().covers {
            assert_eq!(
                (cover.decrypted_by, &*cover.server_name),
                ("keylog", "shop.example"),
                "{name}"
            );
            assert_eq!(cover.version, "1.3", "{name}");
            assert_eq!(cover.alpn, if name == "dns.txt" { "doq" } else { "h3" }, "{name}");
        }
    }
}

#[test]
fn without_the_secrets_nothing_is_inside() {
    for (name, text) in cases() {
        let played = Play { secrets: Secrets::new(), ..Play::of(&text) }.run();
        assert!(played.covers.is_empty() && played.inside().is_empty(), "{name}");
        assert!(!played.calls.is_empty(), "{name}");
    }
}

#[test]
fn wrong_secrets_open_nothing_and_it_is_said() {
    for (name, text) in cases() {
        // Another secret of the same length.
        let text: String = text.lines().map(|line| spoiled(line) + "\n").collect();
        let played = Play::of(&text).run();
        assert!(played.inside().is_empty(), "{name}");
        if name == "v1.txt" {
            let told: Vec<_> =
                played.told.iter().filter(|(n, _)| n == "tls.not_decrypted").collect();
            assert_eq!(told[0].1, "bad record", "{name}");
        }
    }
}

#[test]
fn secrets_may_come_after_the_packets() {
    for (name, text) in cases() {
        let turns = Play::of(&text).case.turns.len();
        let whole = sorted(wanted(&text));
        for since in 0..turns {
            let played = Play { since, ..Play::of(&text) }.run();
            assert_eq!(sorted(played.inside()), whole, "{name} since turn {since}");
        }
    }
}

#[test]
fn whatever_is_lost_no_call_comes_out_that_never_was() {
    for (name, text) in cases() {
        let whole = wanted(&text);
        let turns = Play::of(&text).case.turns.len();
        for lost in 0..turns {
            let mut play = Play::of(&text);
            play.case.turns.remove(lost);
            for call in play.run().inside() {
                let is_half = !call.starts_with("matched");
                assert!(is_half || whole.contains(&call), "{name}, {lost} lost: {call}");
            }
        }
    }
}

#[test]
fn datagrams_that_overtake_each_other_change_nothing() {
    for (name, text) in cases() {
        let whole = sorted(wanted(&text));
        let turns = Play::of(&text).case.turns.len();
        for first in 0..turns - 1 {
            let mut play = Play::of(&text);
            let side = |turn: &Turn| matches!(turn, Turn::Says(Side::Client, _));
            if side(&play.case.turns[first]) != side(&play.case.turns[first + 1]) {
                continue;
            }
            // What comes before a connection is known may be lost; nothing else.
            let is_start = first < 3;
            play.case.turns.swap(first, first + 1);
            let inside = sorted(play.run().inside());
            assert!(is_start || inside == whole, "{name}, {first} later: {inside:?}");
        }
    }
}

#[test]
fn what_is_sent_twice_is_told_once() {
    for (name, text) in cases() {
        let mut play = Play::of(&text);
        play.case.turns =
            play.case.turns.iter().flat_map(|turn| [turn.clone(), turn.clone()]).collect();
        assert_eq!(sorted(play.run().inside()), sorted(wanted(&text)), "{name}");
    }
}

#[test]
fn memory_is_given_back_and_refusals_are_survived() {
    for (name, text) in cases() {
        for bytes in [0, 4 << 10, 20 << 10, 64 << 10] {
            let play = Play { bytes, ..Play::of(&text) };
            let played = play.run();
            assert_eq!(played.used, 0, "{name} with {bytes}");
        }
    }
}

fn cases() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/quic/cases");
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    all.sort();
    assert!(all.len() > 10);
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

/// The `inside` lines of a case.
fn wanted(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("inside ")).map(str::to_owned).collect()
}

fn sorted(mut calls: Vec<String>) -> Vec<String> {
    calls.sort();
    calls
}

/// A secret of somebody else.
const OTHERS: &[u8] = b"CLIENT_RANDOM 00 00";

/// A case played with secrets.
struct Play {
    case: Case,
    secrets: Secrets,
    /// The turn from which on the secrets are there; somebody else's are before.
    since: usize,
    /// Bytes that may be held.
    bytes: usize,
}

/// What came out.
#[derive(Default)]
struct Played {
    calls: Vec<String>,
    told: Vec<(String, String)>,
    covers: Vec<Cover>,
    used: usize,
}

/// A conversation on a stream inside.
type Channel = Box<dyn Conversation>;

impl Played {
    /// Calls that are not handshakes.
    fn inside(&self) -> Vec<String> {
        self.calls.iter().filter(|call| !call.contains(" handshake ")).cloned().collect()
    }
}

impl Outlet for Played {
    fn done(&mut self, done: &Done<'_>) {
        let line = (done.protocol.headline)(done.request, done.response);
        let text = |bytes: Option<&[u8]>| {
            bytes.map_or("-".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        self.calls.push(format!(
            "{} {} {} {}",
            done.pairing.name(),
            text(line.method.as_deref()),
            text(line.endpoint.as_deref()),
            text(line.status.as_ref().map(|status| &*status.code)),
        ));
        for message in done.request.iter().chain(&done.response) {
            let mut tell = Told(done.protocol, &mut self.told);
            (done.protocol.tell)(message, &mut tell);
        }
    }
}

/// Writes down texts.
struct Told<'t>(&'static model::Protocol, &'t mut Vec<(String, String)>);

impl model::Tell for Told<'_> {
    fn field(&mut self, index: usize, value: model::Value<'_>) {
        if let model::Value::Text(text) = value {
            let name = self.0.fields[index].name.to_owned();
            self.1.push((name, String::from_utf8_lossy(text).into_owned()));
        }
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    fn body(&mut self, _: model::BodyFacts<'_>) {}
}

/// What is shared by the conversations of a flow.
struct Shard {
    budget: Budget,
    pool: Pool,
    counts: Counts,
    played: Played,
    secrets: Secrets,
}

impl Shard {
    /// Lets a conversation do something, and hands back what it found inside.
    fn with(&mut self, act: impl FnOnce(&mut Context<'_>)) -> Inner {
        let mut inner = Inner::default();
        act(&mut Context {
            limits: &Limits::default(),
            budget: &mut self.budget,
            pool: &mut self.pool,
            counts: &mut self.counts,
            secrets: &self.secrets,
            inner: &mut inner,
            heritage: &mut Heritage::default(),
            taught: &mut Taught::default(),
            outlet: &mut self.played,
        });
        inner
    }

    fn inside(&mut self, inner: &Inner, channels: &mut BTreeMap<u64, Channel>) {
        for event in inner.events() {
            if let What::Opens(opens) = &event.what {
                self.played.covers.extend(opens.cover.clone());
                let is_http =
                    opens.speaks.as_ref().is_some_and(|next| next.name == mux::HTTP3.as_bytes());
                let spoken: &Dissection =
                    if is_http { &http3::DISSECTION } else { &dns::DISSECTION };
                let opening = Opening {
                    transport: opens.transport.unwrap(),
                    heritage: &[],
                    by: None,
                    inside: None,
                };
                if let Some(mut old) = channels.insert(event.channel, (spoken.open)(&opening)) {
                    self.with(|cx| old.close(event.mark, Why::Closed, cx));
                }
                continue;
            }
            let Some(talk) = channels.get_mut(&event.channel) else { continue };
            self.with(|cx| match &event.what {
                What::Says { start, end } => {
                    let _ = talk.data(event.from, event.mark, inner.bytes(*start, *end), 0, cx);
                }
                What::Gap(len, why) => talk.gap(event.from, event.mark, *len, *why, cx),
                What::Ends(why) => talk.end(event.from, event.mark, *why, cx),
                What::Opens(_) => {}
            });
        }
    }
}

impl Play {
    fn of(text: &str) -> Self {
        let mut secrets = Secrets::new();
        secrets.add(OTHERS, "keylog");
        for line in text.lines().filter_map(|line| line.strip_prefix("key ")) {
            secrets.add(line.as_bytes(), "keylog");
        }
        Self { case: Case::parse(text).unwrap(), secrets, since: 0, bytes: 4 << 20 }
    }

    fn run(&self) -> Played {
        let opening = Opening { transport: Transport::Udp, heritage: &[], by: None, inside: None };
        let mut talk = (DISSECTION.open)(&opening);
        let mut channels: BTreeMap<u64, Channel> = BTreeMap::new();
        let mut others = Secrets::new();
        others.add(OTHERS, "keylog");
        let mut shard = Shard {
            budget: Budget::new(self.bytes),
            pool: Pool::default(),
            counts: Counts::default(),
            played: Played::default(),
            secrets: others,
        };
        for (number, turn) in self.case.turns.iter().enumerate() {
            let now = number as u64 + 1;
            let mark = Mark { at: Timestamp(now * 1_000_000), frame: now };
            if number == self.since {
                shard.secrets = self.secrets.clone();
            }
            let Turn::Says(side, bytes) = turn else { panic!("a datagram is all there is") };
            let inner = shard.with(|cx| _ = talk.data(*side, mark, bytes, 0, cx));
            shard.inside(&inner, &mut channels);
        }
        let mark = Mark { at: Timestamp(1_000_000_000), frame: 0 };
        let inner = shard.with(|cx| talk.close(mark, Why::CaptureEnd, cx));
        shard.inside(&inner, &mut channels);
        for (_, mut talk) in channels {
            shard.with(|cx| talk.close(mark, Why::CaptureEnd, cx));
        }
        shard.played.used = shard.budget.used();
        shard.played
    }
}

// === any bytes ===

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_spoiled_datagram_makes_it_panic(
        which in 0usize..60,
        spoils in vec((0usize..6_000, any::<u8>()), 1..20),
    ) {
        let all = cases();
        let (_, text) = &all[which % all.len()];
        let mut play = Play::of(text);
        for (at, byte) in spoils {
            let mut at = at;
            for turn in &mut play.case.turns {
                let Turn::Says(_, bytes) = turn else { continue };
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                    break;
                }
                at -= bytes.len();
            }
        }
        prop_assert_eq!(play.run().used, 0);
    }
}

// === what is not ours ===

fn ask(bytes: &[u8], to_usual_port: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport: Transport::Udp,
        to_usual_port,
        from_usual_port: false,
        more: false,
    })
}

#[test]
fn a_clients_first_datagram_is_known_on_any_port_and_nothing_like_it() {
    let (_, text) = cases().into_iter().find(|(name, _)| name == "v1.txt").unwrap();
    let case = Case::parse(&text).unwrap();
    let Turn::Says(_, first) = &case.turns[0] else { unreachable!() };
    assert_eq!(ask(first, false), Verdict::Is(Side::Client));
    for at in [0, 1, 4, 6, 60, 400] {
        let mut spoiled = first.clone();
        spoiled[at] ^= 0x20;
        assert_eq!(ask(&spoiled, false), Verdict::No, "byte {at}");
    }
    assert_eq!(ask(&first[..400], true), Verdict::No);
    for turn in &case.turns[1..] {
        let Turn::Says(_, bytes) = turn else { unreachable!() };
        if bytes[0] & 0x80 == 0 {
            assert_eq!(ask(bytes, true), Verdict::No, "a short header looks like anything");
        }
    }
}

#[test]
fn others_are_not_quic_even_on_its_ports() {
    for bytes in [
        // DNS, with an id that looks like a long header.
        &b"\xc0\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04shop\x07example\x00\x00\x01\x00\x01"
            [..],
        b"\xc3\x12\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x04shop\x00\x00\x01\x00\x01",
        // DTLS, STUN, RTP, NTP, an old QUIC of Google.
        b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04abcd",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl",
        b"\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01abcdefgh",
        b"\xe3\x00\x03\xfa\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00",
        b"\xc3Q046\x50abcdefgh\x00\x00\x00\x01",
        // Version negotiation, and lengths that do not add up.
        b"\x80\x00\x00\x00\x00\x04abcd\x04efgh\x00\x00\x00\x01",
        b"\xe0\x00\x00\x00\x01\x04abcd\x04efgh\x40\x20short",
        b"\xe0\x00\x00\x00\x01\x04abcd\x04efgh\x03abcand more",
        b"",
    ] {
        for usual in [false, true] {
            assert_eq!(ask(bytes, usual), Verdict::No, "{}", bytes.escape_ascii());
        }
    }
}
