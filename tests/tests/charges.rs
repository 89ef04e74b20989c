//! What calls cost: the ledger against what the carrier saw, who pays, what stops a call before it is set up, and that each leg is
//! charged once whatever dies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "charges/carrier.rs"]
mod carrier;
#[allow(dead_code, reason = "the test program `calls` uses the rest of it")]
#[path = "calls/exchange.rs"]
mod exchange;
#[allow(dead_code, reason = "the test program `calls` uses the rest of it")]
#[path = "calls/house.rs"]
mod house;
#[path = "charges/kills.rs"]
mod kills;
#[path = "charges/limits.rs"]
mod limits;
#[path = "charges/payers.rs"]
mod payers;
#[path = "charges/terminal.rs"]
mod terminal;

use exchange::Telephone;
use house::House;
use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::api::Api;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// A yuan, in millionths.
pub(crate) const YUAN: i64 = 1_000_000;
/// The price of a started minute to a mobile.
pub(crate) const MINUTE: i64 = 100_000;

/// ¥0.10 a started minute to mobiles, ¥0.30 to everything else.
pub(crate) fn prices() -> Value {
    json!({ "name": "2026", "rates": [
        { "to": "mobile", "step_s": 60, "price": MINUTE },
        { "to": "any", "step_s": 60, "price": 3 * MINUTE },
    ] })
}

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl House {
    pub(crate) fn get(&self, api: &Api, path: &str) -> Value {
        self.runtime.block_on(api.get(path)).unwrap()
    }

    pub(crate) fn tries(&self, api: &Api, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.runtime.block_on(api.send(method, path, Some(body), None)).unwrap()
    }

    /// Every entry that the asker sees, the newest first.
    pub(crate) fn ledger(&self, api: &Api) -> Vec<Value> {
        self.get(api, "/ledger?limit=500").as_array().unwrap().clone()
    }

    /// The entries once there are so many and no call is open.
    pub(crate) fn settled(&self, count: usize) -> Vec<Value> {
        self.until(&format!("{count} legs are charged"), || {
            let legs: Vec<Value> =
                self.ledger(&self.boss).into_iter().filter(|e| e["kind"] == "leg").collect();
            (legs.len() >= count).then_some(legs)
        })
    }

    pub(crate) fn account(&self, id: &str) -> Value {
        self.get(&self.boss, &format!("/accounts/{id}"))
    }

    pub(crate) fn pays_in(&self, account: &str, amount: i64) {
        let entry = json!({ "id": id(), "kind": "top_up", "amount": amount, "reason": "cash" });
        let (status, answer) =
            self.tries(&self.boss, "POST", &format!("/accounts/{account}/entries"), &entry);
        assert_eq!(status, 201, "{answer}");
    }

    /// The branch that the couriers are of.
    pub(crate) fn branch(&self) -> String {
        let branches = self.get(&self.boss, "/branches");
        branches[0]["id"].as_str().unwrap().to_owned()
    }

    /// A courier rings the customer, takes the call, and the customer picks up: both speak.
    pub(crate) fn courier_calls(&self, api: &Api, call: &str) -> (Telephone, Telephone) {
        let asked = json!({ "id": call, "number": "138 0000 0000" });
        let (status, answer) = self.tries(api, "POST", "/calls", &asked);
        assert_eq!(status, 201, "{answer}");
        let mut courier = self.exchange.rung();
        courier.picks_up();
        courier.press('1');
        let mut customer = self.exchange.rung();
        customer.picks_up();
        std::thread::sleep(SECOND / 2);
        (courier, customer)
    }
}

/// The sum of what entries change balances by.
pub(crate) fn sum(entries: &[Value]) -> i64 {
    entries.iter().map(|e| e["amount"].as_i64().unwrap()).sum()
}
