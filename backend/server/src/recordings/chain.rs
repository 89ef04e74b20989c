//! The chain of recordings: a link for each one that has ended (`waybell_domain::evidence`).
//!
//! A recording is linked in the transaction that closes it (`calls::rows`), which is the store's only one at that moment: no
//! number is given twice. Recordings from before the chain was built are linked by a look at the start.

use super::Filed;
use crate::keys::Stored;
use crate::store::{Store, StoreError, Write, all, number, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::evidence::{Link, first};
use waybell_domain::id::{CallId, OrganisationId, RecordingId};

/// Links made in one transaction, so that the dialler never waits for long.
const AT_ONCE: i64 = 100;

/// The newest link of a chain, or what the first one goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its number; 0 for none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// Links what has ended and is in no chain.
pub(super) async fn catch_up(store: &Store) -> Result<(), StoreError> {
    let waits = "SELECT EXISTS (SELECT 1 FROM recording WHERE chained = 0 AND hash IS NOT NULL)";
    // mostly there is nothing, and then nobody waits for the writer
    while number(store.read(), waits, []).await? > 0 {
        let write = store.begin().await?;
        append(&write).await?;
        write.commit().await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    phone_call_id: String,
    kind: String,
    started_at: i64,
    ms: i64,
    bytes: i64,
    lost: i64,
    keep_until: i64,
    hash: String,
}

impl Row {
    /// `None` for a damaged one.
    fn link(&self, head: &Head) -> Option<Link> {
        let link = Link {
            seq: head.seq.checked_add(1)?,
            recording: RecordingId::parse(&self.id).ok()?,
            call: CallId::parse(&self.phone_call_id).ok()?,
            kind: self.kind.clone(),
            started_at: UnixMs(self.started_at),
            ms: u64::try_from(self.ms).ok()?,
            bytes: u64::try_from(self.bytes).ok()?,
            lost: u64::try_from(self.lost).ok()?,
            keep_until: UnixMs(self.keep_until),
            sha256: self.hash.clone(),
            prev: head.hash.clone(),
            hash: String::new(),
        }
        .sealed();
        link.is_sound().then_some(link)
    }
}

/// Links the next few recordings that have ended and are not in the chain.
pub(crate) async fn append(write: &Write) -> Result<(), StoreError> {
    let sql = "SELECT id, organisation_id, phone_call_id, kind, started_at, ms, bytes, lost, keep_until, hash FROM recording \
               WHERE chained = 0 AND hash IS NOT NULL ORDER BY id LIMIT $1";
    let rows: Vec<Row> = all(write.tx(), sql, [AT_ONCE.into()]).await?;
    let mut heads: HashMap<String, Option<Head>> = HashMap::new();
    for row in rows {
        if !heads.contains_key(&row.organisation_id) {
            heads.insert(row.organisation_id.clone(), sound_head(write, &row.organisation_id).await?);
        }
        let before = heads.get(&row.organisation_id).and_then(Option::as_ref);
        let chained = match before.and_then(|head| row.link(head)) {
            Some(link) if insert(write, &row.organisation_id, &link).await? => {
                let newest = Head { seq: link.seq, hash: link.hash };
                heads.insert(row.organisation_id.clone(), Some(newest));
                1i64
            }
            _ => {
                tracing::error!(recording = %row.id, "a recording is not in the chain: its row or the chain is damaged");
                -1
            }
        };
        let values = [chained.into(), row.id.into()];
        write.exec("UPDATE recording SET chained = $1 WHERE id = $2", values).await?;
    }
    Ok(())
}

/// The end of a chain, `None` where it is damaged: others go on.
async fn sound_head(write: &Write, organisation: &str) -> Result<Option<Head>, StoreError> {
    let Ok(organisation) = OrganisationId::parse(organisation) else { return Ok(None) };
    match head(write.tx(), organisation).await {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.is_damage() => {
            tracing::error!(%organisation, %error, "the chain of recordings is damaged");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// False where the number or the recording has a link already.
async fn insert(write: &Write, organisation: &str, link: &Link) -> Result<bool, StoreError> {
    let encode =
        |e: serde_json::Error| StoreError::Damaged { what: "recording_link", problem: e.to_string() };
    let values = [
        organisation.into(),
        i64::try_from(link.seq).unwrap_or(i64::MAX).into(),
        link.recording.to_string().into(),
        serde_json::to_string(link).map_err(encode)?.into(),
    ];
    let sql = "INSERT INTO recording_link (organisation_id, seq, recording_id, link) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    Ok(write.exec(sql, values).await?.rows_affected() > 0)
}

#[derive(FromQueryResult)]
struct Text {
    link: String,
}

impl Text {
    fn read(&self) -> Result<Link, StoreError> {
        serde_json::from_str(&self.link)
            .map_err(|e| StoreError::Damaged { what: "recording_link.link", problem: e.to_string() })
    }
}

#[derive(FromQueryResult)]
struct Newest {
    seq: i64,
    link: String,
}

/// The end of an organisation's chain; `Damaged` where its newest link is not what it should be.
pub(crate) async fn head<C: ConnectionTrait>(db: &C, of: OrganisationId) -> Result<Head, StoreError> {
    let sql = "SELECT seq, link FROM recording_link WHERE organisation_id = $1 ORDER BY seq DESC LIMIT 1";
    let newest: Option<Newest> = one(db, sql, [of.to_string().into()]).await?;
    let Some(newest) = newest else { return Ok(Head { seq: 0, hash: first(of) }) };
    let link = Text { link: newest.link }.read()?;
    if i64::try_from(link.seq) != Ok(newest.seq) || !link.is_sound() {
        let problem = format!("link {} is not what its hash says", newest.seq);
        return Err(StoreError::Damaged { what: "recording_link.link", problem });
    }
    Ok(Head { seq: link.seq, hash: link.hash })
}

/// Links behind a number, in order.
pub(crate) async fn after<C: ConnectionTrait>(
    db: &C,
    of: OrganisationId,
    seq: u64,
    limit: u32,
) -> Result<Vec<Link>, StoreError> {
    let sql = "SELECT link FROM recording_link WHERE organisation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let found: Vec<Text> = all(db, sql, [of.to_string().into(), seq.into(), i64::from(limit).into()]).await?;
    found.iter().map(Text::read).collect()
}

#[derive(FromQueryResult)]
struct OfCall {
    link: String,
    path: String,
    state: String,
    key_id: Option<String>,
    sealed_key: Option<String>,
}

/// A recording of a call, as the chain has it.
pub(crate) struct Chained {
    /// Its link.
    pub link: Link,
    /// Its file.
    pub filed: Filed,
    /// The file was taken away because its time was over.
    pub is_gone: bool,
}

/// What the chain has of a call, the oldest first.
pub(crate) async fn of_call<C: ConnectionTrait>(db: &C, call: CallId) -> Result<Vec<Chained>, StoreError> {
    let sql = "SELECT l.link, r.path, r.state, r.key_id, r.sealed_key FROM recording r JOIN recording_link l ON l.recording_id = r.id \
               WHERE r.phone_call_id = $1 ORDER BY l.seq";
    let rows: Vec<OfCall> = all(db, sql, [call.to_string().into()]).await?;
    let chained = |r: OfCall| {
        let link = Text { link: r.link }.read()?;
        let key = r.key_id.map(|key_id| Stored { key_id, sealed_key: r.sealed_key });
        let filed = Filed { id: link.recording, path: r.path, key };
        Ok(Chained { link, filed, is_gone: r.state == "gone" })
    };
    rows.into_iter().map(chained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::evidence::check_chain;

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    async fn add(write: &Write, organisation: &str, call: CallId, hash: Option<&str>, n: u8) {
        let values = [
            RecordingId::at(i64::from(n), [n; 10]).to_string().into(),
            organisation.into(),
            call.to_string().into(),
            hash.into(),
        ];
        let sql = "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, ms, bytes, started_at, \
                   keep_until, hash) VALUES ($1, $2, $3, 'call', 'p', 'done', 1000, 8058, 1, 2, $4)";
        write.exec(sql, values).await.unwrap();
    }

    #[tokio::test]
    async fn what_has_ended_is_linked_once_and_each_organisation_has_its_chain() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let (a, b) = (OrganisationId::at(1, [1; 10]), OrganisationId::at(1, [2; 10]));
        let call = CallId::at(1, [1; 10]);
        let write = store.begin().await.unwrap();
        for id in [a, b] {
            let sql = "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, $1, '', 'UTC', '{}', 1)";
            write.exec(sql, [id.to_string().into()]).await.unwrap();
        }
        let sql = "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
                   VALUES ($1, $2, 'incoming', 0, '[]', '[]', 1, 2)";
        write.exec(sql, [call.to_string().into(), a.to_string().into()]).await.unwrap();
        let (own, other) = (a.to_string(), b.to_string());
        for n in 0..105 {
            add(&write, if n == 50 { &other } else { &own }, call, Some(HASH), n).await;
        }
        add(&write, &own, call, None, 200).await;
        add(&write, &own, call, Some("no hash"), 201).await;
        write.commit().await.unwrap();

        catch_up(&store).await.unwrap();
        catch_up(&store).await.unwrap();
        let links = after(store.read(), a, 0, 1_000).await.unwrap();
        assert_eq!(links.len(), 104);
        let end = check_chain(0, &first(a), &links).unwrap();
        let newest = head(store.read(), a).await.unwrap();
        assert_eq!(end, (newest.seq, newest.hash));
        assert_eq!(after(store.read(), b, 0, 1_000).await.unwrap().len(), 1);
        assert_eq!(after(store.read(), a, 100, 3).await.unwrap(), links[100..103]);
        assert_eq!(of_call(store.read(), call).await.unwrap().len(), 105);
        let count = "SELECT COUNT(*) FROM recording WHERE chained = -1";
        assert_eq!(
            number(store.read(), count, []).await.unwrap(),
            1,
            "one that is damaged holds up no other"
        );
    }
}
