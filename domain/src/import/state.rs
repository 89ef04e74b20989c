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

/// Something did not come to pass, or is still to come: 待签收, 未签收.
const NOT: &[&str] = &["待", "未", "失败", "不", "无法", "undeliver", "not", "fail", "unable"];
/// A withdrawal that did not come to pass, or is itself withdrawn.
const UNDONE: &[&str] = &[
    "取消拦截",
    "取消撤回",
    "取消撤销",
    "取消撤单",
    "拦截失败",
    "撤回失败",
    "撤销失败",
    "撤单失败",
    "取消失败",
    "召回失败",
    "未拦截",
    "待拦截",
    "未撤回",
    "未撤销",
    "未取消",
    "notcancelled",
    "notcanceled",
    "notwithdrawn",
    "notintercepted",
    "notrecalled",
    "avoid",
];
/// On its way back to its sender, whatever stood before.
const BACK: &[&str] = &["已退回", "退回中", "已退件", "退件中", "拒收退回", "returned"];
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
    // only a withdrawal itself that did not come to pass is none: 未派送-已取消 is one
    let left = UNDONE.iter().fold(word.clone(), |left, undone| left.replace(undone, ""));
    let withdrawn = WITHDRAWN.iter().any(|w| left.contains(w));
    let back = has(BACK) && !has(&["退回失败", "notreturned"]);
    Some(match (has(NOT), has(FINISHED), has(OPEN)) {
        _ if withdrawn => Standing::Withdrawn,
        _ if back => Standing::Finished,
        (false, true, _) => Standing::Finished,
        (_, _, true) => Standing::Open,
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
                "撤回 已撤回 撤回中 快件已取消 客户取消 取消派送 已拦截 拦截中 作废 cancelled Withdrawn voided recalled \
             已取消（未揽收） 未派送-已取消 已撤回（未出库） 客户不要，已取消",
            ),
            (
                Standing::Finished,
                "已签收 已签收（本人） 已签收(代收) 签收-代签 代收点签收 驿站已签收 妥投 派送成功 已投递 已自提 已取件 退回中 退件中 拒收退回 \
                 已退件 派送失败，已退回 代收 Delivered signed returned",
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
        for text in ["cancelled by shipper", "cancelled, not delivered", "cancelled - notified"] {
            assert_eq!(standing(text), Some(Standing::Withdrawn), "{text}");
        }
        assert_eq!(standing("out for delivery"), Some(Standing::Open));
        assert_eq!(standing(" - "), None);
    }
}
