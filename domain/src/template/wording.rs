//! An organisation's own notice: its wording, and what is wrong with it before anybody hears it.

use super::own_flow::{main_texts, notice_problems};
use super::{LONGEST, Template, TemplateError, forbidden};
use crate::flow::{ActionKind, Flow, Texts, notice_with};
use crate::id::BranchId;
use crate::policy::{BadValue, check_ranges};
use crate::search::half_width;
use serde::{Deserialize, Serialize};

/// The variables that a call gives to its notice; others of [`super::VARIABLES`] would have no value.
pub const GIVEN: [&str; 5] = ["company", "count", "estate", "building", "places"];

/// Largest flow, bytes of its JSON: it is stored and read with every notice.
pub const LARGEST_FLOW: usize = 256 << 10;

/// Characters of Chinese, and words of English, spoken in a second.
const PACE_ZH: f64 = 4.2;
const PACE_EN: f64 = 2.5;

/// The wording of a notice. The conversation around it (keys, courier, text message) is that of the built-in notice, or a
/// flow of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Wording {
    /// Name in Chinese, for choosing it.
    pub name_zh: String,
    /// Name in English; the Chinese one where it is left out.
    #[serde(default)]
    pub name_en: String,
    /// What is said, in Chinese, with the variables of [`GIVEN`] in braces; `{company}` must be among them. Left out where
    /// there is a `flow`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What is said instead where no place of the parcels is known; needed where `text` names one.
    #[serde(default)]
    pub text_without_place: String,
    /// `text` in English; empty for none.
    #[serde(default)]
    pub text_en: String,
    /// The whole conversation, where it is not that of the built-in notice: `GET /api/v1/flows/schema` describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub flow: Option<Flow>,
    /// The text message for who could not be reached, or asks for it with a key.
    pub message: String,
    /// The branch whose people may use it; every branch where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
}

/// Rules for the wording of notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplatePolicy {
    /// Words that no notice may hold, besides the built-in ones of fraud and advertising.
    pub forbidden: Vec<String>,
    /// Longest that a notice may take to be spoken, seconds, 5 to 60: who is not reached by then hangs up.
    pub longest_seconds: u32,
}

impl Default for TemplatePolicy {
    fn default() -> Self {
        Self { forbidden: Vec::new(), longest_seconds: 20 }
    }
}

impl TemplatePolicy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        check_ranges(&[("longest_seconds", i64::from(self.longest_seconds), 5, 60)])?;
        if self.forbidden.len() > 1_000
            || self.forbidden.iter().any(|w| !forbidden::is_word(w) || w.len() > 200)
        {
            return Err(BadValue::new(
                "forbidden",
                "must be 1000 words at most, each with a letter and 200 bytes at most",
            ));
        }
        Ok(())
    }
}

/// How long a text takes to be spoken, in seconds, at the pace of an unhurried voice; each variable counts as a word.
#[must_use]
pub fn spoken_seconds(text: &str) -> f64 {
    let wide = text.chars().filter(|c| c.is_alphanumeric() && !c.is_ascii()).count();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).count();
    wide as f64 / PACE_ZH + words as f64 / PACE_EN
}

impl Wording {
    /// The wording of [`crate::flow::NOTICE_ARRIVED`].
    #[must_use]
    pub fn arrived() -> Self {
        Self {
            name_zh: "派件通知".into(),
            name_en: "Arrival notice".into(),
            text: "您好，{company}快递员即将派送您的{count}个快件到{estate}{building}。".into(),
            text_without_place: "您好，{company}快递员即将为您派送{count}个快件。".into(),
            text_en: "Hello, this is {company}. Your courier is bringing {count} parcels for you to {estate} {building}."
                .into(),
            message: "【{company}】您有{count}个快件即将派送到{estate}{building}，电话未能与您确认，请留意。".into(),
            ..Self::default()
        }
    }

    /// The notice itself, in Chinese: what is shown where it is chosen.
    #[must_use]
    pub fn main_text(&self) -> &str {
        let own = self.flow.as_ref().and_then(main_texts);
        own.map_or(&self.text, |texts| &texts.zh)
    }

    /// Checks the wording and makes its conversation: its own flow, or that of the built-in notice with these words. `key`
    /// is the template's: a text message that is asked for is its own.
    ///
    /// # Errors
    /// The first field that cannot work, and why.
    pub fn conversation(&self, key: &str, policy: &TemplatePolicy) -> Result<Flow, BadValue> {
        for (field, name, may_be_empty) in
            [("name_zh", &self.name_zh, false), ("name_en", &self.name_en, true)]
        {
            let length = name.trim().chars().count();
            if length > 40 || length == 0 && !may_be_empty || name.chars().any(char::is_control) {
                return Err(BadValue::new(field, "must have 1 to 40 characters"));
            }
        }
        check_text("message", &self.message, policy)?;
        if let Some(flow) = &self.flow {
            let others = [
                ("text", &self.text),
                ("text_without_place", &self.text_without_place),
                ("text_en", &self.text_en),
            ];
            if let Some((field, _)) = others.into_iter().find(|(_, text)| !text.is_empty()) {
                return Err(BadValue::new(field, "is said by the flow; leave it out, or leave out `flow`"));
            }
            if serde_json::to_string(flow).map_or(usize::MAX, |text| text.len()) > LARGEST_FLOW {
                return Err(BadValue::new("flow", "is larger than 256 kB"));
            }
            let problems = notice_problems(flow, key, policy);
            return match problems.first() {
                None => Ok(flow.clone()),
                Some(problem) => Err(BadValue::new("flow", problem.to_string())),
            };
        }
        check_text("text", &self.text, policy)?;
        let without = &self.text_without_place;
        if !without.is_empty() {
            check_text("text_without_place", without, policy)?;
            if names_place(without) {
                return Err(BadValue::new("text_without_place", "names a place"));
            }
        } else if names_place(&self.text) {
            return Err(BadValue::new(
                "text_without_place",
                "is missing: say what is said where the place in `text` is not known",
            ));
        }
        if !self.text_en.is_empty() {
            check_text("text_en", &self.text_en, policy)?;
        }
        for (field, text) in
            [("text", &self.text), ("text_without_place", without), ("text_en", &self.text_en)]
        {
            let seconds = spoken_seconds(text).ceil();
            if seconds > f64::from(policy.longest_seconds) {
                let longest = policy.longest_seconds;
                return Err(BadValue::new(
                    field,
                    format!("takes about {seconds} s to be spoken; {longest} s are possible"),
                ));
            }
        }
        let texts = Texts { zh: self.text.clone(), en: self.text_en.clone() };
        let mut flow = notice_with(&texts).map_err(|problems| {
            BadValue::new("text", problems.first().map(ToString::to_string).unwrap_or_default())
        })?;
        for action in &mut flow.actions {
            match &mut action.kind {
                ActionKind::Message { template } => key.clone_into(template),
                ActionKind::Say { text, .. } if action.id == NO_PLACE && !without.is_empty() => {
                    text.zh.clone_from(without);
                }
                _ => {}
            }
        }
        Ok(flow)
    }
}

/// The action of the built-in notice that speaks where no place is known.
const NO_PLACE: &str = "notice_without_place";

fn names_place(text: &str) -> bool {
    let template = Template::parse(text);
    template.is_ok_and(|t| t.variables().iter().any(|v| ["estate", "building", "places"].contains(v)))
}

fn check_text(field: &str, text: &str, policy: &TemplatePolicy) -> Result<(), BadValue> {
    let template = Template::parse(text).map_err(|e| {
        let problem = match e {
            // only these have a value here
            TemplateError::UnknownVariable { column, name, .. } => {
                let known = GIVEN.map(str::to_owned).into();
                TemplateError::UnknownVariable { column, name, known }.to_string()
            }
            TemplateError::Empty => "is empty".to_owned(),
            TemplateError::TooLong(n) => format!("has {n} characters; {LONGEST} are possible"),
            other => other.to_string(),
        };
        BadValue::new(field, problem)
    })?;
    let variables = template.variables();
    if let Some(other) = variables.iter().find(|v| !GIVEN.contains(v)) {
        let problem = format!("no notice has a value for {{{other}}}; there are {}", GIVEN.join(", "));
        return Err(BadValue::new(field, problem));
    }
    if !variables.contains(&"company") {
        return Err(BadValue::new(field, "does not say who is speaking; use the variable company"));
    }
    check_words(text, policy).map_or(Ok(()), |problem| Err(BadValue::new(field, problem)))
}

/// What no notice may say, whatever it is: the problem with it.
pub(super) fn check_words(text: &str, policy: &TemplatePolicy) -> Option<String> {
    if let Some(word) = forbidden::found(text, &policy.forbidden) {
        return Some(format!("holds the forbidden word {word:?}"));
    }
    let number = longest_number(text) >= 7;
    number.then(|| "holds a telephone or account number; the key 0 connects the courier".to_owned())
}

/// Digits in a row, spoken ones too, whatever separates them but words and variables. A colon after one or two digits is that
/// of a time of day.
fn longest_number(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars().map(half_width) {
        match c {
            '0'..='9' | '零' | '〇' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '幺' =>
            {
                run += 1;
            }
            ':' if run <= 2 => run = 0,
            '{' | '}' => run = 0,
            c if c.is_alphanumeric() => run = 0,
            _ => {}
        }
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::dial::plan::PlannedCall;
    use crate::flow::{notice_arrived, simulate};
    use crate::lang::Lang;
    use crate::phone::PhoneNumber;
    use crate::template::notice_values;

    #[test]
    fn built_in_notice_says_its_wording() {
        let arrived = Wording::arrived();
        let flow = arrived.conversation("arrived", &TemplatePolicy::default()).unwrap();
        let said = |flow: &Flow| {
            let says = flow.actions.iter().filter_map(|a| match &a.kind {
                ActionKind::Say { text, .. } => Some((a.id.clone(), text.zh.clone())),
                _ => None,
            });
            says.collect::<Vec<_>>()
        };
        let built_in = notice_arrived().unwrap();
        assert_eq!(said(&flow), said(&built_in));
        assert!(built_in.actions.iter().any(|a| match &a.kind {
            ActionKind::Say { text, .. } => text.en == arrived.text_en,
            _ => false,
        }));
    }

    fn good() -> Wording {
        Wording {
            name_zh: "雨天通知".into(),
            text: "您好，{company}，今天下雨，{estate}{building}的{count}个快件会晚一点送到。".into(),
            text_without_place: "您好，{company}，今天下雨，您的{count}个快件会晚一点送到。".into(),
            message: "【{company}】今天下雨，您的{count}个快件会晚一点送到{places}。".into(),
            ..Wording::default()
        }
    }

    #[test]
    fn a_wording_is_said_and_the_keys_stay() {
        let flow = good().conversation("rain", &TemplatePolicy::default()).unwrap();
        let values = [("company", "韵达快递"), ("count", "2"), ("estate", "幸福花园"), ("building", "3号楼")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let trace = simulate(&flow, Lang::Zh, &values, &["9"]).join("\n");
        assert!(trace.contains("韵达快递，今天下雨，幸福花园3号楼的两个快件"), "{trace}");
        assert!(trace.contains("rain"), "the key 9 sends its own message: {trace}");
        let nowhere = values
            .into_iter()
            .map(|(k, v)| if k == "company" || k == "count" { (k, v) } else { (k, String::new()) });
        let trace = simulate(&flow, Lang::Zh, &nowhere.collect(), &[]).join("\n");
        assert!(trace.contains("今天下雨，您的两个快件"), "{trace}");
        assert_eq!(Flow::parse(&serde_json::to_string(&flow).unwrap()).unwrap(), flow);
    }

    #[test]
    fn every_variable_that_is_allowed_has_a_value() {
        let call = PlannedCall::about(PhoneNumber::parse("13800000000").unwrap(), &[], UnixMs(0));
        let values = notice_values(&call, "", Lang::Zh);
        assert!(GIVEN.iter().all(|name| values.contains_key(*name)) && values.len() == GIVEN.len());
    }

    #[test]
    fn what_must_not_be_said_is_named() {
        let policy = TemplatePolicy { forbidden: vec!["双十一".into()], ..TemplatePolicy::default() };
        let said = |text: &str| Wording { text: text.into(), ..good() }.conversation("x", &policy);
        let problem = |text: &str| said(text).unwrap_err().to_string();
        assert!(problem("").starts_with("text is empty"));
        assert!(problem("您好，有快件。").contains("who is speaking"));
        assert!(problem("{company}，{time}到").contains("no notice has a value for {time}"));
        let unknown = problem("{company}{price}");
        assert!(unknown.contains("column 11") && unknown.ends_with(&GIVEN.join(", ")), "{unknown}");
        assert!(problem("{company}，恭喜中 奖").contains("中奖"));
        assert!(problem("{company}，双-十-一快递").contains("双十一"));
        assert!(problem("{company}，雙十一快遞").contains("双十一"));
        assert!(problem("{company}，恭喜中獎").contains("中奖"));
        assert!(problem("{company}，请拨１３８ 0000-0000").contains("telephone"));
        assert!(problem(&format!("{{company}}，{}", "请".repeat(100))).contains("takes about 25 s"));
        for number in [
            "138，0000，0000",
            "138/0000/0000",
            "138:0000:0000",
            "138\u{200b}00000000",
            "一三八零零零零零零零零",
            "幺三八、〇〇〇〇、〇〇〇〇",
        ] {
            assert!(problem(&format!("{{company}}，请拨{number}")).contains("telephone"), "{number}");
        }
        assert!(said("{company}，请在18:30前到2号门领取。").is_ok());
        assert!(said("{company}，今天18:30-20:30送到，周一、二、三、四也可以。").is_ok());
        let field = |wording: Wording| wording.conversation("x", &policy).unwrap_err().field;
        assert_eq!(field(Wording { message: "有快件".into(), ..good() }), "message");
        for bad in ["a loan", "L.O.A.N.", "your bank card", "bankcard"] {
            let text_en = format!("{{company}}: {bad}");
            assert!(
                Wording { text_en, ..good() }
                    .conversation("x", &policy)
                    .unwrap_err()
                    .problem
                    .contains("forbidden"),
                "{bad}"
            );
        }
        let text_en = "Hello, an update from {company}; and sorry".to_owned();
        assert!(Wording { text_en, ..good() }.conversation("x", &policy).is_ok());
        assert_eq!(field(Wording { name_zh: " ".into(), ..good() }), "name_zh");
        for without in ["", "{company}，{estate}"] {
            assert_eq!(field(Wording { text_without_place: without.into(), ..good() }), "text_without_place");
        }
        assert!(
            Wording { name_en: "Rain".into(), text_en: "{company}: late".into(), ..good() }
                .conversation("x", &policy)
                .is_ok()
        );
    }

    #[test]
    fn rules_that_cannot_work_are_named() {
        let of = |text: &str| serde_json::from_str::<TemplatePolicy>(text).unwrap().check();
        assert_eq!(of("{}"), Ok(()));
        assert_eq!(of(r#"{"longest_seconds":4}"#).unwrap_err().field, "longest_seconds");
        assert_eq!(of(r#"{"forbidden":["、"]}"#).unwrap_err().field, "forbidden");
    }
}
