//! The file: TOML, a table for each command.

use anyhow::{Context, Result, bail};
use clap::Command;
use toml::{Table, Value};

use super::{All, Given, Origin, commands, flags, long};

/// What the file's text says.
///
/// # Errors
/// When it is no TOML, or names what there is not.
pub fn read(text: &str, command: &Command) -> Result<All> {
    let table: Table = text.parse().context("not TOML")?;
    let mut given = All::new();
    read_table(&table, "", command, &mut given)?;
    Ok(given)
}

fn read_table(table: &Table, words: &str, command: &Command, given: &mut All) -> Result<()> {
    for (key, value) in table {
        let inner = if words.is_empty() { key.clone() } else { format!("{words} {key}") };
        match value {
            Value::Table(table) => {
                if !commands(command).iter().any(|(known, _)| *known == inner) {
                    let known = commands(command).into_iter().map(|(known, _)| known);
                    bail!("there is no command {inner:?}{}", nearest(&inner, known));
                }
                read_table(table, &inner, command, given)?;
            }
            value => {
                check_name(words, key, command)?;
                let values = values(value).with_context(|| format!("[{words}] {key}"))?;
                let one = Given { values, origin: Origin::File };
                given.insert((words.to_owned(), key.clone()), one);
            }
        }
    }
    Ok(())
}

fn check_name(words: &str, key: &str, command: &Command) -> Result<()> {
    let known: Vec<String> = commands(command)
        .into_iter()
        .filter(|(known, _)| known == words)
        .flat_map(|(_, command)| flags(command).map(|flag| long(flag).to_owned()))
        .collect();
    if known.iter().any(|known| known == key) {
        return Ok(());
    }
    if words.is_empty() {
        bail!("{key}: settings stand under their command, as in [serve]");
    }
    bail!("[{words}] has no setting {key:?}{}", nearest(key, known.into_iter()))
}

fn values(value: &Value) -> Result<Vec<String>> {
    Ok(match value {
        Value::String(text) => vec![text.clone()],
        Value::Integer(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Boolean(truth) => vec![truth.to_string()],
        Value::Array(items) => {
            let items = items.iter().map(values).collect::<Result<Vec<_>>>()?;
            items.into_iter().flatten().collect()
        }
        Value::Datetime(at) => vec![at.to_string()],
        Value::Table(_) => bail!("a value, not a table"),
    })
}

/// `; perhaps listen`, if one is near.
fn nearest(word: &str, known: impl Iterator<Item = String>) -> String {
    let near = known.map(|known| (distance(word, &known), known)).min();
    match near {
        Some((distance, known)) if distance <= word.len().max(3) / 2 => {
            format!("; perhaps {known}")
        }
        _ => String::new(),
    }
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(64).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = before + usize::from(letter != *other);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
