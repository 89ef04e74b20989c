//! What a tap may be about: templates, groups of parcels, today's missed, the rules to plan by.

use super::plan::ZONE;
use super::{MOST_PARCELS, Notify, PLAN_WAIT, rows};
use crate::error::{Error, Result};
use crate::http::Request;
use crate::session::still;
use crate::store::{meta, set_sealed_meta};
use crate::tasks::rows::find;
use std::collections::{BTreeSet, HashMap};
use waybell_domain::id::{BatchId, ParcelId};
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::PolicyView;

impl Notify {
    /// Refuses a template that the organisation does not have, as far as this phone knows its templates.
    ///
    /// # Errors
    /// `BadInput`, with the templates that there are.
    pub fn knows(&self, template: &str) -> Result<()> {
        let known = self.templates()?;
        if known.is_empty() || known.iter().any(|t| t.key == template) {
            return Ok(());
        }
        let keys: Vec<&str> = known.iter().map(|t| t.key.as_str()).collect();
        Err(Error::bad(
            "template",
            format!("there is no template {template:?}"),
            format!("use one of: {}", keys.join(", ")),
        ))
    }

    /// Batches of one tap: those that [`Notify::send_all`] made together with this one, itself included, newest first.
    pub async fn siblings(&self, id: BatchId) -> Result<Vec<BatchId>> {
        // the first 48 bits of an id are the moment of the tap (RFC 9562, section 5.7)
        let start: String = id.to_string().chars().take(13).collect();
        self.client
            .inner
            .store
            .read(move |c| {
                let mut statement =
                    c.prepare_cached("SELECT id FROM batch WHERE substr(id, 1, 13) = ?1 ORDER BY id DESC")?;
                let ids = statement.query_map([start], |r| r.get::<_, String>(0))?;
                let ids: rusqlite::Result<Vec<String>> = ids.collect();
                Ok(ids?.iter().filter_map(|id| BatchId::parse(id).ok()).collect())
            })
            .await
    }

    /// Today's missed, as far as this phone knows: what [`Notify::again`] will ring, in their order. The server decides by
    /// the same rule: called in vain today by a notice of this template, and not reached by a later one.
    pub async fn missed(&self, template: &str, include_unknown: bool) -> Result<Vec<ParcelId>> {
        let inner = &self.client.inner;
        let (seal, today) = (inner.store.seal.clone(), inner.clock.wall().start_of_day(ZONE));
        let template = template.to_owned();
        let wanted =
            move |mark| mark == CallMark::Unanswered || include_unknown && mark == CallMark::ToConfirm;
        inner
            .store
            .read(move |c| {
                let (mut seen, mut missed) = (BTreeSet::new(), Vec::new());
                for batch in rows::since(c, today)?.iter().filter(|b| b.template == template) {
                    for person in rows::recipients(c, &seal, batch.id)? {
                        if person.state != "done" || !wanted(person.mark) {
                            continue;
                        }
                        for id in person.parcels {
                            let row = find(c, &seal, id)?;
                            if row.is_some_and(|r| wanted(r.shown.mark)) && seen.insert(id) {
                                missed.push(id);
                            }
                        }
                    }
                }
                Ok(missed)
            })
            .await
    }

    /// Groups of at most [`MOST_PARCELS`], in the given order; parcels of one telephone are in one group.
    pub(super) async fn split(&self, parcels: &[ParcelId]) -> Result<Vec<Vec<ParcelId>>> {
        if parcels.len() <= MOST_PARCELS {
            return Ok(vec![parcels.to_vec()]);
        }
        let inner = &self.client.inner;
        let (seal, parcels) = (inner.store.seal.clone(), parcels.to_vec());
        inner
            .store
            .read(move |c| {
                let mut place: HashMap<String, usize> = HashMap::new();
                let mut people: Vec<Vec<ParcelId>> = Vec::new();
                for id in parcels {
                    let row = find(c, &seal, id)?.ok_or(Error::NotFound("parcel"))?;
                    let known = row.shown.phone.map(|p| p.key());
                    match known.as_ref().and_then(|key| place.get(key)) {
                        Some(&at) => people[at].push(id),
                        None => {
                            if let Some(key) = known {
                                place.insert(key, people.len());
                            }
                            people.push(vec![id]);
                        }
                    }
                }
                Ok(pack(people, MOST_PARCELS))
            })
            .await
    }

    /// Asks for the rules, so that the first plan after a sign-in is made by those of the organisation; in vain without a
    /// network.
    pub(super) async fn fetch_rules(&self) {
        let inner = &self.client.inner;
        let Ok(me) = inner.sign_in() else { return };
        let request = Request::get("/api/v1/policy");
        let asked = inner.ask::<PolicyView>(&me, &request);
        let Ok(Ok(rules)) = tokio::time::timeout(PLAN_WAIT, asked).await else { return };
        let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
        let kept = inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                // a page that came meanwhile knows the opted-out numbers too
                if meta(t, rows::POLICY)?.is_none() {
                    set_sealed_meta(t, &seal, rows::POLICY, &rules)?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "the rules could not be kept");
        }
    }
}

/// Puts people into groups of at most `most` parcels; one with more than that is cut.
fn pack(people: Vec<Vec<ParcelId>>, most: usize) -> Vec<Vec<ParcelId>> {
    let mut groups: Vec<Vec<ParcelId>> = vec![Vec::new()];
    for person in people {
        for part in person.chunks(most) {
            match groups.last_mut() {
                Some(last) if last.len() + part.len() <= most => last.extend(part),
                _ => groups.push(part.to_vec()),
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_not_cut_in_two() {
        let id = |n: u8| ParcelId::at(waybell_domain::clock::UnixMs(1), [n; 10]);
        let people = vec![vec![id(1), id(2)], vec![id(3)], vec![id(4), id(5)], vec![id(6)]];
        let groups = pack(people, 4);
        assert_eq!(groups, [vec![id(1), id(2), id(3)], vec![id(4), id(5), id(6)]]);
        let whole = pack(vec![(0..9).map(id).collect()], 4);
        assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
    }
}
