//! Announcements against the real server and the real core: who sees one, who has read it, and what stays so whoever is offline,
//! dies, comes late or does not belong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "announcements/courier.rs"]
mod courier;
#[path = "field/phone.rs"]
#[allow(dead_code, reason = "this test needs only a part of what is shared")]
mod phone;

use serde_json::{Value, json};
use waybell_domain::clock::{DAY, HOUR};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn request(title: &str, more: Value) -> Value {
    let mut body = json!({ "id": new_id(), "title": title, "body": format!("{title}。") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Posts one and gives its id.
async fn post(api: &Api, title: &str, more: Value) -> String {
    let posted = api.post("/announcements", &request(title, more)).await.unwrap();
    posted["id"].as_str().unwrap().to_owned()
}

async fn receipt(api: &Api, id: &str, version: u32, age_ms: i64) -> (u16, Value) {
    let body = json!({ "version": version, "acted_at": { "wall": now_ms() - age_ms, "age_ms": age_ms } });
    api.send("POST", &format!("/me/announcements/{id}/read"), Some(&body), None).await.unwrap()
}

/// Titles that somebody is sent who begins.
async fn titles(api: &Api) -> Vec<String> {
    let page = api.get("/me/announcements").await.unwrap();
    assert_eq!(page["more"], json!(false));
    let rows = page["announcements"].as_array().unwrap();
    rows.iter().map(|a| a["title"].as_str().unwrap().to_owned()).collect()
}

async fn counts(boss: &Api, id: &str) -> (i64, i64) {
    let one = boss.get(&format!("/announcements/{id}")).await.unwrap();
    (one["read"].as_i64().unwrap(), one["audience"].as_i64().unwrap())
}

async fn unread_by(boss: &Api, id: &str) -> Vec<String> {
    let readers = boss.get(&format!("/announcements/{id}/readers?read=false")).await.unwrap();
    readers.as_array().unwrap().iter().map(|r| r["login"].as_str().unwrap().to_owned()).collect()
}

/// Somebody new in the branch of `boss`.
async fn person(world: &World, boss: &Api, login: &str, role: &str) {
    let person =
        json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": role });
    boss.post("/people", &person).await.unwrap();
    assert_eq!(
        world.database.number(&format!("SELECT COUNT(*) FROM person WHERE login = '{login}'")).unwrap(),
        1
    );
}

/// A second branch of the organisation, with these people of the first.
fn second_branch(world: &World, people: &[&str]) -> String {
    let id = new_id();
    let sql = |sql: &str| world.database.sql(sql).unwrap();
    sql(&format!(
        "INSERT INTO branch (id, organisation_id, name) SELECT '{id}', id, '北站' FROM organisation WHERE name = 'Demo'"
    ));
    for login in people {
        sql(&format!("UPDATE person SET branch_id = '{id}' WHERE login = '{login}'"));
    }
    id
}

#[tokio::test]
async fn one_is_posted_once_and_changed_by_who_has_seen_it() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let body = request("停派通知", json!({ "must_read": true, "roles": ["courier", "courier"] }));
    let (status, first) = boss.send("POST", "/announcements", Some(&body), Some("the-key-1")).await.unwrap();
    assert_eq!(status, 201, "{first}");
    assert_eq!((&first["version"], &first["audience"], &first["read"]), (&json!(1), &json!(2), &json!(0)));
    assert_eq!(first["roles"], json!(["courier"]));
    for key in [Some("the-key-1"), None, Some("the-key-2")] {
        let (status, again) = boss.send("POST", "/announcements", Some(&body), key).await.unwrap();
        assert_eq!((status, &again["rev"]), (201, &first["rev"]), "{again}");
    }
    assert_eq!(boss.get("/announcements").await.unwrap().as_array().unwrap().len(), 1);
    let mut other = body.clone();
    other["body"] = json!("另一段");
    let (status, told) = boss.send("POST", "/announcements", Some(&other), None).await.unwrap();
    assert_eq!((status, &told["code"]), (409, &json!("id_reused")));

    let path = format!("/announcements/{}", first["id"].as_str().unwrap());
    let edit = |change: Value| {
        let (boss, path) = (boss.clone(), path.clone());
        async move { boss.send("PATCH", &path, Some(&change), None).await.unwrap() }
    };
    // what is so already is no change
    let same = edit(json!({ "title": " 停派通知 ", "must_read": true, "seen": 1 })).await;
    assert_eq!((same.0, &same.1["version"], &same.1["rev"]), (200, &json!(1), &first["rev"]));
    let (status, second) = edit(json!({ "body": "15 点恢复。", "seen": first["rev"] })).await;
    assert_eq!(
        (status, &second["version"], &second["title"]),
        (200, &json!(2), &json!("停派通知")),
        "{second}"
    );
    let (status, told) = edit(json!({ "body": "16 点恢复。", "seen": first["rev"] })).await;
    assert_eq!((status, &told["code"]), (409, &json!("announcement_changed")), "{told}");
    // times and what must be done make no new text
    let (_, timed) = edit(json!({ "ends_at": now_ms() + HOUR, "must_read": false })).await;
    assert_eq!((&timed["version"], &timed["must_read"]), (&json!(2), &json!(false)));
    let (_, endless) = edit(json!({ "endless": true })).await;
    assert!(endless["ends_at"].is_null(), "{endless}");
    let whole = boss.get(&path).await.unwrap();
    let texts: Vec<&Value> = whole["versions"].as_array().unwrap().iter().map(|v| &v["body"]).collect();
    assert_eq!(texts, [&json!("停派通知。"), &json!("15 点恢复。")], "every text is kept");

    let withdrawn = boss.post(&format!("{path}/withdraw"), &Value::Null).await.unwrap();
    let again = boss.post(&format!("{path}/withdraw"), &Value::Null).await.unwrap();
    assert!(withdrawn["withdrawn_at"].is_number());
    assert_eq!(withdrawn, again);
    assert_eq!(edit(json!({ "body": "又改" })).await.0, 409);
    assert_eq!(boss.get("/announcements").await.unwrap(), json!([]));
    assert_eq!(boss.get("/announcements?all=true").await.unwrap().as_array().unwrap().len(), 1);
    let audit = "SELECT COUNT(*) FROM audit WHERE action IN ('post_announcement', 'change_announcement', 'withdraw_announcement')";
    assert_eq!(world.database.number(audit).unwrap(), 5, "each change is known, and nothing else");
}

#[tokio::test]
async fn bad_input_is_named_and_nothing_is_posted() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let now = now_ms();
    for (more, field) in [
        (json!({ "title": "  " }), "title"),
        (json!({ "title": "雨".repeat(81) }), "title"),
        (json!({ "title": "a\nb" }), "title"),
        (json!({ "body": "\n" }), "body"),
        (json!({ "body": "雨".repeat(4_001) }), "body"),
        (json!({ "body": "a\u{1b}[2Jb" }), "body"),
        (json!({ "ends_at": now - 1 }), "ends_at"),
        (json!({ "starts_at": now + HOUR, "ends_at": now + HOUR }), "ends_at"),
        (json!({ "ends_at": i64::MAX }), "ends_at"),
        (json!({ "starts_at": now + 367 * DAY }), "starts_at"),
        (json!({ "roles": ["king"] }), "roles[0]"),
        (json!({ "id": "x" }), "id"),
        (json!({ "branch": "x" }), "branch"),
        (json!({ "must_read": "yes" }), "must_read"),
    ] {
        let (status, told) =
            boss.send("POST", "/announcements", Some(&request("x", more.clone())), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{more}: {told}");
        assert!(told["hint"].is_string(), "{told}");
    }
    let (status, told) = boss
        .send("POST", "/announcements", Some(&request("x", json!({ "branch": new_id() }))), None)
        .await
        .unwrap();
    assert_eq!((status, &told["field"]), (404, &json!("branch")), "{told}");
    assert_eq!(c1.send("POST", "/announcements", Some(&request("x", json!({}))), None).await.unwrap().0, 403);
    assert_eq!(boss.get("/announcements?all=true").await.unwrap(), json!([]));
    // the longest are taken
    let most = json!({ "title": "雨".repeat(80), "body": "雨".repeat(4_000), "starts_at": now - DAY });
    let id = post(&boss, "x", most).await;
    assert_eq!(c1.get("/me/announcements").await.unwrap()["announcements"].as_array().unwrap().len(), 1);
    for (change, field) in [
        (json!({ "title": "" }), "title"),
        (json!({ "titel": "a" }), "titel"),
        (json!({ "ends_at": now - 1 }), "ends_at"),
        (json!({ "ends_at": now + HOUR, "endless": true }), "endless"),
    ] {
        let path = format!("/announcements/{id}");
        let (status, told) = boss.send("PATCH", &path, Some(&change), None).await.unwrap();
        assert_eq!((status, &told["field"]), (422, &json!(field)), "{change}: {told}");
    }
    for version in [0, 2] {
        let (status, told) = receipt(&c1, &id, version, 0).await;
        assert_eq!((status, &told["field"]), (422, &json!("version")), "{told}");
    }
    for path in ["/announcements?page=x", "/announcements?page=1.x", "/announcements?all=maybe"] {
        assert_eq!(boss.send("GET", path, None, None).await.unwrap().0, 422, "{path}");
    }
    assert_eq!(counts(&boss, &id).await, (0, 2));
}

#[tokio::test]
async fn of_several_receipts_the_earliest_counts_and_each_version_has_its_own() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let id = post(&boss, "必读", json!({ "must_read": true })).await;
    // a receipt from before the text was written is one of the moment in which it was
    let (_, early) = receipt(&c1, &id, 1, 5 * HOUR).await;
    assert_eq!(early["read_at"], early["version_at"], "{early}");
    world.database.sql("DELETE FROM announcement_receipt").unwrap();
    world.database.sql(&format!("UPDATE announcement_text SET at = at - {}", 4 * HOUR)).unwrap();
    let read_at = async |age: i64| receipt(&c1, &id, 1, age).await.1["read_at"].as_i64().unwrap();
    let before = now_ms();
    let second = read_at(HOUR).await;
    assert!((before - HOUR..=now_ms() - HOUR).contains(&second));
    assert_eq!(read_at(0).await, second, "one that comes late and is of later changes nothing");
    let first = read_at(2 * HOUR).await;
    assert!((before - 2 * HOUR..=now_ms() - 2 * HOUR).contains(&first));
    assert_eq!(world.database.number("SELECT COUNT(*) FROM announcement_receipt").unwrap(), 1);
    assert_eq!((counts(&boss, &id).await, unread_by(&boss, &id).await), ((1, 2), vec!["c2".to_owned()]));
    // another text: who has read the first is asked again, and a late receipt of the first does not count for it
    boss.ask("PATCH", &format!("/announcements/{id}"), Some(&json!({ "body": "改" }))).await.unwrap();
    assert_eq!(unread_by(&boss, &id).await, ["c1", "c2"]);
    let c2 = world.sign_in("c2").await.unwrap();
    assert_eq!(receipt(&c2, &id, 1, HOUR).await.0, 200);
    assert_eq!(counts(&boss, &id).await, (0, 2));
    assert_eq!(receipt(&c2, &id, 2, 0).await.1["read_version"], json!(2));
    assert_eq!((counts(&boss, &id).await, unread_by(&boss, &id).await), ((1, 2), vec!["c1".to_owned()]));
    // where it need not be read, whoever has read any version has read it
    boss.ask("PATCH", &format!("/announcements/{id}"), Some(&json!({ "must_read": false }))).await.unwrap();
    assert_eq!(counts(&boss, &id).await, (2, 2));
    // what was read before it was withdrawn is taken afterwards
    boss.post(&format!("/announcements/{id}/withdraw"), &Value::Null).await.unwrap();
    assert_eq!(receipt(&c1, &id, 2, 0).await.0, 200);
    assert_eq!(world.database.number("SELECT COUNT(*) FROM announcement_receipt").unwrap(), 4);
    // who left is not waited for
    let people = boss.get("/people").await.unwrap();
    let c2 = people.as_array().unwrap().iter().find(|p| p["login"] == json!("c2")).unwrap().clone();
    let path = format!("/people/{}", c2["id"].as_str().unwrap());
    boss.ask("PATCH", &path, Some(&json!({ "active": false }))).await.unwrap();
    assert_eq!(counts(&boss, &id).await.1, 1);
}

#[tokio::test]
async fn organisations_branches_and_roles_see_their_own() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    for (login, role) in [("s1", "supervisor"), ("s2", "supervisor"), ("a1", "agent"), ("n1", "courier")] {
        person(&world, &boss, login, role).await;
    }
    let north = second_branch(&world, &["s2", "n1"]);
    let sign_in = async |login: &str| world.sign_in(login).await.unwrap();
    let (s1, s2, a1, c1, n1) = (
        sign_in("s1").await,
        sign_in("s2").await,
        sign_in("a1").await,
        sign_in("c1").await,
        sign_in("n1").await,
    );
    let own = post(&s1, "南站", json!({})).await;
    let for_agents = post(&s1, "南站坐席", json!({ "roles": ["agent"] })).await;
    let for_north = post(&boss, "北站", json!({ "branch": north })).await;
    let for_all = post(&boss, "全公司", json!({})).await;
    assert_eq!(titles(&c1).await, ["南站", "全公司"]);
    assert_eq!(titles(&a1).await, ["南站", "南站坐席", "全公司"]);
    assert_eq!(titles(&n1).await, ["北站", "全公司"]);
    assert_eq!(counts(&boss, &for_agents).await, (0, 1));
    assert_eq!(counts(&s1, &own).await, (0, 4), "all of the branch but who posted it");
    // of what is everybody's, a supervisor of a branch sees the own people
    assert_eq!(counts(&boss, &for_all).await, (0, 6));
    assert_eq!(unread_by(&s2, &for_all).await, ["n1", "s2"]);
    let whole = boss.get(&format!("/announcements/{for_all}")).await.unwrap();
    let branches: Vec<(&Value, &Value)> =
        whole["branches"].as_array().unwrap().iter().map(|b| (&b["name"], &b["audience"])).collect();
    assert_eq!(branches, [(&json!("Demo"), &json!(4)), (&json!("北站"), &json!(2))]);

    // a supervisor of another branch, and other organisations
    let change = json!({ "title": "x" });
    let (boss_other, c1_other) = (sign_in("boss-Other").await, sign_in("c1-Other").await);
    for (asker, id, status) in [
        (&s2, &own, 404),
        (&s1, &for_north, 404),
        (&boss_other, &own, 404),
        (&boss_other, &for_all, 404),
        (&c1, &own, 403),
        (&a1, &own, 403),
        (&c1_other, &own, 403),
    ] {
        for (method, path, body) in [
            ("GET", format!("/announcements/{id}"), None),
            ("GET", format!("/announcements/{id}/readers"), None),
            ("PATCH", format!("/announcements/{id}"), Some(&change)),
            ("POST", format!("/announcements/{id}/withdraw"), None),
        ] {
            let told = asker.send(method, &path, body, None).await.unwrap();
            assert_eq!(told.0, status, "{method} {path}: {}", told.1);
        }
    }
    for (asker, id) in
        [(&n1, &own), (&c1, &for_agents), (&c1, &for_north), (&c1_other, &for_all), (&boss_other, &own)]
    {
        assert_eq!(receipt(asker, id, 1, 0).await.0, 404);
    }
    for (asker, mine) in [(&boss_other, vec![]), (&s2, vec!["全公司", "北站"])] {
        let listed = asker.get("/announcements?all=true").await.unwrap();
        let listed: Vec<&str> =
            listed.as_array().unwrap().iter().map(|a| a["title"].as_str().unwrap()).collect();
        assert_eq!(listed, mine);
    }
    assert!(titles(&boss_other).await.is_empty() && titles(&c1_other).await.is_empty());
    // to whom one is not addressed may not be posted for either; what is everybody's is head office's to change
    let told = s1.send("POST", "/announcements", Some(&request("x", json!({ "branch": north }))), None).await;
    assert_eq!(told.unwrap().0, 404);
    let path = format!("/announcements/{for_all}");
    assert_eq!(s1.send("PATCH", &path, Some(&change), None).await.unwrap().0, 403);
    assert_eq!(s1.send("POST", &format!("{path}/withdraw"), None, None).await.unwrap().0, 403);
    // an id of somebody else is as good as none, and tells nothing
    let mut taken = request("x", json!({}));
    taken["id"] = json!(own);
    for asker in [&boss_other, &s2, &boss] {
        let (status, told) = asker.send("POST", "/announcements", Some(&taken), None).await.unwrap();
        assert_eq!(status, 404, "{told}");
    }
    assert_eq!(boss.get(&path).await.unwrap()["title"], json!("全公司"));
    // who moves to another branch is sent its announcements anew
    let generation = c1.get("/me/announcements").await.unwrap()["generation"].clone();
    world.database.sql(&format!("UPDATE person SET branch_id = '{north}' WHERE login = 'c1'")).unwrap();
    let moved = sign_in("c1").await;
    assert_ne!(moved.get("/me/announcements").await.unwrap()["generation"], generation);
    assert_eq!(titles(&moved).await, ["北站", "全公司"]);
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(post(&boss, &format!("第 {n} 条"), json!({})).await);
    }
    let mut listed = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let answer = boss.request("GET", &format!("/announcements{query}")).send().await.unwrap();
        let next = answer.headers().get("x-next-page").map(|v| v.to_str().unwrap().to_owned());
        let page: Vec<Value> = answer.json().await.unwrap();
        listed.extend(page.into_iter().map(|a| a["id"].as_str().unwrap().to_owned()));
        match next {
            Some(next) => query = format!("?limit=2&page={next}"),
            None => break,
        }
    }
    assert_eq!(listed, ids.iter().rev().cloned().collect::<Vec<_>>());
    // a phone, which is told of what changes while it pulls
    let (mut since, mut seen) = (0, Vec::new());
    loop {
        let page = c1.get(&format!("/me/announcements?since={since}&limit=2")).await.unwrap();
        since = page["cursor"].as_i64().unwrap();
        seen.extend(
            page["announcements"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()),
        );
        if seen.len() == 2 {
            assert_eq!(receipt(&c1, &ids[0], 1, 0).await.0, 200);
            boss.post(&format!("/announcements/{}/withdraw", ids[4]), &Value::Null).await.unwrap();
        }
        if page["more"] != json!(true) {
            assert_eq!(page["gone"], json!([ids[4]]), "{page}");
            break;
        }
    }
    assert_eq!(seen, [&ids[0], &ids[1], &ids[2], &ids[3], &ids[0]].map(String::clone));
    let none = c1.get(&format!("/me/announcements?since={since}")).await.unwrap();
    assert_eq!((&none["announcements"], &none["gone"]), (&json!([]), &json!([])));
}
