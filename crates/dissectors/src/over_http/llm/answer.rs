//! An answer, put together from one value or from the events of a stream.

use model::Message;

use crate::{
    http::View,
    over_http::{
        json::Json,
        media::{Media, media},
        sse::events::Events,
        tell::body,
    },
};

/// Bytes of text that are put together.
const TEXT_MAX: usize = 32 << 10;
/// Calls of tools that are remembered.
const CALLS_MAX: usize = 64;

/// What a model answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) text: String,
    pub(super) finish: Vec<String>,
    pub(super) input: Option<i64>,
    pub(super) output: Option<i64>,
    /// Names and arguments.
    pub(super) calls: Vec<(String, String)>,
    /// Where in the body the first piece of it came.
    pub(super) first_at: Option<usize>,
    pub(super) error: Option<String>,
}

// === impl Answer ===

impl Answer {
    /// Reads a response.
    pub(super) fn of(message: &Message) -> Self {
        let mut answer = Self::default();
        let body = body(message);
        if View::of(message).map(media) != Some(Media::EventStream) {
            answer.read(Json::of(&body));
            return answer;
        }
        for event in Events::of(&body) {
            answer.read(Json::of(event.data.as_bytes()));
            if answer.first_at.is_none() && !(answer.text.is_empty() && answer.calls.is_empty()) {
                answer.first_at = Some(event.at);
            }
        }
        answer
    }

    /// A whole answer, or one event of a stream: their keys tell them apart.
    fn read(&mut self, json: Json<'_>) {
        self.read_facts(json);
        for choice in json.get("choices").into_iter().flat_map(Json::items) {
            self.read_choice(choice);
        }
        for part in json.get("content").into_iter().flat_map(Json::items) {
            self.read_part(part);
        }
        for item in json.get("output").into_iter().flat_map(Json::items) {
            self.read_part(item);
        }
        self.read_event(json);
    }

    /// Events that have a type, and what they say under a key of their own.
    fn read_event(&mut self, json: Json<'_>) {
        let kind = json.get("type").and_then(Json::text).unwrap_or_default();
        let (key, facts) = match &*kind {
            "message_start" => ("message", true),
            "message_delta" => ("delta", true),
            "response.created" | "response.completed" | "response.incomplete" => ("response", true),
            "content_block_start" => ("content_block", false),
            "response.output_item.done" => ("item", false),
            "content_block_delta" => return self.read_delta(json.get("delta")),
            "response.output_text.delta" => return self.say(json.get("delta")),
            _ => return,
        };
        let Some(said) = json.get(key) else { return };
        // The texts of an item came before it.
        if facts {
            self.read_facts(said);
        } else if key != "item" || said.get("arguments").is_some() {
            self.read_part(said);
        }
    }

    fn read_facts(&mut self, json: Json<'_>) {
        let text = |key| Some(json.get(key)?.text()?.into_owned());
        self.id = self.id.take().or_else(|| text("id"));
        self.model = self.model.take().or_else(|| text("model"));
        let reason = text("stop_reason").or_else(|| text("status").filter(|_| self.id.is_some()));
        self.finish.extend(reason.filter(|reason| reason != "in_progress"));
        let usage = |names: [&str; 2]| {
            let usage = json.get("usage")?;
            names.iter().find_map(|name| usage.get(name)?.integer())
        };
        self.input = usage(["prompt_tokens", "input_tokens"]).or(self.input);
        self.output = usage(["completion_tokens", "output_tokens"]).or(self.output);
        if let Some(error) = json.get("error") {
            let message = error.get("message").unwrap_or(error);
            self.error = message.text().map(Into::into);
        }
    }

    /// As `OpenAI` has it: a message, or what comes to it.
    fn read_choice(&mut self, choice: Json<'_>) {
        let reason = choice.get("finish_reason").and_then(Json::text);
        self.finish.extend(reason.map(Into::into));
        self.say(choice.get("text"));
        let Some(said) = choice.get("delta").or(choice.get("message")) else { return };
        self.say(said.get("content"));
        for call in said.get("tool_calls").into_iter().flat_map(Json::items) {
            let Some(function) = call.get("function") else { continue };
            let arguments = function.get("arguments").and_then(Json::text).unwrap_or_default();
            match function.get("name").and_then(Json::text).filter(|name| !name.is_empty()) {
                Some(name) => self.call(&name, &arguments),
                None => self.argue(call.get("index").and_then(Json::integer), &arguments),
            }
        }
    }

    /// As Anthropic has it, and an item of a response.
    fn read_part(&mut self, part: Json<'_>) {
        self.say(part.get("text"));
        for part in part.get("content").into_iter().flat_map(Json::items) {
            self.say(part.get("text"));
        }
        let Some(name) = part.get("name").and_then(Json::text) else { return };
        let input = part.get("input").map(Json::raw).filter(|input| *input != b"{}");
        match part.get("arguments").and_then(Json::text) {
            Some(arguments) => self.call(&name, &arguments),
            None => self.call(&name, &String::from_utf8_lossy(input.unwrap_or_default())),
        }
    }

    fn read_delta(&mut self, delta: Option<Json<'_>>) {
        let Some(delta) = delta else { return };
        self.say(delta.get("text"));
        if let Some(more) = delta.get("partial_json").and_then(Json::text) {
            self.argue(None, &more);
        }
    }

    fn say(&mut self, text: Option<Json<'_>>) {
        let Some(text) = text.and_then(Json::text) else { return };
        let room = TEXT_MAX.saturating_sub(self.text.len());
        let cut = text.floor_char_boundary(room);
        self.text += text.get(..cut).unwrap_or_default();
    }

    fn call(&mut self, name: &str, arguments: &str) {
        if self.calls.len() < CALLS_MAX {
            self.calls.push((name.into(), arguments.into()));
        }
    }

    /// More arguments of the call with that number, else of the last one.
    fn argue(&mut self, number: Option<i64>, more: &str) {
        let last = self.calls.len().checked_sub(1);
        let at = number.and_then(|number| usize::try_from(number).ok()).or(last);
        if let Some((_, arguments)) = at.and_then(|at| self.calls.get_mut(at))
            && arguments.len() + more.len() <= TEXT_MAX
        {
            *arguments += more;
        }
    }
}
