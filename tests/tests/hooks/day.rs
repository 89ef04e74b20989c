//! A day: a list by hook, one tap for all of it, and the results; and what must hold at its end, whatever died.

use crate::receiver::{Receiver, Seen, Sender, revive};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use waybell_tests::api::Api;
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

/// A list by hook, one tap for all of it, and the results.
pub(crate) struct Day {
    pub(crate) world: World,
    pub(crate) boss: Api,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) campaign: Vec<String>,
    pub(crate) courier: Api,
    pub(crate) deaths: u32,
}

impl Day {
    pub(crate) async fn start(options: &WorldOptions, people: usize) -> Day {
        let receiver = Receiver::start().await;
        let mut world = World::start(options).unwrap();
        let boss = world.sign_in("boss").await.unwrap();
        let sender = Sender::connect(&boss, &world.server.url, "waybills", Some(&receiver)).await;
        let courier = world.sign_in("c1").await.unwrap();
        sender.rows("day", json!(list::rows(people, 340_000_000))).await;
        // one parcel that no system sent: nobody is told of it
        let parcels = courier.import(&list::rows(1, 350_000_000)).await.unwrap();
        assert_eq!(parcels.len(), people + 1);
        let tap = tokio::spawn({
            let courier = courier.clone();
            async move { courier.notify(&parcels).await.unwrap() }
        });
        let deaths = revive(&mut world, "the tap", || tap.is_finished()).await;
        let campaign = tap.await.unwrap();
        Day { world, boss, sender, receiver, campaign, courier, deaths }
    }

    /// Waits until every parcel's last word was taken, and every other word too.
    pub(crate) async fn told(&mut self, people: usize) {
        let receiver = &self.receiver;
        let all = || finals(&receiver.taken()).len() == people;
        self.deaths += revive(&mut self.world, "the last word about each parcel", all).await;
        let mut stored = None;
        let late = Instant::now() + Duration::from_secs(60);
        while stored.is_none() {
            assert!(Instant::now() < late, "some deliveries still wait");
            if self.world.server.has_died() {
                self.deaths += 1;
                self.world.note_kill().unwrap();
                self.world.server.start().unwrap();
            }
            let boss = self.boss.at(&self.world.server.url);
            stored = settled(&boss, &self.sender.integration).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let taken: BTreeSet<String> = self.receiver.taken().into_iter().map(|s| s.id).collect();
        assert_eq!(stored.unwrap(), taken, "what was stored is what was taken");
    }

    /// What was told is what is so: each with one id and one body however often it came, the last word is the parcel's mark,
    /// and nobody was rung twice.
    pub(crate) async fn check(self, people: usize) {
        let url = self.world.server.url.clone();
        let log = self.world.server.log();
        let key = self.sender.secret.trim_start_matches("whsec_");
        assert!(!log.contains(key) && !log.contains(&self.receiver.url()), "the log tells secrets");
        let mut bodies: BTreeMap<String, String> = BTreeMap::new();
        for seen in self.receiver.seen() {
            assert!(seen.good, "{seen:?}");
            let before = bodies.entry(seen.id.clone()).or_insert(seen.bytes.clone());
            assert_eq!(*before, seen.bytes, "one id, one body");
        }
        let last = finals(&self.receiver.taken());
        let page = self.courier.at(&url).get("/sync").await.unwrap();
        let mut compared = 0;
        for parcel in page["parcels"].as_array().unwrap() {
            let waybill = parcel["waybill_no"].as_str().unwrap();
            let Some(told) = last.get(waybill) else {
                assert_eq!(waybill, "YT0000350000000", "only the courier's own is not told");
                continue;
            };
            assert_eq!(
                (&told["mark"], &told["outcome"]),
                (&parcel["mark"], &parcel["outcome"]),
                "{told} {parcel}"
            );
            assert_eq!(told["phone"], parcel["phone"]);
            compared += 1;
        }
        assert_eq!(compared, people);
        let campaign = Campaign { world: self.world, courier: self.courier.at(&url), batches: self.campaign };
        campaign.finish(Duration::from_secs(60)).await.unwrap();
        campaign.verdict().await.unwrap();
    }
}

/// All deliveries of an integration, once the server knows that each was taken; it may die before it answers.
async fn settled(boss: &Api, integration: &str) -> Option<BTreeSet<String>> {
    let all = boss.get(&format!("/integrations/{integration}/deliveries?limit=1000")).await.ok()?;
    let all = all.as_array()?;
    let ids = all.iter().filter(|d| d["state"] == "done").filter_map(|d| d["id"].as_str().map(str::to_owned));
    let ids: BTreeSet<String> = ids.collect();
    (ids.len() == all.len()).then_some(ids)
}

/// The last word about each waybill. What comes about a parcel comes in order: a repeated one aside, `seq` only grows.
pub(crate) fn finals(taken: &[Seen]) -> BTreeMap<String, Value> {
    let mut highest: BTreeMap<String, i64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let mut last = BTreeMap::new();
    for seen in taken {
        let waybill = seen.data["waybill_no"].as_str().unwrap().to_owned();
        if ids.insert(seen.id.clone()) {
            let seq = seen.data["seq"].as_i64().unwrap();
            let before = highest.insert(waybill.clone(), seq);
            assert!(before.is_none_or(|b| b < seq), "{waybill} out of order: {taken:#?}");
        }
        if seen.data["final"] == true {
            last.insert(waybill, seen.data.clone());
        }
    }
    last
}
