//! Knowledge.

use super::Verb;

const ID: super::Argument = ("id", "编号，或编号的末尾", "编号");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "knowledge",
        about: "查看知识库：目录、搜索、正文，没有网络也能看；管理员可编写、审核、发布",
        after: Some(
            "示例：\n  waybell knowledge\n  waybell knowledge search ysj\n  waybell knowledge show a1b2c3\n  \
             waybell knowledge favourite a1b2c3\n  waybell knowledge add 赔付.md --folder 理赔/破损 --submit\n  \
             waybell knowledge approve a1b2c3",
        ),
        args: &[],
    },
    Verb {
        name: "knowledge search",
        about: "搜索知识：汉字、拼音、首字母、数字；标题优先",
        after: Some("示例：\n  waybell knowledge search 易碎\n  waybell knowledge search ysj --limit 5"),
        args: &[("words", "须全部找到的词；不写则为最常用的", "词"), ("limit", "最多显示几条", "数量")],
    },
    Verb {
        name: "knowledge show",
        about: "查看全文；没有网络时先记下已阅读，之后发送一次",
        after: Some("示例：\n  waybell knowledge show a1b2c3\n  waybell knowledge show a1b2c3 --pictures ."),
        args: &[ID, ("pictures", "把其中的图片存到这个文件夹", "文件夹")],
    },
    Verb {
        name: "knowledge favourite",
        about: "收藏知识；没有网络时先保存，之后发送一次",
        after: Some(
            "示例：\n  waybell knowledge favourite a1b2c3\n  waybell knowledge favourite a1b2c3 --off\n  \
             waybell knowledge favourite",
        ),
        args: &[("id", "编号，或编号的末尾；不写则显示已收藏的", "编号"), ("off", "取消收藏", "")],
    },
    Verb {
        name: "knowledge add",
        about: "把 Markdown 或 HTML 文件写成知识草稿（管理员）；需要服务器",
        after: Some(
            "文件开头两行 --- 之间可写标题、标签和目录。HTML 会转为 Markdown，去掉脚本、样式和框架。\
             文件旁边的图片会一起上传。\n\n\
             示例：\n  waybell knowledge add 赔付.md --folder 理赔/破损 --tag 玻璃 --submit\n  \
             waybell knowledge add *.html --folder 常见问题",
        ),
        args: &[
            ("files", "文件；类型以内容为准", "文件"),
            ("title", "标题，只用于一个文件；否则取文件中的标题或文件名", "标题"),
            ("folder", "目录，用 / 分隔各级；没有的会新建", "目录"),
            ("tag", "标签；可写多个", "标签"),
            ("branch", "网点的名称或编号", "网点"),
            ("submit", "立即提交审核", ""),
        ],
    },
    Verb {
        name: "knowledge edit",
        about: "修改知识（管理员）：新的文字是草稿，审核前读者仍看原来的",
        after: Some(
            "示例：\n  waybell knowledge edit a1b2c3 --file 赔付.md\n  \
             waybell knowledge edit a1b2c3 --title 玻璃破损 --folder 理赔",
        ),
        args: &[
            ID,
            ("file", "Markdown 或 HTML 文件", "文件"),
            ("title", "新的标题", "标题"),
            ("tag", "新的标签，代替原来的；可写多个", "标签"),
            ("folder", "移到这个目录，用 / 分隔各级；/ 为最上级", "目录"),
        ],
    },
    Verb {
        name: "knowledge written",
        about: "查看已编写的知识和状态（管理员）；需要服务器",
        after: Some("示例：\n  waybell knowledge written\n  waybell knowledge written --stage review"),
        args: &[("stage", "只看这个状态的", "状态")],
    },
    Verb {
        name: "knowledge submit",
        about: "把草稿提交审核（管理员）",
        after: Some("示例：\n  waybell knowledge submit a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "knowledge approve",
        about: "审核通过并发布（管理员）；用 --reject 驳回",
        after: Some(
            "公司要求双人审核时，写的人不能自己审核。\n\n\
             示例：\n  waybell knowledge approve a1b2c3\n  waybell knowledge approve a1b2c3 --reject 请写明时限",
        ),
        args: &[ID, ("reject", "驳回，并写明原因", "原因")],
    },
    Verb {
        name: "knowledge archive",
        about: "归档知识（管理员），各处不再显示；各版本都保留",
        after: Some("示例：\n  waybell knowledge archive a1b2c3"),
        args: &[ID],
    },
    Verb {
        name: "knowledge history",
        about: "查看各版本，或某一版的改动（管理员）",
        after: Some(
            "示例：\n  waybell knowledge history a1b2c3\n  waybell knowledge history a1b2c3 --diff 3\n  \
             waybell knowledge history a1b2c3 --diff 3 --against 1",
        ),
        args: &[
            ID,
            ("diff", "显示这一版的改动", "版本"),
            ("against", "与这一版相比；否则与前一版相比", "版本"),
        ],
    },
    Verb {
        name: "knowledge restore",
        about: "恢复较早的版本，作为新的草稿（管理员）",
        after: Some("示例：\n  waybell knowledge restore a1b2c3 2"),
        args: &[ID, ("version", "版本", "版本")],
    },
    Verb {
        name: "knowledge folder",
        about: "新建、改名、移动或删除目录（管理员）",
        after: Some(
            "示例：\n  waybell knowledge folder 理赔/破损\n  waybell knowledge folder 理赔/破损 --rename 损坏\n  \
             waybell knowledge folder 理赔/损坏 --into 快件\n  waybell knowledge folder 旧目录 --remove",
        ),
        args: &[
            ("path", "目录，用 / 分隔各级", "目录"),
            ("rename", "新的名称", "名称"),
            ("into", "移到这个目录，用 / 分隔各级；/ 为最上级", "目录"),
            ("remove", "删除空目录", ""),
            ("branch", "新目录只属于这个网点", "网点"),
        ],
    },
];

pub(super) const VALUES: &[(&str, &str)] =
    &[("draft", "草稿"), ("review", "待审核"), ("published", "已发布"), ("archived", "已归档")];
