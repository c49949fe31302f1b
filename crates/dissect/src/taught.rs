//! What servers say of themselves on one connection, and what is known of them on all others.

use model::Lore;

/// What passes between a conversation and those with the same server.
#[derive(Clone, Debug, Default)]
pub struct Taught {
    /// What earlier conversations with the server learned of it.
    pub known: Lore,
    /// What this one learned, and how many bytes that takes.
    pub news: Option<(Lore, usize)>,
    /// By what datagrams to the server are known to be of this flow, whatever their addresses: these bytes
    /// at these places.
    pub names: Vec<(usize, Box<[u8]>)>,
}
