//! Places set by hand, removed by a supervisor, and told by lists.

use super::{at_of, branch_of, deliver, id, north, place, row};
use serde_json::{Value, json};
use waybell_core::tour::Whence;
use waybell_domain::track::Place;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::phone::Death;
use waybell_tests::{Phone, World, WorldOptions};

fn phone(world: &World, login: &str, rows: &[Value]) -> Phone {
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", login]).unwrap();
    phone.must(&["import", phone.list("day.csv", rows).unwrap().to_str().unwrap()]).unwrap();
    phone
}

/// Whence and place of each stop on a phone's route.
fn route(phone: &Phone) -> Vec<(String, String)> {
    let tour: Value = serde_json::from_str(&phone.must(&["route", "--json"]).unwrap()).unwrap();
    let visits = tour["visits"].as_array().unwrap();
    let told = |v: &Value| {
        let at =
            format!("{:.4},{:.4}", v["place"]["lat"].as_f64().unwrap(), v["place"]["lon"].as_f64().unwrap());
        (v["place"]["whence"].as_str().unwrap().to_owned(), at)
    };
    visits.iter().map(told).collect()
}

fn one(whence: &str, at: &str) -> Vec<(String, String)> {
    vec![(whence.to_owned(), at.to_owned())]
}

#[tokio::test]
async fn a_pin_is_everybodys_the_last_one_wins_and_it_can_be_taken_back() {
    let world = World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap();
    let address = "上海市浦东新区幸福花园3栋";
    let mine = phone(&world, "c1", &[row(890_000_000, &format!("{address}101"))]);
    let theirs = phone(&world, "c2", &[row(890_000_100, &format!("{address}2单元502"))]);
    let foreign = phone(&world, "c1-Other", &[row(890_000_200, &format!("{address}101"))]);
    mine.must(&["pin", "幸福花园3", "31.2000,121.5000"]).unwrap();
    assert_eq!(route(&theirs), one("pin", "31.2000,121.5000"));
    assert!(foreign.run(&["route"], &Death::None).unwrap().errors.contains("of none of the"));
    theirs.must(&["pin", "幸福花园3", "31.2010,121.5000"]).unwrap();
    assert_eq!(route(&mine), one("pin", "31.2010,121.5000"));
    // one that was set before that, and arrives after it
    let api = world.sign_in("c1").await.unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let branch = branch_of(&api).await;
    let known = boss.get(&format!("/places?branch={branch}&search=幸福花园")).await.unwrap();
    let key = known[0]["key"].clone();
    assert!(known[0]["by"].is_string() && known[0]["set_at"].is_i64(), "{known}");
    let set = |age_ms: i64, at: Value| json!({ "id": id(), "keys": [key], "at": at, "acted_at": { "wall": now_ms() - age_ms, "age_ms": age_ms } });
    let answer = api
        .post("/places", &set(3_600_000, json!({ "lat_e7": 300_000_000, "lon_e7": 1_200_000_000 })))
        .await
        .unwrap();
    assert_eq!(answer[0]["at"]["lat_e7"], json!(312_010_000), "{answer}");
    // taken back by a colleague; then what was learned counts
    deliver(
        &api,
        &api.import(&[row(890_000_001, &format!("{address}102"))]).await.unwrap()[1],
        "sign",
        place(0.0, 0.0),
        json!({}),
    )
    .await;
    assert_eq!(route(&theirs)[0].0, "pin");
    mine.must(&["pin", "幸福花园3", "--remove"]).unwrap();
    assert_eq!(route(&theirs), one("learned", "31.2304,121.4737"));
    // a pin of before does not come back after that
    api.post("/places", &set(1_800_000, json!({ "lat_e7": 300_000_000, "lon_e7": 1_200_000_000 })))
        .await
        .unwrap();
    assert_eq!(route(&mine), one("learned", "31.2304,121.4737"));
    for (body, field) in [
        (json!({ "id": id(), "keys": [], "acted_at": { "wall": 1 } }), "keys"),
        (json!({ "id": id(), "keys": [" "], "acted_at": { "wall": 1 } }), "keys"),
        (set(0, json!({ "lat_e7": 1_000_000_000, "lon_e7": 0 })), "at"),
        (set(0, json!({ "lat_e7": 0, "lon_e7": 0 })), "at"),
    ] {
        let (status, told) = api.send("POST", "/places", Some(&body), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{told}");
    }
}

#[tokio::test]
async fn a_supervisor_sees_and_removes_what_is_wrong() {
    let world = World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let branch = branch_of(&api).await;
    let address = "上海市浦东新区和平里5栋";
    let ids = api.import(&[row(891_000_000, &format!("{address}101"))]).await.unwrap();
    deliver(&api, &ids[0], "sign", place(5_000.0, 0.0), json!({})).await;
    let list = boss.get(&format!("/places?branch={branch}&search=和平里")).await.unwrap();
    let removal = json!({ "key": list[0]["key"], "source": "learned", "branch": branch });
    // couriers may not, strangers find nothing
    let refused = async |api: &Api, path: &str, body: Option<&Value>| {
        let method = if body.is_some() { "POST" } else { "GET" };
        api.send(method, path, body, None).await.unwrap().0
    };
    assert_eq!(refused(&api, "/places", None).await, 403);
    assert_eq!(refused(&api, "/places/remove", Some(&removal)).await, 403);
    let stranger = world.sign_in("boss-Other").await.unwrap();
    assert_eq!(refused(&stranger, "/places/remove", Some(&removal)).await, 404);
    assert_eq!(refused(&stranger, &format!("/places?branch={branch}"), None).await, 404);
    let removed = boss.post("/places/remove", &removal).await.unwrap();
    assert_eq!(removed["gone"], json!(true));
    assert_eq!(refused(&boss, "/places/remove", Some(&removal)).await, 404, "it is gone");
    // what it was learned from is gone too: one good visit is enough now
    let page = api.get("/sync?since=0").await.unwrap();
    assert_eq!(page["places"][0]["gone"], json!(true), "{page}");
    let more = api.import(&[row(891_000_001, &format!("{address}102"))]).await.unwrap();
    let parcel = more.iter().find(|p| !ids.contains(p)).unwrap();
    deliver(&api, parcel, "door", place(0.0, 0.0), json!({ "consent": { "source": "in_person" } })).await;
    let found = boss.get(&format!("/places?branch={branch}&search=和平里")).await.unwrap();
    let at: Place = serde_json::from_value(found[0]["at"].clone()).unwrap();
    assert!(at.metres_to(place(0.0, 0.0)) < 5.0, "{found}");
    north(&world, "c1");
    let api = world.sign_in("c1").await.unwrap();
    let page = api.get("/sync?since=0").await.unwrap();
    assert!(page["places"].as_array().is_none_or(Vec::is_empty), "another branch: {page}");
}

#[tokio::test]
async fn a_list_with_coordinates_shows_the_way_on_the_phone_and_at_the_server() {
    let world = World::start(&WorldOptions::default()).unwrap();
    // GCJ-02, as Chinese systems write it: 500 m away from the satellites' word
    let list = "运单号,电话,地址,经度,纬度\n\
        YT0000892000000,13900000001,上海市浦东新区幸福花园3栋101,121.47826,31.22844\n\
        YT0000892000001,13900000002,上海市浦东新区和平里5栋101,31.2200,121.4800\n\
        YT0000892000002,13900000003,上海市浦东新区翡翠城1栋101,0,0\n\
        YT0000892000003,13900000004,上海市浦东新区紫兰苑2栋101,2.35,48.85\n";
    let phone = super::Phone::signed_in(&world.server.url, "c1", 0).await;
    let report = phone.client.tasks().import_csv(list.as_bytes(), false).await.unwrap();
    assert_eq!((report.rejected, report.created), (0, 4), "{report:?}");
    for told in ["no place in China", "each other's place", "cannot be read"] {
        assert!(report.notes.iter().any(|n| n.problem.contains(told)), "{told}: {:?}", report.notes);
    }
    // before the server has it
    let before = super::tour(&phone).await;
    let found = at_of(&before, "幸福花园3");
    assert_eq!(found.whence, Whence::Imported);
    let off = Place::of_degrees(found.at.lat, found.at.lon).unwrap().metres_to(place(0.0, 0.0));
    assert!(off < 60.0, "{off}: the datum was converted");
    assert_eq!(before.guessed, 2);
    phone.client.sync().now().await.unwrap();
    assert_eq!(super::tour(&phone).await, before, "the server says the same");
    let other = super::Phone::signed_in(&world.server.url, "c2", 0).await;
    let rows = super::csv(&[
        (892_000_100, "上海市浦东新区幸福花园3栋202"),
        (892_000_101, "上海市浦东新区和平里5栋202"),
    ]);
    other.client.tasks().import_csv(&rows, false).await.unwrap();
    other.client.sync().now().await.unwrap();
    assert_eq!(super::tour(&other).await.guessed, 0, "the branch has them");
    // an organisation whose system writes what satellites say
    let boss = world.sign_in("boss").await.unwrap();
    let policy = boss.get("/policy").await.unwrap();
    let mut rules = policy["policy"].clone();
    rules["list_datum"] = json!("wgs84");
    boss.ask("PUT", "/policy", Some(&rules)).await.unwrap();
    let api = world.sign_in("c1").await.unwrap();
    let sent = api
        .request("POST", "/parcels/import")
        .header("content-type", "text/csv")
        .body("运单号,电话,地址,坐标\nYT0000892000200,13900000001,上海市浦东新区玉兰苑3栋101,\"121.4737,31.2304\"\n")
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let list = boss.get(&format!("/places?branch={}&search=玉兰苑", branch_of(&api).await)).await.unwrap();
    let at: Place = serde_json::from_value(list[0]["at"].clone()).unwrap();
    assert_eq!((at, &list[0]["source"]), (place(0.0, 0.0), &json!("imported")));
}
