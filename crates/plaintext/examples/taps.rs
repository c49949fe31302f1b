//! Taps every TLS library of the machine for so many seconds, and says what was seen:
//! `cargo run -p plaintext --example taps -- 10`; with `rows`, who speaks TLS.

use std::time::{Duration, Instant};

use plaintext::{Packets, Settings, Survey, TapError, Taps};

fn main() -> Result<(), TapError> {
    let what = std::env::args().nth(1).unwrap_or_default();
    if what == "rows" {
        for row in Survey::take().rows {
            println!("{row:?}");
        }
        return Ok(());
    }
    let end = Instant::now() + Duration::from_secs(what.parse().unwrap_or(10));
    let mut taps = Taps::start(Settings::default())?;
    let (mut count, mut bytes) = (0_u64, 0_u64);
    let mut packets = Packets::new(|made: &plaintext::Made<'_>| {
        count += 1;
        bytes += made.bytes.len() as u64;
    });
    while Instant::now() < end {
        taps.read(Duration::from_millis(100), &mut packets);
    }
    for plaintext::Line { words, value, is_loss, .. } in taps.counts().lines() {
        println!("{value:>14}  {words}{}", if is_loss && value > 0 { " (loss)" } else { "" });
    }
    drop(packets);
    println!("{count:>14}  packets made, {bytes} bytes");
    Ok(())
}
