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

/// A store with 200 operations whose pages at these places (by the first page of `recipient` and the file's length) are
/// overwritten.
async fn damaged(at: impl Fn(usize, usize) -> usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let (dir, store) = fresh();
    let path = dir.path().join("w.db");
    let insert = "INSERT INTO operation (id, lane, kind, body, state, tries, acted_wall, acted_boot, acted_boot_ms) \
                  VALUES (?1, 'work', 'state', zeroblob(900), 'pending', 0, 0, '', 0)";
    store
        .write(move |t| {
            (0..200).try_for_each(|n| t.execute(insert, [format!("op-{n}")]).map(drop)).map_err(Error::from)
        })
        .await
        .unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'recipient'";
    let page: i64 = store.read(move |c| Ok(c.query_row(root, [], |r| r.get(0))?)).await.unwrap();
    store.close();
    let mut bytes = std::fs::read(&path).unwrap();
    let start = at(page as usize, bytes.len() / 4096) * 4096;
    bytes[start..start + 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

async fn count(store: &Store, table: &str) -> Result<i64> {
    let sql = format!("SELECT COUNT(*) FROM {table} NOT INDEXED");
    store.read(move |c| Ok(c.query_row(&sql, [], |r| r.get(0))?)).await
}

#[tokio::test]
async fn damage_met_while_running_is_mended_at_the_next_opening() {
    let (_dir, path) = damaged(|recipient, _| recipient - 1).await;
    let store = Store::open(&path, [7; 32]).unwrap();
    let met = count(&store, "recipient").await;
    assert!(matches!(met, Err(Error::Storage { damaged: true, .. })), "{met:?}");
    store.close();
    let store = Store::open(&path, [7; 32]).unwrap();
    assert_eq!(count(&store, "recipient").await.unwrap(), 0, "a fresh file, to be filled by the server");
    assert_eq!(count(&store, "operation").await.unwrap(), 200);
}

#[tokio::test]
async fn operations_around_a_damaged_page_are_saved() {
    let (_dir, path) = damaged(|_, pages| pages / 2).await;
    super::open::suspect(&path);
    let store = Store::open(&path, [7; 32]).unwrap();
    let saved = count(&store, "operation").await.unwrap();
    assert!((150..=200).contains(&saved), "only those on the damaged page are lost: {saved}");
}

#[tokio::test]
async fn tracks_that_wait_are_saved_and_no_number_is_given_twice() {
    let (dir, store) = fresh();
    let path = dir.path().join("w.db");
    store
        .write(|t| {
            set_meta(t, "calls_cursor", Some("7"))?;
            set_meta(t, "calls_generation", Some("g"))?;
            set_meta(t, "orders_cursor", Some("7"))?;
            set_meta(t, "orders_generation", Some("g"))?;
            set_meta(t, "announcements_cursor", Some("7"))?;
            set_meta(t, "announcements_generation", Some("g"))?;
            set_meta(t, "knowledge_cursor", Some("7"))?;
            set_meta(t, "knowledge_generation", Some("g"))?;
            set_meta(t, "charges_cursor", Some("7"))?;
            set_meta(t, "charges_generation", Some("g"))?;
            t.execute_batch(
                "INSERT INTO track_shift (id, owner, began, process, skew) VALUES ('s', 'me', 5, 'p', 9); \
                 INSERT INTO track_vertex (n, shift, at, first, body) VALUES (4, 's', 5, 1, x'00'), (9, 's', 6, 0, x'01'); \
                 DELETE FROM track_vertex WHERE n = 9; \
                 INSERT INTO track_blob (n, shift, seq, from_at, to_at, body, sent) \
                 VALUES (2, 's', 2, 1, 2, x'00', 1), (3, 's', 3, 2, 3, x'02', 0); \
                 INSERT INTO track_note (n, shift, kind, body, sent) VALUES (1, 's', 'gap', x'00', 0), (6, 's', 'gap', x'00', 1); \
                 INSERT INTO track_drop VALUES ('s', 'stale', 3);",
            )?;
            Ok(())
        })
        .await
        .unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'recipient'";
    let page: i64 = store.read(move |c| Ok(c.query_row(root, [], |r| r.get(0))?)).await.unwrap();
    store.close();
    let mut bytes = std::fs::read(&path).unwrap();
    let start = (page as usize - 1) * 4096;
    bytes[start..start + 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    super::open::suspect(&path);
    let store = Store::open(&path, [7; 32]).unwrap();
    assert!(dir.path().join("w.db.damaged").exists());
    for (table, rows) in
        [("track_shift", 1), ("track_vertex", 1), ("track_blob", 1), ("track_note", 1), ("track_drop", 1)]
    {
        assert_eq!(count(&store, table).await.unwrap(), rows, "{table}");
    }
    for key in [
        "calls_cursor",
        "calls_generation",
        "orders_cursor",
        "orders_generation",
        "announcements_cursor",
        "announcements_generation",
        "knowledge_cursor",
        "knowledge_generation",
        "charges_cursor",
        "charges_generation",
    ] {
        assert_eq!(store.read(|c| meta(c, key)).await.unwrap(), None, "{key}");
    }
    let numbers = |t: &Transaction<'_>| {
        let skew: i64 = t.query_row("SELECT skew FROM track_shift WHERE id = 's'", [], |r| r.get(0))?;
        t.execute("INSERT INTO track_vertex (shift, at, first, body) VALUES ('s', 7, 0, x'00')", [])?;
        let vertex = t.last_insert_rowid();
        t.execute("INSERT INTO track_note (shift, kind, body) VALUES ('s', 'gap', x'00')", [])?;
        Ok((skew, vertex, t.last_insert_rowid()))
    };
    assert_eq!(store.write(numbers).await.unwrap(), (9, 10, 7));
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_not_taken_for_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.db");
    std::fs::create_dir(&path).unwrap();
    assert!(Store::open(&path, [7; 32]).is_err());
    assert!(path.is_dir(), "left where it is");
}

#[tokio::test]
async fn an_older_store_pulls_everything_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.db");
    {
        let old = Connection::open(&path).unwrap();
        old.execute_batch(include_str!("0001_first.sql")).unwrap();
        old.execute_batch(include_str!("0002_no_terms.sql")).unwrap();
        old.pragma_update(None, "user_version", 2).unwrap();
        old.execute_batch("INSERT INTO meta VALUES ('cursor', '77'), ('kept', '1')").unwrap();
        for (id, rev) in [("a", 70), ("b", 0), ("c", -1)] {
            let sql = "INSERT INTO parcel (id, waybill_no, address, state, mark, sequence, imported_at, rev, body, touched) \
                       VALUES (?1, ?1, '', 'out_for_delivery', 'none', 0, 0, ?2, x'00', 0)";
            old.execute(sql, rusqlite::params![id, rev]).unwrap();
        }
    }
    let store = Store::open(&path, [7; 32]).unwrap();
    assert_eq!(
        store.read(crate::sync::pull::cursor).await.unwrap(),
        0,
        "the key is the one that the sync reads"
    );
    assert_eq!(store.read(|c| meta(c, "kept")).await.unwrap().as_deref(), Some("1"));
    let revs = |c: &Connection| -> Result<Vec<i64>> {
        let mut statement = c.prepare("SELECT rev FROM parcel ORDER BY id")?;
        let rows = statement.query_map([], |r| r.get(0))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    };
    assert_eq!(store.read(revs).await.unwrap(), [-1, 0, -1]);
}
