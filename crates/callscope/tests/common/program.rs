//! `callscope serve` and `callscope mcp` as processes, for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub fn callscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.stdin(Stdio::null());
    command
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// A server that is killed when the test ends.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
    log: Option<JoinHandle<String>>,
}

impl Server {
    pub fn start(words: &[&str]) -> Self {
        Self::start_as("serve", words).0
    }

    /// The same of another command, and what it said before its address.
    pub fn start_as(command: &str, words: &[&str]) -> (Self, Vec<String>) {
        let mut process = callscope();
        process.args([command, "--listen", "127.0.0.1:0"]).args(words).stderr(Stdio::piped());
        let mut child = process.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line =
                lines.next().unwrap_or_else(|| panic!("the server ended: {said:?}")).unwrap();
            let url = line.strip_prefix("callscope: http");
            if let Some((_, address)) = url.and_then(|url| url.split_once("://")) {
                break address.to_owned();
            }
            said.push(line);
        };
        // What it says later must not fill the pipe.
        let log =
            std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        (Self { child, address, log: Some(log) }, said)
    }

    pub fn ask(&self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
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

    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(&format!("GET {path}"), b"");
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// When the import is read.
    pub fn settled(&self, id: &str) -> Value {
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

    /// Ends it as an operator would; what it said after its address.
    pub fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let log = self.log.take().unwrap().join().unwrap();
        format!("callscope: {}\n{log}", self.address)
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

/// An agent's end of standard input and output.
pub struct Agent {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    number: u64,
}

impl Agent {
    pub fn start(words: &[&str]) -> Self {
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

    pub fn say(&mut self, message: &Value) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
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

    pub fn tool(&mut self, name: &str, arguments: Value) -> String {
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
