//! Clocking in and out from the phone to the supervisor's sheet: once, with its own time, whatever dies, waits or is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "field/phone.rs"]
mod phone;

use phone::{Clocks, Phone, given};
use serde_json::{Value, json};
use std::sync::Arc;
use waybell_core::attendance::NewPunch;
use waybell_core::ports::Clock;
use waybell_domain::attendance::PunchKind;
use waybell_domain::clock::{DAY, HOUR, MINUTE, UnixMs};
use waybell_domain::track::{Fix, Place};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::phone::{Death, at_once};
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

/// A shift all round the clock, so that a test may run at any hour: it begins at this full hour minus two, by the clock of
/// the organisation, and lasts three hours.
async fn shift_around_now(boss: &Api) -> UnixMs {
    let zone = waybell_core::notify::ZONE;
    let begin = UnixMs((now_ms() - 2 * HOUR) / HOUR * HOUR);
    let end = begin + 3 * HOUR;
    let shift = json!({ "name": "白班", "weekdays": [], "start": begin.hh_mm(zone), "end": end.hh_mm(zone),
        "late_min": 5, "serious_late_min": 60, "open_before_min": 60, "open_after_min": 30 });
    let (status, told) =
        boss.send("PUT", "/field-policy", Some(&json!({ "shifts": [shift] })), None).await.unwrap();
    assert_eq!(status, 200, "{told}");
    begin
}

fn here() -> Place {
    Place::of_degrees(31.2, 121.5).unwrap()
}

async fn depot(boss: &Api) -> Value {
    let shape = json!({ "circle": { "middle": here(), "radius": 100.0 } });
    let me = boss.get("/me").await.unwrap();
    boss.post("/work-places", &json!({ "branch": me["branch"], "name": "站点", "shape": shape }))
        .await
        .unwrap()
}

/// All punches that the supervisor sees of a courier, this month and the one before.
async fn punches(boss: &Api, courier: &str) -> Vec<Value> {
    let zone = waybell_core::notify::ZONE;
    let now = UnixMs(now_ms());
    let mut found = Vec::new();
    let months: std::collections::BTreeSet<String> =
        [now - 2 * DAY, now].iter().map(|at| at.date(zone).to_string()[..7].to_owned()).collect();
    for month in months {
        let view = boss.get(&format!("/attendance?courier={courier}&month={month}")).await.unwrap();
        for day in view["days"].as_array().unwrap() {
            found.extend(day["punches"].as_array().unwrap().iter().cloned());
        }
    }
    found
}

fn new_at(clocks: &Clocks, east: f64, accuracy: f32) -> NewPunch {
    let fix = Fix { accuracy: Some(accuracy), ..Fix::at(here().moved(east, 0.0), clocks.wall()) };
    NewPunch { fixes: vec![fix.clone(), fix], ..NewPunch::default() }
}

/// A phone with its clocks so far from now.
async fn phone_at(world: &World, login: &str, before: i64) -> Phone {
    Phone::signed_in(&world.server.url, login, before).await
}

#[tokio::test]
#[ignore = "started by the other tests, in a process of its own"]
async fn child() {
    let Some((what, client)) = given() else { return };
    let attendance = client.attendance();
    match what.as_str() {
        "in" => drop(attendance.punch(PunchKind::ClockIn, NewPunch::default()).await.unwrap()),
        "out" => drop(attendance.punch(PunchKind::ClockOut, NewPunch::default()).await.unwrap()),
        _ => client.sync().now().await.unwrap(),
    }
    client.shutdown().await;
}

#[tokio::test]
async fn the_phone_dies_between_every_step() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let begin = shift_around_now(&boss).await;
    let url = world.server.url.clone();
    let places: Vec<String> =
        ["store.before_commit", "store.after_commit", "http.before_send", "http.sent", "http.answered"]
            .iter()
            .flat_map(|place| (1..=2).map(move |n| format!("{place}:{n}")))
            .collect();
    let mut homes = Vec::new();
    for (n, place) in places.into_iter().enumerate() {
        let login = format!("p{n}");
        let new = json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": "courier" });
        boss.post("/people", &new).await.unwrap();
        let phone = phone_at(&world, &login, 0).await;
        phone.client.shutdown().await;
        homes.push((login, phone.home, place));
    }
    let (at_in, at_out) = (begin.0 - 3 * MINUTE, begin.0 + HOUR);
    let work: Vec<_> = homes
        .iter()
        .map(|(_, home, place)| {
            let url = &url;
            move || {
                let mut deaths = 0;
                for (wall, what) in [(at_in, "in"), (now_ms(), "sync"), (at_out, "out"), (now_ms(), "sync")] {
                    let alive = phone::step(home.path(), url, wall, what, Some(place));
                    deaths += usize::from(!alive);
                    // who was not told presses again, some seconds later
                    assert!(alive || phone::step(home.path(), url, wall + 5_000, what, None), "{what}");
                }
                deaths
            }
        })
        .collect();
    let deaths: usize = at_once(work).into_iter().sum();
    assert!(deaths >= homes.len(), "only {deaths} died: is core built with its crash points?");
    for (login, _, place) in &homes {
        let found = punches(&boss, login).await;
        let kinds: Vec<&str> = found.iter().map(|p| p["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["clock_in", "clock_out"], "{place}");
        for (punch, at) in found.iter().zip([at_in, at_out]) {
            let off = punch["at"].as_i64().unwrap() - at;
            // a second try's clock is some seconds ahead of the server's
            assert!(off.abs() < 15_000, "{place}: {off} ms off");
        }
    }
}

#[tokio::test]
async fn two_hours_offline_and_a_clock_a_day_off_keep_the_true_time() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    shift_around_now(&boss).await;
    for (login, off) in [("c1", DAY), ("c2", -DAY)] {
        let phone = phone_at(&world, login, 0).await;
        let clocks: Arc<Clocks> = Clocks::at(now_ms() - 2 * HOUR - 5 * MINUTE);
        clocks.set_off(off);
        let client = phone::open(phone.home.path(), &world.server.url, &clocks);
        let true_time = now_ms() - 2 * HOUR - 5 * MINUTE;
        let made = client.attendance().punch(PunchKind::ClockIn, NewPunch::default()).await.unwrap();
        assert_eq!(made.at.0 - off, clocks.wall().0 - off);
        clocks.pass(2 * HOUR + 5 * MINUTE);
        client.sync().now().await.unwrap();
        let told = client.attendance().answer(made.id).unwrap().unwrap();
        assert!((told.at.0 - true_time).abs() < 10_000, "{off}: {} ms off", told.at.0 - true_time);
        assert!((told.wall.0 - told.at.0 - off).abs() < 10_000 && !told.by_wall_clock);
        let said: Vec<&str> = told.evidence.iter().map(|e| e.as_str()).collect();
        assert!(said.contains(&"clock_off") && said.contains(&"sent_late"), "{said:?}");
    }
    // restarted before it was sent: only the wall clock is left, and that is said
    let phone = phone_at(&world, "c1", 3 * HOUR).await;
    let made = phone.client.attendance().punch(PunchKind::Field, NewPunch::default()).await.unwrap();
    phone.clocks.reboot();
    phone.clocks.pass(3 * HOUR);
    phone.client.sync().now().await.unwrap();
    let told = phone.client.attendance().answer(made.id).unwrap().unwrap();
    assert!(told.by_wall_clock && (told.at.0 - (now_ms() - 3 * HOUR)).abs() < 20_000);
    assert!(told.evidence.iter().any(|e| e.as_str() == "wall_clock_only"));
}

#[tokio::test]
async fn where_it_was_is_evidence_and_never_a_refusal() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let depot = depot(&boss).await;
    let phone = phone_at(&world, "c1", 0).await;
    phone.client.attendance().refresh(None).await.unwrap();
    let made = async |new: NewPunch| {
        let punched = phone.client.attendance().punch(PunchKind::Field, new).await.unwrap();
        phone.client.sync().now().await.unwrap();
        let told = phone.client.attendance().answer(punched.id).unwrap().unwrap();
        assert_eq!(punched.verdict, told.verdict, "phone and server judge alike");
        let said: Vec<String> = told.evidence.iter().map(|e| e.as_str().to_owned()).collect();
        (told.verdict.as_str(), said, told.photo_wanted, told.metres_away)
    };
    let (verdict, said, photo, _) = made(new_at(&phone.clocks, 5.0, 15.0)).await;
    assert_eq!((verdict, said.len(), photo), ("inside", 0, false));
    let (verdict, said, photo, _) = made(new_at(&phone.clocks, 98.0, 20.0)).await;
    assert_eq!((verdict, said, photo), ("in_doubt", vec!["in_doubt".to_owned()], true));
    let (verdict, said, photo, metres) = made(new_at(&phone.clocks, 900.0, 20.0)).await;
    assert_eq!((verdict, said, photo), ("outside", vec!["outside".to_owned()], true));
    assert!((metres.unwrap() - 800.0).abs() < 5.0);
    let mut mock = new_at(&phone.clocks, 0.0, 10.0);
    mock.fixes[1].mock = true;
    assert_eq!(made(mock).await.1, ["mock_location"]);
    let (_, said, ..) = made(new_at(&phone.clocks, 300_000.0, 20.0)).await;
    assert!(said.contains(&"too_far".to_owned()), "{said:?}");
    assert_eq!(made(NewPunch::default()).await.0, "unknown");
    // another phone of the same courier, and somebody else with that one
    let other = phone_at(&world, "c1", 0).await;
    let punched =
        other.client.attendance().punch(PunchKind::Field, new_at(&other.clocks, 0.0, 10.0)).await.unwrap();
    other.client.sync().now().await.unwrap();
    let told = other.client.attendance().answer(punched.id).unwrap().unwrap();
    assert!(told.evidence.iter().any(|e| e.as_str() == "new_device"));
    other.client.session().logout().await.unwrap();
    other.client.session().login("c2", waybell_tests::world::PASSWORD).await.unwrap();
    let punched =
        other.client.attendance().punch(PunchKind::Field, new_at(&other.clocks, 0.0, 10.0)).await.unwrap();
    other.client.sync().now().await.unwrap();
    let told = other.client.attendance().answer(punched.id).unwrap().unwrap();
    assert!(told.evidence.iter().any(|e| e.as_str() == "shared_device"), "{:?}", told.evidence);
    // a place that is removed judges nobody any more
    let id = depot["id"].as_str().unwrap();
    assert_eq!(boss.send("DELETE", &format!("/work-places/{id}"), None, None).await.unwrap().0, 204);
    assert_eq!(boss.send("DELETE", &format!("/work-places/{id}"), None, None).await.unwrap().0, 404);
    let punched =
        other.client.attendance().punch(PunchKind::Field, new_at(&other.clocks, 900.0, 10.0)).await.unwrap();
    other.client.sync().now().await.unwrap();
    assert_eq!(other.client.attendance().answer(punched.id).unwrap().unwrap().verdict.as_str(), "anywhere");
}

fn punch(kind: &str, at: i64) -> Value {
    json!({ "id": uuid::Uuid::now_v7(), "kind": kind, "acted_at": { "wall": at, "age_ms": now_ms() - at } })
}

/// The day of the shift, as the supervisor sees it.
async fn sheet(boss: &Api, name: &str, begin: UnixMs) -> Value {
    let day = begin.date(waybell_core::notify::ZONE);
    let list = boss.get(&format!("/attendance/day?day={day}")).await.unwrap();
    list.as_array().unwrap().iter().find(|d| d["name"] == json!(name)).unwrap().clone()
}

#[tokio::test]
async fn the_sheet_corrections_and_export() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let begin = shift_around_now(&boss).await;
    let courier = world.sign_in("c1").await.unwrap();
    let late = punch("clock_in", begin.0 + 10 * MINUTE);
    // doubled, with and without a key
    let first = courier.send("POST", "/punches", Some(&late), Some("a-punch-key")).await.unwrap();
    assert_eq!(courier.send("POST", "/punches", Some(&late), Some("a-punch-key")).await.unwrap(), first);
    assert_eq!(courier.post("/punches", &late).await.unwrap()["id"], late["id"]);
    let day = sheet(&boss, "c1", begin).await;
    assert_eq!(day["punches"].as_array().unwrap().len(), 1);
    assert_eq!(day["sheet"]["states"], json!(["late", "open"]), "{day}");
    assert!((day["sheet"]["late_ms"].as_i64().unwrap() - 10 * MINUTE).abs() < 2_000);
    assert_eq!(sheet(&boss, "c2", begin).await["sheet"]["states"], json!(["open"]), "nobody is absent yet");

    let on = begin.date(waybell_core::notify::ZONE).to_string();
    let correction = |id: &str, what: Value, reason: &str| json!({ "id": id, "courier": "c1", "day": on, "correction": what, "reason": reason });
    let id = uuid::Uuid::now_v7().to_string();
    let forgotten = correction(
        &id,
        json!({ "what": "punch", "kind": "clock_in", "at": begin.0 - MINUTE }),
        "门禁记录为证",
    );
    let made = boss.post("/attendance/corrections", &forgotten).await.unwrap();
    assert_eq!(boss.post("/attendance/corrections", &forgotten).await.unwrap(), made, "once");
    let day = sheet(&boss, "c1", begin).await;
    assert_eq!(day["sheet"]["states"], json!(["open"]), "{day}");
    assert_eq!((&day["sheet"]["corrected"], day["corrections"].as_array().unwrap().len()), (&json!(true), 1));
    // the courier sees what was put right, and may not do it
    let own = courier.get("/attendance").await.unwrap().to_string();
    let month_before = begin.date(waybell_core::notify::ZONE).to_string()[..7].to_owned();
    let own = own + &courier.get(&format!("/attendance?month={month_before}")).await.unwrap().to_string();
    assert!(own.contains("门禁记录为证"), "{own}");
    let other = uuid::Uuid::now_v7().to_string();
    let leave = correction(&other, json!({ "what": "leave" }), "病假");
    for (asker, body, status) in [
        ("c1", leave.clone(), 403),
        ("boss-Other", leave.clone(), 404),
        ("boss", correction(&other, json!({ "what": "leave" }), " "), 422),
        (
            "boss",
            correction(
                &other,
                json!({ "what": "punch", "kind": "clock_in", "at": begin.0 - 30 * DAY }),
                "x y",
            ),
            422,
        ),
        ("boss", correction(&other, json!({ "what": "void", "punch": uuid::Uuid::now_v7() }), "x y"), 404),
        ("boss", correction(&id, json!({ "what": "leave" }), "x y"), 409),
        (
            "boss",
            json!({ "id": other, "courier": "boss", "day": on, "correction": { "what": "leave" }, "reason": "x y" }),
            409,
        ),
        (
            "boss",
            json!({ "id": other, "courier": "nobody", "day": on, "correction": { "what": "leave" }, "reason": "x y" }),
            404,
        ),
    ] {
        let asker = world.sign_in(asker).await.unwrap();
        let (got, told) = asker.send("POST", "/attendance/corrections", Some(&body), None).await.unwrap();
        assert_eq!(got, status, "{body} {told}");
    }
    boss.post("/attendance/corrections", &leave).await.unwrap();
    assert_eq!(sheet(&boss, "c1", begin).await["sheet"]["states"], json!(["on_leave"]));

    let answer = boss
        .request("GET", &format!("/attendance/export?month={month_before}&lang=en"))
        .send()
        .await
        .unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    let text = answer.text().await.unwrap();
    let line = text.lines().find(|l| l.starts_with(&on) && l.contains(",c1,")).unwrap();
    assert!(line.contains("on leave") && line.contains("病假"), "{line}");
    let kept = |action: &str| {
        world.database.number(&format!("SELECT COUNT(*) FROM audit WHERE action = '{action}'")).unwrap()
    };
    assert_eq!((kept("correct_attendance"), kept("export_attendance"), kept("field_policy")), (2, 1, 1));
    assert!(kept("look_at_attendance") >= 6);
}

#[tokio::test]
async fn nobody_sees_or_changes_what_is_not_theirs() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let depot = depot(&boss).await;
    let courier = world.sign_in("c1").await.unwrap();
    let made = punch("clock_in", now_ms() - MINUTE);
    courier.post("/punches", &made).await.unwrap();
    let me = courier.get("/me").await.unwrap()["id"].as_str().unwrap().to_owned();
    for login in ["c2", "c1-Other", "boss-Other"] {
        let stranger = world.sign_in(login).await.unwrap();
        assert_eq!(
            stranger.send("GET", &format!("/attendance?courier={me}"), None, None).await.unwrap().0,
            404
        );
        assert_eq!(stranger.send("POST", "/punches", Some(&made), None).await.unwrap().0, 404, "{login}");
        let rules = stranger.get("/attendance/rules").await.unwrap();
        assert_eq!(rules["places"].as_array().unwrap().len(), usize::from(login == "c2"), "{login}");
    }
    for (path, staff) in
        [("/attendance/day", 200), ("/attendance/export", 200), ("/work-places", 200), ("/field-policy", 200)]
    {
        assert_eq!(courier.send("GET", path, None, None).await.unwrap().0, 403, "{path}");
        let other = world.sign_in("boss-Other").await.unwrap();
        let (status, body) = other.send("GET", path, None, None).await.unwrap();
        assert_eq!(status, staff);
        let text = body.to_string();
        assert!(!text.contains(&me) && !text.contains(depot["id"].as_str().unwrap()), "{path}: {text}");
    }
    let other = world.sign_in("boss-Other").await.unwrap();
    let id = depot["id"].as_str().unwrap();
    assert_eq!(other.send("DELETE", &format!("/work-places/{id}"), None, None).await.unwrap().0, 404);
    assert_eq!(courier.send("PUT", "/field-policy", Some(&json!({})), None).await.unwrap().0, 403);
    let branch = boss.get("/me").await.unwrap()["branch"].clone();
    if let Some(branch) = branch.as_str() {
        for path in ["/attendance/day", "/attendance/export", "/positions"] {
            assert_eq!(
                other.send("GET", &format!("{path}?branch={branch}"), None, None).await.unwrap().0,
                404,
                "{path}"
            );
        }
    }
    // what cannot be
    for (change, field) in [
        (json!({ "fixes": [{ "place": { "lat_e7": 0, "lon_e7": 0 } }] }), "fixes[0].place"),
        (json!({ "fixes": [{ "place": { "lat_e7": 910000000, "lon_e7": 0 } }] }), "fixes[0].place"),
        (json!({ "note": "x".repeat(501) }), "note"),
        (json!({ "address": "x".repeat(1_001) }), "address"),
        (json!({ "proof": [{ "sha256": "no" }] }), "proof"),
    ] {
        let mut body = punch("field", now_ms());
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, told) = courier.send("POST", "/punches", Some(&body), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{told}");
    }
    for wall in [i64::MIN, -1, i64::MAX] {
        let body = json!({ "id": uuid::Uuid::now_v7(), "kind": "field", "acted_at": { "wall": wall } });
        let told = courier.post("/punches", &body).await.unwrap();
        let at = told["at"].as_i64().unwrap();
        assert!(at <= now_ms() + 2_000 && at >= now_ms() - 31 * DAY, "{told}");
    }
}

#[tokio::test]
async fn by_the_terminal_with_and_without_a_network() {
    let mut world = world();
    let phone = waybell_tests::Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    assert!(
        phone
            .must(&["punch", "in", "--place", "31.2,121.5", "--accuracy", "12"])
            .unwrap()
            .contains("clock in: ")
    );
    assert!(phone.must(&["punch", "in"]).unwrap().contains("already made"));
    assert!(
        phone.must(&["attendance"]).unwrap().contains("clock")
            || phone.must(&["attendance"]).unwrap().contains("hours")
    );
    world.kill().unwrap();
    let said = phone.run(&["punch", "out", "--lang", "zh"], &Death::None).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("下班打卡"), "{said:?}");
    let month = phone.run(&["attendance", "--json"], &Death::None).unwrap();
    let month: Value = serde_json::from_str(&month.text).unwrap();
    let all: usize =
        month["days"].as_array().unwrap().iter().map(|d| d["punches"].as_array().unwrap().len()).sum();
    assert_eq!(all, 2, "{month}");
    assert_eq!(phone.run(&["attendance", "--month", "2026"], &Death::None).unwrap().code, Some(1));
    assert_eq!(phone.run(&["punch", "sideways"], &Death::None).unwrap().code, Some(2));
}
