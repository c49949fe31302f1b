//! Names that stand for expressions: short forms, and the names of Kubeshark's filter language.

/// A name and what it means here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// The expression that it stands for.
    pub meaning: &'static str,
    /// A line about it.
    pub about: &'static str,
}

/// A column, and the field of a carrying protocol that is meant too where the column is compared with
/// one of these words.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) column: &'static str,
    pub(crate) field: &'static str,
    pub(crate) words: Vec<&'static str>,
}

/// The table: `name | meaning | about` in each line, `& column | field | words` for [`Carried`]. It is
/// data, as it names protocols.
const TABLE: &str = include_str!("aliases.txt");

/// All aliases, in the order of the table.
pub(crate) fn all() -> Vec<Alias> {
    TABLE.lines().filter_map(of_line).collect()
}

fn of_line(line: &'static str) -> Option<Alias> {
    let mut parts = line.split(" | ").map(str::trim);
    let (name, meaning, about) = (parts.next()?, parts.next()?, parts.next()?);
    (!name.starts_with(['#', '&'])).then_some(Alias { name, meaning, about })
}

/// All columns that are meant by a field, too.
pub(crate) fn carried() -> Vec<Carried> {
    let of_line = |line: &'static str| {
        let mut parts = line.strip_prefix("& ")?.split(" | ").map(str::trim);
        let (column, field, words) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Carried { column, field, words: words.split(' ').collect() })
    };
    TABLE.lines().filter_map(of_line).collect()
}
