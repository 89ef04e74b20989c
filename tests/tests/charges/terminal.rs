//! In the terminal: prices from a file, money paid in, and the balance without a server.

use super::{House, MINUTE, id};
use serde_json::{Value, json};
use waybell_tests::phone::{Death, Phone};

#[test]
fn the_balance_is_known_without_a_server_and_belongs_to_whoever_signed_in() {
    let mut house = House::new(json!({}));
    house.ask("PUT", "/charge-policy", json!({ "payers": { "outgoing": "courier" } }));
    let (boss, phone) =
        (Phone::new(&house.world.server.url).unwrap(), Phone::new(&house.world.server.url).unwrap());
    boss.must(&["login", "boss"]).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let prices = boss.home().join("prices.json");
    std::fs::write(&prices, super::prices().to_string()).unwrap();
    boss.must(&["rates", "--set", prices.to_str().unwrap()]).unwrap();
    assert!(boss.must(&["rates"]).unwrap().contains("mobile"));
    let said = boss.run(&["accounts", "pay", "c1", "1.2.3", "--reason", "cash"], &Death::None).unwrap();
    assert_ne!(said.code, Some(0), "{said:?}");
    let paid = boss.must(&["accounts", "pay", "c1", "12.34", "--reason", "cash"]).unwrap();
    assert!(paid.contains("¥12.34"), "{paid}");
    boss.must(&["accounts", "pay", "c1", "-0.34", "--kind", "adjustment", "--reason", "typed wrong"])
        .unwrap();
    boss.must(&["accounts", "limit", "c1", "--credit", "0", "--daily-cap", "200"]).unwrap();
    let c1 = house.sign_in("c1");
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    customer.hangs_up();
    courier.is_hung_up_on();
    house.settled(2);
    assert!(boss.must(&["accounts"]).unwrap().contains("¥11.80"));
    assert!(boss.must(&["charges", "--courier", "c1"]).unwrap().contains("typed wrong"));
    let known = phone.must(&["balance"]).unwrap();
    assert!(known.contains("¥11.80") && known.contains("¥0.20"), "{known}");

    house.world.kill().unwrap();
    let balance =
        |arguments: &[&str]| -> Value { serde_json::from_str(&phone.must(arguments).unwrap()).unwrap() };
    let kept = balance(&["balance", "--json"]);
    let account = &kept["balance"]["view"]["account"];
    assert_eq!(account["balance"], json!(12_000_000 - 2 * MINUTE), "{kept}");
    assert!(kept["balance"]["told_at"].is_i64());
    let entries = balance(&["charges", "--json"]);
    assert_eq!(entries.as_array().unwrap().len(), 4, "{entries}");
    assert!(phone.must(&["charges"]).unwrap().contains("1 × 60"));
    house.world.server.start().unwrap();
    // another person on the same phone sees nothing of it
    phone.must(&["logout"]).unwrap();
    phone.must(&["login", "c2"]).unwrap();
    let other = phone.must(&["balance"]).unwrap();
    assert!(!other.contains("¥11.80") && other.contains("¥0.00"), "{other}");
    assert!(!phone.must(&["charges"]).unwrap().contains("1 × 60"));
}
