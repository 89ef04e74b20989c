//! Calls as evidence: found, bundled, checked; and what was changed shows, wherever it was changed.

use super::SECOND;
use super::house::House;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use waybell_core::recordings::verify::{Checked, Problem, verify};
use waybell_tests::api::Api;
use waybell_tests::server::programs;
use waybell_tests::{Phone, WorldOptions};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A call in which both spoke.
pub(crate) fn spoken(house: &House) -> Value {
    let (mut customer, mut courier) = house.they_speak();
    customer.line.says(700);
    courier.line.says(1_100);
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
    courier.is_hung_up_on();
    house.until("the recording is whole", || {
        let calls = house.runtime.block_on(house.boss.get("/calls?order=newest")).unwrap();
        calls.as_array()?.first().filter(|c| c["audio"]["state"] == "done").cloned()
    })
}

fn house() -> House {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    house
}

async fn ask_bundle(api: &Api, body: &Value) -> (u16, Vec<u8>) {
    let answer = api.request("POST", "/evidence").json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().into())
}

/// A bundle of a call, in a file.
fn bundle(house: &House, call: &Value, file: &Path) {
    let body = json!({ "calls": [call["id"]], "reason": "投诉 2026-118" });
    let (status, bytes) = house.runtime.block_on(ask_bundle(&house.boss, &body));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    std::fs::write(file, bytes).unwrap();
}

fn key(house: &House) -> String {
    let key = house.runtime.block_on(house.boss.get("/evidence/key")).unwrap();
    key["key"].as_str().unwrap().to_owned()
}

/// Where the server keeps the sound of the one call.
fn stored(house: &House) -> PathBuf {
    let mut found = house.stored();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What a file of a zip is to hold; `None` leaves it out.
type Change<'a> = dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>> + 'a;

/// The same zip with other files: `change` gives what a file holds, `None` leaves it out.
fn rewritten(from: &Path, to: &Path, change: &Change<'_>, also: &[(&str, &str)]) {
    let mut old = ZipArchive::new(File::open(from).unwrap()).unwrap();
    let mut new = ZipWriter::new(File::create(to).unwrap());
    for index in 0..old.len() {
        let mut file = old.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if let Some(bytes) = change(&name, bytes) {
            new.start_file(name, SimpleFileOptions::default()).unwrap();
            new.write_all(&bytes).unwrap();
        }
    }
    for (name, text) in also {
        new.start_file(*name, SimpleFileOptions::default()).unwrap();
        new.write_all(text.as_bytes()).unwrap();
    }
    new.finish().unwrap();
}

pub(crate) fn check_recordings(house: &House, more: &[&str]) -> (bool, String) {
    let config = house.world.folder.path().join("server.toml");
    let said = Command::new(programs().join("waybell-server"))
        .args(["--config".as_ref(), config.as_os_str(), "check-recordings".as_ref()])
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.success(), text)
}

/// The report to be printed has these words, as another program than ours reads it.
fn printed(bundle: &Path, folder: &Path, words: &[&str]) {
    let (pdf, mut bytes) = (folder.join("report.pdf"), Vec::new());
    let mut zip = ZipArchive::new(File::open(bundle).unwrap()).unwrap();
    zip.by_name("report.pdf").unwrap().read_to_end(&mut bytes).unwrap();
    std::fs::write(&pdf, bytes).unwrap();
    let mut reader = std::process::Command::new("pdftotext");
    let read = reader.args(["-layout".as_ref(), pdf.as_os_str(), "-".as_ref()]).output().unwrap();
    let (text, complaints) = (String::from_utf8(read.stdout).unwrap(), String::from_utf8_lossy(&read.stderr));
    assert!(read.status.success() && complaints.is_empty(), "{complaints}");
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_bundle_holds_what_was_said_and_shows_what_was_changed() {
    let house = house();
    let call = spoken(&house);
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.zip"), folder.path().join("bad.zip"));
    bundle(&house, &call, &good);
    let key = key(&house);
    let checked: Checked = verify(&good, Some(&key)).unwrap();
    assert_eq!((checked.problems.len(), checked.key == key), (0, true), "{:?}", checked.problems);
    let manifest = &checked.manifest;
    assert_eq!((manifest.reason.as_str(), manifest.head_seq, manifest.calls.len()), ("投诉 2026-118", 1, 1));
    let proved = &manifest.calls[0];
    assert_eq!(json!(proved.call), call);
    assert!(!proved.explain.is_empty() && proved.tries.len() == 1);
    let link = &proved.recordings[0].link;
    assert_eq!(json!(link.sha256), call["audio"]["sha256"]);
    // the sound in it is the sound that is heard
    let mut zip = ZipArchive::new(File::open(&good).unwrap()).unwrap();
    let mut sound = Vec::new();
    let name = proved.recordings[0].file.clone().unwrap();
    zip.by_name(&name).unwrap().read_to_end(&mut sound).unwrap();
    assert_eq!(sound, house.wav(&house.boss, &call));

    assert_eq!(verify(&good, Some(&"0".repeat(64))).unwrap().problems, [Problem::Key]);
    let problems = |change: &Change<'_>, also: &[(&str, &str)]| {
        rewritten(&good, &bad, change, also);
        verify(&bad, Some(&key)).unwrap().problems
    };
    printed(
        &good,
        folder.path(),
        &["投诉 2026-118", "来电", crate::house::CUSTOMER, &proved.recordings[0].link.sha256, "1 / 1"],
    );
    assert_eq!(problems(&|_, bytes| Some(bytes), &[]), [], "the form of the zip does not matter");
    let one_bit = |n: &str, mut bytes: Vec<u8>| {
        if n == name {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
        Some(bytes)
    };
    assert_eq!(problems(&one_bit, &[]), [Problem::Changed { name: name.clone() }]);
    let without = |n: &str, bytes| (n != name).then_some(bytes);
    assert_eq!(problems(&without, &[]), [Problem::Missing { name: name.clone() }]);
    let other = [Problem::Unlisted { name: "more.txt".into() }];
    assert_eq!(problems(&|_, bytes| Some(bytes), &[("more.txt", "x")]), other);
    let reworded = |n: &str, bytes: Vec<u8>| match n {
        "manifest.json" => {
            Some(String::from_utf8(bytes).unwrap().replace("2026-118", "2026-119").into_bytes())
        }
        _ => Some(bytes),
    };
    assert_eq!(problems(&reworded, &[]), [Problem::Signature]);
    let mut longer = std::fs::read(&good).unwrap();
    longer.splice(..0, *b"<script>");
    std::fs::write(&bad, &longer).unwrap();
    assert_eq!(verify(&bad, None).unwrap().problems, [Problem::Twice]);
    std::fs::write(&bad, "PK").unwrap();
    assert!(verify(&bad, None).is_err());
    assert!(verify(&folder.path().join("none.zip"), None).is_err());
}

#[test]
fn what_is_changed_on_the_server_shows() {
    let house = house();
    let call = spoken(&house);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.zip");
    bundle(&house, &call, &file);
    let manifest = verify(&file, None).unwrap().manifest;
    let kept = format!("{}:{}", manifest.head_seq, manifest.head_hash);
    let (good, text) = check_recordings(&house, &["--holds", &kept]);
    assert!(good && text.contains("1 recordings, 0 of them") && text.contains(&kept), "{text}");
    let (good, text) = check_recordings(&house, &["--holds", &format!("1:{}", "0".repeat(64))]);
    assert!(!good && text.contains("written anew"), "{text}");

    let sound = stored(&house);
    let recording = manifest.calls[0].recordings[0].link.recording;
    let mut bytes = std::fs::read(&sound).unwrap();
    // in its waveform first, which the check finds too, then in what was said
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&sound, &bytes).unwrap();
    let (good, text) = check_recordings(&house, &[]);
    assert!(!good && text.contains("was changed"), "{text}");
    bytes[1_000] ^= 1;
    std::fs::write(&sound, bytes).unwrap();
    bundle(&house, &call, &file);
    assert_eq!(verify(&file, None).unwrap().problems, [Problem::Sound { recording }]);
    let (good, text) = check_recordings(&house, &[]);
    assert!(!good && text.contains("was changed"), "{text}");

    // a row that says that its time was over does not make it so
    let gone = |house: &House| {
        house.world.database.sql("UPDATE recording SET state = 'gone', hash = NULL").unwrap();
    };
    std::fs::remove_file(&sound).unwrap();
    bundle(&house, &call, &file);
    assert_eq!(verify(&file, None).unwrap().problems, [Problem::Lost { recording }]);
    let (good, text) = check_recordings(&house, &[]);
    assert!(!good && text.contains("is missing"), "{text}");
    gone(&house);
    bundle(&house, &call, &file);
    assert_eq!(verify(&file, None).unwrap().problems, [Problem::Lost { recording }]);
    assert!(!check_recordings(&house, &[]).0);
}

#[test]
fn each_recording_is_linked_once_whenever_the_server_dies() {
    let mut house = house();
    let mut links = 0;
    for after in [0, 5, 60, 400, 2_100] {
        let (mut customer, mut courier) = house.they_speak();
        customer.line.says(700);
        std::thread::sleep(SECOND / 2);
        customer.hangs_up();
        courier.is_hung_up_on();
        std::thread::sleep(SECOND * after / 1_000);
        house.world.kill().unwrap();
        house.world.server.start().unwrap();
        house.boss = house.boss.at(&house.world.server.url);
        links += 1;
        let chain = house.until("the recording is linked", || {
            let chain = house.runtime.block_on(house.boss.get("/evidence/chain")).unwrap();
            Some(chain).filter(|c| c.as_array().unwrap().len() == links)
        });
        assert_eq!(chain[links - 1]["seq"], json!(links));
    }
    let (good, text) = check_recordings(&house, &[]);
    assert!(good && text.contains("5 recordings"), "{text}");
}

#[test]
fn who_may_find_and_prove_what() {
    let others = WorldOptions { tenants: vec!["other"], ..WorldOptions::default() };
    let house = House::with(json!({}), others);
    house.on_duty(&house.c1, "duty");
    let call = spoken(&house);
    let stranger = house.sign_in("boss-other");
    let (c1, c2) = (house.sign_in("c1"), house.sign_in("c2"));
    let found = |api: &Api, query: &str| {
        let calls = house.runtime.block_on(api.get(&format!("/calls?order=newest&{query}"))).unwrap();
        calls.as_array().unwrap().len()
    };
    let (number, c1_id, at) = ("021-31001234", &house.c1, call["started_at"].as_i64().unwrap());
    for (query, fits) in [
        ("caller=13800000000".to_owned(), true),
        ("caller=0000".to_owned(), true),
        ("caller=13800000001".to_owned(), false),
        (format!("number={number}"), true),
        ("number=31001235".to_owned(), false),
        (format!("courier={c1_id}"), true),
        (format!("courier={}", house.c2), false),
        (format!("since={at}&before={}", at + 1), true),
        (format!("since={}", at + 1), false),
        ("longer_s=1&recorded=true".to_owned(), true),
        ("longer_s=60".to_owned(), false),
        ("shorter_s=60".to_owned(), true),
        ("waybill=YT1000000000009".to_owned(), false),
    ] {
        assert_eq!(found(&house.boss, &query), usize::from(fits), "{query}");
    }
    assert_eq!((found(&c1, "caller=0000"), found(&c2, "caller=0000")), (1, 0));
    assert_eq!(found(&stranger, "caller=0000"), 0);
    assert_eq!(house.runtime.block_on(stranger.get("/evidence/chain")).unwrap(), json!([]));
    let status = |api: &Api, path: &str| house.runtime.block_on(api.send("GET", path, None, None)).unwrap().0;
    assert_eq!(status(&c1, "/calls?caller=13800000000"), 422, "a courier does not find a number out");
    for path in ["/calls?caller=12", "/calls?order=oldest", "/calls?courier=c1", "/calls?waybill=%25"] {
        assert_eq!(status(&house.boss, path), 422, "{path}");
    }
    assert_eq!((status(&c1, "/evidence/chain"), status(&c1, "/evidence/key")), (403, 200));

    let ask = |api: &Api, body: Value| {
        let (status, bytes) = house.runtime.block_on(ask_bundle(api, &body));
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    assert_eq!(ask(&c1, json!({ "calls": [call["id"]], "reason": "x" })).0, 403);
    assert_eq!(ask(&stranger, json!({ "calls": [call["id"]], "reason": "x" })).0, 404);
    assert_eq!(ask(&house.boss, json!({ "calls": [call["id"]], "reason": " " })).1["field"], "reason");
    assert_eq!(ask(&house.boss, json!({ "calls": [], "reason": "x" })).1["field"], "calls");
    let many: Vec<String> = (0..51).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    assert_eq!(ask(&house.boss, json!({ "calls": many, "reason": "x" })).1["field"], "calls");
    assert_eq!(ask(&house.boss, json!({ "calls": [uuid::Uuid::now_v7()], "reason": "x" })).0, 404);

    // the same from the terminal, in a supervisor's words
    let phone = Phone::new(&house.world.server.url).unwrap();
    phone.must(&["login", "boss"]).unwrap();
    let listed = phone.must(&["recordings", "--caller", "0000", "--since", "2026-01-01"]).unwrap();
    assert!(listed.contains(call["id"].as_str().unwrap()), "{listed}");
    let file = phone.home().join("118.zip");
    let (id, path) = (call["id"].as_str().unwrap(), file.to_str().unwrap());
    phone.must(&["evidence", id, "--reason", "投诉", "--out", path]).unwrap();
    assert_eq!(verify(&file, Some(&key(&house))).unwrap().problems, []);
    assert!(
        phone.must(&["evidence", id, "--reason", "投诉", "--out", path]).is_err(),
        "nothing is written over"
    );
    use std::os::unix::fs::MetadataExt;
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "it holds whole numbers");
    phone.must(&["verify", path, "--key", &key(&house)]).unwrap();
    assert!(phone.must(&["verify", path, "--key", &"0".repeat(64)]).is_err());
    let left = std::fs::read_dir(phone.home()).unwrap().filter_map(Result::ok);
    assert_eq!(left.filter(|e| e.file_name().to_string_lossy().contains("part")).count(), 0);
}
