//! No more of the machine than allowed: above it, only a share of new connections is read.

use std::{
    fs,
    time::{Duration, Instant},
};

use flow::{ALL, Share};
use store::Count;

/// How often it is looked what the process takes.
const LOOK: Duration = Duration::from_millis(500);
/// The least that is read.
const LEAST: u16 = 10;
/// The kernel counts in hundredths of a second, whatever its own clock (`USER_HZ`, proc(5)).
const TICKS: f64 = 100.0;
/// Below this part of the limit more is read again.
const EASE: f64 = 0.8;

/// How many cores: `0.5`.
///
/// # Errors
/// In words, for the command line.
pub fn cores(text: &str) -> Result<f64, String> {
    let cores = text.parse().ok().filter(|cores: &f64| cores.is_finite() && *cores >= 0.01);
    cores.ok_or_else(|| "a number of cores: 0.5".to_owned())
}

/// Keeps this process to so many cores, for ever.
pub async fn limit(cores: f64, share: Share) {
    let mut last = used().map(|used| (used, Instant::now()));
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(used) = used() else { continue };
        let now = Instant::now();
        if let Some((before, then)) = last.replace((used, now)) {
            let taken = (used - before) / now.duration_since(then).as_secs_f64().max(1e-3);
            let next = next(share.per_mille(), taken / cores);
            share.set(next);
        }
    }
}

/// Which share is read next, where so much of the limit was taken: what is too much goes at once, what is
/// free comes back by and by.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a thousand"
)]
fn next(per_mille: u16, of_limit: f64) -> u16 {
    if of_limit > 1.0 {
        return ((f64::from(per_mille) / of_limit) as u16).max(LEAST);
    }
    if of_limit < EASE { (per_mille + per_mille / 8 + 5).min(ALL) } else { per_mille }
}

/// Seconds of cores that this process has taken, in user and kernel.
fn used() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may have anything in it.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// What was passed over, for the hub.
pub fn counts(share: &Share) -> Vec<Count> {
    let count = |name: &'static str, about: &'static str, value, is_loss| Count {
        name: name.into(),
        about: about.into(),
        value,
        is_loss,
    };
    let about = "packets of new connections that were passed over to keep to the limit on CPU time";
    let left = u64::from(ALL - share.per_mille());
    vec![
        count("packets_passed_over", about, share.passed_over(), true),
        count(
            "packets_not_targeted",
            "packets of connections between others than those that --target… names",
            share.not_meant(),
            false,
        ),
        count("share_passed_over", "thousandths of new connections passed over now", left, false),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_goes_at_once_and_comes_back_by_and_by() {
        assert_eq!(next(1000, 2.0), 500);
        assert_eq!(next(1000, 0.9), 1000);
        assert_eq!(next(20, 100.0), LEAST);
        let mut share = LEAST;
        let steps = (0..100).take_while(|_| {
            share = next(share, 0.1);
            share < ALL
        });
        assert!((10..60).contains(&steps.count()));
    }

    #[test]
    fn what_it_takes_is_known() {
        let before = used().unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) && used().unwrap() < before + 0.05 {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
        assert!(used().unwrap() >= before + 0.05);
        assert!(cores("0").is_err() && cores("x").is_err() && cores("0.5") == Ok(0.5));
    }
}
