//! One link: its name, its handles, what it is attached to, and the delivery that is being sent on it.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::Side;

use super::{
    composite::{COORDINATOR, Fields},
    payload::Part,
    record::{self, About},
    types::Value,
};

/// Bytes kept of an address.
const ADDRESS_MAX: usize = 255;
/// The node to which tokens are put (Claims-based Security).
const CBS: &[u8] = b"$cbs";

/// One link of a session.
#[derive(Debug)]
pub struct Link {
    /// A hash of its name; `None` where no `attach` of it was seen.
    name: Option<u64>,
    /// Who sends on it.
    pub sender: Side,
    /// How each side calls it.
    pub handles: [Option<u32>; 2],
    /// The node at the server's end.
    pub address: Box<[u8]>,
    /// It leads to a transaction coordinator (part 4 §4.2).
    pub is_coordinator: bool,
    /// Who attached it, and under which id that awaits the other side's.
    pub attaching: Option<(Side, u64)>,
    /// Who detached it, likewise.
    pub detaching: Option<(Side, u64)>,
    /// What is being sent on it.
    pub delivery: Option<Delivery>,
    /// Bytes of its sender were lost: what comes next may go on with what was lost.
    pub is_doubtful: bool,
}

/// A message that is being sent.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Its delivery id; 0 where it was not seen.
    pub id: u32,
    /// The id under which its disposition is awaited.
    pub pair: Option<u64>,
    /// What comes next of it.
    pub part: Part,
}

/// What an `attach` says.
#[derive(Clone, Copy, Debug)]
pub struct Attach<'b> {
    /// A hash of the link's name.
    pub name: u64,
    /// How its sender calls the link.
    pub handle: u32,
    /// Who sends messages on it.
    pub sender: Side,
    source: Value<'b>,
    target: Value<'b>,
}

// === impl Attach ===

impl<'b> Attach<'b> {
    /// The fields of an `attach` that `from` sends.
    pub fn of(from: Side, fields: Fields<'b>) -> Option<Self> {
        let [name, handle, role, _, _, source, target] = fields.first();
        let mut hasher = DefaultHasher::new();
        name.octets()?.hash(&mut hasher);
        let sender = if role == Value::Bool(true) { from.other() } else { from };
        let (name, handle) = (hasher.finish(), handle.uint()?);
        Some(Self { name, handle, sender, source, target })
    }

    /// The terminus that names the node: the far one, seen from the client.
    fn terminus(self) -> Option<Fields<'b>> {
        Fields::within(if self.sender == Side::Client { self.target } else { self.source })
    }
}

// === impl Link ===

impl Link {
    /// One of which nothing is known but how `sender` calls it.
    pub fn unknown(sender: Side, handle: u32) -> Self {
        let mut handles = [None; 2];
        handles[sender as usize] = Some(handle);
        Self {
            name: None,
            sender,
            handles,
            address: Box::default(),
            is_coordinator: false,
            attaching: None,
            detaching: None,
            delivery: None,
            is_doubtful: true,
        }
    }

    /// One that `from` attaches.
    pub fn attached(from: Side, attach: Attach<'_>) -> Self {
        let mut link = Self::unknown(attach.sender, 0);
        link.is_doubtful = false;
        link.handles = [None; 2];
        link.attach(from, attach);
        link
    }

    /// `from` attaches it.
    pub fn attach(&mut self, from: Side, attach: Attach<'_>) {
        self.name = Some(attach.name);
        self.handles[from as usize] = Some(attach.handle);
        let Some(terminus) = attach.terminus() else { return };
        self.is_coordinator |= terminus.composite.code == COORDINATOR;
        if let Some(address) = terminus.octets("address") {
            self.address = address.get(..ADDRESS_MAX).unwrap_or(address).into();
        }
    }

    /// Whether `attach` of `from` is the other end of it.
    pub fn is_awaited(&self, from: Side, attach: Attach<'_>) -> bool {
        self.name == Some(attach.name)
            && self.sender == attach.sender
            && self.attaching.is_some_and(|(by, _)| by != from)
    }

    /// What is being sent ends in the middle: what comes of it is nobody's.
    pub fn break_off(&mut self) -> Option<Delivery> {
        let open = self.delivery?;
        self.delivery = Some(Delivery { pair: None, part: Part::Stray, ..open });
        Some(open).filter(|open| open.part != Part::Stray)
    }

    /// Whether its `attach` was seen.
    pub fn is_known(&self) -> bool {
        self.name.is_some()
    }

    /// What is known of a message on it.
    pub fn about(&self, channel: u16) -> About<'_> {
        let coordinated = if self.is_coordinator { record::COORDINATED } else { 0 };
        let known = if self.is_known() { record::KNOWN } else { 0 };
        About { flags: coordinated | known, channel, address: &self.address }
    }

    /// Whether secrets are sent on it.
    pub fn is_secret(&self) -> bool {
        *self.address == *CBS
    }
}
