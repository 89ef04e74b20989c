//! Programs from PyPI that ours are compared with, in virtual environments below `target/`.

use anyhow::Context;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The interpreter of an environment of this name, made if it is missing, with these packages.
///
/// # Errors
///
/// Where it cannot be made or a package cannot be brought: the comparison is then left out, and says so.
pub fn environment(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let programs = crate::programs();
    let folder = programs.parent().context("no target folder")?.join(name);
    let python = folder.join("bin/python");
    let run = |command: &mut Command| -> anyhow::Result<()> {
        let status = command.stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "{command:?} ended with {status}");
        Ok(())
    };
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(packages))?;
    Ok(python)
}
