//! Arguments. The texts here are the English ones; `help` has the Chinese.

use crate::help::COMMON_HEADING;
use crate::out::Failure;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use waybell_domain::lang::Lang;
use waybell_domain::parcel::{ConsentSource, ExceptionReason, Payer, SignedBy};
use waybell_domain::track::coordinates::Datum;
use waybell_domain::wire::Role;

const EXAMPLES: &str = "Examples:
  waybell login lina --server https://waybell.example.com
  waybell import day.csv --dry-run
  waybell import day.csv
  waybell search 幸福花园3
  waybell notify --search 幸福花园3 --template arrived
  waybell watch
  waybell why SF1234567890123

Language: --lang; otherwise the first of LC_ALL, LC_MESSAGES and LANG that is not empty: zh... is Chinese, anything else
(C too) English.
Times are shown and read in the organisation's zone (Asia/Shanghai).

Exit codes: 0 done, 1 failed, 2 usage, 3 no network (kept, goes out later), 4 sign in needed.";

/// A courier's app in the terminal: import the day's parcels, tap once, everybody is rung once.
#[derive(Parser)]
#[command(name = "waybell", version, about, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The server's address; kept at login.
    #[arg(long, env = "WAYBELL_SERVER", global = true, value_name = "URL", help_heading = COMMON_HEADING.1)]
    pub server: Option<String>,
    /// Folder of the data; $WAYBELL_HOME, or ~/.local/share/waybell.
    #[arg(long, env = "WAYBELL_HOME", global = true, value_name = "FOLDER", help_heading = COMMON_HEADING.1)]
    data: Option<PathBuf>,
    /// Language of the texts; by locale otherwise.
    #[arg(long, global = true, value_enum, help_heading = COMMON_HEADING.1)]
    lang: Option<Language>,
    /// Print one JSON document instead of text.
    #[arg(long, global = true, help_heading = COMMON_HEADING.1)]
    pub json: bool,
    /// Show telephone numbers whole; otherwise their middle is hidden.
    #[arg(long, global = true, help_heading = COMMON_HEADING.1)]
    pub full: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Zh,
    En,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Sign in; asks for the password, or takes $WAYBELL_PASSWORD.
    #[command(after_help = "Example:\n  waybell login lina --server https://waybell.example.com")]
    Login {
        /// Login name.
        login: String,
        /// Password; better left out, as other programs can see it.
        #[arg(long, env = "WAYBELL_PASSWORD", hide_env_values = true)]
        password: Option<String>,
    },
    /// Sign out and remove the data from this machine; what has not been delivered is kept for the next sign-in.
    Logout,
    /// Import the day's list (XLSX, or CSV in UTF-8, UTF-16 or GB18030, or JSON).
    #[command(
        after_help = "A column 运单号 (waybill_no) is needed; 电话 (phone), 收件人 (name), 地址 (address) and 任务类型 (kind) are known by \
        their usual names. Rows that cannot be taken are named, the others go in.\n\nExamples:\n  waybell import day.csv --dry-run   \
        say what would happen\n  waybell import day.csv"
    )]
    Import {
        /// The list; - for standard input.
        file: PathBuf,
        /// Change nothing, say what would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// List the parcels.
    Tasks {
        /// Only those that still have to be brought or fetched.
        #[arg(long)]
        open: bool,
        /// Most lines.
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// List the stops: the parcels by building, in the order of the list.
    #[command(
        after_help = "Spellings of one building are one stop: 幸福花园3栋, 幸福花园3号楼, 幸福花园3-2-501."
    )]
    Stops {
        /// Also parcels that are done with.
        #[arg(long)]
        all: bool,
        /// Show what the branch has merged and split by hand instead.
        #[arg(long)]
        learned: bool,
        /// Most lines.
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// Search by address, name, waybill, telephone; characters, pinyin, initials, digits.
    #[command(
        after_help = "Examples:\n  waybell search 幸福花园3\n  waybell search xfhy3\n  waybell search 6021"
    )]
    Search {
        /// Words; each must be found.
        #[arg(required = true)]
        words: Vec<String>,
        /// Most lines.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Read telephone numbers off a label's text or out of speech, and say whose parcels they are.
    #[command(
        after_help = "Examples:\n  waybell numbers \"收 张三 138 0000 1111\"\n  waybell numbers --heard 幺三八零零零零幺幺幺幺\n  \
        waybell numbers < label.txt\n\nWhat OCR or a recogniser wrote is read, with its mistakes: O for 0, broken lines, stars."
    )]
    Numbers {
        /// The text; otherwise it is read from the standard input, one line of the label a line.
        words: Vec<String>,
        /// It was said, not printed.
        #[arg(long)]
        heard: bool,
    },
    /// Ring every recipient of the chosen parcels once. Shows the plan first and asks.
    #[command(
        after_help = "Examples:\n  waybell notify --search 幸福花园3 --template arrived\n  waybell notify --stop 幸福花园3 --stop 和平里5\n  \
        waybell notify --all --at 14:30\n  \
        waybell notify SF1234567890123 SF1234567890124 --yes"
    )]
    Notify(NotifyArgs),
    /// Follow a batch (the newest one otherwise) until it is over; Ctrl-C only ends watching.
    Watch {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Undo what was done last: stop everything of a tap that does not ring yet, take back what was recorded at a door (within
    /// 30 s), or a merge or split of stops.
    #[command(
        after_help = "Without an id it is the newest of: a tap, whatever its age; what was recorded at a door, a merge or a split, in \
        the last 30 s."
    )]
    Undo {
        /// The batch, or another id to undo, or the start of it.
        batch: Option<String>,
    },
    /// Hold the calls of a batch that have not started.
    Pause {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Let a batch go on.
    Resume {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Carry out a tap that reached the server too late, after all.
    Confirm {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Ring today's missed again.
    Again {
        /// Key of the notice.
        #[arg(long, default_value = "arrived")]
        template: String,
        /// Also those whose result is not known: they may be rung a second time.
        #[arg(long)]
        include_unknown: bool,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// The life of one parcel's recipient, decision by decision.
    Why {
        /// Waybill number.
        waybill: String,
    },
    /// Say what was done with parcels.
    #[command(
        after_help = "Examples:\n  waybell state SF1234567890123 signed\n  waybell state SF1234567890123 SF1234567890124 at_station\n\n\
        States: planned, out_for_delivery, exception, at_station, at_locker, signed, picked_up, returned, withdrawn; or in Chinese."
    )]
    State {
        /// Waybill numbers, one or more.
        #[arg(required = true, num_args = 1.., value_name = "WAYBILL")]
        waybills: Vec<String>,
        /// The state, at the end.
        state: String,
    },
    /// Record that parcels were handed over.
    #[command(
        after_help = "Examples:\n  waybell sign SF1234567890123\n  waybell sign --stop 幸福花园3栋 --by reception\n  \
        waybell sign SF1234567890123 --by other --name 王芳 --cash 99.00"
    )]
    Sign(SignArgs),
    /// Record that parcels were left at a station, in a locker or at the door, with the recipient's consent.
    #[command(after_help = "Examples:\n  waybell leave SF1234567890123 --locker 丰巢3号柜 --code 40815\n  \
        waybell leave --stop 幸福花园3栋 --station 菜鸟驿站 --consent phone\n  waybell leave SF1234567890123 --door\n\n\
        A key that the recipient pressed in a notice (1 door, 2 station or locker) is consent; otherwise say how they agreed.")]
    Leave(LeaveArgs),
    /// Record that parcels could not be delivered or fetched, and why.
    #[command(after_help = "Examples:\n  waybell except SF1234567890123 --reason nobody_home\n  \
        waybell except SF1234567890123 --reason postponed --until \"tomorrow 18:00\"")]
    Except(ExceptArgs),
    /// Record that parcels go back.
    #[command(after_help = "Example:\n  waybell return SF1234567890123 --note 拒收")]
    Return {
        #[command(flatten)]
        chosen: Chosen,
        /// Why.
        #[arg(long)]
        note: Option<String>,
        /// A photo; may be given several times.
        #[arg(long, value_name = "FILE")]
        photo: Vec<PathBuf>,
    },
    /// Record that parcels were fetched from the sender.
    #[command(
        after_help = "Example:\n  waybell pick-up SF1234567890123 --weight 1200 --size 300x200x100 --payer sender --sum 12.50"
    )]
    PickUp(PickUpArgs),
    /// Give open parcels to a colleague of the branch, in this order; needs the server.
    #[command(after_help = "Examples:\n  waybell hand-over SF1234567890123 SF1234567890124 --to li.wei\n  \
        waybell hand-over --stop 幸福花园3栋 --to li.wei")]
    HandOver {
        #[command(flatten)]
        chosen: Chosen,
        /// Login name of the colleague.
        #[arg(long, value_name = "LOGIN")]
        to: String,
    },
    /// Make one stop of the stops that these parcels are in, for the whole branch, from now on.
    #[command(
        after_help = "Examples:\n  waybell merge SF1234567890123 SF1234567890124\n  waybell merge --stop 幸福花园3栋 --stop 缤纷北苑47幢"
    )]
    Merge {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Take parcels out of the stops that they are in, for the whole branch, from now on.
    #[command(after_help = "Example:\n  waybell split SF1234567890123")]
    Split {
        /// Waybill numbers, one or more.
        #[arg(required = true, value_name = "WAYBILL")]
        waybills: Vec<String>,
    },
    /// Send what waits and pull what is new; shows what was refused.
    Sync {
        /// Send a refused operation again (its id, or all).
        #[arg(long, value_name = "ID")]
        retry: Option<String>,
        /// Give a refused operation up (its id, or all).
        #[arg(long, value_name = "ID")]
        discard: Option<String>,
    },
    /// Hold every call of the organisation, or release them (administrators).
    StopAll {
        /// on holds, off releases.
        switch: Switch,
    },
    /// The organisation's rules for calling (administrators).
    #[command(
        subcommand,
        after_help = "Examples:\n  waybell policy show\n  waybell policy set retry.max_attempts=2 display_daily_cap=200\n  \
        waybell policy patch rules.json"
    )]
    Policy(PolicyVerb),
    /// The organisation's people (administrators).
    #[command(
        subcommand,
        after_help = "Examples:\n  waybell people list\n  waybell people add li.wei --name 李伟 --phone 13900000002\n  \
        waybell people change li.wei --new-password\n  waybell people change li.wei --disable"
    )]
    People(PeopleVerb),
    /// Set where a stop is, for the route.
    #[command(
        after_help = "Example:\n  waybell pin 幸福花园3 31.2304,121.4737\n\nA place read off AMap, Tencent or Apple maps in China is \
        GCJ-02, one of Baidu's BD-09: say so with --datum."
    )]
    Pin {
        /// Its name in `waybell stops`.
        stop: String,
        /// Latitude and longitude in degrees, with a comma between.
        #[arg(value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
        place: String,
        /// What the coordinates refer to.
        #[arg(long, value_parser = words::<Datum>(), default_value = "wgs84")]
        datum: String,
    },
    /// Show the open stops in the order in which to visit them, with times.
    #[command(
        after_help = "Examples:\n  waybell route\n  waybell route --from 31.2304,121.4737 --depart 14:00 --speed 15\n\nStops without a \
        pin are guessed from their estate, road or the list, and marked; none is left out."
    )]
    Route(RouteArgs),
    /// Show what the phone would keep of a file of fixes, and how far it was; needs no sign-in.
    #[command(
        after_help = "GPX (track points with times), or CSV with the columns time, lat, lon and, if known, accuracy, speed, bearing, \
        altitude; WGS-84. A time without a zone is UTC.\n\nExamples:\n  waybell track --from ride.gpx\n  waybell track --from \
        fixes.csv --out kept.gpx --json"
    )]
    Track {
        /// The file; - for standard input.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Write the simplified track here, as GPX.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Most lines.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Find out what is wrong, and what to do about it.
    Doctor,
    /// Print the completion of words for a shell, in the language of the texts.
    #[command(
        after_help = "Examples:\n  source <(waybell completions bash)\n  waybell completions fish > ~/.config/fish/completions/waybell.fish"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page; with a folder, write one for each command.
    #[command(
        after_help = "Examples:\n  waybell man | man -l -\n  waybell man --folder ~/.local/share/man/man1"
    )]
    Man {
        /// Folder for the pages; it is made.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show the rules in force.
    Show,
    /// Change rules and keep the others; null puts one back to its default.
    Set {
        /// Rules, as retry.max_attempts=2 or quiet=[]; values are JSON.
        #[arg(required = true, value_name = "RULE=VALUE")]
        rules: Vec<String>,
    },
    /// Change the rules that a JSON file names and keep the others (RFC 7396).
    Patch {
        /// The file; - for standard input.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum PeopleVerb {
    /// Show who may sign in.
    List,
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
        /// May sign in again (give the id: the login name is not listed).
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
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

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

/// A table of words of the domain, which an argument takes in either language.
pub(crate) trait Words: Copy + 'static {
    fn all() -> Vec<(&'static str, &'static str)>;
}

macro_rules! words {
    ($($kind:ty),+) => {$(
        impl Words for $kind {
            fn all() -> Vec<(&'static str, &'static str)> {
                <$kind>::ALL.iter().map(|w| (w.as_str(), w.label_zh())).collect()
            }
        }
    )+};
}

words!(SignedBy, ConsentSource, ExceptionReason, Payer, Datum);

fn words<W: Words>() -> PossibleValuesParser {
    PossibleValuesParser::new(W::all().into_iter().map(|(word, zh)| PossibleValue::new(word).alias(zh)))
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Arguments {
    /// The language asked for, or that of the locale.
    pub(crate) fn lang(&self) -> Lang {
        match self.lang {
            Some(Language::Zh) => Lang::Zh,
            Some(Language::En) => Lang::En,
            None => of_locale(|name| std::env::var(name).ok()),
        }
    }

    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(given) = self.data.as_ref().filter(|d| !d.as_os_str().is_empty()) {
            return Ok(given.clone());
        }
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        set("XDG_DATA_HOME")
            .or_else(|| set("HOME").map(|h| h.join(".local/share")))
            .map(|base| base.join("waybell"))
            .ok_or_else(|| Failure::usage("there is no home folder; give --data FOLDER"))
    }

    pub(crate) fn is_doctor(&self) -> bool {
        matches!(self.verb, Verb::Doctor)
    }
}

/// The language of the locale.
fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
    locale.into_iter().find(|v| !v.is_empty()).map_or(Lang::En, |v| Lang::of_locale(&v))
}

/// The language before the arguments are read, for help and usage errors: that of a `--lang` among them, or of the locale.
pub(crate) fn language_of(words: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()).collect();
    let asked = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--lang=") {
        Some(value) => Some(value),
        None => words.get(at + 1).copied().filter(|_| *word == "--lang"),
    });
    match asked {
        Some("zh") => Lang::Zh,
        Some("en") => Lang::En,
        _ => of_locale(variable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_help() {
        let of = |words: &str, locale: &[(&str, &str)]| {
            let words: Vec<OsString> = words.split(' ').map(Into::into).collect();
            language_of(&words, |name| locale.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of("waybell --help", &[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell tasks --lang en --help", &[("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell --lang=zh", &[]), Lang::Zh);
    }
}
