//! The guarantee on the phone's side: `waybell` dies at any moment of sign-in, import, tap, undo and sync, against the
//! real server and the simulated carrier. What the courier was told holds, nobody is rung twice, nobody is missed.
//!
//! Every callee answers at the first ring and the rules allow no second one, so the truth is simple: each person of a
//! list that was not undone is alerted exactly once, each person of an undone one at most once, and not at all if the
//! tap was taken back before it left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::{Death, Said, at_once};
use waybell_tests::{Phone, World, WorldOptions, list};

const PEOPLE: usize = 5;
const ANSWER: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 60\ntalk_ms = 120\n";

/// One list of one courier, and what happened to it.
struct Job {
    phone: Phone,
    rows: Vec<Value>,
    batch: Option<String>,
    undone: bool,
    taken_back: bool,
    deaths: usize,
}

impl Job {
    fn new(phone: Phone, number: u64) -> Job {
        let rows = list::rows(PEOPLE, 810_000_000 + number * 100);
        Job { phone, rows, batch: None, undone: false, taken_back: false, deaths: 0 }
    }

    fn waybills(&self) -> Vec<String> {
        self.rows.iter().map(|r| r["waybill_no"].as_str().unwrap().to_owned()).collect()
    }

    /// Does something until it was told that it is done; `deaths` are the ends of the first tries.
    fn insist(&mut self, arguments: &[&str], deaths: &[Death], told: impl Fn(&Said) -> bool) -> Said {
        for death in deaths {
            let said = self.phone.run(arguments, death).unwrap();
            self.deaths += usize::from(said.died());
            if told(&said) {
                return said;
            }
        }
        for _ in 0..3 {
            let said = self.phone.run(arguments, &Death::None).unwrap();
            if told(&said) {
                return said;
            }
        }
        panic!("{arguments:?} is never done: {:?}", self.phone.run(arguments, &Death::None).unwrap());
    }

    fn import(&mut self, deaths: &[Death]) {
        let file = self.phone.list("day.csv", &self.rows).unwrap();
        let said = self.insist(&["import", file.to_str().unwrap()], deaths, |s| s.text.contains(" rejected"));
        assert!(said.text.contains(" 0 rejected"), "{said:?}");
    }

    fn tap(&mut self, deaths: &[Death]) {
        let waybills = self.waybills();
        let mut arguments = vec!["notify", "--yes"];
        arguments.extend(waybills.iter().map(String::as_str));
        let said = self.insist(&arguments, deaths, |s| {
            s.text.contains(" is on its way") || s.text.contains("there is nobody to ring")
        });
        // where nothing was told, an earlier try may have been the tap
        self.batch = said
            .text
            .lines()
            .find_map(|l| l.strip_prefix("batch ")?.split_once(" is on its way"))
            .map(|(id, _)| id.to_owned());
    }

    fn undo(&mut self, deaths: &[Death]) {
        let Some(batch) = self.batch.clone() else { return };
        let said = self.insist(&["undo", &batch], deaths, |s| {
            // over already: an undo before, whose answer was lost with the phone, has stopped it
            ["taken back", "stopping", "stopped", "nothing to stop"].iter().any(|told| s.text.contains(told))
        });
        self.undone = true;
        self.taken_back = said.text.contains("taken back");
    }

    fn sync(&mut self, deaths: &[Death]) {
        self.insist(&["sync"], deaths, |s| s.code == Some(0));
    }
}

/// The server has done all that reached it; then the phones hear of it, and the courier's screens are right.
async fn end(mut world: World, jobs: Vec<Job>, least_deaths: usize) {
    let courier = world.sign_in("c1").await.unwrap();
    let batches: Vec<Value> = courier.get("/batches").await.unwrap().as_array().unwrap().clone();
    let ids: Vec<String> = batches.iter().map(|b| b["id"].as_str().unwrap().to_owned()).collect();
    let campaign = Campaign { world, courier, batches: ids.clone() };
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let Campaign { world: back, courier, .. } = campaign;
    world = back;
    let mut rung: HashMap<String, usize> = HashMap::new();
    for event in world.events().unwrap().into_iter().filter(|e| e.event == "alerted") {
        *rung.entry(event.callee.unwrap_or_default()).or_default() += 1;
    }
    let marks = marks(&courier.get("/parcels?limit=1000").await.unwrap());
    let deaths: usize = jobs.iter().map(|j| j.deaths).sum();
    for mut job in jobs {
        if let Some(batch) = &job.batch {
            assert!(ids.contains(batch) || job.taken_back, "a tap that was told is lost: {batch}");
        }
        for row in &job.rows {
            let (phone, waybill) = (row["phone"].as_str().unwrap(), row["waybill_no"].as_str().unwrap());
            let rings = rung.get(&format!("+86{phone}")).copied().unwrap_or(0);
            let allowed = if job.taken_back { 0..=0 } else { usize::from(!job.undone)..=1 };
            assert!(allowed.contains(&rings), "{waybill} was rung {rings} times, {allowed:?} allowed");
            assert!(marks.contains_key(waybill), "an import that was told is lost: {waybill}");
            // one who rang for a moment when the undo came was not answered
            let answered = marks[waybill] == "answered";
            assert!(answered == (rings == 1) || job.undone && !answered, "{waybill}: {}", marks[waybill]);
        }
        job.sync(&[]);
        let shown = shown_marks(&job.phone);
        for waybill in job.waybills() {
            assert_eq!(shown.get(&waybill), marks.get(&waybill), "phone and server agree on {waybill}");
        }
    }
    assert!(
        deaths >= least_deaths,
        "only {deaths} processes died; is waybell built with the whole workspace?"
    );
    let verdict = world.judge().await.unwrap();
    assert!(verdict.violations.is_empty(), "{}", verdict.text());
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0));
}

fn marks(list: &Value) -> HashMap<String, String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    list.as_array().unwrap().iter().map(|p| (text(&p["waybill_no"]), text(&p["mark"]))).collect()
}

fn shown_marks(phone: &Phone) -> HashMap<String, String> {
    let text = phone.must(&["tasks", "--json", "--limit", "5000"]).unwrap();
    marks(&serde_json::from_str(&text).unwrap())
}

fn world() -> World {
    World::start(&WorldOptions { carrier: ANSWER.into(), ..WorldOptions::default() }).unwrap()
}

fn signed_in(world: &World) -> Phone {
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    phone
}

/// How long a command runs here, so that kills fall inside of it on slow and fast machines.
fn measure(phone: &Phone) -> Duration {
    let began = Instant::now();
    phone.must(&["sync"]).unwrap();
    began.elapsed()
}

#[tokio::test]
async fn at_random_moments() {
    let world = world();
    let phone = signed_in(&world);
    let span = measure(&phone);
    let work: Vec<_> = (0..9u64)
        .map(|seed| {
            let (url, copy) = (world.server.url.clone(), phone.copy().unwrap());
            move || {
                let mut random = StdRng::seed_from_u64(seed);
                let mut deaths = |n: usize| -> Vec<Death> {
                    (0..n).map(|_| Death::After(span.mul_f64(random.random_range(0.05..1.3)))).collect()
                };
                // the server takes ten tries of a name in a row: some of the sign-ins are killed, not all
                let mut job = Job::new(if seed < 3 { Phone::new(&url).unwrap() } else { copy }, seed);
                if seed < 3 {
                    job.insist(&["login", "c1"], &deaths(1), |s| s.text.contains("signed in"));
                }
                job.import(&deaths(2));
                job.tap(&deaths(2));
                if seed % 3 == 2 {
                    job.undo(&deaths(2));
                }
                job.sync(&deaths(3));
                job
            }
        })
        .collect();
    let jobs = at_once(work);
    end(world, jobs, 20).await;
}

/// Every place of a kind, first to last passing, inside one command; the other commands run to their ends.
fn places(passings: u32) -> Vec<Death> {
    ["store.before_commit", "store.after_commit", "http.before_send", "http.sent", "http.answered"]
        .iter()
        .flat_map(|place| (1..=passings).map(move |n| Death::At(format!("{place}:{n}"))))
        .collect()
}

async fn inside(verb: fn(&mut Job, &[Death]), before: fn(&mut Job), after: fn(&mut Job), passings: u32) {
    let world = world();
    let phone = signed_in(&world);
    let work: Vec<_> = places(passings)
        .into_iter()
        .enumerate()
        .map(|(i, death)| {
            let copy = phone.copy().unwrap();
            move || {
                let mut job = Job::new(copy, i as u64);
                before(&mut job);
                verb(&mut job, &[death]);
                after(&mut job);
                job.sync(&[]);
                job
            }
        })
        .collect();
    let least = work.len() / 3;
    let jobs = at_once(work);
    end(world, jobs, least).await;
}

#[tokio::test]
async fn inside_the_import() {
    inside(Job::import, |_| {}, |job| job.tap(&[]), 3).await;
}

#[tokio::test]
async fn inside_the_tap() {
    inside(Job::tap, |job| job.import(&[]), |_| {}, 4).await;
}

#[tokio::test]
async fn inside_the_undo() {
    let tapped = |job: &mut Job| {
        job.import(&[]);
        // it dies before the tap leaves, or while it leaves: both kinds of undo are seen
        let place = if job.waybills()[0].ends_with("00") { "store.after_commit:3" } else { "http.sent:4" };
        job.tap(&[Death::At(place.into())]);
    };
    inside(Job::undo, tapped, |_| {}, 3).await;
}

#[tokio::test]
async fn before_and_after_the_phone_hears_of_a_result() {
    // the results are there, and a phone that knows nothing of them dies while it hears of them
    let tapped = |job: &mut Job| {
        job.import(&[]);
        job.tap(&[]);
        std::thread::sleep(Duration::from_millis(900));
    };
    inside(Job::sync, tapped, |_| {}, 4).await;
}
