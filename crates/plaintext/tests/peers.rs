//! More peers: Node's own OpenSSL, a library in another mount namespace, PostgreSQL, connections from before.

mod common;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use common::{Running, Server, Talk, folder, free_port, has, noise, run};
use plaintext::{Settings, Survey};

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status.lines().any(|line| line.split_whitespace().take(2).eq(["Uid:", "0"]));
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A server that echoes what it is sent, and a client that asks twice over one connection.
const NODE: &str = r#"
const tls = require("tls"), fs = require("fs");
const [port, size, how] = [+process.argv[2], +process.argv[3], process.argv[4]];
if (how === "serve") {
  const keys = { key: fs.readFileSync("key.pem"), cert: fs.readFileSync("cert.pem") };
  tls.createServer(keys, (socket) => { socket.on("error", () => {}); socket.pipe(socket); })
    .listen(port, "127.0.0.1");
} else {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  let left = 2 * size;
  const ask = () => socket.write(Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) % 251)));
  socket.on("secureConnect", ask);
  socket.on("data", (data) => {
    const before = left;
    left -= data.length;
    if (before > size && left <= size) ask();
    if (left === 0) socket.end();
  });
}
"#;

#[test]
fn node_and_its_own_openssl() {
    if !has("node") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(Settings::default()) else { return };
    let (folder, port) = (folder("node"), free_port());
    fs::write(folder.join("talk.js"), NODE).expect("a file");
    let node = |how: &str| {
        let mut node = Command::new("node");
        node.current_dir(&folder).args(["talk.js", &port.to_string(), "200000", how]);
        node
    };
    let server = Server::start(&mut node("serve"), port);
    let rows = Survey::take().rows;
    let row = rows.iter().find(|row| row.pid == server.pid()).expect("node speaks TLS");
    println!("{row:?}");
    if let Some(why) = row.why_not {
        println!("skipped: this node can't be tapped: {why}");
        return;
    }
    let body: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let whole = [&body[..], &body].concat();
    let is_done = |talk: &Talk| talk.asked == whole && talk.answered == whole;
    let mut talks = Vec::new();
    // Node is large: on a busy machine the first talk is over before it was looked into.
    for _ in 0..3 {
        let asked = run(&mut node("ask"));
        assert!(asked.status.success(), "{asked:?}");
        talks = taps.until(port, |talks| talks.iter().any(is_done));
        if talks.iter().any(is_done) {
            break;
        }
    }
    let told: Vec<_> =
        talks.iter().map(|talk| (talk.asked.len(), talk.answered.len(), talk.lacks)).collect();
    assert!(talks.iter().any(is_done), "{told:?}");
    drop(server);
    taps.stop();
    let _ = fs::remove_dir_all(folder);
}

/// A copy of libssl that no path of ours leads to, as a container has it.
#[test]
fn a_library_in_another_mount_namespace() {
    if !is_root() || !has("openssl") || !has("unshare") || !has("mount") {
        return;
    }
    let found = run(
        Command::new("sh").args(["-c", "ldd $(command -v openssl) | awk '/libssl/{print $3}'"])
    );
    let library = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    if !Path::new(&library).exists() {
        println!("skipped: openssl uses no shared libssl");
        return;
    }
    let Some(taps) = Running::start(Settings::default()) else { return };
    let (folder, port) = (folder("mounts"), free_port());
    fs::create_dir_all(folder.join("lib")).expect("a folder");
    let at = folder.display();
    // Both ends have the copy, so that none of them is tapped by another path.
    let inside = format!(
        "mount -t tmpfs none {at}/lib && cp {library} {at}/lib/ && export LD_LIBRARY_PATH={at}/lib
         openssl s_server -accept 127.0.0.1:{port} -key {at}/key.pem -cert {at}/cert.pem -quiet -rev &
         sleep 2
         printf 'made of glass\\n' | timeout 3 openssl s_client -connect 127.0.0.1:{port} -quiet 2> /dev/null
         kill $!"
    );
    let said = run(Command::new("unshare").args(["-m", "sh", "-c", &inside]));
    assert!(fs::read_dir(folder.join("lib")).expect("a folder").next().is_none());
    if !String::from_utf8_lossy(&said.stdout).contains("ssalg fo edam") {
        println!("skipped: openssl's server does not answer here: {said:?}");
        return;
    }
    let is_it = |talk: &Talk| {
        talk.asked.starts_with(b"made of glass\n") && talk.answered.starts_with(b"ssalg fo edam\n")
    };
    let talks = taps.until(port, |talks| talks.iter().any(is_it));
    assert!(talks.iter().any(is_it), "{talks:?}");
    taps.stop();
    let _ = fs::remove_dir_all(folder);
}

/// A connection that was there before the taps: told from where they met it.
#[test]
fn a_connection_from_before() {
    if !has("openssl") {
        return;
    }
    let (folder, port) = (folder("before"), free_port());
    let address = format!("127.0.0.1:{port}");
    let server = Server::start(
        Command::new("openssl").current_dir(&folder).args([
            "s_server", "-accept", &address, "-key", "key.pem", "-cert", "cert.pem", "-quiet",
            "-rev",
        ]),
        port,
    );
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a client");
    let mut says = client.stdin.take().expect("its input");
    says.write_all(b"before\n").expect("written");
    thread::sleep(Duration::from_millis(500));
    let Some(taps) = Running::start(Settings::default()) else {
        let _ = client.kill();
        let _ = client.wait();
        return;
    };
    let lines: Vec<String> = (0..5)
        .map(|n| {
            let noise: String = noise(40).iter().map(|b| char::from(b'a' + b % 26)).collect();
            format!("{n}{noise}\n")
        })
        .collect();
    for line in &lines {
        says.write_all(line.as_bytes()).expect("written");
        thread::sleep(Duration::from_millis(100));
    }
    let last = lines[4].trim_end().chars().rev().collect::<String>() + "\n";
    let talks =
        taps.until(port, |talks| talks.iter().any(|talk| talk.answered.ends_with(last.as_bytes())));
    drop(says);
    let _ = client.kill();
    let _ = client.wait();
    drop(server);
    // Both ends may be told, where nobody saw who connected to whom.
    let is_told = |talk: &&Talk| talk.answered.ends_with(last.as_bytes());
    let talk = talks.iter().find(is_told).expect("a connection");
    // The server was waiting inside of a read when the taps came: what that read is missed, if it is the
    // server's end that is told.
    let asked = String::from_utf8_lossy(&talk.asked).into_owned();
    assert!([lines.concat(), lines[1..].concat()].contains(&asked), "{asked}");
    assert!(!talk.flow.expect("a flow").is_whole);
    assert_eq!(talk.lacks, 0);
    taps.stop();
    let _ = fs::remove_dir_all(folder);
}
