//! An HTTP call as a command line for curl.

use serde_json::Value;

use crate::fact::{headers, text, url};

/// Headers that curl makes by itself, or that speak of a connection that is gone.
const ITS_OWN: [&str; 6] =
    ["content-length", "connection", "transfer-encoding", "host", "te", "expect"];

/// The command that asks the same again; nothing when the call is no HTTP, or its request was not
/// seen.
#[must_use]
pub fn curl(call: &Value) -> Option<String> {
    let request = &call["request"];
    let method = text(&request["fields"]["http.request.method"])?;
    let mut command = String::from("curl");
    if method == "HEAD" {
        command += " --head";
    } else if method != "GET" || request["body"].is_object() {
        command += &format!(" -X {}", quoted(method));
    }
    match text(&call["version"]) {
        Some("1.0") => command += " --http1.0",
        Some("2") if !call["tls"].is_object() => command += " --http2-prior-knowledge",
        Some("2") => command += " --http2",
        Some("3") => command += " --http3",
        _ => {}
    }
    let (url, host) = (url(call), host(request));
    command += &format!(" {}", quoted(&url));
    if let Some(host) = host.filter(|host| !is_at(&url, host)) {
        command += &line(&format!("-H {}", quoted(&format!("Host: {host}"))));
    }
    for (name, value) in headers(request) {
        if ITS_OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            continue;
        }
        // A header without a value is sent by a semicolon; with a colon it would be left out.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        command += &line(&format!("-H {}", quoted(&header)));
    }
    if let Some(body) = text(&request["body"]["text"]) {
        command += &line(&format!("--data-raw {}", quoted(body)));
        if request["body"]["truncated"] == true {
            command += "\n# Only the beginning of the body was kept.";
        }
    } else if let Some(base64) = text(&request["body"]["base64"]) {
        command = format!(
            "printf %s {} | base64 -d | {command}{}",
            quoted(base64),
            line("--data-binary @-")
        );
    }
    command.push('\n');
    Some(command)
}

/// A further line of the same command.
fn line(words: &str) -> String {
    format!(" \\\n  {words}")
}

fn host(request: &Value) -> Option<&str> {
    headers(request).find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, host)| host)
}

/// Whether the URL names this host.
fn is_at(url: &str, host: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next() == Some(host)
}

/// One word of a POSIX shell, whatever is in it. A NUL can't be in any word: it is left out.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_asked_again() {
        let call = json!({
            "version": "1.1", "dst": { "ip": "10.0.0.2", "port": 80 },
            "request": {
                "headers": [["Host", "shop.example"], ["X-Who", "it's me"], ["Content-Length", "3"],
                    ["X-Empty", ""]],
                "fields": { "http.request.method": "POST", "url.full": "http://shop.example/a?b=c" },
                "body": { "size": 3, "text": "a'b" }
            }
        });
        let expected = "curl -X POST 'http://shop.example/a?b=c' \\\n  -H 'X-Who: it'\\''s me' \\\n  \
                        -H 'X-Empty;' \\\n  --data-raw 'a'\\''b'\n";
        assert_eq!(curl(&call).unwrap(), expected);
    }

    #[test]
    fn the_address_is_asked_where_the_name_is_not_known() {
        let call = json!({
            "dst": { "ip": "fd00::2", "port": 8080 }, "endpoint": "/x",
            "request": { "headers": [["host", "a.example"]],
                "fields": { "http.request.method": "GET", "url.path": "/x" } }
        });
        assert_eq!(
            curl(&call).unwrap(),
            "curl 'http://[fd00::2]:8080/x' \\\n  -H 'Host: a.example'\n"
        );
    }

    #[test]
    fn a_word_can_not_leave_its_quotes() {
        assert_eq!(quoted("$(reboot); `x` \"y\" 'z'"), r#"'$(reboot); `x` "y" '\''z'\'''"#);
        assert_eq!(quoted("-o/etc/passwd"), "'-o/etc/passwd'");
    }
}
