//! The program as people run it: arguments in, text and exit code out, against a small server on a real socket.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Answers what a journey asks; notes requests that change something.
#[derive(Clone, Default)]
struct Server {
    url: String,
    /// Takes no connection's request to its end.
    down: Arc<AtomicBool>,
    changes: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Server { url: format!("http://{}", listener.local_addr().unwrap()), ..Server::default() };
        let this = server.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let this = this.clone();
                std::thread::spawn(move || this.serve(socket));
            }
        });
        server
    }

    fn serve(&self, mut socket: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            let n = socket.read(&mut chunk).ok().filter(|n| *n > 0)?;
            bytes.extend_from_slice(&chunk[..n]);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length: usize =
            head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while bytes.len() < end + 4 + length {
            let n = socket.read(&mut chunk).ok().filter(|n| *n > 0)?;
            bytes.extend_from_slice(&chunk[..n]);
        }
        if self.down.load(Ordering::Relaxed) {
            return None;
        }
        let path = head.split(' ').nth(1)?.to_owned();
        let body: Value = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
        let (status, answer) = self.answer(&path, &body);
        let text = answer.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
        socket.write_all(format!("{head}{text}").as_bytes()).ok()
    }

    fn answer(&self, path: &str, body: &Value) -> (u16, Value) {
        let user = json!({
            "id": "018bcfe5-6800-7fff-bfff-ffffffffffff", "organisation": "018bcfe5-6800-7fff-bfff-fffffffffffe",
            "login": "lina", "name": "李娜", "role": "courier",
        });
        match path {
            "/api/v1/auth/login" if body["password"] == "password" => (
                200,
                json!({ "access_token": "t", "access_expires_at": 0, "refresh_token": "r", "user": user }),
            ),
            "/api/v1/auth/login" => {
                (401, json!({ "code": "wrong_login", "message": "login name or password is wrong" }))
            }
            p if p.starts_with("/api/v1/sync") => (
                200,
                json!({ "cursor": 0, "more": false, "parcels": [], "batches": [], "recipients": [], "templates": [], "now": 0 }),
            ),
            "/api/v1/plans" => (503, json!({ "code": "storage", "message": "not now" })),
            "/api/v1/stop-all" => {
                (403, json!({ "code": "forbidden", "message": "your role does not allow this" }))
            }
            "/api/v1/parcels/import" | "/api/v1/batches" | "/api/v1/parcels/state" => {
                self.changes.lock().unwrap().push((path.to_owned(), body.clone()));
                (200, json!({}))
            }
            _ => (404, json!({ "code": "not_found", "message": "there is no such thing" })),
        }
    }
}

fn run(home: &Path, server: &Server, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_waybell"))
        .args(args)
        .env("WAYBELL_HOME", home)
        .env("WAYBELL_SERVER", &server.url)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("WAYBELL_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn signed_in() -> (tempfile::TempDir, Server) {
    let (home, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (code, text) = said(&run(home.path(), &server, &["login", "lina", "--password", "password"]));
    assert_eq!((code, text.as_str()), (0, "signed in: 李娜 (courier)\n"));
    let list = home.path().join("day.csv");
    std::fs::write(
        &list,
        "运单号,收件人,电话,地址\nSF1000000000001,王一,13800000001,幸福花园3栋1室\nSF1000000000002,王二,13800000001,幸福花园3栋2室\n\
         SF1000000000003,王三,13800000003,上海路1号\nbad,王四,1,x\n",
    )
    .unwrap();
    let (code, text) = said(&run(home.path(), &server, &["import", list.to_str().unwrap()]));
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("3 new, 0 changed, 0 unchanged, 1 rejected\n  line 5, "), "{text}");
    (home, server)
}

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
    assert_eq!(said(&run(home.path(), &server, &["undo"])), (3, "taken back before it left this machine\nkept on this machine, 1 operations wait; they go out when there is a network, once\n".into()));
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
