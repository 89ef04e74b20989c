//! The published numbers in memory.

use super::number_key;
use crate::store::wall::everything;
use crate::store::{Store, StoreError, all};
use parking_lot::RwLock;
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use waybell_domain::id::{AreaId, BranchId, NumberId, OrganisationId};

/// Digits that a caller's exchange must have kept of a number, where it drops country and area code.
const TAIL: usize = 7;

/// A number that calls are taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedNumber {
    /// Id.
    pub id: NumberId,
    /// Tenant.
    pub organisation: OrganisationId,
    /// Branch.
    pub branch: BranchId,
    /// Area.
    pub area: Option<AreaId>,
    /// As stored.
    pub key: String,
}

/// See the module above.
#[derive(Debug, Default)]
pub struct Published {
    by_key: RwLock<HashMap<String, Arc<PublishedNumber>>>,
    /// One reads at a time, from before its look at the database until the table holds what it saw. Of two who have changed
    /// something, the later one reads what both have: the table never goes back in time.
    loading: Mutex<()>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    branch_id: String,
    area_id: Option<String>,
    number_key: String,
}

impl Published {
    /// Reads the table anew, after a commit that changed a number.
    pub async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let _alone = self.loading.lock().await;
        let sql = "SELECT id, organisation_id, branch_id, area_id, number_key FROM published_number WHERE active = 1";
        let rows: Vec<Row> = everything(all(store.read(), sql, [])).await?;
        let read = |row: Row| {
            let number = PublishedNumber {
                id: NumberId::parse(&row.id).ok()?,
                organisation: OrganisationId::parse(&row.organisation_id).ok()?,
                branch: BranchId::parse(&row.branch_id).ok()?,
                area: row.area_id.as_deref().map(AreaId::parse).transpose().ok()?,
                key: row.number_key.clone(),
            };
            Some((row.number_key, Arc::new(number)))
        };
        *self.by_key.write() = rows.into_iter().filter_map(read).collect();
        Ok(())
    }

    /// The number that was rung, as a carrier writes it: with country code, with area code, or, where only one number ends
    /// like that, with neither.
    pub fn find(&self, dialled: &str) -> Option<Arc<PublishedNumber>> {
        let numbers = self.by_key.read();
        if numbers.is_empty() {
            return None;
        }
        if let Some(found) = number_key(dialled).and_then(|key| numbers.get(&key)) {
            return Some(found.clone());
        }
        let digits = dialled.trim_start_matches('+').trim_start_matches('0');
        if digits.len() < TAIL || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut alike = numbers.values().filter(|n| n.key.ends_with(digits));
        match (alike.next(), alike.next()) {
            (Some(one), None) => Some(one.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_a_carrier_writes_it() {
        let published = Published::default();
        let add = |key: &str| {
            let number = PublishedNumber {
                id: NumberId::at(1, [1; 10]),
                organisation: OrganisationId::at(1, [1; 10]),
                branch: BranchId::at(1, [1; 10]),
                area: None,
                key: key.into(),
            };
            published.by_key.write().insert(key.into(), Arc::new(number));
        };
        assert!(published.find("+862131001234").is_none());
        for number in ["021-31001234", "4001234567", "95338", "700123456789012"] {
            add(&number_key(number).unwrap());
        }
        let found = |dialled: &str| published.find(dialled).map(|n| n.key.clone());
        for dialled in ["+862131001234", "862131001234", "02131001234", "2131001234", "31001234"] {
            assert_eq!(found(dialled).as_deref(), Some("+862131001234"), "{dialled}");
        }
        assert_eq!(found("4001234567").as_deref(), Some("+864001234567"));
        assert_eq!(found("95338").as_deref(), Some("+8695338"));
        assert_eq!(found("700123456789012").as_deref(), Some("700123456789012"));
        for stranger in ["1001234", "02131001235", "", "alice", "110", "+", "12345678901234567890"] {
            let same_tail = stranger == "1001234";
            assert_eq!(found(stranger).is_some(), same_tail, "{stranger}");
        }
        // two that end alike: neither is guessed
        add(&number_key("0571-31001234").unwrap());
        assert_eq!(found("31001234"), None);
        assert_eq!(found("057131001234").as_deref(), Some("+8657131001234"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_changes_at_once_leave_the_table_as_the_database() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let (o, b) = (OrganisationId::at(1, [1; 10]).to_string(), BranchId::at(1, [1; 10]).to_string());
        let write = store.begin().await.unwrap();
        for sql in [
            format!(
                "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('{o}', '', '', '', '', 1)"
            ),
            format!("INSERT INTO branch (id, organisation_id, name) VALUES ('{b}', '{o}', 'b')"),
        ] {
            write.exec(&sql, []).await.unwrap();
        }
        write.commit().await.unwrap();
        let published = Arc::new(Published::default());
        let changes = (0u8..40).map(|n| {
            let (store, published) = (store.clone(), published.clone());
            let id = NumberId::at(1, [n; 10]).to_string();
            let sql = format!(
                "INSERT INTO published_number (id, organisation_id, branch_id, number_key, name, proof, proof_date, \
                 created_at) VALUES ('{id}', '{o}', '{b}', '+8621310012{n:02}', '', 'letter', '2026-01-01', 1)"
            );
            tokio::spawn(async move {
                let write = store.begin().await.unwrap();
                write.exec(&sql, []).await.unwrap();
                write.commit().await.unwrap();
                published.load(&store).await.unwrap();
                // whoever has changed something finds it
                assert!(published.find(&format!("+8621310012{n:02}")).is_some(), "{n}");
            })
        });
        for change in changes.collect::<Vec<_>>() {
            change.await.unwrap();
        }
        assert_eq!(published.by_key.read().len(), 40);
    }

    #[test]
    fn what_cannot_be_published() {
        for text in ["110", "10086", "021-31001234转5", "abc", ""] {
            assert_eq!(number_key(text), None, "{text}");
        }
    }
}
