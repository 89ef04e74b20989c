//! Words in a Reason text or phrase that say more than the code: carriers put the state of the callee there.

use super::CallOutcome;

/// Table of words, tried in order: limits first, because their texts also speak of rejection.
const HINTS: &[(CallOutcome, &[&str])] = &[
    (
        CallOutcome::TimeBarred,
        &[
            "时段",
            "时间段",
            "非允许时间",
            "夜间",
            "禁呼时间",
            "time period",
            "time window",
            "time-barred",
            "time barred",
            "out of hours",
            "outside hours",
            "quiet hours",
            "outside calling hours",
            "not allowed at this time",
            "calling time",
            "time restriction",
        ],
    ),
    (
        CallOutcome::RateLimited,
        &[
            "频控",
            "频次",
            "频率",
            "限频",
            "呼叫过于频繁",
            "过频",
            "次数超",
            "超频",
            "rate limit",
            "rate-limit",
            "ratelimit",
            "frequency",
            "too many calls",
            "too many requests",
            "too frequent",
            "call limit",
            "limit control",
            "calls per day",
            "daily limit",
        ],
    ),
    (
        CallOutcome::CallerBarred,
        &[
            "主叫受限",
            "主叫限制",
            "主叫号码",
            "主叫鉴权",
            "外显",
            "号码回收",
            "caller barred",
            "caller restricted",
            "caller id",
            "caller number",
            "caller-id",
            "calling number",
            "calling party barred",
            "cli not",
            "invalid cli",
            "number not authorized",
            "number not authorised",
        ],
    ),
    (
        CallOutcome::CapacityExceeded,
        &[
            "超并发",
            "并发",
            "线路忙",
            "concurren",
            "no channel",
            "no circuit",
            "channels exceeded",
            "capacity",
            "congestion",
        ],
    ),
    (
        CallOutcome::PoweredOff,
        &["关机", "关闭", "power off", "powered off", "power-off", "poweroff", "switched off", "turned off"],
    ),
    (
        CallOutcome::Suspended,
        &["停机", "欠费", "暂停服务", "停止服务", "suspend", "arrears", "out of service"],
    ),
    (
        CallOutcome::InvalidNumber,
        &[
            "空号",
            "号码不存在",
            "无此号码",
            "不存在",
            "unallocated",
            "unassigned",
            "does not exist",
            "no such number",
            "not in use",
            "invalid number",
            "number invalid",
        ],
    ),
    (
        CallOutcome::OutOfCoverage,
        &[
            "不在服务区",
            "无法接通",
            "暂时无法",
            "不可及",
            "out of coverage",
            "out of service area",
            "not reachable",
            "unreachable",
            "subscriber absent",
            "no coverage",
        ],
    ),
];

/// The outcome that a text names; `None` where it names none.
pub(super) fn hint(text: &str) -> Option<CallOutcome> {
    let text = text.to_lowercase();
    // "Out of service area" is coverage, "out of service" a suspension: the longer one first.
    if text.contains("service area") {
        return Some(CallOutcome::OutOfCoverage);
    }
    HINTS.iter().find(|(_, words)| words.iter().any(|w| text.contains(w))).map(|(outcome, _)| *outcome)
}
