//! Attendance.

use super::Verb;

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "punch",
        about: "上班、下班或外勤打卡；没有网络时先保存，之后发送一次，打卡时间不变",
        after: Some(
            "地点或时钟有疑问也会记录，并说明原因，由主管判断。一分钟内重复打卡只算一次。\n\n\
             示例：\n  waybell punch in\n  waybell punch 下班\n  \
             waybell punch field --place 31.2304,121.4737 --address 幸福花园 --note 送样件 --photo 门口.jpg",
        ),
        args: &[
            ("which", "in 上班、out 下班、field 外勤；可用中文", "种类"),
            ("place", "所在位置：纬度,经度（WGS-84）", "纬度,经度"),
            ("accuracy", "位置的精度，米", "米"),
            ("note", "备注", "文字"),
            ("address", "所在地点的文字说明", "文字"),
            ("photo", "照片，最多 9 张", "文件"),
        ],
    },
    Verb {
        name: "attendance",
        about: "查看一个月的考勤：上下班时间、工时、迟到、早退、缺卡；没有网络也能看",
        after: Some("示例：\n  waybell attendance\n  waybell attendance --month 2026-03 --json"),
        args: &[("month", "月份，写成 2026-03；不写则为本月", "月份")],
    },
];

pub(super) const VALUES: &[(&str, &str)] = &[("in", "上班"), ("out", "下班"), ("field", "外勤")];
