//! JSON documents cut into pieces: each object of a list, each event of a log, without holding more
//! than one of them.

use std::{cell::Cell, fmt, io};

use identity::Troubles;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// One object as it stood in a file.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'p> {
    /// What the watch says of it: `ADDED`, `DELETED`, …; empty for an object by itself or in a list.
    pub(crate) what: &'p str,
    /// When; empty where it isn't said.
    pub(crate) at: &'p str,
    /// The address space.
    pub(crate) scope: u16,
    /// The kind that the list it stood in was of.
    pub(crate) kind: &'p str,
    /// Only for a list of all there are: its namespace.
    pub(crate) namespace: Option<&'p str>,
    /// The object, or the list of them.
    pub(crate) json: &'p str,
}

/// Takes pieces.
pub(crate) type Take<'t> = dyn FnMut(&Piece<'_>, &mut Troubles) + 't;

/// Reads documents that follow each other, up to the first that is broken, or holds something that is
/// longer than `bytes_max`.
pub(crate) fn documents(
    from: impl io::Read,
    bytes_max: u64,
    take: &mut Take<'_>,
    troubles: &mut Troubles,
) {
    let room = Room { left: Cell::new(bytes_max), bytes_max };
    let mut json = serde_json::Deserializer::from_reader(Within { from, room: &room });
    loop {
        room.refill();
        match json.end() {
            Ok(()) => return,
            Err(error) if error.is_io() => {
                return troubles.note("files that can't be read on", || error.to_string());
            }
            Err(_) => {}
        }
        if let Err(error) = (Document { take, troubles, room: &room }).deserialize(&mut json) {
            return troubles.note("files that are broken off or broken", || error.to_string());
        }
    }
}

/// Bytes that may still be read before something comes to its end: what is held is bounded.
struct Room {
    left: Cell<u64>,
    bytes_max: u64,
}

/// Reads while there is room.
struct Within<'r, R> {
    from: R,
    room: &'r Room,
}

// === impl Room ===

impl Room {
    fn refill(&self) {
        self.left.set(self.bytes_max);
    }
}

// === impl Within ===

impl<R: io::Read> io::Read for Within<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.from.read(into)?;
        let left = self.room.left.get().checked_sub(len as u64);
        let left = left.ok_or_else(|| {
            io::Error::other(format!("an object of more than {} bytes", self.room.bytes_max))
        })?;
        self.room.left.set(left);
        Ok(len)
    }
}

/// Reads the document that a line is.
pub(crate) fn line(text: &str, take: &mut Take<'_>, troubles: &mut Troubles) {
    let mut json = serde_json::Deserializer::from_str(text);
    // It is held already.
    let room = Room { left: Cell::new(0), bytes_max: 0 };
    let read =
        (Document { take, troubles, room: &room }).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = read {
        troubles.note("lines that are no JSON", || format!("{error}: {text}"));
    }
}

/// One document: an object, a list of them, or an event.
struct Document<'a, 't> {
    take: &'a mut Take<'t>,
    troubles: &'a mut Troubles,
    room: &'a Room,
}

/// The elements of a list.
struct Items<'a, 't> {
    take: &'a mut Take<'t>,
    troubles: &'a mut Troubles,
    room: &'a Room,
    kind: String,
}

/// What a document says beside its list.
#[derive(Default)]
struct Said {
    rest: String,
    what: String,
    at: String,
    scope: u16,
    kind: String,
    namespace: Option<String>,
    object: Option<Box<RawValue>>,
    objects: Option<Box<RawValue>>,
    had_items: bool,
}

// === impl Document ===

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of Kubernetes, a list or an event")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let Self { take, troubles, room } = self;
        Items { take, troubles, room, kind: String::new() }.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut said = Said::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => {
                    said.had_items = true;
                    let kind = said.kind.strip_suffix("List").unwrap_or_default().to_owned();
                    let (take, troubles) = (&mut *self.take, &mut *self.troubles);
                    map.next_value_seed(Items { take, troubles, room: self.room, kind })?;
                }
                "object" => said.object = Some(map.next_value()?),
                "objects" => said.objects = Some(map.next_value()?),
                _ => {
                    let value: Box<RawValue> = map.next_value()?;
                    said.hear(&key, value.get());
                }
            }
        }
        said.tell(self.take, self.troubles);
        Ok(())
    }
}

// === impl Items ===

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<Box<RawValue>>()? {
            let piece = Piece {
                what: "",
                at: "",
                scope: 0,
                kind: &self.kind,
                namespace: None,
                json: item.get(),
            };
            (self.take)(&piece, self.troubles);
            self.room.refill();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.troubles.note("lists that are none", String::new);
        Ok(())
    }
}

// === impl Said ===

impl Said {
    fn hear(&mut self, key: &str, value: &str) {
        let text = || serde_json::from_str::<String>(value).unwrap_or_default();
        match key {
            "type" => self.what = text(),
            "at" => self.at = text(),
            "scope" => self.scope = serde_json::from_str(value).unwrap_or(0),
            "kind" => self.kind = text(),
            "namespace" => self.namespace = Some(text()),
            _ => {}
        }
        // A key that needs escapes is none of Kubernetes'.
        self.rest.push_str(if self.rest.is_empty() { "{\"" } else { ",\"" });
        self.rest.extend(key.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()));
        self.rest.push_str("\":");
        self.rest.push_str(value);
    }

    fn tell(self, take: &mut Take<'_>, troubles: &mut Troubles) {
        if self.had_items {
            return;
        }
        let alone = format!("{}}}", if self.rest.is_empty() { "{" } else { &self.rest });
        let (json, what) = match (&self.object, &self.objects) {
            (Some(object), _) => (object.get(), self.what.as_str()),
            (None, Some(objects)) => (objects.get(), "LISTED"),
            (None, None) => (alone.as_str(), ""),
        };
        let piece = Piece {
            what,
            at: &self.at,
            scope: self.scope,
            kind: &self.kind,
            namespace: self.namespace.as_deref(),
            json,
        };
        take(&piece, troubles);
    }
}

/// The elements of a list that is small.
pub(crate) fn elements(json: &str) -> Option<Vec<&RawValue>> {
    let mut from = serde_json::Deserializer::from_str(json);
    Vec::<&RawValue>::deserialize(&mut from).ok()
}
