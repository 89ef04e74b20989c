//! Arguments of attendance.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use waybell_domain::attendance::PunchKind;

/// What a punch says.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Which {
    /// Work begins.
    #[value(alias = "上班")]
    In,
    /// Work ends.
    #[value(alias = "下班")]
    Out,
    /// At work here, away from the work places.
    #[value(alias = "外勤")]
    Field,
}

impl Which {
    pub(crate) fn kind(self) -> PunchKind {
        match self {
            Which::In => PunchKind::ClockIn,
            Which::Out => PunchKind::ClockOut,
            Which::Field => PunchKind::Field,
        }
    }
}

#[derive(Args)]
pub(crate) struct PunchArgs {
    /// in, out, or field.
    pub which: Which,
    /// Where this is: latitude and longitude (WGS-84), with a comma between.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
    pub place: Option<String>,
    /// How exact that is, metres.
    #[arg(long, value_name = "METRES", requires = "place")]
    pub accuracy: Option<f32>,
    /// What you say about it.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Where this is in words.
    #[arg(long, value_name = "TEXT")]
    pub address: Option<String>,
    /// A photo, at most 9.
    #[arg(long, value_name = "FILE")]
    pub photo: Vec<PathBuf>,
}
