//! A waybill system's side of the wire: sends signed lists, takes signed results.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use waybell_server::webhooks::signature::{is_recent, sign, verify};
use waybell_tests::World;
use waybell_tests::api::{Api, now_ms};

/// Keeps every request open without an answer.
pub(crate) const SILENT: u16 = 0;

/// A delivery that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) good: bool,
    pub(crate) data: Value,
    pub(crate) bytes: String,
    pub(crate) answered: u16,
}

/// An HTTP server that takes results.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) secret: Arc<Mutex<String>>,
    status: Arc<AtomicU16>,
    at_once: Arc<AtomicUsize>,
    pub(crate) most_at_once: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: Option<JoinHandle<()>>,
}

impl Receiver {
    pub(crate) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut receiver = Receiver {
            address: listener.local_addr().unwrap(),
            secret: Arc::default(),
            status: Arc::new(AtomicU16::new(204)),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
            seen: Arc::default(),
            task: None,
        };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: TcpListener) {
        let (secret, status, seen) = (self.secret.clone(), self.status.clone(), self.seen.clone());
        let (at_once, most) = (self.at_once.clone(), self.most_at_once.clone());
        self.task = Some(tokio::spawn(async move {
            // dropped with the listener: a receiver that is down keeps no connection
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (secret, status, seen) = (secret.clone(), status.clone(), seen.clone());
                let (at_once, most) = (at_once.clone(), most.clone());
                open.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some((head, body)) = read(&mut stream).await {
                        most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let answer = status.load(Ordering::SeqCst);
                        let one = judge(&head, body, &secret.lock().unwrap(), answer);
                        seen.lock().unwrap().push(one);
                        if answer == SILENT {
                            std::future::pending::<()>().await;
                        }
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        let text = format!("HTTP/1.1 {answer} x\r\ncontent-length: 0\r\n\r\n");
                        if stream.get_mut().write_all(text.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }));
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/results", self.address)
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) async fn go_down(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    pub(crate) async fn come_up(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Those that it said it took.
    pub(crate) fn taken(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|s| (200..300).contains(&s.answered)).collect()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<(Vec<String>, String)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let length: usize = header(&head, "content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn header(head: &[String], name: &str) -> Option<String> {
    head.iter().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn judge(head: &[String], body: String, secret: &str, answered: u16) -> Seen {
    let id = header(head, "webhook-id").unwrap_or_default();
    let time: i64 = header(head, "webhook-timestamp").unwrap_or_default().parse().unwrap_or_default();
    let signature = header(head, "webhook-signature").unwrap_or_default();
    let good = is_recent(time, now_ms())
        && verify(secret, &id, time, body.as_bytes(), &signature)
        && head[0] == "POST /results HTTP/1.1";
    let value: Value = serde_json::from_str(&body).unwrap_or_default();
    Seen {
        id,
        good: good
            && value["type"]
                .as_str()
                .is_some_and(|t| ["parcel.", "order.", "binding."].iter().any(|kind| t.starts_with(kind))),
        data: value["data"].clone(),
        bytes: body,
        answered,
    }
}

/// A waybill system that sends lists.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) url: String,
    pub(crate) integration: String,
    pub(crate) secret: String,
    pub(crate) client: reqwest::Client,
}

impl Sender {
    /// Connects a system: parcels that name nobody are for `c1`.
    pub(crate) async fn connect(boss: &Api, url: &str, name: &str, receiver: Option<&Receiver>) -> Sender {
        let mut request = json!({ "name": name, "courier": "c1" });
        if let Some(receiver) = receiver {
            request["url"] = json!(receiver.url());
        }
        let made = boss.post("/integrations", &request).await.unwrap();
        let secret = made["secret"].as_str().unwrap().to_owned();
        if let Some(receiver) = receiver {
            receiver.secret.lock().unwrap().clone_from(&secret);
        }
        Sender {
            url: url.to_owned(),
            integration: made["integration"]["id"].as_str().unwrap().to_owned(),
            secret,
            client: reqwest::Client::new(),
        }
    }

    pub(crate) fn request(
        &self,
        id: &str,
        time: i64,
        signature: &str,
        body: String,
    ) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/api/v1/hooks/{}/parcels", self.url, self.integration))
            .header("webhook-id", id)
            .header("webhook-timestamp", time)
            .header("webhook-signature", signature)
            .body(body)
    }

    pub(crate) async fn send(&self, id: &str, body: &Value) -> (u16, String) {
        let (time, body) = (now_ms() / 1000, body.to_string());
        let signature = sign(&self.secret, id, time, body.as_bytes()).unwrap();
        answer(self.request(id, time, &signature, body)).await
    }

    /// A list that must be taken.
    pub(crate) async fn rows(&self, id: &str, rows: Value) -> Value {
        let (status, text) = self.send(id, &json!({ "rows": rows })).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Waits for something that must come.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < late, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts a server that has died, until something that must come; gives how often it died.
pub(crate) async fn revive(world: &mut World, what: &str, mut done: impl FnMut() -> bool) -> u32 {
    let late = Instant::now() + Duration::from_secs(60);
    let mut deaths = 0;
    while !done() {
        if world.server.has_died() {
            deaths += 1;
            world.note_kill().unwrap();
            world.server.start().unwrap();
        }
        assert!(Instant::now() < late, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    deaths
}
