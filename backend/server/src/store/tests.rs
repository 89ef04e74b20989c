use super::*;

async fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn revisions_become_visible_with_the_commit() {
    let (_dir, store) = fresh().await;
    let seen = store.committed();
    let write = store.begin().await.unwrap();
    let rev = write.next_rev();
    write.exec("INSERT INTO meta VALUES ($1, $2)", ["a".into(), "b".into()]).await.unwrap();
    assert_eq!(*seen.borrow(), 0);
    write.commit().await.unwrap();
    assert_eq!(*seen.borrow(), rev);
}

#[tokio::test]
async fn a_dropped_write_leaves_nothing() {
    let (_dir, store) = fresh().await;
    let write = store.begin().await.unwrap();
    write.exec("INSERT INTO meta VALUES ($1, $2)", ["a".into(), "b".into()]).await.unwrap();
    drop(write);
    // the next writer gets its turn, and the row is not there
    let write = store.begin().await.unwrap();
    assert_eq!(number(write.tx(), "SELECT COUNT(*) FROM meta", []).await.unwrap(), 0);
    write.commit().await.unwrap();
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_dir, store) = fresh().await;
    assert!(exec(store.read(), "INSERT INTO meta VALUES ($1, $2)", ["a".into(), "b".into()]).await.is_err());
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let (dir, store) = fresh().await;
    let write = store.begin().await.unwrap();
    write.exec("INSERT INTO schema_version VALUES (99, 0)", []).await.unwrap();
    write.commit().await.unwrap();
    store.close().await;
    let again = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await;
    assert!(matches!(again, Err(StoreError::Newer { found: 99, .. })));
}
