//! A second server on the same database, in mid-campaign: it goes on, the first one stores nothing any more and ends.

use crate::campaign::Campaign;
use crate::database::Kept;
use crate::{Server, WorldOptions};
use anyhow::{Context, ensure};
use std::time::{Duration, Instant};

const SLOW: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 300\ntalk_ms = 300\n";

/// The take-over, to the verdict.
///
/// # Errors
/// What the judge found, or that the first server goes on.
pub async fn take_over() -> anyhow::Result<()> {
    let options = WorldOptions { carrier: SLOW.into(), rate: (15, 40), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 60).await?;
    let folder = campaign.world.folder.path().to_owned();
    campaign.world.until_rung(10).await?;
    // the same database from another folder: the lock of the folder does not see it
    let text = std::fs::read_to_string(folder.join("server.toml"))?;
    let first = text.lines().find(|l| l.starts_with("sip = ")).context("no sip")?.to_owned();
    let other: String = text
        .replace(&format!("data = {:?}", folder.join("data")), &format!("data = {:?}", folder.join("data2")))
        .replace(&first, "sip = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]")
        .lines()
        .map(|l| if l.starts_with("http = ") { "http = \"127.0.0.1:0\"\n".into() } else { format!("{l}\n") })
        .collect();
    let other = match campaign.world.database {
        Kept::File(_) => format!("database = {:?}\n{other}", campaign.world.database.url()),
        Kept::Base(_) => other,
    };
    std::fs::write(folder.join("second.toml"), other)?;
    std::fs::create_dir_all(folder.join("data2"))?;
    // the second one signs with the same secret, so that one sign-in holds for both
    for file in std::fs::read_dir(folder.join("data"))? {
        let file = file?.path();
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if name.contains("key") || name.contains("secret") || name.contains("token") {
            std::fs::copy(&file, folder.join("data2").join(name))?;
        }
    }
    let mut second = Server::new(folder.join("second.toml"), folder.join("second.log"));
    // when exactly it takes over only it knows: for the judge the first one dies all the while
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let noting = std::thread::scope(|s| {
        let world = &campaign.world;
        s.spawn(move || {
            while ended.recv_timeout(Duration::from_millis(5))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                if world.note_kill().is_err() {
                    break;
                }
            }
        });
        let started = second.start();
        drop(done);
        started
    });
    noting?;
    let until = Instant::now() + Duration::from_secs(15);
    while !campaign.world.server.has_died() {
        ensure!(Instant::now() < until, "the first server goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    campaign.world.note_kill()?;
    ensure!(campaign.world.server.log().contains("stops dialling for good"), "it does not say why it ended");
    std::mem::swap(&mut campaign.world.server, &mut second);
    campaign.courier = campaign.world.sign_in("c1").await?;
    campaign.finish(Duration::from_secs(60)).await?;
    let probes = campaign.world.events()?.iter().filter(|e| e.probe == Some(true)).count();
    ensure!(probes == 0, "another server's calls were asked about, {probes} times");
    campaign.verdict().await?;
    Ok(())
}
