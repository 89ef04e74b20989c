//! `waybell-house`: rules of the house that no compiler checks. Part of `make check`.
//!
//! `licences` (deny.toml), `features` (docs/features.tsv), `sizes` and `paths` of all files, `benchmarks`; `all` is each of them. Every
//! finding is one line; exit code 1 if there is one, 2 if a rule cannot be checked. Run from the folder of the workspace.

mod benchmarks;
mod features;
mod files;
mod licences;
mod spdx;

use clap::{Parser, ValueEnum};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Checks the rules of the house.
#[derive(Parser)]
#[command(name = "waybell-house", version)]
struct Arguments {
    /// Which rules.
    #[arg(value_enum, default_value = "all")]
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// Licences, sources and banned packages, by deny.toml.
    Licences,
    /// docs/features.tsv: every row has a status, every proof exists.
    Features,
    /// No file over 25 kB.
    Sizes,
    /// No path of one machine, no package host.
    Paths,
    /// docs/BENCHMARKS.md is made from docs/benchmarks.json.
    Benchmarks,
    /// Takes new figures into docs/benchmarks.json and docs/BENCHMARKS.md.
    Record,
    /// Every rule.
    All,
}

/// What a rule says: how much was looked at, and what is wrong.
struct Report {
    looked_at: String,
    findings: Vec<String>,
}

fn main() -> ExitCode {
    let mut rules = Arguments::parse().rules;
    if rules.contains(&Rule::All) {
        rules = vec![Rule::Licences, Rule::Features, Rule::Sizes, Rule::Paths, Rule::Benchmarks];
    }
    let root = Path::new(".");
    let mut code = 0;
    let mut out = std::io::stdout().lock();
    for rule in rules {
        let (name, report) = match rule {
            Rule::Licences => ("licences", licences::check(root)),
            Rule::Features => ("features", features::check(root)),
            Rule::Sizes => ("sizes", files::sizes(root)),
            Rule::Benchmarks => ("benchmarks", benchmarks::check(root)),
            Rule::Record => ("record", benchmarks::record(root)),
            Rule::Paths | Rule::All => ("paths", files::paths(root)),
        };
        let text = match report {
            Ok(report) if report.findings.is_empty() => format!("{name}: {}, good\n", report.looked_at),
            Ok(report) => {
                code = code.max(1);
                let count = report.findings.len();
                let lines: String = report.findings.iter().map(|f| format!("{name}: {f}\n")).collect();
                format!("{lines}{name}: {}, {count} findings\n", report.looked_at)
            }
            Err(error) => {
                code = 2;
                format!("{name}: {error:#}\n")
            }
        };
        // A closed pipe changes nothing about the verdict.
        let _ = out.write_all(text.as_bytes());
    }
    ExitCode::from(code)
}
