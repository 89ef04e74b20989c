//! A server whose trunk is the exchange, with a published number, an area, and couriers to cover it.

use crate::exchange::{Exchange, Telephone, linear};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use waybell_tests::api::Api;
use waybell_tests::world::DISPLAY;
use waybell_tests::{World, WorldOptions};

/// Who rings in.
pub(crate) const CUSTOMER: &str = "+8613800000000";

/// A world whose trunk is the exchange, with a published number and an area.
pub(crate) struct House {
    pub(crate) runtime: Runtime,
    pub(crate) world: World,
    pub(crate) exchange: Exchange,
    pub(crate) boss: Api,
    pub(crate) area: String,
    pub(crate) c1: String,
    pub(crate) c2: String,
}

pub(crate) fn server_address(world: &World) -> SocketAddr {
    let text = std::fs::read_to_string(world.folder.path().join("server.toml")).unwrap();
    let at = text.find("udp:").unwrap() + 4;
    text[at..].split('"').next().unwrap().parse().unwrap()
}

/// The exchange as the server's first trunk.
pub(crate) fn trunk(exchange: &Exchange, calls_per_second: u32, channels: u32, shown: &[&str]) -> String {
    format!(
        "\n[[trunk]]\nname = \"exchange\"\npeers = [\"{}\"]\npriority = 1\n\
         calls_per_second = {calls_per_second}\nchannels = {channels}\ncaller_ids = {shown:?}\noptions_seconds = 0\n",
        exchange.address()
    )
}

impl House {
    pub(crate) fn new(policy: Value) -> House {
        House::with(policy, WorldOptions::default())
    }

    pub(crate) fn with(policy: Value, options: WorldOptions) -> House {
        let exchange = Exchange::new();
        let trunk = trunk(&exchange, 50, 50, &[DISPLAY]);
        House::over(policy, WorldOptions { trunk, ..options }, exchange)
    }

    pub(crate) fn over(policy: Value, options: WorldOptions, exchange: Exchange) -> House {
        let world = World::start(&options).unwrap();
        let runtime = Runtime::new().unwrap();
        let boss = runtime.block_on(world.sign_in("boss")).unwrap();
        let ask = |method: &str, path: &str, body: Value| {
            runtime.block_on(boss.ask(method, path, Some(&body))).unwrap()
        };
        let area = ask("POST", "/areas", json!({ "name": "一号片区" }));
        let area = area["id"].as_str().unwrap().to_owned();
        ask(
            "POST",
            "/numbers",
            json!({ "number": "021-31001234", "area": area, "proof": "号码使用授权书", "proof_date": "2026-03-02" }),
        );
        ask("PUT", "/inbound-policy", policy);
        let people = runtime.block_on(boss.get("/people")).unwrap();
        let id = |login: &str| {
            let all = people.as_array().unwrap();
            all.iter().find(|p| p["login"] == login).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let (c1, c2) = (id("c1"), id("c2"));
        House { runtime, world, exchange, boss, area, c1, c2 }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        self.runtime.block_on(self.boss.ask(method, path, Some(&body))).unwrap()
    }

    /// Waits until the server dies at its crash point, and starts it without one.
    pub(crate) fn dies_and_starts_again(&mut self, point: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.world.server.has_died() {
            assert!(Instant::now() < until, "{point} is not passed");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.world.server.variables.clear();
        self.world.server.start().unwrap();
        self.boss = self.boss.at(&self.world.server.url);
    }

    pub(crate) fn on_duty(&self, courier: &str, role: &str) {
        self.ask(
            "POST",
            &format!("/areas/{}/duties", self.area),
            json!({ "courier": courier, "role": role }),
        );
    }

    pub(crate) fn sign_in(&self, login: &str) -> Api {
        self.runtime.block_on(self.world.sign_in(login)).unwrap()
    }

    /// The customer rings the published number, written as carriers do.
    pub(crate) fn customer_rings(&self) -> Telephone {
        self.exchange.ring(server_address(&self.world), CUSTOMER, "02131001234")
    }

    /// The customer rings, the courier who is rung picks up and presses 1: the two are put through.
    pub(crate) fn they_speak(&self) -> (Telephone, Telephone) {
        let mut customer = self.customer_rings();
        let mut courier = self.exchange.rung();
        courier.picks_up();
        courier.press('1');
        assert_eq!(customer.final_answer(), 200);
        (customer, courier)
    }

    /// Asks until there is an answer.
    pub(crate) fn until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        for _ in 0..200 {
            if let Some(found) = ask() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not so: {what}; the server's log:\n{}", self.world.server.log());
    }

    /// The one call there is, once it is over.
    pub(crate) fn call(&self, api: &Api) -> Value {
        self.until("the call is over", || {
            let calls = self.runtime.block_on(api.get("/calls")).unwrap();
            let calls = calls.as_array().unwrap();
            assert!(calls.len() <= 1, "{calls:?}");
            calls.first().filter(|c| c["outcome"].is_string()).cloned()
        })
    }

    /// Channels of the call's recording.
    pub(crate) fn audio(&self, api: &Api, call: &Value) -> Vec<Vec<i16>> {
        let bytes = self.wav(api, call);
        assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
        assert_eq!(u16::from_le_bytes([bytes[20], bytes[21]]), 6, "A-law");
        let channels = usize::from(u16::from_le_bytes([bytes[22], bytes[23]]));
        let told = u32::from_le_bytes(bytes[54..58].try_into().unwrap()) as usize;
        assert_eq!(told, bytes.len() - 58, "the header tells the length");
        let one = |n: usize| bytes[58..].iter().skip(n).step_by(channels).map(|b| linear(*b)).collect();
        (0..channels).map(one).collect()
    }

    /// The call's recording as it is given out.
    pub(crate) fn wav(&self, api: &Api, call: &Value) -> Vec<u8> {
        let path = format!("/calls/{}/audio", call["id"].as_str().unwrap());
        self.runtime.block_on(async {
            let answer = api.request("GET", &path).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"], "audio/wav");
            answer.bytes().await.unwrap().into()
        })
    }

    /// Files of recordings on the server's disk.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.world.folder.path().join("data/media/recordings")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// Kills the server and starts it again.
    pub(crate) fn again(&mut self) {
        self.world.kill().unwrap();
        self.world.server.start().unwrap();
        self.boss = self.boss.at(&self.world.server.url);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let calls = self.runtime.block_on(self.boss.get("/calls"));
            eprintln!("its calls: {calls:#?}\nthe server's log:\n{}", self.world.server.log());
        }
    }
}
