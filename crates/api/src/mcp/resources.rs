//! What an agent may read up: the fields of filters, and the protocols.

use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceContents},
};
use serde_json::Value;

use super::Asker;
use crate::Who;

/// Address, name, what it is, and where the API says it.
const ALL: [(&str, &str, &str, &str); 3] = [
    (
        "callscope://fields",
        "fields",
        "Every field and function that filters and aggregates may use, with types",
        "/api/v1/fields",
    ),
    (
        "callscope://protocols",
        "protocols",
        "Every protocol that is understood, with the fields that it fills in",
        "/api/v1/protocols",
    ),
    (
        "callscope://status",
        "status",
        "What is captured, what was lost, and what can't be read",
        "/api/v1/health",
    ),
];

pub(super) fn all() -> Vec<Resource> {
    let resource = |(uri, name, about, _): &(&str, &str, &str, &str)| {
        Resource::new(*uri, *name).with_description(*about).with_mime_type("text/plain")
    };
    ALL.iter().map(resource).collect()
}

pub(super) async fn read(
    asker: &Asker,
    who: &Who,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let Some((uri, _, _, path)) = ALL.iter().find(|(known, ..)| *known == uri) else {
        return Err(ErrorData::resource_not_found(format!("there is no {uri}"), None));
    };
    let value =
        asker.get(path, who).await.map_err(|message| ErrorData::internal_error(message, None))?;
    let text = match *path {
        "/api/v1/fields" => fields(&value),
        _ => value.to_string(),
    };
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, *uri)]))
}

/// A line each, which is a quarter of the JSON.
fn fields(value: &Value) -> String {
    let mut text = String::from("# fields: name, type, what it is\n");
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    for field in value["fields"].as_array().into_iter().flatten() {
        text += &format!(
            "{}\t{}\t{}\n",
            word(field, "name"),
            word(field, "type"),
            word(field, "about")
        );
    }
    text += "# functions: how it is called, what it does\n";
    for function in value["functions"].as_array().into_iter().flatten() {
        text += &format!("{}\t{}\n", word(function, "signature"), word(function, "about"));
    }
    text
}
