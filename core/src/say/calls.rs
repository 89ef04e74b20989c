//! Published numbers, areas, duties, and the calls that come in.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("are more than 20", "超过 20 人"),
    ("keep those who are to be rung first", "只保留应先呼叫的人"),
    ("is another one", "是另一个网点"),
    ("make a new area in that branch", "请在那个网点新建片区"),
    ("must have 1 to 60 characters", "应为 1 到 60 个字符"),
    ("choose a name", "请取个名称"),
    ("the call goes on", "通话还在进行"),
    ("write answered, voicemail, missed", "写 answered、voicemail、missed"),
    ("leave it out to bar the caller for ever", "不写则永久屏蔽"),
    ("must be 1 to 3650", "应为 1 到 3650"),
    ("correct one of both", "请改正其中一个"),
    ("is not after the beginning", "不在开始之后"),
    ("name a branch of GET /branches", "请写 GET /branches 中的网点"),
    ("belongs to another branch", "属于另一个网点"),
    ("cannot be published", "不能公布"),
    ("is no date", "不是日期"),
    (
        "it has one owner on a server; whoever runs the server can say whose it is",
        "一个号码在一台服务器上只属于一个机构；可询问服务器管理者它属于谁",
    ),
    ("must have 4 to 500 characters", "应为 4 到 500 个字符"),
    ("name an area of the number's branch", "请写该号码所属网点的片区"),
    ("this number is in use", "该号码已被使用"),
    ("write it like 2026-03-02", "写成 2026-03-02 这样"),
    ("listen once it has ended", "结束后再收听"),
];
