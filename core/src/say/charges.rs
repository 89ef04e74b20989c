//! What calls cost.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    (
        "no amount of money: write yuan with up to six decimals, such as 12.34",
        "不是金额：请填写元，最多六位小数，例如 12.34",
    ),
    (
        "must be any, mobile, landline, short_code, shared400, free800, service, foreign, or the beginning of a number such as +8610",
        "必须是 any、mobile、landline、short_code、shared400、free800、service、foreign，或号码开头，例如 +8610",
    ),
    ("must be {} prices at most", "最多 {} 条费率"),
    ("is the same as that of rates[{}]", "与 rates[{}] 重复"),
    ("must be 5,000 at most", "最多 5000 个"),
    ("the prices in force stay as they were", "现行费率保持不变"),
    ("the limits stay as they were", "限额保持不变"),
    ("is past", "已经过去"),
    (
        "leave it out for from now on: calls that were charged stay as they were charged",
        "从现在起生效时请不填：已计费的通话保持不变",
    ),
    ("is no day of the next ten years", "不是今后十年内的日期"),
    ("write a date such as 2026-12-01", "请填写日期，例如 2026-12-01"),
    ("there are {} versions, and no more are kept", "已有 {} 个版本，不能再增加"),
    ("there is no such trunk", "没有这条线路"),
    ("the trunks of this server are: {}", "本服务器的线路有：{}"),
    ("name branches of GET /branches", "请填写 GET /branches 中的网点"),
    ("write organisation, branch or courier", "请填写 organisation、branch 或 courier"),
    ("there is no such account", "没有这个账户"),
    ("find the account", "没有找到这个账户"),
    ("this id was used for another entry", "该编号已用于另一笔账目"),
    ("make a new id for a new entry", "新账目请用新的编号"),
    ("must be one line of 1 to {} characters", "必须是一行 1 至 {} 个字"),
    ("say why: it is shown to who has the account", "请说明原因，账户持有人可以看到"),
    ("must be opening, top_up or adjustment", "必须是 opening、top_up 或 adjustment"),
    ("what calls cost is entered by the server alone", "通话费只由服务器记入"),
    ("is not one that can be written", "不能记入这个金额"),
    (
        "write millionths of a yuan: 1000000 is ¥1; above zero for a top-up",
        "请填写百万分之一元：1000000 是 1 元；充值须大于零",
    ),
    ("write leg, opening, top_up or adjustment", "请填写 leg、opening、top_up 或 adjustment"),
    ("{} entries are not all of them", "{} 条账目还不是全部"),
];
