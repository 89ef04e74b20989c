//! Calls in the terminal: what a courier sees and is told, in both languages, with and without a network.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mock;

use mock::{Server, json_of, run, said, signed_in};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

const MESSAGE: &str = "019aa000-0000-7000-8000-00000000a1b2";
const MISSED: &str = "019aa000-0000-7000-8000-00000000c3d4";
const MADE: &str = "019aa000-0000-7000-8000-00000000e5f6";

fn zh(home: &Path, server: &Server, args: &[&str]) -> (i32, String) {
    let args: Vec<&str> = args.iter().copied().chain(["--lang", "zh"]).collect();
    said(&run(home, server, &args))
}

fn call(id: &str, fields: Value) -> Value {
    let mut call = json!({
        "id": id, "direction": "incoming", "number": "+862131001234", "caller": "+86138****0001", "waybills": [],
        "outcome": "missed", "started_at": 1_795_140_000_000i64,
    });
    call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    call
}

/// SHA-256 of the mock's "sound", the JSON text `[1,2,3]`.
const SOUND: &str = "a615eeaee21de5179de080de8c3052c8da901138406ba71c38c032845f7d54f4";

fn with_calls() -> (tempfile::TempDir, Server) {
    let (home, server) = signed_in();
    let audio = json!({
        "id": "019aa000-0000-7000-8000-0000000000aa", "kind": "voicemail", "state": "done", "ms": 4200, "lost": 0,
        "sha256": SOUND, "keep_until": 9_000_000_000_000i64,
    });
    let page = json!({
        "cursor": 7, "more": false, "gone": [], "generation": "",
        "availability": { "mode": "riding", "since": 1 },
        "calls": [
            call(MISSED, json!({ "caller": "anonymous" })),
            call(MESSAGE, json!({ "outcome": "voicemail", "waybills": ["SF1000000000001", "SF1000000000002"],
                "audio": audio })),
            call("019aa000-0000-7000-8000-000000009999", json!({ "outcome": "answered", "direction": "outgoing" })),
            call("019aa000-0000-7000-8000-000000008888", json!({ "outcome": "of another day" })),
        ],
    });
    server.say("/api/v1/me/calls", 200, page);
    (home, server)
}

#[test]
fn the_list_in_both_languages_and_for_programs() {
    let (home, server) = with_calls();
    let (code, text) = zh(home.path(), &server, &["calls"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("00a1b2") && lines[1].contains("立即") && lines[1].contains("留言"), "{text}");
    assert!(lines[1].contains("138****0001") && lines[1].contains("5 秒"), "{text}");
    assert!(lines[1].contains("幸福花园3栋 2件"), "{text}");
    assert!(lines[2].contains("未接来电") && lines[2].contains("未显示号码"), "{text}");
    assert!(lines[3].contains("去电，已接听"), "{text}");
    assert!(text.contains("3 通，2 通待处理") && text.contains("waybell handled 00a1b2"), "{text}");
    let (_, text) = said(&run(home.path(), &server, &["calls", "--open"]));
    assert!(text.contains("now") && text.contains("幸福花园3栋: 2 parcels"), "{text}");
    assert!(text.contains("2 calls, 2 ask for something"), "{text}");
    let (_, text) = said(&run(home.path(), &server, &["calls", "--missed", "--limit", "1"]));
    assert!(text.contains("… and 1 more"), "{text}");
    server.down.store(true, Ordering::Relaxed);
    let answer = json_of(&run(home.path(), &server, &["calls", "--json"]));
    assert_eq!((&answer["open"], answer["calls"].as_array().unwrap().len()), (&json!(2), 3));
    assert_eq!((&answer["calls"][0]["urgency"], &answer["calls"][0]["id"]), (&json!("now"), &json!(MESSAGE)));
}

#[test]
fn a_mark_and_what_one_says_are_kept_without_a_network_and_go_out_once() {
    let (home, server) = with_calls();
    assert_eq!(zh(home.path(), &server, &["availability"]), (0, "骑行中：来电转给同事或留言\n".into()));
    let path = |id: &str, what: &str| format!("/api/v1/calls/{id}/{what}");
    server.down.store(true, Ordering::Relaxed);
    let (code, text) = zh(home.path(), &server, &["handled", "00a1b2", "00c3d4"]);
    assert!(code == 3 && text.starts_with("2 通已标为处理完毕"), "{text}");
    let (code, text) = zh(home.path(), &server, &["handled", "--undo", "00c3d4"]);
    assert!(code == 3 && text.contains("恢复为待处理"), "{text}");
    let (code, text) = said(&run(home.path(), &server, &["calls", "--open"]));
    assert!(code == 0 && text.contains("1 calls, 1 ask for something"), "{text}");
    assert!(said(&run(home.path(), &server, &["calls"])).1.contains("voicemail, handled (to be sent)"));
    let (code, text) =
        said(&run(home.path(), &server, &["availability", "off", "--until", "tomorrow 08:30"]));
    assert!(code == 3 && text.starts_with("off duty: callers reach a colleague"), "{text}");
    let (_, text) = zh(home.path(), &server, &["availability"]);
    assert!(text.contains("休息") && text.contains("到 明天 08:30 为止"), "{text}");
    assert!(text.contains("服务器还不知道"), "{text}");

    server.down.store(false, Ordering::Relaxed);
    server.say(&path(MESSAGE, "handled"), 200, call(MESSAGE, json!({ "handled_at": 5 })));
    server.say("/api/v1/me/availability", 200, json!({ "mode": "off", "since": 9 }));
    assert_eq!(said(&run(home.path(), &server, &["sync"])), (0, "in step with the server\n".into()));
    said(&run(home.path(), &server, &["sync"]));
    let mut posts: Vec<String> =
        server.posts.lock().unwrap().iter().filter(|p| !p.contains("/auth/")).cloned().collect();
    posts.sort();
    // Once each; the mark and the availability are of different lanes, so either may leave first.
    assert_eq!(
        posts,
        [path(MESSAGE, "handled"), "/api/v1/me/availability".to_owned(), "/api/v1/parcels/import".to_owned()]
    );
    let (code, text) = zh(home.path(), &server, &["handled", "ffffff"]);
    assert!(
        code == 1 && text.contains("没有编号为 ffffff 的通话") && text.contains("waybell calls"),
        "{text}"
    );
    assert_eq!(zh(home.path(), &server, &["handled"]).0, 2, "nothing is named");
    assert_eq!(zh(home.path(), &server, &["handled", "--all", "--undo"]).0, 2);
    let (_, text) = zh(home.path(), &server, &["availability", "忙"]);
    assert!(text.contains("可选"), "{text}");
}

#[test]
fn sound_is_fetched_and_then_here() {
    let (home, server) = with_calls();
    let path = format!("/api/v1/calls/{MESSAGE}/audio");
    server.say(&path, 503, json!({ "code": "storage", "message": "not now" }));
    assert_eq!(zh(home.path(), &server, &["listen", "00a1b2"]).0, 1);
    server.down.store(true, Ordering::Relaxed);
    let (code, text) = zh(home.path(), &server, &["listen", "00a1b2"]);
    assert!(code == 3 && text.contains("已下载的部分会保留"), "{text}");
    server.down.store(false, Ordering::Relaxed);
    server.say(&path, 200, json!([1, 2, 4]));
    let (code, text) = zh(home.path(), &server, &["listen", "00a1b2"]);
    assert!(code == 3 && text.contains("收到的录音与服务器所说的不符"), "{text}");
    server.say(&path, 200, json!([1, 2, 3]));
    let (code, text) = said(&run(home.path(), &server, &["listen", "00a1b2"]));
    assert!(code == 0 && text.starts_with("5 s (1 kB) are on this machine"), "{text}");
    server.down.store(true, Ordering::Relaxed);
    let file = home.path().join("m.wav");
    let (code, text) =
        said(&run(home.path(), &server, &["listen", "00a1b2", "--out", file.to_str().unwrap()]));
    assert!(code == 0 && text.starts_with("written: "), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), b"[1,2,3]");
    assert_eq!(run(home.path(), &server, &["listen", "00a1b2", "--out", "-"]).stdout, b"[1,2,3]");
    let (code, text) = zh(home.path(), &server, &["listen", "00c3d4"]);
    assert!(code == 1 && text.contains("没有录音或留言"), "{text}");
    assert_eq!(zh(home.path(), &server, &["listen", "--remove", "00a1b2"]).0, 0);
    assert_eq!(zh(home.path(), &server, &["listen", "00a1b2"]).0, 3, "it is fetched anew");
}

#[test]
fn calling_needs_the_server_and_says_what_happened() {
    let (home, server) = with_calls();
    said(&run(home.path(), &server, &["calls"]));
    server.down.store(true, Ordering::Relaxed);
    let (code, text) = zh(home.path(), &server, &["call", "00c3d4"]);
    assert!(code == 3 && text.contains("电话可能仍会响起"), "the request left, and no answer came: {text}");
    server.down.store(false, Ordering::Relaxed);
    let made = call(MADE, json!({ "direction": "outgoing", "outcome": null, "caller": "+86138****0009" }));
    server.say("/api/v1/calls", 201, json!({ "call": made, "warnings": ["quiet_hours"] }));
    for (whom, who) in [("SF1000000000003", "王三"), ("00a1b2", "138****0001"), ("13800000009", "客户")] {
        let (code, text) = zh(home.path(), &server, &["call", whom]);
        assert!(code == 0 && text.contains(&format!("接听后呼叫{who}")), "{text}");
        assert!(text.contains("免打扰时段") && text.contains("waybell call --hang-up"), "{text}");
    }
    let (_, text) = zh(home.path(), &server, &["call", "12"]);
    assert!(text.contains("号码"), "{text}");
    assert_eq!(zh(home.path(), &server, &["call", "SF9999999999999"]).0, 1);
    assert_eq!(zh(home.path(), &server, &["call"]).0, 2);
    server.say(&format!("/api/v1/calls/{MADE}/hang-up"), 200, call(MADE, json!({ "outcome": "cancelled" })));
    assert_eq!(zh(home.path(), &server, &["call", "--hang-up"]), (0, "已结束呼叫\n".into()));
    let refusal =
        json!({ "code": "call_running", "message": "the call goes on", "hint": "listen once it has ended" });
    server.say("/api/v1/calls", 409, refusal);
    let (code, text) = zh(home.path(), &server, &["call", "00c3d4"]);
    assert!(code == 1 && text.contains("通话还在进行"), "{text}");
}

#[test]
fn duties_of_areas() {
    let (home, server) = signed_in();
    let (area, duty) = ("019aa000-0000-7000-8000-000000000001", "019aa000-0000-7000-8000-0000000d0001");
    let li = "018bcfe5-6800-7fff-bfff-ffffffffffff";
    server.say("/api/v1/areas", 200, json!([{ "id": area, "branch": area, "name": "一号片区" }]));
    let person =
        json!({ "id": li, "organisation": area, "login": "lina", "name": "李娜", "role": "courier" });
    server.say("/api/v1/people", 200, json!([person]));
    let duties = format!("/api/v1/areas/{area}/duties");
    server.say(&duties, 200, json!([]));
    let (code, text) = zh(home.path(), &server, &["duty"]);
    assert!(code == 0 && text.contains("一号片区") && text.contains("无人值班"), "{text}");
    let set =
        json!({ "id": duty, "area": area, "courier": li, "role": "duty", "from": 1_795_140_000_000i64 });
    server.say(&duties, 201, set.clone());
    let (code, text) = zh(home.path(), &server, &["duty", "一号", "lina", "--take-over"]);
    assert_eq!((code, text.as_str()), (0, "lina：一号片区，值班\n"));
    server.say(&duties, 200, json!([set]));
    let (_, text) = said(&run(home.path(), &server, &["duty", "一号片区"]));
    assert!(text.contains("0d0001") && text.contains("李娜") && text.contains("duty"), "{text}");
    server.say(&format!("/api/v1/duties/{duty}"), 204, Value::Null);
    assert_eq!(zh(home.path(), &server, &["duty", "--end", "0d0001"]), (0, "值班已结束\n".into()));
    assert_eq!(zh(home.path(), &server, &["duty", "二号"]).0, 1);
    assert_eq!(zh(home.path(), &server, &["duty", "一号", "nobody"]).0, 1);
}
