//! What belongs to somebody else does not exist: route by route from the API document, between organisations, between
//! couriers of one organisation, and below an administrator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::{EVERYBODY_CONSENTS, World, WorldOptions, list};

/// What a courier has, and others must not reach.
struct Belongings {
    parcels: Vec<String>,
    batch: String,
    /// For administrators alone.
    announcement: String,
    account: String,
    /// For another branch of the organisation alone.
    folder: String,
    article: String,
    picture: String,
    /// Words that no answer to a stranger may hold: ids, waybills, numbers, names of the list.
    secrets: Vec<String>,
}

/// Rings three people to the end: parcels, a batch, recipients, attempts, consents and decisions exist then.
async fn belongings() -> (World, Api, Belongings) {
    let options = WorldOptions {
        carrier: EVERYBODY_CONSENTS.into(),
        tenants: vec!["Other"],
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 3).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    let Campaign { world, courier, batches } = campaign;
    courier.request("PUT", "/opt-outs").json(&json!({ "phone": "13800000077" })).send().await.unwrap();
    let page = courier.get("/sync").await.unwrap();
    let parcels: Vec<String> =
        page["parcels"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    let mut secrets = parcels.clone();
    secrets.push(batches[0].clone());
    secrets.push("13800000077".into());
    for (kind, fields) in [("parcels", ["waybill_no", "phone"]), ("recipients", ["id", "phone"])] {
        for row in page[kind].as_array().unwrap() {
            secrets.extend(fields.iter().map(|f| row[f].as_str().unwrap().to_owned()));
        }
    }
    assert!(courier.get("/consents").await.unwrap().as_array().is_some_and(|c| c.len() == 3));
    let announcement = uuid::Uuid::now_v7().to_string();
    let boss = world.sign_in("boss").await.unwrap();
    let words = "an announcement for administrators";
    let text = json!({ "id": announcement, "title": words, "body": words, "roles": ["administrator"] });
    boss.post("/announcements", &text).await.unwrap();
    secrets.extend([announcement.clone(), words.to_owned()]);
    let (folder, article, picture) = knowledge(&world, &boss, &mut secrets).await;
    // the courier's account, and what the calls of the batch cost
    let account = courier.get("/me/balance").await.unwrap()["account"]["id"].as_str().unwrap().to_owned();
    let entries = courier.get("/ledger").await.unwrap();
    assert_eq!(entries.as_array().unwrap().len(), 3, "{entries}");
    secrets.extend(entries.as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()));
    let belongings = Belongings {
        parcels,
        batch: batches[0].clone(),
        announcement,
        account,
        folder,
        article,
        picture,
        secrets,
    };
    (world, courier, belongings)
}

/// A folder, an article and a picture of another branch.
async fn knowledge(world: &World, boss: &Api, secrets: &mut Vec<String>) -> (String, String, String) {
    let branch = uuid::Uuid::now_v7().to_string();
    let sql = format!(
        "INSERT INTO branch (id, organisation_id, name) SELECT '{branch}', id, 'north' FROM organisation WHERE name = 'Demo'"
    );
    world.database.sql(&sql).unwrap();
    let (folder, article) = (uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    let words = "a text that only the north knows";
    boss.post("/knowledge/folders", &json!({ "id": folder, "name": words, "branch": branch })).await.unwrap();
    let text = json!({ "id": article, "title": words, "body": words, "folder": folder, "branch": branch });
    boss.post("/knowledge/articles", &text).await.unwrap();
    let png = [
        &b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\0\0\0\0"[..],
        b"\0\0\0\x01IDAT\x07\0\0\0\0\0\0\0\0IEND\0\0\0\0",
    ]
    .concat();
    let answer =
        boss.request("POST", &format!("/knowledge/pictures?branch={branch}")).body(png).send().await.unwrap();
    let picture: Value = answer.json().await.unwrap();
    let picture = picture["id"].as_str().unwrap_or_else(|| panic!("{picture}")).to_owned();
    secrets.extend([folder.clone(), article.clone(), picture.clone(), words.to_owned()]);
    (folder, article, picture)
}

/// A body that would be good if what it names were the asker's own.
fn body(method: &str, path: &str, b: &Belongings) -> Option<Value> {
    Some(match path {
        "/api/v1/batches" => json!({
            "id": uuid::Uuid::now_v7(), "template": "arrived", "parcels": b.parcels, "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/batches/again" => {
            json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "acted_at": { "wall": now_ms() }, "include_unknown": true })
        }
        "/api/v1/batches/{id}/arrivals" => json!({ "minutes": 5, "arrivals": [] }),
        "/api/v1/plans" => json!({ "template": "arrived", "parcels": b.parcels }),
        "/api/v1/parcels/state" => json!({ "parcels": [b.parcels[0]], "state": "signed" }),
        "/api/v1/parcels/deeds" => json!({
            "id": uuid::Uuid::now_v7(), "parcels": [b.parcels[0]], "deed": { "what": "return" }, "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/parcels/deeds/undo" => {
            json!({ "id": uuid::Uuid::now_v7(), "parcels": b.parcels, "after_ms": 5, "acted_at": { "wall": now_ms() } })
        }
        "/api/v1/parcels/hand-over" => json!({ "to": "c2", "parcels": b.parcels }),
        "/api/v1/stops/rules" => json!({
            "id": uuid::Uuid::now_v7(), "kind": "merge", "keys": ["a:x", "a:y"], "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/stops/rules/undo" => json!({ "id": uuid::Uuid::now_v7(), "acted_at": { "wall": now_ms() } }),
        "/api/v1/places" => {
            json!({ "id": uuid::Uuid::now_v7(), "keys": ["幸福花园/3"], "acted_at": { "wall": now_ms() } })
        }
        "/api/v1/places/remove" => json!({ "key": "幸福花园/3", "source": "pin" }),
        "/api/v1/tracks" => json!({ "courier": b.batch }),
        "/api/v1/punches" => {
            json!({ "id": uuid::Uuid::now_v7(), "kind": "field", "acted_at": { "wall": now_ms() } })
        }
        "/api/v1/attendance/corrections" => json!({
            "id": uuid::Uuid::now_v7(), "courier": b.batch, "day": "2026-03-02", "correction": { "what": "leave" }, "reason": "none"
        }),
        "/api/v1/leaves" => json!({
            "id": uuid::Uuid::now_v7(), "courier": b.batch, "kind": "sick", "from": { "on": "day", "day": "2026-03-02" },
            "to": { "on": "day", "day": "2026-03-02" }, "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/leaves/{id}/decide" | "/api/v1/attendance/asked/{id}/decide" => json!({ "approve": true }),
        "/api/v1/leaves/{id}/cut" => json!({ "to": { "on": "day", "day": "2026-03-02" }, "reason": "none" }),
        "/api/v1/leaves/{id}/withdraw" | "/api/v1/attendance/asked/{id}/withdraw" => {
            json!({ "acted_at": { "wall": now_ms() } })
        }
        "/api/v1/attendance/asked" => json!({
            "id": uuid::Uuid::now_v7(), "day": "2026-03-02", "correction": { "what": "void", "punch": b.batch },
            "reason": "none", "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/branches/{id}/ring-group" => json!({ "people": [] }),
        "/api/v1/areas/{id}" => json!({ "name": "x" }),
        "/api/v1/areas/{id}/duties" => json!({ "courier": b.batch, "role": "duty" }),
        "/api/v1/numbers/{id}" => json!({ "name": "x" }),
        "/api/v1/me/availability" if method == "PUT" => json!({ "mode": "available" }),
        "/api/v1/me/availability" => json!({ "mode": "available", "acted_at": { "wall": now_ms() } }),
        "/api/v1/me/phones" | "/api/v1/me/phones/{id}" | "/api/v1/people/{id}/phones" => {
            json!({ "name": "柜台" })
        }
        "/api/v1/me/push-token" => json!({ "vendor": "fcm", "token": "of-a-stranger" }),
        "/api/v1/orders" => json!({
            "id": uuid::Uuid::now_v7(), "type": "complaint", "content": "x", "call": b.batch
        }),
        "/api/v1/orders/{id}/actions" => json!({
            "id": uuid::Uuid::now_v7(), "action": { "do": "take" }, "acted_at": { "wall": now_ms() }
        }),
        "/api/v1/announcements" => json!({ "id": b.announcement, "title": "x", "body": "x" }),
        "/api/v1/announcements/{id}" => json!({ "title": "x" }),
        "/api/v1/me/announcements/{id}/read" => {
            json!({ "version": 1, "acted_at": { "wall": now_ms(), "age_ms": 0 } })
        }
        "/api/v1/knowledge/import" => json!({ "text": "x" }),
        "/api/v1/knowledge/folders" => json!({ "id": b.folder, "name": "x" }),
        "/api/v1/knowledge/folders/{id}" => json!({ "name": "x" }),
        "/api/v1/knowledge/articles" => json!({ "id": b.article, "title": "x", "body": "x" }),
        "/api/v1/knowledge/articles/{id}" => json!({ "title": "x" }),
        "/api/v1/knowledge/articles/{id}/approve"
        | "/api/v1/knowledge/articles/{id}/reject"
        | "/api/v1/knowledge/articles/{id}/restore" => json!({ "version": 1 }),
        "/api/v1/me/knowledge/{id}/favourite" => {
            json!({ "favourite": true, "acted_at": { "wall": now_ms(), "age_ms": 0 } })
        }
        "/api/v1/me/knowledge/{id}/read" => json!({ "acted_at": { "wall": now_ms(), "age_ms": 0 } }),
        "/api/v1/bindings" => json!({
            "pool_key": b.batch, "phone_no_a": "13900000077", "phone_no_b": "13800000088", "ttl": 600
        }),
        "/api/v1/number-pools/{key}/numbers" => json!({
            "numbers": [{ "number": "021-31001234" }], "proof": "another letter", "proof_date": "2026-01-01"
        }),
        "/api/v1/bindings/{id}"
        | "/api/v1/number-pools/{key}"
        | "/api/v1/number-pools/{key}/numbers/{number}" => {
            json!({})
        }
        "/api/v1/accounts/{id}/limits" => json!({}),
        "/api/v1/accounts/{id}/entries" => {
            json!({ "id": uuid::Uuid::now_v7(), "kind": "top_up", "amount": 1, "reason": "none" })
        }
        "/api/v1/evidence" => json!({ "calls": [b.batch], "reason": "none" }),
        "/api/v1/calls" => json!({ "id": uuid::Uuid::now_v7(), "parcel": b.parcels[0] }),
        "/api/v1/calls/{id}/signals" => json!({ "call_id": b.batch, "seq": 1, "kind": "bye" }),
        "/api/v1/templates/{key}/simulate"
        | "/api/v1/template-drafts/{key}/simulate"
        | "/api/v1/integrations/{id}" => json!({}),
        "/api/v1/template-drafts/{key}/approve" | "/api/v1/template-drafts/{key}/reject" => {
            json!({ "edited_at": 1, "reason": "no" })
        }
        _ => return None,
    })
}

/// What an operation answers to somebody whom none of it belongs to.
fn expected(method: &str, path: &str) -> &'static [u16] {
    match (method, path) {
        // this server takes no registrations of telephones
        ("POST", "/api/v1/me/phones") => &[409],
        (_, "/api/v1/me/phones/{id}") => &[404],
        (_, p) if p.starts_with("/api/v1/people/{id}/phones") => &[404, 403],
        // integrations are an administrator's, and what a system sends is signed
        (_, p) if p.starts_with("/api/v1/integrations/") => &[404, 403],
        (_, p) if p.starts_with("/api/v1/hooks/") => &[401],
        // a notice of this name is everybody's own; a draft of it is not
        (
            "GET",
            "/api/v1/templates/{key}/audio"
            | "/api/v1/templates/{key}/wording"
            | "/api/v1/templates/{key}/flow",
        ) => &[200, 403],
        // a flow without its key
        ("POST", "/api/v1/flows/check") => &[422, 403],
        ("DELETE", "/api/v1/templates/{key}") => &[403, 409],
        (_, p) if p.starts_with("/api/v1/template-drafts/") => &[404, 403],
        // by its signature
        ("GET", "/api/v1/listen/{link}") => &[401],
        // things that are named
        ("GET", "/api/v1/areas/{id}/duties") => &[404, 403],
        (_, p) if p.starts_with("/api/v1/voice/words/") => &[404, 403],
        // bindings are an administrator's or a supervisor's
        (_, p) if p.starts_with("/api/v1/bindings/") || p.starts_with("/api/v1/number-pools/") => &[404, 403],
        ("POST", "/api/v1/bindings") => &[404, 403],
        // posted, changed and counted by supervisors; read by whom they are for
        (_, p) if p.starts_with("/api/v1/announcements/") => &[404, 403],
        ("POST", "/api/v1/announcements") => &[404, 403],
        ("POST", "/api/v1/me/announcements/{id}/read") => &[404],
        // written by supervisors, read by the organisation and the branch; what is no picture is refused before it is looked for
        ("POST", "/api/v1/knowledge/pictures") => &[422, 403],
        ("GET", "/api/v1/knowledge/pictures/{id}") => &[404],
        ("POST", "/api/v1/me/knowledge/{id}/favourite" | "/api/v1/me/knowledge/{id}/read") => &[404],
        ("POST", "/api/v1/knowledge/folders" | "/api/v1/knowledge/articles") => &[404, 403],
        (_, p) if p.starts_with("/api/v1/knowledge/") && p.contains('{') => &[404, 403],
        // limits and entries are an administrator's
        ("PUT" | "POST", p) if p.starts_with("/api/v1/accounts/") => &[404, 403],
        ("GET", p) if p.contains('{') => &[404],
        (
            "POST",
            "/api/v1/batches/{id}/{action}"
            | "/api/v1/batches"
            | "/api/v1/plans"
            | "/api/v1/parcels/state"
            | "/api/v1/parcels/deeds"
            | "/api/v1/parcels/hand-over",
        ) => &[404],
        ("PUT", "/api/v1/batches/{id}/arrivals") => &[404],
        ("DELETE", "/api/v1/opt-outs/{phone}") => &[404, 403],
        ("DELETE", "/api/v1/list-columns/{shape}") => &[404],
        (_, "/api/v1/branches/{id}/ring-group" | "/api/v1/areas/{id}" | "/api/v1/areas/{id}/duties") => {
            &[404, 403]
        }
        (_, "/api/v1/numbers/{id}" | "/api/v1/duties/{id}" | "/api/v1/calls/{id}/handled") => &[404, 403],
        ("POST", "/api/v1/calls" | "/api/v1/calls/{id}/hang-up" | "/api/v1/calls/{id}/reopened") => {
            &[404, 403]
        }
        ("POST", "/api/v1/calls/{id}/audio/link" | "/api/v1/calls/{id}/signals") => &[404],
        ("DELETE", "/api/v1/calls/{id}") => &[404, 403],
        ("DELETE", "/api/v1/blocklist/{phone}" | "/api/v1/work-places/{id}") => &[404, 403],
        ("POST", "/api/v1/evidence") => &[404, 403],
        ("POST", "/api/v1/orders" | "/api/v1/orders/{id}/actions") => &[404],
        // a supervisor's, and nothing is known of the place that is named
        ("POST", "/api/v1/places/remove") => &[404, 403],
        ("POST", "/api/v1/tracks") => &[404],
        ("POST", "/api/v1/attendance/corrections") => &[404, 403],
        ("POST", "/api/v1/leaves" | "/api/v1/leaves/{id}/decide" | "/api/v1/leaves/{id}/cut") => &[404, 403],
        ("POST", "/api/v1/attendance/asked/{id}/decide") => &[404, 403],
        ("POST", "/api/v1/attendance/asked") => &[404],
        ("POST", "/api/v1/leaves/{id}/withdraw" | "/api/v1/attendance/asked/{id}/withdraw") => &[404],
        // nobody of the asker's own was missed
        ("POST", "/api/v1/batches/again") => &[409],
        // of the asker's own sign-in, whoever had the token before
        (_, "/api/v1/me/push-token") => &[204],
        // lists and own things
        _ => &[200, 403],
    }
}

/// Walks through every operation of the document with ids that are not the asker's.
async fn walk(asker: &Api, b: &Belongings, waybill: &str) -> usize {
    let document = asker.get("/openapi.json").await.unwrap();
    let mut walked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|m| m.to_uppercase()) {
            let own_things = ["/auth/", "/policy", "/stop-all", "/people", "/events", "/import", "/export"];
            let changes = method != "GET";
            if path.contains("/auth/")
                || path.ends_with("/events")
                || changes && own_things.iter().any(|o| path.contains(o))
            {
                continue;
            }
            // what these make is the asker's own
            if let (
                "PUT",
                "/api/v1/opt-outs"
                | "/api/v1/blocklist"
                | "/api/v1/inbound-policy"
                | "/api/v1/outgoing-policy"
                | "/api/v1/field-policy"
                | "/api/v1/template-policy"
                | "/api/v1/order-policy"
                | "/api/v1/knowledge-policy"
                | "/api/v1/charge-policy"
                | "/api/v1/rates"
                | "/api/v1/voice/words"
                | "/api/v1/template-drafts/{key}",
            )
            | (
                "POST",
                "/api/v1/integrations"
                | "/api/v1/numbers"
                | "/api/v1/number-pools"
                | "/api/v1/areas"
                | "/api/v1/work-places",
            ) = (method.as_str(), path.as_str())
            {
                continue;
            }
            let id = match path {
                p if p.contains("/announcements/") => &b.announcement,
                p if p.contains("/accounts/") => &b.account,
                p if p.contains("/knowledge/folders/") => &b.folder,
                p if p.contains("/knowledge/pictures/") => &b.picture,
                p if p.contains("/knowledge/") => &b.article,
                _ => &b.batch,
            };
            let filled = path
                .trim_start_matches("/api/v1")
                .replace("{id}", id)
                .replace("{key}", "arrived")
                .replace("{phone}", "+8613800000077")
                .replace("{waybill_no}", waybill);
            for action in ["pause", "resume", "undo", "confirm"] {
                if action != "pause" && !filled.contains("{action}") {
                    continue;
                }
                let filled = filled.replace("{action}", action);
                let request = asker.request(&method, &filled);
                let request = match body(&method, path, b) {
                    Some(body) => request.json(&body),
                    None => request,
                };
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap();
                if path != "/api/v1/templates/{key}/simulate" {
                    assert!(expected(&method, path).contains(&status), "{method} {filled}: {status} {text}");
                }
                for secret in &b.secrets {
                    assert!(!text.contains(secret.as_str()), "{method} {filled} tells {secret}: {text}");
                }
                walked += 1;
            }
        }
    }
    walked
}

#[tokio::test]
async fn another_organisation_finds_nothing() {
    let (world, courier, b) = belongings().await;
    let before = courier.get("/sync").await.unwrap();
    let waybill = before["parcels"][0]["waybill_no"].as_str().unwrap().to_owned();
    for login in ["boss-Other", "c1-Other"] {
        let stranger = world.sign_in(login).await.unwrap();
        let walked = walk(&stranger, &b, &waybill).await;
        assert!(walked >= 18, "only {walked} operations were tried");
        let page = stranger.get("/sync").await.unwrap();
        for kind in ["parcels", "batches", "recipients"] {
            assert_eq!(page[kind], json!([]), "{login} pulls foreign {kind}");
        }
        for list in ["/parcels", "/batches", "/consents"] {
            assert_eq!(stranger.get(list).await.unwrap(), json!([]), "{login} {list}");
        }
    }
    let boss = world.sign_in("boss-Other").await.unwrap();
    assert_eq!(boss.get("/opt-outs").await.unwrap(), json!([]));
    let people = boss.get("/people").await.unwrap();
    assert!(
        people.as_array().unwrap().iter().all(|p| p["login"].as_str().unwrap().ends_with("-Other")),
        "{people}"
    );
    let export = boss.get("/export/judge").await.unwrap().to_string();
    assert!(!export.contains("\"recipient\"") && !export.contains("\"attempt\""), "{export}");

    // the same waybill in the other organisation is another parcel, and stop-all holds the own one only
    let theirs = world.sign_in("c1-Other").await.unwrap().import(&list::rows(3, 800_000_000)).await.unwrap();
    assert!(theirs.iter().all(|t| !b.parcels.contains(t)));
    boss.post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    assert_eq!(courier.get("/policy").await.unwrap()["stopped"], json!(false));
    let after = courier.get("/sync").await.unwrap();
    for kind in ["parcels", "batches", "recipients", "templates"] {
        assert_eq!(before[kind], after[kind], "{kind} were changed from outside");
    }
}

#[tokio::test]
async fn a_colleague_finds_nothing_and_a_courier_is_no_administrator() {
    let (world, courier, b) = belongings().await;
    let colleague = world.sign_in("c2").await.unwrap();
    let page = courier.get("/sync").await.unwrap();
    let waybill = page["parcels"][0]["waybill_no"].as_str().unwrap();
    assert!(walk(&colleague, &b, waybill).await >= 18);
    let theirs = colleague.get("/sync").await.unwrap();
    for kind in ["parcels", "batches", "recipients", "gone_parcels"] {
        assert_eq!(theirs[kind], json!([]), "pulls foreign {kind}");
    }
    // the administrator of the same organisation sees all of it
    let boss = world.sign_in("boss").await.unwrap();
    assert_eq!(boss.get(&format!("/batches/{}", b.batch)).await.unwrap()["id"], json!(b.batch));
    assert_eq!(boss.get("/sync").await.unwrap()["parcels"].as_array().unwrap().len(), 3);

    let policy = boss.get("/policy").await.unwrap()["policy"].clone();
    let person = json!({ "login": "eve", "password": "long enough", "name": "Eve", "role": "administrator" });
    for (method, path, body) in [
        ("PUT", "/policy", policy),
        ("POST", "/stop-all", json!({ "stopped": true })),
        ("POST", "/people", person),
        ("GET", "/people", Value::Null),
        ("GET", "/opt-outs", Value::Null),
        ("DELETE", "/opt-outs/+8613800000077", Value::Null),
        ("GET", "/export/judge", Value::Null),
    ] {
        let answer = courier.request(method, path).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 403, "{method} {path}");
    }
    assert_eq!(boss.get("/policy").await.unwrap()["stopped"], json!(false));
    assert_eq!(boss.get("/opt-outs").await.unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_parcel_that_moves_to_a_colleague_leaves_the_first_phone() {
    let (world, courier, b) = belongings().await;
    let cursor = courier.get("/sync").await.unwrap()["cursor"].as_i64().unwrap();
    let colleague = world.sign_in("c2").await.unwrap();
    colleague.import(&list::rows(1, 800_000_000)).await.unwrap();
    let page = courier.get(&format!("/sync?since={cursor}")).await.unwrap();
    let gone: BTreeSet<&str> =
        page["gone_parcels"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(gone.len(), 1, "{page}");
    assert!(gone.iter().all(|g| b.parcels.iter().any(|p| p == g)));
    assert_eq!(page["parcels"], json!([]));
    let state = json!({ "parcels": [gone.first().unwrap()], "state": "signed" });
    assert_eq!(courier.send("POST", "/parcels/state", Some(&state), None).await.unwrap().0, 404);
    assert_eq!(colleague.send("POST", "/parcels/state", Some(&state), None).await.unwrap().0, 200);
    // and back again: a cursor from before both moves finds the parcel, not the tombstone alone
    courier.import(&list::rows(1, 800_000_000)).await.unwrap();
    let page = courier.get(&format!("/sync?since={cursor}")).await.unwrap();
    assert_eq!(page["parcels"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(page["gone_parcels"], json!([]), "it is here again: {page}");
}
