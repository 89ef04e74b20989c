//! Where buildings are.

use super::{DATUM, LIMIT, Verb};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "pin",
        about: "标出停靠点的位置，供全网点排路线用；或取消标注",
        after: Some(
            "示例：\n  waybell pin 幸福花园3 31.2304,121.4737\n  waybell pin 幸福花园3 --remove\n\n从高德、腾讯或苹果地图抄来的是 \
             GCJ-02，百度地图的是 BD-09：用 --datum 写明。",
        ),
        args: &[
            ("stop", "waybell stops 中的名称", "名称"),
            ("place", "纬度和经度（度），中间用逗号", "纬度,经度"),
            ("remove", "取消手工标注，不论是谁标的", ""),
            DATUM,
        ],
    },
    Verb {
        name: "places",
        about: "列出网点内各楼栋的位置及其来源；或删除错误的位置（主管）",
        after: Some(
            "示例：\n  waybell places 幸福花园\n  waybell places 上海浦东新区幸福花园/3 --remove learned",
        ),
        args: &[
            ("name", "楼栋名称的一部分；删除时写全名", "名称"),
            ("remove", "删除这一来源的位置，以及得出它的派送记录", "来源"),
            LIMIT,
        ],
    },
];

pub(super) const VALUES: &[(&str, &str)] =
    &[("pin", "手工标注"), ("learned", "历次派送得出"), ("imported", "清单坐标"), ("geocoded", "地址解析")];
