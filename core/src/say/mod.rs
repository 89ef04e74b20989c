//! Chinese for texts that the domain, this crate and the server write in English.
//!
//! Errors are made where they are found, in English, with what was found in them: `mobile number has 10 digits; it must
//! have 11`. A screen shows them in the person's language. This is a table of pairs, as gettext has it: an English
//! pattern with `{}` where something stands, and the Chinese with the same places (`{}` in order, or `{1}`, `{2}` in
//! another). What stands in a place is said in Chinese too, if the table knows it.
//!
//! * [`chinese`] gives `None` for a text that it does not know: the screen then shows the English, which is better than
//!   nothing.
//! * A text of several sentences joined by `; ` is known if each of them is; `about: problem` if the problem is.
//! * A test of the terminal program reads the sources and fails when an error text has no Chinese.

mod announcements;
mod bindings;
mod calls;
mod charges;
mod doors;
mod evidence;
mod field;
mod knowledge;
mod lists;
mod network;
mod numbers;
mod orders;
mod phones;
mod rules;
mod server;
mod track;
mod wording;

use waybell_domain::dial::batch::{BatchEvent, BatchState};
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::dial::plan::SuppressReason;
use waybell_domain::lang::Lang;
use waybell_domain::outgoing::CallRefusal;
use waybell_domain::parcel::{CallMark, DeedRefusal, ParcelState, TaskKind};
use waybell_domain::wire::Role;

/// English pattern, Chinese pattern.
type Pair = (&'static str, &'static str);

const TABLES: [&[Pair]; 17] = [
    bindings::PAIRS,
    field::PAIRS,
    calls::PAIRS,
    doors::PAIRS,
    numbers::PAIRS,
    lists::PAIRS,
    network::PAIRS,
    server::PAIRS,
    track::PAIRS,
    wording::PAIRS,
    evidence::PAIRS,
    rules::PAIRS,
    orders::PAIRS,
    announcements::PAIRS,
    knowledge::PAIRS,
    charges::PAIRS,
    phones::PAIRS,
];
/// Texts within texts that are looked into.
const DEPTH: usize = 4;

/// The Chinese of an English text of this crate, the domain or the server; `None` if it is not known.
#[must_use]
pub fn chinese(english: &str) -> Option<String> {
    translate(english.trim(), DEPTH)
}

/// The text in this language: the English as it is, or its Chinese where that is known.
#[must_use]
pub fn say(lang: Lang, english: &str) -> String {
    match lang {
        Lang::Zh => chinese(english).unwrap_or_else(|| english.to_owned()),
        Lang::En => english.to_owned(),
    }
}

/// What a field, column or parameter of an error is called in Chinese; `None` for one that only programs know.
#[must_use]
pub fn field(name: &str) -> Option<&'static str> {
    server::FIELDS.iter().find(|(word, _)| *word == name).map(|(_, zh)| *zh)
}

/// What a role is called.
#[must_use]
pub fn role(lang: Lang, role: Role) -> &'static str {
    let (zh, en) = match role {
        Role::Courier => ("快递员", "courier"),
        Role::Supervisor => ("片区管理员", "supervisor"),
        Role::Agent => ("坐席", "agent"),
        Role::TeamLeader => ("班长", "team leader"),
        Role::Administrator => ("管理员", "administrator"),
    };
    lang.pick(zh, en)
}

fn translate(text: &str, depth: usize) -> Option<String> {
    if depth == 0 || text.is_empty() {
        return None;
    }
    if let Some(done) = whole(text, depth) {
        return Some(done);
    }
    let parts: Vec<&str> = text.split("; ").collect();
    if parts.len() > 1 {
        let said: Option<Vec<String>> = parts.into_iter().map(|part| translate(part, depth - 1)).collect();
        return said.map(|parts| parts.join("；"));
    }
    // what it is about, and what is wrong with it
    let (about, problem) = text.split_once(": ")?;
    let problem = translate(problem, depth - 1)?;
    Some(format!("{}：{problem}", field(about).unwrap_or(about)))
}

/// A text that is one entry: the one that has most of it word by word.
fn whole(text: &str, depth: usize) -> Option<String> {
    if let Some(word) = word(text) {
        return Some(word.to_owned());
    }
    let found = TABLES.iter().flat_map(|t| t.iter()).filter_map(|(english, chinese)| {
        let values = places(english, text)?;
        let literal = english.replace("{}", "").len();
        Some((literal, values, chinese))
    });
    let (_, values, pattern) = found.max_by_key(|(literal, ..)| *literal)?;
    let values: Vec<String> =
        values.into_iter().map(|v| translate(v, depth - 1).unwrap_or_else(|| quotes(v))).collect();
    Some(fill(pattern, &values))
}

/// What stands in the places of a pattern; `None` if the text is not of it.
fn places<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let at = match (part, parts.peek()) {
            // the last one reaches to the end
            (_, None) => rest.strip_suffix(part)?.len(),
            (_, Some(_)) => rest.find(part)?,
        };
        values.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    (rest.is_empty() && values.iter().all(|v| !v.is_empty())).then_some(values)
}

fn fill(pattern: &str, values: &[String]) -> String {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out += before;
        let Some((name, after)) = after.split_once('}') else { break };
        let at = name.parse::<usize>().map_or(next, |n| n.saturating_sub(1));
        next += 1;
        out += values.get(at).map_or("", String::as_str);
        rest = after;
    }
    out + rest
}

/// A value in a program's quotes gets those of a text.
fn quotes(value: &str) -> String {
    for mark in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(mark).and_then(|v| v.strip_suffix(mark)) {
            return format!("“{}”", inner.replace("\\\"", "\"").replace("\\'", "'"));
        }
    }
    value.to_owned()
}

/// A single word or label of the domain's tables.
fn word(text: &str) -> Option<&'static str> {
    macro_rules! look {
        ($($words:ty),+) => {$(
            for value in <$words>::ALL {
                if value.as_str() == text || value.label_en() == text {
                    return Some(value.label_zh());
                }
            }
        )+};
    }
    look!(BatchState, BatchEvent, SuppressReason, CallOutcome, CallMark, ParcelState, TaskKind, DeedRefusal);
    look!(CallRefusal);
    Role::parse(text).map(|r| role(Lang::Zh, r))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::phone::PhoneNumber;

    #[test]
    fn errors_are_said_with_what_they_found() {
        let said = |text: &str| chinese(&PhoneNumber::parse(text).unwrap_err().to_string());
        assert_eq!(said("1380000").as_deref(), Some("号码有 7 位，不像任何一种号码；请核对"));
        assert_eq!(said("138000011112").as_deref(), Some("手机号有 12 位；应为 11 位"));
        assert_eq!(chinese("the batch is done").as_deref(), Some("批次已完成"));
        assert_eq!(
            chinese("\"x\" is no kind of task; write 派件 or 揽件").as_deref(),
            Some("“x”不是任务类型；写“派件”或“揽件”")
        );
        assert_eq!(chinese("no such text anywhere"), None);
        assert_eq!(say(Lang::Zh, "no such text"), "no such text");
        assert_eq!(say(Lang::En, "too many requests"), "too many requests");
    }

    #[test]
    fn what_is_wrong_with_a_wording_is_said() {
        for (english, said) in [
            ("takes about 25 s to be spoken; 20 s are possible", "约需 25 秒播报；最多 20 秒"),
            ("does not say who is speaking; use the variable company", "没有说明来电方；请使用变量 company"),
            ("holds the forbidden word \"中奖\"", "含有禁用词 “中奖”"),
        ] {
            assert_eq!(chinese(english).as_deref(), Some(said), "{english}");
        }
    }

    #[test]
    fn texts_within_texts() {
        assert_eq!(
            chinese("reach the server: no answer in time").as_deref(),
            Some("连不上服务器：等待超时，没有回应")
        );
        assert_eq!(
            chinese("store this: /x: No such file or directory (os error 2)").as_deref(),
            Some("无法保存：/x：没有这个文件或文件夹（os error 2）")
        );
    }

    #[test]
    fn tables_are_whole() {
        let pairs: Vec<&Pair> = TABLES.iter().flat_map(|t| t.iter()).collect();
        for (english, chinese) in &pairs {
            let places = english.matches("{}").count();
            assert_eq!(chinese.matches('{').count(), places, "{english}: as many places in Chinese");
            assert_eq!(pairs.iter().filter(|(e, _)| e == english).count(), 1, "{english} stands twice");
        }
    }

    #[test]
    fn every_role_has_its_name() {
        for word in ["courier", "supervisor", "agent", "team_leader", "administrator"] {
            assert!(chinese(word).is_some(), "{word}");
        }
    }
}
