//! What calls cost.

use super::Verb;

const WHOSE: super::Argument = ("whose", "快递员的登录名，或网点的名称或编号", "谁");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "balance",
        about: "查看账户余额、今日和本月话费；没有网络也能看，并显示数据时间",
        after: Some("示例：\n  waybell balance"),
        args: &[],
    },
    Verb {
        name: "charges",
        about: "查看话费账目，最新的在前；没有网络也能看；管理员可查看全网点",
        after: Some(
            "示例：\n  waybell charges\n  waybell charges --branch --courier li.wei --since 2026-11-01\n  waybell charges --unrated",
        ),
        args: &[
            ("limit", "最多显示多少条", "数量"),
            ("branch", "向服务器查询全网点的账目（管理员）；使用下列条件时也是如此", ""),
            ("courier", "此登录名的账目", "登录名"),
            ("since", "此时或之后记入", "时间"),
            ("before", "此时之前记入", "时间"),
            ("unrated", "只看没有费率的通话", ""),
        ],
    },
    Verb {
        name: "accounts",
        about: "查看账户余额（管理员）；可充值、调整和设置限额；需要服务器",
        after: Some(
            "示例：\n  waybell accounts\n  waybell accounts pay li.wei 50 --reason 现金\n  waybell accounts limit li.wei --credit 0",
        ),
        args: &[],
    },
    Verb {
        name: "pay",
        about: "记入一笔账目（管理员）：充值、期初余额或调整",
        after: Some(
            "示例：\n  waybell accounts pay li.wei 50 --reason '现金，收据17'\n  \
             waybell accounts pay li.wei -3.20 --kind adjustment --reason 号码错误",
        ),
        args: &[
            WHOSE,
            ("amount", "元，例如 12.34", "金额"),
            ("kind", "账目类型", "类型"),
            ("reason", "原因，账户持有人可以看到", "文字"),
        ],
    },
    Verb {
        name: "limit",
        about: "设置账户限额（管理员）；不写的按规则执行",
        after: Some(
            "示例：\n  waybell accounts limit li.wei --credit 0\n  waybell accounts limit 北区网点 --daily-cap 200",
        ),
        args: &[
            WHOSE,
            ("credit", "余额最多可为负多少元；0 为预付费", "元"),
            ("daily_cap", "每日话费上限，元", "元"),
        ],
    },
    Verb {
        name: "rates",
        about: "查看各版本费率（管理员）；可用文件设置新费率；需要服务器",
        after: Some("示例：\n  waybell rates\n  waybell rates --set 费率.json"),
        args: &[("set", "新费率的 JSON 文件；- 为标准输入", "文件")],
    },
];

pub(super) const VALUES: &[(&str, &str)] =
    &[("top-up", "充值"), ("opening", "期初余额"), ("adjustment", "调整")];
