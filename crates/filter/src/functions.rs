//! The functions of the language, for documents, completion and messages.

/// A function or a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub signature: &'static str,
    /// What it says.
    pub about: &'static str,
    is_method: bool,
}

/// A function, named where its signature calls it.
const fn of(signature: &'static str, about: &'static str) -> Function {
    let bytes = signature.as_bytes();
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1] != b'(' {
        end -= 1;
    }
    let end = end.saturating_sub(1);
    let mut begin = end;
    while begin > 0 && (bytes[begin - 1].is_ascii_alphanumeric() || bytes[begin - 1] == b'_') {
        begin -= 1;
    }
    let is_method = begin > 0 && bytes[begin - 1] == b'.';
    let (_, name) = signature.split_at(begin);
    let (name, _) = name.split_at(end - begin);
    Function { name, signature, about, is_method }
}

/// Called on something, or with it: `text.size()` and `size(text)` (CEL).
const BOTH: &str = "size";

/// All functions, what belongs together side by side.
pub(crate) static ALL: &[Function] = &[
    of("text.contains(text)", "the text is somewhere in it; in an element, of a list"),
    of("text.startsWith(text)", "it begins with the text"),
    of("text.endsWith(text)", "it ends with the text"),
    of("text.matches(\"pattern\")", "the pattern (RE2) is found in it; ^ and $ for the whole text"),
    of(
        "search(\"text\", …)",
        "one of the texts is somewhere in the call: endpoint, headers, fields, bodies; in any case of letters",
    ),
    of("size(text | list | map)", "characters of a text, elements of a list or a map"),
    of("text.lowerAscii()", "the text with small letters"),
    of("text.upperAscii()", "the text with capital letters"),
    of("text.trim()", "the text without blanks at its ends"),
    of("text.split(\",\")", "the pieces of the text between separators"),
    of(
        "text.substring(from, to)",
        "characters from one place (from 0) to before another, or to the end",
    ),
    of("has(name)", "whether it is there"),
    of("first(a, b, …)", "the first of these that is there"),
    of("map_get(map, \"name\", default)", "an element of a map, or the default if there is none"),
    of("pairs(list)", "a map of a list of texts like name=value"),
    of(
        "list.exists(x, test)",
        "the test holds for an element; of a map, for a name; map.exists(name, value, test) for both",
    ),
    of("list.all(x, test)", "the test holds for all elements, also if there are none"),
    of("list.exists_one(x, test)", "the test holds for one element alone"),
    of("list.existsOne(x, test)", "the same"),
    of("list.filter(x, test)", "the elements that the test holds for"),
    of(
        "list.map(x, value)",
        "what becomes of each element; list.map(x, test, value) of those that the test holds for",
    ),
    of("inCIDR(address, \"10.0.0.0/8\", …)", "the address is in one of the networks"),
    of("address in cidr(\"10.0.0.0/8\", …)", "the same"),
    of("cidr(\"10.0.0.0/8\").containsIP(address)", "the same"),
    of("now()", "when the expression was compiled"),
    of(
        "timestamp(\"2026-03-14T22:00:00Z\")",
        "a time in RFC 3339, or a day; of a number: seconds since 1970",
    ),
    of("duration(\"5m\")", "a span of time: 250ms, 1.5s, 5m, 1h30m, 2d"),
    of("time.getFullYear()", "the year, in UTC as all parts of a time"),
    of("time.getMonth()", "the month from 0 to 11"),
    of("time.getDate()", "the day of the month from 1"),
    of("time.getDayOfMonth()", "the day of the month from 0"),
    of("time.getDayOfWeek()", "the day of the week from 0 for Sunday"),
    of("time.getDayOfYear()", "the day of the year from 0"),
    of("time.getHours()", "the hour; of a span, its whole hours"),
    of("time.getMinutes()", "the minute; of a span, its whole minutes"),
    of("time.getSeconds()", "the second; of a span, its whole seconds"),
    of("time.getMilliseconds()", "the millisecond; of a span, its whole milliseconds"),
    of("duration.getMicroseconds()", "whole microseconds"),
    of("duration.getNanoseconds()", "nanoseconds"),
    of("int(value)", "a whole number of a text, a number, a time (seconds since 1970)"),
    of("uint(value)", "the same"),
    of("double(value)", "a number of a text or a number"),
    of("string(value)", "the value as text"),
    of("bool(value)", "true or false of a text"),
    of("dyn(value)", "the value, without a type known before"),
];

// === impl Function ===

impl Function {
    /// Whether it is called on something: `text.contains(…)`.
    #[must_use]
    pub fn is_method(&self) -> bool {
        self.is_method || self.name == BOTH
    }
}

/// Whether the function of this name is called on something.
pub(crate) fn is_method(name: &str) -> bool {
    ALL.iter().find(|function| function.name == name).is_none_or(Function::is_method)
}

/// The functions of the language.
#[must_use]
pub fn functions() -> &'static [Function] {
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_as_it_is_called() {
        let named = |name| ALL.iter().find(|function| function.name == name);
        for (name, is_method) in [
            ("contains", true),
            ("size", true),
            ("search", false),
            ("cidr", false),
            ("containsIP", true),
        ] {
            assert_eq!(named(name).map(Function::is_method), Some(is_method), "{name}");
        }
    }
}
