//! The organisation's rules.

use super::Verb;

const DRY_RUN: super::Argument = ("dry_run", "只看结果，不作更改", "");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "opt-outs",
        about: "查看或更改不再呼叫的号码：单个或名单（管理员）",
        after: Some(
            "示例：\n  waybell opt-outs\n  waybell opt-outs --add 13800001111\n  waybell opt-outs --import 名单.csv --dry-run",
        ),
        args: &[
            ("add", "不再呼叫这个号码；可写多个", "号码"),
            ("remove", "恢复呼叫这个号码（管理员）", "号码"),
            ("import", "不再呼叫名单上的号码：含电话列的 CSV、XLSX 或 JSON，或每行一个号码", "文件"),
            ("dry_run", "只看结果，不作更改", ""),
        ],
    },
    Verb {
        name: "consents",
        about: "把收件人的同意记录写成证明表（管理员）；含完整号码，服务器会记下是谁制作的",
        after: Some(
            "示例：\n  waybell consents 十一月.csv --from 2026-11-01 --to 2026-12-01\n  \
             waybell consents 证明.html --waybill SF1234567890123",
        ),
        args: &[
            ("file", "写入的文件：.csv 供表格软件，.html 供打印", "文件"),
            ("from", "不早于：2026-11-01，或具体时刻", "时间"),
            ("to", "早于：2026-12-01，或具体时刻", "时间"),
            ("phone", "这个号码的", "电话"),
            ("waybill", "这个运单的", "运单号"),
        ],
    },
    Verb {
        name: "columns",
        about: "查看本网点确认过的清单列，或忘记其中一种",
        after: Some("示例：\n  waybell columns\n  waybell columns --forget 0123456789abcdef"),
        args: &[("forget", "这种表头的列重新猜测", "表头编号")],
    },
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
