//! Couriers' phones beside each other: parcels handed over, stops put right by hand, and what undo means.

use super::send;
use serde_json::{Value, json};
use waybell_tests::api::now_ms;
use waybell_tests::phone::Death;
use waybell_tests::{Phone, World, WorldOptions, list};

pub(super) fn phone(world: &World, login: &str) -> Phone {
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", login]).unwrap();
    phone
}

fn waybills(phone: &Phone) -> Vec<String> {
    let text = phone.must(&["tasks", "--open", "--json", "--limit", "1000"]).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    list.as_array().unwrap().iter().map(|p| p["waybill_no"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn parcels_go_to_a_colleague_in_their_order_or_stay() {
    let mut world = World::start(&WorldOptions::default()).unwrap();
    let (giver, taker) = (phone(&world, "c1"), phone(&world, "c2"));
    let (mine, theirs) = (list::rows(6, 850_000_000), list::rows(2, 860_000_000));
    giver.must(&["import", giver.list("day.csv", &mine).unwrap().to_str().unwrap()]).unwrap();
    taker.must(&["import", taker.list("day.csv", &theirs).unwrap().to_str().unwrap()]).unwrap();
    let no = |n: usize| mine[n]["waybill_no"].as_str().unwrap();
    giver.must(&["sign", no(5)]).unwrap();
    // one that is done with keeps all of them here
    let said = giver.run(&["hand-over", no(4), no(5), "--to", "c2"], &Death::None).unwrap();
    assert!(said.code == Some(1) && said.errors.contains("is done with already"), "{said:?}");
    assert!(
        giver.run(&["hand-over", no(4), "--to", "c9"], &Death::None).unwrap().errors.contains("colleague")
    );
    // without a server nothing goes, and the text says so
    world.server.kill();
    let said = giver.run(&["hand-over", no(3), no(1), "--to", "c2"], &Death::None).unwrap();
    assert!(said.code == Some(3) && said.errors.contains("nothing was handed over"), "{said:?}");
    world.server.start().unwrap();
    let said =
        giver.must(&["hand-over", no(3), no(1), no(4), "--to", "c2", "--server", &world.server.url]).unwrap();
    assert!(said.contains("3 parcels are now c2's"), "{said}");
    assert_eq!(waybills(&giver), [no(0), no(2)]);
    taker.must(&["sync", "--server", &world.server.url]).unwrap();
    let their = |n: usize| theirs[n]["waybill_no"].as_str().unwrap();
    assert_eq!(waybills(&taker), [their(0), their(1), no(3), no(1), no(4)], "after their own, in this order");
    let story = taker.must(&["why", no(3)]).unwrap();
    assert!(story.contains("handed over by c1 to c2"), "{story}");
    // the giver's list, taken once more, takes nothing back
    let list = giver.list("day.csv", &mine).unwrap();
    giver.must(&["import", list.to_str().unwrap(), "--server", &world.server.url]).unwrap();
    giver.must(&["sync"]).unwrap();
    assert_eq!(waybills(&giver), [no(0), no(2)]);
    taker.must(&["sync"]).unwrap();
    assert_eq!(waybills(&taker).len(), 5, "they stay with the colleague");
    // the giver may do nothing with them any more, the taker may
    assert_ne!(giver.run(&["sign", no(3)], &Death::None).unwrap().code, Some(0));
    taker.must(&["sign", no(3)]).unwrap();
}

fn stops(phone: &Phone) -> Vec<usize> {
    let text = phone.must(&["stops", "--json"]).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    list.as_array().unwrap().iter().map(|s| s["parcels"].as_array().unwrap().len()).collect()
}

fn building(n: u64, address: &str) -> Value {
    json!({ "waybill_no": format!("YT{n:013}"), "recipient_name": "王", "phone": format!("13{n:09}"), "address": address })
}

#[tokio::test]
async fn stops_are_the_same_on_every_phone_of_the_branch() {
    let options = WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() };
    let world = World::start(&options).unwrap();
    let (one, two, foreign) = (phone(&world, "c1"), phone(&world, "c2"), phone(&world, "c1-Other"));
    for (n, phone) in [&one, &two, &foreign].into_iter().enumerate() {
        let from = 860_000_000 + n as u64 * 100;
        let rows = [
            building(from, "幸福花园3栋501"),
            building(from + 1, "幸福花园3号楼101"),
            building(from + 2, "缤纷北苑47幢202"),
            building(from + 3, "缤纷北苑48幢202"),
        ];
        phone.must(&["import", phone.list("day.csv", &rows).unwrap().to_str().unwrap()]).unwrap();
    }
    assert_eq!(stops(&one), [2, 1, 1]);
    let said = one.must(&["merge", "YT0000860000000", "YT0000860000002"]).unwrap();
    let rule = said.split("waybell undo ").nth(1).unwrap().trim().to_owned();
    for phone in [&one, &two] {
        assert_eq!(stops(phone), [3, 1], "the same buildings, whoever's parcels");
    }
    assert_eq!(stops(&foreign), [2, 1, 1]);
    // the last one wins
    two.must(&["split", "YT0000860000102"]).unwrap();
    assert_eq!((stops(&one), stops(&two)), (vec![2, 1, 1], vec![2, 1, 1]));
    two.must(&["merge", "YT0000860000102", "YT0000860000103"]).unwrap();
    assert_eq!((stops(&one), stops(&two)), (vec![2, 2], vec![2, 2]));
    // whoever made it, anybody of the branch may undo it; no stranger
    let other = world.sign_in("c1-Other").await.unwrap();
    let listed: Value = serde_json::from_str(&one.must(&["stops", "--learned", "--json"]).unwrap()).unwrap();
    let last = listed.as_array().unwrap().last().unwrap()["id"].clone();
    let undo = json!({ "id": last, "acted_at": { "wall": now_ms() } });
    assert_eq!(send(&other, "/stops/rules/undo", &undo).await.0, 404);
    one.must(&["undo", last.as_str().unwrap()]).unwrap();
    assert_eq!((stops(&one), stops(&two)), (vec![2, 1, 1], vec![2, 1, 1]));
    two.must(&["undo", &rule]).unwrap();
    assert_eq!((stops(&one), stops(&two)), (vec![2, 1, 1], vec![2, 1, 1]));
    assert!(foreign.must(&["stops", "--learned"]).unwrap().contains("has not merged or split"));
}

#[tokio::test]
async fn undo_means_what_was_done_last() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let phone = phone(&world, "c1");
    let rows = list::rows(3, 880_000_000);
    phone.must(&["import", phone.list("day.csv", &rows).unwrap().to_str().unwrap()]).unwrap();
    let no = |n: usize| rows[n]["waybill_no"].as_str().unwrap();
    world.sign_in("boss").await.unwrap().post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    phone.must(&["notify", "--yes", no(0), no(1)]).unwrap();
    phone.must(&["sign", no(2), "--by", "family"]).unwrap();
    let shown = phone.must(&["tasks"]).unwrap();
    assert!(shown.contains("delivered (family)"), "{shown}");
    // what was recorded at the door is newer than the tap
    assert!(phone.must(&["undo"]).unwrap().contains("1 parcels are as they were before"));
    assert_eq!(waybills(&phone).len(), 3);
    // asked again, because the answer was not seen: nothing more is undone
    let said = phone.must(&["undo"]).unwrap();
    let batch = said.split("to stop the calls: waybell undo ").nth(1).unwrap().trim().to_owned();
    let said = phone.must(&["undo", &batch]).unwrap();
    assert!(said.contains("stopped: 2 will not be rung"), "{said}");
    phone.must(&["merge", no(0), no(1)]).unwrap();
    assert!(phone.must(&["undo"]).unwrap().contains("undone: merge"));
    let asked = phone.run(&["leave", no(0), "--station", "菜鸟驿站"], &Death::None).unwrap();
    assert!(asked.code == Some(1) && asked.errors.contains("did the recipient agree?"), "{asked:?}");
    phone.must(&["leave", no(0), "--station", "菜鸟驿站", "--code", "3-2", "--consent", "电话"]).unwrap();
    phone.must(&["except", no(1), "--reason", "nobody_home"]).unwrap();
    phone.must(&["return", no(2)]).unwrap();
    let shown = phone.must(&["tasks"]).unwrap();
    for told in ["at a station (菜鸟驿站 3-2)", "exception (nobody home)", "returned"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
}
