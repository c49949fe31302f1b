//! Which name may have been meant.

use crate::{Columns, functions};

/// Names suggested at most.
const NAMES_MAX: usize = 4;
/// Letters of a name that are compared.
const LETTERS_MAX: usize = 80;

/// What to say of names near to this one.
pub(crate) fn hint(name: &str, columns: &Columns) -> Option<String> {
    let names = names(name, columns);
    (!names.is_empty()).then(|| format!("nearest: {}", names.join(", ")))
}

/// The function nearest to this name.
pub(crate) fn function(name: &str) -> Option<&'static str> {
    let names = functions::ALL.iter().map(|function| function.name);
    let near = names.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= limit(name)).then_some(near.1)
}

fn names(name: &str, columns: &Columns) -> Vec<String> {
    let known: Vec<&str> = columns.names().collect();
    let mut near: Vec<(usize, &str)> =
        known.iter().map(|known| (distance(name, known), *known)).collect();
    near.sort_unstable();
    let best = near.first().map_or(usize::MAX, |(distance, _)| *distance);
    let near = near.iter().take_while(|(distance, _)| *distance == best && best <= limit(name));
    // `namespace` for `src.namespace` and `dst.namespace`.
    let tail = format!(".{name}");
    let mut longer: Vec<&str> =
        known.iter().copied().filter(|known| known.ends_with(&tail)).collect();
    longer.sort_by_key(|name| (name.matches('.').count(), name.len(), *name));
    let names = near.map(|(_, name)| *name).chain(longer);
    names.take(NAMES_MAX).map(str::to_owned).collect()
}

/// Letters that may be wrong.
fn limit(name: &str) -> usize {
    (name.len() / 3).clamp(1, 4)
}

/// How many letters are to be put in, left out, changed or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().take(LETTERS_MAX).map(|c| c.to_ascii_lowercase()).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for (i, from) in a.iter().enumerate() {
        let [two, one, row] = &mut rows;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = one[j] + usize::from(from != to);
            row[j + 1] = change.min(one[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *to && b[j - 1] == *from {
                row[j + 1] = row[j + 1].min(two[j - 1] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("metod", "method"), 1);
        assert_eq!(distance("mehtod", "method"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("Same", "same"), 0);
    }
}
