//! What a courier sees when something is not as usual: in Chinese, with what to do, and never "saved" for what was refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mock;

use mock::{Server, json_of, run, said, signed_in};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

const PARCELS: [&str; 3] = ["SF1000000000001", "SF1000000000002", "SF1000000000003"];

fn zh(home: &Path, server: &Server, args: &[&str]) -> (i32, String) {
    let args: Vec<&str> = args.iter().copied().chain(["--lang", "zh"]).collect();
    said(&run(home, server, &args))
}

fn rules(stopped: bool) -> Value {
    json!({
        "policy": { "quiet": [] }, "calls_per_second": 1.0, "channels": 10, "step_cost_minor": 7, "step_seconds": 60,
        "opted_out": [], "stopped": stopped, "rev": 1,
    })
}

fn template(key: &str) -> Value {
    json!({ "key": key, "name_zh": "派件通知", "name_en": "arrival", "text": "x", "rev": 1 })
}

/// No sentence may be English: words of programs, numbers and addresses are not looked at.
fn no_english(text: &str) {
    for word in [" the ", " is ", " not ", "error:", "Usage", "refused", "sign in", "there "] {
        assert!(!text.contains(word), "{word:?} in {text}");
    }
}

#[test]
fn help_and_usage_errors_are_chinese() {
    let (home, server) = (tempfile::tempdir().unwrap(), Server::start());
    for verb in [&["--help"][..], &["notify", "--help"], &["help", "state"], &["notfy"], &["login"]] {
        let (_, text) = zh(home.path(), &server, verb);
        assert!(text.contains("用法：waybell"), "{text}");
        assert!(!text.contains("Usage") && !text.contains("error"), "{text}");
    }
    assert_eq!(zh(home.path(), &server, &["notfy"]).0, 2);
    let (_, text) = zh(home.path(), &server, &["state", "--help"]);
    assert!(text.contains("waybell state [选项] <运单号>... <状态>"), "{text}");
    let (_, text) = said(&run(home.path(), &server, &["state", "--help"]));
    assert!(
        text.contains("Usage: waybell state [OPTIONS] <WAYBILLS>... <STATE>")
            || text.contains("<WAYBILL>... <STATE>"),
        "{text}"
    );
}

#[test]
fn texts_of_core_and_server_are_chinese() {
    let (home, server) = signed_in();
    let wrong = zh(home.path(), &server, &["login", "lina", "--password", "wrong"]);
    assert_eq!(wrong, (1, "waybell: 登录名或密码不对\n".into()));
    assert_eq!(
        zh(home.path(), &server, &["login", "lina", "--password", "password"]).1,
        "已登录：李娜（快递员）\n"
    );
    assert_eq!(zh(home.path(), &server, &["stop-all", "on"]), (1, "waybell: 您的角色没有这项权限\n".into()));
    server.say(
        "/api/v1/stop-all",
        429,
        json!({ "code": "too_many_requests", "message": "too many requests", "retry_after": 12 }),
    );
    let (code, text) = zh(home.path(), &server, &["stop-all", "on"]);
    assert_eq!((code, text.as_str()), (1, "waybell: 请求过于频繁\n  → 请在 12 秒后再试\n"));
    assert_eq!(zh(home.path(), &server, &["why", "SF9999999999999"]).0, 1);
    let (code, text) = zh(home.path(), &server, &["notify", "坏", "--yes"]);
    assert_eq!(code, 1, "{text}");
    no_english(&text);
}

#[test]
fn an_import_says_what_is_missing_and_that_nothing_was_taken() {
    let (home, server) = signed_in();
    let list = home.path().join("other.csv");
    let file = list.to_str().unwrap();
    std::fs::write(&list, "运单号,收件人\nSF2000000000001,王一\nSF2000000000001,王二\n").unwrap();
    let (code, text) = zh(home.path(), &server, &["import", file]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("注意：第 1 行：没有找到电话一列") && text.contains("第 2 行也有这个运单号"),
        "{text}"
    );
    no_english(&text);
    std::fs::write(&list, "运单号,电话,地址\n").unwrap();
    let (code, text) = zh(home.path(), &server, &["import", file]);
    assert_eq!(code, 1);
    assert!(text.contains("没有导入任何快件") && text.contains("清单只有标题，没有数据行"), "{text}");
    std::fs::write(&list, "运单号,电话,地址\nSF2000000000003,1380000,x\n").unwrap();
    let (code, text) = zh(home.path(), &server, &["import", file]);
    assert_eq!(code, 1);
    assert!(text.contains("第 2 行 电话：号码有 7 位，不像任何一种号码（请核对）"), "{text}");
    assert_eq!(zh(home.path(), &server, &["import", "/no/such/file"]).0, 1);
    no_english(&zh(home.path(), &server, &["import", "/no/such/file"]).1);
}

#[test]
fn the_plan_names_places_people_left_out_start_and_hold() {
    let (home, server) = signed_in();
    server.page(json!({ "policy": rules(true), "templates": [template("arrived")] }));
    zh(home.path(), &server, &["state", PARCELS[2], "已签收"]);
    let (code, text) = zh(home.path(), &server, &["notify", "--all", "--at", "2099-01-02T03:00+08:00"]);
    assert_eq!(code, 2, "{text}");
    for part in [
        "地点：幸福花园3栋 2",
        "SF1000000000003  王三  已签收",
        "不早于 2099-01-02 03:00",
        "管理员已停止所有呼叫",
        "确认请加 --yes",
    ] {
        // the day of a far year is told in the Chinese form
        let part = part.replace("2099-01-02", "1月2日");
        assert!(text.contains(&part), "{part} in {text}");
    }
    no_english(&text);
}

#[test]
fn a_waybill_or_template_that_does_not_exist_is_named_before_anything_is_sent() {
    let (home, server) = signed_in();
    server.page(json!({ "templates": [template("arrived"), template("station")] }));
    let (code, text) =
        zh(home.path(), &server, &["notify", PARCELS[0], "YD0000123456", "YD0000123457", "--yes"]);
    assert_eq!(code, 1);
    assert!(text.contains("清单中没有：YD0000123456、YD0000123457"), "{text}");
    let (code, text) = zh(home.path(), &server, &["notify", PARCELS[0], "--template", "nope", "--yes"]);
    assert_eq!(code, 1);
    assert!(text.contains("没有模板“nope”") && text.contains("arrived, station"), "{text}");
    assert!(!text.contains("已提交"), "{text}");
    assert_eq!(zh(home.path(), &server, &["again", "--template", "nope", "--yes"]).0, 1);
    assert_eq!(server.changes.lock().unwrap().len(), 1, "only the import has gone out");
}

#[test]
fn a_refused_tap_is_told_and_is_not_the_newest_batch() {
    let (home, server) = signed_in();
    let (_, text) = zh(home.path(), &server, &["notify", PARCELS[2], "--yes"]);
    assert!(text.contains("已提交"), "{text}");
    server.say("/api/v1/batches", 422, json!({ "code": "bad_field", "field": "template", "message": "the organisation has no template with this key", "hint": "use arrived" }));
    let (code, text) = zh(home.path(), &server, &["notify", PARCELS[0], "--yes"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("服务器拒绝了呼叫：模板：本组织没有这个模板（请用 arrived（派件通知））"),
        "{text}"
    );
    assert!(!text.contains("已提交") && !text.contains("已保存在本机"), "{text}");
    let done = run(home.path(), &server, &["--json", "pause"]);
    let good =
        server.changes.lock().unwrap().iter().find(|(p, _)| p == "/api/v1/batches").unwrap().1["id"].clone();
    assert_eq!(json_of(&done)["batch"], good, "the batch that the server has taken");
    // named all the same, it says what became of it
    let refused = json_of(&run(home.path(), &server, &["--json", "sync"]))["refused"].clone();
    let dead = refused.as_array().unwrap().iter().find(|o| o["kind"] == "notify").unwrap()["batch"].clone();
    let (code, text) = zh(home.path(), &server, &["pause", dead.as_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(text.contains("此批次已被服务器拒绝"), "{text}");
}

#[test]
fn an_ended_session_says_what_is_kept_and_what_to_do() {
    let (home, server) = signed_in();
    let gone = json!({ "code": "signed_out", "message": "this session has ended: sign in again" });
    for path in ["/api/v1/sync", "/api/v1/auth/refresh", "/api/v1/parcels/state"] {
        server.say(path, 401, gone.clone());
    }
    for verb in [
        &["tasks"][..],
        &["search", "x"],
        &["notify", "--all"],
        &["watch"],
        &["undo"],
        &["sync"],
        &["why", "SF1000000000001"],
    ] {
        let (code, text) = zh(home.path(), &server, verb);
        assert_eq!(code, 4, "{verb:?}: {text}");
        assert!(
            text.contains("登录已被服务器结束")
                && text.contains("保存在本机")
                && text.contains("waybell login"),
            "{text}"
        );
    }
    // another answer than "signed out" leaves the data where they are
    let (home, server) = signed_in();
    let other = json!({ "code": "token_invalid", "message": "the access token is not one of this server" });
    for path in ["/api/v1/sync", "/api/v1/auth/refresh", "/api/v1/parcels/state"] {
        server.say(path, 401, other.clone());
    }
    let (code, text) = zh(home.path(), &server, &["state", PARCELS[0], "已签收"]);
    assert_eq!(code, 4);
    assert!(text.contains("登录已失效") && text.contains("数据都保存在本机"), "{text}");
    assert!(zh(home.path(), &server, &["tasks"]).1.contains(PARCELS[0]), "the list can be read");
}

#[test]
fn a_lost_key_and_a_folder_that_cannot_be_made_are_named() {
    let (home, server) = signed_in();
    std::fs::remove_file(home.path().join("data.key")).unwrap();
    let (code, text) = zh(home.path(), &server, &["tasks"]);
    assert_eq!(code, 1);
    assert!(text.contains("密钥文件") && text.contains("丢失") && text.contains("data.key"), "{text}");
    no_english(&text);
    assert!(zh(home.path(), &server, &["doctor"]).1.contains("丢失"));
    let (code, text) = zh(home.path(), &server, &["--data", "/proc/zz", "tasks"]);
    assert_eq!(code, 1);
    assert!(text.contains("/proc/zz：没有这个文件或文件夹") && text.contains("--data"), "{text}");
}

#[test]
fn nothing_on_a_list_is_obeyed_by_the_terminal() {
    let (home, server) = signed_in();
    let list = home.path().join("evil.csv");
    std::fs::write(&list, "运单号,收件人,电话,地址\nSF3000000000001,\"王\u{1b}]0;x\u{7}\n芳\",13800000009,\"上海\u{202e}路\u{9b}2J1号\"\n").unwrap();
    zh(home.path(), &server, &["import", list.to_str().unwrap()]);
    for verb in [&["tasks"][..], &["search", "SF3000000000001"], &["notify", "SF3000000000001"]] {
        let (_, text) = zh(home.path(), &server, verb);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
    let (_, text) = zh(home.path(), &server, &["tasks"]);
    assert_eq!(text.lines().count(), 1 + 4 + 1, "a line for each parcel: {text}");
}

#[test]
fn a_part_of_a_list_is_called_a_part() {
    let (home, server) = signed_in();
    // it always says that there is more, and never brings it
    server.page(json!({ "cursor": 5, "more": true }));
    let (code, text) = zh(home.path(), &server, &["tasks"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("只载入了 3 件"), "{text}");
    let status = json_of(&run(home.path(), &server, &["sync", "--json"]));
    assert!(status["error"].is_object() || status["sync"]["more"] == true, "{status}");
}

#[test]
fn a_server_that_is_busy_is_no_missing_network() {
    let (home, server) = signed_in();
    server.say(
        "/api/v1/parcels/state",
        429,
        json!({ "code": "too_many_requests", "message": "too many requests", "retry_after": 7 }),
    );
    server.say(
        "/api/v1/sync",
        429,
        json!({ "code": "too_many_requests", "message": "too many requests", "retry_after": 7 }),
    );
    let (code, text) = zh(home.path(), &server, &["state", PARCELS[0], "已签收"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("请求过于频繁；请在 7 秒后再试"), "{text}");
}

#[test]
fn watching_in_a_pipe_has_a_head_and_ends_when_nothing_can_come() {
    let (home, server) = signed_in();
    let (_, text) = zh(home.path(), &server, &["notify", PARCELS[0], "--yes"]);
    let batch = text.split("批次 ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let parcel = json_of(&run(home.path(), &server, &["--json", "tasks"]))[0]["id"].clone();
    server.page(json!({
        "cursor": 9,
        "batches": [{
            "id": batch, "courier": "018bcfe5-6800-7fff-bfff-ffffffffffff", "template": "arrived", "state": "paused",
            "created_at": 1, "counts": { "recipients": 1, "suppressed": 0, "waiting": 1, "calling": 0, "answered": 0,
            "unanswered": 0, "unknown": 0, "cancelled": 0 }, "cost_minor": 7, "rev": 9,
        }],
        "recipients": [{
            "id": "018bcfe5-6800-7fff-bfff-fffffffffffd", "batch": batch, "phone": "+8613800000001", "name": "王一",
            "parcels": [parcel], "state": "planned", "mark": "not_called", "attempts": 0, "sequence": 0, "rev": 9,
        }],
    }));
    let (code, text) = zh(home.path(), &server, &["watch"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().any(|l| l.contains("标记") && l.contains("地址")), "{text}");
    assert!(lines.iter().any(|l| l.contains("138****0001") && l.contains("幸福花园3栋")), "{text}");
    assert!(text.ends_with("已结束查看\n"), "{text}");
    let (code, text) = zh(home.path(), &server, &["confirm"]);
    assert_eq!(code, 1);
    assert!(text.contains("此批次已暂停，没有可确认的"), "{text}");
    assert!(!text.contains("已保存在本机"), "{text}");
    server.down.store(true, Ordering::Relaxed);
}

#[test]
fn undo_tells_how_many_were_stopped_and_how_many_ring_already() {
    let (home, server) = signed_in();
    let (_, text) = zh(home.path(), &server, &["notify", PARCELS[0], "--yes"]);
    let batch = text.split("批次 ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let view = |state: &str, rev: i64| {
        json!({
            "id": batch, "courier": "018bcfe5-6800-7fff-bfff-ffffffffffff", "template": "arrived", "state": state,
            "created_at": 1, "counts": { "recipients": 5, "suppressed": 0, "waiting": 0, "calling": 5, "answered": 0,
            "unanswered": 0, "unknown": 0, "cancelled": 0 }, "cost_minor": 7, "rev": rev,
        })
    };
    server.page(json!({ "cursor": 9, "batches": [view("running", 9)] }));
    server.say(&format!("/api/v1/batches/{batch}/undo"), 200, view("cancelling", 10));
    let (code, text) = zh(home.path(), &server, &["undo"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("0 人不再呼叫，5 人正在振铃或通话"), "{text}");
}

#[test]
fn ringing_the_missed_again_shows_whom_and_for_how_much_first() {
    let (home, server) = signed_in();
    let (code, text) = zh(home.path(), &server, &["again", "--yes"]);
    assert_eq!((code, text.as_str()), (1, "今天没有未接听的人\n"));
    let (_, text) = zh(home.path(), &server, &["notify", PARCELS[2], "--yes"]);
    let batch = text.split("批次 ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let mut parcel = json_of(&run(home.path(), &server, &["--json", "--full", "tasks"]))[2].clone();
    parcel["mark"] = json!("unanswered");
    parcel["rev"] = json!(9);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    server.page(json!({
        "cursor": 9,
        "parcels": [parcel],
        "policy": rules(false),
        "batches": [{
            "id": batch, "courier": "018bcfe5-6800-7fff-bfff-ffffffffffff", "template": "arrived", "state": "done",
            "created_at": now, "counts": { "recipients": 1, "suppressed": 0, "waiting": 0, "calling": 0, "answered": 0,
            "unanswered": 1, "unknown": 0, "cancelled": 0 }, "cost_minor": 7, "rev": 9,
        }],
        "recipients": [{
            "id": "018bcfe5-6800-7fff-bfff-fffffffffffd", "batch": batch, "phone": "+8613800000003", "name": "王三",
            "parcels": [parcel["id"]], "state": "done", "mark": "unanswered", "attempts": 1, "sequence": 0, "rev": 9,
        }],
    }));
    let (code, text) = zh(home.path(), &server, &["again"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("将呼叫 1/1；约 1 分钟，¥"), "{text}");
    assert!(text.contains("地点：上海路1号 1") && text.ends_with("确认请加 --yes\n"), "{text}");
}

#[test]
fn administrators_see_and_change_rules_and_people() {
    let (home, server) = signed_in();
    server.say("/api/v1/policy", 200, rules(false));
    server.say("/api/v1/people", 200, json!([{
        "id": "018bcfe5-6800-7fff-bfff-ffffffffffff", "organisation": "018bcfe5-6800-7fff-bfff-fffffffffffe",
        "login": "lina", "name": "李娜", "role": "administrator",
    }]));
    let shown = run(home.path(), &server, &["policy", "show", "--json"]);
    assert_eq!(json_of(&shown)["policy"]["stale_after"], 7_200_000);
    let (code, text) = zh(home.path(), &server, &["policy", "set", "retry.max_attempts=2"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("规则已更改"), "{text}");
    assert_eq!(zh(home.path(), &server, &["policy", "set", "quiet"]).0, 2);
    let (_, text) = zh(home.path(), &server, &["people", "list"]);
    assert!(text.contains("lina") && text.contains("管理员"), "{text}");
    assert_eq!(zh(home.path(), &server, &["people", "change", "nobody", "--disable"]).0, 1);
    assert_eq!(zh(home.path(), &server, &["people", "change", "lina"]).0, 2);
}
