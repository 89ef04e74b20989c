use crate::testing::{Phone, list};
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::dial::batch::BatchState;
use waybell_domain::id::{BatchId, ParcelId, RecipientId};
use waybell_domain::parcel::{CallMark, ParcelState};
use waybell_domain::wire::RecipientView;

async fn ids(phone: &Phone) -> Vec<ParcelId> {
    phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect()
}

#[tokio::test]
async fn the_plan_needs_no_network_and_knows_the_rules() {
    let phone = Phone::signed_in().await;
    phone.client.sync().now().await.unwrap();
    let mut csv = list(1..=4);
    csv.extend(
        "SF1000000000005,王小1,13811110001,杭州市幸福花园1栋\nSF1000000000006,无号,,杭州市幸福花园2栋\n"
            .as_bytes(),
    );
    phone.client.tasks().import_csv(&csv, false).await.unwrap();
    let all = ids(&phone).await;
    phone.client.tasks().set_state(&all[1..2], ParcelState::Signed).await.unwrap();
    let plan = phone.client.notify().plan("arrived", &all).await.unwrap();
    assert_eq!((plan.rings, plan.parcels, plan.merged), (2, 6, 1));
    let reasons: Vec<_> = plan.suppressed.iter().map(|r| (r.reason.as_str(), r.parcels)).collect();
    assert_eq!(reasons, [("delivered", 1), ("no_number", 1), ("opted_out", 1)]);
    assert!(plan.summary_en.starts_with("rings 2 of 6: "), "{}", plan.summary_en);
    assert!(plan.summary_en.ends_with("no calls after 20:30"), "{}", plan.summary_en);

    phone.client.notify().send("arrived", &all[..1], None).await.unwrap();
    let plan = phone.client.notify().plan("arrived", &all).await.unwrap();
    assert_eq!(
        plan.suppressed.iter().find(|r| r.reason == "being_called").unwrap().parcels,
        1,
        "two taps, one ring"
    );
    let (same, checked) = phone.client.notify().plan_checked("arrived", &all).await.unwrap();
    assert!(!checked, "the server does not know everything yet");
    assert_eq!(same, plan);
    phone.clock.pass(11 * HOUR);
    let night = phone.client.notify().plan("arrived", &all[3..4]).await.unwrap();
    assert!(night.not_before.is_some());
}

#[tokio::test]
async fn progress_is_shown_from_the_tap_to_the_end() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let all = ids(&phone).await;
    let batch = phone.client.notify().send("arrived", &all, Some(UnixMs(5))).await.unwrap();
    let waiting = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!((waiting.batch.counts.recipients, waiting.batch.state), (2, BatchState::Scheduled));
    assert!(waiting.operation.is_some() && !waiting.is_over());
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(batch).await.unwrap();
    let shown = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!(
        (shown.batch.state, shown.operation),
        (BatchState::Paused, None),
        "shown before the server knows"
    );
    assert!(phone.client.notify().confirm(batch).await.is_err());
    phone.client.notify().resume(batch).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Scheduled);

    let person = |n: u8, state: &str, mark| RecipientView {
        id: RecipientId::at(i64::from(n), [n; 10]),
        batch,
        phone: waybell_domain::phone::PhoneNumber::parse("13811110001").unwrap(),
        name: "王".into(),
        parcels: vec![all[usize::from(n)]],
        state: state.into(),
        mark,
        outcome: None,
        suppressed: None,
        attempts: 1,
        next_at: None,
        keys: String::new(),
        sequence: i64::from(n),
        rev: 100 + i64::from(n),
    };
    let people = [person(0, "done", CallMark::Answered), person(1, "ringing", CallMark::Called)];
    let seal = phone.client.inner.store.seal.clone();
    let store = phone.client.inner.store.clone();
    store
        .write(move |t| people.iter().try_for_each(|p| super::rows::server_recipient(t, &seal, p)))
        .await
        .unwrap();
    let counts = phone.client.notify().progress(batch).await.unwrap().batch.counts;
    assert_eq!((counts.recipients, counts.answered, counts.calling), (2, 1, 1));
    assert_eq!(phone.client.notify().batches(5).await.unwrap()[0].counts, counts);
    let plan = phone.client.notify().plan("arrived", &all).await.unwrap();
    let reasons: Vec<_> = plan.suppressed.iter().map(|r| (r.reason.as_str(), r.parcels)).collect();
    assert_eq!(reasons, [("already_notified", 1), ("being_called", 1)]);
}

#[tokio::test]
async fn undo_overtakes_what_was_asked_before_and_a_late_pause_is_no_problem() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let batch = phone.client.notify().send("arrived", &ids(&phone).await, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(batch).await.unwrap();
    phone.client.notify().undo(batch).await.unwrap();
    assert_eq!(phone.client.sync().operations().unwrap().len(), 1);
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.notify().progress(batch).await.unwrap().batch.state, BatchState::Cancelled);
    assert!(phone.client.notify().progress(batch).await.unwrap().is_over());

    let other = phone.client.notify().send("station", &ids(&phone).await, None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.notify().pause(other).await.unwrap();
    phone.fake.model.lock().batches.get_mut(&other).unwrap().0.state = BatchState::Done;
    phone.client.sync().now().await.unwrap();
    assert_eq!(
        phone.client.sync().status().unwrap().dead,
        0,
        "a batch that is over cannot be held, and that is all right"
    );
}

#[tokio::test]
async fn nothing_missed_is_told_with_its_reason() {
    let phone = Phone::signed_in().await;
    let batch = phone.client.notify().again("arrived", false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let progress = phone.client.notify().progress(batch).await.unwrap();
    assert_eq!(progress.operation.unwrap().problem.unwrap().code, "nothing_missed");
    assert!(phone.client.notify().progress(BatchId::at(1, [0; 10])).await.is_err());
}
