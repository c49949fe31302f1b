//! What was read, said and lost, in words, for standard error.

use std::time::Duration;

use bytesize::ByteSize;
use flow::Report;

/// The lines of the summary.
pub fn of(report: &Report, shown: Option<u64>, elapsed: Duration) -> String {
    let mut text = format!(
        "{} packets, {} on the wire, {} flows, {} calls in {:.2} s\n",
        grouped(report.packets),
        ByteSize(report.wire_bytes),
        grouped(report.flows),
        grouped(report.calls()),
        elapsed.as_secs_f64(),
    );
    if let Some(shown) = shown {
        text += &format!("{} calls match --where\n", grouped(shown));
    }
    for (name, flows, [matched, unanswered, orphans, one_way]) in &report.protocols {
        let mut parts = vec![format!("{} matched", grouped(*matched))];
        let others =
            [(unanswered, "unanswered"), (orphans, "without their request"), (one_way, "one-way")];
        parts.extend(
            others
                .iter()
                .filter(|(n, _)| **n > 0)
                .map(|(n, words)| format!("{} {words}", grouped(**n))),
        );
        text += &format!("  {name}: {} on {} flows\n", parts.join(", "), grouped(*flows));
    }
    if report.unknown_flows > 0 {
        text += &format!("  unknown: {} flows\n", grouped(report.unknown_flows));
    }
    lines(&mut text, report, true, "lost or unread");
    lines(&mut text, report, false, "noticed");
    text
}

fn lines(text: &mut String, report: &Report, loss: bool, title: &str) {
    let counts: Vec<_> = report
        .counts
        .iter()
        .filter(|(_, _, value, is_loss)| *value > 0 && *is_loss == loss)
        .collect();
    if counts.is_empty() {
        return;
    }
    *text += &format!("{title}:\n");
    for (name, words, value, _) in counts {
        let words = if words.is_empty() { name } else { words };
        *text += &format!("  {:>12}  {words}\n", grouped(*value));
    }
}

/// `1234567` as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_count_that_is_zero_is_not_told() {
        let mut report = Report::default();
        report.count("gaps", "holes in a stream", 0, true);
        assert!(!of(&report, None, Duration::ZERO).contains("holes"));
        report.count("gaps", "holes in a stream", 3, true);
        assert!(of(&report, None, Duration::ZERO).contains("3  holes in a stream"));
    }
}
