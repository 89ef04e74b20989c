//! Words of the domain as values of arguments, in both languages.

use clap::builder::{PossibleValue, PossibleValuesParser};
use waybell_domain::building::PlaceSource;
use waybell_domain::order::{OrderNode, Satisfaction};
use waybell_domain::parcel::{ConsentSource, ExceptionReason, Payer, SignedBy};
use waybell_domain::track::coordinates::Datum;

/// A table of words of the domain, which an argument takes in either language.
pub(crate) trait Words: Copy + 'static {
    fn all() -> Vec<(&'static str, &'static str)>;
}

macro_rules! words {
    ($($kind:ty),+) => {$(
        impl Words for $kind {
            fn all() -> Vec<(&'static str, &'static str)> {
                <$kind>::ALL.iter().map(|w| (w.as_str(), w.label_zh())).collect()
            }
        }
    )+};
}

words!(PlaceSource, SignedBy, ConsentSource, ExceptionReason, Payer, Datum, OrderNode, Satisfaction);

pub(crate) fn words<W: Words>() -> PossibleValuesParser {
    PossibleValuesParser::new(W::all().into_iter().map(|(word, zh)| PossibleValue::new(word).alias(zh)))
}
