//! What to see to first at the next stop.
//!
//! A call that came in asks for something while nobody has marked it as handled and nobody has spoken with the caller: missed,
//! voicemail, interrupted. Of those, a caller who waits for a parcel of this courier comes before one who does not, and one who left a
//! message or rang again comes before one who rang once. A message that by its machine text complains or refuses comes before all
//! others. Within a level the more urgent wish comes first, then who rang more often, then who rang last.

use super::Call;
use serde::Serialize;
use std::collections::HashMap;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::CallId;
use waybell_domain::voicemail::Intent;
use waybell_domain::wire::{CallDirection, CallResult, CallView};

/// How soon a call wants to be seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// The caller waits for a parcel, and left a message or rang again; or the message complains or refuses.
    Now,
    /// The caller waits for a parcel, or insists: a message, a second ring.
    Soon,
    /// Somebody rang once.
    Later,
    /// It asks for nothing.
    None,
}

impl Urgency {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Urgency::Now => "now",
            Urgency::Soon => "soon",
            Urgency::Later => "later",
            Urgency::None => "none",
        }
    }

    /// Of a call whose caller has so many open parcels here and has rung so often.
    #[must_use]
    pub fn of(view: &CallView, open_parcels: usize, rings: u32) -> Urgency {
        if !asks(view) {
            return Urgency::None;
        }
        if wish(view).is_some_and(Intent::is_urgent) {
            return Urgency::Now;
        }
        let insists = rings > 1 || view.outcome == Some(CallResult::Voicemail);
        match (open_parcels > 0, insists) {
            (true, true) => Urgency::Now,
            (true, false) | (false, true) => Urgency::Soon,
            (false, false) => Urgency::Later,
        }
    }
}

/// What the caller wants first, by the machine's text of their message.
fn wish(view: &CallView) -> Option<Intent> {
    view.audio.as_ref()?.transcript.as_ref()?.intents.first().copied()
}

/// True while somebody has to see to the call.
#[must_use]
pub fn asks(view: &CallView) -> bool {
    let unanswered =
        matches!(view.outcome, Some(CallResult::Missed | CallResult::Voicemail | CallResult::Interrupted));
    view.direction == CallDirection::Incoming && unanswered && view.handled_at.is_none()
}

/// How often the caller of each call that asks for something has rung in vain in the day before `now`. Callers are told
/// apart by what is shown of their number; who shows none rings once.
pub(crate) fn rings<'a>(
    calls: impl Iterator<Item = &'a CallView> + Clone,
    now: UnixMs,
) -> HashMap<CallId, u32> {
    let mut by_caller: HashMap<(&str, Option<_>), u32> = HashMap::new();
    let key = |view: &'a CallView| {
        let known = view.caller.ends_with(|c: char| c.is_ascii_digit());
        (view.caller.as_str(), (!known).then_some(view.id))
    };
    for view in calls.clone().filter(|v| asks(v) && now.since(v.started_at) < DAY) {
        *by_caller.entry(key(view)).or_default() += 1;
    }
    calls
        .filter(|v| asks(v))
        .map(|view| (view.id, by_caller.get(&key(view)).copied().unwrap_or(0).max(1)))
        .collect()
}

/// The most urgent first.
pub(crate) fn sort(calls: &mut [Call]) {
    calls.sort_by_key(|call| {
        let rings = if call.urgency == Urgency::None { 0 } else { call.rings };
        (
            call.urgency,
            wish(&call.view)
                .filter(|_| call.urgency != Urgency::None)
                .map_or(Intent::ALL.len(), |i| i as usize),
            std::cmp::Reverse(rings),
            std::cmp::Reverse(call.view.started_at),
            std::cmp::Reverse(call.view.id),
        )
    });
}
