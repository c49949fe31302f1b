//! What must not be written down: passwords, SASL payloads, nonces, stored credentials.
//!
//! Messages that may hold some are known by their command or their collection. They are taken apart
//! before they are written down, and put together again with `***` in place of what is secret.

use super::{
    bson::{DEPTH_MAX, Document, Element, Value},
    wire::{Documents, Front, Op, Section, Sections},
};

/// Commands that hold secrets, or whose answers do.
const COMMANDS: [&str; 18] = [
    "hello",
    "isMaster",
    "ismaster",
    "saslStart",
    "saslContinue",
    "getnonce",
    "authenticate",
    "createUser",
    "updateUser",
    "addUser",
    "usersInfo",
    "copydb",
    "copydbgetnonce",
    "copydbsaslstart",
    "setParameter",
    "getParameter",
    "applyOps",
    "_mergeAuthzCollections",
];

/// Collections that hold credentials, or writes to those that do.
const COLLECTIONS: [&[u8]; 5] =
    [b"system.users", b"system.new_users", b"tempusers", b"oplog.rs", b"system.profile"];

/// Elements whose value is not written down.
const NAMES: [&[u8]; 14] = [
    b"payload",
    b"pwd",
    b"passwd",
    b"password",
    b"nonce",
    b"key",
    b"credentials",
    b"storedKey",
    b"serverKey",
    b"salt",
    b"ldapQueryPassword",
    b"tlsCertificateKeyFilePassword",
    b"MONGODB-CR",
    b"jwt",
];

/// What stands in place of a value: a string of three stars.
const STARS: [u8; 8] = *b"\x04\0\0\0***\0";
/// The length of a document whose end was not seen.
const UNKNOWN_END: [u8; 4] = i32::MAX.to_le_bytes();

/// Whether a request may hold secrets, or be answered with some; it may where its beginning does not
/// tell.
pub fn may_ask(op: Op, front: &Front<'_>, behind: &[u8]) -> bool {
    let collection = after_dot(front.namespace);
    match op {
        Op::MSG => match Sections::of(behind).next() {
            Some(Section::Body(document)) => is_careful(&document),
            _ => true,
        },
        Op::QUERY if collection.starts_with(b"$cmd") => {
            Documents(behind).next().is_none_or(|document| is_careful(&unwrapped(document)))
        }
        Op::COMMAND => is_command(front.command),
        _ => is_collection(collection),
    }
}

/// Whether an answer whose question is not known may hold secrets. It may where it is not plain what
/// it is.
pub fn may_answer(op: Op, behind: &[u8]) -> bool {
    let document = match op {
        Op::MSG => match Sections::of(behind).next() {
            Some(Section::Body(document)) => document,
            _ => return true,
        },
        _ => match Documents(behind).next() {
            Some(document) => document,
            None => return !behind.is_empty(),
        },
    };
    // An answer that says that it failed, or only how many.
    !document.first().is_some_and(|first| matches!(first.name, b"ok" | b"n" | b"nModified"))
}

/// The document in `{$query: {…}, …}`, the form of old clients.
pub fn unwrapped(document: Document<'_>) -> Document<'_> {
    match document.first() {
        Some(Element { name: b"$query" | b"query", value: Value::Document(inner), .. }) => inner,
        _ => document,
    }
}

/// What comes after the database in a namespace.
pub fn after_dot(namespace: &[u8]) -> &[u8] {
    let dot = memchr::memchr(b'.', namespace);
    dot.and_then(|at| namespace.get(at + 1..)).unwrap_or_default()
}

fn is_careful(command: &Document<'_>) -> bool {
    let mut elements = command.elements().map_while(Result::ok);
    let Some(first) = elements.next() else { return true };
    let second = elements.next().filter(|second| second.name == b"collection");
    is_command(first.name)
        || first.value.text().is_some_and(is_collection)
        || second.is_some_and(|second| second.value.text().is_none_or(is_collection))
}

fn is_command(name: &[u8]) -> bool {
    COMMANDS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn is_collection(name: &[u8]) -> bool {
    COLLECTIONS.contains(&name)
}

/// The documents of a message with `***` for every secret; ends at the first damage. None if there is
/// nothing to hide and nothing wrong.
pub fn hidden(op: Op, behind: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Copy { out: Vec::with_capacity(behind.len()), hides: false };
    let whole = if op == Op::MSG { copy.sections(behind) } else { copy.documents(behind) };
    (copy.hides || !whole).then_some(copy.out)
}

/// A copy without secrets.
struct Copy {
    out: Vec<u8>,
    /// Something was hidden.
    hides: bool,
}

// === impl Copy ===

/// Each says whether what it copied was whole.
impl Copy {
    fn sections(&mut self, behind: &[u8]) -> bool {
        let mut whole = true;
        let mut sections = Sections::of(behind);
        for section in &mut sections {
            whole &= match section {
                Section::Body(body) => {
                    self.out.push(0);
                    self.document(&body, 0)
                }
                Section::Sequence { name, documents } => self.sequence(name, documents),
            };
        }
        whole && sections.is_at_end()
    }

    fn sequence(&mut self, name: &[u8], documents: &[u8]) -> bool {
        self.out.push(1);
        let begin = self.out.len();
        self.out.extend_from_slice(&UNKNOWN_END);
        self.out.extend_from_slice(name);
        self.out.push(0);
        let whole = self.documents(documents);
        if whole {
            self.end(begin);
        }
        whole
    }

    fn documents(&mut self, bytes: &[u8]) -> bool {
        let mut documents = Documents(bytes);
        let mut whole = true;
        for document in &mut documents {
            whole &= self.document(&document, 0);
        }
        whole && documents.0.is_empty()
    }

    fn document(&mut self, document: &Document<'_>, depth: usize) -> bool {
        let begin = self.out.len();
        self.out.extend_from_slice(&UNKNOWN_END);
        if depth >= DEPTH_MAX {
            return false;
        }
        for element in document.elements() {
            if !element.is_ok_and(|element| self.element(&element, depth)) {
                return false;
            }
        }
        if document.whole {
            self.out.push(0);
            self.end(begin);
        }
        document.whole
    }

    fn element(&mut self, element: &Element<'_>, depth: usize) -> bool {
        let head = element.bytes.get(..element.name.len() + 2).unwrap_or_default();
        match element.value {
            _ if NAMES.contains(&element.name) => {
                self.hides = true;
                self.out.push(2);
                self.out.extend_from_slice(head.get(1..).unwrap_or_default());
                self.out.extend_from_slice(&STARS);
            }
            Value::Document(inner) | Value::Array(inner) => {
                self.out.extend_from_slice(head);
                return self.document(&inner, depth + 1);
            }
            _ => self.out.extend_from_slice(element.bytes),
        }
        true
    }

    /// Writes the length of what began at `begin` and ends here.
    fn end(&mut self, begin: usize) {
        let length = i32::try_from(self.out.len() - begin).unwrap_or(i32::MAX);
        if let Some(place) = self.out.get_mut(begin..begin + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"hello": 1, "s": {"payload": <70 61 73 73>}, "n": 2}`
    const HELLO: &[u8] = b"\x31\0\0\0\x10hello\0\x01\0\0\0\x03s\0\x17\0\0\0\x05payload\0\x04\0\0\0\0pass\0\x10n\0\x02\0\0\0\0";

    #[test]
    fn secrets_are_stars_and_the_rest_stays() {
        let out = hidden(Op::REPLY, HELLO).unwrap();
        let (document, behind) = Document::split(&out).unwrap();
        assert!(document.whole && behind.is_empty());
        let inner = document.get("s").and_then(|s| s.document()).unwrap();
        assert_eq!(inner.get("payload"), Some(Value::String(b"***")));
        assert_eq!(document.get("n").and_then(|n| n.integer()), Some(2));
    }

    #[test]
    fn a_message_cut_anywhere_shows_no_secret() {
        for cut in 0..HELLO.len() {
            let out = hidden(Op::REPLY, &HELLO[..cut]).unwrap_or_default();
            assert!(memchr::memmem::find(&out, b"pas").is_none(), "{cut}");
            if cut > 20 {
                let (document, _) = Document::split(&out).unwrap();
                assert!(!document.whole && document.get("hello").is_some(), "{cut}");
            }
        }
    }

    #[test]
    fn commands_are_known_in_any_case_and_collections_by_name() {
        let find = |collection: &[u8]| {
            let length = u8::try_from(collection.len() + 1).unwrap();
            let inner = [b"\x02find\0", &[length, 0, 0, 0][..], collection, b"\0"].concat();
            let size = u8::try_from(inner.len() + 5).unwrap();
            [&[0, size, 0, 0, 0][..], &inner, b"\0"].concat()
        };
        let front = Front::default();
        assert!(may_ask(Op::MSG, &front, &[&[0], HELLO].concat()));
        assert!(may_ask(Op::MSG, &front, &find(b"system.users")));
        assert!(!may_ask(Op::MSG, &front, &find(b"users")));
        assert!(may_ask(Op::MSG, &front, b"\x01"));
        let front = Front { namespace: b"a.$cmd", ..front };
        assert!(may_ask(Op::QUERY, &front, HELLO));
        let front = Front { namespace: b"admin.system.users", ..front };
        assert!(may_ask(Op::INSERT, &front, HELLO));
    }
}
