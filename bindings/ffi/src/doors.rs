//! What is done at doors, parcels handed over, stops put right by hand.
//!
//! Words are the stable ones of the API (`recipient`, `nobody_home`, …); an empty text and 0 fen mean "not said".

use crate::client::{Answer, WaybellClient, bad, operation_id, parcel_ids, run};
use crate::records::Undone;
use waybell_domain::clock::UnixMs;
use waybell_domain::money::Money;
use waybell_domain::parcel as domain;
use waybell_domain::parcel::{ConsentSource, ExceptionReason, HandConsent, Payer, SignedBy};
use waybell_domain::wire::StopRuleView;

/// What was done at a door.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum Deed {
    /// Handed over.
    Sign {
        /// `recipient`, `family`, `neighbour`, `reception`, `other`.
        by: String,
        /// The name; must be there for `other`.
        name: String,
        /// Cash on delivery that was collected for all these parcels, fen.
        cash_minor: i64,
    },
    /// Left at a station.
    Station {
        /// Which.
        place: String,
        /// 取件码.
        code: String,
        /// How the recipient agreed: `phone`, `in_person`, `message`, `standing`; empty where a key was pressed.
        consent: String,
    },
    /// Left in a locker.
    Locker {
        /// Which.
        place: String,
        /// 取件码.
        code: String,
        /// As for a station.
        consent: String,
    },
    /// Left at the door.
    Door {
        /// Where exactly.
        note: String,
        /// As for a station.
        consent: String,
    },
    /// Not delivered, or not fetched.
    Exception {
        /// `nobody_home`, `refused`, `wrong_address`, `wrong_number`, `unreachable`, `damaged`, `postponed`, `other`.
        reason: String,
        /// More about it; must be there for `other`.
        note: String,
        /// When the recipient wants it, unix ms; there for `postponed` only.
        until: Option<i64>,
    },
    /// On its way back.
    Return {
        /// Why.
        note: String,
    },
    /// Fetched from the sender.
    PickUp {
        /// Weight of each, grams.
        weight_g: Option<u32>,
        /// Size.
        size: Option<Size>,
        /// `sender`, `recipient`, `account`, `third`; or empty.
        payer: String,
        /// What was collected for all these parcels, fen.
        sum_minor: i64,
    },
}

/// Outer size in millimetres.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct Size {
    /// Longest side.
    pub length: u32,
    /// Second side.
    pub width: u32,
    /// Third side.
    pub height: u32,
}

/// A photo, by what it holds and where it lies.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Photo {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Where it lies, in the app's words.
    pub reference: String,
}

/// A deed that was recorded.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Recorded {
    /// Its id, for `undo_deed`.
    pub id: String,
    /// How many parcels it is about.
    pub parcels: u32,
    /// The organisation wants a photo, and there is none.
    pub photo_wanted: bool,
}

/// The newest deed of this phone.
#[derive(Clone, Debug, uniffi::Record)]
pub struct LastDeed {
    /// Its id.
    pub id: String,
    /// `sign`, `station`, `locker`, `door`, `exception`, `return`, `pick_up`.
    pub kind: String,
    /// Its parcels.
    pub parcels: Vec<String>,
    /// So long it can still be undone, ms; 0: no longer.
    pub left_ms: u32,
}

/// Stops put right by hand.
#[derive(Clone, Debug, uniffi::Record)]
pub struct StopRule {
    /// Its id, for `undo_stop_rule`.
    pub id: String,
    /// `merge` or `split`.
    pub kind: String,
    /// To which buildings and addresses.
    pub keys: Vec<String>,
}

/// The photo with these bytes.
#[uniffi::export]
pub fn photo(bytes: Vec<u8>, reference: String) -> Photo {
    let proof = domain::Proof::of(&bytes, &reference);
    Photo { sha256: proof.sha256, reference: proof.reference }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|t| !t.trim().is_empty())
}

fn consent(word: &str) -> Answer<Option<HandConsent>> {
    if word.is_empty() {
        return Ok(None);
    }
    let source = ConsentSource::parse(word).ok_or_else(|| bad("consent", "there is no such way"))?;
    Ok(Some(HandConsent { source, note: None }))
}

fn money(minor: i64) -> Option<Money> {
    (minor != 0).then(|| Money::fen(minor))
}

impl Deed {
    fn read(self) -> Answer<domain::Deed> {
        Ok(match self {
            Deed::Sign { by, name, cash_minor } => domain::Deed::Sign {
                by: SignedBy::parse(&by).ok_or_else(|| bad("by", "there is no such person"))?,
                name: some(name),
                cash: money(cash_minor),
            },
            Deed::Station { place, code, consent: how } => {
                domain::Deed::Station { place, code: some(code), consent: consent(&how)? }
            }
            Deed::Locker { place, code, consent: how } => {
                domain::Deed::Locker { place, code: some(code), consent: consent(&how)? }
            }
            Deed::Door { note, consent: how } => {
                domain::Deed::Door { note: some(note), consent: consent(&how)? }
            }
            Deed::Exception { reason, note, until } => domain::Deed::Exception {
                reason: ExceptionReason::parse(&reason)
                    .ok_or_else(|| bad("reason", "there is no such reason"))?,
                note: some(note),
                until: until.map(UnixMs),
            },
            Deed::Return { note } => domain::Deed::Return { note: some(note) },
            Deed::PickUp { weight_g, size, payer, sum_minor } => domain::Deed::PickUp {
                weight_g,
                size: size.map(|s| domain::Size { length: s.length, width: s.width, height: s.height }),
                payer: match payer.as_str() {
                    "" => None,
                    word => Some(Payer::parse(word).ok_or_else(|| bad("payer", "there is no such payer"))?),
                },
                sum: money(sum_minor),
            },
        })
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Records what was done with parcels at a door, in one tap: shown at once, stored when this returns, sent when there is a
    /// network. `BadInput` with the field `consent` where the recipient has not agreed: ask, and say how.
    pub async fn record(&self, parcels: Vec<String>, deed: Deed, photos: Vec<Photo>) -> Answer<Recorded> {
        let (ids, deed) = (parcel_ids(&parcels)?, deed.read()?);
        let proof =
            photos.into_iter().map(|p| domain::Proof { sha256: p.sha256, reference: p.reference }).collect();
        let tasks = self.client.tasks();
        let done = run(async move { tasks.record(&ids, deed, proof).await }).await?;
        let parcels = u32::try_from(done.parcels).unwrap_or(u32::MAX);
        Ok(Recorded { id: done.id.to_string(), parcels, photo_wanted: done.photo_wanted })
    }

    /// The newest deed of this phone that was not undone.
    pub fn last_deed(&self) -> Answer<Option<LastDeed>> {
        Ok(self.client.tasks().last_deed()?.map(|last| LastDeed {
            id: last.id.to_string(),
            kind: last.kind.as_str().to_owned(),
            parcels: last.parcels.iter().map(ToString::to_string).collect(),
            left_ms: last.left_ms,
        }))
    }

    /// Takes a deed back, within 30 s.
    pub async fn undo_deed(&self, deed: String) -> Answer<Undone> {
        let id = operation_id(&deed)?;
        let tasks = self.client.tasks();
        run(async move { tasks.undo_deed(id).await }).await.map(Undone::from)
    }

    /// Gives open parcels to a colleague of the branch, in this order, all or none; the name of whoever has them now. Needs the
    /// server: `Offline` without a network.
    pub async fn hand_over(&self, parcels: Vec<String>, to: String) -> Answer<String> {
        let ids = parcel_ids(&parcels)?;
        let tasks = self.client.tasks();
        Ok(run(async move { tasks.hand_over(&ids, &to).await }).await?.name)
    }

    /// Makes one stop of the stops that these parcels are in, for the whole branch and from now on; the id of the rule.
    pub async fn merge_stops(&self, parcels: Vec<String>) -> Answer<String> {
        let ids = parcel_ids(&parcels)?;
        let tasks = self.client.tasks();
        Ok(run(async move { tasks.merge_stops(&ids).await }).await?.to_string())
    }

    /// Takes parcels out of the stops that they are in, for the whole branch and from now on; the id of the rule.
    pub async fn split_stop(&self, parcels: Vec<String>) -> Answer<String> {
        let ids = parcel_ids(&parcels)?;
        let tasks = self.client.tasks();
        Ok(run(async move { tasks.split_stop(&ids).await }).await?.to_string())
    }

    /// Merges and splits that hold, in the order in which they apply.
    pub async fn stop_rules(&self) -> Answer<Vec<StopRule>> {
        let tasks = self.client.tasks();
        let rules = run(async move { tasks.stop_rules().await }).await?;
        let rule = |r: StopRuleView| StopRule {
            id: r.id.to_string(),
            kind: r.kind.as_str().to_owned(),
            keys: r.keys.into_iter().map(|key| key.chars().skip(2).collect()).collect(),
        };
        Ok(rules.into_iter().map(rule).collect())
    }

    /// Undoes a merge or a split, whoever of the branch made it.
    pub async fn undo_stop_rule(&self, rule: String) -> Answer<()> {
        let id = operation_id(&rule)?;
        let tasks = self.client.tasks();
        run(async move { tasks.undo_stop_rule(id).await }).await
    }
}
