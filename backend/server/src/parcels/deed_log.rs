//! Who did what: the deeds that a person may see, newest first.

use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{all, marks};
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::wire::DeedLogView;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    courier_id: String,
    name: Option<String>,
    deed: String,
    proof: String,
    wall: i64,
    acted_at: i64,
    by_wall_clock: i64,
    received_at: i64,
    undone_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Of {
    deed_id: String,
    waybill_no: String,
}

/// The newest deeds of the scope: a courier's own, a supervisor's branch.
pub(super) async fn list(
    db: &DatabaseConnection,
    scope: &Scope,
    limit: usize,
) -> ApiResult<Vec<DeedLogView>> {
    let (filter, mut values) = scope.filter("e", 1);
    let n = values.len() + 1;
    values.push((limit as i64).into());
    let sql = format!(
        "SELECT e.id, e.courier_id, w.name, e.deed, e.proof, e.wall, e.acted_at, e.by_wall_clock, e.received_at, e.undone_at \
         FROM deed e LEFT JOIN person w ON w.id = e.courier_id WHERE {filter} AND e.deed <> '' \
         ORDER BY e.received_at DESC, e.id DESC LIMIT ${n}"
    );
    let rows: Vec<Row> = all(db, &sql, values).await?;
    let mut waybills: HashMap<String, Vec<String>> = HashMap::new();
    for chunk in rows.chunks(400) {
        let values = chunk.iter().map(|r| Value::from(r.id.clone()));
        let sql = format!(
            "SELECT d.deed_id, p.waybill_no FROM deed_parcel d JOIN parcel p ON p.id = d.parcel_id WHERE d.deed_id IN ({}) \
             ORDER BY p.sequence, p.waybill_no",
            marks(1, chunk.len())
        );
        for of in all::<Of, _>(db, &sql, values).await? {
            waybills.entry(of.deed_id).or_default().push(of.waybill_no);
        }
    }
    let view = |row: Row| {
        Some(DeedLogView {
            id: OperationId::parse(&row.id).ok()?,
            by: UserId::parse(&row.courier_id).ok()?,
            name: row.name.unwrap_or_default(),
            deed: serde_json::from_str(&row.deed).ok()?,
            proof: serde_json::from_str(&row.proof).unwrap_or_default(),
            waybills: waybills.remove(&row.id).unwrap_or_default(),
            at: UnixMs(row.acted_at),
            by_wall_clock: row.by_wall_clock != 0,
            wall: UnixMs(row.wall),
            received_at: UnixMs(row.received_at),
            undone_at: row.undone_at.map(UnixMs),
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}
