//! Rows of `parcel` and their wire form.

use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::id::{ParcelId, UserId};
use waybell_domain::parcel::{CallMark, ParcelState, TaskKind};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::ParcelView;

/// Columns of [`ParcelRow`], for a table with alias `p`.
pub const COLUMNS: &str = "p.id, p.courier_id, p.waybill_no, p.kind, p.state, p.recipient_name, p.phone_key, \
     p.phone_key_2, p.phone_key_3, p.address, p.estate, p.building, p.mark, p.outcome, p.preference, p.door, p.sequence, p.imported_at, p.rev";

/// That a parcel, with alias `p`, of organisation $1 is for the customer with the number $2, whichever of theirs it is. The
/// organisation stands in each arm: otherwise SQLite, which keeps no statistics here, reads all of its parcels.
pub const OF_CUSTOMER: &str = "(p.organisation_id = $1 AND p.phone_key = $2 OR p.organisation_id = $1 AND p.phone_key_2 = $2 \
     OR p.organisation_id = $1 AND p.phone_key_3 = $2)";

/// A row of `parcel`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct ParcelRow {
    /// Id.
    pub id: String,
    /// Whose round.
    pub courier_id: String,
    /// 运单号.
    pub waybill_no: String,
    /// Kind word.
    pub kind: String,
    /// State word.
    pub state: String,
    /// Name.
    pub recipient_name: String,
    /// Number key.
    pub phone_key: Option<String>,
    /// Key of a further number.
    pub phone_key_2: Option<String>,
    /// Key of one more.
    pub phone_key_3: Option<String>,
    /// Address.
    pub address: String,
    /// Estate.
    pub estate: String,
    /// Building.
    pub building: String,
    /// Mark word.
    pub mark: String,
    /// Outcome word.
    pub outcome: Option<String>,
    /// Preference word.
    pub preference: Option<String>,
    /// JSON of the last deed.
    pub door: Option<String>,
    /// Order.
    pub sequence: i64,
    /// First import.
    pub imported_at: i64,
    /// Revision.
    pub rev: i64,
}

impl ParcelRow {
    /// The wire form; `None` for a damaged row, which is logged and left out.
    pub fn view(&self) -> Option<ParcelView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(parcel = %self.id, "a parcel row does not read back");
        }
        view
    }

    /// Keys of the further numbers.
    pub(super) fn more(&self) -> impl Iterator<Item = &str> {
        [self.phone_key_2.as_deref(), self.phone_key_3.as_deref()].into_iter().flatten()
    }

    fn read(&self) -> Option<ParcelView> {
        Some(ParcelView {
            id: ParcelId::parse(&self.id).ok()?,
            waybill_no: self.waybill_no.clone(),
            kind: TaskKind::parse(&self.kind)?,
            state: ParcelState::parse(&self.state)?,
            courier: UserId::parse(&self.courier_id).ok()?,
            recipient_name: self.recipient_name.clone(),
            phone: self.phone_key.as_deref().map(PhoneNumber::from_key).transpose().ok()?,
            more_phones: self.more().filter_map(|key| PhoneNumber::from_key(key).ok()).collect(),
            address: self.address.clone(),
            estate: self.estate.clone(),
            building: self.building.clone(),
            mark: CallMark::parse(&self.mark)?,
            outcome: self.outcome.as_deref().and_then(CallOutcome::parse),
            preference: self.preference.clone(),
            door: self.door.as_deref().and_then(|d| serde_json::from_str(d).ok()),
            sequence: self.sequence,
            imported_at: UnixMs(self.imported_at),
            rev: self.rev,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OF_CUSTOMER;
    use crate::store::{Store, all};
    use sea_orm::FromQueryResult;

    #[derive(FromQueryResult)]
    struct Step {
        detail: String,
    }

    #[tokio::test]
    async fn a_customers_parcels_are_found_without_reading_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("w.db").display())).await.unwrap();
        let sql = format!("EXPLAIN QUERY PLAN SELECT p.id FROM parcel p WHERE {OF_CUSTOMER}");
        let steps: Vec<Step> = all(store.read(), &sql, ["o".into(), "+86138".into()]).await.unwrap();
        let steps: Vec<&str> = steps.iter().map(|s| s.detail.as_str()).collect();
        for index in ["phone_key=?", "phone_key_2=?", "phone_key_3=?"] {
            assert!(steps.iter().any(|s| s.contains(index)), "{index}: {steps:?}");
        }
        assert!(!steps.iter().any(|s| s.starts_with("SCAN")), "{steps:?}");
        store.close().await;
    }
}
