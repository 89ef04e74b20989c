//! Notices of an organisation's own: written, reviewed, heard, and said to people.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::time::Duration;
use waybell_domain::template::{TemplatePolicy, Wording};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::Death;
use waybell_tests::{World, WorldOptions, list};

const KEY: &str = "rain_delay";
const TEXT: &str = "您好，{company}，今天下雨，{estate}{building}的{count}个快件会晚一点送到。";
const NOWHERE: &str = "您好，{company}，今天下雨，您的{count}个快件会晚一点送到。";
const MESSAGE: &str = "【{company}】今天下雨，您的{count}个快件会晚一点送到{places}。";

fn wording() -> Value {
    json!({ "name_zh": "雨天通知", "text": TEXT, "text_without_place": NOWHERE, "message": MESSAGE })
}

/// Waits for the end of what is on the line.
const PATIENCE: Duration = Duration::from_secs(60);

async fn write(api: &Api, key: &str, wording: &Value) -> (u16, Value) {
    api.send("PUT", &format!("/template-drafts/{key}"), Some(wording), None).await.unwrap()
}

/// Writes, submits and approves.
async fn put_in_force(boss: &Api, key: &str, wording: &Value) -> Value {
    assert_eq!(write(boss, key, wording).await.0, 200);
    let draft = boss.post(&format!("/template-drafts/{key}/submit"), &json!({})).await.unwrap();
    let review = json!({ "edited_at": draft["edited_at"] });
    boss.post(&format!("/template-drafts/{key}/approve"), &review).await.unwrap()
}

async fn keys(api: &Api) -> Vec<String> {
    let templates = api.get("/templates").await.unwrap();
    templates.as_array().unwrap().iter().map(|t| t["key"].as_str().unwrap().to_owned()).collect()
}

async fn tap(api: &Api, key: &str, parcels: &[String]) -> (u16, Value) {
    let body = json!({ "id": uuid::Uuid::now_v7(), "template": key, "parcels": parcels, "acted_at": { "wall": now_ms() } });
    api.send("POST", "/batches", Some(&body), None).await.unwrap()
}

/// Somebody of the first organisation.
async fn newcomer(world: &World, boss: &Api, login: &str, role: &str) -> Api {
    let password = waybell_tests::world::PASSWORD;
    let person = json!({ "login": login, "password": password, "name": login, "role": role });
    boss.post("/people", &person).await.unwrap();
    world.sign_in(login).await.unwrap()
}

#[tokio::test]
async fn who_is_rung_hears_the_own_wording_and_nobody_before_it_is_approved() {
    let own: Wording = serde_json::from_value(wording()).unwrap();
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 100\ntalk_ms = 5_000\n".into(),
        hear: true,
        flows: vec![own.conversation(KEY, &TemplatePolicy::default()).unwrap()],
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let parcels = courier.import(&list::rows(3, 800_000_000)).await.unwrap();
    let (status, draft) = write(&boss, KEY, &wording()).await;
    assert_eq!(status, 200, "{draft}");
    assert_eq!(draft["state"], "draft");
    assert_eq!(draft["example"], "您好，韵达快递，今天下雨，幸福花园3号楼的2个快件会晚一点送到。");
    assert_eq!(draft["example_message"], "【韵达快递】今天下雨，您的2个快件会晚一点送到幸福花园3号楼。");
    assert_eq!(keys(&courier).await, ["arrived"]);
    assert_eq!(tap(&courier, KEY, &parcels[..1]).await.0, 422, "a draft rings nobody");

    let view = put_in_force(&boss, KEY, &wording()).await;
    assert_eq!((&view["key"], &view["text"]), (&json!(KEY), &json!(TEXT)));
    assert_eq!(keys(&courier).await, ["arrived", KEY]);
    let (status, batch) = tap(&courier, KEY, &parcels[..1]).await;
    assert_eq!(status, 201, "{batch}");
    let batches = vec![batch["id"].as_str().unwrap().to_owned()];
    let mut campaign = Campaign { world, courier, batches };
    campaign.finish(PATIENCE).await.unwrap();
    let heard = |campaign: &Campaign| -> Vec<String> {
        let events = campaign.world.events().unwrap();
        let last = events.iter().rev().find_map(|e| e.heard.clone()).expect("something was heard");
        last.into_iter().map(|h| h.prompt).collect()
    };
    let pieces = heard(&campaign);
    assert!(pieces.contains(&"今天下雨".to_owned()), "{pieces:?}");
    assert!(!pieces.iter().any(|p| p.contains("即将派送")), "{pieces:?}");

    // the next wording starts from the one in force
    for (key, expected) in [(KEY, wording()), ("arrived", json!(Wording::arrived()))] {
        let mut shown = boss.get(&format!("/templates/{key}/wording")).await.unwrap();
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(shown[field].take(), *value, "{key}: {field}");
        }
    }
    assert_eq!(boss.send("GET", "/templates/nothing/wording", None, None).await.unwrap().0, 404);
    assert_eq!(campaign.courier.send("GET", "/templates/arrived/wording", None, None).await.unwrap().0, 403);

    // the built-in notice is as it was, and its wording is another one from the approval on
    for (parcel, reworded) in parcels[1..].iter().zip([false, true]) {
        if reworded {
            put_in_force(&boss, "arrived", &wording()).await;
        }
        let (status, batch) = tap(&campaign.courier, "arrived", std::slice::from_ref(parcel)).await;
        assert_eq!(status, 201, "{batch}");
        campaign.batches = vec![batch["id"].as_str().unwrap().to_owned()];
        campaign.finish(PATIENCE).await.unwrap();
        let pieces = heard(&campaign);
        assert_eq!(pieces.contains(&"今天下雨".to_owned()), reworded, "{pieces:?}");
    }
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_supervisor_writes_an_administrator_decides() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let lead = newcomer(&world, &boss, "lead", "supervisor").await;
    assert_eq!(write(&courier, KEY, &wording()).await.0, 403);
    let (_, draft) = write(&lead, KEY, &wording()).await;
    let branch = boss.get("/me").await.unwrap()["branch"].clone();
    assert_eq!(draft["wording"]["branch"], branch, "a supervisor writes for the own branch");
    let path = format!("/template-drafts/{KEY}");
    let review = |draft: &Value| json!({ "edited_at": draft["edited_at"], "reason": "太长" });
    let post = async |api: &Api, verb: &str, body: &Value| {
        api.send("POST", &format!("{path}/{verb}"), Some(body), None).await.unwrap()
    };
    // not yet submitted
    let (status, answer) = post(&boss, "approve", &review(&draft)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("not_in_review")));
    assert_eq!(post(&lead, "submit", &json!({})).await.0, 200);
    assert_eq!(post(&lead, "submit", &json!({})).await.1["state"], "in_review");
    assert_eq!(post(&lead, "approve", &review(&draft)).await.0, 403);
    // what was looked at is what is approved
    let mut longer = wording();
    longer["text"] = format!("{TEXT}谢谢。").into();
    let (_, newer) = write(&lead, KEY, &longer).await;
    assert!(newer["edited_at"].as_i64() > draft["edited_at"].as_i64());
    post(&lead, "submit", &json!({})).await;
    let (status, answer) = post(&boss, "approve", &review(&draft)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("changed")));
    // a refusal has a reason, and the draft is there to be mended
    let bare = json!({ "edited_at": newer["edited_at"] });
    assert_eq!(post(&boss, "reject", &bare).await.1["field"], "reason");
    let (_, rejected) = post(&boss, "reject", &review(&newer)).await;
    assert_eq!((&rejected["state"], &rejected["reason"]), (&json!("rejected"), &json!("太长")));
    let drafts = lead.get("/template-drafts").await.unwrap();
    assert_eq!(drafts.as_array().unwrap().len(), 1);
    let (_, mended) = write(&lead, KEY, &wording()).await;
    assert_eq!((&mended["state"], &mended["reason"]), (&json!("draft"), &Value::Null));
    post(&lead, "submit", &json!({})).await;
    assert_eq!(post(&boss, "approve", &review(&mended)).await.0, 200);
    assert_eq!(lead.get("/template-drafts").await.unwrap(), json!([]));
    assert!(keys(&courier).await.contains(&KEY.to_owned()));
    // a supervisor of the branch writes it anew, and not what is everybody's
    assert_eq!(write(&lead, KEY, &wording()).await.0, 200);
    assert_eq!(write(&lead, "arrived", &wording()).await.1["code"], "key_taken");
    assert_eq!(lead.send("DELETE", &path, None, None).await.unwrap().0, 204);
    assert_eq!(lead.send("DELETE", &path, None, None).await.unwrap().0, 404);

    let phone = waybell_tests::Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    // what a phone offers it names where somebody asks for what there is not
    let offers = || {
        phone.must(&["sync"]).unwrap();
        let said = phone.run(&["notify", "--search", "x", "--template", "nope"], &Death::None).unwrap();
        said.errors
    };
    let said = offers();
    assert!(said.contains("arrived") && said.contains(KEY), "{said}");

    // withdrawn: no phone offers it, no tap takes it; the built-in one cannot be
    let since = courier.get("/sync").await.unwrap()["cursor"].as_i64().unwrap();
    let template = format!("/templates/{KEY}");
    assert_eq!(lead.send("DELETE", &template, None, None).await.unwrap().0, 403);
    assert_eq!(boss.send("DELETE", &template, None, None).await.unwrap().0, 204);
    assert_eq!(boss.send("DELETE", &template, None, None).await.unwrap().0, 404);
    assert_eq!(boss.send("DELETE", "/templates/arrived", None, None).await.unwrap().0, 409);
    assert_eq!(keys(&courier).await, ["arrived"]);
    let said = offers();
    assert!(said.contains("arrived") && !said.contains(KEY), "{said}");
    let page = courier.get(&format!("/sync?since={since}")).await.unwrap();
    let told = page["templates"].as_array().unwrap();
    assert_eq!((&told[0]["key"], &told[0]["withdrawn"]), (&json!(KEY), &json!(true)), "{page}");
    let parcels = courier.import(&list::rows(1, 810_000_000)).await.unwrap();
    assert_eq!(tap(&courier, KEY, &parcels).await.0, 422);
}

#[tokio::test]
async fn bad_wordings_are_named_and_sound_is_heard_before_anybody_is_rung() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let own = json!({ "forbidden": ["双十一"], "longest_seconds": 15 });
    boss.ask("PUT", "/template-policy", Some(&own)).await.unwrap();
    for (change, field, says) in [
        (json!({ "text": "您好，有快件" }), "text", "who is speaking"),
        (json!({ "text": "{company}{时间}" }), "text", "no variable"),
        (json!({ "text": "{company}，双 十 一快递" }), "text", "双十一"),
        (json!({ "text": format!("{{company}}{}", "请".repeat(80)) }), "text", "15 s are possible"),
        (json!({ "message": "【{company}】请加微 信" }), "message", "加微信"),
        (json!({ "text_en": "Hello" }), "text_en", "who is speaking"),
        (json!({ "text_without_place": "" }), "text_without_place", "is missing"),
        (json!({ "name_zh": "" }), "name_zh", "1 to 40"),
        (json!({ "words": "x" }), "words", "expected one of"),
    ] {
        let mut body = wording();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = write(&boss, KEY, &body).await;
        assert_eq!((status, &answer["field"]), (422, &json!(field)), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(says), "{answer}");
    }
    assert_eq!(write(&boss, "Rain!", &wording()).await.1["field"], "key");
    // phones use it where none is chosen: no branch takes it away from the others
    let mut narrow = wording();
    narrow["branch"] = boss.get("/me").await.unwrap()["branch"].clone();
    assert_eq!(write(&boss, "arrived", &narrow).await.1["field"], "branch");
    assert_eq!(boss.get("/template-drafts").await.unwrap(), json!([]));
    // the rules that hold at the approval decide
    assert_eq!(write(&boss, KEY, &wording()).await.0, 200);
    let draft = boss.post(&format!("/template-drafts/{KEY}/submit"), &json!({})).await.unwrap();
    boss.ask("PUT", "/template-policy", Some(&json!({ "forbidden": ["下雨"] }))).await.unwrap();
    let review = json!({ "edited_at": draft["edited_at"] });
    let path = format!("/template-drafts/{KEY}/approve");
    assert_eq!(boss.send("POST", &path, Some(&review), None).await.unwrap().0, 422);
    // it can still be listened to
    let mut lengths = Vec::new();
    for path in [format!("/template-drafts/{KEY}/audio"), "/templates/arrived/audio".to_owned()] {
        let answer = boss.request("GET", &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let bytes = answer.bytes().await.unwrap();
        let mut sound = hound::WavReader::new(std::io::Cursor::new(&bytes[..])).unwrap();
        assert_eq!((sound.spec().sample_rate, sound.spec().channels), (8_000, 1));
        let loud = sound.samples::<i16>().filter(|s| s.as_ref().unwrap().unsigned_abs() > 1_000).count();
        assert!(loud > 4_000, "{path}: {loud} loud samples");
        lengths.push(bytes.len());
    }
    assert_ne!(lengths[0], lengths[1]);
}

/// A notice with a conversation of its own: one question, within opening hours.
fn asks(open: Value) -> Value {
    let say = |id: &str, text: &str, next: &str| {
        json!({ "id": id, "type": "say", "params": { "text": { "zh": text }, "heard": "heard" }, "next": next,
                "errors": [{ "error": "*", "next": next }] })
    };
    json!({
        "version": 1, "name": "asks", "inputs": ["company", "count"], "start_action": "hours",
        "actions": [
            { "id": "hours", "type": "hours", "params": { "open": open }, "next": "notice", "errors": [{ "error": "*", "next": "late" }] },
            say("late", "您好，{company}，您的{count}个快件明天送到。", "end"),
            say("notice", "您好，{company}，您的{count}个快件今天送到，放门口请按5。", "keys"),
            { "id": "keys", "type": "gather", "params": { "timeout": 5000 },
              "conditions": [{ "operator": "equals", "value": "5", "next": "home" }], "errors": [{ "error": "*", "next": "end" }] },
            { "id": "home", "type": "set", "params": { "assign": { "preference": "door" }, "consent": true }, "next": "bye" },
            say("bye", "放门口，记下了。", "end"),
            { "id": "end", "type": "hangup" }
        ]
    })
}

fn with_flow(flow: Value) -> Value {
    json!({ "name_zh": "问一声", "flow": flow, "message": "【{company}】您有{count}个快件" })
}

#[tokio::test]
async fn an_own_conversation_is_checked_reviewed_and_held() {
    let whole_day = json!([{ "from": "00:00", "to": "24:00" }]);
    let flow = asks(whole_day.clone());
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"press_keys\"\ndelay_ms = 20\nring_ms = 100\ndigits = \"5\"\n\
                  digits_after_ms = 2500\ntalk_ms = 5_000\n"
            .into(),
        hear: true,
        flows: vec![serde_json::from_value(flow.clone()).unwrap()],
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let parcels = courier.import(&list::rows(2, 800_000_000)).await.unwrap();

    // every problem is told with its action, and nothing is stored
    let check = async |flow: &Value| {
        let (status, found) = boss.send("POST", "/flows/check?key=asks", Some(flow), None).await.unwrap();
        assert_eq!(status, 200, "{found}");
        found
    };
    let good = check(&flow).await;
    assert_eq!(good["problems"], json!([]));
    assert!(good["trace"][0].as_str().unwrap().contains("今天送到"), "{good}");
    let mut bad = flow.clone();
    bad["actions"][1]["params"]["text"]["zh"] = json!("{company}恭喜中奖");
    bad["actions"][4]["params"]["assign"]["preference"] = json!("roof");
    let found = check(&bad).await;
    let actions: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|p| p["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["late", "home"], "{found}");
    let mut typo = flow.clone();
    typo["actions"][0]["nxt"] = json!("end");
    let found = check(&typo).await;
    assert_eq!(found["problems"][0]["line"], 1, "{found}");
    assert!(found["problems"][0]["problem"].as_str().unwrap().contains("nxt"), "{found}");
    let (status, refused) = write(&boss, "asks", &with_flow(bad)).await;
    assert_eq!((status, &refused["field"]), (422, &json!("flow")), "{refused}");
    assert_eq!(courier.send("POST", "/flows/check?key=asks", Some(&flow), None).await.unwrap().0, 403);
    assert_eq!(boss.get("/flows/schema").await.unwrap()["title"], "Flow");

    // a draft is played as text, with keys, before anybody is rung
    let (status, draft) = write(&boss, "asks", &with_flow(flow.clone())).await;
    assert_eq!(status, 200, "{draft}");
    assert_eq!(draft["example"], "您好，韵达快递，您的2个快件今天送到，放门口请按5。");
    let played = json!({ "script": ["5"], "variables": { "local_time": "09:30" } });
    let played = boss.post("/template-drafts/asks/simulate", &played).await.unwrap();
    assert!(played["trace"].as_array().unwrap().contains(&json!("consent door by key 5")), "{played}");

    // in force, people hear it and their keys count
    let view = put_in_force(&boss, "asks", &with_flow(flow.clone())).await;
    assert_eq!(view["text"], "您好，{company}，您的{count}个快件今天送到，放门口请按5。");
    let (status, batch) = tap(&courier, "asks", &parcels[..1]).await;
    assert_eq!(status, 201, "{batch}");
    let batches = vec![batch["id"].as_str().unwrap().to_owned()];
    let mut campaign = Campaign { world, courier, batches };
    campaign.finish(PATIENCE).await.unwrap();
    let consents = boss.get("/consents").await.unwrap();
    assert_eq!(consents[0]["preference"], "door", "{consents}");
    let mut in_force = boss.get("/templates/asks/flow").await.unwrap();
    assert_eq!(in_force["actions"][0]["params"]["open"].take(), json!([{ "from": "00:00", "to": "24:00" }]));
    let shown = boss.get("/templates/asks/wording").await.unwrap();
    assert_eq!(shown["flow"]["name"], "asks", "{shown}");

    // out of hours it says the other words: the call's own time of day decides
    put_in_force(&boss, "asks", &with_flow(asks(json!([])))).await;
    let (status, batch) = tap(&campaign.courier, "asks", &parcels[1..]).await;
    assert_eq!(status, 201, "{batch}");
    campaign.batches = vec![batch["id"].as_str().unwrap().to_owned()];
    campaign.finish(PATIENCE).await.unwrap();
    let events = campaign.world.events().unwrap();
    let heard = events.iter().rev().find_map(|e| e.heard.clone()).expect("something was heard");
    assert!(heard.iter().any(|h| h.prompt.contains("明天送到")), "{heard:?}");
    campaign.verdict().await.unwrap();
}
