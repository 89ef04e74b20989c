//! Who pays for whose calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ChargedCall, Micros};
use crate::id::{BranchId, UserId};
use crate::policy::{BadValue, check_ranges};

words! {
    /// Whose account a call is charged to.
    #[derive(Default)]
    pub enum PaidBy {
        /// The branch's; the organisation's where nobody has a branch.
        #[default]
        Branch = "branch", "网点", "the branch";
        /// The courier's own; the branch's where no courier is known.
        Courier = "courier", "快递员", "the courier";
    }
}

words! {
    /// Whose account it is.
    pub enum AccountKind {
        /// Of the whole organisation: for calls of people without a branch.
        Organisation = "organisation", "公司", "organisation";
        /// A branch's.
        Branch = "branch", "网点", "branch";
        /// A courier's.
        Courier = "courier", "快递员", "courier";
    }
}

/// Who pays for which calls. A kind that is left out is paid by the branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Payers {
    /// Notices.
    pub notice: PaidBy,
    /// Calls that customers make to published numbers: the courier's leg.
    pub incoming: PaidBy,
    /// Calls that couriers make, both legs.
    pub outgoing: PaidBy,
    /// Calls over virtual numbers, which no courier is known for.
    pub bound: PaidBy,
}

impl Payers {
    /// Who pays for a call of this kind.
    #[must_use]
    pub const fn of(&self, call: ChargedCall) -> PaidBy {
        match call {
            ChargedCall::Notice => self.notice,
            ChargedCall::Incoming => self.incoming,
            ChargedCall::Outgoing => self.outgoing,
            ChargedCall::Bound => self.bound,
        }
    }
}

/// How much an account may be used. What is left out has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Limits {
    /// How far the balance may go below zero; 0 for an account that is paid in advance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<Micros>,
    /// What a day's calls may cost, in the organisation's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<Micros>,
}

impl Limits {
    /// These where they say something, else those.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            credit: if self.credit.is_some() { self.credit } else { other.credit },
            daily_cap: if self.daily_cap.is_some() { self.daily_cap } else { other.daily_cap },
        }
    }

    /// Nothing is limited.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.credit.is_none() && self.daily_cap.is_none()
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self, name: &str) -> Result<(), BadValue> {
        const MOST: i64 = 1_000_000_000 * Micros::YUAN.0;
        for (field, value) in [("credit", self.credit), ("daily_cap", self.daily_cap)] {
            let field = if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
            check_ranges(&[(&field, value.unwrap_or_default().0, 0, MOST)])?;
        }
        Ok(())
    }
}

/// Rules of an organisation for what calls cost. A field that is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ChargePolicy {
    /// Who pays, where the branch has no rule of its own.
    pub payers: Payers,
    /// Rules of branches, by id.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, Payers>))]
    pub branches: BTreeMap<BranchId, Payers>,
    /// Limits of couriers' accounts that have none of their own.
    pub courier: Limits,
    /// Limits of branches' accounts that have none of their own.
    pub branch: Limits,
    /// Limits of the organisation's account, if it has none of its own.
    pub organisation: Limits,
    /// What a day's calls that a courier makes may cost, whoever pays for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub courier_spend_a_day: Option<Micros>,
    /// Seconds that a call which is set up is reckoned with, each leg, until it has lasted longer.
    pub hold_s: u16,
}

impl Default for ChargePolicy {
    fn default() -> Self {
        Self {
            payers: Payers::default(),
            branches: BTreeMap::new(),
            courier: Limits::default(),
            branch: Limits::default(),
            organisation: Limits::default(),
            courier_spend_a_day: None,
            hold_s: 60,
        }
    }
}

impl ChargePolicy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        self.courier.check("courier")?;
        self.branch.check("branch")?;
        self.organisation.check("organisation")?;
        Limits { daily_cap: self.courier_spend_a_day, credit: None }
            .check("")
            .map_err(|e| BadValue::new("courier_spend_a_day", e.problem))?;
        check_ranges(&[("hold_s", i64::from(self.hold_s), 1, 3_600)])?;
        if self.branches.len() > 5_000 {
            return Err(BadValue::new("branches", "must be 5,000 at most"));
        }
        Ok(())
    }

    /// Whose account pays for a call: of which kind, and of whom. `None` stands for the organisation's.
    #[must_use]
    pub fn payer(
        &self,
        call: ChargedCall,
        branch: Option<BranchId>,
        courier: Option<UserId>,
    ) -> (AccountKind, Option<uuid::Uuid>) {
        let payers = branch.and_then(|b| self.branches.get(&b)).unwrap_or(&self.payers);
        match (payers.of(call), courier, branch) {
            (PaidBy::Courier, Some(courier), _) => (AccountKind::Courier, Some(courier.as_uuid())),
            (_, _, Some(branch)) => (AccountKind::Branch, Some(branch.as_uuid())),
            (_, _, None) => (AccountKind::Organisation, None),
        }
    }

    /// Limits of accounts of this kind that have none of their own.
    #[must_use]
    pub const fn limits(&self, kind: AccountKind) -> Limits {
        match kind {
            AccountKind::Organisation => self.organisation,
            AccountKind::Branch => self.branch,
            AccountKind::Courier => self.courier,
        }
    }
}
