//! `callscope serve` and `callscope mcp` as processes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

fn callscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.stdin(Stdio::null());
    command
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(words: &[&str]) -> Self {
        let mut command = callscope();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(words).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server ended").unwrap();
            if let Some(address) = line.strip_prefix("callscope: http://") {
                break address.to_owned();
            }
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn ask(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_off(end + 4);
        let body = if head.contains("chunked") { dechunked(&body) } else { body };
        (status, body)
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(&format!("GET {path}"), b"");
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// When the import is read.
    fn settled(&self, id: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let import = self.json(&format!("/api/v1/imports/{id}"));
            if import["state"] == "done" || import["state"] == "failed" {
                return import;
            }
            assert!(Instant::now() < until, "{import}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as an operator would.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// RFC 9112 §7.1
fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    whole
}

#[test]
fn a_file_is_imported_and_another_one_uploaded() {
    let file = fixture("shop.pcapng.zst");
    let server = Server::start(&[file.to_str().unwrap()]);
    let import = server.settled("1");
    assert_eq!((&import["state"], &import["calls"]), (&json!("done"), &json!(312)), "{import}");
    assert_eq!(import["bytes_read"], import["bytes_total"]);
    assert!(import["facts"]["packets"].as_u64() > Some(1000));
    let bytes = std::fs::read(fixture("dns.pcap.zst")).unwrap();
    let (status, body) = server.ask("POST /api/v1/import?name=dns.pcap.zst", &bytes);
    assert_eq!(status, 202);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let import = server.settled(body["import"].as_str().unwrap());
    assert_eq!((&import["state"], &import["name"]), (&json!("done"), &json!("dns.pcap.zst")));
    let health = server.json("/api/v1/health");
    assert_eq!(health["sources"].as_array().unwrap().len(), 2);
    let (status, _) = server.ask("POST /api/v1/import?name=x", b"this is no capture");
    assert_eq!(status, 202);
    let import = server.settled("3");
    assert_eq!(import["state"], "failed");
    assert!(!import["message"].as_str().unwrap().is_empty());
    server.stop();
}

#[test]
fn calls_and_their_packets_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().to_str().unwrap(), fixture("shop.pcapng.zst"));
    let server = Server::start(&["--store", store, file.to_str().unwrap()]);
    server.settled("1");
    let page = server.json("/api/v1/calls?limit=1&where=http");
    server.stop();
    let server = Server::start(&["--store", store]);
    let again = server.json("/api/v1/calls?limit=1&where=http");
    assert_eq!(page["calls"], again["calls"]);
    let id = again["calls"][0]["id"].as_str().unwrap().to_owned();
    let packets = server.json(&format!("/api/v1/calls/{id}/packets"));
    assert!(!packets["packets"].as_array().unwrap().is_empty());
}

fn refused(words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = callscope().args(words).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn an_address_for_everybody_needs_a_token() {
    let (code, said) = refused(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("--token-file") && said.contains("--insecure"), "{said}");
    let (code, said) = refused(&["serve", "--token", "short"]);
    assert!(code == Some(1) && said.contains("16 characters"), "{said}");
    let (code, said) = refused(&["serve", "no-such-file.pcap"]);
    assert!(code == Some(1) && said.contains("no-such-file.pcap"), "{said}");
}

#[test]
fn settings_come_from_a_file_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callscope.toml");
    let config = path.to_str().unwrap();
    std::fs::write(&path, "[serve]\nlisten = \"0.0.0.0:0\"\nstore-size = \"1GiB\"\n").unwrap();
    let (code, said) = refused(&["--config", config, "serve"]);
    assert!(code == Some(1) && said.contains("0.0.0.0"), "{said}");
    let check = callscope().args(["--config", config, "config", "check"]).output().unwrap();
    assert!(check.status.success());
    let show = callscope()
        .args(["--config", config, "config", "show"])
        .env("CALLSCOPE_READ_QUIET", "yes")
        .output()
        .unwrap();
    let show = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(show.contains("[serve] listen = 0.0.0.0:0  (file)"), "{show}");
    assert!(show.contains("[read] quiet = true  (environment)"), "{show}");
    for (text, word) in [
        ("[serve]\nlisten = \"nowhere\"\n", "listen"),
        ("[serve]\nlisen = \"127.0.0.1:1\"\n", "perhaps listen"),
        ("[serve\n", "TOML"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (code, said) = refused(&["--config", config, "config", "check"]);
        assert!(code == Some(1) && said.contains(word), "{text}: {said}");
    }
}

/// An agent's end of standard input and output.
struct Agent {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    number: u64,
}

impl Agent {
    fn start(words: &[&str]) -> Self {
        let mut child = callscope()
            .arg("mcp")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut agent = Self { child, lines, number: 0 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } });
        let said = agent.ask("initialize", hello);
        assert_eq!(said["serverInfo"]["name"], "callscope");
        agent.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        agent
    }

    fn say(&mut self, message: &Value) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let line = self.lines.next().expect("it ended").unwrap();
            let mut said: Value = serde_json::from_str(&line).unwrap();
            if said["id"] == id {
                assert!(said["error"].is_null(), "{said}");
                return said["result"].take();
            }
        }
    }

    fn tool(&mut self, name: &str, arguments: Value) -> String {
        let said = self.ask("tools/call", json!({ "name": name, "arguments": arguments }));
        assert_ne!(said["isError"], true, "{name}: {said}");
        said["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What an agent does, whatever is behind it.
fn investigate(agent: &mut Agent) {
    let until = Instant::now() + Duration::from_secs(60);
    while !agent.tool("capture_status", json!({})).contains("\"done\"") {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    let tools = agent.ask("tools/list", json!({}));
    assert_eq!(tools["tools"].as_array().unwrap().len(), 9);
    let list = agent.tool("list_calls", json!({ "where": "http", "limit": 3 }));
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 5, "{list}");
    let cursor = lines[4].strip_prefix("next: ").unwrap();
    let more = agent.tool("list_calls", json!({ "where": "http", "limit": 3, "cursor": cursor }));
    assert_ne!(more.lines().nth(1), Some(lines[1]));
    let (id, stream) =
        (lines[1].split('\t').next().unwrap(), lines[1].rsplit('\t').next().unwrap());
    let call: Value = serde_json::from_str(&agent.tool("get_call", json!({ "id": id }))).unwrap();
    assert_eq!((&call["id"], &call["protocol"]), (&json!(id), &json!("http")));
    let connection = agent.tool("connections", json!({ "stream": stream }));
    assert!(connection.contains("\"state\"") && connection.contains(id), "{connection}");
    let found = agent.tool("search", json!({ "text": "ALICE" }));
    assert!(found.lines().count() > 2, "{found}");
    let table = agent.tool("aggregate", json!({ "by": "protocol", "show": "count,p99" }));
    assert!(table.contains("http\t99\t"), "{table}");
    assert!(agent.tool("service_map", json!({})).lines().count() > 3);
    assert!(!agent.tool("not_seen", json!({})).is_empty());
    let said =
        agent.ask("tools/call", json!({ "name": "list_calls", "arguments": { "where": "htp" } }));
    assert_eq!(said["isError"], true, "{said}");
    let fields = agent.ask("resources/read", json!({ "uri": "callscope://fields" }));
    assert!(fields["contents"][0]["text"].as_str().unwrap().contains("status.number\tint\t"));
    let prompt =
        agent.ask("prompts/get", json!({ "name": "explain_call", "arguments": { "id": id } }));
    assert!(prompt["messages"][0]["content"]["text"].as_str().unwrap().contains(id));
}

#[test]
fn an_agent_asks_about_a_file() {
    let mut agent = Agent::start(&[fixture("shop.pcapng.zst").to_str().unwrap()]);
    investigate(&mut agent);
    let dns = fixture("dns.pcap.zst");
    let said = agent.tool("import_file", json!({ "path": dns.to_str().unwrap() }));
    assert!(said.contains("\"import\""), "{said}");
}

#[test]
fn an_agent_asks_a_running_server() {
    let server = Server::start(&[fixture("shop.pcapng.zst").to_str().unwrap()]);
    let base = format!("http://{}", server.address);
    investigate(&mut Agent::start(&["--server", &base]));
}
