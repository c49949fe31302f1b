//! Networks of two machines for the tests of what is live: namespaces joined by a pair of interfaces,
//! servers in one, clients in the other.
// Each test takes its own part.
#![allow(dead_code)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Addresses of the two machines.
pub const CLIENT: &str = "10.99.0.1";
pub const SERVER: &str = "10.99.0.2";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Two machines, and a folder for what runs on them.
pub struct Net {
    /// Namespaces of the client and of the server.
    pub client: String,
    pub server: String,
    pub folder: TempDir,
    servers: Vec<Child>,
}

/// Whether this machine can do such tests: says why not.
pub fn can(programs: &[&str]) -> bool {
    if !rustix_is_root() {
        eprintln!("skipped: needs root");
        return false;
    }
    let missing = ["ip"].iter().chain(programs).find(|program| !is_there(program));
    if let Some(missing) = missing {
        eprintln!("skipped: no {missing} on this machine");
    }
    missing.is_none()
}

fn rustix_is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uid.is_some_and(|uid| uid.split_whitespace().nth(1) == Some("0"))
}

fn is_there(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|folder| PathBuf::from(folder).join(program).exists())
}

pub fn sh(script: &str) -> Output {
    let output = Command::new("sh").args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

impl Net {
    pub fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cs{}-{number}", std::process::id());
        let (client, server) = (format!("{name}c"), format!("{name}s"));
        sh(&format!(
            "ip netns add {client}; ip netns add {server}
             ip link add one netns {client} type veth peer name two netns {server}
             for n in {client} {server}; do ip -n $n link set lo up; done
             ip -n {client} addr add {CLIENT}/24 dev one; ip -n {client} link set one up
             ip -n {server} addr add {SERVER}/24 dev two; ip -n {server} link set two up"
        ));
        let folder = tempfile::tempdir().unwrap();
        Self { client, server, folder, servers: Vec::new() }
    }

    /// Runs a script on the client's machine.
    pub fn ask(&self, script: &str) -> Output {
        sh(&format!("ip netns exec {} sh -ec '{script}'", self.client))
    }

    /// Starts a server on the server's machine, and waits until it listens on the port. Tells its pid.
    pub fn serve(&mut self, port: u16, words: &[&str]) -> u32 {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server]).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn().unwrap();
        let pid = server.id();
        self.servers.push(server);
        let listens = format!("ip netns exec {} ss -Hlntu 'sport = :{port}'", self.server);
        wait_until(&format!("port {port}"), || !sh(&listens).stdout.is_empty());
        pid
    }

    /// Runs a program on the client's machine to its end. Tells its pid.
    pub fn run(&self, words: &[&str]) -> u32 {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.client]).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // `ip` becomes the program itself.
        let pid = child.id();
        assert!(child.wait().unwrap().success(), "{words:?}");
        pid
    }

    /// Starts nginx on the server's machine. Tells the pid of its first process, which has a child.
    pub fn nginx(&mut self) -> u32 {
        let folder = self.folder.path().display().to_string();
        let config = format!(
            "worker_processes 1; pid {folder}/pid; error_log {folder}/errors; daemon off;
             events {{ worker_connections 512; }}
             http {{ access_log off; keepalive_requests 100000000;
               server {{ listen 0.0.0.0:80; location / {{ return 200 \"hello\\n\"; }} }} }}"
        );
        let path = format!("{folder}/nginx.conf");
        fs::write(&path, config).unwrap();
        self.serve(80, &["nginx", "-e", "/dev/null", "-c", &path])
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // nginx has children of its own, which end with it only when it is asked.
            let _ = Command::new("kill").arg(server.id().to_string()).status();
            let _ = server.wait();
        }
        for name in [&self.client, &self.server] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// Waits for what is sure to happen.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A callscope that runs.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    errors: BufReader<std::process::ChildStderr>,
}

/// What it had to say.
pub struct Said {
    pub calls: Vec<Value>,
    pub errors: String,
    pub is_success: bool,
}

/// Starts `callscope tap`, and waits until it listens.
pub fn tap(args: &[&str]) -> Running {
    let mut running = start(&[&["tap", "--format", "ndjson"], args].concat());
    let mut line = String::new();
    while !line.contains("listening") {
        let read = running.errors.read_line(&mut line).unwrap();
        assert!(read > 0, "it ended before it listened: {line}");
    }
    running
}

/// Starts callscope.
pub fn start(args: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callscope"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let errors = BufReader::new(child.stderr.take().unwrap());
    Running { child, out, errors }
}

impl Running {
    pub fn signal(&self, name: &str) {
        sh(&format!("kill -{name} {}", self.child.id()));
    }

    /// The next call that it shows.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Interrupts it, as Ctrl-C does, and reads the rest.
    pub fn end(self) -> Said {
        self.signal("INT");
        self.rest()
    }

    /// Waits for its end, and reads the rest.
    pub fn rest(mut self) -> Said {
        let mut errors = self.errors;
        let reads = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let mut text = String::new();
        self.out.read_to_string(&mut text).unwrap();
        let calls = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is_success = self.child.wait().unwrap().success();
        Said { calls, errors: reads.join().unwrap(), is_success }
    }
}

/// The tree of control groups: version 2, or any controller of version 1.
pub fn groups() -> Option<&'static str> {
    let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"];
    trees.into_iter().find(|tree| fs::exists(format!("{tree}/cgroup.procs")).unwrap_or(false))
}
