//! A label that was photographed, or a number that was said: whose it is on today's list.
//!
//! The phone's shell reads the picture or the voice (its own OCR and recogniser); what they wrote comes here as text.
//! [`waybell_domain::phone::spot`] finds the numbers, and this room says which parcels of the list have them, so that a
//! courier calls or notifies by a look at the parcel. Works offline.

use crate::client::Client;
use crate::error::Result;
use serde::Serialize;
use waybell_domain::id::ParcelId;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::phone::spot::{Candidate, Line, in_speech, on_label};
use waybell_domain::wire::ParcelView;

/// A number, and the parcels that it may stand for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The number and how sure it is.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Parcels of this phone's list with this number, in the courier's order. Of a masked number all whose number could
    /// be it.
    pub parcels: Vec<ParcelId>,
}

impl Found {
    /// The number to ring: the one that was read, or the only one of the list that fits a masked one.
    #[must_use]
    pub fn phone(&self, list: &[ParcelView]) -> Option<PhoneNumber> {
        if let Some(read) = &self.candidate.phone {
            return Some(read.clone());
        }
        let mut fitting =
            list.iter().filter(|p| self.parcels.contains(&p.id)).filter_map(|p| self.fitting(p).cloned());
        let first = fitting.next()?;
        fitting.all(|other| other == first).then_some(first)
    }

    /// The number of a parcel that was read.
    fn fitting<'a>(&self, parcel: &'a ParcelView) -> Option<&'a PhoneNumber> {
        parcel.phones().find(|phone| self.candidate.fits(phone))
    }
}

/// See the module.
#[derive(Clone)]
pub struct Labels {
    pub(crate) client: Client,
}

impl Labels {
    /// Numbers on a photographed label, the most likely recipient's first; those of the day's list before others that are
    /// as likely.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn read(&self, lines: &[Line<'_>]) -> Result<Vec<Found>> {
        self.known(on_label(lines)).await
    }

    /// Numbers in what was said.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn heard(&self, text: &str) -> Result<Vec<Found>> {
        self.known(in_speech(text)).await
    }

    async fn known(&self, candidates: Vec<Candidate>) -> Result<Vec<Found>> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let list = self.client.tasks().list().await?;
        let mut found: Vec<Found> =
            candidates.into_iter().map(|candidate| with_parcels(candidate, &list)).collect();
        // stable: otherwise as likely as before
        found.sort_by_key(|f| (f.candidate.party, f.parcels.is_empty()));
        Ok(found)
    }
}

fn with_parcels(candidate: Candidate, list: &[ParcelView]) -> Found {
    let fits = |p: &&ParcelView| p.phones().any(|phone| candidate.fits(phone));
    let parcels = list.iter().filter(fits).map(|p| p.id).collect();
    Found { candidate, parcels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Phone;

    const DAY: &str = "运单号,收件人,电话,地址\nYD0000000001,张三,13800001111,幸福花园3栋\n\
        YD0000000002,张三,13800001111,幸福花园3栋\nYD0000000003,李四,13856781234,和平里5号\n\
        YD0000000006,孙七,13900001111/13956784321,和平里8号\n\
        YD0000000004,王五,17000001111转1234,和平里6号\nYD0000000005,赵六,17000001111转9999,和平里7号\n";

    #[tokio::test]
    async fn a_label_leads_to_its_parcels() {
        let phone = Phone::signed_in().await;
        phone.client.tasks().import_csv(DAY.as_bytes(), false).await.unwrap();
        let list = phone.client.tasks().list().await.unwrap();
        let waybills = |found: &Found| -> Vec<&str> {
            let with = |id: &ParcelId| list.iter().find(|p| p.id == *id).map(|p| p.waybill_no.as_str());
            found.parcels.iter().filter_map(with).collect()
        };
        let labels = phone.client.labels();
        let read = labels.read(&["收 张三 138 0000 1111".into(), "幸福花园3栋".into()]).await.unwrap();
        assert_eq!(waybills(&read[0]), ["YD0000000001", "YD0000000002"]);
        let masked = labels.read(&["李四 138****1234".into()]).await.unwrap();
        assert_eq!(waybills(&masked[0]), ["YD0000000003"]);
        assert_eq!(masked[0].phone(&list).unwrap().dial_string(), "13856781234");
        let privacy = labels.read(&["17000001111转9999".into()]).await.unwrap();
        assert_eq!(waybills(&privacy[0]), ["YD0000000005"]);
        // without its extension the number may be either
        let either = labels.read(&["17000001111".into()]).await.unwrap();
        assert_eq!(waybills(&either[0]).len(), 2);
        let heard = labels.heard("幺三八 五六七八 幺二三四").await.unwrap();
        assert_eq!(waybills(&heard[0]), ["YD0000000003"]);
        // the label has the second number of a parcel
        let second = labels.read(&["孙七 139****4321".into()]).await.unwrap();
        assert_eq!(waybills(&second[0]), ["YD0000000006"]);
        assert_eq!(second[0].phone(&list).unwrap().dial_string(), "13956784321");
        let strange = labels.read(&["收 13900002222".into()]).await.unwrap();
        assert!(strange[0].parcels.is_empty() && strange[0].candidate.sure());
    }
}
