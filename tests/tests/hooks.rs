//! Waybill systems: signed lists in, once each; signed results out, at least once each with one id, whatever dies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "hooks/day.rs"]
mod day;
#[path = "hooks/orders.rs"]
mod orders;
#[path = "hooks/receiver.rs"]
mod receiver;

use day::{Day, finals};
use receiver::{Receiver, SILENT, Sender, answer, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use waybell_server::webhooks::signature::sign;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

/// Tests push to this machine.
const LOOPBACK: &str = "[webhooks]\nallowed_networks = [\"127.0.0.0/8\"]\n";

fn options() -> WorldOptions {
    WorldOptions { server: LOOPBACK.into(), tenants: vec!["Other"], ..WorldOptions::default() }
}

async fn code(request: reqwest::RequestBuilder) -> (u16, String) {
    let (status, text) = answer(request).await;
    let body: Value = serde_json::from_str(&text).unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn only_a_good_and_fresh_signature_opens_the_door() {
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", None).await;
    let foreign = world.sign_in("boss-Other").await.unwrap();
    let made = foreign.post("/integrations", &json!({ "name": "waybills" })).await.unwrap();
    let theirs = made["secret"].as_str().unwrap();

    let now = now_ms() / 1000;
    let body = json!({ "rows": list::rows(1, 300_000_000) }).to_string();
    let good = |time: i64| sign(&sender.secret, "d-1", time, body.as_bytes()).unwrap();
    let missing = (401, "signature_missing".to_owned());
    let stale = (401, "timestamp_stale".to_owned());
    let invalid = (401, "signature_invalid".to_owned());
    for off in [-400, 400, -86_400, i64::from(i32::MAX)] {
        let request = sender.request("d-1", now + off, &good(now + off), body.clone());
        assert_eq!(code(request).await, stale, "{off}");
    }
    for signature in [
        "",
        "v1,",
        "v1,AAAA",
        &good(now)[3..],
        &good(now - 1),
        &sign(theirs, "d-1", now, body.as_bytes()).unwrap(),
        &sign(&sender.secret, "d-2", now, body.as_bytes()).unwrap(),
        &sign(&sender.secret, "d-1", now, format!("{body} ").as_bytes()).unwrap(),
    ] {
        let request = sender.request("d-1", now, signature, body.clone());
        assert_eq!(code(request).await, invalid, "{signature}");
    }
    let client = reqwest::Client::new();
    let url = format!("{}/api/v1/hooks/{}/parcels", world.server.url, sender.integration);
    assert_eq!(code(client.post(&url).body(body.clone())).await, missing);
    assert_eq!(code(client.post(&url).header("authorization", "Bearer x").body("{")).await, missing);

    // what does not exist, what is another's, and a wrong signature say the same word for word
    let mut answers = BTreeSet::new();
    for integration in [
        "nothing".to_owned(),
        uuid::Uuid::now_v7().to_string(),
        made["integration"]["id"].as_str().unwrap().to_owned(),
    ] {
        let other = Sender { integration, ..sender.clone() };
        answers.insert(answer(other.request("d-1", now, &good(now), body.clone())).await);
    }
    answers.insert(answer(sender.request("d-1", now, "v1,AAAA", body.clone())).await);
    assert_eq!(answers.len(), 1, "{answers:?}");

    let (status, text) = sender.send("d-1", &serde_json::from_str(&body).unwrap()).await;
    assert_eq!(status, 200, "nothing of the above was taken for it: {text}");
    assert!(text.contains("\"created\":1"), "{text}");

    // two secrets for a while, then one, then none
    let path = format!("/integrations/{}", sender.integration);
    let rotated = boss.post(&format!("{path}/secret"), &json!({})).await.unwrap();
    assert!(rotated["integration"]["previous_secret_until"].is_i64(), "{rotated}");
    let newer = Sender { secret: rotated["secret"].as_str().unwrap().to_owned(), ..sender.clone() };
    let rows = json!({ "rows": list::rows(1, 300_000_001) });
    assert_eq!((sender.send("d-2", &rows).await.0, newer.send("d-3", &rows).await.0), (200, 200));
    let rotated = boss.post(&format!("{path}/secret"), &json!({ "grace_hours": 0 })).await.unwrap();
    let newest = Sender { secret: rotated["secret"].as_str().unwrap().to_owned(), ..sender.clone() };
    for (system, status) in [(&sender, 401), (&newer, 401), (&newest, 200)] {
        assert_eq!(system.send("d-4", &rows).await.0, status);
    }
    boss.ask("DELETE", &path, None).await.unwrap();
    assert_eq!(newest.send("d-5", &rows).await.0, 401);
    let listed = boss.get("/integrations").await.unwrap();
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn a_list_that_comes_three_times_is_taken_once() {
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", None).await;
    let mut rows = list::rows(4, 310_000_000);
    rows[1]["waybill_no"] = json!("?");
    rows[2]["phone"] = json!("1380000");
    rows[3]["courier"] = json!("nobody");
    rows[3]["line"] = json!(77);
    rows.push(json!({ "waybill_no": "YT0000310000009", "courier": "13900000002", "weight": 3 }));
    rows.push(json!("YT0000310000010"));
    let body = json!({ "rows": rows });
    let first = sender.send("list-1", &body).await;
    assert_eq!(first.0, 200, "{}", first.1);
    let (again, at_once) = tokio::join!(sender.send("list-1", &body), sender.send("list-1", &body));
    assert!(first == again && first == at_once, "{first:?} {again:?} {at_once:?}");
    let report: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!(
        (&report["created"], &report["rejected"], &report["total"]),
        (&json!(2), &json!(4), &json!(6)),
        "{report}"
    );
    let told: Vec<(i64, &str)> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["line"].as_i64().unwrap(), p["field"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(3, "waybill_no"), (4, "phone"), (6, "record"), (77, "courier")], "{report}");
    assert!(
        report["problems"]
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["hint"].as_str().is_some_and(|h| !h.is_empty()))
    );
    assert_eq!(report["ignored"], json!(["weight"]));

    // another body under the same id is refused, and nothing of it is done
    let other = json!({ "rows": list::rows(1, 311_000_000) });
    let (status, text) = sender.send("list-1", &other).await;
    assert!(status == 409 && text.contains("delivery_id_reused"), "{status} {text}");
    let courier = world.sign_in("c1").await.unwrap();
    let colleague = world.sign_in("c2").await.unwrap();
    assert_eq!(waybills(&courier).await, ["YT0000310000000"]);
    assert_eq!(waybills(&colleague).await, ["YT0000310000009"], "named by the own number");

    // a body that cannot be read changes nothing, and its id is free for a better one
    for bad in [json!({}), json!({ "rows": 7 })] {
        assert_eq!(sender.send("list-2", &bad).await.0, 422);
    }
    assert_eq!(sender.send("list-2", &other).await.0, 200);
    let many: Vec<Value> = (0..5_001).map(|_| json!({})).collect();
    assert_eq!(sender.send("list-3", &json!({ "rows": many })).await.0, 422);
    let large = json!({ "rows": [], "x": "x".repeat(5 << 20) });
    assert_eq!(sender.send("list-4", &large).await.0, 413);
}

#[tokio::test]
async fn a_list_that_a_kill_cut_in_two_is_whole_when_it_comes_again() {
    let options = WorldOptions { crash: Some("webhook.part:2".into()), ..options() };
    let mut world = World::start(&options).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", None).await;
    let body = json!({ "rows": list::rows(1_700, 380_000_000) }).to_string();
    let time = now_ms() / 1000;
    let signature = sign(&sender.secret, "day", time, body.as_bytes()).unwrap();
    assert!(sender.request("day", time, &signature, body.clone()).send().await.is_err(), "no answer came");
    until("the end of the server", || world.server.has_died()).await;
    world.server.start().unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    assert_eq!(waybills(&courier).await.len(), 1_000, "two parts were stored");
    let first = sender.send("day", &serde_json::from_str(&body).unwrap()).await;
    let report: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!((&report["created"], &report["unchanged"]), (&json!(700), &json!(1_000)), "{report}");
    assert_eq!(sender.send("day", &serde_json::from_str(&body).unwrap()).await, first);
    assert_eq!(waybills(&courier).await.len(), 1_700);
}

/// The waybills that a phone shows as open, sorted.
async fn waybills(api: &Api) -> Vec<String> {
    let page = api.get("/sync").await.unwrap();
    let open = |p: &&Value| p["state"] != "withdrawn";
    let mut list: Vec<String> = page["parcels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(open)
        .map(|p| p["waybill_no"].as_str().unwrap().to_owned())
        .collect();
    list.sort();
    list
}

#[tokio::test]
async fn corrections_and_withdrawals() {
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let colleague = world.sign_in("c2").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", None).await;
    let rows = list::rows(1_200, 320_000_000);
    let report = sender.rows("day", json!(rows)).await;
    assert_eq!(report["created"], json!(1_200), "{report}");
    assert_eq!(sender.rows("day-again", json!(rows)).await["unchanged"], json!(1_200));

    // to a colleague, who keeps it when the next record names nobody
    let mut moved = rows[0].clone();
    moved["courier"] = json!("c2");
    assert_eq!(sender.rows("move", json!([moved])).await["updated"], json!(1));
    let mut corrected = rows[0].clone();
    corrected["address"] = json!("上海市浦东新区翡翠城9号楼901室");
    assert_eq!(sender.rows("correct", json!([corrected])).await["updated"], json!(1));
    assert_eq!(waybills(&colleague).await, ["YT0000320000000"]);
    assert_eq!(waybills(&courier).await.len(), 1_199);

    let parcels = courier.import(&[]).await.unwrap();
    let gone = json!([
        { "waybill_no": "YT0000320000001", "withdrawn": true },
        { "waybill_no": "YT0000329999999", "withdrawn": true },
    ]);
    let report = sender.rows("withdraw", gone.clone()).await;
    assert_eq!((&report["withdrawn"], &report["rejected"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(sender.rows("withdraw-again", gone).await["unchanged"], json!(1));
    let why = courier.get("/parcels/YT0000320000001/why").await.unwrap();
    assert_eq!(
        why["lines"].as_array().unwrap().iter().filter(|l| l["what"] == "withdrawn").count(),
        1,
        "{why}"
    );
    assert_eq!(waybills(&courier).await.len(), 1_198);
    let plan =
        courier.post("/plans", &json!({ "template": "arrived", "parcels": [parcels[0]] })).await.unwrap();
    assert_eq!(
        (&plan["rings"], &plan["suppressed"][0]["reason"]),
        (&json!(0), &json!("withdrawn")),
        "{plan}"
    );
    // it is sent again: it is on the list again
    assert_eq!(sender.rows("back", json!([rows[1]])).await["rejected"], json!(0));
    assert_eq!(waybills(&courier).await.len(), 1_199);
}

#[tokio::test]
async fn an_integration_belongs_to_its_organisation() {
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", None).await;
    let foreign = world.sign_in("boss-Other").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let path = format!("/integrations/{}", sender.integration);
    for (method, path, body) in [
        ("PATCH", path.clone(), Some(json!({ "name": "mine" }))),
        ("POST", format!("{path}/secret"), Some(json!({}))),
        ("DELETE", path.clone(), None),
        ("GET", format!("{path}/deliveries"), None),
        ("POST", format!("{path}/resend"), Some(json!({}))),
    ] {
        let theirs = foreign.send(method, &path, body.as_ref(), None).await.unwrap();
        assert_eq!(theirs.0, 404, "{method} {path}: {}", theirs.1);
        let below = courier.send(method, &path, body.as_ref(), None).await.unwrap();
        assert_eq!(below.0, 403, "{method} {path}: {}", below.1);
    }
    assert_eq!(foreign.get("/integrations").await.unwrap(), json!([]));
    assert_eq!(courier.send("GET", "/integrations", None, None).await.unwrap().0, 403);
    let shown = boss.get("/integrations").await.unwrap().to_string();
    assert!(shown.contains(&sender.integration) && !shown.contains("whsec_"), "{shown}");

    // nobody of another organisation can be named, by login name or as one's own courier
    let mut rows = list::rows(1, 330_000_000);
    rows[0]["courier"] = json!("c1-Other");
    let report = sender.rows("foreign", json!(rows)).await;
    assert_eq!((&report["rejected"], &report["problems"][0]["field"]), (&json!(1), &json!("courier")));
    for (body, field) in [
        (json!({ "name": "x", "courier": "c1-Other" }), "courier"),
        (json!({ "name": "x", "branch": uuid::Uuid::now_v7() }), "branch"),
        (json!({ "name": " " }), "name"),
        (json!({ "name": "x", "secret": "mine" }), "secret"),
        (json!({ "name": "x", "url": "http://waybills.example.com/" }), "url"),
        (json!({ "name": "x", "url": "https://10.0.0.1/" }), "url"),
        (json!({ "name": "x", "url": "https://[::ffff:169.254.169.254]/" }), "url"),
        (json!({ "name": "x", "url": "https://me:secret@waybills.example.com/" }), "url"),
    ] {
        let (status, answer) = boss.send("POST", "/integrations", Some(&body), None).await.unwrap();
        assert_eq!((status, answer["field"].as_str()), (422, Some(field)), "{body}: {answer}");
    }
    let (status, answer) =
        boss.send("POST", "/integrations", Some(&json!({ "name": "waybills" })), None).await.unwrap();
    assert_eq!((status, &answer["code"]), (409, &json!("name_taken")));
}

#[tokio::test]
async fn every_result_is_told_to_whom_it_belongs() {
    let carrier = "[defaults]\nbehaviour = \"press_keys\"\ndelay_ms = 20\nring_ms = 50\ndigits = \"2\"\ndigits_after_ms = 500\n\
                   talk_ms = 3000\n[[callee]]\nnumber = \"+8613340000001\"\nbehaviour = \"busy\"\n\
                   [[callee]]\nnumber = \"+8613340000002\"\nbehaviour = \"reject\"\n";
    let mut day = Day::start(&WorldOptions { carrier: carrier.into(), ..options() }, 6).await;
    // somebody else's system of the same organisation, and one of another, are told nothing
    let other = Receiver::start().await;
    Sender::connect(&day.boss, &day.world.server.url, "other", Some(&other)).await;
    day.told(6).await;
    let last = finals(&day.receiver.taken());
    let pressed = &last["YT0000340000000"];
    assert_eq!(
        (&pressed["mark"], &pressed["keys"], &pressed["final"]),
        (&json!("answered"), &json!("2"), &json!(true))
    );
    assert_eq!(pressed["consents"][0]["preference"], json!("station"), "{pressed}");
    assert_eq!(last["YT0000340000001"]["outcome"], json!("busy"));
    assert_eq!(
        last["YT0000340000001"]["attempts"],
        json!(2),
        "the first one was told with the time of the next"
    );
    let first = day.receiver.taken().into_iter().find(|s| s.data["waybill_no"] == "YT0000340000001").unwrap();
    assert!(first.data["final"] == false && first.data["next_at"].is_i64(), "{first:?}");
    assert_eq!(last["YT0000340000002"]["outcome"], json!("rejected"));
    assert!(other.seen().is_empty());
    assert!(day.receiver.most_at_once.load(std::sync::atomic::Ordering::SeqCst) <= 4);
    day.check(6).await;
}

#[tokio::test]
async fn who_is_left_out_or_undone_is_told_too() {
    let receiver = Receiver::start().await;
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", Some(&receiver)).await;
    // the receiver goes on with the secret that it has: results are signed with both for a while
    boss.post(&format!("/integrations/{}/secret", sender.integration), &json!({})).await.unwrap();
    let mut rows = list::rows(4, 370_000_000);
    rows[1]["phone"] = rows[0]["phone"].clone();
    rows[0]["reference"] = json!("order 7");
    sender.rows("day", json!(rows)).await;
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&[]).await.unwrap();
    let tap = async |parcels: &[String], later: i64| {
        let id = uuid::Uuid::now_v7().to_string();
        let body = json!({
            "id": id, "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() }, "start_at": now_ms() + later
        });
        courier.post("/batches", &body).await.unwrap();
        id
    };
    let soon = tap(&parcels[..3], 3_000).await;
    let late = tap(&parcels[3..], 3_600_000).await;
    let gone: Vec<Value> =
        [0, 2].iter().map(|n| json!({ "waybill_no": rows[*n]["waybill_no"], "withdrawn": true })).collect();
    assert_eq!(sender.rows("withdraw", json!(gone)).await["withdrawn"], json!(2));
    courier.post(&format!("/batches/{late}/undo"), &json!({})).await.unwrap();
    until("the last word about each parcel", || finals(&receiver.taken()).len() == 4).await;
    assert!(receiver.seen().iter().all(|s| s.good), "{:?}", receiver.seen());
    let last = finals(&receiver.taken());
    let told = |n: usize| {
        let one = &last[rows[n]["waybill_no"].as_str().unwrap()];
        (one["state"].as_str().unwrap(), one["mark"].as_str().unwrap(), one["suppressed"].as_str())
    };
    assert_eq!(told(0), ("suppressed", "not_called", Some("withdrawn")));
    assert_eq!(told(1), ("done", "answered", None));
    assert_eq!(told(2), ("suppressed", "not_called", Some("withdrawn")));
    assert_eq!(told(3), ("cancelled", "not_called", None));
    assert_eq!(last["YT0000370000001"]["batch"], json!(soon));
    let campaign = Campaign { world, courier, batches: vec![soon, late] };
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_before_or_after_a_push_forgets_nothing() {
    for place in
        ["webhook.due:1", "webhook.due:3", "webhook.answered:1", "webhook.answered:4", "round.after_commit:4"]
    {
        let mut day = Day::start(&WorldOptions { crash: Some(place.into()), ..options() }, 5).await;
        day.told(5).await;
        assert_eq!(day.deaths, 1, "{place}");
        if place.starts_with("webhook.answered") {
            // the answer was lost: the same delivery came again
            let ids: Vec<String> = day.receiver.seen().into_iter().map(|s| s.id).collect();
            assert!(ids.len() > ids.iter().collect::<BTreeSet<_>>().len(), "{place}: {ids:?}");
        }
        day.check(5).await;
    }
}

#[tokio::test]
async fn a_kill_while_the_receiver_thinks() {
    let mut day = Day::start(&options(), 5).await;
    // from a moment in which nothing is under way any more
    day.told(5).await;
    day.receiver.answer(SILENT);
    let before = day.receiver.seen().len();
    day.sender.rows("more", json!(list::rows(3, 341_000_000))).await;
    let more: Vec<String> = day.courier.import(&[]).await.unwrap();
    day.campaign.extend(day.courier.notify(&more).await.unwrap());
    let receiver = &day.receiver;
    until("a push", || receiver.seen().len() > before).await;
    let asked = day.receiver.seen().last().unwrap().id.clone();
    day.world.kill().unwrap();
    day.receiver.answer(204);
    day.world.server.start().unwrap();
    day.told(8).await;
    assert!(day.receiver.taken().iter().any(|s| s.id == asked), "the one that was not answered came again");
    day.check(8).await;
}

#[tokio::test]
async fn a_receiver_that_is_down_or_unwell_misses_nothing() {
    let mut day = Day::start(&options(), 5).await;
    day.receiver.go_down().await;
    let courier = day.courier.clone();
    let campaign = Campaign { world: day.world, courier: courier.clone(), batches: day.campaign };
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    (day.world, day.campaign) = (campaign.world, campaign.batches);
    day.receiver.answer(500);
    day.receiver.come_up().await;
    let receiver = &day.receiver;
    let refused = receiver.seen().len();
    until("a refused push", || receiver.seen().len() > refused + 1).await;
    // a redirect is not followed, and is no success
    receiver.answer(302);
    let refused = receiver.seen().len();
    until("a redirected push", || receiver.seen().len() > refused).await;
    receiver.answer(200);
    day.told(5).await;
    day.check(5).await;
}

#[tokio::test]
async fn one_that_wants_no_more_is_left_alone_until_somebody_says_so() {
    let receiver = Receiver::start().await;
    receiver.answer(410);
    let mut world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let sender = Sender::connect(&boss, &world.server.url, "waybills", Some(&receiver)).await;
    sender.rows("day", json!(list::rows(6, 360_000_000))).await;
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&[]).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    world = campaign.world;
    let path = format!("/integrations/{}", sender.integration);
    let mut paused = Value::Null;
    for _ in 0..500 {
        paused = boss.get("/integrations").await.unwrap()[0].clone();
        if paused["paused"] == "gone" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&paused["paused"], &paused["pending"]), (&json!("gone"), &json!(6)), "{paused}");
    assert!(receiver.seen().len() <= 4, "those under way, and no more");

    // given up after a day: listed with the reason, and sent again with the same id
    world.server.stop(Duration::from_secs(20)).unwrap();
    let ids = {
        let db = &world.database;
        db.sql("UPDATE webhook_delivery SET state = 'dead', problem = 'no connection'").unwrap();
        let audited = format!(
            "SELECT COUNT(DISTINCT action) FROM audit WHERE subject = '{}' \
             AND action IN ('create_integration', 'pause_integration')",
            sender.integration
        );
        assert_eq!(db.number(&audited).unwrap(), 2);
        db.sql("SELECT id FROM webhook_delivery ORDER BY id").unwrap()
    };
    world.server.start().unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    receiver.answer(200);
    boss.ask("PATCH", &path, Some(&json!({ "paused": false }))).await.unwrap();
    let dead = boss.get(&format!("{path}/deliveries?state=dead")).await.unwrap();
    assert_eq!(dead.as_array().unwrap().len(), 6);
    assert!(
        dead.as_array().unwrap().iter().all(|d| d["problem"] == "no connection" && d.get("body").is_none())
    );
    let (status, _) = boss
        .send("POST", &format!("{path}/resend"), Some(&json!({ "deliveries": ["nothing"] })), None)
        .await
        .unwrap();
    assert_eq!(status, 404);
    let one = boss.post(&format!("{path}/resend"), &json!({ "deliveries": [ids[0]] })).await.unwrap();
    assert_eq!(one, json!({ "deliveries": 1 }));
    until("the one", || receiver.taken().iter().any(|s| s.id == ids[0])).await;
    assert_eq!(receiver.taken().len(), 1);
    let rest = boss.post(&format!("{path}/resend"), &json!({})).await.unwrap();
    assert_eq!(rest, json!({ "deliveries": 5 }));
    until("all of them", || receiver.taken().len() == 6).await;
    let taken: BTreeSet<String> = receiver.taken().into_iter().map(|s| s.id).collect();
    assert_eq!(taken, ids.into_iter().collect());
    assert_eq!(finals(&receiver.taken()).len(), 6);
}
