//! Live positions on a socket: a view, its picture, and what has changed since the last message.
//!
//! * **Latest wins.** Nothing is queued for a socket. Once a second it looks at what is in memory, and sends the difference
//!   to the picture that it sent last, if there is one. A reader that is slow gets fewer messages and never older ones;
//!   what a socket keeps is one picture, whose size has a bound (`domain::track::live`).
//! * **Views** change with the map. The newest one counts, is shown whole, and no sooner than a second after the message
//!   before.
//! * **Who looks is kept.** Before the first picture there is an entry in the audit (`watch_positions`); views that follow
//!   are gathered, half a minute to an entry, and the last ones are written when the socket ends.
//! * **Whose** a position is, is asked at each look: a socket sees what `GET /positions` would show its person.

use super::look::{STALE, ends_of, names, note};
use super::positions::{Position, Seen};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::id::UserId;
use waybell_domain::track::live::{Area, MOST_ZOOM, Picture};
use waybell_domain::wire::{LiveCourier, LiveUpdate, LiveView};

/// Least time between two messages.
const BEAT: Duration = Duration::from_secs(1);
/// Views are gathered in the audit for so long, ms.
const GATHER: i64 = 30_000;
/// Names are read again after this, and sooner, but no sooner than the second, where one is missing, ms.
const NAMES: i64 = 5 * MINUTE;
const MISSING: i64 = 10_000;

/// What a socket watches.
pub(crate) struct Watch {
    scope: Scope,
    view: Option<LiveView>,
    /// The view has not been shown yet.
    is_new: bool,
    sent: Picture,
    /// What `sent` was made of, and until when it holds if nothing comes.
    version: u64,
    until: Option<UnixMs>,
    next: Instant,
    names: HashMap<UserId, String>,
    named_at: Option<UnixMs>,
    gathered: Gathered,
}

/// Views that are not in the audit yet.
#[derive(Default)]
struct Gathered {
    views: u32,
    last: Option<LiveView>,
    /// When the newest entry was written.
    written: Option<UnixMs>,
}

impl Watch {
    /// A socket of this person, which watches nothing yet.
    pub(crate) fn new(scope: Scope) -> Watch {
        Watch {
            scope,
            view: None,
            is_new: false,
            sent: Picture::default(),
            version: 0,
            until: None,
            next: Instant::now(),
            names: HashMap::new(),
            named_at: None,
            gathered: Gathered::default(),
        }
    }

    /// The map shows something else from now on; nothing, if none.
    ///
    /// # Errors
    /// 403 for couriers, 404 for a branch that is not the asker's, 422 with the field. The view before stays.
    pub(crate) async fn look(&mut self, app: &Shared, view: Option<LiveView>) -> ApiResult<()> {
        let Some(view) = view else {
            (self.view, self.is_new) = (None, false);
            return Ok(());
        };
        if !self.scope.role.sees_branch() {
            return Err(ApiError::forbidden());
        }
        if view.area.is_some_and(|area| !area.is_on_earth()) {
            let hint = "send south, west, north and east in 1e-7 degrees, south no further north than north";
            return Err(ApiError::field("area", "is no rectangle on the earth", hint));
        }
        const { assert!(MOST_ZOOM == 20) };
        if view.zoom > MOST_ZOOM {
            return Err(ApiError::field("zoom", "is above 20", "send 0 to 20"));
        }
        if let Some(branch) = view.branch {
            crate::numbers::branch_of(app.store.read(), &self.scope, Some(branch)).await?;
        }
        if self.view == Some(view) {
            return Ok(());
        }
        (self.view, self.is_new) = (Some(view), true);
        self.gathered.views = self.gathered.views.saturating_add(1);
        self.gathered.last = Some(view);
        Ok(())
    }

    /// Waits until it may be time for a message; for ever while nothing is watched.
    pub(crate) async fn beat(&self) {
        match self.view {
            Some(_) => tokio::time::sleep_until(self.next).await,
            None => std::future::pending().await,
        }
    }

    /// The next message, if there is anything to tell.
    pub(crate) async fn next(&mut self, app: &Shared) -> ApiResult<Option<LiveUpdate>> {
        self.next = Instant::now() + BEAT;
        let Some(view) = self.view else { return Ok(None) };
        let now = app.clock.now();
        self.note(app, now, false).await?;
        if !self.is_due(app.positions.version(self.scope.organisation), now) {
            return Ok(None);
        }
        ends_of(app, &self.scope, now).await?;
        let seen = app.positions.in_view(&self.scope, &view, now, STALE);
        self.name(app, now, &seen).await?;
        (self.version, self.until) = (seen.version, seen.until);
        Ok(self.show(seen.all, now, view.zoom))
    }

    /// False if another look would find what was sent.
    fn is_due(&self, version: u64, now: UnixMs) -> bool {
        self.is_new || version != self.version || self.until.is_some_and(|until| now > until)
    }

    fn show(&mut self, seen: Vec<(UserId, Position, bool)>, now: UnixMs, zoom: u8) -> Option<LiveUpdate> {
        let one = |(courier, p, live): (UserId, Position, bool)| LiveCourier {
            courier,
            name: self.names.get(&courier).cloned().unwrap_or_default(),
            place: p.place,
            at: p.at,
            stale: now.since(p.at) > STALE,
            live,
            accuracy: p.accuracy,
            speed: p.speed,
            bearing: p.bearing,
            mock: p.mock,
        };
        let picture = Picture::of(seen.into_iter().map(one).collect(), zoom);
        let update = if std::mem::take(&mut self.is_new) { picture.whole() } else { self.sent.to(&picture) };
        self.sent = picture;
        (!update.is_empty()).then_some(update)
    }

    async fn name(&mut self, app: &Shared, now: UnixMs, seen: &Seen) -> ApiResult<()> {
        let missing = seen.all.iter().any(|(id, _, _)| !self.names.contains_key(id));
        let age = self.named_at.map(|at| now.since(at));
        if age.is_none_or(|age| !(0..=NAMES).contains(&age) || missing && age > MISSING) {
            self.names = names(app.store.read(), &self.scope).await?;
            self.named_at = Some(now);
        }
        Ok(())
    }

    /// Writes the views that were gathered, when it is time.
    async fn note(&mut self, app: &Shared, now: UnixMs, last: bool) -> ApiResult<()> {
        let gathered = &mut self.gathered;
        let waits = gathered.written.is_some_and(|at| (0..GATHER).contains(&now.since(at)));
        let Some(view) = gathered.last.filter(|_| last || !waits) else { return Ok(()) };
        let branch = view.branch.map(|b| b.to_string());
        let subject = branch.unwrap_or_else(|| self.scope.organisation.to_string());
        let area = view.area.map_or_else(|| "everywhere".to_owned(), shown);
        let detail = match gathered.views {
            1 => format!("zoom {}, {area}", view.zoom),
            n => format!("{n} views, the last: zoom {}, {area}", view.zoom),
        };
        note(app, &self.scope, "watch_positions", &subject, &detail).await?;
        *gathered = Gathered { views: 0, last: None, written: Some(now) };
        Ok(())
    }

    /// The socket has ended: what is not in the audit yet is written.
    pub(crate) async fn end(mut self, app: &Shared) {
        // a view that was never shown is no look
        if self.is_new && self.gathered.views == 1 {
            return;
        }
        if let Err(error) = self.note(app, app.clock.now(), true).await {
            tracing::error!(error = %error.body.message, "the last views of a socket are not in the audit");
        }
    }
}

fn shown(area: Area) -> String {
    let at = |v: i32| f64::from(v) / 1e7;
    format!("{:.4},{:.4} to {:.4},{:.4}", at(area.south), at(area.west), at(area.north), at(area.east))
}

#[cfg(test)]
mod tests {
    use super::super::positions::Positions;
    use super::*;
    use std::collections::HashSet;
    use waybell_domain::id::{BranchId, OrganisationId};
    use waybell_domain::track::Place;
    use waybell_domain::wire::{PositionReport, Role};

    const NOW: UnixMs = UnixMs(1_795_140_000_000);

    fn scope(branch: u8, person: u16, role: Role) -> Scope {
        let mut id = [branch; 10];
        id[..2].copy_from_slice(&person.to_be_bytes());
        Scope {
            organisation: OrganisationId::at(1, [1; 10]),
            branch: Some(BranchId::at(1, [branch; 10])),
            person: UserId::at(1, id),
            role,
        }
    }

    fn report(positions: &Positions, branch: u8, person: u16, step: i32, now: UnixMs) {
        let place =
            Place { lat_e7: 312_000_000 + i32::from(person) * 1_000 + step * 500, lon_e7: 1_215_000_000 };
        let told = PositionReport {
            shift: "s".into(),
            at: now,
            now,
            place,
            accuracy: Some(8.0),
            speed: Some(4.0),
            bearing: None,
            mock: false,
        };
        assert!(positions.take(&scope(branch, person, Role::Courier), &told, now));
    }

    /// A socket's next message, with no clock and no database.
    fn message(watch: &mut Watch, positions: &Positions, now: UnixMs) -> Option<LiveUpdate> {
        let view = watch.view?;
        if !watch.is_due(positions.version(watch.scope.organisation), now) {
            return None;
        }
        let seen = positions.in_view(&watch.scope, &view, now, STALE);
        (watch.version, watch.until) = (seen.version, seen.until);
        watch.show(seen.all, now, view.zoom)
    }

    /// 1,000 couriers in ten branches, 100 supervisors, ten maps to a branch: half of them close, half far out.
    #[test]
    fn a_thousand_couriers_and_a_hundred_maps() {
        let positions = Positions::default();
        let zoom = |n: u16| if n.is_multiple_of(2) { 14 } else { 8 };
        let mut maps: Vec<(Watch, Picture)> = (0..100)
            .map(|n| {
                let mut watch = Watch::new(scope((n % 10) as u8, 5_000 + n, Role::Supervisor));
                watch.view = Some(LiveView { zoom: zoom(n / 10), ..LiveView::default() });
                watch.is_new = true;
                (watch, Picture::default())
            })
            .collect();
        let (mut messages, mut bytes, mut couriers) = (0, 0, 0);
        for second in 0..12 {
            let now = NOW + i64::from(second) * 1_000;
            // everybody reports thrice a second, every tenth has stopped after the third second
            for third in 0..3 {
                for n in (0..1_000u16).filter(|n| second < 3 || !n.is_multiple_of(10)) {
                    report(&positions, (n % 10) as u8, n, second * 3 + third, now + i64::from(third) * 300);
                }
            }
            for (watch, picture) in &mut maps {
                let Some(update) = message(watch, &positions, now + 900) else { continue };
                assert_eq!(update.whole, second == 0);
                let named: HashSet<UserId> = update.couriers.iter().map(|c| c.courier).collect();
                assert_eq!(named.len(), update.couriers.len(), "nobody twice in a message");
                let text = serde_json::to_string(&update).unwrap();
                (messages, bytes, couriers) = (messages + 1, bytes + text.len(), couriers + named.len());
                picture.apply(update);
                assert_eq!(message(watch, &positions, now + 900), None, "nothing twice");
            }
        }
        for (watch, picture) in &mut maps {
            assert_eq!(*picture, watch.sent);
            assert_eq!(picture.count(), 100, "the own branch and no other");
            let named = picture.couriers().count();
            assert_eq!(named, if watch.view.is_some_and(|v| v.zoom == 14) { 100 } else { 0 });
        }
        assert!(messages <= 12 * 100, "{messages}");
        // branch 0 is those who have stopped: 10 maps told them thrice; 45 close maps were told 100 couriers each second
        assert_eq!(couriers, 45 * 100 * 12 + 5 * 100 * 3);
        assert!(bytes < couriers * 260 + messages * 200, "{bytes} bytes for {couriers} couriers");
    }

    #[test]
    fn what_turns_stale_is_told_although_nobody_reports_and_then_there_is_silence() {
        let positions = Positions::default();
        report(&positions, 1, 1, 0, NOW);
        let mut watch = Watch::new(scope(1, 9, Role::Supervisor));
        (watch.view, watch.is_new) = (Some(LiveView { zoom: 14, ..LiveView::default() }), true);
        assert!(message(&mut watch, &positions, NOW).is_some_and(|u| u.whole && !u.couriers[0].stale));
        assert_eq!(message(&mut watch, &positions, NOW + STALE), None);
        let told = message(&mut watch, &positions, NOW + STALE + 1).unwrap();
        assert!(told.couriers[0].stale && !told.whole);
        assert_eq!(message(&mut watch, &positions, NOW + 2 * STALE), None);
        // the shift ends: gone, and what comes late brings nobody back
        positions.over(&scope(1, 1, Role::Courier), "s", NOW + 3 * STALE);
        let told = message(&mut watch, &positions, NOW + 3 * STALE).unwrap();
        assert_eq!((told.gone.len(), watch.sent.count()), (1, 0));
        let scope = scope(1, 1, Role::Courier);
        let place = Place { lat_e7: 312_000_000, lon_e7: 1_215_000_000 };
        let end = Position::end(scope.branch, "s".into(), NOW + 3 * STALE, place);
        positions.reached(scope.organisation, scope.person, end.clone(), NOW + 3 * STALE);
        assert_eq!(message(&mut watch, &positions, NOW + 3 * STALE), None);
        // a shift that runs is shown by the end of its track, and by its report as soon as there is one
        let next = Position { shift: "t".into(), ..end };
        positions.reached(scope.organisation, scope.person, next, NOW + 3 * STALE);
        let told = message(&mut watch, &positions, NOW + 3 * STALE).unwrap();
        assert!(!told.couriers[0].live);
    }
}
