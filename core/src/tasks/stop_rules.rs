//! Stops put right by hand: what this branch has learnt, and what was done here and is on its way.
//!
//! Rules of the server apply in its order, then those that wait here in the order in which they were made; a rule whose
//! undo waits is left out. So a courier sees at once what they did, and every phone of the branch comes to the same stops.

use super::Tasks;
use crate::client::random;
use crate::error::{Error, Result};
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_meta, set_sealed_meta};
use rusqlite::Connection;
use waybell_domain::clock::EventTime;
use waybell_domain::id::{OperationId, ParcelId, UserId};
use waybell_domain::parcel::{MOST_KEYS, StopRule, StopRuleKind, merge_keys, regroup, split_key};
use waybell_domain::wire::{ActedAt, ParcelView, StopRuleRequest, StopRuleUndoRequest, StopRuleView};

/// Key in `meta`: rules of the server that hold, by place.
const RULES: &str = "stop_rules";

/// The server's word on rules: new ones, and undone ones.
pub(crate) fn learn(t: &Connection, seal: &Seal, views: &[StopRuleView]) -> Result<()> {
    if views.is_empty() {
        return Ok(());
    }
    let mut known = of_server(t, seal)?;
    for view in views {
        if known.iter().any(|k| k.id == view.id && k.rev > view.rev) {
            continue;
        }
        known.retain(|k| k.id != view.id);
        known.push(view.clone());
    }
    known.sort_by_key(|k| k.seq);
    set_sealed_meta(t, seal, RULES, &known)
}

/// Forgets what the server said.
pub(crate) fn forget(t: &Connection) -> Result<()> {
    set_meta(t, RULES, None)
}

fn of_server(c: &Connection, seal: &Seal) -> Result<Vec<StopRuleView>> {
    Ok(sealed_meta(c, seal, RULES)?.unwrap_or_default())
}

/// The rules that hold here, in the order in which they apply.
pub(crate) fn in_force(c: &Connection, seal: &Seal) -> Result<Vec<StopRuleView>> {
    let mut rules = of_server(c, seal)?;
    let owner = crate::session::owner(c, seal)?.map(|o| o.id);
    for operation in queue::alive(c, seal, &[OperationKind::StopRule, OperationKind::UndoStopRule])? {
        if operation.kind == OperationKind::UndoStopRule {
            if let Ok(request) = serde_json::from_slice::<StopRuleUndoRequest>(&operation.body) {
                rules.retain(|r| r.id != request.id);
            }
        } else if let Ok(request) = serde_json::from_slice::<StopRuleRequest>(&operation.body)
            && rules.iter().all(|r| r.id != request.id)
        {
            rules.push(StopRuleView {
                id: request.id,
                kind: request.kind,
                keys: request.keys,
                by: owner.unwrap_or_else(|| UserId::from_uuid(uuid::Uuid::nil())),
                at: operation.acted.wall,
                seq: 0,
                undone: false,
                rev: 0,
            });
        }
    }
    rules.retain(|r| !r.undone);
    Ok(rules)
}

/// The same as the domain has them.
pub(super) fn plain(rules: Vec<StopRuleView>) -> Vec<StopRule> {
    rules.into_iter().map(|r| StopRule { kind: r.kind, keys: r.keys }).collect()
}

impl Tasks {
    /// Makes one stop of the stops that these parcels are in, for everybody of the branch and for other days too. The id is
    /// for undoing it.
    ///
    /// # Errors
    /// `BadInput` where they are one stop already or too many; `NotFound`, `SignedOut`.
    pub async fn merge_stops(&self, parcels: &[ParcelId]) -> Result<OperationId> {
        self.put_right(parcels, StopRuleKind::Merge).await
    }

    /// Takes parcels out of the stops that they are in, for everybody of the branch and for other days too: with their
    /// building where most of the stop is another building's, otherwise their address alone. The id is for undoing it.
    ///
    /// # Errors
    /// `BadInput` where nothing tells one from the others there; `NotFound`, `SignedOut`.
    pub async fn split_stop(&self, parcels: &[ParcelId]) -> Result<OperationId> {
        self.put_right(parcels, StopRuleKind::Split).await
    }

    /// Merges and splits that hold here, in the order in which they apply.
    pub async fn stop_rules(&self) -> Result<Vec<StopRuleView>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read(move |c| in_force(c, &seal)).await
    }

    /// Undoes a merge or a split, whoever of the branch made it.
    ///
    /// # Errors
    /// `NotFound`, `SignedOut`.
    pub async fn undo_stop_rule(&self, id: OperationId) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                if in_force(t, &seal)?.iter().all(|r| r.id != id) {
                    return Err(Error::NotFound("merge or split"));
                }
                super::deeds::note_undone(t, &seal, id, &acted)?;
                if let Some(waiting) = queue::by_id(t, &seal, &id.to_string())?
                    && waiting.tries == 0
                {
                    return queue::remove(t, id).map(drop);
                }
                let request =
                    StopRuleUndoRequest { id, acted_at: ActedAt { wall: acted.wall, age_ms: None } };
                let body = serde_json::to_vec(&request)?;
                queue::push(t, &seal, &Operation::new(OperationKind::UndoStopRule, None, body, acted))
            })
            .await?;
        self.taken();
        Ok(())
    }

    async fn put_right(&self, parcels: &[ParcelId], kind: StopRuleKind) -> Result<OperationId> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        if parcels.is_empty() {
            return Err(Error::bad("parcels", "none is chosen", "choose at least one"));
        }
        if kind == StopRuleKind::Split && parcels.len() > MOST_KEYS {
            let problem = format!("more than {MOST_KEYS} are chosen to be split off");
            return Err(Error::bad("parcels", problem, "split fewer at once"));
        }
        let (seal, acted, ids) = (inner.store.seal.clone(), inner.event_time(), parcels.to_vec());
        let id = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let list = super::rows::list(t, &seal)?;
                let rules = plain(in_force(t, &seal)?);
                let keys = keys(&list, &rules, &ids, kind)?;
                file(t, &seal, kind, keys, acted)
            })
            .await?;
        self.taken();
        Ok(id)
    }
}

fn keys(
    list: &[ParcelView],
    rules: &[StopRule],
    ids: &[ParcelId],
    kind: StopRuleKind,
) -> Result<Vec<String>> {
    let addresses: Vec<&str> = list.iter().map(|p| p.address.as_str()).collect();
    let stops = regroup(&addresses, rules);
    let mut chosen = Vec::with_capacity(ids.len());
    for id in ids {
        chosen.push(list.iter().position(|p| p.id == *id).ok_or(Error::NotFound("parcel"))?);
    }
    let keys = match kind {
        StopRuleKind::Merge => merge_keys(&addresses, rules, &stops, &chosen).ok_or_else(|| {
            Error::bad("parcels", "are one stop already", "name a parcel of each of the stops")
        })?,
        StopRuleKind::Split => {
            let mut keys: Vec<String> = Vec::new();
            for n in chosen {
                let key = split_key(&addresses, rules, &stops, n).ok_or_else(|| {
                    let hint = "correct the address in the list";
                    Error::bad("parcels", "nothing tells its address from the others of the stop", hint)
                })?;
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            keys
        }
    };
    if keys.len() > MOST_KEYS {
        return Err(Error::bad("parcels", "these are too many buildings", "merge fewer at once"));
    }
    Ok(keys)
}

fn file(
    t: &Connection,
    seal: &Seal,
    kind: StopRuleKind,
    keys: Vec<String>,
    acted: EventTime,
) -> Result<OperationId> {
    let id = OperationId::at(acted.wall, random());
    let request = StopRuleRequest { id, kind, keys, acted_at: ActedAt { wall: acted.wall, age_ms: None } };
    let mut operation = Operation::new(OperationKind::StopRule, None, serde_json::to_vec(&request)?, acted);
    operation.id = id;
    queue::push(t, seal, &operation)?;
    Ok(id)
}
