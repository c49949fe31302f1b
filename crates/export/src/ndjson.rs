//! A call as one line of JSON, as `docs/schema/call-1.schema.json` describes it.

use content::{
    json::{self, push_inner_lossy},
    short::{push_few, push_number},
};
use model::{
    Call, Cover, Endpoint, Headline, Lore, Missing, Noticed, Source, Timestamp, Transport,
};

use crate::{
    half::Halves,
    push::{close_object, push_count, push_ip},
    stamp::Stamps,
};

/// Renders calls; keeps its buffers from one to the next.
pub struct Ndjson {
    /// What each source adds to a line: `"source":{…},`.
    sources: Vec<Vec<u8>>,
    stamps: Stamps,
    halves: Halves,
    tells_births: bool,
}

/// What goes into a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// Whether bodies are told, or only their sizes.
    pub with_bodies: bool,
    /// How much of a body is shown after its content coding was undone; bounds what a bomb costs.
    pub body_bytes_max: usize,
}

/// What is known of the ends of a call: members with a comma in front, as
/// [`push_peer`](crate::push_peer) writes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends<'e> {
    /// Of the client.
    pub src: &'e [u8],
    /// Of the server.
    pub dst: &'e [u8],
}

/// Where in the text the objects of a call's ends have room for more members.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// Of the client.
    pub src: usize,
    /// Of the server.
    pub dst: usize,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { with_bodies: true, body_bytes_max: 1 << 20 }
    }
}

// === impl Ndjson ===

impl Ndjson {
    /// A renderer for calls of `sources`, in the order of their numbers.
    #[must_use]
    pub fn new(sources: &[Source], options: Options) -> Self {
        let mut new = Self {
            sources: Vec::new(),
            stamps: Stamps::new(),
            halves: Halves::new(options),
            tells_births: false,
        };
        new.learn_sources(sources);
        new
    }

    /// Takes note of sources that were met since; `sources` begins with those known before.
    pub fn learn_sources(&mut self, sources: &[Source]) {
        self.sources.extend(sources.iter().skip(self.sources.len()).map(member_of_source));
    }

    /// What payloads are read with from now on.
    pub fn learn(&mut self, lore: &Lore) {
        self.halves.learn(lore.clone());
    }

    /// From now on calls are told with `connection`: what others who saw their connection begin call it.
    pub fn tell_births(&mut self) {
        self.tells_births = true;
    }

    /// Appends `call` and a newline to `out`.
    pub fn render(&mut self, call: &Call<'_>, out: &mut Vec<u8>) {
        self.render_between(call, Ends::default(), out);
    }

    /// The same, with what is known of its ends. Says where more may be said of them.
    pub fn render_between(&mut self, call: &Call<'_>, ends: Ends<'_>, out: &mut Vec<u8>) -> Places {
        self.push_identity(call, out);
        push_headline(&(call.protocol.headline)(call.request, call.response), out);
        push_end(b"\"src\":{\"ip\":\"", call.client, call.transport, out);
        if let Some(nat) = call.nat() {
            push_other(b",\"nat_ip\":\"", b"\",\"nat_port\":", nat, out);
        }
        let src = close_end(ends.src, out);
        push_end(b"\"dst\":{\"ip\":\"", call.server, call.transport, out);
        let told = ends.dst.starts_with(b",\"service_ip\"");
        if let Some(service) = call.service().filter(|_| !told) {
            push_other(b",\"service_ip\":\"", b"\",\"service_port\":", service, out);
        }
        let dst = close_end(ends.dst, out);
        if let Some(request) = call.request {
            out.extend_from_slice(b"\"request\":");
            self.halves.push(call.protocol, request, call.response, call.begin(), out);
        }
        if let Some(response) = call.response {
            out.extend_from_slice(b"\"response\":");
            self.halves.push(call.protocol, response, call.request, call.begin(), out);
        }
        push_pairing(call, out);
        if let Some(noticed) = &call.noticed {
            push_noticed(noticed, call.begin(), out);
        }
        if let Some(cover) = call.cover {
            push_cover(cover, out);
        }
        self.push_origin(call, out);
        Places { src, dst }
    }

    fn push_identity(&mut self, call: &Call<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":\"");
        push_number(out, call.stream);
        if call.inside > 0 {
            out.push(b'.');
            push_number(out, call.inside);
        }
        out.push(b'-');
        push_number(out, call.number);
        out.extend_from_slice(b"\",\"time\":\"");
        self.stamps.push(out, call.begin());
        out.extend_from_slice(b"\",");
        if let Some(duration_ns) = call.duration_ns() {
            push_count(out, b"\"duration_ns\":", duration_ns);
        }
        out.extend_from_slice(b"\"protocol\":\"");
        push_few(out, call.protocol.name.as_bytes());
        out.extend_from_slice(b"\",");
    }

    fn push_origin(&self, call: &Call<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(match call.transport {
            Transport::Tcp => b"\"transport\":\"tcp\",",
            Transport::Udp => b"\"transport\":\"udp\",",
            Transport::Icmp => b"\"transport\":\"icmp\",",
            Transport::Sctp => b"\"transport\":\"sctp\",",
        });
        let source = usize::try_from(call.source).ok().and_then(|index| self.sources.get(index));
        push_few(out, source.map_or(&[], Vec::as_slice));
        if call.per_mille < 1000 {
            push_count(out, b"\"sampled_per_mille\":", u64::from(call.per_mille));
        }
        if self.tells_births && call.birth != 0 {
            out.extend_from_slice(format!("\"connection\":\"{:016x}\",", call.birth).as_bytes());
        }
        out.extend_from_slice(b"\"stream\":\"");
        push_number(out, call.stream);
        out.extend_from_slice(b"\"}\n");
    }
}

fn member_of_source(source: &Source) -> Vec<u8> {
    let mut out = b"\"source\":{\"kind\":".to_vec();
    json::push_str(&mut out, source.kind);
    out.extend_from_slice(b",\"name\":");
    json::push_str(&mut out, &source.name);
    if let Some(interface) = &source.interface {
        out.extend_from_slice(b",\"interface\":");
        json::push_str(&mut out, interface);
    }
    out.extend_from_slice(b"},");
    out
}

// === the parts of render ===

fn push_headline(headline: &Headline<'_>, out: &mut Vec<u8>) {
    push_member(b"\"version\":\"", headline.version.as_deref(), out);
    push_member(b"\"method\":\"", headline.method.as_deref(), out);
    push_member(b"\"endpoint\":\"", headline.endpoint.as_deref(), out);
    let endpoint = headline.endpoint.as_deref().and_then(|endpoint| str::from_utf8(endpoint).ok());
    let given = endpoint.and_then(filter::given_template).map(str::as_bytes);
    push_member(b"\"endpoint_template\":\"", given, out);
    let Some(status) = &headline.status else { return };
    out.extend_from_slice(b"\"status\":{\"code\":\"");
    push_inner_lossy(out, &status.code);
    if !status.text.is_empty() {
        out.extend_from_slice(b"\",\"text\":\"");
        push_inner_lossy(out, &status.text);
    }
    out.extend_from_slice(b"\",\"result\":\"");
    push_few(out, status.outcome.name().as_bytes());
    out.extend_from_slice(b"\"},");
}

#[inline]
fn push_member<const LEN: usize>(key: &[u8; LEN], text: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.extend_from_slice(key);
        push_inner_lossy(out, text);
        out.extend_from_slice(b"\",");
    }
}

#[inline]
fn push_end<const LEN: usize>(
    key: &[u8; LEN],
    end: Endpoint,
    transport: Transport,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(key);
    push_ip(out, end.ip);
    if !transport.has_ports() {
        return out.push(b'"');
    }
    out.extend_from_slice(b"\",\"port\":");
    push_number(out, end.port);
}

/// What the end is called by the other one.
#[cold]
fn push_other(ip: &[u8], port: &[u8], end: Endpoint, out: &mut Vec<u8>) {
    out.extend_from_slice(ip);
    push_ip(out, end.ip);
    out.extend_from_slice(port);
    push_number(out, end.port);
}

/// Where more may be said of the end.
#[inline]
fn close_end(members: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(members);
    let place = out.len();
    out.extend_from_slice(b"},");
    place
}

fn push_pairing(call: &Call<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"pairing\":\"");
    push_few(out, call.pairing.name().as_bytes());
    out.extend_from_slice(b"\",");
    if let Some(paired_by) = call.paired_by {
        out.extend_from_slice(b"\"paired_by\":\"");
        push_few(out, paired_by.name().as_bytes());
        out.extend_from_slice(b"\",");
    }
    if call.goes_on {
        out.extend_from_slice(b"\"state\":\"open\",");
    }
    match call.missing {
        None => out.extend_from_slice(b"\"missing\":null,"),
        Some(missing) => push_missing(missing, out),
    }
}

fn push_cover(cover: &Cover, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"tls\":{\"decrypted_by\":");
    json::push_str(out, cover.decrypted_by);
    for (key, text) in [
        (&b",\"sni\":"[..], &cover.server_name),
        (b",\"version\":", &cover.version),
        (b",\"alpn\":", &cover.alpn),
        (b",\"cipher\":", &cover.cipher),
    ] {
        if !text.is_empty() {
            out.extend_from_slice(key);
            json::push_str(out, text);
        }
    }
    out.extend_from_slice(b"},");
}

#[cold]
fn push_noticed(noticed: &Noticed, begin: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"icmp\":{\"from\":\"");
    push_ip(out, noticed.notice.from);
    out.extend_from_slice(b"\",\"says\":\"");
    push_few(out, noticed.notice.says.name().as_bytes());
    out.extend_from_slice(b"\",");
    if let Some(mtu) = noticed.notice.mtu {
        push_count(out, b"\"mtu\":", mtu.into());
    }
    push_count(out, b"\"after_ns\":", noticed.at.since(begin));
    close_object(out);
    out.push(b',');
}

fn push_missing(missing: Missing, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"missing\":{\"why\":\"");
    push_few(out, missing.why.name().as_bytes());
    out.extend_from_slice(b"\",");
    push_count(out, b"\"request_bytes\":", missing.request_bytes);
    push_count(out, b"\"response_bytes\":", missing.response_bytes);
    close_object(out);
    out.push(b',');
}
