//! The Chinese of every verb, argument and value.

mod announcements;
mod attendance;
mod calls;
mod charges;
mod knowledge;
mod leaves;
mod orders;
mod phones;
mod places;
mod recordings;
mod rules;

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
pub(super) const DATUM: Argument = ("datum", "坐标系", "坐标系");
const LIMIT: Argument = ("limit", "最多行数", "行数");

const WAYBILLS: Argument = ("waybills", "运单号", "运单号");
const STOP: Argument = ("stop", "这个停靠点的全部未完成快件，名称见 waybell stops；可写多个", "名称");
const PHOTO: Argument = ("photo", "照片；可写多个", "文件");

const VALUES: &[(&str, &str)] = &[
    ("zh", "中文"),
    ("en", "英文"),
    ("wgs84", "WGS-84，卫星定位"),
    ("gcj02", "GCJ-02，高德、腾讯、苹果地图"),
    ("bd09", "BD-09，百度地图"),
    ("on", "停止"),
    ("off", "恢复"),
    ("courier", "快递员"),
    ("supervisor", "片区管理员"),
    ("agent", "坐席"),
    ("team_leader", "班长"),
    ("administrator", "管理员"),
    ("recipient", "收件人"),
    ("family", "家人"),
    ("neighbour", "邻居"),
    ("reception", "前台"),
    ("other", "其他"),
    ("phone", "电话"),
    ("in_person", "当面"),
    ("message", "短信或微信"),
    ("standing", "长期约定"),
    ("nobody_home", "家中无人"),
    ("refused", "拒收"),
    ("wrong_address", "地址错误"),
    ("wrong_number", "电话错误"),
    ("unreachable", "联系不上"),
    ("damaged", "破损"),
    ("postponed", "客户改期"),
    ("sender", "寄付"),
    ("account", "月结"),
    ("third", "第三方付"),
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
             示例：\n  waybell import day.csv --dry-run   只看结果，不作更改\n  waybell import day.csv\n  \
             waybell import day.csv --column phone=联系 --bad 有问题的行.csv",
        ),
        args: &[
            ("file", "清单文件；- 为标准输入", "文件"),
            (
                "column",
                "哪一列是什么，如 phone=联系（waybill_no、phone、name、address、kind）；#3 为第三列，= 后不写表示没有。\
                 本网点同样表头的清单以后照此读取",
                "字段=列",
            ),
            ("bad", "把有问题的行连同行号和原因写入这个文件", "文件"),
            ("dry_run", "不作更改，只说明会怎样", ""),
        ],
    },
    Verb {
        name: "tasks", about: "列出快件", after: None, args: &[("open", "只列尚未完成的", ""), LIMIT]
    },
    Verb {
        name: "track",
        about: "查看手机会怎样保存一份定位文件，以及走了多远；无需登录",
        after: Some(
            "GPX（带时间的轨迹点），或带 time、lat、lon 列的 CSV（可另有 accuracy、speed、bearing、altitude），坐标为 WGS-84。\
             不带时区的时间按 UTC。\n\n示例：\n  waybell track --from ride.gpx\n  \
             waybell track --from fixes.csv --out kept.gpx --json",
        ),
        args: &[("from", "定位文件；- 为标准输入", "文件"), ("out", "把简化后的轨迹写成 GPX", "文件"), LIMIT],
    },
    Verb {
        name: "stops",
        about: "列出停靠点：按楼栋归并快件，顺序同清单",
        after: Some("同一栋楼的不同写法归为一个停靠点：幸福花园3栋、幸福花园3号楼、幸福花园3-2-501。"),
        args: &[
            ("all", "也包括已完成的快件", ""),
            ("learned", "改为列出本网点手工合并、拆分过的", ""),
            LIMIT,
        ],
    },
    Verb {
        name: "search",
        about: "按地址、姓名、运单号、电话搜索；可用汉字、拼音、首字母、数字",
        after: Some("示例：\n  waybell search 幸福花园3\n  waybell search xfhy3\n  waybell search 6021"),
        args: &[("words", "关键词；须全部匹配", "关键词"), LIMIT],
    },
    Verb {
        name: "route",
        about: "按应走的顺序列出未完成的停靠点和时间",
        after: Some(
            "示例：\n  waybell route\n  waybell route --from 31.2304,121.4737 --depart 14:00 --speed 15\n\n位置依次取自手工标注、历次派送、\
             清单坐标、地图服务；都没有的按小区、道路或清单推测，并注明；一个也不会漏。",
        ),
        args: &[
            ("from", "出发位置；不写则从清单第一个停靠点开始", "纬度,经度"),
            ("back_to", "终点；不写则在最后一个停靠点结束", "纬度,经度"),
            ("depart", "出发时间：14:30（今天）、明天08:30；不写则为现在", "时间"),
            ("speed", "路上的速度，公里/小时；不写则为 18", "公里每小时"),
            DATUM,
        ],
    },
    Verb {
        name: "numbers",
        about: "从面单文字或语音文字中认出电话号码，并说出是哪些快件的",
        after: Some(
            "示例：\n  waybell numbers \"收 张三 138 0000 1111\"\n  waybell numbers --heard 幺三八零零零零幺幺幺幺\n  \
             waybell numbers < label.txt\n\n读取 OCR 或语音识别写出的文字，容忍其中的错误：0 写成 O、断行、星号。",
        ),
        args: &[
            ("words", "文字；不写则从标准输入读取，面单一行为一行", "文字"),
            ("heard", "是说出来的，不是印出来的", ""),
        ],
    },
    Verb {
        name: "notify",
        about: "给所选快件的每位收件人打一次电话；先显示计划，再询问",
        after: Some(
            "示例：\n  waybell notify --search 幸福花园3 --template arrived\n  waybell notify --stop 幸福花园3 --stop 和平里5\n  \
             waybell notify --all --at 14:30\n  waybell notify --all --before 15 --from 31.2304,121.4737\n  \
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
            ("before", "按当前路线，在您到达前这么多分钟呼叫每个人；1 至 240", "分钟"),
            ("from", "与 --before 同用：您在哪里；不写则从清单的第一个停靠点算起。WGS-84", "纬度,经度"),
            YES,
        ],
    },
    Verb {
        name: "follow",
        about: "把批次中等待的呼叫改到按当前路线到达前若干分钟",
        after: Some(
            "示例：\n  waybell follow --before 15\n  waybell follow 01a2 --before 20 --from 31.2304,121.4737\n\n\
             已经呼叫过的人不变。需要网络。",
        ),
        args: &[
            BATCH,
            ("before", "到达前多少分钟，1 至 240", "分钟"),
            ("from", "您在哪里；不写则从清单的第一个停靠点算起。WGS-84", "纬度,经度"),
        ],
    },
    Verb {
        name: "watch",
        about: "查看批次进度（默认最新的），直到结束；Ctrl-C 只结束查看。主管加 --area 或 --zoom：查看在岗快递员的位置",
        after: Some(
            "示例：\n  waybell watch\n  waybell watch 01a2\n  waybell watch --zoom 10\n  \
             waybell watch --area 31.1,121.3,31.3,121.6 --zoom 14\n  waybell watch --zoom 14 --changes 1 --json\n\n\
             缩放级别 13 起逐人显示，更小时按格子计数。",
        ),
        args: &[
            BATCH,
            ("area", "只看这个矩形内的快递员（WGS-84）；不写则不限", "南,西,北,东"),
            ("zoom", "地图缩放级别，0 至 20；只写区域时为 14", "级别"),
            ("branch", "只看这个网点：网点编号", "网点"),
            ("changes", "收到这么多次变化后结束", "次数"),
        ],
    },
    Verb {
        name: "undo",
        about: "撤销最近做的：点按中尚未振铃的呼叫、30 秒内的派件登记、停靠点的合并或拆分",
        after: Some("不写编号时，撤销以下最新的一项：任何时候的点按；30 秒内的派件登记、合并或拆分。"),
        args: &[("batch", "批次或其他编号，或编号的开头", "编号")],
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
        name: "sign",
        about: "登记签收",
        after: Some(
            "示例：\n  waybell sign SF1234567890123\n  waybell sign --stop 幸福花园3栋 --by reception\n  \
             waybell sign SF1234567890123 --by other --name 王芳 --cash 99.00",
        ),
        args: &[
            WAYBILLS,
            STOP,
            ("by", "由谁签收；可用中文：本人、家人、邻居、前台、他人", "签收人"),
            ("name", "签收人姓名", "姓名"),
            ("cash", "代收货款，元", "元"),
            PHOTO,
        ],
    },
    Verb {
        name: "leave",
        about: "登记放驿站、快递柜或门口；须有收件人同意",
        after: Some(
            "示例：\n  waybell leave SF1234567890123 --locker 丰巢3号柜 --code 40815\n  \
             waybell leave --stop 幸福花园3栋 --station 菜鸟驿站 --consent phone\n  waybell leave SF1234567890123 --door\n\n\
             收件人在通知中按过键（1 送货上门，2 驿站或快递柜）即为同意；否则请写明如何同意的。",
        ),
        args: &[
            WAYBILLS,
            STOP,
            ("station", "放在这个驿站", "地点"),
            ("locker", "放在这个快递柜", "地点"),
            ("door", "放在门口", ""),
            ("code", "取件码", "取件码"),
            ("consent", "没有按键时，收件人如何同意的；可用中文", "方式"),
            ("note", "具体位置，或对方说了什么", "备注"),
            PHOTO,
        ],
    },
    Verb {
        name: "except",
        about: "登记问题件及原因",
        after: Some(
            "示例：\n  waybell except SF1234567890123 --reason 家中无人\n  \
             waybell except SF1234567890123 --reason 客户改期 --until 明天18:00",
        ),
        args: &[
            WAYBILLS,
            STOP,
            ("reason", "原因；可用中文", "原因"),
            ("note", "说明", "备注"),
            ("until", "客户要求的时间：18:00（今天）、明天18:00、2026-11-22T09:30", "时间"),
            PHOTO,
        ],
    },
    Verb {
        name: "return",
        about: "登记退件",
        after: Some("示例：\n  waybell return SF1234567890123 --note 拒收"),
        args: &[WAYBILLS, STOP, ("note", "原因", "备注"), PHOTO],
    },
    Verb {
        name: "pick-up",
        about: "登记揽收",
        after: Some(
            "示例：\n  waybell pick-up SF1234567890123 --weight 1200 --size 300x200x100 --payer sender --sum 12.50",
        ),
        args: &[
            WAYBILLS,
            STOP,
            ("weight", "每件重量，克", "克"),
            ("size", "尺寸，毫米：300x200x100", "尺寸"),
            ("payer", "谁付运费；可用中文：寄付、到付、月结、第三方付", "付款方"),
            ("sum", "已收金额，元", "元"),
            PHOTO,
        ],
    },
    Verb {
        name: "hand-over",
        about: "把未完成的快件按此顺序转交给本网点的同事；需要连上服务器",
        after: Some(
            "示例：\n  waybell hand-over SF1234567890123 SF1234567890124 --to li.wei\n  \
             waybell hand-over --stop 幸福花园3栋 --to li.wei",
        ),
        args: &[WAYBILLS, STOP, ("to", "同事的登录名", "登录名")],
    },
    Verb {
        name: "merge",
        about: "把这些快件所在的停靠点合并为一个，全网点从此生效",
        after: Some(
            "示例：\n  waybell merge SF1234567890123 SF1234567890124\n  waybell merge --stop 幸福花园3栋 --stop 缤纷北苑47幢",
        ),
        args: &[WAYBILLS, STOP],
    },
    Verb {
        name: "split",
        about: "把这些快件从所在停靠点拆出，全网点从此生效",
        after: Some("示例：\n  waybell split SF1234567890123"),
        args: &[("waybills", "运单号，一个或多个", "运单号")],
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
        name: "people",
        about: "查看或更改本组织的人员（管理员）",
        after: Some(
            "示例：\n  waybell people list\n  waybell people add li.wei --name 李伟 --phone 13900000002\n  \
             waybell people change li.wei --new-password\n  waybell people change li.wei --disable",
        ),
        args: &[],
    },
    Verb {
        name: "list",
        about: "列出可以登录的人员和他们的手机号",
        after: None,
        args: &[("all", "也列出已停用的人员", "")],
    },
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
            ("enable", "可以重新登录", ""),
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

/// What a verb is called here: with the verb that it belongs to, where another one has its name.
pub(super) fn key(parent: &str, name: &str) -> String {
    let whole = format!("{parent} {name}");
    if verb(&whole).is_some() { whole } else { name.to_owned() }
}

pub(super) fn verb(name: &str) -> Option<&'static Verb> {
    VERBS
        .iter()
        .chain(calls::VERBS)
        .chain(recordings::VERBS)
        .chain(attendance::VERBS)
        .chain(leaves::VERBS)
        .chain(orders::VERBS)
        .chain(announcements::VERBS)
        .chain(charges::VERBS)
        .chain(knowledge::VERBS)
        .chain(phones::VERBS)
        .chain(places::VERBS)
        .chain(rules::VERBS)
        .find(|v| v.name == name)
}

pub(super) fn argument(verb_name: &str, id: &str) -> Option<Text> {
    let own = verb(verb_name).and_then(|v| v.args.iter().find(|(name, ..)| *name == id));
    let common = COMMON.iter().find(|(name, ..)| *name == id);
    let (_, help, value) = own.or(common)?;
    Some(Text { help, value, common: own.is_none() })
}

pub(super) fn value(word: &str) -> Option<&'static str> {
    VALUES
        .iter()
        .chain(calls::VALUES)
        .chain(attendance::VALUES)
        .chain(leaves::VALUES)
        .chain(orders::VALUES)
        .chain(announcements::VALUES)
        .chain(charges::VALUES)
        .chain(knowledge::VALUES)
        .chain(places::VALUES)
        .find(|(name, _)| *name == word)
        .map(|(_, zh)| *zh)
}
