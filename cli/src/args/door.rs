//! Arguments of what is done at a door.

use super::words::words;
use clap::Args;
use std::path::PathBuf;
use waybell_domain::parcel::{ConsentSource, ExceptionReason, Payer, SignedBy};

/// Parcels by number, or of whole stops.
#[derive(Args)]
pub(crate) struct Chosen {
    /// Waybill numbers.
    #[arg(value_name = "WAYBILL")]
    pub waybills: Vec<String>,
    /// Every open parcel of this stop; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub stop: Vec<String>,
}

#[derive(Args)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Who took them.
    #[arg(long, default_value = "recipient", value_parser = words::<SignedBy>(), value_name = "WHO")]
    pub by: String,
    /// Name of who took them.
    #[arg(long, value_name = "PERSON")]
    pub name: Option<String>,
    /// Cash on delivery that was collected, yuan.
    #[arg(long, value_name = "YUAN")]
    pub cash: Option<String>,
    /// A photo; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub photo: Vec<PathBuf>,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["station", "locker", "door"]))]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    pub chosen: Chosen,
    /// At this station.
    #[arg(long, value_name = "PLACE")]
    pub station: Option<String>,
    /// In this locker.
    #[arg(long, value_name = "PLACE")]
    pub locker: Option<String>,
    /// At the door.
    #[arg(long)]
    pub door: bool,
    /// The recipient's code.
    #[arg(long, conflicts_with = "door")]
    pub code: Option<String>,
    /// How the recipient agreed, where no key was pressed.
    #[arg(long, value_parser = words::<ConsentSource>(), value_name = "HOW")]
    pub consent: Option<String>,
    /// Where exactly, or what was said.
    #[arg(long)]
    pub note: Option<String>,
    /// A photo; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub photo: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ExceptArgs {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why.
    #[arg(long, value_parser = words::<ExceptionReason>())]
    pub reason: String,
    /// More about it.
    #[arg(long)]
    pub note: Option<String>,
    /// When the recipient wants it: 18:00 (today), tomorrow 18:00, 2026-11-22T09:30.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// A photo; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub photo: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct PickUpArgs {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Weight of each, grams.
    #[arg(long, value_name = "GRAMS")]
    pub weight: Option<u32>,
    /// Size, millimetres: 300x200x100.
    #[arg(long)]
    pub size: Option<String>,
    /// Who pays.
    #[arg(long, value_parser = words::<Payer>(), value_name = "WHO")]
    pub payer: Option<String>,
    /// What was collected, yuan.
    #[arg(long, value_name = "YUAN")]
    pub sum: Option<String>,
    /// A photo; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub photo: Vec<PathBuf>,
}
