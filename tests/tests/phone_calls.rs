//! Calls on the courier's phone, against the real server and an exchange of the test's own: the list, the marks, the sound and
//! calling back hold whatever is lost and whenever the phone dies, without a network too, and nobody else's call is here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "calls/exchange.rs"]
#[allow(dead_code, reason = "shared with the tests of the server's side")]
mod exchange;
#[path = "calls/house.rs"]
#[allow(dead_code, reason = "shared with the tests of the server's side")]
mod house;

use house::{CUSTOMER, House};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use waybell_core::calls::urgency::Urgency;
use waybell_core::ports::{Clock, FileKeyStore, Ports};
use waybell_core::{Client, ClientConfig};
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::inbound::Availability;
use waybell_tests::Phone;
use waybell_tests::WorldOptions;
use waybell_tests::api::now_ms;
use waybell_tests::phone::Death;
use waybell_tests::server::programs;
use waybell_tests::world::PASSWORD;

const SECOND: Duration = Duration::from_secs(1);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Where a phone may die.
const PLACES: [&str; 6] = [
    "store.before_commit",
    "store.after_commit",
    "http.before_send",
    "http.sent",
    "http.answered",
    "audio.piece",
];

fn house() -> House {
    // a courier does not give fifty commands a second, these tests do
    let options = WorldOptions { server: "[limits]\nper_person = 1000\n".into(), ..WorldOptions::default() };
    let house = House::with(json!({ "ring_ms": 1_500, "total_ms": 20_000 }), options);
    house.on_duty(&house.c1, "duty");
    house
}

/// A phone on which this courier is signed in.
fn phone(house: &House, login: &str) -> Phone {
    let phone = Phone::new(&house.world.server.url).unwrap();
    phone.must(&["login", login]).unwrap();
    phone
}

/// Without a network, until it is taken out again.
fn offline(phone: &mut Phone, off: bool) {
    phone.variables.retain(|(name, _)| name != "WAYBELL_SERVER");
    if off {
        phone.variables.push(("WAYBELL_SERVER".into(), NOWHERE.into()));
    }
}

fn json_of(phone: &Phone, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let said = phone.run(&arguments, &Death::None).unwrap();
    serde_json::from_str(&said.text).unwrap_or_else(|e| panic!("{arguments:?}: {e} {said:?}"))
}

fn list(phone: &Phone) -> Vec<Value> {
    json_of(phone, &["calls"])["calls"].as_array().unwrap().clone()
}

/// Asks the phone until it shows so many calls that are over.
fn shown(house: &House, phone: &Phone, calls: usize) -> Vec<Value> {
    house.until("the phone has the calls", || {
        let list = list(phone);
        let over = list.iter().filter(|c| c["outcome"].is_string()).count();
        (over == calls).then_some(list)
    })
}

/// The customer rings, the courier is busy, and the customer says something.
fn leaves_a_message(house: &House) {
    let mut customer = house.customer_rings();
    house.exchange.rung().refuses("486 Busy Here");
    assert_eq!(customer.final_answer(), 200);
    std::thread::sleep(SECOND);
    customer.press('5');
    std::thread::sleep(SECOND * 7 / 10);
    customer.line.says(900);
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
}

/// The customer rings and gives up.
fn rings_in_vain(house: &House) {
    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    customer.cancel();
    courier.is_cancelled();
}

/// What a courier names a call by.
fn name(call: &Value) -> String {
    let id = call["id"].as_str().unwrap();
    id[id.len() - 6..].to_owned()
}

/// The call as the server has it.
fn at_server(house: &House, call: &Value) -> Value {
    let path = format!("/calls/{}", call["id"].as_str().unwrap());
    house.runtime.block_on(house.boss.get(&path)).unwrap()["call"].clone()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect()
}

fn import(phone: &Phone) {
    let row = json!({ "line": 1, "waybill_no": "YT5000000000001", "recipient_name": "王芳", "phone": CUSTOMER,
        "address": "上海市浦东新区幸福花园3号楼101" });
    let file = phone.list("day.csv", &[row]).unwrap();
    phone.must(&["import", file.to_str().unwrap()]).unwrap();
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_message_is_listed_heard_without_a_network_and_handled() {
    let house = house();
    let mut c1 = phone(&house, "c1");
    import(&c1);
    leaves_a_message(&house);
    let call = shown(&house, &c1, 1).remove(0);
    assert_eq!((&call["outcome"], &call["urgency"]), (&json!("voicemail"), &json!("now")));
    assert_eq!(call["places"], json!([{ "place": "幸福花园3号楼", "open": 1, "parcels": 1 }]));
    assert_eq!((&call["caller"], &call["sound"]["here"]), (&json!("+86138****0000"), &json!("no")));
    let text = c1.must(&["calls", "--open", "--lang", "zh"]).unwrap();
    for part in ["立即", "留言", "幸福花园3号楼 1件", "1 通待处理"] {
        assert!(text.contains(part), "{part} in {text}");
    }

    // a colleague's phone has nothing of it
    let c2 = phone(&house, "c2");
    let id = call["id"].as_str().unwrap();
    assert_eq!(json_of(&c2, &["calls"]), json!({ "calls": [], "open": 0 }));
    for arguments in [["listen", id], ["handled", id]] {
        let said = c2.run(&arguments, &Death::None).unwrap();
        assert!(said.code == Some(1) && said.errors.contains("there is no call"), "{said:?}");
    }

    let wav = c1.home().join("message.wav");
    c1.must(&["listen", &name(&call), "--out", wav.to_str().unwrap()]).unwrap();
    let heard = std::fs::read(&wav).unwrap();
    let told = house.audio(&house.boss, &at_server(&house, &call));
    assert_eq!(heard.len(), told[0].len() + 58, "the file that the server has");
    assert!(exchange::share(&told[0][4_000..12_000], 900) > 0.9);
    offline(&mut c1, true);
    std::fs::remove_file(&wav).unwrap();
    c1.must(&["listen", &name(&call), "--out", wav.to_str().unwrap()]).unwrap();
    assert_eq!(std::fs::read(&wav).unwrap(), heard, "without a network");
    std::fs::remove_file(&wav).unwrap();

    // handled without a network: shown, kept, and brought to the server once
    let said = c1.run(&["handled", &name(&call)], &Death::None).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(json_of(&c1, &["calls", "--open"])["open"], 0);
    assert_eq!(at_server(&house, &call)["handled_at"], Value::Null);
    offline(&mut c1, false);
    c1.must(&["sync"]).unwrap();
    assert_eq!(at_server(&house, &call)["handled_by"], json!(house.c1));
    c1.must(&["handled", "--undo", &name(&call)]).unwrap();
    assert_eq!(at_server(&house, &call)["handled_at"], Value::Null);
    assert_eq!(json_of(&c1, &["calls"])["open"], 1);

    // nothing on the phone shows who rang or what was said
    assert_eq!(files(&c1.home().join("audio")).len(), 1);
    for file in files(c1.home()).into_iter().chain(files(&c1.home().join("audio"))) {
        let bytes = std::fs::read(&file).unwrap();
        let clear = |part: &[u8]| bytes.windows(part.len()).any(|w| w == part);
        assert!(!clear(b"13800000000") && !clear(b"138****0000"), "{}", file.display());
        assert!(!clear(&heard[200..264]), "sound in clear in {}", file.display());
    }
    c1.must(&["logout"]).unwrap();
    assert_eq!(files(&c1.home().join("audio")), [] as [std::path::PathBuf; 0], "signing out leaves no sound");
}

#[test]
fn a_phone_that_dies_between_any_two_steps_loses_nothing_and_does_nothing_twice() {
    let house = house();
    let c1 = phone(&house, "c1");
    leaves_a_message(&house);
    let call = shown(&house, &c1, 1).remove(0);
    let name = name(&call);
    let wav = c1.home().join("m.wav");
    let out = wav.to_str().unwrap();
    c1.must(&["listen", &name, "--out", out]).unwrap();
    let heard = std::fs::read(&wav).unwrap();
    let mut deaths = 0;
    for place in PLACES {
        for n in 1..40 {
            let death = Death::At(format!("{place}:{n}"));
            c1.must(&["listen", "--remove", &name]).unwrap();
            let listened = c1.run(&["listen", &name], &death).unwrap();
            c1.must(&["listen", &name, "--out", out]).unwrap();
            assert_eq!(std::fs::read(&wav).unwrap(), heard, "{place}:{n}");
            assert_eq!(files(&c1.home().join("audio")).len(), 1, "{place}:{n}");

            let marked = c1.run(&["handled", &name], &death).unwrap();
            c1.must(&["handled", &name]).unwrap();
            assert!(at_server(&house, &call)["handled_at"].is_i64(), "{place}:{n}");
            let reopened = c1.run(&["handled", "--undo", &name], &death).unwrap();
            // where it was told, or came that far, it is so; otherwise the courier says it again
            let again = c1.run(&["handled", "--undo", &name], &Death::None).unwrap();
            assert!(again.code == Some(0) || again.errors.contains("is not marked"), "{again:?}");
            c1.must(&["sync"]).unwrap();
            assert_eq!(at_server(&house, &call)["handled_at"], Value::Null, "{place}:{n}");

            let mode = ["riding", "off-duty"][n % 2];
            let said = c1.run(&["availability", mode], &death).unwrap();
            c1.must(&["availability", mode]).unwrap();
            let all = [listened, marked, reopened, said];
            deaths += all.iter().filter(|s| s.died()).count();
            if all.iter().all(|s| !s.died()) {
                break;
            }
        }
    }
    assert!(deaths > 30, "only {deaths} died; is waybell built with the whole workspace?");
    assert_eq!(json_of(&c1, &["sync"])["refused"], json!([]));
    assert_eq!(list(&c1).len(), 1);
}

#[test]
fn a_call_is_shown_as_it_comes_and_called_back_once() {
    let house = house();
    let c1 = phone(&house, "c1");
    let mut watching = Command::new(programs().join("waybell"))
        .args(["calls", "--watch", "--json"])
        .env("WAYBELL_HOME", c1.home())
        .env("WAYBELL_SERVER", &house.world.server.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    rings_in_vain(&house);
    let shown_live = house.until("it is shown as it comes", || {
        let line = told.recv_timeout(SECOND / 10).ok()?;
        let call: Value = serde_json::from_str(&line).unwrap();
        (call["outcome"] == "missed").then_some(call)
    });
    let _ = watching.kill();
    let _ = watching.wait();
    assert_eq!(shown_live["urgency"], "later");

    // a death before the request left rings nobody, then or ever
    let back = name(&shown_live);
    let died = c1.run(&["call", &back], &Death::At("http.before_send".into())).unwrap();
    assert!(died.died(), "{died:?}");
    c1.must(&["sync"]).unwrap();
    assert!(house.exchange.rung_within(SECOND).is_none());
    // without a network it is an error at once, and nothing waits
    let mut away = c1;
    offline(&mut away, true);
    let refused = away.run(&["call", &back], &Death::None).unwrap();
    assert!(refused.code == Some(3) && refused.errors.contains("nothing will ring later"), "{refused:?}");
    offline(&mut away, false);
    assert_eq!(json_of(&away, &["sync"])["sync"]["queued"], 0);
    assert!(house.exchange.rung_within(SECOND).is_none());

    let made = away.must(&["call", &back]).unwrap();
    assert!(made.starts_with("calling: your own telephone rings first"), "{made}");
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), "13900000001");
    courier.picks_up();
    courier.press('1');
    let mut customer = house.exchange.rung();
    assert_eq!(customer.number(), "13800000000");
    customer.picks_up();
    std::thread::sleep(SECOND);
    customer.hangs_up();
    courier.is_hung_up_on();
    let all = shown(&house, &away, 2);
    let made = all.iter().find(|c| c["direction"] == "outgoing").unwrap();
    assert_eq!(made["outcome"], "answered");
    assert!(house.exchange.rung_within(SECOND).is_none(), "once");
    assert_eq!(json_of(&away, &["calls"])["open"], 0, "who was spoken with waits no longer");

    // an answer that is lost, with the phone: the call goes on, and can be ended
    let died = away.run(&["call", "13800000000"], &Death::At("http.answered".into())).unwrap();
    assert!(died.died(), "{died:?}");
    let mut courier = house.exchange.rung();
    courier.rings();
    away.must(&["call", "--hang-up"]).unwrap();
    courier.is_cancelled();
    let all = shown(&house, &away, 3);
    assert!(all.iter().any(|c| c["outcome"] == "cancelled"), "{all:?}");
}

/// A clock that a test sets: the boot clock goes on with it.
struct Later(AtomicI64);

impl Clock for Later {
    fn wall(&self) -> UnixMs {
        UnixMs(now_ms() + self.0.load(Ordering::Relaxed))
    }

    fn boot(&self) -> (String, u64) {
        ("boot".into(), u64::try_from(self.wall().0).unwrap())
    }
}

#[test]
fn two_hours_without_a_network() {
    let house = house();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Later(AtomicI64::new(0)));
    let open = |server: &str| {
        let keys = Arc::new(FileKeyStore { path: folder.path().join("data.key") });
        let config = ClientConfig { data_dir: folder.path().to_owned(), server: server.to_owned() };
        Client::open(config, Ports { keys, clock: clock.clone() }).unwrap()
    };
    let url = house.world.server.url.clone();
    let client = open(&url);
    house.runtime.block_on(client.session().login("c1", PASSWORD)).unwrap();
    rings_in_vain(&house);
    let one = house.until("the phone has the call", || {
        house.runtime.block_on(client.sync().now()).unwrap();
        let list = house.runtime.block_on(client.calls().list(true)).unwrap();
        list.into_iter().next()
    });
    assert_eq!(one.urgency, Urgency::Later);
    drop(client);

    // out of reach: the courier rides, and marks the call; meanwhile another customer's message comes in
    let away = open(NOWHERE);
    house.runtime.block_on(async {
        away.calls().set_reach(Availability::Riding, None).await.unwrap();
        away.calls().handled(one.view.id).await.unwrap();
        assert!(away.sync().now().await.is_err());
        assert_eq!(away.calls().open_count().await.unwrap(), 0);
        assert!(away.calls().reach().unwrap().pending);
    });
    drop(away);
    leaves_a_message(&house);
    // on another phone the courier says something else, now
    let other = phone(&house, "c1");
    other.must(&["availability", "off-duty"]).unwrap();
    clock.0.fetch_add(2 * HOUR, Ordering::Relaxed);
    let client = open(&url);
    house.runtime.block_on(async {
        client.sync().now().await.unwrap();
        assert_eq!(client.sync().operations().unwrap(), []);
        let reach = client.calls().reach().unwrap();
        assert_eq!((reach.mode, reach.pending), (Availability::Off, false), "what was said later counts");
        let open = client.calls().list(true).await.unwrap();
        assert_eq!(open.len(), 1, "{open:?}");
        assert_ne!(open[0].view.id, one.view.id);
        client.calls().fetch_sound(open[0].view.id).await.unwrap();
        client.calls().set_reach(Availability::Available, None).await.unwrap();
        client.sync().now().await.unwrap();
    });
    let told = json_of(&other, &["availability"]);
    assert_eq!(told, json!({ "mode": "available", "until": null, "pending": false }));
    // the mark reached the server, whoever asks
    let all = house.runtime.block_on(house.boss.get("/calls?open=true")).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");

    // the session is ended elsewhere: no sound stays
    house.runtime.block_on(client.session().logout()).unwrap();
    assert_eq!(files(&folder.path().join("audio")), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_call_that_a_colleague_took_over_is_on_the_colleagues_phone_alone() {
    let house = house();
    house.on_duty(&house.c2, "substitute");
    let (c1, c2) = (phone(&house, "c1"), phone(&house, "c2"));
    let mut customer = house.customer_rings();
    let first = house.exchange.rung();
    first.rings();
    // while it rings it is c1's
    house.until("c1 sees it", || list(&c1).first().cloned());
    let mut first = first;
    first.is_cancelled();
    let mut second = house.exchange.rung();
    second.picks_up();
    second.press('1');
    assert_eq!(customer.final_answer(), 200);
    std::thread::sleep(SECOND);
    customer.hangs_up();
    second.is_hung_up_on();
    let all = shown(&house, &c2, 1);
    assert_eq!(all[0]["outcome"], "answered");
    house.until("c1 has it no longer", || list(&c1).is_empty().then_some(()));
}
