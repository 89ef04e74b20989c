//! Push services of six vendors on loopback: they check who asks (signatures with other code than the server's), what a message
//! looks like and which phone it is for, and answer what a test wants of them.
//!
//! Whatever a vendor would not have taken is a fault, answered as that vendor does, and the test that drops the counterpart
//! fails by it.

use super::apns;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Words that accounts are made of.
pub(crate) const SECRET: &str = "north-south-east";
pub(crate) const BUNDLE: &str = "cn.example.courier";

/// A push that a vendor has taken.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) vendor: &'static str,
    pub(crate) token: String,
    /// What the app reads.
    pub(crate) notice: Value,
    /// The whole message, and its headers.
    pub(crate) raw: String,
}

/// How a vendor answers the next push.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// With this status and body.
    Answer(u16, Value),
    /// The same, and a header `Retry-After`.
    After(u16, Value, u32),
    /// Not at all.
    Silence,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) pushed: Vec<Pushed>,
    pub(crate) faults: Vec<String>,
    pub(crate) trouble: HashMap<&'static str, VecDeque<Trouble>>,
    /// Access tokens that were given out, by vendor; those before the last `expire` are refused.
    pub(crate) tokens: HashMap<&'static str, Vec<String>>,
    /// How often each vendor was asked for a push.
    pub(crate) asked: HashMap<&'static str, usize>,
    /// Provider tokens that Apple was shown.
    pub(crate) providers: Vec<String>,
}

/// What the services know.
pub(crate) struct World {
    pub(crate) seen: Mutex<Seen>,
    changed: Condvar,
    pub(crate) rsa: Vec<u8>,
    pub(crate) p256: Vec<u8>,
    pub(crate) token_url: Mutex<String>,
}

/// See the module.
pub(crate) struct Vendors {
    world: Arc<World>,
    folder: TempDir,
    url: String,
    apns: String,
    _runtime: Runtime,
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// An RSA key: PEM of the private part, and the public part.
pub(crate) fn rsa_key() -> (String, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    (pem(private.as_ref()), pair.public_key().as_ref().to_vec())
}

/// The same on P-256.
pub(crate) fn p256_key() -> (String, Vec<u8>) {
    let private =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref()).unwrap();
    (pem(private.as_ref()), pair.public_key().as_ref().to_vec())
}

impl Vendors {
    pub(crate) fn start() -> Vendors {
        let (rsa_pem, rsa) = rsa_key();
        let (p256_pem, p256) = p256_key();
        let world = Arc::new(World {
            seen: Mutex::default(),
            changed: Condvar::new(),
            rsa,
            p256,
            token_url: Mutex::default(),
        });
        let runtime = Runtime::new().unwrap();
        let (url, apns) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let app = Router::new().fallback(answer).with_state(world.clone());
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let apns = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(apns::serve(listener, world.clone()));
            (url, apns)
        });
        *world.token_url.lock().unwrap() = format!("{url}/google/token");
        let folder = tempfile::tempdir().unwrap();
        let account = json!({
            "type": "service_account", "project_id": "waybell-test", "private_key_id": "key-1",
            "private_key": rsa_pem, "client_email": "push@waybell-test.example", "token_uri": format!("{url}/google/token"),
        });
        std::fs::write(folder.path().join("fcm.json"), account.to_string()).unwrap();
        std::fs::write(folder.path().join("AuthKey.p8"), p256_pem).unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        Vendors { world, folder, url, apns, _runtime: runtime }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The section `[push]` with all six, its tables named below `prefix`.
    pub(crate) fn settings(&self, prefix: &str) -> String {
        let (url, apns) = (&self.url, &self.apns);
        let [account, key, secret] =
            ["fcm.json", "AuthKey.p8", "secret"].map(|f| self.file(f).display().to_string());
        format!(
            "[{prefix}fcm]\nservice_account = \"{account}\"\nurl = \"{url}\"\n\
             [{prefix}apns]\nkey = \"{key}\"\nkey_id = \"KEY1234567\"\nteam_id = \"TEAM123456\"\nbundle_id = \"{BUNDLE}\"\nurl = \"{apns}\"\n\
             [{prefix}huawei]\napp_id = \"104729\"\nsecret_file = \"{secret}\"\nurl = \"{url}\"\ntoken_url = \"{url}/huawei/token\"\n\
             [{prefix}xiaomi]\npackage = \"{BUNDLE}\"\nsecret_file = \"{secret}\"\nchannel = \"118\"\nurl = \"{url}\"\n\
             [{prefix}oppo]\napp_key = \"oppo-key\"\nsecret_file = \"{secret}\"\nurl = \"{url}\"\n\
             [{prefix}vivo]\napp_id = 10004\napp_key = \"vivo-key\"\nsecret_file = \"{secret}\"\ncategory = \"IM\"\nurl = \"{url}\"\n"
        )
    }

    /// The next pushes to this vendor meet these.
    pub(crate) fn trouble(&self, vendor: &'static str, troubles: impl IntoIterator<Item = Trouble>) {
        self.world.seen.lock().unwrap().trouble.entry(vendor).or_default().extend(troubles);
    }

    /// Access tokens that this vendor has given out are worth nothing any more.
    pub(crate) fn expire(&self, vendor: &'static str) {
        let mut seen = self.world.seen.lock().unwrap();
        seen.tokens.entry(vendor).or_default().iter_mut().for_each(|t| t.insert_str(0, "ended:"));
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.world.seen.lock().unwrap())
    }

    pub(crate) fn pushed(&self) -> Vec<Pushed> {
        self.look(|s| s.pushed.clone())
    }

    /// Waits until this is so.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        let mut seen = self.world.seen.lock().unwrap();
        loop {
            if let Some(found) = look(&seen) {
                return found;
            }
            let (next, waited) = self.world.changed.wait_timeout(seen, Duration::from_secs(30)).unwrap();
            seen = next;
            assert!(!waited.timed_out(), "{what}; pushed: {:#?}; faults: {:#?}", seen.pushed, seen.faults);
        }
    }

    /// Waits for the push of this kind to this phone.
    pub(crate) fn push(&self, token: &str, kind: &str) -> Pushed {
        self.until(&format!("{kind} to {token}"), |s| {
            s.pushed.iter().find(|p| p.token == token && p.notice["kind"] == kind).cloned()
        })
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        let faults = std::mem::take(&mut self.world.seen.lock().unwrap().faults);
        if !std::thread::panicking() {
            assert!(faults.is_empty(), "no vendor would have taken this: {faults:#?}");
        }
    }
}

/// A message as a vendor reads it, or how it refuses it.
pub(crate) type Read = Result<(String, String), (u16, Value)>;

impl World {
    /// Takes a push that was read, or meets the trouble that a test wants. `None`: no answer.
    pub(crate) fn take(
        &self,
        vendor: &'static str,
        read: Read,
        raw: String,
        good: Value,
    ) -> Option<(u16, Value, Option<u32>)> {
        let mut seen = self.seen.lock().unwrap();
        *seen.asked.entry(vendor).or_default() += 1;
        let trouble = seen.trouble.get_mut(vendor).and_then(VecDeque::pop_front);
        let (token, text) = match read {
            Ok(read) => read,
            Err((status, body)) => return Some((status, body, None)),
        };
        let notice: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| json!({ "unreadable": e.to_string() }));
        let pushed = Pushed { vendor, token, notice, raw };
        let answer = match trouble {
            None => {
                seen.pushed.push(pushed);
                Some((200, good, None))
            }
            Some(Trouble::Answer(status, body)) => Some((status, body, None)),
            Some(Trouble::After(status, body, seconds)) => Some((status, body, Some(seconds))),
            Some(Trouble::Silence) => None,
        };
        self.changed.notify_all();
        answer
    }

    pub(crate) fn fault(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().faults.push(what.into());
    }

    /// A fresh access token.
    pub(crate) fn grant(&self, vendor: &'static str) -> String {
        let mut seen = self.seen.lock().unwrap();
        let tokens = seen.tokens.entry(vendor).or_default();
        let token = format!("{vendor}-access-{}", tokens.len() + 1);
        tokens.push(token.clone());
        token
    }

    /// Whether this access token is good: given out, and not ended.
    pub(crate) fn knows(&self, vendor: &'static str, token: &str) -> bool {
        self.seen.lock().unwrap().tokens.get(vendor).is_some_and(|t| t.iter().any(|t| t == token))
    }
}

async fn answer(State(world): State<Arc<World>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let done = super::services::answer(&world, uri.path(), &headers, &body);
    match done {
        Some((status, body, wait)) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut answer = (status, body.to_string()).into_response();
            if let Some(seconds) = wait {
                answer.headers_mut().insert("retry-after", seconds.into());
            }
            answer
        }
        None => std::future::pending().await,
    }
}
