//! Arguments of what calls cost.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Default)]
pub(crate) struct ChargesArgs {
    /// Show this many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    pub limit: u32,
    /// Ask the server for those of the branch (staff); the filters below do so as well.
    #[arg(long)]
    pub branch: bool,
    /// Those of this login name.
    #[arg(long, value_name = "LOGIN")]
    pub courier: Option<String>,
    /// Written at this time or later.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Written before this time.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// Only calls without a price.
    #[arg(long)]
    pub unrated: bool,
}

#[derive(Subcommand)]
pub(crate) enum AccountsVerb {
    /// Write an entry (administrators): a top-up, an opening balance, an adjustment either way.
    #[command(
        after_help = "Examples:\n  waybell accounts pay li.wei 50 --reason 'cash, receipt 17'\n  waybell accounts pay li.wei -3.20 \
        --kind adjustment --reason 'wrong number'"
    )]
    Pay {
        /// Login name of the courier, or name or id of the branch.
        whose: String,
        /// Yuan, such as 12.34.
        #[arg(allow_negative_numbers = true)]
        amount: String,
        /// What it is.
        #[arg(long, value_enum, default_value_t = PayKind::TopUp)]
        kind: PayKind,
        /// Why; it is shown to who has the account.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Set the limits of an account (administrators); what is left out is as the rules say.
    #[command(
        after_help = "Examples:\n  waybell accounts limit li.wei --credit 0\n  waybell accounts limit 'North branch' --daily-cap 200"
    )]
    Limit {
        /// Login name of the courier, or name or id of the branch.
        whose: String,
        /// How far the balance may go below zero, yuan; 0: paid in advance.
        #[arg(long, value_name = "YUAN")]
        credit: Option<String>,
        /// What a day's calls may cost, yuan.
        #[arg(long, value_name = "YUAN")]
        daily_cap: Option<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayKind {
    /// Money that was paid in.
    TopUp,
    /// The balance at the beginning.
    Opening,
    /// What is put right.
    Adjustment,
}

#[derive(Args)]
pub(crate) struct RatesArgs {
    /// A file with the new prices as JSON (administrators); - for standard input.
    #[arg(long, value_name = "FILE")]
    pub set: Option<PathBuf>,
}
