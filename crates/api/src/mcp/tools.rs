//! The tools: each is a question to the API, and its answer in few words.

use std::sync::Arc;

use axum::{body::Body, http::Method};
use rmcp::model::{JsonObject, Tool as Declared, ToolAnnotations};
use serde_json::{Value, json};

use super::Asker;
use crate::{Role, Who, text::query};

mod shorten;

use shorten::{call_line, shorten, table};

/// A tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    about: &'static str,
    /// Its arguments: name, JSON type, what it is, whether it is needed.
    arguments: &'static [(&'static str, &'static str, &'static str, bool)],
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Calls,
    Search,
    Call,
    Aggregate,
    Map,
    Connection,
    NotSeen,
    Status,
    Import,
}

/// Calls of an answer, if nothing else is said.
const LIMIT: u64 = 25;
/// Calls of an answer at most.
const LIMIT_MAX: u64 = 200;
/// Characters of each payload and header, if nothing else is said.
const PAYLOAD: u64 = 2_000;
/// Characters of each payload at most.
const PAYLOAD_MAX: u64 = 100_000;

const WHERE: (&str, &str, &str, bool) =
    ("where", "string", "a filter, e.g. protocol == \"http\" && status.number >= 500", false);
const FROM: (&str, &str, &str, bool) = ("from", "string", "not before: RFC 3339, or -15m", false);
const TO: (&str, &str, &str, bool) = ("to", "string", "before: RFC 3339, or -5m", false);
const CURSOR: (&str, &str, &str, bool) =
    ("cursor", "string", "where the last answer stopped", false);
const COUNT: (&str, &str, &str, bool) = ("limit", "integer", "how many (25; at most 200)", false);

const TOOLS: [Tool; 9] = [
    Tool {
        name: "list_calls",
        about: "List calls, newest first: id, time, duration, protocol, method, endpoint, status, \
            who called whom. Tab-separated. The last line gives the cursor of the next page.",
        arguments: &[
            WHERE,
            FROM,
            TO,
            CURSOR,
            COUNT,
            ("order", "string", "desc (newest first) or asc", false),
        ],
        what: What::Calls,
    },
    Tool {
        name: "search",
        about: "Find calls with a text in their headers, fields or bodies. Slower than list_calls: \
            narrow it by where, from and to.",
        arguments: &[
            ("text", "string", "what to look for; upper and lower case are the same", true),
            WHERE,
            FROM,
            TO,
            CURSOR,
            COUNT,
        ],
        what: What::Search,
    },
    Tool {
        name: "get_call",
        about: "One call whole: ends, headers, fields, bodies, timing, what is missing and why. Long \
            texts are cut; say `payload` to see more.",
        arguments: &[
            ("id", "string", "the call's id", true),
            ("payload", "integer", "characters of each text (2000; 0: none)", false),
        ],
        what: What::Call,
    },
    Tool {
        name: "aggregate",
        about: "Count and measure calls by any fields, optionally over time. Tab-separated.",
        arguments: &[
            WHERE,
            FROM,
            TO,
            ("by", "string", "fields, comma-separated: dst.workload.name,endpoint", false),
            ("show", "string", "measures: count,error_rate,rate,p50,p90,p99,min,max,mean", false),
            ("over", "string", "length of a step of time: 10s, 1m, 1h", false),
            ("limit", "integer", "rows (25; at most 200)", false),
        ],
        what: What::Aggregate,
    },
    Tool {
        name: "service_map",
        about: "Who calls whom: an edge for each pair of workloads and protocol, with calls, errors, \
            rate, p50 and p99. Tab-separated.",
        arguments: &[WHERE, FROM, TO],
        what: What::Map,
    },
    Tool {
        name: "connections",
        about: "The connection that calls came on: ends, state, round-trip time, retransmissions, \
            bytes and packets each way, and its calls. Tells the network from the server.",
        arguments: &[("stream", "string", "the `stream` of a call", true)],
        what: What::Connection,
    },
    Tool {
        name: "not_seen",
        about: "What is not seen, and why: packets and bytes that were lost, traffic that can't be \
            decrypted, traffic in no known protocol. Ask before you say that something did not happen.",
        arguments: &[],
        what: What::NotSeen,
    },
    Tool {
        name: "capture_status",
        about: "What is captured: sources, the time they cover, calls by protocol, progress of imports.",
        arguments: &[],
        what: What::Status,
    },
    Tool {
        name: "import_file",
        about: "Read a capture file (pcap or pcapng, also gzip or zstd) of the machine that this server \
            runs on. capture_status tells its progress. Needs the role admin.",
        arguments: &[("path", "string", "the file", true)],
        what: What::Import,
    },
];

/// All tools, as they are declared to agents.
pub(super) fn all() -> Vec<Declared> {
    TOOLS.iter().map(Tool::declared).collect()
}

/// The tool of this name.
pub(super) fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

// === impl Tool ===

impl Tool {
    fn declared(&self) -> Declared {
        let properties: serde_json::Map<_, _> = self
            .arguments
            .iter()
            .map(|(name, kind, about, _)| {
                ((*name).to_owned(), json!({ "type": kind, "description": about }))
            })
            .collect();
        let needed: Vec<_> = self
            .arguments
            .iter()
            .filter(|argument| argument.3)
            .map(|argument| argument.0)
            .collect();
        let schema = json!({
            "type": "object", "properties": properties, "required": needed,
            "additionalProperties": false,
        });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let reads = !matches!(self.what, What::Import);
        Declared::new(self.name, self.about, Arc::new(schema)).with_annotations(
            ToolAnnotations::new().read_only(reads).destructive(false).open_world(false),
        )
    }

    /// Asks, and tells the answer.
    ///
    /// # Errors
    /// What is wrong with the question, in words for the agent.
    pub(super) async fn call(
        &self,
        asker: &Asker,
        who: &Who,
        arguments: JsonObject,
    ) -> Result<String, String> {
        for name in arguments.keys() {
            if !self.arguments.iter().any(|argument| argument.0 == name) {
                return Err(format!("{} has no argument {name:?}", self.name));
            }
        }
        if let Some((name, ..)) =
            self.arguments.iter().find(|argument| argument.3 && !arguments.contains_key(argument.0))
        {
            return Err(format!("{} needs {name:?}", self.name));
        }
        let given = Given { arguments };
        match self.what {
            What::Calls => calls(asker, who, &given, given.text("where")).await,
            What::Search => search(asker, who, &given).await,
            What::Call => call(asker, who, &given).await,
            What::Aggregate => aggregate(asker, who, &given).await,
            What::Map => map(asker, who, &given).await,
            What::Connection => connection(asker, who, &given).await,
            What::NotSeen => not_seen(asker, who).await,
            What::Status => status(asker, who).await,
            What::Import => import(asker, who, &given).await,
        }
    }
}

/// The arguments given.
struct Given {
    arguments: JsonObject,
}

impl Given {
    fn text(&self, name: &str) -> Option<String> {
        match self.arguments.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A number; agents also send it as text.
    fn number(&self, name: &str, default: u64, max: u64) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(default).min(max)
    }

    fn path(&self, path: &str, names: &[&str], more: &[(&str, String)]) -> String {
        let mut pairs: Vec<(&str, String)> =
            names.iter().filter_map(|name| Some((*name, self.text(name)?))).collect();
        pairs.extend(more.iter().cloned());
        query(path, &pairs)
    }
}

async fn calls(
    asker: &Asker,
    who: &Who,
    given: &Given,
    condition: Option<String>,
) -> Result<String, String> {
    let limit = given.number("limit", LIMIT, LIMIT_MAX);
    let mut more = vec![("limit", limit.to_string())];
    more.extend(condition.map(|condition| ("where", condition)));
    let path = given.path("/api/v1/calls", &["from", "to", "cursor", "order"], &more);
    let page = asker.get(&path, who).await?;
    let mut text = String::from(
        "id\ttime\tms\tprotocol\tmethod\tendpoint\tstatus\tresult\tfrom\tto\tpairing\tstream\n",
    );
    let calls = page["calls"].as_array().cloned().unwrap_or_default();
    for call in &calls {
        text += &call_line(call);
    }
    if calls.is_empty() {
        text += "(no call fulfils this in what was captured; not_seen tells what was not)\n";
    }
    match page["next"].as_str() {
        Some(cursor) => text += &format!("next: {cursor}\n"),
        None => text += "(no more)\n",
    }
    Ok(text)
}

/// Looks in everything that is text.
async fn search(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    let text = given.text("text").ok_or("text is empty")?;
    let mut condition = format!("search({})", Value::String(text));
    if let Some(narrower) = given.text("where") {
        condition = format!("({narrower}) && {condition}");
    }
    calls(asker, who, given, Some(condition)).await
}

async fn call(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    let id = given.text("id").ok_or("id is empty")?;
    let mut call = asker.get(&format!("/api/v1/calls/{}", crate::text::encoded(&id)), who).await?;
    let characters = given.number("payload", PAYLOAD, PAYLOAD_MAX);
    shorten(&mut call, usize::try_from(characters).unwrap_or(usize::MAX));
    Ok(call.to_string())
}

async fn aggregate(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    let limit = given.number("limit", LIMIT, LIMIT_MAX).to_string();
    let names = ["where", "from", "to", "by", "show", "over"];
    let path = given.path("/api/v1/aggregate", &names, &[("limit", limit)]);
    let answer = asker.get(&path, who).await?;
    Ok(table(&answer))
}

async fn map(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    let path = given.path("/api/v1/map", &["where", "from", "to"], &[]);
    let answer = asker.get(&path, who).await?;
    let mut text = String::from("from\tto\tprotocol\tcalls\terrors\trate\tp50_ms\tp99_ms\n");
    for edge in answer["edges"].as_array().into_iter().flatten() {
        let ms =
            |name: &str| edge[name].as_f64().map_or(String::new(), |ns| format!("{:.3}", ns / 1e6));
        text += &format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            edge["from"].as_str().unwrap_or_default(),
            edge["to"].as_str().unwrap_or_default(),
            edge["protocol"].as_str().unwrap_or_default(),
            edge["calls"],
            edge["errors"],
            edge["rate"].as_f64().map_or(String::new(), |rate| format!("{rate:.3}/s")),
            ms("p50_ns"),
            ms("p99_ns"),
        );
    }
    Ok(text)
}

async fn connection(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    let stream = given.text("stream").ok_or("stream is empty")?;
    let path = format!("/api/v1/streams/{}", crate::text::encoded(&stream));
    let mut answer = asker.get(&path, who).await?;
    let calls = answer["calls"].take();
    let mut text = format!("{answer}\ncalls:\n");
    for call in calls.as_array().into_iter().flatten().take(LIMIT_MAX as usize) {
        text += &call_line(call);
    }
    Ok(text)
}

async fn not_seen(asker: &Asker, who: &Who) -> Result<String, String> {
    let health = asker.get("/api/v1/health", who).await?;
    let mut text = String::new();
    for loss in health["losses"].as_array().into_iter().flatten() {
        let words = loss["words"].as_str().filter(|words| !words.is_empty());
        let words = words.or(loss["name"].as_str()).unwrap_or_default();
        text += &format!("{}\t{words}\n", loss["count"]);
    }
    for unseen in health["unread"].as_array().into_iter().flatten() {
        let text_of = |name: &str| unseen[name].as_str();
        let who = text_of("workload").or(text_of("server")).unwrap_or("others");
        text += &format!(
            "{who}: {} bytes in {} flows {}. {}\n",
            unseen["bytes"],
            unseen["flows"],
            text_of("what").unwrap_or_default(),
            text_of("next").unwrap_or_default(),
        );
    }
    for source in health["sources"].as_array().into_iter().flatten() {
        for warning in source["warnings"].as_array().into_iter().flatten() {
            text += &format!("{}: {}\n", source["name"], warning);
        }
        if source["state"] == "failed" || source["state"] == "reading" {
            text += &format!("{} is {}: {}\n", source["name"], source["state"], source["message"]);
        }
    }
    if text.is_empty() {
        text += "nothing was lost, and everything captured could be read\n";
    }
    text +=
        "Only what the captures hold can be seen at all: capture_status tells which, and when.\n";
    Ok(text)
}

async fn status(asker: &Asker, who: &Who) -> Result<String, String> {
    Ok(asker.get("/api/v1/health", who).await?.to_string())
}

/// A running server is given the file; the one in this process reads it where it is.
async fn import(asker: &Asker, who: &Who, given: &Given) -> Result<String, String> {
    if who.role() < Role::Admin {
        return Err("import_file needs the role admin".into());
    }
    let path = given.text("path").ok_or("path is empty")?;
    let name = std::path::Path::new(&path);
    let meta = tokio::fs::metadata(name).await.map_err(|error| format!("{path}: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{path} is not a file"));
    }
    let file = tokio::fs::File::open(name).await.map_err(|error| format!("{path}: {error}"))?;
    let label = name.file_name().map(|name| name.to_string_lossy().into_owned());
    let target = query("/api/v1/import", &[("name", label.unwrap_or_default())]);
    let body = Body::from_stream(tokio_util::io::ReaderStream::new(file));
    let said = asker.ask(Method::POST, &target, who, body).await?;
    Ok(said.json()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_declared_with_a_schema_of_its_own() {
        for tool in all() {
            assert_eq!(tool.input_schema["type"], "object", "{}", tool.name);
            assert!(tool.description.is_some_and(|about| about.len() > 40));
            assert!(find(&tool.name).is_some());
        }
        assert!(find("nothing").is_none());
    }
}
