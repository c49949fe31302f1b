//! Any bytes as a conversation in any protocol of the list: the first byte picks it, the rest is
//! played by the kit. `FUZZ_PROTOCOL` names the folder of the one that is played whatever the first
//! byte says.
#![no_main]

use std::sync::LazyLock;

use dissect::Dissection;
use dissectors::ALL;
use libfuzzer_sys::fuzz_target;

static CHOSEN: LazyLock<Option<&'static Dissection>> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_PROTOCOL").ok()?;
    let known = ALL.iter().find(|dissection| dissection.folder == name);
    Some(known.unwrap_or_else(|| panic!("no protocol {name} on the list")))
});

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    let dissection = CHOSEN.unwrap_or(ALL[usize::from(*which) % ALL.len()]);
    dissect::kit::fuzz(dissection, rest);
});
