//! How well addresses fall into stops: pairwise F1 over the labelled ones (`tests/data/addresses/README.md`).

use anyhow::Context;
use std::time::Instant;
use waybell_domain::address::{StopKey, group};
use waybell_tests::results::{Figure, figure};

const LABELS: &str = include_str!("../../../data/addresses/labels.tsv");

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut rows = Vec::new();
    for line in LABELS.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        rows.push((*cells.get(2).context("an address")?, *cells.get(14).context("a stop")?));
    }
    let began = Instant::now();
    let keys: Vec<StopKey> = rows.iter().map(|r| StopKey::of(r.0)).collect();
    let found = group(&keys);
    eprintln!("group: {} addresses in {:.1} ms", rows.len(), began.elapsed().as_secs_f64() * 1000.0);
    let (mut both, mut either) = (0.0, 0.0);
    for (n, a) in rows.iter().enumerate() {
        for (m, b) in rows.iter().enumerate().skip(n + 1) {
            let (is, said) = (a.1 == b.1, found[n] == found[m]);
            both += f64::from(u8::from(is && said)) * 2.0;
            either += f64::from(u8::from(is)) + f64::from(u8::from(said));
        }
    }
    Ok(vec![figure("group.f1", "", &[both / either])])
}
