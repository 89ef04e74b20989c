//! Arguments of watching.

use clap::Args;

#[derive(Args)]
pub(crate) struct WatchArgs {
    /// The batch, or the start of its id.
    #[arg(conflicts_with_all = ["area", "zoom", "branch", "changes"])]
    pub batch: Option<String>,
    /// Couriers in this rectangle, WGS-84; everywhere if left out.
    #[arg(long, value_name = "SOUTH,WEST,NORTH,EAST", allow_hyphen_values = true)]
    pub area: Option<String>,
    /// Zoom of the map, 0 to 20; 14 if only the area is given.
    #[arg(long, value_name = "ZOOM", value_parser = clap::value_parser!(u8).range(0..=20))]
    pub zoom: Option<u8>,
    /// Only couriers of this branch: its id.
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// End after so many changes.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub changes: Option<u32>,
}

impl WatchArgs {
    /// Couriers are wanted, and no batch.
    pub(crate) fn is_map(&self) -> bool {
        self.area.is_some() || self.zoom.is_some() || self.branch.is_some() || self.changes.is_some()
    }
}
