//! For tests: a small server that keeps the real one's contract, on a real socket, and that can misbehave.
//!
//! It keeps what matters for the guarantee: a request with a known idempotency key gets the stored answer, a batch id
//! makes one batch, revisions rise, tombstones are told. It notes every effect, so that a test can count them.

mod calls;
mod doors;
mod model;
mod tracks;

pub(crate) use calls::incoming;
pub(crate) use model::{Effect, Model};

use crate::client::{Client, ClientConfig};
use crate::ports::{Clock, FileKeyStore, Ports};
use futures_util::SinkExt;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use waybell_domain::clock::UnixMs;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Lost on its way: the server never sees it.
    DropRequest,
    /// Carried out, but the answer is lost.
    DropAnswer,
    /// Carried out twice; one answer.
    Twice,
    /// Lost for the client, but a copy of it arrives much later ([`Fake::deliver_late`]).
    Late,
    /// 503.
    Unavailable,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// The server.
#[derive(Clone)]
pub(crate) struct Fake {
    pub model: Arc<Mutex<Model>>,
    pub faults: Arc<Mutex<VecDeque<Fault>>>,
    pub late: Arc<Mutex<Vec<Seen>>>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub url: String,
    spoken: tokio::sync::broadcast::Sender<String>,
    gate: Arc<tokio::sync::RwLock<()>>,
    waiting: Arc<tokio::sync::watch::Sender<usize>>,
}

impl Fake {
    pub(crate) async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Fake {
            model: Arc::default(),
            faults: Arc::default(),
            late: Arc::default(),
            seen: Arc::default(),
            spoken: tokio::sync::broadcast::channel(16).0,
            gate: Arc::default(),
            waiting: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let this = fake.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move { this.serve(socket).await });
            }
        });
        fake
    }

    /// Answers are held back until this is dropped; requests are carried out.
    pub(crate) fn hold(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        self.gate.clone().try_write_owned().unwrap()
    }

    /// Waits until so many answers are held back.
    pub(crate) async fn held(&self, answers: usize) {
        self.waiting.subscribe().wait_for(|n| *n >= answers).await.unwrap();
    }

    /// The next requests that change something meet these.
    pub(crate) fn misbehave(&self, faults: &[Fault]) {
        self.faults.lock().extend(faults);
    }

    /// Says this on every socket.
    pub(crate) fn say(&self, text: &str) {
        let _ = self.spoken.send(text.to_owned());
    }

    /// Waits until a socket is open.
    pub(crate) async fn socket_opened(&self) {
        while self.spoken.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn talk(&self, mut socket: TcpStream, request: &Seen) {
        let accept = derive_accept_key(request.header("sec-websocket-key").unwrap_or_default().as_bytes());
        let head = format!(
            "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        let _ = socket.write_all(head.as_bytes()).await;
        let mut spoken = self.spoken.subscribe();
        let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
        while let Ok(text) = spoken.recv().await {
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    }

    /// Copies that were held back arrive now.
    pub(crate) fn deliver_late(&self) {
        for request in std::mem::take(&mut *self.late.lock()) {
            let _ = self.model.lock().handle(&request);
        }
    }

    async fn serve(&self, mut socket: TcpStream) {
        let Some(request) = read(&mut socket).await else { return };
        self.seen.lock().push(request.clone());
        if request.path() == "/api/v1/events" {
            return self.talk(socket, &request).await;
        }
        let sound = self.model.lock().sound(&request);
        if let Some(sound) = sound {
            let _ = socket.write_all(&sound).await;
            let _ = socket.shutdown().await;
            return;
        }
        let changes = ["POST", "PUT"].iter().any(|method| request.line.starts_with(method));
        let changing = changes && !request.path().contains("/auth/");
        let fault = if changing { self.faults.lock().pop_front() } else { None };
        let (status, body) = match fault {
            Some(Fault::DropRequest) => return,
            Some(Fault::Late) => {
                self.late.lock().push(request);
                return;
            }
            Some(Fault::Unavailable) => (503, r#"{"code":"storage","message":"not now"}"#.to_owned()),
            Some(Fault::DropAnswer) => {
                let _ = self.model.lock().handle(&request);
                return;
            }
            Some(Fault::Twice) => {
                let _ = self.model.lock().handle(&request);
                self.model.lock().handle(&request)
            }
            None => self.model.lock().handle(&request),
        };
        self.waiting.send_modify(|n| *n += 1);
        drop(self.gate.read().await);
        self.waiting.send_modify(|n| *n -= 1);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = socket.write_all(head.as_bytes()).await;
        let _ = socket.write_all(body.as_bytes()).await;
        let _ = socket.shutdown().await;
    }
}

async fn read(socket: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 2048];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let n = socket.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&chunk[..n]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        let n = socket.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        body.extend_from_slice(&chunk[..n]);
    }
    Some(Seen { line, headers, body })
}

/// A clock that a test sets.
pub(crate) struct TestClock {
    pub wall: AtomicI64,
    pub boot_ms: AtomicU64,
    pub boot: Mutex<String>,
}

impl TestClock {
    pub(crate) fn new() -> Arc<TestClock> {
        Arc::new(TestClock {
            // 2026-11-20 10:00 in Shanghai
            wall: AtomicI64::new(1_795_140_000_000),
            boot_ms: AtomicU64::new(1_000_000),
            boot: Mutex::new("boot-1".into()),
        })
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
        self.boot_ms.fetch_add(ms as u64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> UnixMs {
        UnixMs(self.wall.load(Ordering::Relaxed))
    }

    fn boot(&self) -> (String, u64) {
        (self.boot.lock().clone(), self.boot_ms.load(Ordering::Relaxed))
    }
}

/// A client in this folder.
pub(crate) fn open(dir: &Path, server: &str, clock: &Arc<TestClock>) -> Client {
    let ports = Ports { keys: Arc::new(FileKeyStore { path: dir.join("key") }), clock: clock.clone() };
    Client::open(ClientConfig { data_dir: dir.to_owned(), server: server.to_owned() }, ports).unwrap()
}

/// A list in CSV with these numbers in waybill and telephone.
pub(crate) fn list(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut text = String::from("运单号,收件人,电话,地址\n");
    for n in numbers {
        text += &format!(
            "SF10000000{n:05},王小{n},138{:08},浙江省杭州市西湖区幸福花园{}栋{n}室\n",
            11_110_000 + n,
            n % 9 + 1
        );
    }
    text.into_bytes()
}

/// Everything a test of one phone needs.
pub(crate) struct Phone {
    pub dir: tempfile::TempDir,
    pub fake: Fake,
    pub clock: Arc<TestClock>,
    pub client: Client,
}

impl Phone {
    /// A signed-in phone.
    pub(crate) async fn signed_in() -> Phone {
        let fake = Fake::start().await;
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let client = open(dir.path(), &fake.url, &clock);
        client.session().login("lina", "password").await.unwrap();
        Phone { dir, fake, clock, client }
    }

    /// The process dies and starts again.
    pub(crate) fn restart(&mut self) {
        self.client = open(self.dir.path(), &self.fake.url, &self.clock);
    }
}
