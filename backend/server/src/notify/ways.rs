//! Ways to the network: which trunk takes the next call, and whose numbers may be shown there.

use super::engine::Engine;
use super::telephone::Permit;
use crate::app::App;
use crate::numbers::number_key;
use crate::store::{StoreError, all};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;

/// People taken into one round at most.
const PEOPLE_A_ROUND: usize = 200;

/// A permit and the trunk that it is for.
pub(crate) struct Way {
    pub trunk: String,
    pub permit: Permit,
}

/// Permits of the trunks with the best priority, drawn by share one by one. What is over their limits waits: a trunk of
/// lesser priority is for when they are down or refuse.
pub(crate) fn free_permits(engine: &Engine) -> Option<Vec<Way>> {
    let switch = &engine.app.switch;
    let rank = |name: &str| engine.app.config.trunk.iter().find(|t| t.name == name).map(|t| t.priority);
    let mut routes = switch.routes(&[]);
    let best = rank(routes.first()?);
    let same =
        |routes: Vec<String>| -> Vec<String> { routes.into_iter().filter(|t| rank(t) == best).collect() };
    routes = same(routes);
    let mut out: Vec<Way> = Vec::new();
    if let [trunk] = &routes[..] {
        let permits = switch.try_permits(trunk, PEOPLE_A_ROUND);
        out.extend(permits.into_iter().map(|permit| Way { trunk: trunk.clone(), permit }));
    } else {
        while out.len() < PEOPLE_A_ROUND {
            let drawn = same(switch.routes(&[])).into_iter();
            let mut ways =
                drawn.filter_map(|trunk| Some(Way { permit: switch.try_permits(&trunk, 1).pop()?, trunk }));
            match ways.next() {
                Some(way) => out.push(way),
                None => break,
            }
        }
    }
    // taken from the end: the first that were drawn come first
    out.reverse();
    (!out.is_empty()).then_some(out)
}

#[derive(FromQueryResult)]
struct Caller {
    number: String,
    organisation_id: String,
}

/// A displayed number as a key: two spellings of one number are one.
fn key(number: &str) -> String {
    number_key(number).unwrap_or_else(|| number.to_owned())
}

/// Whose the displayed numbers are, by [`key`].
pub(crate) async fn callers<C: ConnectionTrait>(db: &C) -> Result<HashMap<String, Vec<String>>, StoreError> {
    let mut out: HashMap<String, Vec<String>> = HashMap::new();
    let rows: Vec<Caller> = all(db, "SELECT number, organisation_id FROM caller_id", []).await?;
    for row in rows {
        out.entry(key(&row.number)).or_default().push(row.organisation_id);
    }
    Ok(out)
}

/// The numbers that this organisation may show on this trunk: the trunk's, without those that belong to others.
pub(crate) fn caller_ids(engine: &Engine, organisation: &str, trunk: &str) -> Vec<String> {
    let all = engine.app.config.trunk.iter().find(|t| t.name == trunk).map_or(&[][..], |t| &t.caller_ids);
    free_to_show(&engine.app, all, &engine.callers, organisation)
}

/// Those of these numbers that this organisation may show. `owners` as [`callers`] has it.
pub(super) fn free_to_show(
    app: &App,
    all: &[String],
    owners: &HashMap<String, Vec<String>>,
    organisation: &str,
) -> Vec<String> {
    let mut out = allowed(all, owners, organisation);
    // a virtual number stands for two people and for nothing else
    out.retain(|number| !app.calls.pooled.holds(number));
    out
}

fn allowed(all: &[String], owners: &HashMap<String, Vec<String>>, organisation: &str) -> Vec<String> {
    // no number is anybody's on most servers: then none is read
    let own = |n: &&String| {
        owners.is_empty() || owners.get(&key(n)).is_none_or(|o| o.iter().any(|o| o == organisation))
    };
    all.iter().filter(own).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_number_is_reserved_in_every_spelling() {
        let owners = HashMap::from([(key("0571-31001234"), vec!["a".to_owned()])]);
        for spelled in ["+8657131001234", "057131001234", "0571 3100 1234"] {
            let all = ["+862131009999".to_owned(), spelled.to_owned()];
            assert_eq!(allowed(&all, &owners, "a"), all, "{spelled}");
            assert_eq!(allowed(&all, &owners, "b"), all[..1], "{spelled}");
            assert_eq!(allowed(&all, &HashMap::new(), "b"), all);
        }
    }
}
