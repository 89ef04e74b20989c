//! Receipts: somebody has read a version. One that comes again changes nothing; of two the earlier counts.

use super::rows::{Row, addressed};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, number};
use sea_orm::Value;
use waybell_domain::clock::UnixMs;

/// Files a receipt of `version`, read at `read_at` (in the server's steady time). One of an announcement that was withdrawn or
/// has ended meanwhile is taken too: it was read before.
pub(super) async fn read(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    version: u32,
    read_at: UnixMs,
) -> ApiResult<Row> {
    let row = addressed(write.tx(), scope, id).await?;
    let version = i64::from(version);
    if version < 1 || version > row.version {
        let problem = format!("there is no version {version}, but {} of them", row.version);
        return Err(ApiError::field("version", problem, "send the version that was read"));
    }
    // nobody reads what is not written yet, whatever a phone's clock says
    let sql = "SELECT at FROM announcement_text WHERE announcement_id = $1 AND version = $2";
    let written = number(write.tx(), sql, [row.id.clone().into(), version.into()]).await?;
    let sql = "INSERT INTO announcement_receipt (announcement_id, person_id, version, organisation_id, read_at, received_at, rev) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (announcement_id, person_id, version) DO UPDATE SET \
               read_at = excluded.read_at, rev = excluded.rev WHERE announcement_receipt.read_at > excluded.read_at";
    let values: [Value; 7] = [
        row.id.clone().into(),
        scope.person.to_string().into(),
        version.into(),
        scope.organisation.to_string().into(),
        read_at.0.clamp(written.min(now.0), now.0).into(),
        now.0.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    addressed(write.tx(), scope, &row.id).await
}
