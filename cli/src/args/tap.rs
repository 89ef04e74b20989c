//! Arguments of the tap, and of the tour.

use super::words::words;
use clap::Args;
use waybell_domain::track::coordinates::Datum;

#[derive(Args)]
pub(crate) struct NotifyArgs {
    /// Waybill numbers.
    pub waybills: Vec<String>,
    /// Every parcel that this search means: 幸福花园3 is building 3, not 31.
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["waybills", "all"])]
    pub search: Option<String>,
    /// With --search: also what answers less closely, all that `waybell search` shows.
    #[arg(long, requires = "search")]
    pub loose: bool,
    /// Every open parcel of this stop, by its name in `waybell stops`; several are possible.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["waybills", "all", "search"])]
    pub stop: Vec<String>,
    /// Every parcel on the list.
    #[arg(long, conflicts_with = "waybills")]
    pub all: bool,
    /// Key of the notice.
    #[arg(long, default_value = "arrived")]
    pub template: String,
    /// Start no earlier: 14:30 (today), tomorrow 08:30, 2026-11-22T09:30; with a zone if wanted (Z, +08:00).
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Ring each person so many minutes before you arrive, by the route as it is now; 1 to 240.
    #[arg(long, value_name = "MINUTES", conflicts_with = "at", value_parser = clap::value_parser!(u16).range(1..=240))]
    pub before: Option<u16>,
    /// With --before: where you are; otherwise at the first stop of the list. WGS-84.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true, requires = "before")]
    pub from: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Args)]
pub(crate) struct RouteArgs {
    /// Where you are; otherwise at the first stop of the list.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Where the tour ends; otherwise at the last stop.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
    pub back_to: Option<String>,
    /// When you leave: 14:30 (today), tomorrow 08:30; otherwise now.
    #[arg(long, value_name = "TIME")]
    pub depart: Option<String>,
    /// Speed on the way, km/h; otherwise 18.
    #[arg(long, value_name = "KMH")]
    pub speed: Option<f64>,
    /// What the coordinates refer to.
    #[arg(long, value_parser = words::<Datum>(), default_value = "wgs84")]
    pub datum: String,
}
