//! Files of every form, also broken ones: what is right in them is used, what is wrong is said.

mod common;

use common::{directory, has, peer};
use model::Transport;
use serde_json::json;

const POD: &str = r#"{"kind":"Pod","metadata":{"name":"a","namespace":"s","uid":"p1","creationTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","podIP":"10.1.0.1"}}"#;

fn knows_a(texts: &[&str]) -> identity::Troubles {
    let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    let (directory, troubles) = directory(&texts);
    let found = peer(&directory, 0, "10.1.0.1:80", Transport::Tcp, "2026-01-01T01:00:00Z");
    assert!(has(&found, &json!({"pod": "a", "namespace": "s"})), "{found} {troubles:?}");
    troubles
}

#[test]
fn every_form_of_a_dump_is_recognised() {
    let pretty: serde_json::Value = serde_json::from_str(POD).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let bare = POD.replacen(r#""kind":"Pod","#, "", 1);
    for text in [
        POD.to_owned(),
        pretty.clone(),
        format!("{pretty}\n{pretty}"),
        format!("[{POD}]"),
        format!("[\n{pretty}\n]"),
        format!("{{\"apiVersion\":\"v1\",\"items\":[{POD}],\"kind\":\"List\"}}"),
        format!("{{\n\"apiVersion\":\"v1\",\n\"items\":[\n{pretty}],\"kind\":\"List\"\n}}\n"),
        format!("{{\n\"kind\":\"PodList\",\n\"items\":[{bare}]}}"),
        format!("{{\"type\":\"ADDED\",\"object\":{POD}}}\n"),
        format!("{{\"at\":\"2026-01-01T00:00:00Z\",\"type\":\"MODIFIED\",\"object\":{POD}}}"),
        format!("\u{feff}{POD}"),
    ] {
        let troubles = knows_a(&[&text]);
        assert!(troubles.is_empty(), "{text}: {troubles:?}");
    }
}

#[test]
fn a_dump_in_yaml_is_read() {
    let one = "kind: Pod\nmetadata:\n  name: a\n  namespace: s\n  uid: p1\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n  labels: {v: \"1\"}\nstatus:\n  phase: Running\n  podIP: 10.1.0.1\n";
    let indented: String = one.lines().map(|line| format!("  {line}\n")).collect();
    let list = format!("apiVersion: v1\nitems:\n-{}kind: List\n", &indented[1..]);
    for text in
        [one.to_owned(), format!("---\n{one}---\nkind: ConfigMap\nmetadata: {{name: x}}\n"), list]
    {
        let (directory, _) = directory(&[text.as_bytes()]);
        let found = peer(&directory, 0, "10.1.0.1:80", Transport::Tcp, "2026-01-01T01:00:00Z");
        assert!(has(&found, &json!({"pod": "a"})), "{text}\n{found}");
    }
}

#[test]
fn what_is_wrong_is_counted_and_the_rest_is_used() {
    let wrong = [
        r#"{"kind":"Pod","metadata":{"name":"b","uid":"p2"},"status":{"phase":"Running","podIP":"10.1.0.999"}}"#,
        r#"{"kind":"Pod","metadata":{"name":"c","uid":"p3"},"status":{"phase":7}}"#,
        r#"{"kind":"Pod","metadata":null}"#,
        r#"{"kind":"Pod","metadata":{"name":"d","creationTimestamp":"yesterday"},"spec":null,"status":null}"#,
        r#"{"kind":"ConfigMap","metadata":{"name":"e"}}"#,
        r#"{"kind":"Service","metadata":{"name":"f"},"spec":{"ports":[{"port":99999}],"selector":null,"clusterIP":"None"}}"#,
        r#"{"kind":"EndpointSlice","metadata":{"name":"g"},"endpoints":null}"#,
        r#"{"kind":"Node","metadata":{"name":"h"},"status":{"addresses":[{"type":"InternalIP","address":"here"}]}}"#,
        "7",
        "null",
        "{}",
    ];
    let list = format!("{{\"items\":[{},{POD}]}}", wrong.join(","));
    let troubles = knows_a(&[&list]);
    for (what, count) in [
        ("addresses that are none", 2),
        ("objects that can't be read", 3),
        ("objects without a name", 1),
        ("times that are none", 1),
        ("objects of kinds that have no addresses", 2),
        ("ports that are none", 1),
        ("endpoint slices of no service", 1),
    ] {
        assert_eq!(troubles.count(what), count, "{what}: {troubles:?}");
    }
}

#[test]
fn a_log_with_broken_lines_is_read_on() {
    let line = format!("{{\"type\":\"ADDED\",\"object\":{POD}}}");
    let other = line.replace("p1", "p9").replace("10.1.0.1", "10.1.0.9");
    let log = format!(
        "{other}\n{{\"type\":\"ADD\n\n{{\"type\":\"BOOKMARK\",\"object\":{{}}}}\n{{\"type\":\"DANCED\",\"object\":{{}}}}\n{line}\n{}",
        &line[..40]
    );
    let troubles = knows_a(&[&log]);
    assert_eq!(troubles.count("lines that are no JSON"), 2);
    assert_eq!(troubles.count("events of unknown types"), 1);
}

#[test]
fn a_dump_that_is_broken_off_is_used_as_far_as_it_goes() {
    let list = format!("{{\n\"items\":[{POD},\n{{\"kind\":\"Pod\",\"metadata\":{{\"na");
    let troubles = knows_a(&[&list]);
    assert_eq!(troubles.count("files that are broken off or broken"), 1);
}

/// A list of pods that is made as it is read, and ends in an object without an end.
struct Endless {
    pods: usize,
    text: Vec<u8>,
    at: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.text.len() {
            self.at = 0;
            self.text = match self.pods.checked_sub(1) {
                Some(left) => {
                    self.pods = left;
                    let (high, low) = (left / 250, left % 250 + 1);
                    let own = POD.replace("p1", &format!("u{left}"));
                    let own = own.replace("10.1.0.1", &format!("10.2.{high}.{low}"));
                    format!(
                        "{},",
                        own.replace("\"a\"", &format!("\"pod-{left}{}\"", "-".repeat(400)))
                    )
                    .into_bytes()
                }
                None => b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".repeat(1000),
            };
            if self.pods == 0 && self.text.first() != Some(&b'x') {
                self.text.extend_from_slice(b"{\"kind\":\"");
            }
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

#[test]
fn a_dump_without_an_end_is_used_as_far_as_there_is_room() {
    let begin = format!("{{\n\"items\":[{POD},").into_bytes();
    let mut from = std::io::BufReader::new(Endless { pods: 30_000, text: begin, at: 0 });
    let mut book = identity::Book::new(identity::Limits { memory: 2 << 20, history_ns: None });
    let (mut troubles, mut events, mut peak) = (identity::Troubles::default(), 0, 0);
    let before = common::peak();
    cluster::read_from(&mut from, &mut troubles, &mut |item| {
        let cluster::Item::Event(event, _) = item else { return };
        book.apply(&event);
        events += 1;
        if events == 30_000 {
            peak = common::peak();
        }
    })
    .unwrap();
    // 20 MB went through; a small part of it was there at any time.
    assert!(peak - before < 12 << 20, "{} bytes", peak - before);
    assert_eq!(events, 30_001);
    assert!(book.pods() > 500 && book.bytes() < 3 << 20, "{} {}", book.pods(), book.bytes());
    assert_eq!(book.counts().refused as usize + book.pods(), events);
    let found = peer(&book.directory(), 0, "10.1.0.1:80", Transport::Tcp, "2026-01-01T01:00:00Z");
    assert!(has(&found, &json!({"pod": "a"})), "{found}");
    assert_eq!(troubles.count("files that are broken off or broken"), 1, "{troubles:?}");
    assert!(
        format!("{troubles:?}").contains("an object of more than 67108864 bytes"),
        "{troubles:?}"
    );
    assert!(common::peak() - before < 300 << 20, "{} bytes", common::peak() - before);
}

#[test]
fn what_says_nothing_is_an_error() {
    for text in ["<html></html>", "lorem ipsum dolor\nsit amet\n", "apiVersion: [\n"] {
        let mut troubles = identity::Troubles::default();
        assert!(
            cluster::read_from(&mut text.as_bytes(), &mut troubles, &mut |_| ()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn names_files_in_toml_and_yaml() {
    let toml = "[[name]]\nip = \"10.0.0.5\"\nname = \"db\"\n[[name]]\ncidr = \"192.0.2.0/24\"\nport = 443\nname = \"partner\"\n";
    let yaml =
        "names:\n- {ip: 10.0.0.5, name: db}\n- {cidr: 192.0.2.0/24, port: 443, name: partner}\n";
    for text in [toml, yaml] {
        let (directory, troubles) = directory(&[text.as_bytes()]);
        assert!(troubles.is_empty(), "{troubles:?}");
        for (who, name) in [
            ("10.0.0.5:1", json!("db")),
            ("192.0.2.9:443", json!("partner")),
            ("192.0.2.9:80", json!(null)),
        ] {
            let found = peer(&directory, 0, who, Transport::Tcp, "2026-01-01T01:00:00Z");
            assert!(has(&found, &json!({"name": name})), "{who} {found}");
        }
    }
}
