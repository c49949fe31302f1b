//! A PostgreSQL of Debian's in the tests of what is live.

use std::fs;

use super::net::{Net, SERVER, sh};

/// A server that runs.
pub struct Database {
    /// Its first process.
    pub pid: u32,
    /// Where its client is.
    pub psql: String,
}

/// Starts it on the server's machine, with TLS if `encrypts`; everybody gets in. None where there is none.
pub fn start(net: &mut Net, encrypts: bool) -> Option<Database> {
    let Some(bin) = programs() else {
        eprintln!("skipped: no PostgreSQL here");
        return None;
    };
    let folder = net.folder.path().display().to_string();
    let data = format!("{folder}/db");
    // It does not run as root.
    let user = "setpriv --reuid postgres --regid postgres --clear-groups";
    sh(&format!(
        "chmod 755 {folder}; install -d -o postgres {data}
         cd {folder}; {user} {bin}/initdb -A trust -N -D {data} >/dev/null"
    ));
    let listen = format!("listen_addresses={SERVER}");
    let sockets = format!("unix_socket_directories={data}");
    fs::write(format!("{data}/pg_hba.conf"), "host all all 0.0.0.0/0 trust\n").unwrap();
    let program = format!("{bin}/postgres");
    let mut words: Vec<_> = user.split(' ').collect();
    words.extend([&program, "-D", &data, "-c", &listen, "-c", &sockets, "-c", "fsync=off"]);
    if encrypts {
        sh(&format!(
            "cd {data}; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
             -keyout server.key -out server.crt -days 30 -subj /CN=shop.example 2> /dev/null
             chown postgres server.key server.crt; chmod 600 server.key"
        ));
        words.extend(["-c", "ssl=on"]);
    }
    Some(Database { pid: net.serve(5432, &words), psql: format!("{bin}/psql") })
}

/// Where its programs are: not among those that everybody runs.
fn programs() -> Option<String> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.flatten().map(|entry| entry.path().join("bin"));
    let bin = bins.filter(|bin| bin.join("initdb").exists()).max()?;
    Some(bin.display().to_string())
}
