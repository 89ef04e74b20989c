//! What is said over a virtual number.

use waybell_domain::binding::{Ask, BoundOutcome, Notice, Unconnected};

/// Asks for an extension.
pub(super) fn ask(ask: Ask) -> Vec<String> {
    let words: &[&str] = match ask {
        Ask::First => &["请输入分机号，按井号键结束。"],
        Ask::Again => &["分机号不正确，请重新输入。"],
    };
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// Why the caller is not put through.
pub(super) fn notice(notice: Notice) -> Vec<String> {
    let words = match notice {
        Notice::Intercepted(Unconnected::NoBinding) => "您好，该号码未与您绑定，或绑定已到期，无法为您接通。",
        Notice::Intercepted(Unconnected::Restricted) => "您好，该号码暂不支持您的呼叫。",
        Notice::Intercepted(_) => "您好，暂时无法为您接通。",
        Notice::NoExtension => "分机号不正确，请核对后再拨，再见。",
        Notice::Callee(BoundOutcome::Busy) => "对方正在通话中，请稍后再拨。",
        Notice::Callee(BoundOutcome::Declined) => "对方已拒接。",
        Notice::Callee(BoundOutcome::NoAnswer) => "对方暂时无人接听，请稍后再拨。",
        Notice::Callee(BoundOutcome::NoLine) => "线路不可用，请稍后再拨。",
        Notice::Callee(_) => "对方的电话暂时无法接通。",
    };
    vec![words.to_owned()]
}

/// Both are told that a minute is left.
pub(super) fn hint() -> Vec<String> {
    vec!["通话还剩一分钟。".to_owned()]
}
