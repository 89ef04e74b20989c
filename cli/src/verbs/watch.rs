//! `watch`: a batch, live. A table in a terminal, lines as things change elsewhere.
//!
//! Watching ends with the batch. Where nobody sits in front of it (a pipe) it also ends when nothing more can come: the
//! batch is held, the session has ended, or the server stays out of reach.

use super::batch::find;
use super::plan::place;
use super::table::{Around, Places, draw, head_line, person_line, summary};
use super::{Outcome, is_held, refresh};
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out};
use crate::texts;
use crate::when;
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use waybell_core::Client;
use waybell_core::notify::Progress;
use waybell_core::outbox::OperationState;
use waybell_core::say::say;
use waybell_core::sync::SyncState;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::id::{BatchId, RecipientId};
use waybell_domain::wire::RecipientView;

/// Longest time between two looks; another process may have pulled what is new.
const TICK: Duration = Duration::from_millis(500);
/// How long keys are waited for.
const KEYS: Duration = Duration::from_millis(150);
/// After this time without the server it is told.
const TELL: Duration = Duration::from_secs(5);
/// After this time without the server a pipe is closed.
const GIVE_UP: Duration = Duration::from_secs(30);

/// Why watching ended.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The batch is over.
    Over,
    /// The person wants no more.
    Left,
    /// The batch is on hold.
    Held,
    /// The server stays out of reach.
    Gone,
    /// A sign-in is needed.
    SignedOut,
}

pub(super) async fn watch(client: &Client, out: &Out, wanted: Option<&str>) -> Outcome {
    refresh(client).await?;
    let id = find(client, out, wanted).await?;
    client.resume();
    let mut watcher = Watcher::new(client, out, id).await?;
    let end = if std::io::stdout().is_terminal() && !out.json {
        watcher.screen().await?
    } else {
        watcher.lines().await?
    };
    if end == End::SignedOut {
        return Err(waybell_core::Error::SignedOut.into());
    }
    let progress = client.notify().progress(id).await?;
    out.json(&out.masked(&progress));
    match end {
        End::Left => {
            out.line(texts::watch_left(out.lang));
            return Ok(DONE);
        }
        End::Held => {
            out.line(texts::watch_held(out.lang));
            return Ok(DONE);
        }
        End::Gone => {
            out.line(texts::watch_gone(out.lang));
            return Ok(OFFLINE);
        }
        End::SignedOut | End::Over => {}
    }
    if let Some(operation) = progress.operation.as_ref().filter(|o| o.state == OperationState::Dead) {
        super::exchange::tell_refused(out, operation);
        return Ok(FAILED);
    }
    out.line(format!("{}: {}", texts::watch_over(out.lang), summary(out.lang, &progress)));
    Ok(DONE)
}

struct Watcher<'a> {
    client: &'a Client,
    out: &'a Out,
    id: BatchId,
    places: Places,
    /// Since when the server is out of reach.
    lost: Option<Instant>,
    /// When everything was last pulled.
    pulled: Option<UnixMs>,
}

impl Watcher<'_> {
    async fn new<'a>(client: &'a Client, out: &'a Out, id: BatchId) -> Result<Watcher<'a>, Failure> {
        let places = client.tasks().list().await?.iter().map(|p| (p.id, place(p))).collect();
        Ok(Watcher { client, out, id, places, lost: None, pulled: None })
    }

    /// What is known of the batch and what there is to know beside it.
    async fn look(&mut self) -> Result<(Progress, Vec<String>), Failure> {
        // with the session the batch may have gone
        super::signed_in(self.client)?;
        let progress = self.client.notify().progress(self.id).await?;
        let status = self.client.sync().status()?;
        match status.state {
            SyncState::Idle => self.lost = None,
            SyncState::AuthNeeded => {}
            SyncState::Running | SyncState::Offline | SyncState::Error => {
                self.lost.get_or_insert_with(Instant::now);
            }
        }
        self.pulled = status.pulled_at.or(self.pulled);
        let mut notes = notes(self.out, &progress);
        if is_held(self.client)? && !progress.is_over() {
            notes.push(texts::all_held(self.out.lang));
        }
        if status.state == SyncState::AuthNeeded {
            notes.push(super::session_text(self.client, self.out)?);
        }
        if let Some(since) = self.lost.filter(|since| since.elapsed() >= TELL) {
            let lang = self.out.lang;
            let problem =
                status.problem.map_or_else(|| texts::no_answer(lang), |problem| say(lang, &problem));
            notes.push(match self.pulled {
                Some(at) => {
                    let age = when::now().since(at).max(0) / 1000;
                    texts::stale(lang, problem, when::clock(at), age)
                }
                None => texts::stale_whole(lang, problem, since.elapsed().as_secs()),
            });
        }
        Ok((progress, notes))
    }

    /// The batch and its state.
    fn title(&self, progress: &Progress) -> String {
        texts::asked(self.out.lang, self.id, progress.batch.state.label(self.out.lang))
    }

    async fn lines(&mut self) -> Result<End, Failure> {
        let changes = self.client.subscribe();
        let mut known: HashMap<RecipientId, RecipientView> = HashMap::new();
        let mut head = String::new();
        loop {
            let (progress, notes) = self.look().await?;
            let now = self.title(&progress);
            // the age of what is shown rises all the time and is told once
            let told = |note: &String| note.split(['；', ';']).next().unwrap_or_default().to_owned();
            let summed = format!("{now}{}", notes.iter().map(told).collect::<String>());
            if summed != head {
                self.out.line(&now);
                notes.iter().for_each(|note| self.out.line(format!("  {note}")));
                head = summed;
            }
            for person in &progress.recipients {
                let same = known.get(&person.id).is_some_and(|k| {
                    k.state == person.state && k.mark == person.mark && k.keys == person.keys
                });
                if !same {
                    if known.is_empty() {
                        self.out.line(head_line(self.out.lang));
                    }
                    self.out.line(person_line(self.out, &self.places, person));
                    known.insert(person.id, person.clone());
                }
            }
            if let Some(end) = self.end(&progress)? {
                return Ok(end);
            }
            if !next(&changes).await {
                return Ok(End::Left);
            }
        }
    }

    /// Whether nothing more can come.
    fn end(&self, progress: &Progress) -> Result<Option<End>, Failure> {
        if progress.is_over() {
            return Ok(Some(End::Over));
        }
        if self.client.sync().status()?.state == SyncState::AuthNeeded {
            return Ok(Some(End::SignedOut));
        }
        let held = matches!(progress.batch.state, BatchState::Paused | BatchState::NeedsConfirmation);
        if held && progress.batch.counts.calling == 0 && self.lost.is_none() {
            return Ok(Some(End::Held));
        }
        Ok(self.lost.filter(|since| since.elapsed() >= GIVE_UP).map(|_| End::Gone))
    }

    async fn screen(&mut self) -> Result<End, Failure> {
        let mut terminal = ratatui::try_init().map_err(|e| Failure::plain(e.to_string()))?;
        let done = self.drawn(&mut terminal).await;
        let _ = ratatui::try_restore();
        done
    }

    async fn drawn(&mut self, terminal: &mut ratatui::DefaultTerminal) -> Result<End, Failure> {
        let mut top = 0usize;
        loop {
            let (progress, notes) = self.look().await?;
            let title = self.title(&progress);
            top = top.min(progress.recipients.len().saturating_sub(1));
            let around = Around { title: &title, notes: &notes, top };
            terminal
                .draw(|frame| draw(frame, self.out, &progress, &self.places, &around))
                .map_err(|e| Failure::plain(e.to_string()))?;
            if progress.is_over() {
                return Ok(End::Over);
            }
            let pressed =
                tokio::task::spawn_blocking(|| if poll(KEYS).ok()? { read().ok() } else { None }).await;
            if let Ok(Some(Event::Key(key))) = pressed {
                match key.code {
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                        return Ok(End::Left);
                    }
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(End::Left),
                    KeyCode::Down => top += 1,
                    KeyCode::Up => top = top.saturating_sub(1),
                    KeyCode::PageDown => top += 20,
                    KeyCode::PageUp => top = top.saturating_sub(20),
                    _ => {}
                }
            }
        }
    }
}

/// Waits for a change, a moment, or Ctrl-C; false after Ctrl-C.
pub(super) async fn next(changes: &waybell_core::events::Subscription) -> bool {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => false,
        () = tokio::time::sleep(TICK) => true,
        _ = changes.next() => true,
    }
}

/// What keeps the batch.
fn notes(out: &Out, progress: &Progress) -> Vec<String> {
    let lang = out.lang;
    let mut notes = Vec::new();
    if progress.operation.is_some() {
        notes.push(texts::tap_waits(lang));
    }
    if progress.batch.state == BatchState::NeedsConfirmation {
        notes.push(texts::confirm_hint(lang));
    }
    match progress.batch.reason.as_deref() {
        Some("restored") => notes.push(texts::batch_restored(lang)),
        Some(reason) => notes.push(texts::batch_held(lang, say(lang, reason))),
        None => {}
    }
    notes
}
