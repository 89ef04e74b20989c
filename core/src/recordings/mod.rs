//! Recordings on the server: finding calls, and evidence bundles of them.
//!
//! Everything here asks the server, and only now. What a courier keeps on the phone is `calls`. Whose calls are found goes by
//! the role: a courier's own, a branch's, or the organisation's; bundles are for who sees a branch.

pub mod verify;

use crate::client::{Client, random};
use crate::error::{Error, Result};
use crate::http::{Ranged, Request};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use verify::Checked;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, UserId};
use waybell_domain::wire::{CallView, EvidenceRequest};

/// Calls on the server, and bundles of them. Needs a network.
#[derive(Clone)]
pub struct Recordings {
    pub(crate) client: Client,
}

/// What is looked for; everything that is given must fit.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallSearch {
    /// Digits of the customer's number; for a courier, its last four.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The number that was rung, or shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whose calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// A waybill of the customer at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waybill: Option<String>,
    /// Began then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixMs>,
    /// Began earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<UnixMs>,
    /// With so many seconds of sound or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longer_s: Option<u32>,
    /// With so many seconds of sound or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shorter_s: Option<u32>,
    /// Only calls with a recording or a voicemail.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
    /// At most so many, 500 at most; 100 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

impl Recordings {
    /// Calls that fit, the newest first.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; so for every call here.
    pub async fn search(&self, wanted: &CallSearch) -> Result<Vec<CallView>> {
        let inner = &self.client.inner;
        let query = serde_urlencoded::to_string(wanted)
            .map_err(|e| Error::bad("search", e.to_string(), "leave it out"))?;
        inner.ask(&inner.sign_in()?, &Request::get(format!("/api/v1/calls?order=newest&{query}"))).await
    }

    /// Public key that the server signs bundles with, 32 bytes in hexadecimal.
    pub async fn key(&self) -> Result<String> {
        let inner = &self.client.inner;
        let key: Key = inner.ask(&inner.sign_in()?, &Request::get("/api/v1/evidence/key")).await?;
        Ok(key.key)
    }

    /// Makes a bundle of these calls, writes it to a file (only its owner may read it) and checks it with the server's key. The
    /// file appears whole or not at all.
    ///
    /// # Errors
    /// `BadInput` where the file cannot be written.
    pub async fn bundle(&self, calls: Vec<CallId>, reason: String, file: &Path) -> Result<Checked> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let key = self.key().await?;
        let request = Request::post("/api/v1/evidence", &EvidenceRequest { calls, reason })?;
        let mut answer = inner.ask_download(&me, &request).await?;
        let (part, open) = Part::beside(file).map_err(|e| bad_file(&e))?;
        take(&mut answer, open).await?;
        let (path, target) = (part.0.clone(), file.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            let checked = verify::verify(&path, Some(&key))?;
            std::fs::rename(&path, &target).map_err(|e| bad_file(&e))?;
            Ok(checked)
        });
        done.await.map_err(Error::storage)?
    }
}

/// The file while it comes in; removed however that ends.
struct Part(PathBuf);

impl Part {
    /// A new file of a name that nobody has, which only its owner may read.
    fn beside(file: &Path) -> std::io::Result<(Part, File)> {
        let random: String = random().iter().map(|b| format!("{b:02x}")).collect();
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{random}.part"));
        let mut options = File::options();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let open = options.open(&name)?;
        Ok((Part(name.into()), open))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn take(answer: &mut Ranged, mut file: File) -> Result<()> {
    let mut taken = 0;
    while let Some(piece) = answer.next().await? {
        taken += piece.len() as u64;
        let put = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file));
        file = put.await.map_err(Error::storage)?.map_err(|e| bad_file(&e))?;
    }
    if answer.total.is_some_and(|total| taken < total) {
        return Err(Error::offline("unexpected end of file"));
    }
    file.sync_all().map_err(|e| bad_file(&e))
}

fn bad_file(error: &std::io::Error) -> Error {
    Error::bad("file", error.to_string(), "name another file")
}
