//! Writes the seed corpus: every case of every protocol, and pieces of the recordings in fixtures/,
//! in the forms that the targets read. Run it by `fuzz/seeds`.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use capture::{Batch, Options, Reader};
use dissect::{
    Dissection,
    kit::{Case, Turn},
};
use flate2::{Compression, write::GzEncoder};
use fuzz::{LINKS, network};
use model::{Side, Transport};

type Done = Result<(), Box<dyn Error>>;

/// Bytes of a recording in one seed.
const PIECE_BYTES: usize = 4 << 10;
/// Packets of a recording in one seed, and seeds of one recording.
const PACKETS: usize = 8;
const SEEDS: usize = 24;
/// In a conversation: time passes, nobody speaks.
const TICK: [u8; 2] = [0xfc, 0];
/// In a step of the small network: it comes some seconds after the one before.
const SECONDS: u8 = 24 << 3;

fn main() -> Done {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus");
    for target in
        ["capture", "content", "dissect", "identity", "over_http", "packet", "shard", "stream"]
    {
        fs::create_dir_all(corpus.join(target))?;
    }
    for (index, dissection) in dissectors::ALL.iter().enumerate() {
        let name = dissection.folder;
        let cases = root.join("../crates/dissectors/src").join(name).join("cases");
        for path in files(&cases, "txt")? {
            let case = Case::parse(&fs::read_to_string(&path)?)?;
            let file = format!("{name}-{}", stem(&path));
            fs::write(corpus.join("dissect").join(&file), conversation(index, &case))?;
            fs::write(corpus.join("shard").join(&file), steps(dissection, &case))?;
            fs::write(corpus.join("content").join(&file), body(&case))?;
        }
    }
    for path in files(&root.join("../fixtures"), "zst")? {
        recording(&corpus, &path)?;
    }
    for path in files(&root.join("../crates/cluster/tests/scenarios"), "yaml")? {
        scenario(&corpus.join("identity"), &path)?;
    }
    for (name, text) in NAMES {
        fs::write(corpus.join("identity").join(name), format!("\0{text}"))?;
    }
    fs::write(corpus.join("stream/ordinary"), ORDINARY)?;
    for (name, seed) in OVER_HTTP {
        fs::write(corpus.join("over_http").join(name), seed)?;
    }
    Ok(())
}

/// For `dissect`: as [`dissect::kit::fuzz`] reads it.
fn conversation(index: usize, case: &Case) -> Vec<u8> {
    let mut out = vec![index as u8, u8::from(case.late)];
    for turn in &case.turns {
        match turn {
            Turn::Says(side, bytes) => {
                for bytes in bytes.chunks(255) {
                    out.extend([*side as u8 | 0x10, bytes.len() as u8]);
                    out.extend(bytes);
                }
            }
            Turn::Gap(side, len) => out.extend([*side as u8 | 0x0e, (*len).min(255) as u8]),
            // A tick is at most 15 ms after the step before.
            Turn::Wait(ms) => (0..ms.div_ceil(15).min(20)).for_each(|_| out.extend(TICK)),
            Turn::End(_) => {}
        }
    }
    out
}

/// For `shard`: the same over a small network.
fn steps(dissection: &Dissection, case: &Case) -> Vec<u8> {
    let port = dissection.ports.first().copied().unwrap_or(0);
    let peer = (0..network::PEERS).find(|peer| network::ports(*peer).1 == port).unwrap_or(0) as u8;
    let who = |side: Side| peer | if side == Side::Server { network::FROM_SERVER } else { 0 };
    let datagrams = case.transport() != Transport::Tcp;
    let says = if datagrams { network::Act::Datagram } else { network::Act::Data };
    let mut out = vec![0xff];
    if !datagrams && !case.late {
        out.extend([network::Act::Open as u8, who(Side::Client), 0]);
        out.extend([network::Act::Open as u8, who(Side::Server), 0]);
    }
    for turn in &case.turns {
        match turn {
            Turn::Says(side, bytes) => {
                for bytes in bytes.chunks(255) {
                    out.extend([says as u8 | 0x08, who(*side), bytes.len() as u8]);
                    out.extend(bytes);
                }
            }
            Turn::Gap(side, len) => {
                let len = (*len).min(255) as u8;
                out.extend([network::Act::Lost as u8, who(*side), len]);
                out.extend(vec![0; usize::from(len)]);
            }
            Turn::End(side) => out.extend([network::Act::Fin as u8, who(*side), 0]),
            // Nothing is lost; seconds pass before it.
            Turn::Wait(_) => out.extend([network::Act::Lost as u8 | SECONDS, who(Side::Client), 0]),
        }
    }
    out
}

/// For `content`: what the server says, as a multipart body.
fn body(case: &Case) -> Vec<u8> {
    let mut out = vec![0, 0, 0x10, 0, 1, b'b'];
    for turn in &case.turns {
        if let Turn::Says(Side::Server, bytes) = turn {
            out.extend(bytes);
        }
    }
    out
}

/// For `identity`: a log, a dump, and the lists that an API server would give.
fn scenario(folder: &Path, path: &Path) -> Done {
    let text = fs::read_to_string(path)?;
    let scenario: serde_json::Value = serde_saphyr::from_str(&text)?;
    let all = |of: &str| scenario[of].as_array().cloned().unwrap_or_default();
    let objects =
        all("dump").into_iter().chain(all("events").into_iter().map(|e| e["object"].clone()));
    let list = serde_json::json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "9"},
        "items": objects.collect::<Vec<_>>(),
    });
    let lines: String = all("events").iter().map(|event| format!("{event}\n")).collect();
    for (how, name, text) in
        [(0, "log", lines.clone()), (3, "short", lines), (2, "list", list.to_string())]
    {
        if !text.is_empty() {
            let seed = [&[how], text.as_bytes()].concat();
            fs::write(folder.join(format!("{}-{name}", stem(path))), seed)?;
        }
    }
    Ok(())
}

/// For `capture` and `packet`: the start of a recording, plain and packed, and packets out of it.
fn recording(corpus: &Path, path: &Path) -> Done {
    let mut plain = Vec::new();
    zstd::Decoder::new(fs::File::open(path)?)?.read_to_end(&mut plain)?;
    let name = stem(path).replace('.', "-");
    let start = &plain[..plain.len().min(PIECE_BYTES)];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(start)?;
    let folder = corpus.join("capture");
    fs::write(folder.join(&name), start)?;
    fs::write(folder.join(format!("{name}-gz")), gzip.finish()?)?;
    fs::write(folder.join(format!("{name}-zst")), zstd::encode_all(start, 3)?)?;
    for (index, seed) in packets(plain)?.iter().enumerate() {
        fs::write(corpus.join("packet").join(format!("{name}-{index}")), seed)?;
    }
    Ok(())
}

fn packets(plain: Vec<u8>) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut reader = Reader::from_read("seed", std::io::Cursor::new(plain), Options::default())?;
    let (mut batch, mut seeds) = (Batch::new(), Vec::new());
    reader.next(&mut batch)?;
    let all: Vec<_> = batch.packets().collect();
    let step = (all.len() / SEEDS).max(PACKETS);
    for some in all.chunks(step).take(SEEDS) {
        let Some(first) = some.first() else { continue };
        let link = LINKS.iter().position(|link| *link == first.link).unwrap_or(0);
        let mut seed = vec![link as u8];
        for packet in some.iter().take(PACKETS).filter(|packet| packet.bytes.len() < 0x8000) {
            seed.push(0);
            seed.extend((packet.bytes.len() as u16).to_be_bytes());
            seed.extend(packet.bytes);
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// For `stream`: a handshake, a question of 64 bytes, an answer of 128, both ends.
#[rustfmt::skip]
const ORDINARY: &[u8] = &[
    0, 0, 64, 0, 128,
    0x08, 0, 0, 0, 0, 0,
    0x0b, 0, 0, 0, 0, 0,
    0x02, 0, 0, 8, 0, 0,
    0x03, 0, 0, 8, 0, 64,
    0x03, 0, 64, 8, 0, 64,
    0x06, 0, 64, 0, 0, 128,
    0x07, 0, 128, 0, 0, 65,
    0x02, 0, 65, 0, 0, 129,
];

/// For `identity`: names, and objects in YAML.
const NAMES: [(&str, &str); 4] = [
    ("hosts", "10.0.0.5 a b\n10.0.0.5:22 c\n192.0.2.0/24 d # e\n"),
    ("toml", "[[name]]\nip = \"10.0.0.5\"\nport = 22\nname = \"a\"\n"),
    ("names-yaml", "names:\n- {cidr: 192.0.2.0/24, name: a}\n"),
    (
        "pod-yaml",
        "kind: Pod\nmetadata:\n  name: a\nspec:\n  nodeName: n\nstatus:\n  podIP: 10.1.0.1\n---\n",
    ),
];

/// For `over_http`: a question and an answer of each protocol.
#[rustfmt::skip]
const OVER_HTTP: [(&str, &[u8]); 8] = [
    ("grpc", b"\x02\x02\0\0\x07\0\0\0\0\x02\x08\x01\0\0\0\0\x03\x0a\x01a"),
    ("grpc-web", b"\x05\x05\0\0\x0cAAAAAAIIAQ==AAAAAAMKAWGAAAAADWdycGMtc3RhdHVzOjA="),
    ("graphql", b"\0\0\x01\0\x2e{\"query\":\"query A($b:Int){c(d:$b){...E}}\" }   {\"data\":null,\"errors\":[{\"message\":\"a\"}]}"),
    ("jsonrpc", b"\0\0\x07\0\x2c{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a.b\"   }{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"a\"}}"),
    ("mcp", b"\0\x08\x05\0\x45{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"isError\":true}}\n\n"),
    ("llm", b"\0\x08\x02\0\x43{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]        }data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n"),
    ("soap", b"\x09\x0a\x06\0\x4b<s:Envelope xmlns:s=\"urn:s\"><s:Body><a:b xmlns:a=\"u\"/></s:Body></s:Envelope><s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>"),
    ("sse", b"\x0d\x08\x07\0\x01aid: 1\nevent: a\ndata: b\nretry: 5\n\n: c\ndata: d\n\n"),
];
