//! Tracks from phones to supervisors: each part once, whatever dies, comes twice, late or in another order; nobody sees
//! what is not theirs; every look is kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "field/phone.rs"]
mod phone;

use phone::{Phone, given, morning, step, told};
use serde_json::{Value, json};
use std::path::Path;
use waybell_core::tracking::Day;
use waybell_domain::clock::{DAY, HOUR, MINUTE, UnixMs};
use waybell_domain::track::{Fix, Run, Vertex, join};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::phone::at_once;
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

/// Yesterday's and today's track together, as a night's ride may begin before midnight.
async fn track(asker: &Api, courier: &str) -> (Value, Vec<Run>) {
    let today = asker.get(&format!("/tracks?courier={courier}")).await.unwrap();
    let before = UnixMs(today["from"].as_i64().unwrap() - HOUR).date(waybell_core::notify::ZONE);
    let yesterday = asker.get(&format!("/tracks?courier={courier}&day={before}")).await.unwrap();
    let mut runs: Vec<Run> = Vec::new();
    for view in [&yesterday, &today] {
        let part: Vec<Run> = serde_json::from_value(view["runs"].clone()).unwrap();
        for run in part {
            // midnight is no gap
            match runs.last_mut().filter(|_| run.gap.is_none()) {
                Some(last) => last.points.extend(run.points),
                None => runs.push(run),
            }
        }
    }
    let whole = if yesterday["shifts"].as_array().unwrap().is_empty() { today } else { yesterday };
    (whole, runs)
}

async fn day(phone: &Phone) -> Day {
    phone.client.tracking().day(UnixMs(0), UnixMs(i64::MAX)).await.unwrap()
}

/// A step of a phone in a process of its own.
#[tokio::test]
#[ignore = "started by the other tests, in a process of its own"]
async fn child() {
    let Some((what, client)) = given() else { return };
    let tracking = client.tracking();
    match what.split_once(' ') {
        None if what == "on" => tracking.duty_on().await.unwrap(),
        None if what == "off" => tracking.duty_off().await.unwrap(),
        None => client.sync().now().await.unwrap(),
        Some((_, file)) => {
            let fixes: Vec<Fix> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            tracking.push(&fixes).await.unwrap();
        }
    }
    client.shutdown().await;
}

/// Every place of the core, first to last passing.
fn places(passings: u32) -> Vec<String> {
    ["store.before_commit", "store.after_commit", "http.before_send", "http.sent", "http.answered"]
        .iter()
        .flat_map(|place| (1..=passings).map(move |n| format!("{place}:{n}")))
        .collect()
}

/// Each step dies once at this place, and is done again; how often it died.
fn ride_and_die(home: &Path, url: &str, fixes: &[Fix], death: &str) -> usize {
    let mut deaths = 0;
    let mut insist = |wall: UnixMs, what: &str| {
        let alive = step(home, url, wall.0, what, Some(death));
        deaths += usize::from(!alive);
        assert!(alive || step(home, url, wall.0, what, None), "{what}");
    };
    let began = fixes[0].wall;
    insist(began, "on");
    for (n, batch) in fixes.chunks(fixes.len().div_ceil(2)).enumerate() {
        let file = home.join(format!("fixes-{n}.json"));
        std::fs::write(&file, serde_json::to_vec(&told(batch, 0)).unwrap()).unwrap();
        let wall = batch[batch.len() - 1].wall;
        insist(wall, &format!("push {}", file.display()));
        insist(UnixMs(now_ms()), "sync");
    }
    let end = fixes[fixes.len() - 1].wall;
    insist(end, "off");
    insist(UnixMs(now_ms()), "sync");
    deaths
}

#[tokio::test]
async fn the_phone_dies_between_every_step() {
    let world = world();
    let supervisor = world.sign_in("boss").await.unwrap();
    let fixes = morning(5, 1, 2 * MINUTE);
    let fixes = &fixes[fixes.len() - 170..];
    let url = world.server.url.clone();
    // one courier for each death: their tracks do not mix
    let mut homes = Vec::new();
    for (n, place) in places(2).into_iter().enumerate() {
        let login = format!("t{n}");
        let new = json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": "courier" });
        supervisor.post("/people", &new).await.unwrap();
        let phone = Phone::signed_in(&url, &login, HOUR).await;
        phone.client.shutdown().await;
        homes.push((login, phone.home, place));
    }
    let work: Vec<_> = homes
        .iter()
        .map(|(_, home, place)| {
            let url = &url;
            move || ride_and_die(home.path(), url, fixes, place)
        })
        .collect();
    let deaths: Vec<usize> = at_once(work);
    assert!(
        deaths.iter().sum::<usize>() >= homes.len() * 2,
        "{deaths:?}: is core built with its crash points?"
    );
    let quiet = Phone::signed_in(&url, "c1", 0).await;
    let clocks = phone::Clocks::at(fixes[0].wall.0);
    let client = phone::open(quiet.home.path(), &url, &clocks);
    let quiet = Phone { client, clocks, home: quiet.home };
    quiet.client.tracking().duty_on().await.unwrap();
    quiet.ride(fixes, 0).await;
    quiet.client.tracking().duty_off().await.unwrap();
    let whole: usize = day(&quiet).await.runs.iter().map(|r| r.points.len()).sum();
    for (login, home, place) in &homes {
        let client = phone::open(home.path(), &url, &phone::Clocks::at(now_ms()));
        let own = client.tracking().day(UnixMs(0), UnixMs(i64::MAX)).await.unwrap();
        let (view, runs) = track(&supervisor, login).await;
        assert_eq!(runs, own.runs, "{place}");
        assert_eq!(view["shifts"].as_array().unwrap().len(), 1, "{place}");
        assert!(view["shifts"][0]["ended"].is_i64(), "{place}");
        assert_eq!(client.tracking().status().await.unwrap().waiting, 0, "{place}");
        let kept: usize = own.runs.iter().map(|r| r.points.len()).sum();
        assert!(kept * 10 >= whole * 9 && kept <= whole * 2, "{place}: {kept} of {whole}");
    }
}

#[tokio::test]
async fn a_clock_that_is_a_day_off_is_put_right_and_told() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    for (login, off) in [("c1", DAY), ("c2", -DAY)] {
        let fixes = morning(7, 1, 5 * MINUTE);
        let phone = Phone::signed_in(&world.server.url, login, 0).await;
        let start = fixes[0].wall.0;
        // the clocks of this phone go on with the true time from here, a day off
        let clocks = phone::Clocks::at(start);
        clocks.set_off(off);
        let client = phone::open(phone.home.path(), &world.server.url, &clocks);
        let phone = Phone { client, clocks, home: phone.home };
        phone.client.tracking().duty_on().await.unwrap();
        phone.ride(&fixes, off).await;
        phone.client.tracking().duty_off().await.unwrap();
        phone.clocks.pass(now_ms() + off - waybell_core::ports::Clock::wall(&*phone.clocks).0);
        phone.client.sync().now().await.unwrap();
        let status = phone.client.tracking().status().await.unwrap();
        assert_eq!((status.waiting, status.refused), (0, 0));
        let (view, runs) = track(&boss, login).await;
        let shift = &view["shifts"][0];
        assert!((shift["clock_off_ms"].as_i64().unwrap() - off).abs() < 5_000, "{shift}");
        let first = runs[0].points[0].at.0;
        assert!((first - start).abs() < 30_000, "{off}: {} s from the truth", (first - start) / 1_000);
        assert_eq!(
            day(&phone).await.runs.iter().map(|r| r.points.len()).sum::<usize>(),
            runs.iter().map(|r| r.points.len()).sum::<usize>()
        );
    }
}

#[tokio::test]
async fn two_hours_without_a_network_are_all_there_afterwards() {
    let mut world = world();
    let long = |fixes: &Vec<Fix>| fixes[fixes.len() - 1].wall.since(fixes[0].wall) >= 2 * HOUR;
    let fixes = (10..90).map(|stops| morning(11, stops, MINUTE)).find(long).unwrap();
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    let clocks = phone::Clocks::at(fixes[0].wall.0);
    let client = phone::open(phone.home.path(), &world.server.url, &clocks);
    let phone = Phone { client, clocks, home: phone.home };
    world.kill().unwrap();
    phone.client.tracking().duty_on().await.unwrap();
    for part in fixes.chunks(300) {
        phone.ride(part, 0).await;
        assert!(phone.client.tracking().upload().await.is_err());
    }
    let waiting = phone.client.tracking().status().await.unwrap().waiting;
    assert!(waiting >= 4, "{waiting}");
    world.server.start().unwrap();
    phone.clocks.pass(now_ms() - waybell_core::ports::Clock::wall(&*phone.clocks).0);
    let client = phone::open(phone.home.path(), &world.server.url, &phone.clocks);
    client.sync().now().await.unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    // the shift runs: its position is that of the last fix
    let positions = boss.get("/positions").await.unwrap();
    assert_eq!(
        (positions.as_array().unwrap().len(), &positions[0]["live"]),
        (1, &json!(true)),
        "{positions}"
    );
    let age = positions[0]["age_ms"].as_i64().unwrap();
    assert!((0..10 * MINUTE).contains(&age), "{positions}");
    client.tracking().duty_off().await.unwrap();
    client.sync().now().await.unwrap();
    assert_eq!(boss.get("/positions").await.unwrap(), json!([]), "off duty nobody is shown");
    let (_, runs) = track(&boss, "c1").await;
    assert_eq!(runs, client.tracking().day(UnixMs(0), UnixMs(i64::MAX)).await.unwrap().runs);
}

/// Number and bytes.
type Part = (i64, Vec<u8>);

/// An upload of one shift with these parts.
fn upload(courier: &str, parts: &[(i64, Vec<u8>)]) -> Value {
    use base64::Engine;
    let encode = |b: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(b);
    let parts: Vec<Value> =
        parts.iter().map(|(seq, body)| json!({ "shift": "s-1", "seq": seq, "body": encode(body) })).collect();
    let shift = json!({ "shift": "s-1", "version": 1, "began": now_ms() - HOUR, "now": now_ms(), "metres": 900.5, "low": 800,
        "high": 1000 });
    json!({ "courier": courier, "shifts": [shift], "parts": parts })
}

fn way(from: i64, to: i64) -> Vec<Vertex> {
    let began = now_ms() / 1_000 * 1_000 - HOUR;
    let vertex = |n: i64| Vertex {
        at: UnixMs(began + n * 10_000),
        lat_e5: 3_120_000 + n as i32 * 50,
        lon_e5: 12_150_000 + n as i32 % 7,
    };
    (from..=to).map(vertex).collect()
}

fn part(from: i64, to: i64) -> (i64, Vec<u8>) {
    let run = Run { gap: None, points: way(from, to) };
    (to, waybell_domain::track::codec::encode(&[run]).unwrap())
}

#[tokio::test]
async fn parts_in_any_order_and_twice_are_one_way_for_those_who_may_see_it() {
    let world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let me = courier.get("/me").await.unwrap()["id"].as_str().unwrap().to_owned();
    // at one moment, so that the parts meet
    let parts: Vec<(i64, Vec<u8>)> = vec![part(0, 40), part(40, 90), part(90, 120), part(120, 200)];
    for n in [2, 0, 3, 1, 2, 0] {
        let answer = courier.post("/tracks", &upload(&me, &parts[n..=n])).await.unwrap();
        assert_eq!(answer["taken"].as_array().unwrap().len(), 1, "{answer}");
    }
    let all = courier.post("/tracks", &upload(&me, &parts)).await.unwrap();
    assert_eq!(all["taken"].as_array().unwrap().len(), 4);
    let mut wanted = Vec::new();
    for (_, body) in &parts {
        join(&mut wanted, waybell_domain::track::codec::decode(body).unwrap());
    }
    let (view, runs) = track(&courier, &me).await;
    assert_eq!((&runs, view["shifts"][0]["metres"].as_f64()), (&wanted, Some(900.5)));
    let boss = world.sign_in("boss").await.unwrap();
    assert_eq!(track(&boss, "c1").await.1, wanted);
    let day = view["day"].as_str().unwrap();
    let gpx = boss.request("GET", &format!("/tracks/gpx?courier=c1&day={day}")).send().await.unwrap();
    assert_eq!(gpx.headers()["content-type"], "application/gpx+xml");
    let points = waybell_domain::track::read::read(&gpx.bytes().await.unwrap()).unwrap();
    assert!(points.problems.is_empty() && points.fixes.len() > 10);
    let moved = boss.get(&format!("/tracks?courier=c1&day={day}&datum=gcj02")).await.unwrap();
    assert_ne!(moved["runs"], view["runs"]);

    // a colleague, and another organisation's boss, find nobody; their own track is empty
    for login in ["c2", "c1-Other", "boss-Other"] {
        let stranger = world.sign_in(login).await.unwrap();
        for path in
            [format!("/tracks?courier={me}"), "/tracks?courier=c1".into(), "/tracks/gpx?courier=c1".into()]
        {
            let (status, body) = stranger.send("GET", &path, None, None).await.unwrap();
            assert_eq!((status, &body["field"]), (404, &json!("courier")), "{login} {path}");
        }
        let (status, body) =
            stranger.send("POST", "/tracks", Some(&upload(&me, &parts)), None).await.unwrap();
        assert_eq!((status, &body["field"]), (404, &json!("courier")), "{login} {body}");
        assert_eq!(stranger.get("/tracks").await.unwrap()["shifts"], json!([]));
        let position = json!({ "shift": "s-1", "at": now_ms(), "now": now_ms(), "place": { "lat_e7": 312000000, "lon_e7": 1215000000 } });
        courier.post("/tracks", &json!({ "courier": me, "position": position })).await.unwrap();
        assert_eq!(stranger.get("/positions").await.unwrap(), json!([]), "{login}");
    }
    let looks = |action: &str| {
        world.database.number(&format!("SELECT COUNT(*) FROM audit WHERE action = '{action}'")).unwrap()
    };
    // two days for each of the courier and the boss, the file, the other datum, and the strangers' own
    assert_eq!((looks("look_at_track"), looks("look_at_positions")), (2 + 2 + 1 + 1 + 3, 3));
}

#[tokio::test]
async fn what_cannot_be_a_track_is_refused_by_field_and_the_rest_is_taken() {
    let world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let me = courier.get("/me").await.unwrap()["id"].as_str().unwrap().to_owned();
    let good = part(0, 40);
    let at = |at: i64, lat_e5: i32, lon_e5: i32| {
        let points = vec![Vertex { at: UnixMs(at), lat_e5, lon_e5 }];
        (7, waybell_domain::track::codec::encode(&[Run { gap: None, points }]).unwrap())
    };
    let mut damaged = part(0, 9);
    damaged.1[9] ^= 1;
    let mut beyond = at(now_ms(), 9_000_000, 0).1;
    // one more unit of latitude, with the sum made right: the codec is asked, not the sum
    beyond.truncate(beyond.len() - 4);
    let bad: [(Part, &str, &str); 9] = [
        (at(now_ms() + 10 * DAY, 3_120_000, 12_150_000), "parts[1].body", "a time that has not come"),
        (at(now_ms() - 5_000 * DAY, 3_120_000, 12_150_000), "parts[1].body", "older than ten years"),
        (at(now_ms(), 0, 0), "parts[1].body", "no place on the earth"),
        ((7, b"hello".to_vec()), "parts[1].body", "no track"),
        (damaged, "parts[1].body", "damaged"),
        ((7, beyond), "parts[1].body", "damaged"),
        ((7, vec![b'W'; (1 << 20) + 1]), "parts[1].body", "larger than"),
        ((-1, good.1.clone()), "parts[1].seq", "below 0"),
        ((40, part(0, 41).1), "parts[1].seq", "other bytes"),
    ];
    for (wrong, field, problem) in bad {
        let both = upload(&me, &[good.clone(), wrong.clone()]);
        let answer = courier.post("/tracks", &both).await.unwrap();
        assert_eq!(answer["taken"], json!([{ "shift": "s-1", "seq": 40 }]), "{problem}");
        let refused = &answer["refused"][0];
        assert_eq!(refused["field"], json!(field), "{refused}");
        assert!(refused["problem"].as_str().unwrap().contains(problem), "{refused}");
        let (status, body) =
            courier.send("POST", "/tracks", Some(&upload(&me, &[wrong])), None).await.unwrap();
        assert_eq!(status, 422, "{body}");
        assert!(body["message"].as_str().unwrap().contains(problem) && body["hint"].is_string(), "{body}");
    }
    let mut text = upload(&me, std::slice::from_ref(&good));
    text["parts"][0]["body"] = json!("not base64!");
    assert_eq!(courier.send("POST", "/tracks", Some(&text), None).await.unwrap().0, 422);
    for (change, field) in [
        (json!({ "shifts": [] }), "parts[0].shift"),
        (
            json!({ "position": { "shift": "s-1", "at": 1, "now": 1, "place": { "lat_e7": 0, "lon_e7": 0 } } }),
            "position.place",
        ),
        (
            json!({ "position": { "shift": "s-1", "at": 1, "now": 1, "place": { "lat_e7": 900000001, "lon_e7": 5 } } }),
            "position.place",
        ),
        (
            json!({ "notes": [{ "shift": "s-1", "n": 1, "what": { "kind": "stay", "from": 1, "to": 2, "place": { "lat_e7": 0, "lon_e7": 0 } } }] }),
            "notes[0].what",
        ),
        (json!({ "parts": vec![json!({ "shift": "s-1", "seq": 1, "body": "" }); 65] }), "parts"),
    ] {
        let mut body = upload(&me, std::slice::from_ref(&good));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, told) = courier.send("POST", "/tracks", Some(&body), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{told}");
    }
    for query in ["day=tomorrow", "day=99999-01-01", "datum=mars"] {
        assert_eq!(
            courier.send("GET", &format!("/tracks?{query}"), None, None).await.unwrap().0,
            422,
            "{query}"
        );
    }
}
