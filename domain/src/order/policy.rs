//! What an organisation sets for its orders.

use super::{BusinessHours, Stage};
use crate::id::{AreaId, UserId};
use serde::{Deserialize, Serialize};

words! {
    /// A field of an order that a type may keep from who handles it.
    pub enum OrderField {
        /// The customer's name.
        Customer = "customer", "客户", "customer";
        /// The customer's number.
        Caller = "caller", "来电号码", "caller";
        /// The address.
        Address = "address", "地址", "address";
        /// What staff wrote for each other.
        Notes = "notes", "内部备注", "notes";
    }
}

/// Who works on orders together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Department {
    /// Key, for example `delivery`.
    pub key: String,
    /// Name on screens.
    pub name: String,
    /// People who may take what lies there, beside the staff of the branch.
    #[serde(default)]
    pub members: Vec<UserId>,
    /// Departments that it may pass orders to; to all where the list is empty.
    #[serde(default)]
    pub next: Vec<String>,
    /// A partner who does not sign in here: staff write down what they are told.
    #[serde(default)]
    pub outside: bool,
}

/// A kind of order and its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderType {
    /// Key, for example `complaint`.
    pub key: String,
    /// Name on screens.
    pub name: String,
    /// Departments that it passes, in this order; at least one.
    pub path: Vec<String>,
    /// Somebody looks at it before it is assigned.
    #[serde(default)]
    pub review: bool,
    /// The customer is asked afterwards.
    #[serde(default)]
    pub revisit: bool,
    /// The first department's work goes at once to the courier of the parcel or of the address's area.
    #[serde(default)]
    pub to_courier: bool,
    /// Time that it may take, minutes of business hours; 0: not limited.
    pub limit_min: u32,
    /// In warning from so many percent of it on.
    #[serde(default = "warn_percent")]
    pub warn_percent: u8,
    /// Nights and holidays count as well.
    #[serde(default)]
    pub always: bool,
    /// Fields that a courier who handles it does not see.
    #[serde(default)]
    pub hidden: Vec<OrderField>,
}

const fn warn_percent() -> u8 {
    80
}

/// Words by which an address is known to be of an area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Region {
    /// The area, whose courier on duty gets the order.
    pub area: AreaId,
    /// Estates, roads, villages: the longest one that occurs in an address counts.
    pub words: Vec<String>,
}

/// When urging goes further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UrgeRule {
    /// Minutes within which one person's urges are one.
    pub merge_min: u16,
    /// Minutes of business hours within which an urge is to be answered; after that it is supervised.
    pub answer_min: u16,
    /// After so many minutes without an answer it is escalated.
    pub escalate_min: u16,
    /// So many urges of one order are supervised.
    pub supervise_after: u16,
    /// So many are escalated.
    pub escalate_after: u16,
}

impl Default for UrgeRule {
    fn default() -> Self {
        UrgeRule { merge_min: 10, answer_min: 30, escalate_min: 120, supervise_after: 3, escalate_after: 5 }
    }
}

/// Rules for work orders. A field that is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct OrderPolicy {
    /// Departments.
    pub departments: Vec<Department>,
    /// Types.
    pub types: Vec<OrderType>,
    /// When orders are worked on.
    pub hours: BusinessHours,
    /// Which address is of which area.
    pub regions: Vec<Region>,
    /// Urging.
    pub urge: UrgeRule,
    /// What nobody took or assigned for so many minutes of business hours surfaces.
    pub unclaimed_min: u32,
    /// What nobody wrote about for so many.
    pub silent_min: u32,
    /// What waits for a revisit for so many.
    pub revisit_min: u32,
    /// Tries to reach a customer afterwards; with the last one the order is archived.
    pub revisit_tries: u8,
}

impl Default for OrderPolicy {
    /// Complaints, enquiries, second deliveries and damage, over customer service, delivery and claims.
    fn default() -> Self {
        let department = |key: &str, name: &str| Department {
            key: key.into(),
            name: name.into(),
            members: Vec::new(),
            next: Vec::new(),
            outside: false,
        };
        let kind = |key: &str, name: &str, path: &[&str], limit_min| OrderType {
            key: key.into(),
            name: name.into(),
            path: path.iter().map(|p| (*p).to_owned()).collect(),
            review: false,
            revisit: false,
            to_courier: false,
            limit_min,
            warn_percent: warn_percent(),
            always: false,
            hidden: Vec::new(),
        };
        let complaint = kind("complaint", "投诉", &["delivery"], 240);
        let again = kind("redelivery", "催派", &["delivery"], 120);
        let damage = kind("damage", "破损丢失", &["delivery", "claims"], 1_440);
        OrderPolicy {
            departments: vec![
                department("service", "客服"),
                department("delivery", "派送"),
                department("claims", "理赔"),
            ],
            types: vec![
                OrderType { to_courier: true, revisit: true, ..complaint },
                OrderType { to_courier: true, ..again },
                OrderType { to_courier: true, review: true, revisit: true, ..damage },
                kind("enquiry", "咨询", &["service"], 120),
            ],
            hours: BusinessHours::default(),
            regions: Vec::new(),
            urge: UrgeRule::default(),
            unclaimed_min: 30,
            silent_min: 240,
            revisit_min: 720,
            revisit_tries: 3,
        }
    }
}

impl OrderPolicy {
    /// The type of this key.
    #[must_use]
    pub fn order_type(&self, key: &str) -> Option<&OrderType> {
        self.types.iter().find(|t| t.key == key)
    }

    /// The department of this key.
    #[must_use]
    pub fn department(&self, key: &str) -> Option<&Department> {
        self.departments.iter().find(|d| d.key == key)
    }

    /// The area of an address: of all words that occur in it the longest, of equal ones the first.
    #[must_use]
    pub fn area_of(&self, address: &str) -> Option<AreaId> {
        let address = crate::search::normalise(address);
        let mut best: Option<(usize, AreaId)> = None;
        for (area, word) in self.regions.iter().flat_map(|r| r.words.iter().map(move |w| (r.area, w))) {
            let word = crate::search::normalise(word);
            if !word.is_empty() && address.contains(&word) && best.is_none_or(|(n, _)| word.len() > n) {
                best = Some((word.len(), area));
            }
        }
        best.map(|(_, area)| area)
    }
}

impl OrderType {
    /// Where a new order goes once it is accepted.
    #[must_use]
    pub(crate) fn after_accept(&self) -> Stage {
        if self.review { Stage::Review } else { Stage::Assign }
    }

    /// The department after this one on the way.
    #[must_use]
    pub(crate) fn after(&self, department: Option<&str>) -> Option<&str> {
        let at = self.path.iter().position(|d| Some(d.as_str()) == department)?;
        self.path.get(at + 1).map(String::as_str)
    }
}
