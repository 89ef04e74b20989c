//! What a store promises, on both databases.

use super::*;
use std::path::{Path, PathBuf};
use waybell_cluster::{Base, Cluster};

/// A fresh database, and a folder for a server.
pub(super) struct Fresh {
    pub url: String,
    pub folder: tempfile::TempDir,
    pub base: Option<Base>,
}

impl Fresh {
    pub(super) fn sqlite() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        Fresh { url: format!("sqlite:{}", folder.path().join("w.db").display()), folder, base: None }
    }

    pub(super) fn postgres() -> Fresh {
        let base = Cluster::shared().unwrap();
        Fresh { url: base.url(), folder: tempfile::tempdir().unwrap(), base: Some(base) }
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    fn data(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}

fn both() -> [Fresh; 2] {
    [Fresh::sqlite(), Fresh::postgres()]
}

const PUT: &str = "INSERT INTO meta VALUES ($1, $2)";

async fn count(store: &Store) -> i64 {
    number(store.read(), "SELECT COUNT(*) FROM meta WHERE key = 'a'", []).await.unwrap()
}

#[tokio::test]
async fn revisions_become_visible_with_the_commit() {
    for fresh in both() {
        let store = fresh.open().await;
        let seen = store.committed();
        let write = store.begin().await.unwrap();
        let rev = write.next_rev();
        write.exec(PUT, ["a".into(), "b".into()]).await.unwrap();
        assert_eq!((*seen.borrow(), count(&store).await), (0, 0));
        write.commit().await.unwrap();
        assert_eq!((*seen.borrow(), count(&store).await), (rev, 1));
        store.close().await;
    }
}

#[tokio::test]
async fn a_dropped_write_leaves_nothing() {
    for fresh in both() {
        let store = fresh.open().await;
        let write = store.begin().await.unwrap();
        write.exec(PUT, ["a".into(), "b".into()]).await.unwrap();
        drop(write);
        // the next writer gets its turn, and the row is not there
        let write = store.begin().await.unwrap();
        assert_eq!(number(write.tx(), "SELECT COUNT(*) FROM meta", []).await.unwrap(), 0);
        write.commit().await.unwrap();
        store.close().await;
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    for fresh in both() {
        let store = fresh.open().await;
        assert!(exec(store.read(), PUT, ["a".into(), "b".into()]).await.is_err());
        store.close().await;
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_and_so_is_an_older_one_by_who_only_looks() {
    for fresh in both() {
        fresh.open().await.close().await;
        Store::look(&fresh.url).await.unwrap().close().await.unwrap();
        let store = fresh.open().await;
        let write = store.begin().await.unwrap();
        write.exec("INSERT INTO schema_version VALUES (99, 0)", []).await.unwrap();
        write.commit().await.unwrap();
        store.close().await;
        assert!(matches!(Store::open(&fresh.url).await, Err(StoreError::Newer { found: 99, .. })));
        assert!(matches!(Store::look(&fresh.url).await, Err(StoreError::Newer { found: 99, .. })));
    }
    for fresh in both() {
        let store = fresh.open().await;
        let write = store.begin().await.unwrap();
        write.exec("DELETE FROM schema_version WHERE version > 1", []).await.unwrap();
        write.commit().await.unwrap();
        store.close().await;
        assert!(matches!(Store::look(&fresh.url).await, Err(StoreError::Older { found: 1, .. })));
    }
}

#[tokio::test]
async fn a_failed_statement_fails_what_it_is_part_of() {
    for fresh in both() {
        let store = fresh.open().await;
        let write = store.begin().await.unwrap();
        write.exec(PUT, ["a".into(), "b".into()]).await.unwrap();
        assert!(write.exec(PUT, ["a".into(), "c".into()]).await.is_err());
        // SQLite goes on after a statement that failed, PostgreSQL does not: what it would roll back is no commit
        let committed = write.commit().await.is_ok();
        assert_eq!(committed, fresh.base.is_none());
        assert_eq!(count(&store).await, i64::from(committed));
        store.close().await;
    }
}

#[tokio::test]
async fn numbers_are_long_truths_are_numbers_and_text_goes_by_its_bytes() {
    for fresh in both() {
        let store = fresh.open().await;
        let write = store.begin().await.unwrap();
        for key in ["b", "A", "é", "中", "a", "B b", "\u{10000}"] {
            write.exec(PUT, [key.into(), "x".into()]).await.unwrap();
        }
        write.exec(PUT, ["null".into(), "a\0b".into()]).await.unwrap();
        write
            .exec("INSERT INTO schema_version VALUES ($1, $2)", [(-1i64).into(), i64::MAX.into()])
            .await
            .unwrap();
        write.commit().await.unwrap();
        #[derive(FromQueryResult)]
        struct Key {
            key: String,
            value: String,
        }
        let rows: Vec<Key> = all(store.read(), "SELECT key, value FROM meta ORDER BY key", []).await.unwrap();
        let keys: Vec<&str> = rows.iter().map(|r| r.key.as_str()).collect();
        assert_eq!(keys, ["A", "B b", "a", "b", "null", "é", "中", "\u{10000}"]);
        let expected = if fresh.base.is_some() { "a\u{2400}b" } else { "a\0b" };
        assert_eq!(rows[4].value, expected);
        let ask = async |sql: &str| number(store.read(), sql, []).await.unwrap();
        assert_eq!(ask("SELECT MAX(applied_at) FROM schema_version").await, i64::MAX);
        assert_eq!(ask("SELECT EXISTS (SELECT 1 FROM meta)").await, 1);
        assert_eq!(ask("SELECT EXISTS (SELECT 1 FROM owner)").await, 0);
        assert_eq!(ask("SELECT MAX(fence) FROM batch").await, 0);
        store.close().await;
    }
}

#[tokio::test]
async fn of_two_owners_the_later_one_writes() {
    for fresh in both() {
        let (first, second) = (fresh.open().await, fresh.open().await);
        let now = waybell_domain::clock::UnixMs(1);
        let (one, two) = (fresh.data("one"), fresh.data("two"));
        let claim = first.claim(&one, "one", now).await.unwrap();
        assert_eq!((claim.restored, claim.moved), (None, false));
        let held = first.begin().await.unwrap();
        held.exec(PUT, ["b".into(), "b".into()]).await.unwrap();
        // who takes over waits for the commit that is under way
        let mut over = tokio::spawn({
            let (second, two) = (second.clone(), two.clone());
            async move { second.claim(&two, "two", now).await }
        });
        // one that waits can only be missed here by a machine that stands still, which makes no test red
        let early = tokio::time::timeout(Duration::from_millis(300), &mut over).await;
        assert!(early.is_err(), "it did not wait");
        held.commit().await.unwrap();
        let claim = over.await.unwrap().unwrap();
        assert_eq!((claim.fence, claim.restored, claim.moved), (2, None, true));
        let write = first.begin().await.unwrap();
        write.exec(PUT, ["a".into(), "b".into()]).await.unwrap();
        let refused = write.commit().await.unwrap_err();
        assert!(refused.is_final(), "{refused}");
        assert_eq!(count(&second).await, 0);
        let write = second.begin().await.unwrap();
        write.exec(PUT, ["a".into(), "b".into()]).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(count(&second).await, 1);
        first.close().await;
        second.close().await;
    }
}

/// A batch, so that there is something that must not be rung again.
async fn used(store: &Store) {
    let write = store.begin().await.unwrap();
    write
        .exec(
            "INSERT INTO batch (id, organisation_id, courier_id, template_key, state, created_at, acted_at, cost_minor, fence, rev) \
             VALUES ('b', 'o', 'c', 'arrived', 'running', 1, 1, 1, 0, 1)",
            [],
        )
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn write(store: &Store, key: &str) -> Result<(), StoreError> {
    let write = store.begin().await?;
    write.exec(PUT, [key.into(), "b".into()]).await?;
    write.commit().await
}

#[tokio::test]
async fn a_dump_that_is_read_back_is_a_copy_wherever_it_is_served_from() {
    let fresh = Fresh::postgres();
    let base = fresh.base.as_ref().unwrap();
    let now = waybell_domain::clock::UnixMs(1);
    let (one, two) = (fresh.data("one"), fresh.data("two"));
    let store = fresh.open().await;
    store.claim(&one, "one", now).await.unwrap();
    used(&store).await;
    let dump = fresh.folder.path().join("dump.sql");
    base.cluster.dump(&base.name, &dump).unwrap();
    write(&store, "after the dump").await.unwrap();
    // under a server that runs: its next commit finds that the database has gone back
    base.cluster.restore(&base.name, &dump).unwrap();
    let gone = loop {
        match write(&store, "a").await {
            Err(error) if error.is_final() => break error,
            // the connections of before
            Err(_) => {}
            Ok(()) => panic!("a commit into a database that has lost one"),
        }
    };
    assert!(matches!(gone, StoreError::GoneBack { .. }), "{gone}");
    store.close().await;
    for (data, node) in [(&one, "one"), (&two, "two")] {
        base.cluster.restore(&base.name, &dump).unwrap();
        let store = fresh.open().await;
        let claim = store.claim(data, node, now).await.unwrap();
        assert!(claim.restored.is_some(), "{claim:?}");
        let paused = "SELECT COUNT(*) FROM batch WHERE state = 'paused' AND reason = 'restored'";
        assert_eq!(number(store.read(), paused, []).await.unwrap(), 1);
        store.close().await;
        // said once
        let store = fresh.open().await;
        assert_eq!(store.claim(data, node, now).await.unwrap().restored, None);
        store.close().await;
    }
}

#[tokio::test]
async fn servers_that_take_turns_are_no_restored_copy() {
    let fresh = Fresh::postgres();
    let now = waybell_domain::clock::UnixMs(1);
    for (turn, name) in ["one", "two", "two", "one", "three", "one"].into_iter().enumerate() {
        let store = fresh.open().await;
        let claim = store.claim(&fresh.data(name), name, now).await.unwrap();
        assert_eq!((claim.restored, claim.fence), (None, turn as i64 + 1), "{name}");
        if turn == 0 {
            used(&store).await;
        }
        write(&store, &format!("{turn}")).await.unwrap();
        store.close().await;
    }
    // the mark of the server that served last is gone from its folder
    std::fs::remove_file(fresh.data("one").join("database.mark")).unwrap();
    let store = fresh.open().await;
    assert!(store.claim(&fresh.data("one"), "one", now).await.unwrap().restored.is_some());
    store.close().await;
}

#[tokio::test]
async fn a_killed_postgresql_keeps_commits_rolls_back_the_rest_and_is_found_again() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let base = Cluster::database(&cluster).unwrap();
    // a database that would rather forget
    cluster.ask("postgres", &format!("ALTER DATABASE {} SET synchronous_commit = off", base.name)).unwrap();
    let store = Store::open(&base.url()).await.unwrap();
    write(&store, "a").await.unwrap();
    let open = store.begin().await.unwrap();
    open.exec(PUT, ["b".into(), "b".into()]).await.unwrap();
    cluster.kill().unwrap();
    assert!(open.exec(PUT, ["c".into(), "b".into()]).await.is_err());
    drop(open);
    cluster.run().unwrap();
    write(&store, "d").await.unwrap();
    let keys = "SELECT COUNT(*) FROM meta WHERE key IN ('a', 'd')";
    assert_eq!(number(store.read(), keys, []).await.unwrap(), 2);
    assert_eq!(number(store.read(), "SELECT COUNT(*) FROM meta", []).await.unwrap(), 2);
    let begun = store.begin().await.unwrap();
    let durable = "SELECT COUNT(*) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'on'";
    assert_eq!(number(begun.tx(), durable, []).await.unwrap(), 1);
    drop(begun);
    store.close().await;
}

#[tokio::test]
async fn a_postgresql_that_cannot_keep_the_promises_is_refused_and_says_why() {
    let fresh = Fresh::postgres();
    let base = fresh.base.as_ref().unwrap();
    let refused = async |url: &str| Store::open(url).await.err().unwrap().to_string();
    let wrong = base.cluster.url_with(&base.name, "another-secret");
    let said = refused(&wrong).await;
    assert!(said.contains("password authentication failed") && !said.contains("another-secret"), "{said}");
    let said = refused(&base.cluster.url("nowhere")).await;
    assert!(said.contains("nowhere"), "{said}");
    base.cluster
        .ask(
            "postgres",
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 OWNER waybell",
        )
        .unwrap();
    let said = refused(&base.cluster.url("latin")).await;
    base.cluster.ask("postgres", "DROP DATABASE latin WITH (FORCE)").unwrap();
    assert!(said.contains("LATIN1"), "{said}");
    base.cluster
        .ask("postgres", &format!("ALTER DATABASE {} SET default_transaction_read_only = on", base.name))
        .unwrap();
    let said = refused(&base.url()).await;
    assert!(said.contains("default_transaction_read_only"), "{said}");
    let said = refused("mysql://a:hidden-word@h/d").await;
    assert!(said.contains("mysql") && !said.contains("hidden"), "{said}");
}

#[tokio::test]
async fn errors_are_known_by_their_code_and_come_with_their_cause() {
    let fresh = Fresh::postgres();
    let base = fresh.base.as_ref().unwrap();
    // as a server says it whose lc_messages is Chinese
    let refusal = "CREATE FUNCTION public.pg_control_system(OUT system_identifier BIGINT) LANGUAGE plpgsql AS \
                   $$ BEGIN RAISE EXCEPTION '对函数 pg_control_system 权限不够' USING ERRCODE = '42501'; END $$";
    base.cluster.ask(&base.name, refusal).unwrap();
    let first = format!("ALTER DATABASE {} SET search_path = public, pg_catalog", base.name);
    base.cluster.ask("postgres", &first).unwrap();
    let store = fresh.open().await;
    let now = waybell_domain::clock::UnixMs(1);
    assert_eq!(store.claim(&fresh.data("one"), "one", now).await.unwrap().fence, 1);
    let write = store.begin().await.unwrap();
    let look = number(write.tx(), "SELECT 1 / $1", [0i64.into()]);
    let cause = write.beyond(look).await.unwrap_err();
    assert_eq!(cause.sqlstate().as_deref(), Some("22012"), "{cause}");
    drop(write);
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_moved_and_not_made() {
    let (file, base) = (Fresh::sqlite(), Fresh::postgres());
    let path = file.folder.path().join("w.db");
    let said = carry(&file.url, &base.url).await.unwrap_err().to_string();
    assert!(said.contains(&format!("there is no database at {}", path.display())), "{said}");
    assert!(!path.exists());
    file.open().await.close().await;
    carry(&file.url, &base.url).await.unwrap();
}

fn organisation(n: u8) -> waybell_domain::id::OrganisationId {
    waybell_domain::id::OrganisationId::at(waybell_domain::clock::UnixMs(1), [n; 10])
}

/// Two organisations with a person and a call each, with its leg.
async fn two_organisations(store: &Store) {
    let write = store.begin().await.unwrap();
    for n in [1u8, 2] {
        let (org, id) = (Value::from(organisation(n).to_string()), Value::from(format!("x{n}")));
        for sql in [
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, $2, '', 'UTC', '{}', 1)",
            "INSERT INTO person (id, organisation_id, login, name, role, password_hash, created_at) VALUES ($2, $1, $2, '', 'courier', '', 1)",
            "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
             VALUES ($2, $1, 'incoming', 1, '[]', '[]', 1, 2)",
            "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES ($1, $2, 'list', 1)",
        ] {
            write.exec(sql, [org.clone(), id.clone()]).await.unwrap();
        }
        let leg = "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, created_at) \
                   VALUES ($1, $1, 'courier', $1, 1, 'ringing', 1)";
        write.exec(leg, [id]).await.unwrap();
    }
    write.commit().await.unwrap();
}

const BELONGING: &[&str] = &["organisation", "person", "phone_call", "opt_out", "call_leg"];

async fn seen(store: &Store) -> Vec<i64> {
    let mut out = Vec::new();
    for table in BELONGING {
        out.push(number(store.read(), &format!("SELECT COUNT(*) FROM {table}"), []).await.unwrap());
    }
    out
}

#[tokio::test]
async fn a_query_that_forgets_its_scope_finds_nothing_of_anybody_else() {
    let fresh = Fresh::postgres();
    let store = fresh.open().await;
    two_organisations(&store).await;
    assert_eq!(seen(&store).await, [2; 5], "the server's own work sees all");
    // neither changes anything before the other has looked
    let both = tokio::sync::Barrier::new(2);
    let mut asked = Vec::new();
    for n in [1u8, 2] {
        let (store, both) = (&store, &both);
        asked.push(wall::request(async move {
            assert_eq!(seen(store).await, [0; 5], "nobody has signed in");
            wall::signed_in(organisation(n));
            for _ in 0..8 {
                assert_eq!(seen(store).await, [1; 5]);
                let own = "SELECT COUNT(*) FROM person WHERE id = $1";
                assert_eq!(number(store.read(), own, [format!("x{n}").into()]).await.unwrap(), 1);
            }
            assert_eq!(wall::everything(seen(store)).await, [2; 5]);
            both.wait().await;
            let write = store.begin().await.unwrap();
            let all_names = number(write.tx(), "SELECT COUNT(*) FROM person", []);
            assert_eq!(write.beyond(all_names).await.unwrap(), 2);
            assert_eq!(number(write.tx(), "SELECT COUNT(*) FROM person", []).await.unwrap(), 1);
            for table in ["phone_call", "call_leg"] {
                let sql = format!("UPDATE {table} SET is_open = 0");
                assert_eq!(write.exec(&sql, []).await.unwrap().rows_affected(), 1, "{table}");
            }
            assert_eq!(write.exec("DELETE FROM opt_out", []).await.unwrap().rows_affected(), 1);
            write.commit().await.unwrap();
            // a row for somebody else cannot be written either
            let write = store.begin().await.unwrap();
            let put =
                "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES ($1, 'p', 'list', 1)";
            let refused = write.exec(put, [organisation(3 - n).to_string().into()]).await.unwrap_err();
            assert!(refused.to_string().contains("row-level security"), "{refused}");
        }));
    }
    // both at once, over the same connections
    futures_util::future::join_all(asked).await;
    assert_eq!(seen(&store).await, [2, 2, 2, 0, 2]);
    store.close().await;
}

#[tokio::test]
async fn every_table_is_behind_the_wall_and_who_says_nothing_gets_an_error() {
    let fresh = Fresh::postgres();
    let base = fresh.base.as_ref().unwrap();
    let store = fresh.open().await;
    two_organisations(&store).await;
    let open = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname";
    assert_eq!(
        base.cluster.ask(&base.name, open).unwrap(),
        "caller_id\ngeocoder_day\nmeta\nowner\nschema_version"
    );
    let said =
        base.cluster.ask_as_server(&base.name, "SELECT phone_key FROM opt_out").unwrap_err().to_string();
    assert!(said.contains("waybell.organisation"), "{said}");
    store.close().await;
}

/// Queries are written once, in what both databases understand.
#[test]
fn no_query_is_of_one_database_alone() {
    fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                sources(&entry, out);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                out.push(entry);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut queries = 0;
    for file in files.iter().filter(|f| !f.starts_with(root.join("store"))) {
        let text = std::fs::read_to_string(file).unwrap();
        // what stands between quotes; a quote that is a character or is escaped is none
        let text = text.replace("'\"'", "").replace("\\\"", "");
        for quoted in text.split('"').skip(1).step_by(2) {
            let begins =
                ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "REPLACE INTO ", "INSERT OR "];
            if begins.iter().any(|b| quoted.trim_start().starts_with(b)) {
                queries += 1;
                wrong.extend(dialect::foreign(quoted).map(|p| format!("{}: {p}: {quoted}", file.display())));
            }
        }
    }
    assert!(queries > 200, "the sources were not read: {queries}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
