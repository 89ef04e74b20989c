//! A list of 100,000 rows goes from a file through the phone to the server, in parts, and says how far it is.

use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use waybell_tests::phone::{Death, Phone};
use waybell_tests::{World, WorldOptions, list};

fn file(phone: &Phone, rows: &[Value]) -> String {
    phone.list("long.csv", rows).unwrap().to_str().unwrap().to_owned()
}

/// The waybills that the server has, in its order, page by page as a phone pulls them.
async fn on_the_server(world: &World) -> Vec<(i64, String)> {
    let courier = world.sign_in("c1").await.unwrap();
    let (mut since, mut all) = (0, Vec::new());
    loop {
        let page = courier.get(&format!("/sync?since={since}&limit=1000")).await.unwrap();
        let rows = page["parcels"].as_array().unwrap();
        all.extend(
            rows.iter()
                .map(|p| (p["sequence"].as_i64().unwrap(), p["waybill_no"].as_str().unwrap().to_owned())),
        );
        since = page["cursor"].as_i64().unwrap();
        if page["more"] != Value::Bool(true) {
            all.sort();
            return all;
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_arrive_and_tell_how_far_they_are() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let rows = list::rows(100_000, 800_000_000);
    let said = phone.run(&["import", &file(&phone, &rows)], &Death::None).unwrap();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.text.contains("100000 new"), "{said:?}");
    assert!(!said.errors.contains("out of reach") && !said.text.contains("kept on"), "{said:?}");
    assert!(said.errors.contains("of 100000 rows"), "how far it is: {said:?}");
    let all = on_the_server(&world).await;
    assert_eq!(all.len(), rows.len());
    let asked: Vec<&str> = rows.iter().map(|r| r["waybill_no"].as_str().unwrap()).collect();
    assert!(all.iter().map(|(_, w)| w.as_str()).eq(asked), "in the order of the list");
    assert!(all.iter().enumerate().all(|(n, (at, _))| *at == n as i64), "each in its place");
}

/// The server dies while a list is on its way: what arrived stays, the rest follows, nothing comes twice.
#[tokio::test]
async fn a_list_that_is_cut_off_goes_on_where_it_was() {
    let mut world = World::start(&WorldOptions::default()).unwrap();
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let rows = list::rows(12_000, 810_000_000);
    let (path, home) = (file(&phone, &rows), phone.home().to_owned());
    let mut import = Command::new(waybell_tests::server::programs().join("waybell"))
        .args(["import", &path])
        .envs([("WAYBELL_HOME", home.to_str().unwrap()), ("WAYBELL_SERVER", &world.server.url)])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (courier, until) = (world.sign_in("c1").await.unwrap(), Instant::now() + Duration::from_secs(120));
    loop {
        let some = courier.get("/sync?since=0&limit=1").await.unwrap();
        if some["parcels"].as_array().is_some_and(|p| !p.is_empty()) {
            break;
        }
        assert!(Instant::now() < until, "nothing arrives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.server.kill();
    let _ = import.kill();
    import.wait().unwrap();
    world.server.start().unwrap();
    // the phone goes on by itself with whatever is done next
    let said = phone.run(&["sync"], &Death::None).unwrap();
    assert_eq!(said.code, Some(0), "{said:?}");
    let all = on_the_server(&world).await;
    let asked: Vec<&str> = rows.iter().map(|r| r["waybill_no"].as_str().unwrap()).collect();
    assert!(all.iter().map(|(_, w)| w.as_str()).eq(asked), "{} of {}", all.len(), rows.len());
    let known = phone.must(&["tasks", "--json", "--limit", "20000"]).unwrap();
    let known: Vec<Value> = serde_json::from_str(&known).unwrap_or_else(|e| panic!("{e}: {known:.200}"));
    assert_eq!(known.len(), rows.len());
}
