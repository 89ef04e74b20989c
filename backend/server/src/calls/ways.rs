//! Ways out for the legs that calls ring: which trunk, and which number may be shown there.

use super::Heard;
use crate::app::Shared;
use crate::numbers::{is_anothers, owners, same};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::id::OrganisationId;
use waybell_switch::{Draft, EventKind, InviteRecord, LegId, Permit, Switch, SwitchError};

/// How long a leg waits for a line that is free.
const LINE: Duration = Duration::from_secs(3);
/// And for a trunk that has one and takes no more calls this moment, before one of lesser priority is looked at.
const PACE: Duration = Duration::from_secs(1);

/// Why a leg is not rung.
#[derive(Debug)]
pub(crate) enum Unrung {
    /// Whom it is for has hung up meanwhile, which waits to be heard.
    Gone,
    /// There is no line for it, or it could not be stored.
    Failed(String),
}

impl From<String> for Unrung {
    fn from(why: String) -> Unrung {
        Unrung::Failed(why)
    }
}

impl From<&str> for Unrung {
    fn from(why: &str) -> Unrung {
        Unrung::Failed(why.to_owned())
    }
}

/// Takes what a call's task has not read yet, and says whether the call is given up in it: by the app, or by `leg`, for which
/// another is about to be rung. A leg may wait for a line that only its end frees.
pub(crate) fn gone(
    ear: &mut mpsc::UnboundedReceiver<Heard>,
    heard: &mut VecDeque<Heard>,
    leg: Option<&LegId>,
) -> bool {
    while let Ok(next) = ear.try_recv() {
        heard.push_back(next);
    }
    heard.iter().any(|h| match h {
        Heard::HangUp => true,
        Heard::Leg(of, kind) => Some(of) == leg && matches!(**kind, EventKind::Ended { .. }),
        _ => false,
    })
}

/// An INVITE that may leave once it is stored.
pub(crate) struct Ready {
    pub record: InviteRecord,
    pub permit: Permit,
    /// The number that it shows.
    pub shown: String,
}

/// Which number a leg shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Showing<'a> {
    /// These first, the best in front; else any of the company's.
    Wanted(&'a [String]),
    /// This and no other.
    Only(&'a str),
}

/// An INVITE and a line for it, on the first trunk that has both a free line and a number that may be shown. `seed` is never
/// used for another leg.
pub(crate) async fn draft(
    app: &Shared,
    switch: &Switch,
    organisation: OrganisationId,
    showing: Showing<'_>,
    seed: &str,
    callee: &str,
) -> Result<Ready, String> {
    let until = Instant::now() + LINE;
    let mut why = "no trunk is up".to_owned();
    loop {
        for trunk in switch.routes(&[]) {
            let shown = shown(app, organisation, showing, &trunk).await?;
            if shown.is_empty() {
                continue;
            }
            let Some(permit) = switch.urgent_permit(&trunk, PACE).await else {
                why = "no line is free".to_owned();
                continue;
            };
            for shown in shown {
                let drafted = switch.draft(Draft {
                    attempt: seed,
                    route_no: 0,
                    trunk: &trunk,
                    caller: &shown,
                    callee,
                    headers: Vec::new(),
                });
                match drafted {
                    Ok(record) => return Ok(Ready { record, permit, shown }),
                    Err(SwitchError::CallerNotAuthorised { .. }) => {}
                    Err(error) => {
                        why = error.to_string();
                        break;
                    }
                }
            }
        }
        if Instant::now() >= until {
            return Err(why);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Numbers that may be shown on a trunk, the best first: those that are wanted, then any of the company's. Never another
/// organisation's, and a virtual number only where it alone will do.
async fn shown(
    app: &Shared,
    organisation: OrganisationId,
    showing: Showing<'_>,
    trunk: &str,
) -> Result<Vec<String>, String> {
    let owners = owners(app.store.read()).await.map_err(|e| e.to_string())?;
    let name = organisation.to_string();
    let all = app.config.trunk.iter().find(|t| t.name == trunk);
    let allowed = all.map_or(&[][..], |t| &t.caller_ids);
    let may = |number: &&String| !is_anothers(&owners, number, &name);
    // numbers that are published by somebody else are theirs
    let foreign = |a: &String| app.calls.numbers.find(a).is_some_and(|n| n.organisation != organisation);
    let wanted = match showing {
        Showing::Only(number) => {
            return Ok(allowed
                .iter()
                .filter(may)
                .filter(|a| same(a, number) && !foreign(a))
                .cloned()
                .collect());
        }
        Showing::Wanted(wanted) => wanted,
    };
    let foreign = |a: &String| foreign(a) || app.calls.pooled.holds(a);
    let mut out: Vec<String> = Vec::new();
    for want in wanted {
        out.extend(allowed.iter().filter(may).filter(|a| same(a, want) && !foreign(a)).cloned());
    }
    out.extend(allowed.iter().filter(may).filter(|a| !foreign(a)).cloned());
    let mut seen = std::collections::HashSet::new();
    out.retain(|n| seen.insert(n.clone()));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_switch::{EndHow, LegEnd};

    #[test]
    fn whoever_hangs_up_while_a_leg_waits_for_its_line_is_heard_first() {
        let (courier, other) = (LegId::new("courier"), LegId::new("other"));
        let end = LegEnd {
            how: EndHow::RemoteBye,
            status: Some(200),
            phrase: None,
            q850: None,
            reason_text: None,
            retry_after: None,
            sent: true,
            rang: true,
            answered: true,
            talk_ms: 0,
            bye: None,
            rtp: Default::default(),
        };
        let ended = |leg: &LegId| Heard::Leg(leg.clone(), Box::new(EventKind::Ended { end: end.clone() }));
        let cases = [
            (vec![], false),
            (vec![Heard::DiskLow, Heard::Mute { token: 1 }], false),
            (vec![ended(&other)], false),
            (vec![Heard::DiskLow, ended(&courier)], true),
            (vec![Heard::HangUp, Heard::DiskLow], true),
        ];
        for (said, is_gone) in cases {
            let (own, mut ear) = mpsc::unbounded_channel();
            let count = said.len();
            for heard in said {
                own.send(heard).unwrap();
            }
            let mut heard = VecDeque::new();
            assert_eq!(gone(&mut ear, &mut heard, Some(&courier)), is_gone, "{heard:?}");
            // nothing is lost, and its order stays
            assert_eq!(heard.len(), count);
            assert!(ear.try_recv().is_err());
        }
    }
}
