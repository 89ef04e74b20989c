//! The report of a bundle: a page to be read and printed, in Chinese and English.

use crate::sheet::escaped;
use chrono::TimeZone;
use chrono_tz::Tz;
use std::fmt::{Display, Write};
use waybell_domain::clock::UnixMs;
use waybell_domain::evidence::{Manifest, ProvedCall, ProvedRecording};
use waybell_domain::lang::Lang;

const HEAD: &str = "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; media-src 'self'\">\
    <title>通话证据 / Evidence of calls</title>\n<style>body{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border:1px solid #999;padding:.2em .6em;text-align:left;\
    vertical-align:top}code{overflow-wrap:anywhere}h2{margin-top:2em}@media print{audio{display:none}}</style></head><body>\n";

/// The page. Everything that came from outside is escaped; it loads nothing.
pub(super) fn html(manifest: &Manifest, zone: Tz) -> String {
    let mut page = Page { text: HEAD.to_owned(), zone };
    page.put("<h1>通话证据 / Evidence of calls</h1>\n<table>\n");
    page.row("单位 / Organisation", &manifest.company);
    page.row("制作时间 / Made at", page.time(manifest.made_at));
    page.row("制作人 / Made by", &manifest.made_by.name);
    page.row("用途 / What for", &manifest.reason);
    page.row("录音链末端 / End of the chain", format!("{}:{}", manifest.head_seq, manifest.head_hash));
    page.put("</table>\n<p>核验 / To check it: <code>waybell verify FILE.zip</code></p>\n");
    for (index, call) in manifest.calls.iter().enumerate() {
        page.call(index + 1, call);
    }
    page.put("</body></html>\n");
    page.text
}

struct Page {
    text: String,
    zone: Tz,
}

impl Page {
    fn put(&mut self, html: &str) {
        self.text.push_str(html);
    }

    fn row(&mut self, name: &str, value: impl Display) {
        let value = escaped(&value.to_string());
        let _ = writeln!(self.text, "<tr><th>{name}</th><td>{value}</td></tr>");
    }

    fn time(&self, at: UnixMs) -> String {
        let time = self.zone.timestamp_millis_opt(at.0).single();
        time.map(|t| t.format("%Y-%m-%d %H:%M:%S %Z").to_string()).unwrap_or_default()
    }

    fn call(&mut self, number: usize, proved: &ProvedCall) {
        let call = &proved.call;
        let _ = writeln!(
            self.text,
            "<h2>{number}. {} / {}</h2>\n<table>",
            call.direction.label(Lang::Zh),
            call.direction.label(Lang::En)
        );
        self.row("编号 / Id", call.id);
        self.row("客户 / Customer", &call.caller);
        self.row("号码 / Number", &call.number);
        if let Some(courier) = &proved.courier {
            self.row("快递员 / Courier", &courier.name);
        }
        self.row("运单 / Waybills", call.waybills.join(" "));
        if let Some(outcome) = call.outcome {
            self.row("结果 / Outcome", format!("{} / {}", outcome.label(Lang::Zh), outcome.label(Lang::En)));
        }
        let times = [
            ("开始 / Began", Some(call.started_at)),
            ("接通 / Connected", call.bridged_at),
            ("结束 / Ended", call.ended_at),
        ];
        for (name, at) in times {
            if let Some(at) = at {
                self.row(name, self.time(at));
            }
        }
        for line in &proved.explain {
            self.row("路由 / Route", format!("{} / {}", line.text_zh, line.text_en));
        }
        for tried in &proved.tries {
            self.row("振铃 / Rung", format!("{} {}", tried.name, self.time(tried.at)));
        }
        self.put("</table>\n");
        for recording in &proved.recordings {
            self.recording(recording);
        }
    }

    fn recording(&mut self, recording: &ProvedRecording) {
        let link = &recording.link;
        self.put("<table>\n");
        self.row("录音 / Recording", link.recording);
        self.row("开始 / Began", self.time(link.started_at));
        self.row("时长 / Length", format!("{}.{:03} s", link.ms / 1_000, link.ms % 1_000));
        self.row("SHA-256", &link.sha256);
        self.row("链 / Chain", format!("{}:{}", link.seq, link.hash));
        if link.lost > 0 {
            self.row("缺失 / Missing", format!("{} 个数据包 / packets", link.lost));
        }
        let problem = match recording.problem.as_deref() {
            Some("gone") => "已过保存期，按规定删除 / its time was over, it was taken away",
            Some("missing") => "文件缺失！ / the file should be there and is not!",
            Some(_) => "文件与链不符！ / the file is not what the chain says!",
            None => "",
        };
        if !problem.is_empty() {
            self.row("注意 / Note", problem);
        }
        self.put("</table>\n");
        if let Some(file) = &recording.file {
            let _ = writeln!(self.text, "<audio controls src=\"{}\"></audio>", escaped(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::evidence::{FORMAT, Party};
    use waybell_domain::id::{OrganisationId, UserId};

    #[test]
    fn what_comes_from_outside_is_text() {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            organisation: OrganisationId::at(1, [1; 10]),
            company: "<script>韵达 & \"Co\"</script>".to_owned(),
            made_at: UnixMs(1_772_413_200_000),
            made_by: Party { id: UserId::at(1, [2; 10]), name: "O'Neil".to_owned() },
            reason: "投诉".to_owned(),
            head_seq: 0,
            head_hash: String::new(),
            calls: Vec::new(),
            files: Vec::new(),
        };
        let page = html(&manifest, chrono_tz::Asia::Shanghai);
        assert!(!page.contains("<script>"), "{page}");
        assert!(
            page.contains("&lt;script&gt;韵达 &amp; &quot;Co&quot;") && page.contains("O&#39;Neil"),
            "{page}"
        );
        assert!(page.contains("2026-03-02 09:00:00 CST"), "{page}");
    }
}
