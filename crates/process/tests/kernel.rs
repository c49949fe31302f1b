//! The running kernel, real programs, their own network namespace and control group.
//!
//! Needs root and eBPF; says so and passes where they are missing.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use model::{Endpoint, Timestamp, Transport};
use process::{Ask, Choice, Hook, Options, Owners, Process, Source};

const WAIT: Duration = Duration::from_secs(2);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_nanos()).unwrap())
}

/// A source with hooks; `None`, said aloud, where this machine has none.
fn source(options: Options) -> Option<Source> {
    let source = Source::start(options).unwrap();
    if source.hooks().contains(&Hook::TcpState) && source.hooks().contains(&Hook::TcpRead) {
        return Some(source);
    }
    eprintln!("skipped: no hooks here: {:?}", source.notes());
    None
}

fn end(address: SocketAddr) -> Endpoint {
    Endpoint { ip: address.ip(), port: address.port() }
}

fn ask(
    owners: &Owners,
    local: Endpoint,
    remote: Endpoint,
    transport: Transport,
) -> Option<Arc<Process>> {
    let at = now();
    assert!(owners.settle(at, WAIT), "the table is not up to date");
    owners.find(&Ask { local, remote, transport, at, netns: None })
}

/// Serves one connection of a listener: an answer, whatever is asked.
fn serve(listener: TcpListener) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    })
}

/// The port from which curl asked, and its process.
fn curl(url: &str, more: &[&str]) -> (u16, u32) {
    let child = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{local_port}", "--max-time", "5"])
        .args(more)
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap().parse().unwrap(), pid)
}

fn is_here(program: &str) -> bool {
    let is_here = Command::new("which").arg(program).stdout(Stdio::null()).status();
    let is_here = is_here.is_ok_and(|status| status.success());
    if !is_here {
        eprintln!("skipped: {program} is not here");
    }
    is_here
}

#[test]
fn a_client_that_is_gone_at_once_and_its_server_are_known() {
    let Some(source) = source(Options::default()) else { return };
    if !is_here("curl") {
        return;
    }
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = end(listener.local_addr().unwrap());
        let serving = serve(listener);
        let (port, pid) = curl(&format!("http://127.0.0.1:{}/", server.port), &[]);
        serving.join().unwrap();
        let client = Endpoint { ip: server.ip, port };
        let owners = source.owners();
        let one = ask(&owners, client, server, Transport::Tcp).expect("the client");
        assert_eq!((one.pid, one.name.as_str()), (pid, "curl"));
        assert!(one.path.as_deref().is_some_and(|path| path.ends_with("/curl")), "{one:?}");
        assert_eq!(one.parent, std::process::id());
        let other = ask(&owners, server, client, Transport::Tcp).expect("the server");
        assert_eq!(other.pid, std::process::id());
        assert!(other.path.is_some() && other.cgroup.is_some(), "{other:?}");
    }
    assert_eq!(source.owners().counts().lost_sockets, 0);
}

#[test]
fn a_port_used_again_at_once_has_another_owner() {
    let Some(source) = source(Options::default()) else { return };
    if !is_here("curl") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = end(listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            // Without a length: we close first, and the client's port is free at once.
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nok").unwrap();
        }
    });
    let url = format!("http://127.0.0.1:{}/", server.port);
    let begun = now();
    let (port, first) = curl(&url, &[]);
    let between = now();
    let (again, second) = curl(&url, &["--local-port", &port.to_string()]);
    let done = now();
    serving.join().unwrap();
    assert_eq!(port, again, "the port was not to be had again");
    let owners = source.owners();
    assert!(owners.settle(done, WAIT));
    let client = Endpoint { ip: server.ip, port };
    let of = |at| {
        let ask = Ask { local: client, remote: server, transport: Transport::Tcp, at, netns: None };
        owners.find(&ask).map(|process| process.pid)
    };
    assert_eq!(of(begun), Some(first));
    assert_eq!(of(Timestamp(done.0.max(between.0))), Some(second));
    // Both have ended by then.
    assert_eq!(of(done.after(5_000_000_000)), None);
    assert!(done.since(begun) < 1_000_000_000, "too slow to show anything");
}

#[test]
fn a_connection_from_before_the_start_is_known() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let client = TcpStream::connect(server).unwrap();
    let (_accepted, _) = listener.accept().unwrap();
    let Some(source) = source(Options::default()) else { return };
    let local = end(client.local_addr().unwrap());
    let owners = source.owners();
    for (one, other) in [(local, end(server)), (end(server), local)] {
        let owner = ask(&owners, one, other, Transport::Tcp).expect("an owner");
        assert_eq!(owner.pid, std::process::id());
    }
}

#[test]
fn both_ends_of_datagrams_are_known_by_either_set_of_hooks() {
    for choice in [Choice::Fewest, Choice::Cgroup] {
        let Some(source) = source(Options { choice, ..Options::default() }) else { return };
        if choice == Choice::Cgroup && !source.hooks().contains(&Hook::Release) {
            eprintln!("skipped: no cgroup hooks: {:?}", source.notes());
            return;
        }
        let server = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let script = format!(
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
             s.connect(('127.0.0.1', {port})); s.send(b'x'); print(s.getsockname()[1])"
        );
        let child =
            Command::new("python3").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let client: u16 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
        assert_eq!(from.port(), client);
        let ip = IpAddr::from([127, 0, 0, 1]);
        let (server_end, client_end) = (Endpoint { ip, port }, Endpoint { ip, port: client });
        let owners = source.owners();
        let one = ask(&owners, client_end, server_end, Transport::Udp).expect("the client");
        assert!(one.name.starts_with("python"), "{choice:?}: {one:?}");
        let other = ask(&owners, server_end, client_end, Transport::Udp).expect("the server");
        assert_eq!(other.pid, std::process::id(), "{choice:?}");
    }
}

/// A group as Docker makes it, in whichever hierarchy the processes' paths are taken from.
struct Group(Vec<std::path::PathBuf>);

impl Group {
    const ID: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
        let root = roots.into_iter().find(|root| Path::new(root).join("cgroup.procs").exists())?;
        let parent = Path::new(root).join("docker");
        let group = parent.join(Self::ID);
        fs::create_dir_all(&group).ok()?;
        Some(Self(vec![group, parent]))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Until its last process is gone; another test's group may be in the parent.
            for _ in 0..20 {
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// A network namespace of the test's own.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Self> {
        let name = format!("callscope-{}", std::process::id());
        let ip = |args: &[&str]| Command::new("ip").args(args).status().is_ok_and(|s| s.success());
        if !ip(&["netns", "add", &name]) {
            return None;
        }
        let namespace = Self(name);
        ip(&["-n", &namespace.0, "link", "set", "lo", "up"]).then_some(namespace)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_container_is_known_by_its_group_and_its_namespace() {
    let Some(source) = source(Options::default()) else { return };
    let (Some(group), Some(namespace)) = (Group::new(), Namespace::new()) else {
        eprintln!("skipped: no control group or network namespace can be made");
        return;
    };
    let procs = group.0[0].join("cgroup.procs");
    // In its group before it begins; in pid and network namespaces of its own.
    let script = format!(
        "echo $$ > {} && exec ip netns exec {} unshare --fork --kill-child --pid --mount-proc \
         python3 -m http.server 8199 --bind 127.0.0.1",
        procs.display(),
        namespace.0
    );
    let quiet = || Stdio::null();
    let child = Command::new("sh").args(["-c", &script]).stdout(quiet()).stderr(quiet()).spawn();
    let _server = Server(child.unwrap());
    let asked = (0..50).find_map(|_| {
        thread::sleep(Duration::from_millis(100));
        let output = Command::new("ip")
            .args(["netns", "exec", &namespace.0, "curl", "-s", "-o", "/dev/null", "-w"])
            .args(["%{http_code} %{local_port}", "http://127.0.0.1:8199/"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().strip_prefix("200 ").map(str::to_owned)
    });
    let port = asked.expect("the server answers").parse().unwrap();
    let ip = IpAddr::from([127, 0, 0, 1]);
    let (client, server) = (Endpoint { ip, port }, Endpoint { ip, port: 8199 });
    let owners = source.owners();
    let owner = ask(&owners, server, client, Transport::Tcp).expect("the server");
    assert!(owner.name.starts_with("python"), "{owner:?}");
    assert_eq!(owner.own_pid, 1, "{owner:?}");
    let container = owner.container.as_ref().expect("its container");
    assert_eq!((container.id.as_str(), container.short_id()), (Group::ID, "c0ffee00c0ff"));
    let owner = ask(&owners, client, server, Transport::Tcp).expect("the client");
    assert_eq!((owner.name.as_str(), &owner.container), ("curl", &None));
}

/// Programs and links that a process holds, by the numbers that the kernel gave them.
fn held_by(pid: u32) -> Vec<(&'static str, String)> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let mut held = Vec::new();
    for text in files.filter_map(|file| fs::read_to_string(file.path()).ok()) {
        for (kind, word) in [("link", "link_id:"), ("prog", "prog_id:")] {
            let id = text.lines().find_map(|line| line.strip_prefix(word));
            held.extend(id.map(|id| (kind, id.trim().to_owned())));
        }
    }
    held
}

/// Whether the kernel still has it.
fn is_in_kernel((kind, id): &(&'static str, String)) -> bool {
    let show = Command::new("bpftool").args([*kind, "show", "id", id]).output().unwrap();
    show.status.success()
}

#[test]
fn killed_it_leaves_nothing_in_the_kernel() {
    const CHILD: &str = "CALLSCOPE_TEST_HOLDS_HOOKS";
    if std::env::var_os(CHILD).is_some() {
        let source = source(Options { choice: Choice::Cgroup, ..Options::default() });
        println!("attached: {}", source.is_some());
        thread::sleep(Duration::from_secs(30));
        return;
    }
    if !is_here("bpftool") {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_it_leaves_nothing_in_the_kernel", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut out = child.stdout.take().unwrap();
    while !told.contains("attached: ") {
        let mut bytes = [0; 256];
        let len = out.read(&mut bytes).unwrap();
        assert!(len > 0, "{told}");
        told += &String::from_utf8_lossy(&bytes[..len]);
    }
    let held = held_by(child.id());
    let were_there: Vec<_> = held.iter().filter(|one| is_in_kernel(one)).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    if held.is_empty() {
        eprintln!("skipped: no hooks here");
        return;
    }
    assert_eq!(were_there.len(), held.len());
    assert!(held.iter().any(|(kind, _)| *kind == "link"), "{held:?}");
    // The kernel frees programs a moment later.
    let is_clean = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(100));
        !held.iter().any(is_in_kernel)
    });
    assert!(is_clean, "{held:?}");
}
