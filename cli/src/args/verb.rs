//! The commands.

use super::announcements::AnnouncementsVerb;
use super::attendance::PunchArgs;
use super::calls::{AnswerArgs, CallsArgs, DutyArgs, HandledArgs, ListenArgs, ReachArgs, RingArgs};
use super::charges::{AccountsVerb, ChargesArgs, RatesArgs};
use super::door::{Chosen, ExceptArgs, LeaveArgs, PickUpArgs, SignArgs};
use super::knowledge::KnowledgeVerb;
use super::leaves::TimeVerb;
use super::orders::{OpenOrderArgs, OrderArgs, OrdersArgs};
use super::organisation::{ConsentArgs, OptOutArgs, PeopleVerb, PolicyVerb, Switch};
use super::phones::PhonesArgs;
use super::places::{PinArgs, PlacesArgs};
use super::recordings::{EvidenceArgs, RecordingsArgs};
use super::tap::{NotifyArgs, RouteArgs};
use super::watch::WatchArgs;
use clap::Subcommand;
use std::path::PathBuf;

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
        say what would happen\n  waybell import day.csv\n  waybell import day.csv --column phone=联系 --bad bad.csv"
    )]
    Import {
        /// The list; - for standard input.
        file: PathBuf,
        /// Which column holds what, such as phone=联系 (waybill_no, phone, name, address, kind); #3 is the third column, nothing
        /// behind = says there is none. Remembered for the branch's lists with the same header.
        #[arg(long, value_name = "FIELD=COLUMN")]
        column: Vec<String>,
        /// Write the rows that cannot be taken into this file, with line and reason.
        #[arg(long, value_name = "FILE")]
        bad: Option<PathBuf>,
        /// Change nothing, say what would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the columns of lists that were confirmed in the branch, or forget some.
    #[command(after_help = "Examples:\n  waybell columns\n  waybell columns --forget 0123456789abcdef")]
    Columns {
        /// Guess the columns of lists with this header again.
        #[arg(long, value_name = "SHAPE")]
        forget: Option<String>,
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
        waybell notify --all --at 14:30\n  waybell notify --all --before 15 --from 31.2304,121.4737\n  \
        waybell notify SF1234567890123 SF1234567890124 --yes"
    )]
    Notify(NotifyArgs),
    /// Follow a batch (the newest one otherwise) until it is over; Ctrl-C only ends watching. With --area or --zoom, for
    /// supervisors: where the couriers on duty are.
    #[command(
        after_help = "Examples:\n  waybell watch\n  waybell watch 01a2\n  waybell watch --zoom 10\n  waybell watch --area \
        31.1,121.3,31.3,121.6 --zoom 14\n  waybell watch --zoom 14 --changes 1 --json\n\nFrom zoom 13 on couriers are told one by one, \
        further out they are counted by cell."
    )]
    Watch(WatchArgs),
    /// Move the calls of a batch that wait to your route as it is now: each person so many minutes before you arrive.
    #[command(
        after_help = "Examples:\n  waybell follow --before 15\n  waybell follow 01a2 --before 20 --from 31.2304,121.4737\n\n\
        Who was rung already stays as they are. Needs a network."
    )]
    Follow {
        /// The batch, or the start of its id; otherwise the newest one.
        batch: Option<String>,
        /// Minutes before the arrival, 1 to 240.
        #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=240))]
        before: u16,
        /// Where you are; otherwise at the first stop of the list. WGS-84.
        #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
        from: Option<String>,
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
    /// List calls, the most urgent first: messages and missed calls, with the caller's parcels; works without a network.
    #[command(
        after_help = "Examples:\n  waybell calls --open\n  waybell calls --missed --limit 10\n  waybell calls --watch"
    )]
    Calls(CallsArgs),
    /// Fetch the recording or message of a call to this machine, sealed, to be heard without a network from then on.
    #[command(
        after_help = "What was cut off goes on from there, and is compared with the server's SHA-256. 256 MB at most are kept, \
        what was heard longest ago goes first, and signing out removes all.\n\nExamples:\n  waybell listen a1b2c3\n  \
        waybell listen a1b2c3 --out message.wav\n  waybell listen a1b2c3 --out - | aplay"
    )]
    Listen(ListenArgs),
    /// Find calls on the server, the newest first: your own, or those of your branch; needs the server.
    #[command(
        after_help = "Everything that is given must fit.\n\nExamples:\n  waybell recordings --caller 5678 --since 2026-11-01\n  \
        waybell recordings --courier li.wei --longer 60\n  waybell recordings --waybill SF1234567890123 --all"
    )]
    Recordings(RecordingsArgs),
    /// Write calls, their recordings and the reasons for whom they rang as one signed zip file (who sees the branch).
    #[command(
        after_help = "The file holds the customers' whole numbers, and only you may read it. What it is for is kept in the \
        audit.\n\nExample:\n  waybell evidence 0198a1b2-0000-7000-8000-000000000002 --reason \"complaint 2026-118\" --out 118.zip"
    )]
    Evidence(EvidenceArgs),
    /// Check that nothing in an evidence file was changed; needs neither a sign-in nor a network.
    #[command(
        after_help = "The key in the file says who made it only once it is compared with the one that the server shows (GET \
        /api/v1/evidence/key): give that one.\n\nExamples:\n  waybell verify 118.zip\n  waybell verify 118.zip --key 3b6a…"
    )]
    Verify {
        /// The zip file.
        file: PathBuf,
        /// Public key of the server, 64 hexadecimal digits.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Mark calls as handled; kept without a network, and sent once.
    #[command(after_help = "Examples:\n  waybell handled a1b2c3 d4e5f6\n  waybell handled --all\n  \
        waybell handled --undo a1b2c3")]
    Handled(HandledArgs),
    /// Show or say whether customers' calls reach you; kept without a network, what was said last counts.
    #[command(after_help = "Examples:\n  waybell availability\n  waybell availability riding\n  \
        waybell availability off-duty --until \"tomorrow 08:30\"")]
    Availability(ReachArgs),
    /// Call a customer: your own telephone rings first, then theirs, and neither side sees the other's number; needs the server.
    #[command(after_help = "Without a network nothing rings, and nothing will ring later.\n\nExamples:\n  \
        waybell call SF1234567890123\n  waybell call a1b2c3\n  waybell call 13800000000\n  waybell call --hang-up\n  \
        waybell call 13800000000 --app --play hello.wav --record heard.wav")]
    Call(RingArgs),
    /// Wait for a customer's call over the app, and take it with files for microphone and loudspeaker; needs the server.
    #[command(
        after_help = "While they speak, a line of 0-9 * # presses keys, m mutes, h holds, q hangs up; so does Ctrl-C.\n\nExamples:\n  \
        waybell answer --play hello.wav --record heard.wav\n  waybell answer --decline --wait 60"
    )]
    Answer(AnswerArgs),
    /// Show or set who is on duty for an area (administrators).
    #[command(
        after_help = "Examples:\n  waybell duty\n  waybell duty 一号片区\n  waybell duty 一号片区 li.wei --take-over\n  \
        waybell duty 一号片区 wang.fang --substitute --until 18:00\n  waybell duty --end a1b2c3"
    )]
    Duty(DutyArgs),
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
        after_help = "Examples:\n  waybell policy show\n  waybell policy set retry.max_attempts=2 display_daily_cap=200\n  \
        waybell policy patch rules.json\n  waybell policy calendar 2027.ics --dry-run\n  waybell policy set carrier=aliyun"
    )]
    Policy {
        /// What to do; the rules are shown where nothing is said.
        #[command(subcommand)]
        verb: Option<PolicyVerb>,
    },
    /// Your telephones that register with the server, and ring beside the app: list, make, rename, remove.
    #[command(
        after_help = "Examples:\n  waybell phones\n  waybell phones --add desk\n  waybell phones --remove desk\n  \
        waybell phones --of li.wei --add van"
    )]
    Phones(PhonesArgs),
    /// Show the numbers that are never rung, or change them: one, or a list (supervisors).
    #[command(
        after_help = "Examples:\n  waybell opt-outs\n  waybell opt-outs --add 13800001111\n  waybell opt-outs --import numbers.csv --dry-run"
    )]
    OptOuts(OptOutArgs),
    /// Write what recipients agreed to as a proof sheet (supervisors); numbers are in full, and the server keeps who made it.
    #[command(
        after_help = "Examples:\n  waybell consents november.csv --from 2026-11-01 --to 2026-12-01\n  \
        waybell consents proof.html --waybill SF1234567890123"
    )]
    Consents(ConsentArgs),
    /// The organisation's people (administrators).
    #[command(
        after_help = "Examples:\n  waybell people list\n  waybell people add li.wei --name 李伟 --phone 13900000002\n  \
        waybell people change li.wei --new-password\n  waybell people change li.wei --disable"
    )]
    People {
        /// What to do; they are listed where nothing is said.
        #[command(subcommand)]
        verb: Option<PeopleVerb>,
    },
    /// Set where a stop is, for the routes of everybody of the branch, or take that back.
    #[command(
        after_help = "Examples:\n  waybell pin 幸福花园3 31.2304,121.4737\n  waybell pin 幸福花园3 --remove\n\nA place read off AMap, \
        Tencent or Apple maps in China is GCJ-02, one of Baidu's BD-09: say so with --datum."
    )]
    Pin(PinArgs),
    /// Show where buildings of the branch are, and whose word that is; or remove a wrong one (supervisors).
    #[command(
        after_help = "Examples:\n  waybell places 幸福花园\n  waybell places 上海浦东新区幸福花园/3 --remove learned"
    )]
    Places(PlacesArgs),
    /// Show the open stops in the order in which to visit them, with times.
    #[command(
        after_help = "Examples:\n  waybell route\n  waybell route --from 31.2304,121.4737 --depart 14:00 --speed 15\n\nA stop is \
        where somebody set it, where deliveries were made, where the list or a map service has it, or guessed and marked so."
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
    /// Clock in or out, or say that you are at work elsewhere; kept without a network, and sent once with its own time.
    #[command(
        after_help = "What is odd about place or clock is noted for the supervisor, and never refused. Pressed again within a minute \
        it is the same punch.\n\nExamples:\n  waybell punch in\n  waybell punch out\n  waybell punch field --place \
        31.2304,121.4737 --address 幸福花园 --note 'samples' --photo door.jpg"
    )]
    Punch(PunchArgs),
    /// Show a month: in and out, time at work, late, early, missing punches; works without a network.
    #[command(after_help = "Examples:\n  waybell attendance\n  waybell attendance --month 2026-03 --json")]
    Attendance {
        /// The month, as 2026-03; this one if left out.
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
    },
    #[command(flatten)]
    Time(TimeVerb),
    /// Work orders: your own without a network, what asks for somebody first; staff find those of the branch.
    #[command(
        after_help = "Examples:\n  waybell orders\n  waybell orders --state overdue,warning\n  waybell orders --customer 王 --csv \
        orders.csv\n  waybell orders --totals week"
    )]
    Orders(Box<OrdersArgs>),
    /// Show a work order with its trail, or do something with it; your own without a network, and sent once.
    #[command(
        after_help = "Examples:\n  waybell order 42\n  waybell order 42 take\n  waybell order 42 resolve --text 'brought it'\n  \
        waybell order 42 give-back --text 'not my area'\n  waybell order 20261122-0042 assign --to li.wei\n  waybell order \
        20261122-0042 hold --until 18:00 --text 'customer away'"
    )]
    Order(Box<OrderArgs>),
    /// Open a work order; kept without a network, and sent once.
    #[command(
        after_help = "Examples:\n  waybell open-order 'parcel is wet' --waybill SF1234567890123\n  waybell open-order 'when does it \
        come' --type enquiry --caller 13800001234"
    )]
    OpenOrder(Box<OpenOrderArgs>),
    /// Announcements: unread ones first, also without a network; supervisors post them, and see who has not read one.
    #[command(
        after_help = "Examples:\n  waybell announcements\n  waybell announcements read a1b2c3\n  waybell announcements post 'No \
        deliveries from 14:00' --text 'Storm. Come back to the station.' --must-read\n  waybell announcements posted\n  waybell \
        announcements readers a1b2c3\n  waybell announcements withdraw a1b2c3"
    )]
    Announcements {
        /// What to do; they are listed where nothing is said.
        #[command(subcommand)]
        verb: Option<AnnouncementsVerb>,
    },
    /// Show the balance of your account, and what your calls of today and this month cost; also without a network, with its time.
    #[command(after_help = "Example:\n  waybell balance")]
    Balance,
    /// Show what calls cost, entry by entry, the newest first; also without a network. Staff ask for those of the branch.
    #[command(
        after_help = "Examples:\n  waybell charges\n  waybell charges --branch --courier li.wei --since 2026-11-01\n  waybell \
        charges --unrated"
    )]
    Charges(ChargesArgs),
    /// Show accounts with their balance (staff); administrators write entries and set limits; needs the server.
    #[command(
        after_help = "Examples:\n  waybell accounts\n  waybell accounts pay li.wei 50 --reason cash\n  waybell accounts limit \
        li.wei --credit 0"
    )]
    Accounts {
        /// What to do; they are listed where nothing is said.
        #[command(subcommand)]
        verb: Option<AccountsVerb>,
    },
    /// Show the prices of calls by version (staff), or set new ones from a file (administrators); needs the server.
    #[command(after_help = "Examples:\n  waybell rates\n  waybell rates --set prices.json")]
    Rates(RatesArgs),
    /// Knowledge: the tree, search, articles, also without a network; supervisors write, review and publish.
    #[command(
        after_help = "Examples:\n  waybell knowledge\n  waybell knowledge search ysj\n  waybell knowledge show a1b2c3\n  waybell \
        knowledge favourite a1b2c3\n  waybell knowledge add claims.md --folder Claims/Broken --submit\n  waybell knowledge approve \
        a1b2c3"
    )]
    Knowledge {
        /// What to do; the tree is shown where nothing is said.
        #[command(subcommand)]
        verb: Option<KnowledgeVerb>,
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
