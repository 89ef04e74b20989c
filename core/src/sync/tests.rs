use super::SyncState;
use crate::events::Topic;
use crate::testing::{Fault, Phone, list};
use std::collections::BTreeSet;
use std::time::Duration;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{CallMark, ParcelState};

async fn here(phone: &Phone) -> Vec<ParcelId> {
    let mut ids: Vec<_> = phone.client.tasks().list().await.unwrap().iter().map(|p| p.id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn pages_are_pulled_to_the_end_and_twice_is_once() {
    let phone = Phone::signed_in().await;
    phone.fake.model.lock().page = 3;
    phone.client.tasks().import_csv(&list(1..=10), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let pulls = phone.fake.seen.lock().iter().filter(|s| s.path().contains("/sync?")).count();
    assert_eq!(pulls, 4);
    assert!(phone.client.tasks().list().await.unwrap().iter().all(|p| p.rev > 0));
    let before = phone.client.tasks().list().await.unwrap();
    phone.client.inner.store.write(|t| crate::store::set_meta(t, "cursor", None)).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.tasks().list().await.unwrap(), before);
}

#[tokio::test]
async fn pending_operations_stay_over_a_new_base() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let id = here(&phone).await[0];
    phone.client.tasks().set_state(&[id], ParcelState::Exception).await.unwrap();
    {
        let mut model = phone.fake.model.lock();
        let rev = model.next_rev();
        let parcel = model.parcels.get_mut(&id).unwrap();
        parcel.mark = CallMark::Answered;
        parcel.rev = rev;
    }
    super::pull::pull(&phone.client.inner, &phone.client.inner.sign_in().unwrap()).await.unwrap();
    let shown = phone.client.tasks().get(id).await.unwrap();
    assert_eq!((shown.state, shown.mark), (ParcelState::Exception, CallMark::Answered));
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.tasks().get(id).await.unwrap(), phone.fake.model.lock().parcels[&id]);
}

#[tokio::test]
async fn a_restored_server_is_read_afresh_and_local_work_stays() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=6), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.tasks().import_csv(&list(7..=8), false).await.unwrap();
    let kept = {
        let mut model = phone.fake.model.lock();
        let kept: BTreeSet<_> = model.parcels.values().filter(|p| p.rev <= 4).map(|p| p.id).collect();
        model.parcels.retain(|_, p| p.rev <= 4);
        model.rev = 4;
        kept
    };
    phone.fake.misbehave(&[Fault::Unavailable]);
    assert!(super::pull::pull(&phone.client.inner, &phone.client.inner.sign_in().unwrap()).await.is_ok());
    let shown: BTreeSet<_> = here(&phone).await.into_iter().collect();
    assert!(shown.is_superset(&kept));
    assert_eq!(
        shown.len(),
        kept.len() + 2,
        "what the server has forgotten is gone, what only we know is there"
    );
    phone.fake.faults.lock().clear();
    phone.client.sync().now().await.unwrap();
    assert_eq!(here(&phone).await.len(), kept.len() + 2);
    assert_eq!(phone.fake.model.lock().parcels.len(), kept.len() + 2);
}

#[tokio::test]
async fn another_generation_is_read_afresh_even_if_revisions_go_on() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=6), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().status().unwrap().restored_at, None);
    phone.client.tasks().import_csv(&list(7..=8), false).await.unwrap();
    let lost = {
        let mut model = phone.fake.model.lock();
        let lost = *model.parcels.keys().next().unwrap();
        model.parcels.remove(&lost);
        // a restored server starts its revisions far ahead: the cursor does not go back
        model.rev += 1_000_000;
        model.generation = "g2".into();
        lost
    };
    phone.client.sync().now().await.unwrap();
    let shown = here(&phone).await;
    assert_eq!((shown.len(), shown.contains(&lost)), (7, false));
    assert_eq!(phone.fake.model.lock().parcels.len(), 7, "the outbox went out");
    let status = phone.client.sync().status().unwrap();
    assert!(status.restored_at.is_some(), "and the courier is told");
    phone.client.sync().now().await.unwrap();
    phone.clock.pass(25 * waybell_domain::clock::HOUR);
    assert_eq!(phone.client.sync().status().unwrap().restored_at, None, "not for ever");
}

#[tokio::test]
async fn states_are_told() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    phone.fake.misbehave(&[Fault::DropRequest]);
    assert!(phone.client.sync().now().await.is_err());
    assert_eq!(phone.client.sync().status().unwrap().state, SyncState::Offline);
    phone.client.sync().now().await.unwrap();
    let status = phone.client.sync().status().unwrap();
    assert_eq!((status.state, status.queued, status.dead), (SyncState::Idle, 0, 0));
    assert!(status.pulled_at.is_some());
}

#[tokio::test]
async fn the_background_sends_and_tells_and_stops() {
    let phone = Phone::signed_in().await;
    phone.client.resume();
    phone.client.resume();
    let changes = phone.client.subscribe();
    phone.client.tasks().import_csv(&list(1..=2), false).await.unwrap();
    let arrived = async {
        while phone.client.sync().status().unwrap().queued > 0 {
            changes.next().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    assert_eq!(phone.fake.model.lock().parcels.len(), 2);
    phone.client.pause().await;
    phone.client.resume();
    phone.client.shutdown().await;
    assert!(phone.client.tasks().list().await.is_err());
    let files: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .map(|d| d.filter_map(|e| std::fs::read_link(e.ok()?.path()).ok()).collect())
        .unwrap_or_default();
    let open: Vec<_> = files.iter().filter(|f| f.starts_with(phone.dir.path())).collect();
    assert!(open.is_empty(), "open after the shutdown: {open:?}");
}

#[tokio::test]
async fn the_socket_wakes_the_pull() {
    let phone = Phone::signed_in().await;
    phone.client.resume();
    let changes = phone.client.subscribe();
    phone.fake.socket_opened().await;
    {
        let mut model = phone.fake.model.lock();
        model.import_elsewhere(4);
    }
    phone.fake.say(r#"{"type":"changed","seq":1,"rev":2}"#);
    let arrived = async {
        while phone.client.tasks().list().await.unwrap().is_empty() {
            while changes.next().await != Topic::Parcels {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    phone.fake.say(r#"{"type":"signed_out"}"#);
    let ended = async {
        while phone.client.session().current().is_some() {
            changes.next().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    phone.client.shutdown().await;
}
