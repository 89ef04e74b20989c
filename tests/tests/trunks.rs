//! Several trunks, end to end: the order by priority and share, another way after a refusal, caps, digest, TLS, and ways
//! that are dead.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use waybell_carrier::truth::TruthEvent;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::world::{DISPLAY, quick_policy};
use waybell_tests::{World, WorldOptions, list};

/// A trunk to the `n`th further carrier.
fn trunk(n: usize, more: &str) -> String {
    format!(
        "[[trunk]]\nname = \"t{n}\"\npeers = [\"{{{n}}}\"]\ncalls_per_second = 200\nchannels = 200\n\
         caller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n{more}\n"
    )
}

fn refusing(status: u16) -> String {
    format!("[defaults]\nbehaviour = \"status\"\nstatus = {status}\ndelay_ms = 10\n")
}

/// Events of one kind by callee, in order.
fn by_callee(events: &[TruthEvent], kind: &str) -> BTreeMap<String, Vec<TruthEvent>> {
    let mut out: BTreeMap<String, Vec<TruthEvent>> = BTreeMap::new();
    for e in events.iter().filter(|e| e.event == kind) {
        out.entry(e.callee.clone().unwrap_or_default()).or_default().push(e.clone());
    }
    out
}

async fn people(campaign: &Campaign) -> Vec<Value> {
    let path = format!("/batches/{}/recipients", campaign.batches[0]);
    campaign.courier.get(&path).await.unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn nine_ways_refuse_and_the_tenth_rings() {
    const STATUSES: [u16; 8] = [500, 502, 503, 504, 505, 513, 580, 599];
    const PEOPLE: usize = 20;
    const CHANNELS: usize = 6;
    let mut carriers: Vec<String> = STATUSES.iter().map(|s| refusing(*s)).collect();
    carriers.push("[defaults]\nbehaviour = \"caller_barred\"\ndelay_ms = 10\n".into());
    let mut trunks = String::from("priority = 90\noptions_seconds = 0\n");
    for n in 1..=carriers.len() {
        // the third takes few calls a second: excess waits, and is not dropped
        let cap = if n == 3 { "\ncalls_per_second = 10".to_owned() } else { String::new() };
        let more = format!("priority = {n}{cap}");
        let text = trunk(n, &more);
        trunks += &if n == 3 { text.replacen("calls_per_second = 200\n", "", 1) } else { text };
    }
    let options =
        WorldOptions { carriers, trunk: trunks, rate: (200, CHANNELS as u32), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, PEOPLE).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let refusals = by_callee(&events, "final");
    let rung = by_callee(&events, "alerted");
    assert_eq!((refusals.len(), rung.len()), (PEOPLE, PEOPLE));
    for (callee, finals) in &refusals {
        let seen: Vec<u16> = finals.iter().filter_map(|f| f.status).filter(|s| *s >= 300).collect();
        let mut wanted = STATUSES.to_vec();
        wanted.push(403);
        assert_eq!(seen, wanted, "by priority, each once: {callee}");
        let last =
            finals.iter().filter(|f| f.status.is_some_and(|s| s >= 300)).map(|f| f.at_ms).max().unwrap();
        assert!(rung[callee].len() == 1 && rung[callee][0].at_ms >= last, "{callee} rings once and last");
    }
    // ten a second on the third way
    let mut third: Vec<u64> =
        refusals.values().flatten().filter(|f| f.status == Some(503)).map(|f| f.at_ms).collect();
    third.sort_unstable();
    for w in third.windows(15) {
        assert!(w[14] - w[0] > 900, "more than its calls a second: {third:?}");
    }
    assert!(most_at_once(&events) <= CHANNELS, "more calls than channels");
    campaign.verdict().await.unwrap();
}

/// Most calls that were ringing or answered at once.
fn most_at_once(events: &[TruthEvent]) -> usize {
    let mut steps: Vec<(u64, i32)> = Vec::new();
    for call in by_callee(events, "alerted").values().flatten() {
        let over = events.iter().find(|e| e.event == "ended" && e.call_id == call.call_id);
        steps.push((call.at_ms, 1));
        steps.push((over.map_or(u64::MAX, |e| e.at_ms), -1));
    }
    steps.sort_unstable();
    let mut now = 0;
    steps
        .iter()
        .map(|s| {
            now += s.1;
            now
        })
        .max()
        .unwrap_or(0) as usize
}

#[tokio::test]
async fn shares_of_one_priority_and_a_spare_one_that_is_not_used() {
    let talk = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 50\ntalk_ms = 100\n";
    let options = WorldOptions {
        carriers: vec![talk.replace("ring_ms = 50", "ring_ms = 51"), talk.into()],
        trunk: format!(
            "priority = 1\nshare = 3\noptions_seconds = 0\n{}{}",
            trunk(1, "priority = 1\nshare = 1").replace("calls_per_second = 200", "calls_per_second = 1000"),
            trunk(2, "priority = 2")
        ),
        // so few that no trunk is at its limit
        rate: (1_000, 200),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 60).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..60 {
        let story = campaign.courier.get(&format!("/parcels/YT{:013}/why", 800_000_000 + n)).await.unwrap();
        let text = story.to_string();
        let way =
            ["carrier", "t1", "t2"].into_iter().find(|t| text.contains(&format!("by trunk {t},"))).unwrap();
        *used.entry(way.into()).or_default() += 1;
    }
    let (main, other) = (used.get("carrier").copied().unwrap_or(0), used.get("t1").copied().unwrap_or(0));
    assert_eq!((main + other, used.get("t2")), (60, None), "{used:?}");
    assert!(main > other && other > 2, "three to one: {used:?}");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_digest_trunk_that_is_killed_in_the_middle_goes_on_with_the_same_call() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 2500\ntalk_ms = 600\n\
         [auth]\nrealm = \"carrier\"\nuser = \"u\"\npassword = \"p\"\ninvite = 401\n";
    let options = WorldOptions {
        carrier: carrier.into(),
        trunk: "user = \"u\"\npassword = \"p\"\n".into(),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 12).await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while by_callee(&campaign.world.events().unwrap(), "alerted").len() < 12 {
        assert!(Instant::now() < until, "nobody rings");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    campaign.kill(Duration::from_millis(200), Duration::from_millis(300)).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    let s = &verdict.summary;
    assert_eq!(
        (s.alerted, s.answered, s.unknown),
        (12, 12, 0),
        "the ringing calls go on: {}",
        verdict.text()
    );
}

#[tokio::test]
async fn a_digest_trunk_that_dies_around_its_second_invite() {
    for (place, nth) in [("invite.resubmitted", 1), ("round.before_commit", 2), ("round.after_commit", 2)] {
        let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 1500\ntalk_ms = 400\n\
             [auth]\nrealm = \"carrier\"\nuser = \"u\"\npassword = \"p\"\ninvite = 407\n";
        let options = WorldOptions {
            carrier: carrier.into(),
            trunk: "user = \"u\"\npassword = \"p\"\n".into(),
            crash: Some(format!("{place}:{nth}")),
            ..WorldOptions::default()
        };
        let mut world = World::start(&options).unwrap();
        let courier = world.sign_in("c1").await.unwrap();
        let parcels = courier.import(&list::rows(1, 800_000_000)).await.unwrap();
        let tap = tokio::spawn({
            let courier = courier.clone();
            async move { courier.notify(&parcels).await }
        });
        let until = Instant::now() + Duration::from_secs(10);
        while !world.server.has_died() {
            assert!(Instant::now() < until, "{place} was not reached");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.note_kill().unwrap();
        world.server.start().unwrap();
        let batches = tap.await.unwrap().unwrap();
        let campaign = Campaign { courier: courier.at(&world.server.url), world, batches };
        campaign.finish(Duration::from_secs(60)).await.unwrap();
        campaign.verdict().await.unwrap_or_else(|e| panic!("{place}:{nth}: {e:#}"));
    }
}

#[tokio::test]
async fn a_tls_trunk_rings_and_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 900\ntalk_ms = 400\n".into(),
        tls: Some((certificate.clone(), key)),
        // the first trunk is not used: the other is before it
        trunk: format!(
            "priority = 99\noptions_seconds = 0\n[[trunk]]\nname = \"secure\"\npeers = [\"{{tls}}\"]\ntransport = \"tls\"\n\
             tls_ca = {certificate:?}\ncalls_per_second = 50\nchannels = 100\ncaller_ids = [\"{DISPLAY}\"]\noptions_seconds = 5\n"
        ),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 30).await.unwrap();
    campaign.kill(Duration::from_millis(900), Duration::from_millis(300)).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let secure = events.iter().filter(|e| e.event == "alerted" || e.event == "invite");
    let others = secure.filter(|e| e.transport.as_deref().is_some_and(|t| t != "tls")).count();
    assert!(others < 30, "the way by priority is TLS");
    assert!(events.iter().any(|e| e.transport.as_deref() == Some("tls")), "TLS was used");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn what_never_left_goes_another_way_and_counts_for_nothing() {
    // nobody listens on the first way: a connection cannot even be made
    let options = WorldOptions {
        trunk: format!(
            "priority = 99\noptions_seconds = 0\n[[trunk]]\nname = \"dead\"\npeers = [\"127.0.0.1:9\"]\ntransport = \"tcp\"\n\
             calls_per_second = 50\nchannels = 100\ncaller_ids = [\"{DISPLAY}\"]\npriority = 1\noptions_seconds = 0\n"
        ),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 10).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    for person in people(&campaign).await {
        assert_eq!((&person["mark"], &person["attempts"]), (&json!("answered"), &json!(1)), "{person}");
    }
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_trunk_that_is_known_to_be_down_is_not_dialled() {
    // the only way does not answer, and cannot be connected to: people wait, and nobody becomes unknown
    let options =
        WorldOptions { transport: "tcp", trunk: "options_seconds = 1\n".into(), ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    world.stop_carrier();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let courier = world.sign_in("c1").await.unwrap();
    let told = courier.get("/trunks").await.unwrap();
    assert_eq!(told[0]["life"], json!("down"), "{told}");
    let parcels = courier.import(&list::rows(5, 800_000_000)).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let campaign = Campaign { world, courier, batches };
    for person in people(&campaign).await {
        assert_eq!((&person["state"], &person["attempts"]), (&json!("planned"), &json!(0)), "{person}");
    }
    assert_eq!(quick_policy()["retry"]["max_attempts"], 2, "which two tries in vain would have used up");
}

#[tokio::test]
async fn a_number_that_one_way_does_not_show_is_left_for_another_way() {
    const OTHER: &str = "+862131009999";
    // the first way refuses its only number; the second has another one
    let options = WorldOptions {
        carriers: vec!["[defaults]\nbehaviour = \"caller_barred\"\ndelay_ms = 10\n".into()],
        trunk: format!(
            "priority = 99\noptions_seconds = 0\n{}",
            trunk(1, "priority = 1").replace(DISPLAY, OTHER)
        ),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 5).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    for person in people(&campaign).await {
        assert_eq!(person["mark"], "answered", "{person}");
    }
    campaign.verdict().await.unwrap();
}

/// A number that people have begun to refuse is told apart from one that they answer, and no longer shown.
#[tokio::test]
async fn a_number_that_nobody_answers_any_more_gives_way() {
    const MARKED: &str = "+862131001234";
    const FRESH: &str = "+862131005678";
    let (refusing, answering, later) = (60u64, 110u64, 20u64);
    let start = 870_000_000;
    let mut carrier =
        String::from("[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 20\ntalk_ms = 200\n");
    for i in 0..refusing {
        let number = format!("+8613{:09}", start + i);
        carrier.push_str(&format!("[[callee]]\nnumber = \"{number}\"\nbehaviour = \"reject\"\n"));
    }
    let mut policy = quick_policy();
    policy["retry"]["max_attempts"] = json!(1);
    let options = WorldOptions { carrier, policy, shown: vec![MARKED, FRESH], ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let all = list::rows((refusing + answering + later + 1) as usize, start);
    let parcels = courier.import(&all).await.unwrap();
    let ring = async |courier: &Api, from: u64, n: u64, number: Option<&str>| {
        let parcels = &parcels[from as usize..(from + n) as usize];
        let mut tap = json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "parcels": parcels,
            "acted_at": { "wall": now_ms() } });
        if let Some(number) = number {
            tap["display_number"] = json!(number);
        }
        let batch = courier.post("/batches", &tap).await.unwrap()["id"].as_str().unwrap().to_owned();
        while waybell_tests::campaign::open(courier, std::slice::from_ref(&batch)).await.unwrap().0 > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let attempts = courier.get(&format!("/batches/{batch}/attempts")).await.unwrap();
        let shown = |a: &Value| a["display_number"].as_str().unwrap().to_owned();
        attempts.as_array().unwrap().iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(ring(&courier, 0, refusing, Some(MARKED)).await, [MARKED; 60]);
    assert_eq!(ring(&courier, refusing, answering, Some(FRESH)).await, [FRESH; 110]);

    let boss = world.sign_in("boss").await.unwrap();
    let numbers = boss.get("/display-numbers").await.unwrap();
    assert_eq!((&numbers[0]["number"], &numbers[0]["health"]), (&json!(MARKED), &json!("unanswered")));
    assert_eq!(numbers[0]["reception"]["offered"], refusing);
    assert_eq!(numbers[1]["reception"]["answered"], answering, "{numbers}");
    assert_eq!(courier.send("GET", "/display-numbers", None, None).await.unwrap().0, 403);

    // a server's first look counts; from then on the marked number stands behind the other
    world.kill().unwrap();
    world.server.start().unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    ring(&courier, refusing + answering, 1, None).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(ring(&courier, refusing + answering + 1, later, None).await, [FRESH; 20]);
    // who asks for it by name gets it
    assert_eq!(ring(&courier, 0, 1, Some(MARKED)).await, [MARKED]);
}
