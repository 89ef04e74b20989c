//! One page, in one transaction.

use super::pull::{CURSOR, cursor};
use crate::error::Result;
use crate::notify::rows::{POLICY, TEMPLATES, server_batch, server_recipient};
use crate::store::seal::Seal;
use crate::store::{meta, set_meta, set_sealed_meta};
use crate::tasks::rows::{Writer, forget_server};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{SyncPage, TemplateView};

/// Key in `meta`: the generation of the server's data that the rows come from.
const GENERATION: &str = "generation";
/// Key in `meta`: when a restored server was found, by the phone's clock.
pub(super) const RESTORED: &str = "restored_at";

/// What a page changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Applied {
    pub parcels: bool,
    pub batches: bool,
    /// The page could not be used: ask again from the cursor that is stored now.
    pub again: bool,
}

/// Applies a page that was asked for with the cursor `since`. A page that another process has overtaken is left alone:
/// its rows are here already. A page of restored data is not used: its rows are only those after a cursor of other
/// data, so everything is forgotten and asked for from the start.
pub(crate) fn page(
    t: &Connection,
    seal: &Seal,
    since: i64,
    page: &SyncPage,
    wall: UnixMs,
) -> Result<Applied> {
    let now = cursor(t)?;
    if now != since {
        return Ok(Applied { parcels: true, batches: true, again: false });
    }
    let known = meta(t, GENERATION)?;
    let other = known.as_ref().is_some_and(|known| !page.generation.is_empty() && *known != page.generation);
    if !page.generation.is_empty() {
        set_meta(t, GENERATION, Some(&page.generation))?;
    }
    if since > 0 && (other || page.cursor < since) {
        tracing::warn!(since, cursor = page.cursor, "the server's data were restored; they are read afresh");
        forget_server(t)?;
        set_meta(t, CURSOR, None)?;
        set_meta(t, RESTORED, Some(&wall.0.to_string()))?;
        return Ok(Applied { parcels: true, batches: true, again: true });
    }
    let parcels = !page.parcels.is_empty() || !page.gone_parcels.is_empty();
    if parcels {
        let writer = Writer::new(t, seal)?;
        for id in &page.gone_parcels {
            writer.gone(*id)?;
        }
        for view in &page.parcels {
            writer.server_row(view, false)?;
        }
    }
    for id in &page.gone_batches {
        t.execute("DELETE FROM recipient WHERE batch_id = ?1", [id.to_string()])?;
        t.execute("DELETE FROM batch WHERE id = ?1", [id.to_string()])?;
    }
    for id in &page.gone_recipients {
        t.execute("DELETE FROM recipient WHERE id = ?1", [id.to_string()])?;
    }
    for view in &page.batches {
        server_batch(t, view)?;
    }
    for view in &page.recipients {
        server_recipient(t, seal, view)?;
    }
    templates(t, &page.templates)?;
    crate::tasks::stop_rules::learn(t, seal, &page.stop_rules)?;
    crate::tour::places::learn(t, seal, &page.places)?;
    if let Some(policy) = &page.policy {
        set_sealed_meta(t, seal, POLICY, policy)?;
    }
    set_meta(t, CURSOR, Some(&page.cursor.to_string()))?;
    let batches = !page.batches.is_empty() || !page.recipients.is_empty() || !page.gone_batches.is_empty();
    Ok(Applied {
        parcels: parcels || page.policy.is_some() || !page.stop_rules.is_empty(),
        batches,
        again: false,
    })
}

fn templates(t: &Connection, new: &[TemplateView]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut known: Vec<TemplateView> =
        meta(t, TEMPLATES)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    for template in new {
        known.retain(|k| k.key != template.key);
        if !template.withdrawn {
            known.push(template.clone());
        }
    }
    set_meta(t, TEMPLATES, Some(&serde_json::to_string(&known)?))
}
