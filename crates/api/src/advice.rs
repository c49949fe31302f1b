//! What helps against a loss, and what to do about what can't be read: told beside each, so that nobody has
//! to look it up at night.

/// Words in the name of a count, and what helps against what it counts; the first that fits holds.
const LOSSES: [(&[&str], &str); 10] = [
    (
        &["sink_calls_refused"],
        "They lie in the folder `refused` of the store, as NDJSON; `sinks` says why. See that the engine's \
         tables are as callscope made them.",
    ),
    (&["audit"], "See that the folder of the audit log can be written and the disk has room."),
    (
        &["kernel", "inlet", "process_events", "ring"],
        "Packets come faster than they are read: give it more CPU, narrow the capture with a filter, or \
         capture on fewer interfaces.",
    ),
    (&["tail_"], "Nothing is missing from what is kept. A narrower query keeps up better."),
    (
        &["budget", "memory", "evict", "over_limit"],
        "Memory for unfinished conversations was full: raise --memory.",
    ),
    (
        &["snap", "cut"],
        "Packets were cut when they were captured: capture with a larger snap length.",
    ),
    (
        &["otlp"],
        "The collector did not answer or refused: see that it listens at the address given.",
    ),
    (
        &["files_"],
        "Somebody else removed or changed files in the store's folder: let nobody but callscope do it.",
    ),
    (
        &["refused", "unlogged", "lost_full", "seals", "torn"],
        "The store could not take them: see that its folder can be written and the disk has room.",
    ),
    (
        &["gap", "skip", "stray", "broken", "unpaired", "missing", "doubtful", "lost"],
        "Packets are missing from the capture itself: look for drops where it was taken, or for one of \
         two paths not captured.",
    ),
];

/// What helps against a loss of this name; may be empty.
pub(crate) fn of_loss(name: &str) -> &'static str {
    let fits = |(words, _): &&(&[&str], &str)| words.iter().any(|word| name.contains(word));
    LOSSES.iter().find(fits).map_or("", |(_, advice)| advice)
}

/// Why something can't be read in words, and what to do about it.
pub(crate) fn of_unread(why: &str) -> (&'static str, &'static str) {
    match why {
        "encrypted" => (
            "encrypted, without secrets that open it",
            "Give the secrets (--keylog FILE, or a pcapng that holds them), or have them taken from the \
             application: serve --tap --tls on its node. `callscope doctor --tls` says which processes can \
             be read.",
        ),
        "joined-late" => (
            "began before the capture did, and shows nowhere what it is",
            "It is read once it is opened anew: restart the client, or begin to capture earlier.",
        ),
        "gap" => (
            "bytes were lost before anybody knew what it is",
            "Look for drops where the capture was taken.",
        ),
        _ => (
            "in no known protocol",
            "`callscope protocols` lists what is read. Look at its packets; if it should be read, report it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_advice() {
        for (name, word) in [
            ("kernel_drops", "CPU"),
            ("budget_bytes", "--memory"),
            ("skipped_bytes", "missing"),
            ("store_calls_lost_full", "disk"),
            ("tail_missed", "narrower"),
            ("otlp_spans_lost", "collector"),
            ("audit_lines_lost", "audit log"),
            ("sink_calls_refused", "tables"),
        ] {
            assert!(of_loss(name).contains(word), "{name}: {}", of_loss(name));
        }
        assert_eq!(of_loss("hello"), "");
    }
}
