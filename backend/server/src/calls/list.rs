//! `GET /api/v1/calls`: calls of both directions, what asks for something first.
//!
//! **Pages.** The order goes by urgency, and urgency changes while somebody turns pages: a call ends as missed, a colleague
//! marks one as handled. So a page's mark names the revision at which the first page was read, and every later page sorts the
//! calls as they stood then: nothing changes its place, and nothing is passed over. What is shown of a call is how it is now.

use super::search::conditions;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::query::Query;
use crate::keys::Keys;
use crate::recordings::Filed;
use crate::store::scope::Scope;
use crate::store::{all, one};
use crate::transcripts::read_intents;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, BranchId, CallId, NumberId, RecordingId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{AudioView, CallDirection, CallResult, CallView, ErrorBody, Role, TranscriptView};

/// Answers with more behind them carry this header; given back as `page`, it gives what follows.
pub const NEXT: &str = "x-next-page";

/// Columns that a [`Row`] is read from, of [`FROM`].
pub(crate) const COLUMNS: &str = "c.id, c.direction, COALESCE(n.number_key, c.shown, '') AS number_key, c.number_id, c.branch_id, \
     c.area_id, c.courier_id, c.customer_key, c.outcome, c.parcels, c.explain, c.tries, c.started_at, c.bridged_at, c.ended_at, \
     c.handled_at, c.handled_by, c.keep_until, \
     r.id AS audio_id, r.kind AS audio_kind, r.state AS audio_state, r.ms AS audio_ms, r.lost AS audio_lost, \
     r.hash AS audio_hash, r.problem AS audio_problem, r.keep_until AS audio_keep, r.path AS audio_path, \
     r.key_id AS audio_key, r.sealed_key AS audio_sealed_key, r.words_state, r.words, r.words_intents, r.words_engine, \
     r.words_at";
/// Calls `c` with number and recording.
pub(crate) const FROM: &str = "phone_call c LEFT JOIN published_number n ON n.id = c.number_id \
     LEFT JOIN recording r ON r.phone_call_id = c.id AND r.state <> 'empty'";

/// A call as it is stored.
#[derive(FromQueryResult)]
pub(crate) struct Row {
    id: String,
    direction: String,
    number_key: String,
    number_id: Option<String>,
    branch_id: Option<String>,
    area_id: Option<String>,
    courier_id: Option<String>,
    pub customer_key: Option<String>,
    pub outcome: Option<String>,
    parcels: String,
    pub explain: String,
    pub tries: String,
    started_at: i64,
    bridged_at: Option<i64>,
    ended_at: Option<i64>,
    handled_at: Option<i64>,
    handled_by: Option<String>,
    keep_until: i64,
    audio_id: Option<String>,
    audio_kind: Option<String>,
    audio_state: Option<String>,
    audio_ms: Option<i64>,
    audio_lost: Option<i64>,
    audio_hash: Option<String>,
    audio_problem: Option<String>,
    audio_keep: Option<i64>,
    audio_path: Option<String>,
    audio_key: Option<String>,
    audio_sealed_key: Option<String>,
    words_state: Option<String>,
    words: Option<String>,
    words_intents: Option<String>,
    words_engine: Option<String>,
    words_at: Option<i64>,
}

impl Row {
    /// A customer rang.
    pub(crate) fn is_incoming(&self) -> bool {
        self.direction == CallDirection::Incoming.as_str()
    }

    /// The wire form for somebody of this role. `None` for a row that does not read.
    pub(crate) fn view(&self, role: Role, now: UnixMs) -> Option<CallView> {
        let user = |id: &Option<String>| id.as_deref().map(UserId::parse).transpose().ok();
        Some(CallView {
            id: CallId::parse(&self.id).ok()?,
            direction: CallDirection::parse(&self.direction)?,
            number: self.number_key.clone(),
            number_id: self.number_id.as_deref().map(NumberId::parse).transpose().ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            area: self.area_id.as_deref().map(AreaId::parse).transpose().ok()?,
            courier: user(&self.courier_id)?,
            caller: self.customer(role, now),
            waybills: serde_json::from_str(&self.parcels).unwrap_or_default(),
            outcome: self.outcome.as_deref().and_then(CallResult::parse),
            started_at: UnixMs(self.started_at),
            bridged_at: self.bridged_at.map(UnixMs),
            ended_at: self.ended_at.map(UnixMs),
            handled_at: self.handled_at.map(UnixMs),
            handled_by: user(&self.handled_by)?,
            audio: self.audio(),
        })
    }

    fn audio(&self) -> Option<AudioView> {
        Some(AudioView {
            id: RecordingId::parse(self.audio_id.as_deref()?).ok()?,
            kind: self.audio_kind.clone()?,
            state: self.audio_state.clone()?,
            ms: self.audio_ms?,
            lost: self.audio_lost?,
            sha256: self.audio_hash.clone(),
            problem: self.audio_problem.clone(),
            keep_until: UnixMs(self.audio_keep?),
            transcript: self.transcript(),
        })
    }

    /// What a machine wrote down, without its words: those are sealed ([`Row::words`]).
    fn transcript(&self) -> Option<TranscriptView> {
        Some(TranscriptView {
            state: self.words_state.clone().filter(|state| state != "off")?,
            text: None,
            intents: read_intents(self.words_intents.as_deref()),
            engine: self.words_engine.clone().unwrap_or_default(),
            at: UnixMs(self.words_at?),
        })
    }

    /// Puts the words of its voicemail into its view. Those that do not open stay away: the sound says why.
    pub(crate) async fn words<C: ConnectionTrait>(&self, keys: &Keys, db: &C, view: &mut CallView) {
        let shown = view.audio.as_mut().and_then(|audio| audio.transcript.as_mut());
        let (Some(shown), Some(sealed), Some(id)) = (shown, &self.words, &self.audio_id) else { return };
        let path = self.audio_path.clone().unwrap_or_default();
        let filed = Filed::read(id, path, self.audio_key.clone(), self.audio_sealed_key.clone());
        let Some(filed) = filed else { return };
        match keys.open_words(db, &filed, sealed).await {
            Ok(text) => shown.text = Some(text),
            Err(error) => tracing::warn!(recording = %id, %error, "the text of a voicemail does not open"),
        }
    }

    /// Neither side learns the other's number: a courier sees whom to call back, not the number.
    fn customer(&self, role: Role, now: UnixMs) -> String {
        let key = self.customer_key.as_deref();
        match (key, key.map(PhoneNumber::from_key)) {
            (Some(key), _) if role.is_administrator() || role == Role::Supervisor => key.to_owned(),
            (_, Some(Ok(number))) => number.masked(),
            (_, Some(Err(_))) => "****".to_owned(),
            _ if self.keep_until < now.0 => "gone".to_owned(),
            _ => "anonymous".to_owned(),
        }
    }

    fn mark(&self, asof: i64, class: i64, no_parcels: i64) -> Mark {
        Mark { asof, class, no_parcels, started_at: self.started_at, id: self.id.clone() }
    }
}

#[derive(FromQueryResult)]
struct Listed {
    class: i64,
    no_parcels: i64,
}

/// Which calls.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct CallsQuery {
    /// `incoming` or `outgoing`; both without.
    direction: Option<String>,
    /// `answered`, `voicemail`, `missed`, `blocked`, `busy`, `declined`, `no_answer`, `failed`, `courier_away`, `no_line`,
    /// `cancelled`, `interrupted`; several with commas; all without.
    outcome: Option<String>,
    /// Only those that nobody has handled, of those that ask for it (incoming and missed, voicemail, interrupted).
    open: bool,
    /// Only the own ones.
    mine: bool,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// Only those that began before this moment.
    before: Option<i64>,
    /// Only those that began at this moment or later.
    pub(super) since: Option<i64>,
    /// Of the customer's number: the whole, or three digits or more of it; a courier: its last four.
    pub(super) caller: Option<String>,
    /// Of the number that was rung or shown: the whole, or its end.
    pub(super) number: Option<String>,
    /// Id of the courier.
    pub(super) courier: Option<String>,
    /// A waybill number that the customer had at that time.
    pub(super) waybill: Option<String>,
    /// With so many seconds of sound or more.
    pub(super) longer_s: Option<u32>,
    /// With so many seconds of sound or less.
    pub(super) shorter_s: Option<u32>,
    /// Only voicemails whose caller, by the machine's text, wants this: `complaint`, `refuse`, `later`, `leave_at`, `door`,
    /// `where_is_it`, `call_back`; several with commas.
    pub(super) intent: Option<String>,
    /// Only those with a recording or a voicemail.
    pub(super) recorded: bool,
    /// `newest`: the newest first; without it, the most urgent.
    order: Option<String>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

/// Where a page ended.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    /// Revision at which the first page was read.
    asof: i64,
    class: i64,
    no_parcels: i64,
    started_at: i64,
    id: String,
}

impl Mark {
    fn parse(text: &str) -> Option<Mark> {
        let mut parts = text.splitn(5, '.');
        let mut next = || parts.next()?.parse::<i64>().ok();
        let (asof, class, no_parcels, started_at) = (next()?, next()?, next()?, next()?);
        let id = CallId::parse(parts.next()?).ok()?.to_string();
        Some(Mark { asof, class, no_parcels, started_at, id })
    }

    fn text(&self) -> String {
        format!("{}.{}.{}.{}.{}", self.asof, self.class, self.no_parcels, self.started_at, self.id)
    }
}

/// Calls of both directions: a courier's own, a branch's or the organisation's. What nobody has handled comes first, then
/// customers with parcels on their way, then the newest. Where there are more, the header `x-next-page` says how to go on; a
/// call that changes meanwhile is neither passed over nor told twice.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", security(("bearer" = [])), params(CallsQuery),
    responses((status = 200, body = [CallView]), (status = 422, body = ErrorBody)))]
pub async fn list_calls(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CallsQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<CallView>>)> {
    let scope = &signed.scope;
    let mark = query.page.as_deref().map(Mark::parse).map(|m| {
        m.ok_or_else(|| {
            ApiError::field("page", "is none of ours", "give back the header x-next-page as it was")
        })
    });
    let mark = mark.transpose()?;
    let asof = mark.as_ref().map_or_else(|| *app.store.committed().borrow(), |m| m.asof);
    let (mut filter, mut values) = scope.filter("c", 1);
    // those over virtual numbers have records of their own
    filter.push_str(" AND c.direction <> 'bound'");
    values.push(asof.into());
    let t = values.len();
    let asks = format!(
        "(c.direction = 'incoming' AND c.outcome IN ('missed', 'voicemail', 'interrupted') AND c.ended_rev <= ${t} \
         AND (c.handled_rev IS NULL OR c.handled_rev > ${t}))"
    );
    let (class, no_parcels) = match query.order.as_deref() {
        None | Some("") => {
            (format!("CASE WHEN {asks} THEN 0 ELSE 1 END"), "CASE WHEN c.parcels = '[]' THEN 1 ELSE 0 END")
        }
        Some("newest") => ("0".to_owned(), "0"),
        Some(_) => {
            return Err(ApiError::field("order", "there is no such order", "write newest, or leave it out"));
        }
    };
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {}", sql.replace('?', &format!("${}", values.len()))));
    };
    if let Some(word) = &query.direction {
        let direction = CallDirection::parse(word).ok_or_else(|| {
            ApiError::field("direction", "there is no such direction", "write incoming or outgoing")
        })?;
        also("c.direction = ?", direction.as_str().into());
    }
    if let Some(words) = &query.outcome {
        let mut known = Vec::new();
        for word in words.split(',') {
            let outcome = CallResult::parse(word.trim()).ok_or_else(|| {
                ApiError::field("outcome", "there is no such outcome", "write answered, voicemail, missed")
            })?;
            known.push(format!("'{}'", outcome.as_str()));
        }
        also(&format!("c.outcome IN ({}) AND ? = 1", known.join(",")), 1i64.into());
    }
    if query.open {
        also(&format!("{asks} AND ? = 1"), 1i64.into());
    }
    if query.mine {
        also("c.courier_id = ?", scope.person.to_string().into());
    }
    if let Some(before) = query.before {
        also("c.started_at < ?", before.into());
    }
    conditions(&query, scope, &mut also)?;
    if let Some(mark) = &mark {
        let from = values.len();
        filter.push_str(&format!(
            " AND ({class} > ${a} OR {class} = ${a} AND ({no_parcels} > ${b} OR {no_parcels} = ${b} AND (c.started_at < ${c} \
             OR c.started_at = ${c} AND c.id < ${d})))",
            a = from + 1,
            b = from + 2,
            c = from + 3,
            d = from + 4
        ));
        values.extend([mark.class, mark.no_parcels, mark.started_at].map(Value::from));
        values.push(mark.id.clone().into());
    }
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let sql = format!(
        "SELECT {COLUMNS}, CAST({class} AS BIGINT) AS class, CAST({no_parcels} AS BIGINT) AS no_parcels FROM {FROM} WHERE {filter} \
         ORDER BY class, no_parcels, c.started_at DESC, c.id DESC LIMIT {limit}"
    );
    let rows: Vec<WithClass> = all(app.store.read(), &sql, values).await?;
    let mut headers = HeaderMap::new();
    if let (true, Some(last)) = (rows.len() == limit as usize, rows.last())
        && let Ok(next) = last.row.mark(asof, last.place.class, last.place.no_parcels).text().parse()
    {
        headers.insert(NEXT, next);
    }
    let now = app.clock.now();
    let mut views = Vec::with_capacity(rows.len());
    for WithClass { row, .. } in &rows {
        let Some(mut view) = row.view(scope.role, now) else { continue };
        // of others' voicemails the text is asked for one by one, because that is kept in the audit
        if view.courier == Some(scope.person) {
            row.words(&app.keys, app.store.read(), &mut view).await;
        }
        views.push(view);
    }
    Ok((headers, Json(views)))
}

struct WithClass {
    row: Row,
    place: Listed,
}

impl FromQueryResult for WithClass {
    fn from_query_result(found: &sea_orm::QueryResult, prefix: &str) -> Result<Self, sea_orm::DbErr> {
        let place = Listed::from_query_result(found, prefix)?;
        Ok(WithClass { row: Row::from_query_result(found, prefix)?, place })
    }
}

/// One call that the asker may see.
pub(crate) async fn stored_call<C: ConnectionTrait>(db: &C, scope: &Scope, id: CallId) -> ApiResult<Row> {
    let (filter, mut values) = scope.filter("c", 2);
    values.insert(0, id.to_string().into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE c.id = $1 AND {filter} ORDER BY r.started_at DESC");
    let row: Option<Row> = one(db, &sql, values).await?;
    row.ok_or_else(|| ApiError::not_found("call"))
}

/// The same, by the text of its id.
pub(super) async fn one_call(app: &Shared, scope: &Scope, id: &str) -> ApiResult<Row> {
    let id = CallId::parse(id).map_err(|_| ApiError::not_found("call"))?;
    stored_call(app.store.read(), scope, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_travels() {
        let id = CallId::at(1, [1; 10]).to_string();
        let mark = Mark { asof: 7, class: 0, no_parcels: 1, started_at: 1_772_413_200_000, id };
        assert_eq!(Mark::parse(&mark.text()), Some(mark));
        for text in
            ["", "1.0.1.2", "1.0.1.2.x", "a.0.1.2.0198a1b2-0000-7000-8000-000000000002", "1.0.1.2.' OR 1=1"]
        {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }
}
