//! The two languages of every text that this crate writes.

use serde::{Deserialize, Serialize};

/// A language of screens and prompts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language of a POSIX or BCP 47 locale name such as `zh_CN.UTF-8` or `en-GB`; Chinese for `zh*`, otherwise
    /// English.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("zh")) { Self::Zh } else { Self::En }
    }

    /// `zh` or `en`: whichever of the two texts this language wants.
    #[must_use]
    pub const fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn locales() {
        assert_eq!(Lang::of_locale("zh_CN.UTF-8"), Lang::Zh);
        assert_eq!(Lang::of_locale("ZH-TW"), Lang::Zh);
        assert_eq!(Lang::of_locale("en_GB"), Lang::En);
        assert_eq!(Lang::of_locale("C"), Lang::En);
        assert_eq!(Lang::of_locale("语"), Lang::En);
    }
}
