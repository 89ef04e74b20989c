//! What comes in over HTTP: every refusal names the field or line and says what to do, every request that comes twice
//! has one effect.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions, list};

async fn world() -> (World, Api) {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    (world, courier)
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text:?}")))
}

/// Every operation of the API document: method, path with `{…}` filled in, whether it needs a token.
async fn operations(api: &Api) -> Vec<(String, String, bool)> {
    let document = api.get("/openapi.json").await.unwrap();
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.trim_start_matches("/api/v1");
            let path = path
                .replace("{id}", &uuid::Uuid::now_v7().to_string())
                .replace("{action}", "pause")
                .replace("{key}", "arrived")
                .replace("{phone}", "+8613800000001")
                .replace("{waybill_no}", "YT0000000000001");
            out.push((method.to_uppercase(), path, operation["security"].is_array()));
        }
    }
    assert!(out.len() >= 26, "{out:?}");
    out
}

#[tokio::test]
async fn every_route_asks_who_is_there() {
    let (world, courier) = world().await;
    let client = reqwest::Client::new();
    let mut closed = 0;
    for (method, path, needs_token) in operations(&courier).await {
        if path.starts_with("/hooks/") {
            // by signature and not by token: the test program `hooks`
            let url = format!("{}/api/v1{path}", world.server.url);
            let (status, body) = answer(client.post(&url).body("{")).await;
            assert_eq!((status, body["code"].as_str()), (401, Some("signature_missing")), "{path}");
            continue;
        }
        if path.starts_with("/listen/") {
            // by the link alone
            let (status, body) = answer(client.get(format!("{}/api/v1{path}", world.server.url))).await;
            assert_eq!((status, body["code"].as_str()), (401, Some("link_invalid")), "{path}");
            continue;
        }
        if !needs_token {
            assert!(path.starts_with("/auth/"), "{path} is open to everybody");
            continue;
        }
        closed += 1;
        let url = format!("{}/api/v1{path}", world.server.url);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        // the question of who asks comes before any look at the body
        let (status, body) = answer(client.request(method.clone(), &url).body("{")).await;
        assert_eq!((status, body["code"].as_str()), (401, Some("token_missing")), "{method} {path}");
        let other = courier.with_token("eyJhbGciOiJub25lIn0.e30.");
        let (status, body) = answer(other.request(method.as_str(), &path).body("{")).await;
        assert_eq!((status, body["code"].as_str()), (401, Some("token_invalid")), "{method} {path}");
    }
    assert!(closed >= 24, "{closed}");
    for (body, field) in [
        (json!({ "refresh_token": "nonsense" }), None),
        (json!({ "refresh_token": format!("{}.AAAA", uuid::Uuid::now_v7()) }), None),
        (json!({}), Some("refresh_token")),
    ] {
        let (status, answer) = courier.send("POST", "/auth/refresh", Some(&body), None).await.unwrap();
        match field {
            None => assert_eq!((status, &answer["code"]), (401, &json!("signed_out"))),
            Some(field) => assert_eq!((status, &answer["field"]), (422, &json!(field))),
        }
    }
    let wrong = json!({ "login": "c1", "password": "guess", "device": uuid::Uuid::now_v7() });
    let (status, _) = courier.send("POST", "/auth/login", Some(&wrong), None).await.unwrap();
    assert_eq!(status, 401);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_world, courier) = world().await;
    let batch = |change: fn(&mut Value)| {
        let mut body = json!({
            "id": uuid::Uuid::now_v7(), "template": "arrived", "parcels": [uuid::Uuid::now_v7()],
            "acted_at": { "wall": now_ms() }
        });
        change(&mut body);
        body
    };
    let cases: [(&str, &str, Value, &str); 9] = [
        ("POST", "/batches", batch(|b| drop(b.as_object_mut().unwrap().remove("template"))), "template"),
        ("POST", "/batches", batch(|b| b["id"] = json!("seven")), "id"),
        ("POST", "/batches", batch(|b| b["acted_at"] = json!({ "wall": "noon" })), "acted_at.wall"),
        ("POST", "/batches", batch(|b| b["parcels"] = json!([])), "parcels"),
        ("POST", "/batches", batch(|b| b["parcels"][0] = json!("x")), "parcels[0]"),
        ("POST", "/parcels/import", json!({ "rows": [{ "line": 2 }] }), "rows[0].waybill_no"),
        ("POST", "/parcels/state", json!({ "parcels": [uuid::Uuid::now_v7()], "state": "eaten" }), "state"),
        ("PUT", "/opt-outs", json!({ "phone": "12" }), "phone"),
        ("POST", "/plans", json!({ "template": 1, "parcels": [] }), "template"),
    ];
    for (method, path, body, field) in cases {
        let (status, answer) = courier.send(method, path, Some(&body), None).await.unwrap();
        assert_eq!((status, &answer["field"]), (422, &json!(field)), "{method} {path} {body}: {answer}");
        assert!(answer["hint"].as_str().is_some_and(|h| !h.is_empty()), "{answer}");
        assert!(!answer["message"].as_str().unwrap().contains("eaten"), "values are not repeated: {answer}");
    }
    let broken =
        courier.request("POST", "/batches").header(CONTENT_TYPE, "application/json").body("{\"id\": ");
    let (status, body) = answer(broken).await;
    assert_eq!(status, 422);
    assert!(body["field"].as_str().unwrap().contains("line 1"), "{body}");

    let parcels = courier.import(&list::rows(1, 100_000_000)).await.unwrap();
    for (field, value) in [("template", json!("birthday")), ("display_number", json!("+862000000000"))] {
        let mut body = batch(|_| {});
        body["parcels"] = json!(parcels);
        body[field] = value;
        let (status, answer) = courier.send("POST", "/batches", Some(&body), None).await.unwrap();
        assert_eq!((status, &answer["field"]), (422, &json!(field)), "{answer}");
    }
    let plan = json!({ "template": "birthday", "parcels": parcels });
    let (status, answer) = courier.send("POST", "/plans", Some(&plan), None).await.unwrap();
    assert_eq!((status, &answer["field"]), (422, &json!("template")), "{answer}");
}

#[tokio::test]
async fn wrong_addresses_methods_sizes_and_queries() {
    let (_world, courier) = world().await;
    for (method, path, expected) in [
        ("GET", "/nothing", 404),
        ("GET", "/batches/not-an-id", 404),
        ("POST", "/batches/not-an-id/undo", 404),
        ("GET", "/parcels/!/why", 404),
        ("DELETE", "/batches", 405),
        ("PATCH", "/me", 405),
        ("GET", "/sync?since=yesterday", 422),
        ("GET", "/parcels?limit=-1", 422),
    ] {
        let (status, body) = answer(courier.request(method, path)).await;
        assert_eq!(status, expected, "{method} {path}: {body}");
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
        if expected == 422 {
            assert!(path.contains(&format!("{}=", body["field"].as_str().unwrap())), "{body}");
        }
    }
    let large = vec![b' '; (32 << 20) + 1];
    for path in ["/batches", "/parcels/import"] {
        let (status, body) = answer(courier.request("POST", path).body(large.clone())).await;
        assert_eq!((status, body["code"].as_str()), (413, Some("too_large")), "{path}");
    }
    let picture = courier.request("POST", "/parcels/import").header(CONTENT_TYPE, "image/png").body("x");
    assert_eq!(answer(picture).await.0, 415);
    let short = courier.request("POST", "/batches").header("Idempotency-Key", "x").body("{}");
    assert_eq!(answer(short).await.0, 422);
}

const LIST: &str = "运单号,收件人,电话,地址\n\
    YT0000000000001,王伟,13800000001,上海市浦东新区幸福花园1号楼101室\n\
    ?,李娜,13800000002,上海市浦东新区幸福花园1号楼102室\n\
    YT0000000000003,张敏,1380000,上海市浦东新区幸福花园1号楼103室\n\
    YT0000000000004,刘洋,,上海市浦东新区幸福花园1号楼104室\n\
    YT0000000000005,陈静,13800001111转123,上海市浦东新区幸福花园1号楼105室\n";

/// The characters of [`LIST`] that are not ASCII, in GBK.
fn gbk(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for c in text.chars() {
        let code: &[u8] = match c {
            '运' => &[0xd4, 0xcb],
            '单' => &[0xb5, 0xa5],
            '号' => &[0xba, 0xc5],
            '电' => &[0xb5, 0xe7],
            '话' => &[0xbb, 0xb0],
            '地' => &[0xb5, 0xd8],
            '址' => &[0xd6, 0xb7],
            '上' => &[0xc9, 0xcf],
            '海' => &[0xba, 0xa3],
            '转' => &[0xd7, 0xaa],
            c if c.is_ascii() => {
                out.push(c as u8);
                continue;
            }
            _ => panic!("no code for {c}"),
        };
        out.extend(code);
    }
    out
}

async fn import(api: &Api, bytes: Vec<u8>) -> (u16, Value) {
    answer(api.request("POST", "/parcels/import").header(CONTENT_TYPE, "text/csv").body(bytes)).await
}

#[tokio::test]
async fn lists_of_any_encoding_good_rows_in_bad_rows_told() {
    let (_world, courier) = world().await;
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(LIST.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let bom = [&[0xef, 0xbb, 0xbf], LIST.as_bytes()].concat();
    for (n, bytes) in [LIST.as_bytes().to_vec(), bom, utf16].into_iter().enumerate() {
        let (status, report) = import(&courier, bytes).await;
        assert_eq!(status, 200, "{report}");
        assert_eq!((&report["total"], &report["rejected"]), (&json!(5), &json!(2)), "{report}");
        // the same list in another encoding is the same list
        assert_eq!(
            (&report["created"], &report["unchanged"]),
            (&json!([3, 0, 0][n]), &json!([0, 3, 3][n])),
            "{report}"
        );
        let problems = report["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 2, "{report}");
        assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&json!(3), &json!("运单号")), "{report}");
        assert_eq!((&problems[1]["line"], &problems[1]["column"]), (&json!(4), &json!("电话")), "{report}");
        assert!(
            problems.iter().all(
                |p| !p["problem"].as_str().unwrap().is_empty() && !p["hint"].as_str().unwrap().is_empty()
            )
        );
    }
    let own = "运单号,电话,地址\nYT0000000000009,13800001111转123,上海\nYT0000000000010,1,上海\n";
    let (status, report) = import(&courier, gbk(own)).await;
    assert_eq!((status, &report["created"], &report["rejected"]), (200, &json!(1), &json!(1)), "{report}");
    assert_eq!(report["preview"][0]["address"], "上海", "{report}");
    assert_eq!(report["preview"][0]["phone"], "+8613800001111;ext=123", "{report}");

    for bytes in [b"name,colour\nx,red\n".to_vec(), Vec::new(), vec![0, 1, 2, 0xff, 0xd8, 0]] {
        let (status, body) = import(&courier, bytes).await;
        assert_eq!(status, 422, "{body}");
        assert!(["header", "file", "encoding"].contains(&body["field"].as_str().unwrap()), "{body}");
        assert!(!body["hint"].as_str().unwrap().is_empty());
    }
    let rows = json!({ "rows": [{ "line": 7, "waybill_no": "YT0000000000077", "phone": "12x" }] });
    let report = courier.post("/parcels/import", &rows).await.unwrap();
    assert_eq!(
        (&report["problems"][0]["line"], &report["problems"][0]["column"]),
        (&json!(7), &json!("phone"))
    );
}

#[tokio::test]
async fn a_request_that_comes_three_times_has_one_effect() {
    let (world, courier) = world().await;
    let parcels = courier.import(&list::rows(3, 110_000_000)).await.unwrap();
    let id = uuid::Uuid::now_v7().to_string();
    let tap =
        json!({ "id": id, "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() } });
    let key = "tap-0123456789";
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(courier.send("POST", "/batches", Some(&tap), Some(key)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(answers[0].0, 201);
    assert!(answers.iter().all(|a| a == &answers[0]), "{answers:?}");
    let mut other = tap.clone();
    other["parcels"] = json!([parcels[0]]);
    let (status, body) = courier.send("POST", "/batches", Some(&other), Some(key)).await.unwrap();
    assert_eq!((status, &body["code"]), (409, &json!("idempotency_key_reused")));
    // the same key on another route is another request
    let state = json!({ "parcels": parcels, "state": "exception" });
    assert_eq!(courier.send("POST", "/parcels/state", Some(&state), Some(key)).await.unwrap().0, 409);
    // the same batch id without the key, or with another key: the batch as it is
    for key in [None, Some("another-key-1")] {
        let (status, body) = courier.send("POST", "/batches", Some(&tap), key).await.unwrap();
        assert_eq!((status, &body["id"]), (201, &json!(id)), "{body}");
    }
    assert_eq!(courier.get("/batches").await.unwrap().as_array().unwrap().len(), 1);
    // a colleague may use the same key, but not the same batch id
    let colleague = world.sign_in("c2").await.unwrap();
    let theirs = colleague.import(&list::rows(1, 120_000_000)).await.unwrap();
    let mut taken = tap.clone();
    taken["parcels"] = json!(theirs);
    let (status, body) = colleague.send("POST", "/batches", Some(&taken), Some(key)).await.unwrap();
    assert_eq!((status, &body["code"]), (409, &json!("id_taken")), "{body}");
    let imported = json!({ "rows": list::rows(2, 130_000_000) });
    let first = courier.send("POST", "/parcels/import", Some(&imported), Some("import-key-1")).await.unwrap();
    let again = courier.send("POST", "/parcels/import", Some(&imported), Some("import-key-1")).await.unwrap();
    assert_eq!((&first, &first.1["created"]), (&again, &json!(2)));
}

#[tokio::test]
async fn the_batch_of_a_lost_answer_is_found_though_its_parcels_have_moved_on() {
    let (world, courier) = world().await;
    let rows = list::rows(1, 140_000_000);
    let parcels = courier.import(&rows).await.unwrap();
    let id = uuid::Uuid::now_v7();
    let tap =
        json!({ "id": id, "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() } });
    courier.post("/batches", &tap).await.unwrap();
    // the newest list gives the parcel to a colleague
    world.sign_in("c2").await.unwrap().import(&rows).await.unwrap();
    let again = courier.post("/batches", &tap).await.unwrap();
    assert_eq!(again["id"], json!(id));
}

#[tokio::test]
async fn refresh_tokens_survive_a_lost_answer_and_not_a_thief() {
    let (_world, courier) = world().await;
    let login = json!({ "login": "c1", "password": PASSWORD, "device": uuid::Uuid::now_v7() });
    let first = courier.post("/auth/login", &login).await.unwrap();
    let trade = |token: &Value| {
        let (courier, body) = (courier.clone(), json!({ "refresh_token": token }));
        async move { courier.send("POST", "/auth/refresh", Some(&body), None).await.unwrap() }
    };
    let one = &first["refresh_token"];
    let (status, lost) = trade(one).await;
    assert_eq!(status, 200);
    // the answer was lost: the old token again gives another pair
    let (status, second) = trade(one).await;
    assert_eq!(status, 200);
    let (status, third) = trade(&second["refresh_token"]).await;
    assert_eq!(status, 200);
    let user = courier.with_token(third["access_token"].as_str().unwrap());
    assert_eq!(user.get("/me").await.unwrap()["login"], "c1");
    // the pair of the lost answer was replaced; whoever has it copied it
    let (status, body) = trade(&lost["refresh_token"]).await;
    assert_eq!((status, &body["code"]), (401, &json!("signed_out")));
    assert_eq!(trade(&third["refresh_token"]).await.0, 401, "the session has ended for everybody");
    assert_eq!(user.send("GET", "/me", None, None).await.unwrap().0, 401);

    // an older one likewise, and other sessions of the person go on
    let login = courier.post("/auth/login", &login).await.unwrap();
    let (_, next) = trade(&login["refresh_token"]).await;
    let (_, newest) = trade(&next["refresh_token"]).await;
    assert_eq!(trade(&login["refresh_token"]).await.0, 401);
    assert_eq!(trade(&newest["refresh_token"]).await.0, 401);
    assert_eq!(courier.get("/me").await.unwrap()["login"], "c1");
    // a signed-out session stays so
    courier.send("POST", "/auth/logout", None, None).await.unwrap();
    assert_eq!(courier.send("GET", "/me", None, None).await.unwrap().0, 401);
}
