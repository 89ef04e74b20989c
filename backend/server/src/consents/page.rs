//! The ledger as a table for spreadsheets (CSV in UTF-8 with a byte order mark) and as a page to print.

use super::ledger::Entry;
use crate::sheet::escaped;
use chrono::TimeZone;
use chrono_tz::Tz;
use waybell_domain::clock::UnixMs;
use waybell_domain::lang::Lang;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::sheet::plain;

const HEADINGS: [(&str, &str); 16] = [
    ("时间", "time"),
    ("来源", "source"),
    ("按键", "key"),
    ("选择", "choice"),
    ("号码", "number"),
    ("收件人", "recipient"),
    ("运单号", "waybills"),
    ("通知", "notice"),
    ("所说内容", "what was said"),
    ("内容版本", "version of the wording"),
    ("呼叫标识", "call id"),
    ("外显号码", "number shown"),
    ("接听时间", "answered"),
    ("结束时间", "ended"),
    ("快递员", "courier"),
    ("备注", "note"),
];

/// Of what the sheet is, and who made it.
pub(super) struct Sheet<'a> {
    pub company: &'a str,
    pub made_by: &'a str,
    pub made_at: UnixMs,
    pub zone: Tz,
    pub lang: Lang,
}

impl Sheet<'_> {
    fn time(&self, at: UnixMs) -> String {
        let time = self.zone.timestamp_millis_opt(at.0).single();
        time.map(|t| t.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    }

    fn cells(&self, e: &Entry) -> [String; 16] {
        let source = match e.source {
            None => self.lang.pick("按键", "key press").to_owned(),
            Some(source) => source.label(self.lang).to_owned(),
        };
        let time = |at: Option<UnixMs>| at.map(|at| self.time(at)).unwrap_or_default();
        [
            self.time(e.at),
            source,
            e.key.clone(),
            choice(&e.preference, self.lang),
            e.phone.as_ref().map(number).unwrap_or_default(),
            e.name.clone(),
            e.waybills.join(" "),
            e.notice.clone(),
            e.said.clone(),
            e.wording.clone(),
            e.call.clone(),
            e.shown.clone(),
            time(e.answered),
            time(e.ended),
            e.courier.clone(),
            e.note.clone(),
        ]
    }

    /// A table for spreadsheets.
    pub(super) fn csv(&self, entries: &[Entry]) -> Result<Vec<u8>, csv::Error> {
        let head = HEADINGS.map(|(zh, en)| self.lang.pick(zh, en).to_owned()).to_vec();
        let row = |e: &Entry| self.cells(e).iter().map(|cell| plain(cell)).collect::<Vec<_>>();
        waybell_domain::sheet::csv(std::iter::once(head).chain(entries.iter().map(row)))
    }

    /// A page to read and print; it loads nothing.
    pub(super) fn html(&self, entries: &[Entry]) -> String {
        let title = self.lang.pick("收件人同意记录", "Consent of recipients");
        let mut out = format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title>\n<style>body{{font:12px/1.4 sans-serif;margin:1em}}table{{border-collapse:collapse;width:100%}}\
             td,th{{border:1px solid #999;padding:.2em .4em;text-align:left;vertical-align:top;overflow-wrap:anywhere}}\
             tr{{break-inside:avoid}}thead{{display:table-header-group}}@page{{size:A4 landscape;margin:10mm}}</style></head><body>\n\
             <h1>{title}</h1>\n<p>{}：{}<br>{}：{} ({})<br>{}：{}<br>{}：{}<br>{}</p>\n<table><thead><tr>",
            self.lang.pick("zh-CN", "en"),
            self.lang.pick("单位", "Organisation"),
            escaped(self.company),
            self.lang.pick("制作时间", "Made at"),
            self.time(self.made_at),
            self.zone.name(),
            self.lang.pick("制作人", "Made by"),
            escaped(self.made_by),
            self.lang.pick("条数", "Entries"),
            entries.len(),
            self.lang.pick(
                "“⟦…⟧”：这句话被按键打断，没有播完",
                "⟦…⟧: a key cut this short; it was not heard to its end"
            ),
        );
        for (zh, en) in HEADINGS {
            out.push_str(&format!("<th>{}</th>", self.lang.pick(zh, en)));
        }
        out.push_str("</tr></thead><tbody>\n");
        for e in entries {
            out.push_str("<tr>");
            for cell in self.cells(e) {
                out.push_str(&format!("<td>{}</td>", escaped(&cell)));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table>\n</body></html>\n");
        out
    }
}

/// A number as people of the mainland write it; others as they are dialled from there.
fn number(phone: &PhoneNumber) -> String {
    let (number, extension) = match phone.key().split_once(";ext=") {
        Some((number, extension)) => (number.to_owned(), format!(" 转 {extension}")),
        None => (phone.key(), String::new()),
    };
    let digits = match number.strip_prefix("+86") {
        Some(here) => here.to_owned(),
        None => number.replacen('+', "00", 1),
    };
    digits + &extension
}

fn choice(preference: &str, lang: Lang) -> String {
    let known = match preference {
        "door" => ("送货上门", "to the door"),
        "station" => ("驿站或快递柜", "station or locker"),
        "later" => ("改时间", "another time"),
        "text_message" => ("发短信", "text message"),
        "courier" => ("接通快递员", "the courier"),
        other => return other.to_owned(),
    };
    lang.pick(known.0, known.1).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            at: UnixMs(1_772_413_200_000),
            source: None,
            key: "2".into(),
            preference: "station".into(),
            phone: PhoneNumber::parse("13800001111转23").ok(),
            name: "=HYPERLINK(\"http://x\",\"<b>王</b>\")".into(),
            waybills: vec!["SF1".into(), "SF2".into()],
            notice: "派件通知".into(),
            said: "您好，韵达快递".into(),
            wording: "0123456789abcdef".into(),
            call: "01a1@x".into(),
            shown: "+862131001234".into(),
            answered: Some(UnixMs(1_772_413_190_000)),
            ended: None,
            courier: "李伟".into(),
            note: String::new(),
        }
    }

    #[test]
    fn nothing_in_it_is_a_formula_or_a_page_of_its_own() {
        let zone = chrono_tz::Asia::Shanghai;
        let sheet = Sheet { company: "A&B", made_by: "<i>", made_at: UnixMs(0), zone, lang: Lang::Zh };
        let csv = sheet.csv(&[entry()]).unwrap();
        let text = std::str::from_utf8(&csv).unwrap();
        assert!(text.starts_with("\u{feff}时间,来源,按键,选择,号码"), "{text}");
        let mut rows = csv::Reader::from_reader(&csv[3..]);
        let row = rows.records().next().unwrap().unwrap();
        assert_eq!(&row[0], "2026-03-02 09:00:00");
        assert_eq!(&row[3], "驿站或快递柜");
        assert_eq!(&row[4], "13800001111 转 23");
        assert_eq!(&row[5], "'=HYPERLINK(\"http://x\",\"<b>王</b>\")");
        assert_eq!(&row[11], "'+862131001234");
        let page = sheet.html(&[entry()]);
        assert!(page.contains("&lt;b&gt;王") && !page.contains("<b>") && page.contains("A&amp;B"), "{page}");
        assert!(page.contains("0123456789abcdef") && page.contains("SF1 SF2"));
    }
}
