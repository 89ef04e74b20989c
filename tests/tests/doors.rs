//! What a courier does at doors, against the real server: taken once whatever dies or comes twice, judged again where two
//! are at it, undone within 30 s, handed over, told to those whom it concerns; and stops put right by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "doors/kills.rs"]
mod kills;
#[path = "doors/phones.rs"]
mod phones;
#[allow(dead_code, reason = "the test program `hooks` uses the rest of it")]
#[path = "hooks/receiver.rs"]
mod receiver;

use receiver::{Receiver, Sender};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::{EVERYBODY_CONSENTS, World, WorldOptions, list};

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn deed(id: &str, parcels: &[String], deed: Value) -> Value {
    json!({ "id": id, "parcels": parcels, "deed": deed, "acted_at": { "wall": now_ms() } })
}

fn sign() -> Value {
    json!({ "what": "sign", "by": "neighbour" })
}

async fn send(api: &Api, path: &str, body: &Value) -> (u16, Value) {
    api.send("POST", path, Some(body), None).await.unwrap()
}

/// State and deed of the parcels, in the courier's order.
async fn states(api: &Api) -> Vec<String> {
    let page = api.get("/parcels?limit=1000").await.unwrap();
    let mut rows = page.as_array().unwrap().clone();
    rows.sort_by_key(|p| p["sequence"].as_i64());
    rows.iter().map(|p| p["state"].as_str().unwrap().to_owned()).collect()
}

async fn start(parcels: usize) -> (World, Api, Vec<String>) {
    let options = WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() };
    let world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let ids = courier.import(&list::rows(parcels, 870_000_000)).await.unwrap();
    (world, courier, ids)
}

#[tokio::test]
async fn a_deed_has_one_effect_however_it_comes() {
    let (_world, courier, ids) = start(3).await;
    let first = id();
    let body = deed(&first, &ids, sign());
    let (a, b) = tokio::join!(
        courier.send("POST", "/parcels/deeds", Some(&body), Some(&first)),
        courier.send("POST", "/parcels/deeds", Some(&body), Some(&first))
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.0, &a.1), (200, &b.1), "the same answer");
    // the id alone keeps it from being done twice, without a key and with another body
    let (status, again) =
        send(&courier, "/parcels/deeds", &deed(&first, &ids, json!({ "what": "return" }))).await;
    assert_eq!((status, &again["parcels"]), (200, &a.1["parcels"]));
    assert_eq!(courier.get("/parcels/deeds").await.unwrap().as_array().unwrap().len(), 1);
    assert_eq!(states(&courier).await, ["signed"; 3]);

    // undone, and the deed that comes again changes nothing
    let undo = json!({ "id": first, "after_ms": 900, "acted_at": { "wall": now_ms() } });
    let (status, undone) = send(&courier, "/parcels/deeds/undo", &undo).await;
    assert_eq!((status, &undone["undone"]), (200, &json!(true)), "{undone}");
    let (status, late) = send(&courier, "/parcels/deeds", &body).await;
    assert_eq!((status, &late["undone"]), (200, &json!(true)));
    assert_eq!(send(&courier, "/parcels/deeds/undo", &undo).await.0, 200);
    assert_eq!(states(&courier).await, ["out_for_delivery"; 3]);
    let log = courier.get("/parcels/deeds").await.unwrap();
    assert!(log[0]["undone_at"].is_i64() && log[0]["waybills"].as_array().unwrap().len() == 3, "{log}");

    // the undo is there before its deed
    let second = id();
    let undo = json!({ "id": second, "after_ms": 5, "acted_at": { "wall": now_ms() } });
    assert_eq!(send(&courier, "/parcels/deeds/undo", &undo).await.0, 200);
    let (status, late) = send(&courier, "/parcels/deeds", &deed(&second, &ids, sign())).await;
    assert_eq!((status, &late["undone"]), (200, &json!(true)));
    assert_eq!(states(&courier).await, ["out_for_delivery"; 3]);
}

#[tokio::test]
async fn two_phones_at_once_and_the_loser_is_told() {
    let (world, one, ids) = start(8).await;
    let two = world.sign_in("c1").await.unwrap();
    for parcel in &ids {
        let only = std::slice::from_ref(parcel);
        let (a, b) = (deed(&id(), only, sign()), deed(&id(), only, json!({ "what": "return" })));
        let (a, b) = tokio::join!(send(&one, "/parcels/deeds", &a), send(&two, "/parcels/deeds", &b));
        let (won, lost) = if a.0 == 200 { (a, b) } else { (b, a) };
        assert_eq!((won.0, lost.0, &lost.1["code"]), (200, 409, &json!("already_done")), "{won:?} {lost:?}");
        assert!(lost.1["message"].as_str().unwrap().contains("is done with already"), "{lost:?}");
    }
    // where the table allows both, the later arrival counts, and nothing is lost
    let (world, one, ids) = start(2).await;
    let two = world.sign_in("c1").await.unwrap();
    let nobody = json!({ "what": "exception", "reason": "nobody_home" });
    let earlier = id();
    assert_eq!(send(&one, "/parcels/deeds", &deed(&earlier, &ids, nobody)).await.0, 200);
    assert_eq!(send(&two, "/parcels/deeds", &deed(&id(), &ids[..1], sign())).await.0, 200);
    assert_eq!(states(&one).await, ["signed", "exception"]);
    // the undo of the earlier one is for what it still holds
    let undo = json!({ "id": earlier, "after_ms": 5, "acted_at": { "wall": now_ms() } });
    let (status, undone) = send(&one, "/parcels/deeds/undo", &undo).await;
    assert_eq!((status, &undone["refused"][0]["reason"]), (200, &json!("changed")), "{undone}");
    assert_eq!(states(&one).await, ["signed", "out_for_delivery"]);
    assert_eq!(one.get("/parcels/deeds").await.unwrap().as_array().unwrap().len(), 2);
    // a courier's word does not open again what a deed has ended: the parcel is given back as it was
    let planned = json!({ "parcels": ids, "state": "planned" });
    let (status, told) = send(&one, "/parcels/state", &planned).await;
    assert_eq!((status, &told[0]["state"], &told[1]["state"]), (200, &json!("signed"), &json!("planned")));
    let (status, told) =
        send(&one, "/parcels/state", &json!({ "parcels": ids[..1], "state": "planned" })).await;
    assert_eq!((status, &told["code"]), (409, &json!("already_done")), "{told}");
    // nor does it leave anything at a station without consent
    let left = json!({ "parcels": ids[1..], "state": "at_station" });
    assert_eq!(send(&one, "/parcels/state", &left).await.1["code"], "no_consent");
    // of a deed that holds nothing any more, as a supervisor has corrected it, the undo is refused
    let boss = world.sign_in("boss").await.unwrap();
    assert_eq!(send(&boss, "/parcels/state", &planned).await.0, 200);
    assert_eq!(states(&one).await, ["planned"; 2]);
    let last = one.get("/parcels/deeds").await.unwrap()[0]["id"].as_str().unwrap().to_owned();
    let undo = json!({ "id": last, "after_ms": 5, "acted_at": { "wall": now_ms() } });
    assert_eq!(send(&one, "/parcels/deeds/undo", &undo).await.1["code"], json!("changed"));
}

#[tokio::test]
async fn strangers_and_colleagues_find_nothing() {
    let (world, courier, ids) = start(2).await;
    let done = id();
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&done, &ids[..1], sign())).await.0, 200);
    for login in ["c2", "c1-Other", "boss-Other"] {
        let other = world.sign_in(login).await.unwrap();
        assert_eq!(send(&other, "/parcels/deeds", &deed(&id(), &ids, sign())).await.0, 404, "{login}");
        // neither the parcels' deed nor its id
        assert_eq!(send(&other, "/parcels/deeds", &deed(&done, &ids, sign())).await.0, 404, "{login}");
        let undo = json!({ "id": done, "after_ms": 5, "acted_at": { "wall": now_ms() } });
        assert_eq!(send(&other, "/parcels/deeds/undo", &undo).await.0, 404, "{login}");
        let give = json!({ "to": login, "parcels": [ids[1]] });
        assert_eq!(send(&other, "/parcels/hand-over", &give).await.0, 404, "{login}");
        assert_eq!(other.get("/parcels/deeds").await.unwrap(), json!([]), "{login}");
    }
    let give = json!({ "to": "c1-Other", "parcels": [ids[1]] });
    let (status, answer) = send(&courier, "/parcels/hand-over", &give).await;
    assert_eq!((status, &answer["field"]), (404, &json!("to")));
    assert_eq!(states(&courier).await, ["signed", "out_for_delivery"]);
    // whoever is over them sees who did what
    let boss = world.sign_in("boss").await.unwrap();
    let log = boss.get("/parcels/deeds").await.unwrap();
    assert_eq!((log[0]["name"].as_str(), log[0]["deed"]["by"].as_str()), (Some("c1"), Some("neighbour")));
}

#[tokio::test]
async fn late_requests_cannot_cheat_with_the_clock() {
    let (_world, courier, ids) = start(4).await;
    let sent = |body: Value, age: Option<i64>| {
        let mut request = courier.request("POST", "/parcels/deeds").json(&body);
        if let Some(age) = age {
            request = request.header("x-waybell-age-ms", age.to_string());
        }
        request.send()
    };
    // three hours ago by the boot clock, while the wall clock says yesterday
    let mut body = deed(&id(), &ids[..1], sign());
    body["acted_at"]["wall"] = json!(now_ms() - 86_400_000);
    let answer: Value = sent(body, Some(3 * 3_600_000)).await.unwrap().json().await.unwrap();
    let door = &answer["parcels"][0]["door"];
    let at = door["at"].as_i64().unwrap();
    assert!((now_ms() - 3 * 3_600_000 - at).abs() < 60_000, "{door}");
    assert!(door["by_wall_clock"].is_null(), "{door}");
    // after a restart only the wall clock is left, and no future is believed
    let mut body = deed(&id(), &ids[1..2], sign());
    body["acted_at"]["wall"] = json!(now_ms() + 86_400_000);
    let answer: Value = sent(body, None).await.unwrap().json().await.unwrap();
    let door = &answer["parcels"][0]["door"];
    assert!(door["at"].as_i64().unwrap() <= now_ms() && door["by_wall_clock"] == json!(true), "{door}");
    let log = courier.get("/parcels/deeds").await.unwrap();
    assert!(log[0]["wall"].as_i64().unwrap() > now_ms() + 86_000_000, "what the phone showed is kept");
    let story = courier.get("/parcels/YT0000870000000/why").await.unwrap().to_string();
    assert!(story.contains("corrected") && story.contains("已校正"), "{story}");

    // 30 s: what the phone says, and what the times say
    let late = id();
    assert_eq!(sent(deed(&late, &ids[2..3], sign()), Some(7_200_000)).await.unwrap().status(), 200);
    let undo = |after: u32| json!({ "id": late, "after_ms": after, "acted_at": { "wall": now_ms() } });
    for after in [30_001, 20_000] {
        let (status, answer) = send(&courier, "/parcels/deeds/undo", &undo(after)).await;
        assert_eq!((status, &answer["code"]), (409, &json!("too_late")), "{after}");
    }
    let request = courier.request("POST", "/parcels/deeds/undo").json(&undo(20_000));
    let honest = request.header("x-waybell-age-ms", "7180000").send().await.unwrap();
    assert_eq!(honest.status(), 200, "both were offline for two hours");
}

#[tokio::test]
async fn nothing_is_left_without_consent_and_a_key_is_consent() {
    let options = WorldOptions { carrier: EVERYBODY_CONSENTS.into(), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 2).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    let Campaign { world, courier, .. } = campaign;
    // two who pressed 2, two who were not asked
    let page = courier.get("/parcels").await.unwrap();
    let of = |v: &Value| v.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    let asked: Vec<String> = of(&page);
    courier.post("/parcels/import", &json!({ "rows": list::rows(2, 880_000_000) })).await.unwrap();
    let all: BTreeSet<String> = BTreeSet::from_iter(of(&courier.get("/parcels").await.unwrap()));
    let others: Vec<String> = all.into_iter().filter(|p| !asked.contains(p)).collect();

    let station = json!({ "what": "station", "place": "菜鸟驿站", "code": "3-2-1" });
    let mut mixed = asked.clone();
    mixed.extend(others.clone());
    let (status, answer) = send(&courier, "/parcels/deeds", &deed(&id(), &mixed, station.clone())).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["parcels"].as_array().unwrap().len(), 2);
    let refused = answer["refused"].as_array().unwrap();
    assert!(refused.len() == 2 && refused.iter().all(|r| r["reason"] == json!("no_consent")), "{answer}");
    let (status, answer) = send(&courier, "/parcels/deeds", &deed(&id(), &others, station)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("no_consent")));
    assert!(answer["hint"].as_str().unwrap().contains("ask the recipient"), "{answer}");
    let door = json!({ "what": "door" });
    let (status, _) = send(&courier, "/parcels/deeds", &deed(&id(), &asked, door.clone())).await;
    assert_eq!(status, 409, "key 2 is no consent to leave it at the door");
    let mut agreed = door;
    agreed["consent"] = json!({ "source": "phone", "note": "放鞋柜" });
    let (status, _) = send(&courier, "/parcels/deeds", &deed(&id(), &others, agreed)).await;
    assert_eq!(status, 200);

    // it is told in the parcel's life
    let shown = courier.get("/parcels").await.unwrap();
    let find = |id: &String| {
        let all = shown.as_array().unwrap();
        all.iter().find(|p| p["id"] == json!(id)).unwrap()["waybill_no"].as_str().unwrap().to_owned()
    };
    let story = courier.get(&format!("/parcels/{}/why", find(&others[0]))).await.unwrap().to_string();
    assert!(
        story.contains("left at the door, agreed by telephone") && story.contains("已征得同意（电话）"),
        "{story}"
    );
    let story = courier.get(&format!("/parcels/{}/why", find(&asked[0]))).await.unwrap().to_string();
    assert!(story.contains("left at a station (菜鸟驿站, code 3-2-1)"), "{story}");
    drop(world);
}

#[tokio::test]
async fn a_photo_is_wanted_where_the_rules_say() {
    let (world, courier, ids) = start(2).await;
    let boss = world.sign_in("boss").await.unwrap();
    let rules = json!({ "proof": [{ "deed": "exception", "level": "required" }, { "deed": "sign", "level": "off" }] });
    assert_eq!(boss.send("PATCH", "/policy", Some(&rules), None).await.unwrap().0, 200);
    let damaged = json!({ "what": "exception", "reason": "damaged" });
    let mut body = deed(&id(), &ids[..1], damaged);
    assert_eq!(send(&courier, "/parcels/deeds", &body).await.1["code"], json!("no_photo"));
    body["proof"] = json!([{ "sha256": "zz", "reference": "1.jpg" }]);
    assert_eq!(send(&courier, "/parcels/deeds", &body).await.0, 422);
    body["proof"] = json!([{ "sha256": "0a".repeat(32), "reference": "1.jpg" }]);
    let (status, answer) = send(&courier, "/parcels/deeds", &body).await;
    assert_eq!((status, &answer["parcels"][0]["door"]["proof"][0]["reference"]), (200, &json!("1.jpg")));
    let mut body = deed(&id(), &ids[1..], sign());
    body["proof"] = json!([{ "sha256": "0a".repeat(32) }]);
    let (status, answer) = send(&courier, "/parcels/deeds", &body).await;
    assert!(status == 200 && answer["parcels"][0]["door"]["proof"].is_null(), "not kept: {answer}");
}

#[tokio::test]
async fn bad_records_are_named_and_change_nothing() {
    let (_world, courier, ids) = start(1).await;
    for (what, field) in [
        (json!({ "what": "sign", "by": "other" }), "name"),
        (json!({ "what": "sign", "cash": { "minor": -5, "currency": "CNY" } }), "cash"),
        (json!({ "what": "station", "place": " " }), "place"),
        (json!({ "what": "exception", "reason": "postponed" }), "until"),
        (json!({ "what": "exception", "reason": "other" }), "note"),
        (json!({ "what": "pick_up", "weight_g": 0 }), "weight_g"),
        (json!({ "what": "return", "note": "长".repeat(501) }), "note"),
    ] {
        let (status, answer) = send(&courier, "/parcels/deeds", &deed(&id(), &ids, what.clone())).await;
        assert_eq!((status, &answer["field"]), (422, &json!(field)), "{what}: {answer}");
        assert!(answer["hint"].is_string(), "{answer}");
    }
    for what in
        [json!({ "what": "eaten" }), json!({}), json!(null), json!({ "what": "sign", "by": "nobody" })]
    {
        assert_eq!(send(&courier, "/parcels/deeds", &deed(&id(), &ids, what)).await.0, 422);
    }
    let (status, answer) =
        send(&courier, "/parcels/deeds", &deed(&id(), &ids, json!({ "what": "pick_up" }))).await;
    assert_eq!((status, &answer["code"]), (409, &json!("other_task")));
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&id(), &[], sign())).await.0, 422);
    let keys = json!({ "id": id(), "kind": "merge", "keys": ["x"], "acted_at": { "wall": 0 } });
    assert_eq!(send(&courier, "/stops/rules", &keys).await.1["field"], json!("keys"));
    assert_eq!(courier.get("/parcels/deeds").await.unwrap(), json!([]));
    assert_eq!(states(&courier).await, ["out_for_delivery"]);
}

#[tokio::test]
async fn who_is_done_with_is_not_rung() {
    let world = World::start(&WorldOptions { rate: (1, 1), ..WorldOptions::default() }).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(6, 800_000_000)).await.unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    boss.post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    // the tap is there, nobody rings yet: three are done with meanwhile, and one of them is not after all
    let signed = id();
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&signed, &parcels[2..3], sign())).await.0, 200);
    let locker = json!({ "what": "locker", "place": "丰巢", "consent": { "source": "in_person" } });
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&id(), &parcels[3..4], locker)).await.0, 200);
    let back = json!({ "what": "return" });
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&id(), &parcels[4..5], back)).await.0, 200);
    let undo = json!({ "id": signed, "after_ms": 5, "acted_at": { "wall": now_ms() } });
    assert_eq!(send(&courier, "/parcels/deeds/undo", &undo).await.0, 200);
    boss.post("/stop-all", &json!({ "stopped": false })).await.unwrap();
    let mut campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let rung: BTreeSet<String> = events
        .into_iter()
        .filter(|e| e.event == "alerted")
        .filter_map(|e| e.callee)
        .map(|number| number[number.len() - 1..].to_owned())
        .collect();
    assert_eq!(rung.iter().map(String::as_str).collect::<Vec<_>>(), ["0", "1", "2", "5"]);
    assert_eq!(campaign.world.judge().await.unwrap().violations.len(), 0);
}

#[tokio::test]
async fn a_waybill_system_is_told() {
    let options = WorldOptions {
        server: "[webhooks]\nallowed_networks = [\"127.0.0.0/8\"]\n".into(),
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let receiver = Receiver::start().await;
    let sender = Sender::connect(&boss, &world.server.url, "waybills", Some(&receiver)).await;
    let mut rows = list::rows(2, 330_000_000);
    for row in &mut rows {
        row["courier"] = json!("c1");
        row["reference"] = json!("R-1");
    }
    assert_eq!(sender.send("day", &json!({ "rows": rows })).await.0, 200);
    let courier = world.sign_in("c1").await.unwrap();
    // one that came by hand: nobody is told of it
    courier.post("/parcels/import", &json!({ "rows": list::rows(1, 340_000_000) })).await.unwrap();
    let all = courier.get("/parcels").await.unwrap();
    let ids: Vec<String> =
        all.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    let cash = json!({ "what": "sign", "by": "other", "name": "王芳", "cash": { "minor": 9900, "currency": "CNY" } });
    let signed = id();
    assert_eq!(send(&courier, "/parcels/deeds", &deed(&signed, &ids, cash)).await.0, 200);
    let undo = json!({ "id": signed, "after_ms": 5, "acted_at": { "wall": now_ms() } });
    assert_eq!(send(&courier, "/parcels/deeds/undo", &undo).await.0, 200);
    receiver::until("four deliveries", || receiver.seen().len() == 4).await;
    let seen = receiver.seen();
    assert!(seen.iter().all(|s| s.good && s.bytes.contains("\"type\":\"parcel.deed\"")), "signed");
    for waybill in ["YT0000330000000", "YT0000330000001"] {
        let of: Vec<&Value> =
            seen.iter().map(|s| &s.data).filter(|d| d["waybill_no"] == json!(waybill)).collect();
        assert_eq!(of.len(), 2, "{of:?}");
        let (first, second) = (of[0], of[1]);
        assert_eq!(first["state"], json!("signed"));
        assert_eq!((&first["name"], &first["cash_minor"]), (&json!("王芳"), &json!(9900)));
        assert_eq!((&first["reference"], &first["undone"]), (&json!("R-1"), &json!(false)));
        assert_eq!((&second["state"], &second["undone"]), (&json!("out_for_delivery"), &json!(true)));
        assert!(second["seq"].as_i64() > first["seq"].as_i64());
    }
}
