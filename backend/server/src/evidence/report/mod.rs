//! The report of a bundle, in Chinese and English: once, as pieces; then as a page to be read and as one to be printed.

mod html;
mod pdf;

use chrono::TimeZone;
use chrono_tz::Tz;
use std::fmt::Display;
use waybell_domain::clock::UnixMs;
use waybell_domain::evidence::{Manifest, ProvedCall, ProvedRecording};
use waybell_domain::lang::Lang;

const TITLE: &str = "通话证据 / Evidence of calls";

/// What a report says, without how it looks.
pub(super) struct Report {
    pieces: Vec<Piece>,
    zone: Tz,
}

/// A part of a report. Its texts came from outside in part: whoever writes them out escapes them.
enum Piece {
    Heading(String),
    /// Names and values.
    Table(Vec<(&'static str, String)>),
    /// What to do, and the command for it.
    Command(&'static str, &'static str),
    /// The name of a file in the bundle.
    Sound(String),
}

impl Report {
    pub(super) fn new(manifest: &Manifest, zone: Tz) -> Self {
        let mut report = Self { pieces: Vec::new(), zone };
        report.pieces.push(Piece::Table(Vec::new()));
        report.row("单位 / Organisation", &manifest.company);
        report.row("制作时间 / Made at", report.time(manifest.made_at));
        report.row("制作人 / Made by", &manifest.made_by.name);
        report.row("用途 / What for", &manifest.reason);
        report.row("录音链末端 / End of the chain", format!("{}:{}", manifest.head_seq, manifest.head_hash));
        report.pieces.push(Piece::Command("核验 / To check it:", "waybell verify FILE.zip"));
        for (index, call) in manifest.calls.iter().enumerate() {
            report.call(index + 1, call);
        }
        report
    }

    /// A page that loads nothing.
    pub(super) fn html(&self) -> String {
        html::page(&self.pieces)
    }

    /// The same on paper (A4).
    pub(super) fn pdf(&self) -> Vec<u8> {
        pdf::document(&self.pieces)
    }

    fn row(&mut self, name: &'static str, value: impl Display) {
        if let Some(Piece::Table(rows)) = self.pieces.last_mut() {
            rows.push((name, value.to_string()));
        }
    }

    fn time(&self, at: UnixMs) -> String {
        let time = self.zone.timestamp_millis_opt(at.0).single();
        time.map(|t| t.format("%Y-%m-%d %H:%M:%S %Z").to_string()).unwrap_or_default()
    }

    fn call(&mut self, number: usize, proved: &ProvedCall) {
        let call = &proved.call;
        let direction = call.direction;
        let heading = format!("{number}. {} / {}", direction.label(Lang::Zh), direction.label(Lang::En));
        self.pieces.extend([Piece::Heading(heading), Piece::Table(Vec::new())]);
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
        for recording in &proved.recordings {
            self.recording(recording);
        }
    }

    fn recording(&mut self, recording: &ProvedRecording) {
        let link = &recording.link;
        self.pieces.push(Piece::Table(Vec::new()));
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
        if let Some(file) = &recording.file {
            self.row("文件 / File", file);
            self.pieces.push(Piece::Sound(file.clone()));
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
        let page = Report::new(&manifest, chrono_tz::Asia::Shanghai).html();
        assert!(!page.contains("<script>"), "{page}");
        assert!(
            page.contains("&lt;script&gt;韵达 &amp; &quot;Co&quot;") && page.contains("O&#39;Neil"),
            "{page}"
        );
        assert!(page.contains("2026-03-02 09:00:00 CST"), "{page}");
    }
}
