//! What a list says has become of a parcel. Systems have many words for it, so a word is read by what is in it.

/// What has become of a parcel by the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be delivered or fetched.
    Open,
    /// Recalled or cancelled: nobody is to be rung for it.
    Withdrawn,
    /// Delivered, fetched or on its way back.
    Finished,
    /// A word that is not known: the parcel is taken as open, and the word is told.
    Unknown,
}

/// Something did not come to pass, or is still to come: 待签收, 未签收, 拦截失败, 取消拦截.
const NOT: &[&str] =
    &["待", "未", "失败", "不", "无法", "取消拦截", "取消撤", "undeliver", "not", "fail", "unable"];
const WITHDRAWN: &[&str] = &[
    "撤回",
    "撤销",
    "撤单",
    "取消",
    "作废",
    "拦截",
    "召回",
    "withdr",
    "recall",
    "cancel",
    "void",
    "intercept",
];
const FINISHED: &[&str] = &[
    "签收",
    "代签",
    "妥投",
    "派送成功",
    "派件成功",
    "投递成功",
    "已投递",
    "自提",
    "已取件",
    "取件成功",
    "退回",
    "退件",
    "已退",
    "delivered",
    "signed",
    "returned",
    "pickedup",
    "collected",
];
const OPEN: &[&str] = &[
    "派送",
    "派件",
    "投递中",
    "在途",
    "运输",
    "揽收",
    "揽件",
    "取件",
    "签收",
    "到件",
    "到达",
    "入库",
    "出库",
    "问题件",
    "异常",
    "滞留",
    "待处理",
    "待派",
    "拦截",
    "撤",
    "open",
    "planned",
    "pending",
    "transit",
    "delivery",
    "deliver",
    "arrived",
    "exception",
    "dispatch",
    "pickup",
];

/// What a cell says; `None` for an empty one.
pub(super) fn standing(cell: &str) -> Option<Standing> {
    let word: String = cell.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if word.is_empty() {
        return None;
    }
    let has = |words: &[&str]| words.iter().any(|w| word.contains(w));
    Some(match (has(NOT), has(WITHDRAWN), has(FINISHED), has(OPEN)) {
        (false, true, _, _) => Standing::Withdrawn,
        (false, false, true, _) => Standing::Finished,
        (_, _, _, true) => Standing::Open,
        _ if word == "代收" || word == "已代收" => Standing::Finished,
        _ => Standing::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_systems() {
        for (standing_of, words) in [
            (
                Standing::Withdrawn,
                "撤回 已撤回 撤回中 快件已取消 客户取消 取消派送 已拦截 拦截中 作废 cancelled Withdrawn voided recalled",
            ),
            (
                Standing::Finished,
                "已签收 已签收（本人） 已签收(代收) 签收-代签 代收点签收 驿站已签收 妥投 派送成功 已投递 已自提 已取件 退回中 退件中 拒收退回 \
                 已退件 代收 Delivered signed returned",
            ),
            (
                Standing::Open,
                "派送中 待签收 未签收 签收失败 拦截失败 取消拦截 待派送 派件中 已揽收 运输中 到件 问题件 异常 待取件 undelivered pending",
            ),
            (Standing::Unknown, "打印 A 1 是"),
        ] {
            for word in words.split_whitespace() {
                assert_eq!(standing(word), Some(standing_of), "{word}");
            }
        }
        assert_eq!(standing("cancelled by shipper"), Some(Standing::Withdrawn));
        assert_eq!(standing("out for delivery"), Some(Standing::Open));
        assert_eq!(standing(" - "), None);
    }
}
