//! A recording written again with other ports, and once more without the start of its connections.
//!
//! Packets come out as raw IP with what carried them left away: tunnels, VLANs and fragments are not
//! what is measured here.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File},
    io::{BufWriter, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use capture::{Batch, Input, Options, Reader};
use model::{Endpoint, Timestamp, Transport};
use packet::{Content, Decoder, DecoderLimits, Packet, Segment, TcpFlags};

use crate::Result;

/// Packets cut off the start of each connection.
const CUT_PACKETS: u64 = 20;
/// The first of the new ports.
const PORT_MIN: u16 = 40_000;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The two ends of a stream, the lower one first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Stream {
    transport: Transport,
    a: Endpoint,
    b: Endpoint,
}

/// What was seen of a stream while it was written again.
#[derive(Debug, Default)]
pub struct Facts {
    /// The start of every connection was seen; always so for datagrams.
    pub from_start: bool,
    /// Frames that are left without the start.
    pub frames_late: HashSet<u64>,
    packets: u64,
    syn: Option<u32>,
}

/// The outcome: two files beside what is known of the streams in them.
pub struct Rewritten {
    /// Everything, on other ports.
    pub moved: Temporary,
    /// The same without the first packets of every connection.
    pub late: Temporary,
    /// Streams that carry anything, by their real ends.
    pub streams: BTreeMap<Stream, Facts>,
    ports: Ports,
}

/// A file that goes when it is dropped.
pub struct Temporary(PathBuf);

/// New ports for old ones, in the order in which they are met.
#[derive(Default)]
struct Ports(HashMap<u16, u16>);

/// A packet cut down to what matters.
struct Plain<'p> {
    src: Endpoint,
    dst: Endpoint,
    payload: &'p [u8],
    /// Bytes of the payload that were not captured.
    cut: u32,
    tcp: Option<Segment<'p>>,
}

// === impl Rewritten ===

impl Rewritten {
    /// Writes the recording at `path` again.
    ///
    /// # Errors
    /// When it can't be read to its end, or nothing can be written.
    pub fn of(path: &Path) -> Result<Self> {
        let (moved, late) = (Temporary::new("moved"), Temporary::new("late"));
        let mut files = [Pcap::create(moved.path())?, Pcap::create(late.path())?];
        let mut reader = Reader::open(&[Input::Path(path.to_owned())], Options::default())?;
        let mut decoder = Decoder::new(DecoderLimits::default());
        let (mut streams, mut ports) = (BTreeMap::new(), Ports::default());
        let mut batch = Batch::new();
        while reader.next(&mut batch)? {
            for packet in batch.packets() {
                let Some(plain) = Plain::of(&mut decoder, &packet) else { continue };
                let facts: &mut Facts = streams.entry(plain.stream()).or_default();
                let is_late = facts.count(&plain, packet.frame);
                let bytes = plain.moved(&mut ports)?;
                files[0].write(packet.at, &bytes, plain.cut)?;
                if is_late {
                    files[1].write(packet.at, &bytes, plain.cut)?;
                }
            }
        }
        for file in files {
            file.0.into_inner()?;
        }
        Ok(Self { moved, late, streams, ports })
    }

    /// The same stream in the files written.
    pub fn moved_stream(&self, stream: Stream) -> Stream {
        let end = |end: Endpoint| Endpoint { port: self.ports.known(end.port), ..end };
        Stream::new(stream.transport, end(stream.a), end(stream.b))
    }
}

// === impl Stream ===

impl Stream {
    pub fn new(transport: Transport, one: Endpoint, other: Endpoint) -> Self {
        Self { transport, a: one.min(other), b: one.max(other) }
    }

    /// For a person, and for corrections.
    pub fn text(&self) -> String {
        let transport = if self.transport == Transport::Tcp { "tcp" } else { "udp" };
        format!("{transport} {} {}", self.a, self.b)
    }
}

// === impl Facts ===

impl Facts {
    /// Counts a packet; whether it is behind the start that is cut off.
    fn count(&mut self, plain: &Plain<'_>, frame: u64) -> bool {
        let first = self.packets == 0;
        match &plain.tcp {
            // Another connection between the same ports.
            Some(tcp) if tcp.flags.syn() && !tcp.flags.ack() && self.syn != Some(tcp.seq) => {
                self.from_start |= first;
                self.syn = Some(tcp.seq);
                self.packets = 0;
            }
            Some(_) => {}
            None => self.from_start = true,
        }
        self.packets += 1;
        let is_late = self.packets > CUT_PACKETS;
        if is_late {
            self.frames_late.insert(frame);
        }
        is_late
    }
}

// === impl Plain ===

impl<'p> Plain<'p> {
    fn of(decoder: &'p mut Decoder, packet: &Packet<'p>) -> Option<Self> {
        match decoder.decode(packet) {
            Content::Tcp(tcp) => Some(Self {
                src: tcp.key.src(tcp.dir),
                dst: tcp.key.dst(tcp.dir),
                payload: tcp.payload,
                cut: tcp.cut,
                tcp: Some(tcp),
            }),
            Content::Udp(udp) => Some(Self {
                src: udp.key.src(udp.dir),
                dst: udp.key.dst(udp.dir),
                payload: udp.payload,
                cut: udp.cut,
                tcp: None,
            }),
            _ => None,
        }
    }

    fn stream(&self) -> Stream {
        let transport = if self.tcp.is_some() { Transport::Tcp } else { Transport::Udp };
        Stream::new(transport, self.src, self.dst)
    }

    /// From the IP header on, with new ports.
    fn moved(&self, ports: &mut Ports) -> Result<Vec<u8>> {
        let mut bytes = ports.of(self.src.port)?.to_be_bytes().to_vec();
        bytes.extend(ports.of(self.dst.port)?.to_be_bytes());
        let wire = u32::try_from(self.payload.len())? + self.cut;
        match &self.tcp {
            Some(tcp) => push_tcp(&mut bytes, tcp),
            None => {
                bytes.extend(u16::try_from(wire + 8).unwrap_or(0).to_be_bytes());
                bytes.extend([0, 0]);
            }
        }
        let len = wire + u32::try_from(bytes.len())?;
        let protocol = if self.tcp.is_some() { TCP } else { UDP };
        let mut packet = ip(self.src.ip, self.dst.ip, protocol, len);
        packet.extend(bytes);
        packet.extend(self.payload);
        Ok(packet)
    }
}

/// What comes after the ports (RFC 9293 §3.1), without options.
fn push_tcp(bytes: &mut Vec<u8>, tcp: &Segment<'_>) {
    bytes.extend(tcp.seq.to_be_bytes());
    bytes.extend(tcp.ack.to_be_bytes());
    let TcpFlags(flags) = tcp.flags;
    bytes.extend([5 << 4, flags]);
    bytes.extend(tcp.window.to_be_bytes());
    bytes.extend([0; 4]);
}

/// An IP header before `len` bytes. What is longer than its length field says so with 0, as network
/// cards leave it.
fn ip(src: IpAddr, dst: IpAddr, protocol: u8, len: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            bytes.extend([0x45, 0]);
            bytes.extend(u16::try_from(len + 20).unwrap_or(0).to_be_bytes());
            bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            bytes.extend(src.octets());
            bytes.extend(dst.octets());
        }
        (src, dst) => {
            bytes.extend([0x60, 0, 0, 0]);
            bytes.extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
            bytes.extend([protocol, 64]);
            for ip in [src, dst] {
                let IpAddr::V6(ip) = ip else { continue };
                bytes.extend(ip.octets());
            }
        }
    }
    bytes
}

// === impl Ports ===

impl Ports {
    fn of(&mut self, port: u16) -> Result<u16> {
        let next = u16::try_from(usize::from(PORT_MIN) + self.0.len());
        match (self.0.get(&port), next) {
            (Some(new), _) => Ok(*new),
            (None, Ok(new)) => {
                self.0.insert(port, new);
                Ok(new)
            }
            (None, Err(_)) => Err("more ports than there are above 40000".into()),
        }
    }

    fn known(&self, port: u16) -> u16 {
        self.0.get(&port).copied().unwrap_or(port)
    }
}

// === writing ===

/// A capture file of raw IP packets, with nanoseconds.
struct Pcap(BufWriter<File>);

impl Pcap {
    const MAGIC: u32 = 0xa1b2_3c4d;
    const RAW: u32 = 101;

    fn create(path: &Path) -> Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        for word in [Self::MAGIC, 0x0004_0002, 0, 0, 1 << 18, Self::RAW] {
            file.write_all(&word.to_le_bytes())?;
        }
        Ok(Self(file))
    }

    fn write(&mut self, at: Timestamp, bytes: &[u8], cut: u32) -> Result<()> {
        let (seconds, ns) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
        let len = u32::try_from(bytes.len())?;
        for word in [u32::try_from(seconds)?, u32::try_from(ns)?, len, len + cut] {
            self.0.write_all(&word.to_le_bytes())?;
        }
        Ok(self.0.write_all(bytes)?)
    }
}

// === impl Temporary ===

impl Temporary {
    fn new(what: &str) -> Self {
        let name = format!("callscope-matrix-{}-{what}.pcap", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = fs::remove_file(&self.0);
    }
}
