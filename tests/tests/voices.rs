//! Recorded words: brought, listed, spoken to people, and nobody else's; and engines that a server is configured with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::io::Cursor;
use std::time::Duration;
use waybell_tests::api::Api;
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

/// Words in the shape of one of the usual recorders; the seed makes them different sounds.
fn wav(seed: usize, rate: u32, channels: u16, float: bool, seconds: f64) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: if float { 32 } else { [16, 24][seed % 2] },
        sample_format: if float { hound::SampleFormat::Float } else { hound::SampleFormat::Int },
    };
    let mut out = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
    let count = (seconds * f64::from(rate)) as usize;
    // silence, sound, silence
    for n in 0..count * 3 {
        let t = n as f64 / f64::from(rate);
        let sounds = (count..count * 2).contains(&n);
        let value = if sounds { 0.2 * (t * (1_500.0 + 40.0 * seed as f64)).sin() } else { 0.0 };
        for _ in 0..channels {
            match spec.bits_per_sample {
                _ if float => writer.write_sample(value as f32).unwrap(),
                24 => writer.write_sample((value * 8_388_607.0) as i32).unwrap(),
                _ => writer.write_sample((value * 32_767.0) as i16).unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
    out.into_inner()
}

async fn record(api: &Api, text: &str, bytes: Vec<u8>) -> (u16, Value) {
    let encoded: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
    let request = api.request("PUT", &format!("/voice/words?text={encoded}"));
    let answer = request.header("Content-Type", "audio/wav").body(bytes).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Status of hearing the built-in notice, and who speaks it.
async fn hear(api: &Api) -> (u16, String) {
    let answer = api.request("GET", "/templates/arrived/audio").send().await.unwrap();
    let by = answer.headers().get("waybell-voice").map(|v| v.to_str().unwrap().to_owned());
    (answer.status().as_u16(), by.unwrap_or_default())
}

async fn missing(api: &Api) -> Vec<String> {
    let needed = api.get("/voice/needed").await.unwrap();
    let open = needed.as_array().unwrap().iter().filter(|n| n["recorded"] == false);
    open.map(|n| n["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_few_dozen_recordings_speak_every_notice() {
    let options = WorldOptions {
        speech: "espeak = \"\"".into(),
        tenants: vec!["Other"],
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 150\ntalk_ms = 3000\n".into(),
        ..WorldOptions::default()
    };
    let world = World::start(&options).unwrap();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    assert_eq!(hear(&boss).await.0, 503, "nobody speaks yet");
    let shapes = [(8_000, 1, false), (44_100, 2, false), (48_000, 2, true), (16_000, 1, true)];
    let mut words = missing(&boss).await;
    assert!((40..100).contains(&words.len()), "{words:?}");
    words.extend(["幸福花园", "阳光花苑", "翡翠城", "东湖小区", "金色家园"].map(str::to_owned));
    for (n, text) in words.iter().enumerate() {
        let (rate, channels, float) = shapes[n % 4];
        let (status, word) = record(&boss, text, wav(n, rate, channels, float, 0.3)).await;
        assert_eq!(status, 200, "{text}: {word}");
        // 300 ms of sound and the margins
        assert!((340..460).contains(&word["ms"].as_i64().unwrap()), "{text}: {word}");
    }
    assert_eq!(missing(&boss).await, Vec::<String>::new());
    assert_eq!(hear(&boss).await, (200, "recorded".to_owned()));

    // other estates, other buildings, the same recordings
    let rows: Vec<_> = list::rows(37, 800_000_000).into_iter().step_by(9).collect();
    let parcels = courier.import(&rows).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let mut campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    let people = campaign.courier.get(&format!("/batches/{}/recipients", campaign.batches[0])).await.unwrap();
    assert_eq!(people.as_array().unwrap().len(), 5);
    for person in people.as_array().unwrap() {
        assert!(person["outcome"].as_str().unwrap().starts_with("answered_"), "nothing was said: {person}");
    }

    // nobody else's, and no courier's to change
    let words = boss.get("/voice/words").await.unwrap();
    let one = words.as_array().unwrap().iter().find(|w| w["text"] == "您好，").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let audio = format!("/voice/words/{one}/audio");
    let stranger = campaign.world.sign_in("boss-Other").await.unwrap();
    assert_eq!(stranger.get("/voice/words").await.unwrap(), json!([]));
    assert!(!missing(&stranger).await.is_empty());
    assert_eq!(hear(&stranger).await.0, 503);
    for (method, path) in [("GET", audio.clone()), ("DELETE", format!("/voice/words/{one}"))] {
        assert_eq!(stranger.send(method, &path, None, None).await.unwrap().0, 404, "{method}");
        assert_eq!(campaign.courier.send(method, &path, None, None).await.unwrap().0, 403, "{method}");
    }
    assert_eq!(record(&campaign.courier, "您好", wav(1, 8_000, 1, false, 0.3)).await.0, 403);
    let heard = boss.request("GET", &audio).send().await.unwrap().bytes().await.unwrap();
    let reader = hound::WavReader::new(Cursor::new(heard)).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (8_000, 1));

    // a server that is started anew knows them
    campaign.world.server.stop(Duration::from_secs(20)).unwrap();
    campaign.world.server.start().unwrap();
    let boss = campaign.world.sign_in("boss").await.unwrap();
    assert_eq!(hear(&boss).await, (200, "recorded".to_owned()));
    assert_eq!(boss.send("DELETE", &format!("/voice/words/{one}"), None, None).await.unwrap().0, 204);
    assert_eq!(missing(&boss).await, ["您好，"]);
    assert_eq!(hear(&boss).await.0, 503, "a notice with a hole");
    let folder = campaign.world.folder.path().join("data/media/words");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .flat_map(|o| std::fs::read_dir(o.path()).unwrap())
        .count();
    let left = boss.get("/voice/words").await.unwrap().as_array().unwrap().len();
    assert_eq!(files, left, "a file for each recording that is left");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told_why() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let good = || wav(1, 8_000, 1, false, 0.3);
    let mut cut = good();
    cut.truncate(2_000);
    let mut silent = wav(2, 8_000, 1, false, 0.3);
    silent[44..].fill(0);
    for (text, bytes, status, said) in [
        ("您好", Vec::new(), 422, "empty"),
        ("您好", b"ID3\x04 something".to_vec(), 422, "MP3"),
        ("您好", cut, 422, "cut"),
        ("您好", silent, 422, "silent"),
        ("您好", wav(1, 96_000, 1, false, 0.1), 422, "96000"),
        ("您好", wav(1, 4_000, 1, false, 0.3), 422, "4000"),
        ("您好", wav(1, 8_000, 1, false, 25.0), 422, "75 s"),
        ("您好", vec![0; (10 << 20) + 1], 413, "10 MB"),
        ("，。", good(), 422, "1 to 200"),
        ("", good(), 422, "1 to 200"),
    ] {
        let (found, answer) = record(&boss, text, bytes).await;
        assert_eq!(found, status, "{said}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(said), "{said}: {answer}");
        assert!(answer["hint"].is_string(), "{answer}");
    }
    assert_eq!(boss.get("/voice/words").await.unwrap(), json!([]));
    // the same words again replace the recording
    let first = record(&boss, "您好，", good()).await.1;
    let second = record(&boss, "您好！", wav(5, 8_000, 1, false, 0.3)).await.1;
    let kept = boss.get("/voice/words").await.unwrap();
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["id"]), (1, &second["id"]));
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn who_speaks_is_told_and_a_voice_that_dies_is_stood_in_for() {
    // it says a second of sound to the first two texts, then dies, and dies again at its next start
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.wav"), wav(1, 8_000, 1, false, 1.0)).unwrap();
    let script = "cd \"$1\"; [ -e dead ] && exit 1; echo '{\"ready\": \"shell\"}'; n=0; while read -r line; do n=$((n+1)); \
                  if [ $n -gt 2 ]; then touch dead; exit 1; fi; \
                  echo \"{\\\"id\\\": $n, \\\"bytes\\\": $(wc -c < a.wav)}\"; cat a.wav; done";
    let speech = format!("command = [\"sh\", \"-c\", {script:?}, \"sh\", {:?}]", folder.path());
    let world = World::start(&WorldOptions { speech, ..WorldOptions::default() }).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let answer = boss.request("GET", "/templates/arrived/audio").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let by = answer.headers()["waybell-voice"].to_str().unwrap();
    assert!(by.contains("command") && by.contains("espeak-ng"), "{by}");
    assert!(answer.headers()["waybell-warning"].to_str().unwrap().contains("espeak-ng"));
    let voice = boss.get("/voice").await.unwrap();
    let names: Vec<_> = voice["engines"].as_array().unwrap().iter().map(|e| e["name"].clone()).collect();
    assert_eq!(names, ["command", "espeak-ng"]);
    assert_eq!(voice["engines"][0]["resting"], true, "{voice}");
    assert!(voice["engines"][0]["problem"].as_str().unwrap().contains("ended"), "{voice}");
    assert!(voice.get("warning").is_none(), "an engine is set: {voice}");
}
