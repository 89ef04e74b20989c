//! Announcements.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("there is no such announcement", "没有这条公告"),
    ("find the announcement", "没有找到这条公告"),
    ("this id was used for another announcement", "该编号已用于另一条公告"),
    ("use a new id for a new announcement", "新公告请用新的编号"),
    ("announcements are taken again when a day is over", "一天之后可以再发公告"),
    ("it is of the whole organisation: ask head office", "这是全公司的公告，请联系总部"),
    ("this announcement was withdrawn", "这条公告已撤回"),
    ("post another one", "请重新发布"),
    ("somebody else has changed this announcement meanwhile", "其他人刚刚修改过这条公告"),
    ("cannot be together with ends_at", "不能与 ends_at 同时填写"),
    ("send one of the two", "请只填其中一个"),
    ("there is no version {}, but {} of them", "没有第 {} 版，共有 {} 版"),
    ("send the version that was read", "请发送读过的那一版"),
    ("several announcements end so", "有多条公告以此结尾"),
    ("write more of the id", "请多写几位编号"),
    ("say in a line what it is about", "请用一行说明内容"),
    ("shorten it; the body has room for the rest", "请缩短，其余写在正文中"),
    ("has control characters", "含有控制字符"),
    ("write one line of plain text", "请写一行纯文字"),
    ("write what is announced", "请写公告正文"),
    ("shorten it, or post it in parts", "请缩短，或分几条发布"),
    ("write plain text; lines and tabs are taken", "请写纯文字，可以换行和用制表符"),
    ("is more than 366 days ahead", "超过 366 天以后"),
    (
        "begin sooner, or post it later; times are milliseconds since 1970",
        "请提前开始，或以后再发布；时间是 1970 年以来的毫秒数",
    ),
    ("end it later, or withdraw the announcement", "请推迟结束时间，或撤回公告"),
    ("is not after starts_at", "不晚于开始时间"),
    ("end it later, or begin sooner", "请推迟结束时间，或提前开始"),
    ("is more than ten years ahead", "超过十年以后"),
    ("leave it out for one without an end", "没有结束时间时请不填"),
    ("the file is no text in UTF-8", "文件不是 UTF-8 文本"),
];
