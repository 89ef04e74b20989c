//! Calls that come in and the dialler: who has spoken with a courier is told nothing more.

use super::SECOND;
use super::house::{CUSTOMER, House};
use serde_json::{Value, json};
use waybell_tests::WorldOptions;

#[test]
fn who_has_rung_back_and_spoken_is_not_rung_again() {
    rings_back_from_their(json!({ "phone": CUSTOMER }));
}

#[test]
fn nor_who_did_so_from_their_other_telephone() {
    rings_back_from_their(json!({ "phone": "13811110000", "more_phones": [CUSTOMER] }));
}

fn rings_back_from_their(phones: Value) {
    let mut policy = waybell_tests::world::quick_policy();
    policy["retry"]["gaps"]["busy"] = 8_000.into();
    let house = House::with(json!({}), WorldOptions { policy, ..WorldOptions::default() });
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    let mut row = json!({ "line": 1, "waybill_no": "YT3000000000001", "recipient_name": "王芳",
        "address": "上海市浦东新区幸福花园3号楼101" });
    row.as_object_mut().unwrap().extend(phones.as_object().unwrap().clone());
    let parcels = house.runtime.block_on(c1.import(&[row])).unwrap();
    house.runtime.block_on(c1.notify(&parcels)).unwrap();
    let mut notice = house.exchange.rung();
    assert_eq!(notice.number(), phones["phone"].as_str().unwrap().trim_start_matches("+86"));
    notice.refuses("486 Busy Here");

    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), "13900000001", "the courier, and not the customer once more");
    courier.rings();
    courier.picks_up();
    std::thread::sleep(SECOND);
    courier.press('1');
    assert_eq!(customer.final_answer(), 200);
    std::thread::sleep(SECOND);
    customer.hangs_up();
    courier.is_hung_up_on();
    let reason = house.until("the retry is dropped", || {
        let page = house.runtime.block_on(c1.get("/sync")).unwrap();
        page["recipients"][0]["suppressed"].as_str().map(str::to_owned)
    });
    assert_eq!(reason, "called_back");
    assert!(house.exchange.rung_within(SECOND).is_none(), "nobody is rung any more");
}
