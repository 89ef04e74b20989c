//! Arguments of the knowledge.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use waybell_domain::knowledge::Stage;

#[derive(Subcommand)]
pub(crate) enum KnowledgeVerb {
    /// Find articles: Chinese, pinyin, initials, digits; titles first.
    #[command(
        after_help = "Examples:\n  waybell knowledge search 易碎\n  waybell knowledge search ysj --limit 5"
    )]
    Search {
        /// Words that must all be found; none: the most used ones.
        words: Vec<String>,
        /// Show at most so many.
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// Show an article whole; that it was read is kept without a network, and sent once.
    #[command(
        after_help = "Examples:\n  waybell knowledge show a1b2c3\n  waybell knowledge show a1b2c3 --pictures ."
    )]
    Show {
        /// Its id, or the end of it.
        id: String,
        /// Save its pictures into this folder.
        #[arg(long, value_name = "FOLDER")]
        pictures: Option<PathBuf>,
    },
    /// Keep an article among your own; kept without a network, and sent once.
    #[command(
        after_help = "Examples:\n  waybell knowledge favourite a1b2c3\n  waybell knowledge favourite a1b2c3 --off\n  waybell \
        knowledge favourite"
    )]
    Favourite {
        /// Its id, or the end of it; none: show those that you keep.
        id: Option<String>,
        /// No longer.
        #[arg(long, requires = "id")]
        off: bool,
    },
    /// Write articles out of files of Markdown or HTML: drafts (supervisors); needs the server.
    #[command(
        after_help = "A file may say its title, tags and folder between lines --- at its beginning. HTML becomes Markdown, without \
        scripts, styles and frames. Pictures that lie beside a file are uploaded with it.\n\nExamples:\n  waybell knowledge add \
        claims.md --folder Claims/Broken --tag glass --submit\n  waybell knowledge add *.html --folder FAQ"
    )]
    Add(AddArgs),
    /// Change an article (supervisors): another text is a draft; readers keep the approved one meanwhile.
    #[command(
        after_help = "Examples:\n  waybell knowledge edit a1b2c3 --file claims.md\n  waybell knowledge edit a1b2c3 --title 'Broken \
        glass' --folder Claims"
    )]
    Edit(RewriteArgs),
    /// Show what is written, with its stage (supervisors); needs the server.
    #[command(
        after_help = "Examples:\n  waybell knowledge written\n  waybell knowledge written --stage review"
    )]
    Written {
        /// Those that are there alone.
        #[arg(long, value_enum, value_name = "STAGE")]
        stage: Option<StageWord>,
    },
    /// Ask for a review of a draft (supervisors).
    #[command(after_help = "Example:\n  waybell knowledge submit a1b2c3")]
    Submit {
        /// Its id, or the end of it.
        id: String,
    },
    /// Publish what is in review (supervisors), or with --reject give it back.
    #[command(
        after_help = "Where your organisation asks for four eyes, who wrote a text does not approve it.\n\nExamples:\n  waybell \
        knowledge approve a1b2c3\n  waybell knowledge approve a1b2c3 --reject 'say within how many hours'"
    )]
    Approve {
        /// Its id, or the end of it.
        id: String,
        /// Give it back, with this reason.
        #[arg(long, value_name = "REASON")]
        reject: Option<String>,
    },
    /// Take an article away from everybody (supervisors); it and its versions are kept.
    #[command(after_help = "Example:\n  waybell knowledge archive a1b2c3")]
    Archive {
        /// Its id, or the end of it.
        id: String,
    },
    /// Show the versions of an article, or what is other in one (supervisors).
    #[command(
        after_help = "Examples:\n  waybell knowledge history a1b2c3\n  waybell knowledge history a1b2c3 --diff 3\n  waybell knowledge \
        history a1b2c3 --diff 3 --against 1"
    )]
    History {
        /// Its id, or the end of it.
        id: String,
        /// What is other in this version.
        #[arg(long, value_name = "VERSION")]
        diff: Option<u32>,
        /// Than in this one; otherwise than in the one before it.
        #[arg(long, value_name = "VERSION", requires = "diff")]
        against: Option<u32>,
    },
    /// Make an older version the newest once more: a draft (supervisors).
    #[command(after_help = "Example:\n  waybell knowledge restore a1b2c3 2")]
    Restore {
        /// Its id, or the end of it.
        id: String,
        /// The version.
        version: u32,
    },
    /// Make, rename, move or remove a folder (supervisors).
    #[command(
        after_help = "Examples:\n  waybell knowledge folder Claims/Broken\n  waybell knowledge folder Claims/Broken --rename Damage\n  \
        waybell knowledge folder Claims/Damage --into Parcels\n  waybell knowledge folder Old --remove"
    )]
    Folder(FolderArgs),
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// Files; their bytes decide what they are.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Its title, for a single file; otherwise the file says it, or is named so.
    #[arg(long, value_name = "TITLE")]
    pub title: Option<String>,
    /// Names of folders parted by /; those that are missing are made.
    #[arg(long, value_name = "PATH")]
    pub folder: Option<String>,
    /// A tag; may be given several times.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Name or id of the branch.
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Ask for a review at once.
    #[arg(long)]
    pub submit: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("rewrite").required(true).multiple(true))]
pub(crate) struct RewriteArgs {
    /// Its id, or the end of it.
    pub id: String,
    /// A file of Markdown or HTML that has the text.
    #[arg(long, value_name = "FILE", group = "rewrite")]
    pub file: Option<PathBuf>,
    /// Another title.
    #[arg(long, value_name = "TITLE", group = "rewrite")]
    pub title: Option<String>,
    /// Tags in place of the old ones; may be given several times.
    #[arg(long, value_name = "TAG", group = "rewrite")]
    pub tag: Vec<String>,
    /// Moved into this folder, names parted by /; / is the top.
    #[arg(long, value_name = "PATH", group = "rewrite")]
    pub folder: Option<String>,
}

#[derive(Args)]
#[command(group = ArgGroup::new("act").multiple(false))]
pub(crate) struct FolderArgs {
    /// Names parted by /.
    pub path: String,
    /// Another name.
    #[arg(long, value_name = "NAME", group = "act")]
    pub rename: Option<String>,
    /// Moved into this folder, names parted by /; / is the top.
    #[arg(long, value_name = "PATH", group = "act")]
    pub into: Option<String>,
    /// Removed, if nothing is in it.
    #[arg(long, group = "act")]
    pub remove: bool,
    /// A new one is of this branch alone.
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
}

/// A stage as a word.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StageWord {
    Draft,
    Review,
    Published,
    Archived,
}

impl From<StageWord> for Stage {
    fn from(word: StageWord) -> Stage {
        match word {
            StageWord::Draft => Stage::Draft,
            StageWord::Review => Stage::Review,
            StageWord::Published => Stage::Published,
            StageWord::Archived => Stage::Archived,
        }
    }
}
