//! Real engines on loopback: two servers of Debian's ClickHouse 18.16 that are one cluster, and today's
//! ClickHouse as a library (chdb) behind an HTTP front of our own.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// An engine that runs; killed at the end.
pub struct Engine {
    /// What it is called in messages.
    pub name: &'static str,
    servers: Vec<Server>,
    /// What comes behind the hosts and the database.
    options: &'static str,
    _folder: TempDir,
}

struct Server {
    port: u16,
    command: Vec<String>,
    folder: PathBuf,
    child: Option<Child>,
}

/// All engines that this machine has; says which it has not.
pub fn all() -> Vec<Engine> {
    [pair(), modern()].into_iter().flatten().collect()
}

/// Two old servers, and calls spread over both.
pub fn pair() -> Option<Engine> {
    if Command::new("clickhouse-server").arg("--help").output().is_err() {
        eprintln!("skipped: no clickhouse-server (Debian's package)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let ports = ports::<6>();
    let servers = (0..2).map(|number| {
        let folder = folder.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        let [http, tcp, inter] = [ports[number], ports[2 + number], ports[4 + number]];
        fs::write(
            folder.join("config.xml"),
            config(&folder, [http, tcp, inter], [ports[2], ports[3]]),
        )
        .unwrap();
        fs::write(folder.join("users.xml"), USERS).unwrap();
        let file = format!("--config-file={}", folder.join("config.xml").display());
        let command = vec!["clickhouse-server".to_owned(), file];
        Server { port: http, command, folder, child: None }
    });
    let mut engine = Engine {
        name: "18.16",
        servers: servers.collect(),
        options: "?cluster=pair",
        _folder: folder,
    };
    engine.start();
    Some(engine)
}

/// Today's engine.
pub fn modern() -> Option<Engine> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/chdb/bin/python");
    let has = Command::new(&python).args(["-c", "import chdb"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no chdb-core in target/chdb (scripts/test makes it)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let [port] = ports();
    let front = root.join("tests/common/chdb_front.py");
    let words = [python, front].map(|path| path.to_str().unwrap().to_owned());
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let command = words.into_iter().chain([port.to_string(), data]).collect();
    let server = Server { port, command, folder: folder.path().to_owned(), child: None };
    let mut engine =
        Engine { name: "today's", servers: vec![server], options: "", _folder: folder };
    engine.start();
    Some(engine)
}

impl Engine {
    /// How callscope names a database of it, of which there is none yet.
    pub fn place(&self, database: &str) -> String {
        self.place_with(database, "")
    }

    /// With further options: `keep=30`.
    pub fn place_with(&self, database: &str, option: &str) -> String {
        let hosts: Vec<String> =
            self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let options = match (self.options, option) {
            ("", "") => String::new(),
            ("", option) => format!("?{option}"),
            (options, "") => options.to_owned(),
            (options, option) => format!("{options}&{option}"),
        };
        format!("clickhouse://{}/{database}{options}", hosts.join(","))
    }

    /// Starts what does not run, and waits until it answers.
    pub fn start(&mut self) {
        for server in self.servers.iter_mut().filter(|server| server.child.is_none()) {
            let (program, words) = server.command.split_first().unwrap();
            let log = fs::File::create(server.folder.join("out")).unwrap();
            let mut command = Command::new(program);
            command.args(words).current_dir(&server.folder).stdin(Stdio::null());
            command.stdout(log.try_clone().unwrap()).stderr(log);
            server.child = Some(command.spawn().unwrap());
        }
        for server in &self.servers {
            let until = Instant::now() + Duration::from_secs(60);
            while server.tell("SELECT 1").is_none_or(|said| said.trim() != "1") {
                assert!(Instant::now() < until, "{} does not answer", self.name);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Kills its servers, as a machine that stops would.
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }

    /// What its first server says.
    pub fn tell(&self, sql: &str) -> String {
        self.servers[0].tell(sql).unwrap().trim().to_owned()
    }

    /// What each of its servers says.
    pub fn tell_all(&self, sql: &str) -> Vec<String> {
        self.servers.iter().map(|server| server.tell(sql).unwrap().trim().to_owned()).collect()
    }
}

impl Server {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// The body of an answer, if it is one.
    fn tell(&self, sql: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let head =
            format!("POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", sql.len());
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(sql.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that nobody listens on now.
fn ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn config(folder: &Path, [http, tcp, inter]: [u16; 3], shards: [u16; 2]) -> String {
    let folder = folder.display();
    let shard = |port: u16| {
        format!("<shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>")
    };
    format!(
        "<yandex><logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/err</errorlog></logger>\
         <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>\
         <interserver_http_port>{inter}</interserver_http_port><listen_host>127.0.0.1</listen_host>\
         <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>\
         <mark_cache_size>16777216</mark_cache_size><users_config>users.xml</users_config>\
         <default_profile>default</default_profile><default_database>default</default_database>\
         <remote_servers><pair>{}{}</pair></remote_servers></yandex>",
        shard(shards[0]),
        shard(shards[1])
    )
}

const USERS: &str = "<yandex><profiles><default><max_memory_usage>2000000000</max_memory_usage>\
    </default></profiles><users><default><password></password><networks><ip>127.0.0.1</ip></networks>\
    <profile>default</profile><quota>default</quota></default></users><quotas><default/></quotas></yandex>";
