use super::super::Calls;
use super::file::PIECE;
use super::*;
use crate::events::Topic;
use crate::testing::{Phone, incoming};
use std::time::Duration;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::CallResult;

async fn with_sound(bytes: usize) -> (Phone, CallId, Vec<u8>) {
    let phone = Phone::signed_in().await;
    let (id, sound) = more(&phone, 1, bytes).await;
    (phone, id, sound)
}

async fn more(phone: &Phone, n: u8, bytes: usize) -> (CallId, Vec<u8>) {
    let (id, sound) = {
        let mut model = phone.fake.model.lock();
        let view = incoming(n, "+86138****0001", CallResult::Voicemail, UnixMs(1_000 + i64::from(n)));
        let id = model.put_call(view);
        let sound = model.put_sound(id, bytes);
        (id, sound)
    };
    phone.client.sync().now().await.unwrap();
    (id, sound)
}

fn files(phone: &Phone) -> usize {
    std::fs::read_dir(phone.dir.path().join(FOLDER)).map_or(0, |d| d.count())
}

async fn state(calls: &Calls, id: CallId) -> Sound {
    calls.get(id).await.unwrap().sound
}

#[tokio::test]
async fn it_is_fetched_once_and_heard_without_a_network() {
    let bytes = 3 * PIECE + 77;
    let (phone, id, sound) = with_sound(bytes).await;
    let calls = phone.client.calls();
    assert_eq!(state(&calls, id).await, Sound::No);
    assert!(matches!(calls.sound(id, 0, 10).await, Err(Error::NotFound(_))));
    let changes = phone.client.subscribe();
    assert_eq!(calls.fetch_sound(id).await.unwrap(), bytes as u64);
    let told = async { while changes.next().await != Topic::Calls {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.unwrap();
    assert_eq!(calls.fetch_sound(id).await.unwrap(), bytes as u64);
    assert_eq!(phone.fake.model.lock().calls.sent, bytes, "once");
    assert_eq!(state(&calls, id).await, Sound::Whole { bytes: bytes as u64 });
    // the server's copy may go: this one stays
    phone.fake.model.lock().calls.sound.clear();
    let away = crate::testing::open(phone.dir.path(), "http://127.0.0.1:9", &phone.clock).calls();
    assert_eq!(away.sound(id, 0, usize::MAX).await.unwrap(), sound);
    assert_eq!(away.sound(id, PIECE as u64 - 1, 3).await.unwrap(), sound[PIECE - 1..PIECE + 2]);
    assert!(away.sound(id, bytes as u64, 10).await.unwrap().is_empty());
    let stored = std::fs::read_dir(phone.dir.path().join(FOLDER)).unwrap().next().unwrap().unwrap().path();
    let stored = std::fs::read(stored).unwrap();
    assert!(!stored.windows(64).any(|w| w == &sound[..64]), "sealed");
    calls.drop_sound(id).await.unwrap();
    assert_eq!((state(&calls, id).await, files(&phone)), (Sound::No, 0));
}

#[tokio::test]
async fn a_transfer_that_is_cut_goes_on_where_it_was_also_in_another_process() {
    let bytes = 8 * PIECE + 5;
    let (mut phone, id, sound) = with_sound(bytes).await;
    phone.fake.model.lock().calls.cuts.extend([0, 10, PIECE * 2 + 9, 100]);
    assert!(matches!(phone.client.calls().fetch_sound(id).await, Err(Error::Offline { .. })));
    assert_eq!(state(&phone.client.calls(), id).await, Sound::Part);
    phone.restart();
    assert_eq!(files(&phone), 1, "a part is kept when the app starts");
    phone.fake.model.lock().calls.cuts.extend([PIECE, PIECE, 0]);
    phone.client.calls().fetch_sound(id).await.unwrap();
    assert_eq!(phone.client.calls().sound(id, 0, usize::MAX).await.unwrap(), sound);
    let sent = phone.fake.model.lock().calls.sent;
    assert!(sent < bytes + PIECE, "no more than a piece is fetched twice: {sent} of {bytes}");
}

#[tokio::test]
async fn other_sound_than_told_is_fetched_from_the_start_once_and_then_refused() {
    let (phone, id, sound) = with_sound(2 * PIECE).await;
    let calls = phone.client.calls();
    phone.fake.model.lock().calls.cuts.extend([PIECE + 5, 0, 0, 0]);
    assert!(calls.fetch_sound(id).await.is_err());
    // the recording was repaired meanwhile: same id, other sound
    let repaired: Vec<u8> = sound.iter().map(|b| !b).chain([1, 2, 3]).collect();
    {
        let mut model = phone.fake.model.lock();
        let mut view = model.calls.rows[&id].0.clone();
        let audio = view.audio.as_mut().unwrap();
        use sha2::{Digest, Sha256};
        audio.sha256 = Some(Sha256::digest(&repaired).iter().map(|b| format!("{b:02x}")).collect());
        model.put_call(view);
        model.calls.sound.insert(id, repaired.clone());
    }
    phone.client.sync().now().await.unwrap();
    calls.fetch_sound(id).await.unwrap();
    assert_eq!(calls.sound(id, 0, usize::MAX).await.unwrap(), repaired);

    let (bad, _) = more(&phone, 2, PIECE).await;
    phone.fake.model.lock().calls.sound.insert(bad, vec![0; PIECE]);
    assert!(matches!(calls.fetch_sound(bad).await, Err(Error::Offline { .. })));
    assert!(matches!(calls.sound(bad, 0, 1).await, Err(Error::NotFound(_))));
    // a shorter one than what is here: the server has nothing from there on
    let (short, sound) = more(&phone, 3, PIECE).await;
    phone.fake.model.lock().calls.cuts.extend([PIECE - 1, 0, 0, 0]);
    assert!(calls.fetch_sound(short).await.is_err());
    calls.fetch_sound(short).await.unwrap();
    assert_eq!(calls.sound(short, 0, usize::MAX).await.unwrap(), sound);
}

#[tokio::test]
async fn what_was_heard_longest_ago_makes_room() {
    let phone = Phone::signed_in().await;
    let calls = phone.client.calls();
    let me = phone.client.inner.sign_in().unwrap();
    let mut ids = Vec::new();
    for n in 1..=4 {
        let (id, _) = more(&phone, n, 1_000).await;
        phone.clock.pass(1_000);
        let (_, audio) = calls.audio_of(id).await.unwrap();
        fetch::fetch(&phone.client.inner, &me, id, &audio, 2_500).await.unwrap();
        ids.push(id);
        if n == 2 {
            phone.clock.pass(1_000);
            calls.sound(ids[0], 0, 1).await.unwrap();
        }
    }
    let mut here = Vec::new();
    for id in &ids {
        here.push(matches!(state(&calls, *id).await, Sound::Whole { .. }));
    }
    assert_eq!((here, files(&phone)), (vec![false, false, true, true], 2));
    let (large, _) = more(&phone, 9, 3_000).await;
    let (_, audio) = calls.audio_of(large).await.unwrap();
    let refused = fetch::fetch(&phone.client.inner, &me, large, &audio, 2_500).await;
    assert!(matches!(refused, Err(Error::BadInput { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_is_still_recorded_or_gone_cannot_be_fetched() {
    let (phone, id, _) = with_sound(100).await;
    let calls = phone.client.calls();
    let set = |state: &str| {
        let mut model = phone.fake.model.lock();
        let mut view = model.calls.rows[&id].0.clone();
        view.audio.as_mut().unwrap().state = state.into();
        model.put_call(view);
    };
    set("open");
    phone.client.sync().now().await.unwrap();
    assert_eq!(state(&calls, id).await, Sound::No, "its server died, and has it by now");
    {
        let mut model = phone.fake.model.lock();
        let mut view = model.calls.rows[&id].0.clone();
        view.outcome = None;
        model.put_call(view);
    }
    phone.client.sync().now().await.unwrap();
    assert_eq!(state(&calls, id).await, Sound::Recording);
    assert!(matches!(calls.handled(id).await, Err(Error::BadInput { .. })), "it goes on");
    for word in ["failed", "gone"] {
        set(word);
        phone.client.sync().now().await.unwrap();
        assert_eq!(state(&calls, id).await, Sound::None);
        assert!(matches!(calls.fetch_sound(id).await, Err(Error::NotFound(_))), "{word}");
    }
    assert_eq!(files(&phone), 0);
}

#[tokio::test]
async fn signing_out_and_a_foreign_file_leave_nothing() {
    let (phone, id, _) = with_sound(2 * PIECE).await;
    let calls = phone.client.calls();
    calls.fetch_sound(id).await.unwrap();
    let (cut, _) = more(&phone, 2, 2 * PIECE).await;
    phone.fake.model.lock().calls.cuts.extend([PIECE + 1, 0, 0, 0]);
    assert!(calls.fetch_sound(cut).await.is_err());
    let stray = phone.dir.path().join(FOLDER).join("stray.sealed");
    std::fs::write(&stray, b"x").unwrap();
    assert_eq!(files(&phone), 3);
    let again = crate::testing::open(phone.dir.path(), &phone.fake.url, &phone.clock);
    assert_eq!(files(&phone), 2, "a file that no row knows is nobody's");
    drop(again);
    phone.client.session().logout().await.unwrap();
    assert_eq!(files(&phone), 0);
}

#[tokio::test]
async fn a_file_that_was_lost_or_damaged_is_fetched_again() {
    let (phone, id, sound) = with_sound(PIECE + 9).await;
    let calls = phone.client.calls();
    calls.fetch_sound(id).await.unwrap();
    let path = path(&phone.client.inner, calls.audio_of(id).await.unwrap().1.id);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(calls.sound(id, 0, 10).await, Err(Error::Storage { .. })));
    calls.fetch_sound(id).await.unwrap();
    assert_eq!(calls.sound(id, 0, usize::MAX).await.unwrap(), sound);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(calls.sound(id, 0, 10).await, Err(Error::NotFound(_))));
    calls.fetch_sound(id).await.unwrap();
    assert_eq!(calls.sound(id, 0, usize::MAX).await.unwrap(), sound);
}

#[tokio::test]
async fn sound_that_the_server_has_removed_or_that_is_kept_no_longer_goes() {
    let (phone, id, _) = with_sound(1_000).await;
    let calls = phone.client.calls();
    for change in [|a: &mut AudioView| a.state = "gone".into(), |a: &mut AudioView| a.keep_until = UnixMs(7)]
    {
        phone.fake.model.lock().put_sound(id, 1_000);
        phone.client.sync().now().await.unwrap();
        calls.fetch_sound(id).await.unwrap();
        assert_eq!(files(&phone), 1);
        {
            let mut model = phone.fake.model.lock();
            let mut view = model.calls.rows[&id].0.clone();
            view.audio.as_mut().map(change);
            model.put_call(view);
        }
        phone.client.sync().now().await.unwrap();
        assert_eq!(files(&phone), 0);
        assert!(matches!(calls.sound(id, 0, 10).await, Err(Error::NotFound(_))));
    }
    // without a word of the server: by the day that it told
    let until = phone.client.inner.clock.wall() + 1_000;
    {
        let mut model = phone.fake.model.lock();
        model.put_sound(id, 1_000);
        let mut view = model.calls.rows[&id].0.clone();
        view.audio.as_mut().unwrap().keep_until = until;
        model.put_call(view);
    }
    phone.client.sync().now().await.unwrap();
    calls.fetch_sound(id).await.unwrap();
    phone.client.purge(100_000).await.unwrap();
    assert_eq!(files(&phone), 1);
    phone.clock.pass(1_001);
    phone.client.purge(100_000).await.unwrap();
    assert_eq!(files(&phone), 0);
}
