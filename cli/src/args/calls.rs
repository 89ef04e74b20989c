//! Arguments of calls.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use waybell_domain::inbound::Availability;

#[derive(Args)]
pub(crate) struct CallsArgs {
    /// Only those that ask for something.
    #[arg(long)]
    pub open: bool,
    /// Only those that nobody answered, handled ones too.
    #[arg(long)]
    pub missed: bool,
    /// Stay, and show each call as it comes in or changes; Ctrl-C ends watching.
    #[arg(long)]
    pub watch: bool,
    /// Most lines.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// The call, by its number in the list.
    pub call: String,
    /// Write the WAV file here; - for standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Remove it from this machine instead; the server keeps its own.
    #[arg(long, conflicts_with = "out")]
    pub remove: bool,
}

#[derive(Args)]
pub(crate) struct HandledArgs {
    /// Calls, by their numbers in the list.
    #[arg(value_name = "CALL", required_unless_present = "all")]
    pub calls: Vec<String>,
    /// Every call that asks for something.
    #[arg(long, conflicts_with = "calls")]
    pub all: bool,
    /// Marked by mistake: they ask for something again.
    #[arg(long, conflicts_with = "all")]
    pub undo: bool,
}

#[derive(Args)]
pub(crate) struct ReachArgs {
    /// Whether calls reach you; shown without it.
    #[arg(value_enum)]
    pub mode: Option<Mode>,
    /// Available again from then on: 18:00 (today), tomorrow 08:30.
    #[arg(long, value_name = "TIME", requires = "mode")]
    pub until: Option<String>,
}

#[derive(Args)]
pub(crate) struct RingArgs {
    /// A waybill number of the list, a call by its number in the list, or a telephone number.
    #[arg(required_unless_present = "hang_up")]
    pub whom: Option<String>,
    /// End the call that is being made instead.
    #[arg(long, conflicts_with = "whom")]
    pub hang_up: bool,
    /// Speak through this program over the data network instead; your own telephone does not ring.
    #[arg(long, conflicts_with = "hang_up")]
    pub app: bool,
    /// Let the network decide: over the data network where it is good enough for speaking, otherwise your own telephone rings first.
    #[arg(long, conflicts_with_all = ["hang_up", "app"])]
    pub auto: bool,
    #[command(flatten)]
    pub sound: SoundArgs,
}

/// Microphone and loudspeaker of a call over the app.
#[derive(Args)]
pub(crate) struct SoundArgs {
    /// What the customer hears of you: a WAV file, from the moment they answer.
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,
    /// Keep what you hear in this WAV file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Hang up after so many seconds of speaking.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u32>,
}

#[derive(Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub sound: SoundArgs,
    /// Wait so many seconds for a call; otherwise until Ctrl-C.
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u32>,
    /// Decline it instead of taking it.
    #[arg(long)]
    pub decline: bool,
}

#[derive(Args)]
pub(crate) struct DutyArgs {
    /// Area, by its name or the start of its id; without it every area is shown.
    pub area: Option<String>,
    /// Put this person on duty, by login name.
    pub login: Option<String>,
    /// As substitute, who is rung where the one on duty does not answer.
    #[arg(long, requires = "login")]
    pub substitute: bool,
    /// Whoever has this role for the area ends at that moment: a hand-over in one step.
    #[arg(long, requires = "login")]
    pub take_over: bool,
    /// From then on: 14:30 (today), tomorrow 08:30; otherwise now.
    #[arg(long, value_name = "TIME", requires = "login")]
    pub from: Option<String>,
    /// Until then; otherwise until it is ended.
    #[arg(long, value_name = "TIME", requires = "login")]
    pub until: Option<String>,
    /// End this duty, by its number in the list.
    #[arg(long, value_name = "DUTY", conflicts_with_all = ["area", "login"])]
    pub end: Option<String>,
}

/// What somebody says of being reachable.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Mode {
    #[value(alias = "可接听")]
    Available,
    #[value(alias = "骑行", alias = "骑行中")]
    Riding,
    #[value(name = "off-duty", alias = "off", alias = "休息")]
    OffDuty,
}

impl From<Mode> for Availability {
    fn from(mode: Mode) -> Availability {
        match mode {
            Mode::Available => Availability::Available,
            Mode::Riding => Availability::Riding,
            Mode::OffDuty => Availability::Off,
        }
    }
}
