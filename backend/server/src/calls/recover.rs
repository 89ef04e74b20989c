//! After a crash: what an earlier life left of calls of both directions.
//!
//! | stored of a leg | done |
//! |---|---|
//! | caller, ringing | its INVITE is refused (503), three times over UDP, as the answer may be lost |
//! | caller, our answer may have left | both: refused, and ended by BYE; one of them fits |
//! | answered, either side | BYE from the stored dialog |
//! | courier or customer, rung | CANCEL from the stored INVITE |
//! | anything, in a restored copy or another server's data | closed, nothing is sent |
//!
//! Nobody is rung again: a caller who was put off rings once more by themselves, a courier calls again. The call shows as interrupted, recordings
//! hold what was heard.

use super::{Calls, Heard};
use crate::app::Shared;
use crate::charges::{End, Source};
use crate::store::{StoreError, all};
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use waybell_domain::inbound::InboundOutcome;
use waybell_switch::{DialogRecord, EventKind, InviteRecord, LegId, RefusalRecord, Switch};

/// Pauses between refusals.
const REFUSALS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1_500)];
/// Legs ended at once, and the pause after them: a restart must not flood a carrier.
const AT_ONCE: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for the ends: 64·T1 and a little.
const PATIENCE: Duration = Duration::from_secs(40);

/// Proof that calls of an earlier life were closed, so that their recordings may be.
#[derive(Debug)]
pub struct Interrupted(());

#[derive(FromQueryResult)]
struct Open {
    id: String,
}

#[derive(FromQueryResult)]
struct Leg {
    id: String,
    kind: String,
    call_id: String,
    state: String,
    invite: Option<String>,
    refusal: Option<String>,
    dialog: Option<String>,
}

/// Ends what an earlier life left on the line and closes its calls. `orphaned`: the data are a restored copy, or another
/// server's; then the network is told nothing. Before the first event is routed.
///
/// # Errors
/// The database's.
pub async fn recover(app: &Shared, switch: &Switch, orphaned: bool) -> Result<(), StoreError> {
    let _ = app.calls.switch.set(switch.clone());
    app.calls.numbers.load(&app.store).await?;
    app.calls.pooled.load(&app.store).await?;
    let sql = "SELECT id, kind, call_id, state, invite, refusal, dialog FROM call_leg WHERE is_open = 1";
    let legs: Vec<Leg> = all(app.store.read(), sql, []).await?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    // each with a revision of its own, by which phones turn pages
    let open: Vec<Open> =
        all(write.tx(), "SELECT id FROM phone_call WHERE is_open = 1 ORDER BY id", []).await?;
    for call in open {
        write
            .exec(
                "UPDATE phone_call SET is_open = 0, outcome = $1, ended_at = $2, ended_rev = $3, rev = $3 WHERE id = $4",
                [
                    InboundOutcome::Interrupted.as_str().into(),
                    now.0.into(),
                    write.next_rev().into(),
                    call.id.into(),
                ],
            )
            .await?;
    }
    if orphaned {
        write.exec("UPDATE call_leg SET is_open = 0, end_at = $1 WHERE is_open = 1", [now.0.into()]).await?;
    }
    write.commit().await?;
    crate::recordings::recover(app, &Interrupted(())).await?;
    if orphaned || legs.is_empty() {
        return Ok(());
    }
    tracing::info!(legs = legs.len(), "legs of calls were open when the server ended; ending each");
    let (own, ear) = mpsc::unbounded_channel();
    let mut names: HashMap<LegId, String> = HashMap::new();
    let mut deeds = Vec::new();
    for leg in legs {
        let dialog = leg.dialog.as_deref().and_then(|d| serde_json::from_str::<DialogRecord>(d).ok());
        let invite = leg.invite.as_deref().and_then(|i| serde_json::from_str::<InviteRecord>(i).ok());
        let refusal = leg.refusal.as_deref().and_then(|r| serde_json::from_str::<RefusalRecord>(r).ok());
        let ringing = leg.kind == "caller" && leg.state == "ringing";
        let deed = Deed {
            refusal: refusal.filter(|_| leg.state != "answered"),
            dialog: dialog.filter(|_| !ringing),
            invite: invite.filter(|_| leg.state == "ringing"),
        };
        if deed.dialog.is_some() || deed.invite.is_some() {
            // the switch names the leg by its Call-ID after a restart
            let name = LegId::new(&leg.call_id);
            app.calls.adopt(name.clone(), own.clone());
            names.insert(name, leg.id);
        } else {
            deeds.push((deed, Some(leg.id)));
            continue;
        }
        deeds.push((deed, None));
    }
    let running = Calls::begin(app);
    let (app, switch) = (app.clone(), switch.clone());
    tokio::spawn(async move {
        let _running = running;
        tokio::join!(end_all(&app, &switch, &deeds), hear_ends(&app, ear, names));
    });
    Ok(())
}

struct Deed {
    refusal: Option<RefusalRecord>,
    dialog: Option<DialogRecord>,
    invite: Option<InviteRecord>,
}

async fn end_all(app: &Shared, switch: &Switch, deeds: &[(Deed, Option<String>)]) {
    for (turn, pause) in REFUSALS.into_iter().enumerate() {
        tokio::time::sleep(pause).await;
        for some in deeds.chunks(AT_ONCE) {
            for (deed, _) in some {
                if let Some(refusal) = &deed.refusal {
                    switch.refuse_stored(refusal.clone());
                }
                if turn > 0 {
                    continue;
                }
                match (&deed.dialog, &deed.invite) {
                    (Some(dialog), _) => {
                        switch.end_stored(dialog.clone());
                    }
                    (None, Some(invite)) => {
                        switch.cancel_stored(invite.clone());
                    }
                    (None, None) => {}
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    // those of which no end is heard
    for (_, id) in deeds {
        if let Some(id) = id {
            close(app, id, End::Unknown).await;
        }
    }
}

async fn hear_ends(app: &Shared, mut ear: mpsc::UnboundedReceiver<Heard>, mut names: HashMap<LegId, String>) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !names.is_empty() {
        let Ok(Some(heard)) = tokio::time::timeout_at(until, ear.recv()).await else { break };
        if let Heard::Leg(leg, kind) = heard
            && let EventKind::Ended { end } = *kind
            && let Some(id) = names.remove(&leg)
        {
            close(app, &id, End::of(&end)).await;
        }
    }
    for leg in names.into_keys() {
        // still open: the next start tries again
        app.calls.forget(&leg);
    }
}

async fn close(app: &Shared, id: &str, end: End) {
    let line = super::Line::new(
        "UPDATE call_leg SET is_open = 0, end_at = $1, release_dir = 'platform' WHERE id = $2",
        [app.clock.now().0.into(), id.into()],
    )
    .charging(Source::Leg(id.to_owned()), end);
    super::insist(app, vec![line]).await;
}
