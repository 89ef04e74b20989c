//! The rows of the ledger.

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{all, listed};
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use std::collections::{BTreeSet, HashMap};
use waybell_domain::clock::UnixMs;
use waybell_domain::parcel::{ConsentSource, WaybillNo, parcel_id};
use waybell_domain::phone::PhoneNumber;

/// Most rows of one sheet.
const MOST: usize = 20_000;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub phone: Option<PhoneNumber>,
    pub waybill: Option<WaybillNo>,
    pub preference: Option<String>,
}

/// One consent.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub at: UnixMs,
    /// `None` for a key press.
    pub source: Option<ConsentSource>,
    pub key: String,
    pub preference: String,
    pub phone: Option<PhoneNumber>,
    pub name: String,
    pub waybills: Vec<String>,
    /// Name of the notice.
    pub notice: String,
    pub said: String,
    pub wording: String,
    /// SIP Call-ID of the call, or the id of the deed.
    pub call: String,
    pub shown: String,
    pub answered: Option<UnixMs>,
    pub ended: Option<UnixMs>,
    pub courier: String,
    pub note: String,
}

#[derive(FromQueryResult)]
struct Pressed {
    id: String,
    at: i64,
    key: String,
    preference: String,
    parcels: String,
    said: String,
    wording: String,
    call_ids: String,
    display_number: String,
    answer_at: Option<i64>,
    end_at: Option<i64>,
    template_key: String,
    notice: Option<String>,
    phone_key: String,
    name: String,
    courier: Option<String>,
}

impl Pressed {
    /// A time of the call, which is kept in steady time, by the clock that the key press is told by. Its id holds the steady
    /// time of the press (UUIDv7, RFC 9562 5.7).
    fn on_the_wall(&self, at: i64) -> UnixMs {
        let pressed = uuid::Uuid::try_parse(&self.id).map_or(self.at, |id| (id.as_u128() >> 80) as i64);
        UnixMs(at + self.at - pressed)
    }
}

#[derive(FromQueryResult)]
struct ByHand {
    at: i64,
    source: String,
    preference: String,
    note: Option<String>,
    deed_id: String,
    waybill_no: String,
    phone_key: Option<String>,
    recipient_name: String,
    courier: Option<String>,
}

#[derive(FromQueryResult)]
struct Waybill {
    id: String,
    waybill_no: String,
}

/// Conditions on a query, with their values.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        self.sql.push_str(&format!(" AND {condition} ${}", self.values.len()));
    }

    /// One of the columns has the value.
    fn any(&mut self, columns: [&str; 3], value: Value) {
        self.values.push(value);
        let arms = columns.map(|column| format!("{column} = ${}", self.values.len()));
        self.sql.push_str(&format!(" AND ({})", arms.join(" OR ")));
    }
}

/// The consents that the asker sees, oldest first.
///
/// # Errors
/// 422 where there are more than a sheet holds.
pub(super) async fn entries(
    db: &DatabaseConnection,
    scope: &Scope,
    filter: &Filter,
) -> ApiResult<Vec<Entry>> {
    let mut list = pressed(db, scope, filter).await?;
    list.extend(by_hand(db, scope, filter).await?);
    if list.len() > MOST {
        let problem = format!("more than {MOST} consents answer this");
        return Err(ApiError::field("from", problem, "name a shorter time with from and to"));
    }
    list.sort_by_key(|e| e.at);
    Ok(list)
}

async fn pressed(db: &DatabaseConnection, scope: &Scope, filter: &Filter) -> ApiResult<Vec<Entry>> {
    let (sql, values) = scope.filter("r", 1);
    let mut which = Where { sql, values };
    which.and("c.at >=", filter.from.unwrap_or(0).into());
    which.and("c.at <", filter.to.unwrap_or(i64::MAX).into());
    if let Some(phone) = &filter.phone {
        which.and("r.phone_key =", phone.key().into());
    }
    if let Some(preference) = &filter.preference {
        which.and("c.preference =", preference.clone().into());
    }
    if let Some(waybill) = &filter.waybill {
        let id = parcel_id(scope.organisation, waybill.as_str());
        which.and("c.parcels LIKE", format!("%{id}%").into());
    }
    let sql = format!(
        "SELECT c.id, c.at, c.key, c.preference, c.parcels, c.said, c.wording, a.call_ids, a.display_number, a.answer_at, a.end_at, \
         b.template_key, t.name_zh AS notice, r.phone_key, r.name, w.name AS courier FROM consent c \
         JOIN attempt a ON a.id = c.attempt_id JOIN recipient r ON r.id = a.recipient_id JOIN batch b ON b.id = a.batch_id \
         LEFT JOIN template t ON t.organisation_id = b.organisation_id AND t.key = b.template_key \
         LEFT JOIN person w ON w.id = r.courier_id WHERE {} ORDER BY c.at, c.id LIMIT {}",
        which.sql,
        MOST + 1
    );
    let rows: Vec<Pressed> = all(db, &sql, which.values).await?;
    let parcels = |row: &Pressed| serde_json::from_str::<Vec<String>>(&row.parcels).unwrap_or_default();
    let waybills = waybills(db, scope, rows.iter().flat_map(parcels).collect()).await?;
    let entry = |row: Pressed| Entry {
        answered: row.answer_at.map(|at| row.on_the_wall(at)),
        ended: row.end_at.map(|at| row.on_the_wall(at)),
        at: UnixMs(row.at),
        source: None,
        waybills: parcels(&row).iter().filter_map(|id| waybills.get(id).cloned()).collect(),
        key: row.key,
        preference: row.preference,
        phone: PhoneNumber::from_key(&row.phone_key).ok(),
        name: row.name,
        notice: row.notice.unwrap_or(row.template_key),
        said: row.said,
        wording: row.wording,
        call: serde_json::from_str::<Vec<String>>(&row.call_ids)
            .unwrap_or_default()
            .pop()
            .unwrap_or_default(),
        shown: row.display_number,
        courier: row.courier.unwrap_or_default(),
        note: String::new(),
    };
    Ok(rows.into_iter().map(entry).collect())
}

async fn by_hand(db: &DatabaseConnection, scope: &Scope, filter: &Filter) -> ApiResult<Vec<Entry>> {
    let (sql, values) = scope.filter("e", 1);
    let mut which = Where { sql, values };
    which.and("h.at >=", filter.from.unwrap_or(0).into());
    which.and("h.at <", filter.to.unwrap_or(i64::MAX).into());
    if let Some(phone) = &filter.phone {
        which.any(["p.phone_key", "p.phone_key_2", "p.phone_key_3"], phone.key().into());
    }
    if let Some(preference) = &filter.preference {
        which.and("h.preference =", preference.clone().into());
    }
    if let Some(waybill) = &filter.waybill {
        which.and("p.waybill_no =", waybill.to_string().into());
    }
    let sql = format!(
        "SELECT h.at, h.source, h.preference, h.note, h.deed_id, p.waybill_no, p.phone_key, p.recipient_name, w.name AS courier \
         FROM hand_consent h JOIN deed e ON e.id = h.deed_id JOIN parcel p ON p.id = h.parcel_id \
         LEFT JOIN person w ON w.id = h.courier_id WHERE {} ORDER BY h.at, h.deed_id, h.parcel_id LIMIT {}",
        which.sql,
        MOST + 1
    );
    let rows: Vec<ByHand> = all(db, &sql, which.values).await?;
    let entry = |row: ByHand| Entry {
        at: UnixMs(row.at),
        source: ConsentSource::parse(&row.source),
        key: String::new(),
        preference: row.preference,
        phone: row.phone_key.and_then(|key| PhoneNumber::from_key(&key).ok()),
        name: row.recipient_name,
        waybills: vec![row.waybill_no],
        notice: String::new(),
        said: String::new(),
        wording: String::new(),
        call: row.deed_id,
        shown: String::new(),
        answered: None,
        ended: None,
        courier: row.courier.unwrap_or_default(),
        note: row.note.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(entry).collect())
}

async fn waybills(
    db: &DatabaseConnection,
    scope: &Scope,
    ids: BTreeSet<String>,
) -> ApiResult<HashMap<String, String>> {
    let ids: Vec<String> = ids.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(400) {
        let (marks, list) = listed(2, chunk);
        let values: Vec<Value> = std::iter::once(scope.organisation.to_string().into()).chain(list).collect();
        let sql = format!("SELECT id, waybill_no FROM parcel WHERE organisation_id = $1 AND id IN ({marks})");
        for row in all::<Waybill, _>(db, &sql, values).await? {
            found.insert(row.id, row.waybill_no);
        }
    }
    Ok(found)
}
