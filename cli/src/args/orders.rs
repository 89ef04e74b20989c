//! Arguments of work orders.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use waybell_domain::order::{OrderNode, Satisfaction};

#[derive(Args, Default)]
pub(crate) struct OrdersArgs {
    /// Done ones too.
    #[arg(long)]
    pub all: bool,
    /// Ask the server for those of the branch (staff); the filters below do so as well.
    #[arg(long)]
    pub branch: bool,
    /// Its number, or the beginning of it.
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// Opened at this time or later.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Opened before this time.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// Part of the customer's name.
    #[arg(long, value_name = "NAME")]
    pub customer: Option<String>,
    /// Of the customer's number: three digits or more.
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// Part of the address.
    #[arg(long, value_name = "TEXT")]
    pub address: Option<String>,
    /// Part of what it is about.
    #[arg(long, value_name = "TEXT")]
    pub content: Option<String>,
    /// Login name of who assigned it.
    #[arg(long, value_name = "LOGIN")]
    pub dispatcher: Option<String>,
    /// Login name of who handles it.
    #[arg(long, value_name = "LOGIN")]
    pub handler: Option<String>,
    /// pending, in_progress, done, on_hold, warning or overdue; several with commas.
    #[arg(long, value_name = "STATES")]
    pub state: Option<String>,
    /// Only those that ask for somebody now.
    #[arg(long)]
    pub attention: bool,
    /// Write what is found here, as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Show totals instead: week, month or year.
    #[arg(long, value_name = "PERIOD")]
    pub totals: Option<String>,
}

/// What is done with an order.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum OrderDo {
    /// Staff take it up.
    Accept,
    /// It is right as it is.
    Approve,
    /// To somebody.
    Assign,
    /// You are on it.
    Take,
    /// A point of its way: --node.
    Mark,
    /// Back to be assigned.
    #[value(name = "give-back")]
    Return,
    /// To somebody else.
    Transfer,
    /// The clock stands: --until.
    Hold,
    /// The clock goes on.
    Resume,
    /// Done.
    Resolve,
    /// What the customer says: --outcome.
    Revisit,
    /// Not done after all.
    Reopen,
    /// Archived without being resolved.
    Close,
    /// An answer is wanted.
    Urge,
    /// An urge is answered.
    Ack,
    /// A remark.
    Note,
}

#[derive(Args)]
pub(crate) struct OrderArgs {
    /// Its number, or the last part of it.
    pub number: String,
    /// What is done; without it the order is shown with its trail.
    #[arg(value_enum)]
    pub action: Option<OrderDo>,
    /// Reason, answer, or what was done.
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// Login name of who is to handle it.
    #[arg(long, value_name = "LOGIN")]
    pub to: Option<String>,
    /// Key of the department.
    #[arg(long, value_name = "DEPARTMENT")]
    pub department: Option<String>,
    /// Until when the clock stands.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// responded, on_site or repaired.
    #[arg(long, value_parser = super::words::words::<OrderNode>(), value_name = "NODE")]
    pub node: Option<String>,
    /// satisfied, unsatisfied or not_reached.
    #[arg(long, value_parser = super::words::words::<Satisfaction>(), value_name = "OUTCOME")]
    pub outcome: Option<String>,
}

#[derive(Args)]
pub(crate) struct OpenOrderArgs {
    /// What it is about.
    #[arg(value_name = "TEXT")]
    pub content: String,
    /// Key of its type, for example complaint.
    #[arg(long = "type", value_name = "TYPE", default_value = "complaint")]
    pub kind: String,
    /// The waybill that it is about.
    #[arg(long, value_name = "WAYBILL")]
    pub waybill: Option<String>,
    /// The customer's name.
    #[arg(long, value_name = "NAME")]
    pub customer: Option<String>,
    /// The customer's number.
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// The address.
    #[arg(long, value_name = "TEXT")]
    pub address: Option<String>,
}
