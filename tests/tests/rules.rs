//! When people are rung: holidays by file, on the phone and on the server; limits of a carrier by name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{Duration as Days, Utc};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::{Death, Phone};
use waybell_tests::world::quick_policy;
use waybell_tests::{World, WorldOptions, list};

const ZONE: chrono::FixedOffset = chrono::FixedOffset::east_opt(8 * 3_600).unwrap();

/// A calendar with holidays from today on: a test that runs over midnight still has one.
fn holidays(days: i64) -> String {
    let today = Utc::now().with_timezone(&ZONE).date_naive();
    let end = (today + Days::days(days)).format("%Y%m%d");
    format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{}\r\nDTEND;VALUE=DATE:{end}\r\nSUMMARY:国庆节\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n",
        today.format("%Y%m%d")
    )
}

async fn calendar(api: &Api, query: &str, file: &str) -> (u16, Value) {
    let request = api.request("POST", &format!("/policy/calendar{query}")).body(file.to_owned());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_holiday_holds_on_the_phone_and_at_the_last_moment() {
    let mut world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(5, 800_000_000)).await.unwrap();
    let before = boss.get("/policy").await.unwrap();

    let (status, preview) = calendar(&boss, "?dry_run=true", &holidays(2)).await;
    assert_eq!((status, preview["total"].as_u64(), preview["taken"].as_bool()), (200, Some(2), Some(false)));
    assert_eq!(preview["changes"][0]["after"], json!("holiday"));
    assert_eq!(preview["changes"][0]["hours"], json!([]), "nobody is rung");
    assert_eq!(boss.get("/policy").await.unwrap(), before, "nothing was changed");
    assert_eq!(calendar(&courier, "", &holidays(2)).await.0, 403);

    // a tap that waits: the holiday comes between it and the calls
    boss.post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    let batch = courier.notify(&parcels[..2]).await.unwrap().remove(0);
    assert_eq!(calendar(&boss, "", &holidays(2)).await.1["taken"], json!(true));
    boss.post("/stop-all", &json!({ "stopped": false })).await.unwrap();
    let waits = async || {
        let people = courier.get(&format!("/batches/{batch}/recipients")).await.unwrap();
        people.as_array().unwrap().iter().filter(|p| p["state"] == "waiting").count()
    };
    let begun = std::time::Instant::now();
    while waits().await < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "they are put off to the end of the holiday");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // the phone, without a network, says what the server says
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    phone.must(&["sync"]).unwrap();
    let plan = courier.post("/plans", &json!({ "template": "arrived", "parcels": parcels })).await.unwrap();
    assert!(plan["not_before"].as_i64().unwrap() > now_ms(), "{plan}");
    world.server.kill();
    let said = phone.run(&["notify", "--all", "--json"], &Death::None).unwrap();
    let offline: Value = serde_json::from_str(&said.text).unwrap();
    assert_eq!(offline["checked"], json!(false), "{said:?}");
    for field in ["rings", "not_before", "not_after", "suppressed"] {
        assert_eq!(offline["plan"][field], plan[field], "{field}");
    }
    world.server.start().unwrap();
    // with new connections: those of the server's last life are gone
    let boss = world.sign_in("boss").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();

    // holidays with hours of their own: these are open all day
    assert_eq!(world.events().unwrap().iter().filter(|e| e.event == "invite").count(), 0);
    boss.ask("PATCH", "/policy", Some(&json!({ "holiday_quiet": [] }))).await.unwrap();
    let campaign = Campaign { courier, batches: vec![batch], world };
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    assert_eq!(campaign.verdict().await.unwrap().summary.alerted, 2);
}

#[tokio::test]
async fn a_calendar_is_taken_whole_or_not_at_all() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let bad = "日期,名称,类型\n2026-10-01,国庆节,休\n2026-10-32,国庆节,休\n2026-10-10,国庆节,也许\n";
    let (status, refusal) = calendar(&boss, "", bad).await;
    assert_eq!((status, refusal["field"].as_str()), (422, Some("line 3, date")), "{refusal}");
    let (status, told) = calendar(&boss, "?dry_run=true", bad).await;
    assert_eq!((status, told["problems"].as_array().map(Vec::len)), (200, Some(2)), "{told}");
    assert_eq!(boss.get("/policy/calendar").await.unwrap()["days"], json!([]));
    assert_eq!(calendar(&boss, "", "not a calendar").await.0, 422);

    let good = "日期,名称,类型\n2026-10-01,国庆节,休\n2026-10-10,国庆节,班\n";
    assert_eq!(calendar(&boss, "", good).await.0, 200);
    let (_, again) = calendar(&boss, "", good).await;
    assert_eq!(again["changes"], json!([]), "the same file changes nothing: {again}");
    let (_, one) = calendar(&boss, "?replace=true", "2026-10-02,国庆节,休\n").await;
    assert_eq!(one["changes"].as_array().unwrap().len(), 3, "{one}");
    let view = boss.get("/policy/calendar").await.unwrap();
    assert_eq!(view["days"].as_array().unwrap().len(), 1, "{view}");
    let this_year = Utc::now().with_timezone(&ZONE).date_naive().format("%Y").to_string();
    let uncovered = view["uncovered_years"].to_string();
    assert_eq!(uncovered.contains(&this_year), this_year != "2026", "{uncovered}");

    // in the terminal
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "boss"]).unwrap();
    let file = phone.home().join("days.csv");
    std::fs::write(&file, "date,name,kind\n2027-01-01,元旦,holiday\n2027-01-03,元旦,workday\n").unwrap();
    let file = file.to_str().unwrap();
    let text = phone.must(&["policy", "calendar", file, "--dry-run"]).unwrap();
    assert!(text.contains("2027-01-01") && text.contains("nobody is rung"), "{text}");
    phone.must(&["policy", "calendar", file]).unwrap();
    assert!(phone.must(&["policy", "calendar"]).unwrap().contains("2027-01-03"));
    let text = phone.must(&["policy", "set", "carrier=tencent", "--dry-run"]).unwrap();
    assert!(text.contains("tencent"), "{text}");
    assert!(!phone.must(&["policy", "show"]).unwrap().contains("tencent"), "a preview changes nothing");
    assert!(phone.must(&["policy", "carriers"]).unwrap().contains("volcengine"));
}

/// Alibaba Cloud's limits, as a carrier keeps them.
const LIMITED: &str = "[defaults]\nbehaviour = \"busy\"\ndelay_ms = 20\nring_ms = 100\n\
    [[limits.per_number]]\nwindow_ms = 60000\nmax = 1\nfrom_first_call = true\n\
    [[limits.per_number]]\nwindow_ms = 3600000\nmax = 5\nfrom_first_call = true\n\
    [[limits.per_number]]\nwindow_ms = 86400000\nmax = 20\nfrom_first_call = true\n";

/// Rings everybody twice under rules without a limit of their own: calls that the carrier refused for their number, and
/// the shortest gap between two calls to one person, ms.
async fn campaign(carrier: Option<&str>) -> (usize, u64) {
    let mut policy = quick_policy();
    policy["frequency"] = json!([]);
    policy["carrier"] = json!(carrier);
    let options = WorldOptions { carrier: LIMITED.into(), policy, ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 20).await.unwrap();
    campaign.finish(Duration::from_secs(120)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let over = |text: &Option<String>| text.as_deref().is_some_and(|t| t.contains("frequency"));
    let refused = events.iter().filter(|e| e.event == "refused" && over(&e.text)).count();
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut gap = u64::MAX;
    for e in events.iter().filter(|e| e.event == "invite") {
        if let Some(before) = last.insert(e.callee.clone().unwrap(), e.at_ms) {
            gap = gap.min(e.at_ms - before);
        }
    }
    assert_eq!(last.len(), 20);
    (refused, gap)
}

#[tokio::test]
async fn a_campaign_under_a_carrier_s_limits_violates_none() {
    let (with, without) = tokio::join!(campaign(Some("aliyun")), campaign(None));
    assert!(without.0 >= 20, "the carrier refuses calls that come too soon: {without:?}");
    assert_eq!(with.0, 0, "{with:?}");
    assert!((60_000..u64::MAX).contains(&with.1), "each was rung twice, a minute apart: {with:?}");
}

/// ¥0.07 a started minute: 36 fen are five answered calls.
#[tokio::test]
async fn a_days_notices_cost_no_more_than_the_cap_and_go_on_when_it_is_raised() {
    let mut policy = quick_policy();
    policy["spend_daily_cap"] = json!(36);
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 100\ntalk_ms = 400\n";
    let options = WorldOptions { policy: policy.clone(), carrier: carrier.into(), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 12).await.unwrap();
    let people = async |campaign: &Campaign, batch: &str| {
        let all = campaign.courier.get(&format!("/batches/{batch}/recipients")).await.unwrap();
        all.as_array().unwrap().clone()
    };
    let put_off = |p: &&Value| p["state"] == "waiting" && p["next_at"].as_i64().unwrap() > now_ms() + 5_000;
    let begun = std::time::Instant::now();
    let waiting = loop {
        let all = people(&campaign, &campaign.batches[0]).await;
        let waiting = all.iter().filter(put_off).count();
        if waiting == 7 && all.iter().all(|p| p["state"] == "done" || put_off(&p)) {
            break all.iter().find(put_off).unwrap().clone();
        }
        assert!(waiting <= 7 && begun.elapsed() < Duration::from_secs(60), "{all:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let page = campaign.courier.get("/sync").await.unwrap();
    let theirs = |p: &&Value| p["id"] == waiting["parcels"][0];
    let parcel = page["parcels"].as_array().unwrap().iter().find(theirs).unwrap();
    let path = format!("/parcels/{}/why", parcel["waybill_no"].as_str().unwrap());
    let why = campaign.courier.get(&path).await.unwrap();
    assert!(why.to_string().contains("the cap on what a day's notices may last or cost is reached"), "{why}");
    // the next plan says so before anybody taps
    let more = campaign.courier.import(&list::rows(2, 810_000_000)).await.unwrap();
    let plan =
        campaign.courier.post("/plans", &json!({ "template": "arrived", "parcels": more })).await.unwrap();
    assert!(plan["not_before"].as_i64().unwrap() > now_ms() + 5_000, "{plan}");
    assert!(
        plan["summary_en"].as_str().unwrap().contains("2 of them tomorrow, by the cap of a day"),
        "{plan}"
    );

    // who comes next is put off as well, by a server that has to sum anew
    campaign.kill(Duration::ZERO, Duration::ZERO).await.unwrap();
    let boss = campaign.world.sign_in("boss").await.unwrap();
    let next = campaign.courier.notify(&more).await.unwrap().remove(0);
    while people(&campaign, &next).await.iter().filter(put_off).count() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    campaign.batches.push(next);

    policy["spend_daily_cap"] = json!(null);
    policy["talk_daily_cap"] = json!(60);
    boss.ask("PUT", "/policy", Some(&policy)).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0), "{}", verdict.text());
}

/// The first three of the list are reached last to first, the fourth is behind, the others are hours away.
#[tokio::test]
async fn calls_follow_the_route_and_move_with_it() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 100\ntalk_ms = 300\n";
    let options = WorldOptions { carrier: carrier.into(), ..WorldOptions::default() };
    let world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(6, 820_000_000)).await.unwrap();
    let ahead = |seconds: &[(usize, i64)]| {
        // a minute's lead, and a minute for the call itself
        let at =
            |(n, s): &(usize, i64)| json!({ "parcel": parcels[*n], "at": now_ms() + 120_000 + s * 1_000 });
        json!({ "minutes": 1, "arrivals": seconds.iter().map(at).collect::<Vec<_>>() })
    };
    let tour = ahead(&[(0, 7), (1, 5), (2, 3), (3, -600), (4, 7_200), (5, 7_300)]);
    let plan = json!({ "template": "arrived", "parcels": parcels, "ahead": tour });
    let shown = courier.post("/plans", &plan).await.unwrap();
    assert!(shown["last_at"].as_i64().unwrap() > now_ms() + 7_000_000, "{shown}");
    assert!(shown["summary_zh"].as_str().unwrap().contains("到达前 1 分钟呼叫"), "{shown}");
    let mut tap = plan.clone();
    tap["id"] = json!(uuid::Uuid::now_v7());
    tap["acted_at"] = json!({ "wall": now_ms() });
    for (path, value, field) in [
        ("/ahead/minutes", json!(0), "ahead.minutes"),
        ("/ahead/arrivals/1/at", json!(5), "ahead.arrivals[1].at"),
    ] {
        let mut wrong = tap.clone();
        *wrong.pointer_mut(path).unwrap() = value;
        let (status, told) = courier.send("POST", "/batches", Some(&wrong), None).await.unwrap();
        assert_eq!((status, told["field"].as_str()), (422, Some(field)), "{told}");
    }
    let batch = courier.post("/batches", &tap).await.unwrap()["id"].as_str().unwrap().to_owned();
    let rung = || -> Vec<String> {
        let alerted = world.events().unwrap().into_iter().filter(|e| e.event == "alerted");
        alerted.filter_map(|e| e.callee).collect()
    };
    let until = async |n: usize| {
        let begun = std::time::Instant::now();
        while rung().len() < n {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", rung());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(4).await;
    let ends: Vec<String> = rung().iter().map(|n| n[n.len() - 1..].to_owned()).collect();
    assert_eq!(ends, ["3", "2", "1", "0"], "{:?}", rung());
    // who waits for the route does not go by new rules
    let boss = world.sign_in("boss").await.unwrap();
    boss.ask("PUT", "/policy", Some(&quick_policy())).await.unwrap();

    let path = format!("/batches/{batch}/arrivals");
    let moved = ahead(&[(4, -600), (5, 7_000)]);
    let stranger = world.sign_in("c2").await.unwrap();
    assert_eq!(stranger.send("PUT", &path, Some(&moved), None).await.unwrap().0, 404);
    courier.ask("PUT", &path, Some(&moved)).await.unwrap();
    until(5).await;
    let people = courier.get(&format!("/batches/{batch}/recipients")).await.unwrap();
    let waits: Vec<i64> = people.as_array().unwrap().iter().filter_map(|p| p["next_at"].as_i64()).collect();
    assert!(waits.len() == 1 && waits[0] > now_ms() + 6_000_000, "{people}");
    courier.ask("PUT", &path, Some(&ahead(&[(5, -600)]))).await.unwrap();
    until(6).await;
    let begun = std::time::Instant::now();
    while courier.get(&format!("/batches/{batch}")).await.unwrap()["state"] != "done" {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rung().len(), 6, "each once");
    assert_eq!(courier.send("PUT", &path, Some(&moved), None).await.unwrap().0, 409);
}
