//! Arguments of leaves and of corrections that are asked for.

use super::attendance::Which;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use waybell_domain::attendance::LeaveKind;

/// Why somebody is away.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LeaveWord {
    /// Annual leave.
    #[value(alias = "年假")]
    Annual,
    /// Illness.
    #[value(alias = "病假")]
    Sick,
    /// Personal matters.
    #[value(alias = "事假")]
    Personal,
    /// For work on a day of rest.
    #[value(alias = "调休")]
    Compensatory,
    /// Marriage.
    #[value(alias = "婚假")]
    Marriage,
    /// Maternity.
    #[value(alias = "产假")]
    Maternity,
    /// Paternity.
    #[value(alias = "陪产假")]
    Paternity,
    /// Bereavement.
    #[value(alias = "丧假")]
    Bereavement,
    /// An injury at work.
    #[value(alias = "工伤假")]
    Injury,
    /// Another reason.
    #[value(alias = "其他")]
    Other,
}

impl LeaveWord {
    pub(crate) fn kind(self) -> LeaveKind {
        match self {
            LeaveWord::Annual => LeaveKind::Annual,
            LeaveWord::Sick => LeaveKind::Sick,
            LeaveWord::Personal => LeaveKind::Personal,
            LeaveWord::Compensatory => LeaveKind::Compensatory,
            LeaveWord::Marriage => LeaveKind::Marriage,
            LeaveWord::Maternity => LeaveKind::Maternity,
            LeaveWord::Paternity => LeaveKind::Paternity,
            LeaveWord::Bereavement => LeaveKind::Bereavement,
            LeaveWord::Injury => LeaveKind::Injury,
            LeaveWord::Other => LeaveKind::Other,
        }
    }
}

/// Verbs about the time of people.
#[derive(Subcommand)]
pub(crate) enum TimeVerb {
    /// Leaves: your own, also without a network; supervisors decide those of the branch.
    #[command(
        after_help = "Examples:\n  waybell leaves\n  waybell leaves ask annual 2026-03-02 2026-03-06\n  waybell leaves waiting\n  \
        waybell leaves approve a1b2c3"
    )]
    Leaves {
        /// What is done with them.
        #[command(subcommand)]
        verb: Option<LeavesVerb>,
    },
    /// Corrections that you asked for, also without a network; supervisors decide those of the branch.
    #[command(
        after_help = "Examples:\n  waybell corrections\n  waybell corrections ask --add out --at '2026-03-02 18:05' --reason 'phone \
        was empty'\n  waybell corrections waiting"
    )]
    Corrections {
        /// What is done with them.
        #[command(subcommand)]
        verb: Option<CorrectionsVerb>,
    },
}

#[derive(Subcommand)]
pub(crate) enum LeavesVerb {
    /// Ask for leave; kept without a network, and sent once. For somebody else (supervisors) it holds at once.
    #[command(
        after_help = "Days are written 2026-03-02; 'am' and 'pm' after it for half of it, or a time.\n\nExamples:\n  waybell leaves \
        ask annual 2026-03-02 2026-03-06\n  waybell leaves ask sick '2026-03-02 pm' --note fever\n  waybell leaves ask personal \
        '2026-03-02 14:00' '2026-03-02 16:30'\n  waybell leaves ask sick 2026-03-02 --for li.wei"
    )]
    Ask(AskArgs),
    /// Withdraw one that waits, or an approved one before it begins; kept without a network, and sent once.
    #[command(after_help = "Example:\n  waybell leaves withdraw a1b2c3")]
    Withdraw {
        /// Its id, or the end of it.
        id: String,
    },
    /// Show those of the branch that wait for a decision (supervisors); needs the server.
    #[command(
        after_help = "Examples:\n  waybell leaves waiting\n  waybell leaves waiting --all --courier li.wei"
    )]
    Waiting {
        /// Also what is decided.
        #[arg(long)]
        all: bool,
        /// Of this person (login name).
        #[arg(long, value_name = "LOGIN")]
        courier: Option<String>,
    },
    /// Approve one (supervisors); needs the server.
    #[command(after_help = "Example:\n  waybell leaves approve a1b2c3")]
    Approve {
        /// Its id, or the end of it.
        id: String,
    },
    /// Refuse one, with a reason (supervisors); needs the server.
    #[command(after_help = "Example:\n  waybell leaves refuse a1b2c3 --reason 'too few people'")]
    Refuse {
        /// Its id, or the end of it.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let an approved one end earlier, with a reason (supervisors); needs the server.
    #[command(after_help = "Example:\n  waybell leaves cut a1b2c3 '2026-03-04 am' --reason 'back at work'")]
    Cut {
        /// Its id, or the end of it.
        id: String,
        /// Its new last day, half day or time.
        until: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Args)]
pub(crate) struct AskArgs {
    /// Why.
    pub kind: LeaveWord,
    /// Its first day, half day or time.
    pub from: String,
    /// Its last day, half day or time; that of the beginning if left out.
    pub until: Option<String>,
    /// What you say about it.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// For this person (login name; supervisors): it holds at once.
    #[arg(long = "for", value_name = "LOGIN")]
    pub whose: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum CorrectionsVerb {
    /// Ask for a forgotten punch to be added, or a wrong one not to count; kept without a network, and sent once.
    #[command(
        after_help = "Examples:\n  waybell corrections ask --add out --at '2026-03-02 18:05' --reason 'phone was empty'\n  waybell \
        corrections ask --void 0190... --day 2026-03-02 --reason 'pressed by mistake'"
    )]
    Ask(FixArgs),
    /// Withdraw one that nobody has decided; kept without a network, and sent once.
    #[command(after_help = "Example:\n  waybell corrections withdraw a1b2c3")]
    Withdraw {
        /// Its id, or the end of it.
        id: String,
    },
    /// Show those of the branch that wait for a decision (supervisors); needs the server.
    #[command(after_help = "Example:\n  waybell corrections waiting")]
    Waiting {
        /// Also what is decided.
        #[arg(long)]
        all: bool,
        /// Of this person (login name).
        #[arg(long, value_name = "LOGIN")]
        courier: Option<String>,
    },
    /// Approve one (supervisors): it is in the day's sheet at once; needs the server.
    #[command(after_help = "Example:\n  waybell corrections approve a1b2c3")]
    Approve {
        /// Its id, or the end of it.
        id: String,
    },
    /// Refuse one, with a reason (supervisors); needs the server.
    #[command(
        after_help = "Example:\n  waybell corrections refuse a1b2c3 --reason 'the gate says otherwise'"
    )]
    Refuse {
        /// Its id, or the end of it.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct FixArgs {
    /// The punch that was forgotten.
    #[arg(long, value_enum, value_name = "KIND", group = "what", requires = "at")]
    pub add: Option<Which>,
    /// The id of a punch that is not to count.
    #[arg(long, value_name = "ID", group = "what", requires = "day")]
    pub void: Option<String>,
    /// When it was.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Whose day it is of; that of the time if left out.
    #[arg(long, value_name = "DAY")]
    pub day: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
