//! Telephones that register.

use super::Verb;

pub(super) const VERBS: &[Verb] = &[Verb {
    name: "phones",
    about: "列出本人的话机（座机、软电话），来电时与 App 一起响；或添加、改名、删除",
    after: Some(
        "示例：\n  waybell phones\n  waybell phones --add 柜台\n  waybell phones --remove 柜台\n  \
         waybell phones --of li.wei --add 车上",
    ),
    args: &[
        ("add", "添加一部话机，需填写的内容只显示一次", "名称"),
        ("remove", "删除这部话机，不再响铃", "名称"),
        ("rename", "改名：原名和新名", "名称"),
        ("of", "这个人的话机（管理员）", "用户名"),
    ],
}];
