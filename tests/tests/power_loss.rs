//! Power cuts: server or phone is killed, and then finds only what a disk would hold.
//!
//! The process runs with `tests/powerloss` loaded, which keeps beside each file what was synced of it. After the kill
//! the data folder is put together anew: what was synced is there; of what was not, each sector of 512 bytes may have
//! arrived or not, by seed; a file whose folder was not synced after it was made may be missing, and one that was
//! removed may be back. Shared memory is gone. Then: a tap that was acknowledged is there, the judge finds nothing, and
//! the data are never taken for a restored copy.
//!
//! That it can fail is a test too: without syncing an acknowledged tap is gone, and people are rung twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use waybell_carrier::config::Profile;
use waybell_carrier::judge::Verdict;
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::Death;
use waybell_tests::{Database, Phone, World, WorldOptions, list};

const SECTOR: usize = 512;

/// The library, built where this test lies.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(build)
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap().to_path_buf();
    let built = folder.join("libwaybell_powerloss.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("powerloss/src/lib.rs");
    let made = |file: &Path| std::fs::metadata(file).and_then(|m| m.modified());
    if let (Ok(library), Ok(source)) = (made(&built), made(&source))
        && library > source
    {
        return built;
    }
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--package", "waybell-powerloss"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    build.arg("--target-dir").arg(folder.parent().unwrap());
    assert!(build.status().unwrap().success());
    built
}

/// The data folder of a process and what a disk would hold of it.
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
    /// The folder as it is now is on the disk.
    fn of(data: &Path, twins: &Path) -> Disk {
        let disk = Disk { data: data.canonicalize().unwrap(), twins: twins.to_owned() };
        disk.settle();
        disk
    }

    /// For a process that is to use it.
    fn variables(&self) -> Vec<(String, String)> {
        vec![
            ("LD_PRELOAD".into(), library().display().to_string()),
            ("WAYBELL_POWER_ROOT".into(), self.data.display().to_string()),
            ("WAYBELL_POWER_TWINS".into(), self.twins.display().to_string()),
        ]
    }

    /// An empty folder on an empty disk.
    fn clear(&self) {
        std::fs::remove_dir_all(&self.data).unwrap();
        std::fs::create_dir_all(&self.data).unwrap();
        self.settle();
    }

    /// What a disk holds of a file at the top of the folder.
    fn durable(&self, name: &str) -> Option<Vec<u8>> {
        let key = self.names(&self.data).remove(name)?;
        std::fs::read(self.twins.join("files").join(key)).ok()
    }

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

const PEOPLE: usize = 60;

const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 500
talk_ms = 300
mix = [
  { behaviour = "answer", weight = 10 }, { behaviour = "busy", weight = 1 }, { behaviour = "reject", weight = 2 },
  { behaviour = "no_answer", weight = 1 }, { behaviour = "unallocated", weight = 2 }
]
"#;

/// A world whose server stands, and will be started with the library.
fn world(seed: u64) -> anyhow::Result<(World, Disk)> {
    let options = WorldOptions {
        carrier: DAY.into(),
        profile: [Profile::Rfc3261, Profile::Rfc6026][(seed % 2) as usize],
        seed,
        rate: (60, 100),
        database: Database::Sqlite,
        ..WorldOptions::default()
    };
    let mut world = World::start(&options)?;
    world.server.stop(Duration::from_secs(20))?;
    let folder = world.folder.path().canonicalize()?;
    let disk = Disk::of(&folder.join("data"), &folder.join("twins"));
    world.server.variables = disk.variables();
    Ok((world, disk))
}

/// What may be wrong after a cut, beside what the judge finds.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    /// A tap that was acknowledged is not there.
    Tap,
    /// The server takes its data for a copy put back.
    Alarm,
}

/// A campaign that goes through power cuts.
struct Run {
    campaign: Campaign,
    disk: Disk,
    random: StdRng,
}

impl Run {
    async fn start(seed: u64, sync: bool) -> anyhow::Result<Run> {
        let (mut world, disk) = world(seed)?;
        world.server.start()?;
        let courier = world.sign_in("c1").await?;
        let parcels = courier.import(&list::rows(PEOPLE, 800_000_000)).await?;
        let mut campaign = Campaign { world, courier, batches: Vec::new() };
        if !sync {
            campaign.world.server.stop(Duration::from_secs(20))?;
            disk.settle();
            unsynced(&mut campaign.world, Mark::Lost);
            campaign.restart()?;
        }
        campaign.batches = campaign.courier.notify(&parcels).await?;
        Ok(Run { campaign, disk, random: StdRng::seed_from_u64(seed) })
    }

    /// The power goes and comes back. `old` is the share of unsynced sectors that did not arrive.
    async fn cut(&mut self, old: f64) -> anyhow::Result<Option<Loss>> {
        self.campaign.world.kill()?;
        self.disk.cut(&mut self.random, old);
        self.campaign.restart()?;
        if self.campaign.world.server.log().contains("restored copy") {
            return Ok(Some(Loss::Alarm));
        }
        for batch in &self.campaign.batches {
            // the token is of the life before: its key is there too
            match self.campaign.courier.send("GET", &format!("/batches/{batch}"), None, None).await? {
                (200, _) => {}
                (404, _) => return Ok(Some(Loss::Tap)),
                (status, body) => anyhow::bail!("the batch: {status} {body}"),
            }
        }
        Ok(None)
    }

    async fn end(mut self) -> anyhow::Result<Verdict> {
        self.campaign.finish(Duration::from_secs(60)).await?;
        self.campaign.world.judge().await
    }
}

/// What a disk does with the syncs of the mark beside the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Kept,
    /// They do nothing. A mark that is ahead of its database holds all calls, and hides what is wrong below it.
    Lost,
}

/// From its next start on the server does not sync its database, as it never should.
fn unsynced(world: &mut World, mark: Mark) {
    world.server.variables.push(("WAYBELL_SYNCHRONOUS".into(), "off".into()));
    if mark == Mark::Lost {
        world.server.variables.push(("WAYBELL_POWER_DEAF".into(), ".mark".into()));
    }
}

/// From its next start on it does again.
fn synced(world: &mut World) {
    world.server.variables.retain(|(name, _)| name != "WAYBELL_SYNCHRONOUS" && name != "WAYBELL_POWER_DEAF");
}

async fn two_cuts(seed: u64) -> anyhow::Result<()> {
    let mut run = Run::start(seed, true).await?;
    let old = [1.0, 0.9, 0.5, 0.1][(seed % 4) as usize];
    for cut in 0..2 {
        // the first cut may come right after the tap was accepted
        let after = if cut == 0 && seed.is_multiple_of(3) { 0.0 } else { run.random.random_range(0.0..1.2) };
        tokio::time::sleep(Duration::from_secs_f64(after)).await;
        if let Some(loss) = run.cut(old).await? {
            anyhow::bail!("cut {cut}: {loss:?}\n{}", run.campaign.world.server.log());
        }
    }
    let verdict = run.end().await?;
    anyhow::ensure!(verdict.violations.is_empty(), "{}", verdict.text());
    anyhow::ensure!(verdict.summary.recipients == PEOPLE, "{} recipients", verdict.summary.recipients);
    Ok(())
}

/// Runs side by side, as they wait more than they compute.
fn side_by_side(seeds: std::ops::RangeInclusive<u64>, lanes: usize, run: impl AsyncFn(u64) + Sync) {
    let next = AtomicU64::new(*seeds.start());
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    runtime.block_on(run(seed));
                }
            });
        }
    });
}

#[test]
fn twenty_campaigns_with_two_power_cuts() {
    side_by_side(1..=20, 4, async |seed| {
        two_cuts(seed).await.unwrap_or_else(|e| panic!("seed {seed}: {e:#}"));
    });
}

/// The mark beside the database may lag and never lead: however often the power goes, at work or in a start, nobody's
/// calls are held for a restored backup.
#[test]
fn no_power_cut_looks_like_a_restored_backup() {
    side_by_side(1..=2, 2, async |seed| many_cuts(seed).await.unwrap());
}

async fn many_cuts(seed: u64) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut world, disk) = world(seed)?;
    world.server.start()?;
    let mut courier = world.sign_in("c1").await?;
    let parcels = courier.import(&list::rows(3, 800_000_000)).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let now = waybell_tests::api::now_ms();
    let tap = serde_json::json!({
        "id": id, "template": "arrived", "parcels": parcels, "acted_at": { "wall": now }, "start_at": now + 3_600_000
    });
    courier.insist("POST", "/batches", &tap, &id).await?;
    for cut in 0..16u64 {
        // commits until the power goes; the mark is synced once a second
        let until = Instant::now() + Duration::from_millis(random.random_range(0..1_400));
        let mut n = 0;
        while Instant::now() < until {
            courier.import(&list::rows(1, 810_000_000 + cut * 1_000 + n)).await?;
            n += 1;
        }
        world.server.kill();
        let old = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
        disk.cut(&mut random, old);
        if cut.is_multiple_of(2) {
            // once more, in the start
            world.server.start_and_kill(Duration::from_millis(random.random_range(0..300)))?;
            disk.cut(&mut random, old);
        }
        world.server.start()?;
        courier = courier.at(&world.server.url);
        anyhow::ensure!(!world.server.log().contains("restored copy"), "cut {cut}: {}", world.server.log());
        let batch = courier.get(&format!("/batches/{id}")).await?;
        anyhow::ensure!(batch["state"] == "scheduled", "cut {cut}: {batch}");
    }
    Ok(())
}

#[tokio::test]
async fn without_syncing_an_acknowledged_tap_is_gone() {
    let mut run = Run::start(31, false).await.unwrap();
    assert_eq!(run.cut(1.0).await.unwrap(), Some(Loss::Tap));
}

#[tokio::test]
async fn without_syncing_people_are_rung_twice() {
    let mut run = Run::start(41, true).await.unwrap();
    // the tap is durable, and what follows is not
    unsynced(&mut run.campaign.world, Mark::Lost);
    assert_eq!(run.cut(1.0).await.unwrap(), None);
    let before = alerted(&run.campaign.world);
    let until = Instant::now() + Duration::from_secs(30);
    while alerted(&run.campaign.world) < before + 10 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    synced(&mut run.campaign.world);
    assert_eq!(run.cut(1.0).await.unwrap(), None);
    let verdict = run.end().await.unwrap();
    assert!(verdict.summary.doubled > 0, "the judge sees nothing: {}", verdict.text());
}

/// The mark is there for this: data that have lost what was synced are seen, and nobody is called.
#[tokio::test]
async fn a_disk_that_loses_what_was_synced_is_noticed() {
    let mut run = Run::start(42, true).await.unwrap();
    unsynced(&mut run.campaign.world, Mark::Kept);
    assert_eq!(run.cut(1.0).await.unwrap(), None);
    // with commits going on, the mark is brought to the disk once a second
    let durable = || run.disk.durable("waybell.db.mark").unwrap();
    let (first, until) = (durable(), Instant::now() + Duration::from_secs(60));
    let mut n = 0;
    while durable() == first {
        assert!(Instant::now() < until, "the mark is never synced");
        run.campaign.courier.import(&list::rows(1, 840_000_000 + n)).await.unwrap();
        n += 1;
    }
    synced(&mut run.campaign.world);
    assert_eq!(run.cut(1.0).await.unwrap(), Some(Loss::Alarm));
    for batch in &run.campaign.batches {
        let batch = run.campaign.courier.get(&format!("/batches/{batch}")).await.unwrap();
        assert_eq!((batch["state"].as_str(), batch["reason"].as_str()), (Some("paused"), Some("restored")));
    }
}

/// Whenever the power goes in the first starts, the next one makes what is missing, and finds nothing wrong.
#[test]
fn a_first_start_may_be_cut_short_at_any_time() {
    let (mut world, disk) = world(5).unwrap();
    let mut random = StdRng::seed_from_u64(5);
    for round in 0..3 {
        disk.clear();
        for _ in 0..4 {
            let after = Duration::from_millis(random.random_range(0..700));
            world.server.start_and_kill(after).unwrap();
            let old = [0.1, 0.5, 0.9, 1.0][random.random_range(0..4)];
            disk.cut(&mut random, old);
        }
        world.server.start().unwrap();
        let log = world.server.log();
        let wrong = ["restored copy", "damaged", "cannot"].into_iter().find(|w| log.contains(w));
        assert_eq!(wrong, None, "round {round}: {log}");
        world.server.kill();
    }
}

fn alerted(world: &World) -> usize {
    world.events().unwrap().iter().filter(|e| e.event == "alerted").count()
}

/// A phone's taps without a network: what was said to be on its way is, whatever happens to the phone's power.
#[tokio::test]
async fn a_tap_that_the_phone_has_taken_survives() {
    const PHONES: u64 = 10;
    const ROWS: usize = 3;
    let mut world = World::start(&WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 60\ntalk_ms = 120\n".into(),
        database: Database::Sqlite,
        ..WorldOptions::default()
    })
    .unwrap();
    let first = Phone::new(&world.server.url).unwrap();
    first.must(&["login", "c1"]).unwrap();
    let twins = tempfile::tempdir().unwrap();
    let mut phones = Vec::new();
    for n in 0..PHONES {
        let mut phone = first.copy().unwrap();
        let disk = Disk::of(phone.home(), &twins.path().join(n.to_string()));
        phone.variables = disk.variables();
        let rows = list::rows(ROWS, 830_000_000 + n * 100);
        let file = phone.list("day.csv", &rows).unwrap();
        phone.must(&["import", file.to_str().unwrap()]).unwrap();
        phones.push((phone, disk, rows));
    }
    world.kill().unwrap();
    let mut random = StdRng::seed_from_u64(7);
    let mut taken = Vec::new();
    for (n, (phone, disk, rows)) in phones.iter().enumerate() {
        let waybills: Vec<&str> = rows.iter().map(|r| r["waybill_no"].as_str().unwrap()).collect();
        let said = phone.run(&[&["notify", "--yes"], &waybills[..]].concat(), &Death::None).unwrap();
        let batch = said.text.lines().find_map(|l| l.strip_prefix("batch ")?.split_once(" is on its way"));
        let batch = batch.unwrap_or_else(|| panic!("{said:?}")).0.to_owned();
        disk.cut(&mut random, [1.0, 0.9, 0.5, 0.1, 0.0][n % 5]);
        taken.push(batch);
    }
    world.server.start().unwrap();
    for (phone, ..) in &phones {
        phone.must(&["sync"]).unwrap();
    }
    let courier = world.sign_in("c1").await.unwrap();
    let campaign = Campaign { world, courier, batches: taken };
    // it fails where a batch is not there
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!(verdict.summary.recipients, PHONES as usize * ROWS);
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0));
}
