//! Recordings and evidence.

use super::Verb;

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "recordings",
        about: "在服务器上查找通话，最新的在前：本人的，或本网点的；需要连上服务器",
        after: Some(
            "给出的条件须全部符合。\n\n示例：\n  waybell recordings --caller 5678 --since 2026-11-01\n  \
             waybell recordings --courier li.wei --longer 60\n  waybell recordings --waybill SF1234567890123 --all",
        ),
        args: &[
            ("caller", "客户号码中的数字；快递员查本人的通话时写后四位", "数字"),
            ("number", "客户拨打的号码或显示的号码，或其末尾", "号码"),
            ("courier", "快递员的登录名（能查看网点的人）", "登录名"),
            ("waybill", "客户当时的运单号", "运单号"),
            ("since", "此时及以后：2026-11-20、\"2026-11-20 14:00\"、14:00（今天）", "时间"),
            ("before", "此时以前", "时间"),
            ("longer", "录音至少这么长", "秒"),
            ("shorter", "录音至多这么长", "秒"),
            ("all", "也列没有录音和留言的通话", ""),
            super::LIMIT,
        ],
    },
    Verb {
        name: "evidence",
        about: "把通话、录音和转接原因写成一个有签名的 zip 文件（能查看网点的人）",
        after: Some(
            "文件中有客户的完整号码，只有您能读取。用途会记入审计。\n\n示例：\n  \
             waybell evidence 0198a1b2-0000-7000-8000-000000000002 --reason \"投诉 2026-118\" --out 118.zip",
        ),
        args: &[
            ("calls", "通话的完整编号，见 waybell recordings；可写多个", "编号"),
            ("reason", "用途；记入审计", "文字"),
            ("out", "写入此 zip 文件；不写则为 evidence.zip", "文件"),
        ],
    },
    Verb {
        name: "verify",
        about: "核验证据文件是否被改动；不需要登录，也不需要网络",
        after: Some(
            "文件里的公钥须与服务器的公钥（GET /api/v1/evidence/key）比对，才能说明是谁制作的：用 --key 给出。\n\n示例：\n  \
             waybell verify 118.zip\n  waybell verify 118.zip --key 3b6a…",
        ),
        args: &[("file", "zip 文件", "文件"), ("key", "服务器的公钥，64 位十六进制", "公钥")],
    },
];
