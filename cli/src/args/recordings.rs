//! Arguments of recordings and evidence.

use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct RecordingsArgs {
    /// Digits of the customer's number; a courier's own calls by the last four.
    #[arg(long, value_name = "DIGITS")]
    pub caller: Option<String>,
    /// The number that was rung or shown, or its end.
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// Login name of the courier (who sees the branch).
    #[arg(long, value_name = "LOGIN")]
    pub courier: Option<String>,
    /// A waybill number that the customer had at that time.
    #[arg(long, value_name = "WAYBILL")]
    pub waybill: Option<String>,
    /// Began then or later: 2026-11-20, "2026-11-20 14:00", 14:00 (today).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Began earlier.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// With so many seconds of sound or more.
    #[arg(long, value_name = "SECONDS")]
    pub longer: Option<u32>,
    /// With so many seconds of sound or less.
    #[arg(long, value_name = "SECONDS")]
    pub shorter: Option<u32>,
    /// Calls without a recording or message, too.
    #[arg(long)]
    pub all: bool,
    /// Most lines.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Args)]
pub(crate) struct EvidenceArgs {
    /// Calls, by their whole ids of waybell recordings.
    #[arg(required = true, value_name = "CALL")]
    pub calls: Vec<String>,
    /// What for; the audit keeps it.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Write the zip file here; evidence.zip otherwise.
    #[arg(long, value_name = "FILE", default_value = "evidence.zip")]
    pub out: PathBuf,
}
