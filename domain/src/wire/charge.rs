//! What calls cost: prices, accounts and their entries.

use crate::clock::UnixMs;
use crate::id::{AccountId, BranchId, CallId, EntryId, UserId};
use crate::rate::{AccountKind, Charge, ChargedCall, EntryKind, Limits, Micros, Rates, Stopped};
use serde::{Deserialize, Serialize};

/// A version of the prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RatesView {
    /// From 1 on; each charge names the version that it was made with.
    pub version: u32,
    /// It is the one that calls which are answered now are charged with.
    pub in_force: bool,
    /// Calls that are answered from then on are charged with it, until a later one holds.
    pub from_at: UnixMs,
    /// When it was set.
    pub made_at: UnixMs,
    /// Who set it.
    pub made_by: UserId,
    /// The prices.
    pub rates: Rates,
}

/// An entry of an account. Entries are never changed: what was wrong is put right by another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryView {
    /// Id.
    pub id: EntryId,
    /// The account.
    pub account: AccountId,
    /// Number of the entry in its account, from 1 on without a gap.
    pub seq: i64,
    /// When it was written.
    pub at: UnixMs,
    /// What it is.
    pub kind: EntryKind,
    /// What it changes the balance by: below zero for what a call costs.
    pub amount: Micros,
    /// The balance after it; absent for who may not see the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Micros>,
    /// What the leg was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<ChargedCall>,
    /// The number that was rung, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// When the leg was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<UnixMs>,
    /// How the amount came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Charge>,
    /// Version of the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The end of the leg is not known: it was charged by what is.
    #[serde(default)]
    pub estimated: bool,
    /// The call, where it is one of `GET /api/v1/calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// Whose call it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_name: Option<String>,
    /// Why somebody wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Calls of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostView {
    /// Legs that were answered.
    pub legs: i64,
    /// How long they lasted, ms.
    pub talked_ms: i64,
    /// What they cost, whoever paid.
    pub cost: Micros,
    /// What of it this account paid.
    pub paid: Micros,
    /// Legs without a price.
    pub unrated: i64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// Id: that of the courier, branch or organisation.
    pub id: AccountId,
    /// Whose it is.
    pub kind: AccountKind,
    /// Their name.
    pub name: String,
    /// The branch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// What is left, or below zero what is owed.
    pub balance: Micros,
    /// What calls that are not over are reckoned with.
    pub held: Micros,
    /// How much it may be used: its own limits, else those that the organisation has for all.
    pub limits: Limits,
    /// Why calls that it pays for are not set up now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Today, in the organisation's time zone.
    pub today: CostView,
    /// This month.
    pub month: CostView,
}

/// `GET /api/v1/me/balance`: the own account, and what the own calls cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BalanceView {
    /// The own account. `today` and `month` count the own calls, whoever pays for them.
    pub account: AccountView,
    /// Kinds of calls that are charged to it; the branch pays for the others.
    pub pays_for: Vec<ChargedCall>,
    /// The last entries of the own account and of the own calls, the newest first.
    pub entries: Vec<EntryView>,
    /// The server's time.
    pub now: UnixMs,
}

/// `GET /api/v1/me/ledger`: the own entries that came after the cursor, for phones, and the account as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChargePage {
    /// Where the next page begins.
    pub cursor: i64,
    /// There is one.
    pub more: bool,
    /// Entries, the oldest first.
    pub entries: Vec<EntryView>,
    /// The account; its own list of entries is empty here.
    pub balance: BalanceView,
    /// Which life of the server's data it is from.
    #[serde(default)]
    pub generation: String,
}

/// `POST /api/v1/accounts/{id}/entries`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryRequest {
    /// Made by who asks. The same id a second time makes no second entry.
    pub id: EntryId,
    /// What it is: `opening`, `top_up` or `adjustment`.
    pub kind: EntryKind,
    /// What it changes the balance by; only an adjustment may be below zero.
    pub amount: Micros,
    /// Why, up to 200 characters; it is shown to who has the account.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::{ChargedLeg, Destination, Rate};

    fn rates() -> Rates {
        let rate = Rate {
            trunk: Some("north".into()),
            to: Destination::Prefix("+86138".into()),
            incoming: false,
            step_s: 6,
            price: Micros(6_500),
            connection: Micros::ZERO,
            least_s: 0,
        };
        Rates { name: "2026".into(), from: "2026-12-01".parse().ok(), rates: vec![rate] }
    }

    fn entry() -> EntryView {
        let leg =
            ChargedLeg { trunk: Some("north"), number: "+8613800000000", incoming: false, talked_ms: 12_345 };
        EntryView {
            id: EntryId::at(1, [1; 10]),
            account: AccountId::at(2, [2; 10]),
            seq: 7,
            at: UnixMs(1_800_000_000_000),
            kind: EntryKind::Leg,
            amount: Micros(-19_500),
            balance: Some(Micros(80_500)),
            call: Some(ChargedCall::Outgoing),
            number: Some("+86138****0000".into()),
            trunk: Some("north".into()),
            answered_at: Some(UnixMs(1_799_999_987_655)),
            charge: Some(rates().charge(&leg)),
            version: Some(3),
            estimated: false,
            call_id: Some(CallId::at(3, [3; 10])),
            courier: Some(UserId::at(4, [4; 10])),
            courier_name: Some("张三".into()),
            reason: None,
        }
    }

    fn balance() -> BalanceView {
        let cost =
            CostView { legs: 2, talked_ms: 60_000, cost: Micros(200_000), paid: Micros(19_500), unrated: 1 };
        let account = AccountView {
            id: AccountId::at(2, [2; 10]),
            kind: AccountKind::Courier,
            name: "张三".into(),
            branch: Some(BranchId::at(5, [5; 10])),
            balance: Micros(80_500),
            held: Micros(65_000),
            limits: Limits { credit: Some(Micros::ZERO), daily_cap: None },
            stopped: Some(Stopped::NoCredit),
            today: cost,
            month: cost,
        };
        BalanceView {
            account,
            pays_for: vec![ChargedCall::Outgoing],
            entries: vec![entry()],
            now: UnixMs(1_800_000_000_000),
        }
    }

    #[test]
    fn records() {
        insta::assert_json_snapshot!("entry", entry());
        insta::assert_json_snapshot!("balance", BalanceView { entries: Vec::new(), ..balance() });
        let page = ChargePage {
            cursor: 9,
            more: false,
            entries: Vec::new(),
            balance: BalanceView { entries: Vec::new(), ..balance() },
            generation: "g".into(),
        };
        let json = serde_json::to_value(&page).unwrap();
        assert_eq!(
            json.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["balance", "cursor", "entries", "generation", "more"]
        );
        insta::assert_json_snapshot!(
            "rates",
            RatesView {
                version: 3,
                in_force: true,
                from_at: UnixMs(1_796_054_400_000),
                made_at: UnixMs(1_795_000_000_000),
                made_by: UserId::at(4, [4; 10]),
                rates: rates(),
            }
        );
        insta::assert_json_snapshot!(
            "entry_request",
            EntryRequest {
                id: EntryId::at(1, [1; 10]),
                kind: EntryKind::TopUp,
                amount: Micros::fen(10_000),
                reason: "现金".into(),
            }
        );
        // what an old server leaves out is read
        let small = r#"{"id":"00000000-0001-7101-8101-010101010101","account":"00000000-0001-7101-8101-010101010101",
            "seq":1,"at":5,"kind":"top_up","amount":1}"#;
        let read: EntryView = serde_json::from_str(small).unwrap();
        assert_eq!((read.amount, read.estimated, read.charge), (Micros(1), false, None));
    }
}
