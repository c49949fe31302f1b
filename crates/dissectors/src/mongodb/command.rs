//! What a request asks for: the command, and what it is about.

use super::{
    bson::{Document, Value},
    record::Letter,
    secrets::{after_dot, unwrapped},
    wire::{Documents, Front, Op, Section, Sections},
};

/// Commands whose first value is no collection but a user, a role, a parameter.
const NO_COLLECTION: [&str; 22] = [
    "createUser",
    "updateUser",
    "dropUser",
    "usersInfo",
    "grantRolesToUser",
    "revokeRolesFromUser",
    "createRole",
    "updateRole",
    "dropRole",
    "rolesInfo",
    "grantPrivilegesToRole",
    "revokePrivilegesFromRole",
    "grantRolesToRole",
    "revokeRolesFromRole",
    "getLog",
    "configureFailPoint",
    "addShard",
    "removeShard",
    "enableSharding",
    "movePrimary",
    "setFeatureCompatibilityVersion",
    "logApplicationMessage",
];

/// What a request is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Command<'b> {
    /// `find`, `insert`, `hello`; nothing where it was not kept.
    pub name: Option<&'b [u8]>,
    pub database: Option<&'b [u8]>,
    pub collection: Option<&'b [u8]>,
    /// The command itself.
    pub document: Option<Document<'b>>,
}

// === impl Command ===

impl<'b> Command<'b> {
    /// What `letter` asks for.
    pub fn of(letter: &'b Letter<'_>) -> Self {
        let front = letter.front();
        match letter.op {
            Op::MSG => Self::of_sections(&letter.behind),
            Op::QUERY if after_dot(front.namespace).starts_with(b"$cmd") => {
                let document = Documents(&letter.behind).next().map(unwrapped);
                let command = document.map(Self::of_document).unwrap_or_default();
                Self { database: database(front.namespace), ..command }
            }
            Op::COMMAND => {
                let arguments = Documents(&letter.behind).nth(1);
                let command = arguments.map(Self::of_document).unwrap_or_default();
                Self { name: Some(front.command), database: some(front.namespace), ..command }
            }
            op => Self::of_opcode(op, &front, Documents(&letter.behind).next()),
        }
    }

    fn of_sections(sections: &'b [u8]) -> Self {
        let body = Sections::of(sections).find_map(|section| match section {
            Section::Body(document) => Some(document),
            Section::Sequence { .. } => None,
        });
        let Some(document) = body else { return Self::default() };
        let mut command = Self::of_document(document);
        command.database = document.get("$db").and_then(|db| db.text());
        if command.name == Some(b"bulkWrite") {
            command.of_namespaces(sections);
        }
        command
    }

    /// `bulkWrite` names its collections in an argument of its own; the first of them.
    fn of_namespaces(&mut self, sections: &'b [u8]) {
        let infos = Sections::of(sections).find_map(|section| match section {
            Section::Sequence { name: b"nsInfo", documents } => Documents(documents).next(),
            _ => None,
        });
        let inline = || self.document?.get("nsInfo")?.array()?.first()?.value.document();
        let Some(info) = infos.or_else(inline) else { return };
        let namespace = info.get("ns").and_then(|ns| ns.text()).unwrap_or_default();
        self.database = database(namespace);
        self.collection = some(after_dot(namespace));
    }

    fn of_document(document: Document<'b>) -> Self {
        let Some(first) = document.first() else {
            return Self { document: Some(document), ..Self::default() };
        };
        let name = first.name;
        let collection = match first.value {
            Value::String(_) if NO_COLLECTION.iter().any(|known| known.as_bytes() == name) => None,
            Value::String(text) => some(text),
            // `explain` holds the command that it explains.
            Value::Document(inner) => inner.first().and_then(|first| first.value.text()),
            _ => document.get("collection").and_then(|collection| collection.text()),
        };
        Self { name: some(name), database: None, collection, document: Some(document) }
    }

    /// Opcodes that are commands by themselves, under the names that commands have now.
    fn of_opcode(op: Op, front: &Front<'b>, document: Option<Document<'b>>) -> Self {
        let name = match op {
            Op::QUERY => "find",
            Op::GET_MORE => "getMore",
            Op::INSERT => "insert",
            Op::UPDATE => "update",
            Op::DELETE => "delete",
            Op::KILL_CURSORS => "killCursors",
            Op::OLD_MSG => "msg",
            _ => return Self::default(),
        };
        Self {
            name: Some(name.as_bytes()),
            database: database(front.namespace),
            collection: some(after_dot(front.namespace)),
            document: document.filter(|_| op != Op::INSERT),
        }
    }

    /// The collection, or the database where there is none.
    pub fn target(&self) -> Option<&'b [u8]> {
        self.collection.or(self.database)
    }
}

/// What comes before the dot in a namespace.
pub fn database(namespace: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'.', namespace).unwrap_or(namespace.len());
    namespace.get(..end).and_then(some)
}

fn some(text: &[u8]) -> Option<&[u8]> {
    Some(text).filter(|text| !text.is_empty())
}
