//! Virtual numbers (虚拟号, X): who is put through to whom, and how such a call goes on.
//!
//! ```text
//!  pool of numbers ──pick──▶ X ──bind──▶ binding ──claims──▶ what it holds of its X
//!                                                              │
//!  somebody rings X ──their number, or an extension──▶ claim ──┴─way──▶ the other party ──▶ BoundCall ──▶ outcome
//! ```
//!
//! A is the protected party, B the other one. **AXB**: A and B ring X and reach each other; nobody else gets through. **AXE**:
//! whoever knows the extension E rings X, gives it behind the number or as keys, and reaches A; A rings X and reaches B, or
//! whoever spoke last. The trade's other models fit into [`BindingMode`] with claims of their own: AX and AXN claim X for anybody, AXG
//! for each number of a group.
//!
//! **Nobody is confused.** What a binding holds of its X is a set of [`Claim`]s: the parties who are known by their number, and
//! the extension. Two bindings of one X never hold the same claim, so whoever rings X means one binding or none. A pool is for
//! one mode, because a caller who is known by their number is never asked for an extension. All extensions of a pool have one
//! length, so that none begins another.
//!
//! **Time.** A binding is `active` until it expires, then in `grace` for a while (30 minutes unless the pool says otherwise):
//! calls still go through, because a customer rings back after the delivery, and its claims still hold. Then, or as soon as it is
//! unbound, it is `ended`, and its claims are free. A call that is under way goes on, whatever becomes of its binding.

mod call;
mod claim;
mod pick;
mod terms;
#[cfg(test)]
mod tests;

pub use call::{Ask, BoundCall, BoundDeed, BoundEvent, BoundOutcome, BoundPhase, BoundPlan, Limits, Notice};
pub use claim::{Claim, Parties, Side, Way, claims, way};
pub use pick::{Candidate, Wish, free_extension, pick};
pub use terms::{GRACE, Span, expiry, state};

words! {
    /// How a binding puts callers through.
    pub enum BindingMode {
        /// A and B reach each other.
        Axb = "AXB", "双向绑定", "A and B reach each other";
        /// Who gives the extension reaches A.
        Axe = "AXE", "分机绑定", "whoever gives the extension reaches A";
    }
}

words! {
    /// Where a binding stands.
    pub enum BindingState {
        /// In force.
        Active = "active", "生效中", "in force";
        /// Expired a short while ago: calls still go through.
        Grace = "grace", "宽限期", "expired, calls still go through";
        /// Over.
        Ended = "ended", "已结束", "over";
    }
}

words! {
    /// A direction in which nobody is put through.
    pub enum CallRestrict {
        /// A's calls to X.
        Ax = "CONTROL_AX_DISABLE", "禁止A呼叫X", "A is not put through";
        /// B's calls to X; of AXE everybody's but A's.
        Bx = "CONTROL_BX_DISABLE", "禁止B呼叫X", "B is not put through";
    }
}

words! {
    /// Why a request about bindings is refused, by the trade's words.
    pub enum BindRefusal {
        /// Every number of the pool is held by one of these parties, or is locked.
        NoNumber = "NO_AVAILABLE_NUMBER", "号码池中没有可用的号码", "no number of this pool is free for these parties";
        /// A party or the extension is held by another binding of the number that is asked for.
        Conflict = "BIND_CONFLICT", "该虚拟号上已有其他绑定占用此号码或分机", "another binding of this virtual number holds the party or the extension";
        /// The same, for a change.
        UpdateConflict = "UPDATE_CONFLICT", "修改后与该虚拟号上的其他绑定冲突", "the change would conflict with another binding of this virtual number";
        /// There is no such binding, or it is over.
        NoSuch = "SUBS_NOT_EXIST", "绑定关系不存在或已结束", "there is no such binding, or it has ended";
        /// The expiry lies in the past, too near or too far ahead.
        Expiry = "EXPIRE_DATE_ILLEGAL", "过期时间须在一分钟之后、一年以内", "the expiry must lie more than a minute and at most 366 days ahead";
        /// A party's number is none that can be bound.
        Number = "MOBILE_NUMBER_ILLEGAL", "号码不正确，无法绑定", "this number cannot be bound";
        /// Numbers of this kind are not called.
        Barred = "NUMBER_BARRED", "该号码不允许呼叫", "numbers like this one are not called";
        /// Too many requests at once.
        Flow = "FLOW_LIMIT", "请求过于频繁，请稍后再试", "too many requests of this organisation; try again in a moment";
        /// There is no such pool.
        Pool = "POOLKEY_NOT_EXISTS", "号码池不存在", "there is no such pool of numbers";
        /// The id of an earlier request came with something else.
        Request = "REQUEST_ID_CONFLICT", "该请求编号已用于另一请求", "this request_id was used for another request";
    }
}

/// Why a call over X was not put through (`unconnected_cause`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconnected {
    /// The caller is on the organisation's blocklist.
    Blocked,
    /// No binding knows the caller, or the extension.
    NoBinding,
    /// The binding does not put this side through, or the rules for calls do not.
    Restricted,
    /// Anything else: nobody to reach yet, a fault of ours.
    Other,
}

impl Unconnected {
    /// The trade's number: 1 blocklist, 2 no binding, 3 restricted, 4 other. 0 stands for a call that was put through.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Unconnected::Blocked => 1,
            Unconnected::NoBinding => 2,
            Unconnected::Restricted => 3,
            Unconnected::Other => 4,
        }
    }
}
