//! A campaign: a list, a tap, and the wait for its end, across kills.

use crate::api::Api;
use crate::list;
use crate::world::{World, WorldOptions};
use anyhow::{Context, bail};
use std::time::{Duration, Instant};
use waybell_carrier::judge::Verdict;

/// A campaign in progress.
pub struct Campaign {
    /// The world it runs in.
    pub world: World,
    /// The courier.
    pub courier: Api,
    /// Its batches.
    pub batches: Vec<String>,
}

impl Campaign {
    /// Starts a world, imports `people` parcels, taps once.
    pub async fn start(options: &WorldOptions, people: usize) -> anyhow::Result<Campaign> {
        let world = World::start(options)?;
        let courier = world.sign_in("c1").await?;
        let parcels = courier.import(&list::rows(people, 800_000_000)).await?;
        if parcels.len() != people {
            bail!("imported {} of {people}", parcels.len());
        }
        let batches = courier.notify(&parcels).await?;
        Ok(Campaign { world, courier, batches })
    }

    /// Kills the server after `after`, leaves it dead for `outage`, starts it again.
    pub async fn kill(&mut self, after: Duration, outage: Duration) -> anyhow::Result<()> {
        tokio::time::sleep(after).await;
        self.world.kill()?;
        tokio::time::sleep(outage).await;
        self.restart()
    }

    /// Starts the server again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.world.server.start()?;
        self.courier = self.courier.at(&self.world.server.url);
        Ok(())
    }

    /// Progress of all batches: (people not final, batches not over).
    pub async fn open(&self) -> anyhow::Result<(u64, usize)> {
        open(&self.courier, &self.batches).await
    }

    /// Waits until every batch is over.
    pub async fn finish(&self, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        loop {
            let open = self.open().await?;
            if open == (0, 0) {
                return Ok(());
            }
            if Instant::now() > until {
                let people = self.courier.get(&format!("/batches/{}/recipients", self.batches[0])).await?;
                let stuck: Vec<_> = people
                    .as_array()
                    .context("no list")?
                    .iter()
                    .filter(|p| {
                        !["done", "suppressed", "cancelled"]
                            .contains(&p["state"].as_str().unwrap_or_default())
                    })
                    .take(5)
                    .collect();
                bail!("still open after {patience:?}: {open:?}; for example {stuck:#?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The verdict; fails the test with the violations.
    pub async fn verdict(mut self) -> anyhow::Result<Verdict> {
        let verdict = self.world.judge().await?;
        if !verdict.violations.is_empty() {
            bail!("{}\nserver log:\n{}", verdict.text(), tail(&self.world.server.log(), 40));
        }
        Ok(verdict)
    }
}

pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Progress of batches: (people not final, batches not over).
pub async fn open(courier: &Api, ids: &[String]) -> anyhow::Result<(u64, usize)> {
    let mut people = 0;
    let mut batches = 0;
    for id in ids {
        let batch = courier.get(&format!("/batches/{id}")).await?;
        let counts = &batch["counts"];
        people +=
            counts["waiting"].as_u64().unwrap_or_default() + counts["calling"].as_u64().unwrap_or_default();
        if !["done", "cancelled"].contains(&batch["state"].as_str().unwrap_or_default()) {
            batches += 1;
        }
    }
    Ok((people, batches))
}
