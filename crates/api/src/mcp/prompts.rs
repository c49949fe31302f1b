//! The common investigations, as a way to go about them.

use rmcp::{
    ErrorData,
    model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role},
};

/// An investigation.
struct Way {
    name: &'static str,
    about: &'static str,
    /// Its arguments: name, what it is, and what stands there if it is not given.
    arguments: &'static [(&'static str, &'static str, &'static str)],
    /// What to do; `{name}` stands for an argument.
    text: &'static str,
}

const WAYS: [Way; 5] = [
    Way {
        name: "find_errors",
        about: "Which calls fail, where it begins, and what they say",
        arguments: &[("where", "which calls, as a filter", "true")],
        text: "Find out why calls fail, among those that fulfil: {where}\n\
            1. capture_status, to know what was captured and when.\n\
            2. aggregate with where `({where}) && status.result == \"error\"`, by \
               dst.workload.name,protocol,endpoint,status.code, show count.\n\
            3. For the most frequent: list_calls with the same filter, then get_call of two or three.\n\
            4. Follow the failure downstream: list_calls with src of the failing server in the same \
               seconds. The first failing call in time, deepest in the chain, is the suspect.\n\
            5. not_seen, before you say that a call did not happen.\n\
            Answer with the suspect, the evidence (ids of calls), and what you could not see.",
    },
    Way {
        name: "find_slow",
        about: "Which calls are slow, and who they wait for",
        arguments: &[("where", "which calls, as a filter", "true")],
        text: "Find out what is slow, among calls that fulfil: {where}\n\
            1. aggregate by dst.workload.name,endpoint, show count,p50,p99.\n\
            2. For the worst p99: list_calls with `duration > ` something near it, newest first.\n\
            3. For two of them get_call, then list_calls of the server's own calls (src is that server) \
               between its time and time + duration_ns: what did it wait for?\n\
            4. connections of the same stream: retransmissions and rtt tell the network from the server.\n\
            Answer with who waits for whom, in milliseconds, and the ids of calls.",
    },
    Way {
        name: "what_talks_to",
        about: "Who calls a workload, and whom it calls",
        arguments: &[("workload", "its name", "")],
        text: "Describe who talks to {workload} and to whom it talks.\n\
            1. service_map with where `src.workload.name == \"{workload}\" || dst.workload.name == \
               \"{workload}\" || src.name == \"{workload}\" || dst.name == \"{workload}\"`.\n\
            2. For each edge aggregate by protocol,method,endpoint, show count,error_rate,p99.\n\
            3. not_seen: which traffic of it can't be read.\n\
            Answer as a list of neighbours with protocol, rate, errors, p99.",
    },
    Way {
        name: "explain_call",
        about: "One call, step by step",
        arguments: &[("id", "the call's id", "")],
        text: "Explain call {id}.\n\
            1. get_call {id}: who asked whom for what, what was answered, how long it took.\n\
            2. If something is missing in it, say why (`missing`, `pairing`) and do not guess.\n\
            3. list_calls whose src is its dst between its time and its end: what it caused.\n\
            4. connections of its stream: was it the network?",
    },
    Way {
        name: "why_empty",
        about: "Why an expected call is not there",
        arguments: &[("what", "what was expected", "")],
        text: "Somebody expected to see: {what}. It is not there. Find out why.\n\
            1. capture_status: is the time covered? Is the source the right one?\n\
            2. not_seen: losses, encrypted and unknown traffic, by workload.\n\
            3. Ask wider: list_calls with fewer conditions (only the address, only the port, only the time).\n\
            4. Say which it is: it did not happen, it was not captured, it was captured and can't be read, \
               or the question was wrong.",
    },
];

pub(super) fn all() -> Vec<Prompt> {
    WAYS.iter().map(Way::prompt).collect()
}

pub(super) fn get(name: &str, given: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    let way = WAYS
        .iter()
        .find(|way| way.name == name)
        .ok_or_else(|| ErrorData::invalid_params(format!("there is no prompt {name:?}"), None))?;
    let mut text = way.text.to_owned();
    for (name, _, default) in way.arguments {
        let value = given.get(*name).and_then(|value| value.as_str()).unwrap_or(default);
        if value.is_empty() {
            return Err(ErrorData::invalid_params(format!("{name} is needed"), None));
        }
        text = text.replace(&format!("{{{name}}}"), value);
    }
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
        .with_description(way.about))
}

impl Way {
    fn prompt(&self) -> Prompt {
        let arguments = self.arguments.iter().map(|(name, about, default)| {
            PromptArgument::new(*name).with_description(*about).with_required(default.is_empty())
        });
        Prompt::new(self.name, Some(self.about), Some(arguments.collect()))
    }
}
