//! What every benchmark needs: where figures go, and the programs of others beside which they are taken.
//!
//! Apart from `waybell-tests`, so that a benchmark of one part builds without the server.

use std::path::{Path, PathBuf};

pub mod python;
pub mod results;

/// The folder of the workspace's built programs: where this test or program lies itself.
pub fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.parent().map(Path::to_path_buf).unwrap_or_default();
    if folder.ends_with("deps") { folder.parent().map(Path::to_path_buf).unwrap_or_default() } else { folder }
}
