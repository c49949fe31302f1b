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
}

const fn of(name: &'static str, signature: &'static str, about: &'static str) -> Function {
    Function { name, signature, about }
}

/// All functions, what belongs together side by side.
pub(crate) static ALL: &[Function] = &[
    of("contains", "text.contains(text)", "the text is somewhere in it; in an element, of a list"),
    of("startsWith", "text.startsWith(text)", "it begins with the text"),
    of("endsWith", "text.endsWith(text)", "it ends with the text"),
    of(
        "matches",
        "text.matches(\"pattern\")",
        "the pattern (RE2) is found in it; ^ and $ for the whole text",
    ),
    of(
        "search",
        "search(\"text\", …)",
        "one of the texts is somewhere in the call: endpoint, headers, fields, bodies; in any case of letters",
    ),
    of("size", "size(text | list | map)", "characters of a text, elements of a list or a map"),
    of("lowerAscii", "text.lowerAscii()", "the text with small letters"),
    of("upperAscii", "text.upperAscii()", "the text with capital letters"),
    of("trim", "text.trim()", "the text without blanks at its ends"),
    of("split", "text.split(\",\")", "the pieces of the text between separators"),
    of(
        "substring",
        "text.substring(from, to)",
        "characters from one place (from 0) to before another, or to the end",
    ),
    of("has", "has(name)", "whether it is there"),
    of("first", "first(a, b, …)", "the first of these that is there"),
    of(
        "map_get",
        "map_get(map, \"name\", default)",
        "an element of a map, or the default if there is none",
    ),
    of("pairs", "pairs(list)", "a map of a list of texts like name=value"),
    of(
        "exists",
        "list.exists(x, test)",
        "the test holds for an element; of a map, for a name; map.exists(name, value, test) for both",
    ),
    of("all", "list.all(x, test)", "the test holds for all elements, also if there are none"),
    of("exists_one", "list.exists_one(x, test)", "the test holds for one element alone"),
    of("existsOne", "list.existsOne(x, test)", "the same"),
    of("filter", "list.filter(x, test)", "the elements that the test holds for"),
    of(
        "map",
        "list.map(x, value)",
        "what becomes of each element; list.map(x, test, value) of those that the test holds for",
    ),
    of("inCIDR", "inCIDR(address, \"10.0.0.0/8\", …)", "the address is in one of the networks"),
    of("cidr", "address in cidr(\"10.0.0.0/8\", …)", "the same"),
    of("containsIP", "cidr(\"10.0.0.0/8\").containsIP(address)", "the same"),
    of("now", "now()", "when the expression was compiled"),
    of(
        "timestamp",
        "timestamp(\"2026-03-14T22:00:00Z\")",
        "a time in RFC 3339, or a day; of a number: seconds since 1970",
    ),
    of("duration", "duration(\"5m\")", "a span of time: 250ms, 1.5s, 5m, 1h30m, 2d"),
    of("getFullYear", "time.getFullYear()", "the year, in UTC as all parts of a time"),
    of("getMonth", "time.getMonth()", "the month from 0 to 11"),
    of("getDate", "time.getDate()", "the day of the month from 1"),
    of("getDayOfMonth", "time.getDayOfMonth()", "the day of the month from 0"),
    of("getDayOfWeek", "time.getDayOfWeek()", "the day of the week from 0 for Sunday"),
    of("getDayOfYear", "time.getDayOfYear()", "the day of the year from 0"),
    of("getHours", "time.getHours()", "the hour; of a span, its whole hours"),
    of("getMinutes", "time.getMinutes()", "the minute; of a span, its whole minutes"),
    of("getSeconds", "time.getSeconds()", "the second; of a span, its whole seconds"),
    of(
        "getMilliseconds",
        "time.getMilliseconds()",
        "the millisecond; of a span, its whole milliseconds",
    ),
    of("getMicroseconds", "duration.getMicroseconds()", "whole microseconds"),
    of("getNanoseconds", "duration.getNanoseconds()", "nanoseconds"),
    of("int", "int(value)", "a whole number of a text, a number, a time (seconds since 1970)"),
    of("uint", "uint(value)", "the same"),
    of("double", "double(value)", "a number of a text or a number"),
    of("string", "string(value)", "the value as text"),
    of("bool", "bool(value)", "true or false of a text"),
    of("dyn", "dyn(value)", "the value, without a type known before"),
];

// === impl Function ===

impl Function {
    /// Whether it is called on something: `text.contains(…)`.
    #[must_use]
    pub fn is_method(&self) -> bool {
        is_method(self.name)
    }
}

/// Functions that may be called only by their name.
const ALONE: [&str; 16] = [
    "search",
    "has",
    "first",
    "map_get",
    "pairs",
    "inCIDR",
    "cidr",
    "now",
    "timestamp",
    "duration",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "dyn",
];

/// Whether it is called on something.
pub(crate) fn is_method(name: &str) -> bool {
    !ALONE.contains(&name)
}

/// The functions of the language.
#[must_use]
pub fn functions() -> &'static [Function] {
    ALL
}
