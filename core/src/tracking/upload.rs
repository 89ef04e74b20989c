//! Tracks on their way to the server: each part once, whatever is lost, doubled or reordered on the way.
//!
//! ```text
//!  vertices ─pack─▶ blob, waits ─▶ request (bounded) ─▶ answer ─▶ blob, the server has it ─(days)─▶ gone
//!                       ▲              │ no answer        └─ refused ─▶ kept, told, never sent again
//!                       └── back-off ──┘
//! ```
//!
//! The tables are the queue: a blob waits until an answer names it, so that a kill at any moment leaves it waiting, and the
//! server, which knows parts by shift and number, takes it once. Notes and reports of shifts go the same way. A request
//! holds at most 256 kB of parts; one that the server refuses for a part is sent by halves until what is wrong stands
//! alone, and is then refused alone. What it refuses of notes, of a shift's report or of the position is left out. A refusal
//! that names none of these (or is no word of the server's own, but of something on the way) loses nothing: all of it waits.
//!
//! The position goes along while somebody is on duty, at most every 15 s (the server says how often). It is not queued:
//! an old position is none.

use super::engine::{Gap, Stay};
use super::rows::{self, Book};
use super::{Evidence, FenceNote, adopt, keep};
use crate::client::{Inner, random};
use crate::error::{Error, Refusal, Result};
use crate::http::Request;
use crate::outbox::send::jitter;
use crate::session::{SignIn, still};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::track::DropReason;
use waybell_domain::wire::{
    DroppedFixes, PositionReport, ShiftReport, TrackAnswer, TrackEvent, TrackNote, TrackPart, TrackUpload,
};

/// Most items of a request, and bytes of its parts.
const ITEMS: usize = 64;
const BYTES: usize = 256 << 10;
/// Between two positions, until the server says how often it wants them.
const LIVE: Duration = Duration::from_secs(15);
/// What is not certain yet is packed after so long, ms.
const PACK: i64 = 120_000;
/// A server that does not know tracks is asked again after this.
const OLD_SERVER: Duration = Duration::from_secs(600);

/// Shared by all clones of a client.
#[derive(Default)]
pub(crate) struct TrackShared {
    uploading: tokio::sync::Mutex<Sending>,
    /// Somebody has pushed fixes.
    woken: tokio::sync::Notify,
}

impl TrackShared {
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }
}

#[derive(Default)]
struct Sending {
    failures: u32,
    not_before: Option<Instant>,
    live: Live,
    /// Shifts whose report the server refuses: they wait, with what is of them, until the app starts again.
    aside: BTreeSet<String>,
}

#[derive(Default)]
struct Live {
    sent: Option<Instant>,
    /// Shift and time of the fix that was sent last.
    fix: Option<(String, UnixMs)>,
    every: Option<Duration>,
}

/// What a request holds, and what is to be noted when it is answered.
#[derive(Default)]
struct Load {
    upload: Option<TrackUpload>,
    notes: Vec<i64>,
    /// Shift and version.
    shifts: Vec<(String, i64)>,
    /// Blobs that do not open with this key.
    broken: Vec<(String, i64)>,
    more: bool,
}

impl Load {
    fn items(&self) -> usize {
        self.upload.as_ref().map_or(0, |u| u.parts.len()) + self.notes.len()
    }
}

/// Sends what waits. `now` packs everything, and cuts a wait short. Errors are those of the way there: what is refused is
/// noted.
pub(crate) async fn upload(inner: &Inner, me: &SignIn, now: bool) -> Result<()> {
    let mut sending = inner.tracks.uploading.lock().await;
    if !now && sending.not_before.is_some_and(|at| at > Instant::now()) {
        return Ok(());
    }
    let book = Book { seal: inner.store.seal.clone(), owner: me.pair.user.id.to_string() };
    let mut most = ITEMS;
    let mut pack = true;
    loop {
        let load = gather(inner, me, &book, &mut sending, most, now, std::mem::take(&mut pack)).await?;
        let Some(upload) = &load.upload else { return Ok(()) };
        let request = Request::post("/api/v1/tracks", upload)?;
        let answer = inner.ask::<TrackAnswer>(me, &request).await;
        let wrong = match &answer {
            Err(Error::Refused(refusal)) => wrong(refusal, upload),
            _ => None,
        };
        match answer {
            Ok(answer) => {
                (sending.failures, sending.not_before) = (0, None);
                sending.live.every = Some(Duration::from_millis(u64::from(answer.live_ms)).max(LIVE / 3));
                settle(inner, &load, &answer).await?;
                if !load.more {
                    return Ok(());
                }
                most = ITEMS.min(most * 2);
            }
            Err(Error::Refused(refusal)) if is_old_server(&refusal) => {
                sending.not_before = Some(Instant::now() + OLD_SERVER);
                return Ok(());
            }
            // nothing is lost by smaller ones, whoever finds it too large
            Err(Error::Refused(refusal)) if refusal.status == 413 && load.items() > 1 => {
                most = load.items() / 2;
            }
            Err(Error::Refused(refusal)) if wrong.is_some() => match wrong {
                Some(Wrong::Parts) if load.items() > 1 => most = load.items() / 2,
                Some(Wrong::Note(n)) => drop_note(inner, n, &refusal).await?,
                Some(Wrong::Shift(shift)) => {
                    tracing::error!(field = ?refusal.field, problem = %refusal.message, "the server refuses a shift");
                    sending.aside.insert(shift);
                }
                // the next request is without it: it has been noted as sent
                Some(Wrong::Position) => {
                    tracing::error!(problem = %refusal.message, "the server refuses a position")
                }
                _ => give_up(inner, &load, &refusal).await?,
            },
            Err(error) => {
                sending.failures += 1;
                let least = match &error {
                    Error::Refused(refusal) => u64::from(refusal.retry_after.unwrap_or(0)),
                    _ => 0,
                };
                let wait = jitter(sending.failures, random()).max(Duration::from_secs(least.min(300)));
                sending.not_before = Some(Instant::now() + wait);
                // a position that did not arrive is sent again when a newer one is due
                return if matches!(error, Error::Refused(_)) { Ok(()) } else { Err(error) };
            }
        }
    }
}

/// What the server itself finds wrong with a request.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// One of its parts, or the whole.
    Parts,
    /// This note.
    Note(i64),
    /// The report of this shift.
    Shift(String),
    Position,
}

/// What a refusal names of a request; `None` where it is not the server's own word (a proxy's or a portal's page), or names
/// nothing that is in the request.
pub(super) fn wrong(refusal: &Refusal, upload: &TrackUpload) -> Option<Wrong> {
    if refusal.code.starts_with("http_") || ![413, 422].contains(&refusal.status) {
        return None;
    }
    let field = refusal.field.as_deref()?;
    let place = |list: &str| -> Option<usize> {
        field.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?.0.parse().ok()
    };
    if field == "body" || field.starts_with("parts[") {
        let some = !upload.parts.is_empty() || !upload.notes.is_empty();
        return some.then_some(Wrong::Parts);
    }
    if let Some(note) = place("notes").and_then(|n| upload.notes.get(n)) {
        return Some(Wrong::Note(note.n));
    }
    if let Some(shift) = place("shifts").and_then(|n| upload.shifts.get(n)) {
        return Some(Wrong::Shift(shift.shift.clone()));
    }
    let position = field == "position" || field.starts_with("position.");
    (position && upload.position.is_some()).then_some(Wrong::Position)
}

/// It has no such route.
fn is_old_server(refusal: &Refusal) -> bool {
    refusal.status == 405 || refusal.status == 404 && refusal.field.is_none()
}

async fn gather(
    inner: &Inner,
    me: &SignIn,
    book: &Book,
    sending: &mut Sending,
    most: usize,
    now: bool,
    pack: bool,
) -> Result<Load> {
    let live = &mut sending.live;
    let aside = sending.aside.clone();
    let (owned, epoch, at) = (book.clone(), me.epoch, inner.event_time());
    let due = {
        let (book, at) = (book.clone(), at.clone());
        inner.store.read(move |c| Ok(adopt::is_due(c)? || pack && pack_is_due(c, &book, &at, now)?)).await?
    };
    if due {
        let book = book.clone();
        inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                adopt::adopt(t, &book)?;
                rows::pack_all(t, &book)?;
                keep::bound(t)
            })
            .await?;
    }
    let wants = live.sent.is_none_or(|sent| sent.elapsed() >= live.every.unwrap_or(LIVE));
    let known = live.fix.clone();
    let courier = me.pair.user.id;
    let (load, position) = inner
        .store
        .read(move |c| {
            let position = if wants { position(c, &owned, &at, known.as_ref())? } else { None };
            let mut loading = Loading {
                book: &owned,
                most,
                aside: &aside,
                upload: TrackUpload {
                    courier,
                    shifts: vec![],
                    parts: vec![],
                    notes: vec![],
                    position: position.clone(),
                },
                load: Load::default(),
                named: BTreeSet::new(),
            };
            loading.parts(c)?;
            loading.notes(c)?;
            loading.reports(c, &at)?;
            let Loading { upload, mut load, .. } = loading;
            let some = !upload.shifts.is_empty() || upload.position.is_some();
            load.upload = some.then_some(upload);
            Ok((load, position))
        })
        .await?;
    if let Some(position) = position {
        live.sent = Some(Instant::now());
        live.fix = Some((position.shift, position.at));
    }
    if !load.broken.is_empty() {
        let broken = load.broken.clone();
        inner
            .store
            .write(move |t| {
                for (shift, seq) in &broken {
                    refuse(t, shift, *seq, "the stored part cannot be read", UnixMs(0))?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(load)
}

/// Vertices have waited for long enough, or everything is to go.
fn pack_is_due(c: &Connection, book: &Book, at: &EventTime, now: bool) -> Result<bool> {
    let Some(open) = rows::open_shift(c, book)? else { return Ok(false) };
    let (loose, oldest): (i64, Option<i64>) = c
        .prepare_cached("SELECT COUNT(*), MIN(at) FROM track_vertex WHERE shift = ?1 AND packed = 0")?
        .query_row([&open.id], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let waited = oldest.is_some_and(|o| open.state.track_now(at).since(UnixMs(o)).abs() >= PACK);
    Ok(loose > 0 && (now || waited))
}

fn position(
    c: &Connection,
    book: &Book,
    at: &EventTime,
    known: Option<&(String, UnixMs)>,
) -> Result<Option<PositionReport>> {
    let Some(open) = rows::open_shift(c, book)? else { return Ok(None) };
    let Some((time, fix)) = open.state.newest() else { return Ok(None) };
    if known.is_some_and(|(shift, sent)| *shift == open.id && *sent >= time) {
        return Ok(None);
    }
    let finite = |v: Option<f32>| v.filter(|v| v.is_finite());
    Ok(Some(PositionReport {
        at: time,
        now: open.state.track_now(at),
        place: fix.place,
        accuracy: finite(fix.accuracy),
        speed: finite(fix.speed),
        bearing: finite(fix.bearing),
        mock: fix.mock,
        shift: open.id,
    }))
}

/// A request while it is put together.
struct Loading<'a> {
    book: &'a Book,
    most: usize,
    aside: &'a BTreeSet<String>,
    upload: TrackUpload,
    load: Load,
    /// Shifts that parts and notes of it belong to.
    named: BTreeSet<String>,
}

impl Loading<'_> {
    fn parts(&mut self, c: &Connection) -> Result<()> {
        let mut statement = c.prepare_cached(
            "SELECT b.shift, b.seq, b.body FROM track_blob b JOIN track_shift s ON s.id = b.shift \
             WHERE b.sent = 0 AND s.owner = ?1 ORDER BY b.n",
        )?;
        let mut rows = statement.query([&self.book.owner])?;
        let mut bytes = 0;
        while let Some(r) = rows.next()? {
            let (shift, seq, sealed): (String, i64, Vec<u8>) = (r.get(0)?, r.get(1)?, r.get(2)?);
            if self.aside.contains(&shift) {
                continue;
            }
            if self.upload.parts.len() >= self.most
                || !self.upload.parts.is_empty() && bytes + sealed.len() > BYTES
            {
                self.load.more = true;
                break;
            }
            let Ok(body) = self.book.seal.open_bytes(&rows::name(&shift, seq), &sealed) else {
                self.load.broken.push((shift, seq));
                continue;
            };
            bytes += body.len();
            self.named.insert(shift.clone());
            self.upload.parts.push(TrackPart { shift, seq, body: STANDARD.encode(body) });
        }
        Ok(())
    }

    fn notes(&mut self, c: &Connection) -> Result<()> {
        let mut statement = c.prepare_cached(
            "SELECT t.n, t.shift, t.kind, t.body FROM track_note t JOIN track_shift s ON s.id = t.shift \
             WHERE t.sent = 0 AND s.owner = ?1 ORDER BY t.n",
        )?;
        let mut rows = statement.query([&self.book.owner])?;
        while let Some(r) = rows.next()? {
            let (n, shift, kind): (i64, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            if self.aside.contains(&shift) {
                continue;
            }
            if self.upload.parts.len() + self.load.notes.len() >= self.most {
                self.load.more = true;
                break;
            }
            self.load.notes.push(n);
            match event(self.book, &shift, &kind, &r.get::<_, Vec<u8>>(3)?) {
                Ok(what) => {
                    self.named.insert(shift.clone());
                    self.upload.notes.push(TrackNote { shift, n, what });
                }
                // it is noted as sent with the others
                Err(_) => tracing::error!("a note of a track is damaged"),
            }
        }
        Ok(())
    }

    /// Reports of the shifts named, and of those that have changed since they were told: the others only once they are over
    /// or have begun, so that a shift does not send itself with every fix.
    fn reports(&mut self, c: &Connection, now: &EventTime) -> Result<()> {
        let open = rows::open_shift(c, self.book)?;
        let mut statement = c.prepare_cached(
            "SELECT id, began, ended, metres, low, high, boot, boot_offset, version, told, skew FROM track_shift WHERE owner = ?1 \
             ORDER BY began, id",
        )?;
        let mut rows = statement.query([&self.book.owner])?;
        while let Some(r) = rows.next()? {
            let (id, ended): (String, Option<i64>) = (r.get(0)?, r.get(2)?);
            let (version, told): (i64, i64) = (r.get(8)?, r.get(9)?);
            let changed = version > told && (told < 0 || ended.is_some());
            if !self.named.contains(&id) && !changed || self.aside.contains(&id) {
                continue;
            }
            if self.upload.shifts.len() >= ITEMS {
                self.load.more = true;
                break;
            }
            let (boot, offset): (Option<String>, Option<i64>) = (r.get(6)?, r.get(7)?);
            let same = boot.is_some() && boot == now.boot_id;
            let by_boot = match (same, offset, now.boot_ms) {
                (true, Some(offset), Some(ms)) => Some(UnixMs(offset.saturating_add_unsigned(ms))),
                _ => None,
            };
            let running = open.as_ref().filter(|o| o.id == id).map(|o| o.state.track_now(now));
            // without a boot clock the wall clock of now is that of the shift, unless it was set since
            let by_wall =
                (boot.is_none() && now.boot_id.is_none()).then_some(now.wall - r.get::<_, i64>(10)?);
            self.upload.shifts.push(ShiftReport {
                version,
                began: UnixMs(r.get(1)?),
                ended: ended.map(UnixMs),
                now: running.or(by_boot).or(by_wall),
                metres: r.get(3)?,
                low: r.get(4)?,
                high: r.get(5)?,
                dropped: dropped(c, &id)?,
                shift: id.clone(),
            });
            self.load.shifts.push((id, version));
        }
        Ok(())
    }
}

fn event(book: &Book, shift: &str, kind: &str, sealed: &[u8]) -> Result<TrackEvent> {
    let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
    Ok(match kind {
        "gap" => {
            let gap: Gap = book.seal.open(shift, sealed)?;
            TrackEvent::Gap { from: gap.from, to: gap.to, reason: gap.reason, metres: finite(gap.metres) }
        }
        "stay" => {
            let stay: Stay = book.seal.open(shift, sealed)?;
            TrackEvent::Stay { from: stay.from, to: stay.to, place: stay.place }
        }
        "fence" => {
            let note: FenceNote = book.seal.open(shift, sealed)?;
            let event = serde_json::to_value(note.event)?;
            let event = event.as_str().unwrap_or_default().to_owned();
            TrackEvent::Fence { at: note.at, id: note.id.chars().take(60).collect(), event }
        }
        _ => match book.seal.open::<Evidence>(shift, sealed)? {
            Evidence::Sign { at, sign } => TrackEvent::Sign { at, sign },
            Evidence::ClockSet { at, by_ms } => TrackEvent::ClockSet { at, by_ms },
        },
    })
}

fn dropped(c: &Connection, shift: &str) -> Result<Vec<DroppedFixes>> {
    let mut statement = c.prepare_cached("SELECT reason, fixes FROM track_drop WHERE shift = ?1")?;
    let rows = statement.query_map([shift], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (reason, fixes) = row?;
        found.extend(
            DropReason::parse(&reason).map(|reason| DroppedFixes { reason, fixes: fixes.unsigned_abs() }),
        );
    }
    Ok(found)
}

/// Notes what the server has. Not bound to the sign-in: it is so, whoever is signed in now.
async fn settle(inner: &Inner, load: &Load, answer: &TrackAnswer) -> Result<()> {
    let (answer, notes, shifts) = (answer.clone(), load.notes.clone(), load.shifts.clone());
    if answer.taken.is_empty() && answer.refused.is_empty() && notes.is_empty() && shifts.is_empty() {
        return Ok(());
    }
    let now = inner.clock.wall();
    inner
        .store
        .write(move |t| {
            for part in &answer.taken {
                rows::note_sent(t, &[rows::name(&part.shift, part.seq)], now)?;
            }
            for part in &answer.refused {
                tracing::error!(field = %part.field, problem = %part.problem, "the server refuses a part of a track");
                refuse(t, &part.part.shift, part.part.seq, &part.problem, now)?;
            }
            told(t, &notes, &shifts, now)
        })
        .await
}

/// A single thing that the server refuses is not sent again.
async fn give_up(inner: &Inner, load: &Load, refusal: &Refusal) -> Result<()> {
    let (notes, shifts, problem) = (load.notes.clone(), load.shifts.clone(), refusal.message.clone());
    let parts = load.upload.as_ref().map(|u| u.parts.clone()).unwrap_or_default();
    tracing::error!(code = %refusal.code, field = ?refusal.field, %problem, "the server refuses something of a track");
    let now = inner.clock.wall();
    inner
        .store
        .write(move |t| {
            for part in &parts {
                refuse(t, &part.shift, part.seq, &problem, now)?;
            }
            if parts.is_empty() { told(t, &notes, &shifts, now) } else { Ok(()) }
        })
        .await
}

/// A note that the server refuses is not sent again.
async fn drop_note(inner: &Inner, n: i64, refusal: &Refusal) -> Result<()> {
    tracing::error!(field = ?refusal.field, problem = %refusal.message, "the server refuses a note of a track");
    let now = inner.clock.wall();
    let sql = "UPDATE track_note SET sent = 2, sent_at = ?2 WHERE n = ?1";
    inner.store.write(move |t| Ok(t.prepare_cached(sql)?.execute(params![n, now.0]).map(drop)?)).await
}

fn told(t: &Connection, notes: &[i64], shifts: &[(String, i64)], now: UnixMs) -> Result<()> {
    for n in notes {
        t.prepare_cached("UPDATE track_note SET sent = 1, sent_at = ?2 WHERE n = ?1")?
            .execute(params![n, now.0])?;
    }
    for (shift, version) in shifts {
        t.prepare_cached("UPDATE track_shift SET told = MAX(told, ?2) WHERE id = ?1")?
            .execute(params![shift, version])?;
    }
    Ok(())
}

fn refuse(t: &Connection, shift: &str, seq: i64, problem: &str, now: UnixMs) -> Result<()> {
    t.prepare_cached(
        "UPDATE track_blob SET sent = 2, sent_at = ?4, problem = ?3 WHERE shift = ?1 AND seq = ?2 AND sent = 0",
    )?
    .execute(params![shift, seq, problem, now.0])?;
    Ok(())
}

/// While the app is in front: positions and parts go out as they come.
pub(crate) async fn live(inner: Arc<Inner>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        tokio::select! {
            () = inner.tracks.woken.notified() => {}
            _ = stopped.changed() => return,
        }
        if let Ok(me) = inner.sign_in()
            && let Err(error) = upload(&inner, &me, false).await
        {
            tracing::debug!(%error, "tracks wait");
        }
        // fixes come every few seconds: each of them wakes, and one look in three seconds is enough
        tokio::select! {
            () = tokio::time::sleep(LIVE / 5) => {}
            _ = stopped.changed() => return,
        }
    }
}
