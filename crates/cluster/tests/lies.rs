//! An API server that lies: what is wrong is counted and said, nothing crashes, memory stays bounded,
//! and the rest is used.

mod common;
mod live;

use std::{fs, time::Duration};

use cluster::{Access, Watch, WatchOptions};
use common::peak;
use kube_mock::{Fault, Mock, Verb};
use live::{Rig, World, count, pod};
use serde_json::json;

#[tokio::test]
async fn what_is_wrong_with_objects_is_counted_and_the_rest_is_used() {
    let mock = Mock::start().await;
    let mut world = World::new(29);
    world.found(&mock, 5);
    let wrong = [
        json!({"type": "ADDED", "object": pod("shop", "bad-ip", "10.1.0.999")}),
        json!({"type": "ADDED", "object": {"kind": "Service", "metadata": {"name": "stray", "uid": "s"}}}),
        json!({"type": "ADDED", "object": {"kind": "Llama", "metadata": {"name": "l"}}}),
        json!({"type": "ADDED", "object": {"kind": "Pod", "metadata": {"name": "seven"}, "status": {"phase": 7}}}),
        json!({"type": "ADDED", "object": {"kind": "Pod", "metadata": {}}}),
        json!({"type": "ADDED", "object": 7}),
        json!({"type": "DANCED", "object": {}}),
        json!({"type": "BOOKMARK", "object": {"metadata": {"annotations": {"k8s.io/initial-events-end": 5}}}}),
        json!({"type": "BOOKMARK", "object": null}),
        json!({"type": "ADDED", "object": pod("shop", &"x".repeat(100_000), "10.1.9.9")}),
    ];
    let lines: String = wrong.iter().map(|line| format!("{line}\n")).collect();
    mock.plan("pods", Some(Verb::Stream), Fault::Insert(9, lines.into_bytes()));
    let mut rig = Rig::new(mock, |options| options.bounds.object_bytes = 50_000).await;
    rig.settle(&world).await;
    for _ in 0..10 {
        world.pod(&rig.mock);
    }
    rig.until("the unknown type", |_| true).await;
    rig.settle(&world).await;
    let troubles = rig.watch.troubles();
    for (what, times) in [
        ("addresses that are none", 1),
        ("objects of kinds that were not asked for", 1),
        ("objects of kinds that have no addresses", 1),
        ("objects that can't be read", 2),
        ("objects without a name", 1),
        ("events of unknown types", 1),
        ("objects that are too large", 1),
    ] {
        assert_eq!(count(&troubles, what), times, "{what}: {troubles:?}");
    }
    assert_eq!(rig.watch.load().requests, live::kinds(), "no watch had to begin again");
}

#[tokio::test]
async fn endless_answers_take_no_memory_and_are_given_up() {
    const SKIPPED: u64 = 200 << 20;
    let garbage = [vec![b'x'; 1 << 20], b"{\"a\":[".repeat(10_000)];
    for streams in [true, false] {
        for bytes in &garbage {
            let mock = Mock::start().await;
            mock.behave(|habits| habits.has_streams = streams);
            let mut world = World::new(31);
            world.found(&mock, 5);
            let verb = if streams { Verb::Stream } else { Verb::List };
            mock.plan("pods", Some(verb), Fault::Endless(3, bytes.clone()));
            let before = peak();
            let mut rig = Rig::new(mock, |options| {
                options.bounds.object_bytes = 1 << 20;
                options.bounds.skipped_bytes = SKIPPED;
            })
            .await;
            rig.settle(&world).await;
            let load = rig.watch.load();
            let troubles = rig.watch.troubles();
            assert!(count(&troubles, "answers that are no API server's") >= 1, "{troubles:?}");
            let is_deep = !streams && bytes.starts_with(b"{");
            assert!(is_deep || load.bytes > SKIPPED, "{load:?}");
            assert!(peak() - before < 128 << 20, "{} bytes", peak() - before);
        }
    }
}

#[tokio::test]
async fn answers_that_are_none_are_said() {
    for (streams, verb, body) in [
        (true, Verb::Stream, "<html>Welcome</html>\n"),
        (false, Verb::List, "<html>Welcome</html>\n"),
        (false, Verb::List, "[]"),
        (false, Verb::List, "{\"items\":[]}"),
        (false, Verb::List, "{\"metadata\":{},\"items\":[{}]}"),
        (false, Verb::Page, "{\"metadata\":{\"resourceVersion\":\"\"}}"),
    ] {
        let mock = Mock::start().await;
        mock.behave(|habits| habits.has_streams = streams);
        let mut world = World::new(31);
        world.found(&mock, 9);
        mock.plan("pods", Some(verb), Fault::Insert(0, body.as_bytes().to_vec()));
        let mut rig = Rig::new(mock, |options| options.bounds.page = 4).await;
        rig.settle(&world).await;
        let troubles = rig.watch.troubles();
        assert_eq!(count(&troubles, "answers that are no API server's"), 1, "{body}: {troubles:?}");
    }
}

#[tokio::test]
async fn a_list_longer_than_is_kept_is_used_and_ends_nothing() {
    let mock = Mock::start().await;
    for number in 0..50 {
        mock.apply(pod("shop", &format!("p{number:02}"), &format!("10.1.0.{}", number + 1)));
    }
    let mut rig = Rig::new(mock, |options| options.bounds.objects = 20).await;
    rig.until("all lists", |load| load.listed == live::kinds()).await;
    rig.take().await;
    assert_eq!(rig.book.pods(), 20);
    assert_eq!(count(&rig.watch.troubles(), "objects beyond the longest list"), 30);
}

#[tokio::test]
async fn a_list_of_large_objects_is_cut_by_its_bytes() {
    let mock = Mock::start().await;
    for number in 0..50 {
        let mut large = pod("shop", &format!("p{number:02}"), &format!("10.1.0.{}", number + 1));
        large["metadata"]["labels"] = json!({"large": "x".repeat(20_000)});
        mock.apply(large);
    }
    let mut rig = Rig::new(mock, |options| options.bounds.list_bytes = 200_000).await;
    rig.until("all lists", |load| load.listed == live::kinds()).await;
    rig.take().await;
    assert!((4..10).contains(&rig.book.pods()), "{}", rig.book.pods());
    assert!(count(&rig.watch.troubles(), "objects beyond the longest list") > 40);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up_and_used() {
    let line =
        format!("{}\n", json!({"type": "ADDED", "object": pod("else", "again", "10.1.7.7")}));
    let empty = |number: u32| json!({"metadata": {"resourceVersion": "5", "continue": format!("next-{number}")}, "items": []});
    for streams in [true, false] {
        let mock = Mock::start().await;
        mock.behave(|habits| habits.has_streams = streams);
        let mut world = World::new(37);
        world.found(&mock, 9);
        if streams {
            mock.plan(
                "pods",
                Some(Verb::Stream),
                Fault::Endless(3, line.repeat(1000).into_bytes()),
            );
        } else {
            mock.plan(
                "pods",
                Some(Verb::List),
                Fault::Insert(0, empty(0).to_string().into_bytes()),
            );
        }
        for number in 1..200 {
            let page = empty(number).to_string().into_bytes();
            mock.plan("pods", Some(Verb::Page), Fault::Insert(0, page));
        }
        let mut rig = Rig::new(mock, |options| {
            options.bounds.objects = 100;
            options.bounds.page = 50;
        })
        .await;
        rig.until("that it was given up", |load| load.listed == live::kinds()).await;
        rig.settle(&world).await;
        let troubles = rig.watch.troubles();
        assert_eq!(count(&troubles, "answers that are no API server's"), 1, "{troubles:?}");
        assert!(format!("{troubles:?}").contains("without an end"), "{troubles:?}");
        assert!(rig.watch.load().requests < 150, "{:?}", rig.watch.load());
    }
}

#[tokio::test]
async fn what_can_not_be_is_taken_as_it_was_told_last() {
    let mock = Mock::start().await;
    let mut world = World::new(41);
    world.found(&mock, 9);
    let told = |uid: &str, version: &str, ip: &str| {
        let mut pod = pod("else", "liar", ip);
        pod["metadata"]["uid"] = json!(uid);
        pod["metadata"]["resourceVersion"] = json!(version);
        json!({"type": "MODIFIED", "object": pod})
    };
    let lines = [
        told("one", "900", "10.1.8.1"),
        // Another identity under the same name, on the same address.
        told("two", "901", "10.1.8.1"),
        // A version that is smaller than the last one: it was told too late.
        told("two", "899", "10.1.8.2"),
        // Versions that are none.
        told("three", "-7", "10.1.8.3"),
        told("four", "99999999999999999999999999", "10.1.8.4"),
        told("five", "", "10.1.8.5"),
        json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "backwards"}}}),
    ];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // After the list and its bookmark, and then the connection breaks.
    mock.plan("pods", Some(Verb::Stream), Fault::Insert(10, lines.into_bytes()));
    let mut rig = Rig::new(mock, |_| ()).await;
    rig.until("the late one", |load| load.old_changes >= 1).await;
    rig.settle(&world).await;
    let says = |ip: &str| {
        let end = format!("{ip}:80");
        let transport = model::Transport::Tcp;
        common::peer(&rig.book.directory(), 0, &end, transport, "2100-01-01T00:00:00Z")
    };
    for (ip, name) in [("10.1.8.1", "liar"), ("10.1.8.3", "liar"), ("10.1.8.4", "liar")] {
        assert_eq!(says(ip)["pod"], *name, "{ip} {}", says(ip));
    }
    assert!(says("10.1.8.2").get("pod").is_none(), "{}", says("10.1.8.2"));
    rig.mock.compact();
    world.pod(&rig.mock);
    rig.settle(&world).await;
    // A list says who is really there.
    let left = common::peer(
        &rig.book.directory(),
        0,
        "10.1.8.1:80",
        model::Transport::Tcp,
        "2100-01-01T00:00:00Z",
    );
    assert!(left.get("pod").is_none(), "{left}");
}

#[tokio::test]
async fn who_cannot_be_asked_at_all_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let start = |context: Option<&str>| {
        let context = context.map(str::to_owned);
        let access = Access::Kubeconfig { path: Some(path.clone()), context };
        Watch::start(WatchOptions::new(access), std::sync::Arc::new(live::now))
    };
    let missing = start(None).await.err().unwrap().to_string();
    assert!(missing.starts_with("no kubeconfig") && missing.contains("No such file"), "{missing}");
    let mock = Mock::start().await;
    fs::write(&path, mock.kubeconfig(None)).unwrap();
    let wrong = start(Some("moon")).await.err().unwrap().to_string();
    assert!(wrong.contains("of no use") && wrong.contains("moon"), "{wrong}");
    // A server that is not there is waited for.
    let (watch, _told) = start(None).await.unwrap();
    let troubles = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let troubles = watch.troubles();
        if !troubles.is_empty() {
            break format!("{troubles:?}");
        }
    };
    assert!(troubles.contains("not reached") && troubles.contains("refused"), "{troubles}");
}
