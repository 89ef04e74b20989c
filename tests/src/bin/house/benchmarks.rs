//! docs/BENCHMARKS.md: made from docs/benchmarks.json, which keeps the last figure of each id.

use super::Report;
use anyhow::Context;
use std::fmt::Write;
use std::path::Path;
use waybell_tests::results::Figure;

/// An id of the design, its bar, and what measures it.
struct Bar {
    id: &'static str,
    is: Is,
    bar: f64,
    command: &'static str,
}

#[derive(Clone, Copy)]
enum Is {
    AtMost,
    Below,
    AtLeast,
}

const fn bar(id: &'static str, is: Is, bar: f64, command: &'static str) -> Bar {
    Bar { id, is, bar, command }
}

/// In the order of the page.
const BARS: &[Bar] = &[
    bar("dial.rate", Is::AtLeast, 500.0, "make bench BENCH=dial"),
    bar("dial.cpu", Is::AtMost, 0.6, "make bench BENCH=dial"),
    bar("dial.rate_postgres", Is::AtLeast, 500.0, "make bench BENCH=postgres"),
    bar("dial.cpu_notice", Is::AtMost, 3.0, "make bench BENCH=notice"),
    bar("dial.kill.runs", Is::AtLeast, 200.0, "make bench-guarantee"),
    bar("dial.kill.missed", Is::AtMost, 0.0, "make bench-guarantee"),
    bar("dial.kill.doubled", Is::AtMost, 0.0, "make bench-guarantee"),
    bar("dial.kill.unknown_share", Is::AtMost, 0.5, "make bench-guarantee"),
    bar("dial.kill.resume_s", Is::AtMost, 10.0, "make bench-guarantee"),
    bar("notice.heard", Is::AtLeast, 0.9, "make bench BENCH=heard"),
    bar("import.rows_10k", Is::AtMost, 2.0, "make bench BENCH=import"),
    bar("import.rows_100k", Is::AtMost, 30.0, "make bench BENCH=import"),
    bar("server.rss_after", Is::AtMost, 150.0, "make bench BENCH=rss"),
    bar("sync.delta", Is::AtMost, 150.0, "make bench BENCH=phone"),
    bar("store.open", Is::AtMost, 30.0, "make bench BENCH=phone"),
    bar("search.p99_10k", Is::Below, 1.0, "make bench BENCH=phone"),
    bar("search.p99_100k", Is::Below, 2.0, "make bench BENCH=phone"),
    bar("route.gap_mean_50ms", Is::AtMost, 0.2, "make bench-route"),
    bar("route.gap_max_50ms", Is::AtMost, 1.0, "make bench-route"),
    bar("route.windows_gap", Is::AtMost, 1.0, "make bench-route"),
    bar("route.gap_1000", Is::AtMost, 2.0, "make bench-route"),
    bar("route.insert_p99", Is::Below, 5.0, "make bench-route"),
    bar("group.f1", Is::AtLeast, 0.97, "make bench BENCH=group"),
    bar("label.right", Is::AtLeast, 0.98, "make bench BENCH=labels"),
    bar("label.wrong_sure", Is::AtMost, 0.0, "make bench BENCH=labels"),
    bar("track.vs_opw", Is::AtMost, 0.9, "make bench BENCH=track"),
    bar("track.bytes_per_km", Is::AtMost, 55.0, "make bench BENCH=track"),
    bar("track.points_per_s", Is::AtLeast, 20.0, "make bench BENCH=track"),
    bar("track.odometer_error", Is::AtMost, 2.0, "make bench BENCH=track"),
    bar("track.still_8h", Is::Below, 100.0, "make bench BENCH=track"),
    bar("attendance.false_accept", Is::Below, 0.1, "make bench BENCH=attendance"),
    bar("attendance.false_reject", Is::Below, 2.0, "make bench BENCH=attendance"),
    bar("ingest.fixes_per_s", Is::AtLeast, 50_000.0, "make bench BENCH=ingest"),
    bar("voice.pesq_0", Is::AtLeast, 4.2, "make bench BENCH=voice"),
    bar("voice.pesq_5", Is::AtLeast, 4.1, "make bench BENCH=voice"),
    bar("voice.pesq_10", Is::AtLeast, 4.0, "make bench BENCH=voice"),
    bar("voice.pesq_20", Is::AtLeast, 3.7, "make bench BENCH=voice"),
    bar("voice.pesq_30", Is::AtLeast, 3.3, "make bench BENCH=voice"),
    bar("voice.pesq_burst_10", Is::AtLeast, 3.4, "make bench BENCH=voice"),
    bar("voice.pesq_burst_20", Is::AtLeast, 2.7, "make bench BENCH=voice"),
    bar("voice.pesq_jitter_20", Is::AtLeast, 3.3, "make bench BENCH=voice"),
    bar("voice.delay_p50", Is::AtMost, 90.0, "make bench BENCH=voice"),
    bar("voice.delay_jitter_20", Is::AtMost, 160.0, "make bench BENCH=voice"),
    bar("voice.cpu", Is::AtMost, 3.0, "make bench BENCH=voice"),
    bar("route.gap_mean_1s", Is::AtMost, 0.2, "make bench-route"),
];

impl Bar {
    fn held(&self, value: f64) -> bool {
        match self.is {
            Is::AtMost => value <= self.bar,
            Is::Below => value < self.bar,
            Is::AtLeast => value >= self.bar,
        }
    }

    fn text(&self) -> String {
        let sign = match self.is {
            Is::AtMost => "≤",
            Is::Below => "<",
            Is::AtLeast => "≥",
        };
        format!("{sign} {}", self.bar)
    }
}

/// The page is the one that the kept figures make.
pub(crate) fn check(root: &Path) -> anyhow::Result<Report> {
    let kept = kept(root)?;
    let mut findings = Vec::new();
    for figure in &kept {
        if !BARS.iter().any(|b| b.id == figure.id) {
            findings.push(format!("docs/benchmarks.json: {} has no bar in the list of the house", figure.id));
        }
    }
    if std::fs::read_to_string(root.join("docs/BENCHMARKS.md")).unwrap_or_default() != page(&kept) {
        findings.push(
            "docs/BENCHMARKS.md: is not what docs/benchmarks.json makes: run waybell-house record".into(),
        );
    }
    Ok(Report { looked_at: format!("{} figures", kept.len()), findings })
}

/// Takes the figures of target/bench/results.json over, and writes the page.
pub(crate) fn record(root: &Path) -> anyhow::Result<Report> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let fresh: Vec<Figure> = match std::fs::read(target.join("bench/results.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).context("bench/results.json")?,
        Err(_) => Vec::new(),
    };
    let mut kept = kept(root)?;
    let count = fresh.len();
    for figure in fresh.into_iter().filter(|f| BARS.iter().any(|b| b.id == f.id)) {
        kept.retain(|k| k.id != figure.id);
        kept.push(figure);
    }
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    std::fs::write(root.join("docs/benchmarks.json"), serde_json::to_string_pretty(&kept)? + "\n")?;
    std::fs::write(root.join("docs/BENCHMARKS.md"), page(&kept))?;
    Ok(Report { looked_at: format!("{count} new figures, {} in all", kept.len()), findings: Vec::new() })
}

fn kept(root: &Path) -> anyhow::Result<Vec<Figure>> {
    match std::fs::read(root.join("docs/benchmarks.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).context("docs/benchmarks.json"),
        Err(_) => Ok(Vec::new()),
    }
}

fn page(kept: &[Figure]) -> String {
    let mut out = String::from(
        "# Benchmarks\n\n\
         Made by `waybell-house record` from `docs/benchmarks.json`, which keeps the last figure of each id; do not edit.\n\
         `make bench` measures (`BENCH=dial` only one part), `make bench-guarantee` is the long run with kills, which can be\n\
         interrupted and goes on. Each figure is the median of its runs in a release build; on a machine of two cores the\n\
         simulated carrier has its share of both. What is not in the table has not been measured by a command of this\n\
         repository. Tests never assert speed.\n\n\
         | id | value | bar | beside it | runs | command |\n|---|---|---|---|---|---|\n",
    );
    let mut missing = Vec::new();
    let mut short = Vec::new();
    for bar in BARS {
        let Some(f) = kept.iter().find(|f| f.id == bar.id) else {
            missing.push(format!("`{}`", bar.id));
            continue;
        };
        let value = format!("{} {}", number(f.value), f.unit);
        let value = if bar.held(f.value) {
            value
        } else {
            short.push(format!("`{}`", bar.id));
            format!("**{value}**")
        };
        let peer = match (&f.peer, f.peer_value) {
            (Some(name), Some(v)) => format!("{name}: {} {}", number(v), f.unit),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {value} | {} | {peer} | {} | `{}` |",
            f.id,
            bar.text(),
            f.note,
            bar.command
        );
    }
    if !short.is_empty() {
        let _ = write!(out, "\nShort of their bar (bold): {}.\n", short.join(", "));
    }
    if !missing.is_empty() {
        let _ = write!(out, "\nNot measured yet: {}.\n", missing.join(", "));
    }
    out
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_bar_is_shown() {
        let figure = |id: &str, value| Figure {
            id: id.into(),
            value,
            unit: "ms".into(),
            peer: None,
            peer_value: None,
            note: "5 runs".into(),
        };
        let page = page(&[figure("dial.cpu", 0.9), figure("search.p99_10k", 0.5)]);
        assert!(page.contains("| `dial.cpu` | **0.90 ms** | ≤ 0.6 |"), "{page}");
        assert!(page.contains("Short of their bar (bold): `dial.cpu`."), "{page}");
        assert!(page.contains("| `search.p99_10k` | 0.50 ms | < 1 |"), "{page}");
        assert!(page.contains("Not measured yet: `dial.rate`"), "{page}");
    }
}
