//! Hashes of flows that don't care which way a packet went.

use model::Transport;

/// Odd constants without structure (digits of π and e).
const MIX_A: u64 = 0x243f_6a88_85a3_08d3;
const MIX_B: u64 = 0x1319_8a2e_0370_7345;
const MIX_C: u64 = 0xb7e1_5162_8aed_2a6b;

/// The same for `a → b` and `b → a`; every bit of both ends, transport and scope counts.
#[inline]
pub(crate) fn of_flow(seed: u64, a: u64, b: u64, transport: Transport, scope: u16) -> u64 {
    let rest = (u64::from(scope) << 8) | transport as u64;
    let sum = a.wrapping_add(b);
    fold(sum ^ seed ^ MIX_A, (rest ^ MIX_C).wrapping_add(sum.rotate_left(32)))
}

/// One end of a flow over IPv4: address and port in 48 bits.
#[inline]
pub(crate) fn of_end_v4(seed: u64, end: u64) -> u64 {
    fold(end ^ seed ^ MIX_A, MIX_B ^ seed.rotate_left(32))
}

/// One end of a flow over IPv6.
#[inline]
pub(crate) fn of_end_v6(seed: u64, (bits, port): (u128, u16)) -> u64 {
    let (high, low) = ((bits >> 64) as u64, bits as u64);
    let first = fold(high ^ seed ^ MIX_C, MIX_B ^ u64::from(port));
    fold(first ^ low ^ MIX_A, MIX_C ^ seed.rotate_left(32))
}

/// The same for both ways between two ports, whatever the addresses.
#[inline]
pub(crate) fn of_ports(seed: u64, a: u16, b: u16) -> u64 {
    let ports = (u64::from(a.min(b)) << 16) | u64::from(a.max(b));
    let mixed = fold(ports ^ seed ^ MIX_A, MIX_B);
    fold(mixed ^ MIX_C, MIX_A ^ seed.rotate_left(17))
}

/// The two halves of the 128-bit product, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_neighbours_fill_all_shards_alike() {
        let mut shards = [0_u32; 64];
        let mut low_bits = [0_u32; 64];
        for n in 0..100_000 {
            let client = ((0x0a00_0000 + n / 1000) << 16) | (n % 1000);
            let hash = tcp_v4(7, client, 0x0a01_0001_0050);
            shards[(hash >> 58) as usize] += 1;
            low_bits[(hash & 63) as usize] += 1;
        }
        for count in shards.into_iter().chain(low_bits) {
            assert!((1_350..1_780).contains(&count), "{count} of about 1562");
        }
    }

    #[test]
    fn every_bit_of_an_end_changes_about_half_of_the_hash() {
        for bit in 0..144 {
            let there =
                |end| of_flow(7, of_end_v6(7, end), of_end_v6(7, (1, 80)), Transport::Tcp, 0);
            let flipped = if bit < 128 { (1 << bit, 0) } else { (0, 1 << (bit - 128)) };
            let changed = (there((0, 0)) ^ there(flipped)).count_ones();
            assert!((10..54).contains(&changed), "bit {bit}: {changed}");
        }
    }

    #[test]
    fn scope_transport_and_seed_count() {
        let one = of_flow(7, 1, 2, Transport::Tcp, 0);
        assert_ne!(one, of_flow(7, 1, 2, Transport::Tcp, 1));
        assert_ne!(one, of_flow(7, 1, 2, Transport::Udp, 0));
        assert_ne!(one, of_flow(8, 1, 2, Transport::Tcp, 0));
        assert_ne!(of_ports(7, 53, 4000), of_ports(7, 53, 4001));
    }

    #[test]
    fn both_ways_hash_alike() {
        assert_eq!(of_ports(7, 53, 4000), of_ports(7, 4000, 53));
        assert_eq!(tcp_v4(7, 1, 2), tcp_v4(7, 2, 1));
    }

    fn tcp_v4(seed: u64, a: u64, b: u64) -> u64 {
        of_flow(seed, of_end_v4(seed, a), of_end_v4(seed, b), Transport::Tcp, 0)
    }
}
