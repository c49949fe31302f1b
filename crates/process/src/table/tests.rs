use super::*;

const S: u64 = 1_000_000_000;

fn end(text: &str) -> Endpoint {
    let (ip, port) = text.rsplit_once(':').unwrap();
    let ip = ip.trim_matches(['[', ']']);
    Endpoint { ip: ip.parse().unwrap(), port: port.parse().unwrap() }
}

fn process(pid: u32) -> Arc<Process> {
    Arc::new(Process { pid, name: format!("p{pid}"), ..Process::default() })
}

fn connection(local: &str, remote: &str, since: u64, pid: u32) -> Tenure {
    Tenure {
        local: end(local),
        remote: Some(end(remote)),
        transport: Transport::Tcp,
        netns: 1,
        since: Timestamp(since),
        until: FOREVER,
        socket: u64::from(pid),
        role: Role::Connected,
        owner: process(pid),
    }
}

fn bound(local: &str, netns: u32, pid: u32) -> Tenure {
    Tenure { remote: None, netns, role: Role::Bound, ..connection(local, "0.0.0.0:0", 0, pid) }
}

fn pid_at(table: &Table, local: &str, remote: &str, at: u64) -> Option<u32> {
    pid_in(table, local, remote, at, None)
}

fn pid_in(table: &Table, local: &str, remote: &str, at: u64, netns: Option<u32>) -> Option<u32> {
    let ask = Ask {
        local: end(local),
        remote: end(remote),
        transport: Transport::Tcp,
        at: Timestamp(at),
        netns,
    };
    table.find(&ask).map(|process| process.pid)
}

#[test]
fn a_port_that_is_used_again_within_a_second_has_two_owners() {
    let table = Table::default();
    let first = connection("10.0.0.1:4000", "10.0.0.2:80", 10 * S, 1);
    table.begin(&first, Timestamp(10 * S));
    table.end(&first, Timestamp(10 * S + S / 5));
    let second = connection("10.0.0.1:4000", "10.0.0.2:80", 10 * S + S / 2, 2);
    table.begin(&second, Timestamp(10 * S + S / 2));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 10 * S + S / 10), Some(1));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 10 * S + S / 2), Some(2));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 60 * S), Some(2));
    // Long before anybody was there.
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", S), None);
    // A late look at the first one's time.
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 10 * S + S / 4), Some(1));
}

#[test]
fn a_connection_that_is_handed_on_changes_its_owner() {
    let table = Table::default();
    let mut taken = connection("10.0.0.2:80", "10.0.0.1:4000", 10 * S, 1);
    taken.role = Role::Accepted;
    table.begin(&taken, Timestamp(10 * S));
    let given = Tenure { owner: process(2), since: Timestamp(12 * S), ..taken.clone() };
    table.begin(&given, Timestamp(12 * S));
    assert_eq!(pid_at(&table, "10.0.0.2:80", "10.0.0.1:4000", 11 * S), Some(1));
    assert_eq!(pid_at(&table, "10.0.0.2:80", "10.0.0.1:4000", 13 * S), Some(2));
    assert_eq!(table.open().len(), 1);
}

#[test]
fn the_port_is_enough_where_the_other_end_was_changed_on_the_way() {
    let table = Table::default();
    table.begin(&connection("10.0.0.1:4000", "10.96.0.1:443", S, 1), Timestamp(S));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.7.7:6443", 2 * S), Some(1));
    // The same port to another service, another process: it may have been either.
    table.begin(&connection("10.0.0.1:4000", "10.96.0.2:443", S, 2), Timestamp(S));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.7.7:6443", 2 * S), None);
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.96.0.2:443", 2 * S), Some(2));
    assert_eq!(table.open().len(), 2);
}

#[test]
fn all_addresses_are_those_of_the_sockets_namespace() {
    let table = Table::default();
    table.begin(&bound("0.0.0.0:53", 1, 1), Timestamp(S));
    table.begin(&bound("[::]:53", 2, 2), Timestamp(S));
    let homes = [("10.0.0.1", 1), ("10.0.0.2", 2), ("127.0.0.1", 1)];
    let homes = homes.map(|(ip, netns)| (ip.parse().unwrap(), vec![netns]));
    table.settle(HashMap::from(homes));
    assert_eq!(pid_at(&table, "10.0.0.1:53", "10.0.0.9:4000", S), Some(1));
    assert_eq!(pid_at(&table, "10.0.0.2:53", "10.0.0.9:4000", S), Some(2));
    assert_eq!(pid_at(&table, "10.0.0.3:53", "10.0.0.9:4000", S), None);
}

#[test]
fn loopbacks_of_two_namespaces_are_told_apart_only_where_they_are() {
    let table = Table::default();
    let one = connection("127.0.0.1:4000", "127.0.0.1:80", S, 1);
    let two = Tenure { netns: 2, ..connection("127.0.0.1:4000", "127.0.0.1:80", S, 2) };
    table.begin(&one, Timestamp(S));
    table.begin(&two, Timestamp(S));
    assert_eq!(pid_at(&table, "127.0.0.1:4000", "127.0.0.1:80", 2 * S), None);
    let of = |netns| pid_in(&table, "127.0.0.1:4000", "127.0.0.1:80", 2 * S, Some(netns));
    assert_eq!((of(1), of(2), of(3)), (Some(1), Some(2), None));
}

#[test]
fn what_the_kernels_tables_show_does_not_stand_against_events() {
    let table = Table::default();
    table.begin(&connection("10.0.0.1:4000", "10.0.0.2:80", 10 * S, 1), Timestamp(10 * S));
    let seen = Tenure { socket: 0, ..connection("10.0.0.1:4000", "10.0.0.2:80", 0, 7) };
    table.find_open(&seen, Timestamp(11 * S));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 10 * S), Some(1));
    // Then its end is told, without the socket's own number being known.
    table.end(&seen, Timestamp(12 * S));
    assert_eq!(table.open().len(), 0);
}

#[test]
fn a_server_with_many_clients_loses_none() {
    let table = Table::default();
    let many: u16 = 20_000;
    for port in 1..=many {
        let mut accepted = connection("10.0.0.2:80", &format!("10.0.0.1:{port}"), S, 1);
        accepted.role = Role::Accepted;
        table.begin(&accepted, Timestamp(S));
    }
    assert_eq!(table.counts(), TableCounts { held: u64::from(many), evicted: 0 });
    for port in [1, 9_999, many] {
        let client = format!("10.0.0.1:{port}");
        assert_eq!(pid_at(&table, "10.0.0.2:80", &client, 2 * S), Some(1));
    }
}

#[test]
fn the_table_is_bounded_and_forgets_what_ended_first() {
    let table = Table::default();
    // All in the part of their own end.
    for at in 1..=400_u64 {
        let reused =
            connection("10.0.0.1:4000", "10.0.0.2:80", at * S / 4, u32::try_from(at).unwrap());
        table.begin(&reused, Timestamp(at * S / 4));
        table.end(&reused, Timestamp(at * S / 4 + S / 8));
    }
    let counts = table.counts();
    assert!(counts.held <= 2 * PART_MAX as u64 && counts.evicted > 0, "{counts:?}");
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", 100 * S), Some(400));
    assert_eq!(pid_at(&table, "10.0.0.1:4000", "10.0.0.2:80", S / 4), None);
}
