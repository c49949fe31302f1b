//! Any bytes as a conversation in any protocol of the list: the first byte picks it, the rest is
//! played by the kit.
#![no_main]

use dissectors::ALL;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    dissect::kit::fuzz(ALL[usize::from(*which) % ALL.len()], rest);
});
