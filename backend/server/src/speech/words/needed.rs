//! Which words notices need: what somebody who records them reads out.

use super::{Whose, plain};
use crate::app::App;
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::templates::service::{company, flow, newer};
use serde::Serialize;
use std::collections::BTreeMap;
use waybell_domain::flow::{ActionKind, Flow};
use waybell_domain::lang::Lang;
use waybell_domain::template::{Template, VariableKind, kind_of};

/// What counts, times, codes and places are made of.
const COMMON: [&str; 39] = [
    "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "两", "幺", "点", "半",
    "分", "个", "件", "幢", "栋", "号", "号楼", "座", "单元", "楼", "层", "室", "弄", "期", "区", "小区",
    "花园", "家园", "公寓", "广场", "大厦", "村",
];

/// Words that notices need.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NeededView {
    /// The words.
    pub text: String,
    /// `sentence`, `company` or `common`.
    pub kind: &'static str,
    /// Keys of the notices that say them; empty for words that many texts are made of.
    pub notices: Vec<String>,
    /// They are recorded, as a whole or in parts that make them up.
    pub recorded: bool,
}

/// All words that the notices in force need, sentences first.
pub(super) async fn list(app: &App, scope: &Scope) -> ApiResult<Vec<NeededView>> {
    let mut sentences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notice in newer(app, scope, 0, i64::MAX).await? {
        if notice.withdrawn {
            continue;
        }
        let Some(text) = flow(app, scope, &notice.key).await? else { continue };
        let Ok(flow) = Flow::parse(&text) else { continue };
        for sentence in literals(&flow) {
            let of = sentences.entry(sentence).or_default();
            if !of.contains(&notice.key) {
                of.push(notice.key.clone());
            }
        }
    }
    let whose = Whose { organisation: Some(scope.organisation), branch: scope.branch };
    let recorded = |text: &str| app.speech.words().cover(whose, text).is_some();
    let view = |text: String, kind, notices| NeededView { recorded: recorded(&text), text, kind, notices };
    let mut out: Vec<NeededView> =
        sentences.into_iter().map(|(text, notices)| view(text, "sentence", notices)).collect();
    let name = company(app, scope.organisation).await?;
    if !plain(&name).is_empty() {
        out.push(view(name, "company", Vec::new()));
    }
    out.extend(COMMON.map(|word| view(word.to_owned(), "common", Vec::new())));
    Ok(out)
}

/// What a flow says whatever its variables are.
fn literals(flow: &Flow) -> Vec<String> {
    let any = |name: &str| Some(kind_of(name).unwrap_or(VariableKind::Text));
    let mut out = Vec::new();
    for action in &flow.actions {
        let ActionKind::Say { text, .. } = &action.kind else { continue };
        let Ok(template) = Template::parse_with(text.pick(Lang::Zh).0, any, Vec::new) else { continue };
        // empty variables make no segment; a count is never empty, and is no literal
        let values = template.variables().into_iter().map(|name| {
            let value = match any(name) {
                Some(VariableKind::Count) => "1",
                Some(VariableKind::Time) => "09:00",
                Some(VariableKind::Code) => "1",
                _ => "",
            };
            (name.to_owned(), value.to_owned())
        });
        let segments = template.speak(Lang::Zh, &values.collect()).unwrap_or_default();
        let fixed = segments.into_iter().filter(|s| s.slot.is_none() && !plain(&s.text).is_empty());
        out.extend(fixed.map(|s| s.text));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::flow::notice_arrived;

    #[test]
    fn the_built_in_notice_needs_its_sentences() {
        let texts = literals(&notice_arrived().unwrap());
        for text in ["您好，", "快递员即将派送您的", "个快件到", "已为您登记。", "感谢您的接听，再见。"]
        {
            assert!(texts.iter().any(|t| t == text), "{text}: {texts:?}");
        }
        assert!(!texts.iter().any(|t| plain(t).is_empty()));
    }
}
