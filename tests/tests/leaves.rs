//! Leave and corrections from the phone to the sheet: asked for once whatever dies, decided by the branch, and by nobody else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "field/phone.rs"]
mod phone;

use phone::{Phone, given};
use serde_json::{Value, json};
use waybell_domain::attendance::{AskState, Correction, LeaveEdge, LeaveKind, PunchKind};
use waybell_domain::clock::{DAY, HOUR, UnixMs};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::phone::at_once;
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

/// The day so many days from now.
fn day(ahead: i64) -> chrono::NaiveDate {
    UnixMs(now_ms() + ahead * DAY).date(waybell_core::notify::ZONE)
}

/// Shifts on all days of the week.
async fn every_day(boss: &Api) {
    let shift = json!({ "name": "白班", "weekdays": [], "start": "08:30", "end": "18:30" });
    boss.ask("PUT", "/field-policy", Some(&json!({ "shifts": [shift] }))).await.unwrap();
}

async fn sheet_of(api: &Api, courier: &str, day: chrono::NaiveDate) -> Value {
    let month = &day.to_string()[..7];
    let view = api.get(&format!("/attendance?courier={courier}&month={month}")).await.unwrap();
    let days = view["days"].as_array().unwrap();
    let found = days.iter().find(|d| d["day"] == json!(day.to_string()));
    found.unwrap_or_else(|| panic!("{day} is not in {view}")).clone()
}

fn leave(from: chrono::NaiveDate, to: chrono::NaiveDate) -> Value {
    json!({ "id": uuid::Uuid::now_v7(), "kind": "personal", "from": { "on": "day", "day": from },
        "to": { "on": "day", "day": to }, "acted_at": { "wall": now_ms(), "age_ms": 0 } })
}

#[tokio::test]
#[ignore = "started by the other tests, in a process of its own"]
async fn child() {
    let Some((what, client)) = given() else { return };
    let leaves = client.leaves();
    match what.as_str() {
        "ask" => {
            // who was not told asks again, and is told that it is asked for
            let edge = LeaveEdge::Day { day: day(3) };
            let asked = leaves.ask(LeaveKind::Annual, edge, edge, Some("回家".into())).await;
            assert!(asked.is_ok() || leaves.list().await.unwrap().len() == 1);
        }
        "withdraw" => {
            let own = leaves.list().await.unwrap();
            if let Some(leave) = own.iter().find(|l| l.view.state.counts()) {
                leaves.withdraw(leave.view.id).await.unwrap();
            }
        }
        _ => client.sync().now().await.unwrap(),
    }
    client.shutdown().await;
}

#[tokio::test]
async fn asked_and_withdrawn_once_whatever_dies() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
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
        let phone = Phone::signed_in(&url, &login, 0).await;
        phone.client.shutdown().await;
        homes.push((login, phone.home, place));
    }
    let work: Vec<_> = homes
        .iter()
        .enumerate()
        .map(|(n, (_, home, place))| {
            let url = &url;
            move || {
                let steps: &[&str] =
                    if n % 2 == 0 { &["ask", "sync"] } else { &["ask", "sync", "withdraw", "sync"] };
                let mut deaths = 0;
                for what in steps {
                    let alive = phone::step(home.path(), url, now_ms(), what, Some(place));
                    deaths += usize::from(!alive);
                    assert!(alive || phone::step(home.path(), url, now_ms(), what, None), "{what}");
                }
                deaths
            }
        })
        .collect();
    let deaths: usize = at_once(work).into_iter().sum();
    assert!(deaths >= homes.len(), "only {deaths} died: is core built with its crash points?");
    for (n, (login, _, place)) in homes.iter().enumerate() {
        let found = boss.get(&format!("/leaves?courier={login}")).await.unwrap();
        let states: Vec<&Value> = found.as_array().unwrap().iter().map(|l| &l["state"]).collect();
        assert_eq!(states, [if n % 2 == 0 { "requested" } else { "withdrawn" }], "{place}");
    }
}

#[tokio::test]
async fn a_leave_from_the_phone_to_the_sheet() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    every_day(&boss).await;
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.attendance().refresh(None).await.unwrap();
    let leaves = phone.client.leaves();
    // yesterday afternoon: half of ten hours but for half an hour
    let (noon, whole) = (LeaveEdge::Noon { day: day(-1) }, LeaveEdge::Day { day: day(-1) });
    let asked = leaves.ask(LeaveKind::Sick, noon, whole, Some("发烧".into())).await.unwrap();
    assert!(asked.pending && asked.view.state == AskState::Requested);
    let again = leaves.ask(LeaveKind::Sick, whole, whole, None).await.unwrap_err();
    assert!(again.to_string().contains("another leave"), "{again}");
    assert!(leaves.ask(LeaveKind::Sick, whole, noon, Some("x".repeat(501))).await.is_err());
    phone.client.sync().now().await.unwrap();
    let own = leaves.list().await.unwrap();
    assert_eq!((own.len(), own[0].pending, own[0].view.id), (1, false, asked.view.id));
    let id = asked.view.id.to_string();

    // a colleague sees none of it, and neither they nor who asked can decide
    let (c1, c2) = (world.sign_in("c1").await.unwrap(), world.sign_in("c2").await.unwrap());
    assert_eq!(c2.get("/leaves").await.unwrap(), json!([]));
    let yes = json!({ "approve": true });
    for (asker, status) in [(&c1, 403), (&c2, 403), (&world.sign_in("boss-Other").await.unwrap(), 404)] {
        let (got, told) =
            asker.send("POST", &format!("/leaves/{id}/decide"), Some(&yes), None).await.unwrap();
        assert_eq!(got, status, "{told}");
    }
    let waiting = boss.get("/leaves?state=requested").await.unwrap();
    assert_eq!((waiting.as_array().unwrap().len(), &waiting[0]["note"]), (1, &json!("发烧")));
    assert_eq!(sheet_of(&boss, "c1", day(-1)).await["sheet"]["states"], json!(["absent"]));

    let told = boss.post(&format!("/leaves/{id}/decide"), &yes).await.unwrap();
    assert_eq!(told["state"], "approved");
    assert_eq!(boss.post(&format!("/leaves/{id}/decide"), &yes).await.unwrap(), told, "once");
    let no = json!({ "approve": false, "reason": "too late" });
    let (status, refused) =
        boss.send("POST", &format!("/leaves/{id}/decide"), Some(&no), None).await.unwrap();
    assert_eq!((status, &refused["code"]), (409, &json!("decided")));
    let half = sheet_of(&boss, "c1", day(-1)).await;
    assert_eq!(half["sheet"]["states"], json!(["on_leave", "absent"]), "{half}");
    assert_eq!((&half["sheet"]["leave_ms"], &half["leaves"]), (&json!(13 * HOUR / 2), &json!(["sick"])));

    // the phone shows the same without the network, after it has asked once
    let month = day(-1).to_string()[..7].to_owned();
    phone.client.attendance().refresh(Some(&month)).await.unwrap();
    let shown = phone.client.attendance().month(Some(&month)).await.unwrap();
    let shown = shown.days.into_iter().find(|d| d.day == day(-1).to_string()).unwrap();
    assert_eq!(serde_json::to_value(&shown.sheet).unwrap(), half["sheet"]);
    let csv = boss.request("GET", &format!("/attendance/export?month={month}&lang=en")).send().await.unwrap();
    let csv = csv.text().await.unwrap();
    assert!(csv.contains("390") && csv.contains("sick leave"), "{csv}");

    // over: a supervisor cuts it to nothing, with a reason, and the day is absent again
    let late = leaves.withdraw(asked.view.id).await.unwrap_err();
    assert!(late.to_string().contains("has begun"), "{late}");
    let cut = json!({ "to": { "on": "noon", "day": day(-1) }, "reason": "came after all" });
    assert_eq!(boss.post(&format!("/leaves/{id}/cut"), &cut).await.unwrap()["state"], "withdrawn");
    assert_eq!(sheet_of(&boss, "c1", day(-1)).await["sheet"]["states"], json!(["absent"]));
    phone.client.shutdown().await;
}

#[tokio::test]
async fn entered_cut_and_never_two_at_once() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    every_day(&boss).await;
    let c1 = world.sign_in("c1").await.unwrap();
    let mut ill = leave(day(-2), day(2));
    (ill["kind"], ill["courier"]) = (json!("sick"), json!("c1"));
    let entered = boss.post("/leaves", &ill).await.unwrap();
    assert_eq!((&entered["state"], &entered["kind"]), (&json!("approved"), &json!("sick")));
    assert_eq!(boss.post("/leaves", &ill).await.unwrap(), entered, "once");
    let id = entered["id"].as_str().unwrap();
    assert_eq!(sheet_of(&c1, "c1", day(-1)).await["sheet"]["states"], json!(["on_leave"]));

    let other = leave(day(2), day(4));
    let (status, told) = c1.send("POST", "/leaves", Some(&other), None).await.unwrap();
    assert_eq!((status, &told["code"], &told["field"]), (409, &json!("leave_overlaps"), &json!("from")));
    // nobody enters or approves their own, and couriers enter none
    let mut own = leave(day(9), day(9));
    own["courier"] = json!("boss");
    assert_eq!(boss.send("POST", "/leaves", Some(&own), None).await.unwrap().0, 422);
    own["courier"] = json!("c2");
    assert_eq!(c1.send("POST", "/leaves", Some(&own), None).await.unwrap().0, 403);
    let mine = boss.post("/leaves", &leave(day(9), day(9))).await.unwrap();
    let path = format!("/leaves/{}/decide", mine["id"].as_str().unwrap());
    assert_eq!(boss.send("POST", &path, Some(&json!({ "approve": true })), None).await.unwrap().0, 409);

    // cut to the day before yesterday: the other days can be asked for then
    let cut = json!({ "to": { "on": "day", "day": day(-2) }, "reason": "well again" });
    let told = boss.post(&format!("/leaves/{id}/cut"), &cut).await.unwrap();
    assert_eq!((&told["state"], &told["reason"]), (&json!("approved"), &json!("well again")));
    assert_eq!(sheet_of(&c1, "c1", day(-1)).await["sheet"]["states"], json!(["absent"]));
    assert_eq!(sheet_of(&c1, "c1", day(-2)).await["sheet"]["states"], json!(["on_leave"]));
    let longer = json!({ "to": { "on": "day", "day": day(1) }, "reason": "ill again" });
    assert_eq!(boss.send("POST", &format!("/leaves/{id}/cut"), Some(&longer), None).await.unwrap().0, 422);
    c1.post("/leaves", &other).await.unwrap();
    let (status, told) = c1.send("POST", "/leaves", Some(&leave(day(500), day(501))), None).await.unwrap();
    assert_eq!((status, &told["field"]), (422, &json!("from")));

    // a holiday of the calendar within a leave is a day of rest
    let holiday = format!("date,name,kind\n{},festival,holiday\n", day(-2));
    let sent = boss.request("POST", "/policy/calendar").body(holiday).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 200, "{}", sent.text().await.unwrap());
    let rest = sheet_of(&c1, "c1", day(-2)).await;
    assert_eq!((&rest["sheet"]["states"], &rest["sheet"]["leave_ms"]), (&json!(["rest"]), &Value::Null));
    let audit: i64 = world
        .database
        .number("SELECT COUNT(*) FROM audit WHERE action IN ('enter_leave', 'ask_leave', 'cut_leave')")
        .unwrap();
    assert_eq!(audit, 4);
}

#[tokio::test]
async fn a_correction_is_asked_for_and_approved() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    every_day(&boss).await;
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    let zone = waybell_core::notify::ZONE;
    let start = UnixMs(now_ms() - DAY).start_of_day(zone);
    let leaves = phone.client.leaves();
    let name = day(-1).to_string();
    let add = |kind, hour: i64| Correction::Punch { kind, at: start + hour * HOUR };
    let first = leaves.ask_correction(&name, add(PunchKind::ClockIn, 8), "手机没电").await.unwrap();
    let second = leaves.ask_correction(&name, add(PunchKind::ClockOut, 19), "手机没电").await.unwrap();
    let third = leaves.ask_correction(&name, add(PunchKind::ClockOut, 20), "记错了").await.unwrap();
    // one that has not left never leaves
    leaves.withdraw_correction(third.view.id).await.unwrap();
    assert_eq!(leaves.corrections().await.unwrap().len(), 2);
    phone.client.sync().now().await.unwrap();
    let waiting = boss.get("/attendance/asked?state=requested").await.unwrap();
    assert_eq!(waiting.as_array().unwrap().len(), 2, "{waiting}");
    let decide = |id: String, yes: bool| {
        let boss = &boss;
        async move {
            let body = json!({ "approve": yes, "reason": "looked at the gate" });
            boss.post(&format!("/attendance/asked/{id}/decide"), &body).await.unwrap()
        }
    };
    for asked in [&first, &second] {
        let told = decide(asked.view.id.to_string(), true).await;
        assert_eq!(told["state"], "approved");
        assert_eq!(decide(asked.view.id.to_string(), true).await, told, "once");
    }
    let sheet = sheet_of(&boss, "c1", day(-1)).await;
    assert_eq!(
        (&sheet["sheet"]["states"], sheet["corrections"].as_array().unwrap().len()),
        (&json!(["normal"]), 2)
    );
    // a decided one is not withdrawn, and a day that is not the own cannot be asked for
    phone.client.leaves().refresh().await.unwrap();
    assert!(leaves.withdraw_correction(first.view.id).await.is_err());
    let told = &leaves.corrections().await.unwrap()[0];
    assert_eq!(
        (told.view.state, told.view.answer.as_deref()),
        (AskState::Approved, Some("looked at the gate"))
    );
    let c2 = world.sign_in("c2").await.unwrap();
    assert_eq!(c2.get("/attendance/asked").await.unwrap(), json!([]));
    let wrong = json!({ "id": uuid::Uuid::now_v7(), "day": name, "correction": { "what": "leave" }, "reason": "none",
        "acted_at": { "wall": now_ms() } });
    let (status, told) = c2.send("POST", "/attendance/asked", Some(&wrong), None).await.unwrap();
    assert_eq!((status, &told["field"]), (422, &json!("correction.what")));
    phone.client.shutdown().await;
}
