//! A caller who meets a voicemail hears when the courier comes, where the courier's tour has told it.

use crate::house::{CUSTOMER, House};
use crate::{SECOND, outgoing};
use serde_json::json;
use std::path::Path;
use waybell_domain::lang::Lang;
use waybell_domain::template::time_words;
use waybell_tests::WorldOptions;

const HOUR: i64 = 3_600_000;

fn now_ms() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis())
        .unwrap()
}

/// What was said so far: a voice of the test's own writes down every text that it is given.
fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("said")).unwrap_or_default()
}

/// Three seconds of a tone, as a WAV file.
fn sound() -> Vec<u8> {
    let samples: Vec<u8> =
        (0..24_000i32).flat_map(|i| (if i % 16 < 8 { 4_000i16 } else { -4_000 }).to_le_bytes()).collect();
    let size = u32::try_from(samples.len()).unwrap();
    let mut file = Vec::new();
    for part in [
        b"RIFF".as_slice(),
        &(36 + size).to_le_bytes(),
        b"WAVEfmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &1u16.to_le_bytes(),
        &8_000u32.to_le_bytes(),
        &16_000u32.to_le_bytes(),
        &2u16.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &size.to_le_bytes(),
        &samples,
    ] {
        file.extend_from_slice(part);
    }
    file
}

/// What is said of an arrival: its time in Shanghai, rounded up to five minutes.
fn words(arrival: i64) -> String {
    let step = 5 * 60_000;
    let minute = (arrival + step - 1) / step * step / 60_000 + 8 * 60;
    let part = |n: i64| u32::try_from(n).unwrap();
    format!("预计{}左右送到", time_words(Lang::Zh, part(minute / 60 % 24), part(minute % 60)))
}

#[test]
fn a_caller_hears_when_the_riding_courier_comes_and_nothing_of_a_tour_that_is_not_theirs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.wav"), sound()).unwrap();
    let script = "cd \"$1\"; echo '{\"ready\": \"shell\"}'; n=0; while read -r line; do n=$((n+1)); echo \"$line\" >> said; \
                  echo \"{\\\"id\\\": $n, \\\"bytes\\\": $(wc -c < a.wav)}\"; cat a.wav; done";
    let speech = format!("command = [\"sh\", \"-c\", {script:?}, \"sh\", {:?}]", folder.path());
    let house = House::with(json!({}), WorldOptions { speech, ..WorldOptions::default() });
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    for courier in ["c1", "c2"] {
        let riding = house.sign_in(courier);
        house
            .runtime
            .block_on(riding.ask("PUT", "/me/availability", Some(&json!({ "mode": "riding" }))))
            .unwrap();
    }
    let parcel = outgoing::import(&house, &c1, "YT4000000000001", CUSTOMER);

    let leaves_a_message = || {
        let mut customer = house.customer_rings();
        assert_eq!(customer.final_answer(), 200);
        std::thread::sleep(SECOND * 2);
        customer.hangs_up();
    };
    leaves_a_message();
    assert!(said(folder.path()).contains("正在骑行"), "{}", said(folder.path()));
    assert!(!said(folder.path()).contains("左右送到"), "no tour has told yet");

    let soon = now_ms() + 70 * 60_000;
    let tap = json!({ "id": outgoing::id(), "template": "arrived", "parcels": [parcel], "acted_at": { "wall": now_ms() },
        "ahead": { "minutes": 1, "arrivals": [{ "parcel": parcel, "at": soon }] } });
    house.runtime.block_on(c1.post("/batches", &tap)).unwrap();
    leaves_a_message();
    assert!(said(folder.path()).contains(&words(soon)), "{} in {}", words(soon), said(folder.path()));
    // the tour has changed
    let batch = tap["id"].as_str().unwrap();
    let follows = |at: i64| {
        let moved = json!({ "minutes": 1, "arrivals": [{ "parcel": parcel, "at": at }] });
        house.runtime.block_on(c1.ask("PUT", &format!("/batches/{batch}/arrivals"), Some(&moved))).unwrap();
    };
    follows(soon + HOUR);
    leaves_a_message();
    assert!(said(folder.path()).contains(&words(soon + HOUR)), "{}", said(folder.path()));

    // changed again, and then the parcel goes to a colleague, whose tour has told nothing
    follows(soon + 2 * HOUR);
    let given = json!({ "parcels": [parcel], "to": house.c2 });
    let (status, answer) =
        house.runtime.block_on(c1.send("POST", "/parcels/hand-over", Some(&given), None)).unwrap();
    assert!(status < 300, "{answer}");
    leaves_a_message();
    assert!(!said(folder.path()).contains(&words(soon + 2 * HOUR)), "{}", said(folder.path()));
}
