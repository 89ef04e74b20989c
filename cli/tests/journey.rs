//! The program as people run it: arguments in, text and exit code out, against a small server on a real socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mock;

use mock::{Server, json_of, run, said, signed_in};
use serde_json::json;
use std::sync::atomic::Ordering;

#[test]
fn exit_codes() {
    let (home, server) = (tempfile::tempdir().unwrap(), Server::start());
    let code = |args: &[&str]| said(&run(home.path(), &server, args)).0;
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["no-such-verb"]), 2);
    assert_eq!(code(&["notify", "--all", "--search", "x"]), 2);
    for verb in [
        &["tasks"][..],
        &["watch"],
        &["notify", "--all"],
        &["state", "SF1000000000001", "signed"],
        &["doctor"],
    ] {
        assert_eq!(code(verb), 4, "{verb:?}");
    }
    assert_eq!(code(&["login", "lina"]), 2, "nobody can be asked for a password");
    let (wrong, text) = said(&run(home.path(), &server, &["login", "lina", "--password", "wrong"]));
    assert_eq!(wrong, 1);
    assert!(text.contains("login name or password is wrong"), "{text}");
    server.down.store(true, Ordering::Relaxed);
    assert_eq!(code(&["login", "lina", "--password", "password"]), 3);
}

#[test]
fn the_plan_comes_first_and_nobody_is_rung_without_a_yes() {
    let (home, server) = signed_in();
    let (code, text) = said(&run(home.path(), &server, &["notify", "--search", "幸福花园3"]));
    assert_eq!(code, 2);
    assert!(text.starts_with("rings 1 of 2: 1 merged; about 1 min"), "{text}");
    assert!(text.ends_with("add --yes to confirm\n"), "{text}");
    assert_eq!(server.changes.lock().unwrap().len(), 1, "only the import");
    let done = run(home.path(), &server, &["notify", "--search", "幸福花园3", "--yes", "--json"]);
    assert_eq!(done.status.code(), Some(0));
    let answer = json_of(&done);
    assert_eq!((&answer["plan"]["rings"], &answer["sync"]["queued"]), (&json!(1), &json!(0)));
    let changes = server.changes.lock().unwrap();
    assert_eq!((changes[1].0.as_str(), &changes[1].1["id"]), ("/api/v1/batches", &answer["batch"]));
    assert_eq!(changes[1].1["parcels"].as_array().unwrap().len(), 2);
}

#[test]
fn without_network_it_is_kept_and_goes_out_once() {
    let (home, server) = signed_in();
    server.down.store(true, Ordering::Relaxed);
    let (code, text) = said(&run(home.path(), &server, &["state", "SF1000000000003", "已签收"]));
    assert_eq!(code, 3);
    assert!(text.contains("1 operations wait"), "{text}");
    let (code, text) = said(&run(home.path(), &server, &["notify", "--all", "--yes"]));
    assert_eq!(code, 3);
    assert!(text.starts_with("rings 1 of 3: 1 delivered, 1 merged"), "{text}");
    let (code, text) = said(&run(home.path(), &server, &["undo"]));
    assert_eq!(code, 3);
    assert!(
        text.starts_with("taken back before it left this machine\nkept on this machine, 1 operations wait; they go out when"),
        "{text}"
    );
    assert_eq!(said(&run(home.path(), &server, &["why", "SF1000000000001"])).0, 3);
    server.down.store(false, Ordering::Relaxed);
    assert_eq!(said(&run(home.path(), &server, &["sync"])), (0, "in step with the server\n".into()));
    let paths: Vec<String> = server.changes.lock().unwrap().iter().map(|(p, _)| p.clone()).collect();
    assert_eq!(paths, ["/api/v1/parcels/import", "/api/v1/parcels/state"]);
}

#[test]
fn answers_are_in_both_languages_and_for_programs() {
    let (home, server) = signed_in();
    let (code, text) = said(&run(home.path(), &server, &["search", "shanghai", "--lang", "zh"]));
    assert_eq!(code, 0);
    assert!(text.contains("未呼叫") && text.ends_with("1 件\n"), "{text}");
    assert!(text.contains("  138****0003  ") && !text.contains("13800000003"), "{text}");
    let (_, text) = said(&run(home.path(), &server, &["tasks", "--full"]));
    assert!(text.contains("  13800000003  "), "{text}");
    let tasks = json_of(&run(home.path(), &server, &["--json", "tasks"]));
    assert_eq!(tasks.as_array().unwrap().len(), 3);
    assert!(
        tasks.as_array().unwrap().iter().all(|t| t["phone"].as_str().unwrap().contains("****")),
        "{tasks}"
    );
    let whole = json_of(&run(home.path(), &server, &["--json", "tasks", "--full"]));
    assert_eq!(whole[2]["phone"], "+8613800000003");
    let failed = run(home.path(), &server, &["--json", "state", "SF1000000000003", "lost"]);
    assert_eq!((failed.status.code(), json_of(&failed)["error"]["code"].as_str()), (Some(2), Some("usage")));
    let refused = run(home.path(), &server, &["stop-all", "on", "--json"]);
    assert_eq!(
        (refused.status.code(), json_of(&refused)["error"]["code"].as_str()),
        (Some(1), Some("forbidden"))
    );
    let (code, text) = said(&run(home.path(), &server, &["logout"]));
    assert_eq!((code, text.as_str()), (0, "signed out; the data on this machine are removed\n"));
    assert_eq!(said(&run(home.path(), &server, &["tasks"])).0, 4);
}
