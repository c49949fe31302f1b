//! Figures and facts in the words of people: durations, sizes, statuses, what is missing.

use model::{Call, Pairing, Status};

use super::{
    Style,
    text::{self, push_fmt},
};

/// A unit, by how much of the smallest it is.
type Unit = (&'static str, u64);

const DURATIONS: [Unit; 4] = [("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

const SIZES: [Unit; 5] =
    [("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];

/// `1.98 ms`, `312 µs`, `2 min 05 s`.
pub(crate) fn push_duration(to: &mut String, ns: u64, style: Style) {
    let seconds = ns / 1_000_000_000;
    if seconds >= 3600 {
        return push_fmt(to, format_args!("{} h {:02} min", seconds / 3600, seconds / 60 % 60));
    }
    if seconds >= 60 {
        return push_fmt(to, format_args!("{} min {:02} s", seconds / 60, seconds % 60));
    }
    let begin = to.len();
    push_scaled(to, ns, &DURATIONS);
    if !style.unicode && to[begin..].ends_with("µs") {
        to.truncate(to.len() - "µs".len());
        to.push_str("us");
    }
}

/// `403 B`, `1.23 kB`.
pub(crate) fn push_size(to: &mut String, bytes: u64) {
    push_scaled(to, bytes, &SIZES);
}

/// The code, and the text beside it if it says more.
pub(crate) fn push_status(to: &mut String, status: Option<&Status<'_>>, style: Style) {
    let Some(status) = status else { return to.push_str(style.dash()) };
    text::push_clean(to, &status.code, style.unicode);
    if !status.text.is_empty() && !status.text.eq_ignore_ascii_case(&status.code) {
        to.push(' ');
        text::push_clean(to, &status.text, style.unicode);
    }
}

/// What is missing and why; nothing if nothing is.
pub(crate) fn push_note(to: &mut String, call: &Call<'_>, style: Style) {
    let [hollow, cut] = if style.unicode { ["◌", "✂"] } else { ["?", "!"] };
    let why = call.missing.map(|missing| missing.why.name());
    let half = match call.pairing {
        Pairing::Unanswered => Some("unanswered"),
        Pairing::Orphan => Some("no request"),
        Pairing::Matched | Pairing::OneWay => None,
    };
    if let Some(half) = half {
        push_fmt(to, format_args!("{hollow} {half}"));
        push_why(to, why);
    }
    let Some(missing) = call.missing else { return };
    let lost = missing.request_bytes.saturating_add(missing.response_bytes);
    match (half, lost) {
        (Some(_), 0) => {}
        (None, 0) => {
            push_fmt(to, format_args!("{cut} cut"));
            push_why(to, why);
        }
        (_, lost) => {
            push_fmt(to, format_args!("{}{cut} ", if half.is_some() { ", " } else { "" }));
            push_size(to, lost);
            to.push_str(" lost");
            push_why(to, why.filter(|_| half.is_none()));
        }
    }
}

fn push_why(to: &mut String, why: Option<&str>) {
    if let Some(why) = why {
        push_fmt(to, format_args!(" ({why})"));
    }
}

/// The largest unit that leaves at least one, with three significant digits at most.
fn push_scaled(to: &mut String, value: u64, units: &[Unit]) {
    for (at, &(name, unit)) in units.iter().enumerate() {
        let rounded = |by: u128| (u128::from(value) * by + u128::from(unit / 2)) / u128::from(unit);
        let is_last = at + 1 == units.len();
        let (hundredths, tenths, ones) = (rounded(100), rounded(10), rounded(1));
        match () {
            () if hundredths < 1000 && unit > 1 => push_decimal(to, hundredths, 2),
            () if tenths < 1000 && unit > 1 => push_decimal(to, tenths, 1),
            () if ones < 1000 || is_last => push_decimal(to, ones, 0),
            () => continue,
        }
        return push_fmt(to, format_args!(" {name}"));
    }
}

/// `digits` with the point before the last `places` of them, less zeros at the end.
fn push_decimal(to: &mut String, mut digits: u128, mut places: usize) {
    while places > 0 && digits.is_multiple_of(10) {
        (digits, places) = (digits / 10, places - 1);
    }
    match places {
        0 => push_fmt(to, format_args!("{digits}")),
        1 => push_fmt(to, format_args!("{}.{}", digits / 10, digits % 10)),
        _ => push_fmt(to, format_args!("{}.{:02}", digits / 100, digits % 100)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (312_000, "312 µs"),
            (999_600, "1 ms"),
            (1_981_000, "1.98 ms"),
            (9_996_000, "10 ms"),
            (10_050_000, "10.1 ms"),
            (1_200_000_000, "1.2 s"),
            (59_990_000_000, "60 s"),
            (125_000_000_000, "2 min 05 s"),
            (3_720_000_000_000, "1 h 02 min"),
        ] {
            let mut shown = String::new();
            push_duration(&mut shown, ns, Style { colour: false, width: None, unicode: true });
            assert_eq!(shown, text, "{ns}");
        }
    }

    #[test]
    fn sizes_are_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_234, "1.23 kB"),
            (65_536, "65.5 kB"),
            (999_999, "1 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            let mut shown = String::new();
            push_size(&mut shown, bytes);
            assert_eq!(shown, text);
        }
    }
}
