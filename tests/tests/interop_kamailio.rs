//! Kamailio as a carrier's proxy in front of two carriers: record-route, dispatcher, retransmissions that end at the
//! proxy, digest that it computes itself, and probes that it passes on or refuses. The carriers behind it keep the truth.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use waybell_carrier::judge::Verdict;
use waybell_tests::campaign::Campaign;
use waybell_tests::peers::baresip::{Baresip, Phone};
use waybell_tests::peers::kamailio::{Kamailio, Proxy};
use waybell_tests::peers::{Stage, free_ports, sound};
use waybell_tests::world::DISPLAY;
use waybell_tests::{World, WorldOptions, list};

const PEOPLE: usize = 40;
const PATIENCE: Duration = Duration::from_secs(30);
/// Rings long enough to be met by a kill.
const SLOW: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 1500\ntalk_ms = 600\n";

/// A proxy with two carriers behind it, and a server whose only used way leads to the proxy. `trunk` are further lines
/// of that way.
async fn begin(
    transport: &str,
    trunk: &str,
    proxy: Proxy,
    options: WorldOptions,
) -> (Stage, Kamailio, Campaign) {
    let mut stage = Stage::new().unwrap();
    let port = free_ports();
    let options = WorldOptions {
        carriers: vec![options.carrier.clone()],
        trunk: format!(
            "priority = 98\noptions_seconds = 0\n[[trunk]]\nname = \"second\"\npeers = [\"{{1}}\"]\npriority = 99\n\
             caller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n[[trunk]]\nname = \"proxy\"\npeers = [\"127.0.0.1:{port}\"]\n\
             transport = \"{transport}\"\npriority = 1\ncalls_per_second = 200\nchannels = 200\n\
             caller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n{trunk}\n"
        ),
        ..options
    };
    let world = World::start(&options).unwrap();
    let config = std::fs::read_to_string(world.folder.path().join("server.toml")).unwrap();
    let second = config.split("\"second\"\npeers = [\"").nth(1).and_then(|t| t.split('"').next()).unwrap();
    let behind = vec![format!("sip:{}", world.carrier_udp().unwrap()), format!("sip:{second}")];
    let kamailio = Kamailio::start(&stage, &Proxy { port: Some(port), behind, ..proxy }).unwrap();
    stage.also_show(&world.folder.path().join("server.log"));
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(PEOPLE, 800_000_000)).await.unwrap();
    let mut world = world;
    let tap = tokio::spawn({
        let courier = courier.clone();
        async move { courier.notify(&parcels).await }
    });
    let until = Instant::now() + PATIENCE;
    while options.crash.is_some() && !world.server.has_died() {
        assert!(
            Instant::now() < until,
            "the server does not die; it needs crash points: cargo build --workspace --bins"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if options.crash.is_some() {
        world.note_kill().unwrap();
        world.server.start().unwrap();
    }
    let batches = tap.await.unwrap().unwrap();
    let courier = courier.at(&world.server.url);
    (stage, kamailio, Campaign { world, courier, batches })
}

/// Waits for the end, asks the judge, and checks that every call went through the proxy, to both carriers.
async fn end(kamailio: &Kamailio, campaign: Campaign) -> Verdict {
    campaign.finish(PATIENCE).await.unwrap();
    let rung: BTreeSet<String> = campaign
        .world
        .events()
        .unwrap()
        .iter()
        .filter(|e| e.event == "alerted")
        .filter_map(|e| e.call_id.clone())
        .collect();
    let said = kamailio.said();
    let lines: Vec<Vec<&str>> = said
        .lines()
        .filter_map(|l| Some(l.split_once("WARNING: <script>: ")?.1.split(' ').collect()))
        .collect();
    let relayed = |id: &str| lines.iter().any(|l| l[..2] == ["RELAYED", "INVITE"] && l[2] == id);
    assert!(rung.iter().all(|id| relayed(id)), "no call past the proxy");
    let behind: BTreeSet<&str> = lines.iter().filter(|l| l[0] == "RELAYED").map(|l| l[3]).collect();
    assert_eq!(behind.len(), 2, "the dispatcher used both carriers");
    campaign.verdict().await.unwrap()
}

/// How often the proxy has said that it did something with requests of this method.
fn count(kamailio: &Kamailio, what: &str) -> usize {
    kamailio.said().matches(&format!("<script>: {what} ")).count()
}

/// How many calls it has said that of; a 2xx that comes twice has two ACKs.
fn calls(kamailio: &Kamailio, what: &str) -> usize {
    let (said, what) = (kamailio.said(), format!("<script>: {what} "));
    let ids = said.lines().filter_map(|l| l.split_once(&what)?.1.split(' ').next());
    ids.collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn calls_go_through_and_the_dialog_stays_on_the_route() {
    for transport in ["udp", "tcp"] {
        let (_stage, kamailio, campaign) =
            begin(transport, "", Proxy::default(), WorldOptions::default()).await;
        let verdict = end(&kamailio, campaign).await;
        let s = &verdict.summary;
        assert_eq!((s.alerted, s.answered, s.unknown), (PEOPLE, PEOPLE, 0), "{transport}");
        assert_eq!(calls(&kamailio, "INSIDE ACK"), PEOPLE, "{transport}: each ACK by the recorded route");
        assert_eq!(calls(&kamailio, "INSIDE BYE"), PEOPLE, "{transport}: each BYE by the recorded route");
    }
}

#[tokio::test]
async fn its_challenge_is_answered() {
    let trunk = "user = \"waybell\"\npassword = \"secret\"";
    let proxy = Proxy { challenges: true, ..Proxy::default() };
    let (_stage, kamailio, campaign) = begin("udp", trunk, proxy, WorldOptions::default()).await;
    let verdict = end(&kamailio, campaign).await;
    assert_eq!((verdict.summary.alerted, verdict.summary.answered), (PEOPLE, PEOPLE));
}

#[tokio::test]
async fn a_wrong_password_rings_nobody_behind_it() {
    let trunk = "user = \"waybell\"\npassword = \"wrong\"";
    let proxy = Proxy { challenges: true, ..Proxy::default() };
    let (_stage, kamailio, campaign) = begin("udp", trunk, proxy, WorldOptions::default()).await;
    campaign.finish(PATIENCE).await.unwrap();
    assert!(count(&kamailio, "SEEN INVITE") >= PEOPLE, "it was asked");
    assert_eq!(count(&kamailio, "RELAYED INVITE"), 0);
    // a refusal before any ringing: the next way is tried, and nobody is missed
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!((verdict.summary.alerted, verdict.summary.answered), (PEOPLE, PEOPLE));
}

#[tokio::test]
async fn a_kill_while_it_rings_is_survived() {
    for (transport, refuses) in [("udp", false), ("udp", true), ("tcp", false), ("tcp", true)] {
        let options = WorldOptions { carrier: SLOW.into(), ..WorldOptions::default() };
        let (_stage, kamailio, mut campaign) =
            begin(transport, "", Proxy { refuses, ..Proxy::default() }, options).await;
        let alerted = |campaign: &Campaign| {
            campaign.world.events().unwrap().iter().filter(|e| e.event == "alerted").count()
        };
        let by = Instant::now() + PATIENCE;
        while alerted(&campaign) < PEOPLE {
            assert!(Instant::now() < by, "{transport} {refuses}: {} of {PEOPLE} ring", alerted(&campaign));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        campaign.kill(Duration::ZERO, Duration::from_millis(200)).await.unwrap();
        let verdict = end(&kamailio, campaign).await;
        let s = &verdict.summary;
        assert!(s.in_flight_at_kills > 0, "{transport} {refuses}: {s:?}");
        assert_eq!(
            (s.alerted, s.missed, s.doubled, s.kills),
            (PEOPLE, 0, 0, 1),
            "{transport} {refuses}: {s:?}"
        );
        assert_eq!(s.unknown + s.interrupted, 0, "{transport} {refuses}: each call was found again: {s:?}");
        // each call was asked for, and its own transaction in the proxy answered
        assert!(
            count(&kamailio, "SEEN INVITE") >= PEOPLE + s.in_flight_at_kills,
            "{transport} {refuses}: {s:?}"
        );
        assert_eq!(count(&kamailio, "RELAYED INVITE"), PEOPLE, "{transport} {refuses}");
        assert_eq!(count(&kamailio, "REFUSED INVITE"), 0, "{transport} {refuses}");
    }
}

#[tokio::test]
async fn a_question_for_a_call_that_never_came_rings_nobody() {
    for refuses in [false, true] {
        // the first intents are stored, and nothing is sent
        let options = WorldOptions { crash: Some("round.after_commit:1".into()), ..WorldOptions::default() };
        let (_stage, kamailio, campaign) =
            begin("udp", "", Proxy { refuses, ..Proxy::default() }, options).await;
        let verdict = end(&kamailio, campaign).await;
        let s = &verdict.summary;
        assert!(s.unknown > 0 && s.alerted == PEOPLE - s.unknown, "{refuses}: {s:?}");
        assert_eq!((s.missed, s.doubled), (0, 0), "{refuses}: {s:?}");
        let refused = count(&kamailio, "REFUSED INVITE");
        if refuses {
            assert_eq!(refused, s.unknown, "the proxy itself refuses (RFC 3261 16.3)");
        } else {
            assert_eq!(count(&kamailio, "RELAYED INVITE"), PEOPLE, "the carrier behind it refuses");
        }
    }
}

/// Server, proxy and telephone are three other people's.
#[tokio::test]
async fn a_telephone_behind_it_rings_on_when_the_server_dies() {
    let mut stage = Stage::new().unwrap();
    let phone =
        Phone { number: "13800000000", answers: false, transport: "udp", certificate: None, port: None };
    let mut baresip = Baresip::start(&stage, &phone).unwrap();
    let behind = vec![format!("sip:{}", baresip.sip)];
    let kamailio = Kamailio::start(&stage, &Proxy { behind, ..Proxy::default() }).unwrap();
    let options = WorldOptions {
        hear: true,
        trunk: format!(
            "priority = 98\noptions_seconds = 0\n[[trunk]]\nname = \"proxy\"\npeers = [\"{}\"]\ntransport = \"tcp\"\n\
             priority = 1\ncaller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n",
            kamailio.address
        ),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 1).await.unwrap();
    stage.also_show(&campaign.world.folder.path().join("server.log"));
    baresip.wait_said("Incoming call", 1, PATIENCE).unwrap();
    campaign.kill(Duration::from_millis(200), Duration::from_millis(200)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    baresip.tell("accept", "").unwrap();
    baresip.wait_said("Call established", 1, PATIENCE).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    baresip.tell("hangup", "").unwrap();
    campaign.finish(PATIENCE).await.unwrap();
    assert_eq!(baresip.said().matches("Incoming call").count(), 1, "it was rung once");
    let slot = campaign.world.folder.path().join("slots/您好.wav");
    let (_, score) = sound::find(&sound::read_wav(&slot).unwrap().0, &baresip.heard().unwrap());
    assert!(score > 0.9, "the notice was heard: {score}");
    assert_eq!(calls(&kamailio, "INSIDE ACK"), 1);
    assert_eq!(calls(&kamailio, "INSIDE BYE"), 1, "the telephone's BYE came by the recorded route");
    let path = format!("/batches/{}/recipients", campaign.batches[0]);
    let people = campaign.courier.get(&path).await.unwrap();
    assert_eq!(people[0]["outcome"], "answered_partial", "{people:#}");
}
