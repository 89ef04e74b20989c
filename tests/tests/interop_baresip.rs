//! baresip, a telephone of others, as the recipient: it rings, is answered, hears the notice, presses a key, hangs up;
//! and it rings on when the server dies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::WorldOptions;
use waybell_tests::campaign::Campaign;
use waybell_tests::peers::baresip::{Baresip, Phone};
use waybell_tests::peers::{Stage, free_ports, sound};
use waybell_tests::world::DISPLAY;

/// Number of the first person of a list.
const NUMBER: &str = "13800000000";
const PATIENCE: Duration = Duration::from_secs(30);

/// A telephone, and a server whose first way leads to it.
async fn begin(transport: &'static str, answers: bool) -> (Stage, Baresip, Campaign) {
    let mut stage = Stage::new().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (certificate, both) = (stage.path().join("cert.pem"), stage.path().join("both.pem"));
    let key = stage.path().join("key.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&both, made.signing_key.serialize_pem() + &made.cert.pem()).unwrap();
    let phone =
        Phone { number: NUMBER, answers, transport, certificate: Some(&both), port: Some(free_ports()) };
    let baresip = Baresip::start(&stage, &phone).unwrap();
    let peer = if transport == "tls" { baresip.tls } else { baresip.sip };
    let options = WorldOptions {
        hear: true,
        tls: (transport == "tls").then(|| (certificate.clone(), key)),
        trunk: format!(
            "priority = 99\noptions_seconds = 0\n[[trunk]]\nname = \"telephone\"\npeers = [\"{peer}\"]\n\
             transport = \"{transport}\"\ntls_ca = {certificate:?}\ncaller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n"
        ),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 1).await.unwrap();
    stage.also_show(&campaign.world.folder.path().join("server.log"));
    (stage, baresip, campaign)
}

/// Where in `heard` the piece with this name begins, and how much it is like it.
fn piece(campaign: &Campaign, name: &str, heard: &[i16]) -> (usize, f64) {
    let file = campaign.world.folder.path().join("slots").join(format!("{name}.wav"));
    let (piece, _) = sound::read_wav(&file).unwrap();
    sound::find(&piece, heard)
}

async fn result(campaign: &Campaign) -> Value {
    let path = format!("/batches/{}/recipients", campaign.batches[0]);
    campaign.courier.get(&path).await.unwrap()[0].clone()
}

/// What the notice says to the first person of a list before its menu.
const NOTICE: [&str; 7] = ["您好", "韵达快递", "快递员即将派送您的", "一", "个快件到", "幸福花园", "1号楼"];
/// What is said to the key 1.
const NOTED: &str = "已为您登记";

/// The notice is heard whole and in order, a key is taken, the server hangs up.
async fn hears_and_presses(transport: &'static str) {
    let (_stage, mut baresip, campaign) = begin(transport, true).await;
    baresip.wait_said("Call established", 1, PATIENCE).unwrap();
    // the notice takes 4 s; the menu follows
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    baresip.tell("sndcode", "1").unwrap();
    campaign.finish(PATIENCE).await.unwrap();
    baresip.wait_said("session closed", 1, PATIENCE).unwrap();
    baresip.stop();
    let heard = baresip.heard().unwrap();
    let mut end = None;
    for name in NOTICE {
        let (at, score) = piece(&campaign, name, &heard);
        assert!(score > 0.9, "{transport}: {name} was heard: {score}");
        // each piece is 4,000 samples; one follows the other without a gap
        assert!(
            end.is_none_or(|end: usize| at.abs_diff(end) <= 400),
            "{transport}: {name} at {at}, not {end:?}"
        );
        end = Some(at + 4_000);
    }
    let (at, score) = piece(&campaign, NOTED, &heard);
    assert!(score > 0.9 && end.is_some_and(|end| at >= end), "{transport}: {NOTED} at {at}: {score}");
    let (_, score) = piece(&campaign, "短信稍后发送给您", &heard);
    assert!(score < 0.5, "{transport}: another key's answer was not heard: {score}");
    let result = result(&campaign).await;
    assert_eq!((&result["outcome"], &result["keys"]), (&json!("answered_full"), &json!("1")), "{result:#}");
    assert!(campaign.world.events().unwrap().is_empty(), "nobody else was rung");
}

#[tokio::test]
async fn by_udp_it_hears_the_notice_and_presses_a_key() {
    hears_and_presses("udp").await;
}

#[tokio::test]
async fn by_tcp_it_hears_the_notice_and_presses_a_key() {
    hears_and_presses("tcp").await;
}

#[tokio::test]
async fn by_tls_it_hears_the_notice_and_presses_a_key() {
    hears_and_presses("tls").await;
}

#[tokio::test]
async fn it_hangs_up_in_the_middle() {
    let (_stage, mut baresip, campaign) = begin("tcp", true).await;
    baresip.wait_said("Call established", 1, PATIENCE).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    baresip.tell("hangup", "").unwrap();
    campaign.finish(PATIENCE).await.unwrap();
    let result = result(&campaign).await;
    assert_eq!(result["outcome"], "answered_partial", "{result:#}");
    let heard = baresip.heard().unwrap();
    assert!(piece(&campaign, NOTICE[0], &heard).1 > 0.9);
    assert!(piece(&campaign, NOTICE[6], &heard).1 < 0.5);
}

/// The server dies while it rings. Its next life finds the same call: it is answered, and was one call.
async fn rings_on(transport: &'static str) {
    let (_stage, mut baresip, mut campaign) = begin(transport, false).await;
    baresip.wait_said("Incoming call", 1, PATIENCE).unwrap();
    campaign.kill(Duration::from_millis(300), Duration::from_millis(300)).await.unwrap();
    // the probe is answered by the call's own transaction
    tokio::time::sleep(Duration::from_secs(1)).await;
    baresip.tell("accept", "").unwrap();
    baresip.wait_said("Call established", 1, PATIENCE).unwrap();
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    baresip.tell("sndcode", "1").unwrap();
    campaign.finish(PATIENCE).await.unwrap();
    let said = baresip.said();
    assert_eq!(said.matches("Incoming call").count(), 1, "{transport}: it was rung once");
    assert!(said.contains("Proxy-Require: "), "{transport}: it was asked, not rung");
    assert!(!said.contains("420 Bad Extension"), "{transport}: the call was there");
    let result = result(&campaign).await;
    assert_eq!((&result["outcome"], &result["keys"]), (&json!("answered_full"), &json!("1")), "{result:#}");
    assert!(campaign.world.events().unwrap().is_empty(), "nobody else was rung");
}

#[tokio::test]
async fn by_udp_it_rings_on_when_the_server_dies() {
    rings_on("udp").await;
}

#[tokio::test]
async fn by_tcp_it_rings_on_when_the_server_dies() {
    rings_on("tcp").await;
}

#[tokio::test]
async fn by_tls_it_rings_on_when_the_server_dies() {
    rings_on("tls").await;
}

/// Server and telephone die while it rings. The telephone's next life knows of no call, and must not ring for the
/// question.
#[tokio::test]
async fn a_telephone_that_has_forgotten_is_asked_and_not_rung() {
    let (stage, mut baresip, mut campaign) = begin("udp", false).await;
    baresip.wait_said("Incoming call", 1, PATIENCE).unwrap();
    campaign.world.kill().unwrap();
    baresip.stop();
    let port = Some(baresip.sip.port());
    let phone = Phone { number: NUMBER, answers: true, transport: "udp", certificate: None, port };
    let mut baresip = Baresip::start(&stage, &phone).unwrap();
    campaign.restart().unwrap();
    baresip.wait_said("Proxy-Require: ", 1, PATIENCE).unwrap();
    campaign.finish(PATIENCE).await.unwrap();
    let said = baresip.said();
    assert!(said.contains("420 Bad Extension"), "{said}");
    assert!(!said.contains("Incoming call") && !said.contains("180 Ringing"), "{said}");
    let result = result(&campaign).await;
    assert_eq!(
        (&result["outcome"], &result["mark"]),
        (&json!("unknown"), &json!("to_confirm")),
        "{result:#}"
    );
}
