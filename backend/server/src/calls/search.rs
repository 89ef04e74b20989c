//! What calls are looked for by: caller, number, courier, waybill, time, length.

use super::list::CallsQuery;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use sea_orm::Value;
use waybell_domain::id::UserId;
use waybell_domain::parcel::WaybillNo;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::search::half_width;
use waybell_domain::voicemail::Intent;
use waybell_domain::wire::Role;

/// Length of a call's sound, else of the talk, in milliseconds.
const LENGTH: &str = "COALESCE(r.ms, c.ended_at - c.bridged_at, 0)";

/// Adds the conditions of a search; `?` stands for the value.
pub(super) fn conditions(
    query: &CallsQuery,
    scope: &Scope,
    mut also: impl FnMut(&str, Value),
) -> ApiResult<()> {
    if let Some(text) = &query.caller {
        match caller(text, scope.role)? {
            Caller::Whole(key) => also("c.customer_key = ?", key.into()),
            Caller::Part(digits) => also("c.customer_key LIKE ?", format!("%{digits}%").into()),
            // of a mobile: less is shown of other numbers
            Caller::End(digits) => also("c.customer_key LIKE ?", format!("+861______{digits}").into()),
        }
    }
    if let Some(text) = &query.number {
        let digits = digits(text);
        if digits.len() < 3 {
            return Err(ApiError::field("number", "has less than three digits", "write more of the number"));
        }
        also("COALESCE(n.number_key, c.shown, '') LIKE ?", format!("%{}", without_zero(&digits)).into());
    }
    if let Some(text) = &query.courier {
        let id = UserId::parse(text)
            .map_err(|e| ApiError::field("courier", e.to_string(), "take an id of GET /people"))?;
        also("c.courier_id = ?", id.to_string().into());
    }
    if let Some(text) = &query.waybill {
        let number = WaybillNo::parse(text)
            .map_err(|e| ApiError::field("waybill", e.to_string(), "write the whole waybill number"))?;
        // waybill numbers are letters and digits: nothing in them means anything to LIKE
        also("c.parcels LIKE ?", format!("%\"{number}\"%").into());
    }
    if let Some(since) = query.since {
        also("c.started_at >= ?", since.into());
    }
    for (seconds, sign) in [(query.longer_s, ">="), (query.shorter_s, "<=")] {
        if let Some(seconds) = seconds {
            also(&format!("{LENGTH} {sign} ?"), (i64::from(seconds) * 1_000).into());
        }
    }
    if let Some(words) = &query.intent {
        let mut known = Vec::new();
        for word in words.split(',') {
            let intent = Intent::parse(word.trim()).ok_or_else(|| {
                ApiError::field(
                    "intent",
                    "there is no such intent",
                    "write complaint, refuse, later, leave_at, …",
                )
            })?;
            known.push(format!("',' || r.words_intents || ',' LIKE '%,{},%'", intent.as_str()));
        }
        also(&format!("({}) AND ? = 1", known.join(" OR ")), 1i64.into());
    }
    if query.recorded {
        also("r.hash IS NOT NULL AND ? = 1", 1i64.into());
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Caller {
    Whole(String),
    Part(String),
    End(String),
}

/// A courier sees the end of a number and finds by no more of it: who may ask for the rest, digit by digit, learns it.
fn caller(text: &str, role: Role) -> ApiResult<Caller> {
    let digits = digits(text);
    if !role.sees_branch() {
        return match digits.len() {
            4 => Ok(Caller::End(digits)),
            _ => Err(ApiError::field("caller", "must be the last four digits", "write four digits")),
        };
    }
    match PhoneNumber::parse(text) {
        Ok(number) if digits.len() >= 10 => Ok(Caller::Whole(number.key())),
        _ if digits.len() >= 3 => Ok(Caller::Part(without_zero(&digits).to_owned())),
        _ => Err(ApiError::field("caller", "has less than three digits", "write more of the number")),
    }
}

fn digits(text: &str) -> String {
    text.chars().map(half_width).filter(char::is_ascii_digit).collect()
}

/// Numbers are stored without the 0 before an area code.
fn without_zero(digits: &str) -> &str {
    digits.strip_prefix('0').unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_courier_finds_by_what_is_shown_of_a_number() {
        assert_eq!(caller("5678", Role::Courier).unwrap(), Caller::End("5678".into()));
        for text in ["13812345678", "345678", "678", ""] {
            assert!(caller(text, Role::Courier).is_err(), "{text:?}");
        }
        assert_eq!(
            caller("138 1234 5678", Role::Supervisor).unwrap(),
            Caller::Whole("+8613812345678".into())
        );
        assert_eq!(caller("１２３４", Role::Administrator).unwrap(), Caller::Part("1234".into()));
        for (text, part) in [("0213100", "213100"), ("95588", "95588")] {
            assert_eq!(caller(text, Role::Supervisor).unwrap(), Caller::Part(part.into()));
        }
        assert!(caller("12", Role::Supervisor).is_err());
        assert_eq!(without_zero(&digits("0755-8653 0000")), "75586530000");
    }
}
