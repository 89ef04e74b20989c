//! The numbers of all pools in memory: what a call that comes in is looked up in without waiting for the database, and how often
//! an organisation may bind.

use crate::numbers::number_key;
use crate::store::wall::everything;
use crate::store::{Store, StoreError, all};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::RwLock;
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::Mutex;
use waybell_domain::binding::BindingMode;
use waybell_domain::id::{NumberId, OrganisationId, PoolId};

/// Changes of bindings a second of one organisation.
const A_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// Longest extension.
pub(super) const MOST_DIGITS: u8 = 6;
/// Digits that a caller's exchange must have kept of a number, where it drops country and area code.
const TAIL: usize = 7;

/// A virtual number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolNumber {
    /// Id.
    pub id: NumberId,
    /// Its pool.
    pub pool: PoolId,
    /// Tenant.
    pub organisation: OrganisationId,
    /// How its pool binds.
    pub mode: BindingMode,
    /// Digits of an extension.
    pub digits: u8,
    /// As stored.
    pub key: String,
}

/// See the module.
#[derive(Debug)]
pub struct Pooled {
    by_key: RwLock<HashMap<String, Arc<PoolNumber>>>,
    /// One reads at a time, so that the table never goes back in time.
    loading: Mutex<()>,
    flow: DefaultKeyedRateLimiter<OrganisationId>,
}

impl Default for Pooled {
    fn default() -> Pooled {
        let flow = RateLimiter::keyed(Quota::per_second(A_SECOND));
        Pooled { by_key: RwLock::default(), loading: Mutex::default(), flow }
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    pool_id: String,
    organisation_id: String,
    mode: String,
    extension_digits: i64,
    number_key: String,
}

impl Pooled {
    /// Reads the table anew, after a commit that changed a pool's numbers.
    pub async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let _alone = self.loading.lock().await;
        let sql = "SELECT n.id, n.pool_id, n.organisation_id, p.mode, p.extension_digits, n.number_key FROM pool_number n \
                   JOIN number_pool p ON p.id = n.pool_id WHERE n.removed_at IS NULL";
        let rows: Vec<Row> = everything(all(store.read(), sql, [])).await?;
        let read = |row: Row| {
            let number = PoolNumber {
                id: NumberId::parse(&row.id).ok()?,
                pool: PoolId::parse(&row.pool_id).ok()?,
                organisation: OrganisationId::parse(&row.organisation_id).ok()?,
                mode: BindingMode::parse(&row.mode)?,
                digits: u8::try_from(row.extension_digits).ok()?,
                key: row.number_key.clone(),
            };
            Some((row.number_key, Arc::new(number)))
        };
        *self.by_key.write() = rows.into_iter().filter_map(read).collect();
        self.flow.retain_recent();
        Ok(())
    }

    /// Whether a number is one of a pool, however it is spelled: no other call shows it.
    pub fn holds(&self, number: &str) -> bool {
        let numbers = self.by_key.read();
        !numbers.is_empty() && number_key(number).is_some_and(|key| numbers.contains_key(&key))
    }

    /// Whether this organisation may change a binding now.
    pub(super) fn may(&self, organisation: OrganisationId) -> bool {
        self.flow.check_key(&organisation).is_ok()
    }

    /// The number that was rung, exactly.
    pub fn exact(&self, dialled: &str) -> Option<Arc<PoolNumber>> {
        let numbers = self.by_key.read();
        if numbers.is_empty() { None } else { numbers.get(&number_key(dialled)?).cloned() }
    }

    /// The number that was rung as a carrier writes it, and the extension that was dialled behind it.
    pub fn find(&self, dialled: &str) -> Option<(Arc<PoolNumber>, Option<String>)> {
        if self.by_key.read().is_empty() {
            return None;
        }
        if let Some(found) = self.exact(dialled) {
            return Some((found, None));
        }
        let ends = |c: char| matches!(c, ',' | ';' | '*' | '#' | 'p' | 'w');
        if let Some((number, rest)) = dialled.split_once(ends) {
            let keys: String = rest.chars().filter(char::is_ascii_digit).collect();
            let found = self.exact(number).or_else(|| self.by_end(number))?;
            let behind = found.mode == BindingMode::Axe && !keys.is_empty();
            return Some((found, behind.then_some(keys)));
        }
        // an extension right behind the number
        for digits in (1..=MOST_DIGITS).rev() {
            let Some(at) =
                dialled.len().checked_sub(usize::from(digits)).filter(|at| dialled.is_char_boundary(*at))
            else {
                continue;
            };
            let (number, keys) = dialled.split_at(at);
            if !keys.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            if let Some(found) = self.exact(number)
                && found.mode == BindingMode::Axe
                && found.digits == digits
            {
                return Some((found, Some(keys.to_owned())));
            }
        }
        self.by_end(dialled).map(|found| (found, None))
    }

    /// Where only one number ends like that.
    fn by_end(&self, dialled: &str) -> Option<Arc<PoolNumber>> {
        let digits = dialled.trim_start_matches('+').trim_start_matches('0');
        if digits.len() < TAIL || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let numbers = self.by_key.read();
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
    fn a_number_is_found_with_and_without_an_extension() {
        let pooled = Pooled::default();
        assert!(pooled.find("+862131001235").is_none() && !pooled.holds("+862131001235"));
        for (key, mode, digits) in [
            ("+862131001235", BindingMode::Axe, 4),
            ("+8617000000001", BindingMode::Axb, 4),
            ("+864001234567", BindingMode::Axe, 2),
        ] {
            let number = PoolNumber {
                id: NumberId::at(1, [1; 10]),
                pool: PoolId::at(1, [1; 10]),
                organisation: OrganisationId::at(1, [1; 10]),
                mode,
                digits,
                key: key.into(),
            };
            pooled.by_key.write().insert(key.into(), Arc::new(number));
        }
        let found = |dialled: &str| pooled.find(dialled).map(|(n, e)| (n.key.clone(), e.unwrap_or_default()));
        let x = |key: &str, e: &str| Some((key.to_owned(), e.to_owned()));
        for dialled in ["+862131001235", "02131001235", "862131001235", "31001235"] {
            assert_eq!(found(dialled), x("+862131001235", ""), "{dialled}");
        }
        for dialled in [
            "+8621310012350042",
            "021310012350042",
            "02131001235,0042",
            "02131001235*0042#",
            "31001235;ext=0042",
        ] {
            assert_eq!(found(dialled), x("+862131001235", "0042"), "{dialled}");
        }
        assert_eq!(found("400123456777"), x("+864001234567", "77"));
        assert_eq!(found("17000000001"), x("+8617000000001", ""));
        assert_eq!(found("17000000001,0042"), x("+8617000000001", ""), "a pair has no extensions");
        for dialled in ["02131001236", "0213100123500", "170000000010042", "", ",", "alice", "幸福,12"] {
            assert_eq!(found(dialled), None, "{dialled}");
        }
        assert!(pooled.holds("021-31001235") && !pooled.holds("021-31001236"));
    }
}
