//! One page, in one transaction.

use super::pull::{CURSOR, cursor};
use crate::error::Result;
use crate::notify::rows::{POLICY, TEMPLATES, server_batch, server_recipient};
use crate::store::seal::Seal;
use crate::store::{meta, set_meta, set_sealed_meta};
use crate::tasks::rows::{Writer, forget_server};
use rusqlite::Connection;
use waybell_domain::wire::{SyncPage, TemplateView};

/// What a page changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Applied {
    pub parcels: bool,
    pub batches: bool,
}

/// Applies a page that was asked for with the cursor `since`. A page that another process has overtaken is left alone:
/// its rows are here already.
pub(crate) fn page(t: &Connection, seal: &Seal, since: i64, page: &SyncPage) -> Result<Applied> {
    let now = cursor(t)?;
    if now != since {
        return Ok(Applied { parcels: true, batches: true });
    }
    let restored = page.cursor < since;
    if restored {
        tracing::warn!(
            since,
            cursor = page.cursor,
            "the server's data are older than before; they are read afresh"
        );
        forget_server(t)?;
    }
    let parcels = restored || !page.parcels.is_empty() || !page.gone_parcels.is_empty();
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
    if let Some(policy) = &page.policy {
        set_sealed_meta(t, seal, POLICY, policy)?;
    }
    set_meta(t, CURSOR, Some(&page.cursor.to_string()))?;
    let batches = !page.batches.is_empty() || !page.recipients.is_empty() || !page.gone_batches.is_empty();
    Ok(Applied { parcels: parcels || page.policy.is_some(), batches })
}

fn templates(t: &Connection, new: &[TemplateView]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut known: Vec<TemplateView> =
        meta(t, TEMPLATES)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    for template in new {
        known.retain(|k| k.key != template.key);
        known.push(template.clone());
    }
    set_meta(t, TEMPLATES, Some(&serde_json::to_string(&known)?))
}
