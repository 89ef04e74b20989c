//! Knowledge against the real server and the real core: written, reviewed, found without a network, and what stays so whoever edits,
//! archives, comes late or does not belong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "knowledge/courier.rs"]
mod courier;
#[path = "knowledge/files.rs"]
mod files;
#[path = "field/phone.rs"]
#[allow(dead_code, reason = "this test needs only a part of what is shared")]
mod phone;
#[path = "knowledge/pictures.rs"]
mod pictures;
#[path = "knowledge/readers.rs"]
mod readers;

use serde_json::{Value, json};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::{World, WorldOptions};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Makes a draft and gives its id.
async fn draft(api: &Api, title: &str, more: Value) -> String {
    let mut body = json!({ "id": new_id(), "title": title, "body": format!("{title}的正文。") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = api.post("/knowledge/articles", &body).await.unwrap();
    assert_eq!((&made["stage"], &made["version"]), (&json!("draft"), &json!(1)), "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn step(api: &Api, id: &str, step: &str, body: Value) -> (u16, Value) {
    api.send("POST", &format!("/knowledge/articles/{id}/{step}"), Some(&body), None).await.unwrap()
}

/// Submits the newest text and approves it.
async fn publish(api: &Api, id: &str) -> Value {
    let (status, state) = step(api, id, "submit", json!({})).await;
    assert_eq!((status, &state["stage"]), (200, &json!("review")), "{state}");
    let (status, state) = step(api, id, "approve", json!({ "version": state["version"] })).await;
    assert_eq!((status, &state["stage"]), (200, &json!("published")), "{state}");
    state
}

async fn published(api: &Api, title: &str, more: Value) -> String {
    let id = draft(api, title, more).await;
    publish(api, &id).await;
    id
}

async fn edit(api: &Api, id: &str, change: Value) -> (u16, Value) {
    api.send("PATCH", &format!("/knowledge/articles/{id}"), Some(&change), None).await.unwrap()
}

async fn folder(api: &Api, name: &str, parent: Option<&str>) -> String {
    let made =
        api.post("/knowledge/folders", &json!({ "id": new_id(), "name": name, "parent": parent })).await;
    made.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Titles that somebody is sent who begins.
async fn titles(api: &Api) -> Vec<String> {
    let page = api.get("/me/knowledge").await.unwrap();
    assert_eq!(page["more"], json!(false));
    let mut titles: Vec<String> = page["articles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["title"].as_str().unwrap().to_owned())
        .collect();
    titles.sort();
    titles
}

async fn found(api: &Api, words: &str) -> Vec<String> {
    let path = format!("/knowledge/search?q={}", words.replace(' ', "%20"));
    let found = api.get(&path).await.unwrap();
    found.as_array().unwrap().iter().map(|a| a["title"].as_str().unwrap().to_owned()).collect()
}

fn acted(age_ms: i64) -> Value {
    json!({ "wall": now_ms() - age_ms, "age_ms": age_ms })
}

async fn read(api: &Api, id: &str, age_ms: i64) -> (u16, Value) {
    let body = json!({ "acted_at": acted(age_ms) });
    api.send("POST", &format!("/me/knowledge/{id}/read"), Some(&body), None).await.unwrap()
}

async fn keep(api: &Api, id: &str, favourite: bool, age_ms: i64) -> (u16, Value) {
    let body = json!({ "favourite": favourite, "acted_at": acted(age_ms) });
    api.send("POST", &format!("/me/knowledge/{id}/favourite"), Some(&body), None).await.unwrap()
}

async fn person(boss: &Api, login: &str, role: &str) {
    let person =
        json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": role });
    boss.post("/people", &person).await.unwrap();
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
async fn readers_have_the_approved_text_and_every_version_is_kept() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let body =
        json!({ "id": new_id(), "title": "易碎件怎么赔", "body": "先拍照。\n再上报。", "tags": ["#赔付"] });
    let (status, first) =
        boss.send("POST", "/knowledge/articles", Some(&body), Some("the-key-1")).await.unwrap();
    assert_eq!(status, 201, "{first}");
    for key in [Some("the-key-1"), None, Some("the-key-2")] {
        let (status, again) = boss.send("POST", "/knowledge/articles", Some(&body), key).await.unwrap();
        assert_eq!((status, &again["rev"]), (201, &first["rev"]), "{again}");
    }
    let mut other = body.clone();
    other["body"] = json!("另一段");
    let (status, told) = boss.send("POST", "/knowledge/articles", Some(&other), None).await.unwrap();
    assert_eq!((status, &told["code"]), (409, &json!("id_reused")));
    let id = first["id"].as_str().unwrap();
    assert_eq!(titles(&c1).await, [] as [&str; 0], "a draft");
    assert_eq!(step(&boss, id, "approve", json!({ "version": 1 })).await.1["code"], json!("wrong_stage"));
    step(&boss, id, "submit", json!({})).await;
    let (_, back) = step(&boss, id, "reject", json!({ "version": 1, "note": "写明时限" })).await;
    assert_eq!((&back["stage"], &back["note"]), (&json!("draft"), &json!("写明时限")));
    let (_, second) =
        edit(&boss, id, json!({ "body": "先拍照。\n四小时内上报。", "seen": back["rev"] })).await;
    assert_eq!((&second["version"], &second["stage"]), (&json!(2), &json!("draft")));
    assert!(second["note"].is_null(), "the note is of the text before");
    step(&boss, id, "submit", json!({})).await;
    let (status, told) = step(&boss, id, "approve", json!({ "version": 1 })).await;
    assert_eq!((status, &told["code"]), (409, &json!("article_changed")), "what was looked at is approved");
    publish_again(&boss, id, 2).await;
    assert_eq!(titles(&c1).await, ["易碎件怎么赔"]);

    // what is so already is no change; a change of what somebody else has changed is none
    let (_, same) = edit(&boss, id, json!({ "title": " 易碎件怎么赔 ", "tags": ["赔付"] })).await;
    assert_eq!((&same["version"], &same["stage"]), (&json!(2), &json!("published")));
    let (status, told) = edit(&boss, id, json!({ "title": "x", "seen": second["rev"] })).await;
    assert_eq!((status, &told["code"]), (409, &json!("article_changed")));
    let (_, third) = edit(&boss, id, json!({ "title": "易碎件赔付" })).await;
    assert_eq!((&third["stage"], &third["published"]), (&json!("draft"), &json!(2)));
    assert_eq!(titles(&c1).await, ["易碎件怎么赔"], "readers keep what was approved");
    publish(&boss, id).await;
    assert_eq!(titles(&c1).await, ["易碎件赔付"]);

    let lines = boss.get(&format!("/knowledge/articles/{id}/diff?to=2")).await.unwrap();
    let lines: Vec<(&str, &str)> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["kind"].as_str().unwrap(), l["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [
            ("same", "易碎件怎么赔"),
            ("same", "赔付"),
            ("same", "先拍照。"),
            ("removed", "再上报。"),
            ("added", "四小时内上报。")
        ]
    );
    let (_, told) =
        boss.send("GET", &format!("/knowledge/articles/{id}/diff?from=9"), None, None).await.unwrap();
    assert_eq!(told["field"], json!("from"));
    let (_, restored) = step(&boss, id, "restore", json!({ "version": 1 })).await;
    assert_eq!((&restored["version"], &restored["title"]), (&json!(4), &json!("易碎件怎么赔")));
    publish(&boss, id).await;
    let page = c1.get("/me/knowledge").await.unwrap();
    assert_eq!(page["articles"][0]["body"], json!("先拍照。\n再上报。"));
    assert_eq!(step(&boss, id, "restore", json!({ "version": 5 })).await.1["field"], json!("version"));
    let whole = boss.get(&format!("/knowledge/articles/{id}")).await.unwrap();
    let approved: Vec<bool> =
        whole["versions"].as_array().unwrap().iter().map(|v| v["approved_at"].is_number()).collect();
    assert_eq!(approved, [false, true, true, true]);

    // archived, it is gone for who has it and for who begins; it and its texts are kept
    let since = c1.get("/me/knowledge").await.unwrap()["cursor"].as_i64().unwrap();
    let archived = step(&boss, id, "archive", json!({})).await.1;
    assert_eq!(step(&boss, id, "archive", json!({})).await.1, archived);
    let page = c1.get(&format!("/me/knowledge?since={since}")).await.unwrap();
    assert_eq!((&page["gone"], &page["articles"]), (&json!([id]), &json!([])));
    assert_eq!((titles(&c1).await, found(&c1, "易碎").await), (vec![], vec![]));
    assert_eq!(boss.get("/knowledge/articles").await.unwrap(), json!([]));
    assert_eq!(boss.get("/knowledge/articles?stage=archived").await.unwrap().as_array().unwrap().len(), 1);
    assert_eq!(step(&boss, id, "restore", json!({ "version": 3 })).await.1["stage"], json!("draft"));
    publish(&boss, id).await;
    assert_eq!(titles(&c1).await, ["易碎件赔付"]);
    let audit = "SELECT COUNT(*) FROM audit WHERE action = 'approve_article'";
    assert_eq!(world.database.number(audit).unwrap(), 4, "each approval is known, and nothing else");
}

async fn publish_again(boss: &Api, id: &str, version: u32) {
    let mut revs = Vec::new();
    for _ in 0..2 {
        let (status, state) = step(boss, id, "approve", json!({ "version": version })).await;
        assert_eq!(status, 200, "{state}");
        revs.push(state["rev"].clone());
    }
    assert_eq!(revs[0], revs[1], "sent again it is approved no second time");
}

#[tokio::test]
async fn who_wrote_does_not_approve_where_four_eyes_are_asked_for() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    person(&boss, "s1", "supervisor").await;
    person(&boss, "s2", "supervisor").await;
    let (s1, s2) = (world.sign_in("s1").await.unwrap(), world.sign_in("s2").await.unwrap());
    let rules = json!({ "four_eyes": true });
    assert_eq!(s1.send("PUT", "/knowledge-policy", Some(&rules), None).await.unwrap().0, 403);
    boss.ask("PUT", "/knowledge-policy", Some(&rules)).await.unwrap();
    let id = draft(&s1, "规范用语", json!({})).await;
    // two write it: neither approves
    edit(&s2, &id, json!({ "body": "您好，您的快件到了。" })).await;
    step(&s1, &id, "submit", json!({})).await;
    for writer in [&s1, &s2] {
        let (status, told) = step(writer, &id, "approve", json!({ "version": 2 })).await;
        assert_eq!((status, &told["code"]), (409, &json!("four_eyes")), "{told}");
    }
    assert_eq!(step(&boss, &id, "approve", json!({ "version": 2 })).await.0, 200);
    // what was approved is nobody's any more: who wrote then may approve what another writes now
    edit(&boss, &id, json!({ "body": "您好。" })).await;
    step(&boss, &id, "submit", json!({})).await;
    assert_eq!(step(&boss, &id, "approve", json!({ "version": 3 })).await.0, 409);
    assert_eq!(step(&s1, &id, "approve", json!({ "version": 3 })).await.0, 200);
}

#[tokio::test]
async fn a_tree_has_no_ring_and_loses_nothing() {
    let world = world();
    let (boss, c1) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let top = folder(&boss, "理赔", None).await;
    let inner = folder(&boss, "破损", Some(&top)).await;
    let other = folder(&boss, "投诉", None).await;
    let change = async |id: &str, change: Value| {
        boss.send("PATCH", &format!("/knowledge/folders/{id}"), Some(&change), None).await.unwrap()
    };
    for parent in [&inner, &top] {
        let (status, told) = change(&top, json!({ "parent": parent })).await;
        assert_eq!((status, &told["field"]), (422, &json!("parent")), "{told}");
    }
    assert_eq!(change(&other, json!({ "name": "理赔" })).await.1["code"], json!("name_taken"));
    assert_eq!(change(&other, json!({ "name": "a/b" })).await.1["field"], json!("name"));
    assert_eq!(change(&other, json!({ "parent": new_id() })).await.1["field"], json!("parent"));
    assert_eq!(change(&other, json!({ "parent": top, "top": true })).await.1["field"], json!("top"));
    let id = published(&boss, "玻璃碎了", json!({ "folder": inner })).await;
    assert_eq!(found(&c1, "理赔 破损").await, ["玻璃碎了"], "by its path");
    assert_eq!(change(&inner, json!({ "parent": other, "name": "损坏" })).await.0, 200);
    assert_eq!(
        (found(&c1, "投诉 损坏").await, found(&c1, "理赔").await),
        (vec!["玻璃碎了".to_owned()], vec![])
    );
    let remove =
        async |id: &str| boss.send("DELETE", &format!("/knowledge/folders/{id}"), None, None).await.unwrap();
    for full in [&other, &inner] {
        assert_eq!(remove(full).await.1["code"], json!("not_empty"));
    }
    let since = c1.get("/me/knowledge").await.unwrap()["cursor"].as_i64().unwrap();
    assert_eq!(
        edit(&boss, &id, json!({ "top": true })).await.1["stage"],
        json!("published"),
        "moved, not edited"
    );
    assert_eq!((remove(&inner).await.0, remove(&other).await.0, remove(&other).await.0), (204, 204, 404));
    let page = c1.get(&format!("/me/knowledge?since={since}")).await.unwrap();
    assert_eq!(page["gone_folders"].as_array().unwrap().len(), 2, "{page}");
    assert!(page["articles"][0].get("folder").is_none(), "{page}");
    // a moment later as deep as it goes
    let mut parent = top;
    for depth in 2..=8 {
        parent = folder(&boss, &format!("第{depth}级"), Some(&parent)).await;
    }
    let ninth = json!({ "id": new_id(), "name": "第9级", "parent": parent });
    let (status, told) = boss.send("POST", "/knowledge/folders", Some(&ninth), None).await.unwrap();
    assert_eq!((status, &told["field"]), (422, &json!("parent")), "{told}");
}

#[tokio::test]
async fn organisations_and_branches_see_their_own() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    for (login, role) in [("s1", "supervisor"), ("s2", "supervisor"), ("n1", "courier")] {
        person(&boss, login, role).await;
    }
    let north = second_branch(&world, &["s2", "n1"]);
    let sign_in = async |login: &str| world.sign_in(login).await.unwrap();
    let (s1, s2, c1, n1) =
        (sign_in("s1").await, sign_in("s2").await, sign_in("c1").await, sign_in("n1").await);
    let all = folder(&boss, "全公司", None).await;
    let own = folder(&s1, "南站", None).await;
    let for_all = published(&boss, "公司知识", json!({ "folder": all })).await;
    let for_south = published(&s1, "南站知识", json!({ "folder": own })).await;
    published(&boss, "北站知识", json!({ "branch": north, "folder": all })).await;
    assert_eq!(titles(&c1).await, ["公司知识", "南站知识"]);
    assert_eq!(titles(&n1).await, ["公司知识", "北站知识"]);
    assert_eq!(found(&n1, "知识").await.len(), 2);
    assert_eq!(found(&n1, "南站").await, [] as [&str; 0]);
    // what is everybody's lies in no folder of a branch, and a branch's in no other's
    let in_own = json!({ "folder": own });
    for (who, id, status) in [(&boss, &for_all, 422), (&s2, &for_south, 404), (&s1, &for_all, 403)] {
        assert_eq!(edit(who, id, in_own.clone()).await.0, status);
    }
    let lost = json!({ "id": new_id(), "title": "x", "body": "x", "folder": own });
    assert_eq!(s2.send("POST", "/knowledge/articles", Some(&lost), None).await.unwrap().0, 404);
    let (boss_other, c1_other) = (sign_in("boss-Other").await, sign_in("c1-Other").await);
    for (who, status) in [(&boss_other, 404), (&s2, 404), (&c1, 403), (&c1_other, 403)] {
        for (method, path, body) in [
            ("GET", format!("/knowledge/articles/{for_south}"), None),
            ("GET", format!("/knowledge/articles/{for_south}/diff"), None),
            ("PATCH", format!("/knowledge/articles/{for_south}"), Some(json!({ "title": "x" }))),
            ("POST", format!("/knowledge/articles/{for_south}/submit"), None),
            ("POST", format!("/knowledge/articles/{for_south}/archive"), None),
            ("POST", format!("/knowledge/articles/{for_south}/approve"), Some(json!({ "version": 1 }))),
            ("POST", format!("/knowledge/articles/{for_south}/restore"), Some(json!({ "version": 1 }))),
            ("PATCH", format!("/knowledge/folders/{own}"), Some(json!({ "name": "x" }))),
            ("DELETE", format!("/knowledge/folders/{own}"), None),
        ] {
            let told = who.send(method, &path, body.as_ref(), None).await.unwrap();
            assert_eq!(told.0, status, "{method} {path}: {}", told.1);
        }
    }
    for who in [&n1, &c1_other, &boss_other] {
        assert_eq!(read(who, &for_south, 0).await.0, 404);
        assert_eq!(keep(who, &for_south, true, 0).await.0, 404);
    }
    for who in [&boss_other, &c1_other] {
        assert_eq!((titles(who).await, found(who, "").await), (vec![], vec![]));
    }
    assert_eq!(boss_other.get("/knowledge/folders").await.unwrap(), json!([]));
    // who changes the branch is sent everything anew
    let generation = c1.get("/me/knowledge").await.unwrap()["generation"].clone();
    world.database.sql(&format!("UPDATE person SET branch_id = '{north}' WHERE login = 'c1'")).unwrap();
    let moved = sign_in("c1").await;
    assert_ne!(moved.get("/me/knowledge").await.unwrap()["generation"], generation);
    assert_eq!(titles(&moved).await, ["公司知识", "北站知识"]);
}
