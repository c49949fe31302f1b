//! No protocol claims what another one says: every turn of every case is shown to the probes of all
//! the others, on ports that are nobody's, and the pairs that are often mixed up on each other's ports.

use std::{
    fs,
    path::{Path, PathBuf},
};

use dissect::{
    Dissection, Hello, Verdict,
    kit::{Case, Turn},
};
use dissectors::ALL;
use model::{Protocol, Side, Transport};

/// Where one is on the other's usual port, or both listen side by side.
const OFTEN_MIXED_UP: [&str; 8] =
    ["postgresql", "mongodb", "mqtt", "tls", "mysql", "kafka", "cassandra", "amqp"];

/// A TLS record (RFC 8446 §5.1).
const TLS_HANDSHAKE: &[u8] = b"\x16\x03";

/// Words of one protocol.
struct Said {
    /// By whom they were written down, for a message.
    path: PathBuf,
    dissection: &'static Dissection,
    transport: Transport,
    from: Side,
    bytes: Vec<u8>,
    /// Nothing was said before by this side.
    is_first: bool,
}

#[test]
fn nobody_claims_what_others_say_on_any_port() {
    let mut claims = Vec::new();
    for said in words() {
        // What a tunnel of HTTP carries is somebody else's by right.
        if said.dissection.folder == "http" && said.bytes.starts_with(TLS_HANDSHAKE) {
            continue;
        }
        for from in [None, Some(said.from)] {
            claims.extend(ALL.iter().filter_map(|other| claim(other, &said, from, false)));
        }
    }
    claims.dedup();
    assert!(claims.is_empty(), "{}", claims.join("\n"));
}

#[test]
fn those_often_mixed_up_are_told_apart_on_each_others_ports() {
    let among = |dissection: &&Dissection| OFTEN_MIXED_UP.contains(&dissection.folder);
    let mut claims = Vec::new();
    let first = |said: &Said| said.is_first && OFTEN_MIXED_UP.contains(&said.dissection.folder);
    for said in words().into_iter().filter(first) {
        let others = ALL.iter().copied().filter(among);
        claims.extend(others.filter_map(|other| claim(other, &said, Some(said.from), true)));
    }
    assert!(claims.is_empty(), "{}", claims.join("\n"));
}

/// What `other` says wrongly of words that are not its own.
fn claim(other: &Dissection, said: &Said, from: Option<Side>, at_home: bool) -> Option<String> {
    let same = std::ptr::eq::<Protocol>(other.protocol, said.dissection.protocol);
    if same || !other.transports.contains(&said.transport) {
        return None;
    }
    let hello = Hello {
        bytes: &said.bytes,
        from,
        transport: said.transport,
        to_usual_port: at_home && said.from == Side::Client,
        from_usual_port: at_home && said.from == Side::Server,
        more: false,
    };
    let verdict = (other.probe)(&hello);
    matches!(verdict, Verdict::Is(_) | Verdict::Either).then(|| {
        let start = &said.bytes[..said.bytes.len().min(60)];
        format!("{} claims {}: {}", other.folder, said.path.display(), start.escape_ascii())
    })
}

/// What is said in the cases of all protocols.
fn words() -> Vec<Said> {
    let mut words = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for dissection in ALL {
        let Ok(cases) = fs::read_dir(folder.join(dissection.folder).join("cases")) else {
            continue;
        };
        let mut paths: Vec<_> = cases.map(|case| case.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let case = Case::parse(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut spoken = [case.late; 2];
            for turn in &case.turns {
                let Turn::Says(from, bytes) = turn else { continue };
                let is_first = !std::mem::replace(&mut spoken[*from as usize], true);
                words.push(Said {
                    path: path.strip_prefix(&folder).unwrap().to_owned(),
                    dissection,
                    transport: case.transport(),
                    from: *from,
                    bytes: bytes.clone(),
                    is_first,
                });
            }
        }
    }
    assert!(words.len() > 500, "there are cases");
    words
}
