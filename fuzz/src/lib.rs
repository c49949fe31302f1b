//! What the fuzz targets share: how inputs are laid out, so that `examples/seeds.rs` can write what
//! the targets read.

pub mod network;

mod input;

pub use input::Input;
use packet::LinkType;

/// The link types that the first byte of an input for `packet` picks from.
pub const LINKS: [LinkType; 8] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::IPV4,
    LinkType::IPV6,
];
