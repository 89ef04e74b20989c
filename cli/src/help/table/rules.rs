//! The organisation's rules.

use super::Verb;

const DRY_RUN: super::Argument = ("dry_run", "只看结果，不作更改", "");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "policy",
        about: "查看或更改本组织的呼叫规则（管理员）",
        after: Some(
            "示例：\n  waybell policy show\n  waybell policy set retry.max_attempts=2 display_daily_cap=200\n  \
             waybell policy patch rules.json\n  waybell policy calendar 2027.ics --dry-run\n  waybell policy set carrier=aliyun",
        ),
        args: &[],
    },
    Verb { name: "show", about: "显示现行规则", after: None, args: &[] },
    Verb {
        name: "set",
        about: "更改所列规则，其余不变；null 恢复默认",
        after: None,
        args: &[("rules", "规则，如 retry.max_attempts=2 或 quiet=[]；值是 JSON", "规则=值"), DRY_RUN],
    },
    Verb {
        name: "patch",
        about: "按 JSON 文件更改规则，未列出的不变（RFC 7396）",
        after: None,
        args: &[("file", "文件；- 为标准输入", "文件"), DRY_RUN],
    },
    Verb {
        name: "calendar",
        about: "查看节假日和调休上班日，或从文件导入（ICS、CSV 或 JSON）",
        after: Some(
            "表格含日期、名称、类型三列（类型写“休”或“班”）。只要有一行看不懂，整个文件都不采用。\n\n\
             示例：\n  waybell policy calendar\n  waybell policy calendar 2027.ics --dry-run   只看有什么变化\n  \
             waybell policy set 'holiday_quiet=[{\"from\":\"18:00\",\"to\":\"10:00\"}]'   节假日 10 点至 18 点可呼叫",
        ),
        args: &[
            ("file", "文件；- 为标准输入", "文件"),
            ("replace", "先清空文件涉及的年份", ""),
            ("dry_run", "只看有什么变化，不作更改", ""),
        ],
    },
    Verb {
        name: "carriers",
        about: "查看可按名称采用其限制的线路商和语音服务（carrier=名称）",
        after: Some("示例：\n  waybell policy carriers\n  waybell policy set carrier=aliyun"),
        args: &[],
    },
];
