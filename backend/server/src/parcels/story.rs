//! What was done with a parcel at doors and between couriers, as lines of its life.

use crate::http::error::ApiResult;
use crate::store::all;
use sea_orm::{DatabaseConnection, FromQueryResult};
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::parcel::Deed;
use waybell_domain::wire::WhyLine;

#[derive(FromQueryResult)]
struct Done {
    deed: String,
    proof: String,
    name: Option<String>,
    wall: i64,
    acted_at: i64,
    by_wall_clock: i64,
    received_at: i64,
    undone_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Moved {
    by_name: Option<String>,
    from_name: Option<String>,
    to_name: Option<String>,
    at: i64,
}

/// An arrival so long after the deed is told.
const LATE: i64 = 2 * MINUTE;

/// The lines of a parcel, in no order.
pub(crate) async fn of_parcel(db: &DatabaseConnection, parcel: &str) -> ApiResult<Vec<WhyLine>> {
    let mut lines = Vec::new();
    let sql = "SELECT e.deed, e.proof, w.name, e.wall, e.acted_at, e.by_wall_clock, e.received_at, e.undone_at \
               FROM deed_parcel d JOIN deed e ON e.id = d.deed_id LEFT JOIN person w ON w.id = e.courier_id \
               WHERE d.parcel_id = $1";
    for done in all::<Done, _>(db, sql, [parcel.into()]).await? {
        let Ok(deed) = serde_json::from_str::<Deed>(&done.deed) else {
            tracing::error!(parcel, "a deed does not read back");
            continue;
        };
        let name = done.name.as_deref().unwrap_or("?");
        let (mut zh, mut en) = (format!("{name} 登记：{}", zh(&deed)), format!("{name}: {}", en(&deed)));
        if done.proof != "[]" {
            zh += "，附照片";
            en += ", with a photo";
        }
        if done.by_wall_clock != 0 {
            zh += "（时间为手机时钟所示）";
            en += " (by the phone's own clock)";
        } else if done.wall.saturating_sub(done.acted_at).saturating_abs() > LATE {
            zh += "（手机时钟不准，已校正）";
            en += " (the phone's clock was wrong; corrected)";
        }
        let wait = done.received_at.saturating_sub(done.acted_at);
        let late = wait / MINUTE;
        if wait > LATE {
            zh += &format!("（{late} 分钟后送达服务器）");
            en += &format!(" (reached the server {late} min later)");
        }
        lines.push(line(done.acted_at, "deed", zh, en));
        if let Some(at) = done.undone_at {
            lines.push(line(at, "deed_undone", format!("{name} 撤销了登记"), format!("undone by {name}")));
        }
    }
    let sql = "SELECT b.name AS by_name, f.name AS from_name, t.name AS to_name, h.at FROM handed_over h \
               LEFT JOIN person b ON b.id = h.person_id LEFT JOIN person f ON f.id = h.from_id \
               LEFT JOIN person t ON t.id = h.to_id WHERE h.parcel_id = $1";
    for moved in all::<Moved, _>(db, sql, [parcel.into()]).await? {
        let said = |n: &Option<String>| n.clone().unwrap_or_else(|| "?".into());
        let (by, from, to) = (said(&moved.by_name), said(&moved.from_name), said(&moved.to_name));
        let (zh, en) = if by == from {
            (format!("{from} 转交给 {to}"), format!("handed over by {from} to {to}"))
        } else {
            (format!("{by} 将其由 {from} 转交给 {to}"), format!("handed over by {by} from {from} to {to}"))
        };
        lines.push(line(moved.at, "handed_over", zh, en));
    }
    Ok(lines)
}

fn line(at: i64, what: &str, zh: String, en: String) -> WhyLine {
    WhyLine { at: UnixMs(at), what: what.into(), zh, en }
}

fn zh(deed: &Deed) -> String {
    let kind = deed.kind().label_zh();
    let consent =
        deed.consent().map(|c| format!("，已征得同意（{}）", c.source.label_zh())).unwrap_or_default();
    let detail = match deed {
        Deed::Sign { by, name, cash } => {
            let name = name.as_deref().map(|n| format!(" {n}")).unwrap_or_default();
            let cash = cash.map(|c| format!("，代收 {c}")).unwrap_or_default();
            format!("（{}{name}）{cash}", by.label_zh())
        }
        Deed::Station { place, code, .. } | Deed::Locker { place, code, .. } => {
            let code = code.as_deref().map(|c| format!("，取件码 {c}")).unwrap_or_default();
            format!("（{place}{code}）")
        }
        Deed::Door { note, .. } | Deed::Return { note } => {
            note.as_deref().map(|n| format!("（{n}）")).unwrap_or_default()
        }
        Deed::Exception { reason, note, .. } => {
            let note = note.as_deref().map(|n| format!("：{n}")).unwrap_or_default();
            format!("（{}{note}）", reason.label_zh())
        }
        Deed::PickUp { weight_g, sum, payer, .. } => {
            let weight = weight_g.map(|g| format!("，{g} 克")).unwrap_or_default();
            let payer = payer.map(|p| format!("，{}", p.label_zh())).unwrap_or_default();
            let sum = sum.map(|s| format!("，收 {s}")).unwrap_or_default();
            format!("{weight}{payer}{sum}")
        }
    };
    format!("{kind}{detail}{consent}")
}

fn en(deed: &Deed) -> String {
    let kind = deed.kind().label_en();
    let consent = deed.consent().map(|c| format!(", agreed {}", c.source.label_en())).unwrap_or_default();
    let detail = match deed {
        Deed::Sign { by, name, cash } => {
            let name = name.as_deref().map(|n| format!(" {n}")).unwrap_or_default();
            let cash = cash.map(|c| format!(", {c} collected")).unwrap_or_default();
            format!(" to {}{name}{cash}", by.label_en())
        }
        Deed::Station { place, code, .. } | Deed::Locker { place, code, .. } => {
            let code = code.as_deref().map(|c| format!(", code {c}")).unwrap_or_default();
            format!(" ({place}{code})")
        }
        Deed::Door { note, .. } | Deed::Return { note } => {
            note.as_deref().map(|n| format!(" ({n})")).unwrap_or_default()
        }
        Deed::Exception { reason, note, .. } => {
            let note = note.as_deref().map(|n| format!(", {n}")).unwrap_or_default();
            format!(" ({}{note})", reason.label_en())
        }
        Deed::PickUp { weight_g, sum, payer, .. } => {
            let weight = weight_g.map(|g| format!(", {g} g")).unwrap_or_default();
            let payer = payer.map(|p| format!(", paid by {}", p.label_en())).unwrap_or_default();
            let sum = sum.map(|s| format!(", {s} collected")).unwrap_or_default();
            format!("{weight}{payer}{sum}")
        }
    };
    format!("{kind}{detail}{consent}")
}
