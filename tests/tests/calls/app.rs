//! Calls over the app against the real server: placed and taken, over a socket that drops and over plain requests.

use super::SECOND;
use super::app_legs::hears;
use super::exchange::{mostly, share};
use super::house::{CUSTOMER, House};
use super::outgoing::{COURIER, DIALLED, id, import, over};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::peers::app::App;
use waybell_tests::world::DISPLAY;

/// Longest wait for a message; only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(40);

/// A house whose server takes calls over apps.
pub(crate) fn house(policy: Value) -> House {
    dying_house(policy, None)
}

/// One whose server dies at a place.
fn dying_house(policy: Value, crash: Option<String>) -> House {
    let server =
        "app_calls = \"127.0.0.1:0\"\n[[turn]]\nurls = [\"turn:turn.example.cn:3478\"]\nsecret = \"north\"\n"
            .to_owned();
    let house = House::with(policy, WorldOptions { server, crash, ..WorldOptions::default() });
    house.on_duty(&house.c1, "duty");
    house
}

/// A courier's app: signed in, its signalling, and its sound where it has any.
pub(crate) struct Phone<'a> {
    house: &'a House,
    pub(crate) api: Api,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    seq: u64,
    seen: HashSet<(String, u64)>,
    told: Vec<Value>,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(house: &'a House, login: &str) -> Phone<'a> {
        let mut phone = Phone::of(house, house.sign_in(login));
        phone.connects();
        phone
    }

    /// Without a socket.
    pub(crate) fn of(house: &'a House, api: Api) -> Phone<'a> {
        Phone { house, api, socket: None, seq: 0, seen: HashSet::new(), told: Vec::new() }
    }

    pub(crate) fn connects(&mut self) {
        let url = self.house.world.server.url.replace("http://", "ws://");
        let url = format!("{url}/api/v1/events?calls=1&access_token={}", self.api.token());
        let (socket, _) = self.house.runtime.block_on(connect_async(url)).unwrap();
        self.socket = Some(socket);
        // the server knows of it once it has said hello
        self.read();
    }

    /// Without a word, as a network does it.
    pub(crate) fn drops(&mut self) {
        self.socket = None;
    }

    fn read(&mut self) -> Value {
        let socket = self.socket.as_mut().expect("a socket");
        let next = async { tokio::time::timeout(PATIENCE, socket.next()).await };
        match self.house.runtime.block_on(next) {
            Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).unwrap(),
            Ok(Some(Ok(_))) => Value::Null,
            other => panic!("the socket says {other:?}; told: {:#?}", self.told),
        }
    }

    fn send(&mut self, message: &Value) {
        let socket = self.socket.as_mut().expect("a socket");
        let send = socket.send(Message::text(message.to_string()));
        self.house.runtime.block_on(send).unwrap();
    }

    fn message(&mut self, call: &str, kind: &str, more: Value) -> Value {
        self.seq += 1;
        let mut message = json!({ "type": "call", "call_id": call, "seq": self.seq, "kind": kind });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    }

    pub(crate) fn says(&mut self, call: &str, kind: &str, more: Value) {
        let message = self.message(call, kind, more);
        self.send(&message);
        // a message that comes again is taken once
        self.send(&message);
    }

    /// Waits for a message of this kind; each that comes is acknowledged.
    pub(crate) fn hears(&mut self, kind: &str) -> Value {
        loop {
            let message = self.read();
            if message["type"] != "call" {
                continue;
            }
            let (call, seq) =
                (message["call_id"].as_str().unwrap().to_owned(), message["seq"].as_u64().unwrap());
            if seq > 0 {
                let ack = json!({ "type": "call", "call_id": call, "seq": 0, "kind": "ack", "of": seq });
                self.send(&ack);
                if !self.seen.insert((call, seq)) {
                    continue;
                }
            }
            self.told.push(message.clone());
            if message["kind"] == kind {
                return message;
            }
        }
    }

    /// Offers in a call as `kind`, and has the sound once it is answered.
    pub(crate) fn offers(&mut self, call: &str, kind: &str, app: &App) {
        self.says(call, kind, json!({ "sdp": app.offer().unwrap() }));
        let answer = self.hears("answer");
        app.answered(answer["sdp"].as_str().unwrap()).unwrap();
        app.connects().unwrap();
    }

    /// Takes the call that rings.
    pub(crate) fn takes(&mut self) -> (String, App) {
        let invite = self.hears("invite");
        let call = invite["call_id"].as_str().unwrap().to_owned();
        let app = App::new().unwrap();
        self.offers(&call, "answer", &app);
        (call, app)
    }

    /// A message by HTTP; status and answer.
    fn posts(&self, message: &Value) -> (u16, Value) {
        let path = format!("/calls/{}/signals", message["call_id"].as_str().unwrap());
        self.house.runtime.block_on(self.api.send("POST", &path, Some(message), None)).unwrap()
    }
}

/// The recording has the customer's tone on the left alone, the courier's on the right alone.
pub(crate) fn recorded(house: &House, call: &Value, customer: u32, courier: u32) {
    let sound = house.audio(&house.boss, call);
    assert_eq!((sound.len(), &call["audio"]["state"]), (2, &json!("done")));
    for (side, own, other) in [(0, customer, courier), (1, courier, customer)] {
        assert!(mostly(&sound[side], own), "channel {side}");
        let found = sound[side].chunks_exact(2_000).any(|w| share(w, other) > 0.8);
        assert!(!found, "the other side's sound in channel {side}");
    }
}

#[test]
fn a_courier_calls_over_the_app_and_no_telephone_of_theirs_rings() {
    let house = house(json!({}));
    let mut phone = Phone::new(&house, "c1");
    let parcel = import(&house, &phone.api, "YT4000000000001", CUSTOMER);
    let call = id();
    let body = json!({ "id": call, "parcel": parcel, "way": "app" });
    let made = house.runtime.block_on(phone.api.post("/calls", &body)).unwrap();
    assert_eq!(made["ice_servers"][0]["urls"], json!(["turn:turn.example.cn:3478"]));
    assert!(made["ice_servers"][0]["credential"].is_string());
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "nobody is rung before the app is there");
    let app = App::new().unwrap();
    phone.offers(&call, "invite", &app);
    let mut customer = house.exchange.rung();
    assert_eq!(customer.number(), DIALLED, "the customer, and at once");
    customer.rings();
    phone.hears("ringing");
    assert!(hears(&app, 450), "the app hears it ring");
    customer.picks_up();
    customer.line.says(700);
    app.says(1_100);
    assert!(customer.line.hears(1_100) && hears(&app, 700), "each hears the other");
    // another network, and a socket that drops meanwhile
    phone.drops();
    phone.connects();
    phone.offers(&call, "restart", &app);
    assert!(customer.line.hears(1_100) && hears(&app, 700), "over the new network");
    phone.says(&call, "bye", json!({}));
    customer.is_hung_up_on();
    let bye = phone.hears("bye");
    assert_eq!((&bye["reason"], &bye["text"]), (&json!("hung_up"), &json!("answered")));

    let told = over(&house, &phone.api, &call);
    assert_eq!(
        (&told["outcome"], &told["courier"], &told["number"]),
        (&json!("answered"), &json!(house.c1), &json!(DISPLAY))
    );
    recorded(&house, &told, 700, 1_100);
    for text in &customer.heard {
        assert!(!text.contains(COURIER) && !text.contains("opus"), "{text}");
    }
    for message in &phone.told {
        assert!(!message.to_string().contains(DIALLED), "{message}");
    }
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the courier's own telephone never rang");
}

#[test]
fn a_phone_without_a_socket_signals_by_requests_and_only_in_its_own_call() {
    let house = house(json!({}));
    let mut phone = Phone::new(&house, "c1");
    let c2 = Phone::new(&house, "c2");
    phone.drops();
    let call = id();
    house
        .runtime
        .block_on(phone.api.post("/calls", &json!({ "id": call, "number": DIALLED, "way": "app" })))
        .unwrap();
    let app = App::new().unwrap();
    let offer = phone.message(&call, "invite", json!({ "sdp": app.offer().unwrap() }));
    assert_eq!(c2.posts(&offer).0, 404, "somebody else's call");
    let other = json!({ "call_id": id(), "seq": 1, "kind": "bye" });
    assert_eq!(phone.posts(&other).0, 404);
    for (bad, field) in [
        (json!({ "call_id": call, "kind": "bye" }), "seq"),
        (json!({ "call_id": call, "seq": 0, "kind": "bye" }), "seq"),
        (json!({ "call_id": call, "seq": 9, "kind": "answer", "sdp": "x".repeat(20_000) }), "sdp"),
    ] {
        let (status, answer) = phone.posts(&bad);
        assert!(status == 422 || status == 400, "{status} {answer}");
        assert!(answer.to_string().contains(field), "{answer}");
    }
    assert_eq!(phone.posts(&offer).0, 200);
    let answer = house.until("the offer is answered", || {
        // the same message again: nothing but what was not acknowledged
        let (status, answer) = phone.posts(&offer);
        assert_eq!(status, 200, "{answer}");
        answer["messages"].as_array().unwrap().iter().find(|m| m["kind"] == "answer").cloned()
    });
    app.answered(answer["sdp"].as_str().unwrap()).unwrap();
    app.connects().unwrap();
    let mut customer = house.exchange.rung();
    customer.refuses("486 Busy Here");
    assert_eq!(over(&house, &phone.api, &call)["outcome"], "busy");
    assert!(house.exchange.rung_within(SECOND / 2).is_none());

    // an app that does not offer has nobody rung, and one whose offer is rubbish is told so
    let (call, mut phone) = (id(), Phone::new(&house, "c1"));
    house
        .runtime
        .block_on(phone.api.post("/calls", &json!({ "id": call, "number": DIALLED, "way": "app" })))
        .unwrap();
    phone.says(&call, "invite", json!({ "sdp": "v=0\r\nrubbish" }));
    assert_eq!(phone.hears("bye")["reason"], "description");
    let told = over(&house, &phone.api, &call);
    assert_eq!(told["outcome"], "courier_away");
    assert!(house.exchange.rung_within(SECOND / 2).is_none());
}

#[test]
fn the_app_rings_first_and_its_answer_wins_at_once() {
    let house = house(json!({ "app_first_ms": 30_000 }));
    let mut phone = Phone::new(&house, "c1");
    import(&house, &phone.api, "YT4000000000002", CUSTOMER);
    let mut second = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    customer.hear("SIP/2.0 180");
    let invite = second.hears("invite");
    assert_eq!((&invite["label"], &invite["sdp"]), (&json!("+86138****0000"), &Value::Null));
    assert_eq!(invite["words"].as_array().unwrap().last().unwrap(), "1件");
    let (call, app) = phone.takes();
    assert_eq!(second.hears("cancel")["reason"], "elsewhere", "their other phone is quiet");
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    app.says(1_100);
    assert!(customer.line.hears(1_100) && hears(&app, 700), "each hears the other");
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the mobile never rang");
    // the end is told to a socket that comes back
    phone.drops();
    customer.hangs_up();
    let told = over(&house, &phone.api, &call);
    phone.connects();
    assert_eq!(phone.hears("bye")["reason"], "hung_up");
    assert_eq!((&told["outcome"], &told["courier"]), (&json!("answered"), &json!(house.c1)));
    recorded(&house, &told, 700, 1_100);
}

#[test]
fn an_app_that_nobody_answers_is_joined_by_the_mobile_whose_1_wins() {
    let house = house(json!({ "app_first_ms": 1_000 }));
    let mut phone = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    phone.hears("invite");
    let mut mobile = house.exchange.rung();
    assert_eq!(mobile.number(), COURIER);
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    assert_eq!(phone.hears("cancel")["reason"], "elsewhere");
    customer.line.says(700);
    mobile.line.says(1_100);
    assert!(customer.line.hears(1_100) && mobile.line.hears(700));
    customer.hangs_up();
    mobile.is_hung_up_on();
    assert_eq!(house.call(&house.boss)["outcome"], "answered");
}

#[test]
fn app_and_mobile_together_are_one_call() {
    let house = house(json!({ "app_first_ms": 0 }));
    let mut phone = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    let mut mobile = house.exchange.rung();
    mobile.picks_up();
    // the mobile hears who it is while the app is taken
    let (call, app) = phone.takes();
    mobile.is_hung_up_on();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    app.says(1_100);
    assert!(customer.line.hears(1_100) && hears(&app, 700));
    phone.says(&call, "bye", json!({}));
    customer.is_hung_up_on();
    let told = house.call(&house.boss);
    assert_eq!(told["outcome"], "answered");
    let detail = house.runtime.block_on(house.boss.get(&format!("/calls/{call}"))).unwrap();
    assert_eq!(
        (detail["tries"].as_array().unwrap().len(), &detail["tries"][0]["result"]),
        (1, &json!("accepted"))
    );
    recorded(&house, &told, 700, 1_100);
}

#[test]
fn who_declines_in_the_app_is_not_rung_on_the_mobile() {
    let house = house(json!({ "app_first_ms": 20_000, "voicemail": false }));
    let mut phone = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    let call = phone.hears("invite")["call_id"].as_str().unwrap().to_owned();
    phone.says(&call, "bye", json!({ "reason": "declined" }));
    assert_eq!(customer.final_answer(), 480);
    assert_eq!(over(&house, &house.boss, &call)["outcome"], "missed");
    let detail = house.runtime.block_on(house.boss.get(&format!("/calls/{call}"))).unwrap();
    assert_eq!(detail["tries"][0]["result"], "declined");
    assert!(house.exchange.rung_within(SECOND / 2).is_none());
    // a caller who gives up takes the ringing away
    let mut customer = house.customer_rings();
    phone.hears("invite");
    customer.cancel();
    assert_eq!(phone.hears("cancel")["reason"], "missed");
}

#[test]
fn an_app_that_vanishes_and_a_server_that_dies_leave_nobody_on_the_line() {
    let mut house = house(json!({ "app_first_ms": 20_000 }));
    let mut phone = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    let (call, app) = phone.takes();
    assert_eq!(customer.final_answer(), 200);
    app.vanishes();
    phone.drops();
    // ICE consent, and then the time for another network
    customer.is_hung_up_on_within(Duration::from_secs(60));
    drop(phone);
    let api = house.sign_in("c1");
    assert_eq!(over(&house, &api, &call)["outcome"], "answered");

    let mut phone = Phone::new(&house, "c1");
    let mut customer = house.customer_rings();
    let (call, _app) = phone.takes();
    assert_eq!(customer.final_answer(), 200);
    drop(phone);
    house.again();
    customer.is_hung_up_on();
    let api = house.sign_in("c1");
    assert_eq!(over(&house, &api, &call)["outcome"], "interrupted");
}

#[test]
fn a_server_that_dies_while_an_app_rings_or_answers_leaves_nobody_on_the_line() {
    for point in ["call.app_rung", "call.app_answered"] {
        // the mobile would ring at once, too
        let mut house = dying_house(json!({ "app_first_ms": 0 }), Some(point.to_owned()));
        let mut customer = {
            let mut phone = Phone::new(&house, "c1");
            let customer = house.customer_rings();
            if point == "call.app_answered" {
                phone.takes();
            } else {
                // the app is there until it is rung
                std::thread::sleep(SECOND * 2);
            }
            customer
        };
        let mut mobile = house.exchange.rung_within(SECOND);
        house.dies_and_starts_again(point);
        if let Some(mobile) = &mut mobile {
            mobile.is_cancelled();
        }
        if customer.final_answer() == 200 {
            customer.is_hung_up_on();
        }
        assert_eq!(house.call(&house.boss)["outcome"], "interrupted", "{point}");
        // whoever connects now is told of no call that is over
        let phone = Phone::new(&house, "c1");
        assert!(phone.told.is_empty(), "{point}: {:?}", phone.told);
        assert!(house.exchange.rung_within(SECOND / 2).is_none(), "{point}: nobody is rung again");
        assert_eq!(house.stored(), Vec::<std::path::PathBuf>::new(), "{point}: nothing was recorded");
    }
}
