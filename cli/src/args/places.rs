//! Arguments of `pin` and `places`.

use super::words::words;
use clap::Args;
use waybell_domain::building::PlaceSource;
use waybell_domain::track::coordinates::Datum;

#[derive(Args)]
pub(crate) struct PinArgs {
    /// Its name in `waybell stops`.
    pub stop: String,
    /// Latitude and longitude in degrees, with a comma between.
    #[arg(value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true, required_unless_present = "remove")]
    pub place: Option<String>,
    /// Take back what was set by hand, whoever did.
    #[arg(long, conflicts_with = "place")]
    pub remove: bool,
    /// What the coordinates refer to.
    #[arg(long, value_parser = words::<Datum>(), default_value = "wgs84")]
    pub datum: String,
}

#[derive(Args)]
pub(crate) struct PlacesArgs {
    /// Part of the building's name; with --remove all of it.
    #[arg(default_value = "")]
    pub name: String,
    /// Remove this word on the building, and what it was learned from.
    #[arg(long, value_name = "SOURCE", value_parser = words::<PlaceSource>(), requires = "name")]
    pub remove: Option<String>,
    /// Most lines.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}
