//! Who is recorded is told so first, where the organisation wants it.

use super::SECOND;
use super::exchange::{Line, loudness, mostly, share};
use super::house::House;
use super::outgoing::{calls, customer_is_rung, id, over, request};
use serde_json::json;

/// What somebody hears before the other side: words, and not the other side's tone.
fn is_told(line: &Line, other: u32) {
    line.heard();
    std::thread::sleep(SECOND);
    let heard = line.heard();
    assert!(loudness(&heard) > 50.0, "a notice is spoken");
    assert!(share(&heard, other) < 0.3, "and nobody is put through before it is over");
}

/// Until the notice is over.
fn speak(house: &House, a: &Line, b: &Line, (tone_a, tone_b): (u32, u32)) {
    for _ in 0..20 {
        if a.hears(tone_b) && b.hears(tone_a) {
            return;
        }
    }
    panic!("they do not hear each other; the server's log:\n{}", house.world.server.log());
}

#[test]
fn a_caller_hears_of_the_recording_and_then_speaks() {
    let house = House::new(json!({ "tell_recording": true }));
    house.on_duty(&house.c1, "duty");
    let (mut customer, mut courier) = house.they_speak();
    courier.line.says(1_100);
    customer.line.says(700);
    is_told(&customer.line, 1_100);
    speak(&house, &customer.line, &courier.line, (700, 1_100));
    std::thread::sleep(SECOND);
    customer.hangs_up();
    courier.is_hung_up_on();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["audio"]["state"]), (&json!("answered"), &json!("done")));
    let sound = house.audio(&house.boss, &call);
    assert!(mostly(&sound[0], 700) && mostly(&sound[1], 1_100), "what they said, without the notice");
}

#[test]
fn a_courier_who_hangs_up_meanwhile_leaves_the_caller_to_the_voicemail() {
    let house = House::new(json!({ "tell_recording": true }));
    house.on_duty(&house.c1, "duty");
    let (mut customer, mut courier) = house.they_speak();
    courier.hangs_up();
    std::thread::sleep(SECOND);
    assert!(loudness(&customer.line.heard()) > 50.0, "the greeting");
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!(call["outcome"], json!("missed"));
}

#[test]
fn a_customer_hears_of_it_too_and_may_hang_up() {
    let house = House::new(json!({ "tell_recording": true }));
    let c1 = house.sign_in("c1");
    for stays in [true, false] {
        let call = id();
        calls(&house, &c1, &request(&call));
        let (mut courier, mut customer) = customer_is_rung(&house);
        customer.picks_up();
        customer.line.says(700);
        courier.line.says(1_100);
        is_told(&customer.line, 1_100);
        if stays {
            speak(&house, &customer.line, &courier.line, (700, 1_100));
        }
        customer.hangs_up();
        courier.is_hung_up_on();
        let told = over(&house, &c1, &call);
        let expected = if stays { "answered" } else { "declined" };
        assert_eq!(told["outcome"], json!(expected), "{told}");
        assert_eq!(told["audio"]["state"].as_str(), stays.then_some("done"), "{told}");
    }
}
