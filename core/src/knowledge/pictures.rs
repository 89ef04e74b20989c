//! Pictures of articles: fetched when they are looked at first, kept sealed, and dropped when there are too many that nobody looks at.
//!
//! A picture never changes, so what is here is right. Its bytes are looked at as the server does: what is no picture is not shown.

use super::Knowledge;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::session::still;
use rusqlite::{Connection, OptionalExtension, params};
use waybell_domain::id::PictureId;
use waybell_domain::knowledge::PICTURE;
use waybell_domain::knowledge::picture::{MOST_BYTES, Picture, clean};

/// Room for pictures on a phone, bytes of the sealed files.
const ROOM: i64 = 100 << 20;

/// The pictures that a text shows, each once, in their order.
#[must_use]
pub fn shown_in(body: &str) -> Vec<PictureId> {
    let mut out = Vec::new();
    for (at, _) in body.match_indices(PICTURE) {
        let id =
            body.get(at + PICTURE.len()..at + PICTURE.len() + 36).and_then(|id| PictureId::parse(id).ok());
        out.extend(id.filter(|id| !out.contains(id)));
    }
    out
}

impl Knowledge {
    /// A picture; without a network one that was looked at before.
    ///
    /// # Errors
    /// `Offline` where it is not here and cannot be fetched; `NotFound` (as `Refused`) for one that is nobody's or somebody else's;
    /// `SignedOut`, `Storage`.
    pub async fn picture(&self, id: PictureId) -> Result<Picture> {
        let inner = &self.client.inner;
        inner.user()?;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        let known = inner
            .store
            .write(move |t| {
                let key = id.to_string();
                let body = stored(t, &key)?;
                if body.is_some() {
                    t.prepare_cached("UPDATE knowledge_picture SET used_at = ?2 WHERE id = ?1")?
                        .execute(params![key, now.0])?;
                }
                Ok(body.and_then(|body| seal.open_bytes(&key, &body).ok()))
            })
            .await?;
        if let Some(picture) = known.and_then(|bytes| clean(&bytes).ok()) {
            return Ok(picture);
        }
        self.fetch(id).await
    }

    async fn fetch(&self, id: PictureId) -> Result<Picture> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let request = Request::get(format!("/api/v1/knowledge/pictures/{id}"));
        let mut answer = inner.ask_download(&me, &request).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST_BYTES {
                return Err(Error::offline("the answer is larger than a picture may be"));
            }
        }
        let picture = clean(&bytes).map_err(|_| Error::offline("the answer is no picture"))?;
        let (seal, now, epoch) = (inner.store.seal.clone(), inner.clock.wall(), me.epoch);
        let kept = picture.bytes.clone();
        inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                let key = id.to_string();
                t.execute(
                    "INSERT INTO knowledge_picture (id, used_at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET \
                     used_at = excluded.used_at, body = excluded.body",
                    params![key, now.0, seal.seal_bytes(&key, &kept)?],
                )?;
                make_room(t, ROOM)
            })
            .await?;
        Ok(picture)
    }
}

fn stored(c: &Connection, key: &str) -> Result<Option<Vec<u8>>> {
    let mut statement = c.prepare_cached("SELECT body FROM knowledge_picture WHERE id = ?1")?;
    Ok(statement.query_row([key], |r| r.get(0)).optional()?)
}

/// Drops those that nobody has looked at for longest, until all fit.
fn make_room(t: &Connection, room: i64) -> Result<()> {
    t.execute(
        "DELETE FROM knowledge_picture WHERE id IN (SELECT id FROM (SELECT id, SUM(LENGTH(body)) OVER (ORDER BY used_at DESC, id) \
         AS until FROM knowledge_picture) WHERE until > ?1)",
        [room],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_a_text_are_found_once_each() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let body = format!("![a](picture:{id}) picture:x ![b](picture:{id}) 图picture:");
        assert_eq!(shown_in(&body), [PictureId::parse(id).unwrap()]);
    }

    #[test]
    fn the_oldest_go_until_all_fit() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(include_str!("../store/0008_knowledge.sql")).unwrap();
        for (id, used_at) in [("a", 3), ("b", 1), ("c", 2)] {
            c.execute("INSERT INTO knowledge_picture VALUES (?1, ?2, zeroblob(10))", params![id, used_at])
                .unwrap();
        }
        let left = |room| {
            make_room(&c, room).unwrap();
            let mut statement = c.prepare("SELECT id FROM knowledge_picture ORDER BY id").unwrap();
            statement.query_map([], |r| r.get(0)).unwrap().map(|id| id.unwrap()).collect::<Vec<String>>()
        };
        assert_eq!(left(30), ["a", "b", "c"]);
        assert_eq!(left(29), ["a", "c"]);
        assert_eq!(left(9), [] as [&str; 0]);
    }
}
