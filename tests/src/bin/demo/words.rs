//! What the demonstration says, in two languages.

use serde_json::Value;
use std::path::Path;
use waybell_carrier::judge::Verdict;
use waybell_domain::lang::Lang;

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
        self.say("  一键通知\n", "  one tap\n")
    }

    pub(crate) fn heads(self) -> [&'static str; 5] {
        match self.lang {
            Lang::Zh => ["姓名", "号码", "地点", "标记", "结果"],
            Lang::En => ["name", "number", "place", "mark", "outcome"],
        }
    }

    /// What happens on the line now.
    pub(crate) fn state(self, state: &str) -> &'static str {
        match state {
            "dialling" => self.lang.pick("拨号", "dialling"),
            "ringing" => self.lang.pick("振铃", "ringing"),
            "talking" => self.lang.pick("播报中", "speaking"),
            "suppressed" => self.lang.pick("不呼叫", "not rung"),
            _ => "",
        }
    }

    pub(crate) fn again(self, outcome: &str) -> String {
        self.say(format!("{outcome}，稍后再呼"), format!("{outcome}; again later"))
    }

    pub(crate) fn keys(self, keys: &str) -> String {
        let wish = match keys.chars().last() {
            Some('1') => self.lang.pick("送货上门", "to the door"),
            Some('2') => self.lang.pick("放驿站或快递柜", "station or locker"),
            Some('3') => self.lang.pick("改时间", "another time"),
            Some('9') => self.lang.pick("短信", "text message"),
            Some('0') => self.lang.pick("找快递员", "the courier"),
            _ => "",
        };
        self.say(format!(" · 按键 {keys} {wish}"), format!(" · key {keys}: {wish}"))
    }

    pub(crate) fn progress(self, counts: &Value, seconds: u64) -> String {
        let n = |key: &str| counts[key].as_u64().unwrap_or_default();
        let (answered, unanswered, unknown) = (n("answered"), n("unanswered"), n("unknown"));
        let (calling, waiting) = (n("calling"), n("waiting"));
        self.say(
            format!(
                "{seconds} 秒 · 已接听 {answered} · 未接听 {unanswered} · 待确认 {unknown} · 通话中 {calling} · 等待 {waiting}"
            ),
            format!(
                "{seconds} s · answered {answered} · not answered {unanswered} · to confirm {unknown} · on the line \
                 {calling} · waiting {waiting}"
            ),
        )
    }

    pub(crate) fn verdict(self, verdict: &Verdict) -> String {
        let s = &verdict.summary;
        let called = s.recipients - s.suppressed;
        let mut text = self.say(
            format!(
                "\n裁判（只信运营商自己的记录）：应呼 {called}，呼叫 {} 次，振铃 {}，接通 {}，遗漏 {}，重复 {}，待确认 {}",
                s.attempts, s.alerted, s.answered, s.missed, s.doubled, s.unknown
            ),
            format!(
                "\nthe judge, who trusts the carrier's own log: {called} to ring, {} attempts, {} rings, {} answered, \
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
