//! Buildings that are looked up by their address: each once, within the quota, over a restart, in one organisation.

use super::{branch_of, deliver, place, row};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use waybell_domain::track::coordinates::{Datum, Degrees, convert};
use waybell_tests::api::Api;
use waybell_tests::{World, WorldOptions};

/// Two services behind one listener: AMap knows 幸福花园 and roads, Tianditu knows 和平里, and nobody knows the rest.
#[derive(Default)]
struct Services {
    /// What was asked, and of whom.
    asked: Mutex<Vec<(&'static str, String)>>,
    /// Status that AMap answers with; 0: it works.
    broken: AtomicU16,
}

fn parameter(query: &str, name: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://service/?{query}")).unwrap();
    url.query_pairs().find(|(n, _)| n == name).unwrap().1.into_owned()
}

async fn amap(State(it): State<Arc<Services>>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let address = parameter(&query.unwrap(), "address");
    it.asked.lock().unwrap().push(("amap", address.clone()));
    let broken = it.broken.load(Ordering::SeqCst);
    if broken != 0 {
        return (StatusCode::from_u16(broken).unwrap(), String::new());
    }
    let at = convert(
        Degrees { lat: place(0.0, 0.0).lat(), lon: place(0.0, 0.0).lon() },
        Datum::Wgs84,
        Datum::Gcj02,
    );
    let level = if address.contains("幸福花园") { "门牌号" } else { "道路" };
    let found = json!({ "province": "上海市", "city": "上海市", "district": "浦东新区", "street": [], "number": [],
        "location": format!("{:.6},{:.6}", at.lon, at.lat), "level": level });
    (
        StatusCode::OK,
        json!({ "status": "1", "info": "OK", "infocode": "10000", "count": "1", "geocodes": [found] })
            .to_string(),
    )
}

async fn tianditu(State(it): State<Arc<Services>>, RawQuery(query): RawQuery) -> String {
    let asked: Value = serde_json::from_str(&parameter(&query.unwrap(), "ds")).unwrap();
    let address = asked["keyWord"].as_str().unwrap().to_owned();
    it.asked.lock().unwrap().push(("tianditu", address.clone()));
    let at = place(300.0, 0.0);
    match address.contains("和平里") {
        true => json!({ "msg": "ok", "location": { "score": 100, "level": "门址", "lon": at.lon(), "lat": at.lat(),
            "keyWord": address }, "searchVersion": "6.4.9V", "status": "0" }),
        false => json!({ "msg": "", "status": "101" }),
    }
    .to_string()
}

impl Services {
    async fn open() -> (Arc<Services>, String) {
        let it = Arc::new(Services::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/amap", get(amap)).route("/tianditu", get(tianditu)).with_state(it.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (it, url)
    }

    fn asked(&self, of: &str) -> Vec<String> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name == of)
            .map(|(_, address)| address.clone())
            .collect()
    }
}

fn settings(url: &str, per_day: u32) -> String {
    format!(
        "[geocoder]\norder = [\"amap\", \"tianditu\"]\ncity = \"上海\"\n\
         [geocoder.amap]\nkey = \"k\"\nurl = \"{url}/amap\"\nper_day = {per_day}\nper_second = 50.0\n\
         [geocoder.tianditu]\nkey = \"k\"\nurl = \"{url}/tianditu\"\nper_second = 50.0\n"
    )
}

/// Waits until so many places are known, or rows of `geocode` are in a state.
async fn until(what: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !what().await {
        assert!(Instant::now() < end, "it did not come to that in a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn known(boss: &Api, branch: &str) -> Vec<Value> {
    boss.get(&format!("/places?branch={branch}&limit=1000")).await.unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_building_of_which_nothing_is_known_is_looked_up_once() {
    let (services, url) = Services::open().await;
    let options =
        WorldOptions { server: settings(&url, 2_000), tenants: vec!["Other"], ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let branch = branch_of(&api).await;
    // somebody was there before: nobody is asked for it
    let first = api.import(&[row(900_000_000, "浦东新区翡翠城9栋101")]).await.unwrap();
    deliver(&api, &first[0], "sign", place(900.0, 0.0), json!({})).await;
    let before = services.asked.lock().unwrap().len();
    let rows = [
        row(900_000_001, "上海市浦东新区幸福花园3栋2单元501室 张三"),
        row(900_000_002, "浦东新区幸福花园3号楼602"),
        row(900_000_003, "上海市浦东新区和平里5栋101"),
        row(900_000_004, "上海市浦东新区无人知晓苑1栋101"),
        row(900_000_005, "浦东新区翡翠城9栋202"),
    ];
    api.import(&rows).await.unwrap();
    until(async || known(&boss, &branch).await.iter().filter(|p| p["source"] == "geocoded").count() >= 2)
        .await;
    let rows = |state: &str| {
        world.database.number(&format!("SELECT COUNT(*) FROM geocode WHERE state LIKE '{state}'")).unwrap()
    };
    until(async || rows("%") >= 3 && rows("wait") == 0).await;
    let places = known(&boss, &branch).await;
    let of = |name: &str| {
        places
            .iter()
            .filter(|p| p["source"] == "geocoded")
            .find(|p| p["key"].as_str().unwrap().contains(name))
            .unwrap()
            .clone()
    };
    let at: waybell_domain::track::Place = serde_json::from_value(of("幸福花园")["at"].clone()).unwrap();
    assert!(at.metres_to(place(0.0, 0.0)) < 1.0, "GCJ-02 was converted: {places:?}");
    assert_eq!((&of("幸福花园")["engine"], &of("幸福花园")["within_m"]), (&json!("amap"), &json!(40)));
    assert_eq!(
        of("和平里")["engine"],
        json!("tianditu"),
        "a road is no building, and the next engine is asked"
    );
    // no room, no name; each once
    let asked: Vec<String> =
        services.asked.lock().unwrap().iter().skip(before).map(|(_, a)| a.clone()).collect();
    for address in &asked {
        for person in ["501", "602", "101", "单元", "张三", "139"] {
            assert!(!address.contains(person), "{address} tells {person}");
        }
    }
    let mut once = services.asked("amap");
    once.sort();
    let all = once.len();
    once.dedup();
    assert_eq!(once.len(), all, "{once:?}");
    // over a restart nothing is asked again, and another list of the same buildings asks nothing
    let total = services.asked.lock().unwrap().len();
    world.server.kill();
    world.server.start().unwrap();
    let colleague = world.sign_in("c2").await.unwrap();
    colleague
        .import(&[
            row(900_000_100, "上海市浦东新区幸福花园3栋1单元101"),
            row(900_000_101, "上海市浦东新区无人知晓苑1栋301"),
        ])
        .await
        .unwrap();
    let page = colleague.get("/sync").await.unwrap();
    assert!(page["places"].as_array().unwrap().iter().any(|p| p["source"] == "geocoded"), "{page}");
    // another organisation does not profit from it: what it asks for is nobody else's business
    let stranger = world.sign_in("c1-Other").await.unwrap();
    stranger.import(&[row(900_000_200, "上海市浦东新区幸福花园3栋1单元101")]).await.unwrap();
    until(async || !stranger.get("/sync").await.unwrap()["places"].as_array().is_none_or(Vec::is_empty))
        .await;
    assert_eq!(services.asked.lock().unwrap().len(), total + 1, "{:?}", services.asked.lock().unwrap());
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    // what a supervisor removed is not asked for again
    let removal = json!({ "key": of("和平里")["key"], "source": "geocoded", "branch": branch });
    boss.post("/places/remove", &removal).await.unwrap();
    api.import(&[
        row(900_000_006, "上海市浦东新区和平里5栋901"),
        row(900_000_007, "上海市浦东新区无人知晓苑2栋1"),
    ])
    .await
    .unwrap();
    until(async || services.asked("tianditu").iter().any(|a| a.contains("无人知晓苑2"))).await;
    assert_eq!(services.asked("amap").iter().filter(|a| a.contains("和平里")).count(), 1);
}

#[tokio::test]
async fn the_days_quota_is_kept_over_a_restart_and_an_engine_that_fails_is_left_alone() {
    let (services, url) = Services::open().await;
    let options = WorldOptions { server: settings(&url, 3), ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let branch = branch_of(&api).await;
    let rows: Vec<Value> =
        (1..=2).map(|n| row(901_000_000 + n, &format!("上海市浦东新区幸福花园{n}栋101"))).collect();
    api.import(&rows).await.unwrap();
    until(async || known(&boss, &branch).await.len() == 2).await;
    world.server.kill();
    world.server.start().unwrap();
    let (api, boss) = (world.sign_in("c1").await.unwrap(), world.sign_in("boss").await.unwrap());
    let rows: Vec<Value> =
        (3..=6).map(|n| row(901_000_000 + n, &format!("上海市浦东新区幸福花园{n}栋101"))).collect();
    api.import(&rows).await.unwrap();
    until(async || services.asked("tianditu").len() >= 3).await;
    assert_eq!(services.asked("amap").len(), 3, "the quota counts what was asked before the restart");
    assert_eq!(known(&boss, &branch).await.len(), 3);
    // tomorrow they are asked for, and not given up
    let midnight = "SELECT COUNT(*) FROM geocode WHERE state = 'wait' AND tries = 0 AND (next_at + 28800000) % 86400000 = 0";
    until(async || world.database.number(midnight).unwrap() == 3).await;
}
