//! Rows of `batch` and `recipient`.

use crate::error::Result;
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::BatchId;
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::{BatchCounts, BatchView, RecipientView};

/// Key in `meta` of the rules (sealed: they hold numbers).
pub(crate) const POLICY: &str = "policy";
/// Key in `meta` of the templates.
pub(crate) const TEMPLATES: &str = "templates";

/// The server's word about a batch; an older one changes nothing. Of one that was undone before the server saw it, the
/// server does not know the notice: what this phone knows stays.
pub(crate) fn server_batch(t: &Connection, view: &BatchView) -> Result<()> {
    let mut view = view.clone();
    if view.template.is_empty()
        && let Some(known) = batch(t, view.id)?
    {
        view.template = known.template;
    }
    put_batch(t, &view, "WHERE excluded.rev >= rev")
}

/// A batch that only this phone knows.
pub(crate) fn local_batch(t: &Connection, view: &BatchView) -> Result<()> {
    put_batch(t, view, "WHERE rev = 0")
}

fn put_batch(t: &Connection, view: &BatchView, when: &str) -> Result<()> {
    t.prepare_cached(&format!(
        "INSERT INTO batch (id, rev, created_at, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET \
         rev = excluded.rev, created_at = excluded.created_at, body = excluded.body {when}"
    ))?
    .execute(params![view.id.to_string(), view.rev, view.created_at.0, serde_json::to_string(view)?])?;
    Ok(())
}

/// The server's word about a person of a batch.
pub(crate) fn server_recipient(t: &Connection, seal: &Seal, view: &RecipientView) -> Result<()> {
    let id = view.id.to_string();
    t.prepare_cached(
        "INSERT INTO recipient (id, batch_id, sequence, rev, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET \
         batch_id = excluded.batch_id, sequence = excluded.sequence, rev = excluded.rev, body = excluded.body \
         WHERE excluded.rev > rev",
    )?
    .execute(params![id, view.batch.to_string(), view.sequence, view.rev, seal.seal(&id, view)?])?;
    Ok(())
}

/// The batch as last told.
pub(crate) fn batch(c: &Connection, id: BatchId) -> Result<Option<BatchView>> {
    let body: Option<String> = c
        .prepare_cached("SELECT body FROM batch WHERE id = ?1")?
        .query_row([id.to_string()], |r| r.get(0))
        .optional()?;
    Ok(body.map(|b| serde_json::from_str(&b)).transpose()?)
}

/// Batches, newest first.
pub(crate) fn batches(c: &Connection, limit: u32) -> Result<Vec<BatchView>> {
    let mut statement =
        c.prepare_cached("SELECT body FROM batch ORDER BY created_at DESC, id DESC LIMIT ?1")?;
    let mut rows = statement.query([limit])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}

/// Batches made since then, newest first.
pub(crate) fn since(c: &Connection, from: UnixMs) -> Result<Vec<BatchView>> {
    let mut statement =
        c.prepare_cached("SELECT body FROM batch WHERE created_at >= ?1 ORDER BY created_at DESC, id DESC")?;
    let mut rows = statement.query([from.0])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}

/// The people of a batch, in their order.
pub(crate) fn recipients(c: &Connection, seal: &Seal, id: BatchId) -> Result<Vec<RecipientView>> {
    let mut statement =
        c.prepare_cached("SELECT id, body FROM recipient WHERE batch_id = ?1 ORDER BY sequence, id")?;
    let mut rows = statement.query([id.to_string()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(seal.open(&row.get::<_, String>(0)?, &row.get::<_, Vec<u8>>(1)?)?);
    }
    Ok(out)
}

/// True while a call to this person is open.
pub(crate) fn is_calling(recipient: &RecipientView) -> bool {
    matches!(recipient.state.as_str(), "dialling" | "ringing" | "talking")
}

/// Progress as the people's rows have it: these change more often than the batch's own row.
pub(crate) fn counts(people: &[RecipientView]) -> BatchCounts {
    let mut counts = BatchCounts::default();
    for person in people {
        if person.state == "suppressed" {
            counts.suppressed += 1;
            continue;
        }
        counts.recipients += 1;
        match (person.state.as_str(), person.mark) {
            ("planned" | "waiting", _) => counts.waiting += 1,
            _ if is_calling(person) => counts.calling += 1,
            ("cancelled", _) => counts.cancelled += 1,
            (_, CallMark::Answered) => counts.answered += 1,
            (_, CallMark::ToConfirm) => counts.unknown += 1,
            _ => counts.unanswered += 1,
        }
    }
    counts
}
