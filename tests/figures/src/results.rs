//! `target/bench/results.json`: an array of `{"id","value","unit","peer","peer_value","note"}`, one entry an id.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Id of the design's section 7.
    pub id: String,
    /// Value: the median of the runs.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// A peer that ran beside it.
    #[serde(default)]
    pub peer: Option<String>,
    /// The peer's value.
    #[serde(default)]
    pub peer_value: Option<f64>,
    /// Spread, runs, load.
    pub note: String,
}

fn file() -> PathBuf {
    let target = crate::programs();
    target.parent().map(|t| t.join("bench/results.json")).unwrap_or_else(|| "results.json".into())
}

/// Puts figures into the file; an id that is there is replaced.
pub fn store(figures: Vec<Figure>) -> anyhow::Result<()> {
    let file = file();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut all: Vec<Figure> =
        std::fs::read(&file).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    for figure in figures {
        all.retain(|f| f.id != figure.id);
        all.push(figure);
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    std::fs::write(file, serde_json::to_string_pretty(&all)?)?;
    Ok(())
}

/// Median of the runs, with spread and load average as a note.
pub fn figure(id: &str, unit: &str, runs: &[f64]) -> Figure {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let value = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let note = format!(
        "{} runs, {:.3} to {:.3}, load average {load} at the end",
        sorted.len(),
        sorted.first().copied().unwrap_or(f64::NAN),
        sorted.last().copied().unwrap_or(f64::NAN)
    );
    Figure { id: id.into(), value, unit: unit.into(), peer: None, peer_value: None, note }
}
