//! Leaves, and corrections that are asked for.

use super::Verb;

const ID: super::Argument = ("id", "编号，或编号的末尾", "编号");
const REASON: super::Argument = ("reason", "原因", "文字");
const ALL: super::Argument = ("all", "包括已审批的", "");
const COURIER: super::Argument = ("courier", "只看此人（登录名）", "登录名");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "leaves",
        about: "查看自己的请假，没有网络也能看；可申请、撤回，主管可审批",
        after: Some(
            "示例：\n  waybell leaves\n  waybell leaves ask 年假 2026-03-02 2026-03-06\n  waybell leaves waiting\n  \
             waybell leaves approve a1b2c3",
        ),
        args: &[],
    },
    Verb {
        name: "leaves ask",
        about: "申请请假；没有网络时先保存，之后发送一次。主管为他人登记时立即生效",
        after: Some(
            "日期写成 2026-03-02；半天在后面加“上午”或“下午”，也可以写时刻。\n\n\
             示例：\n  waybell leaves ask 年假 2026-03-02 2026-03-06\n  waybell leaves ask 病假 \"2026-03-02 下午\" --note 发烧\n  \
             waybell leaves ask 事假 \"2026-03-02 14:00\" \"2026-03-02 16:30\"\n  \
             waybell leaves ask 病假 2026-03-02 --for li.wei",
        ),
        args: &[
            ("kind", "请假类型；可用中文", "类型"),
            ("from", "第一天、半天或时刻", "开始"),
            ("until", "最后一天、半天或时刻；不写则与开始同一天", "结束"),
            ("note", "说明", "文字"),
            ("whose", "为此人登记（登录名，主管），立即生效", "登录名"),
        ],
    },
    Verb {
        name: "leaves withdraw",
        about: "撤回待审批的请假，或尚未开始的已批准请假；没有网络时先保存，之后发送一次",
        after: Some("示例：\n  waybell leaves withdraw a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "leaves waiting",
        about: "查看本网点待审批的请假（主管）；需要服务器",
        after: Some("示例：\n  waybell leaves waiting\n  waybell leaves waiting --all --courier li.wei"),
        args: &[ALL, COURIER],
    },
    Verb {
        name: "leaves approve",
        about: "批准请假（主管）；需要服务器",
        after: Some("示例：\n  waybell leaves approve a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "leaves refuse",
        about: "拒绝请假并说明原因（主管）；需要服务器",
        after: Some("示例：\n  waybell leaves refuse a1b2c3 --reason 人手不够"),
        args: &[ID, REASON],
    },
    Verb {
        name: "leaves cut",
        about: "让已批准的请假提前结束并说明原因（主管）；需要服务器",
        after: Some("示例：\n  waybell leaves cut a1b2c3 \"2026-03-04 上午\" --reason 提前返岗"),
        args: &[ID, ("until", "新的最后一天、半天或时刻", "结束"), REASON],
    },
    Verb {
        name: "corrections",
        about: "查看自己申请的补卡和更正，没有网络也能看；可申请、撤回，主管可审批",
        after: Some(
            "示例：\n  waybell corrections\n  waybell corrections ask --add out --at \"2026-03-02 18:05\" --reason 手机没电\n  \
             waybell corrections waiting",
        ),
        args: &[],
    },
    Verb {
        name: "corrections ask",
        about: "申请补卡，或申请让误打的卡不计；没有网络时先保存，之后发送一次",
        after: Some(
            "示例：\n  waybell corrections ask --add 下班 --at \"2026-03-02 18:05\" --reason 手机没电\n  \
             waybell corrections ask --void 0190... --day 2026-03-02 --reason 误打",
        ),
        args: &[
            ("add", "忘记打的卡：in 上班、out 下班、field 外勤", "种类"),
            ("void", "不计的打卡的编号", "编号"),
            ("at", "打卡应在的时间", "时间"),
            ("day", "所属日期；不写则为该时间的日期", "日期"),
            REASON,
        ],
    },
    Verb {
        name: "corrections withdraw",
        about: "撤回尚未审批的申请；没有网络时先保存，之后发送一次",
        after: Some("示例：\n  waybell corrections withdraw a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "corrections waiting",
        about: "查看本网点待审批的补卡和更正（主管）；需要服务器",
        after: Some("示例：\n  waybell corrections waiting"),
        args: &[ALL, COURIER],
    },
    Verb {
        name: "corrections approve",
        about: "批准补卡或更正（主管），立即计入当天考勤；需要服务器",
        after: Some("示例：\n  waybell corrections approve a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "corrections refuse",
        about: "拒绝补卡或更正并说明原因（主管）；需要服务器",
        after: Some("示例：\n  waybell corrections refuse a1b2c3 --reason 门禁记录不符"),
        args: &[ID, REASON],
    },
];

pub(super) const VALUES: &[(&str, &str)] = &[
    ("annual", "年假"),
    ("sick", "病假"),
    ("personal", "事假"),
    ("compensatory", "调休"),
    ("marriage", "婚假"),
    ("maternity", "产假"),
    ("paternity", "陪产假"),
    ("bereavement", "丧假"),
    ("injury", "工伤假"),
];
