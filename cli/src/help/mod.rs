//! Help and usage errors in the language of the texts.
//!
//! clap writes in English only. The English of a verb or an argument stands where it is declared (`args`); its Chinese
//! in `table.rs`, found by verb and argument. Headings, usage lines and notes on defaults, variables and values are put
//! together here, as clap has them hard-wired.

mod errors;
mod table;
#[cfg(test)]
mod tests;

use crate::args::Arguments;
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use waybell_domain::lang::Lang;

pub(crate) use table::COMMON_HEADING;

const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// Reads the arguments; help, version and usage errors end the program, in the language that the arguments or the locale
/// ask for.
pub(crate) fn read() -> Arguments {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let lang = crate::args::language_of(&words, |name| std::env::var(name).ok());
    let parsed = command(lang).try_get_matches_from(words);
    match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => match errors::chinese(&error).filter(|_| lang == Lang::Zh) {
            Some(text) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "{text}");
                std::process::exit(i32::from(crate::out::USAGE));
            }
            None => error.exit(),
        },
    }
}

/// The program's arguments with their texts in this language.
pub(crate) fn command(lang: Lang) -> Command {
    let mut command = Arguments::command();
    command.build();
    match lang {
        Lang::En => english(command),
        Lang::Zh => chinese(command, ""),
    }
}

/// The options that every verb has stand together, at the end.
fn english(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "help" | "version" => arg.help_heading(COMMON_HEADING.1),
        _ => arg,
    });
    command.mut_subcommands(english)
}

fn chinese(command: Command, parent: &str) -> Command {
    let name = command.get_name().to_owned();
    let verb = table::key(parent, &name);
    let mut command = command.mut_args(|arg| argument(&verb, arg));
    if let Some(text) = table::verb(&verb) {
        command = command.about(text.about);
        if let Some(after) = text.after {
            command = command.after_help(after);
        }
    }
    command = command.subcommand_value_name("命令").subcommand_help_heading("命令").help_template(TEMPLATE);
    let usage = command.render_usage().to_string();
    command = command.override_usage(usage_line(&usage));
    // help on the verbs of a verb has their names
    let around = if name == "help" { parent } else { &name };
    command.mut_subcommands(|command| chinese(command, around))
}

/// A usage line of clap's in Chinese, without its heading.
fn usage_line(usage: &str) -> String {
    usage.trim_start_matches("Usage:").trim().replace("[OPTIONS]", "[选项]").replace("[COMMAND]", "[命令]")
}

fn argument(verb: &str, arg: Arg) -> Arg {
    let Some(text) = table::argument(verb, arg.get_id().as_str()) else { return arg };
    let mut help = text.help.to_owned();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|v| match table::value(v.get_name()) {
            Some(zh) if zh.eq_ignore_ascii_case(v.get_name()) => v.get_name().to_owned(),
            Some(zh) => format!("{} {zh}", v.get_name()),
            None => v.get_name().to_owned(),
        })
        .collect();
    if !values.is_empty() {
        help += &format!("（可选：{}）", values.join("，"));
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        help += &format!("（默认：{}）", defaults.join(" "));
    }
    if let Some(variable) = arg.get_env() {
        help += &format!("（环境变量：{}）", variable.to_string_lossy());
    }
    let heading = if text.common {
        COMMON_HEADING.0
    } else if arg.is_positional() {
        "参数"
    } else {
        "选项"
    };
    let arg = arg
        .help(help)
        // clap gives the flag for help a longer text of its own where some text is long
        .long_help(None::<&str>)
        .help_heading(heading)
        .hide_default_value(true)
        .hide_env(true)
        .hide_possible_values(true);
    // under a heading of their own clap would sort these by name
    let arg = match arg.get_index() {
        Some(place) => arg.display_order(place),
        None => arg,
    };
    match text.value {
        "" => arg,
        name => arg.value_name(name),
    }
}
