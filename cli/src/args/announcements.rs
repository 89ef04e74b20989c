//! Arguments of announcements.

use super::organisation::RoleWord;
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum AnnouncementsVerb {
    /// Show one whole, and say that you have read it; kept without a network, and sent once.
    #[command(after_help = "Example:\n  waybell announcements read a1b2c3")]
    Read {
        /// Its id, or the end of it.
        id: String,
    },
    /// Post one to your branch or the organisation (supervisors); needs the server.
    #[command(
        after_help = "A supervisor of a branch posts to that branch; others post to the whole organisation, or to the branch that \
        is named.\n\nExamples:\n  waybell announcements post 'No deliveries from 14:00' --text 'Storm. Come back to the station.' \
        --must-read\n  waybell announcements post 'New lockers' --file lockers.txt --role courier --from \"tomorrow 07:00\" --until \
        2026-12-31T20:00"
    )]
    Post(PostArgs),
    /// Show what was posted, and how many have read it (supervisors); needs the server.
    #[command(after_help = "Examples:\n  waybell announcements posted\n  waybell announcements posted --all")]
    Posted {
        /// Also what is over or was withdrawn.
        #[arg(long)]
        all: bool,
    },
    /// Show who has not read one (supervisors); needs the server.
    #[command(
        after_help = "Examples:\n  waybell announcements readers a1b2c3\n  waybell announcements readers a1b2c3 --all"
    )]
    Readers {
        /// Its id, or the end of it.
        id: String,
        /// Also who has, and when.
        #[arg(long)]
        all: bool,
    },
    /// Change one (supervisors); another text must be read again where it must be read.
    #[command(
        after_help = "Examples:\n  waybell announcements edit a1b2c3 --text 'From 16:00, not 14:00.'\n  waybell announcements edit \
        a1b2c3 --until 18:00"
    )]
    Edit(EditArgs),
    /// Take one back (supervisors): it shows nowhere any more.
    #[command(after_help = "Example:\n  waybell announcements withdraw a1b2c3")]
    Withdraw {
        /// Its id, or the end of it.
        id: String,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("words").required(true))]
pub(crate) struct PostArgs {
    /// One line of up to 80 characters.
    pub title: String,
    /// What is announced, up to 4,000 characters.
    #[arg(long, value_name = "TEXT", group = "words")]
    pub text: Option<String>,
    /// A text file that has it; - for standard input.
    #[arg(long, value_name = "FILE", group = "words")]
    pub file: Option<PathBuf>,
    /// Name or id of the branch.
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// For this role alone; may be given several times.
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: Vec<RoleWord>,
    /// Everybody is to confirm that they have read it.
    #[arg(long)]
    pub must_read: bool,
    /// It shows from then on; otherwise at once.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// It shows no longer from then on.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

#[derive(Args)]
#[command(group = ArgGroup::new("changes").required(true).multiple(true))]
pub(crate) struct EditArgs {
    /// Its id, or the end of it.
    pub id: String,
    /// Another title.
    #[arg(long, value_name = "TITLE", group = "changes")]
    pub title: Option<String>,
    /// Another text.
    #[arg(long, value_name = "TEXT", group = "changes")]
    pub text: Option<String>,
    /// A text file that has it; - for standard input.
    #[arg(long, value_name = "FILE", group = "changes", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// Everybody is to confirm that they have read it.
    #[arg(long, value_name = "YES", group = "changes", value_parser = ["yes", "no"])]
    pub must_read: Option<String>,
    /// It shows from then on.
    #[arg(long, value_name = "TIME", group = "changes")]
    pub from: Option<String>,
    /// It shows no longer from then on.
    #[arg(long, value_name = "TIME", group = "changes", conflicts_with = "endless")]
    pub until: Option<String>,
    /// It shows until it is withdrawn.
    #[arg(long, group = "changes")]
    pub endless: bool,
}
