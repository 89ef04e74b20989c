use crate::error::Error;
use crate::notify::Undone;
use crate::outbox::OperationState;
use crate::testing::{Effect, Fault, Phone, list, open};
use std::sync::atomic::Ordering;
use waybell_domain::clock::HOUR;
use waybell_domain::id::{OperationId, ParcelId, UserId};
use waybell_domain::parcel::{
    ConsentSource, Deed, DeedKind, ExceptionReason, HandConsent, ParcelState, Proof, ProofLevel, ProofRule,
    SignedBy, StopRuleKind,
};

async fn with_parcels(numbers: std::ops::RangeInclusive<u32>) -> (Phone, Vec<ParcelId>) {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(numbers), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let ids = phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect();
    (phone, ids)
}

fn sign() -> Deed {
    Deed::Sign { by: SignedBy::Neighbour, name: None, cash: None }
}

fn station(agreed: bool) -> Deed {
    let consent = agreed.then_some(HandConsent { source: ConsentSource::InPerson, note: None });
    Deed::Station { place: "菜鸟驿站".into(), code: None, consent }
}

async fn states(phone: &Phone, ids: &[ParcelId]) -> Vec<ParcelState> {
    let mut out = Vec::new();
    for id in ids {
        out.push(phone.client.tasks().get(*id).await.unwrap().state);
    }
    out
}

fn problem(error: Error) -> (String, String) {
    match error {
        Error::BadInput { field, problem, .. } => (field, problem),
        other => panic!("{other}"),
    }
}

fn requests(phone: &Phone, path: &str) -> usize {
    phone.fake.seen.lock().iter().filter(|s| s.path() == path).count()
}

#[tokio::test]
async fn one_tap_for_many_is_one_operation_and_one_effect() {
    let (mut phone, ids) = with_parcels(1..=5).await;
    phone.fake.misbehave(&[Fault::DropAnswer, Fault::Twice]);
    let done = phone.client.tasks().record(&ids, sign(), Vec::new()).await.unwrap();
    assert_eq!((done.parcels, done.photo_wanted), (5, false));
    assert_eq!(phone.client.sync().status().unwrap().queued, 1);
    assert_eq!(states(&phone, &ids).await, [ParcelState::Signed; 5]);
    assert!(phone.client.sync().now().await.is_err());
    phone.restart();
    assert_eq!(states(&phone, &ids).await, [ParcelState::Signed; 5]);
    phone.client.sync().now().await.unwrap();
    let effects = phone.fake.model.lock().effects.clone();
    assert_eq!(effects.iter().filter(|e| **e == Effect::Deed(done.id)).count(), 1);
    let shown = phone.client.tasks().get(ids[0]).await.unwrap();
    assert_eq!(shown, phone.fake.model.lock().parcels[&ids[0]]);
    let door = shown.door.unwrap();
    assert_eq!((door.id, door.deed, door.before), (done.id, sign(), ParcelState::OutForDelivery));
}

#[tokio::test]
async fn without_consent_the_courier_is_asked_and_nothing_is_recorded_for_any() {
    let (phone, ids) = with_parcels(1..=3).await;
    {
        let mut model = phone.fake.model.lock();
        let rev = model.next_rev();
        let parcel = model.parcels.get_mut(&ids[0]).unwrap();
        parcel.preference = Some("station".into());
        parcel.rev = rev;
    }
    phone.client.sync().now().await.unwrap();
    let tasks = phone.client.tasks();
    let refused = problem(tasks.record(&ids, station(false), Vec::new()).await.unwrap_err());
    let waybills = "SF1000000000002, SF1000000000003";
    assert_eq!(refused, ("consent".into(), format!("{waybills}: has no consent of the recipient on record")));
    assert_eq!(phone.client.sync().status().unwrap().queued, 0);
    assert_eq!(states(&phone, &ids).await, [ParcelState::OutForDelivery; 3]);
    tasks.record(&ids[..1], station(false), Vec::new()).await.unwrap();
    tasks.record(&ids[1..], station(true), Vec::new()).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(states(&phone, &ids).await, [ParcelState::AtStation; 3]);
    // what is done is done
    tasks.record(&ids[..1], sign(), Vec::new()).await.unwrap();
    let (field, text) = problem(tasks.record(&ids, sign(), Vec::new()).await.unwrap_err());
    assert_eq!((field.as_str(), text.as_str()), ("parcels", "SF1000000000001: is done with already"));
}

#[tokio::test]
async fn photos_are_wanted_as_the_rules_say() {
    let (phone, ids) = with_parcels(1..=2).await;
    {
        let mut model = phone.fake.model.lock();
        let rule = |deed, level| ProofRule { task: None, deed, level };
        model.policy.policy.proof =
            vec![rule(Some(DeedKind::Exception), ProofLevel::Required), rule(None, ProofLevel::Warn)];
        model.policy.rev = model.next_rev();
    }
    phone.client.sync().now().await.unwrap();
    let tasks = phone.client.tasks();
    let damaged = Deed::Exception { reason: ExceptionReason::Damaged, note: None, until: None };
    let refused = problem(tasks.record(&ids, damaged.clone(), Vec::new()).await.unwrap_err());
    assert_eq!(refused.0, "proof");
    let photo = Proof { sha256: "0a".repeat(32), reference: "1.jpg".into() };
    let done = tasks.record(&ids[..1], damaged, vec![photo.clone()]).await.unwrap();
    assert!(!done.photo_wanted);
    assert!(tasks.record(&ids[1..], sign(), Vec::new()).await.unwrap().photo_wanted);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.tasks().get(ids[0]).await.unwrap().door.unwrap().proof, [photo]);
    let bad = vec![Proof { sha256: "x".into(), reference: String::new() }];
    assert!(tasks.record(&ids[1..], sign(), bad).await.is_err());
}

#[tokio::test]
async fn undone_before_it_left_nothing_leaves() {
    let (mut phone, ids) = with_parcels(1..=2).await;
    let done = phone.client.tasks().record(&ids, sign(), Vec::new()).await.unwrap();
    phone.clock.pass(29_000);
    phone.restart();
    assert_eq!(phone.client.tasks().last_deed().unwrap().unwrap().left_ms, 1_000);
    assert_eq!(phone.client.tasks().undo_deed(done.id).await.unwrap(), Undone::TakenBack);
    assert_eq!(states(&phone, &ids).await, [ParcelState::OutForDelivery; 2]);
    assert_eq!(phone.client.tasks().last_deed().unwrap(), None);
    assert_eq!(phone.client.tasks().last_undone().unwrap(), Some(done.id));
    phone.client.sync().now().await.unwrap();
    assert_eq!(requests(&phone, "/api/v1/parcels/deeds"), 0);
    assert_eq!(requests(&phone, "/api/v1/parcels/deeds/undo"), 0);
}

#[tokio::test]
async fn undone_after_it_left_everything_is_as_before() {
    for fault in [None, Some(Fault::DropRequest), Some(Fault::DropAnswer), Some(Fault::Late)] {
        let (phone, ids) = with_parcels(1..=2).await;
        let tasks = phone.client.tasks();
        tasks.record(&ids, station(true), Vec::new()).await.unwrap();
        phone.client.sync().now().await.unwrap();
        let before = tasks.get(ids[0]).await.unwrap().door;
        let done = tasks.record(&ids, sign(), Vec::new()).await.unwrap();
        phone.fake.misbehave(fault.as_slice());
        assert_eq!(phone.client.sync().now().await.is_ok(), fault.is_none());
        assert_eq!(tasks.undo_deed(done.id).await.unwrap(), Undone::Asked);
        assert_eq!(states(&phone, &ids).await, [ParcelState::AtStation; 2], "{fault:?}: shown at once");
        phone.client.sync().now().await.unwrap();
        phone.fake.deliver_late();
        phone.client.sync().now().await.unwrap();
        let shown = tasks.get(ids[0]).await.unwrap();
        assert_eq!((shown.state, &shown.door), (ParcelState::AtStation, &before), "{fault:?}");
        assert_eq!(shown, phone.fake.model.lock().parcels[&ids[0]]);
        let carried_out = phone.fake.model.lock().effects.contains(&Effect::Deed(done.id));
        assert_eq!(carried_out, matches!(fault, None | Some(Fault::DropAnswer)), "{fault:?}");
        assert_eq!(phone.client.sync().operations().unwrap(), []);
    }
}

#[tokio::test]
async fn thirty_seconds_are_by_the_boot_clock() {
    let (phone, ids) = with_parcels(1..=3).await;
    let tasks = phone.client.tasks();
    let first = tasks.record(&ids[..1], sign(), Vec::new()).await.unwrap();
    phone.clock.wall.fetch_sub(5 * HOUR, Ordering::Relaxed);
    phone.clock.boot_ms.fetch_add(30_001, Ordering::Relaxed);
    let late = problem(tasks.undo_deed(first.id).await.unwrap_err());
    assert_eq!(late.1, "this was done more than 30 s ago");
    let second = tasks.record(&ids[1..2], sign(), Vec::new()).await.unwrap();
    phone.clock.wall.fetch_add(9 * HOUR, Ordering::Relaxed);
    assert_eq!(tasks.undo_deed(second.id).await.unwrap(), Undone::TakenBack);
    let third = tasks.record(&ids[2..], sign(), Vec::new()).await.unwrap();
    *phone.clock.boot.lock() = "boot-2".into();
    assert!(tasks.undo_deed(third.id).await.is_err(), "after a restart nobody knows");
    assert!(matches!(tasks.undo_deed(second.id).await, Err(Error::NotFound(_))), "it is undone");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_the_rest_is_done() {
    let (phone, ids) = with_parcels(1..=3).await;
    let tasks = phone.client.tasks();
    let done = tasks.record(&ids, sign(), Vec::new()).await.unwrap();
    {
        // another phone was earlier with one, and a colleague has another
        let mut model = phone.fake.model.lock();
        model.parcels.get_mut(&ids[0]).unwrap().state = ParcelState::Returned;
        model.parcels.remove(&ids[1]);
    }
    phone.client.sync().now().await.unwrap();
    let dead = phone.client.sync().operations().unwrap();
    assert_eq!((dead.len(), dead[0].state), (1, OperationState::Dead));
    let refusal = dead[0].problem.clone().unwrap();
    assert_eq!(refusal.code, "already_done");
    assert_eq!(
        refusal.message,
        "SF1000000000001: is done with already; SF1000000000002: is not on your list"
    );
    assert!(crate::say::chinese(&refusal.message).is_some());
    assert!(crate::say::chinese(refusal.hint.as_deref().unwrap()).is_some());
    assert_eq!(tasks.get(ids[2]).await.unwrap().state, ParcelState::Signed);
    assert_ne!(tasks.get(ids[0]).await.unwrap().state, ParcelState::Signed);
    // it is corrected there, and sent again
    phone.fake.model.lock().parcels.get_mut(&ids[0]).unwrap().state = ParcelState::OutForDelivery;
    phone.client.sync().retry(dead[0].id).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(tasks.get(ids[0]).await.unwrap().state, ParcelState::Signed);
    let dead = phone.client.sync().operations().unwrap();
    assert_eq!(dead[0].problem.clone().unwrap().message, "SF1000000000002: is not on your list");
    phone.client.sync().discard(dead[0].id).await.unwrap();
    // the undo is for those that were done by it
    tasks.undo_deed(done.id).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(tasks.get(ids[2]).await.unwrap().state, ParcelState::OutForDelivery);
    assert_eq!(tasks.get(ids[0]).await.unwrap().state, ParcelState::Signed);
}

#[tokio::test]
async fn a_deed_that_was_refused_whole_is_taken_off_the_screen() {
    let (phone, ids) = with_parcels(1..=1).await;
    let tasks = phone.client.tasks();
    let done = tasks.record(&ids, sign(), Vec::new()).await.unwrap();
    phone.fake.model.lock().parcels.get_mut(&ids[0]).unwrap().state = ParcelState::Withdrawn;
    phone.client.sync().now().await.unwrap();
    let dead = phone.client.sync().operations().unwrap();
    assert_eq!(dead[0].problem.clone().unwrap().code, "withdrawn");
    assert_ne!(tasks.get(ids[0]).await.unwrap().state, ParcelState::Signed);
    assert_eq!(tasks.undo_deed(done.id).await.unwrap(), Undone::TakenBack, "nothing is left of it");
    assert_eq!(phone.client.sync().operations().unwrap(), []);
}

#[tokio::test]
async fn a_hand_over_needs_the_server() {
    let (phone, ids) = with_parcels(1..=4).await;
    let wei = UserId::at(1, [9; 10]);
    phone.fake.model.lock().doors.colleagues.insert("li.wei".into(), wei);
    let tasks = phone.client.tasks();
    tasks.record(&ids[3..], sign(), Vec::new()).await.unwrap();
    // what was done before cannot be sent
    phone.fake.misbehave(&[Fault::DropRequest]);
    assert!(matches!(tasks.hand_over(&ids[..2], "li.wei").await, Err(Error::Offline { left: false, .. })));
    assert_eq!(tasks.list().await.unwrap().len(), 4);
    // nobody of that name
    assert!(matches!(tasks.hand_over(&ids[..2], "nobody").await, Err(Error::Refused(_))));
    // the answer is lost: it is asked for again, and has one effect
    phone.fake.misbehave(&[Fault::DropAnswer, Fault::DropRequest]);
    let order = [ids[1], ids[0]];
    let answer = tasks.hand_over(&order, "li.wei").await.unwrap();
    assert_eq!((answer.to, answer.parcels.as_slice()), (wei, order.as_slice()));
    assert_eq!(tasks.list().await.unwrap().iter().map(|p| p.id).collect::<Vec<_>>(), ids[2..]);
    assert_eq!(phone.fake.model.lock().gone.len(), 2);
    let stranger = tempfile::tempdir().unwrap();
    let client = open(stranger.path(), &phone.fake.url, &phone.clock);
    assert!(matches!(client.tasks().hand_over(&order, "li.wei").await, Err(Error::SignedOut)));
}

const TWO_NAMES: &str = "运单号,收件人,电话,地址
SF2000000000001,甲,13811110001,幸福花园3栋2单元501室
SF2000000000002,乙,13811110002,幸福花园小区三号楼101
SF2000000000003,丙,13811110003,缤纷北苑47幢1单元202
SF2000000000004,丁,13811110004,家里
";

async fn told(phone: &Phone) -> Vec<usize> {
    phone.client.tasks().stops(true).await.unwrap().iter().map(|s| s.parcels.len()).collect()
}

#[tokio::test]
async fn stops_are_put_right_by_hand_offline_and_for_the_branch() {
    let phone = Phone::signed_in().await;
    let tasks = phone.client.tasks();
    tasks.import_csv(TWO_NAMES.as_bytes(), false).await.unwrap();
    let ids: Vec<ParcelId> = tasks.list().await.unwrap().iter().map(|p| p.id).collect();
    assert_eq!(told(&phone).await, [2, 1, 1]);
    let merge = tasks.merge_stops(&[ids[0], ids[2]]).await.unwrap();
    assert_eq!(told(&phone).await, [3, 1]);
    let again = problem(tasks.merge_stops(&[ids[1], ids[2]]).await.unwrap_err());
    assert_eq!(again.1, "are one stop already");
    // taken back before it left
    tasks.undo_stop_rule(merge).await.unwrap();
    assert_eq!((told(&phone).await, phone.client.sync().status().unwrap().queued), (vec![2, 1, 1], 1));
    let merge = tasks.merge_stops(&[ids[0], ids[2]]).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone).await, [3, 1]);
    // a colleague takes one address out again, and the last one wins
    let key = waybell_domain::parcel::address_key("缤纷北苑47幢1单元202");
    let split = OperationId::at(7, [7; 10]);
    let _ = phone.fake.model.lock().put_rule(split, StopRuleKind::Split, vec![key], false);
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone).await, [2, 1, 1]);
    let rules: Vec<OperationId> = tasks.stop_rules().await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(rules, [merge, split]);
    // anybody may undo it
    tasks.undo_stop_rule(split).await.unwrap();
    assert_eq!(told(&phone).await, [3, 1]);
    phone.client.sync().now().await.unwrap();
    assert_eq!(told(&phone).await, [3, 1]);
    tasks.split_stop(&ids[2..3]).await.unwrap();
    assert_eq!(told(&phone).await, [2, 1, 1]);
    let alone = problem(tasks.split_stop(&ids[3..]).await.unwrap_err());
    assert_eq!(alone.1, "nothing tells its address from the others of the stop");
    assert!(matches!(tasks.undo_stop_rule(split).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn rules_of_a_restored_server_are_read_afresh() {
    let phone = Phone::signed_in().await;
    let tasks = phone.client.tasks();
    tasks.import_csv(TWO_NAMES.as_bytes(), false).await.unwrap();
    let ids: Vec<ParcelId> = tasks.list().await.unwrap().iter().map(|p| p.id).collect();
    tasks.merge_stops(&[ids[0], ids[2]]).await.unwrap();
    phone.client.sync().now().await.unwrap();
    {
        let mut model = phone.fake.model.lock();
        model.doors.rules.clear();
        model.generation = "g2".into();
    }
    phone.client.sync().now().await.unwrap();
    assert!(tasks.stop_rules().await.unwrap().is_empty());
    assert_eq!(told(&phone).await, [2, 1, 1]);
}
