//! Work orders (工单): what a customer complains of or asks for, from its opening to the archive.
//!
//! ```text
//!            accept        review            assign              handle                    revisit          archive
//!  opened ─▶ 受理 ──────▶ 审核 ──────────▶ 派单 ────────────▶ 处理: take, nodes, ─resolve─▶ 回访 ──satisfied──▶ 归档
//!            (by staff: done by opening)  ▲  (by rule or hand)  hold, transfer      not satisfied: assign ◀──┘
//!                                         └──────── return ─────────┘
//! ```
//!
//! * **One table.** What somebody may do next is [`Course::step`]: a pair of stage and action that is not in it is a typed
//!   [`OrderRefusal`] that leaves the order as it was. Phone and server ask the same table.
//! * **Nothing that follows from the clock is stored.** Whether an order is suspended, in warning or overdue ([`clock()`]), how
//!   far its urging has come ([`urge_level`]) and what lies too long ([`attention()`]) are functions of what was done and of now, by the
//!   organisation's business hours ([`Calendar`]). A change of hours or holidays is right for every order at once.
//! * **Nobody can sit on one.** A pause has an end, an urge is to be answered, and what nobody took, nobody spoke of or nobody
//!   revisited surfaces by rule; overdue is only the last of these.
//! * **True time.** An action counts from when it was done, not from when a phone without a network could tell of it; it is
//!   never earlier than the order's arrival at who did it.

mod action;
mod attention;
mod calendar;
mod check;
mod clock;
mod course;
mod place;
mod policy;
mod refusal;
mod step;
#[cfg(test)]
mod tests;
mod urge;

pub use action::{MOST_HOLD, MOST_TEXT, OrderAction, OrderFlaw};
pub use attention::{Attention, attention};
pub use calendar::{BusinessHours, Calendar, OpenSpan};
pub use clock::{OrderClock, OrderMark, Stop, StopKind, clock};
pub use course::{Course, Standing};
pub use place::{Placed, PlacedBy, place};
pub use policy::{Department, OrderField, OrderPolicy, OrderType, Region, UrgeRule};
pub use refusal::OrderRefusal;
pub use urge::{OpenUrge, UrgeLevel, urge_level};

words! {
    /// Where an order is.
    #[derive(Default)]
    pub enum Stage {
        /// 受理: opened, and nobody of the staff has looked at it.
        #[default]
        Accept = "accept", "受理", "to be accepted";
        /// 审核: whether and how it is to be followed.
        Review = "review", "审核", "in review";
        /// 派单: waits for somebody to be named.
        Assign = "assign", "派单", "to be assigned";
        /// 处理: with a department or a person.
        Handle = "handle", "处理", "being handled";
        /// 回访: resolved; the customer is asked.
        Revisit = "revisit", "回访", "to be revisited";
        /// 归档: over.
        Archive = "archive", "归档", "archived";
    }
}

words! {
    /// How an order stands, in one word.
    #[derive(Default)]
    pub enum OrderState {
        /// 未处理: nobody has taken it.
        #[default]
        Pending = "pending", "未处理", "pending";
        /// 处理中: somebody is on it.
        InProgress = "in_progress", "处理中", "in progress";
        /// 已处理.
        Done = "done", "已处理", "done";
        /// 挂起: paused for a time.
        OnHold = "on_hold", "挂起", "on hold";
    }
}

words! {
    /// Where an order came from.
    #[derive(Default)]
    pub enum OrderSource {
        /// A call.
        Call = "call", "来电", "call";
        /// An enquiry on a page or in a chat.
        Enquiry = "enquiry", "在线咨询", "enquiry";
        /// Another system.
        #[default]
        Api = "api", "系统对接", "another system";
        /// A supervisor or agent.
        Staff = "staff", "客服或管理员", "staff";
        /// A courier.
        Courier = "courier", "快递员", "courier";
    }
}

words! {
    /// How an order ended.
    pub enum OrderResult {
        /// Resolved, and the customer content or not asked.
        Resolved = "resolved", "已解决", "resolved";
        /// Resolved; the customer could not be reached to be asked.
        NotReached = "not_reached", "回访未接通", "resolved, customer not reached";
        /// Closed without: a mistake, a duplicate, withdrawn by the customer.
        Closed = "closed", "已关闭", "closed";
    }
}

words! {
    /// What an order's way is marked by in time.
    pub enum OrderNode {
        /// The customer was spoken to.
        Responded = "responded", "已响应", "responded";
        /// Somebody is at the place.
        OnSite = "on_site", "已到场", "on site";
        /// What was wrong is put right.
        Repaired = "repaired", "已修复", "put right";
    }
}

words! {
    /// What a customer says when asked afterwards.
    pub enum Satisfaction {
        /// Content.
        Satisfied = "satisfied", "满意", "satisfied";
        /// Not content: it is handled again.
        Unsatisfied = "unsatisfied", "不满意", "not satisfied";
        /// Could not be reached.
        NotReached = "not_reached", "未接通", "not reached";
    }
}

words! {
    /// By which way somebody urges.
    #[derive(Default)]
    pub enum UrgeChannel {
        /// The customer rang.
        Phone = "phone", "来电", "by telephone";
        /// The customer wrote.
        Message = "message", "消息", "by message";
        /// A supervisor or agent of their own accord.
        #[default]
        Staff = "staff", "内部", "by staff";
    }
}
