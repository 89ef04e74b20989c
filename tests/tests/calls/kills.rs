//! The server dies while a customer is on the line.

use super::SECOND;
use super::exchange::mostly;
use super::house::House;
use serde_json::{Value, json};
use waybell_tests::WorldOptions;

#[test]
fn a_killed_server_leaves_nobody_on_the_line_and_keeps_what_was_heard() {
    let mut house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let (mut customer, mut courier) = house.they_speak();
    customer.line.says(700);
    courier.line.says(1_100);
    std::thread::sleep(SECOND * 5);
    house.world.kill().unwrap();
    std::thread::sleep(SECOND / 2);
    house.world.server.start().unwrap();
    customer.is_hung_up_on();
    courier.is_hung_up_on();
    house.boss = house.boss.at(&house.world.server.url);
    // the file is put right beside the calls that go on
    let call = house.until("the recording is put right", || {
        Some(house.call(&house.boss)).filter(|call| call["audio"]["state"] != "open")
    });
    assert_eq!((&call["outcome"], &call["audio"]["state"]), (&json!("interrupted"), &json!("cut")));
    let sound = house.audio(&house.boss, &call);
    assert!(sound[0].len() > 2 * 8_000, "five seconds were spoken, {} samples are kept", sound[0].len());
    assert!(mostly(&sound[0], 700) && mostly(&sound[1], 1_100));
    // told once: the next life has nothing left to end
    std::thread::sleep(SECOND);
    house.world.kill().unwrap();
    house.world.server.start().unwrap();
    assert!(customer.hear_within(SECOND, |t| t.starts_with("BYE")).is_none());
    assert!(courier.hear_within(SECOND / 10, |t| t.starts_with("BYE")).is_none());
}

#[test]
fn a_server_killed_while_it_rings_lets_both_go() {
    let mut house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    courier.rings();
    customer.hear("SIP/2.0 180");
    std::thread::sleep(SECOND / 5);
    house.world.kill().unwrap();
    house.world.server.start().unwrap();
    assert_eq!(customer.final_answer(), 503);
    courier.is_cancelled();
    house.boss = house.boss.at(&house.world.server.url);
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["audio"]), (&json!("interrupted"), &Value::Null));
    assert!(house.exchange.rung_within(SECOND).is_none(), "nobody is rung again");
}

#[test]
fn a_server_that_dies_at_any_step_leaves_nobody_on_the_line() {
    for point in ["call.courier_rung", "call.courier_answered", "call.answered", "call.bridged"] {
        let options = WorldOptions { crash: Some(point.to_owned()), ..WorldOptions::default() };
        let mut house = House::with(json!({}), options);
        house.on_duty(&house.c1, "duty");
        let mut customer = house.customer_rings();
        // the INVITE that is stored may have left, or not
        let patience = if point == "call.courier_rung" { SECOND * 3 } else { SECOND * 20 };
        let mut rung = house.exchange.rung_within(patience);
        if point != "call.courier_rung" {
            rung.as_mut().expect("the courier is rung").picks_up_unheard();
        }
        if point == "call.answered" || point == "call.bridged" {
            let courier = rung.as_mut().expect("the courier is rung");
            courier.hear("ACK");
            courier.press('1');
        }
        let mut answered = false;
        if point == "call.bridged" {
            assert_eq!(customer.final_answer(), 200, "{point}");
            answered = true;
        }
        house.dies_and_starts_again(point);
        // the courier's telephone is quiet again
        match rung.as_mut() {
            Some(courier) if point == "call.courier_rung" => courier.is_cancelled(),
            Some(courier) => courier.is_hung_up_on(),
            None => {}
        }
        // and the customer's: refused, or answered and hung up
        if !answered && customer.final_answer() == 200 {
            answered = true;
        }
        if answered {
            customer.is_hung_up_on();
        }
        assert_eq!(house.call(&house.boss)["outcome"], "interrupted", "{point}");
        assert!(house.exchange.rung_within(SECOND / 2).is_none(), "{point}: nobody is rung again");
    }
}
