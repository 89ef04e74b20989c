//! `completions`, `man`: made of the arguments as they are, so they cannot lag behind. Neither needs the store, nor do
//! `track` and `verify`.

use crate::args::{Arguments, Verb};
use crate::help::command;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use clap_mangen::Man;
use std::io::Write;
use std::path::Path;

/// Does what needs nothing but the arguments; `None` for every other verb.
pub(crate) fn run(arguments: &Arguments, out: &Out) -> Option<Result<u8, Failure>> {
    match &arguments.verb {
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut command(out.lang), "waybell", &mut text);
            Some(print(&text))
        }
        Verb::Man { folder: None } => {
            let mut page = Vec::new();
            let made =
                Man::new(command(out.lang)).render(&mut page).map_err(|e| Failure::plain(e.to_string()));
            Some(made.and_then(|()| print(&page)))
        }
        Verb::Man { folder: Some(folder) } => Some(pages(out, folder)),
        Verb::Track { from, out: to, limit } => Some(super::track::track(out, from, to.as_deref(), *limit)),
        Verb::Verify { file, key } => Some(super::recordings::verify(out, file, key.as_deref())),
        _ => None,
    }
}

/// Writes bytes as they are; a reader that ends early (`| head`) is no failure.
fn print(bytes: &[u8]) -> Result<u8, Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::plain(e.to_string())),
        _ => Ok(DONE),
    }
}

fn pages(out: &Out, folder: &Path) -> Result<u8, Failure> {
    let refused = |e: std::io::Error| Failure::plain(format!("{}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(refused)?;
    let command = command(out.lang);
    let verbs = command.get_subcommands().filter(|c| c.get_name() != "help");
    let mut written = 0;
    for page in std::iter::once(&command).chain(verbs) {
        let name = match page.get_name() {
            "waybell" => "waybell".to_owned(),
            verb => format!("waybell-{verb}"),
        };
        let mut text = Vec::new();
        Man::new(page.clone().name(name.clone())).render(&mut text).map_err(refused)?;
        std::fs::write(folder.join(format!("{name}.1")), text).map_err(refused)?;
        written += 1;
    }
    out.line(texts::pages(out.lang, written, folder.display()));
    out.json(&serde_json::json!({ "pages": written, "folder": folder }));
    Ok(DONE)
}
