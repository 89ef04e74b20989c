//! The engines against local counterparts, which check what they are asked and answer in the shapes of the vendors' documents.

use super::engine::{Found, Geocoder};
use super::settings::{GeocoderConfig, GeocoderEngine};
use super::{amap, nominatim, tencent, tianditu};
use crate::speech::Kind;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waybell_domain::track::Place;
use waybell_domain::track::coordinates::{Datum, Degrees, convert};

const QUESTION: &str = "上海浦东新区幸福花园3栋";
const LONG: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Counterpart {
    answer: Mutex<(u16, String)>,
    asked: Mutex<BTreeMap<String, String>>,
    agent: Mutex<String>,
}

async fn take(
    State(it): State<Arc<Counterpart>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> (StatusCode, String) {
    let query = query.unwrap_or_default();
    *it.asked.lock() = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    *it.agent.lock() = headers["user-agent"].to_str().unwrap().to_owned();
    let (status, body) = it.answer.lock().clone();
    (StatusCode::from_u16(status).unwrap(), body)
}

impl Counterpart {
    async fn open(path: &str) -> (Arc<Counterpart>, GeocoderEngine) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let it = Arc::new(Counterpart::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let router = Router::new().route(path, get(take)).with_state(it.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = GeocoderEngine {
            key: Some("the-key".into()),
            url: Some(url),
            contact: "ops@example.com".into(),
            ..GeocoderEngine::default()
        };
        (it, settings)
    }

    fn says(&self, answer: &Value) {
        *self.answer.lock() = (200, answer.to_string());
    }

    fn asked(&self, name: &str) -> String {
        self.asked.lock().get(name).cloned().unwrap_or_default()
    }
}

/// Where it is in truth.
fn truth() -> Place {
    Place::of_degrees(31.2304, 121.4737).unwrap()
}

/// What a map in GCJ-02 says of it.
fn drawn() -> Degrees {
    convert(Degrees { lat: 31.2304, lon: 121.4737 }, Datum::Wgs84, Datum::Gcj02)
}

fn there(found: Option<Found>) -> u32 {
    let found = found.unwrap();
    assert!(found.at.metres_to(truth()) < 1.0, "{found:?}: in the datum of the satellites");
    found.within_m
}

async fn kind(engine: &dyn Geocoder) -> Kind {
    engine.find(QUESTION).await.unwrap_err().kind
}

fn amap_says(level: &str, district: &str) -> Value {
    json!({ "status": "1", "info": "OK", "infocode": "10000", "count": "1", "geocodes": [{
        "formatted_address": "上海市浦东新区幸福花园3栋", "country": "中国", "province": "上海市", "citycode": "021",
        "city": "上海市", "district": district, "township": [], "neighborhood": { "name": [], "type": [] },
        "building": { "name": [], "type": [] }, "adcode": "310115", "street": [], "number": [],
        "location": format!("{:.6},{:.6}", drawn().lon, drawn().lat), "level": level }] })
}

#[tokio::test]
async fn amap_is_asked_and_understood() {
    let (it, mut settings) = Counterpart::open("/v3/geocode/geo").await;
    let engine = amap::Amap::new(&settings, LONG).unwrap();
    for (level, within) in [("门牌号", 40), ("门址", 40), ("单元号", 25), ("兴趣点", 150)] {
        it.says(&amap_says(level, "浦东新区"));
        assert_eq!(there(engine.find(QUESTION).await.unwrap()), within, "{level}");
    }
    assert_eq!(
        (it.asked("address"), it.asked("key"), it.asked("sig")),
        (QUESTION.into(), "the-key".into(), String::new())
    );
    for level in ["省", "市", "区县", "乡镇", "村庄", "热点商圈", "道路", "道路交叉路口", "未知"]
    {
        it.says(&amap_says(level, "浦东新区"));
        assert_eq!(engine.find(QUESTION).await.unwrap(), None, "{level} is no building");
    }
    it.says(&amap_says("门牌号", "徐汇区"));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None, "of another district");
    it.says(&json!({ "status": "1", "info": "OK", "infocode": "10000", "count": "0", "geocodes": [] }));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None);
    for (code, kind_of) in [
        ("10001", Kind::Barred),
        ("10003", Kind::Spent),
        ("10044", Kind::Spent),
        ("10007", Kind::Barred),
        ("10009", Kind::Barred),
        ("10021", Kind::Again),
        ("20000", Kind::Text),
        ("10016", Kind::Again),
    ] {
        it.says(&json!({ "status": "0", "info": "ERROR", "infocode": code }));
        assert_eq!(kind(&engine).await, kind_of, "{code}");
    }
    it.says(&json!({ "status": "0", "info": "ENGINE_RESPONSE_DATA_ERROR", "infocode": "30001" }));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None);
    // signed: the parameters in the order of their names, not encoded, and the secret
    settings.secret = Some("the-secret".into());
    let engine = amap::Amap::new(&settings, LONG).unwrap();
    it.says(&amap_says("门牌号", "浦东新区"));
    engine.find(QUESTION).await.unwrap();
    let signed = format!("address={QUESTION}&key=the-key&output=JSONthe-secret");
    assert_eq!(it.asked("sig"), super::http::md5(&signed));
    assert_eq!(super::http::md5("waybell").len(), 32);
    assert_eq!(super::http::md5(""), "d41d8cd98f00b204e9800998ecf8427e");
}

#[tokio::test]
async fn tencent_is_asked_and_understood() {
    let (it, mut settings) = Counterpart::open("/ws/geocoder/v1/").await;
    settings.secret = Some("the-secret".into());
    let engine = tencent::Tencent::new(&settings, LONG).unwrap();
    let says = |level: Value, reliability: i64, district: &str| {
        json!({ "status": 0, "message": "query ok", "request_id": "1", "result": { "title": "幸福花园3栋",
            "location": { "lng": drawn().lon, "lat": drawn().lat }, "ad_info": { "adcode": "310115" },
            "address_components": { "province": "上海市", "city": "上海市", "district": district, "street": "", "street_number": "" },
            "similarity": 0.99, "deviation": 1000, "reliability": reliability, "level": level } })
    };
    for (level, within) in [(json!(9), 40), (json!(10), 150), (json!(11), 150), (Value::Null, 200)] {
        it.says(&says(level.clone(), 8, "浦东新区"));
        assert_eq!(there(engine.find(QUESTION).await.unwrap()), within, "{level}");
    }
    let signed = format!("/ws/geocoder/v1/?address={QUESTION}&key=the-key&output=jsonthe-secret");
    assert_eq!(it.asked("sig"), super::http::md5(&signed));
    for (level, reliability, district) in
        [(9, 6, "浦东新区"), (7, 8, "浦东新区"), (2, 8, "浦东新区"), (9, 8, "徐汇区")]
    {
        it.says(&says(json!(level), reliability, district));
        assert_eq!(engine.find(QUESTION).await.unwrap(), None, "{level} {reliability} {district}");
    }
    for (code, kind_of) in [
        (110, Kind::Barred),
        (111, Kind::Barred),
        (120, Kind::Again),
        (121, Kind::Spent),
        (190, Kind::Barred),
        (199, Kind::Barred),
        (306, Kind::Text),
        (311, Kind::Barred),
    ] {
        it.says(&json!({ "status": code, "message": "…", "request_id": "1" }));
        assert_eq!(kind(&engine).await, kind_of, "{code}");
    }
    it.says(&json!({ "status": 347, "message": "查询无结果" }));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None);
}

#[tokio::test]
async fn tianditu_is_asked_and_understood() {
    let (it, settings) = Counterpart::open("/geocoder").await;
    let engine = tianditu::Tianditu::new(&settings, LONG).unwrap();
    let says = |level: &str, score: i64| {
        json!({ "msg": "ok", "location": { "score": score, "level": level, "lon": "121.4737", "lat": 31.2304,
            "keyWord": QUESTION }, "searchVersion": "6.4.9V", "status": "0" })
    };
    it.says(&says("门址", 100));
    assert_eq!(there(engine.find(QUESTION).await.unwrap()), 50);
    let asked: Value = serde_json::from_str(&it.asked("ds")).unwrap();
    assert_eq!((asked, it.asked("tk")), (json!({ "keyWord": QUESTION }), "the-key".into()));
    for (level, score) in [("门址", 60), ("道路", 100), ("区县", 100), ("", 100)] {
        it.says(&says(level, score));
        assert_eq!(engine.find(QUESTION).await.unwrap(), None, "{level} {score}");
    }
    it.says(&json!({ "msg": "无结果", "status": "101" }));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None);
    for (answer, kind_of) in [
        (json!({ "msg": "错误", "status": "404" }), Kind::Again),
        (json!({ "msg": "非法Key", "resolve": "…", "code": 300001 }), Kind::Barred),
        (json!({ "msg": "今日配额已用完", "code": 300012 }), Kind::Spent),
    ] {
        it.says(&answer);
        assert_eq!(kind(&engine).await, kind_of, "{answer}");
    }
}

#[tokio::test]
async fn a_nominatim_is_asked_and_understood() {
    let (it, mut settings) = Counterpart::open("/search").await;
    settings.key = None;
    let engine = nominatim::Nominatim::new(&settings, LONG).unwrap();
    let says = |category: &str, of: &str, half: f64, name: &str| {
        let (low, high) = (truth().moved(-half, -half), truth().moved(half, half));
        json!([{ "place_id": 1, "osm_type": "way", "osm_id": 1, "lat": "31.2304", "lon": "121.4737", "category": category,
            "type": of, "place_rank": 30, "importance": 0.1, "addresstype": of, "name": "", "display_name": name,
            "boundingbox": [low.lat().to_string(), high.lat().to_string(), low.lon().to_string(), high.lon().to_string()] }])
    };
    let here = "幸福花园3栋, 浦东新区, 上海市, 中国";
    it.says(&says("building", "apartments", 10.0, here));
    assert_eq!(there(engine.find(QUESTION).await.unwrap()), 30);
    it.says(&says("landuse", "residential", 150.0, here));
    assert_eq!(there(engine.find(QUESTION).await.unwrap()), 212);
    let (q, format, countries) = (it.asked("q"), it.asked("format"), it.asked("countrycodes"));
    assert_eq!((q.as_str(), format.as_str(), countries.as_str()), (QUESTION, "jsonv2", "cn"));
    assert!(it.agent.lock().starts_with("waybell/") && it.agent.lock().contains("(ops@example.com)"));
    for (category, of, half, name) in [
        ("landuse", "residential", 2_000.0, here),
        ("highway", "residential", 100.0, here),
        ("boundary", "administrative", 100.0, here),
        ("place", "suburb", 100.0, here),
        ("building", "yes", 10.0, "幸福花园, 西湖区, 杭州市, 中国"),
    ] {
        it.says(&says(category, of, half, name));
        assert_eq!(engine.find(QUESTION).await.unwrap(), None, "{category} {of} {name}");
    }
    it.says(&json!([]));
    assert_eq!(engine.find(QUESTION).await.unwrap(), None);
    for (status, body, kind_of) in [
        (429, "", Kind::Again),
        (403, "<html>", Kind::Barred),
        (302, "", Kind::Barred),
        (500, "", Kind::Again),
        (200, "<html>", Kind::Barred),
        (200, "{}", Kind::Barred),
        (400, "{\"error\": {\"code\": 400}}", Kind::Text),
    ] {
        *it.answer.lock() = (status, body.to_owned());
        assert_eq!(kind(&engine).await, kind_of, "{status} {body}");
    }
    *it.answer.lock() = (200, format!("[\"{}\"]", "长".repeat(200_000)));
    assert_eq!(kind(&engine).await, Kind::Barred);
    settings.url = Some("http://127.0.0.1:9/search".into());
    let nobody = nominatim::Nominatim::new(&settings, LONG).unwrap();
    let failure = nobody.find(QUESTION).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Again);
    assert!(!failure.problem.contains("127.0.0.1"), "an address holds key and question: {}", failure.problem);
}

#[test]
fn what_cannot_work_is_named() {
    for (text, key) in [
        ("order = [\"google\"]", "order"),
        ("order = [\"amap\", \"amap\"]\namap = { key = \"k\" }", "order"),
        ("order = [\"amap\"]", "amap.key"),
        ("order = [\"nominatim\"]", "nominatim.url"),
        (
            "order = [\"nominatim\"]\nnominatim = { url = \"https://n.example.com/search\" }",
            "nominatim.contact",
        ),
        ("seconds = 0", "seconds"),
        ("tencent = { url = \"http://apis.example.com/\" }", "tencent.url"),
        ("tianditu = { per_second = 0 }", "tianditu.per_second"),
        ("tianditu = { contact = \"a\\nb\" }", "tianditu.contact"),
    ] {
        let settings: GeocoderConfig = toml::from_str(text).unwrap();
        assert_eq!(settings.check().unwrap_err().0, key, "{text}");
    }
    let good = "order = [\"tianditu\", \"amap\"]\ncity = \"上海\"\namap = { key = \"k\", secret = \"s\" }\ntianditu = { key = \"k\" }";
    let settings: GeocoderConfig = toml::from_str(good).unwrap();
    settings.check().unwrap();
    assert_eq!(super::Geocoders::open(&settings).unwrap().engines.len(), 2);
    assert!(!format!("{settings:?}").contains("\"k\""), "keys are not printed");
}

#[test]
fn an_engine_keeps_its_pace_and_pauses_longer_each_time() {
    let (pace, now) = (super::Pace::new(2.0), Instant::now());
    assert_eq!(pace.turn(now), None);
    assert_eq!(pace.turn(now), Some(Duration::from_millis(500)));
    assert_eq!(pace.turn(now + Duration::from_millis(500)), None);
    let mut before = Duration::ZERO;
    for _ in 0..20 {
        pace.failed(now, Duration::ZERO);
        let wait = pace.turn(now).unwrap();
        assert!(wait >= before && wait <= Duration::from_secs(3_600), "{wait:?}");
        before = wait;
    }
    pace.worked();
    pace.failed(now, Duration::ZERO);
    assert_eq!(pace.turn(now), Some(Duration::from_secs(2)));
    pace.failed(now, Duration::from_secs(600));
    assert_eq!(pace.turn(now), Some(Duration::from_secs(600)));
}
