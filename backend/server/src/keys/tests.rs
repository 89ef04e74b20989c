use super::*;
use crate::store::{Store, number};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, RecordingId};

async fn store(dir: &Path) -> (Store, OrganisationId) {
    let store = Store::open(&format!("sqlite:{}", dir.join("a.db").display())).await.unwrap();
    let id = OrganisationId::at(1, [7; 10]);
    let write = store.begin().await.unwrap();
    let sql = "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, 'o', 'o', 'UTC', '{}', 1)";
    write.exec(sql, [id.to_string().into()]).await.unwrap();
    write.commit().await.unwrap();
    (store, id)
}

fn recording(n: u8) -> RecordingId {
    RecordingId::at(i64::from(n), [n; 10])
}

#[test]
fn the_file_is_made_once_and_every_line_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kms.key");
    let first = FileKms::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(FileKms::open(&path).unwrap().newest(), first.newest());
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&format!("\nwaybell-master-1 {}\n", "ab".repeat(32)));
    std::fs::write(&path, &text).unwrap();
    let both = FileKms::open(&path).unwrap();
    assert!(both.has(first.newest()) && both.newest() != first.newest());
    for (bad, told) in [
        ("", "no key"),
        ("# nothing\n", "no key"),
        ("waybell-master-1 abc\n", "line 1"),
        (&format!("\nwaybell-master-1 {}\n", "00".repeat(32)), "line 2"),
        (&text.replace("waybell-master-1 ab", "waybell-master-2 ab"), "line 5"),
    ] {
        std::fs::write(&path, bad).unwrap();
        let error = FileKms::open(&path).err().unwrap().to_string();
        assert!(error.contains(told) && error.contains("kms.key"), "{bad:?}: {error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "it is never written over");
    }
}

#[tokio::test]
async fn a_key_opens_its_own_recording_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, organisation) = store(dir.path()).await;
    let path = dir.path().join("kms.key");
    let keys = Keys::open(&path);
    let (_, a) = keys.make(&store, organisation, recording(1), UnixMs(1)).await.unwrap();
    let (_, b) = keys.make(&store, organisation, recording(2), UnixMs(2)).await.unwrap();
    assert_eq!(a.key_id, b.key_id);
    assert_ne!(a.sealed_key, b.sealed_key);
    // also in the next life
    for keys in [keys, Keys::open(&path)] {
        keys.of(store.read(), recording(1), &a).await.unwrap();
        let other = keys.of(store.read(), recording(2), &a).await;
        assert!(matches!(other, Err(KeyError::Damaged)), "{other:?}");
        let gone = Stored { sealed_key: None, ..a.clone() };
        assert!(matches!(keys.of(store.read(), recording(1), &gone).await, Err(KeyError::Erased)));
    }
    assert_eq!(number(store.read(), "SELECT COUNT(*) FROM organisation_key", []).await.unwrap(), 1);
}

#[tokio::test]
async fn another_master_key_records_on_and_says_what_the_old_one_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, organisation) = store(dir.path()).await;
    let (old, new) = (dir.path().join("old.key"), dir.path().join("new.key"));
    let first = Keys::open(&old);
    let (_, a) = first.make(&store, organisation, recording(1), UnixMs(1)).await.unwrap();
    let keys = Keys::open(&new);
    keys.settle(&store).await.unwrap();
    let name = FileKms::open(&old).unwrap().newest().to_owned();
    match keys.of(store.read(), recording(1), &a).await {
        Err(KeyError::OtherMaster(told)) => assert_eq!(told, name),
        other => panic!("{other:?}"),
    }
    let (_, b) = keys.make(&store, organisation, recording(2), UnixMs(2)).await.unwrap();
    keys.of(store.read(), recording(2), &b).await.unwrap();
    assert_ne!(a.key_id, b.key_id);
    // both files' lines in one: everything opens, and is wrapped with the last one
    let both = std::fs::read_to_string(&old).unwrap() + &std::fs::read_to_string(&new).unwrap();
    std::fs::write(&old, both).unwrap();
    let keys = Keys::open(&old);
    keys.settle(&store).await.unwrap();
    for (n, stored) in [(1, &a), (2, &b)] {
        keys.of(store.read(), recording(n), stored).await.unwrap();
    }
    // the old line is not needed any more
    let keys = Keys::open(&new);
    keys.of(store.read(), recording(1), &a).await.unwrap();
}

#[tokio::test]
async fn without_a_master_key_there_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let (store, organisation) = store(dir.path()).await;
    let path = dir.path().join("kms.key");
    std::fs::write(&path, "nonsense").unwrap();
    let keys = Keys::open(&path);
    keys.settle(&store).await.unwrap();
    let made = keys.make(&store, organisation, recording(1), UnixMs(1)).await;
    assert!(matches!(made, Err(KeyError::Unavailable(_))), "{:?}", made.err());
}
