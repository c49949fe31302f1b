//! Settings: flags, then the environment, then one file. All of them are made from the flags'
//! declarations, so that there is one list.

mod file;
mod table;

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Subcommand};

use crate::args::Args;

/// Arguments of `callscope config`.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the file and the environment are right, and name what is not.
    Check,
    /// Show each setting that is not its default, and where it comes from.
    Show,
    /// Print the table of all settings, as in docs/CONFIGURATION.md.
    Table,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    Environment,
    File,
}

/// A setting that was given, though not on the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Given {
    values: Vec<String>,
    origin: Origin,
}

/// What was given, by command and flag.
type All = HashMap<(String, String), Given>;

/// The arguments of this process. Ends it when they are wrong.
pub fn parse() -> Args {
    let words: Vec<OsString> = std::env::args_os().collect();
    let command = match given(&words) {
        Ok(given) => with(Args::command(), &given),
        // What is wrong with the file is what `config` is for.
        Err(_) if words.iter().any(|word| word == "config") => Args::command(),
        Err(error) => {
            eprintln!("callscope: {error:#}");
            std::process::exit(2);
        }
    };
    let matches = command.get_matches_from(words);
    Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// What `config` does.
///
/// # Errors
/// When the settings are wrong.
pub fn run(args: &ConfigArgs) -> Result<()> {
    if matches!(args.command, ConfigCommand::Table) {
        print!("{}", table::table());
        return Ok(());
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let given = given(&words)?;
    check(&given)?;
    match args.command {
        ConfigCommand::Show => print!("{}", shown(&given)),
        _ => println!("{} settings, all right", given.len()),
    }
    Ok(())
}

/// What the environment and the file say.
fn given(words: &[OsString]) -> Result<All> {
    let command = Args::command();
    let mut given = All::new();
    if let Some(path) = path(words) {
        let text = fs::read_to_string(&path)
            .with_context(|| format!("can't read the settings {}", path.display()))?;
        let all = file::read(&text, &command).with_context(|| path.display().to_string())?;
        given.extend(all);
    }
    given.extend(environment(&command, &std::env::vars_os().collect::<Vec<_>>())?);
    Ok(given)
}

/// The file that is named by `--config` or `CALLSCOPE_CONFIG`.
fn path(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(Path::new(path).into());
        }
    }
    std::env::var_os("CALLSCOPE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// `CALLSCOPE_SERVE_LISTEN` for `serve --listen`. An empty value says nothing.
fn environment(command: &Command, variables: &[(OsString, OsString)]) -> Result<All> {
    let mut given = All::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("CALLSCOPE_")) else {
            continue;
        };
        let found = commands(command)
            .into_iter()
            .flat_map(|(words, command)| flags(command).map(move |flag| (words.clone(), flag)))
            .find(|(words, flag)| variable(words, flag) == name);
        let Some((words, flag)) = found else { continue };
        let Some(value) = value.to_str() else { bail!("{name} is no text") };
        if value.is_empty() {
            continue;
        }
        let values = match is_many(flag) {
            // Rules have commas themselves.
            true => value
                .split(flag.get_value_delimiter().unwrap_or(','))
                .map(|part| part.trim().to_owned())
                .collect(),
            false => vec![truth(flag, value)],
        };
        let given_here = Given { values, origin: Origin::Environment };
        given.insert((words, long(flag).to_owned()), given_here);
    }
    Ok(given)
}

/// A switch is on by any of the usual words.
fn truth(flag: &Arg, value: &str) -> String {
    let word = match (is_switch(flag), value.to_ascii_lowercase().as_str()) {
        (true, "1" | "yes" | "on") => "true",
        (true, "0" | "no" | "off") => "false",
        _ => value,
    };
    word.to_owned()
}

/// The command with what was given for its defaults.
fn with(command: Command, given: &All) -> Command {
    apply(command, "", given)
}

fn apply(mut command: Command, words: &str, given: &All) -> Command {
    let of_this: Vec<_> = given.iter().filter(|((of, _), _)| of == words).collect();
    for ((_, name), given) in of_this {
        let Some(id) =
            flags(&command).find(|flag| long(flag) == name).map(|flag| flag.get_id().clone())
        else {
            continue;
        };
        command = command.mut_arg(id, |flag| flag.default_values(given.values.clone()));
    }
    let names: Vec<_> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        let inner = if words.is_empty() { name.clone() } else { format!("{words} {name}") };
        command = command.mut_subcommand(name, |command| apply(command, &inner, given));
    }
    command
}

/// Each value, given to its own flag, must be one that it takes.
fn check(given: &All) -> Result<()> {
    for ((words, name), given) in given {
        let mut line: Vec<String> = vec!["callscope".into()];
        line.extend(words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        let command = Args::command();
        let flag = commands(&command)
            .into_iter()
            .find(|(of, _)| of == words)
            .and_then(|(_, command)| flags(command).find(|flag| long(flag) == name));
        match flag.is_some_and(is_switch) {
            true if matches!(given.values[..], [ref word] if word == "true" || word == "false") => {
                continue;
            }
            true => bail!("{words} {name}: true or false"),
            false => line.extend(given.values.iter().map(|value| format!("--{name}={value}"))),
        }
        let Err(error) = Args::command().try_get_matches_from(&line) else { continue };
        // A setting need not be enough to run the command.
        use clap::error::ErrorKind;
        if matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        ) {
            continue;
        }
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        bail!("{words} {name}: {first}");
    }
    Ok(())
}

/// Settings that hold secrets.
const SECRETS: [&str; 3] = ["token", "otlp-header", "oidc-secret"];

/// What names a server by `scheme://user:password@host`, without the password; what names storage by
/// `s3://bucket/prefix?options`, without the options.
fn without_password(value: &str) -> String {
    if warehouse::Bucket::is_meant(value) {
        let (place, options) = value.split_once('?').unwrap_or((value, ""));
        return if options.is_empty() { place.to_owned() } else { format!("{place}?***") };
    }
    let parts = value.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    });
    parts.unwrap_or_else(|| value.to_owned())
}

/// A line for each setting that was given; secrets are not shown.
fn shown(given: &All) -> String {
    let mut lines: Vec<_> = given
        .iter()
        .map(|((words, name), given)| {
            let is_secret = SECRETS.iter().any(|secret| name == secret);
            let values = given.values.iter().map(|value| without_password(value));
            let values = values.collect::<Vec<_>>().join(",");
            let value = if is_secret { "(secret)".into() } else { values };
            let origin = match given.origin {
                Origin::Environment => "environment",
                Origin::File => "file",
            };
            format!("[{words}] {name} = {value}  ({origin})\n")
        })
        .collect();
    lines.sort();
    lines.concat()
}

// === the declarations ===

/// Every command that does something, with its words: `identity record`.
fn commands(command: &Command) -> Vec<(String, &Command)> {
    let mut all = Vec::new();
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let own = inner.get_name().to_owned();
        for (words, deeper) in commands(inner) {
            all.push((format!("{own} {words}"), deeper));
        }
        all.push((own, inner));
    }
    all
}

/// The flags of a command that settings can give.
fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let known = |flag: &&Arg| {
        !matches!(flag.get_long(), None | Some("help" | "version" | "config"))
            && !matches!(
                flag.get_action(),
                ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
            )
    };
    command.get_arguments().filter(known)
}

fn long(flag: &Arg) -> &str {
    flag.get_long().unwrap_or_default()
}

fn variable(words: &str, flag: &Arg) -> String {
    format!("CALLSCOPE_{words}_{}", long(flag)).replace([' ', '-'], "_").to_ascii_uppercase()
}

fn is_many(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

fn is_switch(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(text: &str) -> Result<All> {
        file::read(text, &Args::command())
    }

    fn parsed(given: &All, line: &[&str]) -> Args {
        let matches = with(Args::command(), given).try_get_matches_from(line).unwrap();
        Args::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn flags_come_before_the_environment_and_that_before_the_file() {
        let text = "[read]\nmemory = \"1MiB\"\nquiet = true\nprotocol = [\"http\", \"dns\"]\n";
        let mut given = of_file(text).unwrap();
        let read = |given: &All, line: &[&str]| match parsed(given, line).command {
            crate::args::Command::Read(args) => args,
            _ => panic!("another command"),
        };
        let args = read(&given, &["callscope", "read", "a"]);
        assert_eq!((args.show.reading.memory, args.show.quiet), (1 << 20, true));
        assert_eq!(args.show.reading.protocol, ["http", "dns"]);
        let variables = [("CALLSCOPE_READ_MEMORY".into(), "2MiB".into())];
        given.extend(environment(&Args::command(), &variables).unwrap());
        assert_eq!(read(&given, &["callscope", "read", "a"]).show.reading.memory, 2 << 20);
        assert_eq!(
            read(&given, &["callscope", "read", "--memory", "3MiB", "a"]).show.reading.memory,
            3 << 20
        );
        let own = read(&given, &["callscope", "read", "--protocol", "redis", "a"]);
        assert_eq!(own.show.reading.protocol, ["redis"]);
    }

    #[test]
    fn a_setting_that_there_is_not_is_named_with_the_nearest() {
        let flaw = of_file("[serve]\nlisten-on = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(format!("{flaw:#}").contains("listen"), "{flaw:#}");
        let flaw = of_file("[sever]\n").unwrap_err();
        assert!(format!("{flaw:#}").contains("serve"), "{flaw:#}");
    }

    #[test]
    fn a_value_that_its_flag_does_not_take_is_named() {
        let given = of_file("[read]\nmemory = \"much\"\n").unwrap();
        let flaw = check(&given).unwrap_err().to_string();
        assert!(flaw.starts_with("read memory: "), "{flaw}");
        let given = of_file("[read]\nquiet = \"perhaps\"\n").unwrap();
        assert!(check(&given).is_err());
        let given = of_file("[identity.explain]\nscope = 3\n").unwrap();
        check(&given).unwrap();
    }

    #[test]
    fn rules_with_commas_stay_whole_in_the_environment() {
        let rules = "groups=a viewer namespaces=x,y; groups=b admin";
        let variables = [("CALLSCOPE_HUB_OIDC_GRANT".into(), rules.into())];
        let given = environment(&Args::command(), &variables).unwrap();
        let grants = &given[&("hub".to_owned(), "oidc-grant".to_owned())];
        assert_eq!(grants.values, ["groups=a viewer namespaces=x,y", "groups=b admin"]);
        check(&given).unwrap();
    }

    #[test]
    fn secrets_are_not_shown() {
        let given = of_file("[serve]\ntoken = [\"0123456789abcdefg\"]\n").unwrap();
        assert!(!shown(&given).contains("0123456789abcdefg"));
        let given = of_file("[serve]\notlp-header = [\"authorization=hunter2\"]\n").unwrap();
        assert!(!shown(&given).contains("hunter2"));
        let given = of_file("[hub]\noidc-secret = \"hunter2\"\n").unwrap();
        assert!(!shown(&given).contains("hunter2"));
        let given = of_file("[serve]\nsink = \"clickhouse://me:hunter2@host/db\"\n").unwrap();
        assert!(shown(&given).contains("sink = clickhouse://me:***@host/db"), "{}", shown(&given));
        let given = of_file("[tap]\nsink = \"s3://calls/a?secret_access_key=hunter2\"\n").unwrap();
        assert!(shown(&given).contains("sink = s3://calls/a?***"), "{}", shown(&given));
    }
}
