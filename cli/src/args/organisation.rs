//! Arguments of the administrators' commands.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use waybell_domain::wire::Role;

#[derive(Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show the rules in force.
    Show,
    /// Change rules and keep the others; null puts one back to its default.
    Set {
        /// Rules, as retry.max_attempts=2 or quiet=[]; values are JSON.
        #[arg(required = true, value_name = "RULE=VALUE")]
        rules: Vec<String>,
        /// Change nothing, show the rules that would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// Change the rules that a JSON file names and keep the others (RFC 7396).
    Patch {
        /// The file; - for standard input.
        file: PathBuf,
        /// Change nothing, show the rules that would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the holidays and working weekends, or take them from a file (ICS, CSV or JSON).
    #[command(
        after_help = "A table has the columns date, name and kind (holiday or workday; 休 or 班). A file with a line that cannot be \
        read is not taken.\n\nExamples:\n  waybell policy calendar\n  waybell policy calendar 2027.ics --dry-run   say what would \
        change\n  waybell policy set 'holiday_quiet=[{\"from\":\"18:00\",\"to\":\"10:00\"}]'   ring people on holidays from 10 to 18"
    )]
    Calendar {
        /// The file; - for standard input.
        file: Option<PathBuf>,
        /// Empty the years that the file names first.
        #[arg(long, requires = "file")]
        replace: bool,
        /// Change nothing, show what would change.
        #[arg(long, requires = "file")]
        dry_run: bool,
    },
    /// Show the carriers and voice services whose limits can be taken by name (carrier=NAME).
    #[command(after_help = "Example:\n  waybell policy carriers\n  waybell policy set carrier=aliyun")]
    Carriers,
}

#[derive(Args)]
pub(crate) struct OptOutArgs {
    /// Never ring this number; may be given several times.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["remove", "import"])]
    pub add: Vec<String>,
    /// Ring this number again (administrators).
    #[arg(long, value_name = "NUMBER", conflicts_with = "import")]
    pub remove: Option<String>,
    /// Never ring the numbers of a list: CSV, XLSX or JSON with a telephone column, or a number a line.
    #[arg(long, value_name = "FILE")]
    pub import: Option<PathBuf>,
    /// Change nothing, say what the list would do.
    #[arg(long, requires = "import")]
    pub dry_run: bool,
}

#[derive(Args)]
pub(crate) struct ConsentArgs {
    /// The sheet: .csv for spreadsheets, .html to print.
    pub file: PathBuf,
    /// Not before: 2026-11-01, or a moment.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Before: 2026-12-01, or a moment.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Of this number.
    #[arg(long)]
    pub phone: Option<String>,
    /// About this waybill.
    #[arg(long)]
    pub waybill: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum PeopleVerb {
    /// Show who may sign in, with their own mobiles.
    List {
        /// Also who may not sign in any more.
        #[arg(long)]
        all: bool,
    },
    /// Make a person; asks for the password.
    Add {
        /// Login name.
        login: String,
        /// Role.
        #[arg(long, value_enum, default_value = "courier")]
        role: RoleWord,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Change a person: name, own mobile, password, or whether they may sign in.
    Change {
        /// Login name, or id.
        login: String,
        /// May not sign in any more; every session ends.
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// May sign in again.
        #[arg(long)]
        enable: bool,
        #[command(flatten)]
        person: PersonArgs,
    },
}

#[derive(Args)]
pub(crate) struct PersonArgs {
    /// Name on screens.
    #[arg(long)]
    pub name: Option<String>,
    /// Own mobile, which rings when a recipient asks for the courier; empty takes it away.
    #[arg(long)]
    pub phone: Option<String>,
    /// New password; asked for when the value is left out.
    #[arg(
        long,
        env = "WAYBELL_NEW_PASSWORD",
        hide_env_values = true,
        num_args = 0..=1,
        default_missing_value = "",
        value_name = "PASSWORD"
    )]
    pub new_password: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    Courier,
    Supervisor,
    Agent,
    #[value(name = "team_leader")]
    TeamLeader,
    Administrator,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Courier => Role::Courier,
            RoleWord::Supervisor => Role::Supervisor,
            RoleWord::Agent => Role::Agent,
            RoleWord::TeamLeader => Role::TeamLeader,
            RoleWord::Administrator => Role::Administrator,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}
