use super::*;

fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("w.db"), [7; 32]).unwrap();
    (dir, store)
}

#[tokio::test]
async fn an_error_rolls_back() {
    let (_dir, store) = fresh();
    let failed: Result<()> = store
        .write(|t| {
            set_meta(t, "a", Some("1"))?;
            Err(Error::NotFound("thing"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(store.read(|c| meta(c, "a")).await.unwrap(), None);
    store.write(|t| set_meta(t, "a", Some("2"))).await.unwrap();
    assert_eq!(store.read(|c| meta(c, "a")).await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn readers_cannot_write_and_a_closed_store_says_so() {
    let (_dir, store) = fresh();
    assert!(store.read(|c| set_meta(c, "a", Some("1"))).await.is_err());
    store.close();
    assert!(store.write(|t| set_meta(t, "a", None)).await.is_err());
    assert!(store.read(|c| meta(c, "a")).await.is_err());
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let (dir, store) = fresh();
    store.close();
    let path = dir.path().join("w.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path, [7; 32]), Err(Error::Newer { found: 99, .. })));
    assert!(path.exists());
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_with_its_operations_saved_where_they_can_be_read() {
    let (dir, store) = fresh();
    store.close();
    let path = dir.path().join("w.db");
    std::fs::write(&path, vec![0x55u8; 9000]).unwrap();
    let store = Store::open(&path, [7; 32]).unwrap();
    store.write(|t| set_meta(t, "a", Some("1"))).await.unwrap();
    assert!(dir.path().join("w.db.damaged").exists());
}
