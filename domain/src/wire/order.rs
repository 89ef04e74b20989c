//! Work orders.

use super::ActedAt;
use crate::clock::UnixMs;
use crate::id::{AreaId, BranchId, CallId, OperationId, OrderId, ParcelId, RecordingId, UserId};
use crate::order::{
    Attention, Course, OrderAction, OrderClock, OrderPolicy, OrderSource, OrderState, PlacedBy, UrgeLevel,
};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderRequest {
    /// Made by who opens it. The same id a second time makes no second order.
    pub id: OrderId,
    /// Key of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it comes from; for couriers always themselves.
    #[serde(default)]
    pub source: OrderSource,
    /// What is complained of or asked for, up to 2,000 characters.
    pub content: String,
    /// Its branch: that of its parcel, or the own one, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The customer's number; that of the call or parcel where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The address; that of the parcel where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The address's area; known from the address where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// The call that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The waybill that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waybill_no: Option<String>,
    /// When it was opened, where that was without a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<ActedAt>,
}

/// `POST /api/v1/orders/{id}/actions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderActionRequest {
    /// Made by who acts. The same id a second time has no second effect.
    pub id: OperationId,
    /// What is done.
    pub action: OrderAction,
    /// The trail's length as it was seen: the action is refused if more has happened since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u32>,
    /// When.
    pub acted_at: ActedAt,
}

/// An order as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderView {
    /// Id.
    pub id: OrderId,
    /// Its number: the day, and which one of that day in the organisation.
    pub number: String,
    /// Branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Key of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of its type.
    pub type_name: String,
    /// Where it came from.
    pub source: OrderSource,
    /// What it is about.
    pub content: String,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The customer's number; for couriers with its middle hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The call that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The parcel that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// Its waybill number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waybill_no: Option<String>,
    /// Who opened it.
    pub opened_by: UserId,
    /// When.
    pub opened_at: UnixMs,
    /// Who assigned it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatcher: Option<UserId>,
    /// Name of its handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler_name: Option<String>,
    /// Where it is on its way.
    pub course: Course,
    /// How it stands.
    pub state: OrderState,
    /// Its clock.
    pub clock: OrderClock,
    /// How far its urging has come.
    pub urge_level: UrgeLevel,
    /// Why it asks for somebody now, the most urgent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::lenient::each")]
    pub attention: Vec<Attention>,
    /// Length of its trail.
    pub seen: u32,
    /// Server revision.
    pub rev: i64,
}

/// A line of an order's trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderStep {
    /// From 1 on.
    pub seq: u32,
    /// When it was done.
    pub at: UnixMs,
    /// When the server learnt of it.
    pub received_at: UnixMs,
    /// Who; absent where it went by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_name: Option<String>,
    /// What was done; absent for the opening and for what went by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<OrderAction>,
    /// Why it went where it went by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<PlacedBy>,
    /// Where the order was after it.
    pub course: Course,
}

/// `GET /api/v1/orders/{id}`: an order whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderDetail {
    /// The order.
    #[serde(flatten)]
    pub order: OrderView,
    /// All that happened, oldest first.
    pub trail: Vec<OrderStep>,
    /// Recordings and voicemails of its call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
}

/// What orders of a time came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderTotals {
    /// The week (`2026-W47`), month (`2026-11`) or year (`2026`).
    pub period: String,
    /// Opened in it.
    pub opened: u32,
    /// Of these, resolved or closed by now.
    pub done: u32,
    /// Of these, overdue or resolved too late.
    pub overdue: u32,
    /// Of these, in warning now.
    pub warning: u32,
    /// Urges of these.
    pub urges: u32,
    /// Change of `opened` against the period before, percent; absent where there was none in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<i32>,
    /// By department, as they are now.
    pub departments: Vec<DispatchTotals>,
    /// By handler.
    pub handlers: Vec<DispatchTotals>,
}

/// What was dispatched to a department or person came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DispatchTotals {
    /// Key of the department, or id of the person.
    pub key: String,
    /// Name.
    pub name: String,
    /// Orders.
    pub orders: u32,
    /// Of these, resolved or closed by now.
    pub done: u32,
    /// Of these, overdue or resolved too late.
    pub overdue: u32,
}

/// `GET /api/v1/me/orders`: a courier's own orders that changed, for phones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderPage {
    /// Give this back next time.
    pub cursor: i64,
    /// There is more: ask again at once.
    pub more: bool,
    /// Orders. Those of a later version that do not read here are passed over.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub orders: Vec<OrderView>,
    /// Orders that are somebody else's now.
    #[serde(default)]
    pub gone: Vec<OrderId>,
    /// The rules by which the phone shows what an action would make of an order.
    pub policy: OrderPolicy,
    /// Names the server's data; another one means that a backup was put back.
    #[serde(default)]
    pub generation: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{OpenUrge, OrderMark, Stage, Stop, StopKind};

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    fn round<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(
        value: &T,
    ) -> serde_json::Value {
        let json = serde_json::to_value(value).unwrap();
        assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), value);
        json
    }

    #[test]
    fn orders() {
        let (id, person) = (OrderId::at(NOW, [1; 10]), UserId::at(NOW, [2; 10]));
        let request = OrderRequest {
            id,
            kind: "complaint".into(),
            source: OrderSource::Call,
            content: "包裹破损".into(),
            branch: Some(BranchId::at(NOW, [3; 10])),
            customer: Some("王伟".into()),
            caller: Some("13800001234".into()),
            address: Some("幸福花园3幢".into()),
            area: None,
            call: Some(CallId::at(NOW, [4; 10])),
            waybill_no: Some("SF1234567890123".into()),
            acted_at: None,
        };
        insta::assert_json_snapshot!("order_request", round(&request));
        let least = serde_json::json!({ "id": id, "type": "complaint", "content": "x" });
        assert_eq!(serde_json::from_value::<OrderRequest>(least).unwrap().source, OrderSource::Api);
        let act = OrderActionRequest {
            id: OperationId::at(NOW, [5; 10]),
            action: OrderAction::Hold { reason: "客户出差".into(), until: NOW + 5 },
            seen: Some(3),
            acted_at: ActedAt { wall: NOW, age_ms: Some(7) },
        };
        insta::assert_json_snapshot!("order_action", round(&act));
        let course = Course {
            stage: Stage::Handle,
            department: Some("delivery".into()),
            handler: Some(person),
            taken_at: Some(NOW + 2),
            stops: vec![Stop { kind: StopKind::Hold, from: NOW + 3, until: Some(NOW + 9), ended: None }],
            urge: Some(OpenUrge { first_at: NOW, last_at: NOW + 1, by: person, count: 2, answer_by: None }),
            urges: 2,
            ..Course::opened(NOW, Stage::Assign)
        };
        let view = OrderView {
            id,
            number: "20260302-0001".into(),
            branch: request.branch,
            kind: request.kind.clone(),
            type_name: "投诉".into(),
            source: request.source,
            content: request.content.clone(),
            customer: request.customer.clone(),
            caller: Some("+86138****1234".into()),
            address: request.address.clone(),
            call: request.call,
            parcel: Some(ParcelId::at(NOW, [6; 10])),
            waybill_no: request.waybill_no.clone(),
            opened_by: person,
            opened_at: NOW,
            dispatcher: Some(person),
            handler_name: Some("李伟".into()),
            course: course.clone(),
            state: OrderState::OnHold,
            clock: OrderClock { limit_ms: 9, used_ms: 3, due_at: Some(NOW + 15), mark: OrderMark::InTime },
            urge_level: UrgeLevel::Urged,
            attention: vec![Attention::Urged],
            seen: 4,
            rev: 7,
        };
        let step = OrderStep {
            seq: 2,
            at: NOW,
            received_at: NOW + 1,
            by: None,
            by_name: None,
            action: None,
            placed: Some(PlacedBy::Parcel),
            course,
        };
        let detail = OrderDetail {
            order: view.clone(),
            trail: vec![step],
            recordings: vec![RecordingId::at(NOW, [8; 10])],
        };
        insta::assert_json_snapshot!("order_detail", round(&detail));
        let totals = OrderTotals {
            period: "2026-W10".into(),
            opened: 5,
            done: 4,
            overdue: 1,
            warning: 0,
            urges: 2,
            change_percent: Some(-20),
            departments: vec![DispatchTotals {
                key: "delivery".into(),
                name: "派送".into(),
                orders: 5,
                done: 4,
                overdue: 1,
            }],
            handlers: Vec::new(),
        };
        insta::assert_json_snapshot!("order_totals", round(&totals));
        let page = OrderPage {
            cursor: 7,
            more: false,
            orders: vec![view],
            gone: vec![id],
            policy: OrderPolicy::default(),
            generation: "g".into(),
        };
        insta::assert_json_snapshot!("order_page", serde_json::to_value(&page).unwrap());
    }
}
