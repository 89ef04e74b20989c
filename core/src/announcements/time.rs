//! What time it is for announcements: the server's at the last pull, and what has passed since by this phone's boot clock.
//!
//! A phone whose wall clock is wrong, or is set, would otherwise hide what has begun and show what is over. After a reboot without
//! a network its wall clock counts from there.

use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{EventTime, SECOND, UnixMs};

/// Key in `meta`.
const TOLD: &str = "announcements_time";

/// What the server's clock showed, and when.
#[derive(Serialize, Deserialize)]
struct Told {
    now: UnixMs,
    at: EventTime,
}

/// The time at `at`.
pub(super) fn now(c: &Connection, seal: &Seal, at: &EventTime) -> Result<UnixMs> {
    let told: Option<Told> = sealed_meta(c, seal, TOLD)?;
    Ok(told.map_or(at.wall, |told| told.now + told.at.age(at).ms))
}

/// Whether what is known of the server's clock is off by more than a second, or begins in another boot.
pub(super) fn is_off(c: &Connection, seal: &Seal, server: UnixMs, at: &EventTime) -> Result<bool> {
    let told: Option<Told> = sealed_meta(c, seal, TOLD)?;
    let good = |told: &Told| {
        let age = told.at.age(at);
        told.at.boot_id == at.boot_id && (told.now + age.ms).since(server).abs() <= SECOND
    };
    Ok(!told.as_ref().is_some_and(good))
}

/// Keeps what the server's clock shows.
pub(super) fn learn(t: &Connection, seal: &Seal, server: UnixMs, at: EventTime) -> Result<()> {
    set_sealed_meta(t, seal, TOLD, &Told { now: server, at })
}
