//! A small server on a real socket, and the program run against it.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Answers what a journey asks; notes requests that change something.
#[derive(Clone, Default)]
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    /// Takes no connection's request to its end.
    pub(crate) down: Arc<AtomicBool>,
    /// Requests that change something.
    pub(crate) changes: Arc<Mutex<Vec<(String, Value)>>>,
    /// Paths of everything that was sent by POST and reached it, in order.
    pub(crate) posts: Arc<Mutex<Vec<String>>>,
    /// What it answers to a path, whatever it would answer otherwise.
    pub(crate) says: Arc<Mutex<HashMap<String, (u16, Value)>>>,
}

impl Server {
    /// A server on a free port.
    pub(crate) fn start() -> Server {
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

    /// From now on it answers this to requests of this path (without its query).
    pub(crate) fn say(&self, path: &str, status: u16, answer: Value) {
        self.says.lock().unwrap().insert(path.to_owned(), (status, answer));
    }

    /// The page of a sync, with these fields.
    pub(crate) fn page(&self, fields: Value) {
        let mut page = page();
        page.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.say("/api/v1/sync", 200, page);
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
        if head.starts_with("post ") {
            self.posts.lock().unwrap().push(path.clone());
        }
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
        let plain = path.split('?').next().unwrap_or_default();
        if let Some(said) = self.says.lock().unwrap().get(plain) {
            return said.clone();
        }
        match path {
            "/api/v1/auth/login" if body["password"] == "password" => (
                200,
                json!({ "access_token": "t", "access_expires_at": 0, "refresh_token": "r", "user": user }),
            ),
            "/api/v1/auth/login" => {
                (401, json!({ "code": "wrong_login", "message": "login name or password is wrong" }))
            }
            p if p.starts_with("/api/v1/sync") => (200, page()),
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

fn page() -> Value {
    json!({ "cursor": 0, "more": false, "parcels": [], "batches": [], "recipients": [], "templates": [], "now": 0 })
}

/// Runs the program in this folder, in English unless the arguments say otherwise.
pub(crate) fn run(home: &Path, server: &Server, args: &[&str]) -> Output {
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

/// Exit code and everything that was printed.
pub(crate) fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The document that was printed.
pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A signed-in person with three parcels of two telephones.
pub(crate) fn signed_in() -> (tempfile::TempDir, Server) {
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
    let (columns, text) = text.split_once('\n').unwrap();
    assert_eq!(columns, "columns: waybill = 运单号, telephone = 电话, name = 收件人, address = 地址");
    assert!(text.starts_with("3 new, 0 changed, 0 unchanged, 1 rejected\n  line 5, "), "{text}");
    (home, server)
}
