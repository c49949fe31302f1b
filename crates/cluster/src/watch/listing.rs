//! All there are of a kind, as they come in; and JSON of the API server to objects.

use std::borrow::Cow;

use identity::{Change, Event, Object};
use model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Shared, Told, log, resource::Place};

/// A list that is not complete yet.
#[derive(Debug)]
pub(crate) struct Listing {
    /// When the API server had this state, or later.
    pub(crate) at: Timestamp,
    pub(crate) objects: Vec<Object>,
    /// For the log, as many.
    slim: Vec<String>,
    /// Bytes of memory of all of them, about.
    bytes: usize,
    /// Whether there were more than are kept.
    pub(crate) is_cut: bool,
    /// How many more.
    beyond: usize,
}

/// A list of so many times the objects that are kept, or the pages that it should have, has no end.
pub(crate) const ENDLESS: usize = 16;

/// What an object, a list or a bookmark says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Head {
    pub(crate) metadata: HeadMetadata,
}

/// Of a list, an object or a bookmark.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HeadMetadata {
    pub(crate) resource_version: String,
    pub(crate) r#continue: Option<String>,
    pub(crate) annotations: Option<HeadAnnotations>,
}

/// Of a bookmark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HeadAnnotations {
    #[serde(rename = "k8s.io/initial-events-end")]
    pub(crate) initial_events_end: String,
}

/// An object of which only the metadata came.
#[derive(Deserialize)]
struct Partial<'p> {
    #[serde(borrow)]
    metadata: &'p RawValue,
}

/// An object, and what a log keeps of it.
pub(crate) struct Read {
    pub(crate) object: Object,
    pub(crate) json: Option<String>,
}

/// Reads an object that stands in a list or a watch of `place`; `None` where it is none that was
/// asked for, and the troubles know why.
pub(crate) fn read(shared: &Shared, place: &Place, json: &str) -> Option<Read> {
    let kind = &place.resource.kind;
    let json = if place.resource.is_metadata { whole(kind, json)? } else { json.into() };
    let object = shared.with_troubles(|troubles| identity::object(&json, kind, troubles))?;
    let meta = &object.meta;
    if object.kind() != place.resource.taken_for() {
        let sample = || format!("{} {} among {}", meta.kind, meta.name, place.name());
        shared.note("objects of kinds that were not asked for", sample);
        return None;
    }
    if place.namespace.as_ref().is_some_and(|namespace| *namespace != meta.namespace) {
        let sample = || format!("{} in {} among {}", meta.name, meta.namespace, place.name());
        shared.note("objects of namespaces that were not asked for", sample);
        return None;
    }
    let json = shared.options.has_lines.then(|| json.into_owned());
    Some(Read { object, json })
}

/// Where only metadata came, the kind is that of the metadata alone (`PartialObjectMetadata`).
fn whole<'j>(kind: &str, json: &'j str) -> Option<Cow<'j, str>> {
    let partial: Partial<'_> = serde_json::from_str(json).ok()?;
    let kind = serde_json::Value::from(kind);
    Some(format!("{{\"kind\":{kind},\"metadata\":{}}}", partial.metadata).into())
}

/// A change of an object.
pub(crate) fn change(shared: &Shared, place: &Place, read: Read, is_deleted: bool) -> Told {
    let (at, scope) = ((shared.clock)(), shared.options.scope);
    let kind = &place.resource.kind;
    let line = read.json.and_then(|json| log::change(at, scope, is_deleted, &json, kind));
    let change = match is_deleted {
        true => Change::Deleted(read.object),
        false => Change::Applied(read.object),
    };
    Told { event: Event { scope, at: Some(at), change }, line }
}

// === impl Read ===

impl Read {
    /// What a log keeps of it; only where there is one.
    pub(crate) fn slim(&self, place: &Place) -> Option<String> {
        identity::slim(self.json.as_deref()?, &place.resource.kind)
    }
}

// === impl Listing ===

impl Listing {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { at, objects: Vec::new(), slim: Vec::new(), bytes: 0, is_cut: false, beyond: 0 }
    }

    /// One more object of it.
    pub(crate) fn push(&mut self, shared: &Shared, place: &Place, json: &str) {
        let bounds = shared.options.bounds;
        if self.objects.len() >= bounds.objects || self.bytes >= bounds.list_bytes {
            shared.note("objects beyond the longest list", || place.name());
            self.is_cut = true;
            self.beyond += 1;
            return;
        }
        let Some(read) = read(shared, place, json) else { return };
        let slim = read.slim(place);
        self.bytes += read.object.bytes() + slim.as_ref().map_or(0, String::len);
        self.slim.extend(slim);
        self.objects.push(read.object);
    }

    /// Whether it is one that comes to no end: many times as much came as is kept at most.
    pub(crate) fn is_endless(&self, objects_max: usize) -> bool {
        self.beyond / ENDLESS >= objects_max
    }

    /// These were all.
    pub(crate) fn told(self, shared: &Shared, place: &Place) -> Told {
        let (scope, of) = (shared.options.scope, &place.resource);
        let namespace = place.namespace.as_deref();
        let line = shared
            .options
            .has_lines
            .then(|| log::list(self.at, scope, &of.kind, namespace, &self.slim));
        let change = Change::Listed {
            kind: of.taken_for(),
            namespace: place.namespace.clone(),
            objects: self.objects,
        };
        Told { event: Event { scope, at: Some(self.at), change }, line }
    }

    /// These were some: what each of them says is true all the same.
    pub(crate) fn parts(self, scope: u16) -> impl Iterator<Item = Told> {
        let at = self.at;
        let slim = self.slim.into_iter().map(Some).chain(std::iter::repeat(None));
        self.objects.into_iter().zip(slim).map(move |(object, slim)| {
            let line = slim.map(|slim| log::slim_change(at, scope, false, &slim));
            Told { event: Event { scope, at: Some(at), change: Change::Applied(object) }, line }
        })
    }
}
