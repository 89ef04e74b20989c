//! Recordings at rest: nothing that was said lies on the disk, and whatever is done to a file or to the keys is told.

use super::evidence::{check_recordings, spoken};
use super::house::House;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Bytes of sound that are looked for.
const PIECE: usize = 32;

fn house() -> House {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    house
}

/// Status and body of the recording's answer.
fn heard(house: &House, call: &Value) -> (u16, Value) {
    let path = format!("/calls/{}/audio", call["id"].as_str().unwrap());
    house.runtime.block_on(async {
        let answer = house.boss.request("GET", &path).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    })
}

fn refused(house: &House, call: &Value, code: &str, problem: &str) {
    let (status, body) = heard(house, call);
    assert_eq!((status, &body["code"]), (409, &json!(code)), "{body}");
    assert!(body["message"].as_str().unwrap().contains(problem), "{body}");
    assert!(body["hint"].is_string(), "{body}");
}

/// How many pieces of this sound, of those that are no silence, stand anywhere in these bytes.
fn pieces(sound: &[u8], on_disk: &[u8]) -> usize {
    let loud = |piece: &&[u8]| piece.iter().collect::<std::collections::HashSet<_>>().len() > 4;
    let said: Vec<&[u8]> = sound.chunks_exact(PIECE).filter(loud).collect();
    // two tones of whole periods may be few different pieces
    assert!(said.len() > 5, "there is sound to look for");
    let wanted: std::collections::HashSet<&[u8]> = said.into_iter().collect();
    on_disk.windows(PIECE).filter(|window| wanted.contains(window)).count()
}

/// Bits of information in a byte of this, by its frequencies: 8 for noise.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let share = |n: &u32| f64::from(*n) / bytes.len() as f64;
    counts.iter().filter(|n| **n > 0).map(|n| -share(n) * share(n).log2()).sum()
}

#[test]
fn what_is_said_does_not_lie_on_the_disk_and_is_heard() {
    let house = house();
    let (mut customer, mut courier) = house.they_speak();
    customer.line.says(700);
    courier.line.says(1_100);
    // while it is being said
    let during = house.until("seconds of it are on the disk", || {
        let files = house.stored();
        let bytes = std::fs::read(files.first()?).unwrap();
        (bytes.len() > 2 * 16_028).then_some(bytes)
    });
    customer.hangs_up();
    courier.is_hung_up_on();
    let call = house.until("the recording is whole", || {
        let call = house.call(&house.boss);
        (call["audio"]["state"] == "done").then_some(call)
    });
    let sound = house.wav(&house.boss, &call);
    assert!(pieces(&sound[58..], &sound) > 100, "what is looked for would be found");
    let files = house.stored();
    assert_eq!(files.len(), 1);
    for on_disk in [during, std::fs::read(&files[0]).unwrap()] {
        assert_eq!(pieces(&sound[58..], &on_disk), 0);
        assert!(entropy(&on_disk[76..]) > 7.98, "{}", entropy(&on_disk[76..]));
    }
    assert!(entropy(&sound) < 7.0, "{}", entropy(&sound));
    // nor anywhere else in what the server keeps
    for file in ["waybell.db", "waybell.db-wal"] {
        let bytes = std::fs::read(house.world.folder.path().join("data").join(file)).unwrap_or_default();
        assert_eq!(pieces(&sound[58..], &bytes), 0, "{file}");
    }
    let key = house.world.folder.path().join("data/kms.key");
    for file in [&key, &files[0]] {
        assert_eq!(std::fs::metadata(file).unwrap().mode() & 0o777, 0o600, "{}", file.display());
    }
    let (good, text) = check_recordings(&house, &[]);
    assert!(good, "{text}");
}

#[test]
fn a_file_that_was_swapped_cut_or_changed_is_not_played() {
    let house = house();
    let (first, second) = (spoken(&house), spoken(&house));
    let path = |call: &Value| -> PathBuf {
        let id = call["audio"]["id"].as_str().unwrap().to_owned();
        house.stored().into_iter().find(|f| f.display().to_string().contains(&id)).unwrap()
    };
    let (a, b) = (path(&first), path(&second));
    let (good, other) = (std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
    let with = |bytes: &[u8]| std::fs::write(&a, bytes).unwrap();
    with(&other);
    refused(&house, &first, "recording_changed", "another recording");
    with(&good[..good.len() - 1_000]);
    refused(&house, &first, "recording_changed", "it was cut");
    with(&good[..76 + 16_028]);
    refused(&house, &first, "recording_changed", "it was cut");
    let mut flipped = good.clone();
    flipped[76 + 16_028 + 500] ^= 1;
    with(&flipped);
    refused(&house, &first, "recording_changed", "the sound of second 2 was changed");
    let (whole, text) = check_recordings(&house, &[]);
    assert!(!whole && text.contains("was changed") && text.contains("second 2"), "{text}");
    // the part that was not changed is what was said
    let part = house.runtime.block_on(async {
        let path = format!("/calls/{}/audio", first["id"].as_str().unwrap());
        let answer = house.boss.request("GET", &path).header("range", "bytes=100-8099").send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    });
    with(&good);
    assert_eq!((part.0, &part.1[..]), (206, &house.wav(&house.boss, &first)[100..8_100]));
    // the key of one does not open the other
    house.world.database.sql(&format!(
        "UPDATE recording SET sealed_key = (SELECT sealed_key FROM recording WHERE id = '{}') WHERE id = '{}'",
        second["audio"]["id"].as_str().unwrap(), first["audio"]["id"].as_str().unwrap()
    )).unwrap();
    refused(&house, &first, "recording_changed", "the one of another recording");
    assert_eq!(heard(&house, &second).0, 200);
}

#[test]
fn a_kill_at_any_moment_leaves_what_was_said_until_then() {
    let mut house = house();
    let record = 16_028;
    let mut before = Vec::new();
    for (n, seconds) in [2usize, 3, 5].into_iter().enumerate() {
        let (mut customer, mut courier) = house.they_speak();
        customer.line.says(700);
        let on_disk = || house.stored().iter().find(|f| !before.contains(*f))?.metadata().ok();
        house.until("so many seconds are on the disk", || {
            on_disk().filter(|file| file.len() as usize >= 76 + seconds * record)
        });
        house.again();
        customer.is_hung_up_on();
        courier.is_hung_up_on();
        let call = house.until("the recording is closed", || {
            let calls = house.runtime.block_on(house.boss.get("/calls?order=newest")).unwrap();
            assert_eq!(calls.as_array().unwrap().len(), n + 1);
            calls.as_array()?.first().filter(|c| c["audio"]["state"] == "cut").cloned()
        });
        let sound = house.audio(&house.boss, &call);
        // every second that was on the disk, and no part of one
        assert!(
            sound[0].len() >= seconds * 8_000 && sound[0].len().is_multiple_of(8_000),
            "{}",
            sound[0].len()
        );
        assert!(sound[0].iter().any(|sample| sample.unsigned_abs() > 1_000), "what was said");
        before = house.stored();
    }
    let (good, text) = check_recordings(&house, &[]);
    assert!(good && text.contains("3 recordings"), "{text}");
}

#[test]
fn with_another_master_key_calls_go_on_and_recordings_say_what_is_wrong() {
    let mut house = house();
    let first = spoken(&house);
    let sound = house.wav(&house.boss, &first);
    let key = house.world.folder.path().join("data/kms.key");
    let old = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    house.again();
    assert!(house.world.server.log().contains("sealed with a master key that is not here"));
    refused(&house, &first, "key_missing", "does not have");
    let second = spoken(&house);
    assert_eq!(heard(&house, &second).0, 200);
    let (good, text) = check_recordings(&house, &[]);
    assert!(!good && text.contains("sealed with master key") && text.contains("2 recordings"), "{text}");
    // one that does not read: nothing is recorded in clear, and the call says so
    let new = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, "waybell-master-1 0123\n").unwrap();
    house.again();
    let (mut customer, mut courier) = house.they_speak();
    customer.line.says(700);
    house.until("they hear each other", || courier.line.hears(700).then_some(()));
    customer.hangs_up();
    courier.is_hung_up_on();
    let third = house.until("the call is over", || {
        let calls = house.runtime.block_on(house.boss.get("/calls?order=newest")).unwrap();
        calls.as_array()?.first().filter(|c| c["audio"]["state"] == "failed").cloned()
    });
    assert_eq!(third["audio"]["problem"], "the server has no key to seal recordings with");
    assert_eq!((heard(&house, &third).0, house.stored().len()), (404, 2));
    assert!(house.world.server.log().contains("kms.key: line 1"), "the log names file and line");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "waybell-master-1 0123\n");
    // both files' lines together
    std::fs::write(&key, new + &old).unwrap();
    house.again();
    assert_eq!(house.wav(&house.boss, &first), sound);
    assert_eq!(heard(&house, &second).0, 200);
    let (good, text) = check_recordings(&house, &[]);
    assert!(good, "{text}");
}

#[test]
fn what_an_older_server_left_in_clear_is_heard_and_sealed() {
    let mut house = house();
    let call = spoken(&house);
    let sound = house.wav(&house.boss, &call);
    let sealed = house.stored().remove(0);
    let clear = sealed.with_extension("wav");
    house.world.kill().unwrap();
    // as an older server would have left it
    std::fs::write(&clear, &sound).unwrap();
    std::fs::remove_file(&sealed).unwrap();
    house
        .world
        .database
        .sql("UPDATE recording SET path = replace(path, '.sealed', '.wav'), key_id = NULL, sealed_key = NULL")
        .unwrap();
    house.world.server.start().unwrap();
    house.boss = house.boss.at(&house.world.server.url);
    assert_eq!(house.wav(&house.boss, &call), sound);
    house.until("it is sealed", || (house.stored() == [sealed.clone()]).then_some(()));
    assert_eq!(house.wav(&house.boss, &call), sound);
    assert_eq!(pieces(&sound[58..], &std::fs::read(&sealed).unwrap()), 0);
    let (good, text) = check_recordings(&house, &[]);
    assert!(good, "{text}");
}

#[test]
fn a_link_plays_one_recording_in_the_name_of_who_asked() {
    let house = house();
    let (first, second) = (spoken(&house), spoken(&house));
    let c1 = house.sign_in("c1");
    let id = first["id"].as_str().unwrap();
    let link = house.runtime.block_on(c1.post(&format!("/calls/{id}/audio/link"), &json!({}))).unwrap();
    let path = link["path"].as_str().unwrap();
    assert!(!path.contains("13800000000") && link["ends_at"].is_i64(), "{link}");
    let get = |path: &str, range: Option<&str>| {
        house.runtime.block_on(async {
            // no header but this one
            let mut request = reqwest::Client::new().get(format!("{}{path}", house.world.server.url));
            if let Some(range) = range {
                request = request.header("range", range);
            }
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.bytes().await.unwrap())
        })
    };
    let sound = house.wav(&house.boss, &first);
    assert_eq!(get(path, None), (200, sound.clone().into()));
    let (from, until) = (100, sound.len() - 10);
    let part = get(path, Some(&format!("bytes={from}-{until}")));
    assert_eq!(part, (206, sound[from..=until].to_vec().into()));
    let audit = "SELECT COUNT(*) FROM audit a JOIN person p ON p.id = a.person_id WHERE a.action = 'listen' AND p.login = 'c1' \
                 AND a.detail LIKE '% by link'";
    assert_eq!(house.world.database.number(audit).unwrap(), 2);
    // neither another recording's, nor one that was touched
    let other = house
        .runtime
        .block_on(c1.post(&format!("/calls/{}/audio/link", second["id"].as_str().unwrap()), &json!({})))
        .unwrap();
    let (body, signature) =
        (other["path"].as_str().unwrap().split_once('.').unwrap().0, path.split_once('.').unwrap().1);
    assert_eq!(get(&format!("{body}.{signature}"), None).0, 401);
    let colleague = house.sign_in("c2");
    let (status, _) = house
        .runtime
        .block_on(colleague.send("POST", &format!("/calls/{id}/audio/link"), Some(&json!({})), None))
        .unwrap();
    assert_eq!(status, 404);
    // whoever signs out takes their links along
    house.runtime.block_on(c1.send("POST", "/auth/logout", Some(&json!({})), None)).unwrap();
    assert_eq!(get(path, None).0, 401);

    // what it looks like
    let peaks = house.runtime.block_on(house.boss.get(&format!("/calls/{id}/peaks"))).unwrap();
    let channels = peaks["channels"].as_array().unwrap();
    assert_eq!((channels.len(), channels[0].as_array().unwrap().len()), (2, 2_000));
    assert_eq!(peaks["ms"], first["audio"]["ms"]);
    let loudest =
        |n: usize| channels[n].as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).max().unwrap();
    let said = house.audio(&house.boss, &first);
    for (n, channel) in said.iter().enumerate() {
        assert_eq!(loudest(n), i64::from(*channel.iter().max().unwrap() >> 8));
    }
}

#[test]
fn what_is_past_its_time_or_erased_is_noise_in_every_copy() {
    let mut house = house();
    let (old, kept) = (spoken(&house), spoken(&house));
    let id = |call: &Value| call["audio"]["id"].as_str().unwrap().to_owned();
    let copies: Vec<(PathBuf, Vec<u8>)> =
        house.stored().into_iter().map(|f| (f.clone(), std::fs::read(&f).unwrap())).collect();
    house
        .world
        .database
        .sql(&format!("UPDATE recording SET legal_hold = 1 WHERE id = '{}'", id(&kept)))
        .unwrap();
    let sound = house.wav(&house.boss, &kept);
    house.world.kill().unwrap();
    let name = house.world.database.sql("SELECT name FROM organisation").unwrap().remove(0);
    let erase = |again: &str| {
        let config = house.world.folder.path().join("server.toml");
        let mut command =
            std::process::Command::new(waybell_tests::server::programs().join("waybell-server"));
        command.arg("--config").arg(config).args(["erase-recordings", "--organisation", &name]);
        command.args(["--yes-erase", again]).output().unwrap()
    };
    assert!(!erase("something else").status.success());
    let said = erase(&name);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(String::from_utf8_lossy(&said.stdout).contains("\"gone\":1,\"held\":1"));
    assert_eq!(house.stored().len(), 1);
    // from a copy of the folder
    for (file, bytes) in &copies {
        std::fs::write(file, bytes).unwrap();
    }
    house.world.server.start().unwrap();
    house.boss = house.boss.at(&house.world.server.url);
    assert_eq!(heard(&house, &old).0, 404);
    assert_eq!(house.wav(&house.boss, &kept), sound);
    house.world.database.sql("UPDATE recording SET state = 'done'").unwrap();
    assert_eq!(heard(&house, &old).0, 404, "not by a row that says that it is there");
    // calls are recorded as before
    let next = spoken(&house);
    assert_eq!(heard(&house, &next).0, 200);
}
