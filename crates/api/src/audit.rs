//! The audit log: a line for each request that read calls, or was refused. Each is in the file before whoever asked
//! has the end of his answer.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    body::Body,
    extract::Request,
    http::{Method, Uri, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::{Who, text::now};

/// Where requests are written down.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    /// Bytes of the file before it becomes the older one.
    bytes_max: u64,
    book: Mutex<Book>,
    lines: AtomicU64,
    lost: AtomicU64,
    refused: Mutex<Refused>,
}

/// The file that is written.
#[derive(Debug)]
struct Book {
    file: Option<File>,
    bytes: u64,
    /// What was wrong last: said once.
    fault: Option<String>,
}

/// Requests of nobody: there may be any number of them, and they must not drive the others out of the file.
#[derive(Debug)]
struct Refused {
    since: Instant,
    lines: u64,
    left_out: u64,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A request that goes on; it is written down when its answer ends.
pub(crate) struct Entry {
    audit: Arc<Audit>,
    who: Option<Who>,
    address: Option<IpAddr>,
    method: Method,
    uri: Uri,
    status: u16,
}

/// Requests of nobody that are written down in a second.
const REFUSED_MAX: u64 = 10;
/// Characters of a value of a query, or of a path.
const VALUE_MAX: usize = 8 << 10;
/// What may stand in a query; what else is there might be anything, and is not written down.
const KNOWN: [&str; 18] = [
    "where", "from", "to", "limit", "cursor", "sort", "order", "select", "by", "show", "over",
    "of", "buckets", "format", "name", "text", "at", "payload",
];

// === impl Audit ===

impl Audit {
    /// Goes on with the file at this path; with the older one, `FILE.1`, it takes at most so many bytes.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            bytes_max: (bytes_max / 2).max(1),
            book: Mutex::new(Book { file: Some(file), bytes, fault: None }),
            lines: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            refused: Mutex::new(Refused { since: Instant::now(), lines: 0, left_out: 0 }),
        })
    }

    /// Lines written.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Lines that could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn write(&self, line: &Value) {
        let mut text = line.to_string();
        text.push('\n');
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        match self.put(&mut book, text.as_bytes()) {
            Ok(()) => {
                self.lines.fetch_add(1, Ordering::Relaxed);
                book.fault = None;
            }
            Err(error) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                let fault = error.to_string();
                // Once for each thing that goes wrong, not once a request.
                if book.fault.as_ref() != Some(&fault) {
                    eprintln!("callscope: the audit log {}: {fault}", self.path.display());
                }
                book.fault = Some(fault);
            }
        }
    }

    fn put(&self, book: &mut Book, line: &[u8]) -> io::Result<()> {
        let bytes = line.len() as u64;
        if book.bytes > 0 && book.bytes + bytes > self.bytes_max {
            book.file = None;
            fs::rename(&self.path, older(&self.path))?;
            book.bytes = 0;
        }
        let mut file = match book.file.take() {
            Some(file) => file,
            None => append(&self.path)?,
        };
        // All of it at once: a line is never torn by another's.
        file.write_all(line)?;
        book.bytes += bytes;
        book.file = Some(file);
        Ok(())
    }

    /// How many requests of nobody were left out before this one; none if it is to be left out itself.
    fn place(&self) -> Option<u64> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.since.elapsed().as_secs() >= 1 {
            (refused.since, refused.lines) = (Instant::now(), 0);
        }
        refused.lines += 1;
        if refused.lines > REFUSED_MAX {
            refused.left_out += 1;
            return None;
        }
        Some(std::mem::take(&mut refused.left_out))
    }
}

/// The file's owner alone may read who looked at what.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

// === impl Entry ===

impl Entry {
    pub(crate) fn of(audit: &Arc<Audit>, request: &Request, who: Option<&Who>) -> Self {
        Self {
            audit: audit.clone(),
            who: who.filter(|who| !who.name().is_empty()).cloned(),
            address: request.extensions().get::<Peer>().map(|peer| peer.0),
            method: request.method().clone(),
            uri: request.uri().clone(),
            status: 0,
        }
    }

    /// Writes it down when the answer ends, one that goes on for long also when it begins.
    pub(crate) fn follow(mut self, response: Response) -> Response {
        self.status = response.status().as_u16();
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind == "text/event-stream") {
            self.write(true);
        }
        response.map(|body| {
            // The error passes as it is: it is the closure that is wanted, which lives as long as the body.
            Body::new(body.map_err(move |error| {
                let _ = &self;
                error
            }))
        })
    }

    fn write(&self, is_open: bool) {
        let asked = self.who.as_ref().map(Who::asked).unwrap_or_default();
        let is_refused = matches!(self.status, 401 | 403 | 421);
        let paths = asked.iter().map(String::as_str).chain([self.uri.path()]);
        if !is_refused && !paths.into_iter().any(is_reading) {
            return;
        }
        let left_out = match &self.who {
            Some(_) => 0,
            None => match self.audit.place() {
                Some(left_out) => left_out,
                None => return,
            },
        };
        self.audit.write(&self.line(&asked, is_open, left_out));
    }

    fn line(&self, asked: &[String], is_open: bool, left_out: u64) -> Value {
        let (route, id) = route(self.uri.path());
        let mut line = json!({
            "time": export::moment(now()),
            "subject": self.who.as_ref().map(Who::name),
            "role": self.who.as_ref().map(|who| who.role().name()),
            "address": self.address.map(|address| address.to_string()),
            "method": self.method.as_str(),
            "route": route,
            "status": self.status,
        });
        let mut add = |name: &str, value: Value| line[name] = value;
        if let Some(scope) = self.who.as_ref().and_then(Who::scope) {
            add("namespaces", json!(scope.namespaces()));
        }
        if let Some(id) = id {
            add("id", json!(id));
        }
        if let Some(query) = self.uri.query() {
            add("query", said(query));
        }
        if !asked.is_empty() {
            add("asked", asked.iter().map(|path| self.asked(path)).collect());
        }
        if is_open {
            add("open", json!(true));
        } else if let Some(who) = &self.who {
            let (calls, payloads) = who.was_told();
            add("calls", json!(calls));
            add("payloads", json!(payloads));
        }
        if left_out > 0 {
            add("left_out", json!(left_out));
        }
        line
    }

    /// A question that was asked within another: by a tool of MCP.
    fn asked(&self, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (route, id) = route(path);
        json!({ "route": route, "id": id, "query": said(query) })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.write(false);
    }
}

/// Whether calls are read, or come in, by this path.
fn is_reading(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let Some(rest) = path.strip_prefix("/api/v1/") else { return false };
    let first = rest.split('/').next().unwrap_or_default();
    let reading = [
        "calls",
        "streams",
        "tail",
        "aggregate",
        "histogram",
        "heatmap",
        "facets",
        "map",
        "export",
        "import",
    ];
    reading.contains(&first)
}

/// The path without what names one thing, and that.
fn route(path: &str) -> (String, Option<String>) {
    for of in ["/api/v1/calls/", "/api/v1/streams/", "/api/v1/imports/"] {
        let Some(rest) = path.strip_prefix(of) else { continue };
        let (id, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return (short(&format!("{of}{{id}}{rest}")), Some(decoded(id)));
    }
    (short(path), None)
}

/// What stands in a query, as far as it is known what it is.
fn said(query: &str) -> Value {
    let mut all = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if KNOWN.contains(&name) {
            all.insert(name.to_owned(), json!(decoded(value)));
        } else {
            all.insert("(others)".to_owned(), json!(true));
        }
    }
    Value::Object(all)
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    short(&percent_decode_str(&text).decode_utf8_lossy())
}

fn short(text: &str) -> String {
    text.chars().take(VALUE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_bounded_and_the_older_half_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        fs::write(&path, "{\"n\":\"before\"}\n").unwrap();
        let audit = Audit::open(&path, 1000).unwrap();
        for n in 0..500 {
            audit.write(&json!({ "n": n }));
        }
        let (new, old) =
            (fs::read_to_string(&path).unwrap(), fs::read_to_string(older(&path)).unwrap());
        assert!(
            new.len() <= 500 && old.len() <= 500 && old.len() > 400,
            "{} {}",
            new.len(),
            old.len()
        );
        assert!(new.ends_with("{\"n\":499}\n"));
        let numbers: Vec<u64> = [old, new]
            .concat()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap())
            .collect();
        assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
        assert_eq!((audit.lines(), audit.lost()), (500, 0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_can_not_be_written_is_counted_and_later_lines_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = inner.join("audit");
        let audit = Audit::open(&path, 40).unwrap();
        audit.write(&json!({ "n": "0123456789" }));
        fs::remove_dir_all(&inner).unwrap();
        audit.write(&json!({ "n": 1 }));
        assert_eq!((audit.lines(), audit.lost()), (1, 1));
        fs::create_dir(&inner).unwrap();
        fs::write(&path, "").unwrap();
        audit.write(&json!({ "n": 2 }));
        assert_eq!((audit.lines(), audit.lost()), (2, 1));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":2}\n");
    }

    #[test]
    fn what_nobody_asks_does_not_drive_out_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::open(&folder.path().join("audit"), 1000).unwrap();
        let places = (0..100).filter_map(|_| audit.place()).count();
        assert!((10..=20).contains(&places), "{places}");
        audit.refused.lock().unwrap().since -= std::time::Duration::from_secs(2);
        assert_eq!(audit.place(), Some(100 - places as u64));
    }

    #[test]
    fn routes_and_queries_are_told_and_strange_names_are_not() {
        let told = route("/api/v1/calls/1%3A2-1%40177/body/request");
        assert_eq!(told.0, "/api/v1/calls/{id}/body/request");
        assert_eq!(told.1.as_deref(), Some("1:2-1@177"));
        assert_eq!(route("/api/v1/calls"), ("/api/v1/calls".into(), None));
        let said = said("where=a+%3D%3D+1&token=secret&limit=5");
        assert_eq!(said, json!({ "where": "a == 1", "(others)": true, "limit": "5" }));
        assert!(is_reading("/api/v1/export?format=csv") && is_reading("/api/v1/calls/1"));
        assert!(!is_reading("/api/v1/imports") && !is_reading("/metrics"));
    }
}
