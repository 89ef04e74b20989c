//! `login`, `logout`.

use super::{Outcome, PUSH};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use serde_json::json;
use std::io::{IsTerminal, Write};
use waybell_core::Client;
use waybell_core::say::role;

pub(super) async fn login(client: &Client, out: &Out, login: &str, password: Option<&str>) -> Outcome {
    if client.session().server().is_empty() {
        return Err(Failure::usage(texts::no_server(out.lang)).hint(texts::no_server_hint(out.lang)));
    }
    let password = match password {
        Some(given) => given.to_owned(),
        None => ask_password(out, "WAYBELL_PASSWORD")?,
    };
    let user = client.session().login(login, &password).await?;
    let _ = client.run_pending(PUSH).await;
    out.line(texts::signed_in(out.lang, &user.name, role(out.lang, user.role)));
    let status = client.sync().status()?;
    if status.more {
        out.line(texts::partial(out.lang, client.tasks().list().await?.len()));
    }
    out.json(&json!({ "user": user, "server": client.session().server(), "sync": status }));
    Ok(DONE)
}

pub(super) async fn logout(client: &Client, out: &Out) -> Outcome {
    let left = client.session().logout().await?;
    out.line(texts::signed_out(out.lang));
    if left.tracks > 0 {
        out.line(texts::tracks_left(out.lang, left.tracks));
    }
    if left.undelivered > 0 {
        out.line(texts::undelivered(out.lang, left.undelivered));
    }
    out.json(&left);
    Ok(DONE)
}

/// Reads a password in a terminal without showing it; `variable` is what could hold it otherwise.
pub(super) fn ask_password(out: &Out, variable: &str) -> Result<String, Failure> {
    let none = || Failure::usage(texts::no_password(out.lang, variable));
    if !std::io::stdin().is_terminal() {
        return Err(none());
    }
    let mut screen = std::io::stderr();
    let _ = write!(screen, "{}", texts::password(out.lang));
    let _ = screen.flush();
    enable_raw_mode().map_err(|e| Failure::plain(e.to_string()))?;
    let typed = typed();
    let _ = disable_raw_mode();
    let _ = writeln!(screen);
    typed.ok_or_else(none)
}

fn typed() -> Option<String> {
    let mut text = String::new();
    loop {
        let Event::Key(key) = read().ok()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match key.code {
            KeyCode::Enter => return Some(text).filter(|t| !t.is_empty()),
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return None,
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Esc => return None,
            _ => {}
        }
    }
}
