//! The server dies at any step of a call: each leg that was answered is charged once.

use super::{House, MINUTE, SECOND, id, prices, sum};
use serde_json::json;
use waybell_tests::WorldOptions;

#[test]
fn each_leg_is_charged_once_whatever_dies() {
    for (point, answered) in
        [("outgoing.courier_answered", 1), ("outgoing.customer_answered", 2), ("outgoing.bridged", 2)]
    {
        let options = WorldOptions { crash: Some(point.to_owned()), ..WorldOptions::default() };
        let mut house = House::with(json!({}), options);
        house.ask("PUT", "/rates", prices());
        house.ask("PUT", "/charge-policy", json!({ "branch": { "daily_cap": 50 * MINUTE } }));
        let c1 = house.sign_in("c1");
        let (status, _) =
            house.tries(&c1, "POST", "/calls", &json!({ "id": id(), "number": "138 0000 0000" }));
        assert_eq!(status, 201);
        let mut courier = house.exchange.rung();
        courier.picks_up_unheard();
        let mut customer = None;
        if answered == 2 {
            courier.hear("ACK");
            courier.press('1');
            let mut rung = house.exchange.rung();
            rung.picks_up_unheard();
            customer = Some(rung);
        }
        house.dies_and_starts_again(point);
        courier.is_hung_up_on();
        if let Some(customer) = &mut customer {
            customer.is_hung_up_on();
        }
        let legs = house.settled(answered);
        assert_eq!((legs.len(), sum(&legs)), (answered, -(answered as i64) * MINUTE), "{point}: {legs:#?}");
        // the far side took our BYE: it is known how long it was
        assert!(legs.iter().all(|l| l["estimated"] == json!(false)), "{point}: {legs:#?}");
        let branch = house.branch();
        let account =
            house.until("its room is given back", || Some(house.account(&branch)).filter(|a| a["held"] == 0));
        assert_eq!(account["balance"], -(answered as i64) * MINUTE, "{point}");
        for _ in 0..2 {
            house.again();
            std::thread::sleep(SECOND);
            assert_eq!(house.settled(answered), legs, "{point}: another start enters nothing");
        }
    }
}

#[test]
fn an_end_that_nobody_knows_is_charged_by_what_is_known() {
    let mut house = House::new(json!({}));
    house.ask(
        "PUT",
        "/rates",
        json!({ "name": "seconds", "rates": [{ "to": "any", "step_s": 1, "price": 1 }] }),
    );
    house.on_duty(&house.c1, "duty");
    let (customer, courier) = house.they_speak();
    customer.line.says(700);
    courier.line.says(900);
    std::thread::sleep(SECOND * 3);
    house.world.kill().unwrap();
    // the telephones are gone when the server is back
    drop((customer, courier));
    std::thread::sleep(SECOND * 6);
    house.world.server.start().unwrap();
    house.boss = house.boss.at(&house.world.server.url);
    let mut legs = Vec::new();
    for _ in 0..60 {
        legs = house.ledger(&house.boss);
        if legs.len() == 2 {
            break;
        }
        std::thread::sleep(SECOND);
    }
    assert_eq!(legs.len(), 2, "{legs:#?}");
    let paid = legs.iter().find(|l| l["charge"]["rated"] == "rated").expect("the courier's leg");
    assert_eq!(paid["estimated"], true, "{paid}");
    // up to the end of what was recorded, not up to the server's return
    let ms = paid["charge"]["talked_ms"].as_i64().unwrap();
    assert!((500..9_000).contains(&ms), "{paid}");
    assert_eq!(paid["amount"], -((ms + 999) / 1_000), "{paid}");
}
