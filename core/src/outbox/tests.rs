use super::queue::Operation;
use crate::testing::{Effect, Fault, Phone, list};
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::time::Duration;
use waybell_domain::clock::HOUR;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::id::{BatchId, OperationId, ParcelId};
use waybell_domain::parcel::{ConsentSource, Deed, ExceptionReason, HandConsent, ParcelState, SignedBy};
use waybell_domain::wire::BatchAction;

async fn ids(phone: &Phone) -> Vec<ParcelId> {
    phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect()
}

#[tokio::test]
async fn a_day_without_network_goes_out_once_and_in_order() {
    let phone = Phone::signed_in().await;
    phone.fake.misbehave(&[Fault::DropRequest; 1]);
    let report = phone.client.tasks().import_csv(&list(1..=5), false).await.unwrap();
    assert_eq!((report.created, report.rejected), (5, 0));
    let all = ids(&phone).await;
    phone.client.tasks().set_state(&all[..1], ParcelState::Signed).await.unwrap();
    let batch = phone.client.notify().send("arrived", &all, None).await.unwrap();
    assert!(phone.client.sync().now().await.is_err());
    assert_eq!(phone.client.sync().status().unwrap().queued, 3);
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.rev, 0);

    phone.client.sync().now().await.unwrap();
    let first = "SF1000000000001".to_owned();
    let effects = phone.fake.model.lock().effects.clone();
    assert_eq!(
        effects,
        [Effect::Import(first.clone()), Effect::State(first, ParcelState::Signed), Effect::Tap(batch)]
    );
    assert_eq!(phone.client.sync().status().unwrap().queued, 0);
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Running);
    assert_eq!(phone.client.tasks().get(all[0]).await.unwrap().state, ParcelState::Signed);
}

#[tokio::test]
async fn lost_answers_and_copies_make_no_second_effect_and_bodies_stay_the_same() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.fake.misbehave(&[Fault::DropAnswer, Fault::Twice, Fault::DropAnswer]);
    let all = ids(&phone).await;
    phone.client.notify().send("arrived", &all, None).await.unwrap();
    while phone.client.sync().now().await.is_err() {
        phone.clock.pass(1_000);
    }
    assert_eq!(phone.fake.model.lock().effects.len(), 2);
    let seen = phone.fake.seen.lock();
    let taps: Vec<_> = seen.iter().filter(|s| s.path() == "/api/v1/batches").collect();
    assert_eq!(taps.len(), 2);
    assert_eq!(
        (taps[0].body.clone(), taps[0].header("idempotency-key")),
        (taps[1].body.clone(), taps[1].header("idempotency-key"))
    );
    let ages: Vec<_> =
        taps.iter().map(|t| t.header("x-waybell-age-ms").unwrap().parse::<u64>().unwrap()).collect();
    assert_eq!(ages[1] - ages[0], 1_000, "the age is that of the sending");
}

#[tokio::test]
async fn the_age_is_by_the_boot_clock_and_unknown_after_a_reboot() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    phone.clock.pass(3 * HOUR);
    phone.clock.wall.fetch_sub(10 * HOUR, Ordering::Relaxed);
    phone.client.sync().now().await.unwrap();
    phone.client.tasks().set_state(&ids(&phone).await, ParcelState::Signed).await.unwrap();
    *phone.clock.boot.lock() = "boot-2".into();
    phone.client.sync().now().await.unwrap();
    let seen = phone.fake.seen.lock();
    let age = |path: &str| {
        seen.iter().find(|s| s.path() == path).unwrap().header("x-waybell-age-ms").map(str::to_owned)
    };
    assert_eq!(age("/api/v1/parcels/import"), Some((3 * HOUR).to_string()));
    assert_eq!(age("/api/v1/parcels/state"), None);
}

#[tokio::test]
async fn a_refused_operation_is_shown_with_its_reason_and_lets_others_pass() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let all = ids(&phone).await;
    let bad = phone.client.notify().send("refused", &all, None).await.unwrap();
    phone.client.notify().pause(bad).await.unwrap();
    let good = phone.client.notify().send("arrived", &all, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert!(phone.fake.model.lock().rung.contains(&good));
    let progress = phone.client.notify().progress(bad).await.unwrap();
    assert!(progress.is_over());
    let operation = progress.operation.unwrap();
    assert_eq!(operation.problem.unwrap().code, "bad_field");
    assert_eq!(phone.client.sync().status().unwrap().dead, 1);
    phone.client.sync().retry(operation.id).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().status().unwrap().dead, 1);
    phone.client.sync().discard(operation.id).await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap(), [], "what waited for it goes too");
    assert!(phone.client.notify().progress(bad).await.is_err());
}

#[tokio::test]
async fn a_refused_state_is_taken_back_on_the_screen() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let all = ids(&phone).await;
    phone.fake.model.lock().parcels.clear();
    phone.client.tasks().set_state(&all, ParcelState::Signed).await.unwrap();
    assert_eq!(phone.client.tasks().get(all[0]).await.unwrap().state, ParcelState::Signed);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.tasks().get(all[0]).await.unwrap().state, ParcelState::OutForDelivery);
    let dead = phone.client.sync().operations().unwrap().remove(0);
    phone.client.sync().retry(dead.id).await.unwrap();
    assert_eq!(phone.client.tasks().get(all[0]).await.unwrap().state, ParcelState::Signed);
}

#[tokio::test]
async fn a_parcel_that_was_moved_leaves_the_others_delivered() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=3), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let all = ids(&phone).await;
    phone.client.tasks().set_state(&all, ParcelState::Signed).await.unwrap();
    phone.fake.model.lock().parcels.remove(&all[1]);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap(), []);
    let mut states = Vec::new();
    for id in &all {
        states.push(phone.client.tasks().get(*id).await.unwrap().state);
    }
    assert_eq!(states, [ParcelState::Signed, ParcelState::OutForDelivery, ParcelState::Signed]);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_dead_and_lets_others_pass() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let all = ids(&phone).await;
    phone.client.tasks().set_state(&all[..1], ParcelState::Signed).await.unwrap();
    phone.client.notify().send("arrived", &all[..1], None).await.unwrap();
    let good = phone.client.notify().send("arrived", &all[1..], None).await.unwrap();
    let damaged: Vec<_> = phone.client.sync().operations().unwrap()[..2].iter().map(|o| o.id).collect();
    let names: Vec<String> = damaged.iter().map(ToString::to_string).collect();
    phone
        .client
        .inner
        .store
        .write(move |t| {
            // a body that is too short, and one of another row
            t.execute("UPDATE operation SET body = x'00' WHERE id = ?1", [&names[0]])?;
            t.execute(
                "UPDATE operation SET body = (SELECT body FROM operation ORDER BY seq DESC) WHERE id = ?1",
                [&names[1]],
            )?;
            Ok(())
        })
        .await
        .unwrap();
    let seen = phone.client.sync().operations().unwrap();
    assert_eq!(seen.len(), 3);
    for operation in &seen[..2] {
        assert_eq!(operation.state, super::OperationState::Dead);
        assert_eq!(operation.problem.as_ref().unwrap().code, "unreadable");
    }
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.fake.model.lock().rung, [good].into());
    let status = phone.client.sync().status().unwrap();
    assert_eq!((status.queued, status.dead), (0, 2));
    phone.client.sync().retry(damaged[0]).await.unwrap();
    phone.client.sync().now().await.unwrap();
    for id in damaged {
        phone.client.sync().discard(id).await.unwrap();
    }
    assert_eq!(phone.client.sync().operations().unwrap(), []);
}

#[tokio::test]
async fn undo_of_a_tap_that_has_not_left_takes_it_back() {
    let mut phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let batch = phone.client.notify().send("arrived", &ids(&phone).await, None).await.unwrap();
    phone.restart();
    assert_eq!(phone.client.notify().undo(batch).await.unwrap(), crate::notify::Undone::TakenBack);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.fake.model.lock().batches.len(), 0);
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Cancelled);
}

#[tokio::test]
async fn undo_of_a_tap_whose_answer_is_missing_rings_nobody_who_was_not_rung_before() {
    for (fault, rung) in [(Fault::DropRequest, false), (Fault::Late, false), (Fault::DropAnswer, true)] {
        let phone = Phone::signed_in().await;
        phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
        phone.client.sync().now().await.unwrap();
        let batch = phone.client.notify().send("arrived", &ids(&phone).await, None).await.unwrap();
        phone.fake.misbehave(&[fault]);
        assert!(phone.client.sync().now().await.is_err());
        assert_eq!(phone.client.notify().undo(batch).await.unwrap(), crate::notify::Undone::Asked);
        phone.client.sync().now().await.unwrap();
        phone.fake.deliver_late();
        let model = phone.fake.model.lock();
        assert_eq!(model.rung.contains(&batch), rung, "{fault:?}");
        assert_eq!(model.batches[&batch].0.state, BatchState::Cancelled, "{fault:?}");
        assert_eq!(phone.client.sync().operations().unwrap(), []);
    }
}

#[tokio::test]
async fn undo_of_a_round_for_the_missed_is_as_good() {
    for (fault, rung) in [(Fault::DropRequest, false), (Fault::Late, false), (Fault::DropAnswer, true)] {
        let phone = Phone::signed_in().await;
        phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
        phone.client.sync().now().await.unwrap();
        let batch = phone.client.notify().again("arrived", true).await.unwrap();
        phone.fake.misbehave(&[fault]);
        assert!(phone.client.sync().now().await.is_err());
        assert_eq!(phone.client.notify().undo(batch).await.unwrap(), crate::notify::Undone::Asked);
        let progress = phone.client.notify().progress(batch).await.unwrap();
        assert!(progress.is_over(), "shown as undone at once");
        phone.client.sync().now().await.unwrap();
        phone.fake.deliver_late();
        phone.client.sync().now().await.unwrap();
        assert_eq!(phone.fake.model.lock().rung.contains(&batch), rung, "{fault:?}");
        let shown = phone.client.notify().progress(batch).await.unwrap().batch;
        assert_eq!((shown.state, shown.template.as_str()), (BatchState::Cancelled, "arrived"), "{fault:?}");
        assert_eq!(phone.client.sync().operations().unwrap(), []);
    }
}

#[test]
fn waits_grow_up_to_five_minutes() {
    let most = |failures| super::send::jitter(failures, [0xff; 10]);
    assert_eq!(most(1), Duration::from_secs(2));
    assert_eq!(most(3), Duration::from_secs(8));
    assert_eq!(most(40), Duration::from_secs(300));
    assert_eq!(super::send::jitter(9, [0; 10]), Duration::ZERO);
}

#[derive(Clone, Debug)]
enum Step {
    Import(u32),
    State(usize),
    Tap(usize),
    Undo(usize),
    Deed(usize, usize),
    UndoDeed,
    Rule(usize, bool),
    UndoRule(usize),
    Sync(Vec<Fault>),
    Restart,
    Copies,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![
        Just(Fault::DropRequest),
        Just(Fault::DropAnswer),
        Just(Fault::Twice),
        Just(Fault::Late),
        Just(Fault::Unavailable)
    ];
    let step = prop_oneof![
        2 => (0u32..30).prop_map(Step::Import),
        2 => (0usize..40).prop_map(Step::State),
        3 => (0usize..40).prop_map(Step::Tap),
        2 => (0usize..6).prop_map(Step::Undo),
        3 => ((0usize..40), (0usize..5)).prop_map(|(at, what)| Step::Deed(at, what)),
        2 => Just(Step::UndoDeed),
        1 => ((0usize..40), any::<bool>()).prop_map(|(at, merge)| Step::Rule(at, merge)),
        1 => (0usize..4).prop_map(Step::UndoRule),
        4 => prop::collection::vec(fault, 0..4).prop_map(Step::Sync),
        2 => Just(Step::Restart),
        1 => Just(Step::Copies),
    ];
    prop::collection::vec(step, 4..18)
}

#[derive(Default)]
struct Wanted {
    /// What was taken in the lane `work`, in order.
    work: Vec<Effect>,
    taps: Vec<BatchId>,
    undone_before_arrival: Vec<BatchId>,
    /// Deeds that nobody undid.
    deeds: Vec<OperationId>,
    deeds_undone_before_arrival: Vec<OperationId>,
    /// Rules that nobody undid.
    rules: Vec<OperationId>,
}

fn deed(what: usize) -> Deed {
    let consent = Some(HandConsent { source: ConsentSource::Phone, note: None });
    match what {
        0 => Deed::Sign { by: SignedBy::Family, name: None, cash: None },
        1 => Deed::Station { place: "驿站".into(), code: None, consent },
        2 => Deed::Exception { reason: ExceptionReason::NobodyHome, note: None, until: None },
        3 => Deed::Return { note: None },
        _ => Deed::Door { note: None, consent: None },
    }
}

async fn play(steps: Vec<Step>) {
    let mut phone = Phone::signed_in().await;
    let mut wanted = Wanted::default();
    for step in [Step::Import(0), Step::Sync(Vec::new())].into_iter().chain(steps) {
        phone.clock.pass(10);
        let known = phone.client.tasks().list().await.unwrap();
        match step {
            Step::Import(from) => {
                let report = phone.client.tasks().import_csv(&list(from + 1..from + 4), false).await.unwrap();
                wanted.work.push(Effect::Import(report.preview[0].waybill_no.clone()));
            }
            Step::State(at) if !known.is_empty() => {
                let parcel = &known[at % known.len()];
                let state = ParcelState::ALL[at % ParcelState::ALL.len()];
                let (asked, recorded) = (parcel.preference.as_deref(), parcel.door.is_some());
                let may = parcel.state.set_by_word(state, recorded, asked).is_ok();
                let set = phone.client.tasks().set_state(&[parcel.id], state).await;
                assert_eq!(set.is_ok(), may, "{set:?}");
                if may {
                    wanted.work.push(Effect::State(parcel.waybill_no.clone(), state));
                }
            }
            Step::Tap(at) if !known.is_empty() => {
                let id =
                    phone.client.notify().send("arrived", &[known[at % known.len()].id], None).await.unwrap();
                wanted.work.push(Effect::Tap(id));
                wanted.taps.push(id);
            }
            Step::Undo(at) if !wanted.taps.is_empty() => {
                let id = wanted.taps.remove(at % wanted.taps.len());
                if !phone.fake.model.lock().batches.contains_key(&id) {
                    wanted.undone_before_arrival.push(id);
                }
                phone.client.notify().undo(id).await.unwrap();
            }
            Step::Deed(at, what) if !known.is_empty() => {
                let first = at % known.len();
                let some: Vec<ParcelId> = known.iter().skip(first).take(1 + at % 3).map(|p| p.id).collect();
                let allowed = known
                    .iter()
                    .skip(first)
                    .take(1 + at % 3)
                    .all(|p| what < 4 && (p.state.is_open() || p.state.awaits_collection()));
                match phone.client.tasks().record(&some, deed(what), Vec::new()).await {
                    Ok(recorded) => {
                        assert!(allowed);
                        wanted.work.push(Effect::Deed(recorded.id));
                        wanted.deeds.push(recorded.id);
                    }
                    Err(error) => assert!(!allowed, "{error}"),
                }
            }
            Step::UndoDeed => {
                let Some(last) = phone.client.tasks().last_deed().unwrap() else { continue };
                let arrived = phone.fake.model.lock().doors.deeds.contains_key(&last.id);
                if phone.client.tasks().undo_deed(last.id).await.is_ok() {
                    wanted.deeds.retain(|id| *id != last.id);
                    if !arrived {
                        wanted.deeds_undone_before_arrival.push(last.id);
                    }
                }
            }
            Step::Rule(at, merge) if !known.is_empty() => {
                let tasks = phone.client.tasks();
                let two = [known[at % known.len()].id, known[(at + 1) % known.len()].id];
                let done =
                    if merge { tasks.merge_stops(&two).await } else { tasks.split_stop(&two[..1]).await };
                wanted.rules.extend(done.ok());
            }
            Step::UndoRule(at) if !wanted.rules.is_empty() => {
                let id = wanted.rules.remove(at % wanted.rules.len());
                phone.client.tasks().undo_stop_rule(id).await.unwrap();
            }
            Step::Sync(faults) => {
                phone.fake.misbehave(&faults);
                let _ = phone.client.sync().now().await;
                phone.fake.faults.lock().clear();
            }
            Step::Restart => phone.restart(),
            Step::Copies => {
                phone.fake.deliver_late();
                // a copy that arrives before the undo could leave rings: nobody can prevent that
                let rung = phone.fake.model.lock().rung.clone();
                wanted.undone_before_arrival.retain(|id| !rung.contains(id));
                let model = phone.fake.model.lock();
                let carried = |id: &OperationId| model.effects.contains(&Effect::Deed(*id));
                wanted.deeds_undone_before_arrival.retain(|id| !carried(id));
            }
            _ => {}
        }
    }
    phone.client.sync().now().await.unwrap();
    phone.fake.deliver_late();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap(), [], "nothing is left");
    let mut here = phone.client.tasks().list().await.unwrap();
    here.sort_by_key(|p| p.id);
    let rules = phone.client.tasks().stop_rules().await.unwrap();
    let rules: Vec<OperationId> = rules.into_iter().map(|r| r.id).collect();
    let model = phone.fake.model.lock();
    let aside = |e: &&Effect| !matches!(e, Effect::Act(..) | Effect::UndoDeed(_) | Effect::Rule(_));
    // what was undone may have been carried out before, or not at all, and last of all by a copy that came late
    let holds = |e: &Effect| match e {
        Effect::Tap(id) => wanted.taps.contains(id),
        Effect::Deed(id) => wanted.deeds.contains(id),
        _ => true,
    };
    let (work, undone): (Vec<_>, Vec<_>) = model.effects.iter().filter(aside).cloned().partition(holds);
    let (stays, taken_back): (Vec<_>, Vec<_>) = wanted.work.iter().cloned().partition(holds);
    assert_eq!(work, stays, "each once, in order");
    for (n, effect) in undone.iter().enumerate() {
        assert!(taken_back.contains(effect) && !undone[..n].contains(effect), "{effect:?}: undone, and once");
    }
    for id in &wanted.undone_before_arrival {
        assert!(!model.rung.contains(id), "an undone tap rang");
    }
    for id in &wanted.deeds_undone_before_arrival {
        assert!(!model.effects.contains(&Effect::Deed(*id)), "an undone deed was carried out");
    }
    for (id, done) in &model.doors.deeds {
        assert_eq!(done.undone, !wanted.deeds.contains(id), "each deed is undone if somebody undid it");
    }
    let held = model.doors.rules.iter().filter(|r| !r.undone).map(|r| r.id);
    assert_eq!(held.collect::<Vec<_>>(), wanted.rules, "rules in the order in which they were made");
    for effect in &model.effects {
        if let Effect::Act(id, BatchAction::Undo) = effect {
            assert!(!wanted.taps.contains(id), "a tap was undone that nobody undid");
        }
    }
    assert_eq!(rules, wanted.rules, "the phone has them too");
    assert_eq!(here, model.parcels.values().cloned().collect::<Vec<_>>(), "phone and server agree");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_lost_each_operation_has_one_effect(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(steps));
    }
}

#[tokio::test]
async fn a_copy_of_what_was_undone_may_come_last() {
    let copies = vec![
        Step::Deed(27, 0),
        Step::Sync(vec![Fault::Late]),
        Step::Import(0),
        Step::UndoDeed,
        Step::Sync(vec![Fault::DropAnswer]),
        Step::Copies,
    ];
    play(copies).await;
}

#[test]
fn lanes() {
    let now = waybell_domain::clock::EventTime::default();
    let batch = BatchId::at(1, [0; 10]);
    let lane = |kind| Operation::new(kind, Some(batch), Vec::new(), now.clone()).lane;
    assert_eq!(lane(super::OperationKind::Notify), "work");
    assert_eq!(lane(super::OperationKind::Undo), format!("batch:{batch}"));
}
