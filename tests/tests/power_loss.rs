//! Power cuts: the server is killed, and then finds only what a disk would hold.
//!
//! The server runs with `tests/powerloss` loaded, which keeps beside each file what was synced of it. After the kill
//! the data folder is put together anew: what was synced is there; of what was not, each sector of 512 bytes may have
//! arrived or not, by seed; a file whose folder was not synced after it was made may be missing, and one that was
//! removed may be back. Shared memory is gone. The judge must find nothing, and a tap that was answered is not lost.
//!
//! That it can fail is a test too: without syncing, intents are lost and people are rung twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use waybell_carrier::config::Profile;
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

const SECTOR: usize = 512;

/// The library, built where this test lies.
fn library() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap().to_path_buf();
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--package", "waybell-powerloss"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    build.arg("--target-dir").arg(folder.parent().unwrap());
    assert!(build.status().unwrap().success());
    folder.join("libwaybell_powerloss.so")
}

/// The data folder of a server and what a disk would hold of it.
struct Disk {
    data: PathBuf,
    twins: PathBuf,
}

fn key(path: &Path) -> String {
    let meta = std::fs::metadata(path).unwrap();
    let birth = meta.created().map_or(Duration::ZERO, |t| t.duration_since(UNIX_EPOCH).unwrap());
    format!("{}-{}-{}", meta.ino(), birth.as_secs(), birth.subsec_nanos())
}

fn folders(at: &Path, out: &mut Vec<PathBuf>) {
    out.push(at.to_path_buf());
    for entry in std::fs::read_dir(at).unwrap().flatten() {
        if entry.path().is_dir() {
            folders(&entry.path(), out);
        }
    }
}

fn listing(folder: &Path) -> BTreeMap<String, PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().flatten().filter(|e| e.path().is_file());
    files.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path())).collect()
}

impl Disk {
    /// Everything that is there now is on the disk.
    fn settle(&self) {
        let _ = std::fs::remove_dir_all(&self.twins);
        std::fs::create_dir_all(self.twins.join("files")).unwrap();
        std::fs::create_dir_all(self.twins.join("names")).unwrap();
        let mut all = Vec::new();
        folders(&self.data, &mut all);
        for folder in all {
            let mut text = String::new();
            for (name, path) in listing(&folder) {
                let key = key(&path);
                std::fs::copy(&path, self.twins.join("files").join(&key)).unwrap();
                text.push_str(&format!("{key} {name}\n"));
            }
            std::fs::write(self.twins.join("names").join(self.name(&folder)), text).unwrap();
        }
    }

    fn name(&self, folder: &Path) -> String {
        let inside = folder.strip_prefix(&self.data).unwrap().to_string_lossy().replace('/', "%");
        if inside.is_empty() { "%".into() } else { inside }
    }

    fn names(&self, folder: &Path) -> BTreeMap<String, String> {
        let text =
            std::fs::read_to_string(self.twins.join("names").join(self.name(folder))).unwrap_or_default();
        text.lines().filter_map(|l| l.split_once(' ')).map(|(k, n)| (n.to_owned(), k.to_owned())).collect()
    }

    /// The power has gone and is back. `old` is the share of unsynced sectors that did not arrive; 1 for all.
    fn cut(&self, random: &mut StdRng, old: f64) {
        let mut all = Vec::new();
        folders(&self.data, &mut all);
        for folder in all {
            let (durable, current) = (self.names(&folder), listing(&folder));
            let union: BTreeSet<&String> = durable.keys().chain(current.keys()).collect();
            for name in union {
                let path = folder.join(name);
                if name.ends_with("-shm") {
                    let _ = std::fs::remove_file(&path);
                    continue;
                }
                let real = current.get(name).map(|p| key(p));
                let twin = |key: &String| std::fs::read(self.twins.join("files").join(key)).ok();
                let content = match (durable.get(name), &real) {
                    (Some(kept), Some(now)) if kept == now => {
                        Some(mix(random, old, &twin(now).unwrap_or_default(), &std::fs::read(&path).unwrap()))
                    }
                    // renamed over, removed, or made: the folder may or may not have arrived
                    (Some(kept), _) if random.random_bool(old) => twin(kept),
                    (None, Some(_)) if random.random_bool(old) => None,
                    (_, Some(now)) => {
                        Some(mix(random, old, &twin(now).unwrap_or_default(), &std::fs::read(&path).unwrap()))
                    }
                    (_, None) => None,
                };
                match content {
                    // in place: a file keeps its number through a power cut
                    Some(content) => std::fs::write(&path, content).unwrap(),
                    None => {
                        let _ = std::fs::remove_file(&path);
                    }
                }
            }
        }
        self.settle();
    }
}

/// A file of which some was synced.
fn mix(random: &mut StdRng, old: f64, synced: &[u8], now: &[u8]) -> Vec<u8> {
    if synced == now {
        return now.to_vec();
    }
    let length = if random.random_bool(old) { synced.len() } else { now.len() };
    let mut out = vec![0; length];
    for (n, sector) in out.chunks_mut(SECTOR).enumerate() {
        let from = if random.random_bool(old) { synced } else { now };
        let from = from.get(n * SECTOR..).unwrap_or_default();
        let most = from.len().min(sector.len());
        sector[..most].copy_from_slice(&from[..most]);
    }
    out
}

const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 500
talk_ms = 400
mix = [
  { behaviour = "answer", weight = 10 }, { behaviour = "busy", weight = 2 }, { behaviour = "reject", weight = 1 },
  { behaviour = "no_answer", weight = 1 }, { behaviour = "unallocated", weight = 1 }
]
"#;

/// One campaign with two power cuts. `sync` false: the server does not sync, as it never should.
async fn campaign(seed: u64, sync: bool) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let options = WorldOptions {
        carrier: DAY.into(),
        profile: [Profile::Rfc3261, Profile::Rfc6026][(seed % 2) as usize],
        seed,
        rate: (60, 100),
        ..WorldOptions::default()
    };
    let mut world = World::start(&options)?;
    world.server.stop(Duration::from_secs(20))?;
    let folder = world.folder.path().canonicalize()?;
    let disk = Disk { data: folder.join("data"), twins: folder.join("twins") };
    disk.settle();
    let variables = &mut world.server.variables;
    variables.push(("LD_PRELOAD".into(), library().display().to_string()));
    variables.push(("WAYBELL_POWER_ROOT".into(), disk.data.display().to_string()));
    variables.push(("WAYBELL_POWER_TWINS".into(), disk.twins.display().to_string()));
    if !sync {
        variables.push(("WAYBELL_SYNCHRONOUS".into(), "off".into()));
    }
    world.server.start()?;
    let courier = world.sign_in("c1").await?;
    let parcels = courier.import(&list::rows(60, 800_000_000)).await?;
    let batches = courier.notify(&parcels).await?;
    let mut campaign = Campaign { world, courier, batches };
    // the first cut may come right after the tap was accepted
    let old = [1.0, 0.9, 0.5, 0.1][(seed % 4) as usize];
    for cut in 0..2 {
        let after = if cut == 0 && seed.is_multiple_of(3) { 0.0 } else { random.random_range(0.0..1.2) };
        tokio::time::sleep(Duration::from_secs_f64(after)).await;
        campaign.world.kill()?;
        disk.cut(&mut random, if sync { old } else { 1.0 });
        campaign.world.server.start()?;
        campaign.courier = campaign.world.sign_in("c1").await?;
    }
    campaign.finish(Duration::from_secs(60)).await?;
    let verdict = campaign.verdict().await?;
    anyhow::ensure!(verdict.summary.recipients == 60, "{} recipients", verdict.summary.recipients);
    Ok(())
}

async fn campaigns(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        campaign(seed, true).await.unwrap_or_else(|e| panic!("seed {seed}: {e:#}"));
    }
}

#[tokio::test]
async fn power_cuts_1_to_7() {
    campaigns(1..8).await;
}

#[tokio::test]
async fn power_cuts_8_to_14() {
    campaigns(8..15).await;
}

#[tokio::test]
async fn power_cuts_15_to_20() {
    campaigns(15..21).await;
}

#[tokio::test]
async fn without_syncing_the_judge_finds_it() {
    for seed in 1..6 {
        if campaign(seed, false).await.is_err() {
            return;
        }
    }
    panic!("five campaigns without fsync were clean: this test sees nothing");
}
