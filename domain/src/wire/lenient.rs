//! Reading what a later version may have written otherwise, where one part that does not read must not cost the whole.

use serde::de::{Deserialize, Deserializer, IgnoredAny};

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Read<T> {
    Known(T),
    Other(IgnoredAny),
}

impl<T> Read<T> {
    fn known(self) -> Option<T> {
        match self {
            Read::Known(value) => Some(value),
            Read::Other(_) => None,
        }
    }
}

/// A value; `None` where it is absent or does not read.
pub(super) fn one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Read<T>>::deserialize(from)?.and_then(Read::known))
}

/// Those values of a list that read.
pub(super) fn each<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Read<T>>::deserialize(from)?.into_iter().filter_map(Read::known).collect())
}

#[cfg(test)]
mod tests {
    use crate::parcel::DeedRefusal;

    #[derive(serde::Deserialize)]
    struct Page {
        #[serde(default, deserialize_with = "super::one")]
        door: Option<u8>,
        #[serde(default, deserialize_with = "super::each")]
        rules: Vec<u8>,
    }

    fn page(text: &str) -> (Option<u8>, Vec<u8>) {
        let page: Page = serde_json::from_str(text).unwrap();
        (page.door, page.rules)
    }

    #[test]
    fn what_does_not_read_is_left_out_alone() {
        assert_eq!(page(r#"{"door":7,"rules":[1,2]}"#), (Some(7), vec![1, 2]));
        assert_eq!(page(r#"{"door":{"of":"tomorrow"},"rules":[1,{"kind":"new"},3]}"#), (None, vec![1, 3]));
        assert_eq!(page(r#"{"door":null}"#), (None, vec![]));
        assert_eq!(page("{}"), (None, vec![]));
        assert_eq!(serde_json::from_str::<DeedRefusal>("\"too_heavy\"").unwrap(), DeedRefusal::Other);
        assert_eq!(serde_json::from_str::<DeedRefusal>("\"no_photo\"").unwrap(), DeedRefusal::NoPhoto);
    }
}
