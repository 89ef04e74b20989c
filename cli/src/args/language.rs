//! The language of the texts, before the arguments are read and after.

use std::ffi::OsString;
use waybell_domain::lang::Lang;

/// The language of the locale.
pub(super) fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
    locale.into_iter().find(|v| !v.is_empty()).map_or(Lang::En, |v| Lang::of_locale(&v))
}

/// The language before the arguments are read, for help and usage errors: that of a `--lang` among them, or of the locale.
pub(crate) fn language_of(words: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()).collect();
    let asked = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--lang=") {
        Some(value) => Some(value),
        None => words.get(at + 1).copied().filter(|_| *word == "--lang"),
    });
    match asked {
        Some("zh") => Lang::Zh,
        Some("en") => Lang::En,
        _ => of_locale(variable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_help() {
        let of = |words: &str, locale: &[(&str, &str)]| {
            let words: Vec<OsString> = words.split(' ').map(Into::into).collect();
            language_of(&words, |name| locale.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of("waybell --help", &[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell tasks --lang en --help", &[("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell --lang=zh", &[]), Lang::Zh);
    }
}
