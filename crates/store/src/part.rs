//! The parts of a call's line that can be asked for by themselves.

use crate::json::{Cursor, Malformed, Next, Span};

/// A part of a call: a text, or an object or list as JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is the member of the contract that bears its name")]
pub enum Part {
    Id,
    Protocol,
    Version,
    Method,
    Endpoint,
    EndpointTemplate,
    StatusCode,
    StatusText,
    Result,
    Pairing,
    PairedBy,
    State,
    /// The object `missing`; nothing when it is null.
    Missing,
    MissingWhy,
    /// The object `tls`.
    Tls,
    Sni,
    Transport,
    /// The object `source`.
    Source,
    SourceName,
    Stream,
    /// The object `src`.
    Src,
    SrcIp,
    SrcServiceIp,
    SrcName,
    SrcNamespace,
    SrcPod,
    SrcService,
    SrcWorkloadKind,
    SrcWorkloadName,
    SrcNode,
    SrcContainer,
    SrcProcessName,
    /// The object `src.labels`.
    SrcLabels,
    /// The object `dst`.
    Dst,
    DstIp,
    DstServiceIp,
    DstName,
    DstNamespace,
    DstPod,
    DstService,
    DstWorkloadKind,
    DstWorkloadName,
    DstNode,
    DstContainer,
    DstProcessName,
    /// The object `dst.labels`.
    DstLabels,
    /// The object `request`.
    Request,
    /// A list of pairs.
    RequestHeaders,
    /// The object `request.fields`.
    RequestFields,
    /// The object `request.body`.
    RequestBody,
    /// The object `response`.
    Response,
    /// A list of pairs.
    ResponseHeaders,
    /// The object `response.fields`.
    ResponseFields,
    /// The object `response.body`.
    ResponseBody,
}

/// Numbers of a call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) duration_ns: Option<i64>,
    pub(crate) src_port: i64,
    pub(crate) dst_port: i64,
    pub(crate) request_size: Option<i64>,
    pub(crate) response_size: Option<i64>,
}

/// Where each part of a line is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Parts {
    spans: [Span; COUNT],
    pub(crate) time: Span,
    pub(crate) numbers: Numbers,
}

const COUNT: usize = Part::ResponseBody as usize + 1;

/// The parts that are kept apart from the rest of a line, in the order in which they come in it.
pub(crate) const PIECES: [(Part, &str); 6] = [
    (Part::RequestHeaders, "headers"),
    (Part::RequestFields, "fields"),
    (Part::RequestBody, "body"),
    (Part::ResponseHeaders, "headers"),
    (Part::ResponseFields, "fields"),
    (Part::ResponseBody, "body"),
];

/// The parts of one end, client's and server's.
struct End {
    whole: Part,
    ip: Part,
    service_ip: Part,
    name: Part,
    namespace: Part,
    pod: Part,
    service: Part,
    workload: [Part; 2],
    node: Part,
    container: Part,
    process: Part,
    labels: Part,
}

const SRC: End = End {
    whole: Part::Src,
    ip: Part::SrcIp,
    service_ip: Part::SrcServiceIp,
    name: Part::SrcName,
    namespace: Part::SrcNamespace,
    pod: Part::SrcPod,
    service: Part::SrcService,
    workload: [Part::SrcWorkloadKind, Part::SrcWorkloadName],
    node: Part::SrcNode,
    container: Part::SrcContainer,
    process: Part::SrcProcessName,
    labels: Part::SrcLabels,
};

const DST: End = End {
    whole: Part::Dst,
    ip: Part::DstIp,
    service_ip: Part::DstServiceIp,
    name: Part::DstName,
    namespace: Part::DstNamespace,
    pod: Part::DstPod,
    service: Part::DstService,
    workload: [Part::DstWorkloadKind, Part::DstWorkloadName],
    node: Part::DstNode,
    container: Part::DstContainer,
    process: Part::DstProcessName,
    labels: Part::DstLabels,
};

// === impl Part ===

impl Part {
    /// Whether it is an object or a list, and not a text.
    #[must_use]
    pub fn is_json(self) -> bool {
        use Part::*;
        matches!(
            self,
            Missing
                | Tls
                | Source
                | Src
                | SrcLabels
                | Dst
                | DstLabels
                | Request
                | RequestHeaders
                | RequestFields
                | RequestBody
                | Response
                | ResponseHeaders
                | ResponseFields
                | ResponseBody
        )
    }
}

// === impl Parts ===

impl Parts {
    pub(crate) fn span(&self, part: Part) -> Span {
        self.spans[part as usize]
    }

    /// Finds the parts of a line without its line feed.
    ///
    /// # Errors
    /// When the line is not an object with an id, a time and both ends.
    pub(crate) fn of(line: &str) -> Result<Self, Malformed> {
        let mut parts = Self {
            spans: [Span::default(); COUNT],
            time: Span::default(),
            numbers: Numbers::default(),
        };
        let mut cursor = Cursor::new(line)?;
        parts.read_call(&mut cursor)?;
        let has = |part: Part| !parts.span(part).is_empty();
        let whole = has(Part::Id) && has(Part::Protocol) && has(Part::SrcIp) && has(Part::DstIp);
        if !cursor.is_at_end() || !whole || parts.time.is_empty() {
            return cursor.refuse();
        }
        Ok(parts)
    }

    fn read_call(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"id" => self.text(Part::Id, cursor)?,
                b"time" => self.time = cursor.string()?,
                b"duration_ns" => self.numbers.duration_ns = Some(cursor.count()?),
                b"protocol" => self.text(Part::Protocol, cursor)?,
                b"version" => self.text(Part::Version, cursor)?,
                b"method" => self.text(Part::Method, cursor)?,
                b"endpoint" => self.text(Part::Endpoint, cursor)?,
                b"endpoint_template" => self.text(Part::EndpointTemplate, cursor)?,
                b"status" => self.read_status(cursor)?,
                b"src" => self.numbers.src_port = self.read_end(&SRC, cursor)?,
                b"dst" => self.numbers.dst_port = self.read_end(&DST, cursor)?,
                b"request" => {
                    let [headers, fields, body] = [PIECES[0].0, PIECES[1].0, PIECES[2].0];
                    let size = self.read_half(Part::Request, [headers, fields, body], cursor)?;
                    self.numbers.request_size = size;
                }
                b"response" => {
                    let [headers, fields, body] = [PIECES[3].0, PIECES[4].0, PIECES[5].0];
                    let size = self.read_half(Part::Response, [headers, fields, body], cursor)?;
                    self.numbers.response_size = size;
                }
                b"pairing" => self.text(Part::Pairing, cursor)?,
                b"paired_by" => self.text(Part::PairedBy, cursor)?,
                b"state" => self.text(Part::State, cursor)?,
                b"missing" => self.read_object(Part::Missing, b"why", Part::MissingWhy, cursor)?,
                b"tls" => self.read_object(Part::Tls, b"sni", Part::Sni, cursor)?,
                b"transport" => self.text(Part::Transport, cursor)?,
                b"source" => self.read_object(Part::Source, b"name", Part::SourceName, cursor)?,
                b"stream" => self.text(Part::Stream, cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        Ok(())
    }

    fn text(&mut self, part: Part, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        self.spans[part as usize] = cursor.string()?;
        Ok(())
    }

    /// The span of a part that began at `from` and has just been stepped over.
    fn close(&mut self, part: Part, from: usize, cursor: &Cursor<'_>) {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        self.spans[part as usize] = Span { from: short(from), to: short(cursor.at()) };
    }

    fn read_status(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"code" => self.text(Part::StatusCode, cursor)?,
                b"text" => self.text(Part::StatusText, cursor)?,
                b"result" => self.text(Part::Result, cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        Ok(())
    }

    /// An object of which one text is of interest by itself; null is nothing.
    fn read_object(
        &mut self,
        whole: Part,
        key: &[u8],
        inner: Part,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Malformed> {
        if cursor.next()? != Next::Object {
            cursor.skip()?;
            return Ok(());
        }
        let from = cursor.at();
        cursor.take(b'{')?;
        while let Some(found) = cursor.key()? {
            if found == key {
                self.text(inner, cursor)?;
            } else {
                cursor.skip()?;
            }
        }
        self.close(whole, from, cursor);
        Ok(())
    }

    /// One end; its port.
    fn read_end(&mut self, end: &End, cursor: &mut Cursor<'_>) -> Result<i64, Malformed> {
        let from = cursor.at();
        let mut port = 0;
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"ip" => self.text(end.ip, cursor)?,
                b"port" => port = cursor.count()?,
                b"service_ip" => self.text(end.service_ip, cursor)?,
                b"name" => self.text(end.name, cursor)?,
                b"namespace" => self.text(end.namespace, cursor)?,
                b"pod" => self.text(end.pod, cursor)?,
                b"service" => self.text(end.service, cursor)?,
                b"workload" => self.read_workload(end, cursor)?,
                b"node" => self.text(end.node, cursor)?,
                b"container" => self.text(end.container, cursor)?,
                b"process" => self.read_process(end, cursor)?,
                b"labels" => self.spans[end.labels as usize] = cursor.skip()?,
                _ => drop(cursor.skip()?),
            }
        }
        self.close(end.whole, from, cursor);
        Ok(port)
    }

    fn read_workload(&mut self, end: &End, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"kind" => self.text(end.workload[0], cursor)?,
                b"name" => self.text(end.workload[1], cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        Ok(())
    }

    fn read_process(&mut self, end: &End, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"name" => self.text(end.process, cursor)?,
                _ => drop(cursor.skip()?),
            }
        }
        Ok(())
    }

    /// One half; its size.
    fn read_half(
        &mut self,
        whole: Part,
        [headers, fields, body]: [Part; 3],
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<i64>, Malformed> {
        let from = cursor.at();
        let mut size = None;
        cursor.take(b'{')?;
        while let Some(key) = cursor.key()? {
            match key {
                b"size" => size = Some(cursor.count()?),
                b"headers" => self.spans[headers as usize] = cursor.skip()?,
                b"fields" => self.spans[fields as usize] = cursor.skip()?,
                b"body" => self.spans[body as usize] = cursor.skip()?,
                _ => drop(cursor.skip()?),
            }
        }
        self.close(whole, from, cursor);
        Ok(size)
    }
}
