//! What an administrator changes: rules, field by field, and people.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use waybell_tests::api::Api;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions};

async fn refused(api: &Api, method: &str, body: &Value, field: &str) {
    let before = api.get("/policy").await.unwrap();
    let (status, answer) = api.send(method, "/policy", Some(body), None).await.unwrap();
    assert_eq!((status, answer["field"].as_str()), (422, Some(field)), "{method} {body}: {answer}");
    assert!(answer["hint"].as_str().is_some_and(|h| !h.is_empty()), "{answer}");
    assert_eq!(api.get("/policy").await.unwrap(), before, "nothing was changed");
}

#[tokio::test]
async fn a_rule_that_is_spelt_wrong_changes_nothing() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    for method in ["PUT", "PATCH"] {
        refused(&boss, method, &json!({ "quite": [] }), "quite").await;
        refused(&boss, method, &json!({ "policy": { "quiet": [] } }), "policy").await;
        refused(&boss, method, &json!({ "retry": { "max_atempts": 2 } }), "retry.max_atempts").await;
        refused(&boss, method, &json!({ "quiet": [{ "from": "25:00", "to": "08:00" }] }), "quiet[0].from")
            .await;
        refused(&boss, method, &json!({ "quiet": [{ "from": "08:00", "to": "08:00" }] }), "quiet[0]").await;
        refused(&boss, method, &json!({ "countries": [999] }), "countries[0]").await;
        refused(&boss, method, &json!([]), "line 1 column 1").await;
    }
    let (_, answer) =
        boss.send("PUT", "/policy", Some(&json!({ "stale_after": "soon" })), None).await.unwrap();
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("expected a whole number") && !message.contains("soon"), "{message}");
}

#[tokio::test]
async fn one_rule_is_changed_and_the_others_stay() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let before = boss.get("/policy").await.unwrap()["policy"].clone();
    let patch = json!({ "display_daily_cap": 17, "retry": { "max_attempts": 1 }, "countries": [86, 852] });
    let after = boss.ask("PATCH", "/policy", Some(&patch)).await.unwrap()["policy"].clone();
    let mut wanted = before.clone();
    wanted["display_daily_cap"] = json!(17);
    wanted["retry"]["max_attempts"] = json!(1);
    wanted["countries"] = json!([86, 852]);
    assert_eq!(after, wanted);
    let back = json!({ "countries": null });
    let after = boss.ask("PATCH", "/policy", Some(&back)).await.unwrap()["policy"].clone();
    assert_eq!(after["countries"], json!([86]), "null is the built-in default");
    assert_eq!(after["display_daily_cap"], json!(17));
    let courier = world.sign_in("c1").await.unwrap();
    assert_eq!(courier.send("PATCH", "/policy", Some(&back), None).await.unwrap().0, 403);
}

async fn sign_in(api: &Api, login: &str, password: &str) -> (u16, Value) {
    let body = json!({ "login": login, "password": password, "device": uuid::Uuid::now_v7() });
    api.send("POST", "/auth/login", Some(&body), None).await.unwrap()
}

#[tokio::test]
async fn a_new_password_or_leaving_ends_every_session() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let other = world.sign_in("c2").await.unwrap();
    let people = boss.get("/people").await.unwrap();
    let id = |login: &str| {
        let person = people.as_array().unwrap().iter().find(|p| p["login"] == login).unwrap();
        format!("/people/{}", person["id"].as_str().unwrap())
    };
    let (_, pair) = sign_in(&courier, "c1", PASSWORD).await;
    let refresh = json!({ "refresh_token": pair["refresh_token"] });

    let change = json!({ "password": "another one", "name": "李伟伟" });
    let changed = boss.ask("PATCH", &id("c1"), Some(&change)).await.unwrap();
    assert_eq!(changed["name"], json!("李伟伟"));
    assert_eq!(courier.send("GET", "/me", None, None).await.unwrap().0, 401, "the access token ends at once");
    assert_eq!(courier.send("POST", "/auth/refresh", Some(&refresh), None).await.unwrap().0, 401);
    assert_eq!(sign_in(&courier, "c1", PASSWORD).await.0, 401);
    assert_eq!(sign_in(&courier, "c1", "another one").await.0, 200);
    assert_eq!(other.send("GET", "/me", None, None).await.unwrap().0, 200, "nobody else is touched");

    boss.ask("PATCH", &id("c2"), Some(&json!({ "active": false }))).await.unwrap();
    assert_eq!(other.send("GET", "/me", None, None).await.unwrap().0, 401);
    assert_eq!(sign_in(&other, "c2", PASSWORD).await.0, 401);
    let listed = async |path| {
        let people: Value = boss.get(path).await.unwrap();
        let left = people.as_array().unwrap().iter().find(|p| p["login"] == "c2");
        left.map(|p| (p["active"].clone(), p["phone"].clone()))
    };
    assert_eq!(listed("/people").await, None, "who left is not on the list");
    let (active, phone) = listed("/people?left=true").await.unwrap();
    assert_eq!(active, json!(false));
    assert!(phone.as_str().unwrap().starts_with("+86"), "{phone}");
    boss.ask("PATCH", &id("c2"), Some(&json!({ "active": true }))).await.unwrap();
    assert_eq!(sign_in(&other, "c2", PASSWORD).await.0, 200);

    for (path, body, status) in [
        (id("c1"), json!({ "pasword": "another one" }), 422),
        (id("c1"), json!({ "password": "short" }), 422),
        (id("c1"), json!({ "phone": "12" }), 422),
        (id("c1"), json!({ "name": " " }), 422),
        (id("boss"), json!({ "active": false }), 422),
        (format!("/people/{}", uuid::Uuid::now_v7()), json!({ "active": false }), 404),
        ("/people/nobody".to_owned(), json!({ "active": false }), 404),
    ] {
        let (got, answer) = boss.send("PATCH", &path, Some(&body), None).await.unwrap();
        assert_eq!(got, status, "{path} {body}: {answer}");
    }
    let (_, again) = sign_in(&courier, "c1", "another one").await;
    let courier = courier.with_token(again["access_token"].as_str().unwrap());
    let (status, _) =
        courier.send("PATCH", &id("c2"), Some(&json!({ "active": false })), None).await.unwrap();
    assert_eq!(status, 403, "a courier is no administrator");
}

#[tokio::test]
async fn what_a_list_lacks_is_told() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let text = "运单号,收件人,地址\nYT0000000001,王芳,幸福花园3栋\nYT0000000001,王芳,幸福花园4栋\n";
    let answer = courier
        .request("POST", "/parcels/import")
        .header("content-type", "text/csv")
        .body(text)
        .send()
        .await
        .unwrap();
    let report: Value = answer.json().await.unwrap();
    let notes: Vec<&str> =
        report["notes"].as_array().unwrap().iter().filter_map(|n| n["problem"].as_str()).collect();
    assert_eq!(notes.len(), 2, "{report}");
    assert!(notes[0].contains("telephone") && notes[1].contains("line 2"), "{notes:?}");
    let list =
        r#"[{"运单号":"YT0000000007","电话":"13800000007"},{"运单号":"YT0000000008","电话":13800000008}]"#;
    let answer = courier
        .request("POST", "/parcels/import")
        .header("content-type", "application/octet-stream")
        .body(list)
        .send()
        .await
        .unwrap();
    let report: Value = answer.json().await.unwrap();
    assert_eq!((&report["created"], &report["rejected"]), (&json!(2), &json!(0)), "{report}");
}
