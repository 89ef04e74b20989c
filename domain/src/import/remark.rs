//! Rows of a list that are no parcel: totals, who printed it and when, the header once more on the next page.
//!
//! Such a row is told and left aside. It must be nothing else: a row with a waybill number or a telephone number that can be
//! taken is a parcel whatever its other cells say, and one with a cell that fits no total is a bad row.

use super::columns::{ColumnMap, Field, plain};
use super::place::Row;
use super::row::is_parcel;
use crate::search::half_width;

/// What a row is that is no parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// A total, by its words.
    Total(String),
    /// Who made the list, when, which page.
    Foot(String),
    /// The header once more.
    Header,
}

/// Words of a total, behind [`OF`] and before a quantity.
const TOTALS: &[&str] = &[
    "合计",
    "总计",
    "小计",
    "共计",
    "总共",
    "一共",
    "合共",
    "累计",
    "汇总",
    "总数",
    "总量",
    "总件数",
    "总票数",
    "总单数",
    "总数量",
    "总金额",
    "件数合计",
    "数量合计",
    "金额合计",
    "合计数",
    "合计件数",
    "合计票数",
    "合计数量",
    "合计金额",
    "总合计",
    "合計",
    "總計",
    "小計",
    "共計",
    "總數",
];
/// Words that make a total with a number only: 共56件.
const TOTALS_OF: &[&str] = &[
    "共",
    "总",
    "共有",
    "计",
    "件数",
    "数量",
    "票数",
    "应收",
    "应付",
    "实收",
    "实付",
    "代收",
    "代收货款",
    "货款",
    "到付",
    "运费",
    "金额",
    "重量",
    "总重",
    "总重量",
    "总价",
    "总额",
];
/// What is counted, or when, before a total.
const OF: &[&str] = &[
    "本页", "本日", "今日", "当日", "当天", "本单", "本表", "全部", "以上", "派件", "派送", "收件", "快件",
    "包裹",
];
const UNITS: &[&str] = &[
    "件快件",
    "个快件",
    "件包裹",
    "个包裹",
    "单位",
    "公斤",
    "千克",
    "元",
    "件",
    "票",
    "单",
    "个",
    "条",
    "包",
    "箱",
    "份",
    "户",
    "人",
    "行",
    "页",
    "kg",
];
const ENGLISH: &[&str] = &["total", "totals", "subtotal", "subtotals", "sum", "count"];
const ENGLISH_BESIDE: &[&str] = &[
    "grand", "sub", "overall", "page", "of", "the", "amount", "number", "parcel", "parcels", "item", "items",
    "piece", "pieces", "pcs", "row", "rows", "package", "packages", "waybills", "cny", "rmb", "kg",
];
/// What a line at the foot of a list begins with.
const FEET: &[&str] = &[
    "制表",
    "制单",
    "打印",
    "导出",
    "审核",
    "复核",
    "经办",
    "填表",
    "统计",
    "签字",
    "签名",
    "备注",
    "说明",
    "注",
    "日期",
    "时间",
    "页码",
    "服务热线",
    "客服热线",
    "客服电话",
    "投诉电话",
    "printed",
    "exported",
    "prepared",
    "checked",
    "note",
    "notes",
    "remark",
    "remarks",
    "date",
];
/// The same before a colon only: an address begins like them.
const FEET_OF: &[&str] = &[
    "发件", "寄件", "发货", "发出", "交接", "接收", "盖章", "客服", "热线", "投诉", "地址", "网点", "站点",
    "公司", "单位", "负责",
];

/// What the row is; `None` for a parcel, good or bad. `header` is that of the list.
pub(super) fn of(map: &ColumnMap, header: &[Row], cells: &[String]) -> Option<Remark> {
    let waybill = map.get(Field::Waybill)?;
    let cell = cells.get(waybill).map_or("", String::as_str);
    if is_parcel(map, cells) {
        return None;
    }
    let heading = |row: &Row| row.cells.get(waybill).is_some_and(|h| plain(h) == plain(cell));
    if !plain(cell).is_empty() && header.iter().any(heading) {
        return Some(Remark::Header);
    }
    let used: Vec<String> = cells.iter().map(|c| folded(c)).filter(|c| !c.is_empty()).collect();
    let text = || cells.iter().filter(|c| !c.trim().is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let short = |text: String| text.chars().take(40).collect::<String>();
    let of =
        |field: Field| map.get(field).and_then(|at| cells.get(at)).map(|c| folded(c)).unwrap_or_default();
    // a row whose waybill or telephone number is only wrong is a bad row
    let no_number = |field: Field| {
        let cell = of(field);
        let runs = cell.split(|c: char| !(c.is_ascii_digit() || c == '*'));
        is_foot(&cell) || is_total(&cell) || !runs.into_iter().any(|run| run.len() > 4)
    };
    if !no_number(Field::Waybill) || !no_number(Field::Phone) {
        return None;
    }
    if used.iter().any(|c| is_total(c)) && used.iter().all(|c| is_total(c) || is_quantity(c)) {
        return Some(Remark::Total(short(text())));
    }
    let first = used.first()?;
    // 地址:幸福花园3栋 in the address's own column is one
    let says = |field: Field| !of(field).is_empty() && of(field) == *first;
    let own = (says(Field::Address) || says(Field::Name)) && !is_foot_of(first, FEET, &[]);
    (is_foot(first) && !own && used.len() <= 8).then(|| Remark::Foot(short(text())))
}

/// Half width and lower case, without spaces at its ends.
fn folded(cell: &str) -> String {
    let text: String = cell.chars().map(half_width).flat_map(char::to_lowercase).collect();
    text.trim().to_owned()
}

/// Without the units at its end.
fn bare(mut text: &str) -> &str {
    while let Some(rest) = UNITS.iter().find_map(|unit| text.strip_suffix(unit)) {
        text = rest;
    }
    text
}

fn is_total(cell: &str) -> bool {
    // 总计 3 票 应收15.50元
    let mut parts = cell.split_whitespace();
    is_one_total(cell)
        || parts.clone().count() > 1
            && parts.clone().any(is_one_total)
            && parts.all(|part| is_one_total(part) || is_quantity(part))
}

fn is_one_total(cell: &str) -> bool {
    let has_number = cell.chars().any(|c| c.is_ascii_digit());
    let mut words = cell.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty());
    if cell.is_ascii() {
        let all = || words.clone().all(|w| ENGLISH.contains(&w) || ENGLISH_BESIDE.contains(&w));
        return all() && words.any(|w| ENGLISH.contains(&w));
    }
    let letters: String = cell.chars().filter(|c| c.is_alphabetic()).collect();
    // 共3页 counts pages, and is a foot
    if letters.ends_with('页') && !letters.contains("合计") {
        return false;
    }
    let mut word = bare(&letters);
    while let Some(rest) = OF.iter().find_map(|of| word.strip_prefix(of)).filter(|rest| !rest.is_empty()) {
        word = rest;
    }
    // 代收货款合计
    let sums =
        |word: &str| word.chars().count() <= 8 && ["合计", "总计", "小计"].iter().any(|w| word.ends_with(w));
    TOTALS.contains(&word) || sums(word) || has_number && TOTALS_OF.contains(&word)
}

/// A number of things or an amount, or a sign that there is none.
fn is_quantity(cell: &str) -> bool {
    bare(cell).chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || ".,+-/%¥￥$:=*".contains(c))
}

fn is_foot(cell: &str) -> bool {
    is_foot_of(cell, FEET, FEET_OF)
}

/// The same by these words, and by those `before_colon` where a colon follows.
fn is_foot_of(cell: &str, words: &[&str], before_colon: &[&str]) -> bool {
    let letters: String = cell.chars().filter(|c| c.is_alphabetic()).collect();
    let digits = cell.chars().any(|c| c.is_ascii_digit());
    if digits && ["第页", "共页", "第页共页", "page", "pageof"].contains(&letters.as_str()) {
        return true;
    }
    // 打印时间:…, 打印时间2026-09-01, 签字____
    // 签字 alone, with the name or the time in the next cell
    let end = cell.find(|c: char| c == ':' || c == '_' || c.is_ascii_digit()).unwrap_or(cell.len());
    let (label, rest) = cell.split_at(end);
    let label = label.trim();
    if label.chars().count() <= 8 && ["签字", "签名", "盖章", "日期"].iter().any(|w| label.ends_with(w))
    {
        return true;
    }
    let of = if rest.starts_with(':') { before_colon } else { &[] };
    let begins = words.iter().chain(of).find_map(|foot| label.strip_prefix(foot));
    begins.is_some_and(|rest| {
        matches!(
            rest.trim(),
            "" | "人"
                | "员"
                | "方"
                | "时间"
                | "日期"
                | "人员"
                | "单位"
                | "网点"
                | "信息"
                | "地址"
                | "电话"
                | "热线"
                | "签字"
                | "签名"
                | "盖章"
                | "名称"
                | "by"
                | "at"
                | "on"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(cells: &[&str]) -> Option<Remark> {
        let map =
            ColumnMap::of([(Field::Waybill, 0), (Field::Name, 1), (Field::Phone, 2), (Field::Address, 3)]);
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        let header = Row::of(super::super::Place::line(1), row(&["运单号", "收件人", "电话", "地址"]));
        of(&map, &[header], &row(cells))
    }

    #[test]
    fn totals_of_many_hands() {
        for cells in [
            &["合计", "", "", ""][..],
            &["合计：56"],
            &["", "合计", "56", ""],
            &["", "", "", "共 56 件"],
            &["总计", "56件", "", "￥128.50"],
            &["本页小计：12 票"],
            &["小 计", "3"],
            &["Total", "56"],
            &["Grand total: 56 parcels"],
            &["SUM", "1,234.00"],
            &["共计", "56", "-", "/"],
            &["总计 3 票 应收15.50元"],
            &["總計", "56"],
            &["应收 1,280.00 元", ""],
            &["代收货款合计", "", "", "￥2,560"],
            &["代收货款合计：2560元", "应收：1280元"],
        ] {
            let found = remark(cells);
            assert!(matches!(found, Some(Remark::Total(_))), "{cells:?}: {found:?}");
        }
    }

    #[test]
    fn what_can_be_taken_is_a_parcel_whatever_it_says() {
        for cells in [
            &["合计", "", "13800001111", ""][..],
            &["SF1234567890123", "合计", "", ""],
            &["", "总计", "0571-88886666", "56"],
            &["合计", "王芳", "", ""],
            &["合计", "56", "", "幸福花园3栋"],
            &["", "共和", "", ""],
            &["", "王芳", "", "备注：放门口"],
            &["Summer", "1"],
            &["", "", "", "幸福花园3栋"],
            &["", "代收", "", "幸福花园3栋"],
            &["", "", "1380000111", "", "到付35元"],
            &["", "", "138****1234", "", "代收120元"],
            &["", "", "", "地址：幸福花园3栋502"],
            &["", "", "", "收件人地址：幸福花园3栋502", "客户要求下午送"],
            &["", "", "", "公司3号楼"],
            &["共"],
        ] {
            assert_eq!(remark(cells), None, "{cells:?}");
        }
    }

    #[test]
    fn feet_and_headers() {
        for cells in [
            &["制表人：王五", "", "日期：2026-09-01"][..],
            &["打印时间: 2026-09-01 08:00"],
            &["第1页", "共3页"],
            &["Printed by: Wang"],
            &["备注：以上均为当日件"],
            &["客户签字：______", "", "日期：____"],
            &["签字____"],
            &["签字"],
            &["派送员签字:"],
            &["签收人签字"],
            &["打印时间", "2026-11-23 08:00"],
            &["服务热线 95546"],
            &["打印时间 2026-09-01 08:00"],
            &["发件信息：某某电商仓", "", ""],
        ] {
            assert!(matches!(remark(cells), Some(Remark::Foot(_))), "{cells:?}: {:?}", remark(cells));
        }
        assert_eq!(remark(&["运单号*", "收件人", "电话", "地址"]), Some(Remark::Header));
        assert_eq!(remark(&["日期不详", "王芳"]), None);
    }
}
