//! `callscope tap` between real servers and clients, in network namespaces. Needs root; says so and
//! passes where it can't be done.

mod common {
    pub mod net;
}

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::net::{CLIENT, Net, SERVER, can, groups, sh, start, tap, wait_until};
use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn of<'a>(calls: &'a [Value], protocol: &str) -> Vec<&'a Value> {
    calls.iter().filter(|call| call["protocol"] == protocol).collect()
}

fn from_client_to(call: &Value, port: u16) {
    assert_eq!(call["src"]["ip"], CLIENT, "{call}");
    assert_eq!(
        (&call["dst"]["ip"], &call["dst"]["port"]),
        (&SERVER.into(), &port.into()),
        "{call}"
    );
    assert_eq!(call["pairing"], "matched", "{call}");
}

#[test]
fn calls_of_real_servers_are_seen_once_from_both_ends_of_the_wire() {
    if !can(&["nginx", "curl", "redis-server", "redis-cli", "unbound", "dig", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    net.serve(6379, &["redis-server", "--bind", SERVER, "--save", "", "--protected-mode", "no"]);
    let zone = net.folder.path().join("unbound.conf");
    fs::write(
        &zone,
        format!(
            "server:\n interface: {SERVER}\n access-control: 0.0.0.0/0 allow\n do-daemonize: no\n \
             username: \"\"\n chroot: \"\"\n use-syslog: no\n \
             local-data: \"shop.example. A 192.0.2.7\"\nremote-control:\n control-enable: no\n"
        ),
    )
    .unwrap();
    net.serve(53, &["unbound", "-d", "-p", "-c", zone.to_str().unwrap()]);
    let (client, server) = (net.client.clone(), net.server.clone());
    let tap = tap(&["--netns", &client, "--netns", &server]);
    net.ask(&format!("curl -s http://{SERVER}/one http://{SERVER}/two"));
    net.ask(&format!("redis-cli -h {SERVER} set colour green; redis-cli -h {SERVER} get colour"));
    net.ask(&format!("dig @{SERVER} +noedns shop.example A shop.example AAAA"));
    let said = tap.end();
    assert!(said.is_success, "{}", said.errors);
    let http = of(&said.calls, "http");
    let paths: Vec<_> = http.iter().map(|call| text(&call["endpoint"])).collect();
    assert_eq!(paths, ["/one", "/two"]);
    http.iter().for_each(|call| from_client_to(call, 80));
    let redis = of(&said.calls, "redis");
    redis.iter().for_each(|call| from_client_to(call, 6379));
    let is_get = |call: &&&Value| call["method"] == "GET" && call["endpoint"] == "colour";
    assert_eq!(redis.iter().filter(is_get).count(), 1, "{redis:?}");
    let dns = of(&said.calls, "dns");
    let asked: Vec<_> = dns.iter().map(|call| text(&call["method"])).collect();
    assert_eq!(asked, ["A", "AAAA"]);
    dns.iter().for_each(|call| from_client_to(call, 53));
    assert!(!said.errors.contains("lost in the kernel"), "{}", said.errors);
}

#[test]
fn a_call_is_shown_within_a_second_though_nothing_follows_it() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    for threads in ["1", "3"] {
        let mut tap = tap(&["--netns", &net.server, "--threads", threads]);
        net.ask(&format!("curl -s http://{SERVER}/soon"));
        let asked = Instant::now();
        assert_eq!(tap.next()["endpoint"], "/soon");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        assert!(tap.end().calls.is_empty());
    }
}

/// A client that is about to ask a server that never answers, as soon as there is a file `go`; it sends
/// three bytes of a body that it says is so long.
fn waiting_question(length: u32) -> (Net, Child) {
    let mut net = Net::new();
    let silent = "import socket,time; s=socket.create_server((\"0.0.0.0\",80)); c=s.accept(); \
                  time.sleep(60)";
    net.serve(80, &["python3", "-c", silent]);
    let (ask, go) = (net.folder.path().join("ask.py"), net.folder.path().join("go"));
    let script = format!(
        "import os, socket, time\nwhile not os.path.exists(\"{}\"): time.sleep(0.02)\n\
         s=socket.create_connection((\"{SERVER}\",80))\n\
         s.sendall(b\"PUT /never HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: {length}\\r\\n\\r\\nabc\")\ns.recv(1)\n",
        go.display()
    );
    fs::write(&ask, script).unwrap();
    let client = Command::new("ip")
        .args(["netns", "exec", &net.client, "python3", ask.to_str().unwrap()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (net, client)
}

#[test]
fn what_waits_for_an_answer_is_shown_at_the_interruption() {
    if !can(&["python3", "ss"]) {
        return;
    }
    let (net, mut client) = waiting_question(3);
    let tap = tap(&["--netns", &net.server]);
    fs::write(net.folder.path().join("go"), "").unwrap();
    wait_until("the connection", || {
        let list = format!("ip netns exec {} ss -Hnt 'sport = :80'", net.server);
        String::from_utf8_lossy(&sh(&list).stdout).contains("ESTAB")
    });
    std::thread::sleep(Duration::from_millis(100));
    let said = tap.end();
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(said.calls.len(), 1, "{}", said.errors);
    assert_eq!(said.calls[0]["endpoint"], "/never");
    assert_eq!(said.calls[0]["pairing"], "unanswered");
    assert_eq!(said.calls[0]["missing"]["why"], "capture-end");
}

#[test]
fn a_question_that_goes_on_is_shown_by_time_alone() {
    if !can(&["python3", "ss"]) {
        return;
    }
    let (net, mut client) = waiting_question(100);
    let mut tap = tap(&["--netns", &net.client, "--open-after", "0.5"]);
    fs::write(net.folder.path().join("go"), "").unwrap();
    let call = tap.next();
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!((text(&call["endpoint"]), text(&call["pairing"])), ("/never", "unanswered"));
    tap.end();
}

#[test]
fn a_call_over_a_bridge_or_over_lo_is_one_call() {
    if !can(&["nginx", "curl", "python3", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let echo = "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n\
                s.bind((\"0.0.0.0\",53))\nwhile True:\n d,a=s.recvfrom(512)\n \
                s.sendto(d[:2]+b\"\\x81\\x80\"+d[4:],a)\n";
    let server_py = net.folder.path().join("names.py");
    fs::write(&server_py, echo).unwrap();
    net.serve(53, &["python3", server_py.to_str().unwrap()]);
    // Between the two machines now a third one with a bridge.
    let (client, server) = (&net.client, &net.server);
    let bridge = format!("{client}b");
    sh(&format!(
        "ip netns add {bridge}; ip -n {bridge} link add br0 type bridge
         ip -n {client} link del one
         ip link add one netns {client} type veth peer name left netns {bridge}
         ip link add two netns {server} type veth peer name right netns {bridge}
         ip -n {client} addr add {CLIENT}/24 dev one; ip -n {client} link set one up
         ip -n {server} addr add {SERVER}/24 dev two; ip -n {server} link set two up
         for i in left right; do ip -n {bridge} link set $i master br0 up; done
         ip -n {bridge} link set br0 up"
    ));
    let both = "import socket\nimport sys\n\
                s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor n in range(50):\n \
                for t in (1,28):\n  s.sendto(bytes([n,t,1,0,0,1,0,0,0,0,0,0,1,97,0,0,t,0,1]),\
                (sys.argv[1],53))\n for t in (1,28): s.recv(512)\n";
    let ask = net.folder.path().join("ask.py");
    fs::write(&ask, both).unwrap();
    let bridged = tap(&["any", "--netns", &bridge]);
    net.ask(&format!("curl -s http://{SERVER}/bridged; python3 {} {SERVER}", ask.display()));
    let bridged = bridged.end();
    let local = tap(&["--netns", server]);
    sh(&format!(
        "ip netns exec {server} sh -c 'curl -s http://127.0.0.1/local; python3 {} 127.0.0.1'",
        ask.display()
    ));
    let local = local.end();
    sh(&format!("ip netns del {bridge}"));
    for (said, path) in [(bridged, "/bridged"), (local, "/local")] {
        let http = of(&said.calls, "http");
        assert_eq!(http.len(), 1, "{path}: {}", said.errors);
        assert_eq!((text(&http[0]["endpoint"]), text(&http[0]["pairing"])), (path, "matched"));
        let dns = of(&said.calls, "dns");
        assert_eq!(dns.len(), 100, "{path}: {}", said.errors);
        assert!(dns.iter().all(|call| call["pairing"] == "matched"), "{path}: {}", said.errors);
    }
}

#[test]
fn a_call_before_and_after_dnat_is_one_call() {
    if !can(&["nginx", "curl", "ss", "nft", "sysctl"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    // Between the two machines now a third one, which sends what is for the service to the server.
    let (client, server) = (&net.client, &net.server);
    let router = format!("{client}r");
    sh(&format!(
        "ip netns add {router}; ip -n {client} link del one
         ip link add one netns {client} type veth peer name left netns {router}
         ip link add two netns {server} type veth peer name right netns {router}
         ip -n {client} addr add 10.98.1.2/24 dev one; ip -n {client} link set one up
         ip -n {server} addr add 10.98.2.2/24 dev two; ip -n {server} link set two up
         ip -n {router} addr add 10.98.1.1/24 dev left; ip -n {router} link set left up
         ip -n {router} addr add 10.98.2.1/24 dev right; ip -n {router} link set right up
         ip -n {client} route add default via 10.98.1.1
         ip -n {server} route add default via 10.98.2.1
         ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1"
    ));
    let rules = "table ip nat { chain c { type nat hook prerouting priority dstnat; \
                 ip daddr 10.96.0.7 tcp dport 8080 dnat to 10.98.2.2:80; }; }";
    let translates = format!("ip netns exec {router} nft '{rules}'");
    if !Command::new("sh").args(["-c", &translates]).status().unwrap().success() {
        sh(&format!("ip netns del {router}"));
        return eprintln!("skipped: this kernel translates no addresses");
    }
    let tap = tap(&["--netns", &router, "--where", "dst.service_ip == \"10.96.0.7\""]);
    net.ask("curl -s http://10.96.0.7:8080/one http://10.96.0.7:8080/two");
    let said = tap.end();
    sh(&format!("ip netns del {router}"));
    let paths: Vec<_> = said.calls.iter().map(|call| text(&call["endpoint"])).collect();
    assert_eq!(paths, ["/one", "/two"], "{}", said.errors);
    for call in &said.calls {
        assert_eq!(call["pairing"], "matched");
        assert_eq!(
            (text(&call["src"]["ip"]), text(&call["dst"]["ip"])),
            ("10.98.1.2", "10.98.2.2")
        );
        assert_eq!(call["dst"]["service_ip"], "10.96.0.7");
        assert_eq!(call["dst"]["port"], 80);
        assert_eq!(call["missing"], Value::Null);
    }
}

#[test]
fn interfaces_may_come_later_and_others_are_not_listened_to() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let tap = tap(&["late*", "--netns", &net.server]);
    net.ask(&format!("curl -s http://{SERVER}/before"));
    sh(&format!(
        "ip link add early netns {0} type veth peer name late1 netns {1}
         ip -n {0} addr add 10.98.0.1/24 dev early; ip -n {0} link set early up
         ip -n {1} addr add 10.98.0.2/24 dev late1; ip -n {1} link set late1 up; sleep 0.3",
        net.client, net.server
    ));
    net.ask(&format!("curl -s http://10.98.0.2/late; curl -s http://{SERVER}/other"));
    sh(&format!("ip -n {} link del late1; sleep 0.3", net.server));
    net.ask(&format!("curl -s http://{SERVER}/after"));
    let said = tap.end();
    let paths: Vec<_> = said.calls.iter().map(|call| text(&call["endpoint"])).collect();
    assert_eq!(paths, ["/late"], "{}", said.errors);
    assert_eq!(said.calls[0]["source"]["interface"], "late1");
}

#[test]
fn tags_and_devices_without_a_link_layer_are_read() {
    if !can(&["python3"]) {
        return;
    }
    let net = Net::new();
    let (client, server) = (&net.client, &net.server);
    // A frame with a tag in it: the kernel takes the tag off before anybody sees it.
    let question = "import socket,struct\nq=bytes.fromhex(\"abcd01000001000000000000046b65707400000100 01\")\n\
        u=struct.pack(\"!HHHH\",4000,53,8+len(q),0)+q\n\
        ip=struct.pack(\"!BBHHHBBH4s4s\",69,0,20+len(u),1,0,64,17,0,bytes([10,97,0,1]),bytes([10,97,0,2]))\n\
        s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind((\"one\",0))\n\
        s.send(b\"\\xff\"*6+b\"\\x02\"*6+bytes([0x81,0,0,5,8,0])+ip+u)\n";
    let script = net.folder.path().join("tagged.py");
    fs::write(&script, question).unwrap();
    let keep = net.folder.path().join("kept");
    let keep = keep.to_str().unwrap();
    let tagged = tap(&["two", "--netns", server, "--keep", keep]);
    net.ask(&format!("python3 {}", script.display()));
    let tagged = tagged.end();
    assert_eq!(tagged.calls.len(), 1, "{}", tagged.errors);
    assert_eq!(tagged.calls[0]["endpoint"], "kept");
    let kept = fs::read_dir(keep).unwrap().flatten().map(|entry| entry.path());
    let kept = kept.filter(|path| path.extension().is_some_and(|end| end == "pcapng"));
    let bytes: Vec<u8> = kept.flat_map(|path| fs::read(path).unwrap()).collect();
    let tag = [0x81, 0x00, 0x00, 0x05, 0x08, 0x00];
    assert!(bytes.windows(6).any(|window| window == tag), "the tag was not put back");

    // A device without any link layer: who holds it writes bare IP packets.
    let question = "import fcntl,struct,subprocess\nf=open(\"/dev/net/tun\",\"r+b\",buffering=0)\n\
        fcntl.ioctl(f,0x400454ca,struct.pack(\"16sH\",b\"tun9\",0x1001))\n\
        subprocess.run(\"ip link set tun9 up; sleep 0.3\",shell=True,check=True)\n\
        q=bytes.fromhex(\"abcd010000010000000000000462617265000001 0001\")\n\
        u=struct.pack(\"!HHHH\",4000,53,8+len(q),0)+q\n\
        f.write(struct.pack(\"!BBHHHBBH4s4s\",69,0,20+len(u),1,0,64,17,0,bytes([10,96,0,1]),bytes([10,96,0,2]))+u)\n";
    if !fs::exists("/dev/net/tun").unwrap_or(false) {
        return eprintln!("skipped in part: no /dev/net/tun");
    }
    fs::write(&script, question).unwrap();
    let mut args = vec!["tun*", "--netns", client];
    if pcap_is_there() {
        args.extend(["--filter", "udp port 53"]);
    }
    let bare = tap(&args);
    net.ask(&format!("python3 {}", script.display()));
    let bare = bare.end();
    assert_eq!(bare.calls.len(), 1, "{}", bare.errors);
    assert_eq!(bare.calls[0]["endpoint"], "bare");
    assert_eq!(bare.calls[0]["source"]["interface"], "tun9");
}

fn pcap_is_there() -> bool {
    sh("ldconfig -p").stdout.windows(10).any(|name| name == b"libpcap.so")
}

#[test]
fn a_filter_decides_in_the_kernel_and_a_wrong_one_is_pointed_at() {
    if !can(&["nginx", "curl", "ss"]) || !pcap_is_there() {
        return eprintln!("skipped: needs root, servers and libpcap");
    }
    let mut net = Net::new();
    net.nginx();
    net.serve(81, &["python3", "-m", "http.server", "81"]);
    let tap = tap(&["--netns", &net.server, "--filter", "tcp port 80"]);
    net.ask(&format!("curl -s http://{SERVER}:81/ >/dev/null; curl -s http://{SERVER}/kept"));
    let said = tap.end();
    let paths: Vec<_> = said.calls.iter().map(|call| text(&call["endpoint"])).collect();
    assert_eq!(paths, ["/kept"]);
    assert!(!said.errors.contains("ARP"), "{}", said.errors);

    let wrong = start(&["tap", "--filter", "tcp prot 80"]).rest();
    assert!(!wrong.is_success);
    assert!(wrong.errors.contains("\n  tcp prot 80\n      ^^^^"), "{}", wrong.errors);
}

#[test]
fn when_it_can_not_keep_up_losses_are_counted_and_nothing_else_breaks() {
    if !can(&["nginx", "wrk", "ss", "curl"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    // To a file: a pipe that nobody reads would keep it waiting all the time.
    let output = net.folder.path().join("calls");
    let to = output.to_str().unwrap();
    let args = ["--netns", &net.server, "--ring", "256KiB", "--memory", "32MiB", "--output", to];
    let tap = tap(&args);
    let load = format!("wrk -t1 -c16 -d2 http://{SERVER}/load >/dev/null");
    let loaded = std::thread::scope(|scope| {
        let load = scope.spawn(|| net.ask(&load));
        std::thread::sleep(Duration::from_millis(300));
        tap.signal("STOP");
        std::thread::sleep(Duration::from_millis(700));
        tap.signal("CONT");
        load.join().unwrap();
        net.ask(&format!("curl -s http://{SERVER}/afterwards"));
        tap.end()
    });
    assert!(loaded.is_success, "{}", loaded.errors);
    let lost = loaded.errors.lines().find(|line| line.contains("lost in the kernel: the ring"));
    assert!(lost.is_some(), "{}", loaded.errors);
    let calls: Vec<Value> = fs::read_to_string(&output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let afterwards =
        |call: &Value| call["endpoint"] == "/afterwards" && call["pairing"] == "matched";
    assert!(calls.iter().any(afterwards), "{}", loaded.errors);
    assert!(calls.len() > 100, "{}", calls.len());
    // Who was asked what is never guessed.
    let wrong = |call: &&Value| call["pairing"] == "matched" && call["status"]["code"] != "200";
    assert_eq!(calls.iter().find(wrong), None);
}

#[test]
fn killed_it_leaves_nothing_behind() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let sockets = || {
        let list = format!("ip netns exec {} cat /proc/net/packet", net.server);
        String::from_utf8_lossy(&sh(&list).stdout).lines().count() - 1
    };
    let mut tap = tap(&["--netns", &net.server]);
    net.ask(&format!("curl -s http://{SERVER}/seen"));
    assert_eq!(tap.next()["endpoint"], "/seen");
    assert_eq!(sockets(), 1);
    tap.signal("KILL");
    assert!(!tap.rest().is_success);
    assert_eq!(sockets(), 0);
    net.ask(&format!("curl -s http://{SERVER}/still"));
}

#[test]
fn a_process_and_a_container_name_their_namespace() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    // nginx listens before it writes down who it is.
    let path = net.folder.path().join("pid");
    let read = || fs::read_to_string(&path).unwrap_or_default();
    wait_until("nginx says who it is", || read().ends_with('\n'));
    let pid = read();
    let by_pid = tap(&["--pid", pid.trim(), "--count", "1"]);
    net.ask(&format!("curl -s http://{SERVER}/pid"));
    let by_pid = by_pid.rest();
    assert_eq!(by_pid.calls[0]["endpoint"], "/pid", "{}", by_pid.errors);

    let id = format!("{:032x}{:032x}", std::process::id(), 0x5ca1_ab1e_u64);
    let Some(tree) = groups() else {
        return eprintln!("skipped in part: no control groups here");
    };
    let group = format!("{tree}/docker-{id}.scope");
    let joined = fs::create_dir(&group)
        .and_then(|()| fs::write(format!("{group}/cgroup.procs"), pid.trim()));
    if let Err(error) = joined {
        return eprintln!("skipped in part: no control group can be made here: {error}");
    }
    let by_container = tap(&["--container", &id[..48], "--count", "1"]);
    net.ask(&format!("curl -s http://{SERVER}/container"));
    let by_container = by_container.rest();
    fs::write(format!("{tree}/cgroup.procs"), pid.trim()).unwrap();
    fs::remove_dir(&group).unwrap();
    assert_eq!(by_container.calls[0]["endpoint"], "/container", "{}", by_container.errors);
    let name = text(&by_container.calls[0]["source"]["name"]).to_owned();
    assert_eq!(name, format!("container {}", &id[..12]));
}

#[test]
fn what_is_kept_stays_in_its_size_and_gives_calls_back() {
    if !can(&["nginx", "wrk", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let keep = net.folder.path().join("kept");
    let folder = keep.to_str().unwrap();
    let output = net.folder.path().join("calls");
    let to = output.to_str().unwrap();
    let args = ["--netns", &net.server, "--keep", folder, "--keep-size", "8MiB", "--output", to];
    let tap = tap(&args);
    let oldest = || fs::read_dir(&keep).unwrap().map(|entry| entry.unwrap().file_name()).min();
    net.ask(&format!("curl -s http://{SERVER}/old"));
    wait_until("the first packets", || oldest().is_some());
    let first = oldest();
    wait_until("the first packets to leave", || {
        net.ask(&format!("wrk -t1 -c4 -d1 http://{SERVER}/load >/dev/null"));
        oldest() != first
    });
    net.ask(&format!("curl -s http://{SERVER}/new"));
    assert!(tap.end().is_success);
    let calls = fs::read_to_string(&output).unwrap();
    let call = |path: &str| -> Value {
        let line = calls.lines().find(|line| line.contains(path)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    let (old, new) = (call("\"/old\""), call("\"/new\""));
    let bytes: u64 =
        fs::read_dir(&keep).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 8 << 20, "{bytes}");
    assert!(bytes > 4 << 20, "{bytes}");
    let cut = net.folder.path().join("cut.pcapng");
    let cut = cut.to_str().unwrap();
    let pcap = |id: &Value| start(&["pcap", text(id), "--keep", folder, "-o", cut]).rest();
    let given = pcap(&new["id"]);
    assert!(given.is_success, "{}", given.errors);
    let read = start(&["read", "-q", "--format", "ndjson", cut]).rest();
    assert_eq!(read.calls.len(), 1);
    assert_eq!(read.calls[0]["endpoint"], "/new");
    assert_eq!(read.calls[0]["src"]["port"], new["src"]["port"]);
    let chosen = start(&["pcap", "--where", "endpoint == \"/new\"", "--keep", folder, "-o", cut]);
    let chosen = chosen.rest();
    assert!(chosen.is_success, "{}", chosen.errors);
    let read = start(&["read", "-q", "--format", "ndjson", cut]).rest();
    assert_eq!(read.calls.len(), 1);
    assert_eq!(read.calls[0]["src"]["port"], new["src"]["port"]);
    let bytes = fs::read(cut).unwrap();
    assert!(bytes.windows(13).any(|text| text == b"http GET /new"), "no comment");
    let none =
        start(&["pcap", "--where", "endpoint == \"/x\"", "--keep", folder, "-o", cut]).rest();
    assert!(!none.is_success && none.errors.contains("none of the calls"), "{}", none.errors);
    let gone = pcap(&old["id"]);
    assert!(!gone.is_success && gone.errors.contains("not kept"), "{}", gone.errors);
}

#[test]
fn without_the_right_the_right_and_the_command_are_named() {
    if !can(&["setpriv"]) {
        return;
    }
    // As nobody, from where nobody can read it.
    let program = std::env::temp_dir().join(format!("callscope-{}", std::process::id()));
    fs::copy(env!("CARGO_BIN_EXE_callscope"), &program).unwrap();
    let nobody = |args: &str| {
        let program = program.display();
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        let script = format!("{nobody} {program} tap {args} 2>&1 || true");
        String::from_utf8_lossy(&sh(&script).stdout).into_owned()
    };
    let (own, other) = (nobody("lo"), nobody("--pid 1"));
    fs::remove_file(&program).unwrap();
    assert!(own.contains("CAP_NET_RAW") && own.contains("sudo setcap cap_net_raw=ep /"), "{own}");
    assert_eq!(own.lines().count(), 1, "{own}");
    assert!(other.contains("CAP_SYS_PTRACE") && other.contains("sudo setcap"), "{other}");
}

#[test]
fn a_file_is_followed_as_it_grows() {
    if !can(&["nginx", "curl", "tcpdump", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let path = net.folder.path().join("growing.pcap");
    let file = path.to_str().unwrap();
    let words =
        ["netns", "exec", &net.server, "tcpdump", "-Z", "root", "-U", "-i", "two", "-w", file];
    let mut tcpdump =
        Command::new("ip").args(words).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("tcpdump", || fs::metadata(&path).is_ok_and(|meta| meta.len() >= 24));
    let mut follow = start(&["read", "--follow", "--format", "ndjson", file]);
    for path in ["/first", "/second"] {
        net.ask(&format!("curl -s http://{SERVER}{path}"));
        assert_eq!(follow.next()["endpoint"], path);
    }
    let said = follow.end();
    sh(&format!("kill {}", tcpdump.id()));
    tcpdump.wait().unwrap();
    assert!(said.is_success && said.errors.contains("2 matched"), "{}", said.errors);
}
