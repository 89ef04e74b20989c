//! What a list says has become of a parcel.
//!
//! A cell is a few clauses, and a clause is words of a small vocabulary ([`words`]): 未派送-已取消 is two clauses, the first a
//! delivery that did not come to pass, the second a withdrawal. A word that denies, delays or repeats belongs to the deed
//! behind it, 失败 to the one before it. Nobody is rung for what is withdrawn, so a clause is a withdrawal only if each of its
//! words is known and nothing takes the withdrawal back: 不要撤回, 未撤回, 撤回取消 and 取消退回 leave the parcel on the list, and
//! what is not understood is told.

mod words;

use words::{CHINESE, ENGLISH, Word};

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

/// What a cell says; `None` for an empty one.
pub(super) fn standing(cell: &str) -> Option<Standing> {
    if !cell.chars().any(char::is_alphanumeric) {
        return None;
    }
    let said: Vec<Said> = clauses(cell).iter().map(|clause| said(clause)).collect();
    let any = |what: Said| said.contains(&what);
    // 撤回(误), 撤回？
    let doubted = any(Said::Withdrawn) && cell.contains(['?', '？', '误', '错', '疑']);
    Some(
        if doubted
            || any(Said::Unclear)
            || any(Said::Withdrawn) && (any(Said::NotWithdrawn) || any(Said::Again))
        {
            Standing::Unknown
        } else if any(Said::Withdrawn) {
            Standing::Withdrawn
        } else if any(Said::Back) {
            Standing::Finished
        } else {
            // the last word counts: 派送中-已签收
            match said.iter().rfind(|s| matches!(s, Said::Finished | Said::Open | Said::Again)) {
                Some(Said::Finished) => Standing::Finished,
                Some(_) => Standing::Open,
                None if any(Said::NotWithdrawn) => Standing::Open,
                None => Standing::Unknown,
            }
        },
    )
}

/// What a clause says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Withdrawn,
    /// A withdrawal did not come to pass, or was taken back.
    NotWithdrawn,
    Back,
    Finished,
    Open,
    /// Goes on, or is tried once more.
    Again,
    /// Nothing of the parcel: who, where, why.
    Remark,
    /// Something that may be a withdrawal, and may be none.
    Unclear,
}

/// A deed of a clause, and what is said of it.
#[derive(Clone, Copy)]
struct Deed<'a> {
    word: Word,
    text: &'a str,
    denied: u32,
    never: bool,
    later: bool,
    again: bool,
}

fn said(words: &[(Option<Word>, String)]) -> Said {
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    let blank = |word, text| Deed { word, text, denied: 0, never: false, later: false, again: false };
    let mut ahead = blank(Word::Beside, "");
    let (mut done, mut strange) = (0, false);
    for (word, text) in words {
        match word {
            None => strange = true,
            Some(Word::Beside) => {}
            Some(Word::Done) => done += u32::from(text.starts_with('已')),
            Some(Word::Not) => ahead.denied += 1,
            Some(Word::Never) => (ahead.denied, ahead.never) = (ahead.denied + 1, true),
            Some(Word::Later) => ahead.later = true,
            Some(Word::Again) => ahead.again = true,
            Some(Word::Failed) => match deeds.last_mut() {
                Some(deed) => deed.denied += 1,
                None => ahead.denied += 1,
            },
            Some(deed) => {
                done += u32::from(text.starts_with('已'));
                deeds.push(Deed { word: *deed, text, ..ahead });
                ahead = blank(Word::Beside, "");
            }
        }
    }
    // what stands behind the last deed is said of it: 撤回待审核
    let Some(last) = deeds.last_mut() else {
        let pending = words.iter().all(|(word, text)| *word == Some(Word::Later) && text == "pending");
        return if pending && !words.is_empty() { Said::Open } else { Said::Remark };
    };
    last.denied += ahead.denied;
    last.never |= ahead.never;
    last.later |= ahead.later;
    last.again |= ahead.again;
    let takes_off = |d: &&Deed<'_>| matches!(d.word, Word::Cancel | Word::Recall);
    if deeds.iter().any(|d| takes_off(&d)) {
        return if strange { Said::Unclear } else { withdrawal(&deeds, done) };
    }
    let twisted = deeds.iter().any(|d| d.denied > 0 || d.later || d.again);
    if strange && twisted || deeds.iter().any(|d| d.never || d.denied > 1) {
        return Said::Unclear;
    }
    let came_back = |d: &Deed<'_>| d.word == Word::Back && d.denied == 0;
    if deeds.iter().any(came_back) {
        return if deeds.iter().any(|d| came_back(d) && d.later) { Said::Unclear } else { Said::Back };
    }
    match deeds.last() {
        Some(d) if d.again => Said::Again,
        Some(d) if d.word == Word::Finish && d.denied == 0 && !d.later => Said::Finished,
        _ => Said::Open,
    }
}

/// A clause with a withdrawal in it, all words of which are known.
fn withdrawal(deeds: &[Deed<'_>], done: u32) -> Said {
    let (off, others): (Vec<Deed<'_>>, Vec<Deed<'_>>) =
        deeds.iter().partition(|d| matches!(d.word, Word::Cancel | Word::Recall));
    // 撤回申请被驳回 is clear
    let open = |d: &Deed<'_>| d.later && d.denied == 0;
    if off.iter().any(|d| open(d) || d.again || d.denied > 1) || others.iter().any(|d| d.again || d.never) {
        return Said::Unclear;
    }
    let comes_to_pass = |word: Word| others.iter().any(|d| d.word == word && d.denied == 0 && !d.later);
    let (back, finished) = (comes_to_pass(Word::Back), comes_to_pass(Word::Finish));
    let undoes = off.iter().any(|d| d.word == Word::Cancel);
    match off.as_slice() {
        [one] if one.denied == 1 => match (back, finished) {
            (true, _) => Said::Back,
            (_, true) => Said::Finished,
            _ => Said::NotWithdrawn,
        },
        // 取消退回, 取消签收: that deed is taken back
        [_] if undoes && (back || finished) && done < 2 => Said::NotWithdrawn,
        [_] if finished || undoes && back => Said::Unclear,
        [_] => Said::Withdrawn,
        // 撤回取消, 取消拦截
        [one, other]
            if undoes
                && one.text != other.text
                && one.denied + other.denied == 0
                && done < 2
                && !back
                && !finished =>
        {
            Said::NotWithdrawn
        }
        _ => Said::Unclear,
    }
}

/// The clauses of a cell as their words; what is no word of the vocabulary is `None`.
fn clauses(cell: &str) -> Vec<Vec<(Option<Word>, String)>> {
    let mut clauses = Vec::new();
    let mut chinese = String::new();
    let mut english: Vec<String> = Vec::new();
    let cell: String = cell.chars().map(crate::search::half_width).collect();
    let chars: Vec<char> = cell.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let near = |at: Option<usize>| at.and_then(|at| chars.get(at)).copied().unwrap_or(' ');
    let mut new_word = true;
    for (at, c) in chars.iter().copied().enumerate() {
        let (before, after) = (near(at.checked_sub(1)), near(Some(at + 1)));
        let joins = |c: char| c.is_ascii_alphanumeric();
        match c {
            c if c.is_ascii_alphabetic() => {
                end_chinese(&mut chinese, &mut clauses);
                // NotWithdrawn is two words
                if new_word || before.is_ascii_lowercase() && c.is_ascii_uppercase() {
                    english.push(String::new());
                }
                new_word = false;
                if let Some(word) = english.last_mut() {
                    word.push(c.to_ascii_lowercase());
                }
                continue;
            }
            '\'' | '’' | '\u{200b}'..='\u{200f}' | '\u{feff}' => continue,
            ' ' | '_' | '-' if joins(before) && joins(after) => {}
            c if c.is_alphabetic() => {
                end_english(&mut english, &mut clauses);
                chinese.push(c);
            }
            c if c.is_ascii_digit() => {}
            _ => {
                end_chinese(&mut chinese, &mut clauses);
                end_english(&mut english, &mut clauses);
            }
        }
        new_word = true;
    }
    end_chinese(&mut chinese, &mut clauses);
    end_english(&mut english, &mut clauses);
    clauses
}

fn end_chinese(text: &mut String, clauses: &mut Vec<Vec<(Option<Word>, String)>>) {
    if !text.is_empty() {
        clauses.push(cut(text, CHINESE));
        text.clear();
    }
}

fn end_english(words: &mut Vec<String>, clauses: &mut Vec<Vec<(Option<Word>, String)>>) {
    let mut found: Vec<(Option<Word>, String)> = Vec::new();
    let text = words.join(" ").replace("do not", "dont").replace("to be", "tobe");
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let pieces = cut(word, ENGLISH);
        // NOTCANCELLED is two words, notified is none
        let known =
            |(word, text): &(Option<Word>, String)| word.is_some() && (pieces.len() == 1 || text.len() > 2);
        if pieces.iter().all(known) {
            found.extend(pieces);
        } else {
            found.push((None, word.to_owned()));
        }
    }
    if !found.is_empty() {
        clauses.push(found);
    }
    words.clear();
}

/// The words of a text without spaces, the longest first.
fn cut(text: &str, words: &[(Word, &[&str])]) -> Vec<(Option<Word>, String)> {
    let mut found: Vec<(Option<Word>, String)> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let all = words.iter().flat_map(|(word, texts)| texts.iter().map(move |text| (*word, *text)));
        let longest = all.filter(|(_, text)| rest.starts_with(text)).max_by_key(|(_, text)| text.len());
        let length = match longest {
            Some((word, text)) => {
                found.push((Some(word), text.to_owned()));
                text.len()
            }
            None => {
                found.push((None, first.to_string()));
                first.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    found
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
             已取消（未揽收） 未派送-已取消 已撤回（未出库） 客户不要，已取消 未派送已取消 拦截退回 拦截成功 取消成功 已取消订单 派送取消 \
             CANCELED OrderCancelled 已取消(3) 已取消/撤回 撤销 商家已撤单 未签收，已取消 派送中（客户取消）",
            ),
            (
                Standing::Finished,
                "已签收 已签收（本人） 已签收(代收) 签收-代签 代收点签收 驿站已签收 妥投 派送成功 已投递 已自提 已取件 退回中 退件中 拒收退回 \
                 已退件 派送失败，已退回 派送失败已退回 代收 已代收 Delivered signed returned 王芳已签收 已签收，未撤回 未拦截，已退回",
            ),
            (
                Standing::Open,
                "派送中 待签收 未签收 签收失败 拦截失败 取消拦截 待派送 派件中 已揽收 运输中 到件 问题件 异常 待取件 undelivered pending \
                 取消退回 退回取消 不要撤回 未撤回 撤回取消 取消撤回 尚未撤回 没有撤回 并未取消 未被取消 不取消 请勿拦截 无需撤回 撤回失败 \
                 撤回未成功 取消不了 撤回申请被驳回 撤销拦截 拦截已取消 退回已取消 撤回已撤销 notcancelled NOT_CANCELLED NotWithdrawn \
                 un-cancelled 取消签收 重新派送 未派送 派送失败 退回失败 非撤回 未取消，派送中 拒绝撤回 不退回 未退回 网点签收 派送中-网点签收",
            ),
            (
                Standing::Unknown,
                "打印 A 1 是 申请撤回 待拦截 疑似撤回 撤回待审核 未取消撤回 不用派送 不要派送 已取消，重新派送 取消后重新派送 已取消已退回 \
                 是否撤回 撤回？？取消撤回 撤回拦截 不是撤回 取消发票 不未撤回 恢复取消 可撤回 avoid 拒收 待退回 撤回(误) 误撤回 撤回？ cancelled?",
            ),
        ] {
            for word in words.split_whitespace() {
                assert_eq!(standing(word), Some(standing_of), "{word}");
            }
        }
    }

    #[test]
    fn english_sentences() {
        for (text, standing_of) in [
            ("cancelled by shipper", Standing::Withdrawn),
            ("cancelled, not delivered", Standing::Withdrawn),
            ("cancelled - notified", Standing::Withdrawn),
            ("Order was cancelled", Standing::Withdrawn),
            ("not withdrawn", Standing::Open),
            ("Not cancelled", Standing::Open),
            ("has not been recalled", Standing::Open),
            ("wasn't cancelled", Standing::Open),
            ("do not cancel", Standing::Open),
            ("don't withdraw", Standing::Open),
            ("failed to intercept", Standing::Open),
            ("withdrawal cancelled", Standing::Open),
            ("cancellation withdrawn", Standing::Open),
            ("cancellation rejected", Standing::Open),
            ("return cancelled", Standing::Open),
            ("out for delivery", Standing::Open),
            ("unable to deliver", Standing::Open),
            ("not yet delivered", Standing::Open),
            ("do not deliver", Standing::Unknown),
            ("to be cancelled", Standing::Unknown),
            ("pending cancellation", Standing::Unknown),
            ("cancellation requested", Standing::Unknown),
            ("maybe cancelled", Standing::Unknown),
            ("returned to sender", Standing::Finished),
            ("Picked up", Standing::Finished),
        ] {
            assert_eq!(standing(text), Some(standing_of), "{text}");
        }
        assert_eq!(standing(" - "), None);
    }
}
