//! Days of couriers as files (`tests/scenarios/*.scenario`), run by the real server, the simulated carrier and the core in
//! this process. See docs/scenarios.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "scenarios/network.rs"]
mod network;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "field/phone.rs"]
mod phone;
#[path = "scenarios/read.rs"]
mod read;

use network::Network;
use phone::Clocks;
use read::{Scenario, Step, numbers, word};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waybell_core::Client;
use waybell_core::attendance::NewPunch;
use waybell_core::ports::Clock;
use waybell_core::route::Limits;
use waybell_core::tour::Wish;
use waybell_domain::attendance::PunchKind;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrderId, ParcelId};
use waybell_domain::parcel::ParcelState;
use waybell_domain::track::{Fix, Place};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions, list};

/// Where every ride begins.
const DEPOT: Place = Place { lat_e7: 312_304_000, lon_e7: 1_214_737_000 };
/// Number of the first parcel.
const FIRST: u64 = 880_000_000;

struct Day {
    world: World,
    network: Network,
    boss: Api,
    courier: Api,
    home: tempfile::TempDir,
    clocks: Arc<Clocks>,
    client: Option<Client>,
    parcels: Vec<ParcelId>,
    batches: Vec<String>,
    order: Option<(String, Value)>,
    place: Place,
    /// How far the phone's clock is off the scenario's, ms.
    off: i64,
    records: i64,
    punches: i64,
}

impl Day {
    async fn begin(scenario: &Scenario) -> Day {
        let rows = list::rows(100, FIRST);
        let mut carrier = WorldOptions::default().carrier;
        for (n, behaviour, digits) in &scenario.callees {
            let number = rows[*n]["phone"].as_str().unwrap();
            let digits = if digits.is_empty() { String::new() } else { format!("digits = \"{digits}\"\n") };
            carrier.push_str(&format!(
                "\n[[callee]]\nnumber = \"+86{number}\"\nbehaviour = \"{behaviour}\"\n{digits}"
            ));
        }
        let world = World::start(&WorldOptions { carrier, ..WorldOptions::default() }).unwrap();
        let network = Network::start(&world.server.url).await;
        let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
        // hours of work orders all day: a test may run at any hour
        let open = json!({ "hours": { "open": [{ "from": "00:00", "to": "24:00" }] } });
        assert_eq!(boss.send("PUT", "/order-policy", Some(&open), None).await.unwrap().0, 200);
        let (first, last) = (scenario.steps[0].at, scenario.steps[scenario.steps.len() - 1].at);
        let clocks = Clocks::at(now_ms() - (last - first) * 1_000);
        let home = tempfile::tempdir().unwrap();
        let client = Some(phone::open(home.path(), &network.url, &clocks));
        Day {
            world,
            network,
            boss,
            courier,
            home,
            clocks,
            client,
            parcels: Vec::new(),
            batches: Vec::new(),
            order: None,
            place: DEPOT,
            off: 0,
            records: 0,
            punches: 0,
        }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn of(&self, numbers: Vec<usize>) -> Result<Vec<ParcelId>, String> {
        let one = |n: usize| self.parcels.get(n).copied().ok_or(format!("there is no parcel {}", n + 1));
        numbers.into_iter().map(one).collect()
    }

    /// The app is not ended, it is gone; another process opens what it left.
    fn reopen(&mut self) {
        drop(self.client.take());
        self.client = Some(phone::open(self.home.path(), &self.network.url, &self.clocks));
    }

    async fn run(&mut self, step: &Step) -> Result<(), String> {
        match step.actor.as_str() {
            "network" => self.network.open(step.verb == "on"),
            "boss" => self.boss(step).await?,
            "calls" if step.verb == "end" => self.calls_end().await?,
            "calls" => {
                let verdict = self.world.judge().await.map_err(|e| e.to_string())?;
                if (verdict.summary.missed, verdict.summary.doubled) != (0, 0)
                    || !verdict.violations.is_empty()
                {
                    return Err(verdict.text());
                }
            }
            _ => self.phone(step).await?,
        }
        Ok(())
    }

    async fn calls_end(&self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let (people, batches) =
                campaign::open(&self.courier, &self.batches).await.map_err(|e| e.to_string())?;
            if (people, batches) == (0, 0) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{people} people of {batches} batches are still to be rung"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn boss(&mut self, step: &Step) -> Result<(), String> {
        let id = uuid::Uuid::now_v7().to_string();
        let (path, body) = match step.verb.as_str() {
            "announce" => (
                "/announcements".to_owned(),
                json!({ "id": id, "title": step.rest, "body": step.rest, "must_read": true }),
            ),
            "order" => (
                "/orders".to_owned(),
                json!({ "id": id, "type": "complaint", "source": "staff", "content": step.rest }),
            ),
            _ => {
                let me = self.courier.get("/me").await.map_err(|e| e.to_string())?;
                let text = step.rest.replace("@c1", me["id"].as_str().unwrap());
                let action: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
                let order = &self.order.as_ref().ok_or("there is no order")?.0;
                let acted_at = json!({ "wall": now_ms(), "age_ms": 0 });
                (
                    format!("/orders/{order}/actions"),
                    json!({ "id": id, "action": action, "acted_at": acted_at }),
                )
            }
        };
        let answer = self.boss.post(&path, &body).await.map_err(|e| e.to_string())?;
        if step.verb == "order" {
            self.order = Some((id, answer));
        }
        Ok(())
    }

    async fn phone(&mut self, step: &Step) -> Result<(), String> {
        let fail = |e: waybell_core::Error| format!("{e} ({e:?})");
        let rest = step.rest.as_str();
        match step.verb.as_str() {
            "sign-in" => drop(self.client().session().login("c1", PASSWORD).await.map_err(fail)?),
            "import" => {
                let rows = list::rows(rest.parse().map_err(|_| "how many?")?, FIRST);
                self.client().tasks().import_csv(list::csv(&rows).as_bytes(), false).await.map_err(fail)?;
                for row in rows {
                    self.parcels.push(
                        self.client().tasks().id_of(row["waybill_no"].as_str().unwrap()).map_err(fail)?,
                    );
                }
            }
            "sync" => {
                self.client().sync().now().await.map_err(fail)?;
                let status = self.client().sync().status().map_err(fail)?;
                if (status.queued, status.dead) != (0, 0) {
                    return Err(format!("not all went out: {:?}", self.client().sync().operations()));
                }
            }
            "offline" => match self.client().sync().now().await {
                Err(waybell_core::Error::Offline { .. }) => {}
                other => return Err(format!("there is a network: {other:?}")),
            },
            "punch" => {
                let kind = if rest == "in" { PunchKind::ClockIn } else { PunchKind::ClockOut };
                self.client().attendance().punch(kind, NewPunch::default()).await.map_err(fail)?;
                self.punches += 1;
            }
            "duty" if rest == "on" => drop(self.client().tracking().duty_on().await.map_err(fail)?),
            "duty" => drop(self.client().tracking().duty_off().await.map_err(fail)?),
            "tour" => {
                for (n, stop) in self.client().tasks().stops(true).await.map_err(fail)?.iter().enumerate() {
                    let at = waybell_domain::track::Degrees { lat: 31.23 + n as f64 * 0.003, lon: 121.47 };
                    self.client()
                        .tours()
                        .pin(&stop.name, at, waybell_domain::track::Datum::Wgs84)
                        .await
                        .map_err(fail)?;
                }
                let wish = Wish {
                    limits: Limits { iterations: 2_000, ..Limits::default() },
                    ..Wish::at(self.clocks.wall())
                };
                let tour = self.client().tours().plan(&wish).await.map_err(fail)?;
                if tour.visits.is_empty() {
                    return Err("the tour has no stop".into());
                }
            }
            "notify" => {
                let parcels = self.of(numbers(rest)?.0)?;
                self.batches.push(
                    self.client().notify().send("arrived", &parcels, None).await.map_err(fail)?.to_string(),
                );
            }
            "ride" => self.ride(rest).await?,
            "record" | "refused" => {
                let (which, deed) = numbers(rest)?;
                let deed = serde_json::from_str(deed).map_err(|e| e.to_string())?;
                let done = self.client().tasks().record(&self.of(which)?, deed, Vec::new()).await;
                match (done, step.verb.as_str()) {
                    (Ok(_), "record") => self.records += 1,
                    (Err(waybell_core::Error::BadInput { .. }), "refused") => {}
                    (other, _) => return Err(format!("{other:?}")),
                }
            }
            "undo" => {
                let last = self.client().tasks().last_deed().map_err(fail)?.ok_or("nothing was done")?;
                self.client().tasks().undo_deed(last.id).await.map_err(fail)?;
            }
            "reboot" => {
                self.clocks.reboot();
                self.reopen();
            }
            "kill" => self.reopen(),
            "clock" => {
                let by = match rest {
                    "true" => -self.off,
                    "1970" => 5_000 - self.clocks.wall().0,
                    by => by.parse::<i64>().map_err(|_| "write +SECONDS, -SECONDS, 1970 or true")? * 1_000,
                };
                self.off += by;
                self.clocks.set_off(by);
            }
            "act" => {
                let order = OrderId::parse(&self.order.as_ref().ok_or("there is no order")?.0).unwrap();
                let action = serde_json::from_str(rest).map_err(|e| e.to_string())?;
                self.client().orders().act(order, action).await.map_err(fail)?;
            }
            "read" => {
                self.client().sync().now().await.map_err(fail)?;
                let all = self.client().announcements().list().await.map_err(fail)?;
                let one =
                    all.iter().find(|a| a.view.title == rest).ok_or(format!("there are {}", all.len()))?;
                self.client().announcements().read(one.view.id).await.map_err(fail)?;
            }
            "same" => self.same().await?,
            _ => self.expect(rest).await?,
        }
        Ok(())
    }

    /// Rides north at 4 m/s with a fix each 5 s; `how`: what is odd about the receiver.
    async fn ride(&mut self, rest: &str) -> Result<(), String> {
        let (minutes, how) = word(rest);
        let seconds = minutes.parse::<i64>().map_err(|_| "how many minutes?")? * 60;
        for n in 0..seconds / 5 {
            self.clocks.pass(5_000);
            let (wall, boot) = (self.clocks.wall(), self.clocks.boot().1);
            if how != "repeated" {
                self.place = self.place.moved(0.0, 20.0);
            }
            let place = match how {
                "zero" if n % 3 == 0 => Place { lat_e7: 0, lon_e7: 0 },
                "jumping" if n % 4 == 0 => self.place.moved(40_000.0, 0.0),
                _ => self.place,
            };
            // a receiver that repeats itself gives the old time too
            let wall = if how == "repeated" { UnixMs(wall.0 - n * 5_000) } else { wall };
            let bare = how == "bare";
            let fix = Fix {
                boot_ms: (!bare && how != "repeated").then_some(boot),
                accuracy: (!bare).then_some(8.0),
                speed: (!bare).then_some(4.0),
                ..Fix::at(place, wall)
            };
            self.client().tracking().push(&[fix]).await.map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    async fn expect(&self, rest: &str) -> Result<(), String> {
        let (what, rest) = word(rest);
        let fail = |e: waybell_core::Error| e.to_string();
        let (wanted, found) = match what {
            "rung" => {
                let events = self.world.events().map_err(|e| e.to_string())?;
                let rung: BTreeSet<_> =
                    events.into_iter().filter(|e| e.event == "alerted").filter_map(|e| e.callee).collect();
                (rest.to_owned(), rung.len().to_string())
            }
            "orders" => {
                (rest.to_owned(), self.client().orders().list(true).await.map_err(fail)?.len().to_string())
            }
            "delivered" => {
                let mut found = Vec::new();
                for (n, id) in self.parcels.iter().enumerate() {
                    if self.client().tasks().get(*id).await.map_err(fail)?.state == ParcelState::Signed {
                        found.push((n + 1).to_string());
                    }
                }
                (rest.to_owned(), found.join(" "))
            }
            "kilometres" => {
                let (low, high) = word(rest);
                let view = self.boss.get("/tracks?courier=c1").await.map_err(|e| e.to_string())?;
                let metres: f64 =
                    view["shifts"].as_array().unwrap().iter().filter_map(|s| s["metres"].as_f64()).sum();
                let bound = |t: &str| t.parse::<f64>().map_err(|_| "write two numbers".to_owned());
                let fits = (bound(low)?..=bound(high)?).contains(&(metres / 1_000.0));
                (rest.to_owned(), if fits { rest.to_owned() } else { format!("{metres} m") })
            }
            other => return Err(format!("nobody knows what {other:?} is")),
        };
        if wanted == found { Ok(()) } else { Err(format!("wanted {wanted}, found {found}")) }
    }

    /// Everything on the phone is on the server, once, and the other way round.
    async fn same(&self) -> Result<(), String> {
        let fail = |e: waybell_core::Error| e.to_string();
        let page = self.courier.get("/parcels?limit=1000").await.map_err(|e| e.to_string())?;
        let theirs: BTreeSet<(String, String)> =
            page.as_array().unwrap().iter().map(|p| (p["id"].to_string(), p["state"].to_string())).collect();
        let mut own = BTreeSet::new();
        for id in &self.parcels {
            let parcel = json!(self.client().tasks().get(*id).await.map_err(fail)?);
            own.insert((parcel["id"].to_string(), parcel["state"].to_string()));
        }
        if own != theirs {
            return Err(format!(
                "parcels differ: {:?}",
                own.symmetric_difference(&theirs).collect::<Vec<_>>()
            ));
        }
        for (table, wanted) in [("deed", self.records), ("punch", self.punches)] {
            let found = self
                .world
                .database
                .number(&format!("SELECT COUNT(*) FROM {table}"))
                .map_err(|e| e.to_string())?;
            if found != wanted {
                return Err(format!("{found} rows of {table} for {wanted}"));
            }
        }
        let track = self.client().tracking().status().await.map_err(fail)?;
        if (track.waiting, track.refused) != (0, 0) {
            return Err(format!("{} parts of tracks wait, {} were refused", track.waiting, track.refused));
        }
        if let Some((order, _)) = &self.order {
            let theirs = self.boss.get(&format!("/orders/{order}")).await.map_err(|e| e.to_string())?;
            let id = OrderId::parse(order).unwrap();
            let all = self.client().orders().list(false).await.map_err(fail)?;
            let own =
                json!(all.iter().find(|o| o.view.id == id).ok_or("the order is not on the phone")?.view);
            if own["state"] != theirs["state"] {
                return Err(format!("the order is {} here and {} there", own["state"], theirs["state"]));
            }
        }
        Ok(())
    }
}

async fn run(name: &str) {
    let text = read::all().into_iter().find(|f| f.0 == name).unwrap().1;
    let scenario = read::read(&text).unwrap_or_else(|e| panic!("{name}.scenario, {e}"));
    let mut day = Day::begin(&scenario).await;
    let start = day.clocks.wall().0 - scenario.steps[0].at * 1_000;
    for step in &scenario.steps {
        let due = start + step.at * 1_000 + day.off;
        day.clocks.pass((due - day.clocks.wall().0).max(0));
        if let Err(problem) = day.run(step).await {
            panic!(
                "{name}.scenario, line {}: {} {} {}: {problem}",
                step.line, step.actor, step.verb, step.rest
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn courier_day() {
    run("courier_day").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_phones() {
    run("odd_phones").await;
}

#[test]
fn every_scenario_is_read_and_run_and_what_is_wrong_is_told_by_its_line() {
    let mut names: Vec<String> = read::all().into_iter().map(|f| f.0).collect();
    names.sort();
    assert_eq!(names, ["courier_day", "odd_phones"], "each has a test of its own above");
    for (text, wanted) in [
        ("", "line 1: there is no step"),
        ("\n25:00 c1 sync", "line 2: \"25:00\" is no time"),
        ("08:00 c1 sync\n07:59 c1 sync", "line 2: 07:59 is before"),
        ("08:00 me sync", "line 1: \"me\" is nobody here"),
        ("08:00 c1 dance", "line 1: c1 cannot \"dance\""),
        ("08:00 c1 notify 3-1", "line 1: \"3-1\" is no number"),
        ("08:00 c1 record 1 {", "line 1: the deed is no JSON"),
        ("# x\ncallees 1", "line 2: what do they do?"),
    ] {
        let told = read::read(text).unwrap_err();
        assert!(told.starts_with(wanted), "{text:?}: {told}");
    }
}
