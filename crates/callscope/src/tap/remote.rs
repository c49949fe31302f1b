//! `callscope tap --hub`: the calls of a cluster's workloads as they happen, from wherever the hub is
//! reached.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Result, anyhow, bail};
use api::{Asker, Role, Who};
use serde_json::Value;
use store::Row;

use crate::{
    args::{Format, TapArgs},
    query::show,
};

/// Kinds as kubectl shortens them, and as an owner is called.
const KINDS: [(&[&str], &str); 6] = [
    (&["deploy", "deployment", "deployments"], "Deployment"),
    (&["sts", "statefulset", "statefulsets"], "StatefulSet"),
    (&["ds", "daemonset", "daemonsets"], "DaemonSet"),
    (&["rs", "replicaset", "replicasets"], "ReplicaSet"),
    (&["job", "jobs"], "Job"),
    (&["cj", "cronjob", "cronjobs"], "CronJob"),
];

/// Shows calls until it is interrupted, or has seen enough.
///
/// # Errors
/// When the hub does not answer, or refuses; when standard output can't be written.
pub fn run(hub: &str, args: &TapArgs) -> Result<()> {
    let asker = Asker::there(hub, args.token.clone()).map_err(anyhow::Error::msg)?;
    let path = format!("/api/v1/tail?where={}", encoded(&condition(args)?));
    let as_lines = match args.show.format {
        Some(Format::Table) => false,
        Some(_) => true,
        None => !io::stdout().is_terminal(),
    };
    let mut out = io::stdout().lock();
    if !as_lines {
        show::header(&mut out)?;
    }
    let (mut left, mut failed) = (args.count.unwrap_or(u64::MAX), None);
    let take = |event: &str, data: &str| match event {
        "call" => {
            let shown = match (as_lines, Row::of_line(data)) {
                (true, _) | (false, Err(_)) => writeln!(out, "{data}"),
                (false, Ok(row)) => show::call(&row, &mut out),
            };
            left -= 1;
            failed = shown.and_then(|()| out.flush()).err();
            left > 0 && failed.is_none()
        }
        "missed" => {
            eprintln!("callscope: calls that were not seen, as too many came: {data}");
            true
        }
        _ => true,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The server goes by the token, whoever we say that we are.
    let who = Who::of(Role::Viewer);
    let followed = runtime.block_on(async {
        let following = asker.follow(&path, &who, take);
        match args.duration {
            Some(time) => tokio::time::timeout(time, following).await.unwrap_or(Ok(())),
            None => following.await,
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => followed.map_err(|why| anyhow!("{hub}: {why}")),
    }
}

/// The condition that the arguments are short for.
fn condition(args: &TapArgs) -> Result<String> {
    let one = |name: &String| workload(name, args.namespace.as_deref());
    let mut any = args.interfaces.iter().map(one).collect::<Result<Vec<_>>>()?;
    if let (true, Some(namespace)) = (any.is_empty(), &args.namespace) {
        any.push(either(&[("namespace", namespace)]));
    }
    let mut all: Vec<String> =
        args.show.condition.iter().map(|text| format!("({text}\n)")).collect();
    if !any.is_empty() {
        all.push(format!("({})", any.join(" || ")));
    }
    Ok(all.join(" && "))
}

/// That one of the ends is this workload: `deploy/front-end`.
fn workload(text: &str, namespace: Option<&str>) -> Result<String> {
    let (kind, name) = text.split_once('/').unwrap_or(("pod", text));
    let mut what: Vec<(&str, &str)> =
        namespace.map(|name| ("namespace", name)).into_iter().collect();
    let known = KINDS.iter().find(|(names, _)| names.contains(&kind));
    match (kind, known) {
        (_, Some((_, kind))) => what.extend([("workload.kind", *kind), ("workload.name", name)]),
        ("po" | "pod" | "pods", None) => what.push(("pod", name)),
        ("svc" | "service" | "services", None) => what.push(("service", name)),
        _ => {
            bail!("{text}: workloads are named like deploy/front-end, svc/orders, pod/orders-7d9f4")
        }
    }
    Ok(either(&what))
}

/// That one of the ends is all of this.
fn either(what: &[(&str, &str)]) -> String {
    let is = |end: &str| {
        let all =
            what.iter().map(|(name, value)| format!("{end}.{name} == {}", Value::from(*value)));
        all.collect::<Vec<_>>().join(" && ")
    };
    format!("({} || {})", is("src"), is("dst"))
}

/// A text in a query (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_conditions() {
        let text = workload("deploy/front-end", Some("shop")).unwrap();
        assert_eq!(
            text,
            "(src.namespace == \"shop\" && src.workload.kind == \"Deployment\" && src.workload.name == \"front-end\" \
             || dst.namespace == \"shop\" && dst.workload.kind == \"Deployment\" && dst.workload.name == \"front-end\")"
        );
        for text in ["svc/orders", "orders-7d9f4", "sts/a\"b"] {
            crate::read::wanted(&workload(text, None).unwrap()).unwrap();
        }
        assert!(workload("thing/x", None).is_err());
    }

    #[test]
    fn a_condition_travels_in_a_query() {
        assert_eq!(encoded("a == \"é&\""), "a%20%3D%3D%20%22%C3%A9%26%22");
    }
}
