//! Steps of durations, each about three times the one before: for histograms and heat maps.

/// The first step, in nanoseconds: what is shorter is at 0.
const FIRST_NS: i64 = 1_000;

/// The step that a duration has reached, both in nanoseconds: 1 µs, 3 µs, 10 µs, 30 µs, and so on.
#[must_use]
pub fn step(duration_ns: i64) -> i64 {
    if duration_ns < FIRST_NS {
        return 0;
    }
    let ten = 10_i64.pow(duration_ns.ilog10());
    if duration_ns / 3 >= ten { ten * 3 } else { ten }
}

/// How many steps there are.
pub const STEPS: usize = 33;

/// The place of a duration's step among all of them.
#[must_use]
pub fn step_number(duration_ns: i64) -> usize {
    if duration_ns < FIRST_NS {
        return 0;
    }
    let tens = duration_ns.ilog10();
    let is_upper = duration_ns / 3 >= 10_i64.pow(tens);
    (1 + 2 * (tens - FIRST_NS.ilog10()) + u32::from(is_upper)) as usize
}

/// The step behind this one.
#[must_use]
pub fn step_after(step: i64) -> i64 {
    match step {
        ..FIRST_NS => FIRST_NS,
        _ if step.to_string().starts_with('1') => step.saturating_mul(3),
        _ => (step / 3).saturating_mul(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other() {
        let mut last = 0;
        for number in 1..STEPS {
            let next = step_after(last);
            assert_eq!((step(next - 1), step(next)), (last, next));
            assert_eq!((step_number(next - 1), step_number(next)), (number - 1, number));
            last = next;
        }
        assert_eq!(step_number(i64::MAX), STEPS - 1);
    }

    #[test]
    fn a_step_is_reached_and_not_passed() {
        for (ns, expected) in [
            (-5, 0),
            (0, 0),
            (999, 0),
            (1_000, 1_000),
            (2_999, 1_000),
            (3_000, 3_000),
            (9_999, 3_000),
            (10_000, 10_000),
            (250_000_000, 100_000_000),
            (i64::MAX, 3_000_000_000_000_000_000),
        ] {
            assert_eq!(step(ns), expected, "{ns}");
        }
    }
}
