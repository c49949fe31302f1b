//! A finished call as it travels to the store, the live tail and the API: its line of NDJSON, and where
//! in it each part is.

use std::{borrow::Cow, fmt};

use filter::{Fact, template};
use model::Timestamp;

use crate::{
    Select,
    json::{Malformed, Span, unescape},
    part::{Numbers, PIECES, Part, Parts},
    record::{inside, member},
    stamp,
};

/// A finished call: one line of the output contract (`docs/OUTPUT.md`), read once.
#[derive(Clone, Eq, PartialEq)]
pub struct Row {
    line: Box<str>,
    parts: Parts,
    time_ns: i64,
}

/// Names one call among all that a store holds: its id is only its own in one capture.
///
/// As text: `12-1@1769684901123456789`, the id and the time in nanoseconds.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// The call's id in its capture.
    pub id: String,
}

// === impl Row ===

impl Row {
    /// Reads one line, with its line feed or without.
    ///
    /// # Errors
    /// When it is no line of the contract: not an object, without `id`, `time`, `protocol`, `src` or
    /// `dst`, or longer than 4 GiB.
    pub fn of_line(line: &str) -> Result<Self, Malformed> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let parts = Parts::of(line)?;
        let time = parts.time.of(line).and_then(stamp::read).filter(|ns| *ns >= 0);
        let Some(time_ns) = time else {
            return Err(Malformed { at: parts.time.from as usize });
        };
        Ok(Self { line: line.into(), parts, time_ns })
    }

    /// The call of the output contract, byte for byte as it came, without a line feed. Parts that were
    /// not asked for when it was read from a file are left out.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.line
    }

    /// The call without headers, fields and bodies: what fits in a list.
    #[must_use]
    pub fn summary(&self) -> String {
        self.without(&PIECES.map(|(part, _)| part))
    }

    /// The call without the bodies of its halves.
    #[must_use]
    pub fn without_bodies(&self) -> String {
        self.without(&[Part::RequestBody, Part::ResponseBody])
    }

    /// Its name among all calls of a store.
    #[must_use]
    pub fn key(&self) -> Key {
        Key { time_ns: self.time_ns, id: self.id().into_owned() }
    }

    /// When it began, in nanoseconds since 1970.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        self.time_ns
    }

    /// The same as a moment.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp(u64::try_from(self.time_ns).unwrap_or_default())
    }

    /// From the request's first byte to the response's last, in nanoseconds; only where both were seen.
    #[must_use]
    pub fn duration_ns(&self) -> Option<i64> {
        self.parts.numbers.duration_ns
    }

    /// The client's port.
    #[must_use]
    pub fn src_port(&self) -> i64 {
        self.parts.numbers.src_port
    }

    /// The server's port.
    #[must_use]
    pub fn dst_port(&self) -> i64 {
        self.parts.numbers.dst_port
    }

    /// Bytes of the request, where it was seen.
    #[must_use]
    pub fn request_size(&self) -> Option<i64> {
        self.parts.numbers.request_size
    }

    /// Bytes of the response, where it was seen.
    #[must_use]
    pub fn response_size(&self) -> Option<i64> {
        self.parts.numbers.response_size
    }

    /// A part: a text without its escapes, or an object or list as JSON.
    #[must_use]
    pub fn get(&self, part: Part) -> Option<Cow<'_, str>> {
        let raw = self.raw(part)?;
        Some(if part.is_json() { Cow::Borrowed(raw) } else { unescape(raw) })
    }

    /// A part as it stands in the line: a text with its escapes and without its quotes.
    #[must_use]
    pub fn raw(&self, part: Part) -> Option<&str> {
        self.parts.span(part).of(&self.line)
    }

    /// The call's id in its capture: `12-1`.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        self.get(Part::Id).unwrap_or_default()
    }

    /// The protocol's name.
    #[must_use]
    pub fn protocol(&self) -> Cow<'_, str> {
        self.get(Part::Protocol).unwrap_or_default()
    }

    /// What was asked for: `GET`, `SELECT`.
    #[must_use]
    pub fn method(&self) -> Option<Cow<'_, str>> {
        self.get(Part::Method)
    }

    /// What it was asked of: a path, a table.
    #[must_use]
    pub fn endpoint(&self) -> Option<Cow<'_, str>> {
        self.get(Part::Endpoint)
    }

    /// The endpoint with its variable segments replaced: `/users/{id}`. As it was given when the call was
    /// made, or else by its shape.
    #[must_use]
    pub fn endpoint_template(&self) -> Option<Cow<'_, str>> {
        let given = self.get(Part::EndpointTemplate);
        if given.is_some() {
            return given;
        }
        Some(match self.endpoint()? {
            Cow::Borrowed(endpoint) => template(endpoint),
            Cow::Owned(endpoint) => Cow::Owned(template(&endpoint).into_owned()),
        })
    }

    /// The name that the client asked for in TLS or QUIC: of what the call was wrapped in, or of the
    /// handshake that the call is.
    pub(crate) fn server_name(&self) -> Option<Cow<'_, str>> {
        let own = || {
            let text = self.raw_field(Fact::TlsSni.field()?)?;
            Some(unescape(inside(text)?))
        };
        self.get(Part::Sni).or_else(own)
    }

    /// A field as JSON: of the request, else of the response.
    pub(crate) fn raw_field(&self, name: &str) -> Option<&str> {
        let of = |part| self.raw(part).and_then(|fields| member(fields, name));
        of(Part::RequestFields).or_else(|| of(Part::ResponseFields))
    }

    /// The protocol's own status code as text.
    #[must_use]
    pub fn status_code(&self) -> Option<Cow<'_, str>> {
        self.get(Part::StatusCode)
    }

    /// `ok`, `error` or `unknown`; absent where the response was not seen.
    #[must_use]
    pub fn result(&self) -> Option<&str> {
        self.raw(Part::Result)
    }

    /// Whether the call goes on, and comes again under the same key.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.raw(Part::State) == Some("open")
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.line.len()
    }

    /// Of this call, so much.
    pub(crate) fn selected(self, select: Select) -> Self {
        let line = match select {
            Select::Whole => return self,
            Select::WithoutBodies => self.without_bodies(),
            Select::Summary => self.summary(),
        };
        // What is left of a line is a line.
        Self::of_line(&line).unwrap_or(self)
    }

    pub(crate) fn raw_id(&self) -> &str {
        self.raw(Part::Id).unwrap_or_default()
    }

    pub(crate) fn span(&self, part: Part) -> Span {
        self.parts.span(part)
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.parts.numbers
    }

    /// The line without some of its pieces, and the comma that each is joined by.
    fn without(&self, left_out: &[Part]) -> String {
        let mut text = String::with_capacity(self.line.len());
        let mut from = 0;
        for (part, key) in PIECES {
            let span = self.parts.span(part);
            if span.is_empty() || !left_out.contains(&part) {
                continue;
            }
            // ,"key":value; no piece is the first member of its object.
            let begin = (span.from as usize).saturating_sub(key.len() + 4);
            text.push_str(self.line.get(from..begin).unwrap_or_default());
            from = span.to as usize;
        }
        text.push_str(self.line.get(from..).unwrap_or_default());
        text
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

// === impl Key ===

impl Key {
    /// Reads `ID@TIME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, time) = text.rsplit_once('@')?;
        Some(Self { time_ns: time.parse().ok()?, id: id.to_owned() })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.time_ns)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const LINE: &str = r#"{"id":"5-1","time":"2026-01-29T11:08:21.123456789Z","duration_ns":354000,"protocol":"http","version":"1.1","method":"GET","endpoint":"/sh\"op/17","status":{"code":"301","text":"Moved","result":"ok"},"src":{"ip":"10.0.0.1","port":36394,"name":"front-end","workload":{"kind":"Deployment","name":"fe"},"labels":{"body\":null":"x"}},"dst":{"ip":"10.0.0.2","port":80},"request":{"first_ns":0,"last_ns":0,"size":304,"header_size":304,"headers":[["Host","a\"body\":null"]],"fields":{"http.request.method":"GET"}},"response":{"first_ns":1,"last_ns":2,"size":412,"header_size":243,"body":{"size":169,"truncated":false,"text":"<a>\"body\":null"}},"pairing":"matched","paired_by":"order","missing":null,"transport":"tcp","source":{"kind":"file","name":"a.pcap"},"stream":"5"}"#;

    /// A call that began so many seconds after the others' beginning.
    pub(crate) fn numbered(number: i64) -> Row {
        let time = stamp::write(1_769_684_901_123_456_789 + number * 1_000_000_000);
        let line = LINE.replacen("5-1", &format!("5-{number}"), 1);
        let line = line.replacen("2026-01-29T11:08:21.123456789Z", &time, 1);
        Row::of_line(&line).unwrap()
    }

    #[test]
    fn the_parts_of_a_line_are_found() {
        let row = Row::of_line(&format!("{LINE}\n")).unwrap();
        assert_eq!(row.json(), LINE);
        assert_eq!(row.key().to_string(), "5-1@1769684901123456789");
        assert_eq!(Key::parse("5-1@1769684901123456789"), Some(row.key()));
        assert_eq!(row.endpoint().as_deref(), Some("/sh\"op/17"));
        assert_eq!(row.endpoint_template().as_deref(), Some("/sh\"op/{id}"));
        assert_eq!((row.duration_ns(), row.request_size()), (Some(354_000), Some(304)));
        assert_eq!((row.src_port(), row.dst_port()), (36394, 80));
        assert_eq!(row.get(Part::SrcWorkloadName).as_deref(), Some("fe"));
        assert_eq!(row.get(Part::RequestFields).unwrap(), r#"{"http.request.method":"GET"}"#);
        assert_eq!(row.get(Part::SourceName).as_deref(), Some("a.pcap"));
        assert_eq!((row.get(Part::Missing), row.get(Part::DstName)), (None, None));
    }

    #[test]
    fn a_summary_has_no_headers_fields_or_bodies() {
        let summary = Row::of_line(LINE).unwrap().summary();
        assert!(
            summary
                .contains(r#""request":{"first_ns":0,"last_ns":0,"size":304,"header_size":304},"#)
        );
        assert!(summary.contains(r#""size":412,"header_size":243},"pairing""#), "{summary}");
        assert_eq!(Row::of_line(&summary).unwrap().summary(), summary);
    }

    #[test]
    fn without_bodies_all_else_is_there() {
        let row = Row::of_line(LINE).unwrap();
        let without = Row::of_line(&row.without_bodies()).unwrap();
        assert_eq!(without.get(Part::ResponseBody), None);
        assert_eq!(without.get(Part::RequestHeaders), row.get(Part::RequestHeaders));
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for cut in 0..LINE.len() {
            assert!(Row::of_line(&LINE[..cut]).is_err(), "{cut}");
        }
        assert!(Row::of_line(&format!("{LINE}{LINE}")).is_err());
        assert!(Row::of_line(&LINE.replace("2026-01-29", "2026-13-29")).is_err());
    }
}
