//! The directory on its way from the hub to the nodes: lines of the identity log, of what changed for
//! names alone, compressed against the lines before them.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    sync::Arc,
};

use identity::{Change, Event};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::wire;

/// Changes that are kept for nodes that were away, in pieces and bytes.
const FRAMES_MAX: usize = 8_192;
const FRAME_BYTES_MAX: usize = 32 << 20;
/// Bytes of lines that the next ones are compressed against.
const HISTORY_BYTES: usize = 96 << 10;
/// Bytes of lines in a piece.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes of a piece's lines at most: an object has no more than 8 MiB.
const LINES_BYTES_MAX: u64 = 32 << 20;
/// How hard is compressed: each change once for all nodes.
const LEVEL: i32 = 9;
/// Annotations that addresses are read from.
const NETWORKS: &str = "k8s.v1.cni.cncf.io/";

/// The directory as the hub has it, and how it came to be so.
#[derive(Debug, Default)]
pub struct Log {
    objects: BTreeMap<Name, Known>,
    /// Lines since the last frame.
    lines: String,
    frames: VecDeque<Arc<Frame>>,
    frame_bytes: usize,
    /// Bytes of all frames so far.
    cut_bytes: u64,
    history: Vec<u8>,
    version: u64,
    whole: Option<Arc<Whole>>,
    /// Lines that were not understood.
    refused: u64,
    /// Changes that change no name.
    idle: u64,
}

/// Kind, namespace and identity.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Name {
    kind: Box<str>,
    namespace: Box<str>,
    uid: Box<str>,
}

#[derive(Debug)]
struct Known {
    line: Arc<str>,
    /// Of what names depend on.
    print: u64,
}

/// Some changes, compressed.
#[derive(Debug)]
pub(crate) struct Frame {
    version: u64,
    len: usize,
    bytes: Vec<u8>,
}

/// All there is, compressed.
#[derive(Debug)]
pub(crate) struct Whole {
    version: u64,
    pieces: Vec<(usize, Vec<u8>)>,
    history: (usize, Vec<u8>),
}

/// What a node hears of the directory.
#[derive(Debug)]
pub struct Update {
    /// What was known before is over: these are all there is.
    pub is_whole: bool,
    /// More of the same comes.
    pub goes_on: bool,
    /// Lines of the identity log.
    pub lines: Vec<u8>,
}

/// What a node has of the directory.
#[derive(Debug, Default)]
pub(crate) struct Copy {
    pub(crate) hub: u64,
    pub(crate) version: u64,
    history: Vec<u8>,
}

/// A line of the identity log.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow, default)]
    at: Option<&'l RawValue>,
    #[serde(default)]
    scope: u16,
    /// Of a list.
    #[serde(default)]
    kind: String,
    #[serde(borrow, default)]
    object: Option<&'l RawValue>,
    #[serde(borrow, default)]
    objects: Vec<&'l RawValue>,
}

// === impl Log ===

impl Log {
    /// Takes in what a watch told: the event, and its line of the identity log.
    pub fn take(&mut self, event: &Event, line: &str) {
        let Ok(line) = serde_json::from_str::<Line<'_>>(line) else {
            self.refused += 1;
            return;
        };
        let at = line.at.map_or("null", RawValue::get);
        match &event.change {
            Change::Applied(_) | Change::Deleted(_) => {
                let is_deleted = matches!(event.change, Change::Deleted(_));
                let object = line.object.and_then(|raw| object(raw.get(), ""));
                match object {
                    Some((name, text, _)) if is_deleted => {
                        self.delete(&name, at, line.scope, &text)
                    }
                    Some(object) => self.apply(object, at, line.scope),
                    None => self.refused += 1,
                }
            }
            Change::Listed { namespace, .. } => {
                let kind = line.kind.as_str();
                let listed = line.objects.iter().filter_map(|raw| object(raw.get(), kind));
                let listed: Vec<_> = listed.collect();
                let there: HashSet<Name> = listed.iter().map(|(name, ..)| name.clone()).collect();
                let is_gone = |name: &&Name| {
                    *name.kind == *kind
                        && namespace.as_ref().is_none_or(|own| **own == *name.namespace)
                        && !there.contains(*name)
                };
                let gone: Vec<Name> = self.objects.keys().filter(is_gone).cloned().collect();
                for name in gone {
                    let known = self.objects.get(&name).map(|known| known.line.clone());
                    let text = known.as_deref().and_then(object_of).map(str::to_owned);
                    self.delete(&name, at, line.scope, &text.unwrap_or_default());
                }
                listed.into_iter().for_each(|object| self.apply(object, at, line.scope));
            }
        }
    }

    fn apply(&mut self, (name, text, print): (Name, String, u64), at: &str, scope: u16) {
        if self.objects.get(&name).is_some_and(|known| known.print == print) {
            self.idle += 1;
            return;
        }
        let line =
            format!("{{\"at\":{at},\"scope\":{scope},\"type\":\"MODIFIED\",\"object\":{text}}}\n");
        self.lines += &line;
        self.objects.insert(name, Known { line: line.into(), print });
    }

    fn delete(&mut self, name: &Name, at: &str, scope: u16, text: &str) {
        if self.objects.remove(name).is_none() || text.is_empty() {
            return;
        }
        self.lines +=
            &format!("{{\"at\":{at},\"scope\":{scope},\"type\":\"DELETED\",\"object\":{text}}}\n");
    }

    /// Makes a frame of what changed since the last; whether there was anything.
    pub fn cut(&mut self) -> bool {
        let lines = std::mem::take(&mut self.lines);
        // Frames are small, also where all is listed anew.
        let mut rest = lines.as_str();
        while !rest.is_empty() {
            let (piece, left) = split(rest);
            rest = left;
            let bytes = compress(piece.as_bytes(), &self.history).unwrap_or_default();
            self.version += 1;
            self.frame_bytes += bytes.len();
            self.cut_bytes += bytes.len() as u64;
            self.frames.push_back(Arc::new(Frame {
                version: self.version,
                len: piece.len(),
                bytes,
            }));
            remember(&mut self.history, piece.as_bytes());
        }
        while self.frames.len() > FRAMES_MAX || self.frame_bytes > FRAME_BYTES_MAX {
            let Some(old) = self.frames.pop_front() else { break };
            self.frame_bytes -= old.bytes.len();
        }
        !lines.is_empty()
    }

    /// How far it is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Bytes of all changes so far, as each node was sent them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Objects that it holds.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Changes that change no name and were not handed on, and lines that were not understood.
    #[must_use]
    pub fn passed_over(&self) -> (u64, u64) {
        (self.idle, self.refused)
    }

    /// Whether changes wait for a frame.
    pub(crate) fn is_due(&self) -> bool {
        !self.lines.is_empty()
    }

    /// What a node needs that has it up to `version`; nothing if it has all.
    pub(crate) fn since(&mut self, version: u64) -> Vec<wire::Directory> {
        let oldest = self.frames.front().map_or(self.version + 1, |frame| frame.version);
        if version != 0 && version <= self.version && version + 1 >= oldest {
            return self.frames_since(version).collect();
        }
        if version == 0 && self.version == 0 {
            return Vec::new();
        }
        let whole = self.whole(oldest);
        whole.messages().chain(self.frames_since(whole.version)).collect()
    }

    fn frames_since(&self, version: u64) -> impl Iterator<Item = wire::Directory> + use<'_> {
        self.frames.iter().filter(move |frame| frame.version > version).map(|frame| frame.message())
    }

    /// All there is: made once for many nodes, as long as the frames since then are there.
    fn whole(&mut self, oldest: u64) -> Arc<Whole> {
        if let Some(whole) = &self.whole
            && whole.version + 1 >= oldest
            && self.version - whole.version < FRAMES_MAX as u64 / 4
        {
            return whole.clone();
        }
        let mut whole = Whole {
            version: self.version,
            pieces: Vec::new(),
            history: (self.history.len(), compress(&self.history, &[]).unwrap_or_default()),
        };
        let mut lines = String::new();
        let mut push = |lines: &mut String| {
            let bytes = compress(lines.as_bytes(), &[]).unwrap_or_default();
            whole.pieces.push((lines.len(), bytes));
            lines.clear();
        };
        for known in self.objects.values() {
            lines += &known.line;
            if lines.len() >= PIECE_BYTES {
                push(&mut lines);
            }
        }
        push(&mut lines);
        self.whole.insert(Arc::new(whole)).clone()
    }
}

// === impl Frame ===

impl Frame {
    fn message(&self) -> wire::Directory {
        wire::Directory {
            version: self.version,
            lines: self.bytes.clone(),
            len: self.len as u64,
            ..wire::Directory::default()
        }
    }
}

// === impl Whole ===

impl Whole {
    fn messages(&self) -> impl Iterator<Item = wire::Directory> {
        let last = self.pieces.len().saturating_sub(1);
        self.pieces.iter().enumerate().map(move |(at, (len, bytes))| {
            let (history_len, history) = match at == last {
                true => (self.history.0, self.history.1.clone()),
                false => (0, Vec::new()),
            };
            wire::Directory {
                is_whole: true,
                goes_on: at != last,
                version: self.version,
                lines: bytes.clone(),
                len: *len as u64,
                history,
                history_len: history_len as u64,
            }
        })
    }
}

// === impl Copy ===

impl Copy {
    /// Takes in what the hub sent.
    ///
    /// # Errors
    /// When it does not fit what is there: all of it has to be sent again.
    pub(crate) fn take(&mut self, message: &wire::Directory) -> io::Result<Update> {
        let (is_whole, goes_on) = (message.is_whole, message.goes_on);
        if !is_whole && message.version != self.version + 1 {
            return Err(io::Error::other("a piece of the directory is missing"));
        }
        let before: &[u8] = if is_whole { &[] } else { &self.history };
        let lines = expand(&message.lines, message.len, before)?;
        if !is_whole {
            remember(&mut self.history, &lines);
        } else if !goes_on {
            self.history = expand(&message.history, message.history_len, &[])?;
        }
        self.version = if goes_on { 0 } else { message.version };
        Ok(Update { is_whole, goes_on, lines })
    }

    /// Forgets it: the hub sends all of it.
    pub(crate) fn clear(&mut self) {
        *self = Self { hub: self.hub, ..Self::default() };
    }
}

/// What names depend on, of an object in the log: who it is, its text, and the text's print.
fn object(json: &str, kind: &str) -> Option<(Name, String, u64)> {
    let mut object: Value = serde_json::from_str(json).ok()?;
    if object.get("kind").and_then(Value::as_str).is_none_or(str::is_empty) {
        object["kind"] = kind.into();
    }
    let kind = object["kind"].as_str()?.into();
    let meta = object.get_mut("metadata")?.as_object_mut()?;
    meta.remove("managedFields");
    if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| name.starts_with(NETWORKS));
    }
    let text = |name: &str| meta.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = Name { kind, namespace: text("namespace").into(), uid: text("uid").into() };
    let version = meta.remove("resourceVersion");
    let mut hasher = DefaultHasher::new();
    object.to_string().hash(&mut hasher);
    if let Some(version) = version {
        object["metadata"]["resourceVersion"] = version;
    }
    Some((name, object.to_string(), hasher.finish()))
}

/// The object in a line that was made here.
fn object_of(line: &str) -> Option<&str> {
    serde_json::from_str::<Line<'_>>(line).ok()?.object.map(RawValue::get)
}

/// Whole lines of about a piece's size, and the rest.
fn split(lines: &str) -> (&str, &str) {
    let Some(end) = lines.get(..lines.len()).filter(|lines| lines.len() > PIECE_BYTES) else {
        return (lines, "");
    };
    // A line feed is a character of its own.
    let end = memchr(end.as_bytes(), PIECE_BYTES).map_or(lines.len(), |at| at + 1);
    lines.split_at_checked(end).unwrap_or((lines, ""))
}

fn memchr(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.iter().skip(from).position(|byte| *byte == b'\n').map(|at| at + from)
}

/// Adds lines to those that the next are compressed against.
fn remember(history: &mut Vec<u8>, lines: &[u8]) {
    history.extend_from_slice(lines);
    // Twice as much is let grow, so that it is not moved each time.
    if history.len() > HISTORY_BYTES {
        history.drain(..history.len() - HISTORY_BYTES);
    }
}

fn compress(bytes: &[u8], before: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::with_dictionary(LEVEL, before)?;
    compressor.include_checksum(true)?;
    compressor.compress(bytes)
}

fn expand(bytes: &[u8], len: u64, before: &[u8]) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len.min(LINES_BYTES_MAX)).unwrap_or(0);
    zstd::bulk::Decompressor::with_dictionary(before)?.decompress(bytes, len)
}

#[cfg(test)]
mod tests {
    use identity::{Kind, Troubles};

    use super::*;

    fn pod(name: &str, ip: &str, version: u32) -> String {
        format!(
            "{{\"kind\":\"Pod\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"shop\",\"uid\":\"{name}\",\
             \"resourceVersion\":\"{version}\"}},\"spec\":{{\"nodeName\":\"a\"}},\"status\":{{\"podIP\":\"{ip}\"}}}}"
        )
    }

    fn parsed(json: &str) -> identity::Object {
        identity::object(json, "Pod", &mut Troubles::default()).unwrap()
    }

    fn change(log: &mut Log, json: &str, is_deleted: bool) {
        let (what, change) = match is_deleted {
            true => ("DELETED", Change::Deleted(parsed(json))),
            false => ("MODIFIED", Change::Applied(parsed(json))),
        };
        let line = format!("{{\"at\":null,\"scope\":0,\"type\":\"{what}\",\"object\":{json}}}");
        log.take(&Event::new(None, change), &line);
    }

    fn list(log: &mut Log, pods: &[String]) {
        let objects = pods.iter().map(|json| parsed(json)).collect();
        let change = Change::Listed { kind: Kind::Pod, namespace: None, objects };
        let line = format!(
            "{{\"at\":null,\"scope\":0,\"type\":\"LISTED\",\"kind\":\"Pod\",\"objects\":[{}]}}",
            pods.join(",")
        );
        log.take(&Event::new(None, change), &line);
    }

    /// What a node with this copy comes to know: lines without what came before a whole.
    fn follow(log: &mut Log, copy: &mut Copy) -> String {
        let mut text = String::new();
        for message in log.since(copy.version) {
            let update = copy.take(&message).unwrap();
            text += str::from_utf8(&update.lines).unwrap();
        }
        assert_eq!(copy.version, log.version());
        text
    }

    #[test]
    fn a_node_that_follows_hears_what_changed() {
        let (mut log, mut copy) = (Log::default(), Copy::default());
        list(&mut log, &[pod("a", "10.0.0.1", 1), pod("b", "10.0.0.2", 2)]);
        assert!(log.cut());
        assert_eq!(follow(&mut log, &mut copy).lines().count(), 2);
        change(&mut log, &pod("a", "10.0.0.1", 3), false);
        assert!(!log.cut(), "its version alone changed");
        change(&mut log, &pod("a", "10.0.0.9", 4), false);
        change(&mut log, &pod("b", "10.0.0.2", 5), true);
        assert!(log.cut());
        let heard = follow(&mut log, &mut copy);
        assert!(heard.contains("10.0.0.9") && heard.contains("DELETED"), "{heard}");
        assert_eq!((log.objects(), log.passed_over()), (1, (1, 0)));
        // What is not in a list is gone.
        list(&mut log, &[pod("c", "10.0.0.3", 6)]);
        assert!(log.cut());
        let heard = follow(&mut log, &mut copy);
        assert!(heard.contains("DELETED") && heard.contains("10.0.0.3"), "{heard}");
        assert_eq!(follow(&mut log, &mut copy), "");
    }

    #[test]
    fn who_comes_late_hears_all_there_is_and_follows_then() {
        let mut log = Log::default();
        for n in 0..500 {
            change(&mut log, &pod(&format!("p{n}"), "10.0.0.1", n), false);
            log.cut();
        }
        let (mut early, mut late) = (Copy::default(), Copy::default());
        assert_eq!(follow(&mut log, &mut early).lines().count(), 500);
        change(&mut log, &pod("x", "10.0.0.2", 501), false);
        log.cut();
        assert_eq!(follow(&mut log, &mut late).lines().count(), 501);
        assert_eq!(follow(&mut log, &mut early).lines().count(), 1);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let mut log = Log::default();
        change(&mut log, &pod("a", "10.0.0.1", 1), false);
        log.cut();
        let mut messages = log.since(0);
        for message in &mut messages {
            message.lines.iter_mut().for_each(|byte| *byte ^= 0x55);
            assert!(Copy::default().take(message).is_err());
            message.lines.clear();
            message.len = u64::MAX;
            drop(Copy::default().take(message));
        }
    }
}
