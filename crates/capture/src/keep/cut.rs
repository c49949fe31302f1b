//! Cuts packets out of what was kept: those of calls, or of a time.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    io::Write,
    path::Path,
};

use model::{FlowKey, Source, Timestamp};
use packet::{Content, Decoder, DecoderLimits, LinkType, Packet, Segment as TcpSegment};

use super::{
    Entry,
    folder::{KeepError, Segment, failed, segments},
    wants::{Ends, Want, Wants, ends},
};
use crate::{
    Batch, Input, Options, Reader,
    write::{self, Enhanced, KEY_LOG},
};

/// Packets of one moment may be written down so much later than those of another.
const DISORDER_NS: u64 = 2_000_000_000;
/// Bytes of a TLS record's and a ClientHello's head before the client's random (RFC 8446 §4.1.2).
const RANDOM_AT: usize = 11;
const RANDOM_BYTES: usize = 32;
/// Connections between the same two ends that are told apart.
const BEGINNINGS_MAX: usize = 65_536;
/// Connections whose secrets are looked for.
const RANDOMS_MAX: usize = 65_536;

/// A folder of kept packets, to be read; it may still be written to.
#[derive(Clone, Debug)]
pub struct Kept {
    segments: Vec<Segment>,
}

/// A packet of what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'p> {
    /// The packet.
    pub packet: Packet<'p>,
    /// The interface that saw it, where that is known.
    pub interface: Option<&'p str>,
    /// What is to be said of it.
    pub comment: Option<&'p str>,
}

/// What was cut out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cut {
    /// How many packets.
    pub packets: u64,
    /// How many secrets were put beside them.
    pub secrets: usize,
}

// === impl Kept ===

impl Kept {
    /// What is in a folder now.
    ///
    /// # Errors
    /// When nothing is.
    pub fn open(folder: &Path) -> Result<Self, KeepError> {
        let segments = segments(folder)?;
        if segments.is_empty() {
            return Err(KeepError::Nothing(folder.to_owned()));
        }
        Ok(Self { segments })
    }

    /// From when on packets are kept.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.segments.first().map_or(Timestamp(0), |segment| segment.from)
    }

    /// The call with this id; what was written last of it, if it was written several times.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn call(&self, id: &str) -> Result<Option<Entry>, KeepError> {
        for segment in self.segments.iter().rev() {
            let calls = match fs::read(&segment.calls) {
                // Gone in between, or of another version.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                calls => calls.map_err(failed(&segment.calls))?,
            };
            let calls = String::from_utf8_lossy(&calls);
            let is_it = |line: &&str| line.split('\t').next() == Some(id);
            if let Some(call) = calls.lines().rev().find(is_it).and_then(Entry::read) {
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    /// Writes the packets that are wanted as pcapng, with those secrets that open them.
    ///
    /// # Errors
    /// When what is kept can't be read, or the output can't be written.
    pub fn cut(&self, wants: &[Want], out: &mut dyn Write) -> Result<Cut, KeepError> {
        let mut wants = wants.to_vec();
        if wants.iter().any(|want| want.whole_connection) {
            self.find_beginnings(&mut wants)?;
        }
        let wants = Wants::new(&wants);
        let mut scout = Scout::default();
        self.each(&wants, &mut scout)?;
        let secrets = scout.fitting_secrets();
        let mut writer = Output::new(wants.clone(), out);
        writer.begin(&secrets)?;
        self.each(&wants, &mut writer)?;
        writer.flush()?;
        Ok(Cut { packets: writer.packets, secrets: secrets.lines().count() })
    }

    /// Shows the packets that are wanted, in the order of files, as long as `see` and, asked now and then,
    /// `goes_on` say yes.
    ///
    /// # Errors
    /// When what is kept can't be read.
    pub fn show(
        &self,
        wants: &[Want],
        goes_on: &mut dyn FnMut() -> bool,
        see: &mut dyn FnMut(&Shown<'_>) -> bool,
    ) -> Result<(), KeepError> {
        let mut wants = wants.to_vec();
        if wants.iter().any(|want| want.whole_connection) {
            self.find_beginnings(&mut wants)?;
        }
        let wants = Wants::new(&wants);
        let mut showing = Showing { wants: wants.clone(), goes_on, see, is_over: false };
        self.each(&wants, &mut showing)
    }

    /// Has whole connections begin with the last SYN before their calls, or with what is kept.
    fn find_beginnings(&self, wants: &mut [Want]) -> Result<(), KeepError> {
        let whole = || wants.iter().filter(|want| want.whole_connection);
        let flows = whole().filter_map(|want| Some((ends(want.flow.as_ref()?), Vec::new())));
        let mut beginnings = Beginnings(flows.collect());
        let to = whole().map(|want| want.to).max().unwrap_or_default();
        self.each(&Wants::new(&[Want { to, ..Want::default() }]), &mut beginnings)?;
        for want in wants.iter_mut().filter(|want| want.whole_connection) {
            let begun = want.flow.as_ref().and_then(|flow| beginnings.0.get(&ends(flow)));
            let before = begun.into_iter().flatten().filter(|at| **at <= want.from);
            want.from = before.max().copied().unwrap_or_default();
        }
        Ok(())
    }

    /// Shows all packets that are wanted, in the order of files.
    fn each(&self, wants: &Wants, to: &mut dyn Visitor) -> Result<(), KeepError> {
        let ends = self.segments.iter().skip(1).map(|next| next.from.0.saturating_add(DISORDER_NS));
        let ends = ends.chain([u64::MAX]);
        for (segment, end) in self.segments.iter().zip(ends) {
            let begin = segment.from.0.saturating_sub(DISORDER_NS);
            if end < wants.from.0 || begin > wants.to.0 {
                continue;
            }
            if !to.goes_on() {
                return Ok(());
            }
            read(&segment.packets, wants, to)?;
        }
        Ok(())
    }
}

/// Is shown packets.
trait Visitor {
    /// A packet that some of the wants take, what it carries, and what it is of.
    fn packet(
        &mut self,
        packet: &Packet<'_>,
        content: &Content<'_>,
        of: &Origin<'_>,
    ) -> io::Result<()>;

    /// Secrets met in a file.
    fn secrets(&mut self, _: &[(u32, Vec<u8>)]) {}

    /// Whether it is to be shown more.
    fn goes_on(&mut self) -> bool {
        true
    }
}

/// Where a packet was met.
struct Origin<'a> {
    key: Option<&'a FlowKey>,
    source: &'a Source,
}

fn read(path: &Path, wants: &Wants, to: &mut dyn Visitor) -> Result<(), KeepError> {
    let mut reader = match Reader::open(&[Input::Path(path.to_path_buf())], Options::default()) {
        Ok(reader) => reader,
        // It has left for newer ones, or nothing was written to it yet.
        Err(crate::OpenError::NotFound(_) | crate::OpenError::Empty(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (mut batch, mut decoder) = (Batch::new(), Decoder::new(DecoderLimits::default()));
    while to.goes_on() && reader.next(&mut batch)? {
        for packet in batch.packets() {
            let content = decoder.decode(&packet);
            let key = match &content {
                Content::Tcp(segment) => Some(&segment.key),
                Content::Udp(datagram) | Content::Icmp(datagram) => Some(&datagram.key),
                Content::Sctp(bundle) => Some(&bundle.key),
                Content::Quote(quote) => Some(&quote.key),
                Content::Nothing => None,
            };
            if !wants.take(key, packet.at) {
                continue;
            }
            let unknown = Source::default();
            let source = reader.sources().get(packet.source as usize).unwrap_or(&unknown);
            to.packet(&packet, &content, &Origin { key, source }).map_err(failed(path))?;
        }
    }
    to.secrets(reader.secrets());
    Ok(())
}

/// When connections of flows began, of those flows that are asked for.
struct Beginnings(HashMap<Ends, Vec<Timestamp>>);

impl Visitor for Beginnings {
    fn packet(
        &mut self,
        packet: &Packet<'_>,
        content: &Content<'_>,
        _: &Origin<'_>,
    ) -> io::Result<()> {
        let Content::Tcp(TcpSegment { key, flags, .. }) = content else { return Ok(()) };
        if let Some(begun) = self.0.get_mut(&ends(key))
            && flags.syn()
            && !flags.ack()
            && begun.len() < BEGINNINGS_MAX
        {
            begun.push(packet.at);
        }
        Ok(())
    }
}

/// Looks which secrets belong to what is wanted.
#[derive(Default)]
struct Scout {
    /// Randoms of the clients' hellos, in hexadecimal.
    randoms: HashSet<String>,
    lines: Vec<u8>,
}

impl Visitor for Scout {
    fn packet(&mut self, _: &Packet<'_>, content: &Content<'_>, _: &Origin<'_>) -> io::Result<()> {
        let Content::Tcp(TcpSegment { payload, .. }) = content else { return Ok(()) };
        // A handshake record that begins with a ClientHello.
        if !matches!(payload, [0x16, _, _, _, _, 0x01, ..]) || self.randoms.len() >= RANDOMS_MAX {
            return Ok(());
        }
        if let Some(random) = payload.get(RANDOM_AT..RANDOM_AT + RANDOM_BYTES) {
            self.randoms.insert(random.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        Ok(())
    }

    fn secrets(&mut self, secrets: &[(u32, Vec<u8>)]) {
        for (_, lines) in secrets.iter().filter(|(kind, _)| *kind == KEY_LOG) {
            self.lines.extend_from_slice(lines);
            self.lines.push(b'\n');
        }
    }
}

impl Scout {
    /// Lines of key logs (`LABEL RANDOM SECRET`) that belong to the packets; each once.
    fn fitting_secrets(&self) -> String {
        let lines = String::from_utf8_lossy(&self.lines);
        let mut met = HashSet::new();
        let mut fitting = String::new();
        for line in lines.lines() {
            let random = line.split_ascii_whitespace().nth(1).unwrap_or_default();
            if self.randoms.contains(&random.to_ascii_lowercase()) && met.insert(line) {
                fitting += line;
                fitting.push('\n');
            }
        }
        fitting
    }
}

/// Hands packets on.
struct Showing<'s> {
    /// With comments that were not told yet.
    wants: Wants,
    goes_on: &'s mut dyn FnMut() -> bool,
    see: &'s mut dyn FnMut(&Shown<'_>) -> bool,
    is_over: bool,
}

impl Visitor for Showing<'_> {
    fn packet(&mut self, packet: &Packet<'_>, _: &Content<'_>, of: &Origin<'_>) -> io::Result<()> {
        if self.is_over {
            return Ok(());
        }
        let comment = self.wants.comment(of.key, packet.at);
        let interface = of.source.interface.as_deref();
        let shown = Shown { packet: *packet, interface, comment: comment.as_deref() };
        self.is_over = !(self.see)(&shown);
        Ok(())
    }

    fn goes_on(&mut self) -> bool {
        self.is_over |= !(self.goes_on)();
        !self.is_over
    }
}

/// Writes a file of what is wanted.
struct Output<'w> {
    /// With comments that are not written yet.
    wants: Wants,
    interfaces: Vec<(Source, LinkType)>,
    text: Vec<u8>,
    packets: u64,
    out: &'w mut dyn Write,
}

impl<'w> Output<'w> {
    fn new(wants: Wants, out: &'w mut dyn Write) -> Self {
        Self { wants, interfaces: Vec::new(), text: Vec::new(), packets: 0, out }
    }

    fn begin(&mut self, secrets: &str) -> Result<(), KeepError> {
        write::section(&mut self.text);
        if !secrets.is_empty() {
            write::secrets(secrets.as_bytes(), &mut self.text);
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), KeepError> {
        self.put().and_then(|()| self.out.flush()).map_err(failed(Path::new("output")))
    }

    fn put(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    /// The number of an interface; describes it if it was not met before.
    fn interface(&mut self, source: &Source, link: LinkType) -> u32 {
        let same = |(known, kind): &(Source, LinkType)| {
            known.interface == source.interface && *kind == link
        };
        let at = self.interfaces.iter().position(same).unwrap_or_else(|| {
            write::interface(source, link, &mut self.text);
            self.interfaces.push((source.clone(), link));
            self.interfaces.len() - 1
        });
        at as u32
    }
}

impl Visitor for Output<'_> {
    fn packet(&mut self, packet: &Packet<'_>, _: &Content<'_>, of: &Origin<'_>) -> io::Result<()> {
        let interface = self.interface(of.source, packet.link);
        let comment = self.wants.comment(of.key, packet.at);
        let (at, wire_len, bytes) = (packet.at, packet.wire_len, packet.bytes);
        let comment = comment.as_deref();
        write::packet(&Enhanced { interface, at, wire_len, bytes, comment }, &mut self.text);
        self.packets += 1;
        self.put()
    }
}
