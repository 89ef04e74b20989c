//! Telephones that register: baresip as a courier's desk phones, by UDP, TCP and TLS.

use super::exchange::{Exchange, Telephone, mostly};
use super::house::{House, server_address};
use super::{SECOND, last};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::peers::baresip::{Baresip, Desk};
use waybell_tests::peers::{Stage, sound};

/// Registrations of seconds instead of minutes.
/// Debian's baresip knows MD5 alone, and gives up for half a minute at a challenge that offers more.
const PHONES: &str = "[phones]\nrealm = \"waybell.test\"\ndigest = [\"md5\"]\nmin_seconds = 10\nmax_seconds = 60\nask_seconds = 5\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// A house whose couriers may have telephones, and where it listens by each transport.
struct Desks {
    house: House,
    stage: Stage,
    c1: Api,
    certificate: PathBuf,
}

impl Desks {
    fn new(policy: Value) -> Desks {
        Desks::with(policy, PHONES)
    }

    fn with(policy: Value, server: &str) -> Desks {
        Desks::dying(policy, server, None)
    }

    /// One whose server dies at this step.
    fn dying(policy: Value, server: &str, crash: Option<&str>) -> Desks {
        let mut stage = Stage::new().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        let (certificate, key) = (stage.path().join("cert.pem"), stage.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = Some((certificate.clone(), key));
        let crash = crash.map(str::to_owned);
        let options = WorldOptions { server: server.to_owned(), tls, crash, ..WorldOptions::default() };
        let house = House::with(policy, options);
        stage.also_show(&house.world.folder.path().join("server.log"));
        house.on_duty(&house.c1, "duty");
        let c1 = house.sign_in("c1");
        Desks { house, stage, c1, certificate }
    }

    fn server(&self, transport: &str) -> SocketAddr {
        let text = std::fs::read_to_string(self.house.world.folder.path().join("server.toml")).unwrap();
        let word = format!("\"{transport}:");
        text.split_once(&word).unwrap().1.split('"').next().unwrap().parse().unwrap()
    }

    fn make(&self, name: &str) -> Value {
        let body = json!({ "name": name });
        self.house.runtime.block_on(self.c1.post("/me/phones", &body)).unwrap()
    }

    /// A telephone of the courier's, not waited for.
    fn start(&self, made: &Value, transport: &str, answers: bool, secret: Option<&str>) -> Baresip {
        let desk = Desk {
            user: made["phone"]["user"].as_str().unwrap(),
            secret: secret.unwrap_or(made["secret"].as_str().unwrap()),
            server: self.server(transport),
            transport,
            answers,
            trusts: (transport == "tls").then_some(&self.certificate),
            seconds: 12,
        };
        Baresip::register(&self.stage, &desk).unwrap()
    }

    /// One that has registered.
    fn phone(&self, name: &str, transport: &str, answers: bool) -> (Baresip, Value) {
        let made = self.make(name);
        let phone = self.start(&made, transport, answers, None);
        self.until_registered(name, true);
        (phone, made)
    }

    fn listed(&self, name: &str) -> Value {
        let all = self.house.runtime.block_on(self.c1.get("/me/phones")).unwrap();
        all.as_array().unwrap().iter().find(|p| p["name"] == name).cloned().unwrap_or(Value::Null)
    }

    fn until_registered(&self, name: &str, there: bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let phone = self.listed(name);
            if phone["registered"] == there {
                return phone;
            }
            assert!(Instant::now() < until, "{name} registered is not {there}: {phone:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A telephone registers, is rung, is answered, and each hears the other; then it says goodbye.
fn registers_and_speaks(transport: &str) {
    let desks = Desks::new(json!({}));
    let (mut baresip, made) = desks.phone("柜台", transport, true);
    assert_eq!(made["domain"], "waybell.test");
    let there = desks.listed("柜台");
    assert_eq!((&there["transport"], &there["seen_from"]), (&json!(transport), &json!("127.0.0.1")));
    assert!(there["agent"].as_str().unwrap().contains("baresip"), "{there:#}");
    assert!(!there.to_string().contains(made["secret"].as_str().unwrap()));

    let mut customer = desks.house.customer_rings();
    baresip.wait_said("Call established", 1, PATIENCE).unwrap();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    std::thread::sleep(SECOND * 4);
    let heard = customer.line.heard();
    customer.hangs_up();
    baresip.wait_said("session closed", 1, PATIENCE).unwrap();
    let call = desks.house.call(&desks.house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("answered"), &json!(desks.house.c1)));
    let says = baresip.says().unwrap();
    let piece = says[8_000..12_000].to_vec();
    assert!(sound::find(&piece, &heard).1 > 0.9, "{transport}: the customer hears the courier");
    assert!(
        mostly(last(&baresip.heard().unwrap(), 4_000), 700),
        "{transport}: the courier hears the customer"
    );
    let recorded = desks.house.audio(&desks.house.boss, &call);
    assert!(mostly(&recorded[0], 700), "the customer on the left");
    assert!(sound::find(&piece, &recorded[1]).1 > 0.9, "the courier on the right");
    assert!(desks.house.exchange.rung_within(SECOND / 2).is_none(), "the mobile was not rung");
    // what the telephone is shown is the company's number, and who rings only as the app shows it
    let said = baresip.said();
    assert!(!said.contains("13800000000") && said.contains("138****0000"), "the customer's number");

    // it registers again by itself, and goes when it is put away
    baresip.wait_said("REGISTER sip:", 3, PATIENCE).unwrap();
    assert_eq!(desks.listed("柜台")["registered"], true);
    baresip.stop();
    let gone = desks.until_registered("柜台", false);
    assert!(gone["seen_at"].is_number() && gone["transport"].is_null(), "{gone:#}");
    let log = desks.house.world.server.log();
    assert!(!log.contains(made["secret"].as_str().unwrap()), "the log holds no secret");
}

#[test]
fn a_desk_phone_registers_and_speaks_by_udp() {
    registers_and_speaks("udp");
}

#[test]
fn a_desk_phone_registers_and_speaks_by_tcp() {
    registers_and_speaks("tcp");
}

#[test]
fn a_desk_phone_registers_and_speaks_by_tls() {
    registers_and_speaks("tls");
}

#[test]
fn a_wrong_password_registers_nothing_and_the_mobile_is_rung() {
    let desks = Desks::new(json!({}));
    let made = desks.make("柜台");
    let mut baresip = desks.start(&made, "udp", true, Some("not-the-secret"));
    baresip.wait_said("SIP/2.0 403", 1, PATIENCE).unwrap();
    assert_eq!(desks.listed("柜台")["registered"], false);
    let mut customer = desks.house.customer_rings();
    let mut mobile = desks.house.exchange.rung();
    assert_eq!(mobile.number(), "13900000001");
    customer.cancel();
    mobile.is_cancelled();
    // a name is taken once: the same request, come again, makes no second telephone
    let body = json!({ "name": "柜台" });
    let again = desks.c1.send("POST", "/me/phones", Some(&body), None);
    assert_eq!(desks.house.runtime.block_on(again).unwrap().0, 409);
}

#[test]
fn two_telephones_ring_and_one_is_answered() {
    let desks = Desks::new(json!({}));
    let (mut first, _) = desks.phone("柜台", "tcp", false);
    let (mut second, _) = desks.phone("车上", "udp", false);
    let mut customer = desks.house.customer_rings();
    first.wait_said("Incoming call", 1, PATIENCE).unwrap();
    second.wait_said("Incoming call", 1, PATIENCE).unwrap();
    second.tell("accept", "").unwrap();
    second.wait_said("Call established", 1, PATIENCE).unwrap();
    first.wait_said("Call completed elsewhere", 1, PATIENCE).unwrap();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    std::thread::sleep(SECOND * 3);
    let heard = customer.line.heard();
    second.tell("hangup", "").unwrap();
    customer.is_hung_up_on();
    let call = desks.house.call(&desks.house.boss);
    assert_eq!(call["outcome"], "answered");
    let of = |phone: &Baresip| phone.says().unwrap()[8_000..12_000].to_vec();
    assert!(sound::find(&of(&second), &heard).1 > 0.9, "the one that was answered");
    assert!(sound::find(&of(&first), &heard).1 < 0.5, "and not the other");
    assert!(!first.said().contains("Call established"));
    assert!(desks.house.exchange.rung_within(SECOND / 2).is_none());
    // what no trunk carried costs nothing, and is not entered as something without a price either
    let number = |sql: &str| desks.house.world.database.number(sql).unwrap();
    assert_eq!(number("SELECT COUNT(*) FROM call_leg WHERE kind = 'courier' AND answer_at IS NOT NULL"), 1);
    let entered = "SELECT COUNT(*) FROM ledger_entry e JOIN call_leg l ON e.source = 'leg/' || l.id WHERE l.kind = 'courier'";
    assert_eq!(number(entered), 0);
}

#[test]
fn a_telephone_whose_plug_is_pulled_goes_and_the_mobile_is_rung() {
    let desks = Desks::new(json!({}));
    let (mut baresip, _) = desks.phone("柜台", "tcp", false);
    baresip.kill();
    desks.until_registered("柜台", false);
    let mut customer = desks.house.customer_rings();
    let mut mobile = desks.house.exchange.rung();
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
    mobile.is_hung_up_on();
}

#[test]
fn one_that_declines_for_itself_hands_over_to_the_mobile() {
    let desks = Desks::new(json!({ "app_first_ms": 20_000 }));
    let (mut baresip, _) = desks.phone("柜台", "tcp", false);
    let mut customer = desks.house.customer_rings();
    baresip.wait_said("Incoming call", 1, PATIENCE).unwrap();
    assert!(desks.house.exchange.rung_within(SECOND / 2).is_none(), "not yet");
    // declining one telephone is no word for the mobile
    baresip.tell("hangup", "").unwrap();
    let mut mobile = desks.house.exchange.rung();
    customer.cancel();
    mobile.is_cancelled();
}

#[test]
fn a_telephone_that_nobody_answers_rings_on_beside_the_mobile_and_stops_when_that_is_taken() {
    let desks = Desks::new(json!({ "app_first_ms": 1_000 }));
    let (mut baresip, _) = desks.phone("柜台", "udp", false);
    let mut customer = desks.house.customer_rings();
    baresip.wait_said("Incoming call", 1, PATIENCE).unwrap();
    let mut mobile = desks.house.exchange.rung();
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    baresip.wait_said("Call completed elsewhere", 1, PATIENCE).unwrap();
    customer.line.says(700);
    mobile.line.says(1_100);
    assert!(mobile.line.hears(700) && customer.line.hears(1_100));
    customer.hangs_up();
    mobile.is_hung_up_on();
    let call = desks.house.call(&desks.house.boss);
    assert_eq!(call["outcome"], "answered");
}

#[test]
fn a_telephone_that_is_removed_is_gone_at_once() {
    let desks = Desks::new(json!({}));
    let (mut baresip, made) = desks.phone("柜台", "udp", true);
    let runtime = &desks.house.runtime;
    let path = format!("/me/phones/{}", made["phone"]["id"].as_str().unwrap());
    let renamed = runtime.block_on(desks.c1.ask("PUT", &path, Some(&json!({ "name": "前台" })))).unwrap();
    assert_eq!((&renamed["name"], &renamed["registered"]), (&json!("前台"), &json!(true)));
    // nobody else's to see or remove
    let c2 = desks.house.sign_in("c2");
    assert_eq!(runtime.block_on(c2.get("/me/phones")).unwrap(), json!([]));
    assert_eq!(runtime.block_on(c2.send("DELETE", &path, None, None)).unwrap().0, 404);
    assert_eq!(runtime.block_on(desks.c1.send("DELETE", &path, None, None)).unwrap().0, 204);
    baresip.wait_said("SIP/2.0 403", 1, PATIENCE).unwrap();
    let mut customer = desks.house.customer_rings();
    let mut mobile = desks.house.exchange.rung();
    customer.cancel();
    mobile.is_cancelled();
    assert!(!baresip.said().contains("Incoming call"));
}

#[test]
fn an_administrator_makes_telephones_and_a_courier_who_has_left_has_none() {
    let desks = Desks::new(json!({}));
    let runtime = &desks.house.runtime;
    let path = format!("/people/{}/phones", desks.house.c1);
    let made = desks.house.ask("POST", &path, json!({ "name": "柜台" }));
    let _baresip = desks.start(&made, "tcp", false, None);
    desks.until_registered("柜台", true);
    let all = runtime.block_on(desks.house.boss.get(&path)).unwrap();
    assert_eq!((all.as_array().unwrap().len(), &all[0]["registered"]), (1, &json!(true)));
    assert_eq!(runtime.block_on(desks.c1.send("GET", &path, None, None)).unwrap().0, 403);
    desks.house.ask("PATCH", &format!("/people/{}", desks.house.c1), json!({ "active": false }));
    let all = runtime.block_on(desks.house.boss.get(&path)).unwrap();
    assert_eq!(all[0]["registered"], false);
}

#[test]
fn a_server_that_dies_has_its_telephones_back() {
    let mut desks = Desks::new(json!({}));
    let (mut udp, _) = desks.phone("柜台", "udp", true);
    let (_tcp, _) = desks.phone("车上", "tcp", false);
    desks.house.again();
    desks.c1 = desks.c1.at(&desks.house.world.server.url);
    desks.until_registered("柜台", true);
    desks.until_registered("车上", true);
    let mut customer = desks.house.customer_rings();
    udp.wait_said("Call established", 1, PATIENCE).unwrap();
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
}

#[test]
fn scanners_reach_nothing_and_take_no_memory() {
    let desks = Desks::new(json!({}));
    let server = server_address(&desks.house.world);
    // as strangers, from addresses that no carrier has
    for host in 2..12u8 {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 9, host], 0))).unwrap();
        let own = socket.local_addr().unwrap();
        for n in 0..1_000 {
            let method = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE"][n % 4];
            let text = format!(
                "{method} sip:{n}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{host}x{n}\r\n\
                 From: <sip:{n}@{server}>;tag=f\r\nTo: <sip:{n}@{server}>\r\nCall-ID: {host}-{n}\r\n\
                 CSeq: 1 {method}\r\nContact: <sip:{n}@{own}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            socket.send_to(text.as_bytes(), server).unwrap();
        }
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut buffer, mut answers) = ([0; 4_096], 0);
        while let Ok(n) = socket.recv(&mut buffer) {
            assert!(buffer[..n].starts_with(b"SIP/2.0 401 "), "{}", String::from_utf8_lossy(&buffer[..n]));
            answers += 1;
        }
        assert!(answers <= 100, "{answers} answers: the budget of an address");
    }
    assert_eq!(desks.house.runtime.block_on(desks.house.boss.get("/calls")).unwrap(), json!([]));
    // and telephones still register
    desks.phone("柜台", "udp", false);
}

/// Telephones on one socket behind another address than they name, whose every message is the test's: their names.
fn boxed(desks: &Desks, names: &[&str]) -> Exchange {
    let phones = Exchange::new();
    let server = server_address(&desks.house.world);
    for name in names {
        let made = desks.make(name);
        let (user, secret) = (made["phone"]["user"].as_str().unwrap(), made["secret"].as_str().unwrap());
        assert_eq!(phones.register(server, user, secret, "waybell.test"), 200);
    }
    phones
}

/// What everybody is left with once a call is over: no leg in the switch, and a courier who may be rung again.
fn nothing_is_left(desks: &Desks, phones: &Exchange) {
    desks.house.until("no leg is left", || {
        let url = format!("{}/metrics", desks.house.world.server.url);
        let page = desks.house.runtime.block_on(async { reqwest::get(url).await.ok()?.text().await.ok() })?;
        page.lines().any(|l| l == "waybell_legs 0").then_some(())
    });
    let mut customer = desks.house.customer_rings();
    let mut again = phones.rung_within(PATIENCE).expect("the courier is free for the next call");
    customer.cancel();
    again.is_cancelled();
}

fn takes_bye(phone: &mut Telephone) {
    phone.hear("ACK");
    phone.is_hung_up_on();
}

#[test]
fn of_two_that_answer_together_one_has_the_call_and_the_other_is_let_go() {
    let desks = Desks::new(json!({ "app_first_ms": 20_000 }));
    let phones = boxed(&desks, &["柜台", "车上"]);
    let mut customer = desks.house.customer_rings();
    let (mut one, mut two) = (phones.rung(), phones.rung());
    assert_ne!(one.number(), two.number());
    one.picks_up_unheard();
    two.picks_up_unheard();
    assert_eq!(customer.final_answer(), 200);
    // whose sound comes through has it; the other has a BYE already
    one.line.says(1_100);
    two.line.says(900);
    std::thread::sleep(SECOND * 2);
    let (has, mut other, own) = match customer.line.hears(1_100) {
        true => (&mut one, two, 1_100),
        false => (&mut two, one, 900),
    };
    assert!(customer.line.hears(own));
    takes_bye(&mut other);
    customer.line.says(700);
    has.hear("ACK");
    assert!(has.line.hears(700));
    // both sides hang up at once
    std::thread::scope(|s| {
        s.spawn(|| customer.hangs_up());
        s.spawn(|| has.hangs_up());
    });
    assert_eq!(desks.house.call(&desks.house.boss)["outcome"], "answered");
    nothing_is_left(&desks, &phones);
}

#[test]
fn a_telephone_and_the_mobile_that_are_answered_together_are_one_call() {
    let desks = Desks::new(json!({ "app_first_ms": 500 }));
    let phones = boxed(&desks, &["柜台"]);
    let mut customer = desks.house.customer_rings();
    let (mut phone, mut mobile) = (phones.rung(), desks.house.exchange.rung());
    mobile.picks_up_unheard();
    phone.picks_up_unheard();
    phone.hear("ACK");
    // the mobile has pressed nothing, so it has taken nothing
    takes_bye(&mut mobile);
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    phone.line.says(1_100);
    assert!(customer.line.hears(1_100) && phone.line.hears(700));
    phone.hangs_up();
    customer.is_hung_up_on();
    nothing_is_left(&desks, &phones);
}

#[test]
fn a_caller_who_gives_up_as_a_telephone_is_answered_leaves_nobody_on_the_line() {
    let desks = Desks::new(json!({ "app_first_ms": 20_000 }));
    let phones = boxed(&desks, &["柜台"]);
    for turn in 0..4 {
        let mut customer = desks.house.customer_rings();
        let mut phone = phones.rung();
        phone.rings();
        customer.hear("SIP/2.0 180");
        if turn % 2 == 0 {
            phone.picks_up_unheard();
            customer.gives_up();
        } else {
            customer.gives_up();
            phone.picks_up_unheard();
        }
        // whoever was first: the telephone's answer is acknowledged and ended
        if customer.final_answer() == 200 {
            customer.hangs_up();
        }
        takes_bye(&mut phone);
    }
    nothing_is_left(&desks, &phones);
}

#[test]
fn one_that_declines_for_all_is_the_courier_s_word() {
    let desks = Desks::new(json!({ "app_first_ms": 20_000, "voicemail": false }));
    let phones = boxed(&desks, &["柜台", "车上"]);
    let mut customer = desks.house.customer_rings();
    let (mut one, mut two) = (phones.rung(), phones.rung());
    two.rings();
    one.refuses("603 Decline");
    two.is_cancelled();
    assert_eq!(customer.final_answer(), 480);
    assert!(desks.house.exchange.rung_within(SECOND / 2).is_none(), "the mobile is not rung either");
}

#[test]
fn a_telephone_that_knows_only_md5_registers_where_more_is_offered() {
    let desks = Desks::with(json!({}), "[phones]\nrealm = \"waybell.test\"\nmin_seconds = 10\n");
    let made = desks.make("柜台");
    let mut baresip = desks.start(&made, "udp", false, None);
    baresip.wait_said("SHA-256", 1, PATIENCE).unwrap();
    baresip.wait_said("SIP/2.0 200", 1, PATIENCE * 4).unwrap();
    assert_eq!(desks.listed("柜台")["registered"], true);
    // and one that knows better is offered better
    let phones = boxed(&desks, &["车上"]);
    drop(phones);
}

#[test]
fn a_server_that_dies_at_any_step_leaves_no_telephone_on_the_line() {
    for point in ["call.phones_rung", "call.phone_answered", "call.answered", "call.bridged"] {
        let mut desks = Desks::dying(json!({ "app_first_ms": 20_000 }), PHONES, Some(point));
        let phones = boxed(&desks, &["柜台"]);
        let mut customer = desks.house.customer_rings();
        // the INVITE that is stored may have left, or not
        let first = point == "call.phones_rung";
        let mut rung = phones.rung_within(if first { SECOND * 3 } else { PATIENCE });
        if !first {
            rung.as_mut().expect("the telephone is rung").picks_up_unheard();
        }
        let mut answered = point == "call.bridged";
        if answered {
            assert_eq!(customer.final_answer(), 200, "{point}");
        }
        desks.house.dies_and_starts_again(point);
        match rung.as_mut() {
            Some(phone) if first => phone.is_cancelled(),
            Some(phone) => phone.is_hung_up_on(),
            None => {}
        }
        if !answered && customer.final_answer() == 200 {
            answered = true;
        }
        if answered {
            customer.is_hung_up_on();
        }
        assert_eq!(desks.house.call(&desks.house.boss)["outcome"], "interrupted", "{point}");
        assert!(phones.rung_within(SECOND / 2).is_none(), "{point}: nobody is rung again");
    }
}
