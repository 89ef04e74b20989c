//! Keys of organisations and files.

use super::{FileKms, KeyError, Kms, Secret, Wrapper};
use crate::store::{Store, StoreError, Write, all, one};
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{EventId, OrganisationId, RecordingId};
use waybell_switch::FileKey;

/// A file's key as it is stored with its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The organisation's key that wraps it.
    pub key_id: String,
    /// Hexadecimal; `None` once it was erased.
    pub sealed_key: Option<String>,
}

/// The keys of all organisations; the unwrapped ones are kept in memory, because each call needs one.
pub struct Keys {
    kms: Result<Box<dyn Kms>, String>,
    /// By the organisation key's id.
    open: Mutex<HashMap<String, Arc<Wrapper>>>,
    /// The one that seals for an organisation.
    newest: Mutex<HashMap<OrganisationId, String>>,
    /// Two calls at once must not make two.
    making: tokio::sync::Mutex<()>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    master: String,
    wrapped: Option<String>,
}

const COLUMNS: &str = "id, organisation_id, master, wrapped";

impl Keys {
    /// With the master keys of this file, which is made where there is none. One that does not read is told in the log and by
    /// each recording; the server starts and calls go on. Blocks.
    #[must_use]
    pub fn open(file: &Path) -> Keys {
        Keys::from(FileKms::open(file))
    }

    /// With the master keys of this file, for who only reads: none is made. Blocks.
    #[must_use]
    pub fn existing(file: &Path) -> Keys {
        Keys::from(FileKms::existing(file))
    }

    fn from(kms: Result<FileKms, KeyError>) -> Keys {
        let kms = match kms {
            Ok(kms) => Ok(Box::new(kms) as Box<dyn Kms>),
            Err(error) => {
                tracing::error!(%error, "nothing can be recorded or heard until the file is put right and the server started again");
                Err(error.to_string())
            }
        };
        Keys::with(kms)
    }

    pub(super) fn with(kms: Result<Box<dyn Kms>, String>) -> Keys {
        let (open, newest, making) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Keys { kms, open, newest, making }
    }

    fn kms(&self) -> Result<&dyn Kms, KeyError> {
        self.kms.as_deref().map_err(|problem| KeyError::Unavailable(problem.clone()))
    }

    /// At the start: wraps every organisation's key with the newest master key, and tells of those whose master key is not here.
    ///
    /// # Errors
    /// The database.
    pub async fn settle(&self, store: &Store) -> Result<(), StoreError> {
        let Ok(kms) = self.kms() else { return Ok(()) };
        let sql =
            format!("SELECT {COLUMNS} FROM organisation_key WHERE wrapped IS NOT NULL AND master <> $1");
        let rows: Vec<Row> = all(store.read(), &sql, [kms.newest().into()]).await?;
        let mut moved = Vec::new();
        for row in rows {
            if !kms.has(&row.master) {
                tracing::error!(
                    master = %row.master, organisation = %row.organisation_id,
                    "recordings are sealed with a master key that is not here: add its line to the file and start again"
                );
                continue;
            }
            let again = async {
                let secret = self.secret(&row).await?;
                kms.wrap(&about(&row.organisation_id, &row.id), &secret).await
            };
            match again.await {
                Ok(wrapped) => moved.push((row.id, wrapped)),
                Err(error) => tracing::error!(key = %row.id, %error, "a key could not be wrapped anew"),
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let write = store.begin().await?;
        for (id, wrapped) in &moved {
            let sql = "UPDATE organisation_key SET master = $1, wrapped = $2 WHERE id = $3";
            let values = [kms.newest().into(), wrapped.clone().into(), id.clone().into()];
            write.exec(sql, values).await?;
        }
        write.commit().await?;
        tracing::info!(
            keys = moved.len(),
            master = kms.newest(),
            "keys are wrapped with the newest master key"
        );
        Ok(())
    }

    async fn secret(&self, row: &Row) -> Result<Secret, KeyError> {
        let wrapped = row.wrapped.as_deref().ok_or(KeyError::Erased)?;
        self.kms()?.unwrap(&row.master, &about(&row.organisation_id, &row.id), wrapped).await
    }

    /// A key for the file of a new recording. The organisation's own is made where there is none that opens.
    ///
    /// # Errors
    /// There is no master key, or the organisation's new key could not be stored.
    pub(crate) async fn make(
        &self,
        store: &Store,
        organisation: OrganisationId,
        recording: RecordingId,
        now: UnixMs,
    ) -> Result<(FileKey, Stored), KeyError> {
        let (key_id, wrapper) = self.newest(store, organisation, now).await?;
        sealed_with(key_id, &wrapper, recording)
    }

    async fn newest(
        &self,
        store: &Store,
        organisation: OrganisationId,
        now: UnixMs,
    ) -> Result<(String, Arc<Wrapper>), KeyError> {
        let held = || {
            let id = self.newest.lock().get(&organisation).cloned()?;
            let wrapper = self.open.lock().get(&id).cloned()?;
            Some((id, wrapper))
        };
        if let Some(held) = held() {
            return Ok(held);
        }
        let _turn = self.making.lock().await;
        if let Some(held) = held() {
            return Ok(held);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM organisation_key WHERE organisation_id = $1 AND wrapped IS NOT NULL \
             ORDER BY created_at DESC, id DESC"
        );
        for row in all::<Row, _>(store.read(), &sql, [organisation.to_string().into()]).await? {
            if let Ok(secret) = self.secret(&row).await {
                return self.hold(organisation, row.id, &secret);
            }
        }
        let write = store.begin().await?;
        let (id, secret) = self.insert(&write, organisation, now).await?;
        write.commit().await?;
        self.hold(organisation, id, &secret)
    }

    /// Wraps a secret that is no recording's with the newest master key; gives that key's name. `about` names what it is for.
    ///
    /// # Errors
    /// There is no master key.
    pub(crate) async fn seal_for(&self, about: &str, secret: &Secret) -> Result<(String, String), KeyError> {
        let kms = self.kms()?;
        Ok((kms.newest().to_owned(), kms.wrap(about, secret).await?))
    }

    /// What [`Keys::seal_for`] wrapped.
    ///
    /// # Errors
    /// Its master key is not here, or it is damaged.
    pub(crate) async fn open_for(
        &self,
        master: &str,
        about: &str,
        wrapped: &str,
    ) -> Result<Secret, KeyError> {
        self.kms()?.unwrap(master, about, wrapped).await
    }

    /// Name of the master key that wraps now.
    pub(crate) fn newest_master(&self) -> Option<&str> {
        self.kms().ok().map(Kms::newest)
    }

    fn hold(
        &self,
        organisation: OrganisationId,
        id: String,
        secret: &Secret,
    ) -> Result<(String, Arc<Wrapper>), KeyError> {
        let wrapper = Arc::new(Wrapper::new(secret)?);
        self.open.lock().insert(id.clone(), wrapper.clone());
        self.newest.lock().insert(organisation, id.clone());
        Ok((id, wrapper))
    }

    /// A new key of an organisation.
    async fn insert(
        &self,
        write: &Write,
        organisation: OrganisationId,
        now: UnixMs,
    ) -> Result<(String, Secret), KeyError> {
        let kms = self.kms()?;
        let (id, secret) = (EventId::at(now, rand::random()).to_string(), rand::random::<Secret>());
        let organisation = organisation.to_string();
        let wrapped = kms.wrap(&about(&organisation, &id), &secret).await?;
        let sql = "INSERT INTO organisation_key (id, organisation_id, master, wrapped, created_at) VALUES ($1, $2, $3, $4, $5)";
        let values =
            [id.clone().into(), organisation.into(), kms.newest().into(), wrapped.into(), now.0.into()];
        write.exec(sql, values).await?;
        Ok((id, secret))
    }

    /// The key of a recording's file.
    ///
    /// # Errors
    /// It was erased, is damaged, or waits for a master key.
    pub(crate) async fn of<C: ConnectionTrait>(
        &self,
        db: &C,
        recording: RecordingId,
        stored: &Stored,
    ) -> Result<FileKey, KeyError> {
        file_key(recording, &self.file_secret(db, recording, stored).await?)
    }

    pub(super) async fn file_secret<C: ConnectionTrait>(
        &self,
        db: &C,
        recording: RecordingId,
        stored: &Stored,
    ) -> Result<Secret, KeyError> {
        let sealed = stored.sealed_key.as_deref().ok_or(KeyError::Erased)?;
        let held = self.open.lock().get(&stored.key_id).cloned();
        let wrapper = match held {
            Some(wrapper) => wrapper,
            None => {
                let sql = format!("SELECT {COLUMNS} FROM organisation_key WHERE id = $1");
                let row: Option<Row> = one(db, &sql, [stored.key_id.clone().into()]).await?;
                let secret = self.secret(&row.ok_or(KeyError::Damaged)?).await?;
                let wrapper = Arc::new(Wrapper::new(&secret)?);
                self.open.lock().insert(stored.key_id.clone(), wrapper.clone());
                wrapper
            }
        };
        wrapper.unwrap(&about_file(recording), sealed)
    }
}

impl Keys {
    /// Wraps the keys of these recordings with a new key of their organisation, and gives its id; `None` where there are none.
    /// The old key is not used any more.
    ///
    /// # Errors
    /// One of them does not open.
    pub(crate) async fn rewrap(
        &self,
        write: &Write,
        organisation: OrganisationId,
        now: UnixMs,
        recordings: &[(RecordingId, Stored)],
    ) -> Result<Option<String>, KeyError> {
        self.newest.lock().remove(&organisation);
        if recordings.is_empty() {
            return Ok(None);
        }
        let (key_id, secret) = self.insert(write, organisation, now).await?;
        let new = Wrapper::new(&secret)?;
        for (id, stored) in recordings {
            let secret = self.file_secret(write.tx(), *id, stored).await?;
            let values =
                [key_id.clone().into(), new.wrap(&about_file(*id), &secret)?.into(), id.to_string().into()];
            write.exec("UPDATE recording SET key_id = $1, sealed_key = $2 WHERE id = $3", values).await?;
        }
        Ok(Some(key_id))
    }
}

/// A fresh key for a recording's file, wrapped.
fn sealed_with(
    key_id: String,
    wrapper: &Wrapper,
    recording: RecordingId,
) -> Result<(FileKey, Stored), KeyError> {
    let secret = rand::random::<Secret>();
    let sealed_key = Some(wrapper.wrap(&about_file(recording), &secret)?);
    Ok((file_key(recording, &secret)?, Stored { key_id, sealed_key }))
}

fn file_key(recording: RecordingId, secret: &Secret) -> Result<FileKey, KeyError> {
    FileKey::new(recording.as_uuid().into_bytes(), secret).map_err(|_| KeyError::Crypto)
}

fn about(organisation: &str, key: &str) -> String {
    format!("waybell-organisation-1\n{organisation}\n{key}")
}

fn about_file(recording: RecordingId) -> String {
    format!("waybell-file-1\n{recording}")
}
