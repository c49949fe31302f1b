//! JetStream in the subjects and bodies of messages.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats_api_reference>. `$JS.API.` and an operation,
//! then the stream and the consumer; with a domain `$JS.<domain>.API.`. A delivered message is
//! acknowledged at `$JS.ACK.` and the numbers of its delivery.

/// A subject of JetStream, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Operation<'s> {
    /// `STREAM.CREATE`, `CONSUMER.MSG.NEXT`, `ACK`.
    pub name: &'s str,
    /// The stream, where the subject names it.
    pub stream: Option<&'s [u8]>,
    /// The consumer, where the subject names it.
    pub consumer: Option<&'s [u8]>,
}

/// How many words behind an operation name its stream and its consumer.
#[derive(Clone, Copy, Debug)]
enum Names {
    None,
    Stream,
    Consumer,
}

/// The operations; longer names first where one begins another.
const OPERATIONS: [(&str, Names); 31] = [
    ("INFO", Names::None),
    ("ACCOUNT.PURGE", Names::None),
    ("STREAM.CREATE", Names::Stream),
    ("STREAM.UPDATE", Names::Stream),
    ("STREAM.NAMES", Names::None),
    ("STREAM.LIST", Names::None),
    ("STREAM.INFO", Names::Stream),
    ("STREAM.DELETE", Names::Stream),
    ("STREAM.PURGE", Names::Stream),
    ("STREAM.SNAPSHOT", Names::Stream),
    ("STREAM.RESTORE", Names::Stream),
    ("STREAM.MSG.GET", Names::Stream),
    ("STREAM.MSG.DELETE", Names::Stream),
    ("STREAM.PEER.REMOVE", Names::Stream),
    ("STREAM.LEADER.STEPDOWN", Names::Stream),
    ("STREAM.TEMPLATE.CREATE", Names::None),
    ("STREAM.TEMPLATE.NAMES", Names::None),
    ("STREAM.TEMPLATE.INFO", Names::None),
    ("STREAM.TEMPLATE.DELETE", Names::None),
    ("CONSUMER.DURABLE.CREATE", Names::Consumer),
    ("CONSUMER.CREATE", Names::Consumer),
    ("CONSUMER.NAMES", Names::Stream),
    ("CONSUMER.LIST", Names::Stream),
    ("CONSUMER.INFO", Names::Consumer),
    ("CONSUMER.DELETE", Names::Consumer),
    ("CONSUMER.PAUSE", Names::Consumer),
    ("CONSUMER.UNPIN", Names::Consumer),
    ("CONSUMER.MSG.NEXT", Names::Consumer),
    ("CONSUMER.LEADER.STEPDOWN", Names::Consumer),
    ("DIRECT.GET", Names::Stream),
    ("META.LEADER.STEPDOWN", Names::None),
];

/// Whether a line publishes a pull: many messages may answer it.
pub fn is_pull(line: &[u8]) -> bool {
    line.starts_with(b"$JS.") && memchr::memmem::find(line, b".CONSUMER.MSG.NEXT.").is_some()
}

// === impl Operation ===

impl<'s> Operation<'s> {
    /// What `subject` stands for; nothing if it is none of JetStream's.
    pub fn of(subject: &'s [u8]) -> Option<Self> {
        let rest = subject.strip_prefix(b"$JS.")?;
        if let Some(rest) = rest.strip_prefix(b"ACK.") {
            return Some(Self::acknowledgement(rest));
        }
        let api = match rest.strip_prefix(b"API.") {
            Some(api) => api,
            None => {
                let domain = memchr::memchr(b'.', rest)?;
                rest.get(domain + 1..)?.strip_prefix(b"API.")?
            }
        };
        let (name, names, rest) = OPERATIONS.iter().find_map(|(name, names)| {
            match api.strip_prefix(name.as_bytes())? {
                [] => Some((*name, *names, &[][..])),
                [b'.', rest @ ..] => Some((*name, *names, rest)),
                _ => None,
            }
        })?;
        let mut words = rest.split(|byte| *byte == b'.').filter(|word| !word.is_empty());
        let (stream, consumer) = match names {
            Names::None => (None, None),
            Names::Stream => (words.next(), None),
            Names::Consumer => (words.next(), words.next()),
        };
        Some(Self { name, stream, consumer })
    }

    /// `stream.consumer.…` in seven words; newer servers put domain and account in front.
    fn acknowledgement(rest: &'s [u8]) -> Self {
        let skip = if rest.split(|byte| *byte == b'.').count() > 7 { 2 } else { 0 };
        let mut words = rest.split(|byte| *byte == b'.').skip(skip);
        Self { name: "ACK", stream: words.next(), consumer: words.next() }
    }
}

/// An error as JetStream puts it into JSON.
#[derive(Debug, Eq, PartialEq)]
pub struct Error {
    /// Like a status of HTTP.
    pub code: u64,
    /// JetStream's own number.
    pub number: Option<u64>,
    /// What it says.
    pub text: String,
}

/// What an answer of JetStream says of itself.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// `io.nats.jetstream.api.v1.stream_create_response`.
    pub kind: Option<String>,
    /// What went wrong.
    pub error: Option<Error>,
    /// Whether it looks like an answer of JetStream.
    pub is_answer: bool,
}

// === impl Answer ===

impl Answer {
    /// Reads `body`; one of others says nothing.
    pub fn of(body: &[u8]) -> Self {
        if !body.trim_ascii_start().starts_with(b"{") {
            return Self::default();
        }
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
            return Self::default();
        };
        let kind = json.get("type").and_then(|kind| kind.as_str());
        let kind = kind.filter(|kind| kind.starts_with("io.nats.")).map(str::to_owned);
        let error = json.get("error").and_then(Error::of);
        let acknowledges = json.get("stream").is_some() && json.get("seq").is_some();
        let is_answer = kind.is_some() || acknowledges;
        Self { error: error.filter(|error| is_answer || error.number.is_some()), kind, is_answer }
    }
}

// === impl Error ===

impl Error {
    fn of(json: &serde_json::Value) -> Option<Self> {
        let code = json.get("code")?.as_u64()?;
        let number = json.get("err_code").and_then(serde_json::Value::as_u64);
        let text = json.get("description").and_then(|text| text.as_str()).unwrap_or_default();
        Some(Self { code, number, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(subject: &str) -> String {
        let Some(op) = Operation::of(subject.as_bytes()) else { return "-".into() };
        let word = |word: Option<&[u8]>| String::from_utf8_lossy(word.unwrap_or(b"-")).into_owned();
        format!("{} {} {}", op.name, word(op.stream), word(op.consumer))
    }

    #[test]
    fn subjects_are_taken_apart() {
        for (subject, wanted) in [
            ("$JS.API.INFO", "INFO - -"),
            ("$JS.API.STREAM.CREATE.ORDERS", "STREAM.CREATE ORDERS -"),
            ("$JS.hub.API.STREAM.INFO.ORDERS", "STREAM.INFO ORDERS -"),
            ("$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.mine", "CONSUMER.DURABLE.CREATE ORDERS mine"),
            ("$JS.API.CONSUMER.CREATE.ORDERS.mine.a.b", "CONSUMER.CREATE ORDERS mine"),
            ("$JS.API.CONSUMER.MSG.NEXT.ORDERS.mine", "CONSUMER.MSG.NEXT ORDERS mine"),
            ("$JS.API.DIRECT.GET.KV_a.$KV.a.k", "DIRECT.GET KV_a -"),
            ("$JS.ACK.ORDERS.mine.1.2.3.4.0", "ACK ORDERS mine"),
            ("$JS.ACK.hub.ACC.ORDERS.mine.1.2.3.4.0.x", "ACK ORDERS mine"),
            ("$JS.API.STREAMS", "-"),
            ("orders", "-"),
        ] {
            assert_eq!(text(subject), wanted, "{subject}");
        }
    }

    #[test]
    fn only_errors_of_jetstream_are_errors() {
        let error = |body: &str| Answer::of(body.as_bytes()).error.map(|error| error.code);
        let mine = r#"{"type":"io.nats.jetstream.api.v1.x","error":{"code":404,"err_code":10059}}"#;
        assert_eq!(error(mine), Some(404));
        assert_eq!(error(r#"{"stream":"a","seq":0,"error":{"code":400}}"#), Some(400));
        assert_eq!(error(r#"{"error":{"code":400,"description":"mine"}}"#), None);
        assert_eq!(error(r#"{"error":"x"}"#), None);
        assert_eq!(error("{"), None);
    }
}
