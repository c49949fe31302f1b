//! Whose socket an end was, as a member of its object.

use content::{json, short::push_number};
use model::Process;

use crate::{
    moment,
    peer::{push_key, push_text, push_texts},
};

/// Appends the process as a member with a comma in front: `,"process":{"pid":4242,…}`.
pub fn push_process(out: &mut Vec<u8>, process: &Process<'_>) {
    push_key(out, "process");
    out.extend_from_slice(b"{\"pid\":");
    push_number(out, process.pid);
    push_count(out, "own_pid", process.own_pid);
    push_text(out, "name", Some(process.name).filter(|name| !name.is_empty()));
    push_text(out, "path", process.path);
    let arguments = process.command_line.unwrap_or_default();
    push_texts(out, "command_line", arguments.iter().map(String::as_str));
    push_count(out, "parent", process.parent);
    push_count(out, "uid", Some(process.uid));
    push_text(out, "started", process.started.map(moment).as_deref());
    push_text(out, "cgroup", process.cgroup);
    if let Some(container) = process.container {
        push_key(out, "container");
        out.extend_from_slice(b"{\"id\":");
        json::push_str(out, container.id);
        push_text(out, "runtime", container.runtime);
        push_text(out, "pod_uid", container.pod_uid);
        out.push(b'}');
    }
    out.push(b'}');
}

fn push_count(out: &mut Vec<u8>, key: &str, count: Option<u32>) {
    if let Some(count) = count {
        push_key(out, key);
        push_number(out, count);
    }
}
