//! Files of fixes, and tracks.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("this is no track", "这不是轨迹数据"),
    (
        "this track is of version {}, which this app does not know: update the app",
        "轨迹数据的版本为 {}，本应用不认识：请更新应用",
    ),
    ("this track is damaged", "轨迹数据已损坏"),
    ("this track is too long", "轨迹数据过长"),
    ("this track is out of order", "轨迹数据顺序有误"),
    ("file is neither GPX nor CSV with a header", "文件既不是 GPX，也不是带标题行的 CSV"),
    ("file is larger than {} MB", "文件超过 {} MB"),
    ("file is no XML from line {} on", "文件从第 {} 行起不是 XML"),
    ("no column is headed {}", "没有标题为 {} 的列"),
    ("file has no track points", "文件中没有轨迹点"),
    ("it is missing", "缺失"),
    ("{} is no number", "{} 不是数字"),
    ("{} is out of range", "{} 超出范围"),
    ("{} is no time; write 2026-11-22T09:30:00Z", "{} 不是时间；写成 2026-11-22T09:30:00Z"),
];
