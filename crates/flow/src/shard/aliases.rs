//! Flows of datagrams that are known by other addresses than their own: questions to groups, whose members
//! answer from their own addresses, and flows that are seen at two places.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Dir, Endpoint, FlowKey, Translated};
use packet::Datagram;

use super::{Arrival, Shard};
use crate::{flow::Names, twins::TWINS_MAX};

// === impl Shard ===

impl Shard {
    /// The flow of a question to a group that this datagram may answer, and which way it goes there.
    pub(super) fn group_of(&self, datagram: &Datagram<'_>) -> Option<(u32, Dir)> {
        if self.groups.is_empty() {
            return None;
        }
        let (src, dst) = (datagram.key.src(datagram.dir), datagram.key.dst(datagram.dir));
        let nobody = Endpoint { ip: unspecified(dst.ip), port: dst.port };
        // Who has no address yet is answered at the one it is given, or by broadcast.
        let asker = [dst, nobody]
            .into_iter()
            .find_map(|asker| self.groups.get(&(asker, src.port)).map(|at| (*at, asker)));
        let (at, asker) = asker?;
        let talk = &self.table.flow(at)?.talk;
        let asked = if talk.key.a == asker { Dir::Ab } else { Dir::Ba };
        Some((at, asked.flip()))
    }

    /// The flow whose datagram this is, seen elsewhere under other addresses.
    pub(super) fn twin_of(
        &mut self,
        datagram: &Datagram<'_>,
        print: u64,
        arrival: &Arrival,
    ) -> Option<(u32, Dir)> {
        if let Some((at, flips)) = self.twins.get(&datagram.key) {
            return Some((*at, if *flips { datagram.dir.flip() } else { datagram.dir }));
        }
        if datagram.id == 0 {
            return None;
        }
        let (at, stream) = self.openers.find(opener(datagram, print), arrival.mark.at)?;
        let talk = &mut self.table.flow_mut(at).filter(|flow| flow.talk.stream == stream)?.talk;
        let (src, dst) = (datagram.key.src(datagram.dir), datagram.key.dst(datagram.dir));
        let names = talk.rare.as_ref().and_then(|rare| rare.translated.as_ref());
        if talk.client() != src || names.is_some_and(|names| names.twins.len() >= TWINS_MAX) {
            return None;
        }
        // Who sends was seen first, where it sends to last.
        let others = Translated { client: src, server: talk.server() };
        let flips = talk.client != datagram.dir;
        let translated = &mut talk.rare.get_or_insert_default().translated;
        let names = translated.get_or_insert_with(|| Box::new(Names::new(src, dst, others)));
        names.server = dst;
        names.twins.push(datagram.key);
        self.twins.insert(datagram.key, (at, flips));
        self.counts.translated += u64::from(names.twins.len() == 1);
        Some((at, if flips { datagram.dir.flip() } else { datagram.dir }))
    }

    /// A flow of questions to a group is over.
    pub(super) fn forget_group(&mut self, key: &FlowKey, at: u32) {
        for (asker, group) in [(key.a, key.b), (key.b, key.a)] {
            let question = (asker, group.port);
            if is_group(group.ip) && self.groups.get(&question) == Some(&at) {
                self.groups.remove(&question);
            }
        }
    }
}

/// What a datagram is known by at another place: who sent it, and what; its payload has this `print`.
pub(super) fn opener(datagram: &Datagram<'_>, print: u64) -> u64 {
    let src = datagram.key.src(datagram.dir);
    let ip = match src.ip {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(_) => 0,
    };
    let who = ip << 32 | u64::from(src.port) << 16 | u64::from(datagram.id);
    (print ^ who).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether an address stands for many, who answer from their own.
pub(super) fn is_group(ip: IpAddr) -> bool {
    ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// The address of who has none, of the same family.
fn unspecified(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Not a checksum against forgery: it tells a copy from another datagram.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut print = (bytes.len() as u64).wrapping_mul(PRIME);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        print = (print.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
    }
    for byte in rest {
        print = (print.rotate_left(7) ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    print
}
