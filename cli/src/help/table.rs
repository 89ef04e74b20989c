//! The Chinese of every verb, argument and value.

/// Heading of the options that every verb has: Chinese, English.
pub(crate) const COMMON_HEADING: (&str, &str) = ("通用选项", "Common options");

/// A verb.
pub(super) struct Verb {
    name: &'static str,
    pub about: &'static str,
    pub after: Option<&'static str>,
    args: &'static [Argument],
}

/// An argument: id, help, name of its value.
type Argument = (&'static str, &'static str, &'static str);

/// An argument's texts.
pub(super) struct Text {
    pub help: &'static str,
    /// Name of its value; empty where it has none.
    pub value: &'static str,
    /// Every verb has it.
    pub common: bool,
}

const COMMON: &[Argument] = &[
    ("server", "服务器地址；登录时记住", "地址"),
    ("data", "存放数据的文件夹；否则为 ~/.local/share/waybell", "文件夹"),
    ("lang", "文字的语言；否则按区域设置", "语言"),
    ("json", "输出一份 JSON，供程序读取", ""),
    ("full", "显示完整电话号码；否则隐藏中间几位", ""),
    ("help", "显示帮助", ""),
    ("version", "显示版本", ""),
];

const BATCH: Argument = ("batch", "批次编号，或编号的开头", "批次");
const TEMPLATE: Argument = ("template", "通知模板", "模板");
const YES: Argument = ("yes", "不再询问", "");
const NAME: Argument = ("name", "屏幕上显示的姓名", "姓名");
const PHONE: Argument = ("phone", "本人手机，收件人要求接通快递员时响；留空则删去", "电话");
const NEW_PASSWORD: Argument = ("new_password", "新密码；不写值则询问", "密码");
const LIMIT: Argument = ("limit", "最多行数", "行数");

const VALUES: &[(&str, &str)] = &[
    ("zh", "中文"),
    ("en", "英文"),
    ("on", "停止"),
    ("off", "恢复"),
    ("courier", "快递员"),
    ("supervisor", "片区管理员"),
    ("agent", "坐席"),
    ("team_leader", "班长"),
    ("administrator", "管理员"),
    ("bash", "Bash"),
    ("elvish", "Elvish"),
    ("fish", "Fish"),
    ("powershell", "PowerShell"),
    ("zsh", "Zsh"),
];

const VERBS: &[Verb] = &[
    Verb {
        name: "waybell",
        about: "终端里的快递员应用：导入当日快件，一次点按，每位收件人的电话响一次。",
        after: Some(
            "示例：\n  waybell login lina --server https://waybell.example.com\n  waybell import day.csv --dry-run\n  \
             waybell import day.csv\n  waybell search 幸福花园3\n  waybell notify --search 幸福花园3 --template arrived\n  \
             waybell watch\n  waybell why SF1234567890123\n\n\
             语言：--lang 优先；否则看 LC_ALL、LC_MESSAGES、LANG 中第一个非空的，zh 开头为中文，其余（包括 C）为英文。\n\
             时间：按本组织的时区（Asia/Shanghai）显示和填写。\n\n\
             退出码：0 完成，1 失败，2 用法错误，3 没有网络（已保存，之后发送），4 需要登录。",
        ),
        args: &[],
    },
    Verb {
        name: "login",
        about: "登录；询问密码，或取自 $WAYBELL_PASSWORD",
        after: Some("示例：\n  waybell login lina --server https://waybell.example.com"),
        args: &[
            ("login", "登录名", "登录名"),
            ("password", "密码；最好不写在命令行，其他程序能看到", "密码"),
        ],
    },
    Verb {
        name: "logout",
        about: "退出登录并删除本机数据；尚未送达的操作保留到下次登录",
        after: None,
        args: &[],
    },
    Verb {
        name: "import",
        about: "导入当日清单（XLSX；CSV，编码 UTF-8、UTF-16 或 GB18030；JSON）",
        after: Some(
            "需要“运单号”一列；“电话”“收件人”“地址”“任务类型”按常见名称识别。有问题的行会逐一指出，其余照常导入。\n\n\
             示例：\n  waybell import day.csv --dry-run   只看结果，不作更改\n  waybell import day.csv",
        ),
        args: &[("file", "清单文件；- 为标准输入", "文件"), ("dry_run", "不作更改，只说明会怎样", "")],
    },
    Verb {
        name: "tasks", about: "列出快件", after: None, args: &[("open", "只列尚未完成的", ""), LIMIT]
    },
    Verb {
        name: "stops",
        about: "列出停靠点：按楼栋归并快件，顺序同清单",
        after: Some("同一栋楼的不同写法归为一个停靠点：幸福花园3栋、幸福花园3号楼、幸福花园3-2-501。"),
        args: &[("all", "也包括已完成的快件", ""), LIMIT],
    },
    Verb {
        name: "search",
        about: "按地址、姓名、运单号、电话搜索；可用汉字、拼音、首字母、数字",
        after: Some("示例：\n  waybell search 幸福花园3\n  waybell search xfhy3\n  waybell search 6021"),
        args: &[("words", "关键词；须全部匹配", "关键词"), LIMIT],
    },
    Verb {
        name: "notify",
        about: "给所选快件的每位收件人打一次电话；先显示计划，再询问",
        after: Some(
            "示例：\n  waybell notify --search 幸福花园3 --template arrived\n  waybell notify --stop 幸福花园3 --stop 和平里5\n  \
             waybell notify --all --at 14:30\n  \
             waybell notify SF1234567890123 SF1234567890124 --yes",
        ),
        args: &[
            ("waybills", "运单号", "运单号"),
            ("search", "这个搜索所指的全部快件：幸福花园3 指3栋，不含31栋", "关键词"),
            ("loose", "与 --search 同用：也包括不太吻合的，即 waybell search 列出的全部", ""),
            ("stop", "这个停靠点的全部未完成快件，名称见 waybell stops；可写多个", "名称"),
            ("all", "清单上的全部快件", ""),
            TEMPLATE,
            (
                "at",
                "不早于此时开始：14:30（今天）、明天08:30、2026-11-22T09:30，可带时区（Z、+08:00）",
                "时间",
            ),
            YES,
        ],
    },
    Verb {
        name: "watch",
        about: "查看批次进度（默认最新的），直到结束；Ctrl-C 只结束查看",
        after: None,
        args: &[BATCH],
    },
    Verb {
        name: "undo", about: "撤销批次（默认最近一次点按）中尚未振铃的呼叫", after: None, args: &[BATCH]
    },
    Verb { name: "pause", about: "暂停批次中尚未开始的呼叫", after: None, args: &[BATCH] },
    Verb { name: "resume", about: "让批次继续", after: None, args: &[BATCH] },
    Verb {
        name: "confirm", about: "确认执行一次到达服务器过晚的点按", after: None, args: &[BATCH]
    },
    Verb {
        name: "again",
        about: "再次呼叫今天未接听的人",
        after: None,
        args: &[TEMPLATE, ("include_unknown", "也包括结果待确认的人：他们的电话可能会响第二次", ""), YES],
    },
    Verb {
        name: "why",
        about: "一件快件的收件人经历了什么，逐条说明",
        after: None,
        args: &[("waybill", "运单号", "运单号")],
    },
    Verb {
        name: "state",
        about: "登记快件的状态",
        after: Some(
            "示例：\n  waybell state SF1234567890123 已签收\n  waybell state SF1234567890123 SF1234567890124 at_station\n\n\
             状态：待派送 planned、派送中 out_for_delivery、问题件 exception、已入驿站 at_station、已入快递柜 at_locker、\
             已签收 signed、已取件 picked_up、已退件 returned、已撤回 withdrawn",
        ),
        args: &[("waybills", "运单号，一个或多个", "运单号"), ("state", "状态，写在最后", "状态")],
    },
    Verb {
        name: "sync",
        about: "发送待发的操作，接收新数据；列出被拒绝的操作",
        after: None,
        args: &[
            ("retry", "重新发送被拒绝的操作（编号，或 all）", "编号"),
            ("discard", "放弃被拒绝的操作（编号，或 all）", "编号"),
        ],
    },
    Verb {
        name: "stop-all",
        about: "停止或恢复本组织的全部呼叫（管理员）",
        after: None,
        args: &[("switch", "停止或恢复", "开关")],
    },
    Verb {
        name: "policy",
        about: "查看或更改本组织的呼叫规则（管理员）",
        after: Some(
            "示例：\n  waybell policy show\n  waybell policy set retry.max_attempts=2 display_daily_cap=200\n  \
             waybell policy patch rules.json",
        ),
        args: &[],
    },
    Verb { name: "show", about: "显示现行规则", after: None, args: &[] },
    Verb {
        name: "set",
        about: "更改所列规则，其余不变；null 恢复默认",
        after: None,
        args: &[("rules", "规则，如 retry.max_attempts=2 或 quiet=[]；值是 JSON", "规则=值")],
    },
    Verb {
        name: "patch",
        about: "按 JSON 文件更改规则，未列出的不变（RFC 7396）",
        after: None,
        args: &[("file", "文件；- 为标准输入", "文件")],
    },
    Verb {
        name: "people",
        about: "查看或更改本组织的人员（管理员）",
        after: Some(
            "示例：\n  waybell people list\n  waybell people add li.wei --name 李伟 --phone 13900000002\n  \
             waybell people change li.wei --new-password\n  waybell people change li.wei --disable",
        ),
        args: &[],
    },
    Verb { name: "list", about: "列出可以登录的人员", after: None, args: &[] },
    Verb {
        name: "add",
        about: "新增人员；询问密码",
        after: None,
        args: &[("login", "登录名", "登录名"), ("role", "角色", "角色"), NAME, PHONE, NEW_PASSWORD],
    },
    Verb {
        name: "change",
        about: "更改人员的姓名、手机、密码，或能否登录",
        after: None,
        args: &[
            ("login", "登录名，或编号", "登录名"),
            ("disable", "不能再登录；现有登录全部结束", ""),
            ("enable", "可以重新登录（此时用编号指明，登录名已不在列表中）", ""),
            NAME,
            PHONE,
            NEW_PASSWORD,
        ],
    },
    Verb { name: "doctor", about: "检查哪里有问题，以及怎么办", after: None, args: &[] },
    Verb {
        name: "completions",
        about: "输出命令行补全脚本，语言同界面",
        after: Some(
            "示例：\n  source <(waybell completions bash)\n  waybell completions fish > ~/.config/fish/completions/waybell.fish",
        ),
        args: &[("shell", "命令行程序", "程序")],
    },
    Verb {
        name: "man",
        about: "输出手册页；给出文件夹时为每个命令各写一页",
        after: Some("示例：\n  waybell man | man -l -\n  waybell man --folder ~/.local/share/man/man1"),
        args: &[("folder", "手册页的文件夹，没有时会新建", "文件夹")],
    },
    Verb {
        name: "help",
        about: "显示帮助，或某个命令的帮助",
        after: None,
        args: &[("subcommand", "命令", "命令")],
    },
];

pub(super) fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name)
}

pub(super) fn argument(verb_name: &str, id: &str) -> Option<Text> {
    let own = verb(verb_name).and_then(|v| v.args.iter().find(|(name, ..)| *name == id));
    let common = COMMON.iter().find(|(name, ..)| *name == id);
    let (_, help, value) = own.or(common)?;
    Some(Text { help, value, common: own.is_none() })
}

pub(super) fn value(word: &str) -> Option<&'static str> {
    VALUES.iter().find(|(name, _)| *name == word).map(|(_, zh)| *zh)
}
