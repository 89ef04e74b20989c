//! Announcements.

use super::Verb;

const ID: super::Argument = ("id", "编号，或编号的末尾", "编号");
const FILE: super::Argument = ("file", "正文所在的文本文件；- 为标准输入", "文件");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "announcements",
        about: "查看公告：未读的在前，没有网络也能看；管理员可发布，并查看谁还没读",
        after: Some(
            "示例：\n  waybell announcements\n  waybell announcements read a1b2c3\n  \
             waybell announcements post 今天14点起停派 --text 暴雨，请回站点 --must-read\n  waybell announcements posted\n  \
             waybell announcements readers a1b2c3\n  waybell announcements withdraw a1b2c3",
        ),
        args: &[],
    },
    Verb {
        name: "read",
        about: "查看全文并确认已读；没有网络时先保存，之后发送一次",
        after: Some("示例：\n  waybell announcements read a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "post",
        about: "向本网点或全公司发布公告（管理员）；需要服务器",
        after: Some(
            "网点的管理员向本网点发布；其他人向全公司发布，或向指定的网点发布。\n\n\
             示例：\n  waybell announcements post 今天14点起停派 --text 暴雨，请回站点 --must-read\n  \
             waybell announcements post 新增快递柜 --file 快递柜.txt --role courier --from \"明天 07:00\" --until 2026-12-31T20:00",
        ),
        args: &[
            ("title", "标题，一行，最多 80 个字", "标题"),
            ("text", "正文，最多 4000 个字", "文字"),
            FILE,
            ("branch", "网点的名称或编号", "网点"),
            ("role", "只发给这个角色；可写多个", "角色"),
            ("must_read", "必读，每人须确认已读", ""),
            ("from", "从此时起显示；不写则立即显示", "时间"),
            ("until", "到此时不再显示", "时间"),
        ],
    },
    Verb {
        name: "posted",
        about: "查看已发布的公告和已读人数（管理员）；需要服务器",
        after: Some("示例：\n  waybell announcements posted\n  waybell announcements posted --all"),
        args: &[("all", "包括已结束和已撤回的", "")],
    },
    Verb {
        name: "readers",
        about: "查看谁还没读（管理员）；需要服务器",
        after: Some(
            "示例：\n  waybell announcements readers a1b2c3\n  waybell announcements readers a1b2c3 --all",
        ),
        args: &[ID, ("all", "包括已读的人和时间", "")],
    },
    Verb {
        name: "edit",
        about: "修改公告（管理员）；必读公告的文字改动后须重新确认",
        after: Some(
            "示例：\n  waybell announcements edit a1b2c3 --text 改为16点起停派\n  waybell announcements edit a1b2c3 --until 18:00",
        ),
        args: &[
            ID,
            ("title", "新的标题", "标题"),
            ("text", "新的正文", "文字"),
            FILE,
            ("must_read", "是否必读", "是否"),
            ("from", "从此时起显示", "时间"),
            ("until", "到此时不再显示", "时间"),
            ("endless", "一直显示，直到撤回", ""),
        ],
    },
    Verb {
        name: "withdraw",
        about: "撤回公告（管理员），各处不再显示",
        after: Some("示例：\n  waybell announcements withdraw a1b2c3"),
        args: &[ID],
    },
];

pub(super) const VALUES: &[(&str, &str)] = &[("yes", "是"), ("no", "否")];
