//! Whatever a watch meets, the directory says in the end what is true, and what it cost is counted.

mod common;
mod live;

use std::time::Duration;

use kube_mock::{Fault, Mock, Verb};
use live::{Rig, TIMING, World, kinds};

/// A server with some objects, and a directory that follows it.
async fn followed() -> (Rig, World) {
    let mock = Mock::start().await;
    let mut world = World::new(11);
    world.found(&mock, 12);
    let mut rig = Rig::new(mock, |_| ()).await;
    rig.settle(&world).await;
    (rig, world)
}

/// Changes that come while others are being told.
async fn changes(rig: &mut Rig, world: &mut World, count: u32) {
    for _ in 0..count {
        world.change(&rig.mock);
        if world.below(4) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            rig.take().await;
        }
    }
}

#[tokio::test]
async fn one_streaming_list_per_kind_is_all_it_takes() {
    let (mut rig, mut world) = followed().await;
    changes(&mut rig, &mut world, 60).await;
    rig.settle(&world).await;
    let load = rig.watch.load();
    assert_eq!((load.requests, load.open, load.lists()), (kinds(), kinds(), kinds()), "{load:?}");
    assert_eq!(load.restarts + load.waits + load.refused, 0, "{load:?}");
    assert!(load.bytes > 10_000 && load.changes > 60, "{load:?}");
    let asked = rig.mock.asked();
    assert!(asked.iter().all(|asked| asked.verb == Verb::Stream), "{asked:?}");
    for asked in asked {
        let is_slim = asked.accept.contains("as=PartialObjectMetadata;");
        let is_whole = ["pods", "services", "endpointslices", "nodes"].contains(&&*asked.plural);
        assert_eq!(is_slim, !is_whole, "{asked:?}");
    }
    assert!(rig.watch.troubles().is_empty(), "{:?}", rig.watch.troubles());
}

#[tokio::test]
async fn without_streaming_lists_it_lists_by_the_page() {
    let mock = Mock::start().await;
    mock.behave(|habits| habits.has_streams = false);
    let mut world = World::new(5);
    world.found(&mock, 20);
    let mut rig = Rig::new(mock, |options| options.bounds.page = 6).await;
    rig.settle(&world).await;
    changes(&mut rig, &mut world, 40).await;
    rig.settle(&world).await;
    let count = |plural: &str, verb| {
        rig.mock.asked().iter().filter(|a| a.plural == plural && a.verb == verb).count()
    };
    let pods = [Verb::Stream, Verb::List, Verb::Page, Verb::Watch].map(|verb| count("pods", verb));
    assert_eq!(pods, [1, 1, 3, 1]);
    assert_eq!(rig.watch.load().open, kinds());
}

#[tokio::test]
async fn no_fault_makes_it_miss_an_object() {
    for verb in [Verb::Stream, Verb::List, Verb::Page, Verb::Watch] {
        for fault in faults() {
            let mock = Mock::start().await;
            mock.behave(|habits| habits.has_streams = verb == Verb::Stream);
            let mut world = World::new(23);
            world.found(&mock, 12);
            for plural in ["pods", "services", "nodes", "replicasets"] {
                mock.plan(plural, Some(verb), fault.clone());
            }
            let mut rig = Rig::new(mock, |options| options.bounds.page = 2).await;
            changes(&mut rig, &mut world, 30).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            changes(&mut rig, &mut world, 30).await;
            rig.settle(&world).await;
            assert_eq!(rig.mock.planned(), 0, "{verb:?} {fault:?}");
            assert!(rig.watch.load().open <= kinds());
            let is_told_again = matches!(fault, Fault::Twice | Fault::Late);
            if is_told_again && matches!(verb, Verb::Stream | Verb::Watch) {
                assert!(rig.watch.load().old_changes > 0, "{verb:?} {fault:?}");
            }
        }
    }
}

fn faults() -> Vec<Fault> {
    let garbage = b"{\"type\":\"ADDED\",\"object\":{\"ki\n".to_vec();
    vec![
        Fault::Status(429, None),
        Fault::Status(500, None),
        Fault::Status(503, None),
        Fault::Status(410, None),
        Fault::Status(401, None),
        Fault::Status(403, None),
        Fault::Mute,
        Fault::Drop(0),
        Fault::Drop(2),
        Fault::DropInLine(1),
        Fault::Stall(1),
        Fault::End(2),
        Fault::Error(2, 410),
        Fault::Error(2, 500),
        Fault::Twice,
        Fault::Late,
        Fault::Insert(1, garbage),
    ]
}

#[tokio::test]
async fn what_vanished_while_nobody_watched_is_gone_after_410() {
    for by_status in [true, false] {
        let (mut rig, mut world) = followed().await;
        rig.mock.behave(|habits| habits.gone_by_status = by_status);
        // The connection breaks, nobody answers for a while, and what happened then is forgotten.
        for plural in ["pods", "services", "nodes"] {
            rig.mock.plan(plural, Some(Verb::Stream), Fault::Status(503, Some(1)));
        }
        rig.mock.compact();
        rig.until("watches that were told to wait", |load| load.waits_asked == 3).await;
        let waiting = rig.mock.asked().len();
        changes(&mut rig, &mut world, 80).await;
        rig.mock.compact();
        rig.settle(&world).await;
        let load = rig.watch.load();
        assert!(load.lists_gone >= 3 && rig.mock.asked().len() > waiting, "{load:?}");
    }
}

#[tokio::test]
async fn it_waits_as_long_as_the_server_asks() {
    let mock = Mock::start().await;
    let mut world = World::new(13);
    world.found(&mock, 12);
    mock.plan("pods", Some(Verb::Stream), Fault::End(16));
    for code in [429, 503] {
        mock.plan("pods", Some(Verb::Watch), Fault::Status(code, Some(1)));
    }
    let mut rig = Rig::new(mock, |_| ()).await;
    changes(&mut rig, &mut world, 20).await;
    rig.until("both waits", |load| load.waits_asked == 2).await;
    rig.settle(&world).await;
    rig.until("the watch", |load| load.open == kinds()).await;
    let asked: Vec<_> = rig.mock.asked().into_iter().filter(|a| a.plural == "pods").collect();
    let verbs: Vec<_> = asked.iter().map(|asked| asked.verb).collect();
    assert_eq!(verbs, [Verb::Stream, Verb::Watch, Verb::Watch, Verb::Watch]);
    for pair in asked[1..].windows(2) {
        let waited = pair[1].at.saturating_sub(pair[0].at);
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}

#[tokio::test]
async fn waits_grow_and_are_bounded() {
    let mock = Mock::start().await;
    let mut world = World::new(3);
    world.found(&mock, 3);
    for _ in 0..9 {
        mock.plan("pods", None, Fault::Status(500, None));
    }
    let mut rig = Rig::new(mock, |_| ()).await;
    rig.settle(&world).await;
    let load = rig.watch.load();
    assert_eq!((load.refused, load.waits), (9, 9), "{load:?}");
    let asked: Vec<_> =
        rig.mock.asked().into_iter().filter(|asked| asked.plural == "pods").collect();
    let gaps: Vec<_> = asked.windows(2).map(|p| p[1].at.saturating_sub(p[0].at)).collect();
    // 4, 8, 16, 32, 64, 64, … ms, of each at least a half.
    for (gap, least) in gaps.iter().zip([2, 4, 8, 16, 32, 32, 32, 32, 32]) {
        assert!(*gap >= Duration::from_millis(least), "{gaps:?}");
    }
    assert!(gaps.iter().all(|gap| *gap < TIMING.wait_max * 10), "{gaps:?}");
    assert_eq!(live::count(&rig.watch.troubles(), "requests that the API server refused"), 9);
}

#[tokio::test]
async fn a_token_that_expired_is_read_again() {
    let mock = Mock::start().await;
    mock.behave(|habits| habits.tokens = Some(vec!["first".to_owned()]));
    let mut world = World::new(3);
    world.found(&mock, 6);
    let mut rig = Rig::new(mock, |_| ()).await;
    rig.settle(&world).await;
    std::fs::write(rig.folder.path().join("token"), "second").unwrap();
    rig.mock.behave(|habits| habits.tokens = Some(vec!["second".to_owned()]));
    // All watches end.
    rig.mock.compact();
    changes(&mut rig, &mut world, 20).await;
    rig.settle(&world).await;
    let load = rig.watch.load();
    assert!(load.renewed == 1 && load.refused >= 1, "{load:?}");
}

#[tokio::test]
async fn who_takes_nothing_makes_it_wait_and_loses_nothing() {
    let mock = Mock::start().await;
    let mut world = World::new(17);
    world.found(&mock, 12);
    let mut rig = Rig::new(mock, |options| options.bounds.events = 1).await;
    rig.settle(&world).await;
    for _ in 0..400 {
        world.change(&rig.mock);
    }
    // Longer than a stall: it is not the server that is slow.
    tokio::time::sleep(TIMING.quiet * 2).await;
    assert!(rig.watch.load().held_up > 0);
    assert_eq!(rig.watch.load().stalled, 0);
    rig.settle(&world).await;
}

#[tokio::test]
async fn only_the_namespaces_asked_for_are_asked_for() {
    let mock = Mock::start().await;
    mock.apply(live::pod("shop", "a", "10.1.0.1"));
    mock.apply(live::pod("bank", "b", "10.1.0.2"));
    mock.apply(live::pod("else", "c", "10.1.0.3"));
    let mut rig =
        Rig::new(mock, |options| options.namespaces = vec!["shop".into(), "bank".into()]).await;
    rig.until("all lists", |load| load.listed == 16).await;
    mock_moves(&rig.mock);
    rig.until("both changes", |load| load.changes >= 1).await;
    rig.take().await;
    let asked = rig.mock.asked();
    assert!(asked.iter().all(|asked| asked.namespace.is_some()), "{asked:?}");
    assert!(asked.iter().all(|asked| !["nodes", "namespaces"].contains(&&*asked.plural)));
    for (ip, name) in
        [("10.1.0.1", None), ("10.1.0.2", Some("b")), ("10.1.0.3", None), ("10.1.0.4", Some("d"))]
    {
        let end = format!("{ip}:80");
        let transport = model::Transport::Tcp;
        let found = common::peer(&rig.book.directory(), 0, &end, transport, "2100-01-01T00:00:00Z");
        assert_eq!(found["pod"].as_str(), name, "{ip} {found}");
    }
}

fn mock_moves(mock: &Mock) {
    mock.apply(live::pod("shop", "d", "10.1.0.4"));
    mock.apply(live::pod("else", "e", "10.1.0.5"));
    assert!(mock.delete("Pod", "shop", "a"));
}

#[tokio::test]
async fn what_is_logged_gives_the_same_directory_later() {
    let (mut rig, mut world) = followed().await;
    changes(&mut rig, &mut world, 60).await;
    rig.mock.compact();
    changes(&mut rig, &mut world, 30).await;
    rig.settle(&world).await;
    let log = rig.lines.join("\n");
    let (directory, troubles) = common::directory(&[log.as_bytes()]);
    assert!(troubles.is_empty(), "{troubles:?}");
    let wrong = world.wrong(&rig.mock, &directory);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn any_faults_in_any_order_are_survived() {
    for seed in 1..=6 {
        let mock = Mock::start().await;
        let mut world = World::new(seed * 7919);
        let all = faults();
        mock.behave(|habits| {
            habits.has_streams = seed % 2 == 0;
            habits.gone_by_status = seed % 3 == 0;
        });
        world.found(&mock, 10);
        let mut rig = Rig::new(mock, |options| options.bounds.page = 3).await;
        for round in 0..120 {
            world.change(&rig.mock);
            let fault = all[usize::try_from(world.below(17)).unwrap()].clone();
            // A fault that makes it wait for long is tried elsewhere.
            if world.below(3) == 0 && !matches!(fault, Fault::Mute | Fault::Stall(_)) {
                rig.mock.plan(["pods", "services", "nodes", ""][round % 4], None, fault);
            }
            if world.below(40) == 0 {
                rig.mock.compact();
            }
            if world.below(5) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                rig.take().await;
            }
        }
        rig.settle(&world).await;
    }
}
