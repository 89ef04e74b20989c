//! What an administrator sets: the rules of the organisation, its people, and who is on duty. Everything here asks the server, at once and
//! only now: a rule that comes into force hours later would be a surprise.

use crate::client::Client;
use crate::error::Result;
use crate::http::Request;
use reqwest::Method;
use serde::Serialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, DutyId, UserId};
use waybell_domain::lang::Lang;
use waybell_domain::parcel::WaybillNo;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{
    AreaView, CalendarReport, CalendarView, CarrierView, DutyRequest, DutyView, OptOutReport, OptOutView,
    PersonView, PolicyView, Role, UserView,
};

/// Rules and people of the organisation. Needs a network.
#[derive(Clone)]
pub struct Organisation {
    pub(crate) client: Client,
}

/// What of the recipients' consent goes on a sheet; what is left out narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct ConsentQuery {
    /// Not before this time.
    pub from: Option<UnixMs>,
    /// Before this time.
    pub to: Option<UnixMs>,
    /// Of this number.
    pub phone: Option<PhoneNumber>,
    /// About this waybill.
    pub waybill: Option<WaybillNo>,
    /// With this choice: `door`, `station`, `later`, `text_message`, `courier`.
    pub preference: Option<String>,
    /// Language of the sheet.
    pub lang: Lang,
    /// A page to print; otherwise CSV for spreadsheets.
    pub page: bool,
}

impl ConsentQuery {
    /// As the query of a URL.
    fn encoded(&self) -> String {
        let mut pairs = vec![
            ("format", if self.page { "html" } else { "csv" }.to_owned()),
            ("lang", self.lang.pick("zh", "en").to_owned()),
        ];
        let rest = [
            ("from", self.from.map(|at| at.0.to_string())),
            ("to", self.to.map(|at| at.0.to_string())),
            ("phone", self.phone.as_ref().map(PhoneNumber::key)),
            ("waybill_no", self.waybill.as_ref().map(ToString::to_string)),
            ("preference", self.preference.clone()),
        ];
        pairs.extend(rest.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        pairs.join("&")
    }
}

/// A text within a URL (RFC 3986: all but the unreserved characters are escaped).
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// Somebody who is to sign in.
#[derive(Clone, Serialize)]
pub struct NewPerson {
    /// Login name, free on the server.
    pub login: String,
    /// Password, 8 characters or more.
    pub password: String,
    /// Name on screens.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Own mobile, which rings when a recipient asks for the courier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// What is to change of a person; what is absent stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct PersonChange {
    /// Name on screens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New password. Ends every session of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Own mobile; empty takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// False: may not sign in any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

impl Organisation {
    /// The rules in force.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; so for every call here.
    pub async fn policy(&self) -> Result<PolicyView> {
        self.ask(&Request::get("/api/v1/policy")).await
    }

    /// Changes the rules that the object names and keeps the others (RFC 7396: `null` puts one back to its default); the
    /// rules after it.
    /// With `dry_run` nothing is changed, and these are the rules that would be.
    pub async fn change_policy(&self, patch: &serde_json::Value, dry_run: bool) -> Result<PolicyView> {
        let path = if dry_run { "/api/v1/policy?dry_run=true" } else { "/api/v1/policy" };
        let request = Request::post(path, patch)?;
        self.ask(&Request { method: Method::PATCH, ..request }).await
    }

    /// The public holidays and working weekends that are known, and the years without any.
    pub async fn calendar(&self) -> Result<CalendarView> {
        self.ask(&Request::get("/api/v1/policy/calendar")).await
    }

    /// Takes a calendar file: ICS, CSV or JSON. `replace` empties the years that it names first; with `dry_run` nothing is
    /// changed, and the report names every line that cannot be read.
    ///
    /// # Errors
    /// `Refused` also for a file of which a line cannot be read: nothing of it is taken.
    pub async fn take_calendar(
        &self,
        bytes: Vec<u8>,
        replace: bool,
        dry_run: bool,
    ) -> Result<CalendarReport> {
        let path = format!("/api/v1/policy/calendar?replace={replace}&dry_run={dry_run}");
        self.ask(&Request { method: Method::POST, body: Some(bytes), ..Request::get(path) }).await
    }

    /// Carriers and voice services whose limits the rules take by name.
    pub async fn carriers(&self) -> Result<Vec<CarrierView>> {
        self.ask(&Request::get("/api/v1/policy/carriers")).await
    }

    /// Numbers that must not be rung, the newest first.
    pub async fn opt_outs(&self) -> Result<Vec<OptOutView>> {
        self.ask(&Request::get("/api/v1/opt-outs")).await
    }

    /// Never rings a number, as people write it.
    pub async fn opt_out(&self, phone: &str) -> Result<()> {
        let inner = &self.client.inner;
        let request = Request::post("/api/v1/opt-outs", &serde_json::json!({ "phone": phone }))?;
        inner.ask_bytes(&inner.sign_in()?, &Request { method: Method::PUT, ..request }).await.map(drop)
    }

    /// Rings a number again.
    pub async fn opt_in(&self, phone: &PhoneNumber) -> Result<()> {
        let inner = &self.client.inner;
        let path = format!("/api/v1/opt-outs/{}", encoded(&phone.key()));
        let request = Request { method: Method::DELETE, ..Request::get(path) };
        inner.ask_bytes(&inner.sign_in()?, &request).await.map(drop)
    }

    /// Never rings the numbers of a list: CSV, XLSX, JSON, or a number a line. With `dry_run` nothing is changed.
    pub async fn opt_out_list(&self, bytes: Vec<u8>, dry_run: bool) -> Result<OptOutReport> {
        let path = format!("/api/v1/opt-outs/import?dry_run={dry_run}");
        self.ask(&Request { method: Method::POST, body: Some(bytes), ..Request::get(path) }).await
    }

    /// What recipients agreed to, as a sheet.
    pub async fn consents(&self, query: &ConsentQuery) -> Result<Vec<u8>> {
        let inner = &self.client.inner;
        let path = format!("/api/v1/consents/export?{}", query.encoded());
        inner.ask_bytes(&inner.sign_in()?, &Request::get(path)).await
    }

    /// The people, as far as this person sees them; with `left` also those who may not sign in any more.
    pub async fn people(&self, left: bool) -> Result<Vec<PersonView>> {
        self.ask(&Request::get(format!("/api/v1/people?left={left}"))).await
    }

    /// Makes a person.
    pub async fn add_person(&self, person: &NewPerson) -> Result<UserView> {
        self.ask(&Request::post("/api/v1/people", person)?).await
    }

    /// Changes a person; how they are after it.
    pub async fn change_person(&self, id: UserId, change: &PersonChange) -> Result<UserView> {
        let request = Request::post(format!("/api/v1/people/{id}"), change)?;
        self.ask(&Request { method: Method::PATCH, ..request }).await
    }

    /// The areas, as far as this person sees them.
    pub async fn areas(&self) -> Result<Vec<AreaView>> {
        self.ask(&Request::get("/api/v1/areas")).await
    }

    /// Who is on duty for an area, now and later.
    pub async fn duties(&self, area: AreaId) -> Result<Vec<DutyView>> {
        self.ask(&Request::get(format!("/api/v1/areas/{area}/duties"))).await
    }

    /// Puts somebody on duty.
    pub async fn put_on_duty(&self, area: AreaId, duty: &DutyRequest) -> Result<DutyView> {
        self.ask(&Request::post(format!("/api/v1/areas/{area}/duties"), duty)?).await
    }

    /// Ends a duty now, or takes one back that has not begun.
    pub async fn end_duty(&self, id: DutyId) -> Result<()> {
        let inner = &self.client.inner;
        let request = Request { method: Method::DELETE, ..Request::get(format!("/api/v1/duties/{id}")) };
        inner.ask_bytes(&inner.sign_in()?, &request).await.map(drop)
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_once() {
        let all = ConsentQuery {
            from: Some(UnixMs(5)),
            to: None,
            phone: PhoneNumber::parse("13800001111转23").ok(),
            waybill: WaybillNo::parse("SF1234567890123").ok(),
            preference: Some("a&b 中".into()),
            lang: Lang::En,
            page: true,
        };
        assert_eq!(
            all.encoded(),
            "format=html&lang=en&from=5&phone=%2B8613800001111%3Bext%3D23&waybill_no=SF1234567890123\
             &preference=a%26b%20%E4%B8%AD"
        );
        assert_eq!(ConsentQuery::default().encoded(), "format=csv&lang=zh");
    }
}
