//! Who sent a packet to whom, by version of IP: each stays in registers, and is never mixed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Dir, Endpoint, FlowKey, Transport};

use crate::hash;

/// Source and destination of an IP packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Addresses {
    V4(Pair<Ipv4Addr>),
    V6(Pair<Ipv6Addr>),
}

/// Source and destination of one version.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Pair<A> {
    pub src: A,
    pub dst: A,
}

/// An address that can be joined with a port so that joined ends have the order of [`Endpoint`]s.
pub(crate) trait Address: Copy {
    type End: Copy + Ord;
    fn end(self, port: u16) -> Self::End;
    fn endpoint(end: Self::End) -> Endpoint;
    fn hash(end: Self::End, seed: u64) -> u64;
}

/// A flow as a packet tells it, with what only the caller knows of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub scope: u16,
    pub seed: u64,
}

// === impl Addresses ===

impl Addresses {
    /// Before the first IP header.
    pub const NONE: Self =
        Self::V4(Pair { src: Ipv4Addr::UNSPECIFIED, dst: Ipv4Addr::UNSPECIFIED });

    /// Who sent the packet.
    pub fn src(self) -> IpAddr {
        match self {
            Self::V4(pair) => pair.src.into(),
            Self::V6(pair) => pair.src.into(),
        }
    }
}

// === impl Context ===

impl Context {
    /// The key that [`FlowKey::of`] gives, without a branch that depends on the addresses.
    #[inline(always)]
    pub fn key<A: Address>(self, pair: Pair<A>, ports: [u16; 2], transport: Transport) -> FlowKey {
        let [src, dst] = pair.ends(ports);
        FlowKey {
            a: A::endpoint(src.min(dst)),
            b: A::endpoint(src.max(dst)),
            transport,
            scope: self.scope,
        }
    }

    /// The hash of a flow, the same both ways. What is under a cover is where its wire is: they know of each
    /// other.
    #[inline]
    pub fn hash<A: Address>(self, pair: Pair<A>, ports: [u16; 2], transport: Transport) -> u64 {
        let [src, dst] = pair.ends(ports).map(|end| A::hash(end, self.seed));
        let scope = if self.scope & FlowKey::UNDER_COVER == 0 { self.scope } else { 0 };
        hash::of_flow(self.seed, src, dst, transport, scope)
    }
}

// === impl Pair ===

impl<A: Address> Pair<A> {
    /// The way that [`FlowKey::of`] gives.
    #[inline(always)]
    pub fn dir(self, ports: [u16; 2]) -> Dir {
        let [src, dst] = self.ends(ports);
        if src <= dst { Dir::Ab } else { Dir::Ba }
    }

    #[inline(always)]
    fn ends(self, [src, dst]: [u16; 2]) -> [A::End; 2] {
        [self.src.end(src), self.dst.end(dst)]
    }
}

// === impl Address ===

impl Address for Ipv4Addr {
    type End = u64;

    #[inline]
    fn end(self, port: u16) -> u64 {
        (u64::from(self.to_bits()) << 16) | u64::from(port)
    }

    #[inline(always)]
    fn endpoint(end: u64) -> Endpoint {
        Endpoint { ip: Self::from_bits((end >> 16) as u32).into(), port: end as u16 }
    }

    #[inline]
    fn hash(end: u64, seed: u64) -> u64 {
        hash::of_end_v4(seed, end)
    }
}

impl Address for Ipv6Addr {
    type End = (u128, u16);

    #[inline]
    fn end(self, port: u16) -> (u128, u16) {
        (self.to_bits(), port)
    }

    #[inline(always)]
    fn endpoint((bits, port): (u128, u16)) -> Endpoint {
        Endpoint { ip: Self::from_bits(bits).into(), port }
    }

    #[inline]
    fn hash(end: (u128, u16), seed: u64) -> u64 {
        hash::of_end_v6(seed, end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_that_of_the_model(
            src in any::<[u8; 16]>(), dst in any::<[u8; 16]>(), same in any::<bool>(),
            ports in any::<[u16; 2]>(), scope in any::<u16>(),
        ) {
            let dst = if same { src } else { dst };
            let pair = Pair { src: Ipv6Addr::from(src), dst: Ipv6Addr::from(dst) };
            check(pair, ports, scope)?;
            let [s, d] = [src, dst].map(|octets| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]));
            check(Pair { src: s, dst: d }, ports, scope)?;
        }
    }

    fn check<A: Address + Into<IpAddr>>(
        pair: Pair<A>,
        ports: [u16; 2],
        scope: u16,
    ) -> Result<(), TestCaseError> {
        let context = Context { scope, seed: 7 };
        let src = Endpoint { ip: pair.src.into(), port: ports[0] };
        let dst = Endpoint { ip: pair.dst.into(), port: ports[1] };
        prop_assert_eq!(
            (context.key(pair, ports, Transport::Tcp), pair.dir(ports)),
            FlowKey::of(src, dst, Transport::Tcp, scope)
        );
        let back = Pair { src: pair.dst, dst: pair.src };
        prop_assert_eq!(
            context.hash(pair, ports, Transport::Tcp),
            context.hash(back, [ports[1], ports[0]], Transport::Tcp)
        );
        Ok(())
    }
}
