//! Deletes what an installation made, known by its labels.

use anyhow::{Result, bail};
use cluster::{Objects, Refusal, SHELVES, Shelf};
use serde_json::Value;

use super::{
    UninstallArgs,
    manifest::{is_ours, name, selector},
};

/// Deletes all of it.
///
/// # Errors
/// When something could not be looked for or deleted; the rest was.
pub async fn all(cluster: &Objects, args: &UninstallArgs) -> Result<()> {
    let namespace = args.place.namespace.as_str();
    let (mut found, mut failed) = (0, Vec::new());
    // What runs goes first, so that nobody misses what it needs.
    for shelf in SHELVES.iter().rev().filter(|shelf| is_made(shelf)) {
        let objects = match ours(cluster, *shelf, namespace).await {
            Ok(objects) => objects,
            Err(why) => {
                failed.push(format!("can't look for {}: {why}", shelf.plural));
                continue;
            }
        };
        for object in objects {
            found += 1;
            if args.dry_run {
                println!("{}", name(&object));
            } else if let Err(why) = delete(cluster, *shelf, &object).await {
                failed.push(format!("{}: {why}", name(&object)));
            }
        }
    }
    found += namespace_too(cluster, args, &mut failed).await?;
    if !failed.is_empty() {
        bail!("{}; run it again with the rights for that", failed.join("; "));
    }
    if found == 0 {
        eprintln!("there is nothing that `callscope install` made for the namespace {namespace}");
    }
    Ok(())
}

/// The namespace, if it is to go. How many objects that are.
async fn namespace_too(
    cluster: &Objects,
    args: &UninstallArgs,
    failed: &mut Vec<String>,
) -> Result<u32> {
    let (shelf, namespace) = (Shelf::of("Namespace")?, args.place.namespace.as_str());
    let Some(object) = cluster.get(shelf, "", namespace).await? else { return Ok(0) };
    if !is_ours(&object, namespace) {
        if args.with_namespace {
            failed.push(format!("the namespace {namespace} was there before: it stays"));
        }
        return Ok(0);
    }
    if !args.with_namespace {
        eprintln!("the namespace {namespace} stays (--with-namespace)");
        return Ok(0);
    }
    if args.dry_run {
        println!("{}, with all that is in it", name(&object));
    } else if let Err(why) = delete(cluster, shelf, &object).await {
        failed.push(format!("{}: {why}", name(&object)));
    }
    Ok(1)
}

/// Deletes what an earlier run made and this one does not want. What can't be is said.
pub async fn left_over(cluster: &Objects, namespace: &str, wanted: &[Value]) {
    let is_wanted = |object: &Value| wanted.iter().any(|wanted| name(wanted) == name(object));
    for shelf in SHELVES.iter().filter(|shelf| is_made(shelf) && shelf.kind != "Secret") {
        let objects = match ours(cluster, *shelf, namespace).await {
            Ok(objects) => objects,
            Err(why) => {
                eprintln!("can't look for {} of earlier runs: {why}", shelf.plural);
                continue;
            }
        };
        for object in objects.iter().filter(|object| !is_wanted(object)) {
            if let Err(why) = delete(cluster, *shelf, object).await {
                eprintln!("{}, of an earlier run, stays: {why}", name(object));
            }
        }
    }
}

/// Whether objects of this kind are made, other than the namespace.
fn is_made(shelf: &Shelf) -> bool {
    !matches!(shelf.kind, "Pod" | "Namespace")
}

/// Objects of this kind that were made for the namespace: roles may be in others.
async fn ours(cluster: &Objects, shelf: Shelf, namespace: &str) -> Result<Vec<Value>, Refusal> {
    let is_elsewhere = !shelf.is_namespaced || matches!(shelf.kind, "Role" | "RoleBinding");
    let within = if is_elsewhere { None } else { Some(namespace) };
    let mut objects = cluster.list(shelf, within, &selector(namespace)).await?;
    // A server that does not know the selector must not lose what is others'.
    objects.retain(|object| is_ours(object, namespace));
    for object in &mut objects {
        object["kind"] = shelf.kind.into();
    }
    Ok(objects)
}

async fn delete(cluster: &Objects, shelf: Shelf, object: &Value) -> Result<(), Refusal> {
    let was_there = cluster.delete(shelf, object).await?;
    eprintln!("{}   {}", if was_there { "deleted" } else { "gone   " }, name(object));
    Ok(())
}
