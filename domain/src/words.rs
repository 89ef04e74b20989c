//! One table for an enum of words: the word that is stored and sent, and the labels that screens show.

/// Defines a field-less enum with its stored word and its labels in both languages.
///
/// `as_str` and `parse` are inverse to each other and equal to the serde form, so that a database column, a query
/// parameter and JSON hold the same word. The word is taken as a token and not as a literal, because the derive of the API
/// reference does not see through a literal that a macro has taken.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$vmeta:meta])+ $variant:ident = $word:tt, $zh:literal, $en:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$vmeta])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored and sent; the same as in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The inverse of `as_str`; `None` for a word that is not in the table.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// What screens show in Chinese.
            #[must_use]
            pub const fn label_zh(self) -> &'static str {
                match self {
                    $(Self::$variant => $zh,)+
                }
            }

            /// What screens show in English.
            #[must_use]
            pub const fn label_en(self) -> &'static str {
                match self {
                    $(Self::$variant => $en,)+
                }
            }

            /// What screens show in `lang`.
            #[must_use]
            pub const fn label(self, lang: crate::lang::Lang) -> &'static str {
                match lang {
                    crate::lang::Lang::Zh => self.label_zh(),
                    crate::lang::Lang::En => self.label_en(),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(test)]
        impl $name {
            /// Asserts that stored word and serde form agree for every value.
            pub(crate) fn check_words() {
                for value in Self::ALL {
                    assert_eq!(Self::parse(value.as_str()), Some(*value));
                    assert_eq!(serde_json::to_value(value).unwrap(), value.as_str());
                    assert!(!value.label_zh().is_empty() && !value.label_en().is_empty());
                }
                assert_eq!(Self::parse("no such word"), None);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn stored_words_are_the_serde_form() {
        crate::dial::batch::BatchEvent::check_words();
        crate::dial::batch::BatchState::check_words();
        crate::dial::outcome::CallOutcome::check_words();
        crate::dial::plan::NoticeKind::check_words();
        crate::dial::plan::SuppressReason::check_words();
        crate::parcel::CallMark::check_words();
        crate::parcel::ConsentSource::check_words();
        crate::parcel::DeedKind::check_words();
        crate::parcel::DeedRefusal::check_words();
        crate::parcel::ExceptionReason::check_words();
        crate::parcel::Payer::check_words();
        crate::parcel::ProofLevel::check_words();
        crate::parcel::SignedBy::check_words();
        crate::parcel::StopRuleKind::check_words();
        crate::parcel::ParcelState::check_words();
        crate::parcel::TaskKind::check_words();
    }
}
