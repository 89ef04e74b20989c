//! What the demonstration says, in two languages.

use crate::table::{Person, Stage};
use crate::told::{Account, Tally};
use serde_json::Value;
use std::path::Path;
use waybell_carrier::judge::Verdict;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::lang::Lang;
use waybell_domain::parcel::CallMark;

/// How many people are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) answered: usize,
    pub(crate) unanswered: usize,
    /// The network let no call through.
    pub(crate) barred: usize,
    pub(crate) unknown: usize,
    pub(crate) calling: usize,
    pub(crate) later: usize,
    pub(crate) waiting: usize,
}

impl Counts {
    pub(crate) fn of(people: &[Person]) -> Counts {
        let mut counts = Counts::default();
        for person in people {
            let place = match (person.stage, person.mark) {
                (Stage::Busy, _) => &mut counts.calling,
                (Stage::Later, _) => &mut counts.later,
                (Stage::Waiting, _) => &mut counts.waiting,
                (Stage::Over, CallMark::Answered) => &mut counts.answered,
                (Stage::Over, CallMark::ToConfirm) => &mut counts.unknown,
                (Stage::Over, CallMark::Unanswered) => &mut counts.unanswered,
                (Stage::Over, CallMark::NotCalled | CallMark::Called) => &mut counts.barred,
            };
            *place += 1;
        }
        counts
    }

    /// People who will still be rung.
    pub(crate) fn open(self) -> usize {
        self.calling + self.later + self.waiting
    }
}

/// The texts of one language.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) lang: Lang,
}

impl Words {
    /// The wanted language, or that of the environment (POSIX: `LC_ALL`, `LC_MESSAGES`, `LANG`).
    pub(crate) fn new(wanted: Option<&str>) -> Words {
        let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let locale =
            wanted.map(str::to_owned).or_else(|| ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set));
        Words { lang: Lang::of_locale(&locale.unwrap_or_default()) }
    }

    fn say(self, zh: impl Into<String>, en: impl Into<String>) -> String {
        match self.lang {
            Lang::Zh => zh.into(),
            Lang::En => en.into(),
        }
    }

    pub(crate) fn title(self) -> String {
        self.say(
            "Waybell 演示：一键通知今天的收件人",
            "Waybell demonstration: one tap rings every recipient once",
        )
    }

    pub(crate) fn loopback(self) -> String {
        self.say(
            "  线路：模拟运营商，真实 SIP 和 RTP，仅限本机回环；呼叫时段全天开放（正式默认 08:30 到 20:30）",
            "  trunk: a simulated carrier over real SIP and RTP, on loopback only; the calling window is open all day \
             (by default it is 08:30 to 20:30)",
        )
    }

    pub(crate) fn imported(self, file: &Path, rows: usize) -> String {
        let file = file.display();
        self.say(
            format!("  快递员李伟导入 {file}：{rows} 个快件"),
            format!("  courier Li Wei imports {file}: {rows} parcels"),
        )
    }

    pub(crate) fn plan(self, plan: &Value) -> String {
        let line = plan[self.lang.pick("summary_zh", "summary_en")].as_str().unwrap_or_default();
        self.say(format!("  呼叫计划：{line}"), format!("  dial plan: {line}"))
    }

    pub(crate) fn tapped(self) -> String {
        self.say("  点一下“通知”\n", "  one tap\n")
    }

    pub(crate) fn heads(self) -> [&'static str; 5] {
        match self.lang {
            Lang::Zh => ["姓名", "号码", "地点", "标记", "结果"],
            Lang::En => ["name", "number", "place", "mark", "outcome"],
        }
    }

    pub(crate) fn seconds(self) -> &'static str {
        self.lang.pick("秒", "s")
    }

    pub(crate) fn mark(self, mark: CallMark, short: bool) -> &'static str {
        match (mark, short, self.lang) {
            (CallMark::ToConfirm, true, Lang::En) => "to confirm",
            _ => mark.label(self.lang),
        }
    }

    /// What came of a call; the mark beside it says whether it was answered.
    pub(crate) fn outcome(self, outcome: CallOutcome, short: bool) -> &'static str {
        match (outcome, self.lang) {
            (CallOutcome::AnsweredFull, lang) => lang.pick("听完", "heard in full"),
            (CallOutcome::AnsweredPartial, lang) => lang.pick("提前挂机", "hung up early"),
            (CallOutcome::TimeBarred, Lang::En) if short => "not at this hour",
            (CallOutcome::CallerBarred, Lang::En) if short => "caller id refused",
            _ => outcome.label(self.lang),
        }
    }

    /// What happens on the line now.
    pub(crate) fn state(self, state: &str) -> &'static str {
        match state {
            "dialling" => self.lang.pick("拨号中", "dialling"),
            "ringing" => self.lang.pick("振铃中", "ringing"),
            "talking" => self.lang.pick("播报中", "speaking"),
            _ => "",
        }
    }

    pub(crate) fn again(self, outcome: &str, short: bool) -> String {
        let later = if short { "later" } else { "again later" };
        self.say(format!("{outcome}，稍后再呼"), format!("{outcome}; {later}"))
    }

    /// The last key and what it asks for.
    pub(crate) fn keys(self, keys: &str, short: bool) -> String {
        let Some(key) = keys.chars().last() else { return String::new() };
        let (zh, brief, en) = match key {
            '1' => ("送货上门", "door", "to the door"),
            '2' => ("放驿站", "station", "station or locker"),
            '3' => ("改时间", "later", "another time"),
            '9' => ("发短信", "text", "text message"),
            '0' => ("找快递员", "courier", "the courier"),
            _ => ("", "", ""),
        };
        let text = match (self.lang, short) {
            (Lang::Zh, true) => format!(" · {key} {zh}"),
            (Lang::Zh, false) => format!(" · 按键 {key} {zh}"),
            (Lang::En, true) => format!(" · {key} {brief}"),
            (Lang::En, false) => format!(" · key {key}: {en}"),
        };
        text.trim_end_matches([' ', ':']).to_owned()
    }

    /// Who is not shown in a window that is too low, and how to see them.
    pub(crate) fn hidden(self, all: usize, above: usize, below: usize, keys: bool) -> String {
        let hidden = above + below;
        let line = self.say(
            format!("共 {all} 人，另有 {hidden} 人未显示（上 {above}，下 {below}）"),
            format!("{hidden} of {all} not shown: {above} above, {below} below"),
        );
        if keys {
            line + &self.say("；↑ ↓ PgUp PgDn 翻看", "; scroll with ↑ ↓ PgUp PgDn")
        } else {
            line
        }
    }

    /// How far it is, in parts; what is none is left out.
    pub(crate) fn progress(self, counts: Counts, seconds: u64) -> Vec<String> {
        let mut parts = vec![format!("{seconds} {}", self.seconds())];
        let named = [
            (counts.answered, true, "已接听", "answered"),
            (counts.unanswered, true, "未接听", "not answered"),
            (counts.barred, false, "未能呼出", "not put through"),
            (counts.unknown, false, "待确认", "to confirm"),
            (counts.calling, false, "通话中", "on the line"),
            (counts.later, false, "稍后再呼", "again later"),
            (counts.waiting, false, "等待", "waiting"),
        ];
        for (n, _, zh, en) in named.into_iter().filter(|(n, always, ..)| *always || *n > 0) {
            parts.push(format!("{} {n}", self.lang.pick(zh, en)));
        }
        parts
    }

    pub(crate) fn verdict(self, verdict: &Verdict) -> String {
        let s = &verdict.summary;
        let called = s.recipients - s.suppressed;
        let mut text = self.say(
            format!(
                "\n裁判（只信运营商自己的记录）：应呼 {called} 人，呼叫 {} 次，振铃 {} 次，接通 {} 次，遗漏 {}，重复 {}，待确认 {}",
                s.attempts, s.alerted, s.answered, s.missed, s.doubled, s.unknown
            ),
            format!(
                "\nthe judge, who trusts the carrier's own log: {called} to ring, {} calls, {} rings, {} answered, \
                 missed {}, doubled {}, not known {}",
                s.attempts, s.alerted, s.answered, s.missed, s.doubled, s.unknown
            ),
        );
        match verdict.violations.len() {
            0 => text += &self.say("\n裁决：无违规", "\nverdict: clean"),
            n => {
                text += &self.say(format!("\n裁决：{n} 处违规"), format!("\nverdict: {n} violations"));
                for v in &verdict.violations {
                    text += &format!("\n  {}: {}", v.check, v.message);
                }
            }
        }
        text
    }

    fn tally(self, tally: &Tally) -> String {
        let parts: Vec<String> =
            tally.iter().map(|(outcome, n)| format!("{} {n}", self.outcome(*outcome, false))).collect();
        parts.join(self.lang.pick("、", ", "))
    }

    /// What the judge's figures are made of.
    pub(crate) fn account(self, account: &Account) -> String {
        let Account { people, calls, further, rang, in_vain, .. } = account;
        let mut lines = Vec::new();
        if *further > 0 {
            let why = self.tally(&account.why_further);
            lines.push(self.say(
                format!("{calls} 次呼叫：{people} 人各一次，另有 {further} 次重呼（首次{why}）"),
                format!("{calls} calls: one to each of {people} people and {further} further tries (the first ended: {why})"),
            ));
        }
        if !account.silent.is_empty() {
            let (silent, why) = (calls - rang, self.tally(&account.silent));
            lines.push(
                self.say(
                    format!("{silent} 次没有振铃：{why}"),
                    format!("{silent} of them rang nobody: {why}"),
                ),
            );
        }
        if *in_vain > 0 {
            lines.push(self.say(
                format!("{in_vain} 人未接听；再呼一次：waybell again"),
                format!("{in_vain} people were called in vain; to ring them once more: waybell again"),
            ));
        }
        if !account.barred.is_empty() {
            let n: usize = account.barred.iter().map(|(_, n)| n).sum();
            let (why, waybills) = (self.tally(&account.barred), account.barred_waybills.join(" "));
            lines.push(self.say(
                format!(
                    "{n} 人未能呼出（{why}）：网络没有放行，电话没有响过，所以标记仍是“未呼叫”，已改发短信，waybell again \
                     不含他们；网络放行后再通知：\n$ waybell notify {waybills}"
                ),
                format!(
                    "{n} people could not be called ({why}): the network let no call through, so their telephones never \
                     rang and they stay \"not called\"; they get a text message instead, and \"waybell again\" leaves them \
                     out; to try them later:\n$ waybell notify {waybills}"
                ),
            ));
        }
        let text: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        text.trim_end().to_owned()
    }

    /// Ctrl-C before the verdict.
    pub(crate) fn ended_early(self, counts: Option<Counts>, folder: &Path) -> String {
        let folder = folder.display();
        let what = counts.map_or_else(String::new, |c| {
            let (calling, open) = (c.calling, c.later + c.waiting);
            self.say(
                format!("；当时 {calling} 个通话进行中，{open} 人还在等待呼叫"),
                format!("; {calling} calls were on the line, and {open} people still waited"),
            )
        });
        self.say(
            format!(
                "\n演示在裁决之前被停止：服务器和模拟运营商已结束，本机不再有电话响铃{what}\n日志在 {folder}；重新开始：make run\
                 （会清空这个文件夹）"
            ),
            format!(
                "\nended before the verdict: server and simulated carrier are stopped, nothing goes on ringing{what}\nlogs are \
                 in {folder}; to start anew: make run (it empties that folder)"
            ),
        )
    }

    /// Ctrl-C after the verdict.
    pub(crate) fn ended(self, folder: &Path) -> String {
        let folder = folder.display();
        self.say(
            format!("\n演示结束：服务器和模拟运营商已停止。日志在 {folder}，直到下一次 make run"),
            format!("\nended: server and simulated carrier are stopped; logs are in {folder} until the next make run"),
        )
    }

    /// A second Ctrl-C.
    pub(crate) fn ended_at_once(self, folder: &Path) -> String {
        let folder = folder.display();
        self.say(
            format!("\n已立即结束，所有进程均已停止；日志在 {folder}；重新开始：make run"),
            format!("\nended at once, all its processes too; logs are in {folder}; to start anew: make run"),
        )
    }

    /// Where the server is, and what a person at a terminal may type next.
    pub(crate) fn address(
        self,
        url: &str,
        courier: &str,
        boss: &str,
        password: &str,
        waybill: &str,
    ) -> String {
        let own = std::env::current_dir().unwrap_or_default();
        let program = waybell_tests::server::programs().join("waybell");
        let waybell = program.strip_prefix(own).unwrap_or(&program).display();
        let commands = format!(
            "\n  WAYBELL_PASSWORD={password} {waybell} login {courier} --server {url}\n  {waybell} search 小区3\n  \
             {waybell} why {waybill}"
        );
        self.say(
            format!("\n接口说明：{url}/\n登录名 {courier} 或 {boss}，密码 {password}；也可在终端里：{commands}"),
            format!("\nthe API's reference: {url}/\nsign in as {courier} or {boss}, password {password}; or in a terminal:{commands}"),
        )
    }

    pub(crate) fn until_ctrl_c(self) -> String {
        self.say("按 Ctrl-C 结束", "Ctrl-C ends it")
    }
}
