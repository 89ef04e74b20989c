//! Where buildings are: learned from deliveries, set by hand, told by lists and looked up, shared inside the branch and
//! nowhere else, and used by a route without a network.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "places/geocoder.rs"]
mod geocoder;
#[allow(dead_code, reason = "the test programs `tracks` and `attendance` use the rest of it")]
#[path = "field/phone.rs"]
mod phone;
#[path = "places/pins.rs"]
mod pins;

use phone::Phone;
use serde_json::{Value, json};
use waybell_core::ports::Clock;
use waybell_core::tour::{Tour, Whence, Wish};
use waybell_domain::clock::{MINUTE, SECOND};
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{Deed, SignedBy};
use waybell_domain::track::{Fix, Place, Provider};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::{World, WorldOptions};

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Metres east and north of a crossing in Shanghai.
pub(crate) fn place(east: f64, north: f64) -> Place {
    Place::of_degrees(31.2304, 121.4737).unwrap().moved(east, north)
}

pub(crate) fn row(n: u64, address: &str) -> Value {
    json!({ "line": n % 1_000 + 2, "waybill_no": format!("YT{n:013}"), "recipient_name": "王",
            "phone": format!("139{:08}", n % 100_000_000), "address": address })
}

pub(crate) fn csv(rows: &[(u64, &str)]) -> Vec<u8> {
    let mut text = String::from("运单号,收件人,电话,地址\n");
    for (n, address) in rows {
        text.push_str(&format!("YT{n:013},王,139{:08},{address}\n", n % 100_000_000));
    }
    text.into_bytes()
}

/// Makes a branch and moves somebody there.
pub(crate) fn north(world: &World, login: &str) {
    let branch = id();
    world
        .database
        .sql(&format!(
            "INSERT INTO branch (id, organisation_id, name) SELECT '{branch}', id, 'north' FROM organisation WHERE name = 'Demo'"
        ))
        .unwrap();
    world
        .database
        .sql(&format!(
            "UPDATE person SET branch_id = '{branch}' WHERE login = '{login}' AND organisation_id = \
              (SELECT id FROM organisation WHERE name = 'Demo')"
        ))
        .unwrap();
}

/// What a receiver in a pocket says of a place: never twice the same.
async fn stand(phone: &Phone, at: Place, turn: &mut u32) {
    for _ in 0..5 {
        *turn += 1;
        let n = f64::from(*turn);
        phone.clocks.pass(5 * SECOND);
        let (_, boot) = phone.clocks.boot();
        let fix = Fix {
            place: at.moved(6.0 * (n * 1.7).sin(), 5.0 * (n * 2.3).cos()),
            wall: phone.clocks.wall(),
            boot_ms: Some(boot),
            accuracy: Some(9.0 + (n * 0.9).sin() as f32 * 3.0),
            speed: Some(0.2 + (n * 1.1).cos().abs() as f32 * 0.2),
            bearing: Some(((*turn * 37) % 360) as f32),
            altitude: Some(11.0 + (n * 0.7).sin() as f32),
            provider: Provider::Gnss,
            mock: false,
        };
        phone.client.tracking().push(&[fix]).await.unwrap();
    }
}

fn signed() -> Deed {
    Deed::Sign { by: SignedBy::Recipient, name: None, cash: None }
}

async fn parcels(phone: &Phone) -> Vec<ParcelId> {
    phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect()
}

async fn tour(phone: &Phone) -> Tour {
    let wish = Wish::at(phone.clocks.wall());
    phone.client.tours().plan(&wish).await.unwrap()
}

pub(crate) fn at_of(tour: &Tour, name: &str) -> waybell_core::tour::Place {
    tour.visits
        .iter()
        .find(|v| v.stop.name.starts_with(name))
        .unwrap_or_else(|| panic!("{name}: {tour:?}"))
        .place
}

const BUILDINGS: [(&str, f64, f64); 4] = [
    ("幸福花园3栋", 0.0, 0.0),
    ("幸福花园8栋", 180.0, 60.0),
    ("和平里5栋", 500.0, -200.0),
    ("翡翠城1栋", -400.0, 350.0),
];

fn list(from: u64, room: &str) -> Vec<u8> {
    let addresses: Vec<String> = BUILDINGS.iter().map(|b| format!("上海市浦东新区{}{room}", b.0)).collect();
    let rows: Vec<(u64, &str)> =
        addresses.iter().enumerate().map(|(n, a)| (from + n as u64, a.as_str())).collect();
    csv(&rows)
}

async fn with_list(world: &World, login: &str, list: &[u8]) -> Phone {
    let phone = Phone::signed_in(&world.server.url, login, 20 * MINUTE).await;
    let report = phone.client.tasks().import_csv(list, false).await.unwrap();
    assert_eq!(report.rejected, 0, "{report:?}");
    phone.client.sync().now().await.unwrap();
    phone
}

#[tokio::test]
async fn what_one_courier_delivers_shows_another_the_way_without_a_network() {
    let mut world =
        World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap();
    let a = with_list(&world, "c1", &list(870_000_000, "101室")).await;
    a.client.tracking().duty_on().await.unwrap();
    let ids = parcels(&a).await;
    let mut turn = 0;
    for (n, (_, east, north)) in BUILDINGS.iter().enumerate() {
        a.clocks.pass(2 * MINUTE);
        stand(&a, place(*east, *north), &mut turn).await;
        let done = a.client.tasks().record(&ids[n..=n], signed(), Vec::new()).await.unwrap();
        if n == 3 {
            // what is taken back teaches nothing, sent already or not
            a.client.sync().now().await.unwrap();
            a.client.tasks().undo_deed(done.id).await.unwrap();
        }
    }
    a.client.sync().now().await.unwrap();
    let b = with_list(&world, "c2", &list(870_000_100, "2单元1602室")).await;
    // another branch, and another organisation
    north(&world, "c2");
    let elsewhere = with_list(&world, "c2", &list(870_000_200, "301")).await;
    let foreign = with_list(&world, "c1-Other", &list(870_000_300, "301")).await;
    for stranger in [&elsewhere, &foreign] {
        let wish = Wish::at(stranger.clocks.wall());
        let error = stranger.client.tours().plan(&wish).await.unwrap_err().to_string();
        assert!(error.contains("of none of the"), "{error}");
    }
    world.server.kill();
    let tour = tour(&b).await;
    assert_eq!((tour.visits.len(), tour.guessed), (4, 1), "{tour:?}");
    for (name, east, north) in &BUILDINGS[..3] {
        let found = at_of(&tour, name);
        assert_eq!((found.whence, found.visits), (Whence::Learned, Some(1)), "{name}");
        let off = Place::of_degrees(found.at.lat, found.at.lon).unwrap().metres_to(place(*east, *north));
        assert!(off < 15.0 && found.within_m == Some(30), "{name}: {off} m, {found:?}");
    }
    assert!(at_of(&tour, "翡翠城").whence.is_guess());
}

/// Deeds with fixes as an app sends them, one a parcel.
pub(crate) async fn deliver(api: &Api, parcel: &str, what: &str, at: Place, more: Value) -> Value {
    let mut deed = json!({ "what": what });
    deed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let fix = json!({ "place": at, "accuracy_m": 10, "age_s": 3 });
    let body = json!({ "id": id(), "parcels": [parcel], "deed": deed, "fix": fix, "acted_at": { "wall": now_ms(), "age_ms": 0 } });
    api.post("/parcels/deeds", &body).await.unwrap();
    body
}

async fn places(boss: &Api, branch: &str) -> Vec<Value> {
    let list = boss.get(&format!("/places?branch={branch}&limit=1000")).await.unwrap();
    list.as_array().unwrap().clone()
}

pub(crate) async fn branch_of(api: &Api) -> String {
    api.get("/me").await.unwrap()["branch"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn who_signs_everything_at_the_depot_teaches_nothing() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let branch = branch_of(&api).await;
    let names = [
        "幸福花园",
        "和平里",
        "翡翠城",
        "紫兰苑",
        "玉兰苑",
        "阳光小区",
        "金色家园",
        "东方明珠苑",
        "望江小区",
    ];
    let rows: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(n, name)| row(880_000_000 + n as u64, &format!("上海市浦东新区{name}3栋101")))
        .collect();
    let ids = api.import(&rows).await.unwrap();
    for (n, parcel) in ids.iter().enumerate().take(7) {
        deliver(&api, parcel, "sign", place(n as f64, 0.0), json!({})).await;
    }
    assert_eq!(places(&boss, &branch).await.len(), 7, "so far it may be a square with seven gates");
    deliver(&api, &ids[7], "sign", place(3.0, 5.0), json!({})).await;
    assert_eq!(places(&boss, &branch).await.len(), 0, "eight estates at one spot: all are taken back");
    // at a door of its own he teaches as before
    deliver(&api, &ids[8], "sign", place(900.0, 0.0), json!({})).await;
    let known = places(&boss, &branch).await;
    assert!(known.len() == 1 && known[0]["key"].as_str().unwrap().contains("望江小区"), "{known:?}");
}

#[tokio::test]
async fn only_what_is_done_at_one_door_teaches() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let branch = branch_of(&api).await;
    let rows: Vec<Value> =
        (0..6).map(|n| row(881_000_000 + n, &format!("上海市浦东新区幸福花园{n}栋10{n}"))).collect();
    let ids = api.import(&rows).await.unwrap();
    let consent = json!({ "place": "驿站", "consent": { "source": "phone" } });
    deliver(&api, &ids[0], "station", place(0.0, 0.0), consent).await;
    deliver(&api, &ids[1], "exception", place(0.0, 0.0), json!({ "reason": "nobody_home" })).await;
    // fetched from the station
    deliver(&api, &ids[0], "sign", place(0.0, 0.0), json!({})).await;
    // two buildings in one tap
    let fix = json!({ "place": place(0.0, 0.0), "accuracy_m": 10, "age_s": 3 });
    let tap = |parcels: &[String], fix: &Value| json!({ "id": id(), "parcels": parcels, "deed": { "what": "sign" }, "fix": fix, "acted_at": { "wall": now_ms(), "age_ms": 0 } });
    api.post("/parcels/deeds", &tap(&ids[2..4], &fix)).await.unwrap();
    // a fix that is no good, and one that does not read: the deed is taken all the same
    let bad = json!({ "place": place(0.0, 0.0), "accuracy_m": 500, "age_s": 3 });
    api.post("/parcels/deeds", &tap(&ids[4..5], &bad)).await.unwrap();
    api.post("/parcels/deeds", &tap(&ids[5..6], &json!({ "place": "here" }))).await.unwrap();
    assert_eq!(places(&boss, &branch).await, Vec::<Value>::new());
    let more = api.import(&[row(881_000_100, "上海市浦东新区幸福花园9栋101")]).await.unwrap();
    let parcel = more.iter().find(|id| !ids.contains(id)).unwrap();
    let sent = deliver(&api, parcel, "sign", place(50.0, 0.0), json!({})).await;
    // the same once more: one visit
    api.post("/parcels/deeds", &sent).await.unwrap();
    let known = places(&boss, &branch).await;
    assert_eq!((known.len(), &known[0]["visits"], &known[0]["source"]), (1, &json!(1), &json!("learned")));
}
