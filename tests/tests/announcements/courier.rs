//! The courier's side: the phone without a network, the phone that dies, and the terminal.

use super::phone::Phone;
use super::{counts, person, post, unread_by, world};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use waybell_core::announcements::{Announcement, Unread};
use waybell_domain::clock::{HOUR, MINUTE};
use waybell_domain::id::AnnouncementId;
use waybell_tests::api::now_ms;
use waybell_tests::phone::{Death, at_once};

fn id_of(text: &str) -> AnnouncementId {
    text.parse().unwrap()
}

async fn shown(phone: &Phone) -> Vec<(String, bool)> {
    let list: Vec<Announcement> = phone.client.announcements().list().await.unwrap();
    list.into_iter().map(|a| (a.view.title, a.read)).collect()
}

fn row(title: &str, read: bool) -> (String, bool) {
    (title.to_owned(), read)
}

#[tokio::test]
async fn read_without_a_network_it_is_told_once() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let must = post(&boss, "必读", json!({ "must_read": true })).await;
    post(&boss, "通知", json!({})).await;
    let url = world.server.url.clone();
    let (c1, c2) = (Phone::signed_in(&url, "c1", 0).await, Phone::signed_in(&url, "c2", 0).await);
    for phone in [&c1, &c2] {
        phone.client.sync().now().await.unwrap();
        assert_eq!(shown(phone).await, [row("必读", false), row("通知", false)]);
        let unread = phone.client.announcements().unread().await.unwrap();
        assert_eq!(unread, Unread { unread: 2, must_read: 1 });
    }
    world.kill().unwrap();
    let read = c1.client.announcements().read(id_of(&must)).await.unwrap();
    assert!(read.read && read.pending, "shown at once");
    for _ in 0..2 {
        c1.client.announcements().read(id_of(&must)).await.unwrap();
    }
    assert_eq!(c1.client.sync().status().unwrap().queued, 1, "one receipt");
    assert_eq!(shown(&c1).await, [row("通知", false), row("必读", true)]);
    c1.client.sync().now().await.unwrap_err();
    world.server.start().unwrap();
    c1.client.sync().now().await.unwrap();
    assert_eq!(c1.client.sync().operations().unwrap(), []);
    assert!(!c1.client.announcements().find(&must).await.unwrap().pending);
    assert_eq!((counts(&boss, &must).await, unread_by(&boss, &must).await), ((1, 2), vec!["c2".to_owned()]));
    assert_eq!(world.database.number("SELECT COUNT(*) FROM announcement_receipt").unwrap(), 1);
    // the same person's other phone knows
    let other = Phone::signed_in(&world.server.url, "c1", 0).await;
    other.client.sync().now().await.unwrap();
    assert_eq!(shown(&other).await, [row("通知", false), row("必读", true)]);
    // signed out, nothing is left of it
    other.client.session().logout().await.unwrap();
    assert!(other.client.announcements().list().await.is_err());
    other.client.session().login("c2", waybell_tests::world::PASSWORD).await.unwrap();
    assert_eq!(shown(&other).await, []);
}

#[tokio::test]
async fn edited_it_is_unread_again_and_withdrawn_it_is_gone() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let must = post(&boss, "必读", json!({ "must_read": true })).await;
    let may = post(&boss, "通知", json!({})).await;
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    let all = phone.client.announcements();
    let sync = async || phone.client.sync().now().await.unwrap();
    sync().await;
    for id in [&must, &may] {
        all.read(id_of(id)).await.unwrap();
    }
    sync().await;
    assert_eq!(shown(&phone).await, [row("必读", true), row("通知", true)]);
    for id in [&must, &may] {
        let change = json!({ "body": "改过的文字" });
        boss.ask("PATCH", &format!("/announcements/{id}"), Some(&change)).await.unwrap();
    }
    sync().await;
    assert_eq!(shown(&phone).await, [row("必读", false), row("通知", true)]);
    // read here while it is edited once more there: the receipt is of what was read
    let read = all.read(id_of(&must)).await.unwrap();
    assert_eq!((read.view.version, read.view.body.as_str()), (2, "改过的文字"));
    boss.ask("PATCH", &format!("/announcements/{must}"), Some(&json!({ "title": "必读（三）" })))
        .await
        .unwrap();
    sync().await;
    assert_eq!(shown(&phone).await, [row("必读（三）", false), row("通知", true)]);
    let receipts = "SELECT version FROM announcement_receipt WHERE announcement_id = ";
    let versions = world.database.sql(&format!("{receipts}'{must}' ORDER BY version")).unwrap();
    assert_eq!(versions, ["1", "2"]);
    all.read(id_of(&must)).await.unwrap();
    sync().await;
    assert_eq!(counts(&boss, &must).await, (1, 2));
    // withdrawn while it is being read without a network
    boss.ask("PATCH", &format!("/announcements/{must}"), Some(&json!({ "title": "必读（四）" })))
        .await
        .unwrap();
    sync().await;
    all.read(id_of(&must)).await.unwrap();
    boss.post(&format!("/announcements/{must}/withdraw"), &Value::Null).await.unwrap();
    sync().await;
    assert_eq!(shown(&phone).await, [row("通知", true)]);
    assert_eq!(phone.client.sync().operations().unwrap(), [], "its receipt was taken");
    let gone = all.read(id_of(&must)).await.unwrap_err().to_string();
    assert!(gone.contains("announcement"), "{gone}");
}

#[tokio::test]
async fn it_shows_on_time_without_a_network_and_for_who_joins_later() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let now = now_ms();
    let later = json!({ "starts_at": now + HOUR, "ends_at": now + 2 * HOUR, "must_read": true });
    let later = post(&boss, "一小时后", later).await;
    post(&boss, "到半小时后", json!({ "ends_at": now + 30 * MINUTE })).await;
    let taken_back = post(&boss, "撤回的", json!({})).await;
    boss.post(&format!("/announcements/{taken_back}/withdraw"), &Value::Null).await.unwrap();
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.sync().now().await.unwrap();
    assert_eq!(shown(&phone).await, [row("到半小时后", false)]);
    assert!(phone.client.announcements().read(id_of(&later)).await.is_err(), "not yet");
    // who joins finds what is in force
    person(&world, &boss, "new", "courier").await;
    let joined = Phone::signed_in(&world.server.url, "new", 0).await;
    joined.client.sync().now().await.unwrap();
    assert_eq!(shown(&joined).await, [row("到半小时后", false)]);
    assert_eq!(counts(&boss, &later).await, (0, 3), "and counts");

    world.kill().unwrap();
    phone.clocks.pass(HOUR + MINUTE);
    assert_eq!(shown(&phone).await, [row("一小时后", false)]);
    phone.client.announcements().read(id_of(&later)).await.unwrap();
    phone.clocks.pass(HOUR);
    assert_eq!(shown(&phone).await, []);
    // it is over on the phone, and its receipt goes out all the same
    world.server.start().unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(counts(&boss, &later).await, (1, 3));
    // it is brought forward: here at once, and read
    let times = json!({ "starts_at": now, "ends_at": now + 9 * HOUR });
    boss.ask("PATCH", &format!("/announcements/{later}"), Some(&times)).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(shown(&phone).await, [row("到半小时后", false), row("一小时后", true)]);
}

#[tokio::test]
async fn a_phone_with_a_wrong_clock_shows_it_on_time() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let now = now_ms();
    post(&boss, "现在", json!({ "ends_at": now + HOUR })).await;
    post(&boss, "一小时后", json!({ "starts_at": now + HOUR })).await;
    for off in [-3 * HOUR, 3 * HOUR] {
        let phone = Phone::signed_in(&world.server.url, "c1", -off).await;
        phone.client.sync().now().await.unwrap();
        assert_eq!(shown(&phone).await, [row("现在", false)], "{off}");
        // somebody sets it
        phone.clocks.set_off(-2 * off);
        assert_eq!(shown(&phone).await, [row("现在", false)], "{off}");
        phone.clocks.pass(HOUR + MINUTE);
        assert_eq!(shown(&phone).await, [row("一小时后", false)], "{off}");
    }
}

#[tokio::test]
async fn a_phone_in_front_is_told_at_once() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.sync().now().await.unwrap();
    phone.client.resume();
    let id = post(&boss, "马上", json!({ "must_read": true })).await;
    // sooner than the next round that it would make by itself
    let until = Instant::now() + Duration::from_secs(25);
    while shown(&phone).await.is_empty() {
        assert!(Instant::now() < until, "nothing came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    phone.client.announcements().read(id_of(&id)).await.unwrap();
    while counts(&boss, &id).await.0 == 0 {
        assert!(Instant::now() < until, "nothing went out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    phone.client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_dies_between_every_step_and_the_receipt_arrives_once() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let id = post(&boss, "必读", json!({ "must_read": true, "roles": ["courier"] })).await;
    let steps =
        ["store.before_commit", "store.after_commit", "http.before_send", "http.sent", "http.answered"];
    let places: Vec<String> =
        steps.iter().flat_map(|place| (1..=3).map(move |n| format!("{place}:{n}"))).collect();
    for n in 0..places.len() {
        person(&world, &boss, &format!("p{n}"), "courier").await;
    }
    let url = &world.server.url;
    let read = |n: usize, place: &str| {
        let phone = waybell_tests::Phone::new(url).unwrap();
        phone.must(&["login", &format!("p{n}")]).unwrap();
        phone.must(&["sync"]).unwrap();
        let arguments = ["announcements", "read", &id];
        let died = phone.run(&arguments, &Death::At(place.to_owned())).unwrap().died();
        // whatever was shown before: the courier does the same again, twice
        for _ in 0..2 {
            assert!(phone.must(&arguments).unwrap().contains("you have read it"), "{place}");
        }
        died
    };
    let jobs = places.iter().enumerate().map(|(n, place)| {
        let read = &read;
        move || read(n, place)
    });
    let deaths = at_once(jobs.collect()).into_iter().filter(|died| *died).count();
    assert!(deaths >= 9, "{deaths} of {} died", places.len());
    let of = format!("SELECT COUNT(*) FROM announcement_receipt WHERE announcement_id = '{id}'");
    assert_eq!(world.database.number(&of).unwrap(), i64::try_from(places.len()).unwrap());
    assert_eq!(unread_by(&boss, &id).await, ["c1", "c2"], "only who never read it");
}

#[tokio::test]
async fn by_the_terminal_with_and_without_a_network() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let (desk, phone) = (
        waybell_tests::Phone::new(&world.server.url).unwrap(),
        waybell_tests::Phone::new(&world.server.url).unwrap(),
    );
    desk.must(&["login", "boss"]).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    assert!(phone.must(&["announcements"]).unwrap().contains("no announcements"));
    let file = desk.home().join("text.txt");
    std::fs::write(&file, "\u{feff}第一行\r\n第二行\r\n").unwrap();
    let file = file.to_str().unwrap();
    let said = desk
        .must(&[
            "announcements",
            "post",
            "停派",
            "--file",
            file,
            "--must-read",
            "--role",
            "courier",
            "--branch",
            "Demo",
        ])
        .unwrap();
    assert!(said.contains("Demo") && said.contains("2 people"), "{said}");
    let id = boss.get("/announcements").await.unwrap()[0]["id"].as_str().unwrap().to_owned();
    let short = &id[id.len() - 6..];
    let posted = desk.must(&["announcements", "posted"]).unwrap();
    assert!(
        posted.contains(short) && posted.contains("0/2") && posted.contains("in force must read"),
        "{posted}"
    );
    let listed = phone.must(&["announcements", "--lang", "zh"]).unwrap();
    assert!(listed.contains("必读 未读") && listed.contains("1 条未读，其中必读 1 条"), "{listed}");
    world.kill().unwrap();
    let said = phone.run(&["announcements", "read", short], &Death::None).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("第一行\n第二行\n") && said.text.contains("you have read it"), "{said:?}");
    assert!(phone.must(&["announcements"]).unwrap().contains("must read read"));
    let said = desk.run(&["announcements", "post", "x", "--text", "y"], &Death::None).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    world.server.start().unwrap();
    phone.must(&["sync"]).unwrap();
    let said = desk.must(&["announcements", "readers", short]).unwrap();
    assert!(said.contains("1 of 2") && said.contains("c2") && !said.contains("c1"), "{said}");
    assert!(desk.must(&["announcements", "edit", short, "--text", "改"]).unwrap().contains("version 2"));
    let said = desk.must(&["announcements", "readers", short, "--all"]).unwrap();
    assert!(said.contains("0 of 2") && said.contains("c1"), "{said}");
    assert!(phone.must(&["announcements", "read", short]).unwrap().contains("version 2"));
    desk.must(&["announcements", "edit", short, "--must-read", "no", "--until", "2099-01-01T00:00"])
        .unwrap_err();
    desk.must(&["announcements", "edit", short, "--must-read", "no"]).unwrap();
    let posted = desk.must(&["announcements", "posted"]).unwrap();
    assert!(posted.contains("1/2") && !posted.contains("must read"), "{posted}");
    assert!(desk.must(&["announcements", "withdraw", short]).unwrap().contains("withdrawn"));
    assert!(phone.must(&["announcements"]).unwrap().contains("no announcements"));
    assert!(desk.must(&["announcements", "posted", "--all"]).unwrap().contains("withdrawn"));
    // what cannot be says why, before anything is asked of the server
    for (words, code, text) in [
        (vec!["announcements", "read", "zzz"], 1, "there is no announcement zzz"),
        (vec!["announcements", "post", "x"], 2, "--text"),
        (vec!["announcements", "edit", short], 2, "--title"),
        (vec!["announcements", "post", "x", "--text", "y", "--branch", "Nowhere"], 1, "branches: Demo"),
        (vec!["announcements", "post", "x", "--text", "y", "--until", "2020-01-01T00:00"], 2, "has passed"),
    ] {
        let said = desk.run(&words, &Death::None).unwrap();
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.errors.contains(text), "{text}: {said:?}");
    }
    let long = "雨".repeat(81);
    let said =
        desk.run(&["announcements", "post", &long, "--text", "y", "--lang", "zh"], &Death::None).unwrap();
    assert!(said.code == Some(1) && said.errors.contains("请缩短，其余写在正文中"), "{said:?}");
    let said = phone.run(&["announcements", "post", "x", "--text", "y"], &Death::None).unwrap();
    assert!(said.code == Some(1) && said.errors.contains("your role"), "{said:?}");
}
