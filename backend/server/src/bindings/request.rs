//! Reading what is asked for: every field checked before anything is looked up.

use super::index::MOST_DIGITS;
use super::{refused, refused_field};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use waybell_domain::binding::{BindRefusal, CallRestrict, Wish, expiry};
use waybell_domain::clock::UnixMs;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::BindRequest;

/// Seconds that a callee's telephone rings, and minutes of the longest call, where nobody says.
const RING: u16 = 60;
const LONGEST: u16 = 60;

/// The difference between the two clocks: what is stored is steady time, what is told and asked for is wall time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift(i64);

impl Shift {
    pub(super) fn of(app: &Shared) -> Shift {
        Shift(app.clock.wall().0 - app.clock.now().0)
    }

    pub(super) fn told(self, stored: i64) -> UnixMs {
        UnixMs(stored + self.0)
    }

    fn stored(self, told: UnixMs) -> UnixMs {
        UnixMs(told.0.saturating_sub(self.0))
    }
}

/// Settings of a binding that stand by themselves.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub restrict: Option<CallRestrict>,
    pub ring_s: i64,
    pub max_s: i64,
    pub record: bool,
    pub hint: bool,
    pub out_id: Option<String>,
    pub user_data: Option<String>,
}

impl Terms {
    pub(super) fn read(request: &BindRequest) -> ApiResult<Terms> {
        if request.call_display_type.is_some_and(|t| t != 1) {
            return Err(ApiError::field(
                "call_display_type",
                "must be 1: both see the virtual number",
                "a party's own number is none that the organisation may show; leave the field out",
            ));
        }
        Ok(Terms {
            restrict: restrict(request.call_restrict.as_deref())?,
            ring_s: ring(request.call_timeout.unwrap_or(RING))?,
            max_s: longest(request.max_duration.unwrap_or(LONGEST))?,
            record: request.is_recording_enabled,
            hint: request.last_min_voice,
            out_id: out_id(request.out_id.as_deref())?,
            user_data: user_data(request.user_data.as_deref())?,
        })
    }
}

/// The party whose number is written in this field.
pub(super) fn party(text: &str, field: &str) -> ApiResult<PhoneNumber> {
    let wrong = |problem: String| {
        let mut error = refused_field(BindRefusal::Number, field);
        error.body.message = problem;
        error.hint("write a mobile number, or a landline with its area code")
    };
    let phone = PhoneNumber::parse(text).map_err(|e| wrong(e.to_string()))?;
    match phone.extension() {
        None => Ok(phone),
        Some(_) => Err(wrong("a number with an extension cannot be bound".to_owned())),
    }
}

/// When the binding expires, in steady time.
pub(super) fn expires(
    expiration: Option<UnixMs>,
    ttl: Option<i64>,
    shift: Shift,
    now: UnixMs,
) -> ApiResult<UnixMs> {
    let field = if ttl.is_some() { "ttl" } else { "expiration" };
    expiry(expiration.map(|at| shift.stored(at)), ttl, now).map_err(|why| refused_field(why, field))
}

pub(super) fn restrict(text: Option<&str>) -> ApiResult<Option<CallRestrict>> {
    match text {
        None | Some("") => Ok(None),
        Some(word) => CallRestrict::parse(word).map(Some).ok_or_else(|| {
            let hint = "write CONTROL_AX_DISABLE or CONTROL_BX_DISABLE, or leave it out";
            ApiError::field("call_restrict", "there is no such restriction", hint)
        }),
    }
}

pub(super) fn ring(seconds: u16) -> ApiResult<i64> {
    match seconds {
        5..=120 => Ok(i64::from(seconds)),
        _ => Err(ApiError::field("call_timeout", "must be 5 to 120", "write seconds, or leave it out")),
    }
}

/// Seconds of the longest call.
pub(super) fn longest(minutes: u16) -> ApiResult<i64> {
    match minutes {
        1..=1_440 => Ok(i64::from(minutes) * 60),
        _ => Err(ApiError::field("max_duration", "must be 1 to 1440", "write minutes, or leave it out")),
    }
}

pub(super) fn out_id(text: Option<&str>) -> ApiResult<Option<String>> {
    bounded(text, "out_id", 256)
}

pub(super) fn user_data(text: Option<&str>) -> ApiResult<Option<String>> {
    bounded(text, "user_data", 2_048)
}

fn bounded(text: Option<&str>, field: &str, most: usize) -> ApiResult<Option<String>> {
    let text = text.filter(|t| !t.is_empty());
    if text.is_some_and(|t| t.chars().count() > most || t.contains('\0')) {
        let problem = format!("must have {most} characters at most");
        return Err(ApiError::field(field, problem, "send a shorter one"));
    }
    Ok(text.map(str::to_owned))
}

pub(super) fn request_id(text: Option<&str>) -> ApiResult<Option<String>> {
    match text {
        None => Ok(None),
        Some(t) if (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(t.to_owned()))
        }
        Some(_) => {
            let problem = "must be 1 to 64 printable characters";
            Err(ApiError::field("request_id", problem, "send a UUID"))
        }
    }
}

/// The extension that is asked for, in a pool with extensions of so many digits.
pub(super) fn extension(text: Option<&str>, digits: u8) -> ApiResult<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.len() == usize::from(digits) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Some(text.to_owned()));
    }
    let problem = format!("must have {digits} digits, as every extension of this pool");
    Err(ApiError::field("extension", problem, "leave it out to be given one"))
}

/// Digits of a pool's extensions.
pub(super) fn extension_digits(digits: Option<u8>) -> ApiResult<u8> {
    match digits.unwrap_or(4) {
        digits @ 1..=MOST_DIGITS => Ok(digits),
        _ => Err(ApiError::field("extension_digits", "must be 1 to 6", "leave it out for 4")),
    }
}

pub(super) fn grace(minutes: u16) -> ApiResult<i64> {
    match minutes {
        0..=1_440 => Ok(i64::from(minutes) * waybell_domain::clock::MINUTE),
        _ => Err(ApiError::field(
            "grace_minutes",
            "must be 0 to 1440",
            "write minutes, or leave it out for 30",
        )),
    }
}

/// Where the virtual number should be.
pub(super) fn wish(request: &BindRequest) -> ApiResult<Wish> {
    if request.degrade_city_list.len() > 5 {
        return Err(ApiError::field("degrade_city_list", "names more than 5 cities", "name 5 at most"));
    }
    let only = match request.area_match_mode {
        None | Some(1) => false,
        Some(0) => true,
        Some(_) => {
            let hint = "write 0 for these cities alone, 1 for any where there is none";
            return Err(ApiError::field("area_match_mode", "must be 0 or 1", hint));
        }
    };
    let cities = request.expect_city.iter().chain(&request.degrade_city_list).cloned().collect();
    Ok(Wish { cities, only })
}

/// Fails where the organisation asks for more than is good.
pub(super) fn flow(app: &Shared, organisation: waybell_domain::id::OrganisationId) -> ApiResult<()> {
    if app.calls.pooled.may(organisation) { Ok(()) } else { Err(refused(BindRefusal::Flow)) }
}
