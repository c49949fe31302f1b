//! `callscope query`: calls of a store, or figures over them.

pub mod show;

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail};
use filter::{Columns, Condition};
use model::Timestamp;
use store::{Aggregate, By, Measure, Options, Scan, Searched, Source, Store};

/// Arguments of `callscope query`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope query 'http && status_code >= 500' --store calls\n  \
                        callscope query http --store calls --by dst.workload.name,endpoint --show count,error_rate,p50,p99\n  \
                        callscope query 'dns' --store calls --over 1m --json"
)]
pub struct QueryArgs {
    /// Calls for which this holds (see docs/QUERY.md); all if it is not given.
    #[arg(value_name = "EXPR")]
    pub condition: Option<String>,
    /// The store's folder, or an engine that calls were sent to:
    /// `clickhouse://user:password@host:8123/database` [default: $`CALLSCOPE_STORE`].
    #[arg(long, value_name = "DIR|URL")]
    pub store: Option<PathBuf>,
    /// Take calls together by these columns; `endpoint` is the endpoint's template: /users/{id}.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub by: Vec<String>,
    /// Figures: count, rate, errors, `error_rate`, bytes, `request_bytes`, `response_bytes`, mean, p50,
    /// p90, p95, p99, min, max [default: count, where figures are asked for].
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = measure)]
    pub show: Vec<Measure>,
    /// Figures of each span of time: 10s, 1m, 1h.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub over: Option<Duration>,
    /// Only calls that began at this moment or later (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = crate::identity::moment)]
    pub from: Option<Timestamp>,
    /// Only calls that began before this moment.
    #[arg(long, value_name = "TIME", value_parser = crate::identity::moment)]
    pub to: Option<Timestamp>,
    /// The newest so many calls, or so many rows of figures.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// As JSON: calls one a line, figures as one object. The default where output is no terminal, for calls.
    #[arg(long)]
    pub json: bool,
}

/// Calls that are asked for at once.
const PAGE: usize = 1000;

/// Answers.
///
/// # Errors
/// When the question is not right, or the store can't be read.
pub fn run(args: &QueryArgs) -> Result<()> {
    let columns = Arc::new(Columns::new(&crate::protocols::tables()));
    let condition = condition(args, &columns)?;
    let by = by(args, &columns)?;
    let folder = args.store.clone().or_else(|| std::env::var_os("CALLSCOPE_STORE").map(Into::into));
    let Some(folder) = folder else { bail!("which store? --store DIR, or CALLSCOPE_STORE") };
    let source: Box<dyn Source> = match crate::sink::engine(&folder)? {
        Some(place) => Box::new(crate::sink::open(place, columns)?),
        None => Box::new(Store::read(&folder, columns, Options::default())?),
    };
    let source = &*source;
    let mut out = BufWriter::new(io::stdout().lock());
    let (from, to, limit) = (args.from, args.to, args.limit);
    let searched = if by.is_empty() && args.show.is_empty() && args.over.is_none() {
        let scan = Scan { condition, from, to, limit, ..Scan::default() };
        calls(source, scan, args.json || !io::stdout().is_terminal(), &mut out)?
    } else {
        let show = if args.show.is_empty() { vec![Measure::Count] } else { args.show.clone() };
        let over = args.over;
        let rest = Aggregate::default();
        let question = Aggregate { condition, from, to, by, show, over, limit, ..rest };
        let table = source.aggregate(&question)?;
        if args.json {
            show::figures_json(&table, &mut out)?;
        } else {
            show::figures(&table, &mut out)?;
        }
        if table.truncated {
            eprintln!("callscope: there are more rows; see --limit");
        }
        table.searched
    };
    out.flush()?;
    if !searched.complete {
        eprintln!("callscope: {} files could not be read", searched.files_unread);
    }
    Ok(())
}

/// The moment, for what says `now()`.
pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

fn condition(args: &QueryArgs, columns: &Columns) -> Result<Option<Arc<Condition>>> {
    let Some(text) = args.condition.as_deref().filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    match Condition::compile(text, columns, now()) {
        Ok(condition) => Ok(Some(Arc::new(condition))),
        Err(fault) => bail!("the condition is not right:\n{}", fault.show(text)),
    }
}

fn by(args: &QueryArgs, columns: &Columns) -> Result<Vec<By>> {
    let by = |name: &String| match (name.as_str(), columns.named(name)) {
        ("endpoint", _) => Ok(By::EndpointTemplate),
        (_, Some(column)) => Ok(By::Column(column, name.clone())),
        (_, None) => bail!("--by: there is no column {name:?} (see docs/QUERY.md)"),
    };
    args.by.iter().map(by).collect()
}

/// Shows the newest calls.
fn calls(
    source: &dyn Source,
    mut scan: Scan,
    json: bool,
    out: &mut impl Write,
) -> Result<Searched> {
    let mut left = scan.limit;
    let mut searched = Searched { complete: true, ..Searched::default() };
    if !json {
        show::header(out)?;
    }
    while left > 0 {
        scan.limit = left.min(PAGE);
        let page = source.scan(&scan)?;
        for row in &page.rows {
            if json {
                writeln!(out, "{}", row.json())?;
            } else {
                show::call(row, out)?;
            }
        }
        left = left.saturating_sub(page.rows.len());
        searched.complete &= page.searched.complete;
        searched.files_unread += page.searched.files_unread;
        let Some(next) = page.next else { break };
        scan.after = Some(next);
    }
    Ok(searched)
}

fn measure(name: &str) -> Result<Measure, String> {
    let names = || Measure::ALL.map(Measure::name).join(", ");
    Measure::named(name).ok_or_else(|| format!("figures are {}", names()))
}

/// `500ms`, `10s`, `1m`, `2h`, `1d`.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
    let ms = ms.filter(|ms| *ms > 0);
    ms.map(Duration::from_millis).ok_or_else(|| "a span looks like 500ms, 10s, 1m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "1", "m", "0s", "1x", "-1s", "99999999999999999999s"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
