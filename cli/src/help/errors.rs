//! Usage errors in Chinese.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What is wrong, and how to go on; `None` for what is no error (help, version).
pub(super) fn chinese(error: &Error) -> Option<String> {
    let get = |kind| error.get(kind).map(words).unwrap_or_default();
    let (arg, value) = (get(ContextKind::InvalidArg), get(ContextKind::InvalidValue));
    let mut text = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => return None,
        ErrorKind::InvalidSubcommand => {
            let verb = get(ContextKind::InvalidSubcommand);
            format!("没有命令“{verb}”{}", meant(&get(ContextKind::SuggestedSubcommand)))
        }
        ErrorKind::UnknownArgument => {
            format!("没有参数“{arg}”{}", meant(&get(ContextKind::SuggestedArg)))
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg} 缺少值"),
        ErrorKind::InvalidValue => {
            let mut text = format!("{arg} 不能是“{value}”");
            let valid = get(ContextKind::ValidValue);
            if !valid.is_empty() {
                text += &format!("；可选：{valid}");
            }
            text
        }
        ErrorKind::ValueValidation => format!("{arg} 不能是“{value}”"),
        ErrorKind::MissingRequiredArgument => format!("缺少 {arg}"),
        ErrorKind::MissingSubcommand => "请给出命令".to_owned(),
        ErrorKind::ArgumentConflict => {
            let other = get(ContextKind::PriorArg);
            if other.is_empty() || other == arg {
                format!("{arg} 只能给出一次")
            } else {
                format!("{arg} 不能与 {other} 同时使用")
            }
        }
        ErrorKind::TooManyValues => format!("{arg} 的值“{value}”多余"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("{arg} 的值个数不对"),
        ErrorKind::NoEquals => format!("{arg} 的值要用等号给出"),
        ErrorKind::InvalidUtf8 => "参数不是 UTF-8 文字".to_owned(),
        _ => "命令行有误".to_owned(),
    };
    text.insert_str(0, "waybell: ");
    let usage = get(ContextKind::Usage);
    if !usage.is_empty() {
        text += &format!("\n\n用法：{}", super::usage_line(&usage));
    }
    Some(text + "\n\n查看帮助：waybell --help，或 waybell 命令 --help")
}

fn meant(suggestion: &str) -> String {
    if suggestion.is_empty() { String::new() } else { format!("；是不是 {suggestion}？") }
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::None => String::new(),
        ContextValue::Bool(b) => b.to_string(),
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(list) => list.join("、"),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("、"),
        ContextValue::Number(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}
