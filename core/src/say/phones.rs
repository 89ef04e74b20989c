//! Telephones that register.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("this server takes no registrations of telephones", "本服务器不接受话机注册"),
    ("ask whoever runs the server to set phones.realm", "请联系服务器管理员设置 phones.realm"),
    ("is empty, longer than {} characters or no text", "为空、超过 {} 个字符，或不是文字"),
    ("send a name such as 柜台", "请写名称，如“柜台”"),
    ("there is a telephone of this name", "已有同名的话机"),
    ("where its secret is lost, remove it and make another", "密码遗失时，请删除后重新添加"),
    ("the secret cannot be kept safely now", "现在无法安全保存密码"),
    ("nothing was done; see the server's log", "未作更改，请查看服务器日志"),
    ("a person has {} telephones at most", "每人最多 {} 部话机"),
    ("remove one that is not used", "请删除一部不用的话机"),
    ("there is no such telephone", "没有这部话机"),
];
