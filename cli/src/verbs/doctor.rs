//! `doctor`: what is wrong, and what to do about it.

use super::Outcome;
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out, SIGN_IN};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use waybell_core::say::say;
use waybell_core::sync::SyncState;
use waybell_core::{Client, Error};
use waybell_domain::clock::MINUTE;
use waybell_domain::lang::Lang;
use waybell_domain::wire::{EngineState, TrunkLife};

/// A finding.
#[derive(Serialize)]
struct Finding {
    /// What was looked at.
    what: &'static str,
    /// Nothing is wrong: good, or only worth knowing.
    ok: bool,
    zh: String,
    en: String,
    /// What to do, when something is wrong or could be better.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

struct Report<'a> {
    out: &'a Out,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn good(&mut self, what: &'static str, zh: impl Into<String>, en: impl Into<String>) {
        self.findings.push(Finding { what, ok: true, zh: zh.into(), en: en.into(), todo: None });
    }

    fn bad(&mut self, what: &'static str, zh: impl Into<String>, en: impl Into<String>, todo: (&str, &str)) {
        let todo = Some(self.out.lang.pick(todo.0, todo.1).to_owned());
        self.findings.push(Finding { what, ok: false, zh: zh.into(), en: en.into(), todo });
    }

    /// What works and could be better.
    fn advise(
        &mut self,
        what: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
        todo: (&str, &str),
    ) {
        self.bad(what, zh, en, todo);
        if let Some(last) = self.findings.last_mut() {
            last.ok = true;
        }
    }

    fn tell(self, worst: u8) -> u8 {
        let worst = if self.findings.iter().all(|f| f.ok) { worst } else { worst.max(FAILED) };
        for f in &self.findings {
            let sign = match (f.ok, &f.todo) {
                (true, None) => "✓",
                (true, Some(_)) => "!",
                (false, _) => "✗",
            };
            self.out.line(format!("{sign} {}", self.out.lang.pick(&f.zh, &f.en)));
            if let Some(todo) = &f.todo {
                self.out.line(format!("    → {todo}"));
            }
        }
        self.out.json(&json!({ "ok": worst == DONE, "findings": self.findings }));
        worst
    }
}

/// The report when not even the store opens.
pub(crate) fn cannot_open(out: &Out, data_dir: &Path, error: &Error) -> u8 {
    let mut report = Report { out, findings: Vec::new() };
    let folder = data_dir.display();
    let todo = match error {
        Error::Newer { .. } => ("升级 waybell 后再试", "update waybell and try again"),
        Error::BadInput { .. } => ("检查 --server 或 WAYBELL_SERVER", "check --server or WAYBELL_SERVER"),
        _ => (
            "检查文件夹的权限和磁盘空间；密钥文件 data.key 丢失时换一个空文件夹重新登录",
            "check the folder's permissions and the free space; without its data.key, sign in afresh with an empty folder",
        ),
    };
    let zh = format!("打不开 {folder}：{}", chinese(error));
    report.bad("store", zh, format!("cannot open {folder}: {error}"), todo);
    report.tell(FAILED)
}

pub(crate) async fn doctor(client: &Client, out: &Out, data_dir: &Path) -> Outcome {
    let mut report = Report { out, findings: Vec::new() };
    let mut worst = DONE;
    let folder = data_dir.display();
    let parcels = client.tasks().list().await.map(|l| l.len());
    match parcels {
        Ok(n) => report.good(
            "store",
            format!("数据正常：{folder}，{n} 件"),
            format!("the store is sound: {folder}, {n} parcels"),
        ),
        Err(e) => {
            worst = FAILED;
            report.bad(
                "store",
                format!("读不出数据：{}", chinese(&e)),
                format!("the store cannot be read: {e}"),
                (
                    "再运行一次：损坏的文件会被移开并从服务器恢复",
                    "run a command again: a damaged file is set aside and filled from the server",
                ),
            );
        }
    }
    key(&mut report, data_dir);
    let server = client.session().server();
    if server.is_empty() {
        report.bad(
            "server",
            "没有服务器地址",
            "there is no server address",
            ("waybell login 用户名 --server https://…", "waybell login NAME --server https://…"),
        );
        return Ok(report.tell(SIGN_IN));
    }
    if server.starts_with("http://")
        && !["127.0.0.1", "localhost", "[::1]"].iter().any(|l| server.contains(l))
    {
        report.bad(
            "tls",
            format!("{server} 未加密"),
            format!("{server} is not encrypted"),
            ("改用 https:// 地址重新登录", "sign in again with an https:// address"),
        );
        worst = FAILED;
    }
    worst = exchange(client, &mut report, &server).await?.max(worst);
    if worst == DONE {
        trunks(client, &mut report, &mut worst).await;
        voice(client, &mut report).await;
    }
    waiting(client, &mut report, &mut worst)?;
    Ok(report.tell(worst))
}

/// Whether calls can go out at all. An old server that is asked says nothing of it.
async fn trunks(client: &Client, report: &mut Report<'_>, worst: &mut u8) {
    let asked = tokio::time::timeout(Duration::from_secs(10), client.notify().trunks()).await;
    let Ok(Ok(trunks)) = asked else { return };
    let named = |life: TrunkLife| {
        let of: Vec<&str> = trunks.iter().filter(|t| t.life == life).map(|t| t.name.as_str()).collect();
        of.join(", ")
    };
    let todo = (
        "请管理员检查服务器日志、线路的地址和运营商（docs/operations.md）",
        "have the administrator look at the server's log, the trunk's address and the carrier (docs/operations.md)",
    );
    let unresolved: Vec<&str> = trunks.iter().flat_map(|t| &t.unresolved).map(String::as_str).collect();
    if trunks.is_empty() {
        *worst = FAILED;
        let todo = (
            "请管理员在服务器配置里加一段 [[trunk]]（docs/operations.md）",
            "have the administrator add a [[trunk]] to the server's settings (docs/operations.md)",
        );
        report.bad(
            "trunks",
            "服务器没有电话线路，打不出电话",
            "the server has no trunk: nobody can be rung",
            todo,
        );
    } else if !unresolved.is_empty() {
        *worst = FAILED;
        let names = unresolved.join(", ");
        report.bad(
            "trunks",
            format!("电话线路的地址解析不到：{names}"),
            format!("a trunk's address does not resolve: {names}"),
            todo,
        );
    } else if let Some(t) = trunks.iter().find(|t| t.unregistered.is_some()) {
        *worst = FAILED;
        let name = &t.name;
        let (zh, en) = match t.unregistered {
            None | Some(0) => ("没有应答".to_owned(), "nothing".to_owned()),
            Some(status) => (format!("拒绝（{status}）"), status.to_string()),
        };
        report.bad(
            "trunks",
            format!("电话线路 {name} 没有注册上：运营商{zh}"),
            format!("the trunk {name} is not registered: the carrier answered {en}"),
            (
                "请管理员检查线路的账号、密码和 aor（docs/operations.md）",
                "have the administrator check the trunk's user, password and aor (docs/operations.md)",
            ),
        );
    } else if trunks.iter().any(|t| t.life == TrunkLife::Down) {
        *worst = FAILED;
        let names = named(TrunkLife::Down);
        report.bad(
            "trunks",
            format!("电话线路没有应答：{names}"),
            format!("a trunk does not answer: {names}"),
            todo,
        );
    } else if trunks.iter().any(|t| t.life == TrunkLife::Unproven) {
        let names = named(TrunkLife::Unproven);
        report.advise(
            "trunks",
            format!("电话线路还没有应答过：{names}；先试打一个"),
            format!("nothing was heard of a trunk yet: {names}; one call at a time is tried"),
            todo,
        );
    } else {
        let names = named(TrunkLife::Up);
        report.good("trunks", format!("电话线路正常：{names}"), format!("trunks answer: {names}"));
    }
}

/// Whether people understand what is said to them. An old server that is asked says nothing of it.
async fn voice(client: &Client, report: &mut Report<'_>) {
    let asked = tokio::time::timeout(Duration::from_secs(10), client.notify().voice()).await;
    let Ok(Ok(voice)) = asked else { return };
    let problem = |e: &EngineState| e.problem.as_ref().map(|problem| format!("{} {problem}", e.name));
    let todo = (
        "让管理员录制词语或设置语音引擎（docs/voices.md）",
        "have the administrator record the words or set an engine (docs/voices.md)",
    );
    if let Some(warning) = &voice.warning {
        report.advise("voice", say(Lang::Zh, warning), warning, todo);
    } else if let Some(problem) = voice.engines.iter().find_map(problem) {
        report.bad("voice", format!("语音引擎有故障：{}", say(Lang::Zh, &problem)), problem, todo);
    } else {
        report.good("voice", "通知由语音引擎朗读", "an engine speaks the notices");
    }
}

/// What an error says, in Chinese where that is known.
fn chinese(error: &impl ToString) -> String {
    say(Lang::Zh, &error.to_string())
}

/// The key file must be its owner's alone.
fn key(report: &mut Report<'_>, data_dir: &Path) {
    #[cfg(unix)]
    if let Ok(meta) = std::fs::metadata(data_dir.join("data.key")) {
        use std::os::unix::fs::PermissionsExt;
        if meta.permissions().mode() & 0o077 != 0 {
            let file = data_dir.join("data.key");
            let todo = format!("chmod 600 {}", file.display());
            return report.bad("key", "他人可读取密钥文件", "others can read the key file", (&todo, &todo));
        }
    }
    report.good("key", "密钥文件只有本人可读", "the key file is readable by its owner only");
}

async fn exchange(client: &Client, report: &mut Report<'_>, server: &str) -> Result<u8, Failure> {
    if client.session().current().is_none() {
        let ended = client.session().was_ended()?;
        let (zh, en) = if ended {
            (
                "登录已被服务器结束；未送达的操作仍在本机",
                "the server has ended the session; undelivered operations are kept",
            )
        } else {
            ("没有登录", "nobody is signed in")
        };
        report.bad("session", zh, en, ("waybell login 用户名", "waybell login NAME"));
        return Ok(SIGN_IN);
    }
    let done = tokio::time::timeout(Duration::from_secs(10), client.sync().now()).await;
    let status = client.sync().status()?;
    match (done, status.state) {
        (Ok(Ok(())), _) => {
            report.good("server", format!("服务器正常：{server}"), format!("the server answers: {server}"));
            if status.restored_at.is_some() {
                report.bad(
                    "restored",
                    "服务器数据在 24 小时内从备份恢复过",
                    "the server's data were restored from a backup in the last 24 h",
                    (
                        "核对列表，必要时重新导入；暂停的批次用 waybell resume 继续",
                        "check the list, import it again if need be; waybell resume lets held batches go on",
                    ),
                );
                return Ok(FAILED);
            }
            let skew = status.clock_skew_ms.unwrap_or(0);
            if skew.abs() > MINUTE {
                let (s, zh) = (skew.abs() / 1000, if skew > 0 { "慢" } else { "快" });
                let en = if skew > 0 { "behind" } else { "ahead" };
                report.bad(
                    "clock",
                    format!("本机时钟{zh} {s} 秒"),
                    format!("this machine's clock is {s} s {en}"),
                    ("打开自动校时", "turn automatic time on"),
                );
                return Ok(FAILED);
            }
            report.good("clock", "本机时钟准确", "this machine's clock is right");
            Ok(DONE)
        }
        (_, SyncState::AuthNeeded) => {
            report.bad(
                "session",
                "登录已失效；数据仍在本机",
                "the session has ended; the data are kept on this machine",
                ("waybell login 用户名", "waybell login NAME"),
            );
            Ok(SIGN_IN)
        }
        (Ok(Err(Error::Offline { problem, .. })), _) => {
            report.bad(
                "server",
                format!("连不上 {server}：{}", say(Lang::Zh, &problem)),
                format!("cannot reach {server}: {problem}"),
                (
                    "检查网络和地址；已做的操作都保存着",
                    "check network and address; whatever was done is kept",
                ),
            );
            Ok(OFFLINE)
        }
        (Ok(Err(other)), _) => {
            report.bad(
                "server",
                format!("服务器拒绝：{}", chinese(&other)),
                format!("the server refuses: {other}"),
                ("稍后再试，或告诉管理员", "try later, or tell the administrator"),
            );
            Ok(FAILED)
        }
        (Err(_), _) => {
            report.bad(
                "server",
                format!("{server} 没有回应"),
                format!("{server} does not answer"),
                ("检查网络；已做的操作都保存着", "check the network; whatever was done is kept"),
            );
            Ok(OFFLINE)
        }
    }
}

fn waiting(client: &Client, report: &mut Report<'_>, worst: &mut u8) -> Result<(), Failure> {
    let status = client.sync().status()?;
    if status.dead > 0 {
        let n = status.dead;
        report.bad(
            "refused",
            format!("{n} 个操作被服务器拒绝"),
            format!("the server refused {n} operations"),
            (
                "waybell sync 查看，--retry 重试或 --discard 放弃",
                "see them with waybell sync; then --retry or --discard",
            ),
        );
        *worst = (*worst).max(FAILED);
    }
    match status.queued {
        0 => report.good("queue", "没有待发送的操作", "nothing waits to be sent"),
        n => report.bad(
            "queue",
            format!("{n} 个操作待发送"),
            format!("{n} operations wait to be sent"),
            ("有网络后运行 waybell sync", "run waybell sync when there is a network"),
        ),
    }
    if client.notify().policy()?.is_some_and(|p| p.stopped) {
        report.bad(
            "stopped",
            "管理员已停止所有呼叫",
            "an administrator holds all calls",
            ("联系管理员", "ask the administrator"),
        );
    }
    Ok(())
}
