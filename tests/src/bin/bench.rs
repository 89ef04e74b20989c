//! The benchmarks: figures of `docs/BENCHMARKS.md`. Build with `--release` (as `make bench` does).
//!
//! Each figure is the median of several runs against a server of its own; the carrier runs beside it, so on a machine of
//! two cores both share them. CPU is the server's own, user and system, from `/proc/PID/stat`.

use anyhow::Context;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use waybell_carrier::config::Profile;
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::Phone;
use waybell_tests::results::{Figure, figure, store};
use waybell_tests::{Database, World, WorldOptions, list};

/// Refused at once: nothing but intent, INVITE, answer and result.
const BUSY: &str = "[defaults]\nbehaviour = \"busy\"\ndelay_ms = 0\nring_ms = 0\n";
/// Answered, and the notice is listened to for 15 s.
const NOTICE: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 200\ntalk_ms = 15000\n";

#[path = "bench/attendance.rs"]
mod attendance;
#[path = "bench/call.rs"]
mod call;
#[path = "bench/group.rs"]
mod group;
#[path = "bench/heard.rs"]
mod heard;
#[path = "bench/ingest.rs"]
mod ingest;
#[path = "bench/labels.rs"]
mod labels;
#[path = "bench/phone.rs"]
mod phone;
#[path = "bench/track.rs"]
mod track;

fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
        if wanted("dial") {
            let [rate, cpu] = dial(Database::Sqlite).await?;
            tell(vec![figure("dial.rate", "attempts/s", &rate), figure("dial.cpu", "ms", &cpu)])?;
        }
        if wanted("postgres") {
            let [rate, _] = dial(Database::Postgres).await?;
            tell(vec![figure("dial.rate_postgres", "attempts/s", &rate)])?;
        }
        if wanted("notice") {
            notice().await?;
        }
        if wanted("heard") {
            tell(heard::measure().await?)?;
        }
        if wanted("import") {
            import().await?;
        }
        if wanted("group") {
            tell(group::measure()?)?;
        }
        if wanted("labels") {
            tell(labels::measure()?)?;
        }
        if wanted("track") {
            tell(track::measure()?)?;
        }
        if wanted("attendance") {
            tell(attendance::measure()?)?;
        }
        if wanted("ingest") {
            tell(ingest::measure().await?)?;
        }
        if wanted("phone") {
            tell(phone::measure().await?)?;
        }
        if wanted("call") {
            tell(call::measure().await?)?;
        }
        if wanted("rss") {
            rss().await?;
        }
        Ok(())
    })
}

fn options(carrier: &str, rate: (u32, u32)) -> WorldOptions {
    let mut policy = waybell_tests::world::quick_policy();
    policy["retry"]["max_attempts"] = 1.into();
    WorldOptions {
        carrier: carrier.into(),
        profile: Profile::Rfc6026,
        rate,
        policy,
        ..WorldOptions::default()
    }
}

/// Attempts a second, and the server's own CPU for each.
async fn dial(database: Database) -> anyhow::Result<[Vec<f64>; 2]> {
    let (mut rates, mut cpus) = (Vec::new(), Vec::new());
    for run in 0..5 {
        let people = 5_000;
        let busy = WorldOptions { database: database.clone(), ..options(BUSY, (5_000, 3_000)) };
        let world = World::start(&busy)?;
        let courier = world.sign_in("c1").await?;
        let parcels = courier.import(&list::rows(people, 800_000_000)).await?;
        let pid = world.server.pid().context("no server")?;
        let before = cpu_s(pid)?;
        let began = Instant::now();
        let batches = courier.notify(&parcels).await?;
        let campaign = Campaign { world, courier, batches };
        campaign.finish(Duration::from_secs(120)).await?;
        let seconds = began.elapsed().as_secs_f64();
        rates.push(people as f64 / seconds);
        cpus.push((cpu_s(pid)? - before) * 1000.0 / people as f64);
        eprintln!("dial run {run} on {database:?}: {:.0} a second, {:.3} ms each", rates[run], cpus[run]);
    }
    Ok([rates, cpus])
}

async fn notice() -> anyhow::Result<()> {
    let mut cpus = Vec::new();
    for run in 0..5 {
        let people = 400;
        let campaign = Campaign::start(&options(NOTICE, (100, 500)), people).await?;
        let pid = campaign.world.server.pid().context("no server")?;
        let before = cpu_s(pid)?;
        campaign.finish(Duration::from_secs(120)).await?;
        cpus.push((cpu_s(pid)? - before) * 1000.0 / people as f64);
        eprintln!("notice run {run}: {:.3} ms each", cpus[run]);
    }
    let mut cpu = figure("dial.cpu_notice", "ms", &cpus);
    cpu.peer = Some("750 packets sent, and nothing else".into());
    cpu.peer_value = Some(sends_alone()?);
    tell(vec![cpu])
}

/// CPU that the 750 packets of 15 s of sound cost on this machine if nothing else is done, ms: 172 bytes each, one by
/// one, to a socket of another thread that reads them. The median of several runs.
fn sends_alone() -> anyhow::Result<f64> {
    const CALLS: usize = 40;
    let (here, there) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    here.connect(there.local_addr()?)?;
    there.set_read_timeout(Some(Duration::from_millis(200)))?;
    let reader = std::thread::spawn(move || {
        let mut packet = [0u8; 2048];
        while there.recv(&mut packet).is_ok() {}
    });
    let mut costs = Vec::new();
    for _ in 0..9 {
        let before = thread_cpu_ms()?;
        for _ in 0..CALLS * 750 {
            here.send(&[0xd5; 172])?;
        }
        costs.push((thread_cpu_ms()? - before) / CALLS as f64);
    }
    let _ = reader.join();
    costs.sort_by(f64::total_cmp);
    Ok(costs[costs.len() / 2])
}

/// CPU milliseconds of this thread so far.
fn thread_cpu_ms() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat.split_whitespace().next().context("odd schedstat")?.parse()?;
    Ok(nanoseconds / 1e6)
}

async fn import() -> anyhow::Result<()> {
    let mut seconds = Vec::new();
    for run in 0..5 {
        let world = World::start(&options(BUSY, (10, 10)))?;
        let courier = world.sign_in("c1").await?;
        let rows = list::rows(10_000, 800_000_000);
        let began = Instant::now();
        courier.post("/parcels/import", &serde_json::json!({ "rows": rows })).await?;
        seconds.push(began.elapsed().as_secs_f64());
        eprintln!("import run {run}: {:.3} s", seconds[run]);
    }
    tell(vec![figure("import.rows_10k", "s", &seconds), figure("import.rows_100k", "s", &long_list().await?)])
}

/// A file of 100,000 rows by the courier's app in the terminal: read, kept, sent in parts, and pulled back with the server's
/// word for each parcel.
async fn long_list() -> anyhow::Result<Vec<f64>> {
    let mut seconds = Vec::new();
    for run in 0..3 {
        let world = World::start(&options(BUSY, (10, 10)))?;
        let phone = Phone::new(&world.server.url)?;
        phone.must(&["login", "c1"])?;
        let file = phone.list("long.csv", &list::rows(100_000, 800_000_000))?;
        let began = Instant::now();
        phone.must(&["import", file.to_str().context("odd path")?])?;
        seconds.push(began.elapsed().as_secs_f64());
        let courier = world.sign_in("c1").await?;
        let kept = phone.must(&["tasks", "--json", "--limit", "200000"])?;
        let kept: Vec<serde_json::Value> = serde_json::from_str(&kept)?;
        let kept = kept.iter().filter(|p| p["rev"].as_u64() > Some(0)).count();
        let page = courier.get("/parcels?search=800099999&limit=1").await?;
        anyhow::ensure!(kept == 100_000, "{kept} came back with the server's word");
        anyhow::ensure!(page.as_array().is_some_and(|p| p.len() == 1), "the last one is not there");
        eprintln!("long list run {run}: {:.1} s", seconds[run]);
    }
    Ok(seconds)
}

async fn rss() -> anyhow::Result<()> {
    let people = 20_000;
    let campaign = Campaign::start(&options(BUSY, (1_000, 3_000)), people).await?;
    campaign.finish(Duration::from_secs(300)).await?;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let pid = campaign.world.server.pid().context("no server")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kb: f64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.trim().trim_end_matches(" kB").trim().parse().ok())
        .context("no VmRSS")?;
    tell(vec![figure("server.rss_after", "MB", &[kb / 1024.0])])
}

fn tell(figures: Vec<Figure>) -> anyhow::Result<()> {
    for f in &figures {
        eprintln!("{:20} {:10.3} {} ({})", f.id, f.value, f.unit, f.note);
    }
    store(figures)
}

/// CPU seconds of a process so far.
fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit(')').next().context("odd stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: f64 = fields.get(11).context("odd stat")?.parse::<f64>()?
        + fields.get(12).context("odd stat")?.parse::<f64>()?;
    // the kernel's USER_HZ is 100 on every Linux that Rust runs on
    Ok(ticks / 100.0)
}
