//! What the two sides of a connection must know of each other.

use super::{
    capability::{COMPRESS, Capabilities, DEPRECATE_EOF, ZSTD},
    statements::{Statement, Statements},
};

/// Bytes of a schema's name; MySQL: 64 characters of up to 4 bytes.
const SCHEMA_MAX: usize = 255;

/// One for every connection.
#[derive(Debug, Default)]
pub struct Session {
    /// What the greeting said, until the login.
    pub greeting: Option<Box<Greeting>>,
    /// What the login agreed on, if it was seen.
    pub capabilities: Option<Capabilities>,
    /// Whether result sets have EOF packets, if that is known.
    pub has_eof: Option<bool>,
    /// Whether packets travel inside compressed ones.
    pub is_packed: bool,
    /// Bytes were lost, or the start was not seen.
    pub is_broken: bool,
    /// The client has spoken.
    pub is_answered: bool,
    /// What is going on.
    pub course: Course,
    /// Where the server's next message may start after a loss.
    pub anchor: Anchor,
    /// Number of the packet that answers what the client said last.
    pub next_seq: u8,
    schema: Option<Box<[u8]>>,
    statements: Option<Box<Statements>>,
}

/// What the greeting said.
#[derive(Debug)]
pub struct Greeting {
    /// As it is written down.
    pub facts: Box<[u8]>,
    /// What the server can.
    pub capabilities: Capabilities,
}

/// What is going on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Course {
    /// Nothing was said.
    #[default]
    Start,
    /// The server has spoken, the client has not.
    Greeted,
    /// Who the client is, is being found out.
    Login,
    /// Commands and their answers.
    Commands,
    /// The client sends a file.
    Upload,
    /// The server sends its binary log.
    Events,
}

/// Whether the start of a packet of the server can be the start of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Anchor {
    /// Nothing was seen of the server.
    #[default]
    Unseen,
    /// The server's bytes are read.
    Reading,
    /// They were lost, and the client has not asked since.
    Lost,
    /// It has: what the server sends next was asked for, and begins where a packet does.
    Asked,
}

// === impl Session ===

impl Session {
    /// The client said what it can.
    pub fn agree(&mut self, client: Capabilities) {
        let server = self.greeting.take().map(|greeting| greeting.capabilities);
        let all = server.map_or(client.0, |server| client.0 & server.0);
        self.capabilities = Some(Capabilities(all));
        self.has_eof = Some(all & DEPRECATE_EOF == 0);
    }

    /// The server let the client in.
    pub fn enter(&mut self) {
        self.course = Course::Commands;
        if let Some(agreed) = self.capabilities {
            self.is_packed = agreed.has(COMPRESS | ZSTD);
        }
    }

    /// Bytes were lost: whatever they may have changed is not known any more.
    pub fn forget(&mut self) {
        self.schema = None;
        self.statements = None;
        self.greeting = None;
        self.is_broken = true;
        if self.course != Course::Events {
            self.course = Course::Commands;
        }
    }

    /// The default schema; empty if there is none or it is not known.
    pub fn schema(&self) -> &[u8] {
        self.schema.as_deref().unwrap_or_default()
    }

    /// The default schema changed.
    pub fn set_schema(&mut self, schema: &[u8]) {
        let fits = !schema.is_empty() && schema.len() <= SCHEMA_MAX;
        self.schema = fits.then(|| schema.into());
    }

    /// The statement with this number, if it was seen being prepared.
    pub fn statement(&self, id: u32) -> Option<&Statement> {
        self.statements.as_ref()?.get(id)
    }

    /// What was prepared, to be changed.
    pub fn statements(&mut self) -> &mut Statements {
        self.statements.get_or_insert_default()
    }

    /// Bytes that are remembered.
    pub fn size(&self) -> usize {
        self.statements.as_ref().map_or(0, |statements| statements.size())
    }

    /// Nothing is prepared any more.
    pub fn forget_statements(&mut self) {
        self.statements = None;
    }
}

// === impl Anchor ===

impl Anchor {
    /// The client asked something that will be answered.
    pub fn asked(self) -> Self {
        if self == Self::Reading { self } else { Self::Asked }
    }

    /// The server's bytes are looked through for a start.
    pub fn looked_for(self) -> Self {
        if self == Self::Asked { self } else { Self::Lost }
    }
}
