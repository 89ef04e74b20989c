//! One person rings once, whoever taps, however often; and what the person does is kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_carrier::truth::TruthEvent;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::world::{DISPLAY, quick_policy};
use waybell_tests::{World, WorldOptions, list};

fn alerts(world: &World) -> HashMap<String, Vec<u64>> {
    let mut out: HashMap<String, Vec<u64>> = HashMap::new();
    for event in world.events().unwrap().into_iter().filter(|e| e.event == "alerted") {
        out.entry(event.callee.unwrap_or_default()).or_default().push(event.at_ms);
    }
    out
}

fn tap(parcels: &[String]) -> Value {
    json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() } })
}

async fn why(api: &Api, waybill: &str) -> String {
    api.get(&format!("/parcels/{waybill}/why")).await.unwrap().to_string()
}

/// The text messages handed over, by number.
fn texts(world: &World) -> HashMap<String, Vec<String>> {
    let mut out: HashMap<String, Vec<String>> = HashMap::new();
    let folder: &Path = &world.folder.path().join("data/outbox");
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.path().extension().is_some_and(|e| e == "json") {
            let text: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
            let to = text["to"].as_str().unwrap().to_owned();
            out.entry(to).or_default().push(text["text"].as_str().unwrap().to_owned());
        }
    }
    out
}

async fn until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn two_phones_two_imports_one_list() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (one, two) = (world.sign_in("c1").await.unwrap(), world.sign_in("c1").await.unwrap());
    let rows = list::rows(30, 800_000_000);
    let body = json!({ "rows": rows });
    let (a, b) = tokio::join!(one.post("/parcels/import", &body), two.post("/parcels/import", &body));
    let (a, b) = (a.unwrap(), b.unwrap());
    let sum = |field: &str| a[field].as_u64().unwrap() + b[field].as_u64().unwrap();
    assert_eq!((sum("created"), sum("unchanged"), sum("updated")), (30, 30, 0));
    let parcels = one.import(&rows).await.unwrap();
    assert_eq!(parcels.len(), 30);
    // both tap at once, twice each, and each request arrives three times
    let mut requests = Vec::new();
    let mut batches = Vec::new();
    for phone in [&one, &two, &one, &two] {
        let body = tap(&parcels);
        let key = body["id"].as_str().unwrap().to_owned();
        batches.push(key.clone());
        for _ in 0..3 {
            let (phone, body, key) = (phone.clone(), body.clone(), key.clone());
            requests.push(tokio::spawn(async move {
                phone.send("POST", "/batches", Some(&body), Some(&key)).await.unwrap()
            }));
        }
    }
    let mut answers: HashMap<String, Vec<(u16, Value)>> = HashMap::new();
    for request in requests {
        let (status, body) = request.await.unwrap();
        assert_eq!(status, 201, "{body}");
        answers.entry(body["id"].as_str().unwrap().to_owned()).or_default().push((status, body));
    }
    assert_eq!(answers.len(), 4);
    assert!(
        answers.values().all(|same| same.len() == 3 && same.iter().all(|a| *a == same[0])),
        "{answers:?}"
    );
    let rings: u64 = answers.values().map(|a| a[0].1["counts"]["recipients"].as_u64().unwrap()).sum();
    assert_eq!(rings, 30, "one batch rings, the others know of it");
    let campaign = Campaign { world, courier: one, batches };
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    let alerted = alerts(&campaign.world);
    assert!(alerted.len() == 30 && alerted.values().all(|a| a.len() == 1), "{alerted:?}");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn two_couriers_one_person() {
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 600\ntalk_ms = 600\n".into(),
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let (one, two) = (world.sign_in("c1").await.unwrap(), world.sign_in("c2").await.unwrap());
    let mut theirs = list::rows(5, 810_000_000);
    for (row, first) in theirs.iter_mut().zip(list::rows(5, 800_000_000)) {
        row["phone"] = first["phone"].clone();
    }
    let a = one.import(&list::rows(5, 800_000_000)).await.unwrap();
    let b = two.import(&theirs).await.unwrap();
    let (first, second) = tokio::join!(one.notify(&a), two.notify(&b));
    let mut first = Campaign { world, courier: one, batches: first.unwrap() };
    first.finish(Duration::from_secs(20)).await.unwrap();
    let second = Campaign { world: first.world, courier: two, batches: second.unwrap() };
    second.finish(Duration::from_secs(20)).await.unwrap();
    let alerted = alerts(&second.world);
    assert_eq!(alerted.len(), 5);
    for at in alerted.values() {
        assert_eq!(at.len(), 1, "one person, one notice, one ring: {alerted:?}");
    }
    // each parcel was spoken of, or says why not
    for (api, rows) in [(&first.courier, list::rows(5, 800_000_000)), (&second.courier, theirs)] {
        for row in rows {
            let story = why(api, row["waybill_no"].as_str().unwrap()).await;
            assert!(story.contains("\"answered\"") || story.contains("\"suppressed\""), "{story}");
        }
    }
    first.world = second.world;
    first.verdict().await.unwrap();
}

#[tokio::test]
async fn what_changes_between_tap_and_call_is_seen() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(4, 800_000_000)).await.unwrap();
    let mut body = tap(&parcels);
    body["start_at"] = json!(now_ms() + 1_200);
    courier.post("/batches", &body).await.unwrap();
    courier.post("/parcels/state", &json!({ "parcels": [parcels[0]], "state": "signed" })).await.unwrap();
    let answer =
        courier.request("PUT", "/opt-outs").json(&json!({ "phone": "138 0000 0001" })).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    let mut moved = list::rows(3, 800_000_000);
    moved[2]["phone"] = json!("13800000999");
    courier.post("/parcels/import", &json!({ "rows": [moved[2]] })).await.unwrap();
    let batches = vec![body["id"].as_str().unwrap().to_owned()];
    let campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let alerted = alerts(&campaign.world);
    assert_eq!(alerted.keys().collect::<Vec<_>>(), ["+8613800000003"]);
    for (waybill, reason) in [
        ("YT0000800000000", "delivered"),
        ("YT0000800000001", "opted out"),
        ("YT0000800000002", "wrong number"),
    ] {
        let story = why(&campaign.courier, waybill).await;
        assert!(story.contains("\"suppressed\"") && story.contains(reason), "{story}");
    }
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_corrected_number_leaves_the_ring_it_shared_and_can_be_rung() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let mut rows = list::rows(3, 800_000_000);
    for at in [1, 2] {
        rows[at]["phone"] = rows[0]["phone"].clone();
    }
    let parcels = courier.import(&rows).await.unwrap();
    let mut body = tap(&parcels);
    body["start_at"] = json!(now_ms() + 1_200);
    let batch = courier.post("/batches", &body).await.unwrap();
    rows[1]["phone"] = json!("13800000998");
    courier.post("/parcels/import", &json!({ "rows": [rows[1]] })).await.unwrap();
    courier.post("/parcels/state", &json!({ "parcels": [parcels[2]], "state": "signed" })).await.unwrap();
    let id = batch["id"].as_str().unwrap().to_owned();
    let mut campaign = Campaign { world, courier, batches: vec![id.clone()] };
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    assert_eq!(alerts(&campaign.world).keys().collect::<Vec<_>>(), ["+8613800000000"]);
    let people = campaign.courier.get(&format!("/batches/{id}/recipients")).await.unwrap();
    assert_eq!(people[0]["parcels"], json!([parcels[0]]), "{people}");
    for (at, reason) in [(1, "wrong number"), (2, "delivered")] {
        let story = why(&campaign.courier, rows[at]["waybill_no"].as_str().unwrap()).await;
        assert!(story.contains("\"suppressed\"") && story.contains(reason), "{story}");
    }
    // it was not spoken of, and is nobody's: the next tap rings the right person
    campaign.batches = campaign.courier.notify(&parcels[1..2]).await.unwrap();
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let alerted: BTreeMap<String, Vec<u64>> = alerts(&campaign.world).into_iter().collect();
    assert_eq!(alerted.keys().collect::<Vec<_>>(), ["+8613800000000", "+8613800000998"]);
    assert!(alerted.values().all(|at| at.len() == 1), "{alerted:?}");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_parcel_that_went_to_a_colleague_keeps_nobody_else_from_being_rung() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (one, two) = (world.sign_in("c1").await.unwrap(), world.sign_in("c2").await.unwrap());
    let parcels = one.import(&list::rows(3, 800_000_000)).await.unwrap();
    two.import(&list::rows(1, 800_000_000)).await.unwrap();
    let batches = one.notify(&parcels).await.unwrap();
    let campaign = Campaign { world, courier: one, batches };
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let alerted: BTreeSet<String> = alerts(&campaign.world).into_keys().collect();
    assert_eq!(alerted.iter().collect::<Vec<_>>(), ["+8613800000001", "+8613800000002"]);
    let alone = tap(&parcels[..1]);
    let (status, _) = campaign.courier.send("POST", "/batches", Some(&alone), None).await.unwrap();
    assert_eq!(status, 404, "nothing of it is his");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn an_extension_is_keyed_after_the_menu_answers() {
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 50\nuntil_end = true\n".into(),
        server: "call_seconds = 9\n".into(),
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let mut rows = list::rows(1, 800_000_000);
    rows[0]["phone"] = json!("13800001111转123");
    let parcels = courier.import(&rows).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(25)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let keyed: String =
        events.iter().filter(|e| e.event == "digits_heard").filter_map(|e| e.digits.clone()).collect();
    assert_eq!(keyed, "123#", "{events:#?}");
    assert!(
        events.iter().filter(|e| e.event == "invite").all(|e| e.callee.as_deref() == Some("+8613800001111"))
    );
    let people = campaign.courier.get(&format!("/batches/{}/recipients", campaign.batches[0])).await.unwrap();
    assert_eq!(
        (&people[0]["phone"], &people[0]["mark"]),
        (&json!("+8613800001111;ext=123"), &json!("answered")),
        "{people}"
    );
    campaign.verdict().await.unwrap();
}

/// Keys by number: 0 rings 2, 1 rings 9, 2 rings 0; the courier's own phone answers.
const KEYS: &str = r#"
[defaults]
behaviour = "press_keys"
delay_ms = 20
ring_ms = 50
digits_after_ms = 800
talk_ms = 4000
audio = "tone"
[[callee]]
number = "+8613800000000"
digits = "2"
[[callee]]
number = "+8613800000001"
digits = "9"
[[callee]]
number = "+8613800000002"
digits = "0"
talk_ms = 6000
[[callee]]
number = "+8613900000001"
behaviour = "answer"
talk_ms = 1500
"#;

#[tokio::test]
async fn keys_are_consent_a_text_message_or_the_courier() {
    let options = WorldOptions { carrier: KEYS.into(), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 3).await.unwrap();
    campaign.finish(Duration::from_secs(25)).await.unwrap();
    let courier = &campaign.courier;
    let consents = courier.get("/consents").await.unwrap();
    let kept: HashMap<&str, &str> = consents
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["key"].as_str().unwrap(), c["preference"].as_str().unwrap()))
        .collect();
    assert_eq!((kept.get("2"), kept.get("9")), (Some(&"station"), Some(&"text_message")), "{consents}");
    let page = courier.get("/sync").await.unwrap();
    let parcels = page["parcels"].as_array().unwrap();
    let parcel = |no: &str| parcels.iter().find(|p| p["waybill_no"] == no).unwrap();
    assert_eq!(parcel("YT0000800000000")["preference"], "station");
    assert!(why(courier, "YT0000800000000").await.contains("kept as consent"));
    until("the text message", 5, || texts(&campaign.world).contains_key("+8613800000001")).await;
    assert_eq!(texts(&campaign.world)["+8613800000001"].len(), 1);

    let events = campaign.world.events().unwrap();
    let of = |callee: &str| -> Vec<TruthEvent> {
        events.iter().filter(|e| e.callee.as_deref() == Some(callee)).cloned().collect()
    };
    let own = of("+8613900000001");
    assert!(own.iter().any(|e| e.event == "answered"), "the courier's own phone rings: {own:#?}");
    let heard = own.iter().find_map(|e| e.media.clone()).unwrap();
    assert!(heard.packets > 20 && heard.lost == 0, "the recipient's voice reaches the courier: {heard:?}");
    for event in events.iter().filter(|e| e.event == "invite") {
        let shown = event.caller.as_deref().unwrap_or_default();
        assert!(DISPLAY.ends_with(shown.trim_start_matches('+')), "{shown} is shown to {:?}", event.callee);
    }
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn who_was_rung_in_vain_gets_a_text_message_and_may_be_rung_again() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 50\ntalk_ms = 300\n\
         [[callee]]\nnumber = \"+8613800000000\"\nsequence = [\"busy\", \"busy\", \"answer\"]\n\
         [[callee]]\nnumber = \"+8613800000001\"\nbehaviour = \"reject\"\n\
         [[callee]]\nnumber = \"+8613800000002\"\nbehaviour = \"unallocated\"\n";
    let options = WorldOptions { carrier: carrier.into(), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 4).await.unwrap();
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    until("two text messages", 5, || texts(&campaign.world).len() >= 2).await;
    let sent = texts(&campaign.world);
    assert!(sent.contains_key("+8613800000000") && sent.contains_key("+8613800000001"), "{sent:?}");
    assert!(sent.values().all(|t| t.len() == 1), "{sent:?}");
    assert!(!sent.contains_key("+8613800000003"), "who answered gets none: {sent:?}");

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let again =
        json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "acted_at": { "wall": now_ms() } });
    let batch = campaign.courier.post("/batches/again", &again).await.unwrap();
    let same = campaign.courier.post("/batches/again", &again).await.unwrap();
    assert_eq!(same["id"], batch["id"], "the same request is the same batch");
    campaign.batches.push(again["id"].as_str().unwrap().to_owned());
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    let path = format!("/batches/{}/recipients", campaign.batches[1]);
    let people = campaign.courier.get(&path).await.unwrap();
    let rung: Vec<&str> = people.as_array().unwrap().iter().map(|p| p["phone"].as_str().unwrap()).collect();
    assert!(rung.contains(&"+8613800000000") && !rung.contains(&"+8613800000003"), "{people}");
    let first = people.as_array().unwrap().iter().find(|p| p["phone"] == "+8613800000000").unwrap();
    assert_eq!(first["mark"], "answered", "{first}");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_result_nobody_knows_is_shown_and_texted_and_never_rung_again_by_itself() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 50\ntalk_ms = 300\n\
         [[callee]]\nnumber = \"+8613800000000\"\nbehaviour = \"silent\"\n";
    let options = WorldOptions {
        carrier: carrier.into(),
        probe: false,
        policy: quick_policy(),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 2).await.unwrap();
    let by = Instant::now() + Duration::from_secs(20);
    loop {
        let batch = campaign.courier.get(&format!("/batches/{}", campaign.batches[0])).await.unwrap();
        if (&batch["counts"]["answered"], &batch["counts"]["calling"]) == (&json!(1), &json!(1)) {
            break;
        }
        assert!(Instant::now() < by, "one is answered and one is being called: {batch}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    campaign.kill(Duration::from_millis(100), Duration::from_millis(100)).await.unwrap();
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    let people = campaign.courier.get(&format!("/batches/{}/recipients", campaign.batches[0])).await.unwrap();
    assert_eq!(
        (&people[0]["mark"], &people[0]["outcome"]),
        (&json!("to_confirm"), &json!("unknown")),
        "{people}"
    );
    until("the text message", 5, || texts(&campaign.world).contains_key("+8613800000000")).await;
    assert_eq!(texts(&campaign.world)["+8613800000000"].len(), 1);
    // ring-again leaves the unknown one alone, unless the person says so
    let again = |unknown: bool| json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "acted_at": { "wall": now_ms() }, "include_unknown": unknown });
    let (status, body) =
        campaign.courier.send("POST", "/batches/again", Some(&again(false)), None).await.unwrap();
    assert_eq!((status, &body["code"]), (409, &json!("nothing_missed")));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (status, body) =
        campaign.courier.send("POST", "/batches/again", Some(&again(true)), None).await.unwrap();
    assert_eq!((status, &body["counts"]["recipients"]), (201, &json!(1)), "{body}");
}
