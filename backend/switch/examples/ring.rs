//! Rings a number over UDP, plays a WAV or a tone to whoever answers, reports keys, and hangs up.
//!
//! ```text
//! cargo run -p waybell-switch --example ring -- PEER CALLEE [COUNT] [CALLS_A_SECOND] [WAV]
//! ```
//!
//! With a count above 1 it rings that many times and prints what became of them: a small load generator.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use waybell_switch::{Draft, EndHow, EventKind, Play, Prompt, Switch, SwitchConfig, TrunkConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [peer, callee, rest @ ..] = args.as_slice() else {
        return Err("usage: ring PEER CALLEE [COUNT] [CALLS_A_SECOND] [WAV]".into());
    };
    let count: usize = rest.first().map_or(Ok(1), |n| n.parse())?;
    let cps: u32 = rest.get(1).map_or(Ok(10), |n| n.parse())?;
    let prompt = match rest.get(2) {
        Some(path) => Prompt::from_wav("notice", Path::new(path))?,
        None => Prompt::from_pcm("tone", &waybell_switch::media::tone::dtmf('5', 1000)),
    };
    let mut trunk = TrunkConfig::new("out", vec![peer.clone()]);
    trunk.caller_ids = vec!["1000".to_owned()];
    trunk.cps = cps;
    trunk.channels = 5000;
    let config = SwitchConfig { trunks: vec![trunk], ..SwitchConfig::default() };
    let (switch, mut events) = Switch::start(config).await?;

    let placing = {
        let (switch, callee) = (switch.clone(), callee.clone());
        tokio::spawn(async move {
            let mut placed = 0;
            let run = format!("{:?}", Instant::now());
            while placed < count {
                switch.permit_ready("out").await;
                for permit in switch.try_permits("out", count - placed) {
                    let attempt = format!("{run} {placed}");
                    let headers = Vec::new();
                    let draft = Draft {
                        attempt: &attempt,
                        route_no: 0,
                        trunk: "out",
                        caller: "1000",
                        callee: &callee,
                        headers,
                    };
                    match switch.draft(draft) {
                        Ok(record) => {
                            switch.place(record, permit);
                            placed += 1;
                        }
                        Err(e) => {
                            eprintln!("failed to draft: {e}");
                            return;
                        }
                    }
                }
            }
        })
    };
    let start = Instant::now();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = count;
    while left > 0 {
        let Some(event) = events.recv().await else { break };
        match event.kind {
            EventKind::Answered { .. } => {
                switch.confirm(&event.leg);
                switch.play(&event.leg, Play::once(1, vec![prompt.clone()]));
            }
            EventKind::Challenged { .. } => switch.resubmit(&event.leg),
            EventKind::PlayEnded { .. } => switch.hang_up(&event.leg, None),
            EventKind::Ended { end } => {
                left -= 1;
                *ends.entry(format!("{:?} {}", end.how, end.status.unwrap_or(0))).or_default() += 1;
                if end.how == EndHow::TransportFailed {
                    eprintln!("{end:?}");
                }
            }
            other if count == 1 => eprintln!("{:>7.3} {other:?}", start.elapsed().as_secs_f64()),
            _ => {}
        }
    }
    placing.await?;
    eprintln!("{ends:?} in {:.2} s", start.elapsed().as_secs_f64());
    eprintln!("{:?}", switch.stats());
    switch.shutdown().await;
    Ok(())
}
