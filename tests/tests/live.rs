//! Maps of couriers on the socket: what is in the view and the asker's, as it changes; every look is kept. Uploads that
//! come at once share commits, and each is answered after its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "field/phone.rs"]
mod phone;

use base64::Engine;
use phone::Phone;
use serde_json::{Value, json};
use std::time::Duration;
use waybell_core::Error;
use waybell_core::tracking::Watch;
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::track::live::{Area, Picture};
use waybell_domain::track::{Run, Vertex, codec};
use waybell_domain::wire::LiveView;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

async fn id(api: &Api) -> String {
    api.get("/me").await.unwrap()["id"].as_str().unwrap().to_owned()
}

fn shift(ended: bool) -> Value {
    let (version, ended) = if ended { (2, json!(now_ms())) } else { (1, Value::Null) };
    json!({ "shift": "s-1", "version": version, "began": now_ms() - HOUR, "ended": ended, "now": now_ms(), "metres": 1,
        "low": 1, "high": 1 })
}

/// Where a courier is: degrees.
async fn at(api: &Api, lat: f64, lon: f64) {
    let place = json!({ "lat_e7": (lat * 1e7) as i64, "lon_e7": (lon * 1e7) as i64 });
    let position = json!({ "shift": "s-1", "at": now_ms(), "now": now_ms(), "place": place, "accuracy": 8 });
    let body = json!({ "courier": id(api).await, "shifts": [shift(false)], "position": position });
    api.post("/tracks", &body).await.unwrap();
}

fn part(seq: i64, lat_e5: i32) -> Value {
    let began = now_ms() / 1_000 * 1_000 - 60_000;
    let points =
        (0..20).map(|n| Vertex { at: UnixMs(began + n * 1_000), lat_e5, lon_e5: 12_150_000 }).collect();
    let body = codec::encode(&[Run { gap: None, points }]).unwrap();
    json!({ "shift": "s-1", "seq": seq, "body": base64::engine::general_purpose::STANDARD.encode(body) })
}

/// What the map shows as soon as it shows this.
async fn until(watch: &mut Watch, what: &str, wanted: impl Fn(&Picture) -> bool) -> Picture {
    for _ in 0..60 {
        let next = tokio::time::timeout(Duration::from_secs(30), watch.next()).await;
        let picture = next.unwrap_or_else(|_| panic!("{what}: nothing comes")).unwrap();
        if wanted(picture) {
            return picture.clone();
        }
    }
    panic!("{what}: {:?}", watch.picture());
}

fn names(picture: &Picture) -> Vec<&str> {
    picture.couriers().map(|c| c.name.as_str()).collect()
}

fn audited(world: &World) -> i64 {
    world.database.number("SELECT COUNT(*) FROM audit WHERE action = 'watch_positions'").unwrap()
}

#[tokio::test]
async fn a_map_shows_who_is_in_view_and_follows_them() {
    let mut world = world();
    let (c1, c2) = (world.sign_in("c1").await.unwrap(), world.sign_in("c2").await.unwrap());
    let stranger = world.sign_in("c1-Other").await.unwrap();
    at(&c1, 31.23, 121.47).await;
    at(&c2, 31.50, 121.90).await;
    at(&stranger, 31.23, 121.47).await;
    let url = world.server.url.clone();
    let boss = Phone::signed_in(&url, "boss", 0).await;
    let here = Area::of_degrees([31.2, 121.4, 31.3, 121.5]);
    let close = LiveView { area: here, zoom: 14, branch: None };
    let mut map = boss.client.tracking().live(close).await.unwrap();
    let first = until(&mut map, "the first picture", |_| true).await;
    assert_eq!(names(&first), ["c1"], "in the view, and the own organisation's");
    let one = first.couriers().next().unwrap();
    assert!(one.live && !one.stale && one.accuracy == Some(8.0) && one.place.lat_e7 == 312_300_000);
    assert_eq!(audited(&world), 1, "kept before it was shown");

    at(&c1, 31.24, 121.48).await;
    until(&mut map, "c1 moves", |p| p.couriers().any(|c| c.place.lat_e7 == 312_400_000)).await;
    at(&c1, 31.40, 121.48).await;
    until(&mut map, "c1 leaves", |p| p.count() == 0).await;

    // the map is moved: far out there are cells and no names
    let far = LiveView { area: None, zoom: 8, branch: None };
    map.look(far).await.unwrap();
    let cells = until(&mut map, "far out", |p| p.count() == 2).await;
    assert_eq!((cells.couriers().count(), cells.cells().map(|c| c.couriers).sum::<u32>()), (0, 2));
    let mut new = boss.client.tracking().live(far).await.unwrap();
    assert_eq!(until(&mut new, "a new map", |_| true).await, cells, "what a new map shows");
    drop(new);

    // whoever ends the shift is gone at once, and stays so whatever comes late
    let over = json!({ "courier": id(&c2).await, "shifts": [shift(true)] });
    c2.post("/tracks", &over).await.unwrap();
    until(&mut map, "c2 is off duty", |p| p.count() == 1).await;
    c2.post(
        "/tracks",
        &json!({ "courier": id(&c2).await, "shifts": [shift(false)], "parts": [part(1, 3_120_000)] }),
    )
    .await
    .unwrap();

    // the ends of tracks are shown where no report is known: after a restart, and only of those on duty
    c1.post(
        "/tracks",
        &json!({ "courier": id(&c1).await, "shifts": [shift(false)], "parts": [part(1, 3_125_000)] }),
    )
    .await
    .unwrap();
    world.kill().unwrap();
    world.server.start().unwrap();
    assert!(map.next().await.is_err(), "the socket went with its server");
    let config = waybell_core::ClientConfig {
        data_dir: boss.home.path().join("again"),
        server: world.server.url.clone(),
    };
    std::fs::create_dir(&config.data_dir).unwrap();
    let again = phone::open(&config.data_dir, &config.server, &boss.clocks);
    again.session().login("boss", PASSWORD).await.unwrap();
    let mut map = again.tracking().live(LiveView { zoom: 14, ..LiveView::default() }).await.unwrap();
    let known = until(&mut map, "after a restart", |p| p.count() > 0).await;
    let told: Vec<_> = known.couriers().map(|c| (c.name.as_str(), c.live, c.place.lat_e7)).collect();
    assert_eq!(told, [("c1", false, 312_500_000)]);
    let c1 = c1.at(&world.server.url);
    at(&c1, 31.26, 121.47).await;
    until(&mut map, "a report", |p| p.couriers().any(|c| c.live && c.place.lat_e7 == 312_600_000)).await;
}

#[tokio::test]
async fn who_may_watch_and_what_cannot_be_watched() {
    let world = world();
    let url = world.server.url.clone();
    at(&world.sign_in("c1").await.unwrap(), 31.23, 121.47).await;
    let boss = world.sign_in("boss").await.unwrap();
    let view = LiveView { zoom: 14, ..LiveView::default() };
    let refused = |error: Error| match error {
        Error::Refused(refusal) => (refusal.code, refusal.field.unwrap_or_default()),
        other => panic!("{other}"),
    };
    let courier = Phone::signed_in(&url, "c1", 0).await;
    let mut map = courier.client.tracking().live(view).await.unwrap();
    assert_eq!(refused(map.next().await.unwrap_err()).0, "forbidden");
    let stranger = Phone::signed_in(&url, "boss-Other", 0).await;
    let mut map = stranger.client.tracking().live(view).await.unwrap();
    assert_eq!(until(&mut map, "another organisation", |_| true).await.count(), 0);
    drop(map);
    let new = json!({ "login": "sup", "password": PASSWORD, "name": "sup", "role": "supervisor" });
    let sup = boss.post("/people", &new).await.unwrap()["id"].as_str().unwrap().to_owned();
    let phone = Phone::signed_in(&url, "sup", 0).await;
    let mut map = phone.client.tracking().live(LiveView { zoom: 21, ..view }).await.unwrap();
    assert_eq!(refused(map.next().await.unwrap_err()), ("bad_field".into(), "zoom".into()));
    let nowhere = Area { south: 10, west: 0, north: 0, east: 10 };
    map.look(LiveView { area: Some(nowhere), ..view }).await.unwrap();
    assert_eq!(refused(map.next().await.unwrap_err()), ("bad_field".into(), "area".into()));
    let branch = Some(waybell_domain::id::BranchId::at(UnixMs(1), [1; 10]));
    map.look(LiveView { branch, ..view }).await.unwrap();
    assert_eq!(refused(map.next().await.unwrap_err()).0, "not_found");
    let before = audited(&world);
    map.look(view).await.unwrap();
    assert_eq!(
        names(&until(&mut map, "what may be watched", |_| true).await),
        ["c1"],
        "what was refused ends nothing"
    );
    assert_eq!(audited(&world), before + 1);
    // views that follow are gathered; the last ones are kept when the socket ends
    for zoom in [3, 9, 14] {
        map.look(LiveView { zoom, ..view }).await.unwrap();
        until(&mut map, "another zoom", |p| (p.couriers().count() == 1) == (zoom == 14)).await;
    }
    drop(map);
    while audited(&world) < before + 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let sql =
        "SELECT COUNT(*) FROM audit WHERE action = 'watch_positions' AND detail LIKE '3 views%zoom 14%'";
    assert_eq!(world.database.number(sql).unwrap(), 1);
    // the right ends, and the watch with it
    let mut map = phone.client.tracking().live(view).await.unwrap();
    until(&mut map, "before the end", |_| true).await;
    boss.ask("PATCH", &format!("/people/{sup}"), Some(&json!({ "active": false }))).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Err(error) = map.next().await {
                return error;
            }
        }
    });
    assert!(matches!(end.await.unwrap(), Error::SignedOut));
}

#[tokio::test]
async fn the_terminal_shows_a_map() {
    let world = world();
    at(&world.sign_in("c1").await.unwrap(), 31.23, 121.47).await;
    let phone = waybell_tests::phone::Phone::new(&world.server.url).unwrap();
    let run = |arguments: &[&str]| {
        let said = phone.run(arguments, &waybell_tests::phone::Death::None).unwrap();
        (said.code, said.text, said.errors)
    };
    phone.must(&["login", "boss", "--password", PASSWORD]).unwrap();
    let (code, text, errors) = run(&["--json", "watch", "--area", "31.2,121.4,31.3,121.5", "--changes", "1"]);
    assert_eq!(code, Some(0), "{errors}");
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["couriers"][0]["name"], &told["cells"]), (&json!("c1"), &json!([])), "{text}");
    let (_, text, _) = run(&["--json", "watch", "--zoom", "6", "--changes", "1"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert!(told["cells"][0]["couriers"] == 1 && !text.contains("c1"), "{text}");
    let (code, _, errors) = run(&["watch", "--area", "31.3,121.4,31.2,121.5"]);
    assert!(code == Some(2) && errors.contains("31.3,121.4"), "{code:?} {errors}");
}

/// Many phones at once, and a server that dies at a commit of theirs and after one: nothing answered is lost, and what is
/// sent again is taken once.
#[tokio::test]
async fn phones_that_send_at_once_while_the_server_dies_lose_nothing() {
    for place in ["tracks.before_commit:1", "tracks.after_commit:1"] {
        let crash = Some(place.to_owned());
        let mut world = World::start(&WorldOptions { crash, ..WorldOptions::default() }).unwrap();
        let boss = world.sign_in("boss").await.unwrap();
        let mut phones = Vec::new();
        for n in 0..8 {
            let login = format!("t{n}");
            let new = json!({ "login": login, "password": PASSWORD, "name": login, "role": "courier" });
            boss.post("/people", &new).await.unwrap();
            let api = world.sign_in(&login).await.unwrap();
            phones.push((id(&api).await, api));
        }
        let bodies: Vec<(usize, Value)> = (0..phones.len())
            .flat_map(|n| (1..=4).map(move |seq| (n, seq)))
            .map(|(n, seq)| (n, json!({ "courier": phones[n].0, "shifts": [shift(false)], "parts": [part(seq, 3_120_000)] })))
            .collect();
        let send = |url: String| {
            let work = bodies.iter().map(|(n, body)| {
                let api = phones[*n].1.at(&url);
                let body = body.clone();
                tokio::spawn(async move { api.post("/tracks", &body).await })
            });
            work.collect::<Vec<_>>()
        };
        let mut answered = Vec::new();
        for one in send(world.server.url.clone()) {
            answered.push(one.await.unwrap().is_ok());
        }
        // its connections go before its process does
        while !world.server.has_died() {
            assert!(answered.contains(&false), "{place}: it did not die");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.server.start().unwrap();
        let stored = |n: usize| {
            let (courier, seq) = (&phones[bodies[n].0].0, &bodies[n].1["parts"][0]["seq"]);
            let sql =
                format!("SELECT COUNT(*) FROM track_part WHERE courier_id = '{courier}' AND seq = {seq}");
            world.database.number(&sql).unwrap()
        };
        for (n, answered) in answered.iter().enumerate() {
            assert!(!answered || stored(n) == 1, "{place}: answered and lost");
        }
        for one in send(world.server.url.clone()) {
            let answer = one.await.unwrap().unwrap();
            assert_eq!(answer["taken"].as_array().unwrap().len(), 1, "{answer}");
        }
        assert_eq!(world.database.number("SELECT COUNT(*) FROM track_part").unwrap(), 32, "{place}");
        assert_eq!(world.database.number("SELECT COUNT(*) FROM track_shift").unwrap(), 8, "{place}");
    }
}
