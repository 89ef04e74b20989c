//! Voicemails that a machine writes down: the text comes beside the sound, once, and goes with it.

use super::exchange::mostly;
use super::house::House;
use super::{Duration, SECOND};
use axum::Router;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;

const COMPLAINS: &str = "你好，我要投诉，东西都摔坏了";
const AT_THE_DOOR: &str = "麻烦放到门口";

/// A recogniser whose ear knows two tones.
#[derive(Default)]
struct Ear {
    asked: AtomicUsize,
    /// Answers this instead; 0: as it should, 1: not at all.
    status: AtomicU16,
}

async fn hear(State(ear): State<Arc<Ear>>, mut form: Multipart) -> (StatusCode, String) {
    let mut wav = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        if field.name() == Some("file") {
            wav = field.bytes().await.unwrap().to_vec();
        }
    }
    ear.asked.fetch_add(1, Ordering::SeqCst);
    match ear.status.load(Ordering::SeqCst) {
        0 => {}
        1 => std::future::pending().await,
        status => return (StatusCode::from_u16(status).unwrap(), String::new()),
    }
    let samples: Vec<i16> = wav[44..].chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let tone = |hertz| mostly(&samples[..samples.len().saturating_sub(4_000)], hertz);
    let text = match (tone(900), tone(600)) {
        (true, false) => COMPLAINS,
        (false, true) => AT_THE_DOOR,
        other => panic!("it is neither of the two messages: {other:?}, {} samples", samples.len()),
    };
    (StatusCode::OK, json!({ "text": text }).to_string())
}

fn house(policy: Value) -> (House, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v1/audio/transcriptions", listener.local_addr().unwrap());
    let options = WorldOptions {
        server: format!("[transcriber]\nurl = \"{url}\"\nmodel = \"ear\"\n"),
        ..WorldOptions::default()
    };
    let house = House::with(policy, options);
    house.on_duty(&house.c1, "duty");
    let router = Router::new().route("/v1/audio/transcriptions", post(hear)).with_state(ear.clone());
    house.runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await
    });
    (house, ear)
}

/// The courier is busy, and the customer says something for two seconds.
fn leaves_a_message(house: &House, hertz: u32) {
    let mut customer = house.customer_rings();
    house.exchange.rung().refuses("486 Busy Here");
    assert_eq!(customer.final_answer(), 200);
    std::thread::sleep(SECOND);
    customer.press('5');
    std::thread::sleep(Duration::from_millis(700));
    customer.line.says(hertz);
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
}

fn list(house: &House, api: &Api, path: &str) -> Vec<Value> {
    house.runtime.block_on(api.get(path)).unwrap().as_array().unwrap().clone()
}

/// The newest call, once a machine has said something of it.
fn written(house: &House, api: &Api) -> Value {
    house.until("it is written down", || {
        let calls = list(house, api, "/calls?order=newest");
        calls.first().filter(|c| c["audio"]["transcript"].is_object()).cloned()
    })
}

#[test]
fn the_text_is_beside_the_sound_for_whose_call_it_is() {
    let (house, ear) = house(json!({}));
    leaves_a_message(&house, 900);
    let c1 = house.sign_in("c1");
    let call = written(&house, &c1);
    let told = &call["audio"]["transcript"];
    assert_eq!((&told["state"], &told["text"]), (&json!("done"), &json!(COMPLAINS)));
    assert_eq!((&told["intents"], &told["engine"]), (&json!(["complaint"]), &json!("ear")));
    leaves_a_message(&house, 600);
    let told = &written(&house, &c1)["audio"]["transcript"];
    assert_eq!((&told["text"], &told["intents"]), (&json!(AT_THE_DOOR), &json!(["leave_at"])));
    assert_eq!(ear.asked.load(Ordering::SeqCst), 2, "each is asked for once");
    // the feed of phones tells of it as well
    let page = house.runtime.block_on(c1.get("/me/calls?since=0")).unwrap();
    let texts: Vec<&Value> =
        page["calls"].as_array().unwrap().iter().map(|c| &c["audio"]["transcript"]["text"]).collect();
    assert_eq!(texts, [&json!(COMPLAINS), &json!(AT_THE_DOOR)]);
    // who looks for complaints finds that one
    let found = |intent: &str| list(&house, &house.boss, &format!("/calls?intent={intent}")).len();
    assert_eq!([found("complaint"), found("leave_at,complaint"), found("door")], [1, 2, 0]);
    let wrong = house.runtime.block_on(house.boss.get("/calls?intent=angry")).unwrap_err().to_string();
    assert!(wrong.contains("intent"), "{wrong}");
    // a supervisor's list has the wish, and the text is asked for, which is kept
    let listed = list(&house, &house.boss, "/calls?intent=complaint");
    assert_eq!(listed[0]["audio"]["transcript"].get("text"), None);
    let path = format!("/calls/{}", call["id"].as_str().unwrap());
    let audit = "SELECT COUNT(*) FROM audit WHERE action = 'read-voicemail'";
    let read = || house.world.database.number(audit).unwrap();
    assert_eq!(read(), 0, "the courier's own voicemails are theirs");
    let detail = house.runtime.block_on(house.boss.get(&path)).unwrap();
    assert_eq!(detail["call"]["audio"]["transcript"]["text"], json!(COMPLAINS));
    assert_eq!(read(), 1);
    house.runtime.block_on(house.sign_in("c2").get(&path)).unwrap_err();
    // and no file of the server has it in clear
    for file in ["data/waybell.db", "data/waybell.db-wal"] {
        let bytes = std::fs::read(house.world.folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(COMPLAINS.len()).any(|w| w == COMPLAINS.as_bytes()), "{file}");
    }
    assert!(!house.world.server.log().contains("投诉"));
}

#[test]
fn a_server_that_dies_while_it_waits_for_the_text_has_it_afterwards() {
    let (mut house, ear) = house(json!({}));
    ear.status.store(1, Ordering::SeqCst);
    leaves_a_message(&house, 900);
    house.until("the recogniser is asked", || (ear.asked.load(Ordering::SeqCst) > 0).then_some(()));
    let c1 = house.sign_in("c1");
    assert_eq!(house.call(&c1)["outcome"], "voicemail", "the list does not wait for it");
    house.again();
    ear.status.store(0, Ordering::SeqCst);
    let c1 = house.sign_in("c1");
    // the one that was asked when the server died never answers; the next one does
    let told = written(&house, &c1);
    assert_eq!(told["audio"]["transcript"]["text"], json!(COMPLAINS));
}

#[test]
fn what_no_machine_writes_down_is_said() {
    let (house, ear) = house(json!({}));
    ear.status.store(422, Ordering::SeqCst);
    leaves_a_message(&house, 900);
    let c1 = house.sign_in("c1");
    let told = written(&house, &c1);
    assert_eq!(told["audio"]["transcript"]["state"], json!("failed"));
    assert_eq!(told["audio"]["transcript"].get("text"), None);
    assert_eq!(ear.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn an_organisation_that_wants_no_machine_has_none() {
    let (house, ear) = house(json!({ "transcribe": false }));
    leaves_a_message(&house, 900);
    let c1 = house.sign_in("c1");
    assert_eq!(house.call(&c1)["outcome"], "voicemail");
    std::thread::sleep(SECOND * 2);
    assert_eq!(house.call(&c1)["audio"].get("transcript"), None);
    assert_eq!(ear.asked.load(Ordering::SeqCst), 0, "nobody outside hears it");
}
