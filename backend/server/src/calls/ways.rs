//! Ways out for the legs that calls ring: which trunk, and which number may be shown there.

use crate::app::Shared;
use crate::numbers::{is_anothers, owners, same};
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::id::OrganisationId;
use waybell_switch::{Draft, InviteRecord, Permit, Switch, SwitchError};

/// How long a leg waits for a line that is free.
const LINE: Duration = Duration::from_secs(3);

/// An INVITE that may leave once it is stored.
pub(crate) struct Ready {
    pub record: InviteRecord,
    pub permit: Permit,
    /// The number that it shows.
    pub shown: String,
}

/// An INVITE and a line for it, on the first trunk that has both a free line and a number that may be shown, `wanted` first.
/// `seed` is never used for another leg.
pub(crate) async fn draft(
    app: &Shared,
    switch: &Switch,
    organisation: OrganisationId,
    wanted: &[String],
    seed: &str,
    callee: &str,
) -> Result<Ready, String> {
    let until = Instant::now() + LINE;
    let mut why = "no trunk is up".to_owned();
    loop {
        for trunk in switch.routes(&[]) {
            for shown in shown(app, organisation, wanted, &trunk).await? {
                let drafted = switch.draft(Draft {
                    attempt: seed,
                    route_no: 0,
                    trunk: &trunk,
                    caller: &shown,
                    callee,
                    headers: Vec::new(),
                });
                let record = match drafted {
                    Ok(record) => record,
                    Err(SwitchError::CallerNotAuthorised { .. }) => continue,
                    Err(error) => {
                        why = error.to_string();
                        break;
                    }
                };
                match switch.try_permits(&trunk, 1).pop() {
                    Some(permit) => return Ok(Ready { record, permit, shown }),
                    None => {
                        switch.discard(&record);
                        why = "no line is free".to_owned();
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
/// organisation's.
async fn shown(
    app: &Shared,
    organisation: OrganisationId,
    wanted: &[String],
    trunk: &str,
) -> Result<Vec<String>, String> {
    let owners = owners(app.store.read()).await.map_err(|e| e.to_string())?;
    let name = organisation.to_string();
    let all = app.config.trunk.iter().find(|t| t.name == trunk);
    let allowed = all.map_or(&[][..], |t| &t.caller_ids);
    let may = |number: &&String| !is_anothers(&owners, number, &name);
    // numbers that are published by somebody else are theirs
    let foreign = |a: &String| app.calls.numbers.find(a).is_some_and(|n| n.organisation != organisation);
    let mut out: Vec<String> = Vec::new();
    for want in wanted {
        out.extend(allowed.iter().filter(may).filter(|a| same(a, want) && !foreign(a)).cloned());
    }
    out.extend(allowed.iter().filter(may).filter(|a| !foreign(a)).cloned());
    let mut seen = std::collections::HashSet::new();
    out.retain(|n| seen.insert(n.clone()));
    Ok(out)
}
