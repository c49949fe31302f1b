//! Who an end was, as members of its object.

use content::json;
use model::{Candidate, Peer};

/// Appends what is known of an end as members, each with a comma in front: `,"name":"front-end",…`.
pub fn push_peer(out: &mut Vec<u8>, peer: &Peer<'_>) {
    push_text(out, "name", peer.name);
    push_text(out, "namespace", peer.namespace);
    push_text(out, "pod", peer.pod);
    push_text(out, "service", peer.service);
    push_texts(out, "services", peer.services.iter().copied());
    if let Some(workload) = peer.workload {
        push_key(out, "workload");
        out.extend_from_slice(b"{\"kind\":");
        json::push_str(out, workload.kind);
        push_text(out, "name", Some(workload.name));
        out.push(b'}');
    }
    push_text(out, "node", peer.node);
    push_text(out, "zone", peer.zone);
    push_labels(out, &peer.labels);
    push_text(out, "container", peer.container);
    push_text(out, "service_account", peer.service_account);
    push_texts(out, "names", peer.names.iter().copied());
    push_texts(out, "evidence", peer.evidence.iter().map(|evidence| evidence.name()));
    push_texts(out, "doubts", peer.doubts.iter().map(|doubt| doubt.name()));
    push_candidates(out, &peer.candidates);
}

/// Appends the name of an outside address as members: what DNS called it.
pub fn push_dns_names(out: &mut Vec<u8>, names: &[&str]) {
    push_text(out, "name", names.first().copied());
    push_texts(out, "names", names.iter().copied().filter(|_| names.len() > 1));
    push_texts(out, "evidence", std::iter::once(model::Evidence::Dns.name()));
}

pub(crate) fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(crate) fn push_text(out: &mut Vec<u8>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        push_key(out, key);
        json::push_str(out, text);
    }
}

pub(crate) fn push_texts<'t>(out: &mut Vec<u8>, key: &str, texts: impl Iterator<Item = &'t str>) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    push_key(out, key);
    for (at, text) in texts.enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        json::push_str(out, text);
    }
    out.push(b']');
}

fn push_labels(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
    if labels.is_empty() {
        return;
    }
    push_key(out, "labels");
    for (at, (name, value)) in labels.iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        json::push_str(out, name);
        out.push(b':');
        json::push_str(out, value);
    }
    out.push(b'}');
}

fn push_candidates(out: &mut Vec<u8>, candidates: &[Candidate<'_>]) {
    if candidates.is_empty() {
        return;
    }
    push_key(out, "candidates");
    for (at, candidate) in candidates.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"[{\"kind\":" } else { b",{\"kind\":" });
        json::push_str(out, candidate.kind);
        push_text(out, "namespace", candidate.namespace);
        push_text(out, "name", Some(candidate.name));
        out.push(b'}');
    }
    out.push(b']');
}
