//! `watch`: a batch, live. A table in a terminal, lines as things change elsewhere.

use super::batch::find;
use super::{Outcome, refresh};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use ratatui::layout::Constraint;
use ratatui::style::{Color, Style, Stylize};
use ratatui::widgets::{Block, Cell, Row, Table, TableState};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;
use waybell_core::Client;
use waybell_core::notify::Progress;
use waybell_core::outbox::OperationState;
use waybell_core::sync::SyncState;
use waybell_domain::id::{BatchId, RecipientId};
use waybell_domain::lang::Lang;
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::RecipientView;

/// Longest time between two looks; another process may have pulled what is new.
const TICK: Duration = Duration::from_millis(500);
/// How long keys are waited for.
const KEYS: Duration = Duration::from_millis(150);

pub(super) async fn watch(client: &Client, out: &Out, wanted: Option<&str>) -> Outcome {
    refresh(client).await?;
    let id = find(client, out, wanted).await?;
    client.resume();
    let ended = if std::io::stdout().is_terminal() && !out.json {
        screen(client, out, id).await
    } else {
        lines(client, out, id).await
    };
    let ended = ended?;
    let progress = client.notify().progress(id).await?;
    out.json(&out.masked(&progress));
    if !ended {
        out.line(texts::watch_left(out.lang));
        return Ok(DONE);
    }
    if let Some(operation) = progress.operation.as_ref().filter(|o| o.state == OperationState::Dead) {
        super::tell_refused(out, operation);
        return Ok(FAILED);
    }
    out.line(format!("{}: {}", texts::watch_over(out.lang), summary(out.lang, &progress)));
    Ok(DONE)
}

/// Waits for a change, a moment, or Ctrl-C; false after Ctrl-C.
async fn next(changes: &waybell_core::events::Subscription) -> bool {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => false,
        () = tokio::time::sleep(TICK) => true,
        _ = changes.next() => true,
    }
}

async fn lines(client: &Client, out: &Out, id: BatchId) -> Result<bool, Failure> {
    let changes = client.subscribe();
    let mut known: HashMap<RecipientId, RecipientView> = HashMap::new();
    let mut head = String::new();
    loop {
        let progress = client.notify().progress(id).await?;
        let now = state(client, out.lang, &progress)?;
        if now != head {
            out.line(&now);
            head = now;
        }
        for person in &progress.recipients {
            let same = known
                .get(&person.id)
                .is_some_and(|k| k.state == person.state && k.mark == person.mark && k.keys == person.keys);
            if !same {
                out.line(format!("  {}", cells(out, person).join("  ")));
                known.insert(person.id, person.clone());
            }
        }
        if progress.is_over() {
            return Ok(true);
        }
        if !next(&changes).await {
            return Ok(false);
        }
    }
}

async fn screen(client: &Client, out: &Out, id: BatchId) -> Result<bool, Failure> {
    let mut terminal = ratatui::try_init().map_err(|e| Failure::plain(e.to_string()))?;
    let done = async {
        let mut top = 0usize;
        loop {
            let progress = client.notify().progress(id).await?;
            let title = state(client, out.lang, &progress)?;
            let last = progress.recipients.len().saturating_sub(1);
            top = top.min(last);
            terminal
                .draw(|frame| draw(frame, out, &progress, &title, top))
                .map_err(|e| Failure::plain(e.to_string()))?;
            if progress.is_over() {
                return Ok(true);
            }
            let pressed =
                tokio::task::spawn_blocking(|| if poll(KEYS).ok()? { read().ok() } else { None }).await;
            if let Ok(Some(Event::Key(key))) = pressed {
                match key.code {
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(false),
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
                    KeyCode::Down => top += 1,
                    KeyCode::Up => top = top.saturating_sub(1),
                    KeyCode::PageDown => top += 20,
                    KeyCode::PageUp => top = top.saturating_sub(20),
                    _ => {}
                }
            }
        }
    }
    .await;
    let _ = ratatui::try_restore();
    done
}

fn draw(frame: &mut Frame<'_>, out: &Out, progress: &Progress, title: &str, top: usize) {
    let lang = out.lang;
    let header = [
        texts::mark(lang),
        texts::state(lang),
        texts::name(lang),
        texts::phone(lang),
        texts::pieces(lang),
        texts::attempts(lang),
        texts::keys(lang),
    ];
    let rows = progress.recipients.iter().map(|p| {
        let mut row = cells(out, p).into_iter().map(Cell::from).collect::<Vec<_>>();
        row[0] = row[0].clone().style(Style::new().fg(colour(p)));
        Row::new(row)
    });
    let widths = [14, 12, 12, 16, 7, 6, 6].map(Constraint::Length);
    let block = Block::bordered()
        .title(format!(" {title} "))
        .title_bottom(format!(" {} ", summary(lang, progress)))
        .title_bottom(ratatui::text::Line::from(texts::watch_keys(lang)).right_aligned());
    let table = Table::new(rows, widths).header(Row::new(header).bold()).block(block);
    frame.render_stateful_widget(table, frame.area(), &mut TableState::new().with_offset(top));
}

fn colour(person: &RecipientView) -> Color {
    match person.mark {
        CallMark::Answered => Color::Green,
        CallMark::Called => Color::Cyan,
        CallMark::Unanswered => Color::Red,
        CallMark::ToConfirm => Color::Yellow,
        CallMark::NotCalled => Color::Reset,
    }
}

fn cells(out: &Out, p: &RecipientView) -> Vec<String> {
    vec![
        p.mark.label(out.lang).to_owned(),
        doing(out.lang, &p.state),
        p.name.clone(),
        out.phone(&p.phone),
        p.parcels.len().to_string(),
        p.attempts.to_string(),
        p.keys.clone(),
    ]
}

/// The state of a person, in words.
fn doing(lang: Lang, state: &str) -> String {
    let (zh, en) = match state {
        "planned" => ("排队", "planned"),
        "waiting" => ("稍后再呼", "waiting"),
        "dialling" => ("拨号", "dialling"),
        "ringing" => ("振铃", "ringing"),
        "talking" => ("通话", "talking"),
        "done" => ("完成", "done"),
        "suppressed" => ("不呼叫", "left out"),
        "cancelled" => ("已取消", "cancelled"),
        other => (other, other),
    };
    lang.pick(zh, en).to_owned()
}

/// The batch in one line: its state, and what keeps it.
fn state(client: &Client, lang: Lang, progress: &Progress) -> Result<String, Failure> {
    let id = progress.batch.id.to_string();
    let mut text = texts::asked(lang, &id, progress.batch.state.label(lang));
    if progress.operation.is_some() {
        text += &format!(" ({})", texts::tap_waits(lang));
    }
    if progress.batch.state == waybell_domain::dial::batch::BatchState::NeedsConfirmation {
        text += &format!(" ({})", texts::confirm_hint(lang));
    }
    match progress.batch.reason.as_deref() {
        Some("restored") => text += &format!(" ({})", texts::batch_restored(lang)),
        Some(reason) => text += &format!(" ({})", texts::batch_held(lang, reason)),
        None => {}
    }
    let status = client.sync().status()?;
    if status.state == SyncState::Offline {
        text += &format!(" ({})", texts::offline(lang, status.problem.unwrap_or_default()));
    }
    if status.state == SyncState::AuthNeeded {
        text += &format!(" ({})", texts::sign_in_first(lang));
    }
    Ok(text)
}

fn summary(lang: Lang, progress: &Progress) -> String {
    let c = progress.batch.counts;
    let mut text =
        texts::counts(lang, c.recipients, c.answered, c.unanswered, c.calling, c.waiting, c.unknown);
    if c.cancelled > 0 {
        text += &texts::cancelled(lang, c.cancelled);
    }
    text
}
