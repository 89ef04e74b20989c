//! The life of one recipient, decision by decision, put together from what is stored.

use super::rows::{ATTEMPT_COLUMNS, AttemptRow};
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::parcels::rows::{COLUMNS, ParcelRow};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, one};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::dial::plan::SuppressReason;
use waybell_domain::id::EventId;
use waybell_domain::rate::Stopped;
use waybell_domain::wire::{WhyLine, WhyView};

/// Stores a decision that no other table shows.
pub(crate) async fn decide(
    write: &Write,
    now: UnixMs,
    organisation: &str,
    recipient: Option<&str>,
    parcel: Option<&str>,
    what: &str,
    detail: &str,
) -> Result<(), StoreError> {
    write
        .exec(
            "INSERT INTO decision (id, organisation_id, recipient_id, parcel_id, at, what, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                EventId::at(now, rand::random()).to_string().into(),
                organisation.into(),
                recipient.map(str::to_owned).into(),
                parcel.map(str::to_owned).into(),
                now.0.into(),
                what.into(),
                detail.into(),
            ],
        )
        .await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Planned {
    id: String,
    batch_id: String,
    created_at: i64,
    next_at: Option<i64>,
    state: String,
    parcels: String,
    batch_state: String,
    reason: Option<String>,
}

/// What somebody did with a batch.
#[derive(FromQueryResult)]
struct Deed {
    at: i64,
    action: String,
    name: Option<String>,
}

#[derive(FromQueryResult)]
struct Decision {
    at: i64,
    what: String,
    detail: String,
}

#[derive(FromQueryResult)]
struct Consent {
    at: i64,
    key: String,
    preference: String,
}

#[derive(FromQueryResult)]
struct Message {
    created_at: i64,
    sent_at: Option<i64>,
    state: String,
}

/// The story of a waybill, oldest first.
pub async fn of_parcel(app: &App, scope: &Scope, waybill: &str) -> ApiResult<WhyView> {
    let db = app.store.read();
    let (filter, mut values) = scope.filter("p", 1);
    let n = values.len() + 1;
    let waybill = waybill.trim().to_uppercase();
    values.push(waybill.clone().into());
    let sql = format!("SELECT {COLUMNS} FROM parcel p WHERE {filter} AND p.waybill_no = ${n}");
    let parcel: ParcelRow = one(db, &sql, values).await?.ok_or_else(|| ApiError::not_found("parcel"))?;
    let mut lines =
        vec![line(parcel.imported_at, "imported", "已导入当日清单", "imported with the day's list")];
    let planned: Vec<Planned> = all(
        db,
        "SELECT r.id, r.batch_id, b.created_at, r.next_at, r.state, r.parcels, b.state AS batch_state, b.reason \
         FROM recipient_parcel rp \
         JOIN recipient r ON r.id = rp.recipient_id JOIN batch b ON b.id = r.batch_id WHERE rp.parcel_id = $1",
        [parcel.id.clone().into()],
    )
    .await?;
    decisions(db, "parcel_id", &parcel.id, &mut lines).await?;
    lines.extend(crate::parcels::story::of_parcel(db, &parcel.id).await?);
    let stopped = organisation(db, scope.organisation).await?.is_some_and(|o| o.stopped != 0);
    for p in planned {
        let count = serde_json::from_str::<Vec<String>>(&p.parcels).map_or(1, |v| v.len());
        let short = p.batch_id.get(..8).unwrap_or_default();
        lines.push(line(
            p.created_at,
            "planned",
            &format!("列入批次 {short}，本次来电共 {count} 件"),
            &format!("planned in batch {short}, {count} parcel(s) in this call"),
        ));
        decisions(db, "recipient_id", &p.id, &mut lines).await?;
        calls(db, &p.id, &mut lines).await?;
        deeds(db, scope, &p, &mut lines).await?;
        if ["planned", "waiting"].contains(&p.state.as_str())
            && let Some((what, zh, en)) = held(&p, stopped)
        {
            lines.push(line(app.clock.now().0, what, &zh, &en));
            continue;
        }
        if let (Some(at), "waiting") = (p.next_at, p.state.as_str()) {
            lines.push(line(at, "next", "下一次呼叫不早于此时", "next call not before this time"));
        }
    }
    lines.sort_by_key(|l| l.at);
    Ok(WhyView { waybill_no: waybill, lines })
}

/// Why somebody who waits is not rung now; `None` if nothing is in the way.
fn held(p: &Planned, stopped: bool) -> Option<(&'static str, String, String)> {
    match BatchState::parse(&p.batch_state) {
        Some(BatchState::Paused) => {
            let (zh, en) = match p.reason.as_deref().unwrap_or_default() {
                "" => (String::new(), String::new()),
                "restored" => (
                    "：服务器数据由备份恢复".to_owned(),
                    ": the server's data were restored from a backup".to_owned(),
                ),
                other => (format!("：{other}"), format!(": {other}")),
            };
            Some((
                "paused",
                format!("批次已暂停{zh}；继续该批次后再呼"),
                format!("the batch is paused{en}; resume it to go on"),
            ))
        }
        Some(BatchState::NeedsConfirmation) => Some((
            "needs_confirmation",
            "点击到达服务器太晚，等快递员确认后再呼".to_owned(),
            "the tap reached the server late: it waits for the courier's confirmation".to_owned(),
        )),
        _ if stopped => Some((
            "stopped",
            "管理员已停止所有呼叫，恢复后再呼".to_owned(),
            "an administrator holds all calls; they go on when released".to_owned(),
        )),
        _ => None,
    }
}

/// Undo, pause, resume, confirmation of the batch, with who did it. An undo names what it meant for this person.
async fn deeds(
    db: &sea_orm::DatabaseConnection,
    scope: &Scope,
    p: &Planned,
    lines: &mut Vec<WhyLine>,
) -> ApiResult<()> {
    let sql = "SELECT a.at, a.action, p.name FROM audit a LEFT JOIN person p ON p.id = a.person_id \
               WHERE a.organisation_id = $1 AND a.at >= $2 AND a.subject = $3 \
               AND a.action IN ('undo', 'pause', 'resume', 'confirm')";
    let values = [scope.organisation.to_string().into(), p.created_at.into(), p.batch_id.clone().into()];
    for d in all::<Deed, _>(db, sql, values).await? {
        let name = d.name.as_deref().unwrap_or("?");
        let (zh, en) = match (d.action.as_str(), p.state.as_str()) {
            ("undo", "cancelled") => {
                (format!("{name} 撤销了批次：不再呼叫此人"), format!("undone by {name}: not called"))
            }
            ("undo", _) => (
                format!("{name} 撤销了批次：已开始的通话不打断，之后不再呼叫"),
                format!("undone by {name}: a call that had begun went on, no other follows"),
            ),
            ("pause", _) => (format!("{name} 暂停了批次"), format!("paused by {name}")),
            ("resume", _) => (format!("{name} 让批次继续"), format!("resumed by {name}")),
            (_, _) => (format!("{name} 确认了这次呼叫"), format!("confirmed by {name}")),
        };
        let what = if d.action == "undo" { "undone" } else { d.action.as_str() };
        lines.push(line(d.at, what, &zh, &en));
    }
    Ok(())
}

/// The state of a call, in Chinese.
fn call_state(word: &str) -> &str {
    match word {
        "intent" => "即将拨出",
        "sent" => "已拨出",
        "ringing" => "振铃中",
        "cancelling" => "正在取消",
        "answered" => "通话中",
        "ended" => "已结束",
        other => other,
    }
}

/// What a recipient asked for by key, in Chinese.
fn wish(word: &str) -> &str {
    match word {
        "door" => "送货上门",
        "station" => "放驿站或快递柜",
        "later" => "改时间派送",
        "text_message" => "发短信",
        "courier" => "接通快递员",
        other => other,
    }
}

async fn decisions(
    db: &sea_orm::DatabaseConnection,
    column: &str,
    id: &str,
    lines: &mut Vec<WhyLine>,
) -> ApiResult<()> {
    let sql = format!("SELECT at, what, detail FROM decision WHERE {column} = $1");
    for d in all::<Decision, _>(db, &sql, [id.into()]).await? {
        let (zh, en) = match d.what.as_str() {
            "suppressed" => {
                let reason = SuppressReason::parse(&d.detail);
                (
                    format!("不呼叫：{}", reason.map_or(d.detail.as_str(), |r| r.label_zh())),
                    format!("not called: {}", reason.map_or(d.detail.as_str(), |r| r.label_en())),
                )
            }
            "next_route" => (
                format!("线路拒绝，换线 {}", d.detail),
                format!("the route refused, next route {}", d.detail),
            ),
            "recovered" => (
                format!("服务器重启，向网络查询此通话（重启时{}）", call_state(&d.detail)),
                format!("the server restarted and asked the network about this call (it was {})", d.detail),
            ),
            "answer_hours" => answer_hours(&d.detail),
            "gave_up" => (
                "不再呼叫：没有可用的外显号码".to_owned(),
                "not called again: no number is left that the carrier would show".to_owned(),
            ),
            "withdrawn" => (
                format!("已撤回：{}说不再派送", sayer_zh(&d.detail)),
                format!("withdrawn: {} took it off", sayer_en(&d.detail)),
            ),
            "brought_back" => (
                format!("恢复派送：{}又列入", sayer_zh(&d.detail)),
                format!("back on the list: {} brought it again", sayer_en(&d.detail)),
            ),
            "put_off" if d.detail == super::spent::OVER => (
                "明天再呼：今日通知的时长或费用已达上限".to_owned(),
                "tomorrow: the cap on what a day's notices may last or cost is reached".to_owned(),
            ),
            "put_off" if d.detail == super::shown::OVER => (
                "明天再呼：可用的外显号码今日次数都已达上限".to_owned(),
                "tomorrow: every number that could be shown has been shown as often as a day allows"
                    .to_owned(),
            ),
            "put_off" if Stopped::parse(&d.detail).is_some() => {
                let stopped = Stopped::parse(&d.detail);
                let (zh, en) = stopped.map_or(("", ""), |s| (s.label_zh(), s.label_en()));
                (format!("稍后再呼：{zh}"), format!("put off: {en}"))
            }
            "put_off" => {
                let zh = match d.detail.as_str() {
                    "the storage failed before the call was sent" => "拨出之前保存失败".to_owned(),
                    other => format!("暂时无法拨出（{other}）"),
                };
                (format!("稍后再呼：{zh}"), format!("put off: {}", d.detail))
            }
            _ => (d.detail.clone(), d.detail.clone()),
        };
        lines.push(line(d.at, &d.what, &zh, &en));
    }
    Ok(())
}

/// Who took a parcel off, or brought it back, in Chinese.
fn sayer_zh(by: &str) -> &'static str {
    if by == "list" { "后来的清单" } else { "运单系统" }
}

fn sayer_en(by: &str) -> &'static str {
    if by == "list" { "a later list" } else { "the waybill system" }
}

/// `18-20 3/4`: when it is tried again, and why then.
fn answer_hours(detail: &str) -> (String, String) {
    let parts = detail
        .split_once(' ')
        .and_then(|(hours, share)| Some((hours.split_once('-')?, share.split_once('/')?)));
    match parts {
        Some(((from, to), (answered, tried))) => (
            format!("等到 {from} 点至 {to} 点再呼：此号码在这个时段 {tried} 次接听过 {answered} 次"),
            format!("tried again between {from} and {to} h: it answered then {answered} times of {tried}"),
        ),
        None => (detail.to_owned(), detail.to_owned()),
    }
}

async fn calls(db: &sea_orm::DatabaseConnection, recipient: &str, lines: &mut Vec<WhyLine>) -> ApiResult<()> {
    let sql =
        format!("SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.recipient_id = $1 ORDER BY a.attempt_no");
    for a in all::<AttemptRow, _>(db, &sql, [recipient.into()]).await? {
        let n = a.attempt_no;
        lines.push(line(
            a.intent_at,
            "intent",
            &format!("第 {n} 次呼叫，线路 {}，外显 {}", a.trunk, a.display_number),
            &format!("call {n} by trunk {}, showing {}", a.trunk, a.display_number),
        ));
        if let Some(at) = a.ring_at {
            lines.push(line(at, "ringing", "对方振铃", "ringing"));
        }
        if let Some(at) = a.answer_at {
            lines.push(line(at, "answered", "已接听", "answered"));
        }
        if let Some(at) = a.end_at {
            let outcome = a.outcome.as_deref().and_then(CallOutcome::parse).unwrap_or(CallOutcome::Unknown);
            let status =
                |open, close| a.sip_status.map(|s| format!("{open}SIP {s}{close}")).unwrap_or_default();
            let doubt = outcome == CallOutcome::Unknown;
            let (zh, en) =
                if doubt { ("，不确定是否响过铃", ", it may have rung") } else { ("", "") };
            lines.push(line(
                at,
                "ended",
                &format!("结果：{}{zh}{}", outcome.label_zh(), status("（", "）")),
                &format!("result: {}{en}{}", outcome.label_en(), status(" (", ")")),
            ));
        }
        let consents: Vec<Consent> =
            all(db, "SELECT at, key, preference FROM consent WHERE attempt_id = $1", [a.id.into()]).await?;
        for c in consents {
            lines.push(line(
                c.at,
                "key",
                &format!("按键 {}（{}），已存为同意记录", c.key, wish(&c.preference)),
                &format!("pressed {} ({}), kept as consent", c.key, c.preference),
            ));
        }
    }
    let sql = "SELECT created_at, sent_at, state FROM message WHERE recipient_id = $1";
    for m in all::<Message, _>(db, sql, [recipient.into()]).await? {
        lines.push(line(m.created_at, "text_message", "改发短信", "a text message is sent instead"));
        if let Some(at) = m.sent_at {
            lines.push(line(at, "text_sent", "短信已发出", "text message handed over"));
        } else if m.state == "failed" {
            lines.push(line(
                m.created_at,
                "text_failed",
                "短信未能发出",
                "the text message could not be sent",
            ));
        }
    }
    Ok(())
}

fn line(at: i64, what: &str, zh: &str, en: &str) -> WhyLine {
    WhyLine { at: UnixMs(at), what: what.into(), zh: zh.into(), en: en.into() }
}
