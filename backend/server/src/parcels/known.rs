//! What another room takes from a parcel.

use crate::http::error::ApiResult;
use crate::store::one;
use crate::store::scope::Scope;
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::id::{OrganisationId, UserId};
use waybell_domain::parcel::{WaybillNo, parcel_id};

/// A parcel that the asker may see.
#[derive(FromQueryResult)]
pub(crate) struct Known {
    pub id: String,
    pub branch_id: Option<String>,
    pub recipient_name: String,
    pub phone_key: Option<String>,
    pub address: String,
}

#[derive(FromQueryResult)]
struct Courier {
    courier_id: String,
}

/// The parcel of this waybill; `None` where there is none that the asker may see.
pub(crate) async fn known<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    waybill: &WaybillNo,
) -> ApiResult<Option<Known>> {
    let (filter, mut values) = scope.filter("p", 1);
    values.push(parcel_id(scope.organisation, waybill.as_str()).to_string().into());
    let sql = format!(
        "SELECT p.id, p.branch_id, p.recipient_name, p.phone_key, p.address FROM parcel p WHERE {filter} AND p.id = ${}",
        values.len()
    );
    Ok(one(db, &sql, values).await?)
}

/// Whose round it is on, while they work here.
pub(crate) async fn courier_of<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
    parcel: &str,
) -> ApiResult<Option<UserId>> {
    let sql = "SELECT p.courier_id FROM parcel p JOIN person c ON c.id = p.courier_id AND c.active = 1 \
               WHERE p.id = $1 AND p.organisation_id = $2";
    let row: Option<Courier> = one(db, sql, [parcel.into(), organisation.to_string().into()]).await?;
    Ok(row.and_then(|r| UserId::parse(&r.courier_id).ok()))
}
