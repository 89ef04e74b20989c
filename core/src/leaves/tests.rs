//! Leaves that are asked for without a network.

use super::*;
use crate::testing::Phone;
use waybell_domain::attendance::Correction;
use waybell_domain::clock::HOUR;

#[tokio::test]
async fn asked_for_and_withdrawn_before_it_left_it_never_leaves() {
    let phone = Phone::signed_in().await;
    let leaves = phone.client.leaves();
    let now = crate::ports::Clock::wall(&*phone.clock);
    let edge = |hours: i64| LeaveEdge::Time { at: now + hours * HOUR };
    let first = leaves.ask(LeaveKind::Annual, edge(30), edge(40), None).await.unwrap();
    let meets = leaves.ask(LeaveKind::Sick, edge(39), edge(50), None).await.unwrap_err();
    assert!(matches!(&meets, Error::BadInput { field, .. } if field == "from"), "{meets:?}");
    leaves.ask(LeaveKind::Sick, edge(40), edge(50), None).await.unwrap();
    assert_eq!(leaves.list().await.unwrap().len(), 2);
    leaves.withdraw(first.view.id).await.unwrap();
    assert!(leaves.withdraw(first.view.id).await.is_err());
    let left = leaves.list().await.unwrap();
    assert_eq!((left.len(), left[0].view.kind, left[0].pending), (1, LeaveKind::Sick, true));
    let bad = leaves.ask(LeaveKind::Sick, edge(9), edge(9), None).await.unwrap_err();
    assert!(matches!(&bad, Error::BadInput { field, .. } if field == "to"), "{bad:?}");
    let correction = Correction::WorkDay;
    let bad = leaves.ask_correction("2026-13-01", correction, "why not").await.unwrap_err();
    assert!(matches!(&bad, Error::BadInput { field, .. } if field == "day"), "{bad:?}");
}
