//! To whom an order goes by itself.

use super::{Course, OrderType, Stage, StopKind};
use crate::clock::UnixMs;
use crate::id::UserId;

words! {
    /// Why an order went where it went.
    pub enum PlacedBy {
        /// To the courier of its parcel.
        Parcel = "parcel", "按快件", "by its parcel";
        /// To who is on duty for the address's area.
        Area = "area", "按地址片区", "by the address's area";
        /// To the department of its type.
        Type = "type", "按工单类型", "by its type";
        /// A courier is wanted, and none is known: staff assign it.
        Nobody = "nobody", "未找到责任人", "nobody found";
    }
}

/// Where an order went by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its course then.
    pub course: Course,
    /// Why.
    pub by: PlacedBy,
}

/// Places an order that has come to be assigned; `None` where that is for staff: it is at another stage, was handed out before,
/// or its type is gone. `parcel` is the courier of its parcel, `area` who is on duty for its address.
#[must_use]
pub fn place(
    course: &Course,
    kind: &OrderType,
    parcel: Option<UserId>,
    area: Option<UserId>,
    at: UnixMs,
) -> Option<Placed> {
    if course.stage != Stage::Assign || course.stops.iter().any(|s| s.kind == StopKind::Done) {
        return None;
    }
    let department = course.department.clone().or_else(|| kind.path.first().cloned())?;
    let first = kind.path.first() == Some(&department);
    let mut course = course.clone();
    let (handler, by) = match (first && kind.to_courier, parcel, area) {
        (false, ..) => (None, PlacedBy::Type),
        (true, Some(courier), _) => (Some(courier), PlacedBy::Parcel),
        (true, None, Some(courier)) => (Some(courier), PlacedBy::Area),
        (true, None, None) => {
            course.department = Some(department);
            return Some(Placed { course, by: PlacedBy::Nobody });
        }
    };
    course.arrive(Stage::Handle, Some(department), handler, at);
    Some(Placed { course, by })
}
