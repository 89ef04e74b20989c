//! A house with a pool of virtual numbers, and whoever binds them.

use crate::exchange::{Exchange, Telephone};
use crate::house::{House, server_address, trunk};
use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::sync::Arc;
use waybell_tests::WorldOptions;
use waybell_tests::world::DISPLAY;

/// The parties.
pub(crate) const A: &str = "+8613900000077";
pub(crate) const B: &str = "+8613800000088";
/// Virtual numbers.
pub(crate) const X1: &str = "+862131001235";
pub(crate) const X2: &str = "+8657131001236";
pub(crate) const X3: &str = "+862131001237";

/// See the module.
pub(crate) struct Desk {
    pub(crate) house: House,
    pub(crate) pool: String,
}

/// Options of a house whose trunk may show the virtual numbers.
pub(crate) fn options() -> WorldOptions {
    WorldOptions {
        server: "[webhooks]\nallowed_networks = [\"127.0.0.0/8\"]\n".into(),
        tenants: vec!["Other"],
        ..WorldOptions::default()
    }
}

impl Desk {
    pub(crate) fn new(mode: &str, numbers: &[&str]) -> Desk {
        Desk::with(mode, numbers, options())
    }

    pub(crate) fn with(mode: &str, numbers: &[&str], options: WorldOptions) -> Desk {
        let exchange = Exchange::new();
        let trunk = trunk(&exchange, 50, 50, &[DISPLAY, X1, X2, X3]);
        let house =
            House::over(json!({ "caller_calls_a_minute": 60 }), WorldOptions { trunk, ..options }, exchange);
        let pool = house.ask("POST", "/number-pools", json!({ "mode": mode }));
        let pool = pool["pool_key"].as_str().unwrap().to_owned();
        let desk = Desk { house, pool };
        if !numbers.is_empty() {
            desk.add(numbers);
        }
        desk
    }

    pub(crate) fn add(&self, numbers: &[&str]) {
        let numbers: Vec<Value> = numbers.iter().map(|n| json!({ "number": n })).collect();
        let body = json!({ "numbers": numbers, "proof": "号码使用授权书", "proof_date": "2026-03-02" });
        self.house.ask("POST", &format!("/number-pools/{}/numbers", self.pool), body);
    }

    /// What is asked for: A and B of this pool, and more.
    pub(crate) fn request(&self, more: Value) -> Value {
        let mut request = json!({ "pool_key": self.pool, "phone_no_a": A, "phone_no_b": B });
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    }

    pub(crate) fn bind(&self, more: Value) -> Value {
        self.house.ask("POST", "/bindings", self.request(more))
    }

    /// Status and code of a request that may be refused.
    pub(crate) fn tries(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let sent = self.house.boss.send(method, path, Some(body), None);
        let (status, answer) = self.house.runtime.block_on(sent).unwrap();
        if status >= 400 {
            assert!(
                !answer["message"].as_str().unwrap().is_empty() && answer["hint"].is_string(),
                "{answer}"
            );
        }
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.house.runtime.block_on(self.house.boss.get(path)).unwrap()
    }

    /// Somebody rings a number as carriers write it.
    pub(crate) fn rings(&self, from: &str, to: &str) -> Telephone {
        self.house.exchange.ring(server_address(&self.house.world), from, to)
    }

    /// The newest record that is so, once its call is over.
    pub(crate) fn record(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.house.until("the call is over and kept", || {
            let calls = self.get("/binding-calls");
            let found = calls.as_array().unwrap().iter().find(|c| c["outcome"].is_string() && wanted(c));
            found.cloned()
        })
    }

    /// An integration that is told of this pool's calls.
    pub(crate) fn receiver(&self) -> Arc<Receiver> {
        let receiver = self.house.runtime.block_on(Receiver::start());
        let made =
            self.house.ask("POST", "/integrations", json!({ "name": "orders", "url": receiver.url() }));
        *receiver.secret.lock().unwrap() = made["secret"].as_str().unwrap().to_owned();
        let integration = made["integration"]["id"].clone();
        self.house.ask(
            "PATCH",
            &format!("/number-pools/{}", self.pool),
            json!({ "integration": integration }),
        );
        Arc::new(receiver)
    }
}
