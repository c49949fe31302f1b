//! The table of all settings, for the documentation.

use clap::{Arg, CommandFactory};

use super::{commands, flags, is_many, is_switch, long, variable};
use crate::args::Args;

/// Markdown: a heading and a table for each command.
pub fn table() -> String {
    let command = Args::command();
    let mut text = String::new();
    for (words, command) in commands(&command) {
        let rows: Vec<_> = flags(command).map(|flag| row(&words, flag)).collect();
        if rows.is_empty() {
            continue;
        }
        text += &format!("\n### `[{}]`\n\n", words.replace(' ', "."));
        text += "| in the file | in the environment | default | what it is |\n|---|---|---|---|\n";
        text += &rows.concat();
    }
    text
}

fn row(words: &str, flag: &Arg) -> String {
    let default: Vec<_> =
        flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = if is_switch(flag) { "false".into() } else { default.join(",") };
    let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
    let many = if is_many(flag) { " (list)" } else { "" };
    let about = flag.get_help().map(ToString::to_string).unwrap_or_default();
    format!(
        "| `{}`{many} | `{}` | {default} | {} |\n",
        long(flag),
        variable(words, flag),
        about.replace('\n', " ").replace('|', "\\|")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFIGURATION.md");
        let text = std::fs::read_to_string(path).unwrap();
        let written = text.split("<!-- table -->").nth(1).unwrap_or_default().trim();
        assert!(
            written == table().trim(),
            "put the output of `callscope config table` between the marks in docs/CONFIGURATION.md"
        );
    }
}
