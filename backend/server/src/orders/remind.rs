//! Reminders: what comes to ask for somebody is told once, to phones by a new revision and to waybill systems by a webhook.
//!
//! Every minute each open order is looked at. What holds of it (`domain::order::attention`) and was not told is told and kept;
//! what was told and holds no longer is forgotten, so that it is told again when it comes back. A server that was down tells
//! at its next look what it missed, once.

use super::rows::{COLUMNS, FROM, Row, Rules};
use crate::app::Shared;
use crate::http::error::ApiError;
use crate::store::{StoreError, all};
use crate::webhooks::outbox::At;
use sea_orm::FromQueryResult;
use std::collections::{BTreeMap, BTreeSet};
use waybell_domain::id::OrganisationId;

/// Orders whose reminders are one transaction, so that the dialler never waits for long.
const AT_ONCE: usize = 100;

#[derive(FromQueryResult)]
struct Organisation {
    id: String,
}

#[derive(FromQueryResult)]
struct Told {
    order_id: String,
    what: String,
}

/// What an order has come to ask for, and what it asks for no longer.
struct Change {
    order: String,
    begun: Vec<&'static str>,
    ended: Vec<String>,
}

/// Looks at every open order of every organisation.
pub(crate) async fn remind(app: &Shared) -> Result<(), StoreError> {
    let sql = "SELECT DISTINCT organisation_id AS id FROM work_order WHERE stage <> 'archive'";
    for organisation in all::<Organisation, _>(app.store.read(), sql, []).await? {
        let Ok(id) = OrganisationId::parse(&organisation.id) else { continue };
        let changes = match changes(app, id).await {
            Ok(changes) => changes,
            // rules that do not read keep nobody else's orders from being seen
            Err(error) => {
                tracing::error!(organisation = %id, problem = %error.body.message, "orders cannot be looked at");
                continue;
            }
        };
        for part in changes.chunks(AT_ONCE) {
            tell(app, id, part).await?;
        }
    }
    Ok(())
}

async fn changes(app: &Shared, id: OrganisationId) -> Result<Vec<Change>, ApiError> {
    let (db, now) = (app.store.read(), app.clock.now());
    let rules = Rules::of(db, id).await?;
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE o.organisation_id = $1 AND o.stage <> 'archive'");
    let rows: Vec<Row> = all(db, &sql, [id.to_string().into()]).await?;
    let sql = "SELECT order_id, what FROM work_order_told WHERE organisation_id = $1";
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in all::<Told, _>(db, sql, [id.to_string().into()]).await? {
        told.entry(line.order_id).or_default().insert(line.what);
    }
    let mut changes = Vec::new();
    for row in rows {
        let Ok(course) = row.course() else {
            tracing::error!(order = %row.id, "an order does not read back");
            continue;
        };
        let before = told.remove(&row.id).unwrap_or_default();
        let holds: Vec<&'static str> =
            rules.attention(&row, &course, now).iter().map(|a| a.as_str()).collect();
        let begun: Vec<&'static str> = holds.iter().copied().filter(|w| !before.contains(*w)).collect();
        let ended: Vec<String> = before.into_iter().filter(|w| !holds.contains(&w.as_str())).collect();
        if !begun.is_empty() || !ended.is_empty() {
            changes.push(Change { order: row.id, begun, ended });
        }
    }
    // of orders that were archived meanwhile
    changes.extend(told.into_iter().map(|(order, ended)| Change {
        order,
        begun: Vec::new(),
        ended: ended.into_iter().collect(),
    }));
    Ok(changes)
}

async fn tell(app: &Shared, id: OrganisationId, changes: &[Change]) -> Result<(), StoreError> {
    let at = At { now: app.clock.now(), wall: app.clock.wall() };
    let write = app.store.begin().await?;
    for change in changes {
        for what in &change.ended {
            let sql = "DELETE FROM work_order_told WHERE order_id = $1 AND what = $2";
            write.exec(sql, [change.order.clone().into(), what.clone().into()]).await?;
        }
        for what in &change.begun {
            let sql = "INSERT INTO work_order_told (order_id, what, organisation_id, at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (order_id, what) DO NOTHING";
            let values =
                [change.order.clone().into(), (*what).into(), id.to_string().into(), at.now.0.into()];
            write.exec(sql, values).await?;
            crate::audit::record(&write, Some(id), None, at.now, "order_reminder", &change.order, what)
                .await?;
        }
        let sql = "UPDATE work_order SET rev = $2 WHERE id = $1";
        write.exec(sql, [change.order.clone().into(), write.next_rev().into()]).await?;
        if !change.begun.is_empty() {
            crate::webhooks::orders::tell_reminder(&write, at, &change.order, &change.begun).await?;
        }
    }
    write.commit().await
}
