//! Arguments of `phones`.

use clap::Args;

#[derive(Args)]
pub(crate) struct PhonesArgs {
    /// Make a telephone; shows once what has to be typed into it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["remove", "rename"])]
    pub add: Option<String>,
    /// Remove this one; it rings no more.
    #[arg(long, value_name = "NAME", conflicts_with = "rename")]
    pub remove: Option<String>,
    /// Call this one something else.
    #[arg(long, num_args = 2, value_names = ["NAME", "NEW"], conflicts_with = "of")]
    pub rename: Vec<String>,
    /// Telephones of this person (administrators).
    #[arg(long, value_name = "LOGIN")]
    pub of: Option<String>,
}
