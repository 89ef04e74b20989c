//! Entries for a spreadsheet.

use waybell_domain::clock::UnixMs;
use waybell_domain::lang::Lang;
use waybell_domain::sheet::{csv, plain};
use waybell_domain::wire::EntryView;

/// UTF-8 with a byte order mark, a line each. Amounts are yuan with all their decimals and no sign of the currency.
pub(super) fn file(entries: &[EntryView], zone: chrono_tz::Tz, lang: Lang) -> Result<Vec<u8>, ::csv::Error> {
    let head = match lang {
        Lang::Zh => [
            "时间",
            "类型",
            "通话",
            "快递员",
            "号码",
            "线路",
            "接通时间",
            "时长（秒）",
            "金额（元）",
            "费率版本",
            "估算",
            "说明",
            "账户",
            "序号",
        ],
        Lang::En => [
            "time",
            "kind",
            "call",
            "courier",
            "number",
            "trunk",
            "answered",
            "seconds",
            "amount (yuan)",
            "prices",
            "estimated",
            "how",
            "account",
            "entry",
        ],
    }
    .map(str::to_owned)
    .to_vec();
    let time = |at: UnixMs| format!("{} {}", at.date(zone), at.hh_mm(zone));
    let text = |of: &Option<String>| plain(of.as_deref().unwrap_or_default());
    let row = |entry: &EntryView| {
        let charge = entry.charge.as_ref();
        vec![
            time(entry.at),
            entry.kind.label(lang).to_owned(),
            entry.call.map(|c| c.label(lang).to_owned()).unwrap_or_default(),
            text(&entry.courier_name),
            text(&entry.number),
            text(&entry.trunk),
            entry.answered_at.map(time).unwrap_or_default(),
            charge.map(|c| seconds(c.talked_ms)).unwrap_or_default(),
            entry.amount.to_string().replace('¥', ""),
            entry.version.map(|v| v.to_string()).unwrap_or_default(),
            if entry.estimated { lang.pick("是", "yes").to_owned() } else { String::new() },
            charge.map_or_else(|| text(&entry.reason), |c| c.explain(lang)),
            entry.account.to_string(),
            entry.seq.to_string(),
        ]
    };
    csv(std::iter::once(head).chain(entries.iter().map(row)))
}

/// `12.345`.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
