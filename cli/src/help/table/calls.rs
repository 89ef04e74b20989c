//! Calls.

use super::{Argument, Verb};

const PLAY: Argument = ("play", "对方接听后听到的内容：WAV 文件", "文件");
const RECORD: Argument = ("record", "把听到的写入这个 WAV 文件", "文件");
const SECONDS: Argument = ("seconds", "通话这么多秒后挂断", "秒数");

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "calls",
        about: "列出来电和去电，最紧急的在前：留言、未接来电，以及对方的快件；没有网络也能看",
        after: Some(
            "示例：\n  waybell calls --open\n  waybell calls --missed --limit 10\n  waybell calls --watch",
        ),
        args: &[
            ("open", "只列待处理的", ""),
            ("missed", "只列无人接听的，包括已处理的", ""),
            ("watch", "留在这里，来电和变化即时显示；Ctrl-C 结束查看", ""),
            super::LIMIT,
        ],
    },
    Verb {
        name: "listen",
        about: "下载一通电话的录音或留言并加密保存在本机，以后没有网络也能听",
        after: Some(
            "中断后从断点继续；比对服务器的 SHA-256。本机最多保存 256 MB，最久没听的先删除，退出登录时全部删除。\n\n\
             示例：\n  waybell listen a1b2c3\n  waybell listen a1b2c3 --out 留言.wav\n  waybell listen a1b2c3 --out - | aplay",
        ),
        args: &[
            ("call", "通话编号，见 waybell calls", "编号"),
            ("out", "写成 WAV 文件；- 为标准输出", "文件"),
            ("remove", "改为从本机删除；服务器上仍保留", ""),
        ],
    },
    Verb {
        name: "handled",
        about: "把来电标为已处理；没有网络时先保存，之后发送一次",
        after: Some(
            "示例：\n  waybell handled a1b2c3 d4e5f6\n  waybell handled --all\n  waybell handled --undo a1b2c3",
        ),
        args: &[
            ("calls", "通话编号，见 waybell calls；可写多个", "编号"),
            ("all", "全部待处理的来电", ""),
            ("undo", "标错了：恢复为待处理", ""),
        ],
    },
    Verb {
        name: "availability",
        about: "查看或设置是否接听客户来电；没有网络时先保存，以最后说的为准",
        after: Some(
            "示例：\n  waybell availability\n  waybell availability riding\n  waybell availability off-duty --until 明天08:30\n  \
             waybell availability 可接听",
        ),
        args: &[
            ("mode", "是否接听来电；不写则只显示；可用中文", "状态"),
            ("until", "到此时恢复为可接听：18:00（今天）、明天08:30", "时间"),
        ],
    },
    Verb {
        name: "call",
        about: "呼叫客户：您的手机先响，接听后再呼叫客户，双方都看不到对方号码；需要连上服务器",
        after: Some(
            "没有网络时不会呼叫，之后也不会自动呼叫。\n\n示例：\n  waybell call SF1234567890123\n  waybell call a1b2c3\n  \
             waybell call 13800000000\n  waybell call --hang-up\n  waybell call 13800000000 --app --play 你好.wav --record 听到.wav",
        ),
        args: &[
            ("whom", "清单上的运单号、waybell calls 中的编号，或电话号码", "对象"),
            ("hang_up", "改为结束正在进行的呼叫", ""),
            ("app", "改用本程序经数据网络通话，您的手机不响", ""),
            ("auto", "由网络决定：网络够好时经数据网络通话，否则您的手机先响", ""),
            PLAY,
            RECORD,
            SECONDS,
        ],
    },
    Verb {
        name: "answer",
        about: "等待客户的网络来电并接听，用本机的话筒和听筒，或用文件代替；需要连上服务器",
        after: Some(
            "通话中输入一行 0-9 * # 为按键，m 静音，h 保持，q 挂断；Ctrl-C 也是挂断。\n\n示例：\n  \
             waybell answer --play 你好.wav --record 听到.wav\n  waybell answer --decline --wait 60",
        ),
        args: &[
            PLAY,
            RECORD,
            SECONDS,
            ("wait", "最多等待这么多秒；不写则等到 Ctrl-C", "秒数"),
            ("decline", "改为拒接", ""),
        ],
    },
    Verb {
        name: "duty",
        about: "查看或安排片区值班（管理员）",
        after: Some(
            "示例：\n  waybell duty\n  waybell duty 一号片区\n  waybell duty 一号片区 li.wei --take-over\n  \
             waybell duty 一号片区 wang.fang --substitute --until 18:00\n  waybell duty --end a1b2c3",
        ),
        args: &[
            ("area", "片区名称，或编号的开头；不写则列出全部", "片区"),
            ("login", "安排此人，写登录名", "登录名"),
            ("substitute", "作为代班：值班人不接时呼叫", ""),
            ("take_over", "该片区原来担任此职责的人同时结束：一步交接", ""),
            ("from", "从此时起：14:30（今天）、明天08:30；不写则为现在", "时间"),
            ("until", "到此时为止；不写则直到结束", "时间"),
            ("end", "结束这条值班，编号见列表", "编号"),
        ],
    },
];

pub(super) const VALUES: &[(&str, &str)] =
    &[("available", "可接听"), ("riding", "骑行中"), ("off-duty", "休息")];
