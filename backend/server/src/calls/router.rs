//! Tells events of these calls from the dialler's.

use super::call;
use crate::app::Shared;
use crate::bindings;
use std::collections::VecDeque;
use tokio::sync::mpsc;
use waybell_switch::{Event, EventKind, Switch};

/// Events taken at once.
const AT_ONCE: usize = 256;
/// Events kept for a dialler that does not keep up (its disk is full, say), so that calls go on; then the switch keeps them.
const KEPT: usize = 20_000;

/// Runs until the switch stops. What belongs to no call that came in over a published number goes `onward`, in order.
pub async fn route(
    app: Shared,
    switch: Switch,
    mut events: mpsc::Receiver<Event>,
    onward: mpsc::Sender<Event>,
) {
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut waiting: VecDeque<Event> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            place = onward.reserve(), if !waiting.is_empty() => match (place, waiting.pop_front()) {
                (Ok(place), Some(event)) => place.send(event),
                // the dialler has stopped: calls still end as they must
                _ => waiting.clear(),
            },
            n = events.recv_many(&mut taken, AT_ONCE), if waiting.len() < KEPT => {
                if n == 0 {
                    return;
                }
                for event in taken.drain(..) {
                    let Some(event) = ours(&app, &switch, event) else { continue };
                    if waiting.is_empty() {
                        match onward.try_send(event) {
                            Err(mpsc::error::TrySendError::Full(event)) => waiting.push_back(event),
                            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                        }
                    } else {
                        waiting.push_back(event);
                    }
                }
            }
        }
    }
}

/// Takes what is ours.
fn ours(app: &Shared, switch: &Switch, event: Event) -> Option<Event> {
    let Event { leg, at, kind } = event;
    let kind = match kind {
        EventKind::PhoneCame(contact) => {
            app.phones.heard(&contact, true, app.clock.now());
            return None;
        }
        EventKind::PhoneStays(contact) => {
            app.phones.heard(&contact, false, app.clock.now());
            return None;
        }
        EventKind::PhoneLeft { contact, why } => {
            tracing::debug!(user = %contact.user, ?why, "a telephone has gone");
            return None;
        }
        EventKind::Trunk { .. } => return Some(Event { leg, at, kind }),
        EventKind::Incoming(incoming) => {
            // a virtual number that is written whole is no other number's end
            let bound = app.calls.pooled.exact(&incoming.to).map(|number| (number, None));
            let published = if bound.is_none() { app.calls.numbers.find(&incoming.to) } else { None };
            if let Some(number) = published {
                call::begin(app, switch, number, leg, incoming);
                return None;
            }
            match bound.or_else(|| app.calls.pooled.find(&incoming.to)) {
                Some(bound) => {
                    bindings::begin(app, switch, bound, leg, incoming);
                    return None;
                }
                None => EventKind::Incoming(incoming),
            }
        }
        kind => app.calls.take(&leg, kind)?,
    };
    Some(Event { leg, at, kind })
}
