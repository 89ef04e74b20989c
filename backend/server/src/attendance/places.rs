//! Where people clock in.

use crate::http::error::{ApiError, ApiResult};
use crate::store::{StoreError, all};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::attendance::WorkPlace;
use waybell_domain::id::{BranchId, OrganisationId};
use waybell_domain::track::shape::MOST_CORNERS;
use waybell_domain::track::{Place, Shape};
use waybell_domain::wire::WorkPlaceRequest;

/// Most work places of a branch.
pub(super) const MOST: usize = 100;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    branch_id: String,
    name: String,
    shape: String,
    wifi: String,
}

impl Row {
    fn place(self) -> Option<WorkPlace> {
        Some(WorkPlace {
            branch: BranchId::parse(&self.branch_id).ok()?,
            shape: serde_json::from_str(&self.shape).ok()?,
            wifi: serde_json::from_str(&self.wifi).ok()?,
            id: self.id,
            name: self.name,
        })
    }
}

/// The work places of a branch, or of all where none is given.
pub(super) async fn list<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
    branch: Option<BranchId>,
) -> Result<Vec<WorkPlace>, StoreError> {
    let sql = "SELECT id, branch_id, name, shape, wifi FROM work_place WHERE organisation_id = $1 AND removed_at IS NULL \
               AND ($2 = '' OR branch_id = $2) ORDER BY name, id";
    let of = branch.map(|b| b.to_string()).unwrap_or_default();
    let rows: Vec<Row> = all(db, sql, [organisation.to_string().into(), of.into()]).await?;
    Ok(rows.into_iter().filter_map(Row::place).collect())
}

/// Checks what the types cannot.
pub(super) fn check(request: &WorkPlaceRequest) -> ApiResult<()> {
    let len = request.name.trim().chars().count();
    if !(1..=60).contains(&len) {
        return Err(ApiError::field("name", "must have 1 to 60 characters", "name the place"));
    }
    let on_earth =
        |p: &Place| p.lat_e7.unsigned_abs() <= 900_000_000 && p.lon_e7.unsigned_abs() <= 1_800_000_000;
    let fits = match &request.shape {
        Shape::Circle { middle, radius } => on_earth(middle) && (30.0..=5_000.0).contains(radius),
        Shape::Polygon(corners) => {
            (3..=MOST_CORNERS).contains(&corners.len()) && corners.iter().all(on_earth)
        }
    };
    if !fits {
        let hint = "send a circle of 30 to 5000 m, or a polygon of 3 to 200 corners, in WGS-84";
        return Err(ApiError::field("shape", "is no outline on the earth", hint));
    }
    if request.wifi.len() > 50 || !request.wifi.iter().all(|w| is_bssid(w)) {
        let hint = "send at most 50, each as aa:bb:cc:dd:ee:ff";
        return Err(ApiError::field("wifi", "holds what is no Wi-Fi station", hint));
    }
    Ok(())
}

fn is_bssid(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
}
